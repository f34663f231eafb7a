"""Lesson 18's parts: what its claims stand on, with other lots; its losses against the library's; its pictures and widgets."""
import asyncio
import json
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import gymnasium
import numpy as np
import pytest
import torch
from browser import Notebook, changed, clean, move_slider, press, says, status
from lesson_code import cells, definitions

from minitrain.device import use_threads
from minitrain.rl import ppo as library_ppo
from minitrain.rl import reinforce as library_reinforce
from minitrain.rl import rollouts
from minitrain.rl.bandits import epsilon_greedy, play
from minitrain.rl.gridworld import GridWorld
from minitrain.rl.policies import ActorCritic, average_return
from minitrain.rl.tabular import q_learning, sarsa, value_iteration, walk
from minitrain.teach.lessons.lesson_18 import EXERCISES
from minitrain.teach.widgets.bandit import PAID, REGRET, AgainstTheBandit
from minitrain.teach.widgets.grid import grids
from minitrain.teach.widgets.pole import TRACK, WatchThePole, drawn, poses

NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "18_learning_from_reward.ipynb"


@pytest.fixture(scope="module")
def lesson():
    """The lesson's own imports, plans, numbers and functions, without its experiments."""
    return definitions(NOTEBOOK, also=("CHANCES", "FIELD", "CORRIDOR", "CLIFF", "costs", "policies", "feeds", "gravities"))


# What the claims stand on


@pytest.mark.parametrize("seed", range(5, 10))
def test_who_explores_finds_the_best_arm(lesson, seed):
    found, lost = {}, {}
    for name, policy in lesson["policies"].items():
        games = play(lesson["CHANCES"], policy, 1000, games=200, seed=seed)
        found[name], lost[name] = ((games.arms[:, -100:] == 2).mean(1) > 0.5).mean(), games.regret[:, -1].mean()
    greedy, others = found.pop("greedy"), list(found.values())
    assert 0.3 < greedy < 0.6 and min(others) > 0.95
    assert lost["greedy"] > 2.5 * max(lost[name] for name in found) and lost["Thompson"] < 0.7 * lost["ε-greedy, 0.1"]


@pytest.mark.parametrize("seed", range(5, 10))
def test_greedy_sits_on_a_wrong_arm_even_after_one_pull_of_each(lesson, seed):
    def each_once_then_the_best(pulls, wins, lots):
        return np.where((pulls == 0).any(1), (pulls == 0).argmax(1), epsilon_greedy(0)(pulls, wins, lots))

    games = play(lesson["CHANCES"], each_once_then_the_best, 1000, games=200, seed=seed)
    assert 0.6 < ((games.arms[:, -100:] == 2).mean(1) > 0.5).mean() < 0.85


@pytest.mark.parametrize("seed", range(5, 10))
def test_a_table_learns_from_what_is_paid_and_from_nothing_else(seed):
    unpaid = gymnasium.wrappers.TransformReward(GridWorld(), lambda reward: 0.0)
    value, steps = walk(GridWorld(), q_learning(GridWorld(), 10_000, seed=seed).Q)
    assert value == 1 and steps <= 15
    assert walk(GridWorld(), q_learning(unpaid, 10_000, seed=seed).Q)[0] <= 0


def test_rare_or_late_pay_takes_longer_with_other_lots(lesson):
    def median(**options):
        return np.median([lesson["steps_to_solve"](seed, **options) for seed in range(5, 10)])

    rarely = [median(every=k) for k in (1, 2, 4, 12)]
    assert all(1.5 * a < b for a, b in pairwise(rarely))
    late = [median(every=1, delay=delay, most=5000) for delay in (1, 2, 4)]
    assert all(steps > 20 * rarely[0] for steps in late) and late[0] > 2 * rarely[-1]


def test_with_a_memory_late_pay_is_sorted_out_and_still_costs(lesson):
    now, late = ([lesson["steps_to_solve"](seed, most=10_000, wrapped=lesson["Remembers"], every=1, delay=delay)
                  for seed in range(5, 10)] for delay in (0, 1))
    assert np.median(late) > 10 * np.median(now) and np.median(late) < 5000


@pytest.mark.parametrize("seed", range(5, 8))
def test_the_coin_is_stood_on_for_ever_and_without_it_the_goal_is_reached(lesson, seed):
    for pay, steps in ((0.0, 6), (0.2, 50)):
        env = GridWorld(lesson["CORRIDOR"], pays={"$": pay}, limit=50)
        assert walk(env, q_learning(env, 8000, discount=0.95, rate=0.2, seed=seed).Q)[1] == steps
        assert env.letters[env.seen] == ("$" if pay else "G")
        total, taken = walk(env, value_iteration(*env.model(), discount=0.95))
        assert taken == steps and total == pytest.approx(48 * 0.2 if pay else 1)            # from the third step on, at every one


