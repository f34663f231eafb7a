"""Bandits: slot machines whose chances nobody tells you. The whole of exploration, and nothing else: no states, no delay.

No gradient and no loss, so no Trainer either. Many games run side by side, one row each, so that a curve comes with its band. A
policy is `choose(pulls, wins, lots) -> arms`: how often each arm was pulled (R, K), what it paid in sum (R, K), a NumPy
generator; it answers with one arm for each of the R games, (R,).
"""
import math
from dataclasses import dataclass

import numpy as np


class Bandit:
    """K arms; arm k pays 1 with chance `chances[k]`, else 0.

    >>> bandit = Bandit([0.0, 1.0], seed=0)
    >>> bandit.pull(1), bandit.pull(0)
    (1, 0)
    """

    def __init__(self, chances, seed=0):
        self.chances, self.lots = _chances(chances), np.random.default_rng(seed)

    def pull(self, arm):
        K = len(self.chances)
        if isinstance(arm, bool) or not isinstance(arm, int | np.integer) or not 0 <= arm < K:
            raise ValueError(f"pull got arm {arm!r}; this bandit has {K} arms, numbered 0 to {K - 1}.")
        return int(self.lots.random() < self.chances[arm])


def epsilon_greedy(epsilon=0.1):
    """The arm that paid best so far; with chance epsilon, any. It never stops exploring, so its regret grows for ever."""
    if not 0 <= epsilon <= 1:
        raise ValueError(f"epsilon_greedy: epsilon is {epsilon}; it is a chance, from 0 to 1.")

    def choose(pulls, wins, lots):
        R, K = pulls.shape
        best = _argmax(wins / np.maximum(pulls, 1), lots)                               # (R,)
        return np.where(lots.random(R) < epsilon, lots.integers(K, size=R), best)
    return choose


def ucb(c=2.0):
    """Optimism: the arm with the highest bound, mean + sqrt(c ln t / pulls). (UCB1: Auer, Cesa-Bianchi and Fischer, 2002)"""
    if not c >= 0:
        raise ValueError(f"ucb: c is {c}; it widens the bound and must be zero or more.")

    def choose(pulls, wins, lots):
        t = pulls.sum(1, keepdims=True) + 1                                             # (R, 1)
        bound = wins / np.maximum(pulls, 1) + np.sqrt(c * np.log(t) / np.maximum(pulls, 1))
        return _argmax(np.where(pulls == 0, np.inf, bound), lots)                       # each arm once, first
    return choose


def thompson():
    """A belief about each arm, Beta(1 + wins, 1 + losses); draw one chance from each and take the best. (Thompson, 1933)"""
    return lambda pulls, wins, lots: lots.beta(1 + wins, 1 + pulls - wins).argmax(1)


@dataclass
class Played:
    """arms (R, T) pulled, rewards (R, T) paid, regret (R, T): expected reward lost so far against the best arm throughout."""
    arms: np.ndarray
    rewards: np.ndarray
    regret: np.ndarray


def play(chances, choose, steps, *, games=100, seed=0):
    """`games` games of `steps` pulls each, all with the same policy.

    >>> play([0.2, 0.8], thompson(), steps=300, games=50, seed=0).regret[:, -1].mean() < 10     # guessing loses 90
    np.True_
    """
    chances, lots = _chances(chances), np.random.default_rng(seed)
    if steps < 1 or games < 1:
        raise ValueError(f"play got steps={steps} and games={games}; both are at least 1.")
    R, K, rows = games, len(chances), np.arange(games)
    pulls, wins = np.zeros((R, K)), np.zeros((R, K))
    arms, rewards = np.zeros((R, steps), dtype=int), np.zeros((R, steps))
    for t in range(steps):
        arm = choose(pulls, wins, lots)                                                 # (R,)
        won = lots.random(R) < chances[arm]
        pulls[rows, arm] += 1
        wins[rows, arm] += won
        arms[:, t], rewards[:, t] = arm, won
    return Played(arms, rewards, (chances.max() - chances[arms]).cumsum(1))


def lai_robbins(chances):
    """The constant c of Lai and Robbins (1985): no policy that is good on every bandit loses, in the long run, less than c ln T.

    c = sum over worse arms of (p* - p) / KL(p, p*). The bound is about T without end: at a finite T a good policy may lie
    below c ln T for a while, but not grow slower.

    >>> round(lai_robbins([0.5, 0.4]), 2)
    4.97
    """
    p = _chances(chances)
    best = p.max()
    if best == 1:
        return 0.0                                          # one failure tells every other arm from a sure one
    return float(sum((best - q) / _kl(q, best) for q in p if q < best))


def _kl(p, q):
    """Of two coins, in nats; 0 < q < 1."""
    return sum(a * math.log(a / b) for a, b in ((p, q), (1 - p, 1 - q)) if a > 0)


def _argmax(values, lots):
    """The largest of each row, (R,); lots decide between equals, or the first arm would be favoured."""
    return np.where(values == values.max(1, keepdims=True), lots.random(values.shape), -1.0).argmax(1)


def _chances(chances):
    p = np.asarray(chances, dtype=float)
    if p.ndim != 1 or len(p) < 2 or not ((p >= 0) & (p <= 1)).all():
        raise ValueError(f"A bandit needs a list of two chances or more, each from 0 to 1; got {chances!r}.")
    return p
