"""Lesson 04, backpropagation: what it asks."""
import numpy as np

from minitrain.teach.exercises import Exercise, Misconception
from minitrain.teach.predictions import Question

QUESTIONS = {
    "cost": Question(
        "Nudging prices the 354 weights of a network for 355 forward passes. The walk back prices them all at once, and takes "
        "as long as …",
        ["at most 4 forward passes", "about 40 forward passes", "about 354 forward passes"], answer="at most 4 forward passes",
        why="The walk back passes every operation once, as the forward pass did, and at each it does about the same work, once "
            "for each input."),
    "swap": Question(
        "Two networks of one architecture. One has learned whether a point lies inside the circle, the other whether it lies "
        "in one of two opposite quarters of the square. Ask the second about the circle: it is right …",
        ["nearly always (above 90 %)", "about half of the time", "hardly ever (below 20 %)"], answer="about half of the time",
        why="The architecture is the same, and everything that was learned stands in the weights. On this question those of the "
            "other job are worth a coin."),
    "nudge-size": Question(
        "Of these three nudges, the one whose slope comes nearest to the true one is …",
        ["0.01", "0.0000001", "0.0000000000001"], answer="0.0000001",
        why="A large nudge sees the curve, a tiny one sees the rounding: a loss is kept to about 16 digits, and a nudge of "
            "10⁻¹³ changes only the last of them."),
    "fresh": Question(
        "A fresh network with small random weights in its last layer is asked which of ten digits it sees. How sure is it of "
        "its favourite answer, on average?",
        ["about 10 %", "about 50 %", "nearly 100 %"], answer="about 10 %",
        why="Small weights make small logits, nearly equal ones; ten nearly equal logits are ten probabilities near a tenth."),
    "two-runs": Question(
        "Two networks of one architecture learn the same digits from two random starts, and agree on nearly every new digit. "
        "The cosine between their two lists of weights (1: the same direction, 0: unrelated) is …",
        ["above 0.9", "about one half", "between -0.2 and 0.2"], answer="between -0.2 and 0.2",
        why="Many settings of the weights give the same answers: hidden units, for one, can stand in any order, and each start "
            "leads to an order of its own."),
}


def _nudged(f, arrays, g, h=1e-5):
    """By how much sum(g · f(*arrays)) grows for each number in each of the arrays, from two nudges each."""
    blames = []
    for i, array in enumerate(arrays):
        blame = np.zeros_like(array, float)
        for at in np.ndindex(blame.shape):
            both = []
            for nudge in (h, -h):
                nudged = np.array(array, float)
                nudged[at] += nudge
                both.append(np.sum(g * f(*arrays[:i], nudged, *arrays[i + 1:])))
            blame[at] = (both[0] - both[1]) / (2 * h)
        blames.append(blame)
    return blames


# --- multiply -----------------------------------------------------------------------------------------------------------

def multiply_backward(a, b, g):
    return g * b, g * a             # c grows by b for each 1 that a grows, and by a for each 1 that b grows


def _multiply_by_nudging(a, b, g):
    h = 1e-6
    return g * ((a + h) * b - a * b) / h, g * (a * (b + h) - a * b) / h


def _multiply_by_list(a, b, g):
    factors = [a, b]
    return tuple(factor * g for factor in reversed(factors))


def _some_factors(seed):
    a, b, g = np.random.default_rng(seed).choice([-7.0, -5.0, -3.0, -1.5, 2.0, 4.0, 6.0, 9.0], 3, replace=False).tolist()
    return a, b, g


# --- a matrix product ---------------------------------------------------------------------------------------------------

def matmul_backward(a, b, g):
    return g @ b.T, a.T @ g         # (N, M) @ (M, K) and (K, N) @ (N, M)


def _matmul_by_einsum(a, b, g):
    return np.einsum("nm,km->nk", g, b), np.einsum("nk,nm->km", a, g)


def _matmul_in_loops(a, b, g):
    blame_a, blame_b = np.zeros(a.shape), np.zeros(b.shape)
    for n in range(g.shape[0]):
        for m in range(g.shape[1]):
            blame_a[n] += g[n, m] * b[:, m]
            blame_b[:, m] += g[n, m] * a[n]
    return blame_a, blame_b


def _matmul_by_nudging(a, b, g):
    return tuple(_nudged(np.matmul, (a, b), g))


