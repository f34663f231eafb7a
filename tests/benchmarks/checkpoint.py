"""What a checkpoint of a million parameters with AdamW's memory costs: alone, and as a share of a run that saves every 100
steps. The share is read from stretches of 100 steps and the saves between them; for a GPT at 12 × 64 tokens a step, which is
what the course saves, and for an MLP at 128 rows, whose steps are as cheap as steps of a million parameters get. Prints JSON.

    python tests/benchmarks/checkpoint.py [FOLDER]          FOLDER: on the disk to be measured; a temporary one unless given
"""
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import torch

from minitrain import Trainer, checkpoint, losses, optim
from minitrain.device import machine, use_threads
from minitrain.models.mlp import MLP
from minitrain.models.transformer import Transformer

EVERY, PAIRS = 100, {"gpt": 5, "mlp": 15}


def gpt(g):
    model = Transformer(65, context=64, layers=5, heads=4, width=128)
    data = [(torch.randint(0, 65, (12, 64), generator=g), torch.randint(0, 65, (12, 64), generator=g)) for _ in range(8)]
    return model, losses.next_token, data


def mlp(g):
    data = [(torch.randn(128, 784, generator=g), torch.randint(0, 10, (128,), generator=g)) for _ in range(8)]
    return MLP(784, 850, 380, 10), losses.cross_entropy, data


def seconds(act):
    """Of the clock on the wall (waiting for the disk is the cost), and of the processor."""
    wall, cpu = time.perf_counter(), time.process_time()
    act()
    return time.perf_counter() - wall, time.process_time() - cpu


def share(run, data, path, pairs):
    """What a save adds to EVERY steps, in percent of the wall's clock: the median over so many pairs."""
    rows = []
    for _ in range(pairs):
        without, _ = seconds(lambda: run.fit(data, steps=EVERY))
        saving, _ = seconds(lambda: checkpoint.save(path, run))
        rows.append((100 * saving / without, 1e3 * without / EVERY))
    percent, step = map(statistics.median, zip(*rows, strict=True))
    return {"percent_of_run": round(percent, 2), "step_ms": round(step, 2)}


def measure(make, path, pairs):
    model, loss, data = make(torch.Generator().manual_seed(0))
    run, other = (Trainer(model, loss, optim.AdamW(model.parameters())) for _ in range(2))
    run.fit(data, steps=EVERY)
    shares = share(run, data, path, pairs)
    alone = [seconds(lambda: checkpoint.save(path, run)) for _ in range(30)]
    loads = [seconds(lambda: checkpoint.load(path, other)) for _ in range(10)]
    return {"parameters": sum(p.numel() for p in model.parameters()), "file_mb": round(path.stat().st_size / 1e6, 1),
            "save_ms": round(statistics.median(wall for wall, _ in alone) * 1e3, 1), "save_ms_limit": 50,
            "save_processor_ms": round(statistics.median(cpu for _, cpu in alone) * 1e3, 1),
            "load_ms": round(statistics.median(wall for wall, _ in loads) * 1e3, 1), **shares}


if __name__ == "__main__":
    os.environ["MINITRAIN_STATIC"] = "1"                        # no progress bars
    threads = use_threads()
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if sys.argv[1:] else None) as folder:
        found = {make.__name__: measure(make, Path(folder, "run.safetensors"), PAIRS[make.__name__]) for make in (gpt, mlp)}
    print(json.dumps({**found, "percent_of_run_limit": 2, "threads": threads, "machine": str(machine())}, indent=1))
