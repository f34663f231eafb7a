"""Lesson 19, self-play: what it asks."""
import numpy as np

from minitrain.teach.exercises import Exercise, Misconception
from minitrain.teach.predictions import Question

QUESTIONS = {
    "look-ahead": Question(
        "Random moves blunder in some 1,500 of 3,888 positions. A search of 25 simulations knows the rules and nothing else. Of "
        "those blunders it makes …",
        ["more than half", "a quarter to half", "fewer than a quarter"], answer="fewer than a quarter",
        why="In so small a game the end is never far: 25 looks reach many wins and losses, and the rules say what those are. The "
            "judge at the leaves had nothing to say."),
    "teacher": Question(
        "One network learns from the games of a teacher who looks one move ahead. The other learns from games with itself, which "
        "begin as noise. Both play their first thought, without search. Who blunders far less?",
        ["the pupil of the teacher", "the one without a teacher", "neither: they are within a factor of two"],
        answer="the one without a teacher",
        why="A pupil that copies well copies the blunders as well. What the other copies is a search, guided by itself: "
            "whenever it learned something, its teacher got better too."),
    "empty": Question(
        "A third network plays itself as before, only that all games begin on the empty board. With its 25 simulations it "
        "blunders …",
        ["in no position", "in some, most of which its games never reached",
         "in some, most of which its games had reached, and later no more"],
        answer="in some, most of which its games had reached, and later no more",
        why="Its first games are noise and go to most places. As it gets better, they stop reaching what only bad play leads "
            "to, and what it no longer meets it forgets: the same weights are needed for what it does meet."),
}


# --- which move to look at next -----------------------------------------------------------------------------------------

def puct(n, w, p, c):
    mean = w / np.maximum(n, 1)                                 # 0 where a move was never looked at
    return mean + c * p * np.sqrt(1 + n.sum()) / (1 + n)


def _puct_by_loop(n, w, p, c):
    total, scores = 1 + sum(n), []
    for visits, value, prior in zip(n, w, p):
        scores.append((value / visits if visits else 0.0) + c * prior * total**0.5 / (1 + visits))
    return np.array(scores)


def _some_moves(seed):
    lots = np.random.default_rng(seed)
    a = (2, 3, 4, 3, 5)[seed % 5]
    n = lots.integers(1, 9, a).astype(float)
    n[lots.integers(a)] = 0                                     # one that was never looked at
    w = np.round(n * lots.uniform(-0.9, 0.9, a), 1)
    p = lots.dirichlet(np.ones(a)).round(2)
    return n, w, p, float(lots.choice([0.7, 1.3, 2.5]))


def _scores(mean=lambda n, w: w / np.maximum(n, 1), hope=lambda n, p: p * np.sqrt(1 + n.sum()) / (1 + n), whole=None):
    def scores(n, w, p, c):
        with np.errstate(all="ignore"):
            return whole(mean(n, w), hope(n, p), c) if whole else mean(n, w) + c * hope(n, p)
    return scores


# --- from a leaf to the root --------------------------------------------------------------------------------------------

def back_up(visits, sums, value):
    visits, sums = visits.copy(), sums.copy()
    for level in reversed(range(len(sums))):
        value = -value                                          # a level up it is the other player's move
        visits[level] += 1
        sums[level] += value
    return visits, sums


def _back_up_at_once(visits, sums, value):
    signs = (-1.0) ** np.arange(len(sums), 0, -1)
    return visits + 1, sums + signs * value


def _some_path(seed):
    lots = np.random.default_rng(seed + 10)
    depth = (2, 3, 4, 5, 3)[seed % 5]
    visits = np.sort(lots.integers(1, 30, depth))[::-1].astype(float)
    return visits, np.round(visits * lots.uniform(-0.8, 0.8, depth), 1) + 0.05, float(lots.choice([0.6, -0.4, 1.0]))


