"""Blindfolded on the hill: only the slope underfoot is shown. Find the lowest place, then take the blindfold off.

It is what training knows of its loss: the slope where it stands, never the landscape.
"""
import ipywidgets
import numpy as np
import traitlets

from minitrain.teach.figures import COLOURS, FAINT, INK, axes
from minitrain.teach.widgets.base import Panel, Picture, button, choice, line, say, slider

LOW, HIGH = -2.0, 2.0                           # the ends of every hill
HILLS = {
    "Hill 1": lambda x: 0.6 * (x - 0.7) ** 2,                           # one valley
    "Hill 2": lambda x: (x**2 - 1.5) ** 2 / 2 - 0.4 * x,                # two floors
    "Hill 3": lambda x: 2 / (1 + np.exp(6 * (x - 0.8))) + 0.3 * (x - 1.6) ** 2 * (x > 1.6),       # a plateau, then a drop
    "Hill 4": lambda x: x**2 / 2 + 0.35 * np.cos(7 * x),                # many floors
}


def underfoot(hill, x):
    """The slope of `hill` at `x`, from two heights a hair apart.

    >>> round(underfoot(lambda x: x**2, 1.5), 3)
    3.0
    """
    return float((hill(x + 1e-4) - hill(x - 1e-4)) / 2e-4)


def landscape(hill, paths, *, title=None, ax=None):
    """A hill and walks over it: paths is name -> positions; a walk ends in a filled mark. Returns the figure."""
    fig, ax = axes(title=title, x="position", y="height", size=(5.8, 3.0)) if ax is None else (ax.figure, ax)
    x = np.linspace(LOW, HIGH, 400)
    ax.plot(x, hill(x), color=FAINT)
    lift = 0.03 * np.ptp(hill(x))
    for i, ((name, path), colour, marker) in enumerate(zip(paths.items(), COLOURS, "os^D")):
        path = np.asarray(path, float)
        height = hill(path) + lift * (i + 1)
        ax.plot(path, height, color=colour, marker=marker, markersize=4, linewidth=1, alpha=0.7)
        ax.plot(path[-1], height[-1], color=colour, marker=marker, markersize=10, markeredgecolor=INK)
        ax.annotate(name, (path[-1], height[-1]), xytext=(0, 12), textcoords="offset points", ha="center", color=colour,
                    fontweight="bold", annotation_clip=False)
    ax.margins(y=0.15)
    return fig


class BlindfoldedHill(Panel):
    """The walk as a panel.  hill: one of HILLS.

    Traits: `hill`, `position`, `stride` (length of a step), `walk` (positions so far), `revealed`, `message`. All that is told
    is `slope`. A test sets `stride` and calls `step(-1)` or `step(1)`.

    >>> walk = BlindfoldedHill("Hill 1")
    >>> walk.stride = 0.5; walk.step(1)
    >>> round(walk.position, 2), walk.revealed
    (-1.0, False)
    """

    hill = traitlets.Enum(list(HILLS), "Hill 1")
    position = traitlets.Float(-1.5)
    stride = traitlets.Float(0.3)
    walk = traitlets.List(traitlets.Float())
    revealed = traitlets.Bool(False)
    message = traitlets.Unicode("")

    def __init__(self, hill="Hill 2", start=-1.5):
        self.start_at = float(start)
        which, stride = choice("Hill", HILLS, hill), slider("Length of a step", 0.3, 0.01, 1.0, 0.1, log=True, form=".2f")
        stride.layout.width = "460px"
        self.left, self.right = button("Step left", lambda: self.step(-1)), button("Step right", lambda: self.step(1))
        self.image = Picture(alt="The slope underfoot; without the blindfold, the landscape and your walk over it")
        self.line = line()
        super().__init__("Blindfolded on the hill",
                         [which, stride, ipywidgets.HBox([self.left, self.right]), self.line, self.image,
                          ipywidgets.HBox([button("Take off the blindfold", self.reveal), button("Start over", self.reset)])],
                         says="You feel the slope underfoot and nothing else; step left or right, long or short, until you "
                              "believe you stand at the lowest place. Then take the blindfold off.")
        traitlets.link((self, "hill"), (which, "value"))
        traitlets.link((self, "stride"), (stride, "value"))
        self.observe(lambda change: say(self.line, change.new), "message")
        self.observe(lambda _: self.reset(), "hill")
        self.hill = hill
        self.reset()

    @property
    def slope(self):
        """The slope underfoot: positive where the hill rises to the right."""
        return underfoot(HILLS[self.hill], self.position)

    def step(self, way):
        """One step of `stride` to the left (-1) or the right (1); the hills end at LOW and HIGH."""
        self.position = float(np.clip(self.position + way * self.stride, LOW, HIGH))
        self.walk = [*self.walk, self.position]
        self._tell()

    def reveal(self):
        """Take the blindfold off: the landscape, the walk, and how far above the lowest place it ended."""
        self.revealed = True
        self._tell()

    def reset(self):
        """Back to the start with the blindfold on."""
        self.position, self.revealed = self.start_at, False
        self.walk = [self.position]
        self._tell()

    def above(self):
        """How far the walker stands above the lowest place of the hill."""
        hill = HILLS[self.hill]
        return float(hill(self.position) - np.min(hill(np.linspace(LOW, HIGH, 4001))))

    def _tell(self):
        tilt = "it rises to the right" if self.slope > 0.005 else "it falls to the right" if self.slope < -0.005 else "it is flat"
        steps = len(self.walk) - 1
        told = f"Position {self.position:.2f}, slope {self.slope:.2f}: {tilt}. {steps} step{'s' * (steps != 1)} so far."
        if self.revealed:
            above = self.above()
            told += " You stand at the lowest place." if above < 0.02 else f" You stand {above:.2f} above the lowest place."
        self.message = told
        self._draw()

    def _draw(self):
        if self.revealed:
            fig = landscape(HILLS[self.hill], {"you": self.walk}, title="What you walked over")
        else:
            fig, ax = axes(title="What you feel", x="position", size=(5.8, 1.8))
            reach = 0.25 / max(1.0, abs(self.slope)) ** 0.5
            ends = np.array([-reach, reach])
            ax.plot(self.position + ends, self.slope * ends, color=COLOURS[0], linewidth=4)
            ax.plot(self.position, 0, "o", color=COLOURS[1], markersize=10)
            ax.set(xlim=(LOW, HIGH), ylim=(-1, 1), yticks=[])
        self.image.alt = f"{'The whole hill and your walk on it.' if self.revealed else 'The slope underfoot.'} {self.message}"
        self.image.show(fig)
