"""k-means: k centres, each the mean of the points that are nearest to it.

It makes the sum of squared distances from points to their centres smaller, in two steps that can not make it larger: every
point goes to its nearest centre, every centre to the mean of its points (Lloyd, 1957, printed 1982). It ends where no step helps,
which need not be the best place: hence several starts, each spread out by k-means++ (Arthur and Vassilvitskii, 2007).
"""
from dataclasses import dataclass

import torch

from minitrain.unsupervised.neighbours import points_of, squared_distances


@dataclass
class Clusters:
    """centres (k, d), each point's centre as labels (n,) int64, the sum of squared distances, and how many rounds it took."""
    centres: torch.Tensor
    labels: torch.Tensor
    inertia: float
    rounds: int


def kmeans(x, k, *, tries=10, rounds=300, seed=0):
    """Cut points x (n, d) into k groups: the best `Clusters` of `tries` starts, each of at most so many rounds.

    >>> x = torch.tensor([[0.0], [1.0], [10.0], [12.0]])
    >>> found = kmeans(x, k=2, seed=0)
    >>> sorted(found.centres[:, 0].tolist()), found.inertia
    ([0.5, 11.0], 2.5)
    """
    x = points_of(x, "kmeans", least=1)
    if not 1 <= k <= len(x):
        raise ValueError(f"kmeans: k is {k}, and there are {len(x)} points; ask for 1 to {len(x)} groups.")
    if tries < 1 or rounds < 1:
        raise ValueError(f"kmeans got tries={tries} and rounds={rounds}; both are at least 1.")
    lots, middle = torch.Generator().manual_seed(seed), x.mean(0)
    x = x - middle                                              # shorter vectors: more exact distances
    best = min((lloyd(x, spread_out(x, k, lots), rounds) for _ in range(tries)), key=lambda found: found.inertia)
    best.centres += middle
    return best


def spread_out(x, k, lots):
    """k of the points x (n, d) to start from, (k, d): each drawn with a chance as its squared distance from those before it.

    This is k-means++: the expected sum of squares is within a factor 8 (ln k + 2) of the least.  lots: a CPU generator.
    """
    centres = [x[torch.randint(len(x), (1,), generator=lots)]]                          # (1, d)
    d = squared_distances(x, centres[0])[:, 0]                                          # (n,), to the nearest so far
    while len(centres) < k:
        d = d.where((x != centres[-1]).any(1), 0)                                       # the product's rounding is no distance
        total = d.double().cumsum(0)
        if total[-1] == 0:
            raise ValueError(_too_few(len(x), len(centres), k))
        lot = torch.rand(1, generator=lots, dtype=torch.float64).to(x.device)
        centres.append(x[torch.searchsorted(total, lot * total[-1], right=True)])       # never one at distance 0
        d = torch.minimum(d, squared_distances(x, centres[-1])[:, 0])
    return torch.cat(centres)


def lloyd(x, centres, rounds=300):
    """From these centres (k, d) on, rounds of the two steps until no point changes its centre. A centre without points goes to
    the point that is farthest from its own."""
    labels, done = None, 0
    while done < rounds:
        d, nearest = squared_distances(x, centres).min(1)                               # (n,), (n,)
        if labels is not None and torch.equal(nearest, labels):
            break
        labels, k, done = nearest, len(centres), done + 1
        counts = labels.bincount(minlength=k)                                           # (k,)
        centres = torch.zeros_like(centres).index_add_(0, labels, x) / counts.clamp(min=1)[:, None]
        if empty := int((counts == 0).sum()):
            centres[counts == 0] = x[d.topk(empty).indices]
    own = ((x - centres[labels]) ** 2).sum(dtype=torch.float64)
    return Clusters(centres, labels, float(own), done)


def _too_few(n, different, k):
    if different == 1:
        return f"kmeans: all {n} points are equal; there is nothing to tell {k} groups apart by."
    return f"kmeans: k is {k}, but only {different} of the {n} points differ; ask for at most {different} groups."
