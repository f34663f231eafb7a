"""The playground: points of two colours, a small network, and everything about its training to turn while it runs.

After TensorFlow Playground (Smilkov et al., 2017), whose controls it keeps, with the code beside it. `Recorder` is what makes
that code true: it writes every line down in the moment it runs it. Pictures are drawn with NumPy and Pillow, because
matplotlib takes ten times as long and a live picture has 50 ms.
"""
import inspect
import io
import time
from functools import cache

import ipywidgets
import numpy as np
import torch
import traitlets

from minitrain import Loss, Trainer, losses, optim, sources
from minitrain.callbacks import evaluate
from minitrain.models.mlp import ACTIVATIONS, MLP
from minitrain.sources.points import KINDS, points
from minitrain.teach.figures import COLOURS, FAINT, INK, axes
from minitrain.teach.widgets.base import Instead, Picture, choice, slider
from minitrain.teach.widgets.live import LiveTraining

REACH = 3.3                             # the plane is shown from -REACH to REACH both ways
OWN = "my own points"
RATES = {"SGD": 0.1, "Momentum": 0.02, "Adam": 0.02, "AdamW": 0.02, "Muon": 0.05}      # where each starts when it is chosen
PENALTIES = {"none": 0, "L1": 1, "L2": 2}
MADE_OF = ("x", "y", "x²", "y²", "xy", "sin x", "sin y")
LAYERS, WIDEST = 6, 8
SETTINGS = ("kind", "noise", "held_out", "batch", "made_of", "layers", "activation", "optimizer", "rate", "penalty", "strength",
            "seed", "own")
BLUE, ORANGE = COLOURS[0], COLOURS[1]


# What runs, and is shown ------------------------------------------------------------------------------------------------


def features(points, names):
    """What the network is given of each point, made of its two coordinates (n, 2)."""
    x, y = points.T
    made = {"x": x, "y": y, "x²": x * x, "y²": y * y, "xy": x * y, "sin x": (2 * x).sin(), "sin y": (2 * y).sin()}
    return torch.stack([made[name] for name in names], 1)       # (n, len(names))


def with_penalty(loss, strength, power):
    """The loss, and on top of it what large weights cost: their sum (power 1) or the sum of their squares (power 2)."""
    def penalised(model, batch):
        out = loss(model, batch)
        size = sum((layer.weight.abs() ** power).sum() for layer in model.layers)
        return Loss(out.mean + strength * size, out.n, out.logs)
    return penalised


IMPORTS = {"torch.": "import torch", "Trainer": "from minitrain import Trainer, losses, optim, sources",
           "Loss(": "from minitrain import Loss", "MLP": "from minitrain.models.mlp import MLP",
           "points(": "from minitrain.sources.points import points"}


class Name(str):
    """In the arguments of a recorded call: what stands in the code as it is. "*data" is spread out, "f()" is called."""
    __repr__ = str.__str__


class Recorder:
    """Runs calls and writes each down as the line of Python that does the same.

    >>> code = Recorder()
    >>> code.call("x, y", "points", "rings", n=4, noise=0.0)
    >>> print(code.text.splitlines()[-1], tuple(code["x"].shape))
    x, y = points('rings', n=4, noise=0.0) (4, 2)
    """

    def __init__(self):
        self.names = {"torch": torch, "Trainer": Trainer, "losses": losses, "optim": optim, "sources": sources, "MLP": MLP,
                      "points": points}
        self.lines = []

    def __getitem__(self, name):
        return self.names[name]

    @property
    def text(self):
        """The program so far, with the imports it needs."""
        body = "\n".join(self.lines)
        return "\n".join([*(line for name, line in IMPORTS.items() if name in body), "", body])

    def define(self, function):
        """A function of this file; its source goes into the text."""
        self.lines += [inspect.getsource(function).rstrip(), ""]
        self.names[function.__name__] = function

    def call(self, to, function, *args, **kwargs):
        """`to = function(*args, **kwargs)`; `to` is one name, or several with commas between."""
        written = ", ".join([*map(repr, args), *(f"{key}={value!r}" for key, value in kwargs.items())])
        self.lines.append(f"{to} = {function}({written})")
        spread = [value for arg in args for value in (self._value(arg) if repr(arg).startswith("*") else [self._value(arg)])]
        result = self._value(Name(function))(*spread, **{key: self._value(value) for key, value in kwargs.items()})
        names = to.split(", ")
        self.names.update(zip(names, result) if len(names) > 1 else {to: result})

    def _value(self, arg):
        if not isinstance(arg, Name):
            return arg
        first, *rest = arg.strip("*").removesuffix("()").split(".")
        value = self.names[first]
        for name in rest:
            value = getattr(value, name)
        return value() if arg.endswith("()") else value


