"""What each cure gains, seed by seed."""
import numpy as np

from minitrain.teach.figures import COLOURS, FAINT, axes


def dots(gains, *, title, low=None, high=None):
    """A row for each cure, a dot for each seed, a bar at their median.  gains: name -> (seeds,) in shares.  Returns the figure.

    low, high: of the axis, in points (hundredths).
    """
    fig, ax = axes(title=title, x="gain on test digits, in points", size=(6.4, 0.5 * len(gains) + 1.2))
    for i, (name, gain) in enumerate(gains.items()):
        ax.plot(100 * np.asarray(gain), [i] * len(gain), "o", color=COLOURS[0], alpha=0.6, label=name)
        ax.plot(100 * np.median(gain), i, "|", color="#000000", markersize=20, markeredgewidth=2)
    ax.axvline(0, color=FAINT)
    ax.set_yticks(range(len(gains)), list(gains))
    ax.set(ylim=(len(gains) - 0.5, -0.5))
    if low is not None:
        ax.set_xlim(low, high)
    return fig
