"""Lesson 00, start here: what it asks."""
import math

import numpy as np

from minitrain.teach.exercises import Exercise, Misconception
from minitrain.teach.predictions import Question

QUESTIONS = {
    "how-long": Question(
        "Nobody says what a corner is; the program sees pictures with their names. To get 97 of 100 new pictures right, this "
        "machine will need …",
        ["under a minute", "some minutes", "half an hour or more"], answer="under a minute",
        why="The pictures are small and so is the model, and still this is the whole of training: the same loop, with more of "
            "everything, made the models you have heard of."),
    "cats": Question(
        "To tell cats from dogs instead, the ten lines need …",
        ["other names in the first line, nothing else", "a few lines about whiskers and ears", "another kind of model and loop"],
        answer="other names in the first line, nothing else",
        why="Nothing in the ten lines spoke of squares but the line that fetches the examples."),
    "digits": Question(
        "Real handwriting: 1,438 scans of digits to train on, for a few seconds. Of 359 digits that it has never seen, the model "
        "gets wrong …",
        ["about 100", "about 40", "fewer than 15"], answer="fewer than 15",
        why="Ten digits of 8 by 8 pixels are little work, even when people wrote them. What is left over is often hard for you, "
            "too."),
}


# --- accuracy, read off a confusion table --------------------------------------------------------------------------------

def accuracy(table):
    right = sum(table[k][k] for k in range(len(table)))         # the diagonal: taken for what they are
    return right / sum(sum(row) for row in table)


def _accuracy_in_numpy(table):
    return np.trace(np.array(table)) / np.sum(table)


def _share_wrong(table):
    return 1 - _accuracy_in_numpy(table)


def _mean_of_rows(table):
    return float(np.mean([table[k][k] / sum(table[k]) for k in range(len(table))]))


def _mean_of_columns(table):
    return float(np.mean([table[k][k] / sum(row[k] for row in table) for k in range(len(table))]))


def _two_kinds(table):
    return (table[0][0] + table[1][1]) / sum(sum(row) for row in table)


def _percent(table):
    return 100 * _accuracy_in_numpy(table)


def _right_to_wrong(table):
    return _count_right(table) / (sum(sum(row) for row in table) - _count_right(table))


def _by_rows(table):
    return _count_right(table) / len(table)


def _first_row(table):
    return table[0][0] / sum(table[0])


def _count_right(table):
    return sum(table[k][k] for k in range(len(table)))


def _a_table(seed):
    lots = np.random.default_rng(seed)
    K = (2, 3, 2, 4, 3)[seed % 5]
    table = lots.integers(1, 6, (K, K)) + np.diag(lots.integers(5, 60, K))
    return ([[int(n) for n in row] for row in table],)


# --- one change that makes it learn faster -------------------------------------------------------------------------------

SLOW = {"rate": 0.0001, "batch": 8, "hidden": 16, "updates": 150}


def learn(rate=0.0001, batch=8, hidden=16, updates=150):
    """The lesson's slow training: loss and accuracy on held-out digits after so many updates."""
    from minitrain import Trainer, losses, optim, sources
    from minitrain.callbacks import evaluate
    from minitrain.models.mlp import MLP

    (x, y), held_out = sources.split(*sources.digits(), seed=0)
    model = MLP(64, hidden, 10, seed=0)
    trainer = Trainer(model, losses.cross_entropy, optim.AdamW(model.parameters(), rate))
    trainer.fit(sources.batches(x, y, size=batch, seed=0), updates)
    return evaluate(model, losses.cross_entropy, *held_out)


def faster():
    return {"rate": 0.003}


