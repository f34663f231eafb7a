"""Lesson 03, the training loop: what it asks."""
import numpy as np

from minitrain.teach.exercises import Exercise, Misconception
from minitrain.teach.predictions import Question

QUESTIONS = {
    "which-way": Question(
        "One step along the slope: add a little of it to the aim. The loss …",
        ["falls", "grows", "stays"], answer="grows",
        why="The slope says how fast the loss grows as the aim grows. Add a bit of the slope and you climb, whatever its sign."),
    "knobs": Question(
        "A hundred throwers each have an aim. Slopes get them there in some number of throws. Told only whether the total got "
        "warmer or colder, they need …",
        ["about as many", "about ten times as many", "more than fifty times as many"], answer="more than fifty times as many",
        why="One warmer or colder is one yes or no, for a hundred aims at once. The slopes are a hundred numbers from the same "
            "throw."),
    "rate-100": Question(
        "At a learning rate of 0.5 this network learns digits in 200 updates. At 50, a hundred times as much, its loss after "
        "200 updates is …",
        ["lower than at 0.5", "about what it is at 0.5", "higher than before the first update"],
        answer="higher than before the first update",
        why="The first leaps land ever higher: after a few the loss can be in the thousands. They also push every hidden unit to "
            "where it answers zero to every digit. What is left are ten biases, thrown about by steps of 50."),
    "batch-noise": Question(
        "The gradient of a batch of 64 is off from the gradient of all pictures by some distance. To halve that distance you "
        "need a batch of …",
        ["128", "256", "4,096"], answer="256",
        why="Four times the batch for half the error: the variance falls as 1/B, and a distance is the root of a variance."),
    "flat-spots": Question(
        "On a random landscape with one direction, about half of all flat spots are floors; the others are tops. With six "
        "directions, floors are …",
        ["about half of the flat spots", "about one in ten", "fewer than one in thirty"], answer="fewer than one in thirty",
        why="A floor must bend upwards in every direction. Six fair coins all show heads once in 64 throws. What is left are "
            "saddles."),
    "mse-or-ce": Question(
        "The same network, each loss at its own best rate. After 240 updates, accuracy on held-out digits with cross-entropy "
        "is …",
        ["at least 5 points better than with squared error", "within 2 points of it", "at least 5 points worse"],
        answer="within 2 points of it",
        why="From a sane start and at its own best rate squared error gets there too. Cross-entropy is ahead early on, and it "
            "is what still learns when the model is sure and wrong."),
}


# --- the mean squared error and its gradient ----------------------------------------------------------------------------

def mse(guess, y):
    error = guess - y                           # (N,)
    loss = (error ** 2).mean()
    slopes = 2 * error / len(y)                 # (N,) one slope for each guess
    return loss, slopes


def _mse_in_a_loop(guess, y):
    loss, slopes = 0.0, []
    for g, t in zip(guess, y):
        loss += (g - t) * (g - t) / len(guess)
        slopes.append(2 * (g - t) / len(guess))
    return loss, np.array(slopes)


def _mse_by_nudging(guess, y):
    def loss(g):
        return np.mean(np.square(g - y))
    h = 1e-6 * np.eye(len(guess))
    return loss(guess), np.array([(loss(guess + nudge) - loss(guess - nudge)) / 2e-6 for nudge in h])


def _some_guesses(seed):
    lots = np.random.default_rng(seed)
    n = (3, 5, 8, 2, 4)[seed % 5]
    y = lots.normal(size=n).round(1)
    return (y + lots.uniform(0.5, 3, n).round(1) * lots.choice([-1, 1], n), y)


# --- the loop ----------------------------------------------------------------------------------------------------------

def fit(x, y, rate, steps):
    pace, shoes = 0.0, 0.0
    for _ in range(steps):
        error = pace * x + shoes - y                                        # 1 forward; (N,)
        d_pace, d_shoes = 2 * (error * x).mean(), 2 * error.mean()          # 2, 3: the slopes of mean(error²)
        pace, shoes = pace - rate * d_pace, shoes - rate * d_shoes          # 4 update
    return pace, shoes


def _fit_with_a_matrix(x, y, rate, steps):
    columns, weights = np.stack([x, np.ones_like(x)], 1), np.zeros(2)
    for _ in range(steps):
        weights -= rate * 2 / len(x) * columns.T @ (columns @ weights - y)
    return list(weights)


