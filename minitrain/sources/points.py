"""Points on a plane in two colours: the smallest data on which you can see what a model has learned.

Five sets, from one that a straight line parts to one that takes a hidden layer or two. All lie within about -3 … 3 both ways.
"""
from math import pi

import torch

from minitrain.sources.batching import generator


def points(kind="rings", n=400, *, noise=0.1, seed=0):
    """n points x (n, 2) float32 and their colours y (n,) int64, 0 or 1, half of each, shuffled.

    kind: one of KINDS.  noise: how far points stray, as a standard deviation; the plane is 6 wide. The same seed with other
    noise gives the same points, strayed further.

    >>> x, y = points("spirals", n=100, noise=0.05, seed=1)
    >>> x.shape, y.bincount().tolist()
    (torch.Size([100, 2]), [50, 50])
    """
    if kind not in KINDS:
        raise ValueError(f"There are no points of kind {kind!r}; there are {', '.join(KINDS)}.")
    if n < 2:
        raise ValueError(f"{n} points were asked for; two colours need at least 2.")
    if not noise >= 0:
        raise ValueError(f"noise is {noise}; it is a standard deviation, 0 or more.")
    lots = generator("points", kind, seed)
    y = (torch.arange(n) % 2)[torch.randperm(n, generator=lots)]
    u = torch.rand(n, 2, generator=lots)                                # where along its shape each point lies
    return KINDS[kind](u, y) + noise * torch.randn(n, 2, generator=lots), y


def _blobs(u, y):
    radius, angle = 1.3 * u[:, 0].sqrt(), 2 * pi * u[:, 1]              # the root: as many points a patch near the rim as inside
    return _polar(radius, angle) + torch.where(y == 1, 1.5, -1.5)[:, None]


def _xor(u, y):
    """Two opposite quarters of the plane are of one colour: no straight line parts them."""
    corner = 0.2 + 2.5 * u                                              # away from both axes
    side = torch.where(u[:, 0] * 1e4 % 1 < 0.5, 1.0, -1.0)              # the lot's later digits: which of the two quarters
    return corner * torch.stack([side, side * (2 * y - 1)], 1)


def _rings(u, y):
    """A disc, and a ring round it."""
    low, high = torch.where(y == 1, 0.0, 1.8), torch.where(y == 1, 1.1, 2.6)
    return _polar((low**2 + (high**2 - low**2) * u[:, 0]).sqrt(), 2 * pi * u[:, 1])


def _moons(u, y):
    """Two crescents, each with a horn in the other's hollow."""
    angle, up = pi * u[:, 0], 1 - 2 * y
    return 1.6 * torch.stack([angle.cos() - up / 2, up * (angle.sin() - 0.25)], 1)


def _spirals(u, y):
    """Two arms, each turning 1.6 times around the other's."""
    along = 0.05 + 0.95 * u[:, 0]
    return _polar(2.7 * along, 3.2 * pi * along + pi * y)


def _polar(radius, angle):
    return radius[:, None] * torch.stack([angle.cos(), angle.sin()], 1)


KINDS = {"blobs": _blobs, "rings": _rings, "moons": _moons, "xor": _xor, "spirals": _spirals}       # from easy to hard
