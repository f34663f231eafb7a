"""Lesson 13, attention and transformers: what it asks."""
import math

import torch

from minitrain.teach.exercises import Exercise, Misconception
from minitrain.teach.predictions import Question

QUESTIONS = {
    "no-mask": Question(
        "The copy puzzle once more, and now the model is asked for all words, those of the first half too, which were drawn by "
        "lot. Without the mask, its loss ends …",
        ["above the floor", "at the floor", "below the floor"], answer="below the floor",
        why="A loss below what anyone could reach means that the answer leaked in. Each word saw the one after it, which is the "
            "one that it was asked for."),
    "one-block": Question(
        "The recall puzzle: eight pairs in 64 words. Two blocks learn to answer nearly all of it. One block alone, with as "
        "many numbers as the two together and as many updates, gets right …",
        ["nearly all, too", "about half", "less than a quarter"], answer="less than a quarter",
        why="A word that asks has to find the place behind its twin. What stands there knows its own word, and not which one "
            "stood before it: somebody has to have told it, one block earlier."),
    "head-off": Question(
        "All four heads of the second block look at the word that is asked for. Switch one of them off. Of the model's answers, "
        "it loses …",
        ["nearly all", "about a quarter", "fewer than one in ten"], answer="fewer than one in ten",
        why="The four do the same work, and three of them are enough. A head that does something is not a head that is needed."),
    "twin": Question(
        "At the last block the word that asks looks at the answer. The word before that, its own twin, gets next to no weight "
        "from it in any head of either block. Put some other word in the twin's place. The model …",
        ["keeps its answer", "loses it"], answer="loses it",
        why="The answer's place was found by what the first block had written into it: which word stood before. The weights of a "
            "block say where it looks, not what is there to be seen."),
    "lamp": Question(
        "A lamp's switch is pressed or left alone, 16 times; after each, is the lamp on? Two blocks, an RNN of about their size, "
        "as many updates. Which is right more often?",
        ["the two blocks", "the RNN", "neither: both are nearly always right"], answer="the RNN",
        why="The lamp is one bit that each word may turn over. A state that is carried from word to word does that by itself; "
            "attention has to count all presses so far, and see whether their number is odd."),
}


# --- the causal mask ------------------------------------------------------------------------------------------------------

def causal(scores):
    T = len(scores)
    allowed = torch.ones(T, T, dtype=torch.bool).tril()                     # row i: 0 … i
    return scores.masked_fill(~allowed, -math.inf).softmax(-1)


def _causal_row_by_row(scores):
    weights = torch.zeros_like(scores)
    for i, row in enumerate(scores):
        weights[i, :i + 1] = row[:i + 1].softmax(0)
    return weights


def _causal_and_divided(scores):
    weights = scores.softmax(-1).tril()
    return weights / weights.sum(-1, keepdim=True)


def _some_scores(seed):
    T = (2, 3, 4, 3, 5)[seed]
    return (2 * torch.randn(T, T, generator=torch.Generator().manual_seed(seed)),)


def _masked(keep, fill=-math.inf, axis=-1):
    def weights(scores):
        allowed = keep(torch.ones(len(scores), len(scores), dtype=torch.bool))
        return scores.masked_fill(~allowed, fill).softmax(axis)
    return weights


# --- scaled dot-product attention -----------------------------------------------------------------------------------------

def attend(q, k, v):
    scores = q @ k.T / math.sqrt(q.shape[1])                                # (T, S)
    return scores.softmax(1) @ v                                            # (T, E)


def _attend_word_by_word(q, k, v):
    gathered = []
    for query in q:
        weights = torch.exp(torch.stack([(query * key).sum() for key in k]) / len(query) ** 0.5)
        gathered.append((weights[:, None] * v).sum(0) / weights.sum())
    return torch.stack(gathered)


