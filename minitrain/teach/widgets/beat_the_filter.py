"""Beat the filter: type a mail, and see what each filter says of it and what each word adds to that.

For filters whose score is a sum over words, such as naive Bayes and one learned weight a word: then the parts that are
shown are all there is. Nothing here trains.
"""
import html
from math import exp

import ipywidgets
import numpy as np
import traitlets

from minitrain.sources.bag_of_words import words
from minitrain.teach.figures import COLOURS, FAINT, INK, axes
from minitrain.teach.widgets.base import Panel, choice, line, say

OWN, SHOWN = "(your own)", 12                               # name in the list of examples; words shown before "and … more"
EXAMPLES = {
    "FREE MONEY": "FREE MONEY for you\nCongratulations! You have won €5,000 in cash. To claim your free money, click here: "
                  "lucky-gift.example/claim\nAct now!",
    "the same, disguised": "FR33 M0N3Y for you\nC0ngr4tul4t10ns! You have w0n €5.000 in c4sh. To cl4im your fr33 m0n3y, cl1ck "
                           "here: lucky-gift.example/cl4im\nAct n0w!",
    "the same, and the choir": "FREE MONEY for you\nCongratulations! You have won €5,000 in cash. To claim your free money, "
                               "click here: lucky-gift.example/claim\nAct now!\n\nRehearsal is on Friday in the village hall. "
                               "Bring a pencil, water and lemon drizzle cake for the break. The printer in the kitchen has "
                               "jammed again. Regards, grumbling, Barnaby",
    "an honest mail about money": "The money for the coffee fund\nHi Mei,\nwe are €62.90 short, again. Free coffee is not free: "
                                  "please pay Jasper before noon, in cash.\nRegards,\nEmeka",
    "no word in it": "!!! ??? €€€ ...",
    "words it never saw": "Zyzzyva flumpers wibbled quoxly",
}


def probability(score):
    """How likely spam is, from a score in log-odds."""
    return 1 / (1 + exp(-score)) if score > -700 else 0.0


def parts(bag, filters, text):
    """What each known word adds to each score, {word: [share of each filter]}, the largest push first; and the scores.

    filters: {name: (weights (V,), bias)} over the words of `bag`.

    >>> import torch
    >>> from minitrain.sources.bag_of_words import BagOfWords
    >>> bag = BagOfWords(["free money", "the money"])
    >>> parts(bag, {"a": (torch.tensor([1.5, 0.0, -1.0]), 0.5)}, "Free, free, the end")
    ({'free': [3.0], 'the': [-1.0]}, {'a': 2.5})
    """
    each = {name: dict(bag.shares(text, weights.detach())) for name, (weights, _) in filters.items()}
    found = {word: [shares[word] for shares in each.values()] for word in next(iter(each.values()))}
    scores = {name: sum(each[name].values()) + _number(bias) for name, (_, bias) in filters.items()}
    most = [max(map(abs, shares.values()), default=1.0) or 1.0 for shares in each.values()]     # each filter has its own scale
    return dict(sorted(found.items(), key=lambda pair: -max(abs(p) / m for p, m in zip(pair[1], most)))), scores


def _number(x):
    return x.item() if hasattr(x, "item") else float(x)


def word_shares(bag, filters, text, *, most=12, title="What each word adds to the score"):
    """A panel for each filter: bars to the right speak for spam, bars to the left for honest mail. Returns the figure."""
    found, _ = parts(bag, filters, text)
    names = list(found)[:most]
    high = 1.1 + 0.24 * len(names)
    fig, panels = axes(len(filters), title=[*filters], x="for honest mail   ←   →   for spam", size=(8.0, high))
    for i, ax in enumerate(np.atleast_1d(panels)):
        pushes = [found[word][i] for word in names]
        ax.barh(range(len(names)), pushes, height=0.7, color=[COLOURS[push > 0] for push in pushes])
        ax.axvline(0, color=INK, linewidth=1)
        ax.set(yticks=range(len(names)), yticklabels=names if i == 0 else [], ylim=(len(names) - 0.4, -0.6))
        ax.locator_params(axis="x", nbins=5)
        ax.grid(axis="y", visible=False)
    fig.suptitle(title, x=0.01, ha="left", fontweight="bold")
    return fig


