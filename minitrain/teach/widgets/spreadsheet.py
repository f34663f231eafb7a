"""A model as a spreadsheet: every weight is a cell. Edit one and see every number after it, and the answer, follow.

For small networks: it shows all of the weights, and a table of thousands is no longer something one reads.
"""
import anywidget
import ipywidgets
import torch
import traitlets

from minitrain.teach.figures import png
from minitrain.teach.widgets.base import Instead, Panel, Picture, bars, button, line, say


class Sheet(Instead, anywidget.AnyWidget):
    """The tables. `layers`: one table a layer, a row for each unit: its weights, its bias, its value. `inputs`: the numbers
    that go in.

    An edit arrives as a message {"layer": -1 for the inputs, "row", "column", "text"}.
    """

    _esm = """
    export default { render({ model, el }) {
      let cells = [], shape = "";
      const cell = (where, name) => {
        const input = document.createElement("input");
        input.setAttribute("aria-label", name);
        input.style.cssText = "width:4.6em;font:12px monospace;text-align:right;border:1px solid #ccc;padding:2px";
        input.addEventListener("change", () => model.send({ ...where, text: input.value }));
        input.addEventListener("keydown", event => event.stopPropagation());      // JupyterLab would take keys for its own
        return input;
      };
      function build() {
        el.replaceChildren(); cells = [];
        el.style.cssText = "overflow-x:auto;max-width:100%";
        const tables = [{ title: "inputs", rows: [model.get("inputs")], given: true },
                        ...model.get("layers").map((rows, i, all) => ({ rows, title: i < all.length - 1
                          ? "layer " + (i + 1) + ": sum of weight × input, plus bias; below 0 becomes 0"
                          : "layer " + (i + 1) + ": sum of weight × input, plus bias" }))];
        tables.forEach((part, t) => {
          const table = document.createElement("table"), caption = table.createCaption(), before = tables[t - 1];
          caption.textContent = part.title;
          caption.style.cssText = "text-align:left;font-weight:bold;padding:6px 0 2px";
          const head = table.createTHead().insertRow();
          const names = part.given ? part.rows[0].map((_, i) => model.get("names")[i] ?? "input " + i)
            : ["", ...part.rows[0].slice(0, -2).map((_, i) => t === 1 ? model.get("names")[i] ?? "input " + i : "unit " + i),
               "bias", "value"];
          names.forEach(name => { const th = document.createElement("th"); th.textContent = name; head.append(th); });
          part.rows.forEach((row, r) => {
            const tr = table.insertRow();
            const unit = part.given ? "" : t === tables.length - 1 ? model.get("answers")[r] ?? "unit " + r : "unit " + r;
            if (!part.given) { const th = document.createElement("th"); th.textContent = unit; tr.append(th); }
            row.forEach((_, c) => {
              const td = tr.insertCell();
              const last = !part.given && c === row.length - 1;
              const made = last ? document.createElement("output") : cell({ layer: t - 1, row: r, column: c },
                part.given ? "input " + names[c] : "layer " + t + ", " + unit + ", " + names[c + 1]);
              if (last) made.style.cssText = "font:bold 12px monospace;padding:0 8px;display:block;text-align:right";
              td.append(made); cells.push([made, t, r, c]);
            });
          });
          el.append(table);
        });
      }
      function show() {
        const layers = model.get("layers"), all = [[model.get("inputs")], ...layers];
        const now = JSON.stringify(all.map(part => [part.length, part[0].length]));
        if (now !== shape) { shape = now; build(); }
        for (const [made, t, r, c] of cells) {
          const number = all[t][r][c], text = Number.isFinite(number) ? String(Math.round(number * 1000) / 1000) : "–";
          if (made.tagName === "OUTPUT") made.textContent = text;
          else {
            made.value = text;
            const share = Math.max(-1, Math.min(1, number / 2));                  // the colour says sign and size again
            made.style.background = t === 0 ? "white"
              : share > 0 ? `rgba(0,114,178,${share * 0.5})` : `rgba(213,94,0,${-share * 0.5})`;
          }
        }
      }
      show();
      model.on("change:layers change:inputs", show);
      model.on("msg:custom", show);                                               // puts back what could not be read
      return () => { model.off("change:layers change:inputs", show); model.off("msg:custom", show); };
    } };
    """
    layers = traitlets.List().tag(sync=True)
    inputs = traitlets.List().tag(sync=True)
    names = traitlets.List().tag(sync=True)
    answers = traitlets.List().tag(sync=True)


