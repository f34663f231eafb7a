"""Which part of a transformer solves which puzzle: its parts added one by one, on `sources.puzzles`, and RNNs beside them.

    python -m minitrain.scale.ladder                                    the recorded run, twenty minutes on one core
    python -m minitrain.scale.ladder --seeds 1 --updates 20 --times 1 --out /dev/stdout

It writes CSV below a comment with the command that made it, a row for each model, puzzle and seed. Then, for recall of 8 pairs in
64 words, a row for each distance: how many words ago the pair was last there; trained as long as in lesson 13, and RNNs also
`times` as long. Each model has its better rate of two; all share batches, updates and the schedule.
"""
import argparse
import sys
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import median

import torch
from torch import nn

from minitrain import Trainer, losses, optim, records
from minitrain.device import use_threads
from minitrain.models.rnn import RNN
from minitrain.models.transformer import Transformer, attention
from minitrain.sources.puzzles import Brackets, Cookbook, Copy, Lamp, Recall, ago

RECORDED = records.RUNS / "ladder.csv"
STEPS = {                                               # each has one part more than the one before
    "average": dict(average=True, positions=None, mlp=False),
    "weights by match": dict(positions=None, mlp=False),
    "positions": dict(mlp=False),
    "a second head": dict(heads=2, mlp=False),
    "an MLP": dict(heads=2),
    "a second block": dict(heads=2, layers=2),
}
RECURRENT = {"rnn": 94, "gru": 57, "lstm": 49}          # widths with about as many numbers as the two blocks
PUZZLES = {"copy": Copy, "cook book": Cookbook, "recall": partial(Recall, pairs=4, length=16, size=64), "brackets": Brackets,
           "lamp": Lamp}
PHASES = ((4, 16, 64, 150), (8, 64, 16, 80))            # pairs, words, texts a batch, updates: short texts first
DISTANCES = (2, 4, 8, 16, 32, 64)                       # from … to below …
LONG = {"transformer": 64, "rnn": 210, "gru": 125, "lstm": 108}


def build(puzzle, layers=1, heads=1, width=32, positions="learned", mlp=True, average=False, seed=0):
    """A GPT with parts left out.  positions: "learned", "rotary" or None.  average: equal weights for all words so far.

    A part whose numbers are zero, and stay zero, adds nothing. Words start from N(0, 1), not from 0.02 times that: to tell words
    apart is the puzzle.

    >>> gpt = build(Copy(half=4), positions=None, mlp=False)
    >>> gpt(Copy(half=4).at(0)[0]).shape, float(gpt.positions.abs().max())
    (torch.Size([32, 8, 16]), 0.0)
    """
    gpt = Transformer(len(puzzle.words), puzzle.length, layers, heads, width, positions=positions or "learned", norm="rms",
                      tied=False, seed=seed)
    lots = torch.Generator().manual_seed(seed)
    for table in (gpt.embedding, *([gpt.positions] if positions == "learned" else [])):
        nn.init.normal_(table, generator=lots)
    for p in [*([] if positions else [gpt.positions]), *([] if mlp else [block.mlp.down.weight for block in gpt.blocks])]:
        nn.init.zeros_(p).requires_grad_(False)
    for block in gpt.blocks if average else ():
        block.attention.attend = lambda q, k, v, causal, allowed: attention(0 * q, k, v, causal, allowed)
    return gpt


def optimizer(model, rate):
    """Muon for the matrices of a transformer, at `rate`, and AdamW for its tables; AdamW for an RNN."""
    params = [p for p in model.parameters() if p.requires_grad]
    if isinstance(model, RNN):
        return optim.AdamW(params, rate, betas=(0.9, 0.99), clip=1.0)
    tables = [p for name, p in model.named_parameters() if name in ("embedding", "positions", "head")]
    return optim.Muon(params, rate, adam=tables, adam_rate=0.75 * rate)


def learn(model, puzzles, updates, rate):
    """Train on one puzzle after another, `updates` of each, warm-up and cosine over all of them. Gives back the model."""
    trainer = Trainer(model, losses.next_token, optimizer(model, rate),
                      schedule=optim.warmup(10, optim.cosine(max(1, sum(updates) - 10), floor=0.1)))
    for puzzle, n in zip(puzzles, updates, strict=True):
        for _ in trainer.updates(puzzle, trainer.t + n):
            pass                                        # fit would draw a bar for each of some hundred models
    return model


