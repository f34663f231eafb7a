"""Step through a small graph: values go forward along its edges, then gradients come back, an edge at a time.

What it shows is computed by `minitrain.tensor`; `graph` draws the same as a still picture. Numbers only, no arrays: a graph
that one can read has a dozen of them.
"""
import ipywidgets
import traitlets
from matplotlib.patches import FancyArrowPatch

from minitrain.teach.figures import COLOURS, FAINT, INK, axes
from minitrain.teach.widgets.base import Panel, Picture, button, choice, line, say, slider
from minitrain.tensor import Tensor

VALUE, GRADIENT, WIDTH = COLOURS[0], COLOURS[1], 8.4           # inches
SIGNS = {"add": "+", "subtract": "−", "multiply": "×", "divide": "÷", "power": "squared"}


def walk(pace=12.0):
    """One walk to school of lesson 03: the square of guess minus minutes."""
    t = {"pace": Tensor(pace), "km": Tensor(2.0), "shoes": Tensor(1.0), "minutes": Tensor(30.0)}
    t["product"] = t["pace"] * t["km"]
    t["guess"] = t["product"] + t["shoes"]
    t["miss"] = t["guess"] - t["minutes"]
    t["loss"] = t["miss"] ** 2
    return t


def twice(w=3.0):
    """A weight that is used twice."""
    t = {"w": Tensor(w), "x": Tensor(2.0)}
    t["first"] = t["w"] * t["x"]
    t["second"] = t["first"] * t["w"]
    return t


def unit(w=0.5):
    """One unit with a bend, and its squared miss."""
    t = {"w": Tensor(w), "x": Tensor(2.0), "b": Tensor(-0.5), "wanted": Tensor(1.0)}
    t["w·x"] = t["w"] * t["x"]
    t["sum"] = t["w·x"] + t["b"]
    t["answer"] = t["sum"].tanh()
    t["miss"] = t["answer"] - t["wanted"]
    t["loss"] = t["miss"] ** 2
    return t


EXAMPLES = {"one walk": (walk, 12.0), "a weight used twice": (twice, 3.0), "one unit": (unit, 0.5)}      # and the first number


class Steps:
    """All steps through a graph. tensors: name -> Tensor of one number, the loss last; its backward is run here.

    `steps`: ("value", tensor), then ("start", loss), then ("edge", tensor, input, gradient that went back along it).

    >>> steps = Steps(walk())
    >>> [steps.said(k) for k in (1, 5, 6)]      # doctest: +NORMALIZE_WHITESPACE
    ['Forward: pace × km = 12 × 2 = 24, which is product.',
     'Backward begins: one more loss is one more loss, so its gradient is 1.',
     'Back from loss (1) to miss: one more miss is -10 more loss, so miss gets 1 × -10 = -10.']
    """

    def __init__(self, tensors):
        self.tensors, self.names = tensors, {tensor: name for name, tensor in tensors.items()}
        loss = list(tensors.values())[-1]
        made = [tensor for tensor in loss.graph() if tensor.op]
        self.forward = len(made)
        self.steps = [("value", tensor) for tensor in made] + [("start", loss)]
        had, self.notes = {loss: 1.0}, []
        for tensor, x, g in loss.backward_steps():
            self.steps.append(("edge", tensor, x, float(g)))
            self.notes.append((had[tensor], had.get(x)))
            had[x] = had.get(x, 0.0) + float(g)

    def __len__(self):
        return len(self.steps)

    def said(self, k):
        """Step number k, from 1, in words; what stands before the first for k = 0."""
        if k == 0:
            return "The numbers that go in are there. Step forward."
        kind, tensor, *rest = self.steps[k - 1]
        name = self.names[tensor]
        if kind == "start":
            return f"Backward begins: one more {name} is one more {name}, so its gradient is 1."
        if kind == "value":
            names, values = [self.names[x] for x in tensor.inputs], [_short(x.data) for x in tensor.inputs]
            formulas = f"{_formula(tensor.op, names)} = {_formula(tensor.op, values)}"
            return f"Forward: {formulas} = {_short(tensor.data)}, which is {name}."
        x, g = rest
        had, before = self.notes[k - self.forward - 2]
        to, share = self.names[x], f"{_short(g / had)} more" if had else "so much more"
        words = f"Back from {name} ({_short(had)}) to {to}: one more {to} is {share} {name}, so {to} gets "
        words += f"{_short(had)} × {_short(g / had)} = {_short(g)}" if had else _short(g)
        return words + ("." if before is None else f", and had {_short(before)}: together {_short(before + g)}.")

    def at(self, k):
        """After k steps: the tensors whose value is known, the gradient of each that has one, and by edge what went back."""
        known = {tensor for tensor in self.names if not tensor.op} | {step[1] for step in self.steps[:k] if step[0] == "value"}
        grads, edges = {}, {}
        for kind, tensor, *rest in self.steps[:k]:
            if kind == "start":
                grads[tensor] = 1.0
            elif kind == "edge":
                x, g = rest
                grads[x] = grads.get(x, 0.0) + g
                edges.setdefault((tensor, x), []).append(g)
        return known, grads, edges


