"""The dashboard of a pre-training run: loss against the floor, learning rate, gradient norm, samples. Still, and live."""
import traitlets

from minitrain.teach.figures import COLOURS, FAINT, axes
from minitrain.teach.widgets.base import line, say, slider
from minitrain.teach.widgets.live import LiveTraining


def dashboard(history, floor, *, held=None, until=None, title=""):
    """Loss with its floor, rate and gradient norm against updates, side by side.

    history: of a `Run`.  floor: nats a token.  held: {updates: loss on documents whose floor it is}.
    """
    fig, panels = axes(3, title=[title or "Loss", "Learning rate", "Gradient, before clipping"], x="updates",
                       y=["nats a token", "of the matrices", "length"], size=(10.5, 3.0))
    at = [logs["t"] + 1 for logs in history]
    for ax, key, colour in zip(panels, ("loss", "rate", "norm"), COLOURS):
        ax.plot(at, [float(logs[key]) for logs in history], color=colour, linewidth=1)
        ax.set(xlim=(0, until or max([20, *at])))
    if held:
        panels[0].plot(list(held), list(held.values()), "s-", color="#000000", markersize=4, linewidth=1.5)
        panels[0].annotate("unseen", [*held.items()][-1], xytext=(0, 14), textcoords="offset points", ha="right", fontsize=9)
    panels[0].axhline(floor, color=FAINT, linestyle="--", linewidth=1.5)
    panels[0].annotate("floor", (0, floor), xycoords=panels[0].get_yaxis_transform(), xytext=(3, -11),
                       textcoords="offset points", fontsize=9)             # at the left, where no run is below it
    panels[0].set(yscale="log")
    panels[0].set(yticks=[0.5, 1, 2, 5], yticklabels=["0.5", "1", "2", "5"], ylim=(min(0.5, 0.8 * floor), 9))
    panels[0].minorticks_off()
    panels[1].set(ylim=(0, None))
    if history:                                             # a logarithmic axis of nothing can not be drawn
        panels[2].set(yscale="log")
        panels[2].yaxis.set_major_formatter("{x:g}")
    return fig


def plain_numbers(fig, floor=None):
    """The figure with 0.1, 1 and 10 on its logarithmic axis instead of powers; with `floor`, the floor as a line."""
    ax = fig.axes[0]
    low, high = ax.get_ylim()
    ax.minorticks_off()
    ticks = [tick for tick in (0.01, 0.03, 0.1, 0.3, 1, 3, 10) if low <= tick <= high]
    ax.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    if floor is not None:
        ax.axhline(floor, color="#000000", linestyle="--", linewidth=1.5)
        ax.annotate("floor", (0, floor), xytext=(2, -12), textcoords="offset points", fontsize=9)
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
        self.observe(self._turned, "factor")

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
            self.rows.append({key: float(logs[key]) for key in ("t", "loss", "rate", "norm")})
            if self.run.samples:
                t, text = self.run.samples[-1]
                self.sample = f"After {t} updates it wrote: {text}"
            yield {"loss": self.rows[-1]["loss"]}

    def _turned(self, change):
        self.message = f"From the next update on: {change.new:.2g} times the planned rate."

    def _say(self, logs, taken):
        return f"Update {taken}: loss {logs['loss']:.2f}, floor {self.floor:.2f}; {self.factor:.2g} times the planned rate."

    def _picture(self):
        until = self.run.plan.steps if self.run else None
        return dashboard(self.rows, self.floor, until=until)
