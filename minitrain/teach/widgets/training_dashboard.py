"""The dashboard of a pre-training run: loss against the floor, learning rate, gradient norm, samples. Still, and live."""
import numpy as np
import traitlets

from minitrain.teach.figures import COLOURS, FAINT, axes
from minitrain.teach.widgets.base import line, say, slider
from minitrain.teach.widgets.live import LiveTraining


def dashboard(history, floor, *, until=None, title=""):
    """Loss with its floor, rate and gradient norm against updates, side by side.  history: of a `Run`.  floor: nats a token."""
    fig, panels = axes(3, title=[title or "Loss", "Learning rate", "Gradient, before clipping"], x="updates",
                       y=["nats a token", "of the matrices", "length"], size=(10.5, 3.0))
    at = [logs["t"] + 1 for logs in history]
    for ax, key, colour in zip(panels, ("loss", "rate", "norm"), COLOURS):
        ax.plot(at, [float(logs[key]) for logs in history], color=colour, linewidth=1)
        ax.set(xlim=(0, until or max([20, *at])))
    held = [(logs["t"] + 1, logs["held_out_loss"]) for logs in history if "held_out_loss" in logs]
    if held:
        panels[0].plot(*np.transpose(held), "s-", color="#000000", markersize=3, linewidth=1)
        panels[0].annotate("held out", held[-1], xytext=(0, 9), textcoords="offset points", ha="right", fontsize=9)
    panels[0].axhline(floor, color=FAINT, linestyle="--", linewidth=1.5)
    panels[0].annotate("floor", (1, floor), xycoords=panels[0].get_yaxis_transform(), xytext=(-2, -11), ha="right",
                       textcoords="offset points", color=FAINT, fontsize=9)
    panels[0].set(yscale="log")
    panels[0].set(yticks=[0.5, 1, 2, 5], yticklabels=["0.5", "1", "2", "5"], ylim=(min(0.5, 0.8 * floor), 9))
    panels[0].minorticks_off()
    panels[1].set(ylim=(0, None))
    if history:                                             # a logarithmic axis of nothing can not be drawn
        panels[2].set(yscale="log")
    return fig


class TrainingDashboard(LiveTraining):
    """A run that can be paused, given another rate, and taken up again.

    begin: makes a fresh `Run` (`lambda: prepare(…)`).  floor: nats a token.
    Traits: `factor` (times the planned rate), `sample`, and those of LiveTraining.
    """

    factor = traitlets.Float(1.0)
    sample = traitlets.Unicode("")

    def __init__(self, begin, floor):
        self.begin, self.floor, self.run, self.rows = begin, floor, None, []
        dial = slider("Times the planned rate", 1.0, 0.01, 100.0, 0.1, log=True, form=".2g")
        dial.layout.width = "520px"
        self.text = line()
        super().__init__("Training dashboard", self._updates, self._picture, controls=[dial, self.text], status=self._say,
                         alt="Loss against the floor, learning rate and gradient norm of the run so far",
                         says="Start a small run and watch its loss against the floor, the rate, the length of its gradient, and "
                              "what it writes. Pause it, change the rate, go on.")
        self.image.width = 900
        traitlets.link((self, "factor"), (dial, "value"))
        self.observe(lambda change: say(self.text, change.new), "sample")

    def reset(self):
        self.rows, self.run = [], None
        super().reset()
        self.sample = "Nothing written yet."

    def _updates(self):
        self.run = self.begin()
        groups = self.run.trainer.optimizer.groups
        planned = [group.rate for group in groups]
        updates = self.run.updates()
        while True:
            for group, rate in zip(groups, planned):
                group.rate = rate * self.factor                         # the dial, read before every update
            logs = next(updates, None)
            if logs is None:
                return
            self.rows.append({key: float(logs[key]) for key in ("t", "loss", "rate", "norm", "held_out_loss") if key in logs})
            if self.run.samples:
                t, text = self.run.samples[-1]
                self.sample = f"After {t} updates it wrote: {text}"
            yield {"loss": self.rows[-1]["loss"]}

    def _say(self, logs, taken):
        return f"Update {taken}: loss {logs['loss']:.2f}, floor {self.floor:.2f}; {self.factor:.2g} times the planned rate."

    def _picture(self):
        until = self.run.plan.steps if self.run else None
        return dashboard(self.rows, self.floor, until=until)
