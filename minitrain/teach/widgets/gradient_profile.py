"""Signal, blame and gradient of a deep network, layer by layer, before training: still pictures, and one that follows settings.

What is measured, and how, is the lesson's own code: the widget is handed the functions that measure and train.
"""
import ipywidgets
import numpy as np
import traitlets

from minitrain.models.deep import STARTS
from minitrain.teach.figures import COLOURS, FAINT, MARKERS, axes, label_lines
from minitrain.teach.widgets.base import Panel, Picture, button, choice, line, say, slider

BENDS = ("relu", "tanh", "sigmoid")
LARGE = 2.0                                     # a start that explodes, beside those that have names


def to_the_loss(panels, *, low, high):
    """The gradient of each layer's weights against its distance from the loss: a panel for each bend, a line for each depth.

    panels: title -> {depth: (seeds, depth) with the first layer first}.  low, high: of the y axis.  Returns the figure.
    """
    fig, grid = axes(len(panels), title=list(panels), x="layers before the loss", size=(3.1 * len(panels), 3.4),
                     y=["gradient of a layer's weights", *[""] * (len(panels) - 1)])
    for ax, lines in zip(np.atleast_1d(grid), panels.values()):
        for i, (depth, sizes) in enumerate(lines.items()):
            middle = _band(ax, np.arange(1, depth + 1), np.asarray(sizes)[:, ::-1], i)
            ax.annotate(str(depth), (depth, middle[-1]), xytext=(6, 0), textcoords="offset points", va="center",
                        color=COLOURS[i], fontweight="bold", annotation_clip=False)
        ax.set(yscale="log", ylim=(low, high), xlim=(0, 1.1 * max(lines)))
        ax.minorticks_off()                     # over so many decades they are not seen, and cost half of the drawing
    return fig


def profiles(networks, *, low=None, high=None):
    """A panel for each network: its signal, its blame and the gradient of its weights, by layer.

    networks: title -> (signals (seeds, depth + 1), blames (seeds, depth + 1), gradients (seeds, depth)).  Returns the figure.
    """
    fig, grid = axes(len(networks), title=list(networks), x="layer", y=["size", *[""] * (len(networks) - 1)],
                     size=(6.4 if len(networks) == 1 else 4.2 * len(networks), 3.4))
    for ax, measured in zip(np.atleast_1d(grid), networks.values()):
        ax.axhline(1, color=FAINT, linewidth=1, linestyle=":")
        for i, (name, sizes) in enumerate(zip(("signal", "blame", "gradient"), measured)):
            depth = np.shape(measured[2])[1]
            _band(ax, np.arange(depth + 1 - np.shape(sizes)[1], depth + 1), np.asarray(sizes), i, label=name)
        ax.set(yscale="log", xlim=(0, depth))
        if low is not None:
            ax.set_ylim(low, high)
            ax.minorticks_off()
        label_lines(ax)
    return fig


def _band(ax, at, sizes, i, label=None):
    middle = np.median(sizes, axis=0)
    ax.fill_between(at, sizes.min(0), sizes.max(0), color=COLOURS[i], alpha=0.2, linewidth=0)
    ax.plot(at, middle, color=COLOURS[i], marker=MARKERS[i], markersize=5, markevery=max(1, len(at) // 6), label=label)
    return middle


class GradientProfile(Panel):
    """Choose a network; its profile follows at once.

    profile: settings -> (signals, blames, gradients) as `profiles` takes them.  train: settings -> (accuracies, rate) of a few
    networks trained a little, or None.  Settings are depth, activation, start, norm and residual, as `DeepMLP` takes them.

    Traits: `depth`, `bend`, `start`, `norm`, `residual`, `message`; `measured` holds what `profile` gave.

    >>> def profile(depth, **how): return np.ones((1, depth + 1)), 2.0 ** np.arange(depth + 1)[None], np.ones((1, depth))
    >>> panel = GradientProfile(profile)
    >>> panel.depth = 10
    >>> panel.message
    'Through 10 layers the signal keeps its size. The blame, on its way back, becomes 1,024 times smaller.'
    """

    depth = traitlets.Int(16)
    bend = traitlets.Enum(BENDS, "relu")
    start = traitlets.Any("torch")
    norm = traitlets.Bool(False)
    residual = traitlets.Bool(False)
    message = traitlets.Unicode("")

    def __init__(self, profile, train=None, **settings):
        self.profile, self.train, self.measured = profile, train, None
        depth = slider("Layers", self.depth, 2, 64, 1)
        bend = choice("Bend", BENDS)
        start = choice("Start", [*((name, name) for name in STARTS), ("too large", LARGE)], "torch")
        norm, residual = (ipywidgets.Checkbox(description=name, indent=False, layout={"width": "max-content"})
                          for name in ("Layer norm", "Residual connections"))
        self.image, self.line, self.verdict = Picture(width=620), line(), line()
        self.train_button = button("Train it", self.try_it, tip="Train five such networks, at the best of some rates")
        super().__init__("A profile of a deep network",
                         [depth, ipywidgets.HBox([bend, start, norm, residual]), self.image, self.line,
                          *([ipywidgets.HBox([self.train_button, self.verdict])] if train else [])],
                         says="Choose how many layers, which bend and start, and which cures; signal, blame and gradient by "
                              "layer follow at once. Then train it, and see whether the profile told the truth.")
        for name, control in dict(depth=depth, bend=bend, start=start, norm=norm, residual=residual).items():
            traitlets.link((self, name), (control, "value"))
        self.observe(lambda change: say(self.line, change.new), "message")
        self.observe(lambda _: self._measure(), list(self.settings()))
        for name, value in settings.items():
            setattr(self, name, value)
        if self.measured is None:
            self._measure()

    def settings(self):
        """The traits that make the network."""
        return dict(depth=self.depth, bend=self.bend, start=self.start, norm=self.norm, residual=self.residual)

    def how(self):
        """The same as `DeepMLP` names them."""
        return {"activation" if name == "bend" else name: value for name, value in self.settings().items()}

    def try_it(self):
        """Train what is chosen, and say what came of it."""
        say(self.verdict, "Training …")                        # the button stays: disabled, it would lose the keys
        accuracies, rate = self.train(**self.how())
        accuracies = np.asarray(accuracies)
        say(self.verdict, f"Right on new digits: {np.median(accuracies):.0%} ({accuracies.min():.0%} to "
                          f"{accuracies.max():.0%}), at a rate of {rate:g}. A guess: 10%.")

    def _measure(self):
        self.measured = tuple(np.asarray(sizes) for sizes in self.profile(**self.how()))
        signals, blames = (np.median(sizes, axis=0) for sizes in self.measured[:2])
        self.message = (f"Through {self.depth} layers the signal {_change(signals[0], signals[-1])}. "
                        f"The blame, on its way back, {_change(blames[-1], blames[0])}.")
        say(self.verdict, "")
        self.image.alt = f"Signal, blame and gradient by layer. {self.message}"
        self.image.show(profiles({f"{self.depth} layers": self.measured}))


def _change(before, after):
    """In words, how many times larger or smaller.

    >>> _change(2.0, 2000.0), _change(1.0, 1e-12), _change(1.0, 1.2)
    ('becomes 1,000 times larger', 'becomes 10^12 times smaller', 'keeps its size')
    """
    if not (before > 0 and after > 0):
        return "is lost below what a number can hold"
    factor = max(after / before, before / after)
    if factor < 2:
        return "keeps its size"
    times = f"{factor:,.0f}" if factor < 1e6 else f"10^{np.log10(factor):.0f}"
    return f"becomes {times} times {'larger' if after > before else 'smaller'}"