def _some_matrices(seed):
    lots = np.random.default_rng(seed)
    N, K, M = ((2, 2, 2), (3, 2, 4), (3, 3, 3), (1, 3, 2), (4, 4, 4))[seed % 5]
    return tuple(lots.integers(1, 9, shape) * lots.choice([-1.0, 1.0], shape) for shape in ((N, K), (K, M), (N, M)))


# --- an addition that repeats a row --------------------------------------------------------------------------------------

def add_backward(g):
    return g, g.sum(0)              # (N, M), and (M,): b was used N times, and is blamed N times


def _add_in_a_loop(g):
    total = np.zeros(g.shape[1])
    for row in g:
        total += row
    return g.copy(), total


def _add_by_ones(g):
    return 1.0 * g, np.ones(len(g)) @ g


def _some_blame(seed):
    lots = np.random.default_rng(seed)
    shape = ((2, 3), (3, 2), (3, 3), (4, 2), (2, 5))[seed % 5]
    return (lots.integers(1, 9, shape) * lots.choice([-1.0, 1.0], shape),)


# --- softmax and cross-entropy in one step ------------------------------------------------------------------------------

def cross_entropy_backward(logits, y):
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)           # (N, K) softmax
    return (p - np.eye(logits.shape[1])[y]) / len(y)                    # (N, K)


def _cross_entropy_in_a_loop(logits, y):
    blame = np.exp(logits - logits.max(1, keepdims=True))
    for n, label in enumerate(y):
        blame[n] /= blame[n].sum()
        blame[n, label] -= 1
    return blame / len(y)


def _mean_surprise(logits, y):
    log_p = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    return -log_p[np.arange(len(y)), y].mean()


def _cross_entropy_by_nudging(logits, y):
    return _nudged(lambda z: _mean_surprise(z, y), (logits,), 1.0)[0]


def _softmax(logits, axis=1):
    return np.exp(logits) / np.exp(logits).sum(axis, keepdims=True)


def _one_hot(logits, y):
    return np.eye(logits.shape[1])[y]


def _one_off_whole_rows(logits, y):
    p = _softmax(logits)
    p[y] -= 1
    return p / len(y)


def _one_off_whole_columns(logits, y):
    p = _softmax(logits)
    p[:, y] -= 1
    return p / len(y)


def _some_logits(seed):
    lots = np.random.default_rng(seed)
    N, K = ((2, 3), (3, 2), (4, 4), (3, 5), (2, 4))[seed % 5]
    return lots.normal(size=(N, K)).round(1), lots.integers(0, K, N)


