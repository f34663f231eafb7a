"""Counted n-grams of characters on the first 90 % of a text, scored on the last 10 %: seconds and nats a character. Prints JSON.

    OMP_NUM_THREADS=1 python tests/benchmarks/ngrams.py [FILE]

Without a file: Python's own reference and a megabyte of the village. "core" is this process's own share of a core.
"""
import json
import sys
import time

import torch

from minitrain.device import machine
from minitrain.models.ngrams import NGram
from minitrain.sources.text import python_reference, read, split
from minitrain.sources.village import Village
from minitrain.tokenizer import Characters


def measured(text):
    tok = Characters.train(text)
    train, held = split(torch.tensor(tok.encode(text)))
    found = {"characters": len(text), "different": len(tok) - 1}
    for n in (1, 2, 4, 6, 8):
        wall, core = time.perf_counter(), time.process_time()
        model = NGram(train, len(tok), n)
        built = time.perf_counter() - wall, time.process_time() - core
        loss = -float(model.log_probabilities(held).mean())
        scored = time.perf_counter() - wall - built[0], time.process_time() - core - built[1]
        found[f"{n}-gram"] = {"nats a character": round(loss, 3), "grams": model.n_grams,
                              **{f"{name}, seconds": {"wall": round(t[0], 3), "core": round(t[1], 3)}
                                 for name, t in (("built", built), ("scored", scored))}}
    return found


if len(sys.argv) > 1:
    texts = {sys.argv[1]: read(sys.argv[1])}
else:
    village = "\n\n".join(document.text for document in Village(seed=0).documents(7_000))
    texts = {"Python's reference": python_reference(), "the village": village}
NGram(torch.arange(9), 9, 2)                                # what is loaded and warmed once
print(json.dumps({"machine": str(machine()), **{name: measured(text) for name, text in texts.items()}}, indent=1))
