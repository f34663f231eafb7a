"""A curve as a sum of waves, from slow to fast. How many there are is all of its capacity."""
import math

import torch
from torch import nn


class Waves(nn.Module):
    """The sum over k = 0 … K-1 of height_k · cos(kπx) / (1 + k).  x (n, 1) in 0 … 1; the answer is (n, 1).

    Heights start at 0. The divisor makes fast waves dear: training raises the slow ones first, and among sums that fit equally
    well the one of the smallest heights is the smoothest.

    >>> x = torch.linspace(0, 1, 5)[:, None]
    >>> model = Waves(50).fit(x, x**2)
    >>> torch.allclose(model(x), x**2, atol=1e-4), model.heights.shape
    (True, torch.Size([50, 1]))
    """

    def __init__(self, K):
        super().__init__()
        if K < 1:
            raise ValueError(f"Waves needs at least one wave; got {K}.")
        self.heights = nn.Parameter(torch.zeros(K, 1))

    def units(self, x):
        """Each wave at each point: (n, K)."""
        k = torch.arange(len(self.heights))
        return torch.cos(math.pi * k * x) / (1 + k)

    def forward(self, x):
        return self.units(x) @ self.heights

    def fit(self, x, y):
        """The heights with the least squared error at once, without a loop; of several such, the smallest. Returns the model."""
        solved = torch.linalg.lstsq(self.units(x).double(), y.double(), driver="gelsd").solution
        self.heights.data = solved.to(self.heights)
        return self
