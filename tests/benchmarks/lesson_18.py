"""The experiments of lesson 18, over seeds: exploration, sparsity and delay, a mis-specified reward, a feed. One JSON object.

    OMP_NUM_THREADS=1 python tests/benchmarks/lesson_18.py
"""
import json
import math

import numpy as np

from minitrain.rl.bandits import epsilon_greedy, lai_robbins, play, thompson, ucb
from minitrain.rl.gridworld import GridWorld
from minitrain.rl.recommender import Feed, lived
from minitrain.rl.tabular import q_learning, value_iteration, walk

CHANCES, SEEDS, MOST, POSTS = [0.3, 0.5, 0.7], 5, 30_000, 120_000
FIELD = "\n".join(["S......", *["......."] * 5, "......G"])
LOOP = "S..$..G"


def band(values):
    """Least, median and most."""
    return [float(v) for v in np.percentile(values, [0, 50, 100])]


def exploration():
    """Regret after 1,000 pulls, and the share of games whose last 100 pulls were mostly of the best arm, a band over seeds."""
    policies = {"greedy": epsilon_greedy(0), "epsilon 0.1": epsilon_greedy(0.1), "ucb": ucb(), "thompson": thompson(),
                "guessing": epsilon_greedy(1)}
    found = {}
    for name, policy in policies.items():
        games = [play(CHANCES, policy, 1000, games=200, seed=seed) for seed in range(SEEDS)]
        found[name] = {"regret": band([g.regret[:, -1].mean() for g in games]),
                       "found": band([((g.arms[:, -100:] == 2).mean(1) > 0.5).mean() for g in games])}
    return found | {"lai_robbins_ln_T": lai_robbins(CHANCES) * math.log(1000)}


def steps_to_solve(seed, plan=FIELD, **options):
    """Steps of Q-learning until its greedy walk first comes to G; about MOST if never."""
    env, judge = GridWorld(plan, limit=200, **options), GridWorld(plan, limit=50)
    solved = q_learning(env, MOST, seed=seed, each=lambda learned: "stop" if walk(judge, learned.Q)[0] == 1 else None)
    return solved.ended[-1]


def sparsity():
    every = {str(k): band([steps_to_solve(seed, every=k) for seed in range(SEEDS)]) for k in (1, 2, 4, 6, None)}
    delay = {str(d): band([steps_to_solve(seed, every=1, delay=d) for seed in range(SEEDS)]) for d in (0, 1, 2, 4, 8, math.inf)}
    far = {}
    for n in (3, 5, 7, 9):
        plan = "\n".join("".join("SG"[i > 0] if (i, j) in ((0, 0), (n - 1, n - 1)) else "." for j in range(n)) for i in range(n))
        far[str(2 * n - 2)] = band([steps_to_solve(seed, plan) for seed in range(SEEDS)])
    return {"every": every, "delay": delay, "steps_to_goal": far}


def misspecified():
    """A race that also pays for a mark on the way: meant to lead to G, it is worth more to stay. By planning and by learning."""
    found = {}
    for pay in (0.0, 0.02, 0.2):
        env = GridWorld(LOOP, pays={"$": pay}, limit=50)
        plan = value_iteration(*env.model(), discount=0.95)
        returns = [walk(env, q_learning(env, 20_000, discount=0.95, rate=0.2, seed=seed).Q) for seed in range(SEEDS)]
        found[str(pay)] = {"planned": walk(env, plan), "learned": returns}
    return found


def feed():
    found = {}
    for asked in (0.0, 0.5):
        for discount in (0.0, 0.9):
            env = Feed(asked=asked)
            planned = lived(value_iteration(*env.model(), discount=discount))
            options = dict(discount=discount, rate=lambda n: max(n**-0.7, 0.01),
                           epsilon=lambda t: max(1 - t / (0.8 * POSTS), 0.05))
            learned = [lived(q_learning(env, POSTS, seed=seed, **options).Q, seed=seed) for seed in range(SEEDS)]
            found[f"asked {asked}, discount {discount}"] = {
                "planned": planned, "learned": {name: band([row[name] for row in learned]) for name in planned}}
    return found


if __name__ == "__main__":
    print(json.dumps({part.__name__: part() for part in (exploration, sparsity, misspecified, feed)}, indent=1))
