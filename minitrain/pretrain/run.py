"""A pre-training run: corpus, plan, model, trainer, and what happens between the updates (tests, samples, checkpoints).

The loop is `Trainer`'s; a run only prepares it. Everything that it draws is a function of (seed, update), so that a run which
is killed and resumed ends bit for bit as one that was not, on the same build of torch and with as many threads.
"""
import hashlib
import json
import warnings
from pathlib import Path

import torch

from minitrain import losses
from minitrain.checkpoint import Checkpoints
from minitrain.device import device as best_device
from minitrain.distributed import Share
from minitrain.pretrain.language_model import LanguageModel
from minitrain.pretrain.masked import Masked, masked
from minitrain.pretrain.plan import Plan
from minitrain.sources.batching import generator
from minitrain.tokenizer import load as load_tokenizer
from minitrain.tokenizer import made

PLAN, TOKENIZER, MODEL = "plan.json", "tokenizer.json", "model.safetensors"


class Run(LanguageModel):
    """What `pretrain` returns: a trained (or half-trained) language model, and how it came about.

    corpus, plan, model, tokenizer, trainer; `history` has one dict an update: "t", "loss", "rate" (Muon's), "norm" (of the
    gradient before clipping), and every `plan.every` updates "held_out_loss"; `samples` has (t, text). `train` and `updates` go
    on from where the run stands; `done` tells whether it is at its end.

    out: a folder, or None.  each: `each(run, logs)` after every update; "stop" ends the training.  workers: from `distributed`.
    """

    def __init__(self, corpus, plan, *, out=None, each=None, workers=None, quiet=False):
        self.corpus, self.plan, self.each, self.workers, self.quiet = corpus, plan, each, workers, quiet
        self.device = workers.device if workers else best_device()
        self.first = workers is None or workers.rank == 0       # the one that tests, samples, saves and speaks
        corpus.check()
        model = plan.model(len(corpus.tokenizer)).to(self.device)
        super().__init__(model, corpus.tokenizer, start=corpus.start)
        source = corpus.source(plan.context, plan.batch, plan.seed, self.device)
        if plan.masked:
            source = Masked(source, len(corpus.tokenizer), corpus.tokenizer.end, plan.seed)
        self.source = Source(source if workers is None else Share(source, workers), self)
        self.trainer = plan.trainer(model, _compiled(model) if plan.compiled else losses.next_token, sync=workers)
        self.held = self._held_out(plan.held_rows)
        self.samples, self.out = [], None if out is None else Path(out)
        self.checkpoints = None if out is None else Checkpoints(out, every=plan.every, keep=2, source=self.source)

    @property
    def history(self):
        return self.trainer.history

    @property
    def done(self):
        return self.trainer.t >= self.plan.steps

    def train(self):
        """Train to the plan's end. Ctrl-C ends it after the update, with a sentence; `train()` goes on another time. A second
        Ctrl-C raises at once: the model may be in the middle of an update then, and only the last checkpoint is whole."""
        try:
            self.trainer.fit(self.source, until=self.plan.steps, each=self._between)
        except KeyboardInterrupt as stop:
            if not stop.args:                                   # fit says more than the interpreter does
                raise
            self.say(str(stop).split(".")[0] + ".")
        if self.done:
            self._finish()
        else:
            self._keep()
            self.say(f"What was learned is in {self.out}; resume=True, or --resume, goes on with it." if self.out else
                     "Nothing is lost: run.train() goes on.")
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
        """Nats a token, on all that was held out."""
        return self._score(self._held_out())

    def save(self, path, *, dtype="float32", **about):
        """The model with its tokenizer as one file, which `load(path)` reads. about: notes of yours that go with it."""
        return super().save(path, dtype=dtype, plan=self.plan.data(), updates=self.trainer.t, **about)

    def say(self, sentence):
        if self.first and not self.quiet:
            print(sentence, flush=True)

    def _between(self, trainer, logs):
        """What happens after each update, in this order: logs, test, sample, checkpoint, the caller's own."""
        if self.workers:
            self.workers.join(trainer, logs)
        logs["rate"] = trainer.optimizer.groups[0].rate * trainer.schedule(trainer.t - 1)
        if trainer.optimizer.clip is not None:
            logs["norm"] = trainer.optimizer.norm
        if self.first and (trainer.t % self.plan.every == 0 or self.done):
            logs["held_out_loss"] = self._score(self.held)
            if (self.done or trainer.t % (5 * self.plan.every) == 0) and not self.plan.masked:
                self.samples.append((trainer.t, self.generate("", 40, seed=trainer.t)))
            self._keep()
        return self.each(self, logs) if self.each is not None else None

    def _held_out(self, most=None):
        held = self.corpus.held_out(self.plan.context, max(self.plan.batch, 32), self.device, most)
        if not self.plan.masked:
            return held
        tok, lots = self.tokenizer, generator("held-out mask", self.plan.seed)      # the same questions in every test
        return [masked(batch, len(tok), tok.end, lots) for batch in held]

    @torch.no_grad()
    def _score(self, batches):
        outs = [self.trainer.loss(self.model, batch) for batch in batches]
        return float(sum(out.mean.double() * out.n for out in outs) / sum(out.n for out in outs))

    def _keep(self):
        if self.checkpoints is None or not self.first:
            return
        try:
            self.checkpoints.save(self.trainer)
        except OSError as error:
            warnings.warn(error.strerror, RuntimeWarning, stacklevel=2)

    def _finish(self):
        if self.out is not None and self.first:
            try:
                self.save(self.out / MODEL)
            except OSError as error:
                warnings.warn(f"{error.strerror} run.save(path) puts the model elsewhere.", RuntimeWarning, stacklevel=2)


