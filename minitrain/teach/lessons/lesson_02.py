"""Lesson 02, data: what it asks."""
from collections import Counter

import numpy as np

from minitrain.teach.exercises import Exercise, Misconception
from minitrain.teach.predictions import Question

QUESTIONS = {
    "more": Question(
        "A filter learned from 200 mails of one office. Give it 2,000 mails of the same office instead. Of everybody's mail it "
        "then gets right …",
        ["more", "about as many", "fewer"], answer="fewer",
        why="In the office's mail a shop, a bank or a cousin never writes honestly: their words stand in spam alone. The more of "
            "it the filter reads, the surer it is that whoever talks like that is a spammer."),
    "wrong-labels": Question(
        "Two copies of 1,000 mails with wrong labels. In A every fifth label, drawn by lot, is turned round. In B all "
        "newsletters are called spam, one mail in twenty, and all else is right. Naive Bayes learns from each. On new mail, more "
        "mistakes come from …",
        ["A", "B", "both alike"], answer="B",
        why="Errors by lot pull a word's counts this way and that, and largely cancel. Errors that always hit the same mail "
            "never do: to the model they are simply what newsletters are."),
    "copies": Question(
        "Half of the mails are copies of others, to the letter or with some words changed, and every tenth label is wrong. The "
        "filter that weighs words learns from four fifths and is tested on the fifth held out. Compared with new mail, with as "
        "many wrong labels, its accuracy in that test is …",
        ["about right", "about 10 points too high", "about 10 points too low"], answer="about 10 points too high",
        why="Many a held-out mail has its copy among the training mails, wrong label and all, and this filter learns labels by "
            "heart. The test asks what it remembers; you wanted to know what it understood."),
    "sun": Question(
        "Every cat among the training pictures has a small sun in its corner, and no dog has. In the test the dogs have the sun, "
        "and the cats have none. Of these the convnet gets right …",
        ["about 9 in 10: it learned cats and dogs", "about half: now it is confused", "fewer than 1 in 10: it learned the sun"],
        answer="fewer than 1 in 10: it learned the sun",
        why="The sun always told the label, and it is far easier to see than a cat. Nothing in the loss asks for the harder "
            "way."),
    "filter": Question(
        "A quality filter with rules that were published for web pages, its least length lowered from 50 words to 20, reads "
        "honest chat messages and mail that arrived broken. It throws away …",
        ["more of the broken mail", "more of the chat", "about half of each"], answer="more of the chat",
        why="Its rules look at the shape of a text, and here the least length makes most of the difference: hardly a chat "
            "message has 20 words, and many a broken mail has. What a text says, no rule asks."),
    "panels": Question(
        "Two panels of three raters; every rater is right 85 times in 100. In panel A each errs on their own. In panel B all "
        "stumble over the same hard items. Which panel's raters agree more with each other, and whose majority is right more "
        "often?",
        ["A agrees more, A's majority is better", "B agrees more, B's majority is better", "B agrees more, A's majority is "
                                                                                           "better"],
        answer="B agrees more, A's majority is better",
        why="Raters who make the same mistakes agree on them. A majority can only outvote errors that differ."),
}


# --- Jaccard similarity, and MinHash's estimate of it -------------------------------------------------------------------

def resemblance(a, b, numbers):
    exact = len(a & b) / len(a | b)
    same = [min(table[item] for item in a) == min(table[item] for item in b) for table in numbers]
    return exact, sum(same) / len(same)


def _resemblance_by_signatures(a, b, numbers):
    first, second = ([sorted(map(table.get, items))[0] for table in numbers] for items in (a, b))
    shared = [item for item in a if item in b]
    return len(shared) / (len(a) + len(b) - len(shared)), np.mean(np.array(first) == np.array(second))


def _resemblance_by_owner(a, b, numbers):
    hits = sum(min(a | b, key=table.get) in a & b for table in numbers)     # who owns the smallest number of all?
    return len(set.intersection(a, b)) / len(set.union(a, b)), hits / len(numbers)


