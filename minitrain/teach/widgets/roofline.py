"""What a machine can do at most, and where work stands below that: the roofline, and a product cut into tiles.

How many operations and bytes there are, and what the machine reaches, the lesson counts and measures; here it is drawn.
"""
import ipywidgets
import numpy as np
import traitlets
from matplotlib.patches import Rectangle

from minitrain.teach.figures import COLOURS, FAINT, INK, MARKERS, axes
from minitrain.teach.widgets.base import Panel, Picture, choice, line, say

SIDES = [2**i for i in range(11)]                           # of a tile: 1 … 1,024
SIZES = [1, 16, 64, 256, 1024, 4096, 16384]                 # of a matrix


def roofline(points, *, copy, rate, title, ax=None):
    """Operations a second against operations a byte, below the two limits of a machine. Returns the figure.

    points: (operations a byte, operations a second, label) each.  copy: bytes a second; rate: operations a second.

    >>> fig = roofline([(0.5, 2e9, "1"), (8.0, 3e10, "16")], copy=5e9, rate=6e10, title="Yours")
    >>> [text.get_text() for text in fig.axes[0].texts][:2]
    ['1', '16']
    """
    fig, ax = axes(title=title, size=(6.4, 3.6)) if ax is None else (ax.figure, ax)
    ridge, (at, heights, labels) = rate / copy, zip(*points)
    low, high = min(0.1, *at) / 1.5, max(4 * ridge, *at) * 1.5
    x = np.array([low, ridge, high])
    ax.plot(x, np.minimum(rate, copy * x) / 1e9, color=FAINT, linewidth=3, zorder=1)
    ax.plot(at, np.array(heights) / 1e9, MARKERS[0], color=COLOURS[0], markersize=8, zorder=3)
    for x, y, label in zip(at, heights, labels):
        ax.annotate(label, (x, y / 1e9), xytext=(3, -13), textcoords="offset points", color=COLOURS[0], fontsize=9.5)
    floor = min(copy * low, *heights) / 1e9
    ax.set(xscale="log", yscale="log", xlim=(low, high), ylim=(floor / 3, rate / 1e9 * 4),
           xlabel="operations a byte", ylabel="billion operations a second")
    ax.minorticks_off()
    up = low**0.2 * ridge**0.8                                      # far enough up the slope for its words to fit on the left
    for text, at in ((f"level: arithmetic, {_short(rate)}/s", (high, rate / 1e9)),
                     (f"slope: memory, {_short(copy)} bytes/s", (up, copy * up / 1e9))):
        ax.annotate(text, at, xytext=(-4, 5), textcoords="offset points", ha="right", color=INK, fontsize=9.5)
    return fig


def tiled(M, K, N, height, width, ax):
    """The three matrices of a product: one tile of the result, and what of a and b it reads. Draws into `ax`."""
    m, k, n, tall, wide = (side**0.3 for side in (M, K, N, min(height, M), min(width, N)))      # in true proportions a tile of
    gap = 0.22 * max(m, k, n)                                                                   # 32 in 4,096 is not to be seen
    for x, y, w, h, name in ((0, 0, k, m, "a"), (k + gap, m + gap, n, k, "b"), (k + gap, 0, n, m, "result")):
        ax.add_patch(Rectangle((x, y), w, h, facecolor="#f2f2f2", edgecolor=FAINT))
        ax.annotate(name, (x + w, y + h), xytext=(0, 2), textcoords="offset points", ha="right", va="bottom", color=INK)
    for x, y, w, h, i in ((0, 0, k, tall, 0), (k + gap, m + gap, wide, k, 2), (k + gap, 0, wide, tall, 1)):
        ax.add_patch(Rectangle((x, y), w, h, facecolor=COLOURS[i], edgecolor=INK, linewidth=1))
    ax.set(xlim=(-0.02 * (k + n), k + gap + n + 0.02 * (k + n)), ylim=(-0.02 * (m + k), m + gap + k + 0.1 * (m + k)))
    ax.set_aspect("equal")
    ax.set_axis_off()


