"""Lesson 09, GPUs and kernels: what it asks."""
import numpy as np

from minitrain.teach.exercises import Exercise, Misconception
from minitrain.teach.predictions import Question

QUESTIONS = {
    "ladder": Question(
        "The same product on one core: three loops in Python, or one call of the library that torch uses. For as many operations "
        "the loops take longer, by a factor of …",
        ["about 10", "about 100", "1,000 or more"], answer="1,000 or more",
        why="A core can do dozens of operations at each tick of its clock. Python spends a hundred ticks and more on one of "
            "them, to find out what it is adding to what."),
    "eight-rows": Question(
        "One row of numbers times a matrix of 64 MB takes some milliseconds. Eight rows times the same matrix, in one call, are "
        "eight times as many operations. They take …",
        ["less than four times as long", "four to seven times as long", "about eight times as long"],
        answer="less than four times as long",
        why="Most of the time goes into fetching the matrix, and it is fetched once for all eight rows."),
    "trips": Question(
        "Softmax of a matrix, written as its formula is: largest, difference, exponential, sum, quotient, one operation each. "
        "How often do as many numbers as the matrix has pass through memory, in or out?",
        ["twice: once in, once out", "five times, once for each operation", "eight times"], answer="eight times",
        why="Difference, exponential and quotient each read the matrix and write one as large; largest and sum only read it. "
            "That is 3 · 2 + 2."),
    "share": Question(
        "A small GPT, one update: forward, loss, backward, AdamW. What share of the time goes into matrix products, attention's "
        "among them?",
        ["less than a third", "between a third and two thirds", "more than two thirds"], answer="more than two thirds",
        why="Each weight of a matrix meets each token in a multiplication, forward once and backward twice. The rest does a "
            "handful of operations a number."),
}


# --- a masked vector add ------------------------------------------------------------------------------------------------

def add_program(program, memory, X, Y, Z, N, block):
    at = program * block + np.arange(block)
    at = at[at < N]                                             # the last program may be left with fewer
    memory[Z + at] = memory[X + at] + memory[Y + at]


def _one_by_one(program, memory, X, Y, Z, N, block):
    for i in range(program * block, min((program + 1) * block, N)):
        memory[Z + i] = memory[X + i] + memory[Y + i]


def _with_a_mask(program, memory, X, Y, Z, N, block):
    at = program * block + np.arange(block)
    inside = at < N
    x = np.where(inside, memory[X + at], 0)
    y = np.where(inside, memory[Y + at], 0)
    memory[(Z + at)[inside]] = (x + y)[inside]


def _some_memory(seed):
    """What belongs to others, then x, y and z one after the other, and others again."""
    N, block, program = ((6, 4, 1), (6, 4, 0), (8, 4, 1), (5, 2, 2), (3, 4, 0), (6, 4, 2))[seed % 6]
    X, lots = 2 + seed % 2, np.random.default_rng(seed)         # an x at 0 would forgive who forgets its pointer
    return program, lots.integers(1, 50, X + 3 * N + 4 * block).astype(float), X, X + N, X + 2 * N, N, block


def _adding(where):
    """A program that adds at the places that `where` gives, masked or not."""
    def add(program, memory, X, Y, Z, N, block):
        at = where(program, N, block)
        memory[Z + at] = memory[X + at] + memory[Y + at]
    return add


def _zeros_beyond(program, memory, X, Y, Z, N, block):
    at = program * block + np.arange(block)
    memory[Z + at] = np.where(at < N, memory[X + at] + memory[Y + at], 0)


def _without_pointers(program, memory, X, Y, Z, N, block):
    at = program * block + np.arange(block)
    at = at[at < N]
    memory[at] = memory[at] + memory[at]


def _only_x_without(program, memory, X, Y, Z, N, block):
    at = _below(program * block + np.arange(block), N)
    memory[Z + at] = memory[at] + memory[Y + at]


def _below(at, N):
    return at[at < N]


# --- softmax of a row in a tile -----------------------------------------------------------------------------------------

def softmax_row(tile, N):
    inside = np.arange(len(tile)) < N
    x = np.where(inside, tile, -np.inf)                         # exp(-inf) is 0: what is not ours does not count
    e = np.exp(x - x.max())
    return e / e.sum()


def _softmax_of_a_piece(tile, N):
    y = np.zeros(len(tile))
    e = np.exp(tile[:N] - tile[:N].max())
    y[:N] = e / e.sum()
    return y


def _some_tile(seed):
    N, width = ((3, 4), (4, 4), (5, 8), (2, 4), (1, 2))[seed % 5]
    lots = np.random.default_rng(seed)
    tile = lots.normal(size=width).round(1) + (0, 1000, -1000, 0, 3)[seed % 5]      # such sums of exp overflow, or vanish
    tile[N:] = (2.0, 0.0, 900.0, 5.0, -4.0)[seed % 5]                               # what happened to lie there
    return tile, N


