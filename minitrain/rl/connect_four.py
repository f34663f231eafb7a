"""Connect Four from self-play alone: the command that trains the network that ships, and what reads its past selves.

    python -m minitrain.rl.connect_four --out data/models/connect-four.safetensors

About half an hour of one core. A run that was stopped goes on where it was. The file holds the network as it was at nine moments,
the first before it learned anything, so that one can play against each; `evaluate.connect_four` measures how strong each is.
"""
import argparse
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from minitrain import Trainer, callbacks, optim
from minitrain.checkpoint import Checkpoints, file
from minitrain.device import use_threads
from minitrain.models.residual import Residual
from minitrain.rl.games import connect_four
from minitrain.rl.selfplay import SelfPlay, TwoHeads, policy_and_value

SHIPPED = Path(__file__).resolve().parents[2] / "data" / "models" / "connect-four.safetensors"
STEPS = 12_000
MOMENTS = (0, 1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 3 / 4, 1)        # of the training, at which the network is kept
TRUNK = {"channels": 32, "blocks": 3, "outputs": 128}


@dataclass
class Snapshot:
    """The network (`selfplay.TwoHeads`, in evaluation mode) after so many updates, games and seconds of the processor."""
    updates: int
    games: int
    seconds: float
    model: TwoHeads


def untrained(trunk=None, seed=0):
    """The network before its first update.  trunk: sizes for `Residual`, those of `TRUNK` unless given."""
    game = connect_four()
    return TwoHeads(game, trunk=Residual(game.features(game.start(1)).shape[1:], **(trunk or TRUNK), seed=seed), seed=seed)


def load(path=SHIPPED):
    """The network at each moment that was kept: a list of `Snapshot`, the untrained one first.

    ValueError: the file holds something else. `checkpoint.Unusable`: it is damaged.
    """
    saved = file.read(path)
    if not isinstance(saved, dict) or "connect four" not in saved:
        raise ValueError(f"{path} holds no Connect Four networks; `python -m minitrain.rl.connect_four --out FILE` makes some.")
    snapshots = []
    for entry in saved["connect four"]:
        model = untrained(saved["trunk"])
        model.load_state_dict({name: x.float() for name, x in entry["weights"].items()})
        snapshots.append(Snapshot(entry["updates"], entry["games"], entry["seconds"], model.eval()))
    return snapshots


class Keep:
    """Writes the network into `folder` at each of `at` updates, as `each`, and the seconds of the processor into the logs."""

    def __init__(self, folder, at, source, trainer):
        self.folder, self.at, self.source = Path(folder), at, source
        self.begun = time.process_time() - (trainer.history[-1]["seconds"] if trainer.history else 0)
        if trainer.t == 0:
            self.write(trainer, 0.0)

    def __call__(self, trainer, logs):
        logs["seconds"] = time.process_time() - self.begun
        if trainer.t in self.at:
            self.write(trainer, logs["seconds"])

    def write(self, trainer, seconds):
        weights = {name: x.to(torch.bfloat16) for name, x in trainer.model.state_dict().items()}
        file.write(self.path(trainer.t), {"updates": trainer.t, "games": self.source.played, "seconds": seconds,
                                          "weights": weights})

    def path(self, t):
        self.folder.mkdir(parents=True, exist_ok=True)
        return self.folder / f"kept-{t:08}.safetensors"

    def all(self):
        return [file.read(self.path(t)) for t in self.at]


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m minitrain.rl.connect_four", description="Make the Connect Four network.")
    parser.add_argument("--out", required=True, help="the file of all kept networks")
    parser.add_argument("--runs", default="runs/connect-four", help="folder for checkpoints (default: runs/connect-four)")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--games", type=int, default=256, help="that are played at once (default: 256)")
    given = parser.parse_args(arguments)
    if given.steps < 64:
        parser.error(f"--steps is {given.steps}; with fewer than 64 the kept moments fall together.")
    use_threads()
    model, at = untrained(), [round(share * given.steps) for share in MOMENTS]
    source = SelfPlay(connect_four(), model, games=given.games, explore=12, opening=8, epochs=1, seed=0)
    trainer = Trainer(model, policy_and_value, optim.AdamW(model.parameters(), rate=2e-3, clip=1.0),
                      schedule=optim.cosine(given.steps, floor=0.02))
    checkpoints = Checkpoints(given.runs, every=max(1, given.steps // 60), keep=2, source=source)
    print(checkpoints.resume(trainer), flush=True)
    keep = Keep(given.runs, at, source, trainer)
    try:
        trainer.fit(source, until=given.steps, each=callbacks.together(keep, checkpoints))
    except KeyboardInterrupt:
        checkpoints.save(trainer)
        print(f"Stopped at update {trainer.t}; the same command goes on from here.")
        return 130
    command = f"python -m minitrain.rl.connect_four --steps {given.steps} --out data/models/connect-four.safetensors"
    path = file.write(given.out, {"connect four": keep.all(), "trunk": TRUNK, "command": command})
    print(f"{path}: {path.stat().st_size:,} bytes, {source.played:,} games.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
