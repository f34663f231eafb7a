"""One assistant, tuned by preferences in four ways and judged by the exact reward: the table of before and after, by a command.

    python -m minitrain.tuning.compared --out data/runs/preferences.csv

Starts from the assistant of lesson 20 after it was tuned on what people of different manners wrote, so that there is something
to prefer. Questions that a policy is judged by are among those that nothing was trained on.
"""
import argparse
import copy
import sys
import time

import torch

from minitrain import records
from minitrain.device import use_threads
from minitrain.sources.manners import plain
from minitrain.tuning import assistant, reward_model
from minitrain.tuning.pairs import split
from minitrain.tuning.raters import TRUTH, Asked, Rater
from minitrain.tuning.sampled import frozen
from minitrain.tuning.start import start

COLUMNS = ("truth", "truth_error", "helpful", "honest", "harmless", "flattery", "words", "kl", "kl_error", "proxy", "seconds")


class Course:
    """Everything of one seed: a policy to begin with, questions to train on, to be rated on, and others to judge by.

    model, tokenizer: an assistant that varies, as `assistant.mixed` makes it.  questions, shown, judged: how many of each.
    """

    def __init__(self, model, tokenizer, village, seed=0, *, questions=1_000, shown=1_200, judged=900):
        self.start, self.tokenizer, self.seed = model.eval(), tokenizer, seed
        self.asked = Asked(plain(village, f"train {seed}").take(questions), tokenizer, model.context)
        self.shown = Asked(plain(village, f"pairs {seed}").take(shown), tokenizer, model.context)
        met = {one.text for asked in (self.asked, self.shown) for one in asked.instructions}
        new = [one for one in plain(village, f"test {seed}").take(2 * judged + 100) if one.text not in met]         # a fifth goes
        self.tests, self.reference = Asked(new[:judged], tokenizer, model.context), frozen(model)

    def generator(self):
        return torch.Generator().manual_seed(self.seed)

    def policy(self):
        """The start again, to be trained."""
        return copy.deepcopy(self.start).requires_grad_(True)

    def judged(self, policy, reward=None):
        """On the questions for testing.  reward: a `RewardModel`, whose score is the proxy."""
        proxy = reward and reward.reward(self.tests.prompts, self.tokenizer.end)
        return self.tests.judged(policy, self.reference, generator=self.generator(), proxy=proxy)

    def rated(self, *tastes, sharp=4.0):
        """(pairs to train on, pairs held out) of the start's answers, rated by raters of these tastes."""
        raters = [Rater(taste, sharp=sharp, seed=100 * self.seed + i) for i, taste in enumerate(tastes)]
        return split(self.shown.rated(self.start, raters, generator=self.generator()), seed=self.seed)

    def reward_model(self, *tastes, sharp=4.0, **how):
        """(the reward model that these raters' pairs make, how good it is on held-out pairs, the pairs)."""
        made, held = self.rated(*tastes, sharp=sharp)
        began = time.process_time()
        model = assistant.train_reward_model(self.start, made, seed=self.seed, **how)
        seconds = time.process_time() - began
        loss, accuracy = reward_model.score(model, held)
        return model, {"loss": loss, "accuracy": accuracy, "pairs": len(made), "seconds": seconds}, made

    def tuned(self, method, by, **how):
        """A policy tuned by `assistant.ppo`, `dpo` or `grpo`, and the processor's seconds.  by: a reward, or pairs."""
        policy, began = self.policy(), time.process_time()
        if method is not assistant.dpo:
            how |= {"prompts": self.asked.prompts, "end": self.tokenizer.end}
        method(policy, by, reference=self.reference, seed=self.seed, **how)
        return policy.eval(), time.process_time() - began


def compared(course, reward=None, **how):
    """(name, policy, what it is) of the start, and of what each method makes of it: the same ratings, or the exact reward.

    reward: a `RewardModel`; one that is trained on the very pairs that DPO learns from, unless given.  how: as for the methods.
    """
    if reward is None:
        reward, _, made = course.reward_model(TRUTH)
    else:
        made, _ = course.rated(TRUTH)
    learned = reward.reward(course.asked.prompts, course.tokenizer.end)
    yield "start", course.start, course.judged(course.start, reward)
    for name, method, by in (("ppo", assistant.ppo, learned), ("dpo", assistant.dpo, made), ("grpo", assistant.grpo, learned),
                             ("verifiable", assistant.grpo, course.asked.reward())):
        policy, seconds = course.tuned(method, by, **how)
        yield name, policy, course.judged(policy, reward) | {"seconds": seconds}


def line(name, row):
    """A row of the table as text; without a row, its head."""
    if row is None:
        return f"{name:>12}  {'truth':>14} helpful honest harmless flattery words    KL  proxy seconds"
    return (f"{name:>12}  {row['truth']:+.2f} ± {row['truth_error']:.3f} {row['helpful']:7.2f} {row['honest']:6.2f} "
            f"{row['harmless']:8.2f} {row['flattery']:8.2f} {row['words']:5.1f} {row['kl']:5.1f} {row.get('proxy', 0):+6.2f} "
            f"{row.get('seconds', 0):7.1f}")


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m minitrain.tuning.compared", description=__doc__.split("\n")[0])
    parser.add_argument("--model", default=assistant.MIXED, help=f"the model to begin with (default: {assistant.MIXED})")
    parser.add_argument("--out", help="a file for the rows, as CSV")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="a few updates, to see that it runs")
    given = parser.parse_args(arguments)
    use_threads(1)
    model, tokenizer, village, _ = start(given.model)

    def rows():
        for seed in range(given.seeds):
            course = Course(model, tokenizer, village, seed, **{"shown": 40, "judged": 20} if given.quick else {})
            print(line(f"seed {seed}", None))
            for name, _, row in compared(course, **{"steps": 2} if given.quick else {}):
                print(line(name, row), flush=True)
                yield {"seed": seed, "model": name} | {key: row.get(key, "") for key in COLUMNS}
    if given.out:
        records.write(given.out, "python -m minitrain.tuning.compared --out data/runs/preferences.csv", rows())
    else:
        list(rows())
    return 0


if __name__ == "__main__":
    sys.exit(main())
