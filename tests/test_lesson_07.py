"""Lesson 07's parts: what its claims stand on, over other seeds; the library pieces; its widget, here and in a browser."""
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from browser import Notebook, clean, move_slider, press, says, status
from lesson_code import definitions
from torch.nn import functional as F

from minitrain import sources
from minitrain.evaluate.calibration import reliability, temperature
from minitrain.models.mlp import MLP
from minitrain.models.random_features import RandomFeatures
from minitrain.models.waves import Waves
from minitrain.scale import double_descent
from minitrain.sources.curve import noisy_curve, truth
from minitrain.teach.predictions import calibration
from minitrain.teach.widgets.gains import dots
from minitrain.teach.widgets.reliability import diagrams, forecaster
from minitrain.teach.widgets.stop_it import NEW, UNTIL, StopIt, fits, runs, training

NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "07_overfitting.ipynb"


@pytest.fixture(scope="module")
def lesson():
    """The lesson's own imports and functions, and its table of cures, without its experiments."""
    return definitions(NOTEBOOK, also=("cures", "all_five", "many"))


@pytest.fixture(scope="module")
def plain(lesson):
    return [lesson["study"](seed, updates=440) for seed in (20, 21, 22)]


# What the claims stand on, over seeds that the lesson does not run


def test_labels_by_lot_are_learned_by_heart(lesson):
    known, new = np.array([lesson["by_lot"](seed) for seed in (20, 21)]).T
    assert known.min() > 0.95 and new.max() < 0.25


def test_the_curve_has_a_sweet_spot(lesson):
    error = {K: np.mean([lesson["errors"](K, seed) for seed in range(100, 130)], axis=0) for K in (1, 2, 4, 8, 16)}
    assert all(error[K][0] > error[4][0] + 0.1 and error[K][1] > error[4][1] + 0.1 for K in (1, 2))         # both fail
    assert error[16][0] < error[8][0] < error[4][0] and error[4][1] < error[8][1] < error[16][1]


@pytest.mark.parametrize("seed", [20, 21])
def test_double_descent_peaks_at_as_many_units_as_digits(lesson, seed):
    widths = [10, 100, 220, 280, 300, 320, 600, 2000]
    new = [lesson["digit_errors"](width, seed)[1] for width in widths]
    assert widths[int(np.argmax(new))] == 300 and new[4] > 3 * new[1] and new[-1] < 0.7 * new[1] and new[0] > 0.3
    assert lesson["digit_errors"](300, seed, decay=1.0)[1] < 0.1


def test_the_rule_is_learned_before_the_exceptions(plain):
    for answers, y, obeyed in plain:
        new = (answers.argmax(2) == y).float().mean(1)
        assert obeyed[1, 60:].float().mean() > 0.85 and obeyed[1, :60].float().mean() < 0.35
        assert obeyed[-1].float().mean() > 0.97 and new.max() > new[-1] + 0.03


def test_each_cure_gains(lesson, plain):
    bare = np.array([lesson["on_test"](run) for run in plain])
    gains = {"early stopping": np.array([lesson["on_test"](run, lesson["in_time"](run)) for run in plain]) - bare}
    for name, how in lesson["cures"].items():
        gains[name] = np.array([lesson["on_test"](lesson["study"](seed, **how)) for seed in (20, 21, 22)]) - bare
    assert all(np.median(gain) > 0.03 for gain in gains.values()), gains
    assert max(gains, key=lambda name: np.median(gains[name])) in ("more data", "augmentation")


def test_a_test_set_that_helps_to_choose_flatters(lesson, plain):
    rng = np.random.default_rng(1)
    one = [lesson["optimism"]([run], rng, draws=100) for run in plain]
    assert np.mean(one) > 0.008 and lesson["optimism"](plain, rng, draws=100) > np.mean(one)
    hits = np.ones((5, 797), bool)
    assert np.subtract(*lesson["picked"](hits, rng)) == 0                # nothing to choose: nothing gained


def test_overconfident_as_far_as_what_was_learned_is_wrong(lesson, plain):
    def excess(run, how): return lesson["too_sure"](*lesson["said"](*lesson[how](run)))
    wrong = np.median([excess(run, "at_end") for run in plain])
    mended = np.median([excess(run, "cooled") for run in plain])
    right = excess(lesson["study"](20, updates=440, wrong=0.0), "at_end")
    modest = excess(lesson["study"](20, **lesson["cures"]["weight decay"]), "at_end")
    assert wrong > 0.05 and right < wrong - 0.03 and abs(mended) < wrong - 0.02 and modest < -0.15