def test_feeds_do_what_they_are_paid_for_as_far_as_they_look(lesson):
    found = {name: [lesson["feed"](seed, *how) for seed in (5, 6, 7)] for name, how in lesson["feeds"].items()}
    for near, far, asked in zip(*(found[name] for name in ("next click", "clicks to come", "half asked"))):
        assert near["bait"] < 0.1 and far["bait"] > 0.9 and asked["bait"] < 0.1
        assert far["click"] > near["click"] + 0.2 and far["judged"] < -0.2 and min(near["judged"], asked["judged"]) > 0.3
    assert all(lesson["feed"](seed, 0.0, 0.9, start=0.0)["bait"] < 0.1 for seed in (5, 6))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_without_optimism_the_feed_needs_more_posts(lesson, seed):
    assert lesson["feed"](seed, 0.0, 0.9, posts=120_000, start=0.0)["bait"] > 0.9


@pytest.mark.parametrize("seed", range(5, 8))
def test_sarsa_keeps_from_the_edge(lesson, seed):
    edge = GridWorld(lesson["CLIFF"], limit=100)
    options = dict(discount=0.98, rate=0.2, seed=seed)
    bold, careful = (method(GridWorld(lesson["CLIFF"], pays=lesson["costs"], limit=200), 20_000, **options)
                     for method in (q_learning, sarsa))
    assert walk(edge, bold.Q)[1] < walk(edge, careful.Q)[1] < 100
    assert np.mean(bold.returns[-200:]) + 0.05 < np.mean(careful.returns[-200:])


def climbed(lesson, rung, seed):
    use_threads(1)
    model, curve = lesson["climb"](rung, seed)
    return model, curve[-1, 1]


@pytest.mark.parametrize("seed", [6])
def test_ppo_holds_the_pole_and_far_beyond_its_gravity(lesson, seed):
    model, end = climbed(lesson, "PPO", seed)
    assert end >= 475
    assert all(lesson["held_at"](model, gravity) > 400 for gravity in (1.6, 9.8, 20)) and lesson["held_at"](model, 60) < 250


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3, 8))
def test_the_ladder_with_other_starts(lesson, seed):
    """Of the lower rungs only what the lesson says of all starts: they learn."""
    assert climbed(lesson, "PPO", seed)[1] >= 475
    for rung in ("REINFORCE", "baseline"):
        model, _ = lesson["climb"](rung, seed)
        assert average_return(model, gymnasium.make_vec("CartPole-v1", num_envs=50), episodes=50) > 100


def test_a_turned_sign_teaches_to_drop_it(lesson):
    envs = gymnasium.make_vec("CartPole-v1", num_envs=64)
    model = ActorCritic(envs, seed=3)
    curve = lesson["learn"](model, library_ppo.PPO(model, envs, discount=0.98, seed=3), lesson["turned"], rate=3e-3, uses=4,
                            steps=25_000)
    assert curve[-1, 1] < 12 < curve[0, 1]


# The lesson's own code


def some_experience(model):
    lots = torch.Generator().manual_seed(0)
    x, actions = torch.randn(40, 4, generator=lots), torch.randint(2, (40,), generator=lots)
    log_probs, advantages, returns = (torch.randn(40, generator=lots) for _ in range(3))
    with torch.no_grad():
        log_probs = model.judge(x, actions)[0] + 0.3 * log_probs            # ratios on both sides of the clamp
    return rollouts.Experience(x, actions, log_probs, advantages, returns)


@pytest.mark.parametrize(("name", "library"), [
    ("reinforce", partial(library_reinforce.policy_gradient, value=0)), ("with_baseline", library_reinforce.policy_gradient),
    ("ppo", library_ppo.clipped)])
def test_the_losses_are_the_librarys(lesson, name, library):
    model = ActorCritic(gymnasium.make("CartPole-v1"), seed=0)
    batch, found = some_experience(model), []
    for loss in (lesson[name], library):
        out = loss(model, batch)
        grads = torch.autograd.grad(out.mean, list(model.actor.parameters()) + list(model.critic.parameters()), allow_unused=True)
        found.append((out, grads))
    (ours, a), (theirs, b) = found
    assert float(ours.mean.detach()) == pytest.approx(float(theirs.mean.detach()), rel=1e-6) and ours.n == theirs.n == 40
    for one, other in zip(a, b):
        assert (one is None or not one.any()) and (other is None or not other.any()) or torch.allclose(one, other, atol=1e-7)
    turned = lesson["turned"](model, batch).mean
    assert float(turned.detach()) == pytest.approx(float(library_ppo.clipped(model, replace(batch, advantages=-batch.advantages))
                                                         .mean.detach()), rel=1e-6)


