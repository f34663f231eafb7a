"""Lesson 21's parts: its exercises' special points, the widget, and what its claims stand on, over other seeds."""
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from browser import Notebook, clean, says, status

from minitrain import records
from minitrain.sources.manners import measure
from minitrain.teach.lessons.lesson_21 import EXERCISES
from minitrain.teach.widgets.rater import YouAreTheRater
from minitrain.tuning import assistant, chat, compared, reward_model
from minitrain.tuning.raters import FLATTERY, LENGTH, TRUTH, Rater, learned_taste
from minitrain.tuning.start import start as begin

NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "21_human_feedback.ipynb"
MODELS = records.RUNS.parent / "models"


@pytest.fixture(scope="module")
def start():
    return begin(MODELS / "village-mixed.safetensors")[:3]


@pytest.fixture(scope="module")
def seen(start):
    """Pairs of what is measured of two answers to one question, of a seed that the lesson does not have."""
    model, tok, village = start
    course = compared.Course(model, tok, village, seed=5, questions=1, shown=150, judged=10)
    numbers = [i for i in range(150) for _ in range(2)]
    found = course.shown
    texts = chat.answers(model, tok, [found.prompts[i] for i in numbers], 40, temperature=1.0, generator=course.generator())
    measured = [measure(found.instructions[i], text) for i, text in zip(numbers, texts)]
    return list(zip(measured[::2], measured[1::2]))


# Exercises


def test_special_points_of_the_losses():
    bradley_terry, dpo, advantages = (EXERCISES[name].reference for name in ("bradley-terry", "dpo", "advantages"))
    zero = np.zeros(3)
    assert bradley_terry(zero, zero) == pytest.approx(math.log(2))
    assert dpo(zero - 5, zero - 3, zero - 5, zero - 3, 0.3) == pytest.approx(math.log(2))            # at the reference
    assert dpo(zero - 4, zero - 3, zero - 5, zero - 3, 0.3) == pytest.approx(bradley_terry(zero + 0.3, zero))
    found = advantages(np.array([[1.0, 2.0, 6.0], [4.0, 4.0, 4.0]]))
    assert found.sum(1) == pytest.approx([0, 0]) and found[0].std() == pytest.approx(1) and not found[1].any()


# The widget


def test_the_rater_rates_takes_back_and_learns():
    said = []

    def learn(ratings):
        said.append(ratings)
        if len(set(ratings)) == 1:
            raise ValueError("All ratings are the same.")
        return {"right": 2.0, "words": -0.1}, [("Who?", "<b>Tilda</b>.")]
    game = YouAreTheRater([("Who?", "Tilda.", "Hugo.")] * 3, learn)
    game.done.click()
    assert game.message == "Rate a pair first." and not said
    game.buttons[0].click()
    game.done.click()
    assert game.message == "All ratings are the same." and game.place == 1
    game.back.click()
    assert game.ratings == [] and game.back.disabled
    for button in game.buttons:
        button.click()
    assert said[-1] == game.ratings == [1.0, 0.0, 0.5] and game.found == {"right": 2.0, "words": -0.1}
    assert "right answers weigh most" in game.message and "&lt;b&gt;Tilda" in game.result.value
    assert all(button.disabled for button in game.buttons)
    game.rate(1.0)
    assert len(game.ratings) == 3
    assert "Rate 3 pairs" in game.instead()
    with pytest.raises(ValueError, match="no pairs"):
        YouAreTheRater([], learn)


# What the claims stand on


def test_the_shipped_reward_model_knows_more_than_a_coin_and_less_than_its_raters(start):
    model, tok, village = start
    found, _, about = reward_model.load(MODELS / "village-reward.safetensors")
    held = compared.Course(model, tok, village, seed=6, questions=1, shown=250, judged=10).rated(TRUTH, TRUTH, TRUTH)[0]
    accuracy, most = reward_model.score(found, held)[1], float(torch.maximum(held.share, 1 - held.share).mean())
    assert 0.65 < accuracy < most and abs(accuracy - about["held_out"]["accuracy"]) < 0.08
    assert (MODELS / "village-reward.safetensors").stat().st_size < 5_000_000
    sheet = (MODELS.parent / "README.md").read_text(encoding="utf-8")
    assert f"{about['held_out']['accuracy']:.1%} of the ratings of held-out pairs".replace("%", " %") in sheet


