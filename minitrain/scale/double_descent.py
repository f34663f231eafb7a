"""Double descent in trained networks: one hidden layer of growing width, digits of which a fifth bears a wrong label.

    python -m minitrain.scale.double_descent                            the recorded run, about six minutes on one core
    python -m minitrain.scale.double_descent --widths 4 64 --seeds 1 --updates 200 --out /dev/stdout

It writes one row for each width and seed, as CSV, below a comment with the command that made it. Each network trains on the
same number of updates, long enough for all but the narrowest to learn every label by heart, the rate falling to zero; nothing
holds it back (no decay, no dropout, no early stop). Nakkiran et al., Deep Double Descent, 2020; Belkin et al., 2019.
"""
import argparse
import sys
from pathlib import Path

from minitrain import Trainer, losses, optim, records, sources
from minitrain.callbacks import evaluate
from minitrain.device import use_threads
from minitrain.models.mlp import MLP

RECORDED = records.RUNS / "double_descent.csv"
WIDTHS = (2, 3, 4, 6, 8, 10, 12, 16, 20, 24, 28, 32, 40, 48, 64, 96, 128, 256, 512)


def error_of(width, seed, *, examples=1000, wrong=0.2, updates=4000, rate=1e-2):
    """One network, trained to the end: a row of the table, as a dict.

    train_error: the share of its examples, wrong labels included, on which it does not answer the label it was given.
    """
    (x, labels), held = sources.few_digits(examples, wrong=wrong, seed=seed)
    model = MLP(64, width, 10, seed=seed)
    trainer = Trainer(model, losses.cross_entropy, optim.AdamW(model.parameters(), rate, decay=0.0),
                      schedule=optim.cosine(updates))
    for _ in trainer.updates(sources.batches(x, labels, size=100, seed=seed), updates):
        pass                                            # fit would draw a bar for each of a hundred networks
    train, held = evaluate(model, losses.cross_entropy, x, labels), evaluate(model, losses.cross_entropy, *held)
    return {"width": width, "seed": seed, "parameters": sum(p.numel() for p in model.parameters()),
            "train_error": round(1 - train["accuracy"], 4), "held_out_error": round(1 - held["accuracy"], 4),
            "held_out_loss": round(held["loss"], 4)}


def recorded(path=RECORDED):
    """The rows of a recorded run, as numbers, and the command in its first line."""
    return records.read(path)


def main(arguments=None):
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m minitrain.scale.double_descent", description=__doc__.splitlines()[0])
    parser.add_argument("--widths", type=int, nargs="+", default=WIDTHS, help="hidden units")
    parser.add_argument("--seeds", type=int, default=5, help="networks of each width")
    parser.add_argument("--examples", type=int, default=1000, help="digits to learn from")
    parser.add_argument("--wrong", type=float, default=0.2, help="share of them with a wrong label")
    parser.add_argument("--updates", type=int, default=4000, help="of each network")
    parser.add_argument("--out", type=Path, default=RECORDED, help="the file to write")
    asked = parser.parse_args(arguments)
    use_threads(1)                                      # models this small are slower when shared
    how = dict(examples=asked.examples, wrong=asked.wrong, updates=asked.updates)

    def rows():
        for width in asked.widths:
            found = [error_of(width, seed, **how) for seed in range(asked.seeds)]
            shown = sorted(row["held_out_error"] for row in found)
            print(f"width {width:4}: error on new digits {shown[0]:.1%} to {shown[-1]:.1%}", file=sys.stderr, flush=True)
            yield from found

    records.write(asked.out, f"python -m minitrain.scale.double_descent --widths {' '.join(map(str, asked.widths))} --seeds "
                  f"{asked.seeds} --examples {asked.examples} --wrong {asked.wrong} --updates {asked.updates}", rows())


if __name__ == "__main__":
    main()
