"""Naive Bayes for two classes of word counts: count how often each word stands in each class, multiply the odds.

It is trained by counting, without a loop; what comes out is linear all the same: bias + counts · weights.
"""
import torch


class NaiveBayes:
    """Multinomial naive Bayes.  `fit(x, y)`: x (n, V) counts, y (n,) 0 or 1; then `model(x)` is the log-odds of class 1, (B,).

    p(word | class) = (count in the class + smoothing) / (all words of the class + smoothing · V). Laplace's rule is a smoothing
    of 1; with next to none, a word that one class never used decides alone. `weights` (V,) are the words' log-odds, `bias` that
    of the classes; `log_prob` (2, V) is what the model would write, word by word. A text without known words gets the bias.

    >>> model = NaiveBayes().fit(torch.tensor([[2.0, 0.0], [0.0, 3.0]]), torch.tensor([1, 0]))
    >>> model.log_prob[1].exp()                             # (2 + 1) / (2 + 2) and (0 + 1) / (2 + 2)
    tensor([0.7500, 0.2500], dtype=torch.float64)
    >>> model.predict(torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
    tensor([1, 0])
    """

    def __init__(self, smoothing=1.0):
        if smoothing <= 0:
            raise ValueError(f"NaiveBayes: smoothing is {smoothing}; it must be above 0, or a word that one class never used "
                             "would weigh infinitely much.")
        self.smoothing, self.weights = smoothing, None

    def fit(self, x, y):
        if x.ndim != 2 or tuple(y.shape) != (len(x),):
            raise ValueError(f"NaiveBayes.fit needs counts (n, V) and labels (n,); got {tuple(x.shape)} and {tuple(y.shape)}.")
        sizes = [int((y == k).sum()) for k in (0, 1)]
        if sum(sizes) != len(y):
            raise ValueError("NaiveBayes.fit: labels are 0 and 1; there are others.")
        if not all(sizes):
            missing = "spam (label 1)" if not sizes[1] else "honest mail (label 0)"
            raise ValueError(f"NaiveBayes.fit: there is no {missing} among the {len(y)} training mails; a filter learns a "
                             "difference, so it needs examples of both.")
        counts = torch.stack([x[y == k].sum(0, dtype=torch.float64) for k in (0, 1)]) + self.smoothing          # (2, V)
        self.log_prob = (counts / counts.sum(1, keepdim=True)).log()
        self.log_prior = torch.tensor(sizes, dtype=torch.float64).div(len(y)).log()
        self.weights = (self.log_prob[1] - self.log_prob[0]).to(x.dtype)                                        # (V,)
        self.bias = (self.log_prior[1] - self.log_prior[0]).to(x.dtype)
        return self

    def __call__(self, x):
        if self.weights is None:
            raise RuntimeError("This NaiveBayes has not been trained; call fit(x, y) first.")
        if x.ndim != 2 or x.shape[1] != len(self.weights):
            raise ValueError(f"NaiveBayes knows {len(self.weights)} words, so it needs counts (B, {len(self.weights)}); got "
                             f"{tuple(x.shape)}.")
        return x @ self.weights + self.bias

    def predict(self, x):
        """The likelier class, (B,) int64."""
        return (self(x) > 0).long()
