"""Lesson 14, pretraining: what it asks."""
import numpy as np

from minitrain.teach.exercises import Exercise, Misconception
from minitrain.teach.predictions import Question

QUESTIONS = {
    "first": Question(
        "The run has made 50 of its 800 updates. Of what the village's grammar decides and of what its facts decide, "
        "which is it farther from the floor in, in nats a token?",
        ["grammar", "facts", "about the same"], answer="facts",
        why="The same turns of phrase stand in every diary, and each of them teaches grammar. A fact has to be met itself, "
            "and many of them are met rarely."),
    "below": Question(
        "Three sick runs come in, one wrong line each. How many of them show, within 150 updates, a loss below the floor, "
        "which no model can do better than?",
        ["none", "one", "two", "all three"], answer="two",
        why="On average nobody who sees only what stands before pays less than the floor, so a loss below it proves that the "
            "answer leaked into the question. That a loss lies above it proves nothing."),
    "resume": Question(
        "The run is killed in mid-air and resumed by the same command with --resume. Of its weights at the end, how many "
        "differ from those of a run that nobody killed?",
        ["none", "those of the last updates", "nearly all"], answer="none",
        why="Every batch is a function of the seed and its number, and the checkpoint holds the rest: weights, the "
            "optimizer's memory, the update count, the generators."),
}


# --- packing without a leak -------------------------------------------------------------------------------------------------

def pack(documents, end):
    x, y, number = [], [], []
    for i, ids in enumerate(documents):
        x += [end, *ids]
        y += [*ids, end]
        number += [i] * (len(ids) + 1)
    place, number = np.arange(len(x)), np.array(number)
    allowed = (number[:, None] == number) & (place[:, None] >= place)
    return x, y, allowed


def _pack_by_blocks(documents, end):
    x = [token for ids in documents for token in (end, *ids)]
    allowed, at = np.zeros((len(x), len(x)), bool), 0
    for ids in documents:
        n = len(ids) + 1
        allowed[at:at + n, at:at + n] = np.tri(n, dtype=bool)
        at += n
    return x, [*x[1:], end], allowed


def _packed(change, marks=True):
    def wrong(documents, end):
        if marks == "none":
            x = [token for ids in documents for token in ids]
            number = np.array([i for i, ids in enumerate(documents) for _ in ids])
            y = [token for ids in documents for token in (*ids[1:], end)]
        elif marks == "once":
            x = [end, *(token for ids in documents for token in ids)]
            number = np.array([0, *(i for i, ids in enumerate(documents) for _ in ids)])
            y = [*x[1:], end]
        elif marks == "both":
            x = [token for ids in documents for token in (end, *ids, end)]
            number = np.array([i for i, ids in enumerate(documents) for _ in (end, *ids, end)])
            y = [*x[1:], end]
        elif marks == "after":
            x = [token for ids in documents for token in (*ids, end)]
            number = np.array([i for i, ids in enumerate(documents) for _ in (*ids, end)])
            y = [*x[1:], end]
        else:
            x, y, _ = pack(documents, end)
            number = np.array([i for i, ids in enumerate(documents) for _ in (end, *ids)])
        place = np.arange(len(x))
        return change(x, y, number[:, None] == number, place[:, None], place)
    return wrong


def _some_documents(seed):
    lots = np.random.default_rng(seed)
    lengths = ((2, 1), (1, 3), (2, 2, 1), (3, 1, 2), (2, 4))[seed % 5]
    return [[int(token) for token in lots.integers(1, 50, n)] for n in lengths], 0