def _short(number):
    return f"{float(number) + 0.0:.{4 if abs(number) >= 1 else 3}g}"    # + 0.0: no "-0"


def _formula(op, parts):
    if op == "power":
        return f"({parts[0]})²" if parts[0].startswith("-") else f"{parts[0]}²"
    return f" {SIGNS[op]} ".join(parts) if op in SIGNS and len(parts) > 1 else f"{op}({', '.join(parts)})"


def places(tensors):
    """Where each tensor of a graph stands: {tensor: (column, row)}. What was given stands beside what uses it first."""
    loss = list(tensors.values())[-1]
    order, column, rows = loss.graph(), {}, {}
    for tensor in order:
        column[tensor] = 1 + max((column[x] for x in tensor.inputs), default=-1)
    for tensor in order:
        if not tensor.op:
            column[tensor] = min(column[user] for user in order if tensor in user.inputs) - 1
    given, row = [tensor for tensor in tensors.values() if not tensor.op], 0
    for tensor in given:
        rows[tensor], row = row, row - 1
    for tensor in order:
        if tensor.op:
            rows[tensor] = sum(rows[x] for x in set(tensor.inputs)) / len(set(tensor.inputs))
    return {tensor: (column[tensor], rows[tensor]) for tensor in order}


def graph(tensors, *, k=None, title=None):
    """Draw a graph after k of its steps (all by default): along each edge the value, and under it the gradient.

    tensors: name -> Tensor of one number, the loss last, not yet backpropagated; or its `Steps`. Returns the figure.

    >>> fig = graph(walk(), title="One walk")
    >>> [text.get_text() for text in fig.axes[0].texts][:3]
    ['pace', 'km', 'shoes']
    """
    steps = tensors if isinstance(tensors, Steps) else Steps(tensors)
    current = steps.steps[k - 1] if k else ("", None)                   # lit: none in a still picture
    at, (known, grads, edges) = places(steps.tensors), steps.at(len(steps) if k is None else k)
    columns, low = max(x for x, _ in at.values()), min(y for _, y in at.values())
    fig, ax = axes(title=title, size=(WIDTH, 1.2 - 1.05 * low))
    ax.set(xlim=(-0.42, columns + 0.95), ylim=(low - 0.6, 0.55))
    ax.axis("off")
    for tensor in at:
        lit = current[1] is tensor or current[0] == "edge" and current[2] is tensor
        shape = {"boxstyle": "round,pad=0.35", "facecolor": "#eef4fa" if tensor.op else "#ffffff",
                 "edgecolor": INK if lit else FAINT, "linewidth": 2.5 if lit else 1}
        sign = f"\n{SIGNS.get(tensor.op, tensor.op)}" if tensor.op else ""
        ax.text(*at[tensor], steps.names[tensor] + sign, ha="center", va="center", bbox=shape, color=INK, zorder=3)
    for tensor in at:
        for x in dict.fromkeys(tensor.inputs):
            gradient = " and ".join(map(_short, edges.get((tensor, x), [])))
            now = current[0] == "edge" and current[1] is tensor and current[2] is x
            _edge(ax, at[x], at[tensor], _short(x.data) if x in known else "", gradient, now)
        if tensor in grads and sum(user.inputs.count(tensor) for user in at) > 1:
            ax.text(at[tensor][0], at[tensor][1] - 0.34, f"together {_short(grads[tensor])}", ha="center", va="top",
                    color=GRADIENT, fontweight="bold", fontsize=10)
    loss = next(reversed(at))
    end = (at[loss][0] + 0.95, at[loss][1])
    _edge(ax, at[loss], end, _short(loss.data) if loss in known else "", _short(grads[loss]) if loss in grads else "",
          current[0] == "start", open_end=True)
    ax.text(0, 0.01, "value, forward →", color=VALUE, fontsize=10, transform=ax.transAxes)
    ax.text(0.19, 0.01, "← gradient, backward", color=GRADIENT, fontsize=10, transform=ax.transAxes)
    return fig


