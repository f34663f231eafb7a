"""Lesson 12, predicting the next word: what it asks."""
from collections import Counter
from itertools import pairwise

import numpy as np

from minitrain.teach.exercises import Exercise, Misconception
from minitrain.teach.predictions import Question

QUESTIONS = {
    "open": Question(
        "Stop at a random place in one of the village's texts. How often is there just one word that can come next?",
        ["nearly never", "at about one place in three", "at more than half of the places"],
        answer="at more than half of the places",
        why="Names, small words and turns of phrase leave no choice; all that a reader can not know sits in the other places."),
    "longer": Question(
        "An n-gram looks at the last n − 1 words and counts what followed them. From n = 1 to 7, its loss on new texts …",
        ["falls all the way to the floor", "falls, then stays far above the floor", "falls, then rises again"],
        answer="falls, then stays far above the floor",
        why="Longer contexts say more, and fewer of them were ever seen. Each step helps less than the one before."),
    "zero": Question(
        "A network with room enough reads the news of the hamlet until it hardly gets better. On news that it never read, its "
        "loss goes …",
        ["to nearly 0: it knows the hamlet by heart", "to about the floor", "to about twice the floor"],
        answer="to about the floor",
        why="The floor is what the hamlet itself would pay: the choice was open when the word was written. No model can know "
            "more than there is to know."),
    "temperature": Question(
        "Texts drawn from that network at temperature 0.5, 1 and 1.5. Which go on longest before a word that the hamlet could "
        "never have written?",
        ["those at 0.5", "those at 1", "those at 1.5", "about equally long at all three"],
        answer="those at 0.5",
        why="A low temperature draws what the network is surest of, and there it is right. The price is variety."),
}


# --- bigram -------------------------------------------------------------------------------------------------------------

def bigram(ids, V):
    counts = np.ones((V, V))                                    # one of each, as if all had been seen once
    for i in range(len(ids) - 1):
        counts[ids[i], ids[i + 1]] += 1
    return counts / counts.sum(1, keepdims=True)                # (V, V): each row sums to 1


def _bigram_by_histogram(ids, V):
    ids = np.asarray(ids)
    counts = np.histogram2d(ids[:-1], ids[1:], bins=[np.arange(V + 1) - 0.5] * 2)[0] + 1
    return counts / counts.sum(1)[:, None]


def _some_ids(seed):
    lots = np.random.default_rng(seed)
    V = (3, 4, 5, 4, 6)[seed % 5]
    ids = lots.integers(0, V - 1, (6, 9, 12, 7, 15)[seed % 5]).tolist()         # the last token never stands in the text
    return ids, V


def _counted(add=1.0, axis=1, turned=False, step=1, ring=False, after=0.0, divide=True):
    def wrong(ids, V):
        counts = np.full((V, V), float(add))
        pairs = [(a, b) for a, b in zip(ids[::step], ids[1::step])] if step > 1 else list(pairwise(ids))
        for a, b in pairs + ([(ids[-1], ids[0])] if ring else []):
            counts[(b, a) if turned else (a, b)] += 1
        with np.errstate(invalid="ignore", divide="ignore"):
            return counts / counts.sum(axis, keepdims=True) + after if divide else counts
    return wrong


def _no_space_below(ids, V):
    counts = _counted(add=0, divide=False)(ids, V)
    return (counts + 1) / np.maximum(counts.sum(1, keepdims=True), 1)


def _only_zeros(ids, V):
    counts = _counted(add=0, divide=False)(ids, V)
    counts[counts == 0] = 1
    return counts / counts.sum(1, keepdims=True)


# --- one merge of byte-pair encoding ------------------------------------------------------------------------------------

def merge(ids, new):
    pairs = [(ids[i], ids[i + 1]) for i in range(len(ids) - 1)]
    pair = max(pairs, key=pairs.count)                          # of equals, max takes the first
    out, i = [], 0
    while i < len(ids):
        if tuple(ids[i:i + 2]) == pair:
            out.append(new)
            i += 2                                              # both are used up
        else:
            out.append(ids[i])
            i += 1
    return out


def _merge_with_a_stack(ids, new):
    counts = Counter(pairwise(ids))                             # in order of appearance
    best, out = max(counts, key=counts.get), []
    for token in ids:
        if out and (out[-1], token) == best:
            out[-1] = new
        else:
            out.append(token)
    return out


