"""Before and after: the base model and what tuning makes of it, on the same held-out instructions, as one table.

    python -m minitrain.tuning.before_after [--seeds 0 1 2] [--steps 260] [--json FILE]

The base model is asked in three fair ways: as it stands, as the village asks its questions, and behind worked examples.
"""
import argparse
import copy
import json
import sys
import time
from pathlib import Path

from minitrain.device import use_threads
from minitrain.sources import instructions
from minitrain.tuning import lora, measure, sft
from minitrain.tuning.start import start


def rows(base, words, village, seed=0, *, steps=sft.STEPS, rank=8, n=300, documents=500):
    """{name: table row} of the base model, three ways to ask it, and of it tuned whole and by LoRA; each row has "seconds" of
    tuning (of this process) and "parameters" that were tuned."""
    parts = instructions.split(village, seed)
    grown, tok = sft.grown(base, words, village)
    found = {}
    for how in measure.PROMPTS[1:]:
        found[f"base, {how}"] = measure.table_row(grown, tok, parts, village, n=n, documents=documents, how=how)
    for name in ("tuned", "tuned by LoRA"):
        model = copy.deepcopy(grown)
        if name != "tuned":
            lora.apply(model, rank, seed=seed)
        start = time.process_time()
        source = sft.Dialogues(parts.train, tok, context=model.context, seed=seed)
        if name == "tuned":
            sft.tune(model, source, steps)
        else:
            sft.tune(model, source, steps * sft.LORA_STEPS // sft.STEPS, rate=sft.LORA_RATE)
        seconds, count = time.process_time() - start, sum(p.numel() for p in lora.tuned(model))
        found[name] = {**measure.table_row(lora.merge(model), tok, parts, village, n=n, documents=documents),
                       "seconds": seconds, "parameters": count}
    return found


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m minitrain.tuning.before_after", description="Before and after tuning.")
    parser.add_argument("--base", default=sft.BASE, help=f"the model to begin from (default: {sft.BASE})")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--steps", type=int, default=sft.STEPS)
    parser.add_argument("--n", type=int, default=300, help="held-out instructions of each kind (default: 300)")
    parser.add_argument("--json", help="a file for all numbers")
    given = parser.parse_args(arguments)
    use_threads()
    base, words, village, _ = start(given.base)
    found = {}
    for seed in given.seeds:
        found[seed] = rows(base, words, village, seed, steps=given.steps, n=given.n)
        print(f"seed {seed}\n{measure.table(found[seed])}")
        for name, row in found[seed].items():
            if "seconds" in row:
                print(f"{name:>17}: {row['parameters']:,} parameters, {row['seconds']:.1f} s of one core")
    if given.json:
        Path(given.json).write_text(json.dumps(found, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
