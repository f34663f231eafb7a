"""Lesson 03: what its experiments conclude, over other seeds than the lesson's own, and its widgets without a browser.

The experiments are the notebook's own functions, read from its cells: a change there is tested here.
"""
import ast
import asyncio

import numpy as np
import pytest
import torch

from minitrain import losses, sources
from minitrain.models.mlp import MLP
from minitrain.teach.refresh import NOTEBOOKS, read
from minitrain.teach.widgets.free_throw import METRES, TOTAL, FreeThrow, descend, misses
from minitrain.teach.widgets.hill import HILLS, BlindfoldedHill, underfoot
from minitrain.teach.widgets.rate_dial import RateDial, valley


@pytest.fixture(scope="module")
def lesson():
    """The notebook's imports, functions and classes, and the data that they read."""
    names = {}
    for cell in read(NOTEBOOKS / "03_the_training_loop.ipynb").cells:
        if cell.cell_type == "code":
            source = "\n".join(line for line in cell.source.splitlines() if not line.startswith("%"))
            kept = [node for node in ast.parse(source).body
                    if isinstance(node, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef)]
            exec(compile(ast.Module(kept, []), "lesson 03", "exec"), names)
    names |= {"digits": sources.digits()} | walks(0)
    return names


def walks(seed):
    rng = np.random.default_rng(seed)
    km = rng.uniform(0.2, 3, 200)
    minutes = 12 * km + 4 + rng.normal(0, 2, 200)
    return {"km": km, "minutes": minutes, "x": torch.tensor(km)[:, None], "y": torch.tensor(minutes)[:, None]}


# What the lesson concludes


@pytest.mark.parametrize("aim", [-1.2, -0.6, 0.0, 0.1, 0.3, 0.9, 1.4])
def test_the_slope_points_up(lesson, aim):
    loss = lesson["loss"]
    slope = (loss(aim + 1e-6) - loss(aim)) / 1e-6
    assert loss(aim + 1e-4 * slope) > loss(aim) > loss(aim - 1e-4 * slope)


def test_three_rates_on_one_aim(lesson):
    throw, miss = lesson["throw_by_slope"], lesson["miss"]
    assert abs(miss(throw(-0.6, 0.002, 12)[-1])) < 0.1
    assert abs(miss(throw(-0.6, 0.0001, 12)[-1])) > 5
    over = miss(throw(-0.1, 0.012, 12))
    assert (np.sign(over[1:]) == -np.sign(over[:-1])).all() and (abs(over[1:]) > 2.5).all()
    assert abs(miss(lesson["warmer_or_colder"](-0.6, 0.3, 12)[-1])) < 0.1


@pytest.mark.parametrize("seed", range(5))
def test_hand_loop_autograd_and_trainer_agree(lesson, seed):
    lesson |= walks(seed)
    pace, shoes, seen = lesson["fit_line"](0.1, 200)
    exact = np.polyfit(lesson["km"], lesson["minutes"], 1)
    assert [pace, shoes] == pytest.approx(list(exact), rel=5e-3)
    assert seen[-1] < 6 < 600 < seen[0]
    assert lesson["fit_with_autograd"](0.1, 200) == pytest.approx((pace, shoes), abs=1e-9)
    assert lesson["fit_with_trainer"](0.1, 200) == pytest.approx((pace, shoes), abs=1e-9)


@pytest.mark.parametrize("seed", range(5, 10))
def test_learning_rates(lesson, seed):
    after = lesson["loss_after"]
    start, small, right, large = (after(rate, seed)[0] for rate in (0, 0.005, 0.5, 50))
    assert after(50, seed)[1] == 1 and after(0.1, seed)[1] < 0.1           # silent hidden units
    assert large > 1.5 * start and small > start / 2 and right < small / 5


@pytest.mark.parametrize("seed", range(5))
def test_variance_falls_as_one_over_the_batch(lesson, seed):
    lots = torch.Generator().manual_seed(seed)
    gradient = lesson["gradient"]
    lesson["model"] = MLP(64, 32, 10, seed=seed)
    whole, sizes = gradient(torch.arange(1797)), [4, 64, 1024]
    variance = [np.mean([float(((gradient(torch.randint(1797, (B,), generator=lots)) - whole) ** 2).sum()) for _ in range(100)])
                for B in sizes]
    assert np.polyfit(np.log(sizes), np.log(variance), 1)[0] == pytest.approx(-1, abs=0.1)


