"""Proximal policy optimisation of a language model: every token an action, the answer rated at its end, a leash on each token.

The leash is in the reward, where Ziegler et al., 2019, and Ouyang et al., 2022, have it: token t of an answer y to x earns

    r_t = -beta · (log policy(y_t | x, y_<t) - log reference(y_t | x, y_<t)) + [t is the last] · r(x, y)

so that the sum is r - beta · log(policy / reference), and what maximises its mean is known: reference(y) · exp(r(y) / beta),
made to sum to 1. Advantages are GAE's over tokens, without discount. The loss is lesson 18's, as it stands: `rl.ppo.clipped`,
a mean over the tokens of the batch.

    model = Valued(policy)
    trainer = Trainer(model, clipped, optim.Adam(model.groups(1e-3), clip=1.0))
    trainer.fit(PPO(model, prompts, reward, end=tokenizer.end, beta=0.1), steps=100)

Left out: a beta that is steered towards a KL asked for (Ziegler's controller), a mix-in of pre-training batches (Ouyang's ptx).
"""
import torch
from torch import nn
from torch.nn import functional as F

from minitrain.rl.ppo import clipped
from minitrain.rl.rollouts import Experience, gae
from minitrain.tuning.sampled import OnPolicy

__all__ = ["PPO", "Valued", "clipped", "token_rewards"]


class Valued(nn.Module):
    """A policy with a critic, who says before each token what the rest of the answer will earn: a line on the policy's features.

    The critic reads the features and does not move them: what it learns shall not cost the policy its language. It starts at 0.
    """

    def __init__(self, policy):
        super().__init__()
        self.policy, self.critic = policy, nn.Linear(policy.width, 1).to(policy.unembedding.device)
        nn.init.zeros_(self.critic.weight)
        nn.init.zeros_(self.critic.bias)

    def groups(self, rate, critic_rate=1e-2):
        """Parameter groups for an optimizer: the critic, who starts from nothing, learns faster."""
        return [{"params": self.policy.parameters(), "rate": rate}, {"params": self.critic.parameters(), "rate": critic_rate}]

    def judge(self, x, actions):
        """(log p, entropy, value) of each token of the answers, (n,) each.  x: (ids, mask), as in `Answers`; actions (n,)."""
        ids, mask = x
        features = self.policy.features(ids[:, :-1])[mask]                              # (n, C)
        log_p = F.linear(features, self.policy.unembedding).log_softmax(-1)             # (n, V)
        entropy = -(log_p.exp() * log_p).sum(-1)
        return log_p.gather(1, actions[:, None])[:, 0], entropy, self.critic(features.detach())[:, 0]

    @torch.no_grad()
    def values(self, ids):
        """What the critic expects before each token but the first, (N, T-1)."""
        return self.critic(self.policy.features(ids[:, :-1]))[..., 0]


class Tokens(Experience):
    """`Experience` whose rows are tokens, while x holds whole texts: n counts tokens."""

    def __len__(self):
        return len(self.log_probs)


def token_rewards(answers, beta):
    """r_t as above, (N, T-1); 0 outside of the answers."""
    rewards = -beta * (answers.log_probs - answers.reference)
    return rewards + last(answers.mask) * answers.rewards[:, None]


def last(mask):
    """Where the last token of each answer is predicted, (N, T-1).

    >>> last(torch.tensor([[False, True, True, False]]))
    tensor([[False, False,  True, False]])
    """
    return mask & ~F.pad(mask[:, 1:], (0, 1))


class PPO(OnPolicy):
    """A source for `clipped`: rounds of answers with advantages and returns a token.

    model: a `Valued`.  beta: of the leash.  lam: of GAE (1 believes only what was paid; below, the critic too). Other options
    as in `OnPolicy`. Advantages are centred and divided by their spread, over the round: that changes a step's length alone.
    """

    def __init__(self, model, prompts, reward, *, beta, lam=0.95, epochs=2, minibatches=2, **options):
        if not beta >= 0 or not 0 <= lam <= 1:
            raise ValueError(f"PPO got beta={beta}, lam={lam}; beta is 0 (no leash) or above, lam from 0 to 1.")
        super().__init__(model.policy, prompts, reward, epochs=epochs, minibatches=minibatches, **options)
        self.model, self.beta, self.lam = model, beta, lam

    def valued(self, answers):
        mask = answers.mask
        values = self.model.values(answers.ids) * mask                                  # (N, T-1)
        ended = last(mask).T
        advantages = gae(token_rewards(answers, self.beta).T, F.pad(values, (0, 1)).T, ended, torch.zeros_like(ended), ~mask.T,
                         discount=1.0, lam=self.lam).T
        answers.returns = advantages + values
        of_tokens = advantages[mask]
        answers.advantages = (advantages - of_tokens.mean()) / (of_tokens.std(correction=0) + 1e-8)
        return answers

    def batch(self, answers):
        ids, mask = answers.ids, answers.mask
        return Tokens((ids, mask), ids[:, 1:][mask], answers.log_probs[mask], answers.advantages[mask], answers.returns[mask])
