"""Lesson 08, when training goes wrong: what it asks."""
import numpy as np

from minitrain.teach.exercises import Exercise, Misconception
from minitrain.teach.predictions import Question

QUESTIONS = {
    "quiet": Question(
        "Ten runs, each with a real fault. How many of them end with at least 90 % right on what their own evaluation says?",
        ["none", "two or three", "five or more"], answer="two or three",
        why="A fault in how you measure leaves the learning alone: held-out examples among the training data, or dropout "
            "left on in the evaluation. And a fault that makes learning slower may still get there."),
    "by-heart": Question(
        "One of the runs gets its labels shuffled against its inputs. Train it on one batch of 32, and on nothing else. The "
        "loss of that batch …",
        ["falls below 0.5", "stays near ln 10 = 2.3", "explodes"], answer="falls below 0.5",
        why="Thirty-two wrong labels can be learnt by heart as well as right ones. One batch tells whether model, loss and "
            "update work together; it says nothing about the data."),
    "floor": Question(
        "With softmax applied twice, and ten classes: how low can the loss of an example get, however sure and right the "
        "model is?",
        ["0", "about 0.5", "about 1.5"], answer="about 1.5",
        why="The second softmax gets a 1 and nine 0s where it needs logits. Its answer is e / (e + 9), not 1; minus its log "
            "is 1.46."),
    "resume": Question(
        "A run is killed between two updates and goes on from its last checkpoint. Beside the run that was never stopped, "
        "how many of its 17,000 weights differ at the end, in any bit?",
        ["none", "a few, in their last digits", "nearly all"], answer="none",
        why="A training run is a computation. Put back all that it depends on (weights, the optimizer's memory, where it is "
            "in the data, the state of the generators) and the same numbers come out."),
}


# --- a check: copies of held-out examples ----------------------------------------------------------------------------------

def leaked(train, held_out):
    seen = {row.tobytes() for row in train}
    return sum(row.tobytes() in seen for row in held_out) / len(held_out)


def _leaked_by_broadcasting(train, held_out):
    return (train[None] == held_out[:, None]).all(2).any(1).mean()


def _side_by_side(train, held_out):
    n = min(len(train), len(held_out))
    return (train[:n] == held_out[:n]).all(1).mean()


def _as_sets(train, held_out):
    return len({row.tobytes() for row in held_out} & {row.tobytes() for row in train}) / len(held_out)


def _two_sets(seed):
    lots = np.random.default_rng(seed)
    n, m, k = (5, 8, 6, 12, 9)[seed % 5], (4, 5, 10, 8, 6)[seed % 5], (1, 3, 4, 5, 2)[seed % 5]
    train = lots.permutation(200)[:n * 3].reshape(n, 3)                     # no number twice: rows differ
    held_out = 200 + lots.permutation(200)[:m * 3].reshape(m, 3)
    held_out[:k] = train[lots.integers(0, n - 1, k)]                        # the same training row may be there twice
    held_out[-1, 0] = train[0, 0]                                           # one number in common is no copy
    return train, lots.permutation(held_out)