def _some_vectors(seed):
    lots = torch.Generator().manual_seed(seed)
    T, S, D, E = ((2, 3, 4, 2), (3, 3, 2, 2), (1, 4, 9, 3), (4, 2, 3, 1), (3, 5, 16, 4))[seed]
    return tuple(torch.randn(*shape, generator=lots) for shape in ((T, D), (S, D), (S, E)))


def _scores(scale, axis=1):
    return lambda q, k, v: (q @ k.T * scale(q, k)).softmax(axis) @ v


# --- rotary positions -----------------------------------------------------------------------------------------------------

def turn(x, positions):
    T, D = x.shape
    speeds = 10_000.0 ** (-torch.arange(0, D, 2) / D)                       # (D/2,)
    angles = positions[:, None] * speeds                                    # (T, D/2)
    a, b = x[:, 0::2], x[:, 1::2]
    turned = [a * angles.cos() - b * angles.sin(), a * angles.sin() + b * angles.cos()]
    return torch.stack(turned, -1).view(T, D)


def _turn_as_complex(x, positions):
    T, D = x.shape
    angles = torch.outer(positions.double(), 10_000.0 ** (-2 * torch.arange(D // 2).double() / D))
    pairs = torch.complex(x[:, 0::2].double(), x[:, 1::2].double()) * torch.exp(1j * angles)
    return torch.view_as_real(pairs).reshape(T, D).to(x.dtype)


def _some_positions(seed):
    lots = torch.Generator().manual_seed(seed)
    T, D = ((2, 2), (3, 4), (2, 6), (4, 4), (3, 8))[seed]
    return torch.randn(T, D, generator=lots), torch.randint(0, 6, (T,), generator=lots) + seed


def _turned(sign=1, shift=0, speeds=None, halves=False, mirror=False, pair=None):
    """`turn` with one thing otherwise.  speeds: D -> (D/2,).  pair: (a, b, cos, sin) -> the two turned numbers."""
    def wrong(x, positions):
        T, D = x.shape
        speed = (speeds or (lambda D: 10_000.0 ** (-torch.arange(0, D, 2) / D)))(D)
        angles = sign * (positions[:, None] + shift) * speed
        a, b = x.chunk(2, 1) if halves else (x[:, 0::2], x[:, 1::2])
        cos, sin = angles.cos(), angles.sin()
        first, second = pair(a, b, cos, sin) if pair else (a * cos - b * sin, a * sin + b * cos)
        return torch.cat([first, second], 1) if halves or mirror else torch.stack([first, second], -1).view(T, D)
    return wrong


EXERCISES = {
    "causal": Exercise(
        task="Turn scores (T, T) into weights: row i is word i, which may look at words 0 … i; its weights sum to 1.",
        reference=causal, inputs=_some_scores,
        hint="Two steps. Where a word may not look, the score becomes -inf: torch.ones(T, T, dtype=torch.bool).tril() is True on "
             "the diagonal and below it, and scores.masked_fill(where, value) sets values where a table is True. Then softmax "
             "along each row, .softmax(-1).",
        misconceptions=[
            Misconception(_masked(lambda m: m.triu()), "Upside down: each word looks at itself and at what comes after it. Row i "
                                                       "may look at columns 0 … i, the diagonal and below."),
            Misconception(_masked(lambda m: m.triu(1)),
                          "You kept what comes after each word, and hid the rest. Turn it round: row i may look at "
                          "columns 0 … i."),
            Misconception(_masked(lambda m: m.tril(-1)),
                          "Your words can not look at themselves, and the first one has nowhere to look at all: the softmax of "
                          "nothing is no number. The diagonal belongs in: tril(), not tril(-1)."),
            Misconception(lambda scores: scores.softmax(-1).tril(),
                          "You took the softmax first and hid the future afterwards. Then a row no longer sums to 1, for what "
                          "was hidden has already had its share. Hide the scores, then take the softmax."),
            Misconception(_masked(lambda m: m.tril(), fill=0.0),
                          "You set the forbidden scores to 0. The softmax takes exp of them, and exp(0) is 1: the future still "
                          "gets weight. exp(-inf) is 0."),
            Misconception(_masked(lambda m: m.tril(), axis=0),
                          "The columns sum to 1, not the rows. Each word shares out its own attention: softmax along a row, "
                          "axis -1."),
            Misconception(lambda scores: scores.softmax(-1), "Every word still sees the future: the mask is missing."),
            Misconception(lambda scores: scores.masked_fill(torch.ones_like(scores).triu(1).bool(), -math.inf),
                          "The mask is right. These are still scores: take the softmax of each row."),
            Misconception(lambda scores: scores.tril(),
                          "You set what is hidden to 0. These are still scores, and 0 may be a large one: fill with -inf, then "
                          "take the softmax of each row."),
            Misconception(lambda scores: torch.ones_like(scores).tril() / torch.arange(1, len(scores) + 1)[:, None],
                          "That is the plain average of all words so far. The scores say how the weight is to be shared out."),
            Misconception(lambda scores: torch.ones_like(scores).tril(),
                          "That is the mask itself. Use it: scores that it forbids become -inf, then comes the softmax."),
        ],
        alternatives=[_causal_row_by_row, _causal_and_divided]),
    "attend": Exercise(
        task="Attention: queries q (T, D), keys k (S, D), values v (S, E) give (T, E): each query's weighted average of the "
             "values, by the softmax of its dot products with the keys, divided by √D.",
        reference=attend, inputs=_some_vectors,
        hint="Three lines. Scores (T, S): q @ k.T holds every query's dot product with every key; divide by math.sqrt(D), D "
             "numbers a query. Weights: softmax along each row, so that a query's weights sum to 1. Then weights @ v.",
        misconceptions=[
            Misconception(_scores(lambda q, k: 1.0), "The scale is missing. The dot product of D random numbers with D others is "
                                                     "about √D in size: divide by that before the softmax."),
            Misconception(_scores(lambda q, k: 1 / q.shape[1]),
                          "You divided by D. Random products cancel in part, so their sum grows with √D: divided by D, all "
                          "scores come out alike, and the weights equal."),
            Misconception(_scores(lambda q, k: q.shape[1] ** 0.5),
                          "You multiplied by √D. It is to make the scores smaller: divide."),
            Misconception(_scores(lambda q, k: len(k) ** -0.5),
                          "You divided by the root of how many keys there are. A dot product adds up D numbers, whatever the "
                          "number of keys: √D, from q.shape[1]."),
            Misconception(_scores(lambda q, k: len(q) ** -0.5),
                          "You divided by the root of how many queries there are. A dot product adds up D numbers: √D, from "
                          "q.shape[1] (len(q) counts the rows)."),
            Misconception(lambda q, k, v: (q @ k.T / v.shape[1] ** 0.5).softmax(1) @ v,
                          "You divided by the root of how many numbers a value has. A dot product of query and key adds up D "
                          "numbers: √D, from q.shape[1] or k.shape[1]."),
            Misconception(_scores(lambda q, k: q.shape[1] ** -0.5, axis=0),
                          "The softmax runs down the columns: there each key shares itself out among the queries. Each query "
                          "shares out its attention, along its row: softmax(1)."),
            Misconception(lambda q, k, v: (q @ k.T / q.shape[1] ** 0.5).flatten().softmax(0).view(len(q), len(k)) @ v,
                          "One softmax over all queries together. Each query has its own weights, which sum to 1 along its row."),
            Misconception(lambda q, k, v: (q @ k.T).softmax(1) / q.shape[1] ** 0.5 @ v,
                          "You divided after the softmax. The weights no longer sum to 1, and are as sharp as before: the scale "
                          "belongs to the scores."),
            Misconception(lambda q, k, v: q @ k.T / q.shape[1] ** 0.5 @ v,
                          "There is no softmax: these weights may be negative, and do not sum to 1."),
            Misconception(lambda q, k, v: (q @ k.T / q.shape[1] ** 0.5).softmax(1),
                          "These are the weights. With them, add up the values: weights @ v."),
            Misconception(lambda q, k, v: v.mean(0).expand(len(q), -1),
                          "That is the plain average of the values, where this lesson began. Weights come from q and k."),
        ],
        alternatives=[_attend_word_by_word, lambda q, k, v: (q / q.shape[1] ** 0.5 @ k.T).softmax(-1) @ v]),
    "turn": Exercise(
        task="Rotary positions: turn each pair (x[2i], x[2i+1]) of every row of x (T, D) by the angle "
             "position · 10000^(-2i/D), counter-clockwise.",
        reference=turn, inputs=_some_positions, atol=1e-4,
        hint="The angles are a table (T, D/2): positions[:, None] * 10_000.0 ** (-torch.arange(0, D, 2) / D). A point (a, b) "
             "turned by an angle is (a·cos − b·sin, a·sin + b·cos), with a = x[:, 0::2] and b = x[:, 1::2]. torch.stack([…, …], "
             "-1).view(T, D) puts the pairs side by side again.",
        misconceptions=[
            Misconception(_turned(sign=-1), "Your pairs turn clockwise: a sine has the wrong sign. (a, b) becomes "
                                            "(a·cos − b·sin, a·sin + b·cos)."),
            Misconception(_turned(halves=True),
                          "You paired number i with number i + D/2, as some models do. It works as well, but a model must keep "
                          "to one way: here a pair are neighbours, 2i and 2i + 1."),
            Misconception(_turned(mirror=True),
                          "Each pair is turned rightly, and then put in the wrong place: all first numbers, then all second "
                          "ones. They belong side by side: torch.stack([…, …], -1).view(T, D)."),
            Misconception(_turned(speeds=lambda D: 10_000.0 ** (-torch.arange(D // 2) / D)),
                          "The speeds fall half as fast as they should: pair i turns by 10000^(-2i/D), and the 2 is missing."),
            Misconception(_turned(speeds=lambda D: 10_000.0 ** (-2 * torch.arange(0, D, 2) / D)),
                          "The speeds fall twice as fast as they should. torch.arange(0, D, 2) is 2i already."),
            Misconception(_turned(speeds=lambda D: 10_000.0 ** (torch.arange(0, D, 2) / D)),
                          "The later pairs turn faster and faster: the exponent has lost its minus."),
            Misconception(_turned(speeds=lambda D: torch.ones(D // 2)),
                          "All pairs turn at one speed. Then two words 2π apart look like the same place; slower pairs tell such "
                          "places apart."),
            Misconception(lambda x, positions: turn(x, torch.arange(len(x))),
                          "You numbered the rows yourself. Where each word stands is given: positions may begin anywhere."),
            Misconception(lambda x, positions: turn(x, positions * math.pi / 180),
                          "You took the angles for degrees. position · 10000^(-2i/D) is in radians, which cos and sin take."),
            Misconception(_turned(shift=1), "You counted positions from 1: what was given already counts, from 0."),
            Misconception(_turned(pair=lambda a, b, cos, sin: (a * cos + b * sin, a * sin - b * cos)),
                          "That is a reflection, not a turn: done twice, it gives x back. Only one of the two sines is taken "
                          "away: (a·cos − b·sin, a·sin + b·cos)."),
            Misconception(_turned(pair=lambda a, b, cos, sin: (a * cos, b * sin)),
                          "Each number was multiplied by itself alone. In a turn each new number is made of both old ones."),
            Misconception(_turned(pair=lambda a, b, cos, sin: (a + sin, b + cos)),
                          "You added the sines and cosines, as the first transformer did (Vaswani et al., 2017). Here the pair "
                          "is turned, which leaves its length as it was."),
        ],
        alternatives=[_turn_as_complex]),
}
