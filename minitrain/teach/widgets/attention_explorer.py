"""Where the heads of a small transformer look: still pictures, and an explorer of the reader's own sentence.

The model and how a head is switched off are the lesson's own code: the widget is handed a function that looks.
"""
import html
import re

import ipywidgets
import numpy as np
import torch
import traitlets
from matplotlib.patches import Rectangle

from minitrain.sources.batching import generator
from minitrain.teach.figures import COLOURS, FAINT, INK, axes
from minitrain.teach.widgets.base import Panel, bars, line, say, slider

WORD = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]")


def bars_of_weights(weights, names, *, title, mark=None):
    """The weights (N,) of one question as bars from the left, a name at each; `mark`: the one to set in colour. -> figure"""
    fig, ax = axes(title=title, x="weight", size=(5.8, 0.27 * len(names) + 0.9))
    shown = np.arange(len(names))[::-1]
    ax.barh(shown, np.asarray(weights), color=[COLOURS[1] if i == mark else COLOURS[0] for i in range(len(names))])
    ax.set_yticks(shown, names)
    ax.set_xlim(0, 1)
    for i in ([] if mark is None else [mark]):
        ax.get_yticklabels()[i].set(color=COLOURS[1], fontweight="bold")
    return fig


def shades(panels, words, boxes=()):
    """Who looks at whom: a panel for each head, a row for each word that looks, a column for each it looks at. -> figure

    panels: title -> weights (T, T).  words: T of them.  boxes: for each panel, the (row, column) to set a frame around.
    """
    fig, grid = axes(len(panels), title=list(panels), x="looks at", y=["the word", *[""] * (len(panels) - 1)],
                     size=(4.4 * len(panels), 4.6))
    fig.get_layout_engine().set(h_pad=0.1)              # or the titles lose their tips: the panels stay square
    for ax, weights in zip(np.atleast_1d(grid), panels.values()):
        ax.imshow(np.asarray(weights), cmap="Blues", vmin=0, vmax=1)
        ax.set_xticks(range(len(words)), words, rotation=90, fontsize=9)
        ax.set_yticks(range(len(words)), words, fontsize=9)
        ax.grid(False)
    for ax, framed in zip(np.atleast_1d(grid), boxes):
        for row, column in framed:
            ax.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, edgecolor=COLOURS[1], linewidth=1.8))
    return fig


def rungs(table, *, title, half=None):
    """Shares of right answers as a table of shades: rows of models, columns of puzzles, each with its number. -> figure

    table: model -> {puzzle: share}.  half: after how many rows to leave a gap.
    """
    rows, columns = list(table), list(next(iter(table.values())))
    fig, ax = axes(title=title, size=(1.15 * len(columns) + 2.6, 0.38 * len(rows) + 1.1))
    for i, row in enumerate(rows):
        y = i + 0.4 * (half is not None and i >= half)
        for j, column in enumerate(columns):
            share = table[row][column]
            shade = 0.06 + 0.94 * share**2
            ax.barh(y, 0.96, 0.92, left=j - 0.48, color=COLOURS[0], alpha=shade)
            ax.text(j, y, f"{share:.0%}", ha="center", va="center", color="white" if share > 0.9 else INK,
                    fontweight="bold" if share > 0.9 else "normal")
    ax.set(xlim=(-0.5, len(columns) - 0.5), ylim=(len(rows) - 0.1, -0.6))
    ax.set_xticks(range(len(columns)), columns)
    ax.set_yticks([i + 0.4 * (half is not None and i >= half) for i in range(len(rows))], rows)
    ax.xaxis.tick_top()
    ax.tick_params(length=0)
    ax.grid(False)
    ax.spines[:].set_visible(False)
    return fig


