"""The learning rate as a dial on a run that is under way: turn it and watch the loss answer.

Beside it `valley`, the still picture that says the same: one valley, several rates.
"""
import numpy as np
import traitlets

from minitrain import Trainer, losses, optim, sources
from minitrain.models.mlp import MLP
from minitrain.teach.figures import COLOURS, FAINT, INK, axes
from minitrain.teach.widgets.base import slider
from minitrain.teach.widgets.live import LiveTraining


def valley(loss, runs, *, low, high, title=None):
    """A panel for each run: the loss over the aim, and the steps of the run on it. runs: name -> aims. Returns the figure."""
    fig, panels = axes(len(runs), title=list(runs), x="aim (radians)", size=(3.1 * len(runs), 3.0))
    at = np.linspace(low, high, 400)
    for ax, path, colour, marker in zip(np.atleast_1d(panels), runs.values(), COLOURS, "os^D"):
        path = np.asarray(path, float)
        ax.plot(at, loss(at), color=FAINT)
        ax.plot(path, loss(path), color=colour, marker=marker, markersize=5, linewidth=1.2)
        ax.plot(path[0], loss(path[0]), marker=marker, markersize=9, color="white", markeredgecolor=INK)
        ax.set(xlim=(low, high), ylim=(-0.04 * loss(at).max(), 1.05 * loss(at).max()))
    np.atleast_1d(panels)[0].set_ylabel("loss (square metres)")
    if title:
        fig.suptitle(title, x=0.01, ha="left", fontweight="bold")
    return fig


class RateDial(LiveTraining):
    """Digits, a small network, plain gradient descent, a dial.  steps: updates until the run ends.  seed: weights and batches.

    Traits: `rate`, and those of LiveTraining. The dial may be turned before, during and between updates.

    >>> dial = RateDial(steps=20)
    >>> before = [dial.step(), dial.losses[-1]]
    >>> dial.rate = 20.0
    >>> after = [dial.step() for _ in range(5)]
    >>> dial.losses[-1] > dial.losses[0]
    True
    """

    rate = traitlets.Float(0.5)

    def __init__(self, rate=0.01, steps=1000, seed=0):
        self.until, self.seed, self.x, self.y = steps, seed, *sources.digits()
        self.losses, self.rates = [], []
        self.dial = slider("Learning rate", rate, 0.001, 100.0, 0.05, log=True, form=".3f")
        self.dial.layout.width = "520px"
        super().__init__("Learning-rate dial", self._updates, self._picture, controls=[self.dial],
                         alt="The loss of the run so far, and under it the learning rate at each update",
                         says="Start the run, then turn the dial: at a small rate the loss crawls, at a good one it falls, at a"
                              " large one it jumps up; turn back and see whether it recovers.")
        self.rate = rate
        traitlets.link((self, "rate"), (self.dial, "value"))

    def _updates(self):
        self.losses, self.rates = [], []
        model = MLP(64, 32, 10, seed=self.seed)
        trainer = Trainer(model, losses.cross_entropy, optim.SGD(model.parameters(), self.rate))
        updates = trainer.updates(sources.batches(self.x, self.y, size=64, seed=self.seed), until=self.until)
        while True:
            trainer.optimizer.groups[0].rate = self.rate                # the dial, read before every update
            logs = next(updates, None)
            if logs is None:
                return
            self.losses.append(float(logs["loss"]))
            self.rates.append(self.rate)
            yield {"loss": self.losses[-1]}

    def _picture(self):
        fig, (top, bottom) = axes(1, 2, size=(6.2, 3.8), title=["The loss, and the rate you gave it", ""], y=["loss", "rate"],
                                  x=["", "updates"])
        for ax, numbers, colour in ((top, self.losses, COLOURS[0]), (bottom, self.rates, COLOURS[1])):
            ax.plot(np.arange(1, len(numbers) + 1), numbers, color=colour)
            ax.set(yscale="log", xlim=(0, max(100, len(numbers))))
        top.axhline(np.log(10), color=FAINT, linestyle="--", linewidth=1)
        top.annotate("knows\nnothing\n(ln 10)", (1, np.log(10)), xycoords=top.get_yaxis_transform(), xytext=(4, 0), va="center",
                     textcoords="offset points", color=FAINT, fontsize=9, annotation_clip=False)
        top.set(ylim=(1e-3, 1e3))
        bottom.set(ylim=(5e-4, 200))
        return fig
