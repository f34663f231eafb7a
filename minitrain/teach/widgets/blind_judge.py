"""The blind judge: what several models answered, in an order drawn by lot and without names; names and truth come afterwards.

Answers, and what each is worth, are handed in; it knows no model.
"""
import html
from random import Random

import ipywidgets
import traitlets

from minitrain.teach.widgets.base import Panel, button, line, say

ALIKE = 0                                                   # a choice: none is better; 1, 2, … are the answers as numbered


class BlindJudge(Panel):
    """One question at a time, its answers numbered in an order drawn by lot; who said which is told when the reader has judged.

    questions: as text.  answers: name -> its answer to each question, as text.  truths: name -> what each answer is worth.
    seed: of the lots.  Answers that are alike (but for spaces) are shown once and count for all who gave them; a question that
    all answer alike is left out.  ValueError where there is nothing to judge, or an answer or its worth is missing.

    Traits: `choices`, one for each question judged so far (the number of the best answer, or 0: equally good), which can be set;
    `message`; `table`, rows (name, times preferred, questions, mean truth), empty until it is shown.

    >>> game = BlindJudge(["Who?"], {"base": ["Who?"], "tuned": ["Tilda."]}, {"base": [-1.0], "tuned": [1.0]})
    >>> game.pick(1 + game.shown[0].index("Tilda."))
    >>> game.table
    [('base', 0, 1, -1.0), ('tuned', 1, 1, 1.0)]
    """

    choices = traitlets.List(traitlets.Int())
    message = traitlets.Unicode("")
    table = traitlets.List()

    def __init__(self, questions, answers, truths, *, seed=0):
        _whole(questions := list(questions), answers, truths)
        said = {name: [" ".join(text.split()) for text in texts] for name, texts in answers.items()}
        differ = [i for i in range(len(questions)) if len({texts[i] for texts in said.values()}) > 1]
        if not differ:
            raise ValueError("BlindJudge: all models answer every question alike; it needs a question with two answers.")
        lots = Random(seed)
        self.questions = [questions[i] for i in differ]
        self.said = {name: [texts[i] for i in differ] for name, texts in said.items()}
        self.truths = {name: [float(truths[name][i]) for i in differ] for name in said}
        self.shown = [lots.sample(different := sorted({texts[i] for texts in self.said.values()}), len(different))
                      for i in range(len(differ))]                                      # texts, by question and place
        self.worth = [{self.said[name][i]: truth[i] for name, truth in self.truths.items()} for i in range(len(differ))]

        self.question, self.said_line, self.result = ipywidgets.HTML(), line(), ipywidgets.HTML()
        self.buttons = [button(f"Answer {n}", lambda n=n: self.pick(n)) for n in range(1, len(said) + 1)]
        for made in self.buttons:
            made.layout.flex = "none"                       # a long text beside it must not press it
        self.texts = [ipywidgets.HTML() for _ in self.buttons]
        self.alike = button("Equally good", lambda: self.pick(ALIKE), tip="None of them is better than the others")
        self.back = button("Take back", self.undo, tip="Take the last choice back")
        self.who = button("Who was who?", self.reveal, tip="Names and truth of what you have judged so far")
        self.rows = [ipywidgets.HBox(pair) for pair in zip(self.buttons, self.texts)]
        super().__init__("Blind judge", [self.question, *self.rows, ipywidgets.HBox([self.alike, self.back, self.who]),
                                         self.said_line, self.result],
                         says=f"Say which answer is best to each of {len(differ)} questions, without knowing which of "
                              f"{len(said)} models gave it; then see who was who, and whether you chose as the truth would.")
        self.observe(lambda change: say(self.said_line, change.new), "message")
        self.observe(lambda _: self._judged(), "choices")
        self._judged()

    @traitlets.validate("choices")
    def _possible(self, proposal):
        for i, choice in enumerate(proposal.value):
            if i >= len(self.shown) or not 0 <= choice <= len(self.shown[i]):
                raise ValueError(f"Choice {i + 1} is {choice}; a choice is 0 (equally good) or the number of an answer that is "
                                 f"shown, and the questions are {len(self.shown)}.")
        return proposal.value

    def pick(self, number):
        """The answer of this number is the best; 0: all are equally good."""
        if len(self.choices) < len(self.shown):
            self.choices = [*self.choices, number]

    def undo(self):
        """The last choice is taken back."""
        self.choices = self.choices[:-1]

    def reveal(self):
        """Who was preferred how often, what they are worth by the truth, and whether the two agree."""
        n = len(self.choices)
        if not n:
            self.message = "Judge a question first."
            return
        picked = [shown[choice - 1] if choice else None for shown, choice in zip(self.shown, self.choices)]
        self.table = [(name, sum(text == mine for text, mine in zip(texts, picked)), n, sum(self.truths[name][:n]) / n)
                      for name, texts in self.said.items()]
        self.message = self._agreement(picked)
        rows = [(name, f"{times} of {of}", f"{truth:+.2f}") for name, times, of, truth in self.table]
        mine = [(self.questions[i], "(equally good)", "", "") if text is None else
                (self.questions[i], text, ", ".join(name for name, texts in self.said.items() if texts[i] == text),
                 f"{self.worth[i][text]:+.2f}") for i, text in enumerate(picked)]
        self.result.value = (_table(("model", "preferred", "mean truth"), rows)
                             + _table(("question", "your choice", "said by", "its truth"), mine))

    def _agreement(self, picked):
        chosen = [(text, worth) for text, worth in zip(picked, self.worth) if text is not None]
        if not chosen:
            return "You called all answers equally good, so that there is no choice to hold against the truth."
        best = sum(worth[text] == max(worth.values()) for text, worth in chosen)
        blind = sum(sum(truth == max(worth.values()) for truth in worth.values()) / len(worth) for _, worth in chosen)
        n = len(chosen)
        return (f"Of the {n} answer{'s' * (n != 1)} that you chose, {best} had the highest truth of those shown; chosen by lot, "
                f"{blind:.1f} would have.")

    def _judged(self):
        self.table, self.result.value, place = [], "", len(self.choices)
        over = place == len(self.shown)
        shown = [] if over else self.shown[place]
        self.alike.disabled, self.back.disabled = over, not place
        for i, (row, made, text) in enumerate(zip(self.rows, self.buttons, self.texts)):
            made.disabled = i >= len(shown)
            row.layout.display = "none" if made.disabled else ""
            made.tooltip = "" if made.disabled else shown[i]                        # said with the button by screen readers
            text.value = "" if made.disabled else html.escape(shown[i]) or "<i>(nothing)</i>"
        if over:
            self.question.value = "<p>These were all.</p>"
            self.reveal()
            return
        self.question.value = f"<p>Question {place + 1} of {len(self.shown)}. <b>{html.escape(self.questions[place])}</b></p>"
        self.message = f"{place} judged."


def _whole(questions, answers, truths):
    if not questions:
        raise ValueError("BlindJudge got no questions; it needs one at least.")
    if len(answers) < 2:
        raise ValueError(f"BlindJudge needs two models at least, and got {len(answers)}.")
    for what, given in (("answers", answers), ("truths", truths)):
        for name in answers:
            found = [one for one in given.get(name, ()) if one is not None]
            if len(found) != len(questions):
                raise ValueError(f"BlindJudge got {len(found)} {what} of {name!r} to {len(questions)} questions; it needs one to "
                                 "each.")


def _table(head, rows):
    lines = ["".join(f"<th style='text-align:left;padding-right:1em'>{name}</th>" for name in head)]
    lines += ["".join(f"<td style='padding-right:1em'>{html.escape(cell)}</td>" for cell in row) for row in rows]
    return f"<table>{''.join(f'<tr>{cells}</tr>' for cells in lines)}</table>"
