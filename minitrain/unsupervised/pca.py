"""Principal component analysis: the directions along which points differ most, at right angles to each other.

Centre the points, x - mean = U S Vᵀ; the rows of Vᵀ are the directions, S² / (n - 1) the variances along them. No flat
picture of as many dimensions keeps more of the variance, nor gives points back with less squared error. Pearson, 1901;
Eckart and Young, 1936.
"""
from dataclasses import dataclass

import torch

from minitrain.unsupervised.neighbours import points_of


@dataclass
class PCA:
    """mean (d,), components (k, d) of length 1, most varied first, the variance (k,) along each, and in all."""
    mean: torch.Tensor
    components: torch.Tensor
    variance: torch.Tensor
    total: float

    @property
    def kept(self):
        """The share of the variance along each component, (k,)."""
        return self.variance / self.total

    def project(self, x):
        """Points (n, d) as numbers along the components (n, k)."""
        return (x - self.mean) @ self.components.T

    def back(self, z):
        """From (n, k) to the nearest points (n, d) that k numbers can say."""
        return z @ self.components + self.mean


def pca(x, k):
    """The k directions of most variance of the points x (n, d).  Signs are free; here each one's largest number is positive.

    Computed in float64: directions of nearly equal variance are told apart by small differences.

    >>> found = pca(torch.tensor([[1.0, 1.0], [2.0, 2.0], [3.0, 3.5]]), k=1)
    >>> found.components, found.kept
    (tensor([[0.6216, 0.7833]]), tensor([0.9969]))
    """
    x = points_of(x, "pca")
    n, d = x.shape
    if not 1 <= k <= min(n, d):
        raise ValueError(f"pca: k is {k}; {n} points of {d} numbers have 1 to {min(n, d)} components.")
    if (x == x[0]).all():
        raise ValueError(f"pca: all {n} points are equal; they vary in no direction.")
    mean = x.double().mean(0)
    _, s, directions = torch.linalg.svd(x.double() - mean, full_matrices=False)
    largest = directions.gather(1, directions.abs().argmax(1, keepdim=True))            # (min(n, d), 1)
    directions, variance = directions * largest.sign(), s**2 / (n - 1)
    return PCA(mean.to(x.dtype), directions[:k].to(x.dtype), variance[:k].to(x.dtype), float(variance.sum()))