class Spreadsheet(Panel):
    """A trained `MLP` with relu, opened as tables.  x: the inputs to begin with (n,).  names, answers: of inputs and outputs.

    picture: model -> matplotlib figure, drawn anew after every edit; alt: what it shows.  tell: model -> a sentence to add to
    the message after an edit.  The model itself is edited; "As trained" puts back what it was.

    >>> from minitrain.models.mlp import MLP
    >>> sheet = Spreadsheet(MLP(2, 3, 2, seed=0), [1.0, 0.5], names=["x", "y"], answers=["orange", "blue"])
    >>> before = sheet.shares["blue"]
    >>> sheet.edit(layer=1, row=1, column=3, text="5")                  # the bias of blue
    >>> sheet.shares["blue"] > before, sheet.cells
    (True, 17)
    """

    shares = traitlets.Dict()
    message = traitlets.Unicode("")

    def __init__(self, model, x, *, names=(), answers=(), picture=None, alt="", tell=None):
        self.model, self.picture, self.tell = model, picture, tell
        self.trained = [[p.detach().clone() for p in (layer.weight, layer.bias)] for layer in model.layers]
        self.first, self.x = [float(value) for value in x], [float(value) for value in x]
        wanted = model.layers[0].in_features
        if len(self.x) != wanted:
            raise ValueError(f"The model takes {wanted} inputs; got {len(self.x)}.")
        self.answers = [*answers] or [f"answer {i}" for i in range(model.layers[-1].out_features)]
        self.sheet, self.bars, self.line = Sheet(names=[*names], answers=self.answers), ipywidgets.HTML(), line()
        self.image = Picture(alt=alt, width=300)
        self.sheet.on_msg(lambda _, message, buffers: self.edit(**message))
        super().__init__("The model as a spreadsheet",
                         [self.sheet, ipywidgets.HBox([self.bars, self.image] if picture else [self.bars]),
                          button("As trained", self.restore, tip="Put back every weight and input"), self.line],
                         says=f"All {self.cells} weights as cells of a table. Edit one, or an input, and every number after "
                              f"it, the "
                              "answer and its map follow.")
        self.observe(lambda change: say(self.line, change.new), "message")
        self.message = f"{self.cells} cells are all there is to this model."
        self._compute()

    @property
    def cells(self):
        """How many numbers the model is."""
        return sum(p.numel() for p in self.model.parameters())

    def edit(self, layer, row, column, text):
        """Write `text` into a cell. layer -1: the inputs; the column after the weights: the bias."""
        try:
            value = float(str(text).replace(",", ".").replace("−", "-"))
            if not abs(value) < 1e6:
                raise ValueError
        except ValueError:
            self.message = f"“{text}” is no number between -1,000,000 and 1,000,000; the cell stays as it was."
            self.sheet.send({"show": True})
            return
        if layer < 0:
            self.x = [value if i == column else old for i, old in enumerate(self.x)]
            where = f"The input {self._input(column)}"
        else:
            part = self.model.layers[layer]
            with torch.no_grad():
                cell = part.weight[row, column:column + 1] if column < part.in_features else part.bias[row:row + 1]
                cell.fill_(value)
            unit = self.answers[row] if layer == len(self.model.layers) - 1 else f"unit {row} of layer {layer + 1}"
            source = self._input(column) if layer == 0 else f"unit {column}"
            where = f"The {f'weight of {source}' if column < part.in_features else 'bias'} in {unit}"
        before = dict(self.shares)
        self._compute()
        most = max(self.shares, key=self.shares.get)
        was, now = (f"{100 * shares[most]:.0f} %" for shares in (before, self.shares))
        told = f" {self.tell(self.model)}" if self.tell else ""
        self.message = f"{where} is now {value:g}. {most}: {was} before, {now} now.{told}"

    def _input(self, column):
        return self.sheet.names[column] if column < len(self.sheet.names) else str(column)

    def restore(self):
        """Every weight and input as at the beginning."""
        with torch.no_grad():
            for layer, (weight, bias) in zip(self.model.layers, self.trained):
                layer.weight.copy_(weight)
                layer.bias.copy_(bias)
        self.x = self.first
        self._compute()
        self.message = "As trained."

    def _compute(self):
        x, tables = torch.tensor(self.x), []
        with torch.no_grad():
            for i, layer in enumerate(self.model.layers):
                x = layer(x)
                x = x if i == len(self.model.layers) - 1 else self.model.activation(x)
                tables.append(torch.cat([layer.weight, layer.bias[:, None], x[:, None]], 1).tolist())      # (units, inputs + 2)
        self.sheet.inputs, self.sheet.layers = self.x, tables
        self.shares = dict(zip(self.answers, x.softmax(0).tolist()))
        self.bars.value = bars(self.shares)
        if self.picture is not None:
            self.image.value = png(self.picture(self.model), limit=200_000)