def _fit_by_nudging(x, y, rate, steps):
    def loss(pace, shoes):
        return np.mean((pace * x + shoes - y) ** 2)
    w = np.zeros(2)
    for _ in range(steps):
        w = w - rate * np.array([(loss(*(w + h)) - loss(*(w - h))) / 2e-6 for h in 1e-6 * np.eye(2)])
    return w[0], w[1]


def _fit_wrongly(sign=-1, factor=2, mean=True, at_once=True, piled=False, early=0, only_pace=False):
    """The loop with one thing wrong."""
    def fit(x, y, rate, steps):
        pace = shoes = d_pace = d_shoes = 0.0
        for _ in range(steps - early):
            error = pace * x + shoes - y
            n = len(x) if mean else 1
            d_pace = factor * (error * x).sum() / n + piled * d_pace
            pace += sign * rate * d_pace
            error = error if at_once else pace * x + shoes - y
            d_shoes = factor * error.sum() / n + piled * d_shoes
            shoes += sign * rate * d_shoes * (not only_pace)
        return pace, shoes
    return fit


def _fit_at_last(x, y, rate, steps):
    return tuple(np.linalg.lstsq(np.stack([x, np.ones_like(x)], 1), y, rcond=None)[0])


def _some_walks(seed):
    lots = np.random.default_rng(seed)
    n = (3, 4, 6, 5, 3)[seed % 5]
    x = lots.uniform(0.2, 3, n).round(1)
    return (x, (12 * x + 4 + lots.normal(0, 2, n)).round(1), 0.02, 2 + seed % 3)


# --- the gradient of the logistic loss ----------------------------------------------------------------------------------

def logistic_slopes(logits, y):
    p = 1 / (1 + np.exp(-logits))               # (N,) the probability of yes
    return (p - y) / len(y)


def _logistic_by_nudging(logits, y):
    def loss(z):
        p = 1 / (1 + np.exp(-z))
        return np.mean(-np.where(y == 1, np.log(p), np.log(1 - p)))
    h = 1e-5 * np.eye(len(logits))
    return np.array([(loss(logits + nudge) - loss(logits - nudge)) / 2e-5 for nudge in h])


def _logistic_by_tanh(logits, y):
    return [(0.5 + 0.5 * np.tanh(z / 2) - t) / len(y) for z, t in zip(logits, y)]


def _some_logits(seed):
    lots = np.random.default_rng(seed)
    n = (2, 3, 5, 6, 4)[seed % 5]
    return (lots.normal(0, 2, n).round(1), (np.arange(n) % 2).astype(float))


def _sigmoid(z):
    return 1 / (1 + np.exp(-z))


# --- one epoch of mini-batches ------------------------------------------------------------------------------------------

def epoch(n, size, rng):
    order = rng.permutation(n)                  # every row number once, shuffled
    return [order[i:i + size] for i in range(0, n, size)]


def _epoch_by_deck(n, size, rng):
    deck = list(range(n))
    rng.shuffle(deck)
    while deck:
        yield deck[:size]
        deck = deck[size:]


def _epoch_by_split(n, size, rng):
    return np.array_split(rng.choice(n, n, replace=False), range(size, n, size))


