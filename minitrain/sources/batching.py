"""From data to batches: `split` holds some back, `batches` shuffles the rest, epoch after epoch.

Nothing here has a state that training could change: batch i is a function of (seed, i), so a resumed run sees what an
uninterrupted one would have seen. Left out: worker processes and pinned memory; all data of this course fits into memory.
"""
import hashlib

import torch


def generator(*what):
    """A torch.Generator for this purpose and no other: generator("epoch", seed, 3). Always on the CPU: every machine, same lots.

    >>> torch.rand(1, generator=generator("epoch", 0, 3)) == torch.rand(1, generator=generator("epoch", 0, 3))
    tensor([True])
    """
    digest = hashlib.blake2b(repr(what).encode(), digest_size=8).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest, "little", signed=True))


def batches(x, y, *, size=64, seed=0, augment=None):
    """An endless source of shuffled batches (x, y): every epoch takes every example once, its last batch may be smaller.

    x, y: tensors (or arrays) of equal length; batches stay on their device.  augment: (x, generator) -> x, anew for every batch.
    `len` of it is the number of batches an epoch.

    >>> source = batches(torch.arange(10.0), torch.arange(10), size=4, seed=0)
    >>> [len(source.at(i)[1]) for i in range(6)]            # two epochs
    [4, 4, 2, 4, 4, 2]
    >>> sorted(torch.cat([source.at(i)[1] for i in range(3, 6)]).tolist())
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    """
    return _Batches(x, y, size, seed, augment)


class _Batches:
    def __init__(self, x, y, size, seed, augment):
        _check(x, y, "batches")
        if size < 1:
            raise ValueError(f"batches got size={size}; a batch needs at least 1 example.")
        self.x, self.y, self.size, self.seed, self.augment = x, y, size, seed, augment
        self._epoch, self._order = None, None                   # kept: the next batch needs the same

    def __len__(self):
        return (len(self.x) + self.size - 1) // self.size

    def at(self, i):
        if i < 0:
            raise IndexError(f"There is no batch number {i}; they count from 0.")
        epoch, place = divmod(i, len(self))
        if epoch != self._epoch:
            order = torch.randperm(len(self.x), generator=generator("epoch", self.seed, epoch))
            self._epoch, self._order = epoch, order.to(getattr(self.x, "device", "cpu"))
        rows = self._order[place * self.size:(place + 1) * self.size]
        x, y = self.x[rows], self.y[rows]
        return (x if self.augment is None else self.augment(x, generator("augment", self.seed, i))), y


def split(x, y, *, held_out=0.2, seed=0):
    """Hold some examples back for testing, the same share of every class: (x, y), (x_held, y_held), both shuffled.

    y: whole numbers (n,), the classes.  held_out: the share held back, between 0 and 1; each class keeps at least one example
    on either side.

    >>> y = torch.tensor([0] * 90 + [1] * 10)
    >>> (_, y), (_, y_held) = split(torch.arange(100.0), y, held_out=0.2, seed=0)
    >>> y.bincount().tolist(), y_held.bincount().tolist()
    ([72, 8], [18, 2])
    """
    _check(x, y, "split")
    if not 0 < held_out < 1:
        raise ValueError(f"split got held_out={held_out}; it is a share, above 0 and below 1 (0.2 holds a fifth back).")
    labels = torch.as_tensor(y)
    if labels.is_floating_point() or labels.is_complex() or labels.dim() != 1:
        raise TypeError(f"split got labels of {labels.dtype} and shape {tuple(labels.shape)}; it needs one whole number an "
                        "example, to hold back the same share of every class. Targets that are no classes: cut them after a "
                        "torch.randperm.")
    lots = generator("split", seed)
    keep, hold = [], []
    for label in labels.unique():
        rows = (labels == label).nonzero()[:, 0].cpu()
        if len(rows) < 2:
            raise ValueError(f"Class {label.item()} has one example; split needs two, one for either side. Leave the class "
                             "out, or find another.")
        rows = rows[torch.randperm(len(rows), generator=lots)]
        n = min(max(round(held_out * len(rows)), 1), len(rows) - 1)
        hold, keep = [*hold, rows[:n]], [*keep, rows[n:]]
    keep, hold = (torch.cat(rows)[torch.randperm(sum(map(len, rows)), generator=lots)].to(labels.device) for rows in (keep, hold))
    return (x[keep], y[keep]), (x[hold], y[hold])


def _check(x, y, who):
    for name, value in (("x", x), ("y", y)):
        if not hasattr(value, "shape") or not len(value.shape):
            raise TypeError(f"{who} got {name} as {type(value).__name__}; it needs a tensor with one row an example. "
                            "torch.tensor(…) makes one from a list.")
    if len(x) != len(y):
        raise ValueError(f"{who} got {len(x)} examples in x and {len(y)} labels in y; each example needs its label.")
    if not len(x):
        raise ValueError(f"{who} got no examples: x and y are empty.")