def _some_sets(seed):
    lots = np.random.default_rng(seed)
    n, first, second = (4, 6, 7, 8, 9)[seed % 5], (2, 4, 4, 6, 5)[seed % 5], (1, 3, 2, 3, 2)[seed % 5]
    items = [f"run {(i - seed % 2 * second) % n}" for i in range(n)]       # every other time, the first by name is in both sets
    a, b = set(items[:first]), set(items[second:])
    numbers = [dict(zip(items, (int(n) for n in lots.permutation(len(items)) + 10 * k))) for k in range(8)]
    return a, b, numbers


def _exactly(share):
    """A wrong exact part beside the right estimate."""
    return lambda a, b, numbers: (share(a, b), resemblance(a, b, numbers)[1])


def _estimated(share):
    """A wrong estimate beside the right exact part."""
    return lambda a, b, numbers: (resemblance(a, b, numbers)[0], share(a, b, numbers))


def _lowest(items, table, pick=min):
    return pick(table[item] for item in items)


# --- a split that keeps the classes' shares ------------------------------------------------------------------------------

def stratified(y, share, rng):
    keep, hold = [], []
    for label in np.unique(y):
        rows = rng.permutation(np.flatnonzero(y == label))
        n = round(share * len(rows))
        hold.extend(rows[:n])
        keep.extend(rows[n:])
    return keep, hold


def _stratified_by_sorting(y, share, rng):
    order = rng.permutation(len(y))
    order = order[np.argsort(np.asarray(y)[order], kind="stable")]           # shuffled, then class by class
    rank = np.concatenate([np.arange(n) / n for n in np.bincount(y) if n])
    return order[rank >= share - 1e-9], order[rank < share - 1e-9]


def _stratified_by_choice(y, share, rng):
    hold = np.concatenate([rng.choice(np.flatnonzero(y == k), int((y == k).sum() * share + 0.5), replace=False) for k in set(y)])
    return np.setdiff1d(np.arange(len(y)), hold), hold


def _unstratified(y, share, rng):
    order, n = rng.permutation(len(y)), round(share * len(y))
    return order[n:], order[:n]


def _last_rows(y, share, rng):
    n = len(y) - round(share * len(y))
    return np.arange(n), np.arange(n, len(y))


def _first_of_each(y, share, rng):
    hold = np.concatenate([np.flatnonzero(y == k)[:round(share * (y == k).sum())] for k in np.unique(y)])
    return np.setdiff1d(np.arange(len(y)), hold), hold


def _equal_counts(y, share, rng):
    each = round(share * len(y) / len(np.unique(y)))
    hold = np.concatenate([rng.permutation(np.flatnonzero(y == k))[:each] for k in np.unique(y)])
    return np.setdiff1d(np.arange(len(y)), hold), hold


def _turned_round(y, share, rng):
    keep, hold = stratified(y, share, rng)
    return hold, keep


def _put_back(y, share, rng):
    hold = np.concatenate([rng.choice(np.flatnonzero(y == k), round(share * (y == k).sum())) for k in np.unique(y)])
    return np.setdiff1d(np.arange(len(y)), hold), hold


def _held_in_both(y, share, rng):
    return np.arange(len(y)), stratified(y, share, rng)[1]


def _masks(y, share, rng):
    return tuple(np.isin(np.arange(len(y)), rows) for rows in stratified(y, share, rng))


def _labels_for_rows(y, share, rng):
    return tuple(np.asarray(y)[rows] for rows in stratified(y, share, rng))


def _places_in_class(y, share, rng):
    parts = [(rng.permutation(n), round(share * n)) for n in ((y == k).sum() for k in np.unique(y))]
    return np.concatenate([rows[n:] for rows, n in parts]), np.concatenate([rows[:n] for rows, n in parts])


def _own_seed(y, share, rng):
    return stratified(y, share, np.random.default_rng(0))


def _other_lots(y, share, rng):
    return stratified(y, share, np.random.default_rng())


def _held_out_alone(y, share, rng):
    return stratified(y, share, rng)[1]


