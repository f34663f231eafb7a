"""Lesson 05, neural networks: what it asks."""
from itertools import pairwise

import numpy as np

from minitrain.teach.exercises import Exercise, Misconception
from minitrain.teach.predictions import Question

QUESTIONS = {
    "stacked": Question(
        "No straight line parts a disc from a ring around it. Five layers of weights, one after the other, with nothing "
        "between them, "
        "get …",
        ["nearly all points right", "about three in four right", "no more right than one layer does"],
        answer="no more right than one layer does",
        why="A matrix times a matrix is a matrix: without a bend in between, five layers can draw what one can, straight lines."),
    "units": Question(
        "With a bend (`relu`) after the first layer: how many units does it take to fence in the disc?",
        ["2", "3", "about 20"], answer="3",
        why="Each unit bends along one straight line. Two lines leave the plane open on a side; three can close a triangle "
            "around the "
            "disc."),
    "shuffled": Question(
        "Put the pixels of every doodle in one fixed random order, the same for all pictures. No information is lost. "
        "The lead that the convnet had over the plain network …",
        ["stays", "is mostly gone", "doubles"], answer="is mostly gone",
        why="The convnet's lead came from a bet on pictures: what matters is near, and means the same everywhere. In shuffled "
            "pixels "
            "neighbours have nothing to say to each other. The plain network never knew which pixels were neighbours."),
    "one-unit": Question(
        "A network with 64 hidden units reads digits. Switch off the one unit that matters most. Out of 100 digits it now gets "
        "wrong …",
        ["at most 4 more than before", "about 10 more, mostly of one kind", "more than half"], answer="at most 4 more than "
                                                                                                      "before",
        why="No unit holds a digit. Each takes part in many answers, and the others carry on without it."),
    "race": Question(
        "Five optimizers train the same network on digits, each at its own best rate. Whose loss is lowest after 100 updates?",
        ["SGD", "Momentum", "Adam", "AdamW", "Muon"], answer="Muon",
        why="The weights of this network are matrices, and Muon moves a matrix as far in its weak directions as in its strong "
            "ones. "
            "Lowest training loss, that is: held out, the five are close."),
    "grey-levels": Question(
        "A picture's colours go from 0 to 255. Each pixel may be changed in the direction that hurts the convnet most. By how "
        "many levels, at most, must it be, so that more than half of the doodles are read wrong?",
        ["4", "about 30", "about 100"], answer="4",
        why="Thousands of tiny pushes, each in the direction that makes the loss grow, add up. The same amount in random "
            "directions "
            "cancels out."),
}


# --- a convolution by hand ----------------------------------------------------------------------------------------------

def convolve(picture, kernel):
    h, w = kernel.shape
    rows, columns = picture.shape[0] - h + 1, picture.shape[1] - w + 1
    out = np.zeros((rows, columns))
    for i in range(rows):
        for j in range(columns):
            out[i, j] = (picture[i:i + h, j:j + w] * kernel).sum()      # one patch, one number
    return out


def _convolve_by_shifts(picture, kernel):
    h, w = kernel.shape
    rows, columns = picture.shape[0] - h + 1, picture.shape[1] - w + 1
    return sum(kernel[a, b] * picture[a:a + rows, b:b + columns] for a in range(h) for b in range(w))


def _convolve_by_windows(picture, kernel):
    return np.einsum("ijab,ab->ij", np.lib.stride_tricks.sliding_window_view(picture, kernel.shape), kernel)


def _some_pictures(seed):
    lots = np.random.default_rng(seed)
    size, kernel = ((5, 5), (4, 6), (6, 5), (7, 4), (5, 6))[seed % 5], ((3, 3), (2, 3), (3, 2), (2, 2), (1, 3))[seed % 5]
    return lots.integers(0, 9, size).astype(float), lots.integers(1, 6, kernel) * lots.choice([-1.0, 1.0], kernel)


