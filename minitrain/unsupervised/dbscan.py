"""DBSCAN: groups are where points lie close together, of whatever shape; what lies in no crowd belongs to none.

A point with at least `least` points within `radius` (itself counted) is a core point. Core points within each other's radius
are of one group, and so are those linked by a chain of them. A point that is no core but within a core's radius is on that
group's border; the rest is noise. Ester, Kriegel, Sander and Xu, 1996.
"""
import torch

from minitrain.unsupervised.neighbours import ROWS, points_of

NOISE = -1


def dbscan(x, radius, *, least=5):
    """The group of each point x (n, d), (n,) int64: 0, 1, … in order of their first core point, -1 for noise.

    A border point within reach of two groups goes to the one with the lower number, as in scikit-learn.

    >>> x = torch.tensor([[0.0], [1.0], [2.0], [9.0], [20.0], [21.0], [22.0]])
    >>> dbscan(x, radius=1.0, least=3).tolist()
    [0, 0, 0, -1, 1, 1, 1]
    """
    x = points_of(x, "dbscan", least=1)
    if not radius > 0 or least < 1:
        raise ValueError(f"dbscan got radius={radius} and least={least}; the radius is above 0, in units of x, and a crowd is at "
                         "least 1 point.")
    if len(x) > 1 and (x == x[0]).all():
        raise ValueError(f"dbscan: all {len(x)} points are equal; there are no distances to tell groups apart by.")
    i, j = _pairs(x, radius)
    n, count = len(x), i.bincount(minlength=len(x))
    core = count >= least                                                               # (n,)
    inside = core[i] & core[j]
    group = _linked(n, i[inside], j[inside])                                            # the lowest number linked to each
    edge = core[i] & ~core[j]                                                           # a core point and one on its border
    group = group.where(core, n).scatter_reduce(0, j[edge], group[i[edge]], "amin")     # n stays where no core is near
    leaders = group[core].unique()                                                      # sorted
    return torch.searchsorted(leaders, group).where(group < n, NOISE)


def _pairs(x, radius):
    """All (i, j) within `radius` of each other, i = j too. By differences, not by a product: a distance of exactly the radius
    counts, and must not be rounded away."""
    step = max(1, ROWS // len(x))
    found = []
    for first in range(0, len(x), step):
        d = torch.cdist(x[first:first + step], x, compute_mode="donot_use_mm_for_euclid_dist")
        found.append((d <= radius).nonzero() + torch.tensor([first, 0], device=x.device))
    return torch.cat(found).unbind(1)


def _linked(n, i, j):
    """Connected components: (n,), the lowest number that can be reached from each over the links (i, j), given both ways round.

    Each takes the lowest of its neighbours', then that one's own, and so on: the paths halve, so some log n rounds do.
    """
    lowest = torch.arange(n, device=i.device)
    while True:
        new = lowest.scatter_reduce(0, j, lowest[i], "amin")
        new = new[new]
        if torch.equal(new, lowest):
            return lowest
        lowest = new
