"""Two-player games of which one wins what the other loses: many positions at once, as rows of integers.

A position is always seen by the player whose turn it is, so no rule, network or search asks who that is; a value is theirs too,
and turns its sign with every move. Here: boards on which k in a row win (tic-tac-toe, Connect Four) on bitboards, a solver that
enumerates what is small enough, alpha-beta for what is not, and matches. Left out: chance, hidden cards, more than two players.
"""
from dataclasses import dataclass
from typing import Protocol

import numpy as np


class Game(Protocol):
    """What the search, the solver and self-play ask of a game. N positions are an integer array (N, W); a player is a function
    `choose(positions) -> moves`, (N, W) -> (N,)."""
    actions: int                                            # A: moves are numbered 0 … A-1, the same in all positions
    limit: int                                              # no game is longer, in moves; one that is, never ends
    symmetries: list                                        # pairs: moves in a new order, and the features that go with it

    def start(self, n): ...                                 # (n, W): n games at their beginning
    def legal(self, positions): ...                         # (N, A) bool; what it says where the game is over, nobody asks
    def play(self, positions, moves): ...                   # (N, W): as the other player sees them; raises on a wrong move
    def outcome(self, positions): ...                       # (N,): 1 won, 0 drawn, -1 lost for whose turn it is; NaN: goes on
    def features(self, positions): ...                      # (N, planes, rows, columns) float32, for a network