def _path(add, visited=lambda visits: visits + 1):
    """add: (signs, visits, sums, value) -> sums; signs are those of the right answer."""
    return lambda visits, sums, value: (visited(visits), add((-1.0) ** np.arange(len(sums), 0, -1), visits, sums, value))


def _only(which):
    def back_up(visits, sums, value):
        visits, sums = visits.copy(), sums.copy()
        visits[which] += 1
        sums[which] -= value * (-1.0) ** (len(sums) - 1) if which == 0 else value
        return visits, sums
    return back_up


def _but_the_root(visits, sums, value):
    after, summed = back_up(visits, sums, value)
    return np.append(visits[:1], after[1:]), np.append(sums[:1], summed[1:])


# --- a mirror image -----------------------------------------------------------------------------------------------------

def mirrored(x, policy, value):
    return x[:, :, ::-1], policy.reshape(3, 3)[:, ::-1].ravel(), value


def _mirrored_by_index(x, policy, value):
    return x[..., [2, 1, 0]], policy[[2, 1, 0, 5, 4, 3, 8, 7, 6]], value


def _some_position(seed):
    lots = np.random.default_rng(seed + 20)
    owner = lots.permutation([0, 0, 1, 1, 2, 2, 2, 2, 2])
    x = np.stack([owner == 0, owner == 1]).astype(float).reshape(2, 3, 3)
    policy = np.where(owner == 2, lots.uniform(0.1, 1, 9), 0)
    return x, (policy / policy.sum()).round(2), float(lots.choice([0.5, -0.25, 0.75]))


def _as_board(policy):
    return policy.reshape(3, 3)


