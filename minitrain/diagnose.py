"""The checklist for a training run that goes wrong: probe it from outside, and say what is probably the matter.

It refuses to know how a run was written: it only calls what it is given (the loss on outputs of its own making, the model, a
few updates, the evaluation) and measures what comes out. Everything happens on copies. The order of the tests is that of
Andrej Karpathy, "A Recipe for Training Neural Networks", 2019: look at the data, then the loss at the start, then one batch
that must be learnt by heart, then the rest. Left out: faults of design (a wrong metric, too small a model), regression with
targets off by a constant, and data that only a deep model can tell apart (then the test of the pairs stays silent).
"""
import copy
import functools
import inspect
import math
import random
import types
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from torch.overrides import TorchFunctionMode

from minitrain.trainer import Loss, Trainer, gradients

EXAMPLES, UPDATES = 1024, 30            # looked at in the data; of a short run, long enough for a trend
PROVED, MEASURED, CONTRASTED, SYMPTOM = 0.99, 0.9, 0.7, 0.3


@dataclass(frozen=True)
class Finding:
    """cause: in a few words.  says: one sentence with what was measured, and what to do.

    likelihood, that it is the cause and not a consequence, is a judgement, the same for every finding of a kind: 0.99 where a
    rule was broken that holds exactly, 0.9 where data or units are far from what they should be, 0.7 where another learning
    rate does what this one does not, 0.3 for what many causes have in common.
    """
    cause: str
    says: str
    likelihood: float

    def __str__(self):
        return self.says