TEXTS = [([1, 2, 3, 1, 2, 4, 1, 2], 9), ([5, 5, 5, 2, 5, 5, 5, 3, 5, 5, 5], 7), ([1, 2, 7, 3, 4, 8, 3, 4, 6, 1, 2], 9),
         ([4, 1, 1, 2, 1, 3, 2, 1, 6, 2, 1, 5, 1], 8), ([3, 1, 2, 2, 1, 3, 1, 4, 2, 1, 5, 3, 1, 2], 6)]


def _merged(choose, replace=None):
    def wrong(ids, new):
        pair = choose(ids)
        return (replace or _left)(list(ids), pair, new)
    return wrong


def _best(ids):
    return max((counts := Counter(pairwise(ids))), key=counts.get)


def _left(ids, pair, new, times=None):
    out, i = [], 0
    while i < len(ids):
        if tuple(ids[i:i + 2]) == pair and (times is None or times > 0):
            out.append(new)
            i, times = i + 2, None if times is None else times - 1
        else:
            out.append(ids[i])
            i += 1
    return out


def _without_the_jump(ids, pair, new):
    return [new if tuple(ids[i:i + 2]) == pair else token for i, token in enumerate(ids)]


def _both_ways(ids, pair, new):
    out, i = [], 0
    while i < len(ids):
        if tuple(ids[i:i + 2]) in (pair, pair[::-1]):
            out, i = [*out, new], i + 2
        else:
            out, i = [*out, ids[i]], i + 1
    return out


def _rarest(ids):
    return min((counts := Counter(pairwise(ids))), key=counts.get)


def _last_of_equals(ids):
    counts = Counter(pairwise(ids))
    return max(reversed(list(counts)), key=counts.get)


def _side_by_side(ids):
    return max((counts := Counter(zip(ids[::2], ids[1::2]))), key=counts.get)


def _two_most_frequent(ids):
    first, second = (token for token, _ in Counter(ids).most_common(2))
    return first, second


# --- top-p --------------------------------------------------------------------------------------------------------------

def top_p(shares, p):
    order = np.argsort(-shares)                                 # the likeliest first
    before = np.cumsum(shares[order]) - shares[order]           # how much stands before each
    kept = np.zeros_like(shares)
    kept[order[before < p]] = shares[order[before < p]]
    return kept / kept.sum()


def _top_p_step_by_step(shares, p):
    kept, total = [0.0] * len(shares), 0.0
    for i in sorted(range(len(shares)), key=lambda i: -shares[i]):
        if total >= p:
            break
        kept[i], total = shares[i], total + shares[i]
    return np.array(kept) / total


SHARES = [(np.array([0.1, 0.4, 0.2, 0.3]), 0.6), (np.array([0.05, 0.15, 0.45, 0.25, 0.1]), 0.8),
          (np.array([0.3, 0.04, 0.02, 0.34, 0.2, 0.1]), 0.5), (np.array([0.12, 0.6, 0.08, 0.2]), 0.3),
          (np.array([0.02, 0.5, 0.03, 0.35, 0.1]), 0.9)]


def _kept(choose, again=True):
    def wrong(shares, p):
        order = np.argsort(-shares)
        kept = np.where(choose(shares, p, order), shares, 0.0)
        with np.errstate(invalid="ignore"):
            return kept / kept.sum() if again else kept
    return wrong


def _inside(shares, p, order, crossing=True):
    total, mask = np.cumsum(shares[order]), np.zeros(len(shares), bool)
    mask[order] = (total - shares[order] < p) if crossing else (total < p)
    return mask


def _as_they_stand(shares, p, order):
    return np.cumsum(shares) - shares < p


def _from_below(shares, p, order):
    return _inside(shares, p, order[::-1])


def _first_k(shares, p, order):
    mask = np.zeros(len(shares), bool)
    mask[order[:max(1, round(p * len(shares)))]] = True
    return mask