EXERCISES = {
    "leaked": Exercise(
        task="Return the share of the held-out examples (rows) that also stand, number for number, among the training "
             "examples.",
        reference=leaked, inputs=_two_sets,
        hint="A set of training rows makes it quick: row.tobytes() turns a row into something that a set can hold. Then "
             "count how many held-out rows are in it, and divide by how many held-out rows there are.",
        misconceptions=[
            Misconception(lambda train, held_out: leaked(held_out, train),
                          "You counted the training examples that stand among the held-out ones. Ask it the other way "
                          "round: how much of the test has been seen?"),
            Misconception(lambda train, held_out: round(leaked(train, held_out) * len(held_out)),
                          "This is how many. The share divides by the number of held-out examples."),
            Misconception(lambda train, held_out: leaked(train, held_out) * len(held_out) / len(train),
                          "You divided by the number of training examples. It is the held-out examples of which you want "
                          "the share."),
            Misconception(lambda train, held_out: np.isin(held_out, train).mean(),
                          "You compared single numbers. A pixel that occurs somewhere in the training data proves nothing: "
                          "compare whole rows."),
            Misconception(lambda train, held_out: np.isin(held_out, train).any(1).mean(),
                          "A row counted as a copy as soon as one of its numbers occurs in the training data. All of them "
                          "must agree, in one row."),
            Misconception(_side_by_side,
                          "You compared row 0 with row 0, row 1 with row 1. A copy may stand anywhere: compare each "
                          "held-out row with every training row."),
            Misconception(lambda train, held_out: 1 - leaked(train, held_out),
                          "This is the share that is new. The share that leaked is the rest."),
            Misconception(lambda train, held_out: bool(leaked(train, held_out)),
                          "You said whether any leaked. How many decides what it did to the test: return the share."),
            Misconception(_as_sets,
                          "Held-out examples that are copies of one training example count once in a set. Each of them is a "
                          "question that has been seen: count them all."),
        ],
        alternatives=[_leaked_by_broadcasting]),
}


# --- a check: how large an update is beside the weights --------------------------------------------------------------------

def stride(before, after):
    moved = sum(((b - a) ** 2).sum() for a, b in zip(before, after))
    size = sum((a**2).sum() for a in before)
    return np.sqrt(moved / size)


def _stride_in_one_row(before, after):
    a, b = (np.concatenate([w.ravel() for w in weights]) for weights in (before, after))
    return np.linalg.norm(b - a) / np.linalg.norm(a)


def _lengths_added(before, after):
    return sum(np.linalg.norm(b - a) for a, b in zip(before, after)) / sum(np.linalg.norm(a) for a in before)


def _beside_the_new(before, after):
    return np.sqrt(sum(((b - a) ** 2).sum() for a, b in zip(before, after)) / sum((b**2).sum() for b in after))


def _absolute(before, after):
    return sum(np.abs(b - a).sum() for a, b in zip(before, after)) / sum(np.abs(a).sum() for a in before)


def _lengths_compared(before, after):
    return abs(1 - np.sqrt(sum((b**2).sum() for b in after) / sum((a**2).sum() for a in before)))


def _two_weights(seed):
    lots = np.random.default_rng(seed)
    shapes = (((2, 2), (2,)), ((3, 2), (2,)), ((4,), (2, 3)), ((2, 5), (5,)), ((3, 3), (3,)))[seed % 5]
    before = [lots.normal(0, scale, shape).round(2) for shape, scale in zip(shapes, (2.0, 0.3))]
    return before, [(w + lots.normal(0, scale, w.shape)).round(2) for w, scale in zip(before, (0.2, 0.4))]


