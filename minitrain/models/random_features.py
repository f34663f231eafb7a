"""Random features: a hidden layer that is drawn and never trained. Only the last layer is fitted, and that in one step.

No loop is needed: of all last layers with the least squared error this takes the one with the smallest weights.
Rahimi and Recht, 2007, with a relu in place of their cosine.
"""
import torch


class RandomFeatures:
    """`width` hidden units relu(x · w + b) with w from N(0, 1/inputs) and b from N(0, 0.01).  x (n, inputs), best around 0.

    Computes in float64: near as many units as examples, float32 is noise.

    >>> x = torch.linspace(-1, 1, 5)[:, None]
    >>> model = RandomFeatures(1, width=50, seed=0).fit(x, x**2)
    >>> torch.allclose(model(x), x.double() ** 2), model.last.shape
    (True, torch.Size([50, 1]))
    """

    def __init__(self, inputs, width, *, seed=0):
        if min(inputs, width) < 1:
            raise ValueError(f"RandomFeatures needs at least one input and one unit; got {inputs} and {width}.")
        lots = torch.Generator().manual_seed(seed)
        self.weights = torch.randn(inputs, width, generator=lots, dtype=torch.float64) / inputs**0.5
        self.bias = 0.1 * torch.randn(width, generator=lots, dtype=torch.float64)
        self.last = None

    def units(self, x):
        """What the hidden units say: (n, width)."""
        return torch.relu(x.double() @ self.weights + self.bias)

    def fit(self, x, y, *, decay=0.0):
        """The last layer (width, outputs) that makes |units · last - y|² + decay · |last|² smallest; of several, the smallest.

        y: (n, outputs).  decay: weight decay, 0 or more.  Returns the model.
        """
        if y.ndim != 2 or len(y) != len(x):
            raise ValueError(f"RandomFeatures.fit needs y as (n, outputs) with n = {len(x)}; got {tuple(y.shape)}.")
        if not decay >= 0:
            raise ValueError(f"decay is {decay}; it is 0 or more.")
        a, y = self.units(x), y.double()
        if not decay:
            self.last = torch.linalg.lstsq(a, y, driver="gelsd").solution
        elif a.shape[1] <= len(a):                                      # two forms of the same; the smaller matrix is faster
            self.last = torch.linalg.solve(a.T @ a + decay * torch.eye(a.shape[1], dtype=a.dtype), a.T @ y)
        else:
            self.last = a.T @ torch.linalg.solve(a @ a.T + decay * torch.eye(len(a), dtype=a.dtype), y)
        return self

    def __call__(self, x):
        return self.units(x) @ self.last                                # (n, outputs)
