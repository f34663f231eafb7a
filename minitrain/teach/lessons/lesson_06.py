"""Lesson 06, deep networks: what it asks."""
import numpy as np

from minitrain.teach.exercises import Exercise, Misconception
from minitrain.teach.predictions import Question

QUESTIONS = {
    "deeper": Question(
        "The same network with 2, 4, 8, … 64 layers, each depth at the best of five learning rates. As it gets deeper, the "
        "share of new digits that it gets right …",
        ["grows", "stays about the same", "falls to one in ten, a guess"], answer="falls to one in ten, a guess",
        why="From 8 layers on, next to nothing was learned at any rate. The next cells look for the reason."),
    "least": Question(
        "64 layers with relu, biases at 0, before the first update. Of which layers do the weights get the smallest gradient?",
        ["of the first, far from the loss", "of the last, next to the loss", "of none: all get about equally little"],
        answer="of none: all get about equally little",
        why="A weight's gradient is the signal that comes in times the blame that comes back. The signal dies on its way "
            "forward, the blame dies on its way back, and their product is equally tiny everywhere."),
    "rescue": Question(
        "Go back to the weights that were kept before the explosion. Same batches, same rising rate; but no gradient may be "
        "longer than 1. The run …",
        ["explodes all the same, a little later", "survives, and learns no more", "survives, and learns on"],
        answer="survives, and learns on",
        why="An explosion is a handful of steps, each longer than the last. With a cap no step is longer than the rate, and what "
            "a bad one spoils, the next ones mend."),
    "alone": Question(
        "64 layers, the start as above, and one cure at a time, each at its own best rate. Which gets more than half of the new "
        "digits right?",
        ["residual connections", "layer norm", "clipping", "none of them"], answer="none of them",
        why="Each mends one thing and leaves another: residual connections let signal and blame grow without end, layer norm "
            "holds the signal and lets the blame grow, and a cap does nothing for what is too small."),
    "small-start": Question(
        "Residual connections alone were at a guess with 64 layers. Now divide the weights they start from by the depth, 64, and "
        "change nothing else. The share of new digits that is right …",
        ["stays at a guess: smaller weights make it worse", "gets to about one half", "gets above 85 %"],
        answer="gets above 85 %",
        why="Each layer adds a little to what passes by. Small additions, 64 times, leave the signal and the blame as they were: "
            "two cures that fit each other do what either could not."),
}


# --- He initialisation --------------------------------------------------------------------------------------------------

def he(fan_in, fan_out, rng):
    return rng.normal(size=(fan_in, fan_out)) * np.sqrt(2 / fan_in)


def _he_uniform(fan_in, fan_out, rng):
    bound = (6 / fan_in) ** 0.5                     # the variance of uniform numbers is a third of the bound's square
    return rng.uniform(-bound, bound, (fan_in, fan_out))


def _he_unit_by_unit(fan_in, fan_out, rng):
    return np.stack([rng.normal(0, (2 / fan_in) ** 0.5, fan_in) for _ in range(fan_out)], axis=1)


def _normal(scale):
    return lambda fan_in, fan_out, rng: rng.normal(size=(fan_in, fan_out)) * scale(fan_in, fan_out)


def _uniform(bound):
    return lambda fan_in, fan_out, rng: rng.uniform(-1, 1, (fan_in, fan_out)) * bound(fan_in, fan_out)


SPREADS = {                                         # by standard deviation: what was probably meant
    "The spread is right": lambda n, m: (2 / n) ** 0.5,
    "The factor 2 is missing": lambda n, m: (1 / n) ** 0.5,
    "The spread goes with the outputs": lambda n, m: (2 / m) ** 0.5,
    "The spread goes with the sum of inputs and outputs": lambda n, m: (2 / (n + m)) ** 0.5,
    "The spread is 2 divided by the inputs": lambda n, m: 2 / n,
    "The spread is 1 divided by the inputs": lambda n, m: 1 / n,
    "The spread is 2 divided by the root of the inputs": lambda n, m: 2 / n**0.5,
    "The spread is that of nn.Linear": lambda n, m: (1 / (3 * n)) ** 0.5,
    "The spread is the right one, divided by the root of 3": lambda n, m: (2 / (3 * n)) ** 0.5,
    "The spread is 1 whatever the sizes": lambda n, m: 1.0,
}


