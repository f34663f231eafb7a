"""Values in a table: one number for each state and action. Value iteration is told how the world works; Q-learning and SARSA
find out by acting.

No loss and no gradient: an entry is moved towards what was just seen, and that is all. Works with any `gymnasium.Env` whose
observations and actions are `Discrete`.
"""
from dataclasses import dataclass, field

import gymnasium
import numpy as np


def value_iteration(P, R, *, discount=0.95, tolerance=1e-9):
    """The optimal values Q (S, A), each at most `tolerance` off. (Bellman, 1957)

    P (S, A, S): chances of the next state.  R (S, A): expected reward.  V(s) = max_a Q(s, a); argmax_a is an optimal policy.

    >>> stay_or_go = np.array([[[1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [0.0, 1.0]]])
    >>> value_iteration(stay_or_go, np.array([[0.1, 1.0], [0.0, 0.0]]), discount=0.5).round(3)
    array([[0.6, 1. ],
           [0. , 0. ]])
    """
    P, R = np.asarray(P, dtype=float), np.asarray(R, dtype=float)
    if P.ndim != 3 or P.shape[:2] != R.shape or P.shape[0] != P.shape[2] or not np.allclose(P.sum(2), 1) or (P < 0).any():
        raise ValueError(f"value_iteration got P {P.shape} and R {R.shape}; it needs (S, A, S), chances that sum to 1 over the "
                         "next state, and (S, A).")
    if not np.isfinite(R).all():
        raise ValueError("value_iteration: a reward in R is not finite.")
    _discount(discount)
    if discount == 1:
        raise ValueError("value_iteration: discount is 1; below 1 every round shrinks the error by that factor, at 1 it "
                         "may never end.")
    Q = np.zeros_like(R)
    while True:
        better = R + discount * P @ Q.max(1)                                            # (S, A)
        change, Q = np.abs(better - Q).max(), better
        if change * discount <= tolerance * (1 - discount):
            return Q


@dataclass
class Learned:
    """Q (S, A); and for every episode its return, its length and the count of steps when it ended."""
    Q: np.ndarray
    returns: list = field(default_factory=list)
    lengths: list = field(default_factory=list)
    ended: list = field(default_factory=list)


def q_learning(env, steps, **options):
    """Q(s, a) moves towards r + discount · max Q(s', ·): what the best next action is worth, taken or not. (Watkins, 1989)

    rate: how far, a number or a function of how often (s, a) was seen.  epsilon: the share of random actions, a number or a
    function of the count of steps.  each: called as `each(learned)` after every episode; "stop" ends it.  start: the first Q.

    >>> from minitrain.rl.gridworld import GridWorld
    >>> learned = q_learning(GridWorld("S..G"), steps=2000, seed=0)
    >>> learned.Q.argmax(1)[:3].tolist()                    # right, right, right
    [1, 1, 1]
    """
    return _learn(env, steps, lambda Q, s, a: Q[s].max(), **options)


def sarsa(env, steps, **options):
    """Q(s, a) moves towards r + discount · Q(s', a'), a' the action really taken next: exploring and its slips are part of what
    it values. Options as in `q_learning`. (Rummery and Niranjan, 1994)"""
    return _learn(env, steps, lambda Q, s, a: Q[s, a], **options)


def _learn(env, steps, worth, *, discount=0.95, rate=0.1, epsilon=0.1, start=0.0, each=None, seed=0):
    S, A = _sizes(env)
    _discount(discount)
    if steps < 1:
        raise ValueError(f"Learning got steps={steps}; it needs 1 or more.")
    lots, seen = np.random.default_rng(seed), np.zeros((S, A), dtype=int)
    learned = Learned(np.full((S, A), start, dtype=float))
    Q, first, t = learned.Q, (env.observation_space.start, env.action_space.start), 0

    def choose(s):
        if lots.random() < (epsilon(t) if callable(epsilon) else epsilon):
            return lots.integers(A)
        best = np.flatnonzero(Q[s] == Q[s].max())           # lots decide between equals: a new table has nothing but
        return best[lots.integers(len(best))]

    state, over = None, True
    while t < steps:
        if over:
            state, total, length = env.reset(seed=seed if t == 0 else None)[0] - first[0], 0.0, 0
            action = choose(state)
        after, reward, terminated, truncated, _ = env.step(action + first[1])
        if not np.isfinite(reward):
            raise ValueError(f"The environment's reward in step {t} is {reward}; it must be finite.")
        after, over, t = after - first[0], terminated or truncated, t + 1
        following = choose(after)
        target = reward + (0.0 if terminated else discount * worth(Q, after, following))       # truncated: the world goes on
        seen[state, action] += 1
        step = rate(seen[state, action]) if callable(rate) else rate
        Q[state, action] += step * (target - Q[state, action])
        state, action, total, length = after, following, total + reward, length + 1
        if over:
            learned.returns.append(total)
            learned.lengths.append(length)
            learned.ended.append(t)
            if each is not None and each(learned) == "stop":
                break
    return learned


def walk(env, Q, *, limit=1000, seed=0):
    """One episode along the best entries of Q, without exploring: (return, steps)."""
    S, A = _sizes(env)
    if Q.shape != (S, A):
        raise ValueError(f"walk got Q of shape {Q.shape}; this environment has {S} states and {A} actions.")
    state, total, t, over = env.reset(seed=seed)[0], 0.0, 0, False
    while not over and t < limit:
        best = int(Q[state - env.observation_space.start].argmax() + env.action_space.start)
        state, reward, terminated, truncated, _ = env.step(best)
        total, t, over = total + reward, t + 1, terminated or truncated
    return total, t


def _sizes(env):
    for what, space in (("observations", env.observation_space), ("actions", env.action_space)):
        if not isinstance(space, gymnasium.spaces.Discrete):
            raise TypeError(f"A table needs a discrete set of {what}; this environment has {space}. Cut it into steps, or take "
                            "rl.ppo, which learns with networks.")
    return int(env.observation_space.n), int(env.action_space.n)


def _discount(discount):
    if not 0 <= discount <= 1:
        raise ValueError(f"discount is {discount}; it must be from 0 (only now counts) to 1 (later counts as much).")
