"""Lesson 20, fine-tuning: what it asks."""
import torch

from minitrain.teach.exercises import Exercise, Misconception
from minitrain.teach.predictions import Question

QUESTIONS = {
    "base": Question(
        "The base model has read 57 million tokens, and knows where everybody lives. It gets an instruction as the beginning "
        "of a text: “Where does Zelda live? Be polite.” Of a hundred such, it does what was asked in …",
        ["nearly all", "about half", "about ten, or fewer"], answer="about ten, or fewer",
        why="It was trained to go on, and a question is the beginning of many texts. What it knows comes out where a text of its "
            "village would say it."),
    "tuned": Question(
        "Now 260 updates on instructions with their answers, less than a hundredth of what it had read before. Combinations "
        "of what, how and in which style that it was never tuned on: it does what was asked in …",
        ["fewer than half", "about three in four", "more than nine in ten"], answer="more than nine in ten",
        why="What was missing was when to say what it knows, and in which form. Each thing and each style it had met, only not "
            "together."),
    "forgot": Question(
        "And its old trade, to go on with stories and news as the village would? A document now costs it …",
        ["as much as before", "up to half again as much", "more than half again as much"], answer="more than half again as much",
        why="Nobody asked it to go on any more, and nothing in the loss holds on to what is not asked for."),
    "lora": Question(
        "LoRA leaves all matrices as they are, and trains thin ones beside them: 3 numbers for a hundred of the model's. "
        "Compared with tuning all, on the same held-out instructions, it comes …",
        ["within ten in a hundred", "about half as far", "next to nowhere"], answer="within ten in a hundred",
        why="To answer instead of going on is a small change of what the model does, and a small change has room in a matrix "
            "of low rank."),
}


# --- the loss mask --------------------------------------------------------------------------------------------------------

def targets(ids, answer):
    y = ids[1:].clone()                                                     # (T,) what comes next at each place
    y[:-answer] = -100
    return y


def _targets_by_place(ids, answer):
    place = torch.arange(1, len(ids))
    return torch.where(place >= len(ids) - answer, ids[1:], -100)


def _some_dialogue(seed):
    lots = torch.Generator().manual_seed(seed)
    length, answer = ((6, 2), (7, 3), (9, 4), (8, 2), (10, 5))[seed]
    return torch.randint(1, 90, (length,), generator=lots), answer


def _masked(where, shift=1, fill=-100):
    """`targets` with one thing otherwise.  where: (T, answer) -> a slice of the places that are not asked for."""
    def wrong(ids, answer):
        y = ids[shift:].clone() if shift else ids[:-1].clone()
        y[where(len(y), answer)] = fill
        return y
    return wrong


def _without_end(ids, answer):
    y = targets(ids, answer)
    y[-1] = -100
    return y


def _not_shifted(ids, answer):
    y = ids.clone()
    y[:-answer] = -100
    return y


# --- LoRA -----------------------------------------------------------------------------------------------------------------

def lora(x, W, A, B, alpha):
    r = len(A)
    return x @ W.T + alpha / r * (x @ A.T) @ B.T                            # (T, out)


def _lora_merged(x, W, A, B, alpha):
    return x @ (W + B @ A * (alpha / A.shape[0])).T


def _some_matrices(seed):
    lots = torch.Generator().manual_seed(seed)
    T, into, out, r, alpha = ((2, 3, 4, 2, 6), (3, 4, 5, 2, 1), (1, 5, 3, 2, 8), (4, 6, 7, 3, 12), (2, 7, 6, 4, 2))[seed]
    return (*(torch.randn(*shape, generator=lots) for shape in ((T, into), (out, into), (r, into), (out, r))), alpha)


def _scaled(scale):
    return lambda x, W, A, B, alpha: x @ W.T + scale(alpha, A, B) * (x @ A.T) @ B.T


# --- the chat template ----------------------------------------------------------------------------------------------------

def template(turns):
    text = ""
    for i, said in enumerate(turns):
        text += f" {said}" if i % 2 else f"<end><user>: {said}\n<assistant>:"
    return text + "<end>" * (len(turns) % 2 == 0)


