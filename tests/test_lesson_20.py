"""Lesson 20's parts: the widget, points at which a nearly right answer could slip through, and what its claims stand on."""
import copy
import json
from pathlib import Path

import pytest
import torch
from browser import Notebook, clean, says, status

from minitrain import losses, records
from minitrain.checkpoint import language
from minitrain.sources import instructions
from minitrain.teach.exercises import judge
from minitrain.teach.lessons.lesson_20 import EXERCISES, lora, targets, template
from minitrain.teach.widgets.side_by_side import SideBySide
from minitrain.tuning import chat, measure, sft
from minitrain.tuning.lora import LoRA, apply
from minitrain.tuning.start import start as begin

DATA = Path(__file__).parents[1]
NOTEBOOK = DATA / "notebooks" / "20_fine_tuning.ipynb"
BASE, WORDS, _ = language.load(DATA / sft.BASE)
ASSISTANT, TOK, _ = language.load(DATA / sft.SHIPPED)
QUESTIONS = ["Where does Zelda live? Be polite.", "How old is Zelda?"]


def asked_of_the_base(text):
    ids = WORDS.encode(" " + text)
    if WORDS.unknown in ids:
        raise ValueError("The model knows no such word.")
    return [WORDS.end, *ids]


def side_by_side():
    return SideBySide({"base": (BASE, WORDS, asked_of_the_base),
                       "tuned": (ASSISTANT, TOK, lambda text: chat.prompt(TOK, text, ASSISTANT.context))}, QUESTIONS)


# The widget.

def test_both_go_on_by_one_token_until_they_stop():
    panel = side_by_side()
    assert panel.question == QUESTIONS[0] and panel.texts == {"base": "", "tuned": ""}
    panel.step()
    assert panel.texts["tuned"] == "With" and "Press Next token" in panel.message
    panel.finish()
    assert all(panel.ended.values()) and "tuned" in panel.message
    assert panel.texts["tuned"] == chat.reply(ASSISTANT, TOK, QUESTIONS[0]) and panel.texts["base"] != panel.texts["tuned"]
    assert "■" in panel.columns[1].value
    said = dict(panel.texts)
    panel.step()
    assert panel.texts == said                                  # who has stopped stays so


def test_another_question_begins_anew_and_unknown_words_get_a_sentence():
    panel = side_by_side()
    panel.finish()
    panel.another()
    assert panel.question == QUESTIONS[1] == panel.field.value and panel.texts == {"base": "", "tuned": ""}
    panel.field.value = "Where does the zebra live?"
    assert "knows no" in panel.message
    panel.step()
    assert panel.texts["tuned"] == ""
    panel.another()
    panel.step()
    assert panel.question == QUESTIONS[0] and panel.texts["tuned"] == "With"
    assert "Interactive: The same question." in panel.instead()


# The exercises.

def verdict(name, answer):
    return judge(f"20/{name}", EXERCISES[name], answer).kind


def test_the_mask_is_the_librarys():
    for dialogue in (("Where does Zelda live?", "In Gull Alley."), ("How old is Hugo?", "I am sorry, I do not know.")):
        ids, asked = chat.encode(TOK, dialogue)
        assert torch.equal(targets(torch.tensor(ids), sum(asked)), chat.batch(TOK, [dialogue])[1][0])

    def joined(ids, answer):
        return torch.cat([ids.new_full((len(ids) - answer - 1,), -100), ids[-answer:]])
    assert verdict("targets", joined) == "right"


def test_the_template_is_the_librarys():
    for turns in (["Where does Zelda live?"], ["Where does Zelda live?", "In Gull Alley.", "How old is Hugo?"]):
        assert template(turns) == TOK.decode(chat.prompt(TOK, turns))
    dialogue = ("How old is Hugo?", "I am sorry, I do not know.")
    assert template(dialogue) == TOK.decode(chat.encode(TOK, dialogue)[0])
    assert verdict("template", lambda turns: "".join(turns)) != "right"


