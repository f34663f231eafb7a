"""Lesson 07, overfitting: what it asks."""
from itertools import pairwise

import numpy as np

from minitrain.teach.exercises import Exercise, Misconception
from minitrain.teach.predictions import Question

QUESTIONS = {
    "noise": Question(
        "300 pictures of digits, each with a label drawn by lot, so that there is nothing to learn. A network with 128 hidden "
        "units trains on them for 300 updates. Of these 300 it then gives the label that was drawn for …",
        ["about one in ten", "about half", "nearly all"], answer="nearly all",
        why="It has about 9,600 weights for 300 labels: room enough for a rule of its own for each picture. That the rules "
            "mean nothing does not stop it."),
    "beyond": Question(
        "300 digits to learn from, all labels right, and up to 220 units so far. Now 2,000 units, for the same 300 digits. The "
        "error on new digits will be …",
        ["higher than with 220 units", "between that and the lowest so far", "lower than the lowest so far"],
        answer="lower than the lowest so far",
        why="On the way it gets far worse, at 300 units, where there is one way to fit the digits, and a wild one. With 2,000 "
            "there are countless ways, and the calmest of them is taken."),
    "together": Question(
        "Each of the five cures gained alone. Now all five at once, again for 200 updates, dropout and weight decay at gentler "
        "doses. Compared with the best of them alone, that is …",
        ["three points worse, or more", "within three points of it", "three points better, or more"],
        answer="within three points of it",
        why="They cure the same illness: what one of them has mended, the others find mended. Train on, and more data alone "
            "loses its lead; stopped in time, it keeps it."),
    "fooled": Question(
        "You stop each run where it gets most of 100 test digits right, and report that share. On digits that played no part, "
        "the same weights get, on average over many draws of the 100, …",
        ["as many right", "at least half a point fewer", "at least half a point more"], answer="at least half a point fewer",
        why="The best of many moments was picked for being good on those 100. Part of that was luck, and luck stays behind."),
    "clean": Question(
        "The same network and cures, but now all 300 labels are right. Which of them still gains most?",
        ["dropout", "weight decay", "augmentation", "more data"], answer="more data",
        why="Without wrong labels there is little to be cured of learning by heart. What is missing then is digits."),
}


# --- early stopping with patience ---------------------------------------------------------------------------------------

def early_stop(losses, patience):
    best, kept = float("inf"), 0
    for i, loss in enumerate(losses):
        if loss < best:
            best, kept = loss, i
        elif i - kept >= patience:
            return i, kept
    return len(losses) - 1, kept


def _early_stop_by_counting(losses, patience):
    kept = waited = i = 0
    for i in range(1, len(losses)):
        kept, waited = (i, 0) if losses[i] < losses[kept] else (kept, waited + 1)
        if waited == patience:
            break
    return i, kept


def _stopping(better=lambda loss, best: loss < best, enough=lambda waited, patience: waited >= patience, reset=True,
              against="best"):
    """A family of wrong ones: what counts as better, how long is long enough, whether a new best sets the count back."""
    def stop(losses, patience):
        best, kept, waited = losses[0], 0, 0
        for i in range(1, len(losses)):
            if better(losses[i], best if against == "best" else losses[i - 1]):
                waited = 0 if reset else waited
                if against == "best" or losses[i] < best:
                    best, kept = losses[i], i
            else:
                waited += 1
                if enough(waited, patience):
                    return i, kept
        return len(losses) - 1, kept
    return stop


LOSSES = [
    ([2.0, 1.0, 1.5, 1.6, 0.5], 2), ([2.0, 1.0, 1.5, 0.9, 1.2, 0.8, 1.0, 1.1, 0.3], 2), ([3.0, 2.0, 2.0, 2.0, 1.0, 4.0], 2),
    ([1.0, 0.9, 1.4, 1.3, 1.2, 1.1, 0.2], 3), ([5.0, 4.0, 3.0, 2.0], 3), ([1.0, 2.0, 3.0, 4.0], 1),
    ([2.0, 1.0, 3.0, 2.5, 0.5, 0.7], 3),
]