EXERCISES = {
    "pack": Exercise(
        task="Put documents side by side into one row. Return x, y and allowed: x has the end mark before each document's "
             "tokens, y the token that follows each place (after a document's last, the end mark), and allowed[i, j] is "
             "True where place i may look at place j.",
        reference=pack, inputs=_some_documents, any_sequence=True,
        hint="Keep a list of the document's number for each place. Place i may look at j if the numbers are equal and j does "
             "not come after i: (number[:, None] == number) & (place[:, None] >= place), with number and place as arrays.",
        misconceptions=[
            Misconception(_packed(lambda x, y, same, i, j: (x, y, i >= j)),
                          "A place may look at everything before it, and so into the document before its own: the leak. "
                          "Both places must be of one document."),
            Misconception(_packed(lambda x, y, same, i, j: (x, y, same)),
                          "A place may look at all of its document, and so at what it is to predict. Only at itself and "
                          "what stands before."),
            Misconception(_packed(lambda x, y, same, i, j: (x, y, same & (i <= j))),
                          "Turned round: a place looks at what comes after it. allowed[i, j] is about i looking at j."),
            Misconception(_packed(lambda x, y, same, i, j: (x, y, same & (i > j))),
                          "A place may not even look at itself. Its own token is known: it is the next that is asked for. And "
                          "the first place would have nothing to look at."),
            Misconception(_packed(lambda x, y, same, i, j: (x, x, same & (i >= j))),
                          "y repeats x: the model is asked for the token that it reads. y is what follows."),
            Misconception(_packed(lambda x, y, same, i, j: (x, y, same & (i >= j)), marks="none"),
                          "The end marks are missing in x. Without one before it, a document's first token is never asked for."),
            Misconception(_packed(lambda x, y, same, i, j: (x, y, same & (i >= j)), marks="after"),
                          "The end mark comes after each document in x. Then the first token of the row is never asked for, "
                          "and those of the others are asked for from inside another document. Put it before."),
            Misconception(_packed(lambda x, y, same, i, j: (x, y, same & (i >= j)), marks="once"),
                          "One end mark at the head of the row, and none between the documents: the first token of the second "
                          "is asked for from inside the first. Each document has its own mark before it."),
            Misconception(_packed(lambda x, y, same, i, j: (x, y, same & (i >= j)), marks="both"),
                          "x has two end marks between documents, one after and one before. The one before is enough: the end "
                          "itself is asked for in y."),
            Misconception(_packed(lambda x, y, same, i, j: (x, x[1:], same & (i >= j))),
                          "y is one shorter than x. The last place is asked for something too: the end mark."),
            Misconception(_packed(lambda x, y, same, i, j: (x, [*y[:-1], -100], same & (i >= j))),
                          "The last place of the row is not asked for anything. The text ends there, and that is what it is to "
                          "say: the end mark."),
            Misconception(_packed(lambda x, y, same, i, j: (x, [-100 if after == x[0] else after for after in y],
                                                            same & (i >= j))),
                          "You leave out where the answer is the end mark. A model that is never asked for it writes on for "
                          "ever."),
            Misconception(_packed(lambda x, y, same, i, j: (x, y, np.where(same & (i >= j), 0.0, -np.inf))),
                          "This is the table as it is added to the scores, 0 and minus infinity. Here it is True and False."),
            Misconception(_packed(lambda x, y, same, i, j: (x, y, ~(same & (i >= j)))),
                          "Your table says where a place may not look. Here True means that it may."),
        ],
        alternatives=[_pack_by_blocks]),
}


# --- cosine with warm-up ------------------------------------------------------------------------------------------------------

def rate_at(t, steps, warmup, most):
    if t < warmup:
        return most * (t + 1) / warmup
    return most * (1 + np.cos(np.pi * (t - warmup) / (steps - warmup))) / 2


def _rate_by_sine(t, steps, warmup, most):
    return most * min((t + 1) / warmup, np.cos(np.pi / 2 * max(t - warmup, 0) / (steps - warmup)) ** 2)


def _rate(up=lambda t, warmup: (t + 1) / warmup, down=lambda t, steps, warmup: (1 + np.cos(np.pi * t)) / 2,
          at=lambda t, steps, warmup: (t - warmup) / (steps - warmup), scaled=True, late=0):
    def wrong(t, steps, warmup, most):
        factor = up(t, warmup) if t < warmup + late else down(at(t, steps, warmup), steps, warmup)
        return most * factor if scaled else factor
    return wrong


_MOMENTS = [(0, 100, 10, 0.02), (4, 100, 10, 0.02), (10, 100, 10, 0.02), (55, 100, 10, 0.02), (80, 100, 10, 0.02),
            (7, 40, 20, 0.5), (25, 40, 20, 0.5), (99, 100, 10, 0.02)]
