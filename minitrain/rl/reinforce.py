"""REINFORCE: make what went well likelier, by as much as it went well. Whole episodes, each used for one update.

A source and a loss under the one `Trainer`. Williams, 1992.
"""
from collections import deque

import numpy as np
import torch

from minitrain.rl.rollouts import Experience, check, next_step
from minitrain.trainer import Loss


class Episodes:
    """A source: one whole episode from each environment a batch, every step weighted by what was paid from there on.

    baseline: whether the critic's expectation is subtracted (the mean gradient stays the same, its noise shrinks).  limit: a
    longer episode is cut there. An episode that was cut counts as if nothing had followed: without a critic there is no other
    way.  scale: factor of every reward.  Writes into the logs "return", the mean of the last 100 episodes, unscaled.
    """

    def __init__(self, model, envs, *, discount=0.99, baseline=True, scale=1.0, limit=1000, seed=0):
        next_step(envs)
        if not 0 <= discount <= 1 or limit < 1:
            raise ValueError(f"Episodes got discount={discount}, limit={limit}; discount is from 0 to 1, limit at least 1.")
        self.model, self.envs, self.discount, self.baseline = model, envs, discount, baseline
        self.scale, self.limit, self.seed = scale, limit, seed
        self.generator, self.episodes = torch.Generator().manual_seed(seed), deque(maxlen=100)

    def __iter__(self):
        while True:
            yield self.collect()

    def collect(self):
        model, seen, actions, paid, alive = self.model, [], [], [], []
        obs, _ = self.envs.reset(seed=self.seed)
        self.seed = None                                    # the first reset alone: every episode would be the same start
        running = np.ones(self.envs.num_envs, dtype=bool)
        while running.any() and len(paid) < self.limit:
            x = model.features(obs)                                                     # (N, D)
            action = model.act(x, self.generator)
            obs, rewards, terminated, truncated, _ = self.envs.step(model.to_env(action))
            check(rewards, obs, len(paid))
            for kept, value in ((seen, x), (actions, action), (paid, rewards * running), (alive, running)):
                kept.append(value)
            running = running & ~(terminated | truncated)   # an environment that has begun again is not listened to
        self.episodes.extend(np.sum(paid, axis=0).tolist())
        returns, after = np.array(paid, dtype=np.float32) * self.scale, 0.0             # (T, N)
        for t in reversed(range(len(returns))):
            after = returns[t] = returns[t] + self.discount * after
        x, actions = torch.cat(seen), torch.cat(actions)                                # (T·N, …)
        returns, alive = (torch.as_tensor(v).flatten().to(x.device) for v in (returns, np.array(alive)))
        with torch.no_grad():
            log_probs, _, values = model.judge(x, actions)
        advantages = returns - values if self.baseline else returns
        return Experience(x, actions, log_probs, advantages, returns)[alive]

    def observe(self, logs):
        logs["return"] = sum(self.episodes) / len(self.episodes)


def policy_gradient(model, batch, *, value=0.5, entropy=0.0):
    """-mean(log p(action) · advantage) + value·mean((V - return)²) - entropy·mean(entropy of the policy).

    Its gradient, not its number, is what counts: on average that of the return, over the steps taken. value=0 leaves the critic
    alone, where there is no baseline.  batch: `Experience`.  Logs "entropy" and "value_loss".
    """
    log_probs, spread, values = model.judge(batch.x, batch.actions)                     # (B,) each
    off = (values - batch.returns).square().mean()
    mean = -(log_probs * batch.advantages).mean() + value * off - entropy * spread.mean()
    return Loss(mean, n=len(batch), logs={"entropy": spread.detach().mean(), "value_loss": off.detach()})
