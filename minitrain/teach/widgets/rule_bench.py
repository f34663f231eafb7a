"""The rule bench: switch rules on and off, and see what they catch, what they cost, and for how many months.

A mail that was lost costs more than a spam mail that was read; how much more, the reader says. Nothing here learns.
"""
import ipywidgets
import numpy as np
import traitlets

from minitrain.models.rules import Rule, RuleFilter
from minitrain.sources.mailbox.words import MONTHS
from minitrain.teach.figures import COLOURS, FAINT, MARKERS, axes, label_lines
from minitrain.teach.widgets.base import Panel, Picture, button, line, say, slider


def bench(fires, truth, *, on=None, need=1, price=5.0):
    """What rules do in one month: (caught, precision, lost, cost).

    fires: (n, rules) bool.  truth: (n,), 1 is spam.  on: (rules,) bool, which count.  need: how many must fire.  caught: share
    of spam.  precision: NaN where nothing was called spam.  lost: share of honest mail.  cost: per 100 mails, a spam mail that
    got through is 1, an honest one that was lost is `price`.

    >>> bench([[True], [False], [True], [False]], [1, 1, 0, 0])
    (0.5, 0.5, 0.5, 150.0)
    """
    fires, truth = np.asarray(fires, bool), np.asarray(truth)
    on = np.ones(fires.shape[1], bool) if on is None else np.asarray(on, bool)
    called, spam = fires[:, on].sum(1) >= need, truth == 1
    spams, calls, caught, lost = (int(mask.sum()) for mask in (spam, called, called & spam, called & ~spam))
    return (caught / max(1, spams), caught / calls if calls else float("nan"), lost / max(1, len(truth) - spams),
            100 * (spams - caught + price * lost) / len(truth))


def bench_figure(rows, *, nothing, title="What the rules do, month by month"):
    """Left: what is caught and lost in each month; right: what that costs.  rows: of `bench`, one a month.  nothing: the cost
    of having no filter. Returns the figure."""
    caught, _, lost, cost = np.array(rows, float).T
    months = [MONTHS[m % 12][:3] for m in range(len(rows))]
    fig, (left, right) = axes(2, title=[title, "What it costs"], y=["share of the mail", "cost of 100 mails"], size=(8.6, 3.1))
    for numbers, name, i in ((caught, "spam caught", 0), (lost, "honest lost", 1)):
        left.plot(numbers, color=COLOURS[i], marker=MARKERS[i], markersize=5, label=name)
    left.set(ylim=(-0.03, 1.03))
    label_lines(left)
    right.plot(cost, color=COLOURS[3], marker=MARKERS[3], markersize=5)
    right.plot(nothing, color=FAINT, linestyle="--", linewidth=1.5)
    right.annotate("no filter", (len(rows) - 1, nothing[-1]), xytext=(0, 5), textcoords="offset points", ha="right", color=FAINT)
    right.set(ylim=(0, 1.1 * max(cost.max(), *nothing)))
    for ax in (left, right):
        ax.set(xticks=range(len(rows)), xticklabels=[name if i % 2 == 0 else "" for i, name in enumerate(months)])
    return fig


