"""Each way to learn from preferences as one call, with the settings that the village's assistant is tuned by.

Nothing here that the parts do not say: a source, a loss, an optimizer, the one Trainer. The policy given is changed in place;
rates fall to 0 along a cosine, so that what is left at the end is not the last round's noise.

    python -m minitrain.tuning.assistant --out data/models/village-mixed.safetensors

makes the policy that all of them begin with: the assistant of lesson 20, tuned on what people of different manners wrote.
"""
import argparse
import sys
from functools import partial

from minitrain import optim
from minitrain.checkpoint import language
from minitrain.device import use_threads
from minitrain.sources.manners import Writers, plain
from minitrain.trainer import Trainer
from minitrain.tuning import chat, sft
from minitrain.tuning.dpo import DPO, preferred
from minitrain.tuning.grpo import GRPO, relative
from minitrain.tuning.pairs import Shuffled
from minitrain.tuning.ppo import PPO, Valued, clipped
from minitrain.tuning.raters import TOKENS
from minitrain.tuning.reward_model import RewardModel, bradley_terry
from minitrain.tuning.start import start

MIXED, STEPS = "data/models/village-mixed.safetensors", 300


class Demonstrations:
    """Batches (x, y) of `sources.manners.Writers`' demonstrations for `losses.next_token`, as `sft.Dialogues` gives them."""

    def __init__(self, writers, tokenizer, size=32, context=None):
        self.writers, self.tokenizer, self.size, self.context = writers, tokenizer, size, context

    def at(self, i):
        shown = [self.writers.at(n) for n in range(i * self.size, (i + 1) * self.size)]
        return chat.batch(self.tokenizer, shown, self.context)


def mixed(model, tokenizer, village, *, steps=STEPS, rate=0.05, seed=0):
    """Tune a model in place on what people of different manners wrote, so that its answers vary. Returns the trainer."""
    source = Demonstrations(Writers(plain(village, f"demonstrations {seed}"), seed), tokenizer, context=model.context)
    return sft.tune(model, source, steps, rate=rate)


def train_reward_model(body, made, *, steps=60, size=32, rate=1e-3, seed=0, each=None):
    """A `RewardModel` that starts from a policy and learns from `Pairs`; centred: its mean over the pairs' answers is 0."""
    model = RewardModel(body)
    _train(model, Shuffled(made, size=size, seed=seed), bradley_terry, model.groups(rate), rate, steps, each)
    model.centre(*made.both)
    return model.eval()


def ppo(policy, reward, *, prompts, end, reference, beta=0.1, steps=120, size=64, rate=1e-3, seed=0, each=None):
    """PPO with the leash in the reward; `size` prompts a round, of which each is answered once.  Returns the trainer."""
    model = Valued(policy)
    source = PPO(model, prompts, reward, end=end, reference=reference, beta=beta, size=size, group=1, tokens=TOKENS, seed=seed)
    return _train(model, source, clipped, model.groups(rate), rate, steps, each)


def dpo(policy, made, *, reference, beta=0.1, steps=80, size=32, rate=1e-3, seed=0, each=None):
    """DPO on `Pairs`.  Returns the trainer."""
    source = DPO(policy, made, reference=reference, size=size, seed=seed)
    return _train(policy, source, partial(preferred, beta=beta), policy.parameters(), rate, steps, each)


def grpo(policy, reward, *, prompts, end, reference, beta=0.04, steps=50, size=8, group=8, rate=2e-3, seed=0, each=None):
    """GRPO as published, its leash in the loss.  Returns the trainer."""
    source = GRPO(policy, prompts, reward, end=end, reference=reference, size=size, group=group, tokens=TOKENS, seed=seed)
    return _train(policy, source, partial(relative, beta=beta), policy.parameters(), rate, steps, each)


def _train(model, source, loss, params, rate, steps, each):
    schedule = optim.warmup(5, optim.cosine(max(1, steps - 5)))
    trainer = Trainer(model, loss, optim.Adam(params, rate=rate, clip=1.0), schedule=schedule)
    trainer.fit(source, steps=steps, each=each)
    return trainer


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m minitrain.tuning.assistant", description="Make an assistant that varies.")
    parser.add_argument("--model", default=sft.SHIPPED, help=f"the tuned model to begin with (default: {sft.SHIPPED})")
    parser.add_argument("--out", required=True, help="the assistant's file")
    parser.add_argument("--steps", type=int, default=STEPS)
    given = parser.parse_args(arguments)
    use_threads()
    model, tok, village, about = start(given.model)
    trainer = mixed(model, tok, village, steps=given.steps)
    path = language.save(given.out, model, tok, dtype="bfloat16", about={
        "command": f"python -m minitrain.tuning.assistant --steps {given.steps} --out {MIXED}", "base": about.get("command"),
        "village": about["village"], "start": [tok.end]})
    print(f"{path}: {path.stat().st_size:,} bytes; the last demonstrations cost {trainer.history[-1]['loss']:.3f} nats a token.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
