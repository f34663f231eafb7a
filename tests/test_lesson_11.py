"""Lesson 11's parts: what its claims stand on, in the recorded run and over other seeds; its exercises; the widget."""
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from browser import Notebook, clean, move_slider, says, status
from lesson_code import definitions

from minitrain import losses
from minitrain.evaluate import label_efficiency
from minitrain.evaluate.probe import LinearProbe
from minitrain.models.encoder import Encoder, Headed
from minitrain.sources.pretext import patch_pairs, turned, two_views
from minitrain.teach.lessons.lesson_11 import EXERCISES
from minitrain.teach.widgets.colourise import Colourise, by_labels, strips

NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "11_self_supervised_vision.ipynb"


@pytest.fixture(scope="module")
def lesson():
    """The lesson's own imports, pictures, functions and views, without its experiments."""
    return definitions(NOTEBOOK, also=("world", "pictures", "test", "view", "careless"))


@pytest.fixture(scope="module")
def found():
    """The recorded run: {(features, use, budget, labels): (5,) by seed}."""
    rows, _ = label_efficiency.recorded()
    table = {}
    for row in sorted(rows, key=lambda row: row["seed"]):
        table.setdefault((row["features"], row["use"], row["budget"], row["labels"]), []).append(row["accuracy"])
    return {key: np.array(values) for key, values in table.items()}


# The recorded run, and what the lesson says of it


def test_the_run_is_whole_and_knows_its_command(found):
    assert {len(values) for values in found.values()} == {5}
    _, command = label_efficiency.recorded()
    assert command == "python -m minitrain.evaluate.label_efficiency --seeds 0 1 2 3 4 --budgets 150 300 600 1200 --updates 600"
    assert {(name, budget) for name, use, budget, _ in found if use == "probe"} == {
        ("random", 0), ("contrast", 2400), *((name, n) for name in label_efficiency.TASKS for n in (150, 300, 600, 1200))}


def test_which_puzzles_pay(found):
    """In every seed, around the lesson's 200 updates, as its claim has it; and who is first after 1,200."""
    start = found["random", "probe", 0, 5]
    for budget in (150, 300):
        for name in ("contrast", "rotation"):
            assert (found[name, "probe", budget, 5] - start > 0.13).all()
        for name in ("colour", "masked"):
            assert np.median(found[name, "probe", budget, 5]) - np.median(start) < 0.07
    assert np.median(found["patches", "probe", 300, 5]) - np.median(start) > 0.03
    best = {name: np.median(found[name, "probe", 1200, 5]) for name in label_efficiency.TASKS}
    assert best["contrast"] > max(value for name, value in best.items() if name != "contrast") + 0.05
    for name in ("contrast", "rotation"):                       # seed by seed, ahead of the other three
        rest = np.max([found[other, "probe", 1200, 5] for other in ("colour", "masked", "patches")], 0)
        assert (found[name, "probe", 1200, 5] - rest).min() > 0.08
    assert abs(np.median(found["rotation", "probe", 1200, 5]) - np.median(found["rotation", "probe", 300, 5])) < 0.06


def test_pretraining_beats_scratch_outside_the_bands(found):
    scratch = found["random", "tuned", 0, 5]
    assert found["contrast", "probe", 2400, 5].min() > scratch.max() + 0.03             # the features, outside the bands
    assert (found["contrast", "tuned", 2400, 5] - scratch).min() > 0.05                 # fine-tuned, in every seed
    ahead = {n: found["contrast", "tuned", 2400, n] - found["random", "tuned as long", 0, n] for n in (5, 100)}
    assert (ahead[5] > 0).all() and np.median(ahead[5]) < 0.1 and np.median(ahead[5]) > np.median(ahead[100]) + 0.03
    assert np.median(found["contrast", "probe", 300, 5]) < np.median(found["random", "tuned", 0, 5])        # a short one does not
    assert found["contrast", "probe", 2400, 5].min() > found["random", "probe", 0, 100].max() + 0.1


def test_with_one_label_a_short_pretraining_pays(found):
    for name in ("contrast", "rotation"):
        assert (found[name, "probe", 600, 1] > found["random", "tuned", 0, 1]).all()


def test_the_lesson_draws_the_world_and_the_views_of_the_run(lesson):
    again = label_efficiency.Doodles(tuple(label_efficiency.KINDS), **label_efficiency.WORLD).draw(64, seed=5)[0]
    assert torch.equal(lesson["world"].draw(64, seed=5)[0], again)
    a, b = (view(again, torch.Generator().manual_seed(0)) for view in (lesson["view"], label_efficiency.VIEW))
    assert torch.equal(a, b)


# The lesson's experiments, from other starts


@pytest.mark.parametrize("seed", [1, 2])
def test_collapse_and_its_cure(lesson, seed):
    """Pull alone goes to nothing and points one way; the rivals of InfoNCE, as long, do not let it."""
    made = {}
    for loss in (lesson["pull"], losses.info_nce):
        model = Headed(Encoder(16, seed=seed), 64, seed=seed)
        log = lesson["learn"](model, two_views(lesson["view"]), loss, updates=60, seed=seed)
        made[loss] = log[-1]["loss"] / log[0]["loss"], lesson["spread"](model)
    (fell, one_way), (_, all_ways) = made.values()
    assert fell < 0.1 and one_way < 0.25 * all_ways and all_ways > 0.5


