"""The base model of the village, which later lessons share, and the command that makes it again:

    python -m minitrain.pretrain.base --out data/models/village-base.safetensors

Its documents are written while it trains, and none is read twice. A run that was stopped goes on where it was.
"""
import argparse
import sys
from pathlib import Path

from minitrain.device import use_threads
from minitrain.pretrain import prepare
from minitrain.pretrain.corpus import Corpus
from minitrain.pretrain.score import against_the_floor
from minitrain.sources import text as texts
from minitrain.sources.village import Village
from minitrain.tokenizer import Words

HELD_OUT, SCORED = 10_000_000, 4_000                        # the first document for testing; of how many the file tells
VILLAGE = {"seed": 0, "habit": 3}                           # everybody in it, with turns of phrase that they prefer
STEPS = 14_000
SIZE = {"layers": 2, "width": 160, "heads": 5, "context": 128, "batch": 32, "adam_rate": 0.02, "beta1": 0.95, "beta2": 0.99}


class Endless(Corpus):
    """A village as a corpus that never ends: batch i is packed from documents that no other batch has.

    >>> made = Endless(Village(seed=0, people=8), held_out=20)
    >>> x, y, documents = made.source(context=96, batch=4, seed=0).at(3)
    >>> x.shape[1], made.tokenizer.decode(y[0, :3])[0].isupper()
    (96, True)
    """

    def __init__(self, village, held_out=500):
        tok, held = Words(village.vocabulary()), village.documents(held_out, first=HELD_OUT)
        texts_held = [document.text for document in held]
        super().__init__(tok, True, [], [tok.encode(text) for text in texts_held], [], texts_held)
        self.village, self.held = village, held

    @property
    def tokens(self):
        return 0                                            # of a text that is read again: there is none

    def source(self, context, batch, seed, device="cpu"):
        mean = sum(len(ids) + 1 for ids in self.held_ids) / len(self.held_ids)
        return Stream(self, context, max(1, int(batch * context / mean)), device)


class Stream:
    """Batches (x, y, documents) of so many documents each, number i from those that follow batch i - 1's."""

    def __init__(self, endless, context, documents, device):
        self.endless, self.context, self.documents, self.device = endless, context, documents, device

    def at(self, i):
        tok, n = self.endless.tokenizer, self.documents
        if (i + 1) * n > HELD_OUT:
            raise IndexError(f"Batch {i} would need documents from number {HELD_OUT:,} on, which are held out.")
        written = [tok.encode(document.text) for document in self.endless.village.documents(n, first=i * n)]
        packed = texts.pack(written, self.context, tok.end)
        return tuple(x.to(self.device) for x in (packed.x, packed.y, packed.documents))


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m minitrain.pretrain.base", description="Make the village's base model.")
    parser.add_argument("--out", required=True, help="the model's file")
    parser.add_argument("--runs", default="runs/village-base", help="folder for checkpoints (default: runs/village-base)")
    parser.add_argument("--steps", type=int, default=STEPS)
    given = parser.parse_args(arguments)
    use_threads()
    made = Endless(Village(**VILLAGE))
    run = prepare(made, steps=given.steps, out=given.runs, resume=True, **SIZE)
    run.train()
    if not run.done:
        return 130
    found = against_the_floor(run.model, run.tokenizer, made.village.documents(SCORED, first=HELD_OUT))
    command = f"python -m minitrain.pretrain.base --steps {run.plan.steps} --out data/models/village-base.safetensors"
    path = run.save(Path(given.out), dtype="bfloat16", command=command, village=VILLAGE, held_out=found)
    print(f"{path}: {path.stat().st_size:,} bytes.")
    for name, part in found.items():
        print(f"{name:>8}: {part['loss']:.4f} nats a token, floor {part['floor']:.4f}, {100 * part['gap']:+.2f} %")
    return 0


if __name__ == "__main__":
    sys.exit(main())