EXERCISES["rate_at"] = Exercise(
    task="Return the learning rate of update t, counted from 0: in the first `warmup` updates a straight line, from "
         "most / warmup in update 0 to `most` in the last of them; then half a cosine from `most` down to 0 at t = steps.",
    reference=rate_at, inputs=_MOMENTS, rtol=1e-6, atol=1e-9,
    hint="Two cases. Up: most * (t + 1) / warmup. Down: which share of the way from warmup to steps is done? Call it u, from "
         "0 to "
         "1; then (1 + cos(pi u)) / 2 goes from 1 to 0.",
    misconceptions=[
        Misconception(_rate(up=lambda t, warmup: t / warmup),
                      "The first update has rate 0: it is computed for nothing. Updates count from 0, so the line is (t + 1) / "
                      "warmup."),
        Misconception(_rate(late=1),
                      "Your line goes on for one update too long, to above `most`: updates count from 0, so the warm-up is over "
                      "when t is warmup."),
        Misconception(_rate(up=lambda t, warmup: (t + 1) / (warmup + 1)),
                      "The last update of the warm-up is to have `most`, and yours has less: divide by warmup."),
        Misconception(_rate(at=lambda t, steps, warmup: t / steps),
                      "The cosine counts from update 0, so that the rate drops where the warm-up ends. Count from there: "
                      "(t - warmup) / (steps - warmup)."),
        Misconception(_rate(at=lambda t, steps, warmup: (t - warmup) / steps),
                      "The way down is steps - warmup long. With steps, the rate is not yet 0 at the end."),
        Misconception(_rate(at=lambda t, steps, warmup: (t - warmup) / (steps - warmup - 1)),
                      "Yours is 0 in the last update already, which is then computed for nothing. It is to be 0 at t = steps, "
                      "one later."),
        Misconception(_rate(at=lambda t, steps, warmup: (t - warmup + 1) / (steps - warmup)),
                      "The way down begins at t = warmup, with `most`. Yours is one update ahead, and 0 in the last, which is "
                      "then computed for nothing."),
        Misconception(_rate(down=lambda u, steps, warmup: 1.0),
                      "After the warm-up the rate stays where it is. It is to come down, along half a cosine."),
        Misconception(_rate(down=lambda u, steps, warmup: 1 + np.cos(np.pi * u)),
                      "1 + cos goes from 2 to 0, so the rate jumps to twice `most`. Halve it."),
        Misconception(_rate(down=lambda u, steps, warmup: (1 - np.cos(np.pi * u)) / 2),
                      "This goes from 0 up to `most`. With 1 + cos it goes down."),
        Misconception(_rate(down=lambda u, steps, warmup: 1 - u),
                      "This way down is a straight line. It is half a cosine: (1 + cos(pi u)) / 2."),
        Misconception(_rate(down=lambda u, steps, warmup: (1 + np.cos(2 * np.pi * u)) / 2),
                      "A whole cosine goes down and up again. Half of one: up to pi."),
        Misconception(_rate(down=lambda u, steps, warmup: np.cos(np.pi * u)),
                      "The cosine goes from 1 to -1, and with a rate below 0 the run climbs. Lift it and halve it: (1 + cos) "
                      "/ 2."),
        Misconception(_rate(down=lambda u, steps, warmup: np.cos(np.pi / 2 * u)),
                      "This is the first quarter of a cosine: it leaves `most` as gently, and arrives at 0 steeply. The half, "
                      "lifted and halved, is gentle at both ends."),
        Misconception(_rate(down=lambda u, steps, warmup: (1 + np.cos(180 * u)) / 2),
                      "np.cos takes radians: half a turn is pi, not 180."),
        Misconception(_rate(scaled=False), "This is the factor, from 0 to 1. The rate is `most` times that."),
        Misconception(_rate(up=lambda t, warmup: 1.0), "There is no warm-up: the first updates go at full rate."),
    ],
    alternatives=[_rate_by_sine])


# --- masking as BERT does -----------------------------------------------------------------------------------------------------

def mask(ids, blank, lots, fates, others):
    chosen = lots < 0.15
    x = np.where(chosen & (fates < 0.8), blank, ids)
    x = np.where(chosen & (fates >= 0.8) & (fates < 0.9), others, x)
    return x, np.where(chosen, ids, -100)


def _mask_in_a_loop(ids, blank, lots, fates, others):
    x, y = [], []
    for token, lot, fate, other in zip(ids, lots, fates, others):
        asked = lot < 0.15
        x.append(token if not asked or fate >= 0.9 else blank if fate < 0.8 else other)
        y.append(token if asked else -100)
    return np.array(x), np.array(y)


def _masked(blanked=0.8, replaced=0.9, share=lambda lots: lots < 0.15, y=lambda x, ids, chosen: np.where(chosen, ids, -100)):
    def wrong(ids, blank, lots, fates, others):
        chosen = share(lots)
        x = np.where(chosen & (fates < blanked), blank, ids)
        x = np.where(chosen & (fates >= blanked) & (fates < replaced), others, x)
        return x, y(x, ids, chosen)
    return wrong