EXERCISES["stride"] = Exercise(
    task="Return the length of an update divided by the length of the weights before it. Both are lists of arrays, one for "
         "each parameter; the length is that of all numbers together: the root of the sum of their squares.",
    reference=stride, inputs=_two_weights, rtol=1e-6,
    hint="First the update of each array, after - before. Sum the squares over all arrays and only then take the root; the "
         "same for the weights before. The answer is one divided by the other.",
    misconceptions=[
        Misconception(lambda before, after: stride(before, after) ** 2,
                      "The root is missing: you divided squares by squares."),
        Misconception(lambda before, after: np.mean([np.linalg.norm(b - a) / np.linalg.norm(a) for a, b in zip(before, after)]),
                      "You took the ratio of each array and then the mean, so that a small bias counts as much as a large "
                      "matrix. Put all numbers together first."),
        Misconception(lambda before, after: 1 / stride(before, after), "The update goes above the line, the weights below it."),
        Misconception(lambda before, after: np.sqrt(sum(((b - a) ** 2).sum() for a, b in zip(before, after)))
                      / sum((a**2).sum() for a in before),
                      "You took the root above the line and not below it."),
        Misconception(_lengths_added,
                      "You added up lengths. Lengths of parts do not add up to the length of the whole: sum the squares, "
                      "then take the root."),
        Misconception(_beside_the_new,
                      "You divided by the weights after the update. With a huge step they are mostly step, and the ratio "
                      "looks harmless: divide by those before."),
        Misconception(lambda before, after: np.sqrt(sum(((b - a) ** 2).sum() for a, b in zip(before, after))),
                      "This is the length of the update. Beside which weights? Divide by their length."),
        Misconception(lambda before, after: np.mean(np.concatenate([np.abs((b - a) / a).ravel() for a, b in zip(before, after)])),
                      "You divided number by number. A weight near 0 then decides all: compare the two lengths."),
        Misconception(lambda before, after: sum((b - a).sum() for a, b in zip(before, after)) / sum(a.sum() for a in before),
                      "You summed the numbers themselves: ups and downs cancel. Sum their squares, and take the root."),
        Misconception(_absolute,
                      "Nearly: you summed absolute values, which is a length too (L1), but not the one that is asked for. "
                      "Squares, then the root."),
        Misconception(_lengths_compared,
                      "You compared how long the weights are before and after. They may turn a long way and keep their "
                      "length: take the difference first, then its length."),
    ],
    alternatives=[_stride_in_one_row])


# --- a repair: gradients that are never zeroed -------------------------------------------------------------------------------

def descend(w, batches, rate):
    for x, y in batches:
        grad = 0.0                                              # a fresh one for every batch
        grad += np.mean(2 * (w * x - y) * x)
        w -= rate * grad
    return w


def _descend_without_a_sum(w, batches, rate):
    for x, y in batches:
        w = w - rate * (2 * (w * x - y) * x).sum() / len(x)
    return w


def _descend(w, batches, rate, *, keep=True, once=False, mean=False, sign=-1.0, first_only=False):
    grad = 0.0
    for i, (x, y) in enumerate(batches):
        new = np.mean(2 * (w * x - y) * x)
        grad = grad + new if keep else new
        if not once:
            w = w + sign * rate * (grad / (i + 1) if mean else grad)
        if first_only:
            break
    return w + sign * rate * grad if once else w


def _some_batches(seed):
    lots = np.random.default_rng(seed)
    n = (2, 3, 4, 3, 5)[seed % 5]
    batches = [(lots.normal(size=4).round(1), lots.normal(size=4).round(1)) for _ in range(n)]
    return float(lots.integers(-2, 3)) + 0.5, batches, 0.1


EXERCISES["descend"] = Exercise(
    task="Repair the loop: return the weight w after one update for each batch, each with the gradient of that batch alone.",
    reference=descend, inputs=_some_batches, rtol=1e-6,
    hint="`grad += …` adds to what was there. Before each batch, what was there must be nothing. That line has to be inside "
         "the loop.",
    misconceptions=[
        Misconception(_descend, "It still does what it did: the gradient of every batch so far is in grad. Set it to 0 "
                                "inside the loop, before the batch."),
        Misconception(lambda w, batches, rate: _descend(w, batches, rate, mean=True),
                      "You divide the sum by the number of batches so far. Old gradients then count as much as the new one, "
                      "and they belong to weights that are gone: begin each batch with an empty one."),
        Misconception(lambda w, batches, rate: _descend(w, batches, rate, once=True),
                      "This is where a single update with the sum of all gradients ends: the update has left the loop, or "
                      "every gradient is measured at the first weight. One update for each batch, at the weight as it is "
                      "now."),
        Misconception(lambda w, batches, rate: _descend(w, batches, rate, keep=False, once=True),
                      "The gradient is fresh, and the update has left the loop: only the last batch moves the weight."),
        Misconception(lambda w, batches, rate: _descend(w, batches, rate, keep=False, sign=1.0),
                      "The gradient is fresh, and the step goes up the slope: it is minus rate times the gradient."),
        Misconception(lambda w, batches, rate: _descend(w, batches, rate, keep=False, first_only=True),
                      "It returns inside the loop, after the first batch."),
        Misconception(lambda w, batches, rate: w, "Nothing moves: the gradient is emptied between `grad += …` and the "
                                                  "update. Empty it before."),
    ],
    alternatives=[_descend_without_a_sum],
    solution="""
        def descend(w, batches, rate):
            for x, y in batches:
                grad = 0.0                                  # was before the loop
                grad += np.mean(2 * (w * x - y) * x)
                w = w - rate * grad
            return w
        """)


