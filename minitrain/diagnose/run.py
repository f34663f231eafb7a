"""What the tests share: the run under test, copies of it to play with, and everything left as it was found.

It refuses to know what is tested for.
"""
import copy
import functools
import inspect
import math
import random
import types
from contextlib import contextmanager
from itertools import islice

import numpy as np
import torch

EXAMPLES, UPDATES = 1024, 30            # looked at in the data; of a short run, long enough for a trend


class Run:
    """A run under test: what it was made of, batches that were read, and what was measured once for several tests.

    groups: of batches in a row, spread over an epoch; `batches` are the same without the groups.  x, y: their examples, or
    None where batches are no pairs.  outputs: what the model says of the first 64, or None.  kind: of these outputs:
    "classes" (logits, and whole numbers in y), "yes or no" (a number, and 0 or 1 in y), "numbers", or None.
    not_finite: names of the parameters that hold nan or inf; no training can start from them.
    """

    def __init__(self, trainer, source, held_out, evaluate):
        self.trainer, self.held_out, self.evaluate = trainer, held_out, evaluate
        self.groups = _read(source, trainer.t * trainer.accumulate)
        self.batches = [batch for group in self.groups for batch in group]
        self.x = self.y = self.outputs = None
        if all(map(is_pair, self.batches)):
            self.x, self.y = (torch.cat(parts)[:2 * EXAMPLES] for parts in zip(*self.batches))
            try:
                with torch.no_grad():
                    self.outputs = copy.deepcopy(trainer.model).eval()(self.x[:64])
            except Exception:                   # a model that is not called with x: the loss knows how
                pass
        self.kind = _kind(self.outputs, None if self.y is None else self.y[:64])
        self.not_finite = [name for name, p in trainer.model.named_parameters() if not bool(p.isfinite().all())]

    @property
    def classes(self):
        return self.outputs.shape[-1] if self.kind == "classes" else 2

    def copied(self, *, at_peak=False):
        """The trainer as it stands, with a history of its own, and no gradients.

        at_peak: at the highest rate that the schedule has for the next 1,000 updates; of a warm-up, the start tells little.
        """
        torch.manual_seed(0)
        made = copy.deepcopy(self.trainer, {id(self.trainer._history): []})
        made._read = 0
        if at_peak:
            peak = max(made.schedule(t) for t in range(made.t, made.t + 1000, 10))
            made.schedule = lambda t: peak
        return made

    def cut(self):
        """The batches, to 32 examples at most."""
        return [(x[:32], y[:32]) for x, y in self.batches] if self.x is not None else self.batches

    def short(self, factor, batches, updates=UPDATES):
        """(loss before, loss after, median update relative to the weights) of a short run at `factor` times the rate."""
        trainer, n = self.copied(at_peak=True), self.trainer.accumulate
        for group in trainer.optimizer.groups:
            group.rate *= factor
        before, was, moved = _cost(trainer, batches), weights(trainer), []
        for i in range(updates):
            try:
                trainer.step([batches[(i * n + j) % len(batches)] for j in range(n)])
            except (ArithmeticError, ValueError):
                return before, math.inf, math.inf
            now = weights(trainer)
            moved.append(change(was, now))
            was = now
        return before, _cost(trainer, batches), float(np.median(moved))

    @functools.cached_property
    def as_given(self):
        """The short run at the run's own rate."""
        return self.short(1, self.cut())


def _cost(trainer, batches):
    """The mean loss over some batches, nan and inf as inf."""
    trainer.model.eval()
    with torch.no_grad():
        found = float(np.mean([float(trainer.loss(trainer.model, batch).mean) for batch in batches[:4]]))
    trainer.model.train()
    return found if math.isfinite(found) else math.inf


# Parameters, batches, words

def params(trainer):
    return [p for group in trainer.optimizer.groups for p in group.params]


def weights(trainer):
    """What an update changes, copied."""
    return [p.detach().clone() for p in params(trainer)]


def distance(a, b):
    """Between two lists of tensors, as if each were one vector."""
    return _length([one - other for one, other in zip(a, b)])


