"""A noisy curve, fitted while you watch: choose capacity and data, stop when you think it is best, then see the test.

The still pictures beside it are the lesson's too.
"""
import ipywidgets
import numpy as np
import torch
import traitlets

from minitrain import Trainer, losses, optim
from minitrain.models.waves import Waves
from minitrain.sources.curve import noisy_curve, truth
from minitrain.teach.figures import COLOURS, FAINT, axes, label_lines
from minitrain.teach.widgets.base import button, slider
from minitrain.teach.widgets.live import LiveTraining

UNTIL, RATE, TESTS = 800, 0.5, 1000             # updates of a run; SGD's rate; new points, that nobody trains on
NEW = noisy_curve(TESTS, seed=10_000)


def training(waves, points, seed=0, *, until=UNTIL):
    """Train `waves` on `points` of the noisy curve, all of them in each step. Yields (model, {"t", "loss", "test"}).

    loss, test: root mean squared errors on the points, and on a thousand new ones. From one item to the next it takes one
    update at first and more later: what happens takes ever longer.
    """
    model, points = Waves(waves), noisy_curve(points, seed=seed)
    trainer = Trainer(model, losses.mse, optim.SGD(model.parameters(), RATE))
    due = 1
    for _ in trainer.updates([points], until):
        if trainer.t >= min(due, until):
            due = trainer.t + 1 + trainer.t // 40
            with torch.no_grad():
                row = {name: float(losses.mse(model, batch).mean) ** 0.5 for name, batch in (("loss", points), ("test", NEW))}
            yield model, {"t": trainer.t, **row}


def fits(models, points):
    """Models on the same points, a panel each.  models: title -> anything that answers x (n, 1).  Returns the figure."""
    fig, panels = axes(len(models), title=list(models), x="x", y=["y", *[""] * (len(models) - 1)],
                       size=(3.1 * len(models), 3.0))
    for ax, model in zip(np.atleast_1d(panels), models.values()):
        _points_and_curve(ax, points, model)
    return fig


def _points_and_curve(ax, points, model, reveal=True):
    x = torch.linspace(0, 1, 400)[:, None]
    if reveal:
        ax.plot(x, truth(x), "--", color=FAINT, linewidth=1.5)
    ax.plot(*(part.flatten() for part in points), "o", color="#000000", markersize=5)
    with torch.no_grad():
        ax.plot(x, model(x), color=COLOURS[0])
    ax.set(xlim=(0, 1), ylim=(-2.2, 2.2))


def runs(panels):
    """Error while training, on the points trained on and on new ones.  panels: title -> rows of `training`."""
    fig, grid = axes(len(panels), title=list(panels), x="updates", y=["error", *[""] * (len(panels) - 1)],
                     size=(3.4 * len(panels), 3.0))
    for ax, rows in zip(np.atleast_1d(grid), panels.values()):
        _errors(ax, rows, test=True)
    return fig


def _errors(ax, rows, *, test, stopped=None):
    at = [row["t"] for row in rows]
    for key, name, i in (("loss", "training", 0), ("test", "new", 1)):
        if key == "loss" or test:
            ax.plot(at, [row[key] for row in rows], color=COLOURS[i], marker="os"[i], markevery=max(1, len(at) // 6), label=name)
    if stopped:
        ax.axvline(stopped, color="#000000", linestyle=":")
        ax.annotate("you", (stopped, 0.95), xytext=(4, 0), textcoords="offset points")
    ax.set(xscale="log", xlim=(1, UNTIL), ylim=(0, 1))
    ax.minorticks_off()                         # they cost half of the drawing
    if rows:
        label_lines(ax)


class StopIt(LiveTraining):
    """The run as a panel.  Traits: `waves` (capacity), `points` (data), `verdict`, and those of LiveTraining.

    `stop_here()` ends the run, trains a copy of it on to the end, and shows what new points thought of every moment.

    >>> run = StopIt(waves=12, points=15)
    >>> run.step(), run.taken, run.verdict
    (True, 1, '')
    >>> run.stop_here()
    >>> run.verdict.startswith("You stopped at update 1.")
    True
    """

    waves = traitlets.Int(40)
    points = traitlets.Int(20)
    verdict = traitlets.Unicode("")

    def __init__(self, seed=0, **settings):
        self.seed, self.rows, self.model = seed, [], None
        waves, points = slider("Waves (capacity)", self.waves, 1, 100, 1), slider("Points (data)", self.points, 5, 200, 5)
        self.stop_button = button("Stop here", self.stop_here, tip="Stop, and see what new points thought of it")
        self.again_button = button("Other points", self.other, tip="The same curve, other points drawn from it")
        super().__init__("Stop it yourself", self._updates, self._picture, status=self._say,
                         controls=[waves, points, ipywidgets.HBox([self.stop_button, self.again_button])], breath=0.06,
                         alt="Left: the points and the curve so far. Right: the error on the points, by update.",
                         says="Choose how many waves and how many points, and start. You see the curve and its error on the "
                              "points. Stop where you think it would do best on new points; then see what they say.")
        self.image.width = 820
        for name, control in (("waves", waves), ("points", points)):
            traitlets.link((self, name), (control, "value"))
        self.observe(lambda _: self.reset(), ["waves", "points"])
        for name, value in settings.items():
            setattr(self, name, value)

    def stop_here(self):
        """End the run here, and judge it by new points."""
        self.pause()
        if not self.rows or self.verdict:
            return
        stopped = self.rows[-1]
        self.whole = [row for _, row in training(self.waves, self.points, self.seed)]
        best, last = min(self.whole, key=lambda row: row["test"]), self.whole[-1]
        self.verdict = (f"You stopped at update {stopped['t']:,}. Error on your points {stopped['loss']:.2f}, on new points "
                        f"{stopped['test']:.2f}. Best on new points would have been update {best['t']:,}, with "
                        f"{best['test']:.2f}; at the end, update {last['t']:,}, it is {last['test']:.2f}.")
        self._end(self.verdict)
        self._draw(force=True)

    def other(self):
        """The same curve, other points."""
        self.seed += 1
        self.reset()

    def reset(self):
        self.rows, self.model, self.verdict, self.whole = [], Waves(self.waves), "", []
        super().reset()

    def _updates(self):
        for model, row in training(self.waves, self.points, self.seed):
            self.model = model
            self.rows.append(row)
            yield {"loss": row["loss"]}

    def _say(self, logs, taken):
        return f"Update {self.rows[-1]['t']:,}: error on your points {logs['loss']:.2f}. On new points: stop, and see."

    def _picture(self):
        fig, (left, right) = axes(2, title=["The points, and the curve so far", "The error"], x=["x", "updates"],
                                  y=["y", "error"], size=(9.0, 3.2))
        _points_and_curve(left, noisy_curve(self.points, seed=self.seed), self.model, reveal=bool(self.verdict))
        _errors(right, self.whole or self.rows, test=bool(self.verdict), stopped=self.verdict and self.rows[-1]["t"])
        return fig