class InARow:
    """Two take turns in filling cells, and `k` in a row, a column or a diagonal win; a full board is a draw.

    drop: a move is a column, and the stone falls to its lowest empty cell; else a move is a cell, in reading order.
    Position: (own stones, the other's stones) as bits; cell (row from the bottom, column) is bit column·(rows+1) + row. The bit
    above each column stays empty, so that no line runs over the edge. (Tromp's Fhourstones, for Connect Four)

    >>> game = tic_tac_toe()
    >>> print(game.text(game.play(game.play(game.start(1), [4]), [0])))
    O . .
    . X .
    . . .
    """

    def __init__(self, rows, columns, k, *, drop=False, name="the game"):
        if min(rows, columns) < 1 or (rows + 1) * columns > 63 or not 2 <= k <= max(rows, columns):
            raise ValueError(f"InARow got {rows}×{columns} cells and {k} in a row; k is from 2 to the longer side, and "
                             "(rows + 1)·columns at most 63, the bits of a number.")
        self.rows, self.columns, self.k, self.drop, self.name = rows, columns, k, drop, name
        self.limit, self.actions = rows * columns, columns if drop else rows * columns
        cells = np.array([c * (rows + 1) + rows - 1 - r for r in range(rows) for c in range(columns)])  # reading order -> bit
        self.cells = 1 << cells                             # (rows·columns,)
        self.board = int(self.cells.sum())
        self.floor = sum(1 << c * (rows + 1) for c in range(columns))
        whole = [((1 << rows) - 1) << c * (rows + 1) for c in range(columns)]
        self.targets = np.array(whole if drop else self.cells, dtype=np.int64)         # (A,): where its stone may come to lie
        self.steps = (1, rows + 1, rows, rows + 2)          # up, right, right and down, right and up
        self.symmetries = list(self._symmetries())

    # these four take Python integers (one position, fast in alpha-beta) and arrays of int64 (many) alike

    def won(self, stones):
        """Not 0 where k of these are in a row."""
        lines = 0
        for step in self.steps:
            run = stones
            for i in range(1, self.k):
                run = run & stones >> i * step
            lines = lines | run
        return lines

    def completing(self, stones, occupied):
        """The empty cells that would make k in a row, whether a stone can get there now or not."""
        found = 0
        for step in self.steps:
            for gap in range(self.k):                       # which of the k is the missing one
                run = self.board
                for i in range(self.k):
                    if i != gap:
                        far = (i - gap) * step
                        run = run & (stones >> far if far > 0 else stones << -far)
                found = found | run
        return found & ~occupied & self.board

    def open(self, occupied):
        """The cells that a stone can be put on now."""
        return (occupied + self.floor if self.drop else ~occupied) & self.board

    def start(self, n):
        return np.zeros((n, 2), dtype=np.int64)

    def legal(self, positions):
        return (self.open(positions[:, 0] | positions[:, 1])[:, None] & self.targets) != 0              # (N, A)

    def play(self, positions, moves):
        """The positions after one move each, (N, 2), as the other player sees them."""
        moves = np.asarray(moves)
        if moves.shape != (len(positions),) or moves.dtype.kind not in "iu":
            raise ValueError(f"play: {len(positions)} positions need as many whole numbers as moves; got {moves.dtype} of shape "
                             f"{moves.shape}.")
        mine, theirs = positions.T
        off = (moves < 0) | (moves >= self.actions)
        stones = self.open(mine | theirs) & self.targets[np.where(off, 0, moves)]                       # (N,)
        wrong = np.flatnonzero(off | (stones == 0) | (self.won(theirs) != 0))
        if len(wrong):
            i = wrong[0]
            if not np.isnan(self.outcome(positions[i:i + 1])[0]):
                raise ValueError(f"{self.name}: game {i} is over, nothing can be played; start(n) begins new ones.")
            raise ValueError(f"{self.name}: move {moves[i]} is not legal in game {i}; legal are "
                             f"{', '.join(map(str, np.flatnonzero(self.legal(positions[i:i + 1])[0])))}.")
        return np.stack([theirs, mine | stones], 1)

    def outcome(self, positions):
        """-1: the other's last stone won; 0: the board is full; NaN: the game goes on."""
        mine, theirs = positions.T
        return np.where(self.won(theirs) != 0, -1.0, np.where((mine | theirs) == self.board, 0.0, np.nan))

    def features(self, positions):
        """Two planes, own stones and the other's: (N, 2, rows, columns) of 0 and 1."""
        return ((positions[:, :, None] & self.cells) != 0).astype(np.float32).reshape(-1, 2, self.rows, self.columns)

    def text(self, position):
        """A board of X (who began), O and dots; a position (2,), or one row of it."""
        x, o = map(int, np.reshape(position, 2))
        if x.bit_count() != o.bit_count():                  # X began and has one more: it is O's turn
            x, o = o, x
        marks = ["X" if cell & x else "O" if cell & o else "." for cell in self.cells.tolist()]
        return "\n".join(" ".join(marks[i:i + self.columns]) for i in range(0, len(marks), self.columns))

    def position(self, text):
        """The reverse of `text`, (1, 2); spaces and line ends do not matter.

        >>> tic_tac_toe().position("X.. .O. ..X").tolist()  # O's turn: its own stone in the middle comes first
        [[32, 260]]
        """
        marks = "".join(text.split())
        extra = marks.count("X") - marks.count("O")
        if len(marks) != self.limit or set(marks) - set("XO.") or extra not in (0, 1):
            raise ValueError(f"{self.name}: a position has {self.limit} marks, X, O or a dot, as many X as O or one more; got "
                             f"{text!r}.")
        x, o = (int(self.cells[[m == mark for m in marks]].sum()) for mark in "XO")
        position = np.array([[x, o] if extra == 0 else [o, x]])
        if self.drop and (x | o) & (floating := self.open(x | o) << 1 | self.open(x | o)) & floating:
            raise ValueError(f"{self.name}: a stone hangs in the air in {text!r}.")
        return position

    def _symmetries(self):
        """What leaves the rules as they are: the mirror; without gravity the flip, and on a square the turn as well."""
        board = np.arange(self.limit).reshape(self.rows, self.columns)
        boards = [board, board[:, ::-1]]
        if not self.drop:
            boards += [b[::-1] for b in boards]
            boards += [b.T for b in boards] if self.rows == self.columns else []
        for b in boards:
            yield (b[0] if self.drop else b.ravel()), b.ravel()


