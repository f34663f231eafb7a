"""Free throw: the reader against gradient descent; who needs fewer throws?

One or three throwers with a target each; a throw carries 10 metres. The reader sets aims and is told what they chose to be
told; gradient descent sets its aims by slope. Both start from the same aims; a typical miss under 20 cm is a hit.
"""
import ipywidgets
import numpy as np
import traitlets

from minitrain.teach.figures import COLOURS, FAINT, axes, label_lines
from minitrain.teach.widgets.base import Panel, Picture, button, choice, line, say, slider

HIT = 0.2                                   # metres
PATIENCE = 200                              # throws after which gradient descent gives up
METRES, TOTAL = "each miss, in metres", "only warmer or colder"


def misses(aims, targets):
    """How far right of its target each ball lands, in metres, for aims in radians."""
    return 10 * np.sin(np.asarray(aims)) - np.asarray(targets)


def typical(misses):
    """The root of the mean squared miss: with one thrower, the miss without its side."""
    return float(np.sqrt(np.mean(np.square(misses))))


def descend(aims, targets, rate):
    """The typical miss at each throw of gradient descent, until it has hit.

    >>> len(descend([0.0], [2.0], rate=0.003))
    4
    """
    aims, seen = np.asarray(aims, float), []
    while len(seen) < PATIENCE:
        miss = misses(aims, targets)
        seen.append(typical(miss))
        if seen[-1] < HIT:
            break
        aims = aims - rate * 2 * miss * 10 * np.cos(aims)               # the slope of miss², for each aim
    return seen


def trails(runs, *, title, most=None):
    """Typical miss against throws, a line for each run (name -> list of misses). Returns the figure."""
    fig, ax = axes(title=title, x="throw", y="miss (metres)", size=(5.8, 3.0))
    for (name, run), colour, marker in zip(runs.items(), COLOURS, "os^D"):
        ax.plot(np.arange(1, len(run) + 1), run, color=colour, marker=marker, markersize=5, label=name)
    ax.axhspan(0, HIT, color="#009E73", alpha=0.25, linewidth=0)
    ax.text(0.99, HIT, "hit", transform=ax.get_yaxis_transform(), ha="right", va="bottom", color=FAINT)
    top = max((max(run) for run in runs.values() if len(run)), default=6)
    ax.set(xlim=(0.5, max(most or 0, 8, *(len(run) for run in runs.values())) + 0.5), ylim=(0, max(1.0, 1.08 * top)))
    ax.xaxis.get_major_locator().set_params(integer=True)
    label_lines(ax)
    return fig


