"""A run that explodes, and its rescue: the rate rises with every update; a cap on the gradient can be switched on, and off."""
import copy
import math

import ipywidgets
import numpy as np
import traitlets

from minitrain import Trainer, losses, optim, sources
from minitrain.models.deep import DeepMLP
from minitrain.teach.figures import COLOURS, FAINT, axes, label_lines
from minitrain.teach.widgets.base import button
from minitrain.teach.widgets.live import LiveTraining

LIMIT, NEVER = 1.0, 1e30                        # a cap of 1e30 caps nothing, and the norm is noted all the same
LOST = 10.0                                     # a loss above this is an explosion: to know nothing costs ln 10, about 2.3
EVERY = 10                                      # updates from one kept set of weights to the next


def before_and_after(runs, *, until):
    """Loss and gradient norm of runs over the same updates.

    runs: name -> dicts with "t", "loss" and "norm", as `Trainer.history` has them.  Returns the figure.
    """
    fig, panels = axes(2, title=["The loss", "The gradient's length, before any cap"], x="updates", y=["loss", "length"],
                       size=(9.4, 3.2))
    for ax, key, limits, level in zip(panels, ("loss", "norm"), ((1e-3, 1e2), (1e-2, 1e3)), (math.log(10), LIMIT)):
        for (name, history), colour in zip(runs.items(), (COLOURS[1], COLOURS[0])):
            numbers = [logs[key] if math.isfinite(logs[key]) else 1e12 for logs in history]
            ax.plot([logs["t"] for logs in history], np.minimum(numbers, 1e12), color=colour, linewidth=1.5, label=name)
        ax.axhline(level, color=FAINT, linestyle="--", linewidth=1)
        ax.set(yscale="log", xlim=(0, until), ylim=limits)
        label_lines(ax)
    return fig


class Explosion(Exception):
    """The loss went up and away."""


class Rescue(LiveTraining):
    """The run as a panel.  updates: until it ends; the rate rises up to `top` until then.  seed: weights and batches.

    Traits: `cap`, and those of LiveTraining. `back()` returns to the weights kept before the explosion.

    >>> run = Rescue()
    >>> run.cap = True
    >>> run.step(), run.taken, run.trainer.optimizer.clip
    (True, 1, 1.0)
    """

    cap = traitlets.Bool(False)

    def __init__(self, updates=300, top=0.6, depth=8, seed=0):
        self.until, self.top, self.depth, self.seed = updates, top, depth, seed
        (x, self.y), _ = sources.split(*sources.digits(), seed=0)
        self.x = (x - x.mean()) / x.std()
        self.trainer = None
        box = ipywidgets.Checkbox(description=f"Cap the gradient's length at {LIMIT:g}", indent=False,
                                  layout={"width": "max-content"})
        self.back_button = button("Back to before the explosion", self.back, tip="To the weights kept ten updates or more before")
        super().__init__("Rescue a run", self._updates, self._picture, controls=[ipywidgets.HBox([box, self.back_button])],
                         status=self._say, alt="The loss and the gradient's length of the run so far",
                         says="Start it: the rate rises with every update, until the run explodes. Go back to the weights that "
                              "were kept before, cap the gradient, and go on.")
        self.image.width = 860
        traitlets.link((self, "cap"), (box, "value"))

    def back(self):
        """The newest weights that were kept ten updates or more before the last one, and their place in the run."""
        self.pause()
        there = [t for t in self.kept if t <= self.taken - EVERY]
        if not there:
            self.message = "There is nothing to go back to yet."
            return
        t = max(there)
        self.trainer.model.load_state_dict(self.kept[t])
        self.trainer.t, self.lost = t, max(self.lost, self.seen, key=len)
        self.seen = [logs for logs in self.seen if logs["t"] < t]
        self.kept = {at: weights for at, weights in self.kept.items() if at <= t}
        self._items, self.finished, self.taken = self._go_on(), False, t
        self._draw(force=True)
        self.message = f"Back at update {t}."

    def reset(self):
        """A new run: nothing kept, nothing seen."""
        self.kept, self.seen, self.lost = {}, [], []
        super().reset()

    def _updates(self):
        model = DeepMLP(64, 32, 10, depth=self.depth, start="torch", residual=True, seed=self.seed)
        optimizer = optim.SGD(model.parameters(), self.top, clip=NEVER)
        self.trainer = Trainer(model, losses.cross_entropy, optimizer, schedule=optim.warmup(self.until))
        return self._go_on()

    def _go_on(self):
        updates = self.trainer.updates(sources.batches(self.x, self.y, size=64, seed=self.seed), self.until)
        while True:
            if self.trainer.t % EVERY == 0:
                self.kept[self.trainer.t] = copy.deepcopy(self.trainer.model.state_dict())
            self.trainer.optimizer.clip = LIMIT if self.cap else NEVER              # the box, read before every update
            logs = next(updates, None)
            if logs is None:
                return
            self.seen = [*self.seen, {"t": logs["t"], "loss": float(logs["loss"]), "norm": float(self.trainer.optimizer.norm)}]
            if not self.seen[-1]["loss"] < LOST:
                raise Explosion(f"the loss exploded, at a rate of {self._rate():.2f}; go back, cap the gradient, and go on")
            yield {"loss": self.seen[-1]["loss"]}

    def _rate(self):
        return self.top * self.trainer.t / self.until

    def _say(self, logs, taken):
        return (f"Update {taken}: loss {logs['loss']:.3f}, gradient {self.seen[-1]['norm']:.2g} long"
                f"{', capped' * (self.cap and self.seen[-1]['norm'] > LIMIT)}, rate {self._rate():.2f}.")

    def _picture(self):
        runs = {"lost": self.lost} if self.lost else {}
        return before_and_after(runs | {"now": self.seen}, until=self.until)
