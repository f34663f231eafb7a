"""The next word: guess it against models that count, against one that learns, and against the village itself; and draw it.

A model is handed in as a function from the pieces so far to {piece: probability}. Nothing here trains.
"""
import html
from math import log2

import ipywidgets
import numpy as np
import torch
import traitlets

from minitrain.generate import filter_logits
from minitrain.teach.figures import COLOURS, FAINT, INK, axes
from minitrain.teach.widgets.base import Panel, button, line, say, slider

END = "<end>"


def readable(piece):
    """A piece as one word on a page: "⏎" for a new line, "(end)" for the end of the document.

    >>> readable(" goat"), readable(chr(10)), readable(END)
    ('goat', '⏎', '(end)')
    """
    return {"\n": "⏎", END: "(end)"}.get(piece, piece.strip() or "(space)")


def bits_by_word(pieces, costs):
    """What each word of a text costs: a row of bars for each model.  costs: name -> bits, one a piece.  Returns the figure."""
    names = [readable(piece) for piece in pieces]
    fig, grid = axes(1, len(costs), size=(min(max(6.0, 0.4 * len(names)), 9.0), 1.15 * len(costs) + 1.1))
    most = max(max(bits) for bits in costs.values())
    for i, (ax, (name, bits)) in enumerate(zip(np.atleast_1d(grid), costs.items())):
        ax.bar(range(len(names)), bits, color=COLOURS[i], width=0.75)
        ax.set_title(f"{name}: {sum(bits):.0f} bits in all", fontsize=11)
        ax.set(ylabel="bits", ylim=(0, 1.05 * most), xlim=(-0.6, len(names) - 0.4))
        ax.set_xticks(range(len(names)), names if i == len(costs) - 1 else [], rotation=55, ha="right", fontsize=10)
        ax.grid(axis="x", visible=False)
    return fig


def spreads(panels, *, most=10, kept=None, same=False):
    """The likeliest next words, a panel of bars each.  panels: title -> {piece: probability}.  kept: title -> set of pieces that
    stay in colour; the others are grey.  same: the first panel's words in all of them, to compare.  Returns the figure."""
    fig, grid = axes(len(panels), title=list(panels), x="probability", size=(3.1 * len(panels), 0.28 * most + 1.0))
    high = max(max(shares.values()) for shares in panels.values())
    first, *_ = grid = np.atleast_1d(grid)
    for ax, (title, shares) in zip(grid, panels.items()):
        if ax is first or not same:
            words = sorted(shares, key=lambda piece: -shares[piece])[:most]
        top = [(piece, shares.get(piece, 0.0)) for piece in words]
        colours = [COLOURS[0] if kept is None or piece in kept[title] else FAINT for piece, _ in top]
        ax.barh(range(len(top)), [share for _, share in top], color=colours, height=0.7)
        ax.set(yticks=range(len(top)), yticklabels=[readable(piece) for piece, _ in top], ylim=(most - 0.4, -0.6),
               xlim=(0, 1.05 * high))
        ax.locator_params(axis="x", nbins=4)
        ax.grid(axis="y", visible=False)
    return fig