def _judge_he(answer):
    """None, or what is wrong with the weights, in words without numbers that depend on luck."""
    lots, found = np.random.default_rng(0), []
    for n, m in ((300, 40), (40, 300)):
        weights = np.asarray(answer(n, m, lots), float)
        if weights.shape == (m, n):
            return "Rows and columns have changed places: the shape should be (fan_in, fan_out)."
        if weights.shape != (n, m):
            return "The shape should be (fan_in, fan_out)."
        again, same = answer(n, m, np.random.default_rng(1)), answer(n, m, np.random.default_rng(1))
        if not np.array_equal(again, same):
            return "With the same rng, the weights came out differently twice."
        if np.array_equal(weights, again):
            return "Whatever the rng, the weights are the same."
        spread = np.sqrt((weights**2).mean())
        if abs(weights.mean()) > 0.1 * spread:
            return "The mean of the weights is not 0."
        found.append({name for name, std in SPREADS.items() if abs(spread / std(n, m) - 1) < 0.05})
    fits = found[0] & found[1]
    if "The spread is right" in fits:
        return None
    return f"{min(fits, default='The spread is neither the right one nor one that is known here')}."


# --- layer norm ---------------------------------------------------------------------------------------------------------

def layer_norm(x, eps=1e-5):
    x = x - x.mean(1, keepdims=True)                            # (B, n)
    return x / np.sqrt((x**2).mean(1, keepdims=True) + eps)     # (B, n)


def _layer_norm_row_by_row(x, eps=1e-5):
    return np.stack([(row - row.mean()) / (row.var() + eps) ** 0.5 for row in x])


def _some_rows(seed):
    lots = np.random.default_rng(seed)
    B, n = ((3, 4), (5, 3), (2, 6), (4, 4), (6, 5))[seed % 5]
    x = lots.normal(size=(B, n)).round(1) * lots.choice([1, 3, 10], (B, 1)) + lots.integers(1, 5, (B, 1))
    if seed % 5 == 3:
        x[0] = 2                                                # equal numbers: 0 / 0 without eps
    if seed % 5 == 4:
        x[0] *= 0.001                                           # a variance as small as eps: where eps stands can be seen
    return (x,)


def _over(axis, ddof=0, mean=True, root=True, by="var"):
    def norm(x, eps=1e-5):
        middle = x.mean(axis, keepdims=True) if mean else 0.0
        if by == "range":
            size = x.max(axis, keepdims=True) - x.min(axis, keepdims=True)
        elif by == "length":
            size = np.sqrt(((x - middle) ** 2).sum(axis, keepdims=True) + eps)
        else:
            size = ((x - middle) ** 2).sum(axis, keepdims=True) / (np.ones_like(x).sum(axis, keepdims=True) - ddof) + eps
            size = np.sqrt(size) if root else size
        with np.errstate(invalid="ignore"):                     # a row of equal numbers
            return (x - middle) / size
    return norm


def _without_eps(x, eps=1e-5):
    with np.errstate(invalid="ignore"):
        return layer_norm(x, 0)


# --- clipping by the global norm ----------------------------------------------------------------------------------------

def clip(grads, limit):
    norm = np.sqrt(sum((g**2).sum() for g in grads))            # of all of them together
    return [g * min(1, limit / norm) for g in grads]


def _clip_as_one_vector(grads, limit):
    norm = np.linalg.norm(np.concatenate([g.ravel() for g in grads]))
    return [g / max(1, norm / limit) for g in grads]


def _some_grads(seed):
    lots = np.random.default_rng(seed)
    shapes = (((2,), (3,)), ((2, 2), (2,)), ((3,), (2,), (2,)), ((1, 3), (3,)), ((2, 3), (3,), (3, 2)))[seed % 5]
    grads = [lots.normal(size=shape).round(1) * lots.choice([1.0, 4.0]) for shape in shapes]
    norm = np.sqrt(sum((g**2).sum() for g in grads))
    return grads, float(round(norm * (0.5, 2.0, 0.3, 0.7, 1.5)[seed % 5], 2))