def test_the_cures_on_the_curve(lesson):
    bare = lesson["curve_errors"]()
    assert bare[3].median() < bare[-1].median() - 0.03                   # in time is better
    for how in ({"decay": 0.02}, {"jitter": 0.03}, {"n": 60}):
        assert lesson["curve_errors"](**how)[-1].median() < bare[-1].median() - 0.01, how


# The recorded run


def test_the_recorded_run_is_whole_and_shows_what_the_lesson_says():
    rows, command = double_descent.recorded()
    assert command.startswith("python -m minitrain.scale.double_descent --widths ")
    assert sorted((row["width"], row["seed"]) for row in rows) == [(w, s) for w in double_descent.WIDTHS for s in range(5)]
    assert list(rows[0]) == ["width", "seed", "parameters", "train_error", "held_out_error", "held_out_loss"]
    assert all(row["parameters"] == 75 * row["width"] + 10 for row in rows)
    middle = {w: np.median([row["held_out_error"] for row in rows if row["width"] == w]) for w in double_descent.WIDTHS}
    valley, peak, end = middle[8], max(middle[w] for w in (28, 32, 40, 48)), middle[512]
    assert valley < middle[2] and peak > 1.5 * valley and end < 0.75 * peak and end > valley
    assert all(row["train_error"] < 0.01 for row in rows if row["width"] >= 64)


def test_a_tiny_version_of_its_command_runs(tmp_path, capsys):
    file = tmp_path / "run.csv"
    double_descent.main(["--widths", "3", "9", "--seeds", "2", "--examples", "100", "--updates", "30", "--out", str(file)])
    rows, command = double_descent.recorded(file)
    assert [(row["width"], row["seed"]) for row in rows] == [(3, 0), (3, 1), (9, 0), (9, 1)]
    assert command.endswith("--widths 3 9 --seeds 2 --examples 100 --wrong 0.2 --updates 30")
    assert rows[2] == double_descent.error_of(9, 0, examples=100, updates=30) and "width    9" in capsys.readouterr().err


@pytest.mark.slow
def test_the_recorded_run_can_be_made_again():
    rows, _ = double_descent.recorded()
    for width in (8, 32):
        kept = next(row for row in rows if row["width"] == width and row["seed"] == 1)
        again = double_descent.error_of(width, 1)
        assert again["held_out_error"] == pytest.approx(kept["held_out_error"], abs=0.04)         # other machines round otherwise


# The library's pieces


def test_few_digits():
    (x, labels), (x_held, y_held) = sources.few_digits(300, wrong=0.2, seed=4)
    (_, right), _ = sources.few_digits(300, seed=4)
    assert (labels[:60] != right[:60]).all() and torch.equal(labels[60:], right[60:]) and labels.max() == 9
    (more, _), (x_same, y_same) = sources.few_digits(1000, seed=4)
    assert torch.equal(more[:300], x) and torch.equal(x_same, x_held) and torch.equal(y_same, y_held)
    assert not (more[:, None] == x_held[None, :50]).all(2).any()         # no digit on both sides
    for wrong in (dict(n=0), dict(n=1001), dict(wrong=1.5)):
        with pytest.raises(ValueError, match="few_digits"):
            sources.few_digits(**wrong)


def test_dropout_drops_while_training_only_and_keeps_the_mean():
    model = MLP(1, 4000, 1, dropout=0.25, seed=0)
    hidden = model.drop(torch.ones(1, 4000))
    assert hidden.unique().tolist() == pytest.approx([0.0, 4 / 3]) and 0.22 < (hidden == 0).float().mean() < 0.28
    x = torch.ones(3, 1)
    assert not torch.equal(model(x), model(x))
    model.eval()
    whole = MLP(1, 4000, 1, seed=0)
    assert torch.equal(model(x), whole(x))
    with pytest.raises(ValueError, match="share of units"):
        MLP(1, 2, 1, dropout=1.0)


