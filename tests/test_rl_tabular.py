"""Bandits, the gridworld and tables: against closed forms, linear solves and enumeration."""
import itertools
import math
import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from minitrain.rl.bandits import Bandit, epsilon_greedy, lai_robbins, play, thompson, ucb
from minitrain.rl.gridworld import GridWorld
from minitrain.rl.tabular import q_learning, sarsa, value_iteration, walk

CHANCES = [0.5, 0.4, 0.3, 0.6]
CLIFF = """
............
............
............
SXXXXXXXXXXG
"""


# bandits

def test_lai_robbins_is_the_sum_of_gaps_over_divergences():
    def kl(p, q):
        return p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q))
    assert lai_robbins(CHANCES) == pytest.approx(sum((0.6 - p) / kl(p, 0.6) for p in (0.5, 0.4, 0.3)))
    assert lai_robbins([0.0, 0.5]) == pytest.approx(0.5 / math.log(2))
    assert lai_robbins([0.2, 1.0]) == 0 and lai_robbins([0.3, 0.3]) == 0


def test_guessing_loses_the_mean_gap_every_step_and_greed_with_a_share_of_guesses_that_share():
    guess = play(CHANCES, epsilon_greedy(1.0), 1000, games=200, seed=0)
    gap = 0.6 - np.mean(CHANCES)
    assert guess.regret[:, -1].mean() == pytest.approx(1000 * gap, rel=0.02)
    assert guess.rewards.mean() == pytest.approx(np.mean(CHANCES), abs=0.01)
    assert np.allclose(guess.regret[:, -1], sum((0.6 - p) * (guess.arms == k).sum(1) for k, p in enumerate(CHANCES)))
    late = play([0.1, 0.9], epsilon_greedy(0.2), 2000, games=100, seed=0).regret.mean(0)
    assert (late[-1] - late[999]) / 1000 == pytest.approx(0.2 * 0.4, rel=0.1)       # one slope for ever