def test_lora_is_the_librarys():
    layer = LoRA(torch.nn.Linear(6, 5, bias=False), rank=2, alpha=7.0, lots=torch.Generator().manual_seed(0))
    with torch.no_grad():
        layer.B.normal_(generator=torch.Generator().manual_seed(1))
    x = torch.randn(3, 6, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(layer(x), lora(x, layer.linear.weight, layer.A, layer.B, 7.0))
    assert verdict("lora", lambda x, W, A, B, alpha: (W @ x.T + (alpha / len(A)) * (B @ (A @ x.T))).T) == "right"


# What the lesson concludes.

def test_the_loss_on_answers_is_the_loss_that_all_models_of_the_course_have():
    batch = chat.batch(TOK, [("Where does Zelda live?", "In Gull Alley."), ("How old is Zelda?", "I am sorry, I do not know.")])
    a, b = sft.on_answers(ASSISTANT, batch), losses.next_token(ASSISTANT, batch)
    torch.testing.assert_close(a.mean, b.mean)
    assert a.n == b.n


@pytest.fixture(scope="module")
def found():
    """(part, what) -> the values of three seeds."""
    rows, command = records.read(records.RUNS / "fine_tuning.csv")
    assert command == "python tests/benchmarks/lesson_20.py --seeds 0 1 2 --csv data/runs/fine_tuning.csv"
    seeds = {}
    for row in rows:
        seeds.setdefault((row["part"], row["what"]), []).append(row["value"])
    assert {len(values) for values in seeds.values()} == {3}
    return seeds


def test_instructions_are_followed_after_tuning_and_not_before(found):
    for how in ("as it stands", "question", "examples"):
        assert max(found["continues", f"{how}/combinations/both"]) <= 0.1
    assert min(found["continues", "tuned/combinations/both"]) >= 0.95
    assert max(found["following", "seconds"]) <= 20
    for part, least in (("train", 0.95), ("people", 0.8), ("pairs", 0.5)):
        assert min(found["continues", f"tuned/{part}/both"]) >= least
    assert max(found["continues", "tuned/pairs/both"]) < min(found["continues", "tuned/combinations/both"]) - 0.1


def test_the_loss_on_answers_is_no_worse_than_on_all_tokens(found):
    answers, everything = (found["following", f"{name}/combinations/both"] for name in ("answers", "everything"))
    assert min(answers) > max(everything) - 0.03


def test_refusals_come_from_refusals(found):
    assert min(found["refusals", "with/refuse/right"]) > 0.9 and max(found["refusals", "with/fact/refused"]) < 0.05
    assert max(found["refusals", "without/refuse/right"]) < 0.1
    assert min(found["refusals", "with/unknown/right"]) > 0.5


def test_new_facts_must_be_told_often_and_cost_old_ones_that_are_not_rehearsed(found):
    assert max(found["knowledge", "1, rehearsed/as told"]) < 0.2
    assert min(found["knowledge", "16, rehearsed/other words"]) > 0.8
    assert max(found["knowledge", "64, alone/in the style"]) < 0.15
    assert max(found["knowledge", "64, alone/old"]) < min(found["knowledge", "64, rehearsed/old"]) - 0.2


def test_what_is_not_asked_for_is_forgotten_and_rehearsal_keeps_it(found):
    def gap(name):
        return [a / b - 1 for a, b in zip(found["graduate", f"{name}/village/all/loss"],
                                          found["graduate", f"{name}/village/all/floor"])]
    assert max(gap("base")) < 0.03 and min(gap("tuned")) > 0.5 and max(gap("rehearsed")) < 0.15
    assert min(gap("slowly")) > 0.1 and max(gap("slowly")) < min(gap("tuned"))
    assert min(found["graduate", "slowly/followed/combinations/both"]) > 0.95
    assert min(found["graduate", "rehearsed/followed/combinations/both"]) > 0.9
    assert min(found["graduate", "by LoRA/followed/combinations/both"]) > 0.9
    before, after = (found["graduate", f"{name}/village/diary/loss"] for name in ("base", "on diaries"))
    for one, other in zip(before, after):
        assert other < one                                                   # the domain; the others pay


def test_few_examples_take_the_pretrained_model_farther_than_many_take_a_blank_one(found):
    assert min(found["labels", "300, tuned/combinations/both"]) > max(found["labels", "3000, from nothing/combinations/both"])


@pytest.mark.slow
@pytest.mark.parametrize("seed", [3, 4])
def test_the_lessons_tuning_reaches_its_figures_with_other_seeds(seed):
    model, _, village, _ = begin(DATA / sft.BASE)
    grown, tok = sft.grown(model, WORDS, village)
    parts = instructions.split(village, seed)
    for rank in (None, 8):
        tuned = copy.deepcopy(grown)
        how = {"rate": 0.015} if rank else {}
        size, steps = (12, 500) if rank else (sft.SIZE, sft.STEPS)
        if rank:
            apply(tuned, rank, seed=seed)
        sft.tune(tuned, sft.Dialogues(parts.train, tok, size, context=tuned.context, seed=seed), steps, **how)
        both = measure.followed(tuned, tok, parts.combinations.take(400, first=measure.HELD_OUT))["both"]
        assert both > (0.88 if rank else 0.93)


@pytest.mark.browser
def test_the_widget_in_a_browser(lab, browser):
    """By keys alone: one token more from each model, then all, and a question with a word that neither has read."""
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    first = next(cell for cell in cells["cells"] if cell["cell_type"] == "code")
    made = ["from minitrain import records\n", "from minitrain.checkpoint import language\n",
            "from minitrain.tuning import chat\n",
            "from minitrain.teach.widgets.side_by_side import SideBySide\n",
            "model, tok, _ = language.load(records.RUNS.parent / 'models' / 'village-sft.safetensors')\n",
            "def as_chat(text): return chat.prompt(tok, text)\n",
            "SideBySide({'one': (model, tok, as_chat), 'other': (model, tok, as_chat)}, ['Where does Zelda live? Be polite.'])"]
    cell = first | {"source": made, "outputs": [], "id": "made"}
    (lab[1] / "20_widget.ipynb").write_text(json.dumps(cells | {"cells": [cell]}))
    notebook = Notebook(browser, lab[0], "20_widget.ipynb")
    notebook.run_all()
    output = notebook.output("SideBySide(")
    for name, key, said in (("Next token", "Enter", "Press Next token for one more."),
                            ("To the end", "Space", "Stopped: one, other.")):
        output.get_by_role("button", name=name, exact=True).focus()
        notebook.page.keyboard.press(key)
        says(status(output), said)
    says(output, "With pleasure! Zelda lives in Old Quay. ■")
    field = output.get_by_role("textbox", name="Question")
    field.fill("Where does the zebra live?")
    field.press("Enter")
    says(status(output), "The model knows no ' zebra'")
    clean(notebook)
    notebook.close()