def test_random_features_solve_least_squares():
    lots = torch.Generator().manual_seed(0)
    x, y = torch.randn(30, 5, generator=lots, dtype=torch.float64), torch.randn(30, 2, generator=lots, dtype=torch.float64)
    for width in (10, 30, 80):
        model = RandomFeatures(5, width, seed=1).fit(x, y)
        torch.testing.assert_close(model.last, torch.linalg.pinv(model.units(x)) @ y, rtol=1e-4, atol=1e-6)
        ridge = RandomFeatures(5, width, seed=1).fit(x, y, decay=0.3)
        slope = ridge.units(x).T @ (ridge(x) - y) + 0.3 * ridge.last     # of half the sum: 0 at its lowest
        assert float(slope.abs().max()) < 1e-8 and ridge.last.norm() < model.last.norm()
    with pytest.raises(ValueError, match="needs y as"):
        model.fit(x, y[:, 0])
    with pytest.raises(ValueError, match="decay is -1"):
        model.fit(x, y, decay=-1)


def test_waves_and_curve():
    x, y = noisy_curve(20, noise=0.0)
    assert torch.equal(y, truth(x)) and (x.sort(0).values == x).all()
    model = Waves(3)
    model.heights.data = torch.tensor([[1.0], [2.0], [3.0]])
    torch.testing.assert_close(model(x), 1 + torch.cos(torch.pi * x) + torch.cos(2 * torch.pi * x))
    exact = Waves(60).fit(x, y)
    assert float((exact(x) - y).detach().abs().max()) < 1e-3
    with pytest.raises(ValueError, match="at least one wave"):
        Waves(0)
    for wrong in (dict(n=0), dict(noise=-1)):
        with pytest.raises(ValueError):
            noisy_curve(**wrong)


def test_calibration_error_against_a_loop_over_answers():
    lots = torch.Generator().manual_seed(0)
    sure = torch.rand(500, generator=lots).double()
    right = torch.rand(500, generator=lots) < 1 - sure                   # too modest below a half, too sure above
    bins = {}
    for c, r in zip(sure.tolist(), right.tolist()):
        bins.setdefault(min(int(np.ceil(10 * c)) - 1, 9), []).append((c, r))
    by_hand = sum(abs(sum(c - r for c, r in bin)) for bin in bins.values()) / 500
    found = reliability(sure, right)
    assert found.error == pytest.approx(by_hand) and found.error > 0.1
    assert found.n.tolist() == [len(bins[b]) for b in sorted(bins)]
    assert reliability([0.0, 1.0], [False, True]).error == 0             # the ends belong somewhere
    for wrong in (([], []), ([0.5], [True, False]), ([1.5], [True])):
        with pytest.raises(ValueError, match="reliability"):
            reliability(*wrong)


@pytest.mark.parametrize("scale", [0.2, 1.0, 6.0])
def test_temperature_finds_the_lowest_loss(scale):
    lots = torch.Generator().manual_seed(0)
    logits = torch.randn(2000, 5, generator=lots)
    y = torch.multinomial(logits.softmax(1), 1, generator=lots)[:, 0]    # so that 1 is right for them …
    T = temperature(scale * logits, y)
    assert scale == pytest.approx(T, rel=0.15)                           # … and `scale` for their multiple
    losses = [float(F.cross_entropy(scale * logits / t, y)) for t in (0.98 * T, T, 1.02 * T)]
    assert losses[1] == min(losses)
    with pytest.raises(ValueError, match="temperature"):
        temperature(logits, y[:3])


# The pictures


def test_pictures_show_what_they_are_given():
    fig = dots({"a": np.array([0.1, 0.2, 0.3]), "b": np.zeros(3)}, title="gains", low=-1, high=40)
    marks = [line.get_xdata() for line in fig.axes[0].lines]
    np.testing.assert_allclose(marks[0], [10, 20, 30])
    assert float(np.ravel(marks[1])[0]) == pytest.approx(20)
    assert [label.get_text() for label in fig.axes[0].get_yticklabels()] == ["a", "b"]
    fig = diagrams({"one": ([0.95, 0.95, 0.55], [True, False, True])})
    np.testing.assert_allclose(fig.axes[0].lines[1].get_xydata(), [[0.55, 1.0], [0.95, 0.5]])
    assert fig.axes[0].texts[0].get_text() == f"error {(2 * 0.45 + 0.45) / 3:.2f}"
    fig = forecaster(calibration([(0.5, True), (0.5, False), (1.0, True)]), title="You")
    assert [text.get_text() for text in fig.axes[0].texts] == ["1 of 2", "1 of 1"]
    assert len(forecaster(calibration([]), title="nobody").axes[0].texts) == 0
    points = noisy_curve(20)
    assert [ax.get_title(loc="left") for ax in fits({"a": Waves(2), "b": Waves(3)}, points).axes] == ["a", "b"]
    rows = [row for _, row in training(5, 20, until=10)]
    line = runs({"five": rows}).axes[0].lines[1]
    np.testing.assert_allclose(line.get_ydata(), [row["test"] for row in rows])


