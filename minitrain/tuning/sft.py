"""Instruction tuning: a model that goes on with texts learns to answer, by the loss it knows, on answers alone (lesson 20).

    python -m minitrain.tuning.sft --out data/models/village-sft.safetensors

makes the village's assistant of its base model. A run that was stopped goes on where it was. Supervised fine-tuning in the
sense of Ouyang et al., "Training language models to follow instructions with human feedback", 2022, step 1.
"""
import argparse
import sys
from pathlib import Path

import torch
from torch.nn import functional as F

from minitrain import losses, optim
from minitrain.checkpoint import Checkpoints, language
from minitrain.device import use_threads
from minitrain.sources import instructions
from minitrain.sources.batching import generator
from minitrain.sources.text import IGNORED
from minitrain.trainer import Loss, Trainer
from minitrain.tuning import chat, measure
from minitrain.tuning.start import start

BASE, SHIPPED = "data/models/village-base.safetensors", "data/models/village-sft.safetensors"
STEPS, SIZE, RATE, TABLE_RATE = 260, 16, 0.03, 1e-3
LORA_STEPS, LORA_RATE = 2 * STEPS, 0.02                     # its update takes half as long; so it has as many seconds
GROUP = 8                                                   # batches whose dialogues are sorted by length together
ENDLESS = 2**60


class Dialogues:
    """Batches (x, y) of instructions with their right answers, y -100 everywhere but on the answers; batch i of (seed, i).

    instructions: an `Instructions`, or a list.  examples: only the first so many, in another order each time they are gone
    through; None takes new ones for ever.  everything: ask for the questions' tokens, too. GROUP batches are filled together,
    dialogues of like lengths into one, so that little is padding.

    >>> from minitrain.sources.village import Village
    >>> from minitrain.tokenizer import Words
    >>> village = Village(seed=0)
    >>> tok = Words([*village.vocabulary(), *(" " + name for name in village.world.strangers)], special=chat.MARKS)
    >>> x, y = Dialogues(instructions.Instructions(village), tok, size=4).at(0)
    >>> tok.decode([i for i in y[0].tolist() if i >= 0])
    ' Kitty lives in Beacon Street.<end>'
    """

    def __init__(self, instructions, tokenizer, size=SIZE, context=None, *, examples=None, everything=False, seed=0):
        self.instructions, self.tokenizer, self.size, self.context = instructions, tokenizer, size, context
        self.examples = examples or (len(instructions) if isinstance(instructions, list) else ENDLESS)
        self.everything, self.seed = everything, seed
        if self.examples < 1 or size < 1:
            raise ValueError(f"Dialogues got {self.examples} examples and size={size}; it needs at least 1 of both.")
        self._kept = self._order = (None, None)

    def at(self, i):
        group, place = divmod(i, GROUP)
        if self._kept[0] != group:
            self._kept = group, self._filled(group)
        return self._kept[1][place]

    def _filled(self, group):
        n = GROUP * self.size
        rows = [self._row(number) for number in range(group * n, (group + 1) * n)]
        rows.sort(key=lambda row: len(row[0]))                      # stable: a function of the numbers alone
        order = torch.randperm(GROUP, generator=generator("lengths", self.seed, group)).tolist()
        return [chat.padded(rows[b * self.size:(b + 1) * self.size], self.tokenizer.end, self.everything) for b in order]

    def _row(self, number):
        if self.examples < ENDLESS:
            epoch, place = divmod(number, self.examples)
            if self._order[0] != epoch:
                lots = generator("epoch of dialogues", self.seed, epoch)
                self._order = epoch, torch.randperm(self.examples, generator=lots).tolist()
            number = self._order[1][place]
        asked = self.instructions[number] if isinstance(self.instructions, list) else self.instructions.at(number)
        return chat.encode(self.tokenizer, (asked.text, asked.answer), self.context)


class Documents:
    """Batches (x, y) of a village's documents, as in pre-training, each read once: for domain tuning and for rehearsal.

    A domain is a village with a mix: Village(mix={"diary": 1e6}) writes diaries, as good as alone. first: number of its first.
    """

    def __init__(self, village, tokenizer, size=SIZE, context=None, first=0):
        self.village, self.tokenizer, self.size, self.context, self.first = village, tokenizer, size, context, first

    def at(self, i):
        end, rows = self.tokenizer.end, []
        for document in self.village.documents(self.size, first=self.first + i * self.size):
            ids = [end, *self.tokenizer.encode(document.text), end][:None if self.context is None else self.context + 1]
            rows.append((ids, [True] * len(ids)))
        return chat.padded(rows, end)


