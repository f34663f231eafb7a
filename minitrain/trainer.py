"""The loop that trains everything in this course: forward, loss, backward, update.

It refuses to know what it trains. It imports neither torch nor NumPy; a model is whatever its loss can read, a tensor
whatever has `.backward()`, `.grad` and arithmetic. Left out on purpose: mixed precision and compilation (they wrap the
loss from outside), evaluation and early stopping (`callbacks.py`, passed as `each`), saving (`checkpoint.py`).
"""
import math
import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count, islice


@dataclass
class Loss:
    """What a loss function returns for one batch: the mean, what it is a mean over, and anything worth plotting.

    mean: a scalar with `.backward()`.  n: how many examples, tokens or games it averages (a number or a 0-d tensor).
    logs: scalars by name, each a mean over the same n, without gradient.
    """
    mean: object
    n: object
    logs: dict = field(default_factory=dict)


class Trainer:
    """Makes `loss(model, batch)` smaller, one update at a time.

    model: anything.  loss: `(model, batch) -> Loss`.  optimizer: has `groups`, `zero_grad()` and `step(scale)`, as all
    in `optim.py`.  schedule: update number -> factor of every base rate.  accumulate: microbatches an update.
    sync: `(params, n) -> n`, sums gradients and counts over workers (`distributed.py`); if it has `agree(stop)`, every fit asks
    it after each update, so that all stop where one does.

    `t` counts updates; `history` holds one dict of numbers an update. What needs a gradient belongs into the loss; what
    is constant during the update (targets, returns, old log-probabilities) comes with the batch, from the source.

    >>> from minitrain import losses, optim, sources
    >>> from minitrain.models.mlp import MLP
    >>> x, y = sources.digits()
    >>> model = MLP(64, 32, 10, seed=0)
    >>> trainer = Trainer(model, losses.cross_entropy, optim.AdamW(model.parameters(), rate=3e-3))
    >>> trainer.fit(sources.batches(x, y, size=64, seed=0), steps=300)
    >>> trainer.t, trainer.history[-1]["loss"] < 0.2
    (300, True)
    """

    def __init__(self, model, loss, optimizer, *, schedule=None, accumulate=1, sync=None):
        if not hasattr(optimizer, "groups"):
            raise TypeError(f"Trainer got {type(optimizer).__name__} as its optimizer; it needs one of minitrain.optim. "
                            "A torch optimizer is wrapped: optim.FromTorch(optimizer).")
        if accumulate < 1:
            raise ValueError(f"accumulate is {accumulate}; an update needs at least 1 microbatch.")
        self.model, self.loss, self.optimizer = model, loss, optimizer
        self.schedule, self.accumulate, self.sync = schedule or (lambda t: 1.0), accumulate, sync
        self.t, self._history, self._read = 0, [], 0

    def step(self, microbatches):
        """One update from a list of batches that fit together into one. Splitting a batch differently changes nothing:
        gradients of sums add up and are divided by the joint n once. Returns the logs, still on the device."""
        alone = len(microbatches) == 1 and self.sync is None
        self.optimizer.zero_grad()                              # first: another trainer may have left gradients here
        parts = []
        for batch in microbatches:
            loss = self.loss(self.model, batch)                                     # 1 forward, 2 loss
            if not isinstance(loss, Loss):
                raise TypeError(f"The loss returned {type(loss).__name__}; it must return Loss(mean, n): a scalar to "
                                "make smaller, and how many examples it is the mean of.")
            (loss.mean if alone else loss.mean * loss.n).backward()                 # 3 backward: sums add up …
            parts.append((loss.n, {"loss": _value(loss.mean), **loss.logs}))
        if alone:
            n, logs = parts[0]
        else:
            n, logs = _joint(parts)
            params = [p for group in self.optimizer.groups for p in group.params]
            total = n if self.sync is None else self.sync(params, n)
            for p in params:
                if p.grad is not None:
                    p.grad /= total                                                 # … and are divided once
        self.optimizer.step(scale=self.schedule(self.t))                            # 4 update
        self._history.append({"t": self.t, "n": n, **logs})
        self.t += 1
        return self._history[-1]

    def updates(self, source, until):
        """Yield the logs of one update after another, until `t` is `until` or the source is dry. For callers who have
        something to do in between (a live picture); everybody else calls `fit`.

        source: an iterable of batches, started again when it ends (an iterator can not be, and ends the training), or
        an object whose `at(i)` is batch number i: then the batch depends on `t` alone and resuming is exact. It is
        pulled after the last update, never ahead; if it has `observe(logs)`, it is told of every update.
        """
        batches = _batches(source, first=self.t * self.accumulate)
        observe = getattr(source, "observe", None)
        while self.t < until and (microbatches := list(islice(batches, self.accumulate))):
            logs = self.step(microbatches)
            if observe is not None:
                observe(logs)
            yield logs

    def fit(self, source, steps=None, *, until=None, each=None):
        """Train for `steps` more updates, or `until` the update count `t` (which is how a resumed run says it).

        each: called as `each(trainer, logs)` after every update; returning "stop" ends the fit. Numbers are read from
        the device every 100 ms and at the end; one that is not finite raises FloatingPointError with its exact step.
        Ctrl-C waits for the end of the step, so that the same call can go on later; a second one does not wait.
        """
        if (steps is None) == (until is None):
            raise TypeError("fit needs either steps=… (so many more updates) or until=… (up to this update count).")
        until, start = self.t + steps if until is None else until, self.t
        with _Watch(self, until) as watch:
            for logs in self.updates(source, until):
                if watch.look(each is not None and each(self, logs) == "stop"):
                    break
        if self.t == start < until:
            raise ValueError(f"The source gave no batch: {type(source).__name__} is empty, or was used up before.")

    @property
    def history(self):
        """One dict an update: "t", "n", "loss" and the loss's own logs. Reading it brings the numbers off the device."""
        for logs in self._history[self._read:]:
            for name, value in logs.items():
                logs[name] = value if isinstance(value, int | float) else float(value)
        self._read = len(self._history)
        return self._history


