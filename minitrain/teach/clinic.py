"""The clinic of lesson 08: a small healthy run, put together from parts, ten parts that make it sick, and ten tests.

Each fault is real code of a kind that people write, at most 15 lines. `build()` is the healthy run; `build(**FAULTS[name])`
differs from it in one part, and giving that part back is the repair. `minitrain.diagnose` knows nothing of this file. Each test
is a few lines too: what a person would measure first. `diagnose` measures more carefully.
"""
import math
from dataclasses import dataclass

import torch
from torch import nn

from minitrain import Trainer, callbacks, losses, optim, sources
from minitrain.models.mlp import MLP
from minitrain.trainer import gradients


@dataclass
class Run:
    """What `diagnose` takes, in its order."""
    trainer: Trainer
    source: object
    held_out: tuple
    evaluate: object

    def __iter__(self):
        return iter((self.trainer, self.source, self.held_out, self.evaluate))

    def fit(self, updates, every=20):
        """Train, with the length of each gradient in the logs and an evaluation every so many updates.

        Returns the history, up to the first loss that is not finite: there the run has broken.
        """
        def each(trainer, logs):
            logs["gradient"] = length(p.grad for p in trainer.model.parameters() if p.grad is not None)
            if trainer.t % every == 0:
                found = self.evaluate(trainer.model, trainer.loss, *self.held_out)
                logs.update({f"held_out_{name}": value for name, value in found.items()})
        try:
            self.trainer.fit(self.source, updates, each=each)
        except FloatingPointError:
            broken = next(i for i, logs in enumerate(self.trainer.history) if not math.isfinite(logs["loss"]))
            return self.trainer.history[:broken + 1]
        return self.trainer.history

    def answers(self, x):
        """The digits that the model sees in x, in evaluation mode."""
        self.trainer.model.eval()
        with torch.no_grad():
            found = self.trainer.model(x).argmax(1)
        self.trainer.model.train()
        return found


def length(tensors):
    """The joint length (L2 norm) of many tensors, a number."""
    return math.sqrt(sum(float((t.detach() ** 2).sum()) for t in tensors))


def network(seed=0):
    """64 pixels, two hidden layers with half of the first dropped out while training, 10 answers."""
    return nn.Sequential(MLP(64, 128, seed=seed), nn.ReLU(), nn.Dropout(0.5), MLP(128, 64, 10, seed=seed + 1))


def build(*, data=None, model=network, start=None, loss=losses.cross_entropy, optimizer=optim.Momentum, rate=0.05,
          split=sources.split, batches=sources.batches, evaluate=callbacks.evaluate, trainer=Trainer, seed=0):
    """A run from its parts; without any, a healthy one on real digits. Dropout draws from torch's own generator, seeded here.

    data: (x, y).  model: seed -> model.  start: model -> None, sets its first weights.  optimizer: (parameters, rate) ->
    optimizer.

    >>> trainer, source, held_out, evaluate = build()
    >>> trainer.fit(source, steps=200)
    >>> evaluate(trainer.model, trainer.loss, *held_out)["accuracy"] > 0.9
    True
    """
    torch.manual_seed(seed)
    (x, y), held_out = split(*(sources.digits() if data is None else data), seed=seed)
    made = model(seed)
    if start is not None:
        start(made)
    return Run(trainer(made, loss, optimizer(made.parameters(), rate)), batches(x, y, seed=seed), held_out, evaluate)


# --- ten faults -----------------------------------------------------------------------------------------------------------

class NeverZeroed(Trainer):
    """A step written by hand."""

    def step(self, microbatches):
        loss = self.loss(self.model, microbatches[0])
        loss.mean.backward()
        self.optimizer.step(scale=self.schedule(self.t))
        self._history.append({"t": self.t, "n": loss.n, "loss": loss.mean.detach(), **loss.logs})
        self.t += 1
        return self._history[-1]


class OffByOne:
    """Labels from a file that, somebody thought, counts from 0."""

    def __init__(self, x, y, *, seed=0):
        self.source, self.classes = sources.batches(x, y, seed=seed), int(y.max()) + 1

    def at(self, i):
        x, y = self.source.at(i)
        return x, (y + 1) % self.classes


class ShuffledApart:
    """Each epoch in a new order."""

    def __init__(self, x, y, *, size=64, seed=0):
        self.x, self.y, self.size, self.lots = x, y, size, torch.Generator().manual_seed(seed)

    def order(self):
        return torch.randperm(len(self.x), generator=self.lots).split(self.size)

    def __iter__(self):
        return ((self.x[rows], self.y[others]) for rows, others in zip(self.order(), self.order()))


def softmax_twice(model, batch):
    """Cross-entropy of the model's probabilities."""
    return losses.cross_entropy(lambda x: model(x).softmax(1), batch)


def leaky_split(x, y, *, seed=0):
    """A fifth held out, and everything to train on."""
    _, held_out = sources.split(x, y, seed=seed)
    return (x, y), held_out


def below_zero(model):
    """Uniform in -bound … bound, from `rand`, which is in 0 … 1."""
    lots = torch.Generator().manual_seed(0)
    for p in model.parameters():
        if p.ndim > 1:
            bound = (3 / p[0].numel()) ** 0.5
            p.data = bound * 2 * (torch.rand(p.shape, generator=lots) - 1)


def bad_log(model, batch):
    """Every class a yes or no of its own: the surprise at each, straight from the formula."""
    out = losses.cross_entropy(model, batch)
    p = torch.sigmoid(model(batch[0]))                                      # (B, K)
    yes = nn.functional.one_hot(batch[1], p.shape[1])                       # (B, K)
    out.mean = -(yes * p.log() + (1 - yes) * (1 - p).log()).sum(1).mean()
    return out


