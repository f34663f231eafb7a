"""What happens between two updates: small callables for `Trainer.fit(each=…)`. They may write into the logs of the update,
which go into the trainer's history, and answer "stop"."""
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
