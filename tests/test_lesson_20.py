"""Lesson 20's parts: the widget, and points at which a nearly right answer to an exercise could slip through."""
from pathlib import Path

import torch

from minitrain import losses
from minitrain.checkpoint import language
from minitrain.teach.exercises import judge
from minitrain.teach.lessons.lesson_20 import EXERCISES, lora, targets, template
from minitrain.teach.widgets.side_by_side import SideBySide
from minitrain.tuning import chat, sft
from minitrain.tuning.lora import LoRA

DATA = Path(__file__).parents[1]
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