def tic_tac_toe():
    """3×3 cells, three in a row."""
    return InARow(3, 3, 3, name="Tic-tac-toe")


def connect_four():
    """6 rows, 7 columns, four in a row, stones fall."""
    return InARow(6, 7, 4, drop=True, name="Connect Four")


@dataclass
class Solved:
    """Every position that can be reached, P of them, and what it is worth under perfect play to the one whose turn it is."""
    positions: np.ndarray           # (P, W)
    values: np.ndarray              # (P,): 1, 0 or -1
    q: np.ndarray                   # (P, A): of each move; NaN where it is not legal or the game is over
    plies: np.ndarray               # (P,): moves played before it

    @property
    def live(self):
        """(P,) bool: where the game goes on."""
        return ~np.isnan(self.q).all(1)

    def blunders(self, choose):
        """The positions (K, W) in which `choose` plays a losing move although another one does not lose.

        None, and the player never loses from any position that is not lost already, whoever the other one is.
        """
        asked = self.live & (self.values > -1)
        moves = np.asarray(choose(self.positions[asked]))
        worth = self.q[asked][np.arange(asked.sum()), moves]
        if np.isnan(worth).any():
            raise ValueError(f"blunders: the player chose move {moves[np.isnan(worth)][0]}, which is not legal there.")
        return self.positions[asked][worth == -1]


def solve(game, most=1_000_000):
    """Every reachable position and its value: forward move by move, then backward from the ends. (Zermelo, 1913)

    most: positions of one length, above which it gives up.

    >>> solved = solve(tic_tac_toe())
    >>> len(solved.positions), solved.values[0]             # with perfect play, nobody wins
    (5478, np.float64(0.0))
    """
    layers, links = [game.start(1)], []
    while True:
        layer = layers[-1]
        live = np.isnan(game.outcome(layer))
        if not live.any():
            break
        if len(layers) > game.limit or len(layer) > most:
            raise ValueError(f"solve: after {len(layers) - 1} moves {live.sum():,} positions go on; this game "
                             + (f"never ends: its own limit is {game.limit} moves." if len(layers) > game.limit else
                                f"is too large to enumerate (most={most:,})."))
        rows, moves = np.nonzero(game.legal(layer) & live[:, None])
        after, where = np.unique(game.play(layer[rows], moves), axis=0, return_inverse=True)
        layers.append(after)
        links.append((rows, moves, where.ravel()))
    values, tables = [game.outcome(layers[-1])], [np.full((len(layers[-1]), game.actions), np.nan)]
    for layer, (rows, moves, where) in zip(reversed(layers[:-1]), reversed(links)):
        q = np.full((len(layer), game.actions), np.nan)
        q[rows, moves] = -values[-1][where]
        best = np.where(np.isnan(q), -np.inf, q).max(1)
        values.append(np.where(np.isinf(best), game.outcome(layer), best))
        tables.append(q)
    plies = np.repeat(np.arange(len(layers)), [len(layer) for layer in layers])
    return Solved(np.concatenate(layers), np.concatenate(values[::-1]) + 0.0, np.concatenate(tables[::-1]), plies)


def alpha_beta(game, depth=6, seed=0):
    """A player for `InARow` games that looks `depth` moves ahead, and one farther for a win; between equals lots decide.

    A win is worth more the sooner it comes. At the horizon counts how many empty cells would complete a line, own less the
    other's. Prunes only what can not change the choice (Knuth and Moore, 1975).
    """
    if depth < 1:
        raise ValueError(f"alpha_beta: depth is {depth}; it needs to look at least 1 move ahead.")
    lots = np.random.default_rng(seed)

    def choose(positions):
        return np.array([_any_of_the_best(move_values(game, position, depth), lots) for position in positions])
    return choose