class Rehearsed:
    """Batches of one source, and each `every`th of another: what is still met now and then is kept (rehearsal: Robins, 1995).

    >>> class Numbers:
    ...     def __init__(self, sign): self.sign = sign
    ...     def at(self, i): return self.sign * i
    >>> [Rehearsed(Numbers(1), Numbers(-1), every=4).at(i) for i in range(8)]
    [0, 1, 2, 0, 3, 4, 5, -1]
    """

    def __init__(self, source, old, every=4):
        if every < 2:
            raise ValueError(f"Rehearsed got every={every}; at 2 each other batch is an old one, and below it all would be.")
        self.source, self.old, self.every = source, old, every

    def at(self, i):
        rounds, place = divmod(i, self.every)
        return self.old.at(rounds) if place == self.every - 1 else self.source.at(i - rounds)


def on_answers(model, batch):
    """As `losses.next_token`, to the digit, but logits are made only where a token is asked for: a fifth less work in tuning.

    >>> from minitrain.models.transformer import Transformer
    >>> batch = torch.tensor([[3, 1, 4]]), torch.tensor([[-100, 4, 1]])
    >>> gpt = Transformer(5, width=8, heads=2)
    >>> torch.allclose(on_answers(gpt, batch).mean, losses.next_token(gpt, batch).mean)
    True
    """
    x, y = batch
    asked = y != IGNORED                                            # (B, T)
    if not asked.any():
        return losses.next_token(model, batch)                      # which says so
    logits = F.linear(model.features(x)[asked], model.unembedding)  # (n, V)
    return Loss(F.cross_entropy(logits, y[asked]), n=len(logits))


def grown(model, tokenizer, village):
    """Model and tokenizer with the marks of a dialogue and the names of those who do not exist, from no names of villagers.

    A stranger's row is the mean of all rows: like no word in particular, as a name of which one has never heard is.
    """
    return chat.grow(model, tokenizer, words={f" {name}": None for name in village.world.strangers})


def trainer(model, steps=STEPS, *, rate=RATE, table_rate=TABLE_RATE, loss=on_answers):
    """The one loop for tuning: Muon for the matrices, AdamW for the rest, a short warm-up, then down to nothing.

    Only parameters that require a gradient are changed: all, or those of `lora`. The rows of words get a rate of their own, far
    lower: Adam steps as far for words that no answer has as for those of every answer, and what they meant would be lost.
    """
    params = [p for p in model.parameters() if p.requires_grad]
    tables = [p for p in params if any(p is table for table in (model.embedding, model.unembedding))]
    optimizer = optim.Muon(params, rate, adam=tables, adam_rate=table_rate, betas=(0.9, 0.98), clip=1.0)
    warm = max(1, min(10, steps // 10))
    return Trainer(model, loss, optimizer, schedule=optim.warmup(warm, optim.cosine(max(1, steps - warm))))


def tune(model, source, steps=STEPS, **how):
    """Tune in place; returns the `Trainer`.  source: `Dialogues` or any other.  how: as for `trainer`."""
    made = trainer(model, steps, **how)
    made.fit(source, steps)
    return made


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m minitrain.tuning.sft", description="Make the village's assistant.")
    parser.add_argument("--base", default=BASE, help=f"the model to begin from (default: {BASE})")
    parser.add_argument("--out", required=True, help="the assistant's file")
    parser.add_argument("--runs", default="runs/village-sft", help="folder for checkpoints (default: runs/village-sft)")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--size", type=int, default=SIZE, help="dialogues in a batch")
    parser.add_argument("--seed", type=int, default=0, help="of the instructions and of which are held out")
    given = parser.parse_args(arguments)
    use_threads()
    base, words, village, about = start(given.base)
    model, tok = grown(base, words, village)
    parts = instructions.split(village, given.seed)
    loop = trainer(model, given.steps)
    checkpoints = Checkpoints(given.runs, every=max(1, given.steps // 10), keep=2)
    print(checkpoints.resume(loop))
    source = Dialogues(parts.train, tok, given.size, context=model.context, seed=given.seed)
    loop.fit(source, until=given.steps, each=checkpoints)
    found = measure.table_row(model, tok, parts, village)
    command = f"python -m minitrain.tuning.sft --steps {given.steps} --size {given.size} --seed {given.seed} --out {SHIPPED}"
    path = language.save(Path(given.out), model, tok, dtype="bfloat16", about={
        "command": command, "base": about.get("command"), "village": about["village"], "start": [tok.end],
        "held_out": found})
    print(f"{path}: {path.stat().st_size:,} bytes.")
    print(measure.table({"village-sft": found}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