class GuessNext(Panel):
    """The reader guesses the next word, says how sure they are, and pays in bits, as the models do at the same places.

    documents: with `pieces`.  truth: pieces so far -> {piece: probability}.  models: name -> the same, by a model.
    often: {piece: share of all text}; what the reader does not stake on a word is spread by it over the others. Places where the
    truth allows one word only are filled in.

    Traits: `text` (so far), `message`, `turns`; `bits`: name -> list of what each turn cost, "you" among them.

    >>> from types import SimpleNamespace
    >>> pages = [SimpleNamespace(pieces=["The", " goat", " sang"])]
    >>> truth = lambda so_far: [{"The": 1.0}, {" goat": 0.5, " choir": 0.5}, {" sang": 1.0}, {END: 1.0}][len(so_far)]
    >>> game = GuessNext(pages, truth, {"truth": truth}, {"The": 0.2, " goat": 0.2, " choir": 0.2, " sang": 0.4})
    >>> game.guess("goat", 75)
    >>> game.bits["you"], game.bits["truth"]                           # doctest: +ELLIPSIS
    ([0.415...], [1.0])
    """

    text = traitlets.Unicode("")
    message = traitlets.Unicode("")
    turns = traitlets.Int(0)

    def __init__(self, documents, truth, models, often):
        self.documents, self.truth, self.models, self.often = list(documents), truth, dict(models), dict(often)
        self.bits = {"you": [], **{name: [] for name in self.models}}
        self.page, self.place = 0, 0
        self.word = ipywidgets.Text(description="Next word", continuous_update=True, style={"description_width": "initial"},
                                    layout={"width": "240px"})
        self.sure = slider("How sure, in %", 50, 1, 99, 1)
        self.guess_button = button("Guess", lambda: self.guess(self.word.value, self.sure.value), tip="Stake it, see the word")
        self.other_button = button("Another text", self.another, tip="Leave this text and begin the next")
        self.shown, self.table, self.line = ipywidgets.HTML(), ipywidgets.HTML(), line()
        super().__init__("Guess the next word", [self.shown, ipywidgets.HBox([self.word, self.sure]),
                                                 ipywidgets.HBox([self.guess_button, self.other_button]), self.line, self.table],
                         says="Type the word that comes next and how sure you are; the right word and what it cost you in bits "
                              "follow, beside what it cost the models. Lower is better.")
        self.observe(lambda change: say(self.line, change.new), "message")
        self.observe(self._show, "text")
        self.message = "The text goes on where the line ends. Type one word (or a sign), say how sure you are, and press Guess."
        self._onward()

    def guess(self, word, sure):
        """Stake `sure` per cent on a word; the right one is shown, and the text goes on to the next open place."""
        so_far, right = self._now()
        typed = word.strip()
        known = [piece for piece in self.often if piece.strip().lower() == typed.lower()] if typed else []
        if not known:
            self.message = (f"The village has no word {typed!r}; nothing was counted. Try another." if typed else
                            "Type a word first; a full stop or a comma counts as one.")
            return
        p, same = sure / 100, {piece.strip().lower() for piece in known}
        spread = sum(share for piece, share in self.often.items() if piece.strip().lower() not in same)
        hit = right.strip().lower() in same
        chance = p if hit else (1 - p) * self.often.get(right, 1e-6) / max(spread, 1e-9)
        self.bits["you"].append(-log2(chance))
        for name, model in self.models.items():
            self.bits[name].append(-log2(max(model(so_far).get(right, 0.0), 1e-12)))
        self.turns += 1
        self.message = (f"{'Right' if hit else 'It was'}: {readable(right)}. That cost you {self.bits['you'][-1]:.1f} bits; on "
                        f"average so far {np.mean(self.bits['you']):.1f}.")
        self.table.value = self._tabled()
        self.place += 1
        self.word.value = ""
        self._onward()

    def another(self):
        """The next document, from its beginning."""
        self.page, self.place = (self.page + 1) % len(self.documents), 0
        self._onward()

    def _now(self):
        pieces = [*self.documents[self.page].pieces, END]
        return pieces[:self.place], pieces[self.place]

    def _onward(self):
        """Fill in what can be nothing else."""
        while True:
            so_far, right = self._now()
            if len(self.truth(so_far)) > 1:
                break
            if right == END:
                self.page, self.place = (self.page + 1) % len(self.documents), 0
            else:
                self.place += 1
        self.text = "".join(so_far)
        self._show()

    def _show(self, _=None):
        text = html.escape(self.text).replace("\n", "<br>") or "<i>(the beginning of a text)</i>"
        self.shown.value = f"<div style='max-width:620px;line-height:1.5;padding:6px 0'>{text} <b>▁▁▁</b></div>"

    def _tabled(self):
        right = "style='text-align:right;padding-left:1em'"
        rows = "".join(f"<tr><th scope='row' style='text-align:left;font-weight:normal'>{html.escape(name)}</th>"
                       f"<td {right}>{bits[-1]:.1f}</td><td {right}>{np.mean(bits):.2f}</td></tr>"
                       for name, bits in self.bits.items())
        return (f"<table style='line-height:1.4'><caption style='text-align:left'>Bits: lower is better.</caption><tr><th></th>"
                f"<th scope='col' {right}>this word</th><th scope='col' {right}>mean of {self.turns}</th></tr>{rows}</table>")


