"""Does the dial choose well?  python tests/benchmarks/pretrain_dial.py --text FILE --minutes 1 [--sizes 1x64 2x128 …]

Trains the plan that `minutes` makes and, in as many processor seconds, other sizes; prints one JSON object: for each its held-out
loss in nats a character and how many tokens it read for each of its parameters. `chosen` should be among the best.
Seconds are the processor's, so that other work on the machine disturbs less; run it with OMP_NUM_THREADS=1.
"""
import argparse
import json
import time

from minitrain.device import machine, use_threads
from minitrain.pretrain import Plan, Run, corpus
from minitrain.pretrain.plan import SHARE, make


def trained(made, fixed, seconds, seed):
    """One run of a size, of as many updates as fit into so many processor seconds."""
    plan = make(made, 1, steps=12, seed=seed, **fixed)
    run = Run(made, plan, quiet=True)
    run.trainer.fit(run.source, 2)
    start = time.process_time()
    run.trainer.fit(run.source, 10)
    pace = (time.process_time() - start) / 10
    plan = Plan(**make(made, 1, steps=max(1, int(seconds / pace)), seed=seed, **fixed).data() | {"every": 10**9})
    run, start = Run(made, plan, quiet=True), time.process_time()
    run.train()
    spent, tokens = time.process_time() - start, plan.steps * plan.batch * plan.context
    characters = sum(map(len, made.held_documents))
    return {"size": f"{plan.layers}x{plan.width}", "parameters": plan.parameters, "updates": plan.steps,
            "seconds": round(spent, 1), "epochs": round(plan.epochs, 2), "tokens_a_parameter": round(tokens / plan.parameters, 2),
            "nats_a_character": round(run.held_out_loss() * len(made.held_ids) / characters, 4)}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--text", required=True)
    parser.add_argument("--minutes", type=float, default=1)
    parser.add_argument("--sizes", nargs="*", default=["1x64", "2x64", "2x128", "4x128"])
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    use_threads()
    made = corpus(given.text)
    plan = make(made, given.minutes, seed=given.seed)
    out = {"machine": str(machine()), "text": given.text, "minutes": given.minutes, "chosen": f"{plan.layers}x{plan.width}"}
    sizes = [dict(zip(("layers", "width"), map(int, size.split("x")))) for size in given.sizes]
    out["runs"] = [trained(made, size, 60 * given.minutes * SHARE, given.seed) for size in sizes]
    print(json.dumps(out, indent=1))


if __name__ == "__main__":
    main()