EXERCISES = {
    "puct": Exercise(
        task="How much each move of a position is worth looking at: its mean value so far (0 before the first visit), and "
             "c · p · sqrt(1 + all visits) / (1 + its own visits).",
        reference=puct, inputs=_some_moves,
        hint="The mean is w / n; np.maximum(n, 1) in place of n keeps 0 / 0 away. n.sum() are the visits of all moves. All of "
             "it is done on whole arrays: no loop is needed.",
        misconceptions=[
            Misconception(_scores(mean=lambda n, w: w),
                          "You added the sum of the values. A move would look better for having been looked at more; take the "
                          "mean, the sum divided by its visits."),
            Misconception(_scores(mean=lambda n, w: w / n),
                          "A move that was never looked at gives 0 / 0, which is no number. Its mean counts as 0: divide by "
                          "np.maximum(n, 1)."),
            Misconception(_scores(mean=lambda n, w: w / (1 + n)),
                          "You divided the sum by 1 + n: every mean is pulled towards 0. One that was looked at has n values, so "
                          "divide by n, and by 1 only where n is 0."),
            Misconception(_scores(mean=lambda n, w: np.where(n > 0, w / np.maximum(n, 1), np.inf)),
                          "You gave moves that were never looked at an endless score, as UCB does with arms. With priors a move "
                          "that looks hopeless may wait: its mean counts as 0."),
            Misconception(_scores(hope=lambda n, p: p * np.sqrt(1 + n.sum()) / np.maximum(n, 1)),
                          "The second part divides by 1 + n, so that the first visit already halves it. You divided by n."),
            Misconception(_scores(mean=lambda n, w: w.sum() / n.sum()),
                          "You took one mean over all moves. Each move has a mean of its own: w / n, element by element."),
            Misconception(_scores(mean=lambda n, w: np.where(n > 0, w / np.maximum(n, 1), -1.0)),
                          "A move that was never looked at counts as lost with you, -1. Its mean is 0: nothing is known of it."),
            Misconception(lambda n, w, p, c: np.where(n > 0, puct(n, w, p, c), 0),
                          "A move that was never looked at gets 0 with you. Only its mean is 0; its hope is the largest of all."),
            Misconception(_scores(hope=lambda n, p: p * (1 + np.sqrt(n.sum())) / (1 + n)),
                          "The 1 belongs under the root: sqrt(1 + all visits)."),
            Misconception(_scores(hope=lambda n, p: p * np.sqrt(1 + n.sum() / (1 + n))),
                          "Your root reaches too far: it closes after 1 + n.sum(), and 1 + n divides what comes out of it."),
            Misconception(_scores(hope=lambda n, p: p * np.sqrt(1 + n.sum()) / n),
                          "You divided by n, which is 0 for a move that was never looked at. The second part divides by 1 + n."),
            Misconception(_scores(hope=lambda n, p: np.sqrt(1 + n.sum()) / (1 + n)),
                          "The prior is missing: what the judge thinks of a move decides how soon it is looked at."),
            Misconception(_scores(hope=lambda n, p: np.sqrt(2 * np.log(1 + n.sum()) / (1 + n))),
                          "That is UCB for a bandit's arms, with a logarithm. Here the second part is p times a root, over 1 + "
                          "n."),
            Misconception(_scores(hope=lambda n, p: np.sqrt(np.log(1 + n.sum()) / (1 + n))),
                          "That is near to UCB for a bandit's arms, with a logarithm, and without the prior. Here the second "
                          "part is p times a root, over 1 + n."),
            Misconception(_scores(hope=lambda n, p: p * np.sqrt(np.log(1 + n.sum()) / (1 + n))),
                          "There is no logarithm here: sqrt(1 + all visits) stands alone above 1 + n."),
            Misconception(_scores(hope=lambda n, p: p * np.sqrt((1 + n.sum()) / (1 + n))),
                          "The root covers all visits alone, not the whole fraction: what is above grows slowly, what is below "
                          "counts fully."),
            Misconception(_scores(hope=lambda n, p: p * (1 + n.sum()) / (1 + n)),
                          "The root is missing. Without it, hope never gets weaker beside what was found."),
            Misconception(_scores(hope=lambda n, p: p * np.sqrt(1 + n) / (1 + n)),
                          "Under the root stand the visits of all moves, n.sum(). A move grows more interesting while others are "
                          "looked at."),
            Misconception(_scores(hope=lambda n, p: p * np.sqrt(n.sum()) / (1 + n)),
                          "The 1 under the root is missing: it is the visit that this position itself got first. (With the bare "
                          "sum, as some papers have it, all hopes are 0 at the first choice.)"),
            Misconception(_scores(hope=lambda n, p: p * np.sqrt(1 + len(n)) / (1 + n)),
                          "len(n) is how many moves there are. Under the root stands how often all of them were looked at: "
                          "n.sum()."),
            Misconception(lambda n, w, p, c: w / np.maximum(n, 1) + c * p * np.sqrt(1 + n.sum()) / 1 + n,
                          "Python divides by 1 and adds n afterwards: put 1 + n into brackets."),
            Misconception(_scores(whole=lambda mean, hope, c: mean - c * hope),
                          "You took the hope away. A move that was seldom looked at must gain by it."),
            Misconception(_scores(whole=lambda mean, hope, c: c * (mean + hope)),
                          "c belongs to the second part alone: it says how much hope weighs beside what was found."),
            Misconception(_scores(whole=lambda mean, hope, c: mean + hope),
                          "c is missing: it weighs the second part."),
            Misconception(_scores(whole=lambda mean, hope, c: mean),
                          "That is what was found, alone. A move that looked bad once would never be looked at again."),
            Misconception(_scores(whole=lambda mean, hope, c: c * hope),
                          "That is the hope alone; what was found, the mean, is missing."),
            Misconception(lambda n, w, p, c: p * (w / np.maximum(n, 1)) + c * p * np.sqrt(1 + n.sum()) / (1 + n),
                          "The prior weighs the hope, not what was found."),
            Misconception(lambda n, w, p, c: puct(n, w, p, c).argmax(),
                          "You chose the move already. Return all scores, one for each move; the search takes the largest."),
        ],
        alternatives=[_puct_by_loop]),
    "back-up": Exercise(
        task="Bring a leaf's value up the path that led to it, root first: every move on it gets one visit more, and the value "
             "as the player who made that move sees it. Return (visits, sums), new ones.",
        reference=back_up, inputs=_some_path,
        hint="The leaf's value belongs to the player who is to move there. The last move of the path was made by the other one, "
             "so it gets -value; the move before that +value, and so on up. Begin with visits.copy() and sums.copy(), and go "
             "through the levels from the last to the first.",
        misconceptions=[
            Misconception(_path(lambda signs, n, w, v: w + v),
                          "You added the same value at every level. What is good for the one is bad for the other: the sign "
                          "turns at every move."),
            Misconception(_path(lambda signs, n, w, v: w - v),
                          "You turned the sign once, for all levels. It turns again at every move on the way up."),
            Misconception(_path(lambda signs, n, w, v: w - signs * v),
                          "The signs turn, but begin wrong. The value belongs to who is to move at the leaf; the move that led "
                          "there was made by the other player."),
            Misconception(_path(lambda signs, n, w, v: w + v * (-1.0) ** (np.arange(len(w)) + 1)),
                          "You counted the signs from the root. The value is known at the leaf: the last move gets -value, and "
                          "from there upwards it turns."),
            Misconception(_path(lambda signs, n, w, v: w + v * (-1.0) ** np.arange(len(w))),
                          "You counted the signs from the root, beginning with +value. The last move gets -value, and from there "
                          "upwards it turns."),
            Misconception(_path(lambda signs, n, w, v: w + signs * v, visited=lambda n: n.copy()),
                          "The sums are right; every move on the path gets a visit more as well."),
            Misconception(_path(lambda signs, n, w, v: signs * v),
                          "You wrote the value over the sums. Add to them: they hold what earlier looks found."),
            Misconception(_path(lambda signs, n, w, v: w + (signs * v - w) / (n + 1)),
                          "You kept a running mean. Here sums are kept; the mean is taken when it is needed, sums / visits."),
            Misconception(_path(lambda signs, n, w, v: (w + signs * v) / (n + 1)),
                          "You divided by the visits. Keep the sums; the mean is taken when it is needed."),
            Misconception(_path(lambda signs, n, w, v: w + signs * v, visited=lambda n: n + (-1.0) ** np.arange(len(n), 0, -1)),
                          "A visit is a visit, whoever moved: visits go up by 1 at every level. Only values turn their sign."),
            Misconception(_path(lambda signs, n, w, v: w + signs * abs(v)),
                          "You took the size of the value. A leaf that is bad for who is to move there has a value below 0."),
            Misconception(lambda n, w, v: (n + 1, w),
                          "The visits are right; the sums must take in the value too, with its sign."),
            Misconception(_but_the_root, "Your loop stops before the root's move: range(depth - 1, 0, -1) leaves out 0."),
            Misconception(_only(-1), "You wrote the last move alone. Every move on the path gets the visit and the value."),
            Misconception(_only(0), "You wrote the root's move alone. Every move on the path gets the visit and the value."),
            Misconception(lambda n, w, v: back_up(n, w, v)[1],
                          "Two things are asked for: the visits, and the sums."),
            Misconception(lambda n, w, v: back_up(n, w, v)[::-1], "The other way round: first the visits, then the sums."),
        ],
        any_sequence=True, alternatives=[_back_up_at_once]),
    "mirrored": Exercise(
        task="An example of self-play in a mirror, left for right: stones x (2, 3, 3), the policy (9,) in reading order, the "
             "value.",
        reference=mirrored, inputs=_some_position,
        hint="x[:, :, ::-1] takes the columns from right to left. The policy is a board as well: policy.reshape(3, 3), its "
             "columns turned round, then .ravel(). What the position is worth does not change in a mirror.",
        misconceptions=[
            Misconception(lambda x, p, v: (x[:, :, ::-1], p, v),
                          "You mirrored the stones and left the policy. It would now recommend cells on the wrong side, some of "
                          "them taken."),
            Misconception(lambda x, p, v: (x, _as_board(p)[:, ::-1].ravel(), v),
                          "You mirrored the policy and left the stones where they were."),
            Misconception(lambda x, p, v: (x[:, :, ::-1], p[::-1], v),
                          "Nine cells in reverse order are a board turned by half a turn. (For Connect Four, where moves are "
                          "columns, it would be right.) Make the policy a board first: reshape(3, 3)."),
            Misconception(lambda x, p, v: (x[:, ::-1, ::-1], p[::-1], v),
                          "You turned the board by half a turn: as good an example, but not the mirror that is asked for. Leave "
                          "the rows where they are."),
            Misconception(lambda x, p, v: (x[:, ::-1], _as_board(p)[::-1].ravel(), v),
                          "You turned it upside down. Left for right changes the columns, the last axis."),
            Misconception(lambda x, p, v: (x[:, ::-1], _as_board(p)[:, ::-1].ravel(), v),
                          "The policy is mirrored left for right, the stones upside down: the columns of x (2, 3, 3) are its "
                          "last axis."),
            Misconception(lambda x, p, v: (x[:, :, ::-1], _as_board(p)[::-1].ravel(), v),
                          "The stones are mirrored left for right, the policy upside down."),
            Misconception(lambda x, p, v: (x, p, v),
                          "That is the example itself. Turn the columns round, of the stones and of the policy."),
            Misconception(lambda x, p, v: (x[:, ::-1], p, v),
                          "The stones are upside down, and the policy stayed. Turn the columns round, the last axis, in both."),
            Misconception(lambda x, p, v: (x[::-1], p[::-1], v),
                          "The first axis of x are the two planes, own stones and the other's: you exchanged them. The columns "
                          "are the last axis; and the policy needs reshape(3, 3) first."),
            Misconception(lambda x, p, v: (x[::-1], p, v),
                          "You exchanged the two planes: own stones became the other's. The columns are the last axis."),
            Misconception(lambda x, p, v: (np.flip(x), np.flip(p), v),
                          "np.flip without an axis turns every axis round: the rows as well, and the two planes, so that own "
                          "stones became the other's. Here only the columns change: np.flip(x, axis=2), and the policy as a "
                          "board."),
            Misconception(lambda x, p, v: (x[::-1, :, ::-1], _as_board(p)[:, ::-1].ravel(), v),
                          "You exchanged whose stones they are as well. In a mirror the same player is to move."),
            Misconception(lambda x, p, v: (x[:, :, ::-1], _as_board(p)[:, ::-1].ravel(), -v),
                          "The value turns its sign with the player, not with the board: in a mirror the same one is to move."),
            Misconception(lambda x, p, v: (x.transpose(0, 2, 1), _as_board(p).T.ravel(), v),
                          "You exchanged rows and columns: also a symmetry, the mirror along the diagonal. Asked for is left for "
                          "right."),
            Misconception(lambda x, p, v: (np.rot90(x, axes=(1, 2)), np.rot90(_as_board(p)).ravel(), v),
                          "You turned the board by a quarter: also a symmetry. Asked for is the mirror, left for right."),
            Misconception(lambda x, p, v: (x[:, :, ::-1], _as_board(p)[:, ::-1], v),
                          "The policy came back as a board. It goes in as nine numbers and comes out as nine: .ravel()."),
            Misconception(lambda x, p, v: (x[:, :, ::-1], _as_board(p)[:, ::-1].ravel()),
                          "Three things are asked for: the stones, the policy and the value."),
            Misconception(lambda x, p, v: x[:, :, ::-1],
                          "The stones are right; the policy lies on the same board, so return it mirrored too, and the value."),
        ],
        alternatives=[_mirrored_by_index]),
}