# The widget


def test_training_goes_to_the_end_and_is_judged_by_new_points():
    steps = list(training(40, 20, seed=1))
    at = [row["t"] for _, row in steps]
    assert at[:3] == [1, 2, 3] and at[-1] == UNTIL and at == sorted(set(at))
    model, last = steps[-1]
    assert last["test"] == pytest.approx(float((model(NEW[0]) - NEW[1]).detach().square().mean()) ** 0.5)
    best = min(row["test"] for _, row in steps)
    assert last["loss"] < 0.15 and best < last["test"] - 0.03            # forty waves learn the errors, too, by heart


def test_nothing_is_said_of_new_points_until_it_is_stopped():
    panel = StopIt(seed=2)
    panel.stop_here()
    assert panel.verdict == "" and panel.step()
    for _ in range(30):
        panel.step()
    assert "On new points: stop, and see" in panel.message and len(panel._picture().axes[1].lines) == 1
    row, hidden = panel.rows[-1], panel.image.value
    panel.stop_here()
    assert panel.verdict.startswith(f"You stopped at update {row['t']}. Error on your points {row['loss']:.2f}, on new points "
                                    f"{row['test']:.2f}.") and f"at the end, update {UNTIL}" in panel.verdict
    best = min(panel.whole, key=lambda one: one["test"])
    assert f"would have been update {best['t']}, with {best['test']:.2f}" in panel.verdict
    assert panel.finished and panel.message == panel.verdict and panel.image.value != hidden
    assert len(panel._picture().axes[1].lines) == 3 and panel.stop_button.description == "Stop here"


def test_other_settings_begin_anew():
    panel = StopIt()
    panel.step()
    for name, value in (("waves", 7), ("points", 50)):
        setattr(panel, name, value)
        assert panel.taken == 0 and panel.rows == [] and panel.verdict == ""
        panel.step()
    assert len(panel.model.heights) == 7 and panel.rows[0]["loss"] == pytest.approx(next(training(7, 50))[1]["loss"])
    before = panel.rows[0]["loss"]
    panel.other()
    panel.step()
    assert panel.rows[0]["loss"] != before


def test_the_run_lasts_long_enough_to_decide():
    assert StopIt().breath * sum(1 for _ in training(40, 20)) > 8               # seconds, on the fastest machine there is


# In a browser


@pytest.mark.browser
def test_the_widget_in_a_browser(lab, browser):
    """The panel alone, with keys alone."""
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    source = "from minitrain.teach.widgets.stop_it import StopIt\nStopIt(seed=3)"
    cell = next(cell for cell in notebook["cells"] if "StopIt(seed=3)" in "".join(cell["source"]))
    assert "".join(cell["source"]).endswith("StopIt(seed=3)")
    (lab[1] / "07_widget.ipynb").write_text(json.dumps(notebook | {"cells": [cell | {"source": source, "outputs": []}]}))
    page = Notebook(browser, lab[0], "07_widget.ipynb")
    page.run_all()
    output = page.output("StopIt(seed=3)")
    words = status(output)
    says(words, "Ready.")
    low, high = move_slider(page, output, "Waves (capacity)", presses=3)
    assert high == low + 3
    low, high = move_slider(page, output, "Points (data)", presses=1)
    assert high == low + 5
    output.get_by_role("button", name="Start", exact=True).focus()
    page.page.keyboard.press("Space")
    says(words, "On new points: stop, and see")             # of a run that goes on, or is through: a fast machine needs a second
    output.get_by_role("button", name="Stop here", exact=True).focus()
    page.page.keyboard.press("Space")
    says(words, "You stopped at update")
    press(output, "Other points")
    says(words, "Ready.")
    clean(page)
    page.close()