class BeatTheFilter(Panel):
    """A text to type in, and what the filters make of it.

    bag: the words that the filters know.  filters: {name: (weights (V,), bias)}.  rules: a `RuleFilter`, or None.

    Traits: `text`, `scores` (log-odds by name), `message`. A test sets `text`.

    >>> import torch
    >>> from minitrain.sources.bag_of_words import BagOfWords
    >>> panel = BeatTheFilter(BagOfWords(["free money", "the choir"]), {"a": (torch.tensor([-1.0, 2.0, 1.0, 0.0]), 0.0)})
    >>> panel.text = "free choir, zebra"
    >>> panel.message
    'a: spam, 73 %. Caught. Never seen, so it weighs nothing: zebra.'
    """

    text = traitlets.Unicode("")
    scores = traitlets.Dict()
    message = traitlets.Unicode("")

    def __init__(self, bag, filters, *, rules=None, examples=EXAMPLES):
        self.bag, self.rules, self.examples = bag, rules, dict(examples)
        self.filters = {name: (weights.detach(), _number(bias)) for name, (weights, bias) in filters.items()}
        self.area = ipywidgets.Textarea(description="Your mail", rows=14, continuous_update=True,
                                        style={"description_width": "initial"}, layout={"width": "400px"})
        self.ready = choice("Begin with", [*self.examples, OWN])
        self.table, self.line = ipywidgets.HTML(), line()
        super().__init__("Beat the filter", [self.ready, self.line, ipywidgets.HBox([self.area, self.table])],
                         says="Type a mail, or change one that is caught until it passes. Each filter's verdict follows, with "
                              "what each word adds to it.")
        traitlets.link((self, "text"), (self.area, "value"))
        self.observe(lambda change: say(self.line, change.new), "message")
        self.ready.observe(self._begin, "value")
        self.observe(self._typed, "text")
        self.text = self.examples[self.ready.value]

    def _begin(self, change):
        if change.new in self.examples:
            self.text = self.examples[change.new]

    def _typed(self, _):
        if self.examples.get(self.ready.value) != self.text:
            self.ready.value = next((name for name, text in self.examples.items() if text == self.text), OWN)
        found, self.scores = parts(self.bag, self.filters, self.text)
        self.message = " ".join([*(self._verdict(name, score) for name, score in self.scores.items()), *self._besides(found)])
        self.table.value = self._tabled(found)

    def _verdict(self, name, score):
        share = probability(score)
        sure = f"{100 * max(share, 1 - share):.0f} %" if abs(score) < 5 else "over 99 %"
        return f"{name}: {'spam' if score > 0 else 'honest'}, {sure}."

    def _besides(self, found):
        if not words(self.text):
            yield "There is no word in this mail, so each filter can only say what it thinks before it has read anything."
            return
        if not found:
            yield "Not one of these words was in the training mail, so each filter says what it thinks before reading."
            return
        passed = sum(score <= 0 for score in self.scores.values())
        n = len(self.scores)
        yield "Caught." if not passed else "It passes!" if passed == n else f"It passes {passed} of {n}."
        if unseen := list(dict.fromkeys(self.bag.unseen(self.text))):
            more = f" and {len(unseen) - 6} more" if len(unseen) > 6 else ""
            yield f"Never seen, so {'they weigh' if len(unseen) > 1 else 'it weighs'} nothing: {', '.join(unseen[:6])}{more}."

    def _tabled(self, found):
        """The table as HTML: a word a row, a bar and a number for each filter."""
        biggest = np.abs(list(found.values()) or [[1.0] * len(self.filters)]).max(0).clip(1e-9)
        rows = [self._row(html.escape(word), shares, biggest) for word, shares in list(found.items())[:SHOWN]]
        if rest := list(found.values())[SHOWN:]:
            rows.append(self._row(f"<i>{len(rest)} more words</i>", np.sum(rest, axis=0), None))
        rows.append(self._row("<i>before reading</i>", [bias for _, bias in self.filters.values()], None))
        rows.append(self._row("<b>score</b>", list(self.scores.values()), None))
        head = "".join(f"<th scope='col' style='padding:0 8px'>{html.escape(name)}</th>" for name in self.filters)
        fires = ""
        if self.rules is not None:
            names = [rule.name for rule, fired in zip(self.rules.rules, self.rules.fires([self.text])[0]) if fired]
            said = f"{len(names)} of the {len(self.rules.rules)} rules fire: {', '.join(names)}" if names else "No rule fires"
            fires = f"<div style='max-width:440px;line-height:1.4'>{html.escape(said)}.</div>"
        return ("<table style='border-collapse:collapse;line-height:1.35;text-align:right'><caption style='text-align:left'>"
                "Left: speaks for honest mail; right: for spam. A score above 0 is spam.</caption>"
                f"<tr><th scope='col'></th>{head}</tr>{''.join(rows)}</table>{fires}")

    def _row(self, word, shares, biggest):
        bars = [_bar(share, None if biggest is None else biggest[i]) for i, share in enumerate(shares)]
        cells = "".join(f"<td style='padding:0 8px'>{bar}</td>" for bar in bars)
        return f"<tr><th scope='row' style='text-align:right;font-weight:normal'>{word}</th>{cells}</tr>"


def _bar(share, biggest):
    """A bar that goes left or right from the middle, and its number; no bar where there is nothing to compare with."""
    sign = "−" if share < 0 else "+"
    number = f"<span style='display:inline-block;width:3.6em;text-align:right'>{sign}{abs(share):.1f}</span>"
    if biggest is None:
        return number
    width, colour = 50 * abs(share) / biggest, COLOURS[1] if share > 0 else COLOURS[0]
    return ("<span aria-hidden='true' style='display:inline-block;position:relative;width:90px;height:11px;"
            f"border:1px solid {FAINT}40'><span style='position:absolute;left:{50 if share > 0 else 50 - width:.1f}%;"
            f"width:{width:.1f}%;height:100%;background:{colour}'></span></span>{number}")