def _scaled(factor):
    return lambda grads, limit: [g * factor(grads, limit) for g in grads]


def _norm(grads):
    return np.sqrt(sum((g**2).sum() for g in grads))


EXERCISES = {
    "he": Exercise(
        task="Return random weights (fan_in, fan_out), drawn with rng, that keep the mean square of a signal through a relu "
             "layer.",
        reference=he, judge=_judge_he,
        hint="A unit adds up fan_in products. With weights of variance v, the mean square of the sum is fan_in · v times that of "
             "the signal. relu then halves it. Which v brings it back to 1? rng.normal(0, s, shape) takes the standard deviation "
             "s, the root of v.",
        misconceptions=[
            Misconception(_normal(lambda n, m: (1 / n) ** 0.5),
                          "Right for a layer without a bend. relu sets about half of the sums to 0, and with them half of the "
                          "mean square is gone: make up for it."),
            Misconception(_normal(lambda n, m: (2 / m) ** 0.5),
                          "You counted the units of the layer, fan_out. What is added up in one unit are its inputs: fan_in."),
            Misconception(_normal(lambda n, m: (2 / (n + m)) ** 0.5),
                          "That is Glorot's start, a middle way between what the signal and what the blame needs, made for tanh. "
                          "Here the signal alone is to keep its size, and relu is to be made up for."),
            Misconception(_normal(lambda n, m: 2 / n),
                          "2 / fan_in is the variance. rng.normal takes (and multiplication by a number changes) the standard "
                          "deviation: its root."),
            Misconception(_normal(lambda n, m: 1 / n),
                          "Two things: 1 / fan_in would be a variance, and you used it as a standard deviation, its root; and "
                          "relu halves the mean square, which is to be made up for."),
            Misconception(_normal(lambda n, m: 2 / n**0.5),
                          "The root belongs over the 2 as well: the variance is 2 / fan_in, the standard deviation the root of "
                          "all of that."),
            Misconception(_uniform(lambda n, m: (2 / n) ** 0.5),
                          "You took the standard deviation as the bound of uniform numbers. Their variance is a third of the "
                          "bound's square, so that bound has to be larger, by the root of 3."),
            Misconception(_uniform(lambda n, m: (1 / n) ** 0.5),
                          "That is what nn.Linear does, the start that the signal did not survive: the variance of uniform "
                          "numbers is a third of the bound's square."),
            Misconception(_normal(lambda n, m: 1.0),
                          "Each weight has a standard deviation of 1 whatever fan_in: the more inputs a unit has, the larger its "
                          "sum. Divide it away."),
            Misconception(lambda n, m, rng: np.abs(rng.normal(size=(n, m))) * (2 / n) ** 0.5,
                          "All weights have one sign. Then the products do not cancel out, and the sum grows with fan_in, not "
                          "with its root."),
            Misconception(lambda n, m, rng: rng.normal(size=(m, n)) * (2 / n) ** 0.5,
                          "A row for each input, a column for each unit: (fan_in, fan_out), for `x @ weights`."),
            Misconception(lambda n, m, rng: np.random.default_rng(0).normal(size=(n, m)) * (2 / n) ** 0.5,
                          "You made a generator of your own, so that all layers start from the same numbers. Use rng."),
        ],
        alternatives=[_he_uniform, _he_unit_by_unit]),
    "layer-norm": Exercise(
        task="Bring every row of x (one example's signal) to mean 0 and variance 1; add eps to the variance before the root.",
        reference=layer_norm, inputs=_some_rows, rtol=1e-5,
        hint="Two steps: take each row's mean away from it, then divide by the root of (its mean square + eps). axis 1 runs "
             "along a row; keepdims=True keeps (B, 1), so that each row meets its own number.",
        misconceptions=[
            Misconception(_over(0), "You normalised each column: one unit over the examples of the batch. That is batch norm, "
                                    "and it makes an answer depend on who else is in the batch. Layer norm stays within one "
                                    "example."),
            Misconception(_over(0, ddof=1), "That runs over the batch; layer norm stays within one example: axis 1."),
            Misconception(_over((0, 1)), "You took one mean and one variance for the whole array. Each example has its own."),
            Misconception(_over(1, root=False), "You divided by the variance. Its root, the standard deviation, has the unit of "
                                                "x; divided by the variance, a large signal comes out small."),
            Misconception(_over(1, ddof=1), "That is the variance with n - 1, as one estimates it from a sample (torch.std does "
                                            "it unless told otherwise). Here the row is all there is: divide by n."),
            Misconception(_over(1, mean=False), "The mean is still in it. (Dividing by the root of the mean square alone has a "
                                                "name, RMS norm, and many language models use it. Layer norm takes the mean away "
                                                "first.)"),
            Misconception(lambda x, eps=1e-5: x - x.mean(1, keepdims=True),
                          "The mean is 0 now; the variance is what it was. Divide by its root."),
            Misconception(_over(1, by="length"), "You divided by the length of the row, the root of the sum of squares. It is "
                                                 "the root of their mean."),
            Misconception(_over(1, by="range"), "You divided by the distance from the smallest to the largest. It is the root of "
                                                "the variance."),
            Misconception(_without_eps, "eps is missing: a row of equal numbers has variance 0, and 0 / 0 is no number."),
            Misconception(lambda x, eps=1e-5: (x - x.mean(1, keepdims=True)) / (x.std(1, keepdims=True) + eps),
                          "eps belongs to the variance, under the root: √(variance + eps)."),
            Misconception(lambda x, eps=1e-5: x / np.sqrt(x.var(1, keepdims=True) + eps) - x.mean(1, keepdims=True),
                          "First the mean, then the division: you divided x and took away a mean that had not been divided."),
        ],
        alternatives=[_layer_norm_row_by_row]),
    "clip": Exercise(
        task="Return the gradients, scaled by one common factor so that their joint norm is at most limit.",
        reference=clip, inputs=_some_grads,
        hint="One norm for all: the root of the sum of all squares in all arrays. If it is above limit, multiply every array by "
             "limit / norm; otherwise leave them: min(1, limit / norm).",
        misconceptions=[
            Misconception(lambda grads, limit: [np.clip(g, -limit, limit) for g in grads],
                          "You capped each value. That turns the step: large values shrink, small ones stay. One factor for all "
                          "keeps the direction."),
            Misconception(lambda grads, limit: [g * min(1, limit / np.linalg.norm(g)) for g in grads],
                          "You gave each array a norm, and a factor, of its own. That changes how the layers' steps compare. "
                          "Take one norm of all of them together."),
            Misconception(_scaled(lambda grads, limit: limit / _norm(grads)),
                          "Right for long gradients. Short ones you made longer: near the floor the steps would never get "
                          "small."),
            Misconception(_scaled(lambda grads, limit: 1 / _norm(grads)),
                          "You brought the norm to 1, whatever the limit, and short gradients up to it as well."),
            Misconception(_scaled(lambda grads, limit: min(1, 1 / _norm(grads))),
                          "You brought the norm down to 1. It is to come down to limit."),
            Misconception(_scaled(lambda grads, limit: min(1, limit / _norm(grads) ** 2)),
                          "The root is missing: the norm is the root of the sum of squares."),
            Misconception(_scaled(lambda grads, limit: min(1, limit / sum(np.linalg.norm(g) for g in grads))),
                          "You added the arrays' norms. Lengths at right angles do not add up: add their squares, then take the "
                          "root."),
            Misconception(_scaled(lambda grads, limit: min(1, limit / sum(np.abs(g).sum() for g in grads))),
                          "You added up the absolute values. The norm is the root of the sum of squares."),
            Misconception(_scaled(lambda grads, limit: min(1, limit / max(np.abs(g).max() for g in grads))),
                          "You measured the largest value. One factor for all is right; the norm is the root of the sum of "
                          "squares."),
            Misconception(lambda grads, limit: [g if _norm(grads) <= limit else 0 * g for g in grads],
                          "You dropped a gradient that was too long. Its direction is still good: make it shorter."),
        ],
        alternatives=[_clip_as_one_vector]),
}