def _quietly(softmax):
    def answer(tile, N):
        with np.errstate(all="ignore"):
            return softmax(np.where(np.arange(len(tile)) < N, tile, -np.inf), tile, N)
    return answer


def _padded_with_zeros(tile, N):
    x = np.where(np.arange(len(tile)) < N, tile, 0.0)
    e = np.exp(x - x.max())
    return e / e.sum()


def _zeros_and_no_largest(x, tile, N):
    e = np.exp(np.where(x > -np.inf, x, 0.0))
    return e / e.sum()


def _the_largest_of_all(x, tile, N):
    e = np.where(x > -np.inf, np.exp(tile - tile.max()), 0.0)
    return e / e.sum()


def _only_the_end_masked(tile, N):
    e = np.exp(tile - tile.max())
    return np.where(np.arange(len(tile)) < N, e / e.sum(), 0.0)


# --- the update rule of the online softmax ------------------------------------------------------------------------------

def online(largest, total, piece):
    larger = max(largest, piece.max())
    return larger, total * np.exp(largest - larger) + np.exp(piece - larger).sum()


def _online_by_logarithms(largest, total, piece):
    whole = np.concatenate([[largest], piece])
    larger = whole.max()
    return larger, (np.concatenate([[total], np.ones(len(piece))]) * np.exp(whole - larger)).sum()


def _so_far(seed):
    lots = np.random.default_rng(seed)
    largest, total = ((-np.inf, 0.0), (1.0, 1.5), (5.0, 2.0), (1000.0, 1.2), (3.0, 4.0))[seed % 5]
    piece = lots.normal(size=2 + seed % 3).round(1) + (0.0, 2.5, 1.0, 1001.0, -800.0)[seed % 5]
    return largest, total, piece


def _updating(rule):
    """rule: (largest, total, piece, larger) -> (largest, total) with warnings off."""
    def answer(largest, total, piece):
        with np.errstate(all="ignore"):
            return rule(largest, total, piece, max(largest, piece.max()))
    return answer


