"""The experiments of lesson 21, over seeds: pairs, a reward model, PPO, DPO and GRPO, over-optimisation. Prints one JSON object.

    OMP_NUM_THREADS=1 python tests/benchmarks/lesson_21.py                          # three seeds: about ten minutes of one core
    OMP_NUM_THREADS=1 python tests/benchmarks/lesson_21.py --seeds 1 --only methods

Seconds are of the processor. Questions that a policy is judged by are never among those it was trained on, nor are the pairs.
"""
import argparse
import copy
import json
import math
import time

import torch

from minitrain.checkpoint import language
from minitrain.evaluate.calibration import reliability
from minitrain.sources.manners import plain
from minitrain.sources.village import Village
from minitrain.tuning import reward_model
from minitrain.tuning.assistant import dpo, grpo, ppo, train_reward_model
from minitrain.tuning.pairs import split
from minitrain.tuning.raters import FLATTERY, LENGTH, TRUTH, Asked, Rater
from minitrain.tuning.sampled import frozen

MODEL, QUESTIONS, PAIRS, JUDGED = "data/models/village-mixed.safetensors", 1_000, 1_200, 300


class Course:
    """Everything of one seed: the policy to begin with, questions to train on, others to judge by."""

    def __init__(self, path, seed):
        self.start, self.tokenizer, about = language.load(path)
        village = Village(**about.get("village", {"seed": 0, "habit": 3}))
        context = self.start.context
        self.asked = Asked(plain(village, f"train {seed}").take(QUESTIONS), self.tokenizer, context)
        self.shown = Asked(plain(village, f"pairs {seed}").take(PAIRS), self.tokenizer, context)
        met = {one.text for asked in (self.asked, self.shown) for one in asked.instructions}
        new = [one for one in plain(village, f"test {seed}").take(3 * JUDGED) if one.text not in met]
        self.tests = Asked(new[:JUDGED], self.tokenizer, context)
        self.reference, self.seed = frozen(self.start), seed

    def generator(self):
        return torch.Generator().manual_seed(self.seed)

    def policy(self):
        return copy.deepcopy(self.start).requires_grad_(True)

    def judged(self, policy, reward=None):
        """On the questions for testing.  reward: a `RewardModel`, whose score is the proxy."""
        proxy = reward and reward.reward(self.tests.prompts, self.tokenizer.end)
        return self.tests.judged(policy, self.reference, generator=self.generator(), proxy=proxy)

    def rated(self, *tastes, sharp=3.0):
        """(pairs to train on, pairs held out), rated by raters of these tastes."""
        raters = [Rater(taste, sharp=sharp, seed=100 * self.seed + i) for i, taste in enumerate(tastes)]
        return split(self.shown.rated(self.policy(), raters, generator=self.generator()), seed=self.seed)

    def reward_model(self, *tastes, **how):
        """(the reward model that these raters' pairs make, how good it is on held-out pairs, the pairs)."""
        made, held = self.rated(*tastes, **how)
        (model, seconds) = timed(train_reward_model, self.start, made, seed=self.seed)
        loss, accuracy = reward_model.score(model, held)
        return model, {"loss": loss, "accuracy": accuracy, "pairs": len(made), "seconds": seconds}, made


def timed(call, *given, **how):
    began = time.process_time()
    return call(*given, **how), time.process_time() - began


def methods(course):
    """Every method from the same start, on the same ratings or the same exact reward."""
    model, found, made = course.reward_model(TRUTH)
    prompts, end = course.asked.prompts, course.tokenizer.end
    learned, exact, rows = model.reward(prompts, end), course.asked.reward(), {"start": course.judged(course.start, model)}
    for name, train, what in (("ppo", ppo, learned), ("dpo", dpo, made), ("grpo", grpo, learned), ("verifiable", grpo, exact)):
        policy = course.policy()
        more = {} if train is dpo else {"prompts": prompts, "end": end}
        _, seconds = timed(train, policy, what, reference=course.reference, seed=course.seed, **more)
        rows[name] = course.judged(policy, model) | {"seconds": seconds, "ece": calibration(course, policy)}
        gained = rows[name]["truth"] - rows["start"]["truth"]
        rows[name]["errors_gained"] = gained / math.hypot(rows[name]["truth_error"], rows["start"]["truth_error"])
    return {"reward_model": found, "rows": rows, "ece": calibration(course, course.start)}


