"""Calibration: of the answers that a model is 90 % sure of, 90 % should be right.

Confidence is the probability of the answer given, the largest one. Guo and others, On Calibration of Modern Neural Networks,
2017; the error below is theirs, with bins of equal width. It refuses to know any model: it is given numbers.
"""
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Reliability:
    """Answers in bins of confidence, empty bins left out: how many, the mean confidence said, and the share that was right."""
    n: torch.Tensor                 # (bins,)
    said: torch.Tensor              # (bins,)
    right: torch.Tensor             # (bins,)

    @property
    def error(self):
        """The expected calibration error: the mean distance of said and right, each bin counted by its answers."""
        return float((self.n * (self.said - self.right).abs()).sum() / self.n.sum())


def reliability(confidence, right, *, bins=10):
    """Sort answers by how sure they were.  confidence (n,) from 0 to 1; right (n,) true or false, or 1 and 0.

    Bin b of `bins` holds the confidences above b/bins and up to (b+1)/bins.

    >>> found = reliability([0.95, 0.95, 0.55, 0.55], [True, True, True, False])
    >>> found.n.tolist(), found.right.tolist(), round(found.error, 3)
    ([2.0, 2.0], [0.5, 1.0], 0.05)
    """
    confidence, right = torch.as_tensor(confidence, dtype=torch.float64), torch.as_tensor(right, dtype=torch.float64)
    if confidence.ndim != 1 or confidence.shape != right.shape or not len(confidence):
        raise ValueError("reliability needs one confidence and one true or false for each answer, at least one; got shapes "
                         f"{tuple(confidence.shape)} and {tuple(right.shape)}.")
    if not bool(((confidence >= 0) & (confidence <= 1 + 1e-6)).all()):
        raise ValueError("reliability got a confidence outside 0 … 1; a model's answers become probabilities by softmax(1).")
    if bins < 1:
        raise ValueError(f"reliability got bins={bins}; it needs at least 1.")
    where = ((bins * confidence).ceil().long() - 1).clamp(0, bins - 1)
    n, said, hits = (torch.zeros(bins, dtype=torch.float64).index_add(0, where, what)
                     for what in (torch.ones_like(confidence), confidence, right))
    there = n > 0
    return Reliability(n[there], said[there] / n[there], hits[there] / n[there])


def temperature(logits, y):
    """The one number T > 0 for which softmax(logits / T) is least surprised by y.  logits (n, K), y (n,). (Guo, 2017)

    The order of the answers stays, and so does the accuracy; above 1 the model becomes more modest, below 1 bolder.
    Fit it on examples that the model was not trained on. Found by bisection: in 1/T the loss is convex.

    >>> logits = torch.tensor([[4.0, 0.0]] * 4)             # 98 % sure, four times …
    >>> T = temperature(logits, torch.tensor([0, 0, 0, 1]))
    >>> round(float((logits / T).softmax(1)[0, 0]), 3)      # … and right three times
    0.75
    """
    logits, y = torch.as_tensor(logits).detach().double(), torch.as_tensor(y)
    if logits.ndim != 2 or y.shape != logits.shape[:1] or not len(y):
        raise ValueError(f"temperature needs logits (n, K) and labels (n,); got {tuple(logits.shape)} and {tuple(y.shape)}.")
    low, high = 1e-3, 1e3                                               # of 1/T
    own = logits[torch.arange(len(y)), y].mean()
    for _ in range(60):
        middle = (low * high) ** 0.5
        slope = ((middle * logits).softmax(1) * logits).sum(1).mean() - own
        low, high = (low, middle) if slope > 0 else (middle, high)
    return 1 / middle
