"""Draw it: a pad, and what the model makes of the drawing while the hand moves. Lesson 00's widget.

It refuses to train: it shows the model that it is given, as it is.
"""
import ipywidgets
import torch
import traitlets

from minitrain.sources.doodles import Doodles
from minitrain.teach.widgets.base import Panel, bars, choice, slider
from minitrain.teach.widgets.pad import Pad

NONE = "(none)"
INK, PAPER = "#f2f2f2", "#1a1f29"           # a bright thing on a darker ground, as in the pictures it was trained on
READY = {                                   # for keyboards, and to compare: the knobs of one doodle each
    "a circle": ("circle", dict(styles=("outline",))),
    "a filled circle": ("circle", dict(styles=("filled",))),
    "a shaky circle": ("circle", dict(styles=("outline",), wobble=0.08)),
    "a square": ("square", dict(styles=("outline",))),
    "a filled square": ("square", dict(styles=("filled",))),
    "a square on its corner": ("square", dict(styles=("outline",), turn=45)),
    "a cat": ("cat", dict(colours="natural")),
    "a hot dog": ("hot dog", dict(colours="natural")),
}


class DrawIt(Panel):
    """A pad beside a model's probabilities, which move while you draw; a list of ready shapes for keyboards.

    model: pictures (B, 3, size, size) -> logits (B, len(kinds)).  kinds: the names of its classes.
    `shares` is what the model says of the pad now, name -> 0 … 1; empty while the pad is.

    >>> draw = DrawIt(lambda x: torch.tensor([[0.0, 2.0]]), kinds=("square", "circle"))
    >>> draw.shares
    {}
    >>> draw.ready.value = "a circle"
    >>> {kind: round(share, 2) for kind, share in draw.shares.items()}
    {'square': 0.12, 'circle': 0.88}
    """

    def __init__(self, model, kinds, size=32):
        self.model, self.kinds, self.shares, self._putting = model, tuple(kinds), {}, False
        given = self._shares(torch.zeros(3, size, size)).numel()
        if given != len(self.kinds):
            raise ValueError(f"DrawIt: for one picture the model gave {given} numbers, and there are {len(self.kinds)} kinds, "
                             f"{', '.join(map(str, self.kinds))}; it needs one number for each.")
        self.pad = Pad(size=size, colour=True, ink=INK, paper=PAPER, label="Draw a square or a circle")
        self.ready = choice("or take a ready shape:", [NONE, *READY])
        stroke = slider("Thickness of the chalk", self.pad.stroke, 1.0, 5.0, 0.5, form=".1f")
        traitlets.link((stroke, "value"), (self.pad, "stroke"))
        self.answer = ipywidgets.HTML()
        self.pad.observe(lambda _: self._drawn(), "picture")
        self.ready.observe(self._put, "value")
        super().__init__("Draw it", [ipywidgets.HBox([self.pad, self.answer]), stroke, self.ready],
                         says="Draw with the mouse or a finger, or take a ready shape from the list; the model's probabilities "
                              "move while you draw. What it cannot say is \"neither\".")
        self.look()

    def look(self):
        """Ask the model about what is on the pad, and show its answer."""
        if self.pad.empty:
            self.shares, self.answer.value = {}, "Nothing drawn yet."
            return
        shares = self._shares(torch.from_numpy(self.pad.array().copy())).tolist()
        self.shares = dict(zip(self.kinds, shares, strict=True))
        self.answer.value = bars(self.shares, mark=max(self.shares, key=self.shares.get))

    def _shares(self, picture):
        """What the model says of one picture (3, size, size): (len(kinds),)."""
        parameter = next(iter(self.model.parameters()), None) if hasattr(self.model, "parameters") else None
        with torch.no_grad():
            return self.model(picture[None] if parameter is None else picture[None].to(parameter.device)).softmax(1)[0]

    def _drawn(self):
        if not self._putting:               # the hand went on, so the list's shape can be taken again
            self.ready.value = NONE
        self.look()

    def _put(self, change):
        if change.new in READY:
            kind, knobs = READY[change.new]
            source = Doodles((kind,), size=self.pad.size, **{"turn": 5.0, "zoom": (0.7, 0.8), **knobs})
            self._putting = True
            try:
                self.pad.put(source.draw(1, seed=3)[0][0])
            finally:
                self._putting = False