class Sampler(Panel):
    """Draw a text word by word, and see what temperature, top-k and top-p do to the bars first.

    model: ids (1, T) -> logits (1, T, V).  tokenizer: has `encode`, `vocabulary`, `end`.  check: pieces -> how many of them stand
    before the first that the village could never write, or None.

    Traits: `temperature`, `top_k` (0: all), `top_p`, `text`, `message`.
    """

    temperature = traitlets.Float(1.0)
    top_k = traitlets.Int(0)
    top_p = traitlets.Float(1.0)
    text = traitlets.Unicode("")
    message = traitlets.Unicode("")

    def __init__(self, model, tokenizer, *, seed=0, check=None, longest=80):
        self.model, self.tokenizer, self.check, self.longest = model, tokenizer, check, longest
        self.lots, self.drawn = torch.Generator().manual_seed(seed), []
        sliders = {"temperature": slider("Temperature", 1.0, 0.1, 3.0, 0.1), "top_k": slider("Top-k (0: all)", 0, 0, 50, 1),
                   "top_p": slider("Top-p", 1.0, 0.05, 1.0, 0.05)}
        self.bars, self.shown, self.line = ipywidgets.HTML(), ipywidgets.HTML(), line()
        row = [button("Draw a word", self.draw), button("Draw to the end", self.finish), button("Start over", self.reset)]
        super().__init__("Draw a text", [*sliders.values(), ipywidgets.HBox(row), self.shown, self.bars, self.line],
                         says="Set temperature, top-k and top-p; the bars show which next words stay and how likely each is. "
                              "Draw a word, or a whole text.")
        for name, control in sliders.items():
            traitlets.link((self, name), (control, "value"))
        self.observe(lambda _: self._show(), ["temperature", "top_k", "top_p"])
        self.observe(lambda change: say(self.line, change.new), "message")
        self.reset()

    @property
    def ended(self):
        return self.drawn[-1:] == [self.tokenizer.end]

    @torch.no_grad()
    def shares(self):
        """The probability of each next token as the settings make it, (V,)."""
        logits = self.model(torch.tensor([[self.tokenizer.end, *self.drawn]]))[0, -1].double()
        return filter_logits(logits, temperature=self.temperature, top_k=self.top_k or None, top_p=self.top_p).softmax(-1)

    def draw(self):
        """One token more."""
        if self.ended or len(self.drawn) >= self.longest:
            self.message = "The text has ended. Start over for another." if self.ended else f"{self.longest} words are enough."
            return
        self.drawn.append(int(torch.multinomial(self.shares(), 1, generator=self.lots)))
        self._show()

    def finish(self):
        """Draw until the end mark."""
        while not self.ended and len(self.drawn) < self.longest:
            self.drawn.append(int(torch.multinomial(self.shares(), 1, generator=self.lots)))
        self._show()

    def reset(self):
        """An empty text; the drawing goes on, so the next one is another."""
        self.drawn = []
        self._show()

    def _show(self):
        words = [self.tokenizer.vocabulary[i] for i in self.drawn if i != self.tokenizer.end]
        self.text = "".join(words)
        shares = self.shares() if not self.ended else None
        said = f"{len(words)} words"
        if shares is not None:
            open_to = int((shares > 0.001).sum())
            said += f"; {open_to} next {'word has' if open_to == 1 else 'words have'} more than one chance in a thousand"
        if self.check is not None and words:
            right = self.check(words)
            said += ("; the village could have written it so" if right == len(words) else
                     f"; the first word that the village could never write there: {readable(words[right])}")
        self.message = said + "."
        text = (html.escape(self.text).replace("\n", "<br>") or "<i>(nothing yet)</i>") + " ■" * self.ended
        self.shown.value = f"<div style='max-width:620px;line-height:1.5;padding:6px 0'>{text}</div>"
        self.bars.value = "" if shares is None else likeliest(shares, self.tokenizer)


def likeliest(shares, tokenizer, most=10):
    """The likeliest as HTML bars with their numbers."""
    rows = []
    for share, i in zip(*(x.tolist() for x in shares.topk(min(most, len(shares))))):
        if share > 0:
            name = html.escape(readable(END if i == tokenizer.end else tokenizer.vocabulary[i]))
            bar = f"<span style='display:block;height:12px;width:{100 * share:.1f}%;background:{COLOURS[0]}'></span>"
            rows.append("<div style='display:flex;align-items:center;gap:8px'>"
                        f"<span style='width:9em;text-align:right;color:{INK}'>{name}</span><span aria-hidden='true' "
                        f"style='flex:0 0 200px;background:#e8e8e8'>{bar}</span><span>{100 * share:.1f} %</span></div>")
    return "".join(rows)