@pytest.mark.parametrize("seed", range(5))
def test_one_loop_trains_three_models(lesson, seed):
    train, (x, y) = lesson["train"], lesson["digits"]
    pictures, kinds = lesson["Doodles"](kinds=("square", "circle")).draw(600, seed=seed)
    convnet = lesson["ConvNet"](3, (8, 16), classes=2, size=32, seed=seed)
    line, walked = torch.nn.Linear(1, 1, dtype=torch.double), sources.batches(lesson["x"], lesson["y"], seed=seed)
    runs = [train(line, losses.mse, walked, 0.01, 100),
            train(MLP(64, 32, 10, seed=seed), losses.cross_entropy, sources.batches(x, y, seed=seed), 0.05, 100),
            train(convnet, losses.cross_entropy, sources.batches(pictures, kinds, size=32, seed=seed), 0.02, 100)]
    for run in runs:
        assert np.mean(run[-20:]) < run[0] / 2


def test_warmer_and_colder_pays_for_every_aim(lesson):
    warmer = {n: np.median([lesson["by_warmer"](n, seed) for seed in range(5, 10)]) for n in (1, 100)}
    slopes = {n: np.median([lesson["by_slopes"](n, seed) for seed in range(5, 10)]) for n in (1, 100)}
    assert warmer[1] < 5 * slopes[1]
    assert warmer[100] > 60 * slopes[100]


def test_two_floors_a_saddle_a_plateau(lesson):
    quiet = np.mean(lesson["roll"](noise=0) > 0)
    noisy = [np.mean(lesson["roll"](noise=6, seed=seed) > 0) for seed in range(5, 10)]
    assert 0.4 < quiet < 0.6 < min(noisy) and np.mean(noisy) > 0.7
    leave = lesson["steps_to_leave"]
    assert leave(0.0) == "never" and leave(1e-9) > leave(1e-3) > leave(0.1)
    square, surprise = (lambda p: 2 * (p - 1) * p * (1 - p)), (lambda p: p - 1)
    assert lesson["steps_to_yes"](-10, square) > 500 * lesson["steps_to_yes"](-10, surprise)


def test_floors_are_rare_in_six_directions(lesson):
    share = [np.mean([lesson["share_of_floors"](D, seed) for seed in range(5, 10)]) for D in (1, 3, 6)]
    assert 0.3 < share[0] < 0.7 and share[1] < 0.2 and share[2] < 1 / 40


@pytest.mark.parametrize("seed", range(1, 6))
def test_wide_networks_all_get_down(lesson, seed):
    lots = torch.Generator().manual_seed(seed)
    angle = 6.283 * torch.rand(100, generator=lots)
    radius = torch.cat([torch.rand(50, generator=lots) / 2, 1 + torch.rand(50, generator=lots) / 2])
    lesson |= {"rings": torch.stack([radius * angle.cos(), radius * angle.sin()], 1), "inner": (radius < 0.7).float()}
    assert lesson["stuck"](2) == 1 and 0.1 < lesson["stuck"](3) < 0.6
    assert lesson["stuck"](8) + lesson["stuck"](16) < 0.02


@pytest.mark.slow
def test_squared_error_gets_there_too(lesson):
    def ended(loss, rates):
        return max(np.median([lesson["accuracy_over_time"](loss, rate, seed)[-3:] for seed in range(5, 10)]) for rate in rates)
    entropy, squared = ended(losses.cross_entropy, (0.4, 0.8)), ended(lesson["squared_error"], (0.8, 1.6))
    assert min(entropy, squared) > 0.93 and abs(entropy - squared) < 0.025


@pytest.mark.parametrize("seed", range(3))
def test_shuffling_matters(lesson, seed):
    assert lesson["by_epoch"](sources.batches, seed, epochs=6)[-1] > 0.85
    assert lesson["by_epoch"](lesson["Sorted"], seed, epochs=6)[-1] < 0.6