def program(settings):
    """Build the data, the model and its trainer from settings (a dict of Playground's traits) and write down how.

    Returns the Recorder, whose names "train", "held_out", "model", "trainer" and "batches" are then ready to train.
    """
    s, code = settings, Recorder()
    if s["kind"] == OWN:
        code.call("x", "torch.tensor", [[x, y] for x, y, _ in s["own"]])
        code.call("y", "torch.tensor", [colour for *_, colour in s["own"]])
    else:
        code.call("x, y", "points", s["kind"], n=400, noise=s["noise"], seed=s["seed"])
    made_of = [name for name in MADE_OF if name in s["made_of"]]
    if made_of != ["x", "y"]:
        code.lines.append("")
        code.define(features)
        code.call("x", "features", Name("x"), made_of)
    code.call("train, held_out", "sources.split", Name("x"), Name("y"), held_out=s["held_out"], seed=s["seed"])
    code.call("batches", "sources.batches", Name("*train"), size=s["batch"], seed=s["seed"])
    code.call("model", "MLP", len(made_of), *s["layers"], 2, activation=s["activation"], seed=s["seed"])
    code.call("optimizer", f"optim.{s['optimizer']}", Name("model.parameters()"), rate=s["rate"])
    loss = Name("losses.cross_entropy")
    if s["penalty"] != "none":
        code.lines.append("")
        code.define(with_penalty)
        code.call("loss", "with_penalty", loss, s["strength"], power=PENALTIES[s["penalty"]])
        loss = Name("loss")
    code.call("trainer", "Trainer", Name("model"), loss, Name("optimizer"))
    return code


# How it is drawn --------------------------------------------------------------------------------------------------------

WIDE, HIGH, MAP, STRIP = 840, 480, 360, 96          # the whole picture, the map's side, the height of the curves; pixels
TILE, CORNER = 34, (WIDE - MAP - 4, 4)              # a unit's own picture; where the map stands


def plane(side):
    """The points of a square grid over what is shown, from the top left, row by row: (side·side, 2)."""
    at = torch.linspace(-REACH, REACH, side)
    y, x = torch.meshgrid(-at, at, indexing="ij")
    return torch.stack([x.flatten(), y.flatten()], 1)


def units(model, x):
    """What each unit answers to x: a tensor (n, units) for every layer, the last one the logits."""
    answers = []
    with torch.no_grad():
        for layer in model.layers[:-1]:
            x = model.activation(layer(x))
            answers.append(x)
        return [*answers, model.layers[-1](x)]


def boundaries(models, x, y, titles, *, made_of=("x", "y")):
    """For each model a map of what it answers everywhere, with its border as a line, and the points on it. Returns the figure."""
    fig, panels = axes(len(models), size=(2.5 * len(models), 2.7), title=list(titles) if len(models) > 1 else titles[0])
    grid = features(plane(100), made_of)
    for ax, model in zip(np.atleast_1d(panels), models):
        share = units(model, grid)[-1].softmax(1)[:, 1].reshape(100, 100)
        _map(ax, 2 * share.numpy() - 1, x, y)
        if share.min() < 0.5 < share.max():             # a model that is hardly sure of anything has a border too
            ax.contour(share, levels=[0.5], colors=INK, linewidths=1, origin="upper", extent=(-REACH, REACH, -REACH, REACH))
    return fig


def unit_maps(model, *, layer=0, points=None):
    """A picture of what each unit of one hidden layer answers over the plane, white where it answers 0. Returns the figure."""
    answers = units(model, plane(60))[layer].T.reshape(-1, 60, 60).numpy()
    n = len(answers)
    fig, panels = axes(n, size=(1.25 * n + 0.2, 1.7), title=[f"unit {i}" for i in range(n)])
    for ax, answer in zip(np.atleast_1d(panels), answers):
        _map(ax, answer / max(np.abs(answer).max(), 1e-9), *(points or (None, None)))
    return fig


