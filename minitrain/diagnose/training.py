"""Short trainings: dead units, the learning rate, the loss at the start, one batch by heart, layers that get no gradient.

It refuses to know what the run is for: a run is compared with itself, at other rates or on fewer examples. Its weights must
be finite, or nothing can be trained.
"""
import math

import torch
from torch.overrides import TorchFunctionMode

from minitrain.diagnose.finding import CONTRASTED, MEASURED, SYMPTOM, Finding
from minitrain.diagnose.run import UPDATES
from minitrain.trainer import gradients


def dead_relus(run):
    """A layer half of whose relu units answer 0 to every one of 256 examples can learn little.

    Lu et al., 2020, arXiv:1903.06733.
    """
    trainer = run.copied()
    trainer.model.eval()
    with torch.no_grad(), _Relus() as relus:
        trainer.loss(trainer.model, (run.x[:256], run.y[:256]) if run.x is not None else run.batches[0])
    for i, alive in enumerate(relus.alive):
        dead = int((~alive).sum())
        if dead >= 0.5 * len(alive) and len(alive) > 1:
            yield Finding("dead relus",
                          f"In relu layer {i + 1} of {len(relus.alive)}, {dead} of {len(alive)} units answer 0 to every "
                          "example, and get no gradient: look at how their weights and biases start (mean 0, variance "
                          "2/fan_in, biases 0), at the scale of the inputs, and at the learning rate, then begin from a fresh "
                          "model.", MEASURED)
            return


class _Relus(TorchFunctionMode):
    """Whatever calls a relu, module or function, is seen here; `alive` says which units answered anything but 0."""
    KNOWN = (torch.relu, torch.relu_, torch.Tensor.relu, torch.Tensor.relu_, torch.nn.functional.relu)

    def __init__(self):
        super().__init__()
        self.alive = []

    def __torch_function__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        if function in self.KNOWN and out.ndim > 1:
            units = 1 if out.ndim == 4 else -1                  # channels of pictures
            self.alive.append((out.detach() > 0).movedim(units, 0).flatten(1).any(1))
        return out


def rate(run):
    """30 updates, then as many at other rates, from the same start, at the highest rate of the schedule's next 1,000 updates.

    Too high: the loss ends less than 15 % below its start (or ln K), and at a tenth, a hundredth or a thousandth of the rate
    15 % lower than that. Too low: it falls by less than 5 %, at ten times the rate by less than 10 %, and at a hundred times,
    or some power of ten above, by a fifth. (The sentence says by how much of their size an update changes the weights; 1/1000
    is Karpathy's rule of thumb, no test here.)
    """
    before, after, moved = run.as_given
    if not math.isfinite(before) or before <= 0:
        return
    percent = f"an update changes the weights by {_percent(moved)} of their size; 0.1 to 2 % is usual"
    went = f"In {UPDATES} updates the loss went from {before:.3g} to {after:.3g}, and at"
    blank = math.log(run.classes) if run.kind in ("classes", "yes or no") else before       # what knowing nothing costs
    if after > 0.85 * min(before, blank):
        for factor in (0.1, 0.01, 0.001):
            _, other, _ = run.short(factor, run.cut())
            if other < 0.85 * min(before, after):
                yield Finding("learning rate too high",
                              f"{went} {factor:g} times the rate to {other:.3g} ({percent}): divide the rate by "
                              f"{1 / factor:.0f}.", CONTRASTED)
                return
    if after > 0.95 * before and run.short(10, run.cut())[1] > 0.9 * before:
        for factor in (100, 1000, 10_000, 100_000):
            _, other, _ = run.short(factor, run.cut())
            if other < 0.8 * before:
                yield Finding("learning rate too low",
                              f"{went} {factor} times the rate to {other:.3g} ({percent}): multiply the rate by 10, and again "
                              "until it learns.", CONTRASTED)
                return


def _percent(share):
    return f"{max(0.0, 100 * share):.2g} %" if math.isfinite(share) else "inf %"


def start(run):
    """At update 0, K classes must cost about ln K; ten times that and more is a start that is sure and wrong."""
    if run.trainer.t > 0 or run.kind not in ("classes", "yes or no"):
        return
    blank, found = math.log(run.classes), run.as_given[0]
    if found > 10 * blank:
        yield Finding("loss at the start too high",
                      f"Before any training the loss is {found:.3g}; knowing nothing costs ln {run.classes} = "
                      f"{blank:.2f}: the model starts sure and wrong, so draw its last weights smaller, or scale the "
                      "inputs to about 1.", SYMPTOM)


def one_batch(run):
    """Where the short run did not help, 32 examples at least must be learnt by heart.

    By 10 % in 60 updates, at this rate, a tenth or ten times of it.
    """
    if run.as_given[1] <= 0.8 * run.as_given[0]:    # who learns from many batches can learn one
        return
    batch, tried = run.cut()[:run.trainer.accumulate], []
    for factor in (1, 0.1, 10):
        before, after, _ = run.short(factor, batch, 60)
        if after <= 0.9 * before or before <= 0.01:
            return
        tried.append(after)
    yield Finding("one batch can not be learnt",
                  f"60 updates on one batch took its loss from {before:.3g} to {min(tried):.3g} at best, at this rate, a tenth "
                  "and ten times of it: a model that can not learn a few examples by heart has a fault between input and "
                  "update, so look there first.", SYMPTOM)


def layers(run):
    """A layer with a gradient a millionth of the largest, both relative to their weights, does not learn."""
    trainer = run.copied()
    _, grads = gradients(trainer.model, trainer.loss, run.cut()[0])
    named = dict(trainer.model.named_parameters())
    sizes = {name: float(g.norm() / named[name].detach().norm().clamp(min=1e-12)) for name, g in grads.items()
             if g is not None and g.ndim > 1 and bool(named[name].any())}
    if len(sizes) > 1 and max(sizes.values()) > 0 and min(sizes.values()) < 1e-6 * max(sizes.values()):
        least = min(sizes, key=sizes.get)
        yield Finding("a layer gets next to no gradient",
                      f"Relative to its weights, {least} gets a gradient of {sizes[least]:.1g} and another layer one of "
                      f"{max(sizes.values()):.1g}: it will not learn, so look at the start, at dead or saturated units, and at "
                      "the depth.", SYMPTOM)
