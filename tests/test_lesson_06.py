"""Lesson 06's parts: what its claims stand on, over other starts; networks side by side; its widgets, here and in a browser."""
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from browser import Notebook, changed, clean, move_slider, press, says, status
from lesson_code import definitions

from minitrain import Trainer, losses, optim
from minitrain.models.deep import DeepMLP
from minitrain.teach.widgets.gradient_profile import LARGE, GradientProfile, profiles, to_the_loss
from minitrain.teach.widgets.rescue import LIMIT, NEVER, Rescue, before_and_after

NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "06_deep_networks.ipynb"


@pytest.fixture(scope="module")
def lesson():
    """The lesson's own imports, data, functions and classes, without its experiments."""
    return definitions(NOTEBOOK, also=("x_held", "middle"))


# What the claims stand on


def back(measured):
    return (measured[1][:, 0] / measured[1][:, -1]).numpy()


@pytest.fixture
def profile(lesson, monkeypatch):
    """The lesson's `profile` on five starts that it does not run."""
    made = lesson["DeepMLP"]
    monkeypatch.setitem(lesson, "DeepMLP", lambda *sizes, seed, **how: made(*sizes, seed=[100 + one for one in seed], **how))
    return lesson["profile"]


@pytest.mark.parametrize("bend", ["relu", "tanh", "sigmoid"])
def test_gradients_vanish_the_more_the_deeper(profile, bend):
    by_depth = [back(profile(depth, activation=bend, start="torch")) for depth in (4, 16, 64)]
    assert by_depth[0].min() > by_depth[1].max() > by_depth[2].max() and by_depth[2].max() < 1e-9


def test_a_start_too_large_explodes(profile):
    assert back(profile(64, start=LARGE)).min() > 1e6


def test_where_the_gradient_is_smallest(profile):
    """Of relu, nowhere: the signal dies forwards as the blame does backwards. Of sigmoid, in the first layers."""
    relu, sigmoid = (np.median(profile(64, activation=bend, start="torch")[2], axis=0) for bend in ("relu", "sigmoid"))
    assert relu.max() / relu.min() < 100 and sigmoid[0] < 1e-40 * sigmoid[-1]


@pytest.mark.parametrize(("s2", "start"), [(1 / 3, "torch"), (1, "glorot"), (2, "he"), (4, 2.0)])
def test_the_factor_on_paper(profile, s2, start):
    signals, blames, _ = profile(32, 128, start=start)
    for measured in ((signals[:, -1] / signals[:, 0]), blames[:, 0] / blames[:, -1]):
        assert float(measured.median() ** (2 / 32)) == pytest.approx(s2 / 2, rel=0.06)


def test_what_each_cure_does_to_both_ways(profile):
    found = {name: profile(64, start="torch", **how) for name, how in {
        "residual": {"residual": True}, "norm": {"norm": True}, "both": {"residual": True, "norm": True}}.items()}
    forwards = {name: (signals[:, -1] / signals[:, 0]).numpy() for name, (signals, _, _) in found.items()}
    assert forwards["residual"].min() > 1e5 and back(found["residual"]).min() > 1
    assert np.abs(np.log(forwards["norm"])).max() < math.log(3) and back(found["norm"]).min() > 1e4
    assert forwards["both"].max() < 30 and back(found["both"]).min() > 1 and back(found["both"]).max() < 30


@pytest.mark.parametrize("start", ["torch", "he", 4.0])
def test_layer_norm_alone_makes_the_blame_grow_by_a_known_factor(profile, start):
    blames = profile(64, 128, start=start, norm=True)[1]
    factors = (blames[:, 1] / blames[:, -1]) ** (2 / 63)
    assert float(factors.median()) == pytest.approx(math.pi / (math.pi - 1), rel=0.04)


@pytest.mark.parametrize("bend", ["relu", "tanh", "sigmoid"])
def test_the_factor_on_paper_for_other_bends(lesson, profile, bend):
    z = np.linspace(-8, 8, 4001)
    bell = np.exp(-(z**2) / 2) / np.exp(-(z**2) / 2).sum()
    def sigmoid(u): return 1 / (1 + np.exp(-u))
    lesson |= dict(z=z, bell=bell, with_slope={
        "relu": (lambda u: np.maximum(u, 0), lambda u: u > 0), "tanh": (np.tanh, lambda u: 1 - np.tanh(u) ** 2),
        "sigmoid": (sigmoid, lambda u: sigmoid(u) * (1 - sigmoid(u)))})
    for s in (0.5, 1.2, 3.0):
        measured = np.median(back(profile(32, 64, activation=bend, start=s)) ** (1 / 32))
        assert lesson["factor_on_paper"](bend, s) == pytest.approx(measured, rel=0.03)


def test_digits_become_alike_as_paper_says(lesson):
    found, c = lesson["alike"](32, 128).median(0).values, None
    c = float(found[0])
    for _ in range(32):
        c = (math.sqrt(1 - c**2) + (math.pi - math.acos(c)) * c) / math.pi
    assert float(found[-1]) == pytest.approx(c, abs=0.02) and c > 0.95
    assert float(lesson["alike"](32, start="orthogonal", activation="tanh")[:, -1].max()) < 0.6


