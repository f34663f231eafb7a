"""Predictions: the reader commits to an answer and to how sure they are, then measures, then sees both side by side.

Answers stay on the reader's machine (`progress.py`). A text stands where the widget would when there is no notebook to show one.
"""

import html
import re
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt

from minitrain.teach import progress
from minitrain.teach.lessons import find


@dataclass(frozen=True)
class Question:
    """One prediction: `answer` is the text of the right choice, `why` the sentence or two shown with it."""
    text: str
    choices: list
    answer: str
    why: str = ""

    def __post_init__(self):
        if len(self.choices) < 2 or len(set(self.choices)) < len(self.choices):
            raise ValueError(f"a question needs two or more different choices, got {self.choices!r}")
        if self.answer not in self.choices:
            raise ValueError(f"the answer {self.answer!r} is not one of the choices {self.choices!r}")

    @property
    def guess(self):
        """Per cent that someone who has no idea should say: 100/K."""
        return round(100 / len(self.choices))


def ask(name):
    """Show a question with its choices and a slider for how sure the reader is; an earlier answer is shown again."""
    try:
        question = find(name, "QUESTIONS")
    except LookupError as error:
        print(error)
        return
    if progress.static() or not _in_notebook():
        print(f"Predict, before you run on: {question.text}")
        for choice in question.choices:
            print(f"  ( ) {choice}")
        print(f"How sure are you, from {question.guess} % (a guess) to 100 %?")
        return
    from IPython.display import display
    display(panel(name, question))


def reveal(name, measured=None):
    """Print what the reader predicted beside what was measured, and why; `measured` is the choice their own run gave."""
    try:
        question = find(name, "QUESTIONS")
    except LookupError as error:
        print(error)
        return
    truth = question.answer if measured is None else str(measured)
    if truth not in question.choices:
        print(f'"{truth}" is not one of the choices ({", ".join(question.choices)}); what follows is what the course measured.')
        truth = question.answer
    said = progress.entry("predictions", name)
    shown = f'Measured: "{truth}".'
    if counts(said):
        print(f"{'✓' if said['choice'] == truth else '✗'} You predicted {_spoken(said)}. {shown}")
    elif answered(said):
        print(f"{shown} You answered {_spoken(said)}, when it had been shown already: not a prediction.")
    elif progress.static():
        print(shown)
    else:
        print(f"{shown} You made no prediction this time. Try one at the next question: a guess is enough.")
    if truth != question.answer:
        print(f'The course expected "{question.answer}". Its reason:')
    if question.why:
        print(question.why)
    if not said.get("revealed"):
        judged = {"right": said["choice"] == truth} if answered(said) else {}
        progress.record("predictions", name, revealed=True, measured=truth, **judged)


def save(name, choice, percent):
    """Store an answer and return the sentence to show; after the reveal it is not (or not again) a prediction."""
    question = find(name, "QUESTIONS")
    if choice not in question.choices:
        return "Choose one of the answers first."
    said = progress.entry("predictions", name)
    if said.get("revealed") and counts(said):
        return f"What was measured has been shown, so your prediction stays as it was: {_spoken(said)}."
    confidence = min(1.0, max(percent / 100, 1 / len(question.choices)))
    late = bool(said.get("revealed"))
    progress.record("predictions", name, choice=choice, confidence=confidence, choices=len(question.choices), late=late)
    said = {"choice": choice, "confidence": confidence}
    if late:
        return f"Noted: {_spoken(said)}. What was measured had been shown before, so it does not count as a prediction."
    return f"Saved: {_spoken(said)}. Now run on."