def _map(ax, values, x, y):
    ax.imshow(ramp(values), extent=(-REACH, REACH, -REACH, REACH), interpolation="bilinear")
    if x is not None:
        for colour, mark, place in ((ORANGE, "s", 0), (BLUE, "o", 1)):
            ax.scatter(*x[y == place].T, s=7, color=colour, marker=mark, edgecolor="white", linewidth=0.3)
    ax.set(xticks=[], yticks=[], xlim=(-REACH, REACH), ylim=(-REACH, REACH))
    ax.grid(False)


def ramp(values):
    """Numbers in -1 … 1 as colours: orange, through white, to blue.  (…) -> (…, 3) uint8."""
    return _table()[np.clip((np.nan_to_num(values) + 1) * 127.5, 0, 255).astype(np.uint8)]      # NaN, of a lost model: white


@cache
def _table():
    ends = [np.array([int(colour[i:i + 2], 16) for i in (1, 3, 5)]) for colour in (ORANGE, BLUE)]
    at = np.linspace(-1, 1, 256)[:, None]
    strength = 0.75 * np.abs(at) ** 0.8                 # never the full colour: the points must stand out
    return (255 + strength * (np.where(at < 0, *ends) - 255)).astype(np.uint8)


@cache
def _grid(made_of):
    return features(plane(60), made_of)