def _flipped(picture, kernel):
    return convolve(picture, kernel[::-1, ::-1])


def _padded(picture, kernel):
    h, w = kernel.shape
    above, left = (h - 1) // 2, (w - 1) // 2
    return convolve(np.pad(picture, ((above, h - 1 - above), (left, w - 1 - left))), kernel)


def _one_short(picture, kernel):
    return convolve(picture, kernel)[:-1, :-1]


def _strided(picture, kernel):
    return convolve(picture, kernel)[::kernel.shape[0], ::kernel.shape[1]]


def _mean(picture, kernel):
    return convolve(picture, kernel) / kernel.size


def _whole(picture, kernel):
    return convolve(picture, kernel).sum()


def _transposed(picture, kernel):
    return convolve(picture.T, kernel.T)


def _patch_sums(picture, kernel):
    return convolve(picture, np.ones_like(kernel)) * kernel.sum()


# --- one step of Adam ---------------------------------------------------------------------------------------------------

def adam_step(p, g, m, v, t, rate=0.001, b1=0.9, b2=0.999, eps=1e-8):
    m = b1 * m + (1 - b1) * g
    v = b2 * v + (1 - b2) * g * g
    p = p - rate * (m / (1 - b1**t)) / (np.sqrt(v / (1 - b2**t)) + eps)
    return p, m, v


def _adam_in_one_rate(p, g, m, v, t, rate=0.001, b1=0.9, b2=0.999, eps=1e-8):
    m, v = m + (1 - b1) * (g - m), v + (1 - b2) * (g**2 - v)
    root = (1 - b2**t) ** 0.5
    return p - rate * root / (1 - b1**t) * m / (v**0.5 + eps * root), m, v


def _some_steps(seed):
    lots = np.random.default_rng(seed)
    n, t = (3, 2, 5, 4, 1)[seed % 5], (1, 2, 3, 10, 100)[seed % 5]
    m, v = (np.zeros(n), np.zeros(n)) if t == 1 else (lots.normal(0, 0.5, n), lots.uniform(0.1, 0.5, n))
    g = lots.uniform(0.3, 2, n).round(1) * lots.choice([-1, 1], n)
    if seed % 5 == 1:                                   # never a gradient, as of a pixel that is always blank: 0 / 0 without eps
        m[0] = v[0] = g[0] = 0
    if seed % 5 == 2:                                   # as small as eps: where eps stands can be seen
        m, v, g = m * 1e-8, v * 1e-16, g * 1e-8
    return lots.normal(size=n).round(1), g, m, v, t


def _adam(correct_m=True, correct_v=True, root=True, square=True, sign=-1, one_scale=False, use_g=False, joint=False, late=False):
    def step(p, g, m, v, t, rate=0.001, b1=0.9, b2=0.999, eps=1e-8):
        m_, v_ = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * (g * g if square else g)
        if joint:
            v_ = b2 * v + (1 - b2) * np.mean(g * g)
        top = (g if use_g else m if late else m_) / (1 - b1**t if correct_m else 1)
        size = (v_ / (1 - b2**t if correct_v else 1))
        return p + sign * rate * top / ((np.sqrt(np.abs(size)) if root else size) + eps), m_, v_
    return step


def _adam_swapped(p, g, m, v, t, rate=0.001, b1=0.9, b2=0.999, eps=1e-8):
    return adam_step(p, g, m, v, t, rate, b2, b1, eps)


def _adam_kept(p, g, m, v, t, rate=0.001, b1=0.9, b2=0.999, eps=1e-8):
    p, m, v = adam_step(p, g, m, v, t, rate, b1, b2, eps)
    return p, m / (1 - b1**t), v / (1 - b2**t)


def _adam_without_eps(p, g, m, v, t, rate=0.001, b1=0.9, b2=0.999, eps=1e-8):
    with np.errstate(invalid="ignore"):
        return adam_step(p, g, m, v, t, rate, b1, b2, 0)