# --- a repair: a log that is safe --------------------------------------------------------------------------------------------

def surprise(z, y):
    return np.mean(np.logaddexp(0, np.where(y == 1, -z, z)))


def _surprise_by_hand(z, y):
    return np.mean(np.maximum(z, 0) - z * y + np.log1p(np.exp(-np.abs(z))))


def _naive(z, y, eps=0.0, sign=-1, total=False, ends=(0.0, 1.0)):
    with np.errstate(all="ignore"):
        p = np.clip(1 / (1 + np.exp(-z)), *ends)
        each = sign * (y * np.log(p + eps) + (1 - y) * np.log(1 - p + eps))
    return each.sum() if total else each.mean()


def _log_of_exp(z, y):
    with np.errstate(all="ignore"):
        return np.mean(np.log(1 + np.exp(np.where(y == 1, -z, z))))


def _some_logits(seed):
    lots = np.random.default_rng(seed)
    z = lots.normal(0, 3, (3, 4, 3, 5, 4)[seed % 5]).round(1)
    y = np.arange(len(z)) % 2
    z[0] = (0.0, 1000.0, 1.5, 800.0, -1000.0)[seed % 5]
    if seed % 5 in (3, 4):                              # the first is sure and right; elsewhere sure and wrong
        y = 1 - y
    return z, y


EXERCISES["surprise"] = Exercise(
    task="Return the mean surprise: -log p where y is 1 and -log(1 - p) where y is 0, with p = 1 / (1 + exp(-z)). It must "
         "be right for every logit z, also for 1000 and -1000.",
    reference=surprise, inputs=_some_logits, rtol=1e-6,
    hint="-log p = log(1 + exp(-z)), and -log(1 - p) = log(1 + exp(z)). np.logaddexp(0, a) is log(1 + exp(a)), without ever "
         "computing an exp that is too large.",
    misconceptions=[
        Misconception(_naive, "It still meets the log of 0: p is exactly 1.0 once z is above 37, and 0 * log(0) is nan. Do "
                              "not compute p at all; write -log p in terms of z."),
        Misconception(_log_of_exp, "exp(1000) is inf, and so is its log. np.logaddexp(0, a) is log(1 + exp(a)) without the large "
                                   "exp."),
        Misconception(lambda z, y: _naive(z, y, eps=1e-8),
                      "No nan any more, and a wrong number: for z = 1000 and y = 0 the surprise is 1000, and your 1e-8 says "
                      "18. The model's worst mistakes would have no gradient."),
        Misconception(lambda z, y: _naive(z, y, ends=(1e-7, 1 - 1e-7)),
                      "Clipping p hides the nan and flattens the loss: beyond 16 every mistake costs the same, and nothing "
                      "pulls it back."),
        Misconception(lambda z, y: _naive(np.clip(z, -30, 30), y),
                      "You clipped the logits. That is safe and flat: a logit of 1000 costs as much as one of 30, and gets "
                      "no gradient."),
        Misconception(lambda z, y: -surprise(z, y), "The sign is the wrong way round: a surprise is never negative."),
        Misconception(lambda z, y: surprise(z, 1 - y), "yes and no are swapped: where y is 1, being sure of yes must cost "
                                                       "nothing."),
        Misconception(lambda z, y: surprise(z, y) * len(z), "This is the sum over the examples; the mean is asked for."),
        Misconception(lambda z, y: np.mean(np.logaddexp(0, -z)), "Every example is treated as a yes. Where y is 0, it is "
                                                                 "log(1 + exp(z))."),
    ],
    alternatives=[_surprise_by_hand])


