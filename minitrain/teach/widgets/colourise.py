"""Colour from grey, as far as training has come: still pictures, and a slider over moments of a training that is over.

What was painted, and when, comes from the lesson; nothing is trained here. Beside it, the plots of lesson 11.
"""
import ipywidgets
import numpy as np
import traitlets
from matplotlib.figure import Figure

from minitrain.teach.figures import COLOURS, INK, MARKERS, _styled, axes, label_lines
from minitrain.teach.widgets.base import Panel, Picture, line, say, slider


def strips(rows, *, title=None, size=0.62):
    """Rows of pictures, one under the other, each with its name on the left.  rows: name -> (n, 3, H, W) in 0 … 1."""
    n = max(len(pictures) for pictures in rows.values())
    with _styled(**{"axes.grid": False}):
        fig = Figure(figsize=(n * size + 1.3, len(rows) * size + (0.4 if title else 0.1)), layout="constrained")
        for ax, (name, pictures) in zip(fig.subplots(len(rows), squeeze=False)[:, 0], rows.items()):
            for j, picture in enumerate(np.asarray(pictures).clip(0, 1)):       # one axes a row: one for each picture is slow
                ax.imshow(np.moveaxis(picture, 0, -1), interpolation="nearest", extent=(1.1 * j, 1.1 * j + 1, 0, 1))
            ax.set(xlim=(0, 1.1 * n - 0.1), ylim=(0, 1), xticks=[], yticks=[])
            ax.spines[:].set_visible(False)
            ax.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=10, color=INK)
        if title:
            fig.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold")
    return fig


def by_labels(table, *, title, marks=(), y="accuracy on new pictures", guess=None, ax=None):
    """Accuracy against labels a class, on a logarithmic axis: median and band of seeds.  table: name -> {labels: (seeds,)}."""
    fig, ax = axes(title=title, x="labelled pictures of each kind", y=y, size=(7.2, 4.0)) if ax is None else (ax.figure, ax)
    for i, (name, found) in enumerate(table.items()):
        at, seeds = sorted(found), np.array([found[n] for n in sorted(found)])                  # (counts, seeds)
        colour = COLOURS[i % len(COLOURS)]
        ax.fill_between(at, seeds.min(1), seeds.max(1), color=colour, alpha=0.2, linewidth=0)
        ax.plot(at, np.median(seeds, axis=1), color=colour, marker=MARKERS[i % len(MARKERS)], label=name)
    ax.set_xscale("log")
    ax.set_xticks(at, at, minor=False)
    ax.minorticks_off()
    if guess is not None:
        ax.axhline(guess, color="#8a8a8a", linewidth=1, linestyle=":")
    label_lines(ax)
    return fig


class Colourise(Panel):
    """Grey doodles in, a model's colours out: the slider chooses after how many updates.

    pictures: (n, 3, H, W), as they are.  grey: the same without colour.  painted: {updates: (n, 3, H, W)}, what the model made of
    grey then.  Traits: `moment` (a place among the moments), `truth` (whether the true colours are shown), `message`; `updates`.

    >>> true = np.ones((2, 3, 8, 8)) * np.array([0.9, 0.5, 0.1])[:, None, None]
    >>> panel = Colourise(true, np.full_like(true, 0.5), {0: np.full_like(true, 0.5), 100: true})
    >>> panel.moment = 1
    >>> panel.message
    'After 100 updates the colours are off by 0.00 on average (0 is black, 1 full light).'
    """

    moment = traitlets.Int(0)
    truth = traitlets.Bool(False)
    message = traitlets.Unicode("")

    def __init__(self, pictures, grey, painted):
        if not painted:
            raise ValueError("Colourise got no moments: painted is {updates: pictures}, one entry at least.")
        self.pictures, self.grey = np.asarray(pictures), np.asarray(grey)
        self.painted = {updates: np.asarray(painted[updates]) for updates in sorted(painted)}
        self.image, self.line = Picture(width=660), line()
        moment = slider("Moment", 0, 0, len(self.painted) - 1, 1)
        truth = ipywidgets.Checkbox(description="Show the true colours", indent=False, layout={"width": "max-content"})
        super().__init__("Colourise", [moment, truth, self.image, self.line],
                         says="Move through the training and watch grey doodles get their colours; then show the true ones.")
        traitlets.link((self, "moment"), (moment, "value"))
        traitlets.link((self, "truth"), (truth, "value"))
        self.observe(lambda change: say(self.line, change.new), "message")
        self.observe(lambda _: self._show(), ["moment", "truth"])
        self._show()

    @property
    def updates(self):
        """How many updates the model shown had."""
        return list(self.painted)[self.moment]

    def _show(self):
        made = self.painted[self.updates]
        off = np.abs(made - self.pictures).mean()
        self.message = f"After {self.updates} updates the colours are off by {off:.2f} on average (0 is black, 1 full light)."
        rows = {"grey in": self.grey, "colours out": made, **({"as it was": self.pictures} if self.truth else {})}
        self.image.alt = f"Grey doodles and what the model made of them. {self.message}"
        self.image.show(strips(rows))
