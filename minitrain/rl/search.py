"""Monte Carlo tree search: look ahead where it seems worth looking, guided by a judge, in many games at once.

Each game has a tree of its own; all of them take the same step at the same time, so that the judge (a network, most of the cost)
sees one batch a simulation. It refuses to know the game (`games.Game`) and the judge: `judge(positions) -> (priors, values)`,
(N, A) and (N,), both as the player whose turn it is sees them. Left out: keeping the tree for the next move, virtual losses.
"""
from dataclasses import dataclass

import numpy as np
import torch


def puct(visits, sums, priors, c=1.5):
    """How much each move is worth looking at: Q + c·P·sqrt(1 + ΣN) / (1 + N), with Q = sum / N, and 0 before the first visit.

    All (…, A). The first part is what was found so far, the second what is hoped: it falls with a move's own visits and grows
    with those of the others. (PUCT as in Silver et al., 2017; 1 + ΣN are the visits of the node)

    >>> puct(np.array([3.0, 0.0]), np.array([1.5, 0.0]), np.array([0.5, 0.5]), c=1.0).tolist()
    [0.75, 1.0]
    """
    hope = c * priors * np.sqrt(1 + visits.sum(-1, keepdims=True)) / (1 + visits)
    return sums / np.maximum(visits, 1) + hope


@dataclass
class Found:
    """What a search found for B positions."""
    visits: np.ndarray              # (B, A): how often each move was looked at
    q: np.ndarray                   # (B, A): its mean value, 0 where it never was
    priors: np.ndarray              # (B, A): what the judge thought of it at first, noise included
    values: np.ndarray              # (B,): mean of all that was seen from here

    @property
    def shares(self):
        """(B, A): visits as a policy, which is better than the priors that it began with."""
        return self.visits / self.visits.sum(1, keepdims=True)


class Search:
    """`search(positions) -> Found`; `search.choose(positions) -> moves`, the most visited, is a player.

    simulations: leaves that are judged a position.  c: how much hope weighs (`puct`).  noise: share of the root's priors that is
    Dirichlet noise, so that self-play looks at every move now and then; 0 to play well.  spread: the noise's concentration, about
    10 / (legal moves): below 1 it falls on few.  seed: of the noise.

    >>> from minitrain.rl.games import tic_tac_toe
    >>> game = tic_tac_toe()
    >>> Search(game, uniform(game), simulations=100).choose(game.position("XX. OO. ..."))
    array([2])
    """

    def __init__(self, game, judge, *, simulations=25, c=1.5, noise=0.0, spread=1.0, seed=0):
        if simulations < 1 or not c > 0 or not 0 <= noise <= 1 or not spread > 0:
            raise ValueError(f"Search got simulations={simulations}, c={c}, noise={noise}, spread={spread}; simulations is at "
                             "least 1, c and spread are above 0, noise is a share from 0 to 1.")
        self.game, self.judge, self.simulations, self.c = game, judge, simulations, c
        self.noise, self.spread, self.lots = noise, spread, np.random.default_rng(seed)

    def choose(self, positions):
        found = self(positions)
        return (found.visits + found.q / 4).argmax(1)       # of two as often visited, the better one: q is from -1 to 1

    def __call__(self, positions):
        over = np.flatnonzero(~np.isnan(self.game.outcome(positions)))
        if len(over):
            raise ValueError(f"Search: game {over[0]} of {len(positions)} is over, there is nothing to look for; leave it out.")
        tree = _Trees(self.game, positions, self.simulations)
        first = tree.expand(np.arange(len(positions)), 0, self.judge)                   # (B,)
        if self.noise:
            lots = self.lots.gamma(self.spread, size=tree.priors[:, 0].shape) * tree.legal[:, 0]
            lots /= np.maximum(lots.sum(1, keepdims=True), 1e-300)                      # gammas, normalised: a Dirichlet draw
            tree.priors[:, 0] = (1 - self.noise) * tree.priors[:, 0] + self.noise * lots
        for s in range(1, self.simulations + 1):
            path, fresh = tree.descend(s, self.c)
            tree.back_up(path, tree.judged(s, fresh, self.judge))
        visits, sums = tree.visits[:, 0], tree.sums[:, 0]
        return Found(visits, sums / np.maximum(visits, 1), tree.priors[:, 0], (first + sums.sum(1)) / (1 + visits.sum(1)))


