"""The clinic: sick runs to look at and to test, a diagnosis to make with as few tests as it takes; and its still pictures."""
import math
import random

import ipywidgets
import numpy as np
import traitlets

from minitrain.teach.figures import COLOURS, FAINT, INK, axes
from minitrain.teach.widgets.base import Panel, Picture, button, choice, line, say

WORTH, A_TEST, A_MISTAKE = 10, 1, 3         # points for a right diagnosis; what each test and each wrong one takes off


def charts(runs, *, columns=5, title=None):
    """Each run's training loss (blue, left axis) and held-out accuracy (orange, right axis) in a small picture of its own;
    above it, how long its gradients are: the median of the first ten, and of the last ten that are numbers.

    runs: name -> history, as `Run.fit` gives it.  Losses above 4 are drawn at 4; a cross is where a run broke.  Returns the
    figure.
    """
    rows = -(-len(runs) // columns)
    fig, grid = axes(min(columns, len(runs)), rows,
                     size=(2.1 * min(columns, len(runs)) + 0.6, 1.95 * rows + (0.5 if title else 0.3)))
    last = math.ceil(max(len(history) for history in runs.values()) / 50) * 50
    for i, (ax, (name, history)) in enumerate(zip(np.atleast_1d(grid).ravel(), runs.items())):
        loss = np.array([logs["loss"] for logs in history])
        ax.plot(np.minimum(loss, 4), color=COLOURS[0], linewidth=1)
        if not np.isfinite(loss[-1]):
            ax.plot(len(loss) - 1, 2, "x", color=COLOURS[0], markersize=9, markeredgewidth=2)
        right = ax.twinx()
        at = [(logs["t"], logs["held_out_accuracy"]) for logs in history if "held_out_accuracy" in logs]
        right.plot(*zip(*at), color=COLOURS[1], marker="s", markersize=3, linewidth=1.2)
        ax.set(ylim=(0, 4.1), xlim=(0, last), yticks=[0, 2, 4], xticks=[0, last // 2, last])
        right.set(ylim=(0, 1.02), yticks=[0, 0.5, 1])
        right.spines["right"].set_visible(True)
        right.grid(False)
        lengths = [logs["gradient"] for logs in history if math.isfinite(logs.get("gradient", math.inf))]
        ax.set_title(f"{name}\n", fontsize=11)
        if lengths:
            early, late = (f"{n:.0f}" if n >= 10 else f"{n:.2g}" for n in (np.median(lengths[:10]), np.median(lengths[-10:])))
            ax.text(0, 1.03, f"gradient {early}, then {late}", fontsize=8.5,
                    transform=ax.transAxes, color=INK)
        if i % columns:
            ax.set_yticklabels([])
        else:
            ax.set_ylabel("loss", color=COLOURS[0])
        if i % columns < min(columns, len(runs)) - 1:
            right.set_yticklabels([])
        else:
            right.set_ylabel("held out", color=COLOURS[1])
        if i // columns == rows - 1:
            ax.set_xlabel("updates")
    if title:
        fig.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold")
    return fig


def alarms(results, *, title=None):
    """Which test rings at which run: a table of tests and runs, with a filled square for an alarm. Returns the figure.

    results: run -> {test: (words, alarm)}.
    """
    runs, tests = list(results), list(next(iter(results.values())))
    fig, ax = axes(title=title, size=(2.6 + 0.42 * len(runs), 0.5 + 0.3 * len(tests)))
    for row, test in enumerate(tests):
        for column, run in enumerate(runs):
            rings = results[run][test][1]
            ax.plot(column, row, "s" if rings else ".", color=COLOURS[1] if rings else FAINT, markersize=11 if rings else 3)
    ax.set(xlim=(-0.6, len(runs) - 0.4), ylim=(len(tests) - 0.4, -0.6))
    ax.set_xticks(range(len(runs)), runs)
    ax.set_yticks(range(len(tests)), tests)
    ax.xaxis.tick_top()
    ax.tick_params(length=0, labelcolor=INK)
    ax.spines[:].set_visible(False)
    return fig


class Clinic(Panel):
    """One sick run after another: choose a test, run it, choose a diagnosis. The fewer tests, the more points.

    histories: name -> history.  results: name -> {test: (words, alarm)}.  faults: name -> what it has.  samples: name -> what
    the run answers after training, in words; it costs nothing.

    Traits: `test`, `diagnosis`, `message`, `points`; `patient` is the name of the run on the table, `asked` the tests run on it.

    >>> results = {"A": {"start": ("2.30", False), "kinds": ("1 of 10", True)}}
    >>> panel = Clinic({"A": [{"t": 0, "loss": 2.3, "held_out_accuracy": 0.1}]}, results, {"A": "unshuffled data"})
    >>> panel.test = "kinds"; panel.examine(); panel.message
    'kinds: 1 of 10. That is alarming.'
    >>> panel.diagnose(); panel.message
    'Right after 1 test: unshuffled data. 9 points.'
    """

    test = traitlets.Unicode()
    diagnosis = traitlets.Unicode()
    message = traitlets.Unicode("")
    points = traitlets.Int(0)

    def __init__(self, histories, results, faults, *, samples=None, seed=0):
        self.histories, self.results, self.faults, self.samples = histories, results, faults, samples or {}
        self.waiting = random.Random(seed).sample(list(results), len(results))
        tests, known = list(next(iter(results.values()))), sorted(set(faults.values()))
        self.test, self.diagnosis = tests[0], known[0]
        what, which = choice("Test", tests), choice("Diagnosis", known)
        self.picture, self.line, self.file = Picture(width=330), line(), line()
        self.run_button = button("Run this test", self.examine)
        self.say_button = button("Diagnose", self.diagnose)
        self.next_button = button("Next patient", self.next)
        super().__init__("The clinic", [self.picture, ipywidgets.HBox([what, self.run_button]),
                                        ipywidgets.HBox([which, self.say_button, self.next_button]), self.line, self.file],
                         says="Ten sick runs come in, one after the other. Look at the curves, choose the test that you "
                              "would run first, then the next, and make your diagnosis; each test takes a point, each wrong "
                              "diagnosis three.")
        traitlets.link((self, "test"), (what, "value"))
        traitlets.link((self, "diagnosis"), (which, "value"))
        self.observe(lambda change: say(self.line, change.new), "message")
        self.seen = 0
        self.next()

    def next(self):
        """The next run, if there is one; the one before goes unhealed if it was not diagnosed."""
        if not self.waiting:
            self.message = f"The waiting room is empty: {self.points} of {WORTH * self.seen} points."
            return
        self.patient, self.asked, self.mistakes, self.healed = self.waiting.pop(0), [], 0, False
        self.seen += 1
        self.run_button.disabled = self.say_button.disabled = False
        self.picture.alt = f"Training loss and held-out accuracy of patient {self.seen}."
        self.picture.show(charts({f"Patient {self.seen}": self.histories[self.patient]}))
        say(self.file, self.samples.get(self.patient, ""))
        self.message = f"Patient {self.seen} of {len(self.results)}. {self.points} points so far. Which test first?"

    def examine(self):
        """Run the chosen test; a second time costs nothing."""
        if self.healed:
            return
        words, alarm = self.results[self.patient][self.test]
        if self.test not in self.asked:
            self.asked.append(self.test)
        so_far = "; ".join(f"{test}: {self.results[self.patient][test][0]}" for test in self.asked)
        say(self.file, f"{self.samples.get(self.patient, '')} So far: {so_far}.".strip())
        self.message = f"{self.test}: {words}. {'That is alarming.' if alarm else 'Nothing unusual.'}"

    def diagnose(self):
        """Say what the run has."""
        if self.healed:
            return
        if self.diagnosis != self.faults[self.patient]:
            self.mistakes += 1
            self.message = f"It is not that: {self.diagnosis}. That takes {A_MISTAKE} points off; test on, or think again."
            return
        won = max(1, WORTH - A_TEST * len(self.asked) - A_MISTAKE * self.mistakes)
        self.healed, self.points = True, self.points + won
        self.run_button.disabled = self.say_button.disabled = True
        n = len(self.asked)
        self.message = f"Right after {n} test{'s' * (n != 1)}: {self.diagnosis}. {won} point{'s' * (won != 1)}."
