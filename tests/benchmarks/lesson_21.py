"""The experiments of lesson 21, over seeds: four methods, over-optimisation, raters who disagree or are unsure. One JSON object.

    OMP_NUM_THREADS=1 python tests/benchmarks/lesson_21.py                          # three seeds: forty minutes of one core
    OMP_NUM_THREADS=1 python tests/benchmarks/lesson_21.py --seeds 1 --only methods

Seconds are of the processor. Questions that a policy is judged by are never among those it was trained on, nor are the pairs.
"""
import argparse
import json
import math

import torch

from minitrain.evaluate.calibration import reliability
from minitrain.tuning import assistant
from minitrain.tuning.compared import Course, compared
from minitrain.tuning.raters import FLATTERY, LENGTH, TRUTH
from minitrain.tuning.start import start


def methods(course):
    """Every method from the same start, on the same ratings or the same exact reward, and how sure each is of its facts."""
    rows = {}
    for name, policy, row in compared(course):
        rows[name] = row | {"calibration": calibration(course, policy)}
        if name != "start":
            error = math.hypot(row["truth_error"], rows["start"]["truth_error"])
            rows[name]["errors_gained"] = (row["truth"] - rows["start"]["truth"]) / error
    return rows


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


def overoptimisation(course, updates=(10, 20, 40, 80)):
    """What raters who like length, or flattery, do to the truth: proxy, truth and KL on the way, without a leash and with one."""
    rows = {}
    for name, taste in (("length", LENGTH), ("flattery", FLATTERY)):
        model, found, _ = course.reward_model(taste)
        learned, rows[name] = model.reward(course.asked.prompts, course.tokenizer.end), {"reward_model": found}
        for beta in (0.0, 0.5):
            curve = [course.judged(course.start, model) | {"t": 0}]

            def look(trainer, logs, curve=curve, model=model):
                if trainer.t in updates:
                    curve.append(course.judged(trainer.model, model) | {"t": trainer.t})
            course.tuned(assistant.grpo, learned, beta=beta, steps=updates[-1], each=look)
            rows[name][f"beta {beta}"] = curve
    return rows


def disagreement(course):
    """Three raters who want the truth alone and two who like flattery: how much of either taste the assistant then has."""
    _, found, made = course.reward_model(TRUTH, TRUTH, TRUTH, FLATTERY, FLATTERY)
    rows = {"start": course.judged(course.start), "dpo": course.judged(course.tuned(assistant.dpo, made)[0])}
    split_votes = float(((made.share > 0) & (made.share < 1)).float().mean())
    for row in rows.values():
        row["minority"] = row["truth"] + FLATTERY["flattery"] * row["flattery"]
    return {"reward_model": found, "split_votes": split_votes, **rows}


def unsure_raters(course):
    """How a reward model's accuracy, and what GRPO makes of it, depend on how sure raters are of their taste."""
    rows = {}
    for sharp in (0.3, 1.0, 4.0):
        model, found, _ = course.reward_model(TRUTH, sharp=sharp)
        policy, _ = course.tuned(assistant.grpo, model.reward(course.asked.prompts, course.tokenizer.end))
        rows[str(sharp)] = {"reward_model": found, "grpo": course.judged(policy, model)}
    return rows


if __name__ == "__main__":
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--seeds", type=int, default=3)
    words.add_argument("--first", type=int, default=0, help="the first seed")
    words.add_argument("--model", default=assistant.MIXED, help="the model to begin with")
    parts = (methods, overoptimisation, disagreement, unsure_raters)
    words.add_argument("--only", choices=[part.__name__ for part in parts])
    args = words.parse_args()
    torch.set_num_threads(1)
    model, tokenizer, village, _ = start(args.model)
    courses = [Course(model, tokenizer, village, seed) for seed in range(args.first, args.first + args.seeds)]
    chosen = [part for part in parts if args.only in (None, part.__name__)]
    print(json.dumps({part.__name__: [part(course) for course in courses] for part in chosen}, indent=1))