class TilePlanner(Panel):
    """Cut a product into tiles; its bytes, and the time that a machine needs at least, follow at once.

    moved: (M, K, N, height, width) -> numbers that pass through memory.  machines: name -> (bytes a second, operations a
    second, bytes a number).  Traits: `rows`, `inner`, `columns`, `height`, `width`, `machine`, `message`; `plan()` gives
    (operations, bytes, seconds for the operations, seconds for the bytes).

    >>> panel = TilePlanner(lambda M, K, N, h, w: M * K * N // w + M * K * N // h + M * N, {"slow": (1e9, 1e10, 4)})
    >>> panel.height = panel.width = 1
    >>> panel.message.endswith("The bytes take longer: memory-bound.")
    True
    >>> panel.height = panel.width = 128
    >>> panel.message.endswith("The operations take longer: compute-bound.")
    True
    """

    rows, inner, columns = traitlets.Int(4096), traitlets.Int(4096), traitlets.Int(4096)
    height, width = traitlets.Int(32), traitlets.Int(32)
    machine = traitlets.Unicode("")
    message = traitlets.Unicode("")

    def __init__(self, moved, machines, **settings):
        self.moved, self.machines, self.ready = moved, machines, False
        self.machine = next(iter(machines))
        controls = {"rows": choice("Rows of a", SIZES, self.rows), "inner": choice("columns of a", SIZES, self.inner),
                    "columns": choice("columns of b", SIZES, self.columns), "machine": choice("On", list(machines)),
                    "height": _sides("Tile height", self.height), "width": _sides("Tile width", self.width)}
        self.image, self.line = Picture(width=820), line()
        super().__init__("Cut a product into tiles",
                         [ipywidgets.HBox([controls[name] for name in ("rows", "inner", "columns", "machine")]),
                          controls["height"], controls["width"], self.image, self.line],
                         says="Choose the shape of a product, the height and the width of a tile, and a machine. The bytes that "
                              "pass through memory, the operations, and the time that each needs at least follow at once.")
        for name, control in controls.items():
            traitlets.link((self, name), (control, "value"))
        self.observe(lambda change: say(self.line, change.new), "message")
        self.observe(lambda _: self._show(), list(controls))
        for name, value in settings.items():
            setattr(self, name, value)
        self.ready = True
        self._show()

    def plan(self):
        """Operations, bytes, and the seconds that each takes at least on the chosen machine."""
        shape = self.rows, self.inner, self.columns
        copy, rate, size = self.machines[self.machine]
        operations, moved = 2 * self.rows * self.inner * self.columns, size * self.moved(*shape, self.height, self.width)
        return operations, moved, operations / rate, moved / copy

    def _show(self):
        if not self.ready:
            return
        operations, moved, working, fetching = self.plan()
        copy, rate, _ = self.machines[self.machine]
        bound = "operations take longer: compute-bound" if working >= fetching else "bytes take longer: memory-bound"
        tile = 4 * min(self.height, self.rows) * min(self.width, self.columns)             # its sums are kept in 32 bits
        self.message = (f"{_short(operations)} operations take at least {_time(working)}; {_short(moved)} bytes at least "
                        f"{_time(fetching)}. One tile of the result is {_short(tile)} bytes while it is being made. The {bound}.")
        fig, (left, right) = axes(2, title=["One tile, and what it reads (not to scale)", f"On {self.machine}"], size=(9.0, 3.5))
        tiled(self.rows, self.inner, self.columns, self.height, self.width, left)
        point = operations / moved, operations / max(working, fetching), f"{_time(max(working, fetching))}"
        roofline([point], copy=copy, rate=rate, title=None, ax=right)
        self.image.alt = f"A product in tiles, and where it stands on the roofline. {self.message}"
        self.image.show(fig)


def _sides(label, value):
    return ipywidgets.SelectionSlider(description=label, options=SIDES, value=value, style={"description_width": "initial"},
                                      layout={"width": "360px"})


def _short(n):
    """A number with two digits and the word for its size.

    >>> _short(3.35e12), _short(64e6), _short(4096), _short(12)
    ('3.4 trillion', '64 million', '4.1 thousand', '12')
    """
    for size, word in ((1e15, "quadrillion"), (1e12, "trillion"), (1e9, "billion"), (1e6, "million"), (1e3, "thousand")):
        if n >= size:
            return f"{_two(n / size)} {word}"
    return _two(n)


def _time(seconds):
    """Seconds in the unit that leaves a number to be read.

    >>> _time(0.0123), _time(2.5e-6), _time(3.0), _time(5400), _time(4e8)
    ('12 ms', '2.5 µs', '3 s', '1.5 hours', '13 years')
    """
    for size, unit in ((365.25 * 86400, "years"), (86400, "days"), (3600, "hours"), (1, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if seconds >= size:
            return f"{_two(seconds / size)} {unit}"
    return f"{_two(seconds * 1e9)} ns"


def _two(x):
    return f"{x:.1f}".removesuffix(".0") if 1 <= x < 10 else f"{x:,.0f}" if x >= 10 else f"{x:.2g}"
