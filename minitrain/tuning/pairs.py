"""Two answers to one prompt, and which is better: the data of a reward model and of DPO, and their source.

Who rated, and by what taste, this file refuses to know. A rating is a share from 0 to 1: of the raters who preferred the first
answer, or of one rater's mind: 1 the first, 0 the second, 0.5 a tie.
"""
from dataclasses import dataclass, fields

import torch

from minitrain.sources.batching import batches
from minitrain.tuning.sampled import together


@dataclass
class Pairs:
    """N pairs, as tensors.  first, second (N, T): prompt, answer, end tokens; their masks (N, T-1) as in `sampled.Answers`.

    share (N,): how far the first is preferred.  reference (N, 2): log-probabilities of both answers under DPO's reference.
    """
    first: torch.Tensor
    first_mask: torch.Tensor
    second: torch.Tensor
    second_mask: torch.Tensor
    share: torch.Tensor
    reference: torch.Tensor | None = None

    def __len__(self):
        return len(self.share)

    def __getitem__(self, rows):
        return Pairs(*(None if (x := getattr(self, f.name)) is None else x[rows] for f in fields(self)))

    @property
    def both(self):
        """(ids, mask) of all first answers and then all second ones, (2N, …): one pass instead of two."""
        return torch.cat([self.first, self.second]), torch.cat([self.first_mask, self.second_mask])


def pairs(prompts, first, second, share=None, *, end, context, device=None):
    """`Pairs` of lists of token numbers: prompts, and two answers to each, without their end tokens.

    share: a rating for each pair; None says that every first answer is the chosen one. Ratings that contradict each
    other stay as they are, each a pair: the loss weighs them. ValueError, in one sentence, where they say nothing:
    ties alone, or always the same place.

    >>> made = pairs([[1, 2]] * 2, [[3], [4]], [[4], [3, 3]], [1.0, 0.5], end=0, context=8)
    >>> made.second.tolist(), made.share.tolist()
    ([[1, 2, 4, 0, 0], [1, 2, 3, 3, 0]], [1.0, 0.5])
    """
    if not len(prompts) == len(first) == len(second) or not len(prompts):
        raise ValueError(f"pairs: got {len(prompts)} prompts, {len(first)} first and {len(second)} second answers; each prompt "
                         "needs one of both, and there must be one at least.")
    if empty := [i for i, answers in enumerate(zip(first, second)) if not all(answers)]:
        raise ValueError(f"pairs: an answer of pair {empty[0]} is empty; there is nothing to prefer in it. Leave the pair out.")
    longest = max(range(len(prompts)), key=lambda i: len(prompts[i]) + max(len(first[i]), len(second[i])))
    if (n := len(prompts[longest]) + max(len(first[longest]), len(second[longest])) + 1) > context:
        raise ValueError(f"pairs: prompt and answer of pair {longest} have {n} tokens with the end; the model's context is "
                         f"{context}. Leave it out, or shorten it.")
    ratings = torch.ones(len(prompts)) if share is None else rated(share, len(prompts))
    ids, mask = together([*prompts, *prompts], [[*answer, end] for answer in (*first, *second)], end, device)
    (a, b), (a_mask, b_mask) = ids.chunk(2), mask.chunk(2)
    return Pairs(a, a_mask, b, b_mask, ratings.to(device))


def rated(share, n):
    """Ratings as a tensor (n,), after a look whether something can be learned from them."""
    share = torch.as_tensor(share, dtype=torch.float32)
    if share.shape != (n,) or not ((share >= 0) & (share <= 1)).all():
        raise ValueError(f"A rating for each of {n} pairs is needed, from 0 (the second is better) to 1 (the first); got shape "
                         f"{tuple(share.shape)}{f', from {share.min():g} to {share.max():g}' * (share.numel() > 0)}.")
    if n > 1 and (share == share[0]).all():
        what = "a tie" if share[0] == 0.5 else f"{share[0]:g}, which is about the place and not about the answer"
        raise ValueError(f"All {n} ratings are the same, {what}: there is no taste in them that could be learned. Show the two "
                         "answers in either order, and rate again.")
    return share


def agreed(ratings):
    """The share of raters who preferred the first of each pair, (n,).  ratings (raters, n): 1 the first, 0 the second, 0.5 a tie.

    Where raters contradict each other, the share says how far; where they cancel out everywhere, ValueError.

    >>> agreed([[1, 0, 0.5], [1, 1, 0]])
    tensor([1.0000, 0.5000, 0.2500])
    """
    table = torch.as_tensor(ratings, dtype=torch.float32)
    if table.ndim != 2 or not table.numel():
        raise ValueError(f"agreed needs a row of ratings for each rater; got shape {tuple(table.shape)}.")
    share = table.mean(0)
    if (share == 0.5).all():
        raise ValueError(f"The ratings of {len(table)} raters cancel out in each of {len(share)} pairs: nothing is preferred to "
                         "anything. Ask more raters, or about other pairs.")
    return share


def split(made, *, held_out=0.2, seed=0):
    """(pairs to train on, pairs held out), shuffled."""
    n = round(held_out * len(made))
    if not 0 < n < len(made):
        raise ValueError(f"split: {held_out} of {len(made)} pairs leaves one side empty.")
    order = torch.randperm(len(made), generator=torch.Generator().manual_seed(seed))
    return made[order[n:]], made[order[:n]]


class Shuffled:
    """A source of `Pairs`, `size` at a time, each pair once an epoch; batch i depends on (seed, i) alone."""

    def __init__(self, made, *, size=64, seed=0):
        self.pairs, rows = made, torch.arange(len(made))
        self.rows = batches(rows, rows, size=size, seed=seed)

    def at(self, i):
        return self.pairs[self.rows.at(i)[0].to(self.pairs.share.device)]
