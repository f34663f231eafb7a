"""Rollouts: a policy acts in many environments at once, and what it lived through becomes data with advantages.

In gymnasium 1.x the step after an episode's last one only resets: its action is ignored, it pays nothing, and it belongs to no
episode. Three things follow, and forgetting one of them is quiet: that step is no experience (masked out), no advantage may
flow over it (cut), and the observation of the last step is the old episode's own, from which a truncated one is valued.
"""
from collections import deque
from dataclasses import dataclass, fields

import gymnasium
import numpy as np
import torch


@dataclass
class Experience:
    """n steps of acting; all tensors have n rows. A batch for `rl.ppo.clipped` and `rl.reinforce.policy_gradient`."""
    x: torch.Tensor                 # (n, D) observations, as `model.features` gives them
    actions: torch.Tensor           # (n,) int64 or (n, A) float
    log_probs: torch.Tensor         # (n,) of these actions, by the policy that took them
    advantages: torch.Tensor        # (n,) how much better than expected it went
    returns: torch.Tensor           # (n,) what the critic should have expected

    def __len__(self):
        return len(self.x)

    def __getitem__(self, rows):
        return Experience(*(getattr(self, f.name)[rows] for f in fields(self)))


def gae(rewards, values, terminated, truncated, resets, *, discount=0.99, lam=0.95):
    """Advantages (T, N): exponentially weighted sums of surprises, A_t = δ_t + discount·lam·A_{t+1} up to the episode's end, with
    δ_t = r_t + discount·V(s_{t+1}) - V(s_t).

    lam 0 believes the critic after one step; lam 1 adds up what was really paid. rewards (T, N); values (T+1, N), of the
    observations before each step and after the last. terminated, truncated, resets (T, N) bool: the episode ended here for good
    (nothing follows: V is 0), was cut short (V of its last observation stands for the rest), or the step only reset (advantage
    0, and none flows over it). Schulman et al., 2016.

    >>> no = torch.zeros(2, 1, dtype=torch.bool)
    >>> gae(torch.ones(2, 1), torch.zeros(3, 1), no, no, no, discount=0.5, lam=1.0)[:, 0]
    tensor([1.5000, 1.0000])
    """
    T, N = rewards.shape
    if values.shape != (T + 1, N) or any(mask.shape != (T, N) for mask in (terminated, truncated, resets)):
        raise ValueError(f"gae: rewards, terminated, truncated and resets must be (T, N) and values (T+1, N); got "
                         f"{[tuple(v.shape) for v in (rewards, terminated, truncated, resets, values)]}.")
    surprise = rewards + discount * values[1:] * ~terminated - values[:-1]              # (T, N)
    goes_on = (~(terminated | truncated)).to(rewards.dtype) * (discount * lam)
    advantages, after = torch.zeros_like(rewards), torch.zeros_like(rewards[0])
    for t in reversed(range(T)):
        after = advantages[t] = (surprise[t] + goes_on[t] * after) * ~resets[t]
    return advantages


class Rollouts:
    """`collect()` lets the model act for `steps` steps in each environment, from where it stopped, and gives `Experience`.

    envs: vectorised, resetting on the next step (`gymnasium.make_vec` makes them so).  scale: factor of every reward for
    learning, where rewards are far from 1.  seed: of the environments and of the actions drawn.  `episodes` keeps the last 100
    returns, unscaled. The environments go on by themselves: a resumed run is a different one.
    """

    def __init__(self, model, envs, *, steps=32, discount=0.99, lam=0.95, scale=1.0, seed=0):
        next_step(envs)
        if steps < 1 or not 0 <= discount <= 1 or not 0 <= lam <= 1:
            raise ValueError(f"Rollouts got steps={steps}, discount={discount}, lam={lam}; steps is at least 1, the "
                             "others from 0 to 1.")
        self.model, self.envs, self.steps, self.discount, self.lam, self.scale = model, envs, steps, discount, lam, scale
        self.generator, self.episodes = torch.Generator().manual_seed(seed), deque(maxlen=100)
        self.obs, _ = envs.reset(seed=seed)
        self.running, self.over, self.t = np.zeros(envs.num_envs), np.zeros(envs.num_envs, dtype=bool), 0

    def collect(self):
        seen, actions, paid, ends = [], [], [], []
        for _ in range(self.steps):
            x = self.model.features(self.obs)                                           # (N, D)
            action = self.model.act(x, self.generator)                                  # (N,) or (N, A)
            self.obs, rewards, terminated, truncated, _ = self.envs.step(self.model.to_env(action))
            check(rewards, self.obs, self.t)
            seen.append(x)
            actions.append(action)
            paid.append(rewards)
            ends.append((terminated, truncated, self.over))                             # over: this step only reset
            self.running += rewards
            self.over, self.t = terminated | truncated, self.t + 1
            self.episodes.extend(self.running[self.over].tolist())
            self.running[self.over] = 0.0
        x, actions = torch.cat(seen), torch.cat(actions)                                # (T·N, …)
        with torch.no_grad():
            log_probs, _, values = self.model.judge(x, actions)                         # (T·N,)
            last = self.model.values(self.model.features(self.obs))                     # (N,)
        values = torch.cat([values.view(self.steps, -1), last[None]])                   # (T+1, N)
        rewards = torch.as_tensor(np.array(paid), dtype=torch.float32).to(x.device) * self.scale
        terminated, truncated, resets = torch.as_tensor(np.array(ends)).to(x.device).unbind(1)
        advantages = gae(rewards, values, terminated, truncated, resets, discount=self.discount, lam=self.lam)
        lived = ~resets.flatten()
        return Experience(x, actions, log_probs, advantages.flatten(), (advantages + values[:-1]).flatten())[lived]


def next_step(envs):
    """Raises unless the environments are vectorised and reset on the step after an episode's last."""
    mode = getattr(envs, "metadata", {}).get("autoreset_mode")
    if not hasattr(envs, "num_envs") or mode != gymnasium.vector.AutoresetMode.NEXT_STEP:
        raise TypeError(f"Got {envs}, autoreset mode {mode}; rollouts need vectorised environments that reset on the next step. "
                        "gymnasium.make_vec(name, num_envs=64) makes them, or gymnasium.vector.SyncVectorEnv([make] * 64).")


def check(rewards, obs, t):
    """Raises where an environment's answer is not finite: a NaN would take the weights with it, an update later."""
    for what, values in (("reward", rewards), ("observation", obs)):
        if not np.isfinite(values).all():
            raise ValueError(f"An environment's {what} in step {t} is {values[~np.isfinite(values)][0]}; it must be finite.")
