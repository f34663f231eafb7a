"""Points on a plane in the colours of their groups: still pictures, and recorded maps to leaf through by their setting.

How a map is made is the library's and the lesson's business: the widget shows what was recorded.
"""
import ipywidgets
import numpy as np
import traitlets
from matplotlib.patheffects import withStroke

from minitrain.evaluate.maps import points_of
from minitrain.teach.figures import COLOURS, FAINT, INK, MARKERS, axes
from minitrain.teach.widgets.base import Panel, Picture, choice, line, say

NAMES = {"t-SNE": "perplexity", "UMAP": "neighbours"}


def clouds(panels, *, names=None, size=3.1, dots=8, ticks=False):
    """A square panel for each set of points, colours and marks by group, a group's name at its middle. Returns the figure.

    panels: title -> (points (n, 2), groups (n,), whole numbers; below 0: noise, in grey).  names: of the groups,
    or None.  ticks: whether the places mean anything.

    >>> fig = clouds({"two": (np.array([[0, 0], [1, 1], [5, 5]]), np.array([0, 1, -1]))}, names=["a", "b"])
    >>> [text.get_text() for text in fig.axes[0].texts]
    ['a', 'b']
    """
    fig, grid = axes(len(panels), title=list(panels), size=(size * len(panels), size + 0.3))
    for ax, (points, groups) in zip(np.atleast_1d(grid).ravel(), panels.values()):
        points, groups = np.asarray(points, float), np.asarray(groups)
        for group in np.unique(groups):
            at = points[groups == group]
            if group < 0:
                ax.scatter(*at.T, s=dots, c=FAINT, marker="x", linewidths=0.7)
                continue
            ax.scatter(*at.T, s=dots, c=COLOURS[group % 7], marker=MARKERS[(group + group // 7) % 7], linewidths=0)
            if names is not None:
                middle = at[np.abs(at - np.median(at, axis=0)).sum(1).argmin()]         # a point of it: a crescent's mean is not
                ax.annotate(str(names[group]), middle, xytext=(0, 5), textcoords="offset points", ha="center",
                            fontweight="bold", color=INK, path_effects=[withStroke(linewidth=3, foreground="white")])
        ax.set_aspect("equal", "datalim")
        ax.grid(ticks)
        if not ticks:
            ax.set(xticks=[], yticks=[])
    return fig


class RecordedMaps(Panel):
    """Leaf through recorded maps: the same points, drawn with another perplexity or number of neighbours.

    maps: (data, method, setting) -> {"trustworthiness": …, "places": (n, 2)}, as `evaluate.maps.recorded` gives them.

    Traits: `data`, `method`, `setting`, `message`.

    >>> one = {"trustworthiness": 0.5, "places": np.zeros((400, 2))}
    >>> panel = RecordedMaps({("noise", "t-SNE", k): one for k in (5, 30)})
    >>> panel.setting = 30
    >>> panel.message
    'noise by t-SNE with a perplexity of 30: trustworthiness 0.500.'
    """

    data = traitlets.Unicode()
    method = traitlets.Unicode()
    setting = traitlets.Int()
    message = traitlets.Unicode("")

    def __init__(self, maps, **settings):
        self.maps = maps
        data, methods, steps = (sorted({key[i] for key in maps}, key=[key[i] for key in maps].index) for i in range(3))
        self.set_trait("data", settings.get("data", data[0]))
        self.set_trait("method", settings.get("method", methods[0]))
        self.set_trait("setting", settings.get("setting", steps[0]))
        rows = choice("Points", data, self.data), choice("Method", methods, self.method)
        self.slider = ipywidgets.SelectionSlider(description=self._name(), options=steps, value=self.setting,
                                                 style={"description_width": "initial"}, layout={"width": "360px"})
        self.image, self.line = Picture(width=430), line()
        super().__init__("One setting, and the map that it makes", [ipywidgets.HBox(rows), self.slider, self.image, self.line],
                         says="Choose points and a method, then move the slider: the recorded map follows. Watch what stays, "
                              "whatever the setting, and what does not.")
        for name, control in zip(("data", "method", "setting"), (*rows, self.slider)):
            traitlets.link((self, name), (control, "value"))
        self.observe(lambda change: say(self.line, change.new), "message")
        self.observe(lambda _: self._show(), ["data", "method", "setting"])
        self._show()

    def _name(self):
        return NAMES.get(self.method, "setting").capitalize()

    def _show(self):
        self.slider.description = self._name()
        one, (_, groups) = self.maps[self.data, self.method, self.setting], points_of(self.data)
        many = len(groups.unique()) > 1
        what = f"a perplexity of {self.setting}" if self.method == "t-SNE" else f"{self.setting} neighbours"
        self.message = f"{self.data} by {self.method} with {what}: trustworthiness {one['trustworthiness']:.3f}."
        self.image.alt = f"A map of {self.message}"
        self.image.show(clouds({f"{self.data}, {self.setting}": (one["places"], groups)}, size=4,
                               names=range(int(groups.max()) + 1) if many else None))
