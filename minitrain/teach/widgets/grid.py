"""A gridworld as a picture: its plan, what a table says each cell is worth, and where it would go from there."""
import numpy as np

from minitrain.rl.gridworld import MOVES
from minitrain.teach.figures import INK, axes


def grids(env, panels, *, size=3.4):
    """A panel for each table: shades for the best entry of each cell, arrows for the move that has it. Returns the figure.

    env: a `GridWorld`.  panels: title -> Q (S, 4), or None for the plan alone. Where no entry of a cell was ever moved, there is
    no arrow.

    >>> from minitrain.rl.gridworld import GridWorld
    >>> fig = grids(GridWorld("S.G"), {"plan": None, "right": np.tile([0.0, 1.0, 0.0, 0.0], (3, 1))})
    >>> [[text.get_text() for text in ax.texts] for ax in fig.axes]
    [['S', 'G'], ['S', 'G']]
    """
    H, W = len(env.rows), len(env.rows[0])
    fig, every = axes(len(panels), title=list(panels), size=(size * len(panels), size * H / W + 0.5))
    for ax, Q in zip(np.atleast_1d(every).ravel(), panels.values()):
        shade = np.full((H, W), np.nan)
        for s, cell in enumerate(env.cells):
            shade[cell] = 0.0 if Q is None or env.ends[s] else Q[s].max()
        ax.set_facecolor("#555555")                                 # a wall is what no cell covers
        ax.imshow(np.ma.masked_invalid(shade), cmap="Blues", vmin=0, vmax=max(1.3 * np.nanmax(shade), 1e-9))
        for s, (i, j) in enumerate(env.cells):
            if env.letters[s] not in ".":
                ax.text(j - 0.32, i - 0.3, env.letters[s], ha="center", va="center", fontsize=11, fontweight="bold", color=INK)
            if Q is not None and not env.ends[s] and np.ptp(Q[s]) > 0:
                di, dj = 0.55 * MOVES[Q[s].argmax()]
                ax.quiver(j, i, dj, di, angles="xy", scale_units="xy", scale=1, pivot="mid", width=0.012, color=INK)
        ax.set(xticks=np.arange(-0.5, W), yticks=np.arange(-0.5, H), xlim=(-0.5, W - 0.5), ylim=(H - 0.5, -0.5))
        ax.tick_params(length=0, labelbottom=False, labelleft=False)
    return fig
