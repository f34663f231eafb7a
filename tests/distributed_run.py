"""What two real processes do for tests/test_distributed.py; `torchrun` starts it twice. Each writes what it found as JSON.

The same functions make the one process that they are compared with.
"""
import json
import os
import resource
import signal
import sys

import torch

from minitrain import Loss, Trainer, distributed, losses, optim, sources

ROWS, STEPS = 7, 6                                          # 7 rows for two workers: 3 and 4


def uneven(sync=None):
    """A trainer of next-token losses whose rows have different numbers of targets, its source, and its `each`."""
    lots = torch.Generator().manual_seed(0)
    x, y = torch.randint(11, (40, 5), generator=lots), torch.randint(11, (40, 5), generator=lots)
    y[torch.rand(40, 5, generator=lots) < torch.linspace(0, 0.9, 40)[:, None]] = -100
    y[:, 0] = x[:, 0]                                       # no share is without any target
    layers = torch.nn.Embedding(11, 8), torch.nn.Linear(8, 8), torch.nn.Tanh(), torch.nn.Linear(8, 11)
    model = torch.nn.Sequential(*layers).double()
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.randn(p.shape, generator=lots) / 3)
    source = sources.batches(x, y, size=ROWS, seed=1)
    trainer = Trainer(model, losses.next_token, optim.Muon(model.parameters(), adam=[model[0].weight], clip=0.1), accumulate=2,
                      sync=sync)
    return trainer, source


def found(trainer):
    return {"losses": [logs["loss"] for logs in trainer.history], "n": [logs["n"] for logs in trainer.history],
            "weights": torch.cat([p.detach().reshape(-1) for p in trainer.model.parameters()]).tolist()}


class Toward:
    """A source with as many rows as asked, for runs in which only the stopping matters."""
    def at(self, i):
        return (torch.ones(2),)


def stopping(workers, each):
    """t after a fit of 50 updates that somebody stops, and whether this process was told so by KeyboardInterrupt."""
    p = torch.nn.Parameter(torch.zeros(()))

    def loss(_, batch):
        return Loss(((p - batch[0]) ** 2).mean(), len(batch[0]))
    trainer = Trainer(None, loss, optim.SGD([p], rate=0.01), sync=workers)
    try:
        trainer.fit(distributed.Share(Toward(), workers), steps=50, each=each)
    except KeyboardInterrupt:
        return [trainer.t, True]
    return [trainer.t, False]


def main(folder):
    workers = distributed.workers()
    torch.set_num_threads(1)
    trainer, source = uneven(workers)
    trainer.fit(distributed.Share(source, workers), steps=STEPS, each=workers.join)
    out = {"rank": workers.rank, "size": workers.size, **found(trainer)}

    a, b = torch.nn.Parameter(torch.ones(2)), torch.nn.Parameter(torch.ones(3, dtype=torch.float64))
    if workers.rank == 1:
        a.grad, b.grad = torch.full((2,), 2.0), torch.full((3,), 5.0, dtype=torch.float64)
    n = workers([a, b], 3 + workers.rank)
    out["missing"] = [a.grad.tolist(), b.grad.tolist(), float(n)]
    out["said"] = workers.first_says({"plan": workers.rank})
    out["stop"] = stopping(workers, lambda trainer, logs: "stop" if workers.rank == 1 and trainer.t == 4 else None)
    out["ctrl_c"] = stopping(workers, lambda trainer, logs: os.kill(os.getpid(), signal.SIGINT)
                             if workers.rank == 1 and trainer.t == 3 else None)
    out["kb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with open(f"{folder}/{workers.rank}.json", "w") as file:
        json.dump(out, file)
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main(sys.argv[1])