def change(before, after):
    """The length of an update, relative to the weights."""
    return distance(after, before) / max(_length(before), 1e-12)


def _length(tensors):
    return math.sqrt(sum(float((t.double() ** 2).sum()) for t in tensors))


def signed(step, K):
    """A shift of class labels in words: of 10 classes, 9 up is one down."""
    return f"+ {step}" if step <= K // 2 else f"- {K - step}"


def is_pair(batch):
    return isinstance(batch, tuple | list) and len(batch) == 2 and all(isinstance(b, torch.Tensor) and b.ndim for b in batch)


def _kind(outputs, y):
    if not isinstance(outputs, torch.Tensor) or y is None:
        return None
    if y.dtype == torch.int64 and outputs.shape[:-1] == y.shape and outputs.ndim > 1 and outputs.shape[-1] > 1:
        return "classes"
    if outputs.shape in (y.shape, (*y.shape, 1)):
        return "yes or no" if bool(((y == 0) | (y == 1)).all()) else "numbers" if y.is_floating_point() else None
    return None


def _read(source, first):
    """Groups of batches, each of at least 16 examples in a row, spread over one epoch: about EXAMPLES examples together."""
    source = copy.deepcopy(source)
    if not hasattr(source, "at"):
        batches = list(islice(iter(source), 64))
        if not batches:
            raise ValueError(f"diagnose: the source gave no batch; {type(source).__name__} is empty.")
        return [[batch] for batch in batches[:max(4, EXAMPLES // _size(batches[0]))]]
    epoch, size = len(source) if hasattr(source, "__len__") else 200, _size(source.at(first))
    row = -(-16 // size)
    n = max(1, min(epoch // row, max(4, EXAMPLES // (size * row))))
    return [[source.at(first + k * epoch // n + j) for j in range(row)] for k in range(n)]


def _size(batch):
    return max(1, len(batch[1])) if is_pair(batch) else 32


# Left as found

@contextmanager
def left_as_found(trainer, *others):
    """Gradients, and all generators that can be reached from the run, as they were; copies take care of the rest."""
    grads = [(p, p.grad) for p in trainer.model.parameters()]
    states = [(put, get()) for get, put in [(random.getstate, random.setstate), (np.random.get_state, np.random.set_state),
              *map(_access, _generators([trainer.loss, trainer.schedule, trainer.sync, trainer.model, *others]))]]
    try:
        for p, _ in grads:
            p.grad = None                                       # a loss that reads this model and not the copy writes here
        with torch.random.fork_rng():
            yield
    finally:
        for p, grad in grads:
            p.grad = grad
        for put, state in states:
            put(state)


def _access(g):
    """How a generator's state is read, and how it is set."""
    match g:
        case torch.Generator():
            return g.get_state, g.set_state
        case np.random.Generator():
            return lambda: g.bit_generator.state, lambda state: setattr(g.bit_generator, "state", state)
        case random.Random():
            return g.getstate, g.setstate


def _generators(roots):
    """Generators that functions hold in closures and globals, or objects in attributes: copies of a function share them."""
    seen, stack, others = {}, list(roots), torch.Tensor | np.ndarray | types.ModuleType | type | str | bytes | int | float
    while stack:
        thing = stack.pop()
        if id(thing) in seen or isinstance(thing, others):
            continue
        seen[id(thing)] = thing
        if isinstance(thing, torch.Generator | np.random.Generator | random.Random):
            yield thing
        elif isinstance(thing, types.FunctionType):
            found = inspect.getclosurevars(thing)
            stack += [*found.nonlocals.values(), *found.globals.values(), *(thing.__defaults__ or ())]
        elif isinstance(thing, types.MethodType):
            stack += [thing.__self__, thing.__func__]
        elif isinstance(thing, functools.partial):
            stack += [thing.func, *thing.args, *thing.keywords.values()]
        elif isinstance(thing, dict):
            stack += thing.values()
        elif isinstance(thing, list | tuple | set):
            stack += thing
        elif hasattr(thing, "__dict__"):
            stack += vars(thing).values()