class _Trees:
    """B trees of at most M = simulations + 1 nodes: 0 is the root, simulation s adds s. A move belongs to where it leaves."""

    def __init__(self, game, positions, simulations):
        B, W = positions.shape
        M, A = simulations + 1, game.actions
        self.game, self.positions, self.results = game, np.zeros((B, M, W), positions.dtype), np.full((B, M), np.nan)
        self.visits, self.sums, self.priors = (np.zeros((B, M, A)) for _ in range(3))
        self.legal, self.below = np.zeros((B, M, A), dtype=bool), np.zeros((B, M, A), dtype=np.int32)   # 0: no node yet
        self.positions[:, 0] = positions
        self.leaf = np.zeros(B, dtype=int)

    def expand(self, rows, s, judge):
        """Priors for node s of these games; returns its values (rows,)."""
        positions = self.positions[rows, s]
        legal = self.legal[rows, s] = self.game.legal(positions)
        priors, values = judge(positions)
        finite = np.isfinite(priors).all() and np.isfinite(values).all()
        if priors.shape != legal.shape or values.shape != rows.shape or not finite:
            raise ValueError(f"Search: the judge must give finite priors {legal.shape} and values {rows.shape}; it gave "
                             f"{priors.shape} and {values.shape}, of which "
                             f"{(~np.isfinite(priors)).sum() + (~np.isfinite(values)).sum()} numbers are not finite.")
        priors = np.where(legal, priors, 0.0)
        total = priors.sum(1, keepdims=True)
        self.priors[rows, s] = np.where(total > 0, priors / np.maximum(total, 1e-300), legal / legal.sum(1, keepdims=True))
        return values

    def descend(self, s, c):
        """From the root to a leaf of each game. Returns the path, one (games, nodes, moves) a level, and which leaves are new."""
        rows, nodes, path, fresh = np.arange(len(self.leaf)), np.zeros(len(self.leaf), dtype=int), [], []
        while len(rows):
            score = puct(self.visits[rows, nodes], self.sums[rows, nodes], self.priors[rows, nodes], c)
            moves = np.where(self.legal[rows, nodes], score, -np.inf).argmax(1)
            path.append((rows, nodes, moves))
            below = self.below[rows, nodes, moves]
            new = below == 0
            if new.any():
                fresh.append((rows[new], nodes[new], moves[new]))
            self.leaf[rows] = np.where(new, s, below)
            on = ~new & np.isnan(self.results[rows, below])
            rows, nodes = rows[on], below[on]
        return path, fresh

    def judged(self, s, fresh, judge):
        """(B,) what each game's leaf is worth there: the result if the game is over, else what the judge says."""
        B = np.arange(len(self.leaf))
        if fresh:
            rows, nodes, moves = (np.concatenate(part) for part in zip(*fresh))
            self.positions[rows, s] = self.game.play(self.positions[rows, nodes], moves)
            self.below[rows, nodes, moves] = s
            self.results[rows, s] = self.game.outcome(self.positions[rows, s])
            rows = rows[np.isnan(self.results[rows, s])]
        values = self.results[B, self.leaf]
        if fresh and len(rows):
            values[rows] = self.expand(rows, s, judge)
        return values

    def back_up(self, path, values):
        """From each leaf to its root; what is good for the one is bad for the other, so the sign turns at every level."""
        for rows, nodes, moves in reversed(path):
            values[rows] = -values[rows]
            self.visits[rows, nodes, moves] += 1
            self.sums[rows, nodes, moves] += values[rows]


def network(game, model):
    """A judge that asks a model, `model(features) -> (logits (N, A), values (N,))`, as `selfplay.TwoHeads` is."""
    def judge(positions):
        first = next(model.parameters())
        with torch.no_grad():
            logits, values = model(torch.from_numpy(game.features(positions)).to(first.device))
            legal = torch.from_numpy(game.legal(positions)).to(first.device)
            priors = logits.masked_fill(~legal, -torch.inf).softmax(1)
        return priors.cpu().numpy(), values.cpu().numpy()
    return judge


def uniform(game):
    """A judge that knows nothing: all moves alike, value 0. Only ends of games tell the search anything."""
    return lambda positions: (np.ones((len(positions), game.actions)), np.zeros(len(positions)))


def playouts(game, seed=0):
    """A judge that knows nothing either, and plays on at random to the end; all moves alike, value: who won. (Coulom, 2006)"""
    lots = np.random.default_rng(seed)

    def judge(positions):
        now, values, rows, sign = positions.copy(), np.zeros(len(positions)), np.arange(len(positions)), 1
        for _ in range(game.limit + 1):
            result = game.outcome(now[rows])
            over = ~np.isnan(result)
            values[rows[over]] = sign * result[over]
            rows, sign = rows[~over], -sign
            if not len(rows):
                return np.ones((len(positions), game.actions)), values
            legal = game.legal(now[rows])
            now[rows] = game.play(now[rows], np.where(legal, lots.random(legal.shape), -1).argmax(1))
        raise ValueError(f"playouts: {len(rows)} games go on after {game.limit} moves, the game's own limit; it never ends.")
    return judge


def by_priors(judge):
    """A player without any search: the move that the judge likes best."""
    return lambda positions: judge(positions)[0].argmax(1)
