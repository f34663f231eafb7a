"""Lesson 21's parts: its exercises' special points, the widgets, and what its claims stand on, over other seeds."""
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from browser import Notebook, clean, says, status

from minitrain import records
from minitrain.checkpoint import language
from minitrain.sources.manners import measure
from minitrain.teach.lessons.lesson_21 import EXERCISES
from minitrain.teach.widgets.blind_judge import BlindJudge
from minitrain.teach.widgets.rater import YouAreTheRater
from minitrain.tuning import assistant, chat, compared, reward_model
from minitrain.tuning.measure import prompts
from minitrain.tuning.raters import FLATTERY, LENGTH, TOKENS, TRUTH, Rater, learned_taste, utility
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


# The widgets


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
    game.back.click()
    assert game.result.value == "" and game.message == "2 rated."             # what was learned is no longer of these ratings
    assert "Rate 3 pairs" in game.instead()
    with pytest.raises(ValueError, match="no pairs"):
        YouAreTheRater([], learn)


QUESTIONS = ["Who?", "Where?", "What <b>pet</b>?"]
ANSWERS = {"base": ["A goat.", "Here.", "A <i>goat</i>."], "DPO": ["Tilda.", "In Old Quay.", "A cat."],
           "PPO": ["  Tilda. ", "In Old Quay. Who cares?", ""]}
TRUTHS = {"base": [-1.0, 0.0, -1.0], "DPO": [1.0, 1.0, 1.0], "PPO": [1.0, -0.1, 0.0]}


def number(game, question, text):
    """The number under which the judge shows a text."""
    return 1 + game.shown[question].index(text)


def test_the_judge_shows_texts_once_without_names_and_counts_them_for_all_who_said_them():
    game = BlindJudge(QUESTIONS, ANSWERS, TRUTHS)
    assert [sorted(texts) for texts in game.shown] == [
        ["A goat.", "Tilda."], ["Here.", "In Old Quay.", "In Old Quay. Who cares?"], ["", "A <i>goat</i>.", "A cat."]]
    assert [button.disabled for button in game.buttons] == [False, False, True] and game.rows[2].layout.display == "none"
    shown = game.question.value + "".join(text.value for text in game.texts)
    assert "Tilda." in shown and not any(name in shown + game.message + game.instead() for name in ANSWERS)
    game.buttons[number(game, 0, "Tilda.") - 1].click()
    assert game.message == "1 judged." and game.table == [] and game.result.value == ""
    game.who.click()
    assert game.table == [("base", 0, 1, -1.0), ("DPO", 1, 1, 1.0), ("PPO", 1, 1, 1.0)]
    assert "said by" in game.result.value and "DPO, PPO" in game.result.value
    game.pick(number(game, 1, "Here."))                                     # going on puts the table away
    assert game.table == [] and game.result.value == ""
    game.alike.click()
    assert game.table == [("base", 1, 3, pytest.approx(-2 / 3)), ("DPO", 1, 3, 1.0), ("PPO", 1, 3, pytest.approx(0.3))]
    assert game.message == ("Of the 2 answers that you chose, 1 had the highest truth of those shown; chosen by lot, 0.8 would "
                            "have.")                                        # 1/2 + 1/3
    assert all(button.disabled for button in (*game.buttons, game.alike)) and "These were all" in game.question.value
    game.pick(1)
    assert len(game.choices) == 3


def test_the_judge_takes_back_and_escapes_and_its_lots_have_a_seed():
    game = BlindJudge(QUESTIONS, ANSWERS, TRUTHS)
    game.who.click()
    assert game.message == "Judge a question first." and game.back.disabled
    game.choices = [0, 0]
    assert "What &lt;b&gt;pet&lt;/b&gt;?" in game.question.value
    shown = {text.value for text in game.texts}
    assert shown == {"A &lt;i&gt;goat&lt;/i&gt;.", "A cat.", "<i>(nothing)</i>"}
    game.who.click()
    assert game.message.startswith("You called all answers equally good") and [row[1] for row in game.table] == [0, 0, 0]
    game.back.click()
    assert game.choices == [0] and game.table == [] and "Question 2 of 3" in game.question.value and not game.back.disabled
    game.choices = [1, 2]
    game.undo()
    assert game.choices == [1]
    game.choices = [0, 0, number(game, 2, "A <i>goat</i>.")]
    assert "A &lt;i&gt;goat" in game.result.value and "<i>goat" not in game.result.value
    orders = [BlindJudge(QUESTIONS, ANSWERS, TRUTHS, seed=seed).shown for seed in (0, 0, *range(1, 9))]
    assert orders[0] == orders[1] and any(order != orders[0] for order in orders)
    assert "each of 3 questions" in game.instead() and "which of 3 models" in game.instead()


@pytest.mark.parametrize("change, says", [
    (lambda q, a, t: ([], {name: [] for name in a}, t), "got no questions"),
    (lambda q, a, t: (q, {"base": a["base"]}, t), "two models at least, and got 1"),
    (lambda q, a, t: (q, a | {"DPO": a["DPO"][:2]}, t), "got 2 answers of 'DPO' to 3 questions"),
    (lambda q, a, t: (q, a | {"DPO": [*a["DPO"][:2], None]}, t), "got 2 answers of 'DPO' to 3 questions"),
    (lambda q, a, t: (q, a, {name: t[name] for name in ("base", "DPO")}), "got 0 truths of 'PPO' to 3 questions"),
    (lambda q, a, t: (q, dict.fromkeys(a, a["base"]), t), "answer every question alike")])
def test_the_judge_says_what_is_missing(change, says):
    with pytest.raises(ValueError, match=says):
        BlindJudge(*change(QUESTIONS, ANSWERS, TRUTHS))


