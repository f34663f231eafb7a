"""Three ways to pre-train on one text, raced: a plain GPT, ours, and the fastest that still learns all it knows by gradient.

(a) plain: 4 layers in eager PyTorch, AdamW, 2,000 updates of 12 × 64 characters: what one would write first.
(b) transformer: ours with two layers, under Muon; each character enters with those before it (`minitrain.models.token_shift`).
(c) n_grams: `minitrain.models.hashed_ngrams`, tables and a small MLP, no attention.

Everything that a racer does is on its clock, from the raw text on; only tests are not, on all disjoint windows of the text's
last tenth. The three advance in turns, each by the same share of its planned updates, so that a slow minute of the machine
slows all of them; then (b) and (c) go on at their last learning rate until they have used as much time as (a). When one
reached (a)'s final loss is read off a straight line between the two tests around it. Counted n-grams stand beside. Prints JSON.

    python tests/benchmarks/pretrain_race.py [--text FILE] [--seeds 0 1 2] [--quick]

Without a text it is `english.py`'s. --quick: a few updates of each, to see that it runs.
"""
import argparse
import hashlib
import json
import math
import statistics
import sys
import time
from itertools import count, pairwise
from pathlib import Path

import torch
from english import english
from torch import nn
from torch.nn import functional as F

from minitrain import Trainer, losses, optim
from minitrain.device import machine, use_threads
from minitrain.models.hashed_ngrams import HashedNGrams
from minitrain.models.ngrams import NGram
from minitrain.models.token_shift import TokenShift
from minitrain.sources import text as texts
from minitrain.tokenizer import Characters

CONTEXT, HELD_OUT, MOST, TESTS = 64, 0.1, 1_200_000, 20


class PlainBlock(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width, bias=False), nn.LayerNorm(width, bias=False)
        self.qkv, self.out = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width, bias=False)
        self.up, self.down = nn.Linear(width, 4 * width, bias=False), nn.Linear(4 * width, width, bias=False)

    def forward(self, x):
        B, T, C = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(B, T, 3, self.heads, -1).permute(2, 0, 3, 1, 4)      # (B, H, T, D) each
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(y.transpose(1, 2).reshape(B, T, C))
        return x + self.down(F.gelu(self.up(self.norm2(x))))                                        # (B, T, C)


class Plain(nn.Module):
    """A GPT as GPT-2 starts it: N(0, 0.02²), smaller by sqrt(2·layers) where a part writes into the stream."""

    def __init__(self, vocabulary, layers=4, heads=4, width=128):
        super().__init__()
        self.tokens, self.places = nn.Embedding(vocabulary, width), nn.Embedding(CONTEXT, width)
        self.blocks = nn.Sequential(*[PlainBlock(width, heads) for _ in range(layers)])
        self.norm = nn.LayerNorm(width, bias=False)
        for name, p in self.named_parameters():
            if p.ndim == 2:
                writes = name.endswith(("out.weight", "down.weight"))
                nn.init.normal_(p, std=0.02 / (2 * layers) ** (0.5 * writes))

    def forward(self, ids):
        x = self.tokens(ids) + self.places.weight[:ids.shape[1]]
        return F.linear(self.norm(self.blocks(x)), self.tokens.weight)                              # (B, T, V)


def rate(t, steps, warm=100, most=1e-3, least=1e-4):
    """Up in a straight line, then down along half a cosine."""
    if t < warm:
        return most * (t + 1) / warm
    return least + (most - least) * (1 + math.cos(math.pi * (t - warm) / (steps - warm))) / 2


def plain(ids, vocabulary, seed, steps):
    """(a): written out, without anything of ours."""
    torch.manual_seed(seed)
    model = Plain(vocabulary)
    matrices, rest = [[p for p in model.parameters() if (p.ndim == 2) == wanted] for wanted in (True, False)]
    optimizer = torch.optim.AdamW([{"params": matrices, "weight_decay": 0.1}, {"params": rest, "weight_decay": 0.0}],
                                  lr=1e-3, betas=(0.9, 0.99))

    def updates():
        for t in count():
            for group in optimizer.param_groups:
                group["lr"] = rate(t, steps)
            starts = torch.randint(len(ids) - CONTEXT, (12, 1))
            x = ids[starts + torch.arange(CONTEXT)]                                                 # (B, T)
            y = ids[starts + torch.arange(1, CONTEXT + 1)]
            loss = F.cross_entropy(model(x).flatten(0, 1), y.flatten())
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            yield
    return model, updates()