def move_values(game, position, depth):
    """What alpha-beta finds each move worth, {move: value}; exact for the best ones, a bound for the others. Above 500: won,
    below -500: lost, whatever the other does."""
    mine, theirs = map(int, np.reshape(position, 2))
    if not np.isnan(game.outcome(np.reshape(position, (1, 2)))[0]):
        raise ValueError(f"{game.name}: the game is over, there is no move to choose; start(n) begins new ones.")
    middle = np.argsort([abs(2 * (a % game.columns) - game.columns + 1) for a in range(game.actions)], kind="stable")
    order = [(int(a), int(game.targets[a])) for a in middle]                            # what cuts most first: the middle
    free, found, best = game.open(mine | theirs), {}, -2000
    for a, target in order:
        if stone := free & target:
            won = game.won(mine | stone)
            found[a] = 1000 + depth if won else -_worth(game, order, theirs, mine | stone, depth - 1, -2000, 1 - best)
            best = max(best, found[a])                      # 1 - best, not -best: a move as good is then exact too
    return found


def _worth(game, order, mine, theirs, depth, low, high):
    """Negamax between low and high; outside of them a bound."""
    occupied = mine | theirs
    free = game.open(occupied)
    if not free:
        return 0
    wins = game.completing(mine, occupied)
    if wins & free:
        return 1000 + depth
    threats = game.completing(theirs, occupied)
    if depth == 0:
        return wins.bit_count() - threats.bit_count()
    if forced := threats & free:
        free = forced & -forced                             # anything else loses at once; of two threats one can not be met
    best = -2000
    for _, target in order:
        if stone := free & target:
            best = max(best, -_worth(game, order, theirs, mine | stone, depth - 1, -high, -max(low, best)))
            if best >= high:
                break
    return best


def _any_of_the_best(values, lots):
    return lots.choice([a for a, value in values.items() if value == max(values.values())])


def random_player(game, seed=0):
    """Any legal move, each as likely."""
    lots = np.random.default_rng(seed)
    return lambda positions: np.where(game.legal(positions), lots.random((len(positions), game.actions)), -1).argmax(1)


def openings(game, n, most=6, seed=0):
    """n positions (n, W) after 0 to `most` random moves each, drawn evenly; a move that would end the game is not made.

    seed: a number, or the generator of who asks.
    """
    if n < 1 or most < 0:
        raise ValueError(f"openings got n={n} and most={most}; n is at least 1, most at least 0.")
    lots = np.random.default_rng(seed)
    positions, left, choose = game.start(n), lots.integers(most + 1, size=n), random_player(game, lots)
    for t in range(most):
        rows = np.flatnonzero(left > t)
        after = game.play(positions[rows], choose(positions[rows]))
        goes_on = np.isnan(game.outcome(after))
        positions[rows[goes_on]] = after[goes_on]
        left[rows[~goes_on]] = 0
    return positions


def match(game, one, other, positions):
    """Plays every position twice, `one` moving first and `other` moving first; (2, N) of 1, 0, -1: what `one` got.

    >>> game = connect_four()
    >>> match(game, alpha_beta(game, 2), random_player(game), openings(game, 10)).mean() > 0.8
    np.True_
    """
    scores = []
    for players, sign in (((one, other), 1), ((other, one), -1)):
        now, result, rows = positions.copy(), np.zeros(len(positions)), np.arange(len(positions))
        for t in range(game.limit + 1):
            over = game.outcome(now[rows])                                              # (rows,)
            ended = ~np.isnan(over)
            result[rows[ended]] = sign * (-1) ** t * over[ended]
            rows = rows[~ended]
            if not len(rows):
                break
            now[rows] = game.play(now[rows], players[t % 2](now[rows]))
        else:
            raise ValueError(f"match: {len(rows)} games go on after {game.limit} moves, the game's own limit; it never ends.")
        scores.append(result)
    return np.stack(scores)
