"""Real handwritten digits that need no download: scikit-learn ships them.

1,797 digits of 8 x 8 pixels by 13 people: the test part of the set; 30 others wrote the training part. E. Alpaydin and
C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository, 1998, doi:10.24432/C50P49.
"""
import torch


def digits():
    """The pictures x (1797, 64) float32 in 0 … 1, row by row, and what they show, y (1797,) int64.

    >>> x, y = digits()
    >>> x.shape, y[:10].tolist()
    (torch.Size([1797, 64]), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    """
    from sklearn.datasets import load_digits  # late: half a second to import

    data = load_digits()
    return torch.tensor(data.data / 16, dtype=torch.float32), torch.tensor(data.target, dtype=torch.int64)
