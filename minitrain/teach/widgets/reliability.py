"""Reliability diagrams: how sure, against how often right; of models, and of the reader."""
import numpy as np

from minitrain.evaluate.calibration import reliability
from minitrain.teach.figures import COLOURS, FAINT, MARKERS, axes


def diagrams(panels):
    """A panel for each set of answers.  panels: title -> (confidence (n,), right (n,)).  Returns the figure.

    A dot is a bin of confidence, its area grows with the answers in it; on the diagonal said is right.
    """
    fig, grid = axes(len(panels), title=list(panels), x="said: mean confidence", y=["right", *[""] * (len(panels) - 1)],
                     size=(3.3 * len(panels), 3.4))
    for i, (ax, (confidence, right)) in enumerate(zip(np.atleast_1d(grid), panels.values())):
        found = reliability(confidence, right)
        _diagonal(ax)
        ax.plot(found.said, found.right, color=COLOURS[i], linewidth=1)
        ax.scatter(found.said, found.right, s=12 + 400 * found.n / found.n.sum(), color=COLOURS[i], marker=MARKERS[i], alpha=0.8)
        ax.text(0.6, 0.06, f"error {found.error:.2f}", transform=ax.transAxes)
    return fig


def forecaster(bins, *, title):
    """A reader's bins, as `predictions.calibration` gives them, with their 95 % intervals.  Returns the figure."""
    fig, ax = axes(title=title, x="said: mean confidence", y="right", size=(4.6, 3.8))
    _diagonal(ax)
    for b in (b for b in bins if b.n):
        low, high = b.interval
        ax.plot([b.said, b.said], [low, high], color=COLOURS[0], linewidth=2)
        ax.plot(b.said, b.share, COLOURS[0], marker="o", markersize=8)
        ax.annotate(f"{b.right} of {b.n}", (b.said, low), xytext=(0, -14), textcoords="offset points", ha="center", fontsize=9)
    return fig


def _diagonal(ax):
    ax.plot([0, 1], [0, 1], "--", color=FAINT, linewidth=1)
    ax.set(xlim=(0, 1.02), ylim=(0, 1.02), aspect="equal")