def _edge(ax, start, end, value, gradient, now, open_end=False):
    (x, y), columns = start, end[0] - start[0]
    bend = 0.15 if columns > 1.5 else 0                 # an edge over a column makes an arc over what stands there
    rise = bend / 2 * columns * 72 * WIDTH / (ax.get_xlim()[1] - ax.get_xlim()[0])      # points
    ax.add_patch(FancyArrowPatch(start, end, arrowstyle="<|-" if now else "-|>", mutation_scale=14, shrinkA=27,
                                 shrinkB=0 if open_end else 29, connectionstyle=f"arc3,rad={-bend}",
                                 color=GRADIENT if now else INK if value else "#cccccc", linewidth=2.5 if now else 1.2))
    at, size = 0.55 if open_end else 0.46, 11 if ax.get_xlim()[1] < 6.5 else 10
    middle = (x + at * columns, y + at * (end[1] - y))
    for text, colour, side in ((value, VALUE, 1), (gradient, GRADIENT, -1)):
        if text:
            ax.annotate(text, middle, xytext=(0, 3 * side + rise), textcoords="offset points", ha="center", color=colour,
                        va="bottom" if side > 0 else "top", fontweight="bold", fontsize=size, zorder=4,
                        bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5, "alpha": 0.8})


class GraphSteps(Panel):
    """The walk through a graph as a panel.  example: one of EXAMPLES.

    Traits: `example`, `number` (the first that goes in), `k` (steps done), `message`. A test sets them, or calls `step(1)`,
    `step(-1)`.

    >>> panel = GraphSteps("one walk")
    >>> panel.to_the_loss(); panel.k, panel.message
    (4, 'Step 4 of 12. Forward: miss² = (-5)² = 25, which is loss.')
    """

    example = traitlets.Enum(list(EXAMPLES), "one walk")
    number = traitlets.Float(12.0)
    k = traitlets.Int(0)
    message = traitlets.Unicode("")

    def __init__(self, example="one walk"):
        self.choice = choice("Graph", EXAMPLES, example)
        self.sliders = {name: slider(next(iter(make(number))), number, -20.0, 20.0, 0.25, form=".2f")   # called by what it turns
                        for name, (make, number) in EXAMPLES.items()}
        self.top = ipywidgets.HBox()
        self.image, self.line = Picture(alt="The graph", width=780), line()
        self.forward_button = button("Step", lambda: self.step(1), tip="One step on: a value forward, or a gradient back")
        self.back_button = button("Step back", lambda: self.step(-1), tip="Take the last step back")
        super().__init__("Step through a graph",
                         [self.top,
                          ipywidgets.HBox([self.forward_button, self.back_button, button("To the loss", self.to_the_loss),
                                           button("To the end", self.to_the_end), button("Start over", self.start_over)]),
                          self.line, self.image],
                         says="One step computes one value, until the loss is there; then each step carries one gradient back "
                              "along one edge. Turn the first number, and see what follows.")
        self.example = example
        self.observe(lambda change: say(self.line, change.new), "message")
        self.observe(lambda _: self._begin(), "example")
        self.observe(lambda _: self._draw(), "k")
        self.observe(lambda _: self._compute(), "number")
        for each in self.sliders.values():
            traitlets.link((self, "number"), (each, "value"))
        traitlets.link((self, "example"), (self.choice, "value"))
        self._begin()

    def step(self, way):
        """One step on (1) or back (-1); at the ends it stays."""
        self.k = min(max(self.k + way, 0), len(self.steps))

    def to_the_loss(self):
        """All of the forward pass, and nothing of the backward."""
        self.k = self.steps.forward

    def to_the_end(self):
        """All steps."""
        self.k = len(self.steps)

    def start_over(self):
        """No step."""
        self.k = 0

    def _begin(self):
        self.top.children = self.choice, self.sliders[self.example]
        self.k = 0                                      # first: the new graph may have fewer steps
        self.number = EXAMPLES[self.example][1]
        self._compute()                                 # even where the number is the same

    def _compute(self):
        self.steps = Steps(EXAMPLES[self.example][0](self.number))
        self._draw()

    def _draw(self):
        done = " That was all." if self.k == len(self.steps) else ""
        words = f"Step {self.k} of {len(self.steps)}. {self.steps.said(self.k)}{done}"
        self.back_button.disabled, self.forward_button.disabled = self.k == 0, self.k == len(self.steps)
        way = "Values go forward" if self.k <= self.steps.forward else "Gradients come back"
        self.image.alt = f"The graph of {self.example}, after {self.k} of {len(self.steps)} steps. {words}"
        self.image.show(graph(self.steps, k=self.k, title=way))
        self.message = words                            # last: a sentence is not to run ahead of its picture
