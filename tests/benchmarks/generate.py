"""How many times faster is sampling with the cache than reading the text anew for every token?

    python tests/benchmarks/generate.py [--batch 64] [--steps 128] [--context 144] [--rounds 3]

Both draw the same tokens, alternating in one run; prints one JSON object. "ragged": prompts of 1 to 16 tokens; "sliding": a
context of 64, which the text outgrows.
"""
import argparse
import json
import platform
import statistics
import time

import torch

from minitrain import device
from minitrain.generate import generate
from minitrain.models.transformer import Transformer


class Plain:
    """The model without its cache."""

    def __init__(self, model):
        self.model, self.context, self.parameters = model, model.context, model.parameters

    def __call__(self, ids):
        return self.model(ids)


def race(model, prompts, args):
    seconds = {"cached": [], "anew": []}
    for seed in range(args.rounds):
        texts = {}
        for name, one in (("cached", model), ("anew", Plain(model))):
            start = time.perf_counter()
            texts[name] = generate(one, prompts, args.steps, generator=torch.Generator().manual_seed(seed))
            seconds[name].append(time.perf_counter() - start)
        assert texts["cached"] == texts["anew"]
    found = {name: round(statistics.median(times), 3) for name, times in seconds.items()}
    return {**found, "ratio": round(statistics.median(b / a for a, b in zip(seconds["cached"], seconds["anew"])), 1)}


def main():
    parser = argparse.ArgumentParser()
    for name, value in (("batch", 64), ("steps", 128), ("context", 144), ("rounds", 3), ("vocabulary", 256)):
        parser.add_argument(f"--{name}", type=int, default=value)
    args = parser.parse_args()
    device.use_threads()
    lots, out = torch.Generator().manual_seed(0), {}
    ids = torch.randint(args.vocabulary, (args.batch, 16), generator=lots)
    lengths = torch.randint(1, 17, (args.batch,), generator=lots).tolist()
    ragged = [row[:n] for row, n in zip(ids.tolist(), lengths)]
    for positions in ("learned", "rotary"):
        for name, context, prompts in (("even", args.context, ids), ("ragged", args.context, ragged), ("sliding", 64, ragged)):
            model = Transformer(args.vocabulary, context, positions=positions).to(device.device())
            generate(model, prompts, 2, temperature=0)                          # the first call of anything is slow
            out[f"{positions}, {name}"] = race(model, prompts, args)
    print(json.dumps({**vars(args), "threads": torch.get_num_threads(), "machine": platform.machine(),
                      "torch": torch.__version__, **out}))


if __name__ == "__main__":
    main()