EXERCISES = {
    "add": Exercise(
        task="Program number `program` adds x and y where its own `block` numbers lie, and touches nothing beyond the N-th.",
        reference=add_program, inputs=_some_memory, cases=6, changes_inputs=True,
        hint="The program's numbers are at = program * block + np.arange(block). Keep those below N. x[i] lies at memory[X + i], "
             "y[i] at memory[Y + i], and z[i] belongs at memory[Z + i].",
        misconceptions=[
            Misconception(_adding(lambda p, N, b: p * b + np.arange(b)),
                          "The mask is missing: the last program wrote beyond z, into numbers that belong to somebody else. "
                          "Nothing raises; their owner finds them changed."),
            Misconception(_zeros_beyond, "You masked what is added, and stored all the same: zeros, into numbers that belong to "
                                         "somebody else. The mask belongs on the store as well."),
            Misconception(_adding(lambda p, N, b: p * b + np.arange(b) if (p + 1) * b <= N else np.arange(0)),
                          "The last block was dropped because it is not whole. Its first numbers are below N, and nobody else "
                          "will add them."),
            Misconception(_adding(lambda p, N, b: _below(p * b + np.arange(b), N + 1)),
                          "One too many: places count from 0, so the last of N numbers is at N - 1."),
            Misconception(_adding(lambda p, N, b: np.arange(N)),
                          "Every program added everything. The result is right, and each number was fetched once for every "
                          "program; program p has the numbers from p * block on."),
            Misconception(_adding(lambda p, N, b: _below(p + np.arange(b), N)),
                          "The programs overlap: number p starts at p. It should start where the one before it ends, at "
                          "p * block."),
            Misconception(_adding(lambda p, N, b: _below(np.array([p * b]), N)),
                          "Only the first number of the block was added. np.arange(block) counts through the rest."),
            Misconception(_without_pointers, "X, Y and Z were not used: memory is one long row, and x begins at X, y at Y, z at "
                                             "Z."),
            Misconception(_only_x_without, "X was not used: x begins there, not where memory does, and x[i] is memory[X + i]."),
            Misconception(lambda program, memory, X, Y, Z, N, block: None,
                          "Nothing was stored. memory[Z + at][mask] = … writes into a copy: write memory[(Z + at)[mask]] = …, or "
                          "shorten at first. A return stores nothing either. And compare at with N, not Z + at."),
        ],
        alternatives=[_one_by_one, _with_a_mask]),
    "softmax": Exercise(
        task="Softmax of a row that lies in the first N numbers of a wider tile; 0 in the rest.",
        reference=softmax_row, inputs=_some_tile, any_sequence=True,
        hint="Set what is not yours to -np.inf first: it is never the largest, and its exponential is 0. Then take the largest "
             "away, take exponentials, and divide by their sum.",
        misconceptions=[
            Misconception(_only_the_end_masked,
                          "What lies beyond the row came into the sum, and perhaps into the largest, and was set to 0 too late. "
                          "Mask it before you use it."),
            Misconception(_padded_with_zeros,
                          "You padded with 0, and exp(0 - largest) is not nothing: it is in the sum. Pad with -np.inf, whose "
                          "exponential is 0."),
            Misconception(_quietly(lambda x, tile, N: np.exp(x) / np.exp(x).sum()),
                          "Without the largest taken away, exp overflows for numbers near 1,000, and inf / inf is no number."),
            Misconception(_quietly(lambda x, tile, N: np.exp(x - x.max())),
                          "These are the exponentials. Divide by their sum, so that they add up to 1."),
            Misconception(_quietly(lambda x, tile, N: np.exp(x - x.max()) / N),
                          "You divided by how many there are; softmax divides by the sum of the exponentials."),
            Misconception(_quietly(lambda x, tile, N: np.exp(tile - tile.max()) / np.exp(tile - tile.max()).sum()),
                          "That is the softmax of the whole tile. Only the first N numbers are the row; the rest is whatever lay "
                          "there."),
            Misconception(_quietly(lambda x, tile, N: np.exp(tile) / np.exp(tile).sum()),
                          "Two things. The rest of the tile is in it, whatever lay there: only the first N numbers are the row. "
                          "And exp overflows near 1,000: take the largest away first."),
            Misconception(_quietly(_zeros_and_no_largest),
                          "Two things. You padded with 0, whose exponential is 1: pad with -np.inf. And exp overflows near "
                          "1,000: take the largest away first."),
            Misconception(_quietly(lambda x, tile, N: np.where(x > -np.inf, np.exp(x) / np.exp(x).sum(), 0.0)),
                          "The row is the right one. But exp overflows for numbers near 1,000, and near -1,000 all of them "
                          "vanish: take the largest away first."),
            Misconception(_quietly(_the_largest_of_all),
                          "The largest was taken of the whole tile. Where what lies beyond is far larger than the row, every "
                          "exponential of the row vanishes, and 0 / 0 is no number."),
            Misconception(_quietly(lambda x, tile, N: np.where(x > -np.inf, tile / tile[:N].sum(), 0.0)),
                          "You divided the numbers by their sum. The exponentials are missing."),
        ],
        alternatives=[_softmax_of_a_piece]),
    "online": Exercise(
        task="Return the largest and the sum of exp(x - largest) after one more piece, from those before it.",
        reference=online, inputs=_so_far,
        hint="The old sum was taken with the old largest. Replacing it by the new one multiplies each of its terms, and so the "
             "sum, by exp(old - new). Then the exponentials of the piece are added, with the new largest.",
        misconceptions=[
            Misconception(_updating(lambda m, s, x, new: (new, s + np.exp(x - new).sum())),
                          "The old sum was taken with the old largest. Where a larger number turns up, rescale it before you "
                          "add."),
            Misconception(_updating(lambda m, s, x, new: (new, s * np.exp(new - m) + np.exp(x - new).sum())),
                          "The factor is upside down: with a larger number taken away, the old terms get smaller."),
            Misconception(_updating(lambda m, s, x, new: (new, (s + np.exp(x - m).sum()) * np.exp(m - new))),
                          "Right on paper. But exp(piece - old largest) overflows: before the first piece the largest is -inf. "
                          "Take the new one away."),
            Misconception(_updating(lambda m, s, x, new: (new, s * np.exp(m - new) + np.exp(x - m).sum())),
                          "The piece's exponentials have the old largest taken away, the sum the new one. Both need the new."),
            Misconception(_updating(lambda m, s, x, new: (x.max(), s * np.exp(m - x.max()) + np.exp(x - x.max()).sum())),
                          "You kept the largest of the piece alone. Where the piece is far below what came before, "
                          "exp(old - new) overflows: keep the largest of both."),
            Misconception(_updating(lambda m, s, x, new: (new, np.exp(x - new).sum())),
                          "The old sum is gone: that is the piece alone. Rescale the old sum to the new largest, and add it."),
            Misconception(_updating(lambda m, s, x, new: (new, s + np.exp(x).sum())),
                          "Nothing was taken away before exp: numbers near 1,000 overflow."),
            Misconception(_updating(lambda m, s, x, new: (new, (s + np.exp(x - new).sum()) * np.exp(m - new))),
                          "You rescaled the piece as well. Its exponentials have the new largest taken away already."),
            Misconception(_updating(lambda m, s, x, new: (s * np.exp(m - new) + np.exp(x - new).sum(), new)),
                          "The two have changed places: the largest first, then the sum."),
        ],
        alternatives=[_online_by_logarithms]),
}