def _adam_eps_in_root(p, g, m, v, t, rate=0.001, b1=0.9, b2=0.999, eps=1e-8):
    _, m, v = adam_step(p, g, m, v, t, rate, b1, b2, eps)
    return p - rate * (m / (1 - b1**t)) / np.sqrt(v / (1 - b2**t) + eps), m, v


def _adam_forgetful(p, g, m, v, t, rate=0.001, b1=0.9, b2=0.999, eps=1e-8):
    return adam_step(p, g, 0 * m, 0 * v, 1, rate, b1, b2, eps)


def _adam_weights_turned(p, g, m, v, t, rate=0.001, b1=0.9, b2=0.999, eps=1e-8):
    return adam_step(p, g, m, v, t, rate, 1 - b1, 1 - b2, eps)


# --- how many parameters ------------------------------------------------------------------------------------------------

def count_parameters(sizes):
    return sum(a * b + b for a, b in pairwise(sizes))


def _count_by_columns(sizes):
    total = 0
    for i in range(1, len(sizes)):
        total += (sizes[i - 1] + 1) * sizes[i]
    return total


EXERCISES = {
    "convolve": Exercise(
        task="Slide the kernel over the picture; at each place multiply the patch under it by the kernel, number by number, "
             "and add up. "
             "Only places where the kernel lies wholly inside.",
        reference=convolve, inputs=_some_pictures, any_sequence=True,
        hint="Start with one place: (picture[0:h, 0:w] * kernel).sum(). Then every place (i, j): the patch picture[i:i + h, "
             "j:j + w]. A "
             "kernel of height h fits into H rows at H - h + 1 places.",
        misconceptions=[
            Misconception(_flipped, "You turned the kernel upside down and left to right before sliding it. Mathematicians' "
                                    "convolution does "
                                    "that; what every library's convolution layer does, and this exercise, is to lay it on as "
                                    "it is."),
            Misconception(_padded, "Right numbers, and a frame too many: you padded the picture with zeros so that the answer "
                                   "keeps its "
                                   "size. Here the kernel stays inside."),
            Misconception(_one_short, "The last row and column of places are missing: a kernel of height h fits into H rows at "
                                      "H - h + 1 "
                                      "places, not at H - h."),
            Misconception(_strided, "The patches do not overlap: you moved on by the kernel's size. Move by one pixel."),
            Misconception(_mean, "You took the mean over the patch. The answer at each place is the sum of the products."),
            Misconception(_whole, "One number came back. Every place has an answer of its own: the result is a picture."),
            Misconception(_transposed, "Rows and columns have changed places. The answer's first index goes down, like the "
                                       "picture's."),
            Misconception(_patch_sums, "You summed the patch and the kernel apart, and multiplied the sums. Multiply number by "
                                       "number first, "
                                       "then add up."),
        ],
        alternatives=[_convolve_by_shifts, _convolve_by_windows]),
    "count": Exercise(
        task="Return how many parameters a network of linear layers has, from its sizes, such as [64, 32, 10].",
        reference=count_parameters, inputs=[([3, 2],), ([64, 32, 10],), ([2, 8, 8, 2],), ([5, 1],), ([10, 20, 30, 40, 5],)],
        hint="A layer from a numbers to b numbers has one weight for each pair, and each of its b outputs has a bias. Sum over "
             "the layers: "
             "itertools.pairwise(sizes) gives the pairs.",
        misconceptions=[
            Misconception(lambda sizes: sum(a * b for a, b in pairwise(sizes)),
                          "These are the weights. Each output of a layer also has a bias."),
            Misconception(lambda sizes: sum(sizes), "These are the units, inputs and all. Parameters belong to the connections "
                                                    "between them."),
            Misconception(lambda sizes: sum(sizes[1:]), "These are the units (and as many biases). The weights are missing: "
                                                        "one for each "
                                                        "connection."),
            Misconception(lambda sizes: sum(a * b + a for a, b in pairwise(sizes)),
                          "You gave a bias to each input of a layer. It is each output that has one."),
            Misconception(lambda sizes: sum(a * b + 1 for a, b in pairwise(sizes)),
                          "You gave each layer one bias. Each of its outputs has its own."),
            Misconception(lambda sizes: sum(a * b + b for a, b in pairwise(sizes)) - sizes[-1],
                          "The biases of the last layer are missing. The answers have one each, like every other output."),
            Misconception(lambda sizes: sum(a * b + b for i, a in enumerate(sizes) for b in sizes[i + 1:]),
                          "You joined every layer to all that come later. Each is joined to the next alone."),
            Misconception(lambda sizes: int(np.prod(sizes)),
                          "You multiplied all sizes. Layers stand one after the other: multiply the two sizes of each, and add "
                          "the layers up."),
            Misconception(lambda sizes: sum(a * b for a, b in pairwise(sizes)) + sum(sizes),
                          "You gave a bias to the inputs as well. They are given, not computed: biases begin with the first "
                          "layer's "
                          "outputs."),
        ],
        alternatives=[_count_by_columns],
        solution="""
            def count(sizes):
                return sum(a * b + b for a, b in zip(sizes, sizes[1:]))
            """),
    "adam": Exercise(
        task="Return p, m and v after step number t (counted from 1) of Adam, from the gradient g and what was remembered, m "
             "and v.",
        reference=adam_step, inputs=_some_steps, rtol=1e-7, atol=1e-9,
        hint="Four lines. m = b1·m + (1 - b1)·g. v = b2·v + (1 - b2)·g². Both began at 0, so for the step (and only there) "
             "divide m by "
             "1 - b1^t and v by 1 - b2^t. p moves by rate · m / (√v + eps), against the gradient.",
        misconceptions=[
            Misconception(_adam(correct_m=False, correct_v=False), "Nearly: m and v began at 0 and are too small at first. For "
                                                                   "the step, "
                                                                   "divide them by 1 - b1^t and 1 - b2^t."),
            Misconception(_adam(correct_v=False), "m is corrected for its start at 0; v is not. Divide it by 1 - b2^t."),
            Misconception(_adam(correct_m=False), "v is corrected for its start at 0; m is not. Divide it by 1 - b1^t."),
            Misconception(_adam(root=False), "The root is missing: m is divided by the root of v, so that the step has no unit "
                                             "but the rate's."),
            Misconception(_adam(square=False), "v remembers the squares of the gradients; yours remembers the gradients "
                                               "themselves."),
            Misconception(_adam(sign=1), "Right, but for the direction: p moves against the gradient."),
            Misconception(_adam(use_g=True, correct_m=False), "You divided the gradient itself by √v. The step is made of m, "
                                                              "its running mean."),
            Misconception(_adam(late=True), "The step used the old m. Update m and v first, then step with the new ones."),
            Misconception(_adam(joint=True), "You took one mean of squares for all parameters. In Adam each has its own v."),
            Misconception(_adam_swapped, "b1 and b2 have changed places: m forgets at b1 (0.9), v at b2 (0.999)."),
            Misconception(_adam_weights_turned, "The weights of old and new are turned round: b1 is the share of m that is "
                                                "kept, 1 - b1 that of "
                                                "the new gradient."),
            Misconception(_adam_kept, "You kept the corrected m and v. The correction is for this step only: return m and v as "
                                      "they were before it."),
            Misconception(_adam_without_eps, "A weight that never had a gradient divides 0 by 0. Add eps to the root: "
                                             "√v + eps."),
            Misconception(_adam_eps_in_root, "eps stands under the root. It is added after it: √v + eps."),
            Misconception(_adam_forgetful, "This is the first step each time: what m and v remembered is thrown away."),
        ],
        alternatives=[_adam_in_one_rate]),
}