def test_thompson_keeps_to_the_bound_and_ucb_to_its_own():
    chances, T = [0.3, 0.7], 2000
    policies = dict(thompson=thompson(), ucb=ucb(), epsilon=epsilon_greedy(0.1))
    curves = {name: play(chances, policy, T, games=1000, seed=0).regret.mean(0) for name, policy in policies.items()}
    slope = (curves["thompson"][-1] - curves["thompson"][T // 10 - 1]) / math.log(10)
    assert 0.55 < slope / lai_robbins(chances) < 1.1    # reaches it in the end: Kaufmann, Korda and Munos, 2012
    worse = np.arange(1.0, T)                               # the worse arm is pulled until the two bounds meet
    meet = worse[np.abs(0.4 - np.sqrt(2 * math.log(T) / worse) + np.sqrt(2 * math.log(T) / (T - worse))).argmin()]
    assert curves["ucb"][-1] == pytest.approx(0.4 * meet, rel=0.1)
    assert curves["ucb"][-1] < 8 * math.log(T) / 0.4 + (1 + math.pi**2 / 3) * 0.4           # Auer et al., 2002, theorem 1
    assert curves["thompson"][-1] < curves["ucb"][-1] < curves["epsilon"][-1]


def test_ucb_pulls_every_arm_once_and_then_the_highest_bound():
    lots = np.random.default_rng(0)
    first = play(CHANCES, ucb(), 4, games=20, seed=0).arms
    assert (np.sort(first, 1) == np.arange(4)).all()
    pulls, wins = np.array([[10.0, 2.0, 88.0]]), np.array([[5.0, 0.5, 60.0]])
    bounds = wins / pulls + np.sqrt(2 * np.log(101) / pulls)
    assert ucb()(pulls, wins, lots)[0] == bounds.argmax() == 1
    assert ucb(c=0.0)(pulls, wins, lots)[0] == 2


def test_thompson_draws_from_the_posterior():
    pulls, wins = np.tile([6.0, 1.0], (20_000, 1)), np.tile([3.0, 0.0], (20_000, 1))
    lots = np.random.default_rng(1)
    a, b = lots.beta(4, 4, 200_000), lots.beta(1, 2, 200_000)
    assert thompson()(pulls, wins, np.random.default_rng(0)).mean() == pytest.approx((b > a).mean(), abs=0.015)


def test_a_bandit_pays_its_chance_and_games_are_repeatable():
    bandit = Bandit([0.3, 0.7], seed=0)
    assert np.mean([bandit.pull(1) for _ in range(5000)]) == pytest.approx(0.7, abs=0.03)
    same = [play(CHANCES, thompson(), 50, games=3, seed=5).arms for _ in range(2)]
    assert (same[0] == same[1]).all()


@pytest.mark.parametrize("wrong, say", [
    (lambda: Bandit([0.5, 0.5]).pull(2), "2 arms, numbered 0 to 1"), (lambda: Bandit([0.5, 0.5]).pull(-1), "got arm -1"),
    (lambda: Bandit([0.5, 0.5]).pull(0.5), "got arm 0.5"), (lambda: Bandit([0.5]), "two chances or more"),
    (lambda: Bandit([0.5, 1.5]), "from 0 to 1"), (lambda: lai_robbins([math.nan, 0.5]), "from 0 to 1"),
    (lambda: epsilon_greedy(2), "epsilon is 2"), (lambda: ucb(-1), "c is -1"),
    (lambda: play(CHANCES, ucb(), 0), "steps=0")])
def test_bad_bandits_get_a_sentence(wrong, say):
    with pytest.raises(ValueError, match=say):
        wrong()


# the gridworld

@pytest.mark.parametrize("options", [{}, dict(slip=0.3, delay=3), dict(delay=math.inf, every=1, render_mode="ansi")])
def test_gymnasium_checks_the_gridworld(options):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message=".*not having a spec")
        check_env(GridWorld(**options))


def paid(env, actions):
    env.reset(seed=0)
    rewards, over = [], False
    for action in actions:
        _, reward, terminated, truncated, _ = env.step(action)
        rewards.append(reward)
        over = terminated or truncated
    assert over == (env.state is None)
    return rewards, over


def test_every_pays_one_in_all_and_only_when_changes():
    plan, east = "S......G", [1] * 7
    assert paid(GridWorld(plan), east)[0] == [0] * 6 + [1]
    assert paid(GridWorld(plan, every=1), east)[0] == pytest.approx([1 / 7] * 7)
    assert paid(GridWorld(plan, every=3), east)[0] == pytest.approx([1 / 3, 0, 0, 1 / 3, 0, 0, 1 / 3])
    assert paid(GridWorld(plan, every=100), east)[0] == [0] * 6 + [1]
    there_and_back, _ = paid(GridWorld(plan, every=1), [1, 1, 3, 3])
    assert there_and_back == pytest.approx([1 / 7, 1 / 7, -1 / 7, -1 / 7])


def test_delay_pays_the_same_later():
    plan, east = "S......G", [1] * 7
    now, end = paid(GridWorld(plan, every=1), east)[0], paid(GridWorld(plan, every=1, delay=math.inf), east)[0]
    assert end == pytest.approx([0] * 6 + [sum(now)])
    assert paid(GridWorld(plan, every=1, delay=2), east)[0] == pytest.approx([0, 0, *now[:4], sum(now[4:])])
    cut = GridWorld(plan, every=1, delay=math.inf, limit=3)
    assert paid(cut, [1] * 3) == (pytest.approx([0, 0, 3 / 7]), True)


def test_pits_walls_and_letters():
    env = GridWorld("""
        S$#
        X.G""", pays={"X": -2.0, "$": 0.25})
    assert env.letters == list("S$X.G") and env.starts == [0] and env.distances().tolist() == [3, 2, math.inf, 1, 0]
    assert paid(env, [0, 1, 0, 2, 1]) == ([0, 0.25, 0.25, 0, 1], True)              # against a wall one stays, and is paid again
    env.reset()
    assert env.step(2)[:3] == (2, -2.0, True)
    env = GridWorld("S.G", limit=2)
    assert paid(env, [3, 3]) == ([0, 0], True)
    env = GridWorld("S.G", render_mode="ansi")
    env.reset()
    env.step(1)
    assert env.render() == "S@G"


def test_the_model_is_what_acting_finds():
    env, lots = GridWorld("S.\n.G", slip=0.4, every=1, pays={".": -0.1}), np.random.default_rng(0)
    P, R = env.model()
    S, A = R.shape
    counts, sums = np.zeros((S, A, S)), np.zeros((S, A))
    state, over = 0, True
    for t in range(20_000):
        state = env.reset(seed=0 if t == 0 else None)[0] if over else state
        a = lots.integers(A)
        after, reward, terminated, truncated, _ = env.step(a)
        counts[state, a, after] += 1
        sums[state, a] += reward
        state, over = after, terminated or truncated
    seen = counts.sum(2)
    assert np.abs(counts[:3] / seen[:3, :, None] - P[:3]).max() < 0.03
    assert np.abs(sums[:3] / seen[:3] - R[:3]).max() < 0.03
    assert (P[3, :, 3] == 1).all() and (R[3] == 0).all()


@pytest.mark.parametrize("wrong, say", [
    (lambda: GridWorld("S.."), "an S to start from and a G"), (lambda: GridWorld("S..\n.G"), "rows of equal length"),
    (lambda: GridWorld("S#G"), "no way leads from S to G"), (lambda: GridWorld(slip=1.5), "slip=1.5"),
    (lambda: GridWorld(every=0), "every=0"), (lambda: GridWorld(delay=-1), "delay=-1"),
    (lambda: GridWorld(render_mode="human"), "no render_mode 'human'"), (lambda: GridWorld(delay=2).model(), "no such table")])
def test_bad_gridworlds_get_a_sentence(wrong, say):
    with pytest.raises(ValueError, match=say):
        wrong()


def test_actions_out_of_range_and_steps_after_the_end_get_a_sentence():
    env = GridWorld("SG")
    with pytest.raises(RuntimeError, match="reset"):
        env.step(0)
    env.reset()
    for action in (4, -1, 1.5, "up"):
        with pytest.raises(ValueError, match="it knows 0 to 3: up, right, down, left"):
            env.step(action)
    env.step(1)
    with pytest.raises(RuntimeError, match="reset"):
        env.step(1)


# tables

def solved(P, R, policy, discount):
    """Q of a fixed policy (S, A), chances, by one linear solve for its V."""
    V = np.linalg.solve(np.eye(len(R)) - discount * np.einsum("sa,sat->st", policy, P), (policy * R).sum(1))
    return R + discount * P @ V


def test_value_iteration_is_the_best_of_all_policies():
    lots = np.random.default_rng(0)
    S, A, discount = 4, 3, 0.9
    P, R = lots.dirichlet(np.ones(S), (S, A)), lots.normal(size=(S, A))
    found = value_iteration(P, R, discount=discount, tolerance=1e-10)
    best = np.max([solved(P, R, np.eye(A)[list(choice)], discount) for choice in itertools.product(range(A), repeat=S)], axis=0)
    assert np.abs(found - best).max() < 1e-9


@pytest.mark.parametrize("slip", [0.0, 0.2])
def test_value_iteration_solves_the_gridworld(slip):
    env = GridWorld(slip=slip)
    P, R = env.model()
    Q = value_iteration(P, R, discount=0.95)
    assert np.abs(Q - solved(P, R, np.eye(4)[Q.argmax(1)], 0.95)).max() < 1e-7
    if slip == 0:
        far = env.distances()
        assert np.allclose(Q.max(1)[~env.ends], 0.95 ** (far[~env.ends] - 1))       # 1 on arrival, discounted from there
        assert walk(env, Q) == (1.0, far[env.starts[0]])
    assert value_iteration(P, R, discount=0.0) == pytest.approx(R)


def test_acting_at_random_q_learning_finds_the_best_policys_values_and_sarsa_its_own():
    """Which of the two learns what about whom: off-policy and on-policy, the one difference between them."""
    env = GridWorld("S..\n.X.\n..G", slip=0.2, limit=1000)
    P, R = env.model()
    options = dict(steps=40_000, epsilon=1.0, rate=lambda n: n**-0.7, discount=0.9, seed=0)
    off, on, live = q_learning(env, **options).Q, sarsa(env, **options).Q, ~env.ends
    optimal, own = value_iteration(P, R, discount=0.9), solved(P, R, np.full((9, 4), 0.25), 0.9)
    for found, right, other in ((off, optimal, own), (on, own, optimal)):
        assert np.abs(found - right)[live].max() < 0.2 and np.abs(found - right)[live].mean() < 0.05
        assert np.abs(found - other)[live].max() > 0.5


def test_a_truncated_episode_is_not_the_end_of_the_world():
    """Walking into a wall that pays 1: worth 1 / (1 - discount), however short the episodes are cut."""
    learned = q_learning(GridWorld("S......G", pays={"S": 1.0}, limit=2), 4000, rate=0.5, discount=0.9, seed=0)
    assert learned.Q[0].max() == pytest.approx(10, abs=0.1)
    assert set(learned.lengths) == {2} and learned.ended[:2] == [2, 4]


def test_off_a_cliff():
    """Sutton and Barto, example 6.6: Q-learning learns the shortest way along the edge, SARSA one that its own slips survive."""
    def env():
        return GridWorld(CLIFF, pays={"X": -10.0, ".": -0.1, "S": -0.1, "G": -1.1}, limit=500)
    edge, safe = ([learn(env(), 25_000, epsilon=0.1, rate=0.2, discount=0.99, seed=seed) for seed in range(2)]
                  for learn in (q_learning, sarsa))
    for near, far in zip(edge, safe):
        assert walk(env(), near.Q)[1] == 13 < walk(env(), far.Q)[1] < 25
        assert np.mean(near.returns[-300:]) < np.mean(far.returns[-300:])


@pytest.mark.parametrize("learn", [q_learning, sarsa])
def test_tables_learn_and_a_flipped_reward_does_not(learn):
    good = [learn(GridWorld(), 15_000, seed=seed) for seed in range(3)]
    assert [walk(GridWorld(), one.Q) for one in good] == [(1.0, 11)] * 3
    flipped = learn(GridWorld(pays={"G": -2.0, "X": 1.0}), 15_000, seed=0)
    assert walk(GridWorld(), flipped.Q)[0] < 0


def test_each_can_stop_and_rates_may_depend():
    seen = []
    learned = q_learning(GridWorld("SG"), 1000, epsilon=lambda t: 1.0 if t < 50 else 0.0, start=0.5, seed=0,
                         each=lambda learned: seen.append(len(learned.returns)) or ("stop" if len(seen) == 20 else None))
    assert len(learned.returns) == 20 == seen[-1] and sum(learned.lengths) == learned.ended[-1]


class Pays(gymnasium.Env):
    observation_space, action_space = gymnasium.spaces.Discrete(2, start=5), gymnasium.spaces.Discrete(2, start=1)

    def __init__(self, reward):
        self.reward = reward

    def reset(self, *, seed=None, options=None):
        return 5, {}

    def step(self, action):
        assert action in (1, 2)
        return 6, self.reward * (action == 2), True, False, {}


def test_spaces_may_start_anywhere():
    assert q_learning(Pays(1.0), 200, rate=1.0, seed=0).Q.tolist() == [[0, 1], [0, 0]]
    assert walk(Pays(1.0), np.array([[0, 1.0], [0, 0]])) == (1.0, 1)


@pytest.mark.parametrize("error, wrong, say", [
    (TypeError, lambda: q_learning(gymnasium.make("Pendulum-v1"), 10), "discrete set of observations"),
    (TypeError, lambda: sarsa(gymnasium.make("CartPole-v1"), 10), "discrete set of observations"),
    (ValueError, lambda: q_learning(Pays(math.nan), 10), "reward in step 0 is nan; it must be finite"),
    (ValueError, lambda: q_learning(GridWorld(), 0), "steps=0"),
    (ValueError, lambda: q_learning(GridWorld(), 9, discount=1.5), "discount is 1.5"),
    (ValueError, lambda: walk(GridWorld(), np.zeros((3, 4))), "Q of shape"),
    (ValueError, lambda: value_iteration(np.ones((2, 1, 2)), np.zeros((2, 1))), "chances that sum to 1"),
    (ValueError, lambda: value_iteration(np.eye(2)[:, None], np.full((2, 1), np.nan)), "not finite"),
    (ValueError, lambda: value_iteration(np.eye(2)[:, None], np.zeros((2, 1)), discount=1), "may never end")])
def test_bad_input_gets_a_sentence(error, wrong, say):
    with pytest.raises(error, match=say):
        wrong()


def test_no_discrete_actions_gets_a_sentence():
    env = GridWorld("SG")
    env.action_space = gymnasium.spaces.Box(-1, 1, (1,))
    with pytest.raises(TypeError, match="discrete set of actions"):
        q_learning(env, 10)