def _epoch_with_replacement(n, size, rng):
    return [rng.integers(0, n, size) for _ in range(-(-n // size))]


def _epoch_of_single_draws(n, size, rng):
    return [rng.choice(n, min(size, n), replace=False) for _ in range(-(-n // size))]


def _epoch_without_the_rest(n, size, rng):
    order = rng.permutation(n)
    return [order[i * size:(i + 1) * size] for i in range(n // size)]


def _epoch_filled_up(n, size, rng):
    order = rng.permutation(n)
    return [np.take(order, range(i, i + size), mode="wrap") for i in range(0, n, size)]


def _epoch_in_order(n, size, rng):
    return [np.arange(n)[i:i + size] for i in range(0, n, size)]


def _epoch_of_shuffled_blocks(n, size, rng):
    blocks = _epoch_in_order(n, size, rng)
    return [blocks[i] for i in rng.permutation(len(blocks))]


def _epoch_with_its_own_seed(n, size, rng):
    return epoch(n, size, np.random.default_rng(0))


def _epoch_with_an_empty_batch(n, size, rng):
    order = rng.permutation(n)
    return [order[i * size:(i + 1) * size] for i in range(n // size + 1)]


def _epoch_of_every_start(n, size, rng):
    order = rng.permutation(n)
    return [order[i:i + size] for i in range(n)]


def _epoch_of_one_batch(n, size, rng):
    return [rng.permutation(n)[:size]]


def _epoch_undealt(n, size, rng):
    return [rng.permutation(n)]


def _epoch_in_equal_shares(n, size, rng):
    return np.array_split(rng.permutation(n), -(-n // size))


def _epoch_by_another_generator(n, size, rng):
    order = np.random.permutation(n)
    return [order[i:i + size] for i in range(0, n, size)]


def _judge_epoch(answer):
    """None, or what is wrong with the batches of one epoch, in words without numbers that depend on luck."""
    lots = np.random.default_rng(0)
    for n, size in ((100, 32), (60, 20), (7, 10), (5, 1)):
        case = f"for n={n} and size={size}"
        batches = [np.asarray(batch).ravel() for batch in answer(n, size, lots)]
        rows = np.concatenate(batches) if batches else np.array([], int)
        if not batches or rows.dtype.kind not in "iu":
            return f"epoch should give batches of row numbers, whole numbers from 0 to n - 1; {case} it did not."
        if min(map(len, batches)) == 0:
            return f"{case} one of the batches is empty."
        if rows.min() < 0 or rows.max() >= n:
            return f"{case} there are row numbers outside of 0 to n - 1."
        if len(batches) > -(-n // size):
            return f"{case} there are more batches than the rows fill."
        if len(batches) == 1 < -(-n // size):
            return f"{case} there is one batch, of {'all rows' if len(rows) >= n else 'some rows'}."
        if any(len(set(batch.tolist())) < len(batch) for batch in batches):
            return f"{case} a row stands twice in one batch."
        skipped, repeated = len(set(rows.tolist())) < n, len(set(rows.tolist())) < len(rows)
        if skipped and repeated:
            return f"{case} some rows stand in two batches, and others in none."
        if skipped:
            return f"{case} some rows are in no batch."
        if repeated:
            return f"{case} every row is there, but some stand in two batches."
        if any(len(batch) != size for batch in batches[:-1]) and np.ptp([len(batch) for batch in batches]) <= 1:
            return f"{case} the batches are equal shares."
        if any(len(batch) != size for batch in batches[:-1]) or len(batches[-1]) > size:
            return f"{case} a batch other than the last has another size than {size}."
        if n > 10 and np.array_equal(rows, np.arange(n)):
            return f"{case} the rows come in the order of the file."
        if n > 10 and all(np.ptp(batch) == len(batch) - 1 for batch in batches):
            return f"{case} each batch holds neighbours of the file."
        if n > 10 and np.array_equal(rows, np.concatenate([np.asarray(batch).ravel() for batch in answer(n, size, lots)])):
            return f"{case} two epochs in a row come in the same order."
        twice = [[np.asarray(batch).tolist() for batch in answer(n, size, np.random.default_rng(1))] for _ in range(2)]
        if n > 10 and twice[0] != twice[1]:
            return f"{case} the same rng gave two different epochs."
    return None


EXERCISES = {
    "mse": Exercise(
        task="Return the mean squared error of the guesses, and its slopes: by how much it grows for each guess that grows.",
        reference=mse, inputs=_some_guesses,
        hint="(g + h - y)² - (g - y)² is 2·(g - y)·h, plus h², which vanishes: so the slope of one square is 2·(g - y). The "
             "mean of N "
             "squares counts each of them 1/N. The answer is a pair: one number, and one slope for each guess.",
        misconceptions=[
            Misconception(lambda guess, y: (((guess - y) ** 2).sum(), 2 * (guess - y)),
                          "You added the squares up; the mean also divides by how many there are, in the loss and so in each "
                          "slope."),
            Misconception(lambda guess, y: (((guess - y) ** 2).mean(), 2 * (guess - y)),
                          "The loss is right. Each slope is N times too large: moving one guess moves only 1/N of the mean."),
            Misconception(lambda guess, y: (((guess - y) ** 2).mean(), (guess - y) / len(y)),
                          "The loss is right. The slopes are half of what nudging a guess would show you: how steep is e² at e?"),
            Misconception(lambda guess, y: (((guess - y) ** 2).mean(), 2 * (y - guess) / len(y)),
                          "The loss is right and the slopes have the right size, with the wrong sign: a guess that is too high "
                          "makes "
                          "the loss grow when it grows. The minus sign comes later, in the update."),
            Misconception(lambda guess, y: (((guess - y) ** 2).mean(), 2 * (y - guess)),
                          "The loss is right. The slopes have the wrong sign and are N times too large."),
            Misconception(lambda guess, y: (((guess - y) ** 2).mean(), guess - y),
                          "The loss is right. In the slopes, the 2 of the square and the 1/N of the mean are both missing."),
            Misconception(lambda guess, y: (((guess - y) ** 2).mean(), (y - guess) / len(y)),
                          "The loss is right. In the slopes the sign is turned round, and the 2 of the square is missing."),
            Misconception(lambda guess, y: (((guess - y) ** 2).mean() / 2, (guess - y) / len(y)),
                          "This is half the mean squared error, as some books define it, with slopes to match. Here there is "
                          "no half."),
            Misconception(lambda guess, y: (((guess - y) ** 2).sum(), 2 * (guess - y) / len(y)),
                          "The slopes are right. The loss is the sum; divide it by N."),
            Misconception(lambda guess, y: (((guess - y) ** 2).mean(), (2 * (guess - y)).mean()),
                          "The loss is right. Of the slopes you gave the mean; every guess has a slope of its own, so there "
                          "are as many "
                          "slopes as guesses."),
            Misconception(lambda guess, y: (np.abs(guess - y).mean(), np.sign(guess - y) / len(y)),
                          "This is the mean of the absolute misses. Here each miss is squared, so that a large one counts more."),
            Misconception(lambda guess, y: (np.sqrt(((guess - y) ** 2).mean()), 2 * (guess - y) / len(y)),
                          "The slopes are right. The loss has a root too many: it is the mean of the squares itself."),
            Misconception(lambda guess, y: ((guess - y).mean() ** 2, 2 * (guess - y) / len(y)),
                          "The slopes are right. In the loss you squared the mean; square each miss first, or left and right "
                          "cancel."),
        ],
        alternatives=[_mse_in_a_loop, _mse_by_nudging]),
    "loop": Exercise(
        task="Return pace and shoes after `steps` updates by gradient descent on the mean squared error, both from 0.",
        reference=fit, inputs=_some_walks, any_sequence=True, rtol=1e-5,
        hint="Forward: guess = pace * x + shoes. Loss: the mean of (guess - y)². Backward: 2·(guess - y)/N for each guess; times "
             "x and added up for pace, added up for shoes. Update: both minus rate times their slope. And all four once more, "
             "`steps` times.",
        misconceptions=[
            Misconception(_fit_wrongly(sign=1), "You stepped along the slope, and the loss grew. The update has a minus sign."),
            Misconception(_fit_wrongly(factor=1), "Your steps are half as long: the slope of a square e² is 2·e."),
            Misconception(_fit_wrongly(mean=False), "These are the slopes of the sum; those of the mean are 1/N of them."),
            Misconception(_fit_wrongly(factor=1, mean=False), "Your slopes lack the 2 of the square and the 1/N of the mean."),
            Misconception(_fit_wrongly(at_once=False), "You moved pace and then guessed again for shoes. All slopes are taken at "
                                                       "the same place; then all weights move."),
            Misconception(_fit_wrongly(piled=True), "The slopes of earlier steps are still in yours: clear them before each "
                                                    "backward (that is what zero_grad is for)."),
            Misconception(_fit_wrongly(early=1), "One update is missing: count the rounds of your loop."),
            Misconception(_fit_wrongly(early=-1), "One update too many: count the rounds of your loop."),
            Misconception(_fit_wrongly(only_pace=True), "shoes never moved. Every weight is updated, each by its own slope."),
            Misconception(lambda x, y, rate, steps: (0.0, 0.0), "Nothing moved: is the update inside the loop, and kept?"),
            Misconception(lambda x, y, rate, steps: fit(x, y, rate, steps)[::-1], "Right, in the wrong order: pace first."),
            Misconception(lambda x, y, rate, steps: fit(x, y, rate, 1), "That is where one update ends. All four steps belong "
                                                                        "into the loop; the `return` comes after it."),
            Misconception(_fit_at_last, "That is the line with the least loss of all. Asked is how far gradient descent gets in "
                                        "`steps` updates."),
        ],
        alternatives=[_fit_with_a_matrix, _fit_by_nudging]),
    "logistic": Exercise(
        task="Return the slopes of the mean logistic loss: by how much it grows for each logit that grows.",
        reference=logistic_slopes, inputs=_some_logits, any_sequence=True,
        hint="Nudge one logit with y = 1 and compare the slope with p - 1, where p = 1 / (1 + e^-logit). Then one with y = 0: "
             "compare "
             "with p. One formula covers both. And it is a mean over N.",
        misconceptions=[
            Misconception(lambda logits, y: _sigmoid(logits) - y,
                          "Right for one example. The loss is a mean over N, and each logit moves only 1/N of it."),
            Misconception(lambda logits, y: (y - _sigmoid(logits)) / len(y),
                          "The sign is turned round: where y is 1 the loss falls as the logit grows, so the slope there is "
                          "negative."),
            Misconception(lambda logits, y: y - _sigmoid(logits),
                          "The sign is turned round, and the 1/N of the mean is missing."),
            Misconception(lambda logits, y: (_sigmoid(logits) - 1) / len(y),
                          "Right where y is 1. Where y is 0 the loss is -log(1 - p), and its slope is p."),
            Misconception(lambda logits, y: np.mean(np.log1p(np.exp(-logits)) + (1 - y) * logits),
                          "This is the loss itself; asked is how it changes with each logit."),
            Misconception(lambda logits, y: (_sigmoid(-logits) - y) / len(y),
                          "Check the sign in the sigmoid: 1 / (1 + e to the minus logit)."),
            Misconception(lambda logits, y: (logits - y) / len(y),
                          "You compared the logit with y. The logit can be any number; the sigmoid makes the probability of it "
                          "that "
                          "compares with 0 and 1."),
            Misconception(lambda logits, y: 2 * (_sigmoid(logits) - y) * _sigmoid(logits) * (1 - _sigmoid(logits)) / len(y),
                          "This is the slope of the squared error of the probability. The logistic loss has a logarithm; its "
                          "slope "
                          "cancels the factor p·(1 - p)."),
            Misconception(lambda logits, y: (_sigmoid(logits) - y) / (_sigmoid(logits) * (1 - _sigmoid(logits))) / len(y),
                          "This is the slope for the probability p. The question is the slope for the logit: one step further "
                          "back, "
                          "times p·(1 - p)."),
            Misconception(lambda logits, y: ((logits > 0) - y) / len(y),
                          "You rounded the probability to yes or no. The slope needs how sure the model is, not only which "
                          "side it took."),
            Misconception(lambda logits, y: (_sigmoid(logits) - y).mean(),
                          "One number came back; every logit has a slope of its own, so there are as many slopes as logits."),
        ],
        alternatives=[_logistic_by_nudging, _logistic_by_tanh]),
    "epoch": Exercise(
        task="Return the batches of one epoch: row numbers 0 to n - 1, shuffled by rng, each exactly once, `size` to a batch "
             "(the last may be "
             "smaller).",
        reference=epoch, judge=_judge_epoch,
        hint="Shuffle a deck and deal it out: rng.permutation(n) is the deck. Slices order[0:size], order[size:2*size], … deal "
             "it; a slice that "
             "runs over the end is cut short by itself.",
        misconceptions=[
            Misconception(_epoch_with_replacement, "Each row is drawn anew, so some come twice and others never. Shuffle all "
                                                   "rows once, then "
                                                   "deal them out."),
            Misconception(_epoch_of_single_draws, "Each batch is drawn from the full deck again, so rows come back in later "
                                                  "batches and others "
                                                  "are never seen. Draw without putting back: shuffle once, then deal."),
            Misconception(_epoch_without_the_rest, "The rows that do not fill a last batch are dropped. Deal them too: the "
                                                   "last batch may be "
                                                   "smaller."),
            Misconception(_epoch_filled_up, "The last batch is filled up with rows that were dealt before. Leave it smaller."),
            Misconception(_epoch_in_order, "Nothing is skipped or repeated, and nothing is shuffled: in a file sorted by "
                                           "label, a batch would show "
                                           "one label only. Ask rng for an order."),
            Misconception(_epoch_of_shuffled_blocks, "The batches come in a new order, but each still holds neighbours of the "
                                                     "file. Shuffle the "
                                                     "rows, then cut."),
            Misconception(_epoch_with_its_own_seed, "Every epoch comes in the same order. Draw it from the rng you are given, "
                                                    "which moves on by "
                                                    "itself; do not seed another."),
            Misconception(_epoch_of_every_start, "A batch starts at every row; start one at every size-th: range(0, n, size)."),
            Misconception(_epoch_of_one_batch, "Only the first batch came back; go on dealing until the deck is empty."),
            Misconception(_epoch_undealt, "All rows are in one batch; cut it into pieces of `size`."),
            Misconception(_epoch_in_equal_shares, "You cut the deck into equal shares; every batch but the last should hold "
                                                  "exactly `size`."),
            Misconception(_epoch_by_another_generator, "The order does not come from the rng you are given, so nobody can "
                                                       "repeat this epoch. Ask rng.permutation."),
            Misconception(_epoch_with_an_empty_batch, "Where size divides n, a last batch without rows is left over; the mean "
                                                      "of nothing is nan."),
        ],
        alternatives=[_epoch_by_deck, _epoch_by_split]),
}
