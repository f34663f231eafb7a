"""A noisy curve: one number in, one number out, the truth known. The smallest data on which fitting too well can be seen."""
import math

import torch

from minitrain.sources.batching import generator


def noisy_curve(n=20, *, noise=0.4, seed=0):
    """n points x (n, 1), one drawn from each nth part of 0 … 1, and y (n, 1): the truth at x plus a normal error of size `noise`.

    >>> x, y = noisy_curve(5, seed=1)
    >>> (5 * x).floor().flatten().tolist(), y.shape
    ([0.0, 1.0, 2.0, 3.0, 4.0], torch.Size([5, 1]))
    """
    if n < 1:
        raise ValueError(f"{n} points were asked for; a curve needs at least 1.")
    if not noise >= 0:
        raise ValueError(f"noise is {noise}; it is a standard deviation, 0 or more.")
    lots = generator("curve", n, seed)
    x = (torch.arange(n)[:, None] + torch.rand(n, 1, generator=lots)) / n
    return x, truth(x) + noise * torch.randn(n, 1, generator=lots)


def truth(x):
    """One swing, up and down: sin 2πx."""
    return torch.sin(2 * math.pi * x)