@torch.no_grad()
def right(model, puzzle, batches=8):
    """Which answers are right in `batches` new ones, and how many words ago each one's word last stood: two vectors."""
    found, distances = [], []
    for i in range(10**6, 10**6 + batches):             # training counts from 0, and never comes there
        x, y = puzzle.at(i)
        asked = y >= 0
        found.append((model(x).argmax(-1) == y)[asked])
        distances.append(ago(x)[asked])
    return torch.cat(found), torch.cat(distances)


def size(model):
    """How many numbers training may change."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def better(made, rates):
    """The rate at which `made(rate)`, a pair (model, its right answers and more), is right most often; with what it made."""
    tried = [(rate, made(rate)) for rate in rates]
    return max(tried, key=lambda pair: pair[1][1][0].double().mean())


def rung(name, puzzle_name, seed, updates):
    """One model on one puzzle: a row."""
    puzzle = PUZZLES[puzzle_name](seed=seed)

    def made(rate):
        model = (RNN(len(puzzle.words), RECURRENT[name], name, seed=seed) if name in RECURRENT else
                 build(puzzle, seed=seed, **STEPS[name]))
        return learn(model, [puzzle], [updates], rate), right(model, puzzle)

    rate, (model, (found, _)) = better(made, (3e-3, 1e-2) if name in RECURRENT else (0.02, 0.04))
    return dict(model=name, puzzle=puzzle_name, updates=updates, seed=seed, parameters=size(model), rate=rate,
                words_ago="", accuracy=round(float(found.double().mean()), 4))


def by_distance(name, seed, times=1, rates=(1e-3, 3e-3), phases=PHASES):
    """One model on recall, `times` as long as in the lesson: a row for each distance."""
    puzzles = [Recall(pairs, words, texts, seed=seed) for pairs, words, texts, _ in phases]
    updates = [times * n for *_, n in phases]

    def made(rate):
        model = (build(puzzles[-1], layers=2, heads=4, width=LONG[name], positions="rotary", seed=seed) if name == "transformer"
                 else RNN(len(puzzles[-1].words), LONG[name], name, seed=seed))
        return learn(model, puzzles, updates, rate), right(model, puzzles[-1], batches=32)

    rate, (model, (found, distances)) = better(made, rates)
    rows = []
    for low, high in pairwise(DISTANCES):
        share = found[(distances >= low) & (distances < high)].double().mean()
        rows.append(dict(model=name, puzzle="recall, 64 words", updates=sum(updates), seed=seed, parameters=size(model),
                         rate=rate, words_ago=f"{low}-{high - 1}", accuracy=round(float(share), 4)))
    return rows


def recorded(path=RECORDED):
    """The rows of a recorded run, numbers as numbers, and the command in its first line."""
    return records.read(path)


def medians(path=RECORDED):
    """{model: {puzzle: median share right over the seeds}} of a recorded run, parts first, then the recurrent networks."""
    rows = recorded(path)[0]
    return {model: {puzzle: median(row["accuracy"] for row in rows if (row["model"], row["puzzle"]) == (model, puzzle))
                    for puzzle in PUZZLES} for model in (*STEPS, *RECURRENT)}


def main(arguments=None):
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m minitrain.scale.ladder", description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5, help="models of each kind")
    parser.add_argument("--updates", type=int, default=200, help="of each model on each puzzle")
    parser.add_argument("--times", type=int, default=5, help="how much longer than in the lesson RNNs are trained on recall")
    parser.add_argument("--out", type=Path, default=RECORDED, help="the file to write")
    asked = parser.parse_args(arguments)
    use_threads(1)                                      # models this small are slower when shared

    def rows():
        for seed in range(asked.seeds):
            for name in (*STEPS, *RECURRENT):
                yield from (rung(name, puzzle, seed, asked.updates) for puzzle in PUZZLES)
            for name in LONG:
                found = by_distance(name, seed, **({"rates": (0.02, 0.04)} if name == "transformer" else {}))
                yield from found
                if name != "transformer":
                    yield from by_distance(name, seed, asked.times, rates=[found[-1]["rate"]])      # the one that was better

    def told(row):
        print(*row.values(), file=sys.stderr, flush=True)
        return row

    records.write(asked.out, f"python -m minitrain.scale.ladder --seeds {asked.seeds} --updates {asked.updates} "
                  f"--times {asked.times}", map(told, rows()))


if __name__ == "__main__":
    main()