class AttentionExplorer(Panel):
    """A sentence, where each head looks from one of its words, and what comes next; heads can be switched off.

    look: (ids, off) -> (weights (layers, heads, T, T), shares (V,) of what comes next), with ids a list of T numbers below
    `vocabulary` and off a list of (layer, head), both from 0.  longest: words the model can read.  seed: of the lots by which
    words get their numbers, which say nothing of them.

    Traits: `text`, `word` (from 1: which of its words looks; 0 is the last one), `off`, `message`.

    >>> def look(ids, off): return np.full((2, 4, len(ids), len(ids)), 1 / len(ids)), np.eye(32)[ids[0]]
    >>> panel = AttentionExplorer(look, vocabulary=32, layers=2, heads=4, text="to be or not to")
    >>> panel.message
    'After “to” it expects “to” (100 %).'
    """

    text = traitlets.Unicode("")
    word = traitlets.Int(0)
    off = traitlets.Tuple()
    message = traitlets.Unicode("")

    def __init__(self, look, *, vocabulary, layers, heads, text, longest=64, seed=0):
        self.look, self.vocabulary, self.longest = look, vocabulary, longest
        self.numbers = torch.randperm(vocabulary, generator=generator("explorer", seed)).tolist()
        self.words, self.ids, self.expected = [], [], {}
        self.line, self.table, self.bars = line(), ipywidgets.HTML(), ipywidgets.HTML()
        box = ipywidgets.Text(description="Your text", continuous_update=False, layout={"width": "620px"},
                              style={"description_width": "initial"})
        self.dial = slider("Word that looks", 1, 1, 2, 1)
        self.switches = {(layer, head): ipywidgets.Checkbox(True, description=f"head {layer + 1}.{head + 1}", indent=False,
                                                            layout={"width": "max-content"})
                         for layer in range(layers) for head in range(heads)}
        rows = [ipywidgets.HBox([self.switches[layer, head] for head in range(heads)]) for layer in range(layers)]
        super().__init__("Attention explorer", [box, self.dial, *rows, self.table, self.line, self.bars],
                         says="Write a text of your own that repeats itself, see where each head looks from any of its words, "
                              "switch heads off, and watch what the model expects next.")
        traitlets.link((self, "text"), (box, "value"))
        self.observe(lambda change: say(self.line, change.new), "message")
        self.dial.observe(lambda change: setattr(self, "word", change.new), "value")
        for key, switch in self.switches.items():
            switch.observe(lambda change, key=key: self._switch(key, change.new), "value")
        self.observe(lambda _: self._read(), "text")
        self.observe(lambda _: self._show(), ["word", "off"])
        self.text = text

    def _switch(self, key, on):
        self.off = tuple(sorted({*self.off} - {key} if on else {*self.off, key}))

    def _read(self):
        """A new text: its words, and the slider as long as it is. One that the model can not read leaves the old one."""
        words = WORD.findall(self.text.lower())
        kinds = list(dict.fromkeys(words))
        if not words or len(words) > self.longest or len(kinds) > self.vocabulary:
            self.message = (f"Write 1 to {self.longest} words, at most {self.vocabulary} different ones; these are {len(words)}, "
                            f"{len(kinds)} of them different.")
            return
        self.words, self.ids = words, [self.numbers[kinds.index(word)] for word in words]
        self.dial.max = len(words)
        self.dial.value = self.word = len(words)
        self._show()

    def _show(self):
        for key, switch in self.switches.items():
            switch.value = key not in self.off
        if not self.words:
            return
        self.dial.value = place = min(self.word or len(self.words), len(self.words))
        weights, shares = self.look(self.ids, list(self.off))
        self.table.value = self._table(np.asarray(weights)[:, :, place - 1], place - 1)
        self.expected = self._expected(shares)
        self.bars.value = bars(dict(sorted(self.expected.items(), key=lambda pair: -pair[1])[:4]), mark=_likeliest(self.expected))
        with_all = f"; with all heads on, {_said(self._expected(self.look(self.ids, [])[1]))}" if self.off else ""
        self.message = f"After “{self.words[-1]}” it expects {_said(self.expected)}{with_all}."

    def _expected(self, shares):
        """A share for each word of the text, and one for all others together."""
        found = {word: float(shares[number]) for word, number in zip(self.words, self.ids)}
        return found | {"(another word)": max(0.0, 1 - sum(found.values()))}

    def _table(self, weights, place):
        """weights (layers, heads, T) as a table: a row for each head, a column for each word."""
        weight = {place: "bold"}
        words = [f'<th scope="col" style="padding:2px 4px;font-weight:{weight.get(i, "normal")}">{html.escape(word)}</th>'
                 for i, word in enumerate(self.words)]
        rows = [f"<tr><td></td>{''.join(words)}</tr>"]
        for layer, head in self.switches:
            cells = "".join(_cell(share, (layer, head) in self.off) for share in weights[layer, head])
            name = f'<th scope="row" style="padding:2px 8px;white-space:nowrap">head {layer + 1}.{head + 1}</th>'
            rows.append(f"<tr>{name}{cells}</tr>")
        caption = f"Where each head looks from “{html.escape(self.words[place])}”, word {place + 1}; weights in per cent"
        return ('<div style="overflow-x:auto"><table style="border-collapse:collapse;font-size:13px">'
                f'<caption style="text-align:left">{caption}</caption>{"".join(rows)}</table></div>')


def _cell(share, off):
    colour = FAINT if off else "white" if share > 0.55 else INK
    text = "off" if off else f"{100 * share:.0f}" if share >= 0.05 else "·"
    return (f'<td style="padding:2px 4px;text-align:center;background:rgba(0,114,178,{0 if off else share:.2f});color:{colour}">'
            f"{text}</td>")


def _likeliest(shares):
    return max(shares, key=shares.get)


def _said(shares):
    return f"“{_likeliest(shares)}” ({100 * shares[_likeliest(shares)]:.0f} %)"