class Source:
    """The batches, and what else a checkpoint must hold: which tokenizer and which text they come from, and the samples."""

    def __init__(self, batches, run):
        self.batches, self.run, self.text = batches, run, fingerprint(run.corpus)

    def at(self, i):
        return self.batches.at(i)

    def state_dict(self):
        return {"tokenizer": self.run.tokenizer.data(), "text": self.text, "samples": [*self.run.samples]}

    def load_state_dict(self, state):
        same_tokenizer("The checkpoint", made(state["tokenizer"], "the checkpoint's"), self.run.tokenizer)
        if state["text"] != self.text:
            raise ValueError("The checkpoint belongs to another text, or to one that has changed since: give the same again, or "
                             "begin a new run in another folder.")
        self.run.samples[:] = state["samples"]


def begin(run):
    """Write down, in the run's folder, what a later call must know: the plan and the tokenizer."""
    run.out.mkdir(parents=True, exist_ok=True)
    run.tokenizer.save(run.out / TOKENIZER)
    aside = run.out / (PLAN + ".tmp")
    aside.write_text(json.dumps(run.plan.data(), indent=1) + "\n")
    aside.replace(run.out / PLAN)                               # last, and at once: a plan without a tokenizer never stands there


def begun(out):
    """(plan, tokenizer) of the run in a folder; None if there is none."""
    path = Path(out) / PLAN
    if not path.exists():
        return None
    try:
        plan = Plan(**json.loads(path.read_text()))
    except (ValueError, TypeError):
        raise ValueError(f"{path} is no plan of this version of minitrain, or was changed by hand; begin a new run in another "
                         "folder.") from None
    return plan, load_tokenizer(Path(out) / TOKENIZER)


def same_tokenizer(who, theirs, ours):
    """ValueError, in one sentence, where the tokenizers differ."""
    if theirs != ours:
        raise ValueError(f"{who} was made with another tokenizer ({theirs!r}, {theirs.kind}; this one is {ours!r}, {ours.kind}): "
                         "the same number means another token. Give its own, or begin a new run in another folder.")


def fingerprint(corpus):
    """The tokens of a corpus as one hash."""
    return hashlib.sha256(json.dumps([corpus.ids, corpus.held_ids]).encode()).hexdigest()


def _compiled(model):
    """The next-token loss through a compiled forward pass, wrapped from outside: the model itself stays what it is."""
    fast = torch.compile(model)

    def next_token(_, batch):
        return losses.next_token(fast, batch)
    return next_token
