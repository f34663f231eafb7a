"""The two networks of a policy gradient: an actor, who answers with chances for actions, and a critic, who says what to expect.

A policy is an ordinary model; it refuses to know who collects its experience and what loss it is trained by. It is made for
one environment's spaces. Left out: recurrent policies, image encoders (a convnet in place of the MLP), actions in several parts.
"""
import math

import gymnasium
import numpy as np
import torch
from torch import nn

from minitrain.models.mlp import MLP


class ActorCritic(nn.Module):
    """Chances for actions and a value, from two separate networks over the same observation.

    envs: a gymnasium environment, single or vectorised, whose spaces it takes. Observations: Box (flattened) or Discrete (one
    place each). Actions: Discrete, a softmax over logits; or Box, a normal distribution with one learned spread a dimension,
    the same everywhere, whose draws are cut to the space's bounds where they are acted out.

    >>> envs = gymnasium.make_vec("CartPole-v1", num_envs=3)
    >>> model = ActorCritic(envs, seed=0)
    >>> obs, _ = envs.reset(seed=0)
    >>> log_probs, entropy, values = model.judge(model.features(obs), torch.tensor([0, 1, 1]))
    >>> [round(p, 2) for p in log_probs.exp().tolist()]     # the actor starts without an opinion
    [0.5, 0.5, 0.5]
    """

    def __init__(self, envs, *, hidden=(64, 64), activation="tanh", seed=0):
        super().__init__()
        self.obs_space = getattr(envs, "single_observation_space", envs.observation_space)
        self.action_space = getattr(envs, "single_action_space", envs.action_space)
        _known(self.obs_space, "observations")
        _known(self.action_space, "actions")
        self.discrete = isinstance(self.action_space, gymnasium.spaces.Discrete)
        D, A = _width(self.obs_space), _width(self.action_space)
        self.actor = MLP(D, *hidden, A, activation=activation, seed=2 * seed)
        self.critic = MLP(D, *hidden, 1, activation=activation, seed=2 * seed + 1)
        with torch.no_grad():
            self.actor.layers[-1].weight *= 0.01            # all actions alike at first: no opinion before experience
        self.log_spread = None if self.discrete else nn.Parameter(torch.zeros(A))

    def features(self, obs):
        """Observations of a vectorised environment as the networks' input, (N, D) float32."""
        if isinstance(self.obs_space, gymnasium.spaces.Discrete):
            return torch.eye(_width(self.obs_space))[np.asarray(obs) - self.obs_space.start].to(self._device)
        x = np.array(obs, dtype=np.float32)                 # a copy: an environment may write its next answer into the same array
        return torch.from_numpy(x.reshape(-1, _width(self.obs_space))).to(self._device)

    def values(self, x):
        """What the critic expects from here on, (B,)."""
        return self.critic(x)[:, 0]

    @torch.no_grad()
    def act(self, x, generator=None):
        """Draw actions for x (B, D): (B,) int64 or (B, A) float; the likeliest ones where there is no generator."""
        out = self.actor(x)                                                             # (B, A)
        if generator is None:
            return out.argmax(1) if self.discrete else out
        if self.discrete:
            return torch.multinomial(out.softmax(1).cpu(), 1, generator=generator)[:, 0].to(out.device)
        return out + self.log_spread.exp() * torch.randn(out.shape, generator=generator).to(out.device)

    def judge(self, x, actions):
        """(log p(actions | x), entropy of all actions, values), (B,) each; what the losses need."""
        out, values = self.actor(x), self.values(x)                                     # (B, A), (B,)
        if self.discrete:
            log_p = out.log_softmax(1)                                                  # (B, A)
            return log_p.gather(1, actions[:, None])[:, 0], -(log_p.exp() * log_p).sum(1), values
        z = (actions - out) / self.log_spread.exp()                                     # (B, A)
        log_p = (-0.5 * z * z - self.log_spread - 0.5 * math.log(2 * math.pi)).sum(1)
        entropy = (self.log_spread + 0.5 * math.log(2 * math.pi * math.e)).sum()
        return log_p, entropy.expand(len(x)), values

    def to_env(self, actions):
        """Actions (N,) or (N, A) as a vectorised environment takes them."""
        actions, space = actions.cpu().numpy(), self.action_space
        if self.discrete:
            return (actions + space.start).astype(space.dtype)
        return actions.reshape(-1, *space.shape).clip(space.low, space.high).astype(space.dtype)

    @property
    def _device(self):
        return self.critic.layers[0].weight.device


def average_return(model, envs, *, episodes=100, greedy=True, seed=0):
    """Mean return of as many whole episodes, the same number from each of the vectorised envs (so that short ones count no more).

    greedy: the likeliest action instead of a drawn one.
    """
    N = envs.num_envs
    if episodes < N or episodes % N:
        raise ValueError(f"average_return: {N} environments can not share {episodes} episodes equally; ask for a multiple.")
    generator = None if greedy else torch.Generator().manual_seed(seed)
    obs, _ = envs.reset(seed=seed)
    total, running, left = 0.0, np.zeros(N), np.full(N, episodes // N)
    while left.any():                                       # the step that only resets pays 0 and ends nothing
        obs, rewards, terminated, truncated, _ = envs.step(model.to_env(model.act(model.features(obs), generator)))
        running += rewards
        done = terminated | truncated
        total += running[done & (left > 0)].sum()
        left, running[done] = left - (done & (left > 0)), 0.0
    return float(total / episodes)


def _width(space):
    return int(space.n) if isinstance(space, gymnasium.spaces.Discrete) else math.prod(space.shape)


def _known(space, what):
    if not (isinstance(space, gymnasium.spaces.Discrete)
            or isinstance(space, gymnasium.spaces.Box) and (what == "observations" or space.dtype.kind == "f")):
        raise TypeError(f"ActorCritic got {what} from {space}; it takes Discrete and Box. gymnasium.wrappers can "
                        "flatten or recast others.")
