"""Proximal policy optimisation: use each rollout for several epochs, and let no action's chance move far on its account.

A source and a loss under the one `Trainer`: the source acts, values and shuffles (nothing there has a gradient), the loss is the
clipped surrogate. Schulman et al., 2017.

    envs = gymnasium.make_vec("CartPole-v1", num_envs=64)
    model = ActorCritic(envs, seed=0)
    trainer = Trainer(model, clipped, optim.Adam(model.parameters(), rate=3e-3, clip=0.5), schedule=optim.cosine(1600))
    trainer.fit(PPO(model, envs, discount=0.98), steps=1600)
"""
import torch

from minitrain.rl.rollouts import Rollouts
from minitrain.trainer import Loss


class PPO(Rollouts):
    """A source: `epochs` passes over each rollout in shuffled minibatches, then the next rollout, by the policy as it is then.

    minibatches: into how many each epoch is cut.  kl: an epoch in which the policy has moved farther than this (the loss's log
    "kl") is the rollout's last, and ends at once; None: never. Options of `Rollouts` besides.  Writes into the logs of an update
    "return", the mean of the last 100 episodes, as soon as there is one.
    """

    def __init__(self, model, envs, *, epochs=4, minibatches=4, kl=None, **options):
        super().__init__(model, envs, **options)
        if epochs < 1 or not 1 <= minibatches <= self.steps * envs.num_envs // 2 or (kl is not None and not kl > 0):
            raise ValueError(f"PPO got epochs={epochs}, minibatches={minibatches}, kl={kl}; epochs is at least 1, a minibatch "
                             "needs experience, kl (or None) is above 0.")
        self.epochs, self.minibatches, self.kl, self.far = epochs, minibatches, kl, False

    def __iter__(self):
        while True:
            lived, self.far = self.collect(), False
            centred = lived.advantages - lived.advantages.mean()
            lived.advantages = centred / (centred.square().mean().sqrt() + 1e-8)     # not in the loss: splits stay equal
            for _ in range(self.epochs):
                order = torch.randperm(len(lived), generator=self.generator).to(lived.x.device)
                for rows in order.tensor_split(self.minibatches):
                    if self.far:
                        break
                    yield lived[rows]

    def observe(self, logs):
        if self.episodes:
            logs["return"] = sum(self.episodes) / len(self.episodes)
        if self.kl is not None and float(logs["kl"]) > self.kl:
            self.far = True


def clipped(model, batch, *, clip=0.2, value=0.5, entropy=0.0):
    """PPO's loss: -mean(min(ratio·A, cut(ratio, 1 ± clip)·A)) + value·mean((V - return)²) - entropy·mean(entropy of the policy).

    ratio = p_now(action) / p_then(action). Where it has moved by more than `clip` in the direction that the advantage asks for,
    the gradient is zero: that step has been paid for.  batch: `Experience`.  Logs "kl" (mean of ratio - 1 - ln ratio, an
    estimate of KL(then ‖ now) that is never negative), "clipped" (the share of such steps), "entropy" and "value_loss".
    """
    log_probs, spread, values = model.judge(batch.x, batch.actions)
    log_ratio = log_probs - batch.log_probs                                             # (B,)
    ratio = log_ratio.exp()
    A = batch.advantages
    gain = torch.minimum(ratio * A, ratio.clamp(1 - clip, 1 + clip) * A)
    off = (values - batch.returns).square().mean()
    with torch.no_grad():
        logs = {"kl": (ratio - 1 - log_ratio).mean(), "clipped": ((ratio - 1).abs() > clip).float().mean(),
                "entropy": spread.mean(), "value_loss": off.detach()}
    return Loss(-gain.mean() + value * off - entropy * spread.mean(), n=len(batch), logs=logs)