def test_the_frame_is_a_shortcut_and_care_closes_it(lesson):
    plain, shares = lesson["pictures"], []
    for task, seen in ((lesson["careless"], lesson["framed"](plain)), (lesson["careless"], plain),
                       (patch_pairs(), lesson["framed"](plain))):
        model = Headed(Encoder(16, seed=1), 8, views=2, seed=1)
        log = lesson["learn"](model, task, losses.cross_entropy, updates=60, seen=seen, seed=1)
        shares.append(np.mean([logs["accuracy"] for logs in log[-10:]]))
    assert shares[0] > 0.95 and shares[0] > shares[1] + 0.03 and shares[1] > shares[2] + 0.15 and shares[2] < 0.65


def test_views_without_colours_leave_a_shortcut(lesson):
    model = Headed(Encoder(16, seed=1), 64, seed=1)
    log = lesson["learn"](model, two_views(lesson["crop"]()), losses.info_nce, updates=80, seed=1)
    assert np.mean([logs["loss"] for logs in log[-10:]]) < np.log(128 / 6) - 0.4


@pytest.mark.slow
def test_honest_views_go_below_the_line_too_and_stay_honest(lesson):
    """ln(2N / K) is no wall: after 600 updates contrast with colours is below it, and its probe stands above that of 150."""
    model = Headed(Encoder(16, seed=0), 64, seed=0)
    log = lesson["learn"](model, two_views(lesson["view"]), losses.info_nce, updates=600)
    late = np.mean([logs["loss"] for logs in log[-25:]])
    assert late < np.log(128 / 6) - 0.05 < np.mean([logs["loss"] for logs in log[135:150]]) - 0.5
    assert np.median(lesson["judged"](model.encoder, 5)) > 0.62


def test_quarter_turns_are_the_librarys_up_to_luck(lesson):
    x = torch.rand(20, 3, 16, 16)
    ours, y = lesson["quarter_turns"](x, torch.Generator().manual_seed(3))
    theirs, z = turned(x, torch.Generator().manual_seed(3))
    assert torch.equal(y, z) and torch.equal(ours, theirs)


# The exercises' right answers are the library's


def test_the_exercises_are_what_the_library_does():
    z = torch.randn(12, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    ours = EXERCISES["info-nce"].reference(z.numpy(), 0.3)
    partner = (torch.arange(12) + 6) % 12
    assert ours == pytest.approx(float(losses.info_nce(lambda x: x, (z, partner), temperature=0.3).mean), rel=1e-9)
    x, y = z - z.mean(0), torch.arange(12) % 3
    x = x / x.std(0, correction=0)
    probe = LinearProbe(x, y, classes=3, decays=(0.2,))
    weights = EXERCISES["probe"].reference(x.numpy(), y.numpy(), 3, 0.2 * 5)            # the library's decay is for x xᵀ / D
    assert np.allclose(probe.weight, weights, atol=1e-9)            # centred features: the targets' mean drops out


# The widget


def three_moments():
    true = np.linspace(0, 1, 4 * 3 * 64).reshape(4, 3, 8, 8)
    grey = true.mean(1, keepdims=True).repeat(3, 1)
    return true, grey, {200: true, 0: np.zeros_like(true), 50: (grey + true) / 2}


def test_the_painter_follows_slider_and_box():
    panel = Colourise(*three_moments())
    found = {child.description: child for child in panel.children if getattr(child, "description", "")}
    assert panel.updates == 0 and "After 0 updates the colours are off by 0.50" in panel.message
    before = panel.image.value
    found["Moment"].value = 2
    assert panel.updates == 200 and "off by 0.00" in panel.message and panel.image.value != before
    assert panel.message in panel.image.alt
    before = panel.image.value
    panel.truth = True
    assert found["Show the true colours"].value and panel.image.value != before
    with pytest.raises(ValueError, match="no moments"):
        Colourise(*three_moments()[:2], {})


def test_the_plots_name_what_they_show():
    fig = strips({"one": np.zeros((3, 3, 8, 8)), "two": np.ones((3, 3, 8, 8))})
    assert [ax.get_ylabel() for ax in fig.axes] == ["one", "two"] and [len(ax.images) for ax in fig.axes] == [3, 3]
    fig = by_labels({"a": {1: np.array([0.2, 0.3, 0.7]), 5: np.array([0.5, 0.6, 0.9])}}, title="t", guess=1 / 6)
    assert list(fig.axes[0].lines[0].get_ydata()) == [0.3, 0.6] and list(fig.axes[0].get_xticks()) == [1, 5]


@pytest.mark.browser
def test_the_widget_in_a_browser(lab, browser):
    """By keys alone: through the moments, and the true colours; without the lesson's trainings."""
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    kept = [cell | {"outputs": []} for cell in cells["cells"] if cell["cell_type"] == "code" and any(
        part in "".join(cell["source"]) for part in ("import Colourise", "world = Doodles"))]
    line = next(line for cell in cells["cells"] for line in cell["source"] if line.startswith("Colourise("))
    made = ["eight = test[8:16]\n", "grey = grey_to_colour(eight)[0]\n",
            "painted = {n: grey + (eight - grey) * n / 250 for n in (1, 40, 250)}\n", line]
    (lab[1] / "11_widget.ipynb").write_text(json.dumps(cells | {"cells": [*kept, kept[0] | {"source": made, "id": "made"}]}))
    notebook = Notebook(browser, lab[0], "11_widget.ipynb")
    notebook.run_all()
    output = notebook.output("Colourise(eight")
    says(status(output), "After 1 updates")
    low, high = move_slider(notebook, output, "Moment", presses=2)
    assert (low, high) == (0, 2)
    says(status(output), "After 250 updates the colours are off by 0.00")
    output.get_by_role("checkbox", name="Show the true colours").focus()
    before = output.locator("img").get_attribute("src")
    notebook.page.keyboard.press("Space")
    notebook.page.wait_for_function("before => document.querySelector('.minitrain-panel img').src !== before", arg=before)
    clean(notebook)
    notebook.close()
