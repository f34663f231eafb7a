"""What every widget of the course shares: text in its place where nothing can move, labels, a body of rows.

A widget is a class; its state is in traits, so that a test can set them without a browser. It refuses to know any lesson.
"""
import html
from math import log10

import anywidget
import ipywidgets
import traitlets

from minitrain.teach.figures import png
from minitrain.teach.progress import static


class Instead:
    """Goes first among the bases of a widget: under MINITRAIN_STATIC=1 the notebook shows the text of `instead()`."""

    def instead(self):
        return "[Interactive: run this cell in JupyterLab.]"

    def _repr_mimebundle_(self, **kwargs):
        return {"text/plain": self.instead()} if static() else super()._repr_mimebundle_(**kwargs)


class Keys(anywidget.AnyWidget):
    """An invisible child that makes the widgets around it usable by keyboard and by screen readers in JupyterLab.

    There the notebook's own shortcuts come first: in a drop-down list the arrow keys would leave for the next cell and a
    "b" would insert one. And the handles of sliders have no name: each gets that of the label beside it.
    """

    _esm = """
    export default { render({ el }) {
      el.style.display = "none";
      let watch = null, timer = null;
      function begin() {
        if (!el.isConnected) { timer = setTimeout(begin, 50); return; }
        const host = el.closest(".jp-OutputArea-output") ?? el.parentElement.parentElement;
        function mend() {           // on each element itself: a shortcut for ":focus" is looked up before its parents are
          for (const control of host.querySelectorAll("select, input, textarea, button, canvas, [role=slider]"))
            control.setAttribute("data-lm-suppress-shortcuts", "true");
          for (const handle of host.querySelectorAll(".widget-slider [role=slider]:not([aria-label])"))
            handle.setAttribute("aria-label", handle.closest(".widget-slider").querySelector("label")?.textContent || "slider");
        }
        mend();
        watch = new MutationObserver(mend);
        watch.observe(host, { childList: true, subtree: true });
      }
      begin();
      return () => { clearTimeout(timer); watch?.disconnect(); };
    } };
    """


class Panel(Instead, ipywidgets.VBox):
    """A titled column of widgets. `says`: what stands in its place in a stored notebook: what one would do and see.

    >>> panel = Panel("Free throw", [button("Throw")], says="Aim and throw; count your throws.")
    >>> panel.instead()
    '[Interactive: Free throw. Aim and throw; count your throws. Run this cell in JupyterLab to use it.]'
    """

    def __init__(self, title, children=(), *, says):
        if not says.strip():
            raise ValueError("A Panel needs says=…: the text that stands in its place in a stored notebook.")
        self.title, self.says = title, " ".join(says.split())
        super().__init__([ipywidgets.HTML(f"<h4 style='margin:4px 0'>{html.escape(title)}</h4>"), *children, Keys()])
        self.add_class("minitrain-panel")

    def instead(self):
        return f"[Interactive: {self.title}. {self.says} Run this cell in JupyterLab to use it.]"


class Picture(Instead, anywidget.AnyWidget):
    """A picture that changes in place: `show(fig)`, or set `value` to PNG bytes. `alt` says in words what it shows.

    (`ipywidgets.Image` has no alternative text, and breaks in the browser where its `tooltip` is set.)
    """

    _esm = """
    export default { render({ model, el }) {
      const img = document.createElement("img");
      img.style.cssText = "max-width:100%;display:block";
      el.append(img);
      let url = null;
      function show() {
        const value = model.get("value"), old = url;
        img.alt = model.get("alt");
        img.width = model.get("width");
        img.hidden = !value || value.byteLength === 0;
        if (img.hidden) return;
        url = URL.createObjectURL(new Blob([value], { type: "image/png" }));
        img.onload = () => old && URL.revokeObjectURL(old);
        img.src = url;
      }
      show();
      model.on("change:value change:alt change:width", show);
      return () => { model.off("change:value change:alt change:width", show); if (url) URL.revokeObjectURL(url); };
    } };
    """
    value = traitlets.CBytes().tag(sync=True)
    alt = traitlets.Unicode("").tag(sync=True)
    width = traitlets.Int(560).tag(sync=True)                           # CSS pixels

    def instead(self):
        return f"[Interactive picture: {self.alt}]"

    def show(self, fig):
        """Draw a matplotlib figure (made by `figures.axes` or another of `figures`, without pyplot)."""
        self.value = png(fig, limit=200_000)


def button(label, action=None, *, tip=""):
    """A button that calls `action()`; Tab reaches it, Space and Enter press it."""
    made = ipywidgets.Button(description=label, tooltip=tip or label, layout={"width": "max-content"})
    if action is not None:
        made.on_click(lambda _: action())
    return made


def slider(label, value, low, high, step, *, log=False, form=None):
    """A slider with its label and number: Tab reaches it, arrow keys move it.

    log: `low` and `high` are values as ever, and `step` is in powers of ten.  form: of the number, as in `format`.
    """
    whole = all(isinstance(n, int) for n in (value, low, high, step))
    kind = ipywidgets.FloatLogSlider if log else ipywidgets.IntSlider if whole else ipywidgets.FloatSlider
    low, high = (log10(low), log10(high)) if log else (low, high)
    form = form or ("d" if kind is ipywidgets.IntSlider else ".3g")
    return kind(value=value, min=low, max=high, step=step, readout_format=form, description=label,
                style={"description_width": "initial"}, layout={"width": "360px"})


def choice(label, options, value=None):
    """A drop-down list with its label; keyboards choose in it as in any form."""
    options = list(options)
    return ipywidgets.Dropdown(description=label, options=options, value=options[0] if value is None else value,
                               style={"description_width": "initial"}, layout={"width": "max-content"})


def line(text="", *, role="status"):
    """One line of text that screen readers announce when it changes; write it with `say(line, text)`."""
    made = ipywidgets.HTML()
    made.role = role
    say(made, text)
    return made


def say(made, text):
    """Put plain text into a line: whatever came from data or a reader is escaped."""
    made.value = f'<div role="{made.role}" aria-live="polite" style="line-height:1.4">{html.escape(text)}</div>'


def bars(shares, *, mark=None):
    """Probabilities as HTML bars with their numbers, for an `ipywidgets.HTML`. shares: name -> 0..1. mark: a name to set in bold.

    >>> "circle" in bars({"circle": 0.9, "square": 0.1}) and "90 %" in bars({"circle": 0.9, "square": 0.1})
    True
    """
    rows = []
    for name, share in shares.items():
        name, percent, weight = html.escape(str(name)), 100 * float(share), "bold" if name == mark else "normal"
        bar = f'<span style="display:block;height:14px;width:{percent:.1f}%;background:#0072B2"></span>'
        rows.append(f'<div style="display:flex;align-items:center;gap:8px;font-weight:{weight}">'
                    f'<span style="width:7em;text-align:right">{name}</span>'
                    f'<span aria-hidden="true" style="flex:0 0 200px;background:#e8e8e8">{bar}</span>'
                    f'<span>{percent:.0f} %</span></div>')
    return f'<div role="status" aria-live="polite">{"".join(rows)}</div>'
