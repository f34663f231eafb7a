"""Direct preference optimisation: learn from pairs without a reward model and without sampling.

A policy that is best under a reward with a leash, policy ∝ reference · exp(r / beta), gives its reward away:
r = beta · log(policy / reference) + a number that is the same for all answers to a prompt. Put into Bradley and Terry's model,
that number cancels, and what is left is a loss of the policy alone (Rafailov et al., 2023):

    loss = -mean over pairs of log sigmoid(beta · [log π(y_w|x)/π_ref(y_w|x) - log π(y_l|x)/π_ref(y_l|x)])

log π(y|x) is the *sum* over the answer's tokens, its end among them; a mean over tokens would be another reward (SimPO's, Meng
et al., 2024). A rating between 0 and 1 weighs both directions (conservative DPO, Mitchell, 2023), and a tie pulls the two
rewards together.

    trainer = Trainer(policy, preferred, optim.Adam(policy.parameters(), rate=3e-4, clip=1.0))
    trainer.fit(DPO(policy, made_pairs), steps=200)
"""
from dataclasses import replace

import torch
from torch.nn import functional as F

from minitrain.trainer import Loss
from minitrain.tuning.pairs import Shuffled
from minitrain.tuning.sampled import log_probs


class DPO(Shuffled):
    """A source for `preferred`: shuffled pairs, with the reference's log-probabilities, which never change and are computed once.

    reference: the frozen start, on which the pairs' answers are judged; the policy as it is now, unless given.
    """

    def __init__(self, policy, made, *, reference=None, size=64, seed=0):
        reference, parts = policy if reference is None else reference, []
        with torch.no_grad():
            for rows in torch.arange(len(made)).split(256):
                ids, mask = made[rows].both
                parts.append(log_probs(reference, ids, mask).sum(1).view(2, -1).T)      # (rows, 2)
        super().__init__(replace(made, reference=torch.cat(parts)), size=size, seed=seed)


def preferred(model, batch, *, beta=0.1):
    """DPO's loss, as above, a mean over pairs.  batch: `Pairs` with reference.

    Logs "accuracy" (the share of ratings that the implied reward agrees with; a tie counts half), "margin" (of implied rewards)
    and "chosen", the mean of log π/π_ref of the answers preferred: it often falls, while the margin grows.
    """
    if not beta > 0:
        raise ValueError(f"preferred: beta is {beta}; it must be above 0: without a leash a pair is never sure enough.")
    ids, mask = batch.both
    gained = log_probs(model, ids, mask).sum(1).view(2, -1).T - batch.reference         # (N, 2)
    margin = beta * (gained[:, 0] - gained[:, 1])                                       # (N,)
    with torch.no_grad():
        first = batch.share > 0.5
        logs = {"accuracy": agreement(margin, batch.share), "margin": (margin * (2 * batch.share - 1)).mean(),
                "chosen": torch.where(first, gained[:, 0], gained[:, 1]).mean()}
    return Loss(F.binary_cross_entropy_with_logits(margin, batch.share), n=len(batch), logs=logs)


def agreement(margin, share):
    """The share of ratings that agree with the sign of the margin; where it is 0, or the rating a tie, half."""
    return torch.where(margin == 0, 0.5, torch.where(margin > 0, share, 1 - share)).mean()
