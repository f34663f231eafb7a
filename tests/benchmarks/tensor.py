"""What the NumPy engine costs: a step of a 2-16-16-1 network, its guard against changes in place, a deep graph. Prints JSON.

    OMP_NUM_THREADS=1 python tests/benchmarks/tensor.py
"""
import json
import statistics
import time
from itertools import pairwise

import numpy as np

from minitrain import Loss, Trainer, optim
from minitrain.device import machine, use_threads
from minitrain.tensor import Tensor, fingerprint


class MLP:
    def __init__(self, *sizes):
        rng = np.random.default_rng(0)
        self.layers = [(Tensor(rng.normal(size=(n, m)) / n**0.5), Tensor(np.zeros(m))) for n, m in pairwise(sizes)]

    def parameters(self):
        return [p for layer in self.layers for p in layer]

    def __call__(self, x):
        for i, (weight, bias) in enumerate(self.layers):
            x = (x.tanh() if i else x) @ weight + bias                              # (B, sizes[i + 1])
        return x


def mse(model, batch):
    x, y = batch
    return Loss(((model(x) - y) ** 2).mean(), n=len(y))


def points(n, width):
    x = np.random.default_rng(1).uniform(-1, 1, (n, width))
    return x, x[:, :1] * x[:, 1:2]                                                  # (n, width), (n, 1)


def seconds(run, times, rounds=25):
    """Median and best seconds of one call."""
    run()
    rounds = [(time.perf_counter(), [run() for _ in range(times)], time.perf_counter()) for _ in range(rounds)]
    each = [(end - start) / times for start, _, end in rounds]
    return statistics.median(each), min(each)


def step(sizes, n, make, times):
    model, data = MLP(*sizes), points(n, sizes[0])
    trainer = Trainer(model, mse, make(model.parameters()))
    return seconds(lambda: trainer.step([data]), times)


def safety(sizes, n, times):
    """Seconds a step spends on fingerprints, in the forward pass and again before backward."""
    graph = mse(MLP(*sizes), points(n, sizes[0])).mean.graph()
    held = [array for tensor in graph for _, _, pairs in tensor.record for array, _ in pairs]
    return 2 * seconds(lambda: [fingerprint(array) for array in held], times)[0]


def deep(n):
    x = y = Tensor(np.ones(2))
    for _ in range(n):
        y = y * 1.0001
    y.sum().backward()
    return x.grad


if __name__ == "__main__":
    use_threads()
    out = {}
    for name, make in {"sgd": lambda p: optim.SGD(p, rate=0.05), "adamw": lambda p: optim.AdamW(p, rate=1e-2)}.items():
        median, best = step((2, 16, 16, 1), 100, make, 100)
        out |= {f"{name}_step_ms": round(median * 1e3, 3), f"{name}_step_best_ms": round(best * 1e3, 3)}
    large = step((784, 256, 256, 1), 64, lambda p: optim.SGD(p, rate=0.05), 3)[0]
    print(json.dumps(out | {
        "step_limit_ms": 1.0,
        "small_step_safety_share": round(safety((2, 16, 16, 1), 100, 100) * 1e3 / out["sgd_step_ms"], 3),
        "large_step_ms": round(large * 1e3, 2), "large_step_safety_share": round(safety((784, 256, 256, 1), 64, 3) / large, 3),
        "ten_thousand_operations_ms": round(seconds(lambda: deep(10_000), 1, rounds=5)[0] * 1e3), "machine": str(machine()),
    }, indent=1))