def _template_in_pairs(turns):
    pairs = [f"<user>: {question}\n<assistant>: {answer}" for question, answer in zip(turns[::2], turns[1::2])]
    open_end = [f"<user>: {turns[-1]}\n<assistant>:"] if len(turns) % 2 else [""]
    return "<end>" + "<end>".join(pairs + open_end)


ASKED, SAID = "Where does Tilda live?", "In Gull Alley."
DIALOGUES = [([ASKED],), ([ASKED, SAID],), ([ASKED, SAID, "And Hugo?"],), ([ASKED, SAID, "And Hugo?", "In Old Quay."],)]


def _templated(change):
    """The right text with something replaced.  change: (text, turns) -> text."""
    return lambda turns: change(template(turns), turns)


EXERCISES = {
    "template": Exercise(
        task="The template: turns (question, answer, question, …) become one text. Each question stands behind <end><user>:, "
             "each answer behind a line end and <assistant>:; after the last answer stands <end>. Where the last turn is a "
             "question, the text stops behind <assistant>:, and the model goes on.",
        reference=template, inputs=DIALOGUES,
        hint="Turn number i is a question where i % 2 == 0. A question adds f\"<end><user>: {said}\\n<assistant>:\", an answer "
             "adds f\" {said}\". At the end, <end> is added if the last turn was an answer: len(turns) % 2 == 0.",
        misconceptions=[
            Misconception(_templated(lambda text, turns: text.removesuffix("<end>")),
                          "Nothing closes the last answer. The model would never learn to stop: it says so with <end>."),
            Misconception(_templated(lambda text, turns: text.removesuffix("<end>") + "<end>"),
                          "You closed an answer that has not been given. Where the last turn is a question, the text stops "
                          "behind <assistant>:, and what comes next is the model's."),
            Misconception(_templated(lambda text, turns: text.removesuffix("\n<assistant>:")),
                          "A question at the end has to be followed by \\n<assistant>:. Without it the model may go on with "
                          "the question, since nothing says whose turn it is."),
            Misconception(_templated(lambda text, turns: text.removeprefix("<end>")),
                          "The first <end> is missing. In pre-training one stood before every document, and the model has never "
                          "seen a text begin without it."),
            Misconception(_templated(lambda text, turns: "<end>" + text[5:].replace("<end><user>", "<user>")),
                          "The turns run into each other: an answer ends with <end> before the next <user>, too, so that the "
                          "model stops after each."),
            Misconception(_templated(lambda text, turns: "<end>" + text[5:].replace("<end><user>", "<end><end><user>")),
                          "Two <end> in a row between the turns. One is enough: it closes the answer and opens the question."),
            Misconception(_templated(lambda text, turns: text.replace("<user>", "<x>").replace("<assistant>", "<user>").replace(
                "<x>", "<assistant>")), "The roles are swapped: the first turn is the user's."),
            Misconception(_templated(lambda text, turns: text + " " if text.endswith(":") else text),
                          "There is a space behind the last colon. Words bring the space before them along (“ In” is one token), "
                          "so a lone space there is a token that the model has never seen in that place."),
            Misconception(_templated(lambda text, turns: text.replace(": ", ":")),
                          "The space behind the colons is missing. To the tokenizer “ In” and “In” are two different words."),
            Misconception(_templated(lambda text, turns: text.replace("\n", "")),
                          "The line end before <assistant> is missing. It closes the question, as in the village's own texts."),
            Misconception(_templated(lambda text, turns: text.replace("\n", " ")),
                          "A space stands where a line end should, before <assistant>."),
        ],
        alternatives=[_template_in_pairs]),
    "targets": Exercise(
        task="The mask: ids (T + 1,) are the tokens of a dialogue, the last `answer` of them the answer and its end mark. Return "
             "the targets (T,): at each place the token that comes next, and -100 wherever that is no token of the answer.",
        reference=targets, inputs=_some_dialogue,
        hint="Place t is asked for token t + 1: ids[1:] has what comes next. Of these, the last `answer` are the answer's; all "
             "before them become -100. Work on a copy: .clone().",
        misconceptions=[
            Misconception(lambda ids, answer: ids[1:],
                          "Everything is asked for, the question too. The model would learn to ask as well as to answer."),
            Misconception(_masked(lambda T, n: slice(T - n, None)),
                          "Turned round: you ask for the question and ignore the answer."),
            Misconception(_masked(lambda T, n: slice(None, T - n), shift=0),
                          "The targets are not shifted. At place t the model is asked for token t + 1: begin from ids[1:]."),
            Misconception(_not_shifted,
                          "There is one target too many: behind the last token nothing comes. The first target is ids[1]."),
            Misconception(_masked(lambda T, n: slice(None, T - n - 1)),
                          "One too many: the last token before the answer is asked for as well. It belongs to the template."),
            Misconception(_masked(lambda T, n: slice(None, T - n + 1)),
                          "One too few: the answer's first token is not asked for. The model is asked for it at the last place "
                          "of the prompt, where it has to begin by itself."),
            Misconception(_without_end,
                          "The end mark is not asked for. Then nothing teaches the model to stop; `answer` counts the end mark."),
            Misconception(_masked(lambda T, n: slice(None, T - n), fill=0),
                          "Token 0 is a word. What shall not count is marked -100, which the loss leaves out."),
            Misconception(lambda ids, answer: ids[-answer:],
                          "That is the answer alone. The targets have a place for every place of the input: -100 before it."),
        ],
        alternatives=[_targets_by_place]),
    "lora": Exercise(
        task="LoRA: x (T, in) through a frozen W (out, in), and beside it through A (r, in) and B (out, r): "
             "W x + alpha / r · B A x for each row. Gives (T, out).",
        reference=lora, inputs=_some_matrices,
        hint="Rows are vectors, so a matrix goes on the right, transposed: x @ W.T. The thin way takes two steps, x @ A.T (T, r) "
             "and then @ B.T (T, out), times alpha / r. r is the number of A's rows. Add the two.",
        misconceptions=[
            Misconception(_scaled(lambda alpha, A, B: 1.0), "The scale alpha / r is missing."),
            Misconception(_scaled(lambda alpha, A, B: alpha),
                          "You multiplied by alpha and did not divide by r. With the division, another rank needs no other "
                          "learning rate."),
            Misconception(_scaled(lambda alpha, A, B: len(A) / alpha), "The scale is upside down: alpha / r."),
            Misconception(_scaled(lambda alpha, A, B: alpha / A.shape[1]),
                          "You divided by how many numbers go in. r is the rank: the number of A's rows."),
            Misconception(_scaled(lambda alpha, A, B: alpha / len(B)),
                          "You divided by how many numbers come out. r is the rank: the number of A's rows."),
            Misconception(_scaled(lambda alpha, A, B: alpha / len(A) ** 0.5),
                          "You divided by √r. That has been proposed too (Kalajdzievski, 2023); here it is alpha / r."),
            Misconception(lambda x, W, A, B, alpha: alpha / len(A) * (x @ A.T) @ B.T,
                          "The frozen matrix is missing: what the thin ones make is added to W x."),
            Misconception(lambda x, W, A, B, alpha: x @ W.T,
                          "That is the frozen matrix alone. Add alpha / r · B A x."),
            Misconception(lambda x, W, A, B, alpha: alpha / len(A) * (x @ W.T + x @ A.T @ B.T),
                          "You scaled both. W stays what it is; alpha / r belongs to the thin way alone."),
            Misconception(lambda x, W, A, B, alpha: x @ W.T - alpha / len(A) * (x @ A.T) @ B.T,
                          "You subtracted the update; it is added."),
            Misconception(lambda x, W, A, B, alpha: W + alpha / len(A) * B @ A,
                          "That is the merged matrix. x has still to go through it: x @ (…).T."),
        ],
        alternatives=[_lora_merged]),
}