def _judge_split(answer):
    """None, or what is wrong with the two parts, in words without numbers that depend on luck."""
    lots = np.random.default_rng(5)
    for counts, share in (((10, 5), 0.2), ((800, 150, 50), 0.2), ((270, 30), 0.1), ((40, 200, 60, 100), 0.25)):
        y = lots.permutation(np.repeat(np.arange(len(counts)), counts))
        found = answer(y.copy(), share, lots)
        if not isinstance(found, tuple | list) or len(found) != 2:
            return "stratified should return two things: the rows to keep and the rows to hold back."
        keep, hold = (np.asarray(rows).ravel() for rows in found)
        if len(y) in (len(keep), len(hold)) and {keep.dtype.kind, hold.dtype.kind} == {"b"}:
            return "both parts are masks, one True or False a row."
        if not len(keep) or not len(hold) or not {keep.dtype.kind, hold.dtype.kind} <= set("iu"):
            return "both parts should be rows of whole numbers, neither of them empty."
        if len(keep) < len(hold):
            return "the part held back is the larger one."
        kept, held = set(keep.tolist()), set(hold.tolist())
        if (kept | held) <= set(range(len(counts))):
            return "what came back are classes, 0 to K - 1."
        if (kept | held) <= set(range(max(counts))) and max(counts) < len(y):
            return "rows of the larger classes alone come back: none has a number beyond the size of the largest class."
        if min(kept | held) < 0 or max(kept | held) >= len(y):
            return "there are row numbers outside of 0 to len(y) - 1."
        if len(kept) == len(y) and held <= kept:
            return "every row is kept, those held back too."
        if kept & held:
            return "some rows stand in both parts."
        if len(kept) < len(keep) or len(held) < len(hold):
            return "a row stands twice in one part."
        if len(kept | held) < len(y):
            return "some rows are in neither part."
        of_class = np.bincount(y[hold], minlength=len(counts))
        if len(counts) > 2 and all(n in (of_class.max(), size) for n, size in zip(of_class, counts)):
            return "each class gives the same number of rows."
        if sorted(hold) == list(range(len(y) - len(hold), len(y))):
            return "the last rows are held back, whatever they are."
        if any(abs(n - share * size) > 1 for n, size in zip(of_class, counts)):
            return "the classes do not all give the same share of their rows."
        if len(y) > 100:
            again = [sorted(np.asarray(answer(y.copy(), share, np.random.default_rng(seed))[1]).tolist()) for seed in (1, 1, 2)]
            if again[0] != again[1]:
                return "the same rng gave two different splits."
            if again[0] == again[2]:
                first = sorted(row for k in range(len(counts)) for row in np.flatnonzero(y == k)[:of_class[k]].tolist())
                return ("the first rows of each class are held back, whatever rng says." if again[0] == first else
                        "two different rngs gave the same split.")
    return None


# --- a majority, and agreement beyond chance -----------------------------------------------------------------------------

def majority_of(ratings):
    labels = []
    for votes in np.transpose(ratings):             # one item after the other: what each rater said of it
        names, counts = np.unique(votes, return_counts=True)
        winners = names[counts == counts.max()]
        labels.append(winners[0] if len(winners) == 1 else -1)
    return np.array(labels)


def _majority_by_table(ratings):
    ratings = np.asarray(ratings)
    votes = (ratings[:, :, None] == np.arange(ratings.max() + 1)).sum(0)     # (raters, n, K) -> (n, K)
    most = votes.max(1)
    return np.where((votes == most[:, None]).sum(1) > 1, -1, votes.argmax(1))


def _some_ratings(seed):
    lots = np.random.default_rng(seed)
    raters, n, K = ((3, 6, 3), (4, 6, 2), (5, 5, 3), (4, 8, 3), (5, 7, 4))[seed % 5]
    return lots.integers(0, K, (raters, n))


def _votes(pick):
    return lambda ratings: np.array([pick(votes.tolist()) for votes in np.transpose(ratings)])


def _first_of_the_tied(votes):
    return min(set(votes), key=lambda label: (-votes.count(label), label))


def _more_than_half(votes):
    label = _first_of_the_tied(votes)
    return label if votes.count(label) > len(votes) / 2 else -1


def kappa(a, b):
    observed = np.mean(a == b)
    chance = sum(np.mean(a == label) * np.mean(b == label) for label in np.union1d(a, b))
    return (observed - chance) / (1 - chance)


def _kappa_by_table(a, b):
    K = max(a.max(), b.max()) + 1
    table = np.zeros((K, K))
    np.add.at(table, (a, b), 1 / len(a))
    chance = table.sum(0) @ table.sum(1)
    return (np.trace(table) - chance) / (1 - chance)