def transformer(ids, vocabulary, seed, steps):
    """(b)"""
    model = TokenShift(vocabulary, context=CONTEXT, layers=2, positions="rotary", activation="relu2", tied=False, seed=seed)
    tables = [model.embedding, model.before, model.head]
    optimizer = optim.Muon(model.parameters(), rate=0.02, adam=tables, adam_rate=0.01, betas=(0.8, 0.9))
    return model, trained(model, optimizer, texts.Windows(ids, CONTEXT, 16, seed), warm=20, steps=steps)


def n_grams(ids, vocabulary, seed, steps):
    """(c)"""
    model = HashedNGrams(vocabulary, seed=seed)
    tables = [model.tokens, model.table, model.head, model.skip]
    optimizer = optim.Muon(model.parameters(), rate=0.05, adam=tables, adam_rate=0.02, betas=(0.7, 0.85))
    return model, trained(model, optimizer, texts.Windows(ids, CONTEXT, 32, seed), warm=5, steps=steps)


def trained(model, optimizer, source, warm, steps):
    """The one loop, update by update. The rate falls to a tenth over the planned steps, and stays there."""
    warm = min(warm, steps // 2)
    schedule = optim.warmup(warm, optim.cosine(steps - warm, floor=0.1))
    trainer = Trainer(model, losses.next_token, optimizer, schedule=schedule)
    for _ in trainer.updates(source, until=10**9):
        if trainer.t % 50 == 0:
            trainer.history         # reads the losses: thousands of unread tensors tear memory into pieces, half a MB an update
        yield


RACERS = {"plain": (plain, 2000), "transformer": (transformer, 250), "n_grams": (n_grams, 120)}


class Racer:
    """One way to train, and its clocks, which stand still between calls: `clock` in seconds of the wall, `cpu` in seconds of
    processor, which neighbours on the machine disturb less. `curve`: (clock, cpu, loss) at each test."""

    def __init__(self, recipe, text, seed, steps):
        self.clock, self.cpu, self.t, self.steps, self.curve = 0.0, 0.0, 0, steps, []
        start = time.perf_counter(), time.process_time()
        tok = Characters.train(text)
        ids = torch.tensor(tok.encode(texts.split(text, HELD_OUT)[0]))
        self.model, self.updates = recipe(ids, tok.end, seed, steps)
        self.tick(start)
        self.parameters = sum(p.numel() for p in self.model.parameters())
        if self.parameters > MOST:
            raise ValueError(f"{type(self.model).__name__} has {self.parameters:,} parameters; the race allows {MOST:,}. Take a "
                             f"text with fewer than {tok.end} different characters.")

    def tick(self, start):
        self.clock, self.cpu = self.clock + time.perf_counter() - start[0], self.cpu + time.process_time() - start[1]

    def run(self, steps, windows):
        start = time.perf_counter(), time.process_time()
        for _ in range(steps):
            next(self.updates)
        self.tick(start)
        self.t += steps
        self.curve.append((round(self.clock, 3), round(self.cpu, 3), round(score(self.model, *windows), 4)))


@torch.no_grad()
def score(model, x, y, rows=256):
    """Mean surprise in nats at every character of the windows, x and y (N, T), each seen from its own window alone."""
    total = sum(float(F.cross_entropy(model(a).flatten(0, 1), b.flatten(), reduction="sum"))
                for a, b in zip(x.split(rows), y.split(rows), strict=True))
    return total / y.numel()


def race(text, windows, seed, steps):
    racers = {name: Racer(recipe, text, seed, steps.get(name, planned)) for name, (recipe, planned) in RACERS.items()}
    while behind := [r for r in racers.values() if r.t < r.steps]:
        racer = min(behind, key=lambda r: r.t / r.steps)
        racer.run(min(max(1, racer.steps // TESTS), racer.steps - racer.t), windows)
    say(seed, racers)
    a, *others = racers.values()
    while behind := [r for r in others if r.clock < a.clock]:
        racer = min(behind, key=lambda r: r.clock)
        racer.run(max(1, int(min(a.clock / 8, a.clock - racer.clock) / (racer.clock / racer.t)) + 1), windows)
    say(seed, racers)
    return racers


def say(seed, racers):
    """What stands so far, for whoever waits, or has to stop it."""
    print(f"seed {seed}:", *(f"{name} {r.t} updates, (s, cpu s, loss) {r.curve[-1]};" for name, r in racers.items()),
          *(f"{name} {ratios};" for name in list(racers)[1:] for ratios in [sooner([racers], name)]), file=sys.stderr, flush=True)


def reached(curve, loss):
    """The clocks (seconds, cpu) when a curve is first at or below a loss, between two tests by a straight line, or None."""
    if curve[0][-1] <= loss:
        return curve[0][:-1]
    for (*before, l0), (*after, l1) in pairwise(curve):
        if l1 <= loss:
            return tuple(t0 + (t1 - t0) * (l0 - loss) / (l0 - l1) for t0, t1 in zip(before, after, strict=True))
    return None


def sooner(runs, name):
    """How many times sooner than (a) a racer reached (a)'s final loss, by the wall and by the processor."""
    found = []
    for run in runs:
        *ends, loss = run["plain"].curve[-1]
        clocks = reached(run[name].curve, loss)
        found.append([None, None] if clocks is None else [end / clock for end, clock in zip(ends, clocks, strict=True)])
    return {key: middle(ratios) for key, ratios in zip(("wall", "cpu"), zip(*found, strict=True), strict=True)}


def counted(text, windows, n):
    """Loss and seconds of a counted n-gram, with interpolated Kneser-Ney."""
    start = time.perf_counter()
    tok = Characters.train(text)
    model = NGram(tok.encode(texts.split(text, HELD_OUT)[0]), tok.end, n)
    seconds = time.perf_counter() - start
    return {"loss": round(score(model, *windows), 4), "seconds": round(seconds, 2), "n_grams": model.n_grams}


def middle(values):
    """The median, and the spread."""
    values = [round(v, 4) if v is not None else None for v in values]
    if None in values:
        return {"median": None, "runs": values}
    return {"median": round(statistics.median(values), 4), "least": min(values), "most": max(values), "runs": values}


def main(text, seeds, steps):
    """The whole benchmark as one dict. steps: by racer, where they are not to be the planned ones."""
    tok = Characters.train(text)
    windows = texts.disjoint(tok.encode(texts.split(text, HELD_OUT)[1]), CONTEXT)
    for recipe, _ in RACERS.values():                               # what torch loads at a first call is on nobody's clock
        next(recipe(windows[0].flatten(), tok.end, 0, 2)[1])
    runs = [race(text, windows, seed, steps) for seed in seeds]
    b, c = sooner(runs, "transformer"), sooner(runs, "n_grams")
    return {
        "machine": str(machine()), "threads": torch.get_num_threads(), "characters": len(text), "vocabulary": tok.end,
        "sha256": hashlib.sha256(text.encode()).hexdigest()[:16], "windows": len(windows[0]), "seeds": list(seeds),
        "ratio_b": b["wall"], "ratio_b_goal": 6, "ratio_c": c["wall"], "ratio_c_goal": 20,
        "ratio_b_by_cpu_time": b["cpu"], "ratio_c_by_cpu_time": c["cpu"],
        "seconds_of_a": middle([run["plain"].curve[-1][0] for run in runs]),
        "loss_when_a_is_done": {name: middle([run[name].curve[-1][-1] for run in runs]) for name in RACERS},
        "counted": {f"{n}-gram": counted(text, windows, n) for n in (4, 6)},
        "parameters": {name: racer.parameters for name, racer in runs[0].items()},
        "planned_updates": {name: racer.steps for name, racer in runs[0].items()},
        "seconds_cpu_seconds_loss": [{name: racer.curve for name, racer in run.items()} for run in runs],
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Three ways to pre-train on one text, raced; prints JSON.")
    parser.add_argument("--text", type=Path, help="a file or folder; without it, docstrings of the installed packages")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--quick", action="store_true", help="a few updates on a small part of the text")
    args = parser.parse_args()
    use_threads()
    text = texts.read(args.text) if args.text else english()
    quick = dict(plain=6, transformer=4, n_grams=4) if args.quick else {}
    print(json.dumps(main(text[:20_000] if args.quick else text, args.seeds[:1] if args.quick else args.seeds, quick)))