def gradients(model, loss, batch):
    """The loss of one batch and its gradients by parameter name; the model is left as it was. For probes and plots.

    >>> from minitrain import losses, sources
    >>> from minitrain.models.mlp import MLP
    >>> out, grads = gradients(MLP(64, 10, seed=0), losses.cross_entropy, sources.digits())
    >>> {name: tuple(g.shape) for name, g in grads.items()}
    {'layers.0.weight': (10, 64), 'layers.0.bias': (10,)}
    """
    named = dict(model.named_parameters())
    kept = {name: p.grad for name, p in named.items()}
    try:
        for p in named.values():
            p.grad = None
        out = loss(model, batch)
        out.mean.backward()
        return out, {name: p.grad for name, p in named.items()}
    finally:
        for name, p in named.items():
            p.grad = kept[name]


def _value(x):
    return x.detach() if hasattr(x, "detach") else x if isinstance(x, int | float) else float(x)


def _joint(parts):
    total = sum(n for n, _ in parts)
    return total, {name: sum(logs[name] * n for n, logs in parts) / total for name in parts[0][1]}


def _batches(source, first):
    if hasattr(source, "at"):
        return map(source.at, count(first))
    try:
        iter(source)
    except TypeError:
        raise TypeError(f"{type(source).__name__} is no source: it must give batches in a for loop, or have "
                        "at(i). minitrain.sources.batches(x, y, size=64, seed=0) makes one from data.") from None
    return _rounds(source)


def _rounds(source):
    dry = isinstance(source, Iterator)
    while True:
        empty = True
        for batch in source:
            empty = False
            yield batch
        if empty or dry:
            return


class _Watch:
    """Stands beside a running fit: reads the numbers now and then, shows a bar after a second, holds Ctrl-C back."""

    def __init__(self, trainer, until):
        self.trainer, self.until, self.checked = trainer, until, len(trainer._history)
        self.start = self.last = time.perf_counter()
        self.bar = self.signal_before = None
        self.interrupted = False

    def __enter__(self):
        if threading.current_thread() is threading.main_thread() and callable(signal.getsignal(signal.SIGINT)):
            self.signal_before = signal.signal(signal.SIGINT, self.hold)
        return self

    def hold(self, signum, frame):
        if self.interrupted:
            self.signal_before(signum, frame)
        self.interrupted = True

    def look(self, stop):
        """Whether to stop after this update: somebody, here or on another worker, said so, or pressed Ctrl-C."""
        now = time.perf_counter()
        if now - self.last > 0.1:
            self.read(now)
            self.last = time.perf_counter()
        interrupted = self.interrupted                          # read once: it may change while the workers agree
        agree = getattr(self.trainer.sync, "agree", None)
        stop = stop or interrupted if agree is None else agree(stop or interrupted)
        if interrupted:
            self.stopped()
        return stop

    def stopped(self):
        raise KeyboardInterrupt(f"You stopped the training after update {self.trainer.t} of {self.until}. The step was "
                                "finished first: the same fit with until=… goes on from here.")

    def read(self, now):
        for logs in self.trainer.history[self.checked:]:
            if not math.isfinite(logs["loss"]):
                raise FloatingPointError(
                    f"The loss was {logs['loss']} at update {logs['t']}; from there on the weights are lost. Likeliest causes: a "
                    "learning rate too high (try a tenth), a log, root or division of zero in the loss, a value in the "
                    "batch that is not finite or a label out of range. trainer.history holds the numbers up to there.")
        self.checked = len(self.trainer._history)
        if now - self.start > 1 and os.environ.get("MINITRAIN_STATIC") != "1":
            self.show()

    def show(self):
        trainer = self.trainer
        if self.bar is None:                                    # imported late: it costs more than many a training
            from tqdm.auto import tqdm
            self.bar = tqdm(total=self.until, initial=trainer.t, unit=" updates")
        rate = trainer.optimizer.groups[0].rate * trainer.schedule(max(trainer.t - 1, 0))
        self.bar.set_postfix(loss=f"{trainer._history[-1]['loss']:.4g}", rate=f"{rate:.2g}", refresh=False)
        self.bar.update(trainer.t - self.bar.n)

    def __exit__(self, kind, error, trace):
        if self.signal_before is not None:
            signal.signal(signal.SIGINT, self.signal_before)
        try:
            if kind is None:
                self.read(time.perf_counter())
        finally:
            if self.bar is not None:
                self.bar.close()
        if kind is None and self.interrupted:
            self.stopped()
