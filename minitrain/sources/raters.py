"""Labels from people who disagree: simulated raters, the label that most of them give, and how far they agree beyond chance."""
import torch

from minitrain.sources.batching import generator


def rate(truth, errors, *, difficulty=None, seed=0):
    """What raters say of items whose truth is 0 or 1: (raters, n) int64.

    errors: each rater's chance of an error, or a pair (on items that are 0, on items that are 1).  difficulty (n,): multiplies
    the chance, the same for all raters: what is hard for one is hard for the others.

    >>> rate(torch.tensor([0, 1, 1]), errors=[0.0, 1.0])
    tensor([[0, 1, 1],
            [1, 0, 0]])
    """
    truth = torch.as_tensor(truth)
    lots = generator("raters", seed)
    pairs = [(e, e) if isinstance(e, int | float) else tuple(e) for e in errors]
    chance = torch.tensor(pairs, dtype=torch.float32)[:, truth]                     # (raters, n)
    if difficulty is not None:
        chance = (chance * torch.as_tensor(difficulty)).clamp(0, 1)
    return (truth ^ (torch.rand(chance.shape, generator=lots) < chance)).long()


def majority(ratings, *, tie=None):
    """The label that most raters give each item: (n,) int64.  ratings: one row of labels a rater.

    tie: the label where the most frequent ones are equally frequent; None refuses.

    >>> majority([[0, 1, 1], [0, 1, 0], [1, 1, 0]])
    tensor([0, 1, 0])
    """
    votes = _votes(_table(ratings, "majority"))                                                     # (n, K)
    tied = (votes == votes.max(1, keepdim=True).values).sum(1) > 1
    if tied.any() and tie is None:
        raise ValueError(f"majority: item {int(tied.nonzero()[0])} is tied. Ask one more rater, or say what a tie means: tie=0.")
    return torch.where(tied, torch.tensor(-1 if tie is None else tie), votes.argmax(1))


def cohen_kappa(a, b):
    """Agreement of two raters beyond chance: (observed - chance) / (1 - chance); 1 is perfect, 0 is chance. Cohen, 1960.

    >>> cohen_kappa([0, 0, 1, 1], [0, 1, 1, 1])
    0.5
    """
    table = _table([a, b], "cohen_kappa")
    K = int(table.max()) + 1
    shares = torch.stack([torch.bincount(row, minlength=K) for row in table]).double() / table.shape[1]     # (2, K)
    return _beyond(float((table[0] == table[1]).double().mean()), float((shares[0] * shares[1]).sum()), "cohen_kappa")


def fleiss_kappa(ratings):
    """Agreement of k raters beyond chance, chance taken from how often each label is given at all. Fleiss, 1971.

    >>> round(fleiss_kappa([[0, 0, 1, 1], [0, 1, 1, 1], [0, 0, 1, 1]]), 2)
    0.66
    """
    table = _table(ratings, "fleiss_kappa")
    k, n = table.shape
    if k < 2:
        raise ValueError("fleiss_kappa needs at least two raters; one always agrees with themselves.")
    votes = _votes(table).double()
    observed = ((votes * (votes - 1)).sum(1) / (k * (k - 1))).mean()                # pairs of raters that agree, over all pairs
    return _beyond(float(observed), float(((votes.sum(0) / (n * k)) ** 2).sum()), "fleiss_kappa")


def _beyond(observed, chance, who):
    if chance == 1:
        raise ValueError(f"{who}: every rater gave every item the same label, so agreement beyond chance is 0/0.")
    return (observed - chance) / (1 - chance)


def _votes(table):
    return torch.nn.functional.one_hot(table).sum(0)                                # (raters, n, K) -> (n, K)


def _table(ratings, who):
    rows = [torch.as_tensor(row) for row in ratings]
    lengths = [len(row) for row in rows]
    if not rows or not lengths[0]:
        raise ValueError(f"{who} got no ratings.")
    if len(set(lengths)) > 1:
        raise ValueError(f"{who}: every rater must rate the same items; these raters gave {', '.join(map(str, lengths))} labels.")
    table = torch.stack(rows)
    if table.is_floating_point() or int(table.min()) < 0:
        raise TypeError(f"{who}: labels are whole numbers from 0 up; got {table.dtype}, smallest {table.min().item()}.")
    return table.long()