class RuleBench(Panel):
    """A switch for each rule, and what is caught, lost and paid in each month.

    rules: what makes a `Rule`.  months: a list of mails for each month.

    Traits: `on` (names of the rules that count), `need` (how many must fire), `price` (of an honest mail lost, in spam mails
    read), `rows` (of `bench`, one a month), `message`. `add` puts a rule of the reader's beside the others.

    >>> from minitrain.sources.mailbox import Mailbox
    >>> panel = RuleBench(["casino", "prize"], [Mailbox().draw(100, month=month) for month in range(3)])
    >>> panel.on = []
    >>> panel.message[:49]
    '0 rules on. January: 0 % of spam caught, nothing '
    """

    on = traitlets.List(traitlets.Unicode())
    need = traitlets.Int(1)
    price = traitlets.Float(5.0)
    rows = traitlets.List()
    message = traitlets.Unicode("")

    def __init__(self, rules, months):
        self.rules, self.months = list(RuleFilter(rules).rules), [list(mails) for mails in months]
        self.truth = [np.array([mail.truth for mail in mails]) for mails in self.months]
        self.fires = [RuleFilter(self.rules).fires(mails).numpy() for mails in self.months]
        self.boxes, self.image, self.line = {}, Picture(width=780), line()
        self.grid = ipywidgets.GridBox(layout={"grid_template_columns": "repeat(5, 150px)", "grid_gap": "0 6px"})
        self.own = ipywidgets.Text(description="A rule of your own", placeholder="a word or phrase", continuous_update=False,
                                   style={"description_width": "initial"}, layout={"width": "320px"})
        need = slider("Rules that must fire", 1, 1, 3, 1)
        price = slider("An honest mail lost costs as much as … spam read", 5.0, 1.0, 20.0, 1.0, form=".0f")
        price.layout.width = "520px"
        super().__init__("Rule bench",
                         [self.grid, ipywidgets.HBox([button("All on", lambda: self.switch(True)),
                                                      button("All off", lambda: self.switch(False)),
                                                      self.own, button("Add it", self.add)]),
                          ipywidgets.HBox([need, price]), self.line, self.image],
                         says="Switch rules on and off, add one of your own, and say what a lost mail costs you; what is caught, "
                              "lost and paid in each month follows.")
        for rule in self.rules:
            self._switch_for(rule)
        for trait, control in (("need", need), ("price", price)):
            traitlets.link((self, trait), (control, "value"))
        self.observe(lambda change: say(self.line, change.new), "message")
        self.observe(self._switched, "on")
        self.observe(lambda _: self._draw(), ["need", "price"])
        self.on = [rule.name for rule in self.rules]

    def switch(self, on):
        """All rules on, or all off."""
        self.on = [rule.name for rule in self.rules] if on else []

    def add(self):
        """Take the reader's rule from the text field; what can not be one is said."""
        phrase = " ".join(self.own.value.split())
        if not phrase:
            self.message = "This rule is empty: it would fire on every mail. Write a word or a phrase first."
            return
        if phrase in self.boxes:
            self.message = f"“{phrase}” is there already; its switch is above."
            return
        rule = Rule(phrase)
        self.rules.append(rule)
        self.fires = [np.column_stack([fires, RuleFilter([rule]).fires(mails).numpy()])
                      for fires, mails in zip(self.fires, self.months)]
        self._switch_for(rule)
        self.own.value = ""
        self.on = [*self.on, rule.name]

    def _switch_for(self, rule):
        box = ipywidgets.Checkbox(value=False, description=rule.name, indent=False, layout={"width": "150px"})
        box.observe(lambda change: self._ticked(rule.name, change.new), "value")
        self.boxes[rule.name] = box
        self.grid.children = [*self.grid.children, box]

    def _ticked(self, name, ticked):
        if ticked != (name in self.on):
            self.on = [rule.name for rule in self.rules if (rule.name == name and ticked) or
                       (rule.name != name and rule.name in self.on)]

    def _switched(self, change):
        if unknown := [name for name in change.new if name not in self.boxes]:
            raise ValueError(f"There is no rule {unknown[0]!r} on this bench; add() puts one there.")
        for name, box in self.boxes.items():
            box.value = name in change.new
        self._draw()

    def _draw(self):
        on = np.array([rule.name in self.on for rule in self.rules])
        self.rows = [bench(fires, truth, on=on, need=self.need, price=self.price)
                     for fires, truth in zip(self.fires, self.truth)]
        nothing = [100 * float(truth.mean()) for truth in self.truth]
        said = [f"{MONTHS[m % 12]}: {100 * caught:.0f} % of spam caught, "
                + ("nothing called spam" if np.isnan(precision) else f"precision {100 * precision:.0f} %")
                + f", {100 * lost:.1f} % of honest mail lost, cost {cost:.0f} (no filter: {nothing[m]:.0f})."
                for m, (caught, precision, lost, cost) in enumerate(self.rows)]
        n = int(on.sum())
        self.message = f"{n} rule{'s' * (n != 1)} on. {said[0]} {said[-1] if len(said) > 1 else ''}".strip()
        self.image.alt = f"Spam caught, honest mail lost and cost in each month. {' '.join(said)}"
        self.image.show(bench_figure(self.rows, nothing=nothing))
