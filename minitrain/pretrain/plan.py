"""One dial: from the minutes allowed, the machine found and the text given to the size, batch, rate and length of a run.

The largest model that still reads enough tokens for each of its parameters in the time. What a machine does in the time is
measured, on a throw-away model, for a second or so; what enough is, and the rates, were found by trials (`tests/benchmarks/
pretrain_dial.py`). A plan counts updates, never seconds: a resumed run keeps its plan, and ends where an uninterrupted one would.
"""
import time
from dataclasses import asdict, dataclass, replace

import torch

from minitrain import losses, optim
from minitrain.models.transformer import Transformer
from minitrain.trainer import Trainer

LADDER = ((1, 64), (2, 64), (2, 128), (3, 128), (4, 128), (4, 192), (6, 256), (8, 384), (8, 512), (12, 768))   # layers, width
ENOUGH = 3                                                  # tokens read for each parameter
EPOCHS = 30                                                 # more passes over a text than this teach it by heart
SHARE = 0.85                                                # of the minutes go into updates; the rest into tests and checkpoints


@dataclass(frozen=True)
class Plan:
    """Everything that decides a run, besides the text. Printed, it is one sentence.

    batch: rows an update, of `context` tokens each.  rate: Muon's, for matrices; adam_rate: for everything else, with
    AdamW's betas, which want to be longer for a long run.
    bf16: matrix products in bfloat16.  compiled: the forward pass, by torch.compile, which costs a minute first.  masked: a BERT,
    which fills in blanks.  tokens_a_second: as measured, before compiling; 0 where nothing was.  text_tokens: to train on.
    """
    layers: int
    heads: int
    width: int
    context: int
    batch: int
    steps: int
    warmup: int
    every: int
    rate: float = 0.02
    adam_rate: float = 0.01
    beta1: float = 0.9
    beta2: float = 0.95
    decay: float = 0.0
    clip: float | None = 1.0
    bf16: bool = False
    compiled: bool = False
    masked: bool = False
    seed: int = 0
    minutes: float = 0.0
    parameters: int = 0
    tokens_a_second: float = 0.0
    text_tokens: int = 0

    def model(self, vocabulary):
        """vocabulary: the tokenizer's. A BERT has one token more, the blank, with the next free number; and its tokens leave by
        the vectors that they enter as, from which it learned sooner, and a GPT later."""
        return Transformer(vocabulary + self.masked, self.context, self.layers, self.heads, self.width, causal=not self.masked,
                           positions="rotary", norm="rms", activation="relu2", tied=self.masked, seed=self.seed)

    def trainer(self, model, loss=losses.next_token, sync=None):
        """The one loop: Muon for the matrices inside, AdamW for embeddings and gains; warm-up, then down to nothing."""
        optimizer = optim.Muon(model.parameters(), self.rate, adam=[model.embedding, model.unembedding], adam_rate=self.adam_rate,
                               betas=(self.beta1, self.beta2), decay=self.decay, clip=self.clip,
                               dtype=torch.bfloat16 if self.bf16 else None)
        schedule = optim.warmup(self.warmup, optim.cosine(max(self.steps - self.warmup, 1)))
        return Trainer(model, precise(loss, self.bf16), optimizer, schedule=schedule, sync=sync)

    @property
    def tokens(self):
        """How many it reads, those that it reads again among them."""
        return self.steps * self.batch * self.context

    @property
    def held_rows(self):
        """Held-out rows a test, so that the 20 of a run cost about a twentieth of it."""
        return min(max(self.steps * self.batch // 150, 8), 512)

    @property
    def epochs(self):
        return self.tokens / self.text_tokens if self.text_tokens else 0.0

    def __str__(self):
        often = f"{self.epochs:.1f} times the text" if self.text_tokens else "none twice"
        minutes, layers = (f"{n:g} {what}{'s' * (n != 1)}" for n, what in ((self.minutes, "minute"), (self.layers, "layer")))
        measured = f", in about {minutes} at {self.tokens_a_second:,.0f} a second" if self.tokens_a_second else ""
        return (f"Plan: {self.parameters:,} parameters ({layers}, {self.width} wide) read {self.steps:,} batches of "
                f"{self.batch} × {self.context} tokens, {often}{measured}{', in bfloat16' * self.bf16}.")

    def data(self):
        return asdict(self)


def precise(loss, bf16):
    """The loss with its matrix products in bfloat16, where that is wanted; the loss itself and the weights stay in float32."""
    if not bf16:
        return loss

    def rounded(model, batch):
        with torch.autocast(batch[0].device.type, torch.bfloat16):
            return loss(model, batch)
    return rounded


def make(corpus, minutes, *, device="cpu", steps=None, seed=0, context=None, spent=0.0, workers=1, **fixed):
    """A plan for this corpus, machine and time.

    steps: so many updates, whatever they take; then nothing is measured, the size is the smallest unless you give another, and
    the plan is the same on every machine of a kind.  spent: seconds of the minutes that are gone.  workers: that share a batch.
    fixed: fields of `Plan` that you decide (layers=2, width=96, rate=0.01 …).
    """
    if not minutes > 0:
        raise ValueError(f"minutes is {minutes}; a run needs some time, 1 for a first look (0.1 at least for anything to read).")
    if steps is not None and steps < 1:
        raise ValueError(f"steps is {steps}; a run needs at least 1 update.")
    gpu = device == "cuda"
    context = context or _context(corpus, 256 if gpu else 64)
    seconds, best = max(60 * minutes * SHARE - spent, 12 * minutes), None
    for layers, width in [(fixed["layers"], fixed["width"])] if {"layers", "width"} <= fixed.keys() else LADDER:
        plan = Plan(**{"layers": layers, "width": width, "heads": max(1, width // 32), "context": context, "steps": steps or 1,
                       "batch": max(workers, (32_768 if gpu else 1_024) // context), "warmup": 1, "every": 1, "bf16": gpu,
                       "compiled": gpu and minutes >= 5, "seed": seed, "minutes": minutes, "text_tokens": corpus.tokens, **fixed})
        plan = replace(plan, parameters=sum(p.numel() for p in plan.model(len(corpus.tokenizer)).parameters()))
        plan = _timed(plan, corpus, device, seconds, workers) if steps is None else plan
        if best is not None and plan.tokens < ENOUGH * plan.parameters:
            break
        best = plan
        if steps is not None:
            break
    if steps is None and corpus.tokens:
        best = replace(best, steps=min(best.steps, max(20, round(EPOCHS * corpus.tokens / (best.batch * best.context)))))
    return replace(best, **({"warmup": max(1, min(best.steps // 10, 100)), "every": max(1, best.steps // 20)} | fixed))


def _context(corpus, most):
    """Room for the longest document where there are documents; of one text `most`, and less where that is tiny."""
    if corpus.packed:
        return min(max(16, corpus.longest), 256)
    return max(2, min(most, len(corpus.ids) // 8, (len(corpus.held_ids) - 1) // 2))


def _timed(plan, corpus, device, seconds, workers):
    """The plan with as many updates as fit into the time, in the faster of float32 and bfloat16: some CPUs multiply bfloat16
    twice as fast, others three times slower."""
    plans = [replace(plan, bf16=bf16, batch=plan.batch // workers) for bf16 in ((True,) if device == "cuda" else (False, True))]
    paces = [_pace(each, corpus, device, min(0.3, 0.01 * seconds)) for each in plans]
    pace, fastest = min(zip(paces, plans), key=lambda found: found[0])
    return replace(plan, bf16=fastest.bf16, steps=max(1, int(seconds / pace)), tokens_a_second=plan.batch * plan.context / pace)


def _pace(plan, corpus, device, patience):
    """Seconds an update, by the clock of a few updates of a model that is thrown away."""
    source = corpus.source(plan.context, plan.batch, plan.seed, device)
    trainer = plan.trainer(plan.model(len(corpus.tokenizer)).to(device))
    trainer.fit(source, 1)                                  # the first is slow
    start, n = time.perf_counter(), 0
    while n < 2 or time.perf_counter() - start < patience:
        trainer.step([source.at(trainer.t)])
        n += 1
    float(trainer.history[-1]["loss"])                      # waits for the device
    return (time.perf_counter() - start) / n
