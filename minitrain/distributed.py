"""Several processes train as one: each takes its share of every batch, and gradients are summed before they are divided.

`torchrun --nproc_per_node=2 …` starts the processes and tells each its rank; without it `workers()` is None, and there is one.
Left out: sharded weights and pipelines (`scale/`), groups that shrink and grow, and sums that hide behind the backward pass.
"""
import os

import torch
from torch import distributed as dist


def workers():
    """This process among its fellows, or None where `torchrun` started none. The group is made at the first call.

    gloo carries what is on a CPU, NCCL what is on GPUs, one GPU a process.

    >>> workers() is None
    True
    """
    if int(os.environ.get("WORLD_SIZE", 1)) == 1:
        return None
    gpu = torch.cuda.is_available() and not os.environ.get("MINITRAIN_DEVICE", "cuda").startswith("cpu")
    if gpu:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    if not dist.is_initialized():
        dist.init_process_group("cpu:gloo,cuda:nccl" if gpu else "gloo")
    return Workers(torch.device("cuda", torch.cuda.current_device()) if gpu else torch.device("cpu"))


class Workers:
    """All processes of the group, as seen from one of them; a Trainer's `sync`.

    rank: which process this is, from 0.  size: how many there are.  device: where this one computes.

        fellows = workers()
        trainer = Trainer(model, loss, optimizer, sync=fellows)         # models start equal: from the same seed
        trainer.fit(Share(source, fellows), steps=100, each=fellows.join)
    """

    def __init__(self, device="cpu"):
        self.rank, self.size, self.device = dist.get_rank(), dist.get_world_size(), torch.device(device)

    def __call__(self, params, n):
        """Every gradient becomes the sum over the workers, a missing one counting as zero; gives the sum of their n.

        All gradients of a dtype travel as one flat tensor: what a message costs to start is paid once.
        """
        for dtype in dict.fromkeys(p.dtype for p in params):
            same = [p for p in params if p.dtype == dtype]
            flat = torch.cat([(torch.zeros_like(p) if p.grad is None else p.grad).reshape(-1) for p in same])
            dist.all_reduce(flat)
            for p, total in zip(same, flat.split([p.numel() for p in same])):
                p.grad = total.view_as(p)
        return self.sum([n])[0]

    def sum(self, numbers):
        """The sums over the workers of a few numbers or 0-d tensors, (len,) float64 on this worker's device."""
        total = torch.stack([torch.as_tensor(x, dtype=torch.float64, device=self.device) for x in numbers])
        dist.all_reduce(total)
        return total

    def agree(self, stop):
        """Whether any worker says so, heard by all. The Trainer asks after every update: one that went on alone would wait
        for the others' gradients for ever."""
        votes = torch.tensor(int(stop))                         # on the CPU: asking a GPU would wait for its work
        dist.all_reduce(votes, dist.ReduceOp.MAX)
        return bool(votes)

    def join(self, trainer, logs):
        """Make the logs of an update those of the whole batch: n the sum, the others their means. An `each`; it runs first."""
        means = [name for name in logs if name not in ("t", "n")]
        total = self.sum([logs["n"], *(logs[name] * logs["n"] for name in means)])
        logs.update({"n": total[0], **{name: x / total[0] for name, x in zip(means, total[1:])}})

    def first_says(self, thing):
        """What rank 0 gives, for all: a plan that was measured, say. It travels as a pickle."""
        found = [thing]
        dist.broadcast_object_list(found, device=torch.device("cpu"))
        return found[0]


def leave():
    """End the group, where there is one. A process that exits while gloo's threads still live is aborted now and then."""
    if dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()


class Share:
    """One worker's share of a source: of every batch, neighbouring rows. Together the shares are the batch, and n workers give
    the losses that one process gives; where rows do not divide evenly, shares differ by one.

    source: has `at(i)`, batches are tuples of tensors with one row an example.  workers: has rank and size.

    >>> from types import SimpleNamespace
    >>> from minitrain import sources
    >>> source = sources.batches(torch.arange(7), torch.arange(7), size=7)
    >>> [len(Share(source, SimpleNamespace(rank=rank, size=2)).at(0)[0]) for rank in range(2)]
    [3, 4]
    """

    def __init__(self, source, workers):
        if not hasattr(source, "at"):
            raise TypeError(f"{type(source).__name__} can not be shared out: it needs at(i), so that all workers ask for "
                            "the same batch.")
        self.source, self.rank, self.size = source, workers.rank, workers.size

    def at(self, i):
        batch = self.source.at(i)
        B = len(batch[0])
        if self.size > B:
            raise ValueError(f"Batch {i} has {B} rows for {self.size} workers, and each needs one. Take larger batches, or fewer "
                             "workers.")
        return tuple(x[B * self.rank // self.size:B * (self.rank + 1) // self.size] for x in batch)