class InOrder:
    """The file from top to bottom, as it was sorted."""

    def __init__(self, x, y, *, size=64, seed=0):
        order = y.argsort(stable=True)
        self.x, self.y, self.size = x[order], y[order], size

    def __iter__(self):
        return zip(self.x.split(self.size), self.y.split(self.size))


def without_eval(model, loss, x, y):
    """The loss, and what it logs, on held-out data."""
    with torch.no_grad():
        out = loss(model, (x, y))
    return {"loss": float(out.mean), **{name: float(value) for name, value in out.logs.items()}}


FAULTS = {
    "gradients never zeroed": dict(trainer=NeverZeroed),
    "labels off by one": dict(batches=OffByOne),
    "labels shuffled against inputs": dict(batches=ShuffledApart),
    "softmax applied twice": dict(loss=softmax_twice),
    "test leak": dict(split=leaky_split),
    "learning rate": dict(rate=5.0),
    "dead relus": dict(start=below_zero),
    "nan from a bad log": dict(loss=bad_log),
    "unshuffled data": dict(batches=InOrder),
    "evaluation mode forgotten": dict(evaluate=without_eval),
}
WARD = dict(zip("ABCDEFGHIJ", ("dead relus", "unshuffled data", "test leak", "nan from a bad log", "labels off by one",
                               "learning rate", "evaluation mode forgotten", "labels shuffled against inputs",
                               "gradients never zeroed", "softmax applied twice")))      # behind which letter which fault lies


# --- ten tests: a run that was not trained yet -> (what was measured, in words; whether that is alarming) ---------------------

def start(run):
    """The loss before any update; ten classes should cost ln 10 = 2.30, ten answers of yes or no 10 ln 2 = 6.93."""
    found = run.trainer.loss(run.trainer.model, first(run)).mean.item()
    return f"{found:.2f}", not found < 10 * math.log(10)


def sure(run):
    """The loss of a model that is sure and right, and of one that is sure and wrong; about 0, and much."""
    x, y = first(run)
    logits = 30.0 * (2 * nn.functional.one_hot(y, 10) - 1)
    right, wrong = (run.trainer.loss(lambda _, turn=turn: logits.roll(turn, 1), (x, y)).mean.item() for turn in (0, 1))
    return f"right {right:.2f}, wrong {wrong:.2f}", not (right < 0.1 and wrong > 5)


def one_batch(run):
    """The loss of one batch of 32 after 60 updates on nothing else; it should be learnt by heart."""
    x, y = first(run)
    batch = x[:32], y[:32]
    for _ in range(60):
        run.trainer.step([batch])
    found = callbacks.evaluate(run.trainer.model, run.trainer.loss, *batch)["loss"]
    return f"{found:.2f}", not found < 0.5


def kinds(run):
    """How many kinds of digits a batch of 64 holds."""
    found = len(first(run)[1].unique())
    return f"{found} of 10", found < 6


def neighbour(run):
    """How many held-out digits have the label of the most similar training digit."""
    x, y = everything(run)
    found = float((y[torch.cdist(run.held_out[0], x).argmin(1)] == run.held_out[1]).float().mean())
    return f"{found:.0%}", found < 0.5


def copies(run):
    """How many held-out digits stand, pixel for pixel, among the training digits."""
    seen = {row.numpy().tobytes() for row in everything(run)[0]}
    found = sum(row.numpy().tobytes() in seen for row in run.held_out[0]) / len(run.held_out[0])
    return f"{found:.0%}", found > 0.03


def left_over(run):
    """How far the gradient of a second update is from that of its batch alone."""
    batch, trainer = first(run), run.trainer
    trainer.step([batch])
    torch.manual_seed(0)
    _, alone = gradients(trainer.model, trainer.loss, batch)
    torch.manual_seed(0)                                        # dropout draws the same again
    trainer.step([batch])
    off = length(p.grad - alone[name] for name, p in trainer.model.named_parameters()) / length(alone.values())
    return f"{off:.0%}", not off < 0.01


def silent(run):
    """How many units of the first hidden layer answer 0 to every digit of a batch."""
    dead = ~(run.trainer.model[0](first(run)[0]) > 0).any(0)
    return f"{int(dead.sum())} of {len(dead)}", bool(dead.float().mean() > 0.5)


def stride(run):
    """The size of ten updates, relative to the weights; for one, 0.1 to 2 % is usual."""
    before = [p.detach().clone() for p in run.trainer.model.parameters()]
    run.trainer.fit(run.source, 10)
    moved = length(a - b for a, b in zip(run.trainer.model.parameters(), before)) / length(before)
    return f"{moved:.0%}" if moved < 10 else "over 1,000%", not moved < 0.5


def again(run):
    """The held-out loss, evaluated twice."""
    one, two = (run.evaluate(run.trainer.model, run.trainer.loss, *run.held_out)["loss"] for _ in range(2))
    return f"{one:.4f} and {two:.4f}", one != two


def first(run):
    return run.source.at(0) if hasattr(run.source, "at") else next(iter(run.source))


def everything(run):
    """One epoch of the source, (x, y)."""
    batches = [run.source.at(i) for i in range(30)] if hasattr(run.source, "at") else list(run.source)
    return tuple(torch.cat(part) for part in zip(*batches))


TESTS = {"loss at the start": start, "a sure answer": sure, "kinds in a batch": kinds, "a neighbour's label": neighbour,
         "copies of held-out digits": copies, "left-over gradients": left_over, "silent units": silent,
         "size of ten updates": stride, "one batch by heart": one_batch, "evaluate twice": again}


def examine(parts):
    """Every test on a fresh run of these parts: {test: (words, alarm)}."""
    return {name: test(build(**parts)) for name, test in TESTS.items()}