# --- expected calibration error -----------------------------------------------------------------------------------------

def ece(confidence, right, bins=10):
    where = np.minimum((confidence * bins).astype(int), bins - 1)       # (n,) the bin of each answer
    gaps = [abs(confidence[where == b].mean() - right[where == b].mean()) * (where == b).sum() for b in set(where)]
    return sum(gaps) / len(confidence)


def _ece_by_edges(confidence, right, bins=10):
    total = 0.0
    for low in np.arange(bins) / bins:
        inside = (confidence >= low) & (confidence < low + 1 / bins)
        if inside.any():
            total += inside.mean() * abs(confidence[inside].mean() - right[inside].mean())
    return total


def _some_answers(seed):
    lots = np.random.default_rng(seed)
    n, bins = (12, 30, 20, 40, 25)[seed % 5], (10, 5, 10, 4, 10)[seed % 5]
    confidence = lots.integers(20, 100, n) / 100 + 0.003                # none on the edge of a bin
    return confidence, (lots.random(n) < confidence - 0.1).astype(float), bins


def _binned(of_bin=lambda c, r, low, high: abs(c.mean() - r.mean()), joined=lambda gaps, n: np.average(gaps, weights=n)):
    def error(confidence, right, bins=10):
        gaps, n = [], []
        for b in range(bins):
            inside = (confidence >= b / bins) & (confidence < (b + 1) / bins)
            if inside.any():
                gaps.append(of_bin(confidence[inside], right[inside], b / bins, (b + 1) / bins))
                n.append(inside.sum())
        return float(joined(np.array(gaps), np.array(n)))
    return error


# --- k-fold -------------------------------------------------------------------------------------------------------------

def folds(n, k, rng):
    parts = np.array_split(rng.permutation(n), k)
    return [(np.concatenate(parts[:i] + parts[i + 1:]), parts[i]) for i in range(k)]


def _folds_every_kth(n, k, rng):
    order = rng.permutation(n)
    return [(np.delete(order, np.arange(i, n, k)), order[i::k]) for i in range(k)]


def _judge_folds(answer):
    """None, or what is wrong with the folds, in words that depend on no lot."""
    for n, k in ((12, 3), (23, 5), (40, 4)):
        made = list(answer(n, k, np.random.default_rng(0)))
        if len(made) != k:
            return "There should be k folds."
        if any(not isinstance(fold, tuple | list) or len(fold) != 2 for fold in made):
            return "Each fold should be a pair: the rows to train on, and the rows held out."
        if any(np.asarray(rows).dtype == bool for fold in made for rows in fold):
            return "Give the numbers of the rows, not true and false: np.flatnonzero(mask)."
        made = [tuple(np.asarray(rows).astype(int).ravel() for rows in fold) for fold in made]
        if any(np.intersect1d(train, held).size for train, held in made):
            if all(len(train) == n for train, _ in made):
                return "Every fold trains on all rows, the held-out ones among them."
            return "A fold trains on rows that it holds out."
        if all(len(train) <= len(held) for train, held in made):
            return "The two of a pair have changed places: most rows should be trained on."
        held = np.concatenate([held for _, held in made])
        if len(np.unique(held)) < len(held):
            return "A row is held out by more than one fold, or twice."
        if len(held) < n:
            return "Some row is never held out."
        if any(len(train) + len(held) != n for train, held in made):
            return "A fold leaves rows out: what it does not hold out, it trains on."
        sizes = [len(held) for _, held in made]
        if max(sizes) - min(sizes) > 1:
            return "The folds differ in size by more than one row."
        if all(np.array_equal(held, np.arange(held[0], held[0] + len(held))) for _, held in made):
            return "The folds hold out the rows in the order in which they lie."
        again = [held for _, held in answer(n, k, np.random.default_rng(0))]
        other = [held for _, held in answer(n, k, np.random.default_rng(1))]
        if not all(np.array_equal(np.sort(a), np.sort(held)) for a, (_, held) in zip(again, made)):
            return "With the same rng, the folds came out differently twice."
        if all(np.array_equal(np.sort(a), np.sort(b)) for a, b in zip(again, other)):
            return "Whatever the rng, the folds are the same."
    return None