def test_tastes_show_in_what_is_learned_from_ratings(seen):
    for seed in (11, 12):
        plain_, fond, flattered = (learned_taste(seen, Rater(taste, seed=seed).rate(seen)) for taste in (TRUTH, LENGTH, FLATTERY))
        assert plain_["words"] < 0.02 < 0.1 < fond["words"]
        assert flattered["flattery"] > plain_["flattery"] + 2
        assert plain_["right"] - plain_["false"] > 1 and plain_["harm"] < -1


def test_the_recorded_run_raises_the_truth_by_ten_standard_errors_in_every_seed():
    rows, command = records.read(records.RUNS / "preferences.csv")
    assert command == "python -m minitrain.tuning.compared --out data/runs/preferences.csv"
    by = {(row["seed"], row["model"]): row for row in rows}
    seeds = {row["seed"] for row in rows}
    assert seeds == {0, 1, 2}
    for seed in seeds:
        for name in ("ppo", "dpo", "grpo", "verifiable"):
            row, before = by[seed, name], by[seed, "start"]
            assert row["truth"] - before["truth"] > 10 * math.hypot(row["truth_error"], before["truth_error"])
            assert row["seconds"] < 45 and row["harmless"] > before["harmless"] and row["honest"] > before["honest"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [11, 12])
def test_a_score_that_likes_length_is_hacked_and_a_leash_holds(start, seed):
    course = compared.Course(*start, seed=seed, questions=300, shown=10, judged=200)
    score, found = course.asked.reward(LENGTH), {}
    before = course.judged(course.start)
    for beta in (0.0, 1.0):
        policy, _ = course.tuned(assistant.grpo, score, beta=beta, steps=16, size=6)
        found[beta] = course.judged(policy)
    assert found[0.0]["words"] > before["words"] + 8 and found[0.0]["truth"] < before["truth"] - 0.3
    assert found[1.0]["truth"] > found[0.0]["truth"] + 0.2 and found[1.0]["kl"] < found[0.0]["kl"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [20, 21, 22])
def test_two_of_five_who_love_flattery_get_it_and_without_them_it_goes(start, seed):
    course = compared.Course(*start, seed=seed, questions=400, shown=150, judged=300)
    numbers = [i for i in range(150) for _ in range(2)]
    texts = chat.answers(start[0], start[1], [course.shown.prompts[i] for i in numbers], 40, temperature=1.0,
                         generator=course.generator())
    found = [measure(course.shown.instructions[i], text) for i, text in zip(numbers, texts)]
    seen, before = list(zip(found[::2], found[1::2])), course.judged(course.start)["flattery"]
    raters, after = [Rater(TRUTH, seed=i) for i in range(3)] + [Rater(FLATTERY, seed=i) for i in (3, 4)], {}
    for some in (3, 5):
        taste = learned_taste(seen, np.mean([rater.rate(seen) for rater in raters[:some]], 0).tolist())
        policy, _ = course.tuned(assistant.grpo, course.asked.reward(taste), beta=0.1, steps=40, size=6)
        after[some] = course.judged(policy)["flattery"]
    assert after[3] < before - 0.1 and after[5] > before + 0.2


@pytest.mark.browser
def test_the_widget_in_a_browser(lab, browser):
    """By keys alone: three ratings, one taken back, and what was learned from the rest; without the lesson's trainings."""
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    first = next(cell for cell in cells["cells"] if cell["cell_type"] == "code")
    made = ["from minitrain.teach.widgets.rater import YouAreTheRater\n",
            "def learn(ratings): return {'right': 1.0 * len(ratings), 'words': -0.1}, [('Who?', 'Tilda.')]\n",
            "YouAreTheRater([('Who is it?', 'Tilda.', 'Hugo.')] * 3, learn)"]
    cell = first | {"source": made, "outputs": [], "id": "made"}
    (lab[1] / "21_widget.ipynb").write_text(json.dumps(cells | {"cells": [cell]}))
    notebook = Notebook(browser, lab[0], "21_widget.ipynb")
    notebook.run_all()
    output = notebook.output("YouAreTheRater(")

    def press(name, key):
        output.get_by_role("button", name=name, exact=True).focus()
        notebook.page.keyboard.press(key)
    for name, key, said in (("The first is better", "Enter", "1 rated."), ("The second is better", "Space", "2 rated."),
                            ("One back", "Enter", "1 rated.")):
        press(name, key)
        says(status(output), said)
    press("Learn from my ratings", "Enter")
    says(status(output), "From 1 ratings: right answers weigh most with you, +1.00.")
    clean(notebook)
    notebook.close()