def draw(model, made_of, train, held_out, curves, *, large=(), cursor=None, show_held_out=True, sharp=False, exact=True):
    """The whole board as bytes: inputs and units with their own pictures, weights as lines, the map, the losses.

    train, held_out: points (n, 2) and colours (n,).  curves: rows of (updates, loss on train, loss held out).  large: the
    (column, unit) to show in the map's place.  exact: PNG; else JPEG, which takes a fifth of the time and leaves faint traces:
    for a picture that the next one replaces.  What is below 0 is orange, and for eyes and prints without colour hatched or
    dashed.
    """
    from PIL import Image, ImageDraw, ImageFont

    board = Image.new("RGB", (WIDE, HIGH), "white")
    pen, font = ImageDraw.Draw(board), _font(ImageFont)
    inputs = _grid(tuple(made_of))
    answers = units(model, inputs)
    columns = [inputs, *answers[:-1]]
    places = [_column(i, len(columns), layer.shape[1]) for i, layer in enumerate(columns)]
    for i, layer in enumerate(model.layers):
        weight = layer.weight.detach()
        weight = weight if i < len(answers) - 1 else weight[1:] - weight[:1]            # the answer: for blue, against orange
        goals = places[i + 1] if i < len(answers) - 1 else [(CORNER[0], CORNER[1] + MAP // 2)]
        _lines(pen, np.nan_to_num(weight.numpy(), posinf=0, neginf=0), places[i], goals)
    for layer, column in zip(columns, places):
        tiles = np.nan_to_num(layer.T.reshape(-1, 60, 60)[:, ::2, ::2].numpy(), posinf=0, neginf=0)
        for tile, (x, y) in zip(tiles / np.maximum(np.abs(tiles).max((1, 2), keepdims=True), 1e-9), column):
            board.paste(_painted(tile, TILE, 5), (x, y - TILE // 2))
            pen.rectangle((x, y - TILE // 2, x + TILE, y + TILE // 2), outline=FAINT)
    for name, (x, y) in zip(made_of, places[0]):
        pen.text((x - 4, y), name, fill=INK, font=font, anchor="rm")
    shown = columns[large[0]][:, large[1]] if large else 2 * answers[-1].softmax(1)[:, 1] - 1
    shown = np.nan_to_num(shown.reshape(60, 60).numpy(), posinf=0, neginf=0)
    if large:
        x, y = places[large[0]][large[1]]
        pen.rectangle((x - 2, y - TILE // 2 - 2, x + TILE + 2, y + TILE // 2 + 2), outline=INK, width=3)
        shown = shown / max(np.abs(shown).max(), 1e-9)
    board.paste(_painted(shown, MAP, 9, sharp=sharp, border=True), CORNER)
    for (x, y), held in ((train, False), *([(held_out, True)] if show_held_out else [])):
        for (a, b), colour in zip(_pixels(x).tolist(), y.tolist()):
            shape, paint = (pen.ellipse, BLUE) if colour else (pen.rectangle, ORANGE)
            shape((a - 3, b - 3, a + 3, b + 3), fill="white" if held else paint, outline=paint if held else "white")
    if cursor is not None:
        (a, b), = _pixels(np.array([cursor])).tolist()
        pen.line((a - 9, b, a + 9, b), fill=INK, width=2)
        pen.line((a, b - 9, a, b + 9), fill=INK, width=2)
    _curves(pen, font, curves)
    buffer = io.BytesIO()
    board.save(buffer, **(dict(format="png", compress_level=1) if exact else dict(format="jpeg", quality=90, subsampling=0)))
    return buffer.getvalue()


def _painted(values, side, hatch, *, sharp=False, border=False):
    """Numbers (n, n) as a picture of `side` pixels: what is below 0 hatched, with a line around what is above if asked."""
    from PIL import Image
    values = np.asarray(Image.fromarray(values.astype(np.float32)).resize((side, side), Image.Resampling.BILINEAR))
    picture, across = ramp(np.sign(values) if sharp else values), np.arange(side)
    picture[(values < -0.02) & ((across + across[:, None]) % hatch == 0)] -= 28
    if border:
        above = values > 0
        edge = np.zeros_like(above)
        edge[1:, 1:] = (above[1:, 1:] != above[:-1, 1:]) | (above[1:, 1:] != above[1:, :-1])
        picture[edge] = int(INK[1:3], 16)
    return Image.fromarray(picture)


@cache
def _font(module):
    return module.load_default(12)


def _column(i, columns, n):
    left = 44 + i * (CORNER[0] - 110) // max(1, columns - 1) if columns > 1 else 160
    middle, gap = CORNER[1] + MAP // 2, min(TILE + 10, MAP // n)
    return [(left, round(middle + (k - (n - 1) / 2) * gap)) for k in range(n)]


def _lines(pen, weight, starts, goals):
    most = max(np.abs(weight).max(), 1e-9)
    for j, (x1, y1) in enumerate(goals):
        for i, (x0, y0) in enumerate(starts):
            share = weight[j, i] / most
            width = max(1, round(4 * abs(share)))
            if share > 0.03:
                pen.line((x0 + TILE, y0, x1, y1), fill=BLUE, width=width)
            elif share < -0.03:                         # dashes
                n = max(1, round(np.hypot(x1 - x0 - TILE, y1 - y0) / 20))
                a, b = (x1 - x0 - TILE) / n, (y1 - y0) / n
                for k in range(n):
                    at = x0 + TILE + k * a, y0 + k * b
                    pen.line((*at, at[0] + 0.65 * a, at[1] + 0.65 * b), fill=ORANGE, width=width)


def _pixels(points):
    return np.stack([CORNER[0] + (np.asarray(points)[:, 0] / REACH + 1) * MAP / 2,
                     CORNER[1] + (1 - np.asarray(points)[:, 1] / REACH) * MAP / 2], 1).clip(0, WIDE)


def _curves(pen, font, curves):
    left, top, right, bottom = 44, HIGH - STRIP + 8, WIDE - 150, HIGH - 8
    pen.line((left, top, left, bottom, right, bottom), fill=FAINT)
    pen.text((left - 4, top), "1", fill=INK, font=font, anchor="rt")
    pen.text((left - 4, bottom), "0", fill=INK, font=font, anchor="rb")
    pen.text((left - 4, (top + bottom) // 2), "loss", fill=INK, font=font, anchor="rm")
    if not curves:
        return
    data = np.nan_to_num(np.array(curves[:: max(1, len(curves) // 400)] + curves[-1:]), nan=1)
    across = left + (right - left) * data[:, 0] / max(1, data[-1, 0])
    ends = []
    for k, (name, colour) in enumerate((("train", INK), ("held out", "#009E73")), 1):
        down = bottom - (bottom - top) * data[:, k].clip(0, 1)
        pen.line(np.stack([across, down], 1).ravel().tolist(), fill=colour, width=2)
        ends.append([float(down[-1]), f"{name} {curves[-1][k]:.3f}", colour])
    if abs(ends[0][0] - ends[1][0]) < 14:               # the two names would stand on each other
        middle = min(max((ends[0][0] + ends[1][0]) / 2, top + 7), bottom - 7)
        ends[0][0], ends[1][0] = (middle - 7, middle + 7) if ends[0][0] <= ends[1][0] else (middle + 7, middle - 7)
    for down, text, colour in ends:
        pen.text((right + 6, down), text, fill=colour, font=font, anchor="lm")


# What the reader turns --------------------------------------------------------------------------------------------------


class Board(Picture):
    """A picture that tells where it was clicked and which keys were pressed while it had the focus."""

    _esm = """
    export default { render({ model, el }) {
      const img = document.createElement("img");
      img.tabIndex = 0;
      img.draggable = false;
      img.style.cssText = "max-width:100%;display:block";
      el.append(img);
      let url = null;
      function show() {
        const old = url;
        url = URL.createObjectURL(new Blob([model.get("value")]));
        img.width = model.get("width");
        img.onload = () => { img.dataset.frames = 1 + Number(img.dataset.frames || 0); if (old) URL.revokeObjectURL(old); };
        img.src = url;
      }
      function tell() { img.alt = model.get("alt"); }
      show(); tell();
      model.on("change:value", show);
      model.on("change:alt", tell);
      img.addEventListener("click", event => {
        const box = img.getBoundingClientRect();
        model.send({ click: [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height],
                     other: event.shiftKey });
      });
      img.addEventListener("keydown", event => {
        const keys = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "b", "o", "Backspace"];
        if (!keys.includes(event.key) || event.ctrlKey || event.metaKey || event.altKey) return;
        event.preventDefault();
        event.stopPropagation();                                        // JupyterLab would take them for its own
        model.send({ key: event.key });
      });
      return () => { model.off("change:value", show); model.off("change:alt", tell); if (url) URL.revokeObjectURL(url); };
    } };
    """


class CodeBox(Instead, ipywidgets.VBox):
    """Code to read and to copy. `value` is its text."""

    value = traitlets.Unicode("")

    def __init__(self):
        self.area = ipywidgets.Textarea(rows=15, layout={"width": "840px"}, style={"description_width": "initial"})
        self.area.add_class("minitrain-code")
        css = ipywidgets.HTML("<style>.minitrain-code textarea{font-family:monospace;font-size:12px;white-space:pre}</style>"
                              "<b>The code that runs</b> (select it, copy it into a cell: it gives the same weights)")
        super().__init__([css, self.area])
        traitlets.link((self, "value"), (self.area, "value"))


class Playground(LiveTraining):
    """The playground as a panel. Its traits are its settings: a test sets them, a reader turns the controls.

    >>> play = Playground(kind="blobs", layers=[4])
    >>> [play.step() for _ in range(30)][-1], play.trainer.t
    (True, 30)
    >>> play.code.value.splitlines()[-1]
    'trainer.fit(batches, until=30)'
    """

    kind = traitlets.Enum([*KINDS, OWN], "rings")
    noise = traitlets.Float(0.1)
    held_out = traitlets.Float(0.5)
    batch = traitlets.Int(20)
    made_of = traitlets.List(traitlets.Enum(MADE_OF), ["x", "y"])
    layers = traitlets.List(traitlets.Int())
    activation = traitlets.Enum(list(ACTIVATIONS), "tanh")
    optimizer = traitlets.Enum(list(RATES), "Adam")
    rate = traitlets.Float(RATES["Adam"])
    penalty = traitlets.Enum(list(PENALTIES), "none")
    strength = traitlets.Float(0.001)
    seed = traitlets.Int(0)
    own = traitlets.List()                              # (x, y, colour) each
    cursor = traitlets.Tuple(traitlets.Float(), traitlets.Float(), default_value=(0.0, 0.0))
    colour = traitlets.Enum([0, 1], 1)                  # of the next point
    large = traitlets.Tuple(default_value=())           # (column, unit) of the tile in the map's place; (): the answer
    show_held_out = traitlets.Bool(True)
    sharp = traitlets.Bool(False)

    def __init__(self, until=100_000, **settings):
        self.until, self.curves, self.rates, self.trainer = until, [], [], None
        self.board, self.code = Board(width=WIDE), CodeBox()
        self.board.on_msg(lambda _, message, buffers: self._told(message))
        super().__init__("Playground", self._updates, self._picture, controls=[], frames=24, status=self._says,
                         says="Choose points, layers, activation, optimizer and rate; start, and watch every unit's own picture, "
                              "the boundary and both losses while you turn the controls. The code beside it is what runs.")
        with self.hold_trait_notifications():
            self.layers = list(settings.pop("layers", [4, 2]))
            for name, value in settings.items():
                setattr(self, name, value)
        buttons, line = self.children[1], self.line
        self.image = self.board
        self.children = [self.children[0], buttons, *self._controls(), self.board, line, self.code, self.children[-1]]
        self.observe(lambda _: self.restart(), [name for name in SETTINGS if name not in ("optimizer", "rate")])
        self.observe(self._other_optimizer, "optimizer")
        self.observe(self._other_rate, "rate")
        self.observe(lambda _: self._draw(force=not self.running), ["show_held_out", "sharp", "cursor", "colour", "large"])
        self.observe(lambda _: self._describe(), ["message", "running", "large", "layers", "made_of"])
        self.reset()

    @traitlets.validate("rate", "strength")
    def _two_digits(self, proposal):
        """As the sliders show it, so that the code holds no 0.01995262314968879."""
        return float(f"{proposal.value:.2g}")

    def still(self, updates):
        """Take so many updates and return the board as a matplotlib figure: what a stored notebook can show of it."""
        from PIL import Image
        for i in range(updates):
            self._advance()
            if i % 50 == 0:                             # a point of the curves; a frame for each update would take minutes
                self._draw(force=True)
        self._draw(force=True)
        fig, ax = axes(size=(WIDE / 110, HIGH / 110))
        ax.imshow(Image.open(io.BytesIO(self.board.value)))
        ax.axis("off")
        return fig

    def restart(self):
        """Begin again with the settings as they are; a running training runs on."""
        ran = self.running
        self.reset()
        if ran and not self.finished:
            self.start()

    def reset(self):
        self.curves, self.rates, self.trainer, problem = [], [], None, None
        if self.layers is not None:
            problem = self._build()
        super().reset()
        if problem:
            self._end(problem)

    def _build(self):
        """Make the model from the settings; returns what is missing, or None."""
        if self.kind == OWN and min(sum(c == colour for *_, c in self.own) for colour in (0, 1)) < 2:
            return ("Put at least two points of each colour on the map: click for blue, shift-click for orange. With keys: "
                    "focus the "
                    "map, arrows move the cross, b and o put a point, Backspace takes the last away.")
        if not self.made_of:
            return "The network needs at least one input: tick one."
        if not all(1 <= width <= WIDEST for width in self.layers) or len(self.layers) > LAYERS:
            return f"At most {LAYERS} hidden layers of 1 to {WIDEST} units."
        self.recorder = program({name: getattr(self, name) for name in SETTINGS})
        self.trainer, self.model = self.recorder["trainer"], self.recorder["model"]
        lots = (dict(kind=self.kind, n=400, noise=self.noise, seed=self.seed) if self.kind != OWN else None)
        x, y = points(**lots) if lots else (torch.tensor([p[:2] for p in self.own]), torch.tensor([p[2] for p in self.own]))
        self.shown = sources.split(x, y, held_out=self.held_out, seed=self.seed)        # the same split, as points of the plane

    def _updates(self):
        """One update an item while single steps are taken; as many as fit into 10 ms while it runs."""
        updates = self.trainer.updates(self.recorder["batches"], until=self.until)
        for logs in updates:
            end = time.perf_counter() + 0.01
            while self.running and time.perf_counter() < end and (more := next(updates, None)) is not None:
                logs = more
            yield {"loss": float(logs["loss"])}

    def _other_rate(self, change):
        """A new rate counts from now on, and the code says since when."""
        if self.trainer is None:
            return
        self.trainer.optimizer.groups[0].rate = change.new
        self.rates = [(t, rate) for t, rate in self.rates if t < self.trainer.t] + [(self.trainer.t, change.new)]
        if self.trainer.t == 0:
            self.restart()
        else:
            self._write()

    def _other_optimizer(self, change):
        self.rates = []
        with self.hold_trait_notifications():
            self.set_trait("rate", RATES[change.new])
        self.restart()

    def _write(self):
        lines = [self.recorder.text]
        for t, rate in self.rates:
            if 0 < t < self.trainer.t:
                lines += [f"trainer.fit(batches, until={t})", f"optimizer.groups[0].rate = {rate!r}"]
        self.code.value = "\n".join([*lines, f"trainer.fit(batches, until={self.trainer.t})"])

    def _picture(self):
        if self.trainer is None:
            model, made_of = MLP(2, 2, seed=0), ["x", "y"]
            torch.nn.init.zeros_(model.layers[0].weight)
            x = torch.tensor([p[:2] for p in self.own]).reshape(-1, 2)
            shown, self.code.value = ((x, torch.tensor([p[2] for p in self.own])), (x[:0], x[:0, 0])), ""
        else:
            model, made_of, shown = self.model, [name for name in MADE_OF if name in self.made_of], self.shown
            both = [evaluate(model, losses.cross_entropy, *self.recorder[name])["loss"] for name in ("train", "held_out")]
            if not self.curves or self.curves[-1][0] < self.trainer.t:
                self.curves.append((self.trainer.t, *both))
            self._write()
        return draw(model, made_of, *shown, self.curves, large=self.large if self.trainer else (), sharp=self.sharp,
                    cursor=self.cursor if self.kind == OWN else None, show_held_out=self.show_held_out,
                    exact=not self.running)

    def _says(self, logs, taken):
        if not self.curves:
            return f"Update {self.trainer.t}."
        _, train, held_out = self.curves[-1]
        return f"Update {self.trainer.t}: loss {train:.3f} on the training points, {held_out:.3f} held out."

    def _describe(self):
        """The board's alternative text; while it runs it stands still, or it would be read out without an end."""
        if not self.running:
            shown = dict(map(reversed, self._tiles())).get(self.large, "the answer")
            self.board.alt = (f"Inputs {', '.join(self.made_of)}; hidden layers of {', '.join(map(str, self.layers)) or 'none'} "
                              f"units, each with its own picture; large: {shown}, over the plane. {self.message}")

    def _tiles(self):
        """(name, what `large` is for it) of all that can be shown in the map's place."""
        names = [[name for name in MADE_OF if name in self.made_of],
                 *([f"layer {i}, unit {k}" for k in range(n)] for i, n in enumerate(self.layers, 1))]
        return [("the answer", ()), *((name, (i, k)) for i, column in enumerate(names) for k, name in enumerate(column))]

    def _told(self, message):
        """A click or a key on the board."""
        if "click" in message:
            across, down = message["click"][0] * WIDE - CORNER[0], message["click"][1] * HIGH - CORNER[1]
            if 0 <= across <= MAP and 0 <= down <= MAP:
                self.put(REACH * (2 * across / MAP - 1), REACH * (1 - 2 * down / MAP), 0 if message.get("other") else self.colour)
            elif self.trainer is not None:
                heights = [len(self.made_of), *self.layers]
                for i, n in enumerate(heights):
                    for k, (x, y) in enumerate(_column(i, len(heights), n)):
                        if 0 <= across + CORNER[0] - x <= TILE and abs(down + CORNER[1] - y) <= TILE / 2:
                            self.large = () if self.large == (i, k) else (i, k)
        elif message.get("key") in ("b", "o"):
            self.put(*self.cursor, int(message["key"] == "b"))
        elif message.get("key") == "Backspace":
            self.own = self.own[:-1]
        elif message.get("key", "").startswith("Arrow"):
            x, y = self.cursor
            dx, dy = {"Left": (-1, 0), "Right": (1, 0), "Up": (0, 1), "Down": (0, -1)}[message["key"][5:]]
            self.cursor = (round(min(max(x + 0.2 * dx, -3.2), 3.2), 2), round(min(max(y + 0.2 * dy, -3.2), 3.2), 2))

    def put(self, x, y, colour):
        """Put a point of the reader's own onto the plane (and change to those)."""
        self.own = [*self.own, (round(float(x), 2), round(float(y), 2), int(colour))]
        if self.kind != OWN:
            self.kind = OWN

    def _controls(self):
        """Rows of controls, each linked to its trait."""
        made = {
            "kind": choice("Points", [*KINDS, OWN], self.kind),
            "noise": slider("Noise", self.noise, 0.0, 0.8, 0.05), "held_out": slider("Held out", self.held_out, 0.1, 0.9, 0.1),
            "batch": slider("Batch", self.batch, 1, 100, 1), "seed": slider("Seed", self.seed, 0, 9, 1),
            "activation": choice("Activation", list(ACTIVATIONS), self.activation),
            "optimizer": choice("Optimizer", list(RATES), self.optimizer),
            "rate": slider("Rate", self.rate, 1e-4, 10.0, 0.05, log=True),
            "penalty": choice("Penalty on weights", list(PENALTIES), self.penalty),
            "strength": slider("Its strength", self.strength, 1e-5, 0.1, 0.25, log=True),
            "show_held_out": ipywidgets.Checkbox(self.show_held_out, description="Show held-out points (open)", indent=False),
            "sharp": ipywidgets.Checkbox(self.sharp, description="Only the answer, no shades", indent=False),
            "colour": ipywidgets.Dropdown(options=[("blue", 1), ("orange", 0)], description="A click puts", value=self.colour,
                                          style={"description_width": "initial"}, layout={"width": "max-content"}),
        }
        for name, control in made.items():
            if isinstance(control, ipywidgets.FloatSlider | ipywidgets.IntSlider | ipywidgets.FloatLogSlider):
                control.layout.width = "270px"
                control.continuous_update = name == "rate"          # the others start over: once, where the slider is let go
            traitlets.link((self, name), (control, "value"))
        row = ipywidgets.HBox
        return [row([made["kind"], made["noise"], made["held_out"]]), row(self._made_of_boxes()), row(self._layer_boxes()),
                row([made["activation"], made["optimizer"], made["rate"], made["batch"]]),
                row([made["penalty"], made["strength"], made["seed"]]),
                row([self._large_choice(), made["colour"], made["show_held_out"], made["sharp"]])]

    def _large_choice(self):
        """What the map's place shows; a click on a unit's tile does the same."""
        made = choice("Large", self._tiles(), self.large)
        traitlets.link((self, "large"), (made, "value"))

        def told(_):
            kept, tiles = self.large, self._tiles()
            made.options = tiles                        # chooses the first: the answer
            self.large = kept if kept in dict(map(reversed, tiles)) else ()
        self.observe(told, ["layers", "made_of"])
        return made

    def _made_of_boxes(self):
        boxes = [ipywidgets.Checkbox(name in self.made_of, description=name, indent=False, layout={"width": "max-content"})
                 for name in MADE_OF]

        def ticked(_):
            self.made_of = [box.description for box in boxes if box.value]

        def told(change):
            for box in boxes:
                box.value = box.description in change.new
        for box in boxes:
            box.observe(ticked, "value")
        self.observe(told, "made_of")
        return [ipywidgets.Label("Inputs"), *boxes]

    def _layer_boxes(self):
        wide = {"description_width": "initial"}
        depth = slider("Hidden layers", len(self.layers), 0, LAYERS, 1)
        depth.layout.width, depth.continuous_update = "270px", False
        widths = [ipywidgets.BoundedIntText(4, 1, WIDEST, description=f"units in {i + 1}", style=wide, layout={"width": "8em"})
                  for i in range(LAYERS)]

        def turned(_):
            self.layers = [box.value for box in widths[:depth.value]]

        def told(change):
            for control in (depth, *widths):            # or each would tell `layers` before the next has its number
                control.unobserve_all("value")
            depth.value = len(self.layers)
            for i, box in enumerate(widths):
                box.layout.display = None if i < len(self.layers) else "none"
                box.value = self.layers[i] if i < len(self.layers) else box.value
            for control in (depth, *widths):
                control.observe(turned, "value")
        self.observe(told, "layers")
        told(None)
        return [depth, *widths]
