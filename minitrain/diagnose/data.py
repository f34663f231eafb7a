"""The data: numbers that are finite, labels in range, the order of the examples, and who lies next to whom.

It refuses to know the model, beyond the number of classes it tells apart.
"""
import math

import numpy as np
import torch

from minitrain.diagnose.finding import CONTRASTED, MEASURED, PROVED, SYMPTOM, Finding
from minitrain.diagnose.run import EXAMPLES, signed


def numbers(run):
    """Weights, inputs and targets must be finite, and labels those that the model tells apart."""
    if run.not_finite:
        yield Finding("weights are not finite",
                      f"{len(run.not_finite)} of the model's parameters hold nan or inf (the first is {run.not_finite[0]}): what "
                      "they knew is lost, so find the cause below or in the history, mend it, and begin from a fresh model or a "
                      "checkpoint.", SYMPTOM)
    if run.x is None:
        return
    for name, value in (("inputs", run.x), ("targets", run.y)):
        if value.is_floating_point() and (n := int((~value.isfinite()).sum())):
            yield Finding("data are not finite",
                          f"{n:,} numbers among the {name} of the source are nan or inf: look at where they come from (a log "
                          "or a division of zero, a missing value) and mend or drop those examples.", PROVED)
    if run.kind == "classes":
        low, high = int(run.y.min()), int(run.y.max())
        if low < 0 or high >= run.classes:
            yield Finding("labels off by one",
                          f"Labels go from {low} to {high}, and the model tells {run.classes} classes apart, 0 to "
                          f"{run.classes - 1}: count them from 0 where they are read.", PROVED)


def order(run):
    """In batches that are shuffled, the mean label varies by chance.

    An intraclass correlation above 0.2 (by chance 0.00 to 0.05) is order.
    """
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


def _labels(y):
    return y.dtype == torch.int64 or y.is_floating_point()


def _spread(y, run):
    """Labels as columns whose mean and variance mean something: one for each class, or the number itself."""
    if y.dtype == torch.int64:
        return torch.nn.functional.one_hot(y.flatten().clamp(min=0), int(run.y.max()) + 1).float()
    return y.flatten(1).float() if y.ndim > 1 else y.float()[:, None]


def neighbours(run):
    """Held-out examples must be no copies of training examples, nor strangers to them, and neighbours should share their labels.

    Of held-out examples, more than 3 % (and double what is usual in this source) that lie within a twentieth of the usual
    distance to a training example are copies; where they lie twice as far as usual, they were made in another way. Where
    neighbours share their labels in the held-out data, but less than a quarter as much (above chance) in the source, labels do
    not belong to inputs; where the label of a held-out example's neighbour is another one, by the same step for most, labels
    are off.
    """
    x, y, (held_x, held_y) = run.x, run.y, run.held_out
    if x is None or not x.is_floating_point() or min(len(x), len(held_x)) < 2 or held_x.shape[1:] != x.shape[1:]:
        return                                  # tokens, and examples of different shapes, have no distance from each other
    some = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))[:EXAMPLES].to(x.device)
    x, y, held_x, held_y = x[some], y[some], held_x[:EXAMPLES // 2].to(x), held_y[:EXAMPLES // 2].to(y.device)
    x, held_x = (part.flatten(1).nan_to_num(0, 0, 0) for part in (x, held_x))
    (within, within_d), (across, across_d) = _nearest(x, x, itself=True), _nearest(held_x, x)
    yield from _copies_and_strangers(within_d, across_d)
    if _labels(y) and y.dtype == held_y.dtype:
        own, _ = _nearest(held_x, held_x, itself=True)
        yield from _mixed_up(_agreement(y[within], y), _agreement(held_y[own], held_y), min(len(y), len(held_y)))
        if y.dtype == torch.int64:
            yield from _shifted(y[across], held_y, int(max(y.max(), held_y.max())) + 1)


def _nearest(a, b, itself=False):
    """Which example of b is nearest to each of a (other than itself), and how far it is."""
    distances = torch.cdist(a, b)                               # (len(a), len(b))
    if itself:
        distances.fill_diagonal_(math.inf)
    nearest = distances.argmin(1)
    return nearest, (a - b[nearest]).norm(dim=1)                # once more: near zero, cdist is not exact


def _copies_and_strangers(within, across):
    """within: from each training example to the nearest other one.  across: from each held-out example to the nearest of them."""
    usual = within.median()
    def copies(distances): return float((distances <= 0.05 * usual).float().mean())
    share, normal = copies(across), copies(within)
    if usual > 0 and share > 0.03 + 2 * normal:
        yield Finding("held-out examples in the training data",
                      f"{share:.0%} of {len(across)} held-out examples stand among {len(within)} training examples that "
                      f"were read (chance: {normal:.1%}): what the evaluation says is too good, so split first, and train on "
                      "the training part alone.", MEASURED)
    if usual > 0 and (far := float(across.median() / usual)) > 2:
        yield Finding("held-out inputs unlike the training inputs",
                      f"Held-out examples lie {far:.1f} times as far from the nearest training example as those from each other "
                      "(about 1 is usual): they were scaled, turned or collected in another way, so prepare both with the same "
                      "code.", CONTRASTED)


def _agreement(guess, y):
    """How well labels agree, from 0 for chance to 1: same classes, or, for floats, the share of the variance."""
    if y.dtype == torch.int64:
        shares = y.flatten().bincount().float() / y.numel()
        chance = float((shares * shares).sum())
        return (float((guess == y).float().mean()) - chance) / max(1 - chance, 1e-9)
    return 1 - float(((guess - y) ** 2).mean() / (2 * y.var(correction=0)).clamp(min=1e-12))


def _mixed_up(inside, held, n):
    """inside, held: agreement of neighbours in the source and in the held-out data.  n: examples of the fewer."""
    if n < 50:
        return
    if held > 0.25 and inside < 0.25 * held:
        yield Finding("labels do not belong to their inputs",
                      f"Neighbours among the held-out examples agree in {max(held, 0):.0%} of what chance leaves open, in "
                      f"the source in {max(inside, 0):.0%}: inputs and labels were mixed up on their way (shuffled apart, or "
                      "joined by a wrong key), so put one permutation to both.", MEASURED)
    elif inside > 0.25 and held < 0.25 * inside:
        yield Finding("held-out labels do not belong to their inputs",
                      f"Neighbours in the source agree in {max(inside, 0):.0%} of what chance leaves open, among the "
                      f"held-out examples in {max(held, 0):.0%}: their inputs and labels were mixed up.", MEASURED)


def _shifted(guess, y, K):
    """guess: the label of the training example nearest to each held-out one.  y: the held-out labels, of K classes."""
    steps = ((guess - y) % K).flatten().bincount(minlength=K).float() / y.numel()
    step = int(steps.argmax())
    if step and K > 1 and steps[step] > 0.5 and steps[step] > 3 * steps[0]:
        yield Finding("labels off by one",
                      f"The training example nearest to a held-out one has its label {signed(step, K)} in "
                      f"{float(steps[step]):.0%} of the cases, and its label in {float(steps[0]):.0%}: source and held-out "
                      "data count classes differently, so take the shift out of the source.", MEASURED)