def test_depth_fails_without_the_cures_and_not_with_them(lesson):
    """The table's corners, on other starts."""
    def shares(rate, **how):
        model = lesson["train"]([rate] * 3, [100, 101, 102], **how)
        return (model(lesson["x_held"]).argmax(2) == lesson["y_held"]).float().mean(1)
    for rate in (0.01, 0.1, 1.0):
        assert shares(rate, depth=16, start="torch").max() < 0.2
    assert shares(0.1, depth=8, start="he").median() > 0.4
    assert shares(0.3, depth=32, start="he", residual=True, norm=True, limit=1.0).median() > 0.85
    assert shares(0.05, depth=64, start="torch", residual=True, norm=True).median() > 0.85     # two cures are enough


# Networks side by side


def test_side_by_side_is_what_each_would_be_alone(lesson):
    """The lesson's loss and update, against one network at a time under optim.SGD with the library's clipping."""
    rates, limit, x, y = [0.05, 0.2, 0.4], 0.7, lesson["x"], lesson["y"]
    how = dict(depth=5, start="he", residual=True)
    together = lesson["train"](rates, [3, 4, 5], steps=12, limit=limit, **how)
    for i, rate in enumerate(rates):
        alone = DeepMLP(64, 32, 10, seed=3 + i, **how)
        trainer = Trainer(alone, losses.cross_entropy, optim.SGD(alone.parameters(), rate, clip=limit))
        trainer.fit(lesson["sources"].batches(x, y, size=32, seed=0), steps=12)
        for ours, theirs in zip(together.parameters(), alone.parameters(), strict=True):
            e = ours.ndim - 3
            torch.testing.assert_close(ours.select(e, i), theirs.select(e, 0), rtol=1e-3, atol=1e-5)


def test_a_network_that_is_lost_takes_none_with_it(lesson):
    how = dict(depth=4, start="he", residual=True)
    beside, alone = (lesson["train"](rates, [0] * len(rates), steps=30, **how) for rates in ([0.05, 1e6], [0.05, 0.05]))
    lost = lesson["loss_of_each"](beside, lesson["x"], lesson["y"])
    assert not lost[1] < 100 and torch.allclose(beside.weight[:, 0], alone.weight[:, 0], atol=1e-5)


# The pictures


def test_pictures_show_what_they_are_given():
    sizes = {depth: np.full((5, depth), 10.0**-depth) for depth in (2, 8)}
    fig = to_the_loss({"relu": sizes, "tanh": sizes}, low=1e-10, high=1)
    assert [ax.get_title(loc="left") for ax in fig.axes] == ["relu", "tanh"]
    assert [text.get_text() for text in fig.axes[0].texts] == ["2", "8"]
    first_smaller = np.array([[1.0, 2.0, 4.0]])
    line = to_the_loss({"": {3: first_smaller}}, low=0.1, high=10).axes[0].lines[0]
    assert line.get_xdata().tolist() == [1, 2, 3] and line.get_ydata().tolist() == [4, 2, 1]      # the last layer first
    fig = profiles({"three": (np.ones((5, 4)), np.ones((5, 4)), np.ones((5, 3)))})
    assert [text.get_text() for text in fig.axes[0].texts] == ["signal", "blame", "gradient"]
    history = [{"t": t, "loss": loss, "norm": loss} for t, loss in enumerate((2.0, 1.0, math.nan, math.inf))]
    fig = before_and_after({"lost": history, "now": history[:2]}, until=10)
    assert fig.axes[0].lines[0].get_ydata()[-1] == 1e12


# The profile as a widget


def test_the_profile_follows_every_setting(lesson):
    panel = GradientProfile(lesson["profile"], depth=6)
    for name, value in [("depth", 12), ("bend", "tanh"), ("start", "orthogonal"), ("start", LARGE), ("norm", True),
                        ("residual", True), ("bend", "sigmoid")]:
        before, picture = panel.measured, panel.image.value
        setattr(panel, name, value)
        wanted = lesson["profile"](panel.depth, activation=panel.bend, start=panel.start, norm=panel.norm,
                                   residual=panel.residual)
        for shown, right in zip(panel.measured, wanted):
            np.testing.assert_allclose(shown, right)
        assert panel.image.value != picture and (before[1].shape != panel.measured[1].shape
                                                 or not np.allclose(before[1], panel.measured[1]))


def test_controls_and_traits_follow_each_other():
    def flat(depth, **how): return (np.ones((2, depth + 1)),) * 2 + (np.ones((2, depth)),)
    panel = GradientProfile(flat)
    found = {child.description: child for row in panel.children for child in getattr(row, "children", [row])
             if getattr(child, "description", "")}
    found["Layers"].value, found["Bend"].value, found["Start"].value = 20, "tanh", LARGE
    found["Layer norm"].value = True
    assert panel.how() == dict(depth=20, activation="tanh", start=LARGE, norm=True, residual=False)
    panel.residual = True
    assert found["Residual connections"].value and "Train it" not in found