@pytest.mark.parametrize("seed", range(3, 8))
def test_the_loss_is_still_falling(lesson, seed):
    tail = lesson["long_run"](seed, 1600)
    assert all(1 - tail[b - 1] / tail[b // 2 - 1] > 0.2 for b in (400, 800, 1600))
    at = np.unique(np.geomspace(100, 1599, 40).astype(int))
    power, height = np.polyfit(np.log(at), np.log(tail[at]), 1)
    assert power < -0.4 and np.abs(np.log(tail[at]) - power * np.log(at) - height).max() < 0.1      # straight to 10 %


# Widgets


def test_free_throw_counts_and_tells():
    game = FreeThrow(seed=3)
    start = misses([0.0], game.targets)[0]
    game.throw()
    assert game.message.startswith(f"Throw 1: {abs(start):.1f} m to the {'right' if start > 0 else 'left'}.")
    assert game.machine_throws == pytest.approx([abs(start)]) and not game.hit
    game.aims = [float(np.arcsin(game.targets[0] / 10))]
    assert game.sliders[0].value == pytest.approx(game.aims[0])             # the slider follows, and leads:
    game.sliders[0].value = 0.25
    assert game.aims == [0.25]
    game.aims = [float(np.arcsin(game.targets[0] / 10))]
    game.throw()
    assert game.hit and "A hit, with 2 throws. Gradient descent needs" in game.message
    game.throw()
    assert len(game.throws) == 2                                            # over is over
    game.new_targets()
    assert not game.hit and game.throws == [] and game.aims == [0.0]


def test_free_throw_with_three_tells_only_warmer_or_colder():
    game = FreeThrow(seed=1)
    game.throwers, game.told = 3, TOTAL
    assert len(game.aims) == 3 and all(one.layout.display is None for one in game.sliders)
    game.throw()
    assert " m " not in game.message
    right = [float(a) for a in np.arcsin(game.targets / 10)]
    game.aims = [a / 2 for a in right]
    game.throw()
    assert "warmer" in game.message
    game.aims = [-a for a in right]
    game.throw()
    assert "colder" in game.message
    game.aims = right
    game.throw()
    assert game.hit
    game.throwers = 1
    assert len(game.aims) == 1 and game.sliders[1].layout.display == "none" and game.told == TOTAL
    game.told = METRES
    assert game.throws == []


def test_gradient_descent_hits_at_a_good_rate_only():
    for seed in range(5):
        game = FreeThrow(throwers=3, seed=seed)
        assert len(descend([0.0] * 3, game.targets, 0.003)) < 15
        assert len(descend([0.0] * 3, game.targets, 0.0001)) > 100
        assert len(descend([0.0] * 3, game.targets, 0.02)) > 15             # leaps about


def test_hill_is_walked_blind_and_then_shown():
    walk = BlindfoldedHill("Hill 2")
    before = walk.image.value
    walk.stride = 0.25
    walk.step(1)
    assert walk.position == pytest.approx(-1.25) and "1 step so far" in walk.message and "above" not in walk.message
    assert walk.image.value != before
    assert walk.slope == pytest.approx(2 * (-1.25) ** 3 + 3 * 1.25 - 0.4, abs=1e-6)
    walk.reveal()
    assert walk.revealed and "above the lowest place" in walk.message
    walk.position = 1.27
    walk.reveal()
    assert "at the lowest place" in walk.message
    walk.hill = "Hill 1"
    assert walk.walk == [-1.5] and not walk.revealed and walk.position == -1.5
    walk.stride = 1.0
    walk.step(-1)
    assert walk.position == -2.0                                            # the hills end there


def test_hills_are_what_the_lesson_calls_them():
    def floors(hill):
        x = np.linspace(-2, 2, 2001)
        h = hill(x)
        return int(((h[1:-1] < h[:-2]) & (h[1:-1] < h[2:])).sum())
    assert [floors(hill) for hill in HILLS.values()] == [1, 2, 1, 4]
    assert abs(underfoot(HILLS["Hill 3"], -0.5)) < 0.01                     # the plateau


def test_dial_turns_a_run_under_way():
    dial = RateDial(rate=0.5, steps=80)
    updates = dial.steps()                                                  # as LiveTraining takes them, without pictures
    for _ in range(40):
        next(updates)
    assert np.mean(dial.losses[-5:]) < dial.losses[0] / 2
    dial.dial.value = 50.0                                                  # as the reader does
    assert dial.rate == pytest.approx(50, rel=0.1)
    for _ in range(5):
        next(updates)
    assert max(dial.losses[-4:]) > dial.losses[0] and dial.rates[-1] == dial.rate
    assert len(list(updates)) == 35
    dial.step()
    dial.reset()
    assert dial.taken == 0 and dial.message == "Ready."
    dial.rate = 0.5
    dial.step()
    assert dial.losses[-1] == pytest.approx(dial.losses[0]) and len(dial.losses) == 1 and dial.rates == [0.5]


def test_dial_runs_in_an_event_loop():
    async def run():
        dial = RateDial(rate=0.5, steps=1000)
        dial.start()
        await asyncio.sleep(0.6)
        dial.pause()
        taken = dial.taken
        await asyncio.sleep(0.1)
        return taken, dial.taken
    taken, later = asyncio.run(run())
    assert taken > 3 and taken == later


def test_valley_draws_one_panel_a_run(lesson):
    fig = valley(lesson["loss"], {"a": [-0.6, 0.0], "b": [0.5, 0.4]}, low=-1, high=1, title="Two")
    assert [ax.get_title(loc="left") for ax in fig.axes] == ["a", "b"]


def test_widgets_say_in_words_what_they_are(monkeypatch):
    for widget in (FreeThrow(), BlindfoldedHill(), RateDial()):
        assert widget.instead().startswith("[Interactive: ") and len(widget.says.split()) > 15
        sliders = [one for one in (*getattr(widget, "sliders", []), getattr(widget, "dial", None)) if one is not None]
        assert all(one.description for one in sliders)