def test_the_exercises_answers_are_the_librarys():
    lots = np.random.default_rng(0)
    rewards, values, ended = lots.normal(size=7), lots.normal(size=8), np.array([0, 0, 1, 0, 0, 1, 0], dtype=bool)
    column = [torch.as_tensor(v)[:, None] for v in (rewards, values, ended)]
    no = torch.zeros(7, 1, dtype=torch.bool)
    ours = EXERCISES["gae"].reference(rewards, values, ended, 0.9, 0.7)
    np.testing.assert_allclose(ours, rollouts.gae(*column, no, no, discount=0.9, lam=0.7)[:, 0])
    pulls, wins = np.array([30.0, 20.0, 10.0]), np.array([6.0, 11.0, 4.0])
    rows = np.repeat(pulls[None], 20_000, 0), np.repeat(wins[None], 20_000, 0)
    drawn_arms = np.bincount(epsilon_greedy(0.3)(*rows, lots), minlength=3) / 20_000
    np.testing.assert_allclose(EXERCISES["epsilon-greedy"].reference(pulls, wins, 0.3), drawn_arms, atol=0.015)

    class Once(gymnasium.Env):
        """One step from cell 0 to cell 1, paid 0.5: the end, or cut short."""
        observation_space = action_space = gymnasium.spaces.Discrete(2)

        def __init__(self, ends): self.ends = ends
        def reset(self, *, seed=None, options=None): return 0, {}
        def step(self, action): return 1, 0.5, self.ends, not self.ends, {}

    start = 2.0
    for ends in (True, False):
        Q = q_learning(Once(ends), 1, rate=0.2, discount=0.9, start=start, seed=0).Q
        expected = EXERCISES["q-update"].reference(np.full((2, 2), start), 0, 0, 0.5, 1, ends, 0.2, 0.9)
        assert Q[start != Q].tolist() == [pytest.approx(expected)]


# The pictures and the widgets


def test_a_grid_shows_where_a_table_would_go():
    env = GridWorld("S#GX\n....")
    fig = grids(env, {"plan": None, "table": value_iteration(*env.model())})
    plan, table = fig.axes
    assert [text.get_text() for text in plan.texts] == ["S", "G", "X"] and not plan.collections
    shade = table.images[0].get_array()
    assert np.argwhere(np.ma.getmaskarray(shade)).tolist() == [[0, 1]]      # the wall
    assert shade[0, 2] == shade[0, 3] == 0 < shade[0, 0] < shade[1, 0] < shade[1, 2]      # nothing follows an end
    first = table.collections[0]                                            # at S: down, as rows are counted
    assert len(table.collections) == 5 and (first.U[0], first.V[0]) == (0, 0.55)


def test_frames_show_cart_pole_and_push():
    still, left, leaning, long = (drawn(state, half) for state, half in
                                  (([0, 0, 0, 0], 0.5), ([-1, 0, 0, 0], 0.5), ([0, 0, 0.2, 0], 0.5), ([0, 0, 0, 0], 1.0)))
    def pole(frame): return np.argwhere(np.abs(frame.astype(int) - [0xD5, 0x5E, 0x00]).sum(2) < 40)       # rows: y, x
    assert abs(pole(still)[:, 1].mean() - 280) < 2 and abs(pole(left)[:, 1].mean() - (280 - 104)) < 2
    assert pole(leaning)[:, 1].max() > 290 and np.ptp(pole(long)[:, 0]) > 1.8 * np.ptp(pole(still)[:, 0])
    assert not np.array_equal(drawn([0, 0, 0, 0], push=1), still)
    fig = poses({"a": np.zeros((60, 4)), "b": np.zeros((5, 4))}, at=(0, 50), title="t")
    assert [ax.get_xlabel() for ax in fig.axes] == ["0.0 s", "1.0 s", "0.0 s", "✗ 0.1 s"]