class FreeThrow(Panel):
    """The game as a panel.  throwers: 1 or 3.  seed: which targets.

    Traits: `aims` (radians), `told` (METRES or TOTAL), `rate` (of gradient descent), `throws` (typical misses so far), `hit`,
    `message`. A test sets `aims` and calls `throw()`.

    >>> game = FreeThrow(seed=0)
    >>> game.aims = [float(np.arcsin(game.targets[0] / 10))]
    >>> game.throw()
    >>> game.hit, len(game.throws)
    (True, 1)
    """

    aims = traitlets.List(traitlets.Float())
    throwers = traitlets.Int(1)
    told = traitlets.Enum([METRES, TOTAL], METRES)
    rate = traitlets.Float(0.003)
    throws = traitlets.List(traitlets.Float())
    hit = traitlets.Bool(False)
    message = traitlets.Unicode("")

    def __init__(self, throwers=1, seed=0):
        self.lots = np.random.default_rng(seed)
        self.sliders = [slider(f"Aim of thrower {i + 1} (radians)", 0.0, -0.9, 0.9, 0.01, form=".2f") for i in range(3)]
        self.image = Picture(alt="How far from the target each throw lands, yours and gradient descent's")
        self.line = line()
        who, told = choice("Throwers", [1, 3], throwers), choice("You are told", [METRES, TOTAL])
        rate = slider("Learning rate of gradient descent", 0.003, 1e-4, 2e-2, 0.1, log=True, form=".4f")
        for one in (rate, *self.sliders):
            one.layout.width = "520px"                                      # the labels are long
        self.throw_button = button("Throw", self.throw, tip="Throw with the aims as they are set")
        super().__init__("Free throw: you against gradient descent",
                         [ipywidgets.HBox([who, told]), rate, *self.sliders,
                          ipywidgets.HBox([self.throw_button, button("New targets", self.new_targets)]), self.line, self.image],
                         says="You set the aim with a slider and throw; gradient descent throws beside you, from the same "
                              "start. With one thrower you may well win. Then try three, told only warmer or colder.")
        self.throwers = throwers
        for trait, control in (("throwers", who), ("told", told), ("rate", rate)):
            traitlets.link((self, trait), (control, "value"))
        for i, one in enumerate(self.sliders):
            one.observe(lambda change, i=i: self._moved(i, change.new), "value")
        self.observe(self._aimed, "aims")
        self.observe(lambda _: self.new_targets(), "throwers")
        self.observe(lambda _: self._restart(), ["told", "rate"])
        self.observe(lambda change: say(self.line, change.new), "message")
        self.new_targets()

    def new_targets(self):
        """Hang the targets elsewhere, 2 to 6 metres to either side, and start over."""
        self.targets = self.lots.choice([-1, 1], self.throwers) * self.lots.uniform(2, 6, self.throwers)
        self._restart()

    def throw(self):
        """Throw once with the aims as they are; says what the reader chose to be told."""
        if self.hit:
            self.message = "You have hit already. New targets?"
            return
        miss = misses(self.aims, self.targets)
        before, self.throws = (self.throws[-1] if self.throws else None), [*self.throws, typical(miss)]
        self.hit = self.throws[-1] < HIT
        self.message = f"Throw {len(self.throws)}: {self._said(miss, before)} {self._beside()}"
        self._draw()

    @property
    def machine_throws(self):
        """The typical misses of gradient descent up to the reader's throw, or all once the reader has hit."""
        return self._machine if self.hit else self._machine[:len(self.throws)]

    def _said(self, miss, before):
        if self.told == METRES:
            return ", ".join(f"{abs(m):.1f} m to the {'right' if m > 0 else 'left'}" for m in miss) + "."
        if before is None:
            return "remember it; from the next throw on you hear warmer or colder."
        return "warmer." if self.throws[-1] < before else "colder."

    def _beside(self):
        n, needed = len(self.throws), len(self._machine)
        machine = f"needs {needed}" if self._machine[-1] < HIT else f"has not hit after {needed}"
        if self.hit:
            return f"A hit, with {n} throw{'s' * (n != 1)}. Gradient descent {machine}."
        return f"Gradient descent has hit, with {needed}." if n >= needed and self._machine[-1] < HIT else ""

    def _restart(self):
        self._machine = descend(np.zeros(self.throwers), self.targets, self.rate)
        self.throws, self.hit, self.aims = [], False, [0.0] * self.throwers
        for i, one in enumerate(self.sliders):
            one.layout.display = None if i < self.throwers else "none"
        self.message = "Set the aim and throw."
        self._draw()

    def _moved(self, i, value):
        if i < len(self.aims):
            self.aims = [value if j == i else aim for j, aim in enumerate(self.aims)]

    def _aimed(self, change):
        for one, aim in zip(self.sliders, change.new):
            one.value = aim

    def _draw(self):
        yours = self.throws if self.told == METRES or self.hit else []
        shown = {"you": yours, "gradient descent": self.machine_throws if self.told == METRES or self.hit else []}
        title = "Throw, and see both" if not self.throws else "Hit" if self.hit else "Not there yet"
        if self.told == TOTAL and not self.hit:
            title = "Misses are shown once you have hit"
        told = [f"{name}: {', '.join(f'{miss:.1f}' for miss in run)}" for name, run in shown.items() if run]
        self.image.alt = f"Miss in metres at each throw. {'; '.join(told) or 'Nothing to show yet'}."
        self.image.show(trails(shown, title=title))