EXERCISES = {
    "bigram": Exercise(
        task="From the ids of a text, make the table (V, V) of probabilities: row a, column b says how likely b comes behind a. "
             "Add one to every count.",
        reference=bigram, inputs=_some_ids, rtol=1e-6,
        hint="Start from np.ones((V, V)): one of each. Go through the places i but the last, and add 1 at [ids[i], ids[i + 1]]. "
             "Then divide each row by its sum.",
        misconceptions=[
            Misconception(_counted(add=0), "A token that never stood in the text leaves a row of 0 / 0, and a pair that was "
                                           "never seen would cost infinitely much. Add one to every count first."),
            Misconception(_counted(turned=True), "Rows and columns have changed places: the row is the word before, the column "
                                                 "the word behind it."),
            Misconception(_counted(axis=0), "You divided by the sums of the columns: that says what stood before a word. Each "
                                            "row has to sum to 1."),
            Misconception(_counted(axis=None), "You divided by the sum of the whole table: that is how often a pair occurs. "
                                               "Given the word before, what comes behind it has to sum to 1: row by row."),
            Misconception(_counted(divide=False), "These are counts. Divide each row by its sum."),
            Misconception(_counted(step=2), "You took every second pair. Pairs overlap: all words but the last begin one."),
            Misconception(_counted(ring=True), "You let the last word be followed by the first. The text ends there."),
            Misconception(_no_space_below, "You added one to the counts, and divided by the sums before that: the rows sum to "
                                           "more than 1."),
            Misconception(_only_zeros, "You gave a one to the pairs that were never seen, and nothing to the others: then a pair "
                                       "seen once is no likelier than one never seen. Add one to all."),
        ],
        alternatives=[_bigram_by_histogram]),
    "merge": Exercise(
        task="One step of byte-pair encoding: find the pair of neighbours that stands in ids most often (of equals, the one that "
             "comes first), and return ids with every such pair replaced by new, from the left.",
        reference=merge, inputs=TEXTS, any_sequence=True,
        hint="With all neighbours in a list pairs, max(pairs, key=pairs.count) is the most frequent, and of equals the first. "
             "Then walk through ids with an index: where the pair stands, append new and jump by two.",
        misconceptions=[
            Misconception(_merged(_best, lambda ids, pair, new: _left(ids, pair, new, times=1)),
                          "You replaced the first place only. The new token stands for the pair wherever it occurs."),
            Misconception(_merged(_best, _without_the_jump),
                          "You put the new token in, and kept the second half of the pair beside it. Jump over both."),
            Misconception(_merged(_best, lambda ids, pair, new: _left(ids[::-1], pair[::-1], new)[::-1]),
                          "Right but for the direction: in 5 5 5 the first two are merged, not the last two. Go from the left."),
            Misconception(_merged(_best, _both_ways), "You merged the pair in both orders. (1, 2) and (2, 1) are not the same."),
            Misconception(_merged(_rarest), "That is the rarest pair; the most frequent one saves most."),
            Misconception(_merged(_last_of_equals), "Of two pairs that stand equally often, you took the later one."),
            Misconception(_merged(_side_by_side), "You counted the pairs at even places only. All but the last token begin one."),
            Misconception(_merged(_two_most_frequent), "You merged the two most frequent tokens. What counts is how often two "
                                                       "stand side by side."),
            Misconception(lambda ids, new: [*ids, new], "You appended the new token. It replaces the pairs."),
        ],
        alternatives=[_merge_with_a_stack]),
    "top-p": Exercise(
        task="Keep the likeliest words that together have a probability of p or more, and as few as that takes; set the others "
             "to 0, and let the rest sum to 1 again.",
        reference=top_p, inputs=SHARES, rtol=1e-6,
        hint="order = np.argsort(-shares) has the likeliest first. A word stays if what stands before it in that order adds up "
             "to less than p: then the one that crosses p is in. At the end, divide by the sum.",
        misconceptions=[
            Misconception(_kept(_inside, again=False), "The right words stay, and they do not sum to 1. Divide by their sum."),
            Misconception(_kept(lambda s, p, o: _inside(s, p, o, crossing=False)),
                          "You left out the word that crosses p. With it the sum is p or more; where the first word alone is "
                          "likelier than p, nothing would stay."),
            Misconception(_kept(_as_they_stand), "You added up in the order in which they stand. Sort first: the likeliest come "
                                                 "in first."),
            Misconception(_kept(_from_below), "You began with the unlikeliest, and kept the dregs. Begin at the other end."),
            Misconception(_kept(_first_k), "You kept a share p of the words. It is their probability that has to reach p, and "
                                           "how many words that takes is different every time."),
            Misconception(_kept(lambda s, p, o: s >= p), "You kept the words that are each likelier than p. They are to reach p "
                                                         "together."),
            Misconception(_kept(lambda s, p, o: s >= 1 - p), "You cut by each word's own probability. What counts is the sum "
                                                             "from the likeliest down."),
            Misconception(lambda s, p: np.sort(top_p(s, p))[::-1], "Sorted, they no longer belong to their words. Put each back "
                                                                   "in its place."),
        ],
        alternatives=[_top_p_step_by_step]),
}