def test_the_bandit_pays_by_its_chances_and_tells_them_at_the_end():
    game = AgainstTheBandit(arms=3, pulls=12, seed=3)
    best, chances = int(game.chances.argmax()), game.chances
    assert np.sort(chances)[-1] - np.sort(chances)[-2] >= 0.15 and "0." not in game.message
    game.pull(best)
    assert game.arms == [best] and game.regret.tolist() == [0] and game.message.startswith(f"Pull 1: arm {best + 1} paid ")
    assert "Paid so far" in game.image.alt
    before = game.image.value
    game.shown = REGRET
    assert game.image.value != before and "Regret" in game.image.alt
    game.shown = PAID
    worst = int(chances.argmin())
    for _ in range(11):
        game.pull(worst)
    lost = 11 * (chances[best] - chances[worst])
    assert game.over and game.regret[-1] == pytest.approx(lost) and f"Your regret is {lost:.1f}" in game.message
    assert f"the best is arm {best + 1}" in game.message and all(f"{chance:.2f}" in game.message for chance in chances)
    assert "Regret" in game.image.alt and sum(game.rewards) <= 12
    for name, rival in game.rivals.items():
        assert f"{name} {rival.regret[:, -1].mean():.1f}" in game.message
    game.pull(best)
    assert len(game.arms) == 12 and game.message == "This game is over. New machine?"
    game.new_machine()
    assert game.arms == [] and not game.over and not np.array_equal(game.chances, chances)
    game.buttons[1].click()
    assert game.arms == [1]
    with pytest.raises(ValueError, match="arms=1, pulls=5; it needs two arms or more"):
        AgainstTheBandit(arms=1, pulls=5)


class Keeper:
    """Holds the pole: pushes to where it leans and turns."""
    def features(self, state): return state
    def act(self, state): return int(state[2] + 0.5 * state[3] + 0.05 * state[0] + 0.1 * state[1] > 0)


def test_the_pole_stands_under_the_gravity_set():
    panel = WatchThePole(Keeper(), steps=150)
    while panel.step():
        pass
    assert panel.taken == 150 and panel.finished and panel.message.startswith("Done. Held for 3 s at a gravity of 9.8, with a")
    panel.reset()
    assert (panel.taken, panel.finished, panel.message) == (0, False, "Ready.")
    start, turning = np.array(panel.env.state), []
    for way in (-1, 0, 1):
        panel.reset()
        np.testing.assert_array_equal(panel.env.state, start)               # the same start again
        panel.push(way)
        panel.model.act = lambda state: 1                                   # whatever is seen
        panel.step()
        turning.append(panel.env.state[3])
    assert np.diff(turning) == pytest.approx(0.5, abs=0.02)
    panel.model = Keeper()
    panel.reset()
    panel.gravity, panel.long = 30.0, 0.4
    panel.step()
    assert (panel.env.gravity, panel.env.length, panel.env.polemass_length) == (30.0, 0.2, pytest.approx(0.02))
    panel.gravity = 150.0
    while panel.step():
        pass
    assert panel.taken < 150 and "dropped the pole after" in panel.message and "gravity of 150.0" in panel.message
    assert abs(panel.env.state[0]) < TRACK and panel.image.value.startswith(b"\x89PNG")


def test_the_pole_runs_and_pauses_by_its_button():
    async def some_time():
        panel = WatchThePole(Keeper())
        panel.start_button.click()
        while panel.taken < 5:
            await asyncio.sleep(0.01)
        panel.start_button.click()
        taken = panel.taken
        await asyncio.sleep(0.1)
        assert panel.taken == taken and not panel.running
        panel.close()
    asyncio.run(asyncio.wait_for(some_time(), 30))


@pytest.mark.browser
def test_the_widgets_in_a_browser(lab, browser):
    """The panels alone, the pole under a policy that was not trained."""
    whole = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    game = next(source for source in cells(NOTEBOOK) if source.startswith("AgainstTheBandit("))
    made = 'policy = ActorCritic(gymnasium.make("CartPole-v1"), seed=0)'
    template = next(cell for cell in whole["cells"] if cell["cell_type"] == "code")
    parts = [template | {"source": source, "outputs": [], "id": f"cell{i}"}
             for i, source in enumerate([cells(NOTEBOOK)[0], made, game, "WatchThePole(policy)"])]
    (lab[1] / "18_widgets.ipynb").write_text(json.dumps(whole | {"cells": parts}))
    notebook = Notebook(browser, lab[0], "18_widgets.ipynb")
    notebook.run_all()
    output = notebook.output("AgainstTheBandit(")
    says(status(output), "50 pulls are yours")
    output.get_by_role("button", name="Arm 2", exact=True).focus()
    for key in ("Enter", "Space", "Enter"):
        before = status(output).inner_text()
        notebook.page.keyboard.press(key)
        changed(status(output), before)
    says(status(output), "Pull 3: arm 2 paid")
    output = notebook.output("WatchThePole(")
    says(status(output), "Ready.")
    low, high = move_slider(notebook, output, "Gravity", presses=5)
    assert high > low
    press(output, "Push right")
    press(output, "One step")
    says(status(output), "Held for 0 s at a gravity of 10.3")
    output.get_by_role("button", name="Start over").focus()
    notebook.page.keyboard.press("Enter")
    says(status(output), "Ready.")
    output.get_by_role("button", name="Start", exact=True).focus()
    notebook.page.keyboard.press("Enter")
    says(status(output), "dropped the pole after")
    clean(notebook)
    notebook.close()
