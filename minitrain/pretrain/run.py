"""A pre-training run: corpus, plan, model, trainer, and what happens between the updates (tests, samples, checkpoints).

The loop is `Trainer`'s; a run only prepares it. Everything that it draws is a function of (seed, update), so that a run which
is killed and resumed ends bit for bit as one that was not, on the same build of torch and with as many threads.
"""
import hashlib
import json
import warnings
from pathlib import Path

import torch

from minitrain import losses, tokenizer
from minitrain.checkpoint import Checkpoints
from minitrain.device import device as best_device
from minitrain.pretrain.language_model import LanguageModel

PLAN, TOKENIZER, MODEL = "plan.json", "tokenizer.json", "model.safetensors"
HELD_OUT_ROWS = 128                                         # while training; all of them at the end


class Run(LanguageModel):
    """What `pretrain` returns: a trained (or half-trained) language model, and how it came about.

    model, tokenizer, plan, corpus, trainer; `history` has one dict an update: "t", "loss", "rate" (Muon's), "norm" (of the
    gradient), and now and then "held_out_loss"; `samples` has (t, text). `train` and `updates` go on where the run stands.
    """

    def __init__(self, corpus, plan, *, out=None, each=None, workers=None, quiet=False):
        self.corpus, self.plan, self.each, self.workers, self.quiet = corpus, plan, each, workers, quiet
        self.device = workers.device if workers else best_device()
        model = plan.model(len(corpus.tokenizer)).to(self.device)
        super().__init__(model, corpus.tokenizer, start=corpus.start)
        source = corpus.source(plan.context, plan.batch, plan.seed, self.device)
        self.source = _Source(source, self)
        self.trainer = plan.trainer(model, _compiled(model), sync=workers)
        self.held = corpus.held_out(plan.context, max(plan.batch, 32), self.device, most=HELD_OUT_ROWS)
        self.samples, self.out, self.checkpoints = [], None if out is None else Path(out), None
        if out is not None:
            self.checkpoints = Checkpoints(out, every=plan.every, keep=2, source=self.source)

    @property
    def history(self):
        return self.trainer.history

    @property
    def done(self):
        return self.trainer.t >= self.plan.steps

    def train(self):
        """Train to the plan's end. Ctrl-C ends it after the update: then it says so, and `train()` goes on another time."""
        try:
            self.trainer.fit(self.source, until=self.plan.steps, each=self._between)
        except KeyboardInterrupt as stop:
            self._keep()
            self._say(f"{stop} " + (f"What was learned is in {self.out}: resume=True, or --resume, goes on with it."
                                    if self.out else "run.train() goes on."))
        if self.done:
            self._finish()
        return self

    def updates(self):
        """The same, one update at a time: yields the logs of each, so that a caller can draw, pause or change a rate."""
        for logs in self.trainer.updates(self.source, self.plan.steps):
            stop = self._between(self.trainer, logs)
            yield logs
            if stop == "stop":
                return
        self._finish()

    def held_out_loss(self):
        """Nats a token on all that was held out."""
        return self._score(self.corpus.held_out(self.plan.context, max(self.plan.batch, 32), self.device))

    def save(self, path, *, dtype="float32", **about):
        """The model with its tokenizer as one file; `load(path)` reads it. about: notes of yours that go with it."""
        return super().save(path, dtype=dtype, plan=self.plan.data(), t=self.trainer.t, **about)

    def _between(self, trainer, logs):
        if self.workers:
            self.workers.join(logs)
        optimizer = trainer.optimizer
        logs.update(rate=optimizer.groups[0].rate * trainer.schedule(trainer.t - 1), norm=optimizer.norm)
        if (trainer.t % self.plan.every == 0 or self.done) and self.first:
            logs["held_out_loss"] = self._score(self.held)
            self.samples.append((trainer.t, self.generate("", 48, seed=trainer.t)))
            if self.checkpoints is not None:
                self._keep()
        return self.each(self, logs) if self.each is not None else None

    @property
    def first(self):
        return self.workers is None or self.workers.rank == 0

    @torch.no_grad()
    def _score(self, batches):
        total = n = 0
        for batch in batches:
            out = self.trainer.loss(self.model, batch)
            total, n = total + float(out.mean) * int(out.n), n + int(out.n)
        return total / n

    def _keep(self):
        if self.checkpoints is None or not self.first:
            return
        try:
            self.checkpoints.save(self.trainer)
        except OSError as error:
            warnings.warn(f"{error.strerror} Nothing of this run was lost so far.", RuntimeWarning, stacklevel=2)

    def _finish(self):
        if self.out is not None and self.first:
            try:
                self.save(self.out / MODEL)
            except OSError as error:
                warnings.warn(f"{error.strerror} The model is still in memory: run.save(path) puts it elsewhere.", RuntimeWarning,
                              stacklevel=2)

    def _say(self, sentence):
        if not self.quiet and self.first:
            print(sentence, flush=True)


class _Source:
    """The batches, and what a checkpoint must know of them: which tokenizer and which text they are from."""

    def __init__(self, batches, run):
        self.batches, self.run = batches, run

    def at(self, i):
        batch = self.batches.at(i)
        return self.run.workers.share(batch) if self.run.workers else batch

    def state_dict(self):
        return {"tokenizer": self.run.tokenizer.data(), "text": fingerprint(self.run.corpus), "samples": list(self.run.samples)}

    def load_state_dict(self, state):
        if state["tokenizer"] != self.run.tokenizer.data():
            raise ValueError(other_tokenizer("The checkpoint", tokenizer.made(state["tokenizer"]), self.run.tokenizer))
        if state["text"] != fingerprint(self.run.corpus):
            raise ValueError("The checkpoint belongs to another text (or the text has changed since); give the same one again, "
                             "or another folder.")
        self.run.samples[:] = state["samples"]


def fingerprint(corpus):
    return hashlib.sha256(json.dumps([corpus.ids, corpus.held_ids]).encode()).hexdigest()


def other_tokenizer(who, theirs, ours):
    return (f"{who} was made with another tokenizer, {theirs!r}, and this run has {ours!r}: the same number means another "
            "token. Give the tokenizer that belongs to it, or choose another folder.")


def _compiled(model):
    """The next-token loss; on a GPU its forward pass is compiled, from outside."""
    if next(model.parameters()).device.type != "cuda":
        return losses.next_token
    fast = torch.compile(model)
    return lambda _, batch: losses.next_token(fast, batch)