def test_it_says_what_happens_to_signal_and_blame():
    def halving(depth, **how):
        sizes = 0.5 ** np.arange(depth + 1)[None]
        return sizes, sizes[:, ::-1], sizes[:, 1:]
    panel = GradientProfile(halving, depth=10)
    assert panel.message == ("Through 10 layers the signal becomes 1,024 times smaller. The blame, on its way back, becomes "
                             "1,024 times smaller.")
    nothing = GradientProfile(lambda depth, **how: (np.zeros((1, depth + 1)),) * 2 + (np.zeros((1, depth)),))
    assert "lost below what a number can hold" in nothing.message


def test_training_from_the_panel():
    asked = []
    def train(**how):
        asked.append(how)
        return torch.tensor([0.9, 0.5, 0.7]), 0.1
    panel = GradientProfile(lambda depth, **how: (np.ones((1, depth + 1)),) * 2 + (np.ones((1, depth)),), train, norm=True)
    panel.try_it()
    assert asked == [dict(depth=16, activation="relu", start="torch", norm=True, residual=False)]
    assert "70% (50% to 90%), at a rate of 0.1" in panel.verdict.value and not panel.train_button.disabled
    panel.depth = 3
    assert "70%" not in panel.verdict.value


# The rescue as a widget


def run(panel):
    while panel._advance():
        pass
    return panel.message


def test_it_is_the_run_of_the_lesson(lesson):
    panel, trainer = Rescue(seed=3), lesson["rising"](3)
    run(panel)
    assert lesson["go_on"](trainer, 3, {})
    for ours, theirs in zip(panel.seen, trainer.history, strict=True):
        assert [ours[key] for key in ("t", "loss", "norm")] == pytest.approx([theirs[key] for key in ("t", "loss", "norm")])


@pytest.mark.parametrize("seed", range(3))
def test_a_run_explodes_and_is_rescued(seed):
    panel = Rescue(seed=seed)
    assert "exploded" in run(panel) and panel.finished and panel.taken < panel.until
    at, losses_before = panel.taken, [logs["loss"] for logs in panel.seen]
    panel.back()
    assert at - 30 < panel.taken <= at - 10 and panel.trainer.t == panel.taken == len(panel.seen) and not panel.finished
    assert [logs["loss"] for logs in panel.lost] == losses_before
    assert "exploded" in run(panel) and [logs["loss"] for logs in panel.seen] == losses_before    # without a cap: all the same
    panel.back()
    panel.cap = True
    assert run(panel).startswith("Done") and panel.taken == panel.until and panel.trainer.optimizer.clip == LIMIT
    assert np.median([logs["loss"] for logs in panel.seen[-20:]]) < 0.6
    panel._draw(force=True)


def test_the_cap_can_be_set_on_the_way_and_there_may_be_nothing_to_go_back_to():
    panel = Rescue()
    panel.back()
    assert "nothing to go back to" in panel.message and panel.taken == 0
    assert panel.step() and panel.trainer.optimizer.clip == NEVER
    panel.cap = True
    assert panel.step() and panel.trainer.optimizer.clip == LIMIT and "capped" in panel.message
    panel.reset()
    assert panel.taken == 0 and panel.seen == [] and panel.step()


# In a browser


@pytest.mark.browser
def test_the_widgets_in_a_browser(lab, browser):
    """The panels alone: the lesson's cells without its trainings."""
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    kept = []
    for cell in cells["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "code" and any(part in source for part in (
                "import DeepMLP", "sources.split", "def loss_of_each", "def at_best_rate", "def profile")):
            kept.append(cell)
        elif "GradientProfile(" in source or "Rescue(" in source:
            lines = source.splitlines(keepends=True)
            start = next(i for i, line in enumerate(lines) if line.startswith(("GradientProfile(", "Rescue(")))
            kept.append(cell | {"source": lines[start:]})
    (lab[1] / "06_widgets.ipynb").write_text(json.dumps(cells | {"cells": [c | {"outputs": []} for c in kept]}))
    notebook = Notebook(browser, lab[0], "06_widgets.ipynb")
    notebook.run_all()
    output = notebook.output("GradientProfile(profile")
    words = output.locator("[role=status]").first
    says(words, "Through 16 layers the signal becomes")
    low, high = move_slider(notebook, output, "Layers", presses=4)
    assert high == low + 4
    before = says(words, "Through 20 layers")
    for cure in ("Residual connections", "Layer norm"):
        output.get_by_role("checkbox", name=cure).focus()
        notebook.page.keyboard.press("Space")
        before = changed(words, before)
    assert output.locator("img").get_attribute("alt") == f"Signal, blame and gradient by layer. {before}"
    press(output, "Train it")
    says(output.locator("[role=status]").last, "Right on new digits: 9")

    output = notebook.output("Rescue()")
    press(output, "Start")
    words = status(output)
    says(words, "exploded")
    press(output, "Back to before the explosion")
    says(words, "Back at update")
    box = output.get_by_role("checkbox", name="Cap the gradient")
    box.focus()
    notebook.page.keyboard.press("Space")
    press(output, "Go on")
    says(words, "Done. Update 300: loss 0.")
    clean(notebook)
    notebook.close()
