"""Real handwritten digits that need no download: scikit-learn ships them.

1,797 digits of 8 x 8 pixels by 13 people: the test part of the set; 30 others wrote the training part. E. Alpaydin and
C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository, 1998, doi:10.24432/C50P49.
"""
from functools import cache

import torch


@cache
def _stored():
    from sklearn.datasets import load_digits  # late: half a second to import

    return load_digits()


def digits():
    """The pictures x (1797, 64) float32 in 0 … 1, row by row, and what they show, y (1797,) int64.

    >>> x, y = digits()
    >>> x.shape, y[:10].tolist()
    (torch.Size([1797, 64]), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    """
    data = _stored()
    return torch.tensor(data.data / 16, dtype=torch.float32), torch.tensor(data.target, dtype=torch.int64)


def few_digits(n=300, *, wrong=0.0, held_out=797, seed=0):
    """n digits to learn from, the first round(wrong · n) with another label than their own, and held-out ones, all right.

    Returns (x (n, 64), labels (n,)), (x (held_out, 64), y (held_out,)). A seed fixes the shuffle, so more digits of one seed
    contain the fewer, and the held-out ones stay the same; which labels are wrong is drawn anew for each n.

    >>> (x, labels), (x_held, y_held) = few_digits(300, wrong=0.2, seed=0)
    >>> x.shape, x_held.shape
    (torch.Size([300, 64]), torch.Size([797, 64]))
    """
    x, y = digits()
    if min(n, held_out) < 1 or n + held_out > len(x):
        raise ValueError(f"few_digits got n={n} and held_out={held_out}; both are above 0, and together at most {len(x)}.")
    if not 0 <= wrong <= 1:
        raise ValueError(f"few_digits got wrong={wrong}; it is a share, from 0 to 1 (0.2: a fifth of the labels is wrong).")
    lots = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(x), generator=lots)
    rows, held, k = order[:n], order[len(x) - held_out:], round(wrong * n)
    labels = y[rows]                                    # a copy
    labels[:k] = (labels[:k] + torch.randint(1, 10, (k,), generator=lots)) % 10
    return (x[rows], labels), (x[held], y[held])
