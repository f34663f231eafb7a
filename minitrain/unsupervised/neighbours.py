"""Who is near whom: distances between points, the nearest of each, and how well a map keeps them.

All of it compares every point with every other, rows at a time. Left out: trees and approximate search, which pay from some ten
thousand points on.
"""
import torch

ROWS = 2**24                                                    # numbers of a block of distances: 64 MB in float32


def points_of(x, who, *, least=2):
    """x (n, d) as floating point, if it can be worked with; else one sentence. `who` asks, and needs `least` points."""
    if not isinstance(x, torch.Tensor) or x.ndim != 2:
        what = f"shape {tuple(x.shape)}" if hasattr(x, "shape") else type(x).__name__
        raise ValueError(f"{who} got {what}; it takes a torch tensor (points, numbers each). x.flatten(1) makes one of pictures.")
    if len(x) < least:
        raise ValueError(f"{who} got {len(x)} point{'s' * (len(x) != 1)}; it needs at least {least}.")
    x = x if x.is_floating_point() else x.float()
    bad = ~x.isfinite().all(1)
    if bad.any():
        raise ValueError(f"{who}: {int(bad.sum())} of {len(x)} points hold a number that is not finite (NaN or infinity), the "
                         f"first is point {int(bad.nonzero()[0])}. Leave them out, x[x.isfinite().all(1)], or fill them in.")
    return x


def squared_distances(x, y):
    """|x_i - y_j|² for x (n, d), y (m, d): (n, m). By one matrix product, so exact only to some 1e-7 of the squared lengths.

    >>> squared_distances(torch.tensor([[0.0, 0.0]]), torch.tensor([[3.0, 4.0], [0.0, 1.0]]))
    tensor([[25.,  1.]])
    """
    lengths = (x * x).sum(1, keepdim=True), (y * y).sum(1)
    return (lengths[0] + lengths[1]).addmm_(x, y.T, alpha=-2).clamp_(min=0)         # (n, m)


def nearest(x, k):
    """The k nearest other points of each, nearest first: distances (n, k) and numbers (n, k).

    >>> nearest(torch.tensor([[0.0], [1.0], [3.0]]), k=1)
    (tensor([[1.],
            [1.],
            [2.]]), tensor([[1],
            [0],
            [1]]))
    """
    if not 1 <= k < len(x):
        raise ValueError(f"{k} neighbours were asked for; of {len(x)} points each has {len(x) - 1} others.")
    x, found, step = x - x.mean(0), [], max(1, ROWS // len(x))     # centred: shorter vectors, more exact distances
    for i in range(0, len(x), step):
        d = squared_distances(x[i:i + step], x)
        d[torch.arange(len(d)), torch.arange(i, i + len(d))] = torch.inf             # nobody is their own neighbour
        found.append(d.topk(k, largest=False))
    return torch.cat([f.values for f in found]).sqrt(), torch.cat([f.indices for f in found])


def trustworthiness(x, y, *, k=12):
    """How far the k nearest of each point in the map y (n, 2) can be believed: 1 if all are among its k nearest in x (n, d) too.

    Each neighbour that is none in x costs by how many ranks it was beyond the k-th there; on average, a map drawn by lot gets
    about 1/2. Nothing is said of distances between groups, or of sizes. Venna and Kaski, 2001.

    >>> x = torch.rand(200, 3, generator=torch.Generator().manual_seed(0))
    >>> trustworthiness(x, 5 * x[:, [1, 0, 2]] + 1)         # turned, scaled and moved: the same neighbours
    1.0
    """
    x, y = points_of(x, "trustworthiness"), points_of(y, "trustworthiness")
    n = len(x)
    if len(y) != n or not 1 <= k < n / 2:
        raise ValueError(f"trustworthiness got {n} points, {len(y)} on the map and k={k}; it takes a place for each point, and k "
                         "below half their number.")
    _, near = nearest(y, k)
    x, beyond, step = x - x.mean(0), 0, max(1, ROWS // n)
    for i in range(0, n, step):
        d = squared_distances(x[i:i + step], x)
        d[torch.arange(len(d)), torch.arange(i, i + len(d))] = -1                    # rank 0: itself
        rank = torch.empty_like(d, dtype=torch.int64)
        rank.scatter_(1, d.argsort(1), torch.arange(n, device=x.device).expand(len(d), n))
        beyond += int((rank.gather(1, near[i:i + step]) - k).clamp(min=0).sum())
    return 1 - 2 * beyond / (n * k * (2 * n - 3 * k - 1))
