"""Lesson 05's figures: digits by a convnet on five splits (the worst counts), and the playground's frames. Prints JSON.

    python tests/benchmarks/lesson_05.py
"""
import asyncio
import json
import time
from itertools import pairwise

from minitrain import Trainer, losses, optim, sources
from minitrain.callbacks import evaluate
from minitrain.device import machine, use_threads
from minitrain.models.convnet import ConvNet
from minitrain.sources.augment import affine
from minitrain.teach.widgets.playground import Playground


def digits(seed, steps=2000):
    """Held-out accuracy and seconds of wall and CPU time, training alone."""
    x, y = sources.digits()
    (x, y), held_out = sources.split(x.view(-1, 1, 8, 8), y, seed=seed)
    model = ConvNet(1, (32, 64), classes=10, size=8, seed=seed)
    trainer = Trainer(model, losses.cross_entropy, optim.AdamW(model.parameters(), 5e-3),
                      schedule=optim.warmup(20, optim.cosine(steps - 20)))
    start, cpu = time.perf_counter(), time.process_time()
    trainer.fit(sources.batches(x, y, size=48, seed=seed, augment=affine(10, 0.1, 0.05)), steps)
    spent = time.perf_counter() - start, time.process_time() - cpu
    return evaluate(model, losses.cross_entropy, *held_out)["accuracy"], *spent


async def frames(layers, seconds=5.0):
    """Frames and updates a second while it runs, and the longest time in which the kernel did not listen."""
    play, drawn, heard = Playground(kind="spirals", layers=layers), [], []
    play.board.observe(lambda _: drawn.append(time.perf_counter()), "value")
    play.start()
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        heard.append(time.perf_counter())
        await asyncio.sleep(0.001)
    play.pause()
    deaf = max(b - a for a, b in pairwise(heard))
    return {"layers": layers, "frames_per_s": round(len(drawn) / seconds, 1), "updates_per_s": round(play.trainer.t / seconds),
            "longest_silence_ms": round(1000 * deaf)}


if __name__ == "__main__":
    use_threads(1)          # models this small gain nothing from a second thread, and lose much where it has to wait for a core
    runs = [digits(seed) for seed in range(5)]
    print(json.dumps({
        "machine": str(machine()), "digits_worst": round(min(run[0] for run in runs), 4),
        "digits_all": [round(run[0], 4) for run in runs], "seconds_worst": round(max(run[1] for run in runs), 1),
        "cpu_seconds_worst": round(max(run[2] for run in runs), 1),
        "playground": [asyncio.run(frames(layers)) for layers in ([8, 8], [8] * 6)]}, indent=1))
