"""Lesson 00's two trainings, five seeds (for the digits, five splits) each: seconds, drawing included, held-out accuracy.

    python tests/benchmarks/lesson_00.py                # prints JSON; the worst seed counts
"""
import json
import time

from minitrain import Trainer, losses, optim, sources
from minitrain.callbacks import evaluate
from minitrain.device import machine, use_threads
from minitrain.models.convnet import ConvNet
from minitrain.models.mlp import MLP
from minitrain.sources.augment import affine
from minitrain.sources.doodles import BY_HAND, Doodles

SEEDS = range(5)


def shapes(seed, steps=700):
    """As in the lesson's first training: pictures are drawn while it trains; 4,000 others test it."""
    source = Doodles(("square", "circle"), **BY_HAND, batch=32, seed=seed)
    model = ConvNet(3, channels=(8, 16, 32, 32), classes=2, size=32, seed=seed)
    fit(model, source, steps)
    return model, source.draw(4000, seed=1000 + seed)


def digits(seed, steps=2000):
    train, held_out = sources.split(*sources.digits(), seed=seed)
    model = MLP(64, 256, 128, 10, seed=seed)
    fit(model, sources.batches(*train, size=64, seed=seed, augment=affine()), steps)
    return model, held_out


def fit(model, source, steps):
    optimizer = optim.AdamW(model.parameters(), rate=5e-3)
    Trainer(model, losses.cross_entropy, optimizer, schedule=optim.cosine(steps)).fit(source, steps)


def measure(train):
    seconds, accuracy = [], []
    for seed in SEEDS:
        start = time.perf_counter()
        model, held_out = train(seed)
        seconds.append(round(time.perf_counter() - start, 2))
        accuracy.append(round(evaluate(model, losses.cross_entropy, *held_out)["accuracy"], 4))
    return {"seconds": seconds, "accuracy": accuracy, "worst_seconds": max(seconds), "worst_accuracy": min(accuracy)}


if __name__ == "__main__":
    threads = use_threads()
    print(json.dumps({"machine": str(machine()), "threads": threads, "shapes": measure(shapes), "digits": measure(digits)},
                     indent=1))
