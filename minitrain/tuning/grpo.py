"""Group-relative policy optimisation: several answers to each prompt, and an answer is as good as it is better than its siblings.

No critic: what to expect is the group's own mean. Shao et al., 2024 (DeepSeekMath), with outcome supervision:

    A_i  = (r_i - mean(r)) / std(r)             over the G answers to one prompt, the same for every token of answer i
    loss = -1/G Σ_i 1/|y_i| Σ_t [min(ratio·A_i, cut(ratio, 1 ± clip)·A_i) - beta · (u - ln u - 1)],   u = reference / policy

Three things in it are choices, and each has another one here. (1) 1/|y_i|: every answer weighs the same, so that a token of a
long answer weighs less, and a long wrong answer is hardly punished; (2) std(r): a prompt whose answers are nearly alike weighs
most. Liu et al., 2025 (Dr. GRPO) show both biases and drop both: `mean` a constant, `spread=False`. (3) The leash: u - ln u - 1
is, in the mean over the policy's answers, KL(policy ‖ reference), but its *gradient* is that of KL(reference ‖ policy) (Tang
and Munos, 2025). On answers of one token, without std(r), the loss so ends at beta·reference(y) / (c - r(y)), not at
reference(y)·exp(r(y) / beta), where a leash in the reward (`GRPO(beta=…)`, with beta=0 in the loss) ends.

    trainer = Trainer(policy, relative, optim.Adam(policy.parameters(), rate=1e-3, clip=1.0))
    trainer.fit(GRPO(policy, prompts, reward, end=tokenizer.end, group=8), steps=100)
"""
import torch

from minitrain.trainer import Loss
from minitrain.tuning.sampled import OnPolicy, log_probs


def group_advantages(rewards, group, *, spread=True):
    """(r - mean) / std within each group of so many neighbours, (N,); std over the group as it is (divided by G, not G - 1).

    A group whose rewards are all alike has no better answer: its advantages are 0.  spread=False: without the division.

    >>> group_advantages(torch.tensor([1.0, 3.0, 5.0, 5.0]), group=2)
    tensor([-1.,  1.,  0.,  0.])
    """
    if group < 2 or len(rewards) % group:
        raise ValueError(f"group_advantages: {len(rewards)} rewards can not be cut into groups of {group}; a group has 2 answers "
                         "at least, and all have the same number.")
    r = rewards.view(-1, group)                                                         # (prompts, G)
    off = r - r.mean(1, keepdim=True)
    scale = off.square().mean(1, keepdim=True).sqrt() if spread else torch.ones_like(r[:, :1])
    alike = r.max(1, keepdim=True).values == r.min(1, keepdim=True).values              # rounding must not make a difference
    return torch.where(alike, 0.0, off / (scale + 1e-8 * (scale == 0))).flatten()


class GRPO(OnPolicy):
    """A source for `relative`: rounds of answers, each with an advantage over its group.

    beta: of a leash in the reward, r - beta · log(policy / reference) of the whole answer; 0 where the loss has it, as published.
    Other options as in `OnPolicy`.
    """

    def __init__(self, policy, prompts, reward, *, beta=0.0, spread=True, group=8, **options):
        if not beta >= 0 or group < 2:
            raise ValueError(f"GRPO got beta={beta}, group={group}; beta is 0 or above, and a group has 2 answers at least.")
        super().__init__(policy, prompts, reward, group=group, **options)
        self.beta, self.spread = beta, spread

    def valued(self, answers):
        answers.advantages = group_advantages(answers.rewards - self.beta * answers.kl, self.group, spread=self.spread)
        return answers


def relative(model, batch, *, beta=0.04, clip=0.2, mean="answers"):
    """GRPO's loss, as above.  batch: `Answers` with advantages (N,).

    mean: "answers", each answer's own mean over its tokens, then over answers (Shao et al.); "tokens", over all tokens of the
    batch (Yu et al., 2025); a number, sums over tokens divided by that number, the same for all (Liu et al., 2025, take the most
    tokens that an answer may have). n is answers, or tokens for "tokens". Logs "kl" (how far the policy has moved in this round,
    as in `rl.ppo.clipped`), "clipped" and "leash", the mean of u - ln u - 1.
    """
    if mean not in ("answers", "tokens") and not (isinstance(mean, int | float) and mean > 0):
        raise ValueError(f"relative: mean is {mean!r}; it is 'answers', 'tokens' or a number of tokens.")
    now = log_probs(model, batch.ids, batch.mask)                                       # (N, T-1)
    log_ratio = now - batch.log_probs
    ratio, A = log_ratio.exp(), batch.advantages[:, None]
    gain = torch.minimum(ratio * A, ratio.clamp(1 - clip, 1 + clip) * A)
    log_u = batch.reference - now
    leash = log_u.exp() - log_u - 1
    n = len(batch)
    if mean == "tokens":
        n = batch.mask.sum()
    sizes = {"answers": batch.lengths, "tokens": n / len(batch)}.get(mean, mean)       # what each answer's sum is divided by

    def average(of_tokens):
        return ((of_tokens * batch.mask).sum(1) / sizes).mean()
    with torch.no_grad():
        logs = {"kl": average(ratio - 1 - log_ratio), "clipped": average(((ratio - 1).abs() > clip).float()),
                "leash": average(leash)}
    return Loss(-average(gain - beta * leash), n=n, logs=logs)
