"""What learning without labels is worth: accuracy with 1, 5, 20 and 100 labels a class, for each pretext task and budget.

    python -m minitrain.evaluate.label_efficiency                       the recorded run, some twenty minutes of processor time
    python -m minitrain.evaluate.label_efficiency --seeds 0 --budgets 20 --updates 20 --out /dev/stdout

It writes CSV below a comment with the command that made it. A seed draws the start of every network, all batches and views, and
which pictures are labelled; all seeds share the unlabelled pictures and the test. `use` says what was done with the labels:
"probe" fits a linear layer to frozen features, "tuned" trains the whole network, on views of the labelled pictures or, as
"tuned, no views", on the pictures as they are; "tuned as long" has as many updates as pretraining and tuning together. `features`
says where the network started: from random weights, or from a task.
"""
import argparse
import copy
import sys
from functools import partial
from pathlib import Path

from minitrain import Trainer, losses, optim, records, sources
from minitrain.callbacks import evaluate
from minitrain.device import use_threads
from minitrain.evaluate.probe import LinearProbe, features, few_labels
from minitrain.models.encoder import Encoder, Headed, Painter, settle
from minitrain.sources.augment import crop, in_turn, recolour
from minitrain.sources.doodles import KINDS, Doodles
from minitrain.sources.pretext import Pretext, grey_to_colour, hidden_patches, patch_pairs, turned, two_views

RECORDED = records.RUNS / "self_supervised.csv"
LABELS, BUDGETS = (1, 5, 20, 100), (150, 300, 600, 1200)
LONGER = ("contrast",)                                  # the one that still gains a lot: twice the largest budget as well
WORLD = dict(size=16, zoom=(0.7, 0.95), styles=("filled", "comic"), colours="natural", grounds=("plain", "gradient"),
             brightness=(0.8, 1.1), contrast=(0.8, 1.0), noise=0.02)
VIEW = in_turn(crop(), recolour())
TASKS = {                                               # the source's task, the model around an encoder, the loss
    "colour": (grey_to_colour, Painter, losses.mse),
    "rotation": (turned, partial(Headed, outputs=4), losses.cross_entropy),
    "patches": (patch_pairs(), partial(Headed, outputs=8, views=2), losses.cross_entropy),
    "contrast": (two_views(VIEW), partial(Headed, outputs=64), losses.info_nce),
    "masked": (hidden_patches(), Painter, losses.masked_mse),
}


def pretrain(name, pictures, budgets, *, seed=0, rate=3e-3, size=64):
    """Train an encoder on one task; yields (updates so far, encoder) at each of the budgets, the same encoder all the way."""
    task, around, loss = TASKS[name]
    encoder = Encoder(pictures.shape[-1], seed=seed)
    model = around(encoder, seed=seed)
    trainer = Trainer(model, loss, optim.AdamW(model.parameters(), rate))
    source = Pretext(pictures, task, size=size, seed=seed)
    for budget in budgets:
        for _ in trainer.updates(source, budget):
            pass
        yield budget, encoder


def probed(encoder, pictures, labels, test, *, seed=0, counts=LABELS):
    """{labels a class: accuracy on the test of a linear probe on the encoder's features}."""
    settle(encoder, pictures)
    x, held, found = features(encoder, pictures), features(encoder, test[0]), {}
    for n in counts:
        rows = few_labels(labels, n, classes=len(KINDS), seed=seed)
        found[n] = LinearProbe(x[rows], labels[rows], classes=len(KINDS), unlabelled=x).accuracy(held, test[1])
    return found


def tuned(encoder, pictures, labels, test, n, *, seed=0, updates=600, rate=3e-3, view=VIEW):
    """Accuracy on the test after training the whole encoder, and a linear layer on it, on n labelled pictures a class."""
    rows = few_labels(labels, n, classes=len(KINDS), seed=seed)
    model = Headed(encoder, len(KINDS), hidden=None, seed=seed)
    trainer = Trainer(model, losses.cross_entropy, optim.AdamW(model.parameters(), rate), schedule=optim.cosine(updates))
    for _ in trainer.updates(sources.batches(pictures[rows], labels[rows], size=64, seed=seed, augment=view), updates):
        pass
    return evaluate(model, losses.cross_entropy, *test)["accuracy"]


def rows_of(seed, *, budgets=BUDGETS, updates=600):
    """All rows of one seed, one after another."""
    world = Doodles(tuple(KINDS), **WORLD)
    (pictures, labels), test = world.draw(3072, seed=0), world.draw(1000, seed=1)

    def rows(name, use, budget, found):
        return [dict(features=name, use=use, budget=budget, seed=seed, labels=n, accuracy=round(accuracy, 4))
                for n, accuracy in found.items()]

    def tune(make, **how):
        return {n: tuned(make(), pictures, labels, test, n, seed=seed, **{"updates": updates, **how}) for n in LABELS}

    yield from rows("random", "probe", 0, probed(Encoder(16, seed=seed), pictures, labels, test, seed=seed))
    yield from rows("random", "tuned, no views", 0, tune(lambda: Encoder(16, seed=seed), view=None))
    yield from rows("random", "tuned", 0, tune(lambda: Encoder(16, seed=seed)))
    for name in TASKS:
        more = (2 * budgets[-1],) if name in LONGER else ()
        for budget, encoder in pretrain(name, pictures, (*budgets, *more), seed=seed):
            yield from rows(name, "probe", budget, probed(encoder, pictures, labels, test, seed=seed))
        if name in LONGER:
            yield from rows(name, "tuned", budget, tune(lambda encoder=encoder: copy.deepcopy(encoder), rate=1e-3))
    as_long = updates + 2 * budgets[-1]                 # what the longest pretraining and the tuning after it took together
    yield from rows("random", "tuned as long", 0, tune(lambda: Encoder(16, seed=seed), updates=as_long))


def recorded(path=RECORDED):
    """The rows of a recorded run, numbers as numbers, and the command in its first line."""
    return records.read(path)


def main(arguments=None):
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m minitrain.evaluate.label_efficiency", description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=range(5), help="each a start, an order, a draw of labels")
    parser.add_argument("--budgets", type=int, nargs="+", default=BUDGETS, help="updates on a task, at which features are probed")
    parser.add_argument("--updates", type=int, default=600, help="updates on labelled pictures")
    parser.add_argument("--out", type=Path, default=RECORDED, help="the file to write")
    asked = parser.parse_args(arguments)
    use_threads(1)                                      # models this small are slower when shared

    def rows():
        for seed in asked.seeds:
            for row in rows_of(seed, budgets=asked.budgets, updates=asked.updates):
                print(*row.values(), file=sys.stderr, flush=True)
                yield row

    records.write(asked.out, f"python -m minitrain.evaluate.label_efficiency --seeds {' '.join(map(str, asked.seeds))} "
                  f"--budgets {' '.join(map(str, asked.budgets))} --updates {asked.updates}", rows())


if __name__ == "__main__":
    main()
