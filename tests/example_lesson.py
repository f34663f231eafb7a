"""A lesson's data as an author would write it, one exercise of each sort; the tests of the machinery judge with it."""
import numpy as np
import torch

from minitrain.teach.exercises import Exercise, Misconception
from minitrain.teach.predictions import Question

QUESTIONS = {
    "which-way": Question("One step along the slope, where `x < 0`. The loss …", choices=["falls", "grows", "stays"],
                          answer="grows", why="The gradient points uphill."),
    "tags": Question("Is <b>this</b> bold?", choices=["<i>yes</i>", "no"], answer="no"),
}


def mse(y, target):
    return ((y - target) ** 2).mean()


def mse_by_hand(y, target):
    return sum((a - b) ** 2 for a, b in zip(y.tolist(), target.tolist(), strict=True)) / len(y)


def step(weights, gradient, rate):
    weights -= rate * gradient


def step_up(weights, gradient, rate):
    weights += rate * gradient


def epoch(n, size, seed):
    order = np.random.default_rng(seed).permutation(n)
    for start in range(0, n, size):
        yield order[start:start + size]


def epoch_in_order(n, size, seed):
    return [np.arange(n)[start:start + size] for start in range(0, n, size)]


def epoch_short(n, size, seed):
    order = np.random.default_rng(seed).permutation(n)
    return [order[start:start + size] for start in range(0, n - size + 1, size)]


def epoch_with_repeats(n, size, seed):
    g = np.random.default_rng(seed)
    return [g.integers(n, size=size) for _ in range(-(-n // size))]


def epoch_forever(n, size, seed):
    while True:
        yield np.arange(size)


def fair_epoch(epoch):
    for n, size in ((6, 2), (7, 3), (50, 8)):
        batches = [list(map(int, batch)) for batch in epoch(n, size, 0)]
        seen = [i for batch in batches for i in batch]
        if len(set(seen)) < len(seen):
            return "Some example comes twice in one epoch."
        if set(seen) != set(range(n)):
            return "Some example is skipped."
        if any(len(batch) > size for batch in batches):
            return "A batch is too large."
    return "The order is the same as in the data." if seen == sorted(seen) else None


def causal_mask(t):
    return torch.tril(torch.ones(t, t, dtype=torch.bool))


def count_words(text):
    counts = {}
    for word in text.lower().split():
        counts[word] = counts.get(word, 0) + 1
    return counts


def mean_and_range(numbers):
    return sum(numbers) / len(numbers), (min(numbers), max(numbers))


def random_case(seed):
    g = np.random.default_rng(seed)
    return g.normal(size=3 + seed), g.normal(size=3 + seed)


EXERCISES = {
    "mse": Exercise(
        "Mean squared error.", mse, [(np.arange(40.), np.ones(40)), (np.array([1., 3.]), np.array([0., 0.]))],
        [Misconception(lambda y, t: ((y - t) ** 2).sum(), "You summed; divide by how many there are."),
         Misconception(lambda y, t: (y - t) ** 2, "One number for all of them: take the mean."),
         Misconception(lambda y, t: np.abs(y - t).mean(), "That is the absolute error.")],
        hint="Square the differences, then take their mean.", alternatives=[mse_by_hand]),
    "random-mse": Exercise(
        "Mean squared error.", mse, random_case, [Misconception(lambda y, t: ((y - t) ** 2).sum(), "You summed.")],
        hint="Mean.", alternatives=[lambda y, t: np.float32(np.dot(y - t, y - t) / len(y))]),
    "step": Exercise(
        "One update, in place.", step, [(np.ones(2), np.array([1., -2.]), 0.1)],
        [Misconception(step_up, "Against the slope, not along it."),
         Misconception(lambda w, g, r: w - r * g, "That makes new weights and leaves the old ones as they were.")],
        hint="Use -=.", alternatives=[lambda w, g, r: np.subtract(w, r * g, out=w)], changes_inputs=True),
    "epoch": Exercise(
        "One epoch in random mini-batches.", epoch,
        misconceptions=[Misconception(epoch_in_order, "Shuffle first."),
                        Misconception(epoch_short, "The last batch may be smaller."),
                        Misconception(epoch_with_repeats, "Drawing with replacement repeats some."),
                        Misconception(epoch_forever, "Stop after n examples.")],
        hint="Permute, then cut.", judge=fair_epoch, solution="""
            def epoch(n, size, seed):
                order = np.random.default_rng(seed).permutation(n)
                return np.split(order, range(size, n, size))
            """,
        alternatives=[lambda n, size, seed: torch.randperm(n, generator=torch.Generator().manual_seed(seed)).split(size)]),
    "causal-mask": Exercise(
        "True where a position may look.", causal_mask, [(4,), (2,), (1,)],
        [Misconception(lambda t: torch.triu(torch.ones(t, t, dtype=torch.bool)), "Turned over: that one sees the future."),
         Misconception(lambda t: torch.tril(torch.ones(t, t)), "Truth values, not numbers."),
         Misconception(lambda t: torch.tril(torch.ones(t, t, dtype=torch.bool), -1), "A position sees itself.")],
        hint="tril", alternatives=[lambda t: torch.arange(t)[:, None] >= torch.arange(t)]),
    "count-words": Exercise(
        "How often each word comes.", count_words, [("a b a",), ("A a",)],
        [Misconception(lambda text: {w: text.split().count(w) for w in text.split()}, "A and a are one word.")],
        hint="lower()", alternatives=[lambda text: {w: text.lower().split().count(w) for w in set(text.lower().split())}]),
    "mean-and-range": Exercise(
        "Mean, and smallest with largest.", mean_and_range, [([1, 2, 6],), ([5, 3],)],
        [Misconception(lambda x: (sorted(x)[len(x) // 2], (min(x), max(x))), "That is the median.")],
        hint="sum / len", alternatives=[lambda x: [np.mean(x), [np.min(x), np.max(x)]]], any_sequence=True),
    "accuracy": Exercise(
        "Read the accuracy off the table.", 0.8, misconceptions=[Misconception(0.2, "That is the share of errors.")],
        hint="The diagonal.", alternatives=[np.float32(0.8)], solution="accuracy = (5 + 3) / 10"),
}
