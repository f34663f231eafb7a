"""What happens between two updates: small callables for `Trainer.fit(each=…)`. They may write into the logs of the update,
which go into the trainer's history, and answer "stop". What they must remember is read from that history, so that a resumed
run goes on as the one that was never stopped. Checkpoints on disk are one more `each`: `checkpoint.Checkpoints`."""
import copy
import math

import torch


class Evaluate:
    """Every `every` updates, the loss on held-out data, into the logs as "held_out_loss" (and its logs likewise).

    x, y: held-out data.  loss: `(model, batch) -> Loss`; the trainer's own unless given.

    >>> from minitrain import Trainer, losses, optim, sources
    >>> from minitrain.models.mlp import MLP
    >>> (x, y), held_out = sources.split(*sources.digits(), seed=0)
    >>> model = MLP(64, 32, 10, seed=0)
    >>> trainer = Trainer(model, losses.cross_entropy, optim.AdamW(model.parameters(), rate=3e-3))
    >>> trainer.fit(sources.batches(x, y), steps=200, each=Evaluate(*held_out, every=100))
    >>> [logs["t"] for logs in trainer.history if "held_out_accuracy" in logs]
    [99, 199]
    """

    def __init__(self, x, y, *, every=50, loss=None):
        if every < 1:
            raise ValueError(f"Evaluate: every is {every}; it must be 1 or more updates.")
        self.x, self.y, self.every, self.loss = x, y, every, loss

    def __call__(self, trainer, logs):
        if trainer.t % self.every == 0:
            found = evaluate(trainer.model, self.loss or trainer.loss, self.x, self.y)
            logs.update({f"held_out_{name}": value for name, value in found.items()})


class _Best:
    """Watches a number that another callback (which runs before) puts into the logs now and then."""

    def __init__(self, name="held_out_loss", *, lower_is_better=True, since=0):
        self.name, self.sign, self.since = name, 1 if lower_is_better else -1, since

    def measured(self, trainer):
        """All measurements from update `since` on, as (what to make small, its update); what is not a number is the worst."""
        found = [(self.sign * row[self.name], row["t"] + 1) for row in trainer.history
                 if self.name in row and row["t"] >= self.since]
        return [(math.inf if math.isnan(value) else value, t) for value, t in found]


class EarlyStop(_Best):
    """Stops the fit when logs[name] was not better than its best for `patience` measurements in a row.

    since: earlier updates do not count; a second fit that shall have patience of its own says since=trainer.t.

    >>> from minitrain import Loss, Trainer, optim
    >>> p = torch.nn.Parameter(torch.zeros(()))
    >>> trainer = Trainer(None, lambda model, x: Loss((p - x) ** 2, n=1), optim.SGD([p], rate=0.1))
    >>> measure = lambda trainer, logs: logs.update(held_out_loss=(p.item() - 0.5) ** 2)        # best on the way to 1
    >>> trainer.fit([1.0], steps=100, each=together(measure, EarlyStop(patience=3)))
    >>> trainer.t
    6
    """

    def __init__(self, name="held_out_loss", *, patience=5, lower_is_better=True, since=0):
        if patience < 1:
            raise ValueError(f"EarlyStop: patience is {patience}; it must be 1 or more measurements.")
        super().__init__(name, lower_is_better=lower_is_better, since=since)
        self.patience = patience

    def __call__(self, trainer, logs):
        if self.name in logs:
            measured = self.measured(trainer)
            _, best = min(measured, default=(0, 0))
            if sum(t > best for _, t in measured) >= self.patience:
                return "stop"


class KeepBest(_Best):
    """Keeps, in memory, a copy of the weights that had the best logs[name]; `put_back(trainer)` puts them into the model.

    What a checkpoint needs besides (optimizer, generators) is not kept: go on training from a checkpoint.

    >>> from minitrain import Loss, Trainer, optim
    >>> model = torch.nn.Linear(1, 1, bias=False)
    >>> loss = lambda model, x: Loss(((model.weight - x) ** 2).sum(), n=1)
    >>> trainer, best = Trainer(model, loss, optim.SGD(model.parameters(), rate=0.01)), KeepBest()
    >>> measure = lambda trainer, logs: logs.update(held_out_loss=abs(model.weight.item() - 1.25))
    >>> trainer.fit([2.0], steps=500, each=together(measure, best))
    >>> best.put_back(trainer)
    >>> abs(model.weight.item() - 1.25) < 0.02
    True
    """
    t = weights = None

    def __call__(self, trainer, logs):
        if self.name in logs and min(self.measured(trainer), default=(0, 0))[1] == trainer.t:
            model = trainer.model
            state = model.state_dict() if hasattr(model, "state_dict") else [p.data for p in model.parameters()]
            self.t, self.weights = trainer.t, copy.deepcopy(state)

    def put_back(self, trainer):
        """The model gets the weights that were best; the trainer counts on from where it is."""
        _, best = min(self.measured(trainer), default=(0, None))
        if best is None:
            raise ValueError(f"KeepBest has nothing to put back: {self.name!r} was not measured. Let Evaluate run before it.")
        if best != self.t:
            raise ValueError(f"KeepBest does not have the weights of update {best}, which had the best {self.name}: it did not "
                             f"watch then. Checkpoints(…, best={self.name!r}) keeps them on disk, for resumed runs too.")
        if hasattr(trainer.model, "load_state_dict"):
            trainer.model.load_state_dict(self.weights)
        else:
            for p, data in zip(trainer.model.parameters(), copy.deepcopy(self.weights), strict=True):
                p.data = data


def evaluate(model, loss, x, y, *, size=1024):
    """The loss (and whatever it logs) over all of (x, y), without gradients, in evaluation mode: {"loss": …, "accuracy": …}.

    `size` examples at a time, weighted by their number, so that it fits into memory and any split gives the same.
    """
    if len(x) == 0:
        raise ValueError("evaluate: the held-out data are empty.")
    training = getattr(model, "training", None)
    if training is not None:
        model.eval()
    total, sums = 0, {}
    try:
        with torch.no_grad():
            for i in range(0, len(x), size):
                out = loss(model, (x[i:i + size], y[i:i + size]))
                total = total + out.n
                for name, value in {"loss": out.mean, **out.logs}.items():
                    sums[name] = sums.get(name, 0.0) + value * out.n
    finally:
        if training is not None:
            model.train(training)
    return {name: float(value / total) for name, value in sums.items()}


def together(*callbacks):
    """Several callbacks as one; they run in order, and any of them may stop the fit."""
    def each(trainer, logs):
        answers = [callback(trainer, logs) for callback in callbacks]
        return "stop" if "stop" in answers else None
    return each