# --- a repair: one order for both ----------------------------------------------------------------------------------------------

def epoch(x, y, lots):
    order = lots.permutation(len(x))
    return x[order], y[order]


def _epoch_in_place(x, y, lots):
    both = list(zip(x, y))
    lots.shuffle(both)
    return np.array([a for a, _ in both]), np.array([b for _, b in both])


def _epoch_judge(answer):
    n = 40
    x = np.arange(n) * 10
    y = np.arange(n) + 1000
    found = []
    for seed in (0, 0, 1):
        got = answer(x.copy(), y.copy(), np.random.default_rng(seed))
        if not isinstance(got, tuple | list) or len(got) != 2:
            return "Return both arrays, x and y, as a pair."
        a, b = (np.asarray(part) for part in got)
        if a.shape != (n,) or b.shape != (n,):
            return f"x and y have {n} examples each; after the epoch they have shapes {a.shape} and {b.shape}."
        if not np.array_equal(np.sort(a), x):
            return "Some examples come twice and others not at all: an epoch takes every one once."
        if not np.array_equal(a // 10 + 1000, b):
            return ("The inputs are in a new order and the labels in the old one." if np.array_equal(b, y) else
                    "The labels are in a new order and the inputs in the old one." if np.array_equal(a, x) else
                    "Inputs and labels are both shuffled, each in an order of its own: the pairs are torn.")
        found.append(a)
    if np.array_equal(found[0], x):
        return "Nothing is shuffled: the examples come in the order of the file."
    if not np.array_equal(found[0], found[1]):
        return "The same generator state gives another order each time: draw from `lots`, and from nothing else."
    if np.array_equal(found[0], found[2]):
        return "Another generator gives the same order: draw it from `lots`."
    return None


def _drawn(x, y, lots):
    rows = lots.integers(0, len(x), len(x))
    return x[rows], y[rows]


def _apart(x, y, lots):
    return x[lots.permutation(len(x))], y[lots.permutation(len(y))]


def _only_x(x, y, lots):
    return x[lots.permutation(len(x))], y


def _only_y(x, y, lots):
    return x, y[lots.permutation(len(y))]


def _own_lots(x, y, lots):
    order = np.random.permutation(len(x))
    return x[order], y[order]


def _fixed_lots(x, y, lots):
    return epoch(x, y, np.random.default_rng(5))


EXERCISES["epoch"] = Exercise(
    task="Repair the epoch: return x and y in a new order, drawn from the generator `lots`, with every label still at its "
         "input.",
    reference=epoch, judge=_epoch_judge,
    hint="Draw the order once: order = lots.permutation(len(x)). Then use it for both.",
    misconceptions=[
        Misconception(_apart, "Two permutations are drawn, one for each, and the pairs are torn. Draw one and keep it in a "
                              "variable."),
        Misconception(_only_x, "The inputs move and the labels stay. Put the labels into the same order."),
        Misconception(_only_y, "The labels move and the inputs stay. Put the inputs into the same order."),
        Misconception(_drawn, "integers draws with putting back: about a third of the examples never comes up. permutation "
                              "takes every one once."),
        Misconception(lambda x, y, lots: (x, y), "The pairs are whole, because nothing was shuffled. Draw one order for "
                                                 "both."),
        Misconception(_own_lots, "It is shuffled, and by np.random's own generator: the run could not be repeated. Draw "
                                 "from `lots`."),
        Misconception(_fixed_lots, "The order is the same whatever `lots` is: every epoch would be the same. Draw from "
                                   "`lots`."),
    ],
    alternatives=[_epoch_in_place])