def test_the_judge_leaves_out_what_all_answer_alike_and_refuses_choices_that_are_none():
    game = BlindJudge(["Who?", "Where?"], {"base": ["Tilda.", "Here."], "DPO": ["Tilda.", "There."]},
                      {"base": [1.0, -1.0], "DPO": [1.0, 1.0]})
    assert game.questions == ["Where?"]
    for wrong in ([3], [-1], [1, 1]):
        with pytest.raises(ValueError, match=f"Choice {len(wrong)} is {wrong[-1]}; "):
            game.choices = wrong
    game.pick(number(game, 0, "There."))
    assert game.table == [("base", 0, 1, -1.0), ("DPO", 1, 1, 1.0)]


# What the claims stand on


def test_the_base_model_knows_more_than_the_assistant_that_varies_and_does_not_say_what_it_does_not_know(start):
    model, tok, village = start
    base, base_tok, _ = language.load(MODELS / "village-base.safetensors")
    found = compared.Course(model, tok, village, seed=6, questions=1, shown=1, judged=250).tests
    texts = {"base": chat.answers(base, base_tok, prompts(base_tok, found.instructions, "question", base.context), TOKENS,
                                  temperature=1.0, generator=torch.Generator().manual_seed(6)),
             "tuned": chat.answers(model, tok, found.prompts, TOKENS, temperature=1.0,
                                   generator=torch.Generator().manual_seed(6))}
    right = {}
    for name, said in texts.items():
        said = texts[name] = [text.strip("\n").split("\n")[0] for text in said]
        right[name] = np.mean([measure(one, text).right for one, text in zip(found.instructions, said) if one.kind == "fact"])
    assert right["base"] > right["tuned"] + 0.05
    assert not any("I am sorry" in text for text in texts["base"]) and sum("I am sorry" in text for text in texts["tuned"]) > 5


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
            assert row["seconds"] < 30 and row["harmless"] > before["harmless"] and row["honest"] > before["honest"]


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
    """Of sixteen answers, the one that a vote likes best: all five flatter, three alone do not."""
    course = compared.Course(*start, seed=seed, questions=400, shown=150, judged=150)
    numbers = [i for i in range(150) for _ in range(2)]
    texts = chat.answers(start[0], start[1], [course.shown.prompts[i] for i in numbers], TOKENS, temperature=1.0,
                         generator=course.generator())
    found = [measure(course.shown.instructions[i], text) for i, text in zip(numbers, texts)]
    seen, numbers = list(zip(found[::2], found[1::2])), [i for i in range(150) for _ in range(16)]
    texts = chat.answers(start[0], start[1], [course.tests.prompts[i] for i in numbers], TOKENS, temperature=1.0,
                         generator=course.generator())
    said = [measure(course.tests.instructions[i], text) for i, text in zip(numbers, texts)]
    before = sum(f.flattery for f in said) / len(said)
    raters, after = [Rater(TRUTH, seed=i) for i in range(3)] + [Rater(FLATTERY, seed=i) for i in (3, 4)], {}
    for some in (3, 5):
        taste = learned_taste(seen, np.mean([rater.rate(seen) for rater in raters[:some]], 0).tolist())
        best = [max(said[i:i + 16], key=lambda f, taste=taste: utility(f, taste)) for i in range(0, len(said), 16)]
        after[some] = sum(f.flattery for f in best) / len(best)
    assert after[3] < before - 0.1 and after[5] > before + 0.3


@pytest.mark.browser
def test_the_widgets_in_a_browser(lab, browser):
    """By keys alone: three ratings, one taken back, and what was learned from the rest; then three judgements, in the same way,
    and who was who; without the lesson's trainings."""
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    first = next(cell for cell in cells["cells"] if cell["cell_type"] == "code")
    made = ["from minitrain.teach.widgets.rater import YouAreTheRater\n",
            "def learn(ratings): return {'right': 1.0 * len(ratings), 'words': -0.1}, [('Who?', 'Tilda.')]\n",
            "YouAreTheRater([('Who is it?', 'Tilda.', 'Hugo.')] * 3, learn)"]
    judge = ["from minitrain.teach.widgets.blind_judge import BlindJudge\n", f"BlindJudge({QUESTIONS}, {ANSWERS}, {TRUTHS})"]
    made = [first | {"source": source, "outputs": [], "id": f"made{i}"} for i, source in enumerate((made, judge))]
    (lab[1] / "21_widget.ipynb").write_text(json.dumps(cells | {"cells": made}))
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
    says(status(output), "From 1 rating: right answers weigh most with you, +1.00.")

    output, game = notebook.output("BlindJudge("), BlindJudge(QUESTIONS, ANSWERS, TRUTHS)
    output.get_by_text("A goat.", exact=True).wait_for()
    assert not output.get_by_role("button", name="Answer 3", exact=True).is_visible()
    for name, key, said in ((f"Answer {number(game, 0, 'Tilda.')}", "Enter", "1 judged."), ("Equally good", "Space", "2 judged."),
                            ("Take back", "Enter", "1 judged.")):
        press(name, key)
        says(status(output), said)
    assert "PPO" not in output.inner_text()
    press("Who was who?", "Enter")
    says(status(output), "Of the 1 answer that you chose, 1 had the highest truth of those shown; chosen by lot, 0.5 would have.")
    assert "PPO" in output.inner_text() and "DPO, PPO" in output.get_by_role("table").last.inner_text()
    press("Take back", "Space")
    says(status(output), "0 judged.")
    press(f"Answer {number(game, 0, 'A goat.')}", "Space")
    says(output, "In Old Quay. Who cares?")                                 # with a third answer, its button has come
    press("Answer 3", "Enter")
    output.get_by_text("What <b>pet</b>?", exact=True).wait_for()           # escaped: the text itself
    clean(notebook)
    notebook.close()
