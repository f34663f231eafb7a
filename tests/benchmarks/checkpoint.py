"""What a checkpoint of a million parameters with AdamW's memory costs: alone, and as a share of a training run that saves
every 100 steps, both read from one run. Prints JSON.

    python tests/benchmarks/checkpoint.py [FOLDER]          FOLDER: on the disk to be measured; a temporary one unless given
"""
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

import torch

from minitrain import Trainer, checkpoint, losses, optim
from minitrain.device import machine, use_threads
from minitrain.models.mlp import MLP

SIZES, ROWS, STEPS, EVERY = (784, 850, 380, 10), 128, 1500, 100


def trainer():
    model = MLP(*SIZES)
    return Trainer(model, losses.cross_entropy, optim.AdamW(model.parameters()))


def seconds(act):
    """Of the clock on the wall (waiting for the disk is the cost), and of the processor."""
    wall, cpu = time.perf_counter(), time.process_time()
    act()
    return time.perf_counter() - wall, time.process_time() - cpu


if __name__ == "__main__":
    use_threads()
    g = torch.Generator().manual_seed(0)
    data = [(torch.randn(ROWS, SIZES[0], generator=g), torch.randint(0, 10, (ROWS,), generator=g)) for _ in range(8)]
    run, other, saves = trainer(), trainer(), []
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if sys.argv[1:] else None) as folder:
        checkpoints = checkpoint.Checkpoints(folder, every=EVERY)
        total, total_cpu = seconds(lambda: run.fit(data, steps=STEPS, each=lambda trainer, logs: (
            saves.append(seconds(lambda: checkpoints(trainer, logs))) if trainer.t % EVERY == 0 else checkpoints(trainer, logs))))
        path = Path(folder, "alone.safetensors")
        alone = [seconds(lambda: checkpoint.save(path, run)) for _ in range(30)]
        loads = [seconds(lambda: checkpoint.load(path, other)) for _ in range(10)]
        size = path.stat().st_size
    in_run = sum(wall for wall, _ in saves)
    print(json.dumps({
        "parameters": sum(p.numel() for p in run.model.parameters()), "file_mb": round(size / 1e6, 1),
        "save_ms": round(statistics.median(wall for wall, _ in alone) * 1e3, 1), "save_ms_limit": 50,
        "save_processor_ms": round(statistics.median(cpu for _, cpu in alone) * 1e3, 1),
        "load_ms": round(statistics.median(wall for wall, _ in loads) * 1e3, 1),
        "step_ms": round((total - in_run) / STEPS * 1e3, 2), "saves_in_run": len(saves),
        "save_in_run_ms": round(statistics.median(wall for wall, _ in saves) * 1e3, 1),
        "percent_of_run": round(100 * in_run / total, 2), "percent_of_run_limit": 2,
        "percent_of_processor": round(100 * sum(cpu for _, cpu in saves) / total_cpu, 2), "machine": str(machine()),
    }, indent=1))