def diagnose(trainer, source, held_out, evaluate):
    """What is probably wrong with a run, likeliest first; an empty list where nothing was found. Nothing of it is changed.

    source: as for `fit`, but no iterator (reading would use it up).  held_out: (x, y).  evaluate: (model, loss, x, y) -> a
    dict of numbers, as `callbacks.evaluate`.  Best before the first update; later it works too. What is tested, in the order
    in which a fault spoils all that comes after:

    - numbers: weights, inputs and targets are finite.
    - loss: outputs that are sure and right, or sure and wrong, are put in place of the model's. The loss must stay finite and
      have finite gradients (a log or a root of zero has none). Right must cost nearly nothing, and wrong about as much as the
      outputs differ by: a loss that moves by 1 between them, and not from 0, has taken a softmax of a softmax (probabilities
      differ by 1 at most). What it pushes up must be the label, and to be sure and wrong must not be the cheaper.
    - gradients: two updates, with and without emptying the gradients between them, must end at the same weights. Every
      parameter must get a gradient, and the weights must move.
    - evaluation: it must not depend on luck or on the mode in which it finds the model (dropout, batch norm), nor change it.
    - data: in batches that are shuffled, the mean label varies by chance; an intraclass correlation above 0.2 (by chance 0.00
      to 0.05) is order. Held-out examples of which more than 3 % (and double what is usual in this source) lie within a
      twentieth of the usual distance to a training example are copies; where they lie twice as far as usual, they were made in
      another way. Nearest neighbours should share their labels: where they do so in the held-out data, but less than a quarter
      as much (above chance) in the source, labels do not belong to inputs; where the label of a held-out example's neighbour
      is another one, by the same step for most, labels are off.
    - units: a layer half of whose relu units answer 0 to every one of 256 examples can learn little. Lu et al., 2020,
      arXiv:1903.06733.
    - rate: 30 updates, then as many at other rates, from the same start. Too high: the loss ends less than 15 % below its
      start (or ln K), and at a tenth, a hundredth or a thousandth of the rate 15 % lower than that. Too low: it falls by less
      than 5 %, at ten times the rate by less than 10 %, and at a hundred times, or some power of ten above, by a fifth. (The
      sentence says by how much of their size an update changes the weights; 1/1000 is Karpathy's rule of thumb, no test here.)
      Judged at the highest rate of the schedule's next 1,000 updates.
    - start: at update 0, K classes must cost about ln K; ten times that and more is a start that is sure and wrong.
    - one batch: where those 30 updates did not help, 32 examples at least must be learnt by heart: by 10 % in 60 updates, at
      this rate, a tenth or ten times of it.
    - layers: a layer with a gradient a millionth of the largest, both relative to their weights, does not learn.

    Tests that ask for labels need batches (x, y), a model that is called with x, and whole numbers or floats in y; the others
    work for any loss. Models of torch; what the optimizer moves must belong to the model.

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
    with _left_as_found(trainer, source, evaluate):
        run = _Run(trainer, source, held_out, evaluate)
        found = []
        for look in (_numbers, _out_of_range, _loss, _leftovers, _reach, _evaluation, _order, _leak, _pairs, _dead, _rate, _start,
                     _one_batch, _layers):
            found += look(run)
            if any(finding.cause == "the loss can not be computed" for finding in found):
                break
    return sorted(found, key=lambda finding: -finding.likelihood)           # stable: earlier tests first


class _Run:
    """What the tests share: copies to play with, batches that were read, and a few measurements made once."""

    def __init__(self, trainer, source, held_out, evaluate):
        self.trainer, self.held_out, self.evaluate = trainer, held_out, evaluate
        self.groups = _read(source, trainer.t * trainer.accumulate)
        self.batches = [batch for group in self.groups for batch in group]
        self.sick = False                       # weights that are not finite: no run can start from them
        self.x = self.y = self.outputs = None
        if all(_is_pair(batch) for batch in self.batches):
            self.x, self.y = (torch.cat([batch[i] for batch in self.batches])[:2 * EXAMPLES] for i in (0, 1))
            try:
                with torch.no_grad():
                    self.outputs = self.model()(self.x[:64])
            except Exception:                   # a model that is not called with x: the loss knows how
                pass
        self.kind = _kind(self.outputs, None if self.y is None else self.y[:64])

    def copied(self, *, grads=False):
        """The trainer as it stands, with a history of its own."""
        torch.manual_seed(0)
        made = copy.deepcopy(self.trainer, {id(self.trainer._history): []})
        made._read = 0
        if not grads:
            for p in _params(made):
                p.grad = None
        return made

    def model(self):
        made = copy.deepcopy(self.trainer.model)
        made.eval()
        return made

    def cut(self, n=32):
        """Batches of at most n examples."""
        return [(x[:n], y[:n]) for x, y in self.batches] if self.x is not None else self.batches

    def short(self, factor, batches, updates=UPDATES):
        """(loss before, loss after, median update relative to the weights) of a short run at `factor` times the rate."""
        trainer, n = self.copied(), self.trainer.accumulate
        peak = max(trainer.schedule(t) for t in range(trainer.t, trainer.t + 1000, 10))
        trainer.schedule = lambda t: peak
        for group in trainer.optimizer.groups:
            group.rate *= factor
        before, moved = self.cost(trainer, batches), []
        for i in range(updates):
            weights = [p.detach().clone() for p in _params(trainer)]
            try:
                trainer.step([batches[(i * n + j) % len(batches)] for j in range(n)])
            except (ArithmeticError, ValueError):
                return before, math.inf, math.inf
            moved.append(_ratio(weights, [p.detach() for p in _params(trainer)]))
        return before, self.cost(trainer, batches), float(np.median(moved))

    def cost(self, trainer, batches):
        """The mean loss over some batches, nan and inf as inf."""
        model = trainer.model
        model.eval()
        with torch.no_grad():
            found = float(np.mean([float(trainer.loss(model, batch).mean) for batch in batches[:4]]))
        model.train()
        return found if math.isfinite(found) else math.inf

    @functools.cached_property
    def as_given(self):
        return self.short(1, self.cut())


# --- numbers ------------------------------------------------------------------------------------------------------------

def _numbers(run):
    bad = [name for name, p in run.trainer.model.named_parameters() if not bool(p.isfinite().all())]
    if bad:
        run.sick = True
        yield Finding("weights are not finite",
                      f"{len(bad)} of the model's parameters hold nan or inf (the first is {bad[0]}): what they knew is lost, "
                      "so find the cause below or in the history, mend it, and begin from a fresh model or a "
                      "checkpoint.", SYMPTOM)
    if run.x is None:
        return
    for name, value in (("inputs", run.x), ("targets", run.y)):
        if value.is_floating_point() and (n := int((~value.isfinite()).sum())):
            yield Finding("data are not finite",
                          f"{n:,} numbers among the {name} of the source are nan or inf: look at where they come from (a log "
                          "or a division of zero, a missing value) and mend or drop those examples.", PROVED)


def _out_of_range(run):
    if run.kind == "classes":
        K, low, high = run.outputs.shape[-1], int(run.y.min()), int(run.y.max())
        if low < 0 or high >= K:
            yield Finding("labels off by one",
                          f"Labels go from {low} to {high}, and the model tells {K} classes apart, 0 to {K - 1}: "
                          "count them from 0 where they are read.", PROVED)


# --- the loss, on outputs that are put in place of the model's -------------------------------------------------------------

def _loss(run):
    trainer, batch = run.copied(), run.batches[0]
    try:
        out = trainer.loss(trainer.model, batch)
        if not isinstance(out, Loss):
            raise TypeError(f"it returned {type(out).__name__}, and Loss(mean, n) is needed")
    except Exception as error:
        yield Finding("the loss can not be computed",
                      f"The loss of the first batch can not be computed: {error}", PROVED)
        return
    if run.kind is None or not hasattr(trainer.model, "register_forward_hook"):
        return
    try:
        yield from _with_outputs(run, trainer, (run.x[:64], run.y[:64]))
    except (RuntimeError, ValueError, IndexError, TypeError):   # it does more with the model than call it once
        return


def _with_outputs(run, trainer, batch):
    def cost(outputs):
        """The loss, and its gradient at `outputs`."""
        outputs = outputs.detach().requires_grad_()
        hook = trainer.model.register_forward_hook(lambda *_: outputs)
        try:
            mean = trainer.loss(trainer.model, batch).mean
            grad, = torch.autograd.grad(mean, outputs, allow_unused=True)
        finally:
            hook.remove()
        return mean.item(), torch.zeros_like(outputs) if grad is None else grad

    y, sizes = batch[1], {"sure and right": 1.0, "sure and wrong": -1.0}
    if run.kind == "numbers":
        for name, outputs in (("exactly right", y), ("all zero", torch.zeros_like(y))):
            mean, grad = cost(outputs.to(run.outputs.dtype).reshape(run.outputs.shape).clone())
            if not (math.isfinite(mean) and bool(grad.isfinite().all())):
                yield _not_finite(name, mean)
                return
        return
    made = {name: _outputs(run, y, size) for name, size in sizes.items()}
    for name, outputs in made.items():
        mean, grad = cost(outputs(1000.0))
        if not (math.isfinite(mean) and bool(grad.isfinite().all())):
            yield _not_finite(f"{name} (by 1,000)", mean)
            break
    right, wrong = (cost(outputs(30.0))[0] for outputs in made.values())
    if right > 0.1 and 0.2 < wrong - right < 1.2:
        yield Finding("softmax applied twice",
                      f"Where the model is sure and right the loss is {right:.2f} instead of 0, and sure and wrong costs only "
                      f"{wrong - right:.2f} more: it sees probabilities where it needs logits, so take the softmax (or "
                      "sigmoid) out of the model, or out of the loss.", PROVED)
    _, grad = cost(made["sure and right"](0.0))
    wanted = (grad < 0).long().reshape(y.shape) if run.kind == "yes or no" else (-grad).argmax(-1)
    if len(steps := ((wanted - y.long()) % _classes(run)).flatten()):
        step, share = int(steps.mode().values), float((steps == steps.mode().values).float().mean())
        if step and share > 0.9 and bool(grad.any()):
            yield Finding("labels off by one",
                          f"For {share:.0%} of the examples the loss pushes up class label {_signed(step, _classes(run))} "
                          "instead of the label: take the shift out of the loss.", PROVED)
            return
    if right > wrong + 1:
        yield Finding("loss upside down",
                      f"Where the model is sure and right the loss is {right:.3g}, and where it is sure and wrong {wrong:.3g}: "
                      "training makes it worse, so turn the sign of the loss round.", PROVED)


def _outputs(run, y, size):
    """sure -> outputs that are that sure of the label (size 1) or of another (size -1), in the form that the model gives them."""
    if run.kind == "yes or no":
        signs = size * (2 * y.to(run.outputs.dtype).reshape(run.outputs.shape) - 1)
        return lambda sure: torch.sigmoid(sure * signs) if _in_unit(run.outputs) else sure * signs
    K = run.outputs.shape[-1]
    chosen = y if size > 0 else (y + 1) % K

    def made(sure):
        logits = torch.zeros(*y.shape, K, dtype=run.outputs.dtype, device=run.outputs.device)
        logits = logits.scatter(-1, chosen.unsqueeze(-1), sure)
        if _in_unit(run.outputs) and _all_one(run.outputs.sum(-1)):
            return logits.softmax(-1)
        return logits.log_softmax(-1) if _all_one(run.outputs.exp().sum(-1)) else logits
    return made


def _not_finite(when, mean):
    what = f"The loss is {mean}" if not math.isfinite(mean) else "The loss has a gradient that is not finite"
    return Finding("loss not finite",
                   f"{what} where the model is {when}, and one such example ends the run: a log, root or division meets zero, "
                   "so compute it from the logits (log_softmax, logsigmoid) or keep the argument away from zero.", PROVED)


# --- gradients and updates ------------------------------------------------------------------------------------------------

def _leftovers(run):
    n, batches = run.trainer.accumulate, run.cut()
    first, second = ([batches[(j + k) % len(batches)] for j in range(n)] for k in (0, n))
    as_is = run.copied()
    as_is.step(first)
    emptied = copy.deepcopy(as_is)
    for p, own in zip(_params(emptied), _params(as_is)):
        p.grad, own.grad = None, None if own.grad is None else own.grad.clone()
    before = [p.detach().clone() for p in _params(as_is)]
    for trainer in (as_is, emptied):
        torch.manual_seed(0)
        trainer.step(second)
    ours, clean = ([p.detach() for p in _params(trainer)] for trainer in (as_is, emptied))
    off = _length([a - b for a, b in zip(ours, clean)]) / max(_length([a - b for a, b in zip(clean, before)]), 1e-30)
    if off > 0.01:
        yield Finding("gradients are not zeroed",
                      f"The second update is off by {off:.0%} of its length if the gradients of the first are left where they "
                      "are: they are added up, so empty them before every backward (optimizer.zero_grad()).", PROVED)


def _reach(run):
    trainer = run.copied()
    before = [p.detach().clone() for p in _params(trainer)]
    trainer.schedule = lambda t, own=trainer.schedule: max(own(t) for t in range(t, t + 1000, 10))
    trainer.step(run.cut()[:run.trainer.accumulate])
    own = {id(p) for p in _params(trainer)}
    named = dict(trainer.model.named_parameters())
    without = [name for name, p in named.items() if id(p) in own and p.requires_grad and p.grad is None]
    _, grads = gradients(trainer.model, trainer.loss, run.cut()[0])
    without = [name for name in without if grads[name] is None]
    outside = [name for name, p in named.items() if p.requires_grad and id(p) not in own]
    if without:
        yield Finding("no gradient",
                      f"{len(without)} of {len(own)} parameters get no gradient from the loss (the first is {without[0]}): "
                      "something between them and the loss is detached, computed under no_grad, or not used at all.", PROVED)
    elif not run.sick and _ratio(before, [p.detach() for p in _params(trainer)]) == 0:
        yield Finding("weights do not move",
                      "One update changed no weight at all, though gradients arrive: is the learning rate (or its schedule) "
                      "zero, or are the gradients emptied between backward and step?", PROVED)
    if outside:
        yield Finding("parameters not trained",
                      f"{len(outside)} of {len(named)} parameters are not in the optimizer (the first is {outside[0]}): give "
                      "it model.parameters(), or set requires_grad = False on what shall stay.", MEASURED)


# --- evaluation -----------------------------------------------------------------------------------------------------------

def _evaluation(run):
    x, y = (part[:256] for part in run.held_out)

    def numbers(training, seed):
        model = copy.deepcopy(run.trainer.model).train(training)
        before = {name: value.clone() for name, value in model.state_dict().items()}
        torch.manual_seed(seed)
        found = run.evaluate(model, run.trainer.loss, x, y)
        if not isinstance(found, dict) or not found:
            raise TypeError(f"evaluate returned {type(found).__name__}; it must return a dict of numbers, as "
                            "callbacks.evaluate does.")
        changed = [name for name, value in model.state_dict().items()
                   if not torch.equal(value.nan_to_num(), before[name].nan_to_num())]
        return {name: float(value) for name, value in found.items()}, changed, model.training

    (one, changed, stayed), (two, *_), (calm, *_), (calm_too, *_) = (numbers(training, seed) for training in (True, False)
                                                                     for seed in (0, 1))
    if not run.sick and _apart(calm, calm_too)[0] < 1e-6:
        (luck, name), (mode, other) = _apart(one, two), _apart(one, calm)
        if max(luck, mode) > 1e-4:
            what = (f"{name} {one[name]:.4g}, the same evaluation once more {two[name]:.4g}" if luck > 1e-4 else
                    f"{other} {one[other]:.4g}, in evaluation mode {calm[other]:.4g}")
            yield Finding("evaluation in training mode",
                          f"Evaluating gave {what}: dropout or batch norm is still training, so call model.eval() before and "
                          "model.train() after it.", PROVED)
    if changed:
        yield Finding("evaluation changes the model",
                      f"Evaluating changed {len(changed)} of the model's tensors (the first is {changed[0]}): held-out data "
                      "flow into it, so evaluate under model.eval() and torch.no_grad().", MEASURED)
    if not stayed:
        yield Finding("training in evaluation mode",
                      "evaluate found the model in training mode and left it in evaluation mode: dropout and batch norm are "
                      "off from then on, so call model.train() at its end.", MEASURED)


# --- data -----------------------------------------------------------------------------------------------------------------

def _order(run):
    if run.x is None or len(run.groups) < 2 or not _labels(run.y):
        return
    values = [_spread(torch.cat([y for _, y in group]), run) for group in run.groups]
    size, everything = sum(map(len, values)) / len(values), torch.cat(values)
    total = float(everything.var(0, correction=0).sum())
    several = len(run.held_out[1].unique()) > 1
    between = float(torch.stack([v.mean(0) for v in values]).var(0).sum())
    alike = (between * size / total - 1) / (size - 1) if total > 0 and size > 1 else float(several and size > 1)
    if alike > 0.2:
        most = np.mean([float(v.mean(0).max()) for v in values]) if run.y.dtype == torch.int64 else None
        share = f" (of one batch {most:.0%} have the same label, on average)" if most else ""
        yield Finding("data not shuffled",
                      f"Labels within a batch are alike: correlation {alike:.2f}, where shuffled data have about 0{share}; "
                      "shuffle the examples anew in every epoch.", MEASURED)


def _leak(run):
    if (near := _neighbours(run)) is None:
        return
    usual = near.within_d.median()
    def copies(distances): return float((distances <= 0.05 * usual).float().mean())
    share, normal = copies(near.across_d), copies(near.within_d)
    if usual > 0 and share > 0.03 + 2 * normal:
        yield Finding("held-out examples in the training data",
                      f"{share:.0%} of {len(near.across_d)} held-out examples stand among {len(near.x)} training examples that "
                      f"were read (chance: {normal:.1%}): what the evaluation says is too good, so split first, and train on "
                      "the training part alone.", MEASURED)
    if usual > 0 and (far := float(near.across_d.median() / usual)) > 2:
        yield Finding("held-out inputs unlike the training inputs",
                      f"Held-out examples lie {far:.1f} times as far from the nearest training example as those from each other "
                      "(about 1 is usual): they were scaled, turned or collected in another way, so prepare both with the same "
                      "code.", CONTRASTED)


def _pairs(run):
    if (near := _neighbours(run)) is None or not (_labels(near.y) and near.y.dtype == near.held_y.dtype):
        return
    inside, held = _agreement(near.y[near.within], near.y), _agreement(near.held_y[near.held], near.held_y)
    if max(inside, held) > 0.25 and min(len(near.y), len(near.held_y)) >= 50:
        if inside < 0.25 * held:
            yield Finding("labels do not belong to their inputs",
                          f"Neighbours among the held-out examples agree in {max(held, 0):.0%} of what chance leaves open, in "
                          f"the source in {max(inside, 0):.0%}: inputs and labels were mixed up on their way (shuffled apart, or "
                          "joined by a wrong key), so put one permutation to both.", MEASURED)
        elif held < 0.25 * inside:
            yield Finding("held-out labels do not belong to their inputs",
                          f"Neighbours in the source agree in {max(inside, 0):.0%} of what chance leaves open, among the "
                          f"held-out examples in {max(held, 0):.0%}: their inputs and labels were mixed up.", MEASURED)
    if near.y.dtype == torch.int64:
        K = int(max(near.y.max(), near.held_y.max())) + 1
        steps = ((near.y[near.across] - near.held_y) % K).flatten().bincount(minlength=K).float() / near.held_y.numel()
        step = int(steps.argmax())
        if step and K > 1 and steps[step] > 0.5 and steps[step] > 3 * steps[0]:
            yield Finding("labels off by one",
                          f"The training example nearest to a held-out one has its label {_signed(step, K)} in "
                          f"{float(steps[step]):.0%} of the cases, and its label in {float(steps[0]):.0%}: source and held-out "
                          "data count classes differently, so take the shift out of the source.", MEASURED)


@dataclass
class _Near:
    x: torch.Tensor
    y: torch.Tensor
    held_y: torch.Tensor
    within: torch.Tensor            # nearest other training example of each training example
    within_d: torch.Tensor
    across: torch.Tensor            # nearest training example of each held-out one
    across_d: torch.Tensor
    held: torch.Tensor              # nearest other held-out example of each held-out one


def _neighbours(run):
    """Computed once; None where inputs have no distance from each other (tokens, or examples of different shapes)."""
    if not hasattr(run, "near"):
        run.near = None
        x, y, (held, held_y) = run.x, run.y, run.held_out
        if x is not None and x.is_floating_point() and min(len(x), len(held)) > 1 and held.shape[1:] == x.shape[1:]:
            some = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))[:EXAMPLES].to(x.device)
            x, y, held, held_y = x[some], y[some], held[:EXAMPLES // 2].to(x), held_y[:EXAMPLES // 2].to(y.device)
            x, held = (part.flatten(1).nan_to_num(0, 0, 0) for part in (x, held))
            (within, within_d), (across, across_d), (own, _) = _nearest(x, x, True), _nearest(held, x), _nearest(held, held, True)
            run.near = _Near(x, y, held_y, within, within_d, across, across_d, own)
    return run.near


def _nearest(a, b, itself=False):
    distances = torch.cdist(a, b)
    if itself:
        distances.fill_diagonal_(math.inf)
    nearest = distances.argmin(1)
    return nearest, (a - b[nearest]).norm(dim=1)                # once more: near zero, cdist is not exact


def _agreement(guess, y):
    """How well labels agree, from 0 for chance to 1: same classes, or, for floats, the share of the variance."""
    if y.dtype == torch.int64:
        shares = y.flatten().bincount().float() / y.numel()
        chance = float((shares * shares).sum())
        return (float((guess == y).float().mean()) - chance) / max(1 - chance, 1e-9)
    return 1 - float(((guess - y) ** 2).mean() / (2 * y.var(correction=0)).clamp(min=1e-12))


# --- units, rate, start -----------------------------------------------------------------------------------------------------

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


def _dead(run):
    if run.sick:
        return
    trainer = run.copied()
    batches = [(run.x[:256], run.y[:256])] if run.x is not None else run.batches[:1]
    trainer.model.eval()
    with torch.no_grad(), _Relus() as relus:
        trainer.loss(trainer.model, batches[0])
    for i, alive in enumerate(relus.alive):
        dead = int((~alive).sum())
        if dead >= 0.5 * len(alive) and len(alive) > 1:
            yield Finding("dead relus",
                          f"In relu layer {i + 1} of {len(relus.alive)}, {dead} of {len(alive)} units answer 0 to every "
                          "example, and get no gradient: look at how their weights and biases start (mean 0, variance "
                          "2/fan_in, biases 0), at the scale of the inputs, and at the learning rate, then begin from a fresh "
                          "model.", MEASURED)
            return


def _rate(run):
    if run.sick:
        return
    batches = run.cut()
    before, after, moved = run.as_given
    if not math.isfinite(before) or before <= 0:
        return
    percent = f"an update changes the weights by {_percent(moved)} of their size"
    blank = math.log(_classes(run)) if run.kind in ("classes", "yes or no") else before      # what knowing nothing costs
    if after > 0.85 * min(before, blank):
        for factor in (0.1, 0.01, 0.001):
            _, other, _ = run.short(factor, batches)
            if other < 0.85 * min(before, after):
                yield Finding("learning rate too high",
                              f"In {UPDATES} updates the loss went from {before:.3g} to {after:.3g}, and at {factor:g} times "
                              f"the rate to {other:.3g} ({percent}; 0.1 to 2 % is usual): divide the rate by "
                              f"{1 / factor:.0f}.", CONTRASTED)
                return
    if after > 0.95 * before and run.short(10, batches)[1] > 0.9 * before:
        for factor in (100, 1000, 10_000, 100_000):
            _, other, _ = run.short(factor, batches)
            if other < 0.8 * before:
                yield Finding("learning rate too low",
                              f"In {UPDATES} updates the loss went from {before:.3g} to {after:.3g}, and at {factor} times the "
                              f"rate to {other:.3g} ({percent}; 0.1 to 2 % is usual): multiply the rate by 10, and again "
                              "until it learns.", CONTRASTED)
                return


def _start(run):
    if run.trainer.t == 0 and run.kind in ("classes", "yes or no") and not run.sick:
        blank, found = math.log(_classes(run)), run.as_given[0]
        if found > 10 * blank:
            yield Finding("loss at the start too high",
                          f"Before any training the loss is {found:.3g}; knowing nothing costs ln {_classes(run)} = "
                          f"{blank:.2f}: the model starts sure and wrong, so draw its last weights smaller, or scale the "
                          "inputs to about 1.", SYMPTOM)


def _one_batch(run):
    if run.sick or run.as_given[1] <= 0.8 * run.as_given[0]:    # who learns from many batches can learn one
        return
    batch = run.cut()[:run.trainer.accumulate]
    tried = []
    for factor in (1, 0.1, 10):
        before, after, _ = run.short(factor, batch, 60)
        if after <= 0.9 * before or before <= 0.01:
            return
        tried.append(after)
    yield Finding("one batch can not be learnt",
                  f"60 updates on one batch took its loss from {before:.3g} to {min(tried):.3g} at best, at this rate, a tenth "
                  "and ten times of it: a model that can not learn a few examples by heart has a fault between input and "
                  "update, so look there first.", SYMPTOM)


def _layers(run):
    if run.sick:
        return
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


# --- what all of them need ----------------------------------------------------------------------------------------------------

def _params(trainer):
    return [p for group in trainer.optimizer.groups for p in group.params]


def _apart(a, b):
    """The largest relative difference of two evaluations, and in which number."""
    apart = [(abs(a[name] - b[name]) / max(abs(b[name]), 1e-9), name) for name in a if math.isfinite(a[name])]
    return max(apart, default=(0.0, ""))


def _length(tensors):
    return math.sqrt(sum(float((t.double() ** 2).sum()) for t in tensors))


def _ratio(before, after):
    return _length([a - b for a, b in zip(after, before)]) / max(_length(before), 1e-12)


def _percent(share):
    return f"{max(0.0, 100 * share):.2g} %" if math.isfinite(share) else "inf %"


def _signed(step, K):
    return f"+ {step}" if step <= K // 2 else f"- {K - step}"


def _is_pair(batch):
    return isinstance(batch, tuple | list) and len(batch) == 2 and all(isinstance(b, torch.Tensor) and b.ndim for b in batch)


def _labels(y):
    return y.dtype == torch.int64 or y.is_floating_point()


def _all_one(sums):
    return bool(((sums - 1).abs() < 1e-4).all())


def _in_unit(outputs):
    return bool(((outputs >= 0) & (outputs <= 1)).all())


def _kind(outputs, y):
    """What the model answers: "classes" (logits and whole numbers), "yes or no" (a number and 0 or 1), "numbers", or None."""
    if not isinstance(outputs, torch.Tensor) or y is None:
        return None
    if y.dtype == torch.int64 and outputs.shape[:-1] == y.shape and outputs.ndim > 1 and outputs.shape[-1] > 1:
        return "classes"
    if outputs.shape in (y.shape, (*y.shape, 1)):
        return "yes or no" if bool(((y == 0) | (y == 1)).all()) else "numbers" if y.is_floating_point() else None
    return None


def _classes(run):
    return run.outputs.shape[-1] if run.kind == "classes" else 2


def _spread(y, run):
    """Labels as columns whose mean and variance mean something: one for each class, or the number itself."""
    if y.dtype == torch.int64:
        return torch.nn.functional.one_hot(y.flatten().clamp(min=0), int(run.y.max()) + 1).float()
    return y.flatten(1).float() if y.ndim > 1 else y.float()[:, None]


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
    return max(1, len(batch[1])) if _is_pair(batch) else 32


def _usable(trainer, source, held_out, evaluate):
    if not isinstance(trainer, Trainer):
        raise TypeError(f"diagnose needs a Trainer, and got {type(trainer).__name__}.")
    own = {id(p) for p in trainer.model.parameters()} if isinstance(trainer.model, torch.nn.Module) else None
    if own is None or any(id(p) not in own for p in _params(trainer)):
        raise TypeError("diagnose works on copies of a torch model: what the optimizer moves must be parameters of "
                        f"trainer.model, a torch.nn.Module; here the model is {type(trainer.model).__name__}.")
    if isinstance(source, Iterator):
        raise TypeError(f"diagnose got {type(source).__name__} as its source, which reading would use up; give it something "
                        "that has at(i), as sources.batches(x, y), or a list of batches.")
    if not hasattr(source, "at") and not hasattr(source, "__iter__"):
        raise TypeError(f"diagnose: {type(source).__name__} is no source; sources.batches(x, y) makes one from data.")
    if not _is_pair(held_out) or len(held_out[0]) != len(held_out[1]) or not len(held_out[0]):
        raise TypeError("diagnose needs held_out=(x, y), two tensors with as many rows, at least one.")
    if not callable(evaluate):
        raise TypeError("diagnose needs evaluate(model, loss, x, y) -> dict, such as callbacks.evaluate; it got "
                        f"{type(evaluate).__name__}.")


@contextmanager
def _left_as_found(trainer, *others):
    """Gradients, and all generators that can be reached from the run, as they were; copies take care of the rest."""
    grads = [(p, p.grad) for p in trainer.model.parameters()]
    own = [(g, g.get_state() if isinstance(g, torch.Generator) else g.bit_generator.state if isinstance(g, np.random.Generator)
            else g.getstate()) for g in _generators([trainer.loss, trainer.schedule, trainer.sync, trainer.model, *others])]
    python, numpy = random.getstate(), np.random.get_state()
    try:
        for p, _ in grads:
            p.grad = None                                       # a loss that reads this model and not the copy writes here
        with torch.random.fork_rng():
            yield
    finally:
        for p, grad in grads:
            p.grad = grad
        random.setstate(python)
        np.random.set_state(numpy)
        for g, state in own:
            if isinstance(g, torch.Generator):
                g.set_state(state)
            elif isinstance(g, np.random.Generator):
                g.bit_generator.state = state
            else:
                g.setstate(state)


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