def _judge_faster(answer):
    change = answer()
    if not isinstance(change, dict):
        return f"It returned {type(change).__name__}; return a dictionary with one change, such as {{\"hidden\": 20}}."
    unknown = [str(name) for name in change if name not in SLOW]
    if unknown:
        return f"There is no setting {unknown[0]!r}; there are {', '.join(SLOW)}."
    changed = {name: value for name, value in change.items() if value != SLOW[name]}
    if "updates" in changed:
        return "It was changed how long it learns."
    if len(changed) != 1:
        return "Nothing was changed." if not changed else "More than one thing was changed."
    (name, value), = changed.items()
    whole = name in ("batch", "hidden")
    if not isinstance(value, int if whole else int | float) or isinstance(value, bool) or not 0 < value < math.inf:
        return f"{name} needs a {'whole ' if whole else ''}number above 0."
    if whole and value > 2000:
        return f"{name} is more than 2,000; that is slow to try. Find a smaller one."
    try:
        found = learn(**changed)
    except FloatingPointError:
        return "The loss went up and away."
    if not found["loss"] < math.log(10) * 1.05:
        return "The loss went up and away."
    if found["accuracy"] >= 0.5:
        return None
    if name == "rate":
        return "The rate went up, and that is not enough yet." if value > SLOW["rate"] else "The rate went down."
    return "The batch is another." if name == "batch" else "There are more or fewer units."


EXERCISES = {
    "accuracy": Exercise(
        task="From a confusion table (a list of rows; row = the truth, column = the guess), return the share of right answers.",
        reference=accuracy, inputs=_a_table,
        misconceptions=[
            Misconception(_share_wrong, "That is the share of wrong answers. Accuracy counts the right ones: the diagonal, "
                                        "where the guess is the truth."),
            Misconception(_mean_of_rows, "You took each kind's own share and averaged those, so a rare kind counts as much "
                                         "as a common one. Accuracy is simpler: all that are right, divided by all there are."),
            Misconception(_mean_of_columns, "You divided by the columns, by how often each guess was made, and averaged. "
                                            "Accuracy is simpler: all that are right, divided by all there are."),
            Misconception(_first_row, "That is the share of right answers for the first kind alone. Count the whole diagonal, "
                                      "and divide by the whole table."),
            Misconception(_two_kinds, "That works for two kinds. The table may have more: go along the whole diagonal, "
                                      "`table[k][k]` for each k."),
            Misconception(_percent, "That is per cent. A share lies between 0 and 1: leave out the 100."),
            Misconception(_right_to_wrong, "You divided right by wrong. A share is right out of all."),
            Misconception(_by_rows, "`len(table)` counts the rows. Divide by the pictures: the sum of all the rows' sums."),
            Misconception(_count_right, "That counts the right answers. Divide by how many pictures there are in the table."),
        ],
        alternatives=[_accuracy_in_numpy],
        hint="Right answers stand where the row and the column have the same number. Add those up, and divide by the sum of the "
             "whole table (`sum(row)` adds up one row; add those up)."),
    "faster": Exercise(
        task="Return a dictionary with one changed setting, so that the slow training is half right after as many updates.",
        reference=faster, judge=_judge_faster,
        misconceptions=[
            Misconception(lambda: {"updates": 1500}, "That lets it learn longer, not faster. Leave `updates` alone, and change "
                                                     "how far it goes in each."),
            Misconception(lambda: {"rate": 0.01, "hidden": 64}, "Two things at once: whatever happens, you will not know which "
                                                                "of them did it. Change one."),
            Misconception(lambda: {"rate": 100.0}, "So large a step leaps over what it looks for: the loss ended above that of "
                                                   "guessing. Try something in between."),
            Misconception(lambda: {"rate": 0.0005}, "The right setting and the right direction, but not far enough yet. Go on: "
                                                    "three times that, ten times that."),
            Misconception(lambda: {"rate": 0.00001}, "Now each step is even smaller than before. Turn the rate the other way."),
            Misconception(lambda: {"batch": 64}, "More pictures make each step better aimed, fewer make it shakier; neither "
                                                 "makes it longer. What sets its length?"),
            Misconception(lambda: {"hidden": 64}, "More units help a little, since there are more weights to move; each still "
                                                  "moves as little as before. What says how far?"),
            Misconception(lambda: {}, "Nothing is different from the slow training. Put one setting and a new value into the "
                                      "dictionary."),
        ],
        alternatives=[lambda: {"rate": 0.01}, lambda: {"rate": 0.002, "batch": 8}],
        hint="How far a weight moves in one update is the learning rate, `rate`. 0.0001 is timid. Try ten, thirty, a hundred "
             "times as much; ten is not enough.",
        solution='def faster():\n    return {"rate": 0.003}      # {"hidden": 1000} also does it, for far more arithmetic'),
}