def _some_pairs(seed):
    lots = np.random.default_rng(seed)
    n, K = ((10, 2), (12, 3), (20, 2), (16, 3), (30, 4))[seed % 5]
    a = np.concatenate([np.arange(K), lots.integers(0, K, n - K)])
    swapped = np.where(a == 1, 0, a)                # the second rater leans to 0, so that their shares differ
    b = np.where(lots.random(n) < 0.3, swapped, np.where(lots.random(n) < 0.2, (a + 1) % K, a))
    b[0], b[1] = 0, 0
    return a, b


def _chance(a, b):
    return sum(np.mean(a == label) * np.mean(b == label) for label in np.union1d(a, b))


def _beyond(chance):
    """Kappa with another idea of what chance would do."""
    return lambda a, b: (np.mean(a == b) - chance(a, b)) / (1 - chance(a, b))


EXERCISES = {
    "resemblance": Exercise(
        task="Return two numbers: the Jaccard similarity of two sets, and the share of the tables in which the smallest number "
             "of one set is also the smallest of the other.",
        reference=resemblance, inputs=_some_sets,
        hint="a & b are the items in both, a | b the items in either; len counts them. For the estimate take one table first: "
             "min(table[item] for item in a) is a's smallest number there, and the same for b. In how many of the tables are the "
             "two equal?",
        misconceptions=[
            Misconception(_exactly(lambda a, b: len(a & b) / (len(a) + len(b))),
                          "The estimate is right. In the exact part, items in both sets are counted twice below the line: "
                          "len(a | b) counts each once."),
            Misconception(_exactly(lambda a, b: 2 * len(a & b) / (len(a) + len(b))),
                          "The estimate is right. The exact part is Dice's similarity, twice the shared items over both sizes. "
                          "Jaccard divides the shared items by all that are in either set."),
            Misconception(_exactly(lambda a, b: len(a & b) / min(len(a), len(b))),
                          "The estimate is right. You divided by the size of the smaller set: that says how much of it lies in "
                          "the other. Jaccard divides by all items in either."),
            Misconception(_exactly(lambda a, b: len(a & b) / len(a)),
                          "The estimate is right. You divided by the size of a: exchange a and b, and you get another number. "
                          "Divide by all items in either."),
            Misconception(_exactly(lambda a, b: 1 - len(a & b) / len(a | b)),
                          "The estimate is right. The exact part is the distance, 1 for sets that share nothing; asked is the "
                          "similarity."),
            Misconception(_exactly(lambda a, b: len(a & b)),
                          "The estimate is right. In the exact part you counted the shared items; divide by all that are in "
                          "either set."),
            Misconception(_estimated(lambda a, b, numbers: sum(_lowest(a, t) == _lowest(b, t) for t in numbers)),
                          "The exact part is right. The estimate counts the tables in which the smallest numbers agree; divide "
                          "by how many tables there are."),
            Misconception(_estimated(lambda a, b, numbers: np.mean([_lowest(a, t, max) == _lowest(b, t, max) for t in numbers])),
                          "The exact part is right. You compared the largest numbers. That would estimate it as well, but these "
                          "signatures are made of the smallest."),
            Misconception(_estimated(lambda a, b, numbers: float(_lowest(a, numbers[0]) == _lowest(b, numbers[0]))),
                          "The exact part is right. You looked at the first table only: yes or no. Take the share over all "
                          "tables."),
            Misconception(_estimated(lambda a, b, numbers: np.mean([{t[i] for i in a} == {t[i] for i in b} for t in numbers])),
                          "The exact part is right. You compared all numbers of a with all numbers of b, which agree for equal "
                          "sets alone. Compare the smallest of each."),
            Misconception(_estimated(lambda a, b, numbers: np.mean([len({t[i] for i in a} & {t[i] for i in b})
                                                                    / len({t[i] for i in a} | {t[i] for i in b})
                                                                    for t in numbers])),
                          "The exact part is right. The second number is the same similarity again, computed on numbers in place "
                          "of items. The estimate looks at one number a set in each table: the smallest."),
            Misconception(_estimated(lambda a, b, numbers: float(min(a) == min(b))),
                          "The exact part is right. For the estimate you compared the items that come first in the alphabet, and "
                          "those are the same in every table. Look up each item's number first: min(table[item] for item in a)."),
            Misconception(_estimated(lambda a, b, numbers: np.mean([_lowest(a, t) < _lowest(b, t) for t in numbers])),
                          "The exact part is right. You asked how often a's smallest number is below b's; ask how often the two "
                          "are equal."),
            Misconception(_estimated(lambda a, b, numbers: np.mean([_lowest(a, t) != _lowest(b, t) for t in numbers])),
                          "The exact part is right. You counted the tables in which the smallest numbers differ; count those in "
                          "which they agree."),
            Misconception(lambda a, b, numbers: resemblance(a, b, numbers)[::-1],
                          "Both numbers are right and have changed places: first the exact similarity, then the estimate."),
        ],
        alternatives=[_resemblance_by_signatures, _resemblance_by_owner],
        solution="""
            def resemblance(a, b, numbers):
                exact = len(a & b) / len(a | b)
                same = [min(table[item] for item in a) == min(table[item] for item in b) for table in numbers]
                return exact, sum(same) / len(same)
            """),
    "stratified": Exercise(
        task="Return the rows to keep and the rows to hold back: of every class the same share is held back, drawn by rng.",
        reference=stratified, judge=_judge_split,
        hint="Go class by class. np.flatnonzero(y == label) are the rows of one class, rng.permutation shuffles them. The first "
             "round(share * len(rows)) are held back, the others kept.",
        misconceptions=[
            Misconception(_unstratified, "You drew from all rows at once, so a rare class gives too many or too few, as luck has "
                                         "it. Draw from each class apart."),
            Misconception(_last_rows, "You cut the list where it stands. In a list sorted by date or by label that holds back "
                                      "one kind only. Draw with rng, from each class apart."),
            Misconception(_first_of_each, "The shares are right, and no lots were drawn: the first rows of each class are held "
                                          "back. If those came first in time, too, the test knows only the past. Shuffle each "
                                          "class with rng."),
            Misconception(_equal_counts, "Every class gives the same number of rows. Each should give the same share: of a class "
                                         "ten times as large, ten times as many."),
            Misconception(_turned_round, "The parts have changed places: first the rows to keep, then those held back."),
            Misconception(_put_back, "rng.choice puts a row back after drawing it, so some are drawn twice. Give it "
                                     "replace=False, or shuffle and cut."),
            Misconception(_held_in_both, "Held back means taken away from the others: these rows are tested on, and trained on "
                                         "too."),
            Misconception(_masks, "You returned masks, True or False for every row. They would cut x and y as well, but asked "
                                  "are the row numbers: np.flatnonzero(mask) has them."),
            Misconception(_labels_for_rows, "You returned the labels at those rows. Asked are the row numbers themselves; with "
                                            "them the caller cuts x and y alike."),
            Misconception(_places_in_class, "You numbered the rows of each class from 0 again. np.flatnonzero(y == label) has "
                                            "their numbers in the whole list."),
            Misconception(_own_seed, "The draw does not come from the rng you are given, which moves on by itself; do not seed "
                                     "another."),
            Misconception(_other_lots, "Nobody can repeat this split: it does not come from the rng you are given."),
            Misconception(_held_out_alone, "One list came back. Return both: the rows to keep, and the rows held back."),
        ],
        alternatives=[_stratified_by_sorting, _stratified_by_choice]),
    "majority": Exercise(
        task="Return for every item the label that most raters gave it, and -1 where the most frequent ones are equally "
             "frequent.",
        reference=majority_of, inputs=_some_ratings, any_sequence=True,
        hint="ratings[:, i] is what the raters said of item i. Count each label there (np.unique with return_counts=True, or "
             "collections.Counter), and look at the two largest counts: if they are equal, it is a tie.",
        misconceptions=[
            Misconception(_votes(_first_of_the_tied), "Right but for ties: where two labels are equally frequent you took the "
                                                      "smaller one. Nobody voted for smaller; say -1, and ask one more rater."),
            Misconception(_votes(_more_than_half), "You asked for more than half of all votes. With three labels or more the "
                                                   "most frequent one can have less: 2, 1 and 1 of four is a majority here, and "
                                                   "no tie."),
            Misconception(_votes(lambda votes: votes[0] if len(set(votes)) == 1 else -1),
                          "You kept what all raters agree on. That throws away what a majority could settle."),
            Misconception(lambda ratings: np.round(np.mean(ratings, axis=0)).astype(int),
                          "You took the mean. Labels are names, even if they are numbers: between class 0 and class 2 there is "
                          "no class 1."),
            Misconception(lambda ratings: np.mean(ratings, axis=0),
                          "You returned the mean. Labels are names, even if they are numbers; count how often each was given."),
            Misconception(lambda ratings: (np.mean(ratings, axis=0) > 0.5).astype(int),
                          "A mean above one half finds the majority of two labels, 0 and 1, if nothing is tied. Here are ties, "
                          "and labels beyond 1: count each label."),
            Misconception(lambda ratings: np.median(ratings, axis=0).astype(int),
                          "You took the middle label in order of their numbers. Labels are names without an order: count them."),
            Misconception(lambda ratings: np.asarray(ratings[0]),
                          "This is what the first rater said. Count what all of them said."),
            Misconception(lambda ratings: majority_of(np.transpose(ratings)),
                          "You counted along the wrong side: one answer a rater came out. Go through the items, ratings[:, i]."),
            Misconception(_votes(lambda votes: Counter(votes).most_common(1)[0][1]),
                          "These are the numbers of votes that won. Asked is which label they were for."),
            Misconception(_votes(lambda votes: max(votes)),
                          "You took the largest label that anybody gave. Take the most frequent one."),
            Misconception(lambda ratings: np.bincount(np.ravel(ratings)).argmax(),
                          "You counted over all items together; each item has a majority of its own."),
        ],
        alternatives=[_majority_by_table]),
    "kappa": Exercise(
        task="Return Cohen's kappa of two raters: (observed − chance) / (1 − chance).",
        reference=kappa, inputs=_some_pairs, rtol=1e-7, atol=1e-9,
        hint="observed is the share of items with the same label from both. chance is how often two people would agree who give "
             "labels by lot, each as often as this rater did: for every label, the share of it with one rater times the share "
             "with the other, added up.",
        misconceptions=[
            Misconception(lambda a, b: np.mean(a == b), "This is how often they agree. Two raters who say “fine” to everything "
                                                        "agree always and know nothing: take away what chance would do."),
            Misconception(lambda a, b: np.mean(a == b) - _chance(a, b),
                          "Agreement beyond chance, and not yet a share: divide by what there was to win, 1 − chance."),
            Misconception(_beyond(lambda a, b: 1 / len(np.union1d(a, b))),
                          "You let chance give all labels equally often. Raters do not: one who says 0 nine times in ten agrees "
                          "by luck far more often. Use each rater's own shares."),
            Misconception(_beyond(lambda a, b: 0.5),
                          "You took one half for chance, as if both tossed a coin between two labels. Raters lean to some "
                          "labels, and there can be more than two: use each rater's own shares."),
            Misconception(_beyond(lambda a, b: sum(np.mean(np.concatenate([a, b]) == k) ** 2 for k in np.union1d(a, b))),
                          "You threw both raters' labels together and squared the shares: that is Scott's pi. Cohen multiplies "
                          "the share of one rater by the share of the other."),
            Misconception(_beyond(lambda a, b: sum(np.mean(a == k) ** 2 for k in np.union1d(a, b))),
                          "For chance you squared the first rater's shares; multiply them by the second rater's."),
            Misconception(lambda a, b: (np.mean(a == b) - _chance(a, b)) / _chance(a, b),
                          "You divided by chance. Divide by what there was to win beyond it: 1 − chance."),
            Misconception(lambda a, b: _chance(a, b), "This is chance alone. How much of what was left to win did they reach?"),
            Misconception(_beyond(lambda a, b: np.mean(a == 1) * np.mean(b == 1)),
                          "You counted chance agreement for label 1 alone. They can also agree by luck on the others: add them "
                          "up."),
            Misconception(lambda a, b: np.corrcoef(a, b)[0, 1],
                          "This is the correlation of the labels as numbers. Labels are names; kappa asks only whether they are "
                          "the same."),
        ],
        alternatives=[_kappa_by_table]),
}
