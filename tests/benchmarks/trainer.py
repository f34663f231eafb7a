"""What `Trainer.fit` costs beside the same loop written by hand; both alternate in one run, medians count. Prints JSON.

    python tests/benchmarks/trainer.py
"""
import json
import statistics
import subprocess
import sys
import time

import torch

from minitrain import Trainer, losses, optim
from minitrain.device import machine, use_threads
from minitrain.models.mlp import MLP


def batch(n, width):
    g = torch.Generator().manual_seed(0)
    return torch.randn(n, width, generator=g), torch.randint(0, 10, (n,), generator=g)


def by_hand(model, optimizer, data, steps):
    for _ in range(steps):
        loss = losses.cross_entropy(model, data)
        optimizer.zero_grad()
        loss.mean.backward()
        optimizer.step()


def by_trainer(model, optimizer, data, steps):
    Trainer(model, losses.cross_entropy, optimizer).fit([data], steps=steps)


def seconds_a_step(sizes, rows, steps, rounds=25):
    """Median seconds a step by hand; of the two loops within a round, the median difference and the median ratio."""
    data = batch(rows, sizes[0])
    runs = {loop: [] for loop in (by_hand, by_trainer)}
    for _ in range(rounds):
        for loop, times in runs.items():
            model = MLP(*sizes)
            optimizer = optim.AdamW(model.parameters())
            loop(model, optimizer, data, 5)
            start = time.perf_counter()
            loop(model, optimizer, data, steps)
            times.append((time.perf_counter() - start) / steps)
    pairs = list(zip(*runs.values(), strict=True))
    return (statistics.median(hand for hand, _ in pairs), statistics.median(trainer - hand for hand, trainer in pairs),
            statistics.median(trainer / hand for hand, trainer in pairs))


def import_seconds(code):
    def once():
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        return time.perf_counter() - start
    return statistics.median(once() for _ in range(5))


if __name__ == "__main__":
    use_threads()
    small, overhead, _ = seconds_a_step((64, 32, 10), 32, 300)
    large, _, ratio = seconds_a_step((256, 512, 512, 10), 256, 40)
    with_torch, with_both = import_seconds("import torch"), import_seconds("import torch, minitrain")
    print(json.dumps({
        "overhead_us_a_step": round(overhead * 1e6, 1), "overhead_us_limit": 30, "small_step_us": round(small * 1e6, 1),
        "large_step_ms": round(large * 1e3, 2), "large_step_ratio": round(ratio, 3), "large_step_ratio_limit": 1.05,
        "import_seconds_beyond_torch": round(with_both - with_torch, 3), "import_seconds_limit": 0.3, "machine": str(machine()),
    }, indent=1))