def _every_place(ids, blank, lots, fates, others):
    x = np.where(fates < 0.8, blank, np.where(fates < 0.9, others, ids))
    return x, np.where(lots < 0.15, ids, -100)


def _mixed_up(blank_again=False):
    def wrong(ids, blank, lots, fates, others):
        chosen = lots < 0.15
        x = np.where(chosen & (fates < 0.8), blank, ids)
        x = np.where(chosen & (fates < 0.9) if blank_again else chosen & (fates >= 0.9), others, x)
        return x, np.where(chosen, ids, -100)
    return wrong


def _some_lots(seed):
    lots = np.random.default_rng(seed)
    n = (6, 8, 12, 30, 60)[seed % 5]
    chance, fates = (lots.random(n) * np.where(lots.random(n) < 0.5, 0.2, 1)).round(3), lots.random(n).round(3)
    chance[:4], fates[:4] = 0.1, (0.3, 0.85, 0.95, 0.5)                     # each fate occurs
    return lots.integers(0, 90, n), 99, chance, fates, lots.integers(90, 99, n)


EXERCISES["mask"] = Exercise(
    task="Choose the places whose lot is below 0.15. Of these, those with a fate below 0.8 become `blank`, those from 0.8 to "
         "below 0.9 become the token in `others`, the rest stay. Return x, what the model reads, and y, what it is asked for: "
         "the true token where a place was chosen, -100 elsewhere.",
    reference=mask, inputs=_some_lots, any_sequence=True,
    hint="np.where(condition, a, b) takes from a where the condition is True. Three of them: the blanks, the others, the "
         "targets. "
         "A chosen token that stays is asked for, too.",
    misconceptions=[
        Misconception(_masked(blanked=1.0, replaced=1.0),
                      "Every chosen place is blank. A tenth gets another token and a tenth stays: later the model reads texts "
                      "that have no blanks, and must have something to say at every place."),
        Misconception(_masked(replaced=1.0), "A chosen place with a fate of 0.9 or more stays as it is; yours gets another "
                                             "token."),
        Misconception(_masked(replaced=0.8), "With a fate from 0.8 to below 0.9 a chosen place gets the token in `others`; yours "
                                             "stays."),
        Misconception(_masked(y=lambda x, ids, chosen: ids),
                      "y asks for every token. Most of them stand in x for all to see, and copying is all that it would "
                      "learn: -100 "
                      "where none was chosen."),
        Misconception(_masked(y=lambda x, ids, chosen: np.where(x != ids, ids, -100)),
                      "You ask only where x was changed. Those that were chosen and stay are asked for too, or a token that "
                      "is not "
                      "blank is never in question."),
        Misconception(_masked(y=lambda x, ids, chosen: np.where(chosen, x, -100)),
                      "You ask for what stands in x, the blank itself. Ask for the token that was there."),
        Misconception(_masked(y=lambda x, ids, chosen: np.where(chosen, -100, ids)),
                      "Turned round: you ask for all but the chosen."),
        Misconception(_masked(share=lambda lots: lots >= 0.15), "You chose 85 in a hundred: those whose lot is below 0.15 "
                                                                "are meant."),
        Misconception(_masked(share=lambda lots: lots < 0.15 * 0.8, replaced=0.9),
                      "You chose a smaller share. The 0.15 is all who are asked for; 0.8, 0.1 and 0.1 are shares of those."),
        Misconception(_mixed_up(), "The two small shares are exchanged: with a fate from 0.8 to below 0.9 comes another token, "
                                   "from 0.9 on it stays. (In training either is as good; here they are named.)"),
        Misconception(_mixed_up(blank_again=True),
                      "The second choice takes back the first: a fate below 0.9 is also one below 0.8, and the blanks are "
                      "written over. It is for those from 0.8 on."),
        Misconception(_masked(y=lambda x, ids, chosen: np.where(chosen, ids, 0)),
                      "0 is a token too, and you ask for it wherever none was chosen. -100 is the number that the loss leaves "
                      "out."),
        Misconception(_masked(y=lambda x, ids, chosen: ids[chosen]),
                      "y has only the tokens that were chosen. It is as long as x, so that each stands at its place: -100 "
                      "elsewhere."),
        Misconception(_masked(y=lambda x, ids, chosen: np.where(x == 99, ids, -100)),
                      "You ask only where x is blank. Those that were chosen and became another token or stay are asked for "
                      "too."),
        Misconception(_every_place, "The fate was applied at every place. It is for the chosen ones alone."),
    ],
    alternatives=[_mask_in_a_loop])
