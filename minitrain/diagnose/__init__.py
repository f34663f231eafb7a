"""The checklist for a training run that goes wrong: probe it from outside, and say what is probably the matter.

It refuses to know how a run was written: it only calls what it is given (the loss on outputs of its own making, the model, a
few updates, the evaluation) and measures what comes out. Everything happens on copies. The order of the tests is that of
Andrej Karpathy, "A Recipe for Training Neural Networks", 2019: look at the data, then the loss at the start, then one batch
that must be learnt by heart, then the rest. Left out: faults of design (a wrong metric, too small a model), regression with
targets off by a constant, and data that only a deep model can tell apart (then the test of neighbours stays silent).

Here is what a reader calls. Each test is a function of a `Run` (`run.py`: what they share) that yields findings (`finding.py`),
and says what it asks and where its thresholds stand:

- `data.py`: numbers that are finite, labels in range; the order of the examples; copies of held-out ones, labels of neighbours.
- `loss.py`: the loss and its gradients on outputs that are put in place; gradients left over; what they reach; evaluation.
- `training.py`: units, learning rate, start, one batch by heart, layers.
"""
from collections.abc import Iterator

import torch

from minitrain.diagnose import data, loss, training
from minitrain.diagnose.finding import Finding
from minitrain.diagnose.run import Run, is_pair, left_as_found, params
from minitrain.trainer import Trainer

__all__ = ["Finding", "diagnose"]

TESTS = (data.numbers, loss.outputs_put_in_place, loss.leftovers, loss.reach, loss.evaluation, data.order, data.neighbours)
TRAININGS = (training.dead_relus, training.rate, training.start, training.one_batch, training.layers)


def diagnose(trainer, source, held_out, evaluate):
    """What is probably wrong with a run, likeliest first; an empty list where nothing was found. Nothing of it is changed.

    source: as for `fit`, but no iterator (reading would use it up).  held_out: (x, y).  evaluate: (model, loss, x, y) -> a
    dict of numbers, as `callbacks.evaluate`.  Best before the first update; later it works too. What is tested comes in the
    order in which a fault spoils all that comes after. Tests that ask for labels need batches (x, y), a model that is called
    with x, and whole numbers or floats in y; the others work for any loss. Models of torch; what the optimizer moves must
    belong to the model.

    >>> from minitrain import losses, optim, sources
    >>> from minitrain.callbacks import evaluate
    >>> from minitrain.models.mlp import MLP
    >>> (x, y), held_out = sources.split(*sources.digits(), seed=0)
    >>> def trainer(rate):
    ...     model = MLP(64, 32, 10, seed=0)
    ...     return Trainer(model, losses.cross_entropy, optim.Momentum(model.parameters(), rate))
    >>> diagnose(trainer(0.05), sources.batches(x, y), held_out, evaluate)
    []
    >>> [finding.cause for finding in diagnose(trainer(20.0), sources.batches(x, y), held_out, evaluate)]
    ['learning rate too high']
    """
    _usable(trainer, source, held_out, evaluate)
    with left_as_found(trainer, source, evaluate):
        run, found = Run(trainer, source, held_out, evaluate), []
        for test in TESTS if run.not_finite else TESTS + TRAININGS:
            found += test(run)
            if any(finding.cause == loss.NO_LOSS for finding in found):
                break
    return sorted(found, key=lambda finding: -finding.likelihood)           # stable: earlier tests first


def _usable(trainer, source, held_out, evaluate):
    if not isinstance(trainer, Trainer):
        raise TypeError(f"diagnose needs a Trainer, and got {type(trainer).__name__}.")
    own = {id(p) for p in trainer.model.parameters()} if isinstance(trainer.model, torch.nn.Module) else None
    if own is None or any(id(p) not in own for p in params(trainer)):
        raise TypeError("diagnose works on copies of a torch model: what the optimizer moves must be parameters of "
                        f"trainer.model, a torch.nn.Module; here the model is {type(trainer.model).__name__}.")
    if isinstance(source, Iterator):
        raise TypeError(f"diagnose got {type(source).__name__} as its source, which reading would use up; give it something "
                        "that has at(i), as sources.batches(x, y), or a list of batches.")
    if not hasattr(source, "at") and not hasattr(source, "__iter__"):
        raise TypeError(f"diagnose: {type(source).__name__} is no source; sources.batches(x, y) makes one from data.")
    if not is_pair(held_out) or len(held_out[0]) != len(held_out[1]) or not len(held_out[0]):
        raise TypeError("diagnose needs held_out=(x, y), two tensors with as many rows, at least one.")
    if not callable(evaluate):
        raise TypeError("diagnose needs evaluate(model, loss, x, y) -> dict, such as callbacks.evaluate; it got "
                        f"{type(evaluate).__name__}.")
