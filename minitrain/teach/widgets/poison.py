"""Poison the data: sliders that spoil training pictures, and what a model makes of them. Lesson 02's widget.

It refuses to train and to test: both is done by the function that it is given, which stands in the lesson. Beside it
`learnt_pictures`, the still picture that says the same.
"""
import numpy as np
import traitlets
from matplotlib.colors import LinearSegmentedColormap

from minitrain.teach.figures import COLOURS, INK, axes
from minitrain.teach.widgets.base import Panel, Picture, choice, line, say, slider

SIGNED = LinearSegmentedColormap.from_list("signed", [COLOURS[1], "#ffffff", COLOURS[0]])       # below 0, 0, above
VICTIMS = ("any picture", "cats only")


def learnt_pictures(found, *, title=None):
    """One column for each of `found`: above the weights as a picture, below the shares. Returns the figure.

    found: name -> (weights (size * size,), {test: share right}).

    >>> fig = learnt_pictures({"clean": (np.zeros(256), {"its own test": 0.9, "outlines": 0.5})})
    >>> [text.get_text() for text in fig.axes[1].texts]
    ['90 %', '50 %']
    """
    fig, grid = axes(len(found), 2, size=(2.15 * len(found) + 1.2, 4.3))
    grid = np.reshape(grid, (2, len(found)))
    for i, (name, (weights, shares)) in enumerate(found.items()):
        _weights(grid[0, i], weights)
        grid[0, i].set_title(name, fontsize=11)
        _shares(grid[1, i], shares, named=i == 0)
    if title:
        fig.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold")
    return fig


def _weights(ax, weights):
    side = round(len(weights) ** 0.5)
    picture = np.asarray(weights, float).reshape(side, side)
    most = max(np.abs(picture).max(), 1e-12)
    ax.imshow(picture, cmap=SIGNED, vmin=-most, vmax=most, interpolation="nearest")
    ax.set(xticks=[], yticks=[])
    ax.grid(False)
    ax.spines[:].set_visible(True)


def _shares(ax, shares, named=True):
    at = np.arange(len(shares))
    ax.barh(at, list(shares.values()), color=[COLOURS[5], *[COLOURS[0]] * (len(shares) - 1)], height=0.7)
    ax.axvline(0.5, color=INK, linewidth=1, linestyle=":")                                     # a coin
    for y, share in zip(at, shares.values()):
        ax.text(max(share, 0) + 0.03, y, f"{share:.0%}".replace("%", " %"), va="center", color=INK, fontsize=10)
    ax.set(xlim=(0, 1.3), xticks=[0, 0.5, 1], yticks=at, yticklabels=list(shares) if named else [], xlabel="right")
    ax.invert_yaxis()
    ax.grid(False)


class PoisonTheData(Panel):
    """Three sliders and a list; at each change the model learns anew.

    examine: the knobs of `Doodles` (`styles`, `mark`, `label_noise`) -> (weights (size * size,), {test: share right}).
    Traits: `wrong` (share of wrong labels), `victims` (whose labels), `outlines` (share of the drawings), `sun` (how often the
    sun tells the label; 0.5 says nothing), `shares` and `message`, what came of it.

    >>> panel = PoisonTheData(lambda knobs: (np.ones(256), {"its own test": 1 - knobs["mark"]["dog"]}))
    >>> panel.sun = 0.9
    >>> round(panel.shares["its own test"], 2)
    0.9
    """

    wrong = traitlets.Float(0.0)
    victims = traitlets.Unicode(VICTIMS[0])
    outlines = traitlets.Float(0.5)
    sun = traitlets.Float(0.5)
    shares = traitlets.Dict()
    message = traitlets.Unicode("")

    def __init__(self, examine):
        self.examine = examine
        self.sliders = {"wrong": slider("Wrong labels", 0.0, 0.0, 0.5, 0.05, form=".0%"),
                        "outlines": slider("Outlines among the drawings", 0.5, 0.0, 0.5, 0.05, form=".0%"),
                        "sun": slider("The sun tells the label", 0.5, 0.5, 1.0, 0.05, form=".0%")}
        for name, made in self.sliders.items():
            made.layout.width = "460px"
            traitlets.link((self, name), (made, "value"))
        self.list = choice("Wrong labels hit", VICTIMS)
        traitlets.link((self, "victims"), (self.list, "value"))
        self.image, self.line = Picture(width=620), line()
        super().__init__("Poison the data", [*self.sliders.values(), self.list, self.image, self.line],
                         says="Set the share of wrong labels and whom they hit, the share of outlines, and how often a sun in "
                              "the corner tells the label; the learnt picture and the accuracy on every group follow.")
        self.observe(lambda change: say(self.line, change.new), "message")
        self.observe(lambda _: self.look(), ["wrong", "victims", "outlines", "sun"])
        self.look()

    @property
    def knobs(self):
        """What the sliders ask of `Doodles`."""
        noise = {"cat": ("dog", self.wrong)} if self.victims == VICTIMS[1] else self.wrong
        return dict(styles={"filled": 1 - self.outlines, "outline": self.outlines}, label_noise=noise,
                    mark={"cat": self.sun, "dog": 1 - self.sun})

    def look(self):
        """Learn from pictures with these knobs, and show what came of it."""
        weights, self.shares = self.examine(self.knobs)
        said = ", ".join(f"{name} {share:.0%}" for name, share in self.shares.items()).replace("%", " %")
        fig, (left, right) = axes(2, size=(6.6, 2.9))
        _weights(left, weights)
        left.set_xlabel("orange: cat, blue: dog")
        _shares(right, self.shares)
        self.image.alt = f"The learnt weights as a picture, and the shares right: {said}"
        self.image.show(fig)
        self.message = f"Right: {said}."
