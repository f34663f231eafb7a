"""t-SNE: a flat map on which neighbours stay neighbours. Distances beyond them, and sizes of groups, mean little.

Each point i gives the others a share p(j|i) ~ exp(-|x_i - x_j|² / 2σ_i²), its σ such that exp(entropy) is the perplexity: a
soft count of neighbours. P = (p(j|i) + p(i|j)) / 2n. On the map the shares are q_ij ~ w_ij = 1 / (1 + |y_i - y_j|²), with a
heavy tail, and the places move down the gradient of KL(P‖Q), 4 Σ_j (p_ij - q_ij) w_ij (y_i - y_j). Van der Maaten, Hinton, 2008.

Exact: all pairs push. P is cut to the 3 · perplexity nearest, as usual. No Trainer: the places are no model, and its rule
of update, with a gain for every number, is its own. Left out: trees (Barnes-Hut), which pay from some ten thousand points on.
"""
import math

import torch

from minitrain.unsupervised.neighbours import nearest, points_of
from minitrain.unsupervised.pca import pca


def tsne(x, *, perplexity=30.0, iterations=300, seed=0, each=None):
    """A map y (n, 2) of the points x (n, d), n up to some ten thousand: memory is 2 n² numbers.

    Starts from the first two principal components, made small (Kobak and Berens, 2019), with lots of `seed` to part equal
    points. The rate goes with n (Belkina et al., 2019).
    each: called as each(t, y) before every iteration, for moving pictures.

    >>> lots = torch.Generator().manual_seed(0)
    >>> x = torch.cat([torch.randn(30, 4, generator=lots), 9 + torch.randn(30, 4, generator=lots)])
    >>> nearest(tsne(x, perplexity=10, iterations=100), 5)[1][:30].max() < 30       # the first group's neighbours are its own
    tensor(True)
    """
    x = points_of(x, "tsne", least=5)
    n = len(x)
    if not 1 <= perplexity <= (n - 1) / 3:
        raise ValueError(f"tsne: a perplexity of {perplexity:g} is a soft count of neighbours; with {n} points it is 1 to "
                         f"{(n - 1) // 3}, a third of the others.")
    if iterations < 1:
        raise ValueError(f"tsne got iterations={iterations}; it takes at least 1.")
    if (x == x[0]).all():
        raise ValueError(f"tsne: all {n} points are equal; there are no neighbours to keep.")
    p, y = affinities(x, perplexity).float(), _start(x, seed)
    speed, gain, room = torch.zeros_like(y), torch.ones_like(y), (torch.empty_like(p), torch.empty_like(p))
    early = min(100, iterations // 3)                           # P exaggerated at first: groups gather before they spread
    for t in range(iterations):
        if each is not None:
            each(t, y)
        more, momentum, rate = (12.0, 0.5, n / 48) if t < early else (1.0, 0.8, n / 12)
        g = gradient(p, y, more, room)
        gain = torch.where(g * speed < 0, gain + 0.2, gain * 0.8).clamp_(min=0.01)      # against its speed: it goes on
        speed = momentum * speed - rate * gain * g                                      # Jacobs, 1988
        y = y + speed
        y = y - y.mean(0)
    return y


def gradient(p, y, more=1.0, room=None):
    """∂KL/∂y (n, 2), with P times `more`.  room: two (n, n) tensors to work in, for calls in a row."""
    w, f = room or (torch.empty_like(p), torch.empty_like(p))
    one, length = torch.ones_like(y[:, :1]), (y * y).sum(1, keepdim=True)               # (n, 1)
    places = torch.cat([y, one], 1)                                                     # (n, 3)
    torch.mm(torch.cat([-2 * y, length + 1, one], 1), torch.cat([places, length], 1).T, out=w)      # 1 + |y_i - y_j|²
    w.clamp_(min=1).reciprocal_().fill_diagonal_(0)                                     # (n, n)
    total = w.sum()                                                                     # q_ij = w_ij / total
    pull = more * (torch.mul(p, w, out=f) @ places) - (w.square_() @ places) / total    # (n, 3): Σ_j (p - q) w · (y_j, 1)
    return 4 * (pull[:, 2:] * y - pull[:, :2])


def affinities(x, perplexity):
    """P (n, n): symmetric, with sum 1, and 0 beyond the 3 · perplexity nearest of either."""
    n, k = len(x), min(len(x) - 1, int(3 * perplexity))
    d, near = nearest(x, k)                                                             # (n, k)
    d = (d * d).double()
    d = d - d[:, :1]                                            # the nearest at 0: no row can underflow
    low, high = torch.zeros_like(d[:, :1]), torch.full_like(d[:, :1], torch.inf)
    beta = 1 / d.mean(1, keepdim=True).clamp(min=1e-12)                                 # (n, 1), 1 / 2σ²
    for _ in range(64):
        p = torch.softmax(-beta * d, 1)                                                 # (n, k)
        wide = -torch.xlogy(p, p).sum(1, keepdim=True) > math.log(perplexity)
        low, high = torch.where(wide, beta, low), torch.where(wide, high, beta)
        beta = torch.where(high.isinf(), 2 * beta, (low + high) / 2)
    p = torch.zeros(n, n, dtype=d.dtype, device=x.device).scatter_(1, near, p)
    return (p + p.T) / (2 * n)


def _start(x, seed):
    lots = torch.randn(len(x), 2, generator=torch.Generator().manual_seed(seed))
    y = torch.zeros(len(x), 2)
    k = min(2, x.shape[1])
    y[:, :k] = pca(x, k).project(x).float().cpu()
    return (1e-4 * y / y[:, 0].std() + 1e-6 * lots).to(x.device)
