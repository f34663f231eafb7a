"""How good are features? Ask a straight line: a linear probe, fitted in closed form to a few labelled examples.

A probe trains nothing of the encoder: what it gets right was there to be read. Alain and Bengio, 2016. Left out: training the
probe by gradient descent, which ends at the same place, later.
"""
import torch
from torch.nn import functional as F

from minitrain.sources.batching import generator

DECAYS = tuple(10.0 ** k for k in range(-4, 3))


@torch.no_grad()
def features(encoder, x, *, size=512):
    """What the encoder says of x (n, …), `size` rows at a time, in evaluation mode: (n, D) in float64."""
    training = getattr(encoder, "training", False)
    if training:
        encoder.eval()
    try:
        return torch.cat([encoder(x[i:i + size]).double() for i in range(0, len(x), size)])
    finally:
        if training:
            encoder.train()


def few_labels(y, n, *, classes, seed=0):
    """The rows of n labelled examples of each of `classes` classes, (n · classes,), by lot; y (m,) are all labels there are.

    More labels of one seed contain the fewer.

    >>> y = torch.tensor([0, 1, 0, 1, 2, 2])
    >>> sorted(y[few_labels(y, 1, classes=3)].tolist())
    [0, 1, 2]
    """
    rows = []
    for k in range(classes):
        own = (y == k).nonzero()[:, 0].cpu()
        if n < 1 or len(own) < n:
            raise ValueError(f"few_labels: {n} labels a class were asked for, and class {k} has {len(own)} examples. Ask for 1 "
                             "or more, and at most as many as the rarest class has.")
        rows.append(own[torch.randperm(len(own), generator=generator("labels", seed, k))[:n]])
    return torch.cat(rows).to(y.device)


class LinearProbe:
    """The linear layer with the least squared error on labelled features x (n, D), y (n,), its weights held small by a decay.

    Features are first shifted and scaled to mean 0 and mean square 1, each on its own, as over `unlabelled` (m, D) where given.
    The targets are 1 for the right class and 0 for the others. For each of `decays` every example is foretold from all others, in
    closed form; `decay` is the one with the least such `error`. Hoerl and Kennard, 1970 (the weights); Allen, 1974 (leaving out).

    >>> x, y = torch.tensor([[0.0, 1.0], [0.2, 0.9], [1.0, 0.1], [0.9, 0.0]]), torch.tensor([0, 0, 1, 1])
    >>> LinearProbe(x, y, classes=2)(x).argmax(1).tolist()
    [0, 0, 1, 1]
    """

    def __init__(self, x, y, *, classes, unlabelled=None, decays=DECAYS):
        x, y = _checked(x, y, classes)
        like = x if unlabelled is None else unlabelled.double()
        self.mean, spread = like.mean(0), like.std(0, correction=0)
        self.spread = torch.where(spread > 0, spread, 1.0)              # a feature that is always the same says nothing
        x = (x - self.mean) / self.spread                               # (n, D)
        self.offset, self.bias = x.mean(0), F.one_hot(y, classes).double().mean(0)
        x, target = x - self.offset, F.one_hot(y, classes).double() - self.bias
        n, D = x.shape
        values, vectors = torch.linalg.eigh(x @ x.T / D)                # (n,), (n, n): shared by all decays
        found = []
        for decay in decays:
            inverse = vectors / (values.clamp(min=0) + decay) @ vectors.T           # (n, n)
            dual = inverse @ target                                     # (n, classes)
            left_out = dual / (inverse.diagonal() - 1 / (n * decay))[:, None]       # the mean leaves with the example too
            found.append((float(left_out.square().mean()), decay, dual))
        self.error, self.decay, dual = min(found, key=lambda each: each[0])
        self.weight = x.T @ dual / D                                    # (D, classes)

    def __call__(self, x):
        """Scores (n, classes) of features (n, D); the largest is the answer."""
        return ((x.double() - self.mean) / self.spread - self.offset) @ self.weight + self.bias

    def accuracy(self, x, y):
        """The share of features (n, D) whose answer is y (n,)."""
        return (self(x).argmax(1) == y).double().mean().item()


def _checked(x, y, classes):
    if x.ndim != 2 or y.shape != x.shape[:1]:
        raise ValueError(f"LinearProbe needs features (n, D) and labels (n,); got {tuple(x.shape)} and {tuple(y.shape)}.")
    if len(y) and (y.min() < 0 or y.max() >= classes):
        raise ValueError(f"LinearProbe: labels of {classes} classes go from 0 to {classes - 1}; got {int(y.min())} to "
                         f"{int(y.max())}.")
    missing = [k for k in range(classes) if not (y == k).any()]
    if missing:
        raise ValueError(f"LinearProbe: no example is labelled as class {', '.join(map(str, missing))}; a probe can not answer "
                         "what it never saw. Label at least one of each class, or ask for fewer classes.")
    if not x.isfinite().all():
        raise ValueError("LinearProbe: some features are not finite. Did the encoder's training blow up?")
    return x.double(), y
