"""UMAP: a flat map drawn by pulling neighbours together and pushing others, a few at a time, apart.

Each point is linked to its k nearest with strength exp(-(d - d_nearest) / σ), its σ such that the k strengths add up to
log2 k; a link that either side has is kept, s + t - st. On the map a link should have strength v = 1 / (1 + a |y_i - y_j|^2b),
nearly 1 up to `gap` and falling beyond. Every epoch a link is drawn with a chance as its strength and lessens -log v; each time,
some other points drawn by lot lessen -log(1 - v), which pushes. McInnes, Healy and Melville, 2018.

All links of an epoch act at once, where umap-learn takes one after the other; so their sum is limited. No Trainer, as in t-SNE.
Left out: approximate neighbours, a spectral start (it needs 500 epochs where principal components take 200), placing new points.
"""
import math

import torch

from minitrain.unsupervised.neighbours import nearest, points_of
from minitrain.unsupervised.pca import pca

PUSHES, STEEPEST = 5, 4.0                                       # others pushed a link drawn; no single force is longer
FARTHEST = 1.0                                                  # nor all of them together: a crowd on one spot would burst


def umap(x, *, neighbours=15, gap=0.1, epochs=200, rate=1.0, seed=0, each=None):
    """A map y (n, 2) of the points x (n, d), n up to some ten thousand: the links are made in an (n, n) table.

    neighbours: k.  gap: nearer than this on the map neighbours are not drawn (`min_dist` elsewhere).  each: called as
    each(t, y) before every epoch, for moving pictures.

    >>> lots = torch.Generator().manual_seed(0)
    >>> x = torch.cat([torch.randn(30, 4, generator=lots), 9 + torch.randn(30, 4, generator=lots)])
    >>> nearest(umap(x, epochs=50), 5)[1][:30].max() < 30   # the first group's neighbours are its own
    tensor(True)
    """
    x = points_of(x, "umap", least=4)
    n = len(x)
    if not 2 <= neighbours < n:
        raise ValueError(f"umap: neighbours is {neighbours}; with {n} points it is 2 to {n - 1}, as each has {n - 1} others.")
    if not 0 <= gap <= 2 or epochs < 1:
        raise ValueError(f"umap got gap={gap} and epochs={epochs}; a gap is 0 to 2, and at least 1 epoch is needed.")
    if (x == x[0]).all():
        raise ValueError(f"umap: all {n} points are equal; there are no neighbours to keep.")
    i, j, strength = links(x, neighbours)
    a, b = curve(gap)
    lots, y = torch.Generator().manual_seed(seed), _start(x, seed)
    for t in range(epochs):
        if each is not None:
            each(t, y)
        drawn = (torch.rand(len(i), generator=lots).to(x.device) < strength / strength.max()).nonzero()[:, 0]
        here, there = i[drawn], j[drawn]                                                # (L,), each link from either end
        others = torch.randint(n, (len(drawn), PUSHES), generator=lots).to(x.device)    # (L, PUSHES)
        move = pull(y[here] - y[there], a, b) + push(y[here, None] - y[others], a, b).sum(1)
        move = torch.zeros_like(y).index_add_(0, here, move).clamp_(-FARTHEST, FARTHEST)
        y = y + rate * (1 - t / epochs) * move
    return y


def pull(apart, a, b):
    """-∂(-log v)/∂y of a point that is `apart` (…, 2) from the other: towards it."""
    d2 = (apart * apart).sum(-1, keepdim=True)                                              # (…, 1)
    force = -2 * a * b * d2.clamp(min=1e-12) ** (b - 1) / (1 + a * d2**b)
    return (force * apart).clamp(-STEEPEST, STEEPEST)


def push(apart, a, b):
    """-∂(-log(1 - v))/∂y of a point that is `apart` (…, 2) from the other: away from it. The 0.001 tames what is
    nearly in one place."""
    d2 = (apart * apart).sum(-1, keepdim=True)
    force = 2 * b / ((0.001 + d2) * (1 + a * d2**b))
    return (force * apart).clamp(-STEEPEST, STEEPEST)


def links(x, k):
    """The links of x's neighbours, each from either end: numbers i (L,), j (L,), and strengths (L,) in 0 … 1."""
    d, near = nearest(x, k)                                                             # (n, k)
    d = d - d[:, :1]                                            # the nearest has strength 1: nobody is left alone
    low, high = torch.zeros_like(d[:, :1]), torch.full_like(d[:, :1], torch.inf)
    sigma = torch.ones_like(low)
    for _ in range(64):
        wide = (-d / sigma).exp().sum(1, keepdim=True) > math.log2(k)
        low, high = torch.where(wide, low, sigma), torch.where(wide, sigma, high)
        sigma = torch.where(high.isinf(), 2 * sigma, (low + high) / 2)
    sigma = sigma.clamp(min=1e-3 * float(d.mean()) + 1e-12)     # many equal points: no σ is small enough
    w = torch.zeros(len(x), len(x), dtype=d.dtype, device=x.device).scatter_(1, near, (-d / sigma).exp())
    w = w + w.T - w * w.T                                                               # (n, n)
    i, j = w.nonzero().unbind(1)
    return i, j, w[i, j]


def curve(gap):
    """a and b for which 1 / (1 + a d^2b) is nearest, least squares, to 1 up to `gap` and exp(gap - d) beyond: by Gauss-Newton.

    >>> a, b = curve(0.1)
    >>> round(a, 3), round(b, 3)
    (1.577, 0.895)
    """
    d = torch.linspace(0, 3, 300, dtype=torch.float64)[1:]
    wanted = torch.where(d <= gap, 1, (gap - d).exp())
    log_a, b = torch.zeros((), dtype=torch.float64), torch.ones((), dtype=torch.float64)
    for _ in range(200):
        v = 1 / (1 + (log_a + 2 * b * d.log()).exp())
        slope = (-v * (1 - v))[:, None] * torch.stack([torch.ones_like(d), 2 * d.log()], 1)     # (300, 2): along log a, b
        change = torch.linalg.lstsq(slope, (wanted - v)[:, None]).solution[:, 0]
        log_a, b = log_a + change[0] / 2, b + change[1] / 2                                     # half steps: never too far
    return float(log_a.exp()), float(b)


def _start(x, seed):
    """The first two principal components, 20 wide, and a little noise to part equal points."""
    lots = torch.randn(len(x), 2, generator=torch.Generator().manual_seed(seed))
    y = torch.zeros(len(x), 2)
    k = min(2, x.shape[1])
    y[:, :k] = pca(x, k).project(x).float().cpu()
    return (10 * y / y.abs().max() + 1e-4 * lots).to(x.device)