EXERCISES = {
    "multiply": Exercise(
        task="c = a * b, and the loss grows by g for each 1 that c grows. Return by how much it grows for each 1 that a grows, "
             "and for each 1 that b grows.",
        reference=multiply_backward, inputs=_some_factors, any_sequence=True,
        hint="Let a be 3 and b be 5. If a grows by 1, c grows by how much? And the loss grows by g for each of those. Then the "
             "same for b.",
        misconceptions=[
            Misconception(lambda a, b, g: (g * a, g * b),
                          "The two are the wrong way round. If b is 5, then one more a is 5 more c: what a is blamed for "
                          "depends on b."),
            Misconception(lambda a, b, g: (b, a),
                          "That is by how much c grows. The loss grows by g for each of those: g is missing."),
            Misconception(lambda a, b, g: (g, g),
                          "That is right for a + b, where one more a is one more c. In a * b one more a is b more c."),
            Misconception(lambda a, b, g: (g * a * b, g * a * b),
                          "You multiplied by c itself. The question is by how much c grows when a grows by 1, not how large c "
                          "is."),
            Misconception(lambda a, b, g: (g + b, g + a),
                          "The factors along the way are multiplied, as gears are: b more c for each a, and g more loss for "
                          "each c."),
            Misconception(lambda a, b, g: (g * b / 2, g * a / 2),
                          "You shared the blame out between the two. It is not shared: each answers for what its own growing "
                          "would do while the other stands still."),
            Misconception(lambda a, b, g: (-g * b, -g * a),
                          "The sign is turned round. You are asked how the loss grows; the minus comes in step 4, where the "
                          "update takes a part of it away."),
        ],
        alternatives=[_multiply_by_nudging, _multiply_by_list]),
    "matmul": Exercise(
        task="c = a @ b, and g holds the blame of each number of c, (N, M). Return the blame of each number of a (N, K) and of "
             "b (K, M).",
        reference=matmul_backward, inputs=_some_matrices,
        hint="c[n, m] is the sum over k of a[n, k] * b[k, m]. So a[n, k] is used in c[n, 0], c[n, 1], …, each time times "
             "b[k, m]: sum g[n, m] * b[k, m] over m. Then look for the product of matrices that does this, and let the shapes "
             "help: blame has the shape of what it is for.",
        misconceptions=[
            Misconception(lambda a, b, g: (g @ b, a @ g),
                          "The right matrices in the right order; two need to be turned over (.T). The shapes show it where "
                          "they are not square: g is (N, M), b is (K, M) only after .T is (M, K)."),
            Misconception(lambda a, b, g: (b.T @ g, g @ a.T),
                          "The right matrices, and the order is the wrong way round: g stands where the result c stood, left "
                          "of b.T and right of a.T."),
            Misconception(lambda a, b, g: (g * b, g * a),
                          "That is the rule for multiplying number by number. Here each number of a is used in a whole row of "
                          "c, and its blame is a sum over that row."),
            Misconception(lambda a, b, g: (np.ones_like(g) @ b.T, a.T @ np.ones_like(g)),
                          "This would be right if every number of c had blame 1. Each has its own, in g."),
            Misconception(lambda a, b, g: (a.T @ g, g @ b.T),
                          "Both are right, in the wrong order: the blame of a comes first, then that of b."),
            Misconception(lambda a, b, g: (b @ g.T, g.T @ a),
                          "The numbers are right and lie on their side: the blame of a has the shape of a, (N, K), and that of "
                          "b the shape of b."),
            Misconception(lambda a, b, g: (g @ b.T, a.T @ g / len(a)),
                          "The blame of a is right. That of b is a sum over the N rows, and you took their mean. The mean was "
                          "taken in the loss, and is in g already."),
            Misconception(lambda a, b, g: (g @ b.T / len(a), a.T @ g / len(a)),
                          "The matrices are right, and you divided both by N. Blames add up; where the loss is a mean, that is "
                          "in g already."),
            Misconception(lambda a, b, g: (g @ b.T, g.T @ a),
                          "The blame of a is right. That of b lies on its side: it should be (K, M) as b is, and yours is "
                          "(M, K)."),
            Misconception(lambda a, b, g: (b @ g.T, a.T @ g),
                          "The blame of b is right. That of a lies on its side: it should be (N, K) as a is, and yours is "
                          "(K, N)."),
            Misconception(lambda a, b, g: (b.T, a.T),
                          "That is how c turns with a and with b. How the loss turns with each number of c stands in g, and g "
                          "is missing."),
        ],
        alternatives=[_matmul_by_einsum, _matmul_in_loops, _matmul_by_nudging]),
    "add": Exercise(
        task="c = a + b, where b (M,) is added to each of the N rows of a (N, M). From g (N, M), the blame of c, return the "
             "blame of a (N, M) and of b (M,).",
        reference=add_backward, inputs=_some_blame,
        hint="One more in b[0] is one more in c[0, 0], in c[1, 0], in c[2, 0], …, in every row. What is used often is blamed "
             "for each use, and the blames add up.",
        misconceptions=[
            Misconception(lambda g: (g, g),
                          "The blame of a is right. That of b must have the shape of b, (M,): b was used once for each row, and "
                          "the blames of its uses add up."),
            Misconception(lambda g: (g, g.sum(1)),
                          "The blame of a is right. For b you added along the rows; b[0] was used in column 0 of every row, so "
                          "add down the columns."),
            Misconception(lambda g: (g, g.mean(0)),
                          "The blame of a is right. For b you took the mean; blames of several uses are added. (If the loss is "
                          "a mean, that stands in g already.)"),
            Misconception(lambda g: (g, g.sum()),
                          "The blame of a is right. For b you added everything up to one number; b has M numbers, and each has "
                          "its own blame."),
            Misconception(lambda g: (g, g[0]),
                          "The blame of a is right. For b you took the first row only; b was used in every row."),
            Misconception(lambda g: (g, g.sum(0, keepdims=True)),
                          "The numbers are right. The blame of b has the shape of b, (M,), and yours is (1, M): leave out "
                          "keepdims."),
            Misconception(lambda g: (g.sum(0), g.sum(0)),
                          "The blame of b is right. Each number of a was used once, so its blame is that of c as it is, with "
                          "nothing added up."),
            Misconception(lambda g: (g.sum(0), g),
                          "Both are right, in the wrong order: the blame of a comes first, then that of b."),
        ],
        alternatives=[_add_in_a_loop, _add_by_ones]),
    "cross-entropy": Exercise(
        task="Return the gradient of the mean cross-entropy by each logit: (N, K) numbers.",
        reference=cross_entropy_backward, inputs=_some_logits, any_sequence=True,
        hint="p = exp(logits) / sum of exp(logits), row by row. Nudge a wrong answer's logit and compare the slope with its p, "
             "then the right answer's and compare with p - 1. One formula covers both: subtract a 1 where the right answer "
             "is. And it is a mean over N.",
        misconceptions=[
            Misconception(lambda z, y: _softmax(z) - _one_hot(z, y),
                          "Right for one example. The loss is a mean over N, and each logit moves only 1/N of it."),
            Misconception(lambda z, y: (_one_hot(z, y) - _softmax(z)) / len(y),
                          "The sign is turned round. Where the answer is right, the loss falls as the logit grows: the gradient "
                          "there is negative."),
            Misconception(lambda z, y: _softmax(z) / len(y),
                          "That is right for the wrong answers. At the right answer the loss has the logit once more, with a "
                          "minus: subtract 1 there."),
            Misconception(lambda z, y: -_one_hot(z, y) / len(y),
                          "That is the blame of log p. Through the softmax every logit has a part in it: the sum of exp(logits) "
                          "grows with each of them."),
            Misconception(lambda z, y: (z - _one_hot(z, y)) / len(y),
                          "You compared logits with the right answer; it is the probabilities, softmax of the logits, that "
                          "compare with 0 and 1."),
            Misconception(lambda z, y: (_softmax(z, axis=0) - _one_hot(z, y)) / len(y),
                          "Your probabilities add up to 1 down the columns, over examples. They should over the K answers of "
                          "one example: axis 1."),
            Misconception(lambda z, y: -_one_hot(z, y) / _softmax(z) / len(y),
                          "That is the gradient by the probability. The question is by the logit, one step further back, "
                          "through the softmax."),
            Misconception(lambda z, y: (np.eye(z.shape[1])[z.argmax(1)] - _one_hot(z, y)) / len(y),
                          "You rounded to the favourite answer. The gradient needs how sure the model is of each answer."),
            Misconception(lambda z, y: ((_softmax(z) - _one_hot(z, y)) / len(y)).sum(0),
                          "You added the examples up. Every example has logits of its own, so there are N × K numbers."),
            Misconception(lambda z, y: (np.exp(z) / np.exp(z).sum(1) - _one_hot(z, y)) / len(y),
                          "The sums are one for each row, shape (N,), and NumPy lays them along the columns. With "
                          "keepdims=True they are (N, 1), and each divides its own row."),
            Misconception(lambda z, y: (np.exp(z) / np.exp(z).sum() - _one_hot(z, y)) / len(y),
                          "Your probabilities add up to 1 over the whole table. Each row is a question of its own: sum along "
                          "axis 1."),
            Misconception(lambda z, y: (_softmax(z) - _one_hot(z, y)) / z.size,
                          "You divided by all N × K numbers. The loss is a mean over the N examples."),
            Misconception(lambda z, y: (_softmax(z) - _one_hot(z, y)) / z.shape[1],
                          "You divided by the number of answers, K. The loss is a mean over the N examples."),
            Misconception(lambda z, y: (_softmax(z) - y) / len(y),
                          "You subtracted the numbers of the right answers (2 for the third). Subtract a 1 in the column of "
                          "the right answer and 0 elsewhere: np.eye(K)[y] has these rows."),
            Misconception(_one_off_whole_rows,
                          "p[y] picks whole rows, those whose number happens to be a right answer. One number of each row is "
                          "p[np.arange(N), y]."),
            Misconception(_one_off_whole_columns,
                          "p[:, y] picks whole columns, for every example. One number of each row is p[np.arange(N), y]."),
        ],
        alternatives=[_cross_entropy_in_a_loop, _cross_entropy_by_nudging]),
}