def _folds_drawn_anew(n, k, rng):
    orders = [rng.permutation(n) for _ in range(k)]
    return [(order[n // k:], order[:n // k]) for order in orders]


def _folds_of_size(n, k, rng, last_takes_all=False):
    order, size = rng.permutation(n), n // k
    ends = [*range(0, size * k, size), n if last_takes_all else size * k]
    return [(np.concatenate([order[:a], order[b:]]), order[a:b]) for a, b in pairwise(ends)]


EXERCISES = {
    "early-stop": Exercise(
        task="losses are validation losses, in the order in which they were measured. Return (stopped, kept): the number of the "
             "last one you look at, and the number of the best one until then, whose weights you keep. You stop when `patience` "
             "in a row were no better than the best. Numbers count from 0.",
        reference=early_stop, inputs=LOSSES,
        hint="Walk through the losses, and remember the best so far and its number. A better one replaces it. After any other, "
             "ask how many have passed since the best: when that is patience, return both numbers. At the end of the list "
             "return the last number and the best one's.",
        misconceptions=[
            Misconception(lambda losses, patience: (lambda stopped: (stopped, stopped))(early_stop(losses, patience)[0]),
                          "You keep the weights of the moment at which you stop. By then the loss has not been better for a "
                          "while: keep those of the best."),
            Misconception(lambda losses, patience: (early_stop(losses, patience)[0], int(np.argmin(losses))),
                          "The one you keep may lie after the stop: you looked for the best in the whole list. When you stop, "
                          "the later losses do not exist yet."),
            Misconception(lambda losses, patience: (len(losses) - 1, int(np.argmin(losses))),
                          "You never stop: you go through the whole list and pick the best. Patience ends the training early, "
                          "and that is half of what it is for."),
            Misconception(_stopping(against="before"),
                          "You compare with the loss just before. A run that first got much worse and now gets slightly better "
                          "each time has still not been better than its best: compare with that."),
            Misconception(_stopping(reset=False),
                          "You count every loss that is no better, from the beginning of the run. A new best sets the count back "
                          "to 0: only those in a row count."),
            Misconception(_stopping(enough=lambda waited, patience: waited > patience),
                          "You stop one too late: after patience losses that are no better, the last of them is where you stop."),
            Misconception(_stopping(enough=lambda waited, patience: True),
                          "You stop at the first loss that is no better. Losses jump up and down; wait for patience of them in a "
                          "row."),
            Misconception(_stopping(better=lambda loss, best: loss <= best),
                          "A loss that equals the best counts as better with you. Then a run that stands still never stops."),
            Misconception(_stopping(better=lambda loss, best: loss > best),
                          "You take the highest loss for the best one. A loss should be small."),
        ],
        alternatives=[_early_stop_by_counting]),
    "ece": Exercise(
        task="Sort the answers into `bins` bins of confidence, equally wide from 0 to 1. In each bin that is not empty, take the "
             "distance between its mean confidence and its share of right answers. Return the mean of the distances, each bin "
             "counted by its answers.",
        reference=ece, inputs=_some_answers,
        hint="For b in range(bins): inside = (confidence >= b / bins) & (confidence < (b + 1) / bins). Skip it where "
             "inside.any() is false. Otherwise add abs(confidence[inside].mean() - right[inside].mean()) times inside.mean(), "
             "the bin's share of all answers.",
        misconceptions=[
            Misconception(lambda confidence, right, bins=10: abs(confidence.mean() - right.mean()),
                          "That compares the mean confidence with the share that is right, once for all answers. Too sure in one "
                          "bin and too modest in another then cancel."),
            Misconception(_binned(lambda c, r, low, high: c.mean() - r.mean()),
                          "You left the sign in. Too sure in one bin and too modest in another then cancel: take the distance, "
                          "abs(…), bin by bin."),
            Misconception(_binned(joined=lambda gaps, n: gaps.mean()),
                          "Each bin counts the same with you, however few answers are in it. Weight it by its share of them."),
            Misconception(_binned(joined=lambda gaps, n: gaps.max()),
                          "That is the largest distance (it has a name too, maximum calibration error). Here it is the mean of "
                          "them, weighted by the bins' shares."),
            Misconception(lambda confidence, right, bins=10: np.abs(confidence - right).mean(),
                          "You took the distance for each answer on its own. One answer is right or wrong, never 80 % right: a "
                          "bin's means come first, the distance after."),
            Misconception(_binned(lambda c, r, low, high: abs((low + high) / 2 - r.mean())),
                          "You took the middle of the bin for its confidence. Take the mean of the confidences in it."),
            Misconception(_binned(lambda c, r, low, high: (c.mean() - r.mean()) ** 2),
                          "You squared the distances; here they are taken as they are."),
            Misconception(_binned(joined=lambda gaps, n: (gaps * n).sum()),
                          "Each bin is weighted by its number of answers; divide by the number of all answers, so that the "
                          "weights add up to 1."),
        ],
        alternatives=[_ece_by_edges]),
    "folds": Exercise(
        task="Deal n rows, shuffled with rng, into k folds as equal as can be. Return k pairs: the rows to train on, and the "
             "rows held out. Every row is held out exactly once.",
        reference=folds, judge=_judge_folds,
        hint="Shuffle once: order = rng.permutation(n). np.array_split(order, k) makes k parts that differ by one row at most. "
             "Fold i holds part i out, and trains on all the others: np.concatenate(parts[:i] + parts[i + 1:]).",
        misconceptions=[
            Misconception(_folds_drawn_anew, "You shuffle anew for each fold, so that some rows are held out twice and others "
                                             "never. Shuffle once, then deal."),
            Misconception(lambda n, k, rng: [(np.delete(np.arange(n), part), part) for part in np.array_split(np.arange(n), k)],
                          "You deal the rows in the order in which they lie. Data often lies sorted, and then each fold holds "
                          "out one kind: shuffle first, with rng."),
            Misconception(lambda n, k, rng: [(np.arange(n), part) for part in np.array_split(rng.permutation(n), k)],
                          "Each fold trains on all rows, those it holds out included. Then nothing is held out."),
            Misconception(_folds_of_size, "With n // k rows a fold, up to k - 1 rows are left over and never held out. Let some "
                                          "folds have one more."),
            Misconception(lambda n, k, rng: _folds_of_size(n, k, rng, last_takes_all=True),
                          "All that is left over goes into your last fold, which can be nearly twice the size of the others. "
                          "Spread it: no two folds should differ by more than one row."),
            Misconception(lambda n, k, rng: [(held, train) for train, held in folds(n, k, rng)],
                          "The pair is the wrong way round: first the many rows to train on, then the few held out."),
            Misconception(lambda n, k, rng: np.array_split(rng.permutation(n), k),
                          "That is the rows held out by each fold. Its partner is missing: all other rows, to train on."),
            Misconception(lambda n, k, rng: folds(n, k, np.random.default_rng(0)),
                          "The folds are the same whatever rng is: you did not shuffle, or not with rng."),
            Misconception(lambda n, k, rng: folds(n, k, rng)[:1],
                          "You return one fold. There are k of them, so that every row is held out once."),
        ],
        alternatives=[_folds_every_kth]),
}