def panel(name, question):
    """The widget of `ask`; `.choice`, `.confidence`, `.button` and `.status` are its parts."""
    import ipywidgets as widgets

    from minitrain.teach.widgets.base import Keys

    said = progress.entry("predictions", name)
    closed = bool(said.get("revealed") and counts(said))
    earlier = said.get("choice") if said.get("choice") in question.choices else None
    sure = max(question.guess, round(100 * said["confidence"])) if answered(said) else question.guess
    wide = {"description_width": "7em"}
    text = widgets.HTML(f"<b>Predict:</b> {_marked(question.text)}")
    choice = widgets.RadioButtons(options=list(question.choices), value=earlier, description="Your answer", disabled=closed,
                                  style=wide, layout=widgets.Layout(width="max-content", max_width="100%"))
    confidence = widgets.IntSlider(value=sure, min=question.guess, max=100, description="How sure (%)", disabled=closed,
                                   continuous_update=False, style=wide, layout=widgets.Layout(width="28em", max_width="100%"))
    button = widgets.Button(description="Save my prediction", disabled=closed, button_style="primary",
                            tooltip="Stores your answer on this machine; nothing is sent anywhere",
                            layout=widgets.Layout(width="max-content"))
    status = widgets.HTML()

    def show(sentence):
        status.value = f'<span role="status">{html.escape(sentence)}</span>'

    def keep(_=None):
        show(save(name, choice.value, confidence.value))

    def clicked(_):
        keep()
        if choice.value is not None:
            # While the kernel works the page holds back a slider's last moves: the click can arrive before them.
            choice.observe(keep, "value")
            confidence.observe(keep, "value")

    button.on_click(clicked)
    if closed:
        show(f"You predicted {_spoken(said)}. What was measured has been shown; it stays as it was.")
    elif answered(said):
        show(f"Saved earlier: {_spoken(said)}. You can still change it." if counts(said) else f"Noted earlier: {_spoken(said)}.")
    box = widgets.VBox([text, choice, confidence, button, status, Keys()])
    box.choice, box.confidence, box.button, box.status = choice, confidence, button, status
    return box


def answered(said):
    """Whether a stored entry holds an answer."""
    return isinstance(said.get("choice"), str) and isinstance(said.get("confidence"), int | float)


def counts(said):
    """Whether a stored entry is a prediction: an answer from before the reveal."""
    return answered(said) and not said.get("late")


@dataclass(frozen=True)
class Bin:
    """Predictions made with a confidence in [low, high): how many, how many right, and the mean confidence said."""
    low: float
    high: float
    n: int
    right: int
    said: float

    @property
    def share(self):
        """Share that was right; NaN where there is none."""
        return self.right / self.n if self.n else float("nan")

    @property
    def interval(self):
        """95 % Wilson interval of the share."""
        return wilson(self.right, self.n)


class Calibration(list):
    """Three bins; its repr is a table in words."""

    def __repr__(self):
        n = sum(b.n for b in self)
        if not n:
            return "No predictions judged so far: answer the questions of a lesson before you run on."
        lines = [f"{'you said':>13}{'predictions':>13}{'right':>7}{'share right':>13}   95 % interval"]
        for b in self:
            low, high = (round(100 * end) for end in b.interval)
            share = f"{100 * b.share:11.0f} %   {low} to {high} %" if b.n else f"{'–':>13}   –"
            lines.append(f"{f'{100 * b.low:.0f} to {100 * min(b.high, 1):.0f} %':>13}{b.n:13}{b.right:7}{share}")
        return "\n".join(lines)


def calibration(records=None, edges=(0.6, 0.85)):
    """The reader's predictions so far in three bins of confidence, or any `records` of (confidence, right).

    >>> [(b.n, b.right) for b in calibration([(0.5, True), (0.5, False), (0.7, True), (1.0, True)])]
    [(2, 1), (1, 1), (1, 1)]
    """
    if records is None:
        said = progress.entries("predictions").values()
        records = [(s["confidence"], s["right"]) for s in said if counts(s) and "right" in s]
    bounds = [0.0, *edges, 1 + 1e-9]
    bins = Calibration()
    for low, high in pairwise(bounds):
        inside = [(confidence, right) for confidence, right in records if low <= confidence < high]
        mean = sum(confidence for confidence, _ in inside) / len(inside) if inside else float("nan")
        bins.append(Bin(low, high, len(inside), sum(bool(right) for _, right in inside), mean))
    return bins


def wilson(right, n, z=1.959964):
    """Wilson's interval for a share of `right` in `n`: honest for few trials, never outside 0 to 1. Wilson, 1927.

    >>> [round(end, 4) for end in wilson(8, 10)]
    [0.4902, 0.9433]
    """
    if not n:
        return 0.0, 1.0
    p = right / n
    middle, half = p + z * z / (2 * n), z * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return max(0.0, (middle - half) / (1 + z * z / n)), min(1.0, (middle + half) / (1 + z * z / n))


def _spoken(said):
    return f'"{said["choice"]}", {100 * said["confidence"]:.0f} % sure'


def _marked(text):
    """Text as HTML: escaped, and `code` between backticks in a fixed-width font."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text))


def _in_notebook():
    try:
        import ipywidgets  # noqa: F401
        from IPython import get_ipython
    except ImportError:
        return False
    return hasattr(get_ipython(), "kernel")