@torch.no_grad()
def calibration(course, policy):
    """Expected calibration error at the token that names the object of a fact, where a plain answer has begun."""
    sure, right = [], []
    for asked, prompt in zip(course.tests.instructions, course.tests.prompts):
        before, there, _ = asked.answer.partition(f" {asked.objects[0]}") if asked.objects else ("", "", "")
        if there:
            ids = prompt + course.tokenizer.encode(f" {before}")
            shares = policy(torch.tensor([ids]))[0, -1].softmax(-1)
            sure.append(float(shares.max()))
            right.append(int(shares.argmax()) == course.tokenizer.encode(there)[0])
    found = reliability(sure, right)
    return {"error": found.error, "said": sum(sure) / len(sure), "right": sum(right) / len(right)}


def overoptimisation(course, updates=(0, 10, 20, 40, 80)):
    """What raters who like length, or flattery, do to the truth: proxy, truth and KL on the way, without a leash and with one."""
    rows = {}
    for name, taste in (("length", LENGTH), ("flattery", FLATTERY)):
        model, found, _ = course.reward_model(taste)
        rows[name] = {"reward_model": found}
        for beta in (0.0, 0.3):
            policy, curve = course.policy(), []

            def look(trainer, logs, curve=curve, policy=policy, model=model):
                if trainer.t in updates:
                    curve.append(course.judged(policy, model) | {"t": trainer.t})
            curve.append(course.judged(policy, model) | {"t": 0})
            grpo(policy, model.reward(course.asked.prompts, course.tokenizer.end), prompts=course.asked.prompts,
                 end=course.tokenizer.end, reference=course.reference, beta=beta, steps=updates[-1], seed=course.seed, each=look)
            rows[name][f"beta {beta}"] = curve
    return rows


def disagreement(course):
    """Three raters who want the truth alone and two who like flattery: whom the assistant then pleases."""
    _, found, made = course.reward_model(TRUTH, TRUTH, TRUTH, FLATTERY, FLATTERY)
    policy = course.policy()
    dpo(policy, made, reference=course.reference, seed=course.seed)
    split_votes = float(((made.share > 0) & (made.share < 1)).float().mean())
    return {"reward_model": found, "split_votes": split_votes, "start": course.judged(course.start), "dpo": course.judged(policy)}


def honesty_of_raters(course):
    """How a reward model's accuracy, and what GRPO makes of it, depend on how sure raters are of their taste."""
    rows = {}
    for sharp in (0.3, 1.0, 3.0):
        model, found, _ = course.reward_model(TRUTH, sharp=sharp)
        policy = course.policy()
        grpo(policy, model.reward(course.asked.prompts, course.tokenizer.end), prompts=course.asked.prompts,
             end=course.tokenizer.end, reference=course.reference, seed=course.seed)
        rows[str(sharp)] = {"reward_model": found, "grpo": course.judged(policy, model)}
    return rows


if __name__ == "__main__":
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--seeds", type=int, default=3)
    words.add_argument("--first", type=int, default=0, help="the first seed")
    words.add_argument("--model", default=MODEL, help="the tuned model to begin with")
    parts = (methods, overoptimisation, disagreement, honesty_of_raters)
    words.add_argument("--only", choices=[part.__name__ for part in parts])
    args = words.parse_args()
    torch.set_num_threads(1)
    chosen = [part for part in parts if args.only in (None, part.__name__)]
    print(json.dumps({part.__name__: [part(Course(args.model, seed)) for seed in range(args.first, args.first + args.seeds)]
                      for part in chosen}, indent=1))
