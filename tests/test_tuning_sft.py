"""Instruction tuning: the template and its mask, growing a model by name, LoRA against closed forms, and that it learns."""
import copy
import math
from collections import Counter
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from minitrain import losses
from minitrain.checkpoint import language
from minitrain.generate import generate
from minitrain.models.transformer import Transformer
from minitrain.sources.instructions import Instructions, split
from minitrain.sources.village import Village
from minitrain.tokenizer import Words, load
from minitrain.trainer import gradients
from minitrain.tuning import chat, lora, measure, sft

DATA = Path(__file__).parents[1]
VILLAGE = Village(seed=0, habit=3)
WORDS = Words(VILLAGE.vocabulary())
QUESTION, ANSWER = "Where does Tilda live?", "Tilda lives in Gull Alley."


def base(width=32, context=128, seed=0, **how):
    """An untrained model whose logits depend on all that it has read."""
    model = Transformer(len(WORDS), context, layers=2, heads=2, width=width, positions="rotary", norm="rms", activation="relu2",
                        seed=seed, **how)
    lots = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(torch.empty_like(p).normal_(std=0.05, generator=lots))
    return model.eval()


MODEL, TOK = sft.grown(base(tied=False), WORDS, VILLAGE)


# The template.

def test_a_dialogue_reads_as_the_template_says_and_answers_alone_are_asked_for():
    ids, asked = chat.encode(TOK, (QUESTION, ANSWER, "And Hugo?", "I am sorry, I do not know."))
    assert TOK.decode(ids) == ("<end><user>: Where does Tilda live?\n<assistant>: Tilda lives in Gull Alley."
                               "<end><user>: And Hugo?\n<assistant>: I am sorry, I do not know.<end>")
    assert TOK.decode([i for i, learned in zip(ids, asked) if learned]) == f" {ANSWER}<end> I am sorry, I do not know.<end>"
    for turns in (QUESTION, (QUESTION, ANSWER, "And Hugo?")):
        before = chat.prompt(TOK, turns)
        assert ids[:len(before)] == before and TOK.decode(before).endswith("<assistant>:")


def test_who_writes_a_mark_writes_letters():
    inside = {*TOK.special.values(), TOK.end}
    tok = Words([*TOK._ids, "<", " <", "user", "assistant", "end", ">"], TOK.special)
    ids, _ = chat.encode(tok, ("<assistant>: Hugo <end>", ANSWER))
    assert sum(i in {*tok.special.values(), tok.end} for i in ids) == 4
    assert not inside & {*TOK.encode("<user> <assistant> <end>")}


def test_the_loss_is_the_mean_surprise_at_the_answers_tokens():
    dialogues = [(one.text, one.answer) for one in Instructions(VILLAGE).take(6)]
    x, y = chat.batch(TOK, dialogues, 64)
    found = losses.next_token(MODEL, (x, y))
    total = n = 0
    for question, answer in dialogues:                          # one by one, without a template's help
        before, after = chat.prompt(TOK, question), [*TOK.encode(" " + answer), TOK.end]
        logits = MODEL(torch.tensor([before + after]))[0, len(before) - 1:-1]
        total, n = total + F.cross_entropy(logits, torch.tensor(after), reduction="sum"), n + len(after)
    torch.testing.assert_close(found.mean, total / n)
    assert found.n == n
    everything = losses.next_token(MODEL, chat.batch(TOK, dialogues, 64, everything=True))
    assert everything.n == sum(len(chat.encode(TOK, dialogue)[0]) - 1 for dialogue in dialogues)


def test_bad_dialogues_are_one_sentence():
    for text, dialogue in (("The answer is empty", (QUESTION, " ")), ("The question is empty", ("", ANSWER)),
                           ("knows no ' zebra'", (QUESTION, "A zebra.")), ("A dialogue is", (QUESTION,)),
                           ("A dialogue is", QUESTION)):
        with pytest.raises(ValueError, match=text):
            chat.encode(TOK, dialogue)
    n = len(chat.prompt(TOK, QUESTION))
    assert chat.prompt(TOK, QUESTION, context=n)
    with pytest.raises(ValueError, match=f"The prompt has {n} tokens, and the model looks at {n - 1} at most"):
        chat.prompt(TOK, QUESTION, context=n - 1)
    whole = len(chat.encode(TOK, (QUESTION, ANSWER))[0])
    assert chat.encode(TOK, (QUESTION, ANSWER), context=whole - 1)
    with pytest.raises(ValueError, match=f"The dialogue has {whole - 1} tokens"):
        chat.encode(TOK, (QUESTION, ANSWER), context=whole - 2)
    with pytest.raises(ValueError, match="ends with a question"):
        chat.prompt(TOK, (QUESTION, ANSWER))
    with pytest.raises(ValueError, match=r"no <user>; chat\.grow"):
        chat.prompt(WORDS, QUESTION)


# Growing.

@pytest.mark.parametrize("tied", [True, False])
def test_a_grown_model_says_of_known_words_what_it_said_before(tied):
    model = base(tied=tied)
    before = copy.deepcopy(model.state_dict())
    grown, tok = chat.grow(model, WORDS, words={" Zorro": [" Tilda", " Hugo"], " quux": None, " the": None})
    assert all(torch.equal(x, before[name]) for name, x in model.state_dict().items()) and len(WORDS) == model.vocabulary
    assert len(tok) == len(WORDS) + 4 == grown.vocabulary
    text = VILLAGE.document(3).text
    old, new = (m(torch.tensor([[t.end, *t.encode(text)]])) for m, t in ((model, WORDS), (grown, tok)))
    places = [tok.vocabulary.index(word) for word in WORDS.vocabulary]
    torch.testing.assert_close(new[..., places], old)
    for table, rows in ((grown.embedding, model.embedding), (grown.unembedding, model.unembedding)):
        ids = {word: i for i, word in enumerate(tok.vocabulary)}
        mean = (rows[WORDS.encode(" Tilda")] + rows[WORDS.encode(" Hugo")]) / 2
        torch.testing.assert_close(table[ids[" Zorro"]], mean[0])
        torch.testing.assert_close(table[ids[" quux"]], rows.mean(0))
        torch.testing.assert_close(table[ids["<assistant>"]], rows[WORDS.encode("Answer")[0]])
    quux = new[..., tok.vocabulary.index(" quux")].exp()
    assert (quux <= old.exp().mean(-1) + 1e-6).all()            # Hewitt's bound: no more than known words have on average


def test_a_tokenizer_with_marks_is_saved_and_one_without_is_written_as_before(tmp_path):
    assert load(TOK.save(tmp_path / "a.json")) == TOK and load(tmp_path / "a.json").special == TOK.special
    assert Words([*TOK._ids, *"ab"]) != TOK
    assert set(WORDS.data()) == {"minitrain tokenizer", "kind", "words"}
    model, tok, _ = language.load(language.save(tmp_path / "a.safetensors", MODEL, TOK))
    assert tok == TOK and torch.equal(model.embedding, MODEL.embedding)


def test_growing_twice_adds_nothing_and_other_tokenizers_are_refused():
    again, tok = sft.grown(MODEL, TOK, VILLAGE)
    assert tok == TOK and torch.equal(again.embedding, MODEL.embedding)
    with pytest.raises(ValueError, match="which a text is never cut into"):
        chat.grow(MODEL, TOK, words={" two words": None})
    with pytest.raises(TypeError, match="needs a tokenizer of words"):
        chat.grow(MODEL, load, {})


# Answers.

def test_answers_side_by_side_are_those_one_by_one_and_without_a_cache():
    class Anew:
        context, parameters = MODEL.context, MODEL.parameters

        def __call__(self, ids):
            return MODEL(ids)
    asked = Instructions(VILLAGE).take(9)
    prompts = measure.prompts(TOK, asked, context=64)
    together = chat.reply(MODEL, TOK, [one.text for one in asked], 12)
    assert together == [chat.reply(MODEL, TOK, one.text, 12) for one in asked]
    assert together == chat.answers(Anew(), TOK, prompts, 12, temperature=0) and len({*together}) > 1
    drawn = [generate(m, prompts, 12, generator=torch.Generator().manual_seed(0)) for m in (MODEL, Anew())]
    assert drawn[0] == drawn[1]


def test_prompts_for_a_model_that_was_never_tuned():
    asked = [one for one in Instructions(VILLAGE).take(60) if one.kind == "fact"]
    for how, start in (("as it stands", f"<end> {asked[0].text}"), ("question", f"<end>Question: {asked[0].text}\nAnswer:")):
        assert WORDS.decode(measure.prompts(WORDS, asked, how)[0]) == start
    few = WORDS.decode(measure.prompts(WORDS, asked, "examples", context=200)[0])
    shown = [one for one in asked[1:] if one.style == asked[0].style][:3]
    assert all(f"Question: {one.text}\nAnswer: {one.answer}\n" in few for one in shown) and asked[0].answer not in few
    with pytest.raises(ValueError, match="prompts knows no 'nicely'"):
        measure.prompts(WORDS, asked, "nicely")


# The source.

def test_batches_are_a_function_of_seed_and_number_and_take_each_instruction_once():
    made = Instructions(VILLAGE)
    source = sft.Dialogues(made, TOK, size=4)
    forth = [source.at(i) for i in range(2 * sft.GROUP)]
    back = [sft.Dialogues(made, TOK, size=4).at(i) for i in range(2 * sft.GROUP - 1, -1, -1)][::-1]
    assert all(torch.equal(a, b) for one, two in zip(forth, back) for a, b in zip(one, two))
    said = sorted(TOK.decode([i for i in row.tolist() if i >= 0]) for x, y in forth for row in y)
    assert said == sorted(f" {one.answer}<end>" for one in made.take(8 * sft.GROUP))
    real = sum(len(chat.encode(TOK, (one.text, one.answer))[0]) - 1 for one in made.take(8 * sft.GROUP))
    assert sum(x.numel() for x, _ in forth) < 1.1 * real        # like lengths side by side: little padding


def test_a_few_examples_are_gone_through_again_and_again():
    source = sft.Dialogues(Instructions(VILLAGE), TOK, size=2, examples=16)         # a group is an epoch
    epochs = [Counter(str(row[row >= 0].tolist()) for i in range(8 * e, 8 * e + 8) for row in source.at(i)[1]) for e in range(2)]
    assert epochs[0] == epochs[1] and epochs[0].total() == 16 and len(epochs[0]) > 10
    again = sft.Dialogues(Instructions(VILLAGE), TOK, size=2, examples=16).at(9)
    assert all(torch.equal(a, b) for a, b in zip(again, source.at(9)))
    firsts = [{str(row[row >= 0].tolist()) for i in range(4) for row in source.at(8 * e + i)[1]} for e in range(2)]
    assert firsts[0] != firsts[1]                               # another order
    with pytest.raises(ValueError, match="at least 1 of both"):
        sft.Dialogues(Instructions(VILLAGE), TOK, size=0)


def test_documents_are_those_of_the_village_and_a_mix_makes_a_domain():
    _, y = sft.Documents(VILLAGE, WORDS, size=3, first=7).at(1)
    for row, document in zip(y, VILLAGE.documents(3, first=10)):
        assert WORDS.decode([i for i in row.tolist() if i >= 0]) == document.text + "<end>"
    diaries = Village(seed=0, mix={"diary": 1e9})
    assert {document.kind for document in diaries.documents(30)} == {"diary"}


# It learns.

def test_sixteen_answers_are_learned_from_nothing():
    asked = Instructions(VILLAGE).take(16)
    model, tok = sft.grown(base(tied=False), WORDS, VILLAGE)
    start = measure.followed(model, tok, asked)
    trainer = sft.tune(model, sft.Dialogues(asked, tok, size=8), steps=150, rate=0.02, table_rate=0.02)
    assert start["both"] == 0 and measure.followed(model, tok, asked)["both"] >= 0.9 and trainer.t == 150


def test_a_stopped_run_ends_where_an_uninterrupted_one_does(tmp_path, monkeypatch, capsys):
    language.save(tmp_path / "base.safetensors", base(tied=False), WORDS, about={"village": {"seed": 0, "habit": 3}})
    monkeypatch.setattr(measure, "table_row", lambda *_: {"village": {"all": {"loss": 2.0, "floor": 1.0}}})

    def run(name):
        return sft.main(["--base", str(tmp_path / "base.safetensors"), "--out", str(tmp_path / f"{name}.safetensors"),
                         "--runs", str(tmp_path / name), "--steps", "10", "--size", "32"])
    assert run("whole") == 0
    calls, padded = [], chat.padded

    def dies(*given):
        calls.append(given)
        if len(calls) > sft.GROUP:                              # in the second group, behind update 8
            raise OSError(28, "No space left on device")
        return padded(*given)
    monkeypatch.setattr(chat, "padded", dies)
    with pytest.raises(OSError):
        run("halves")
    monkeypatch.setattr(chat, "padded", padded)
    assert run("halves") == 0 and "Resumed at update 8" in capsys.readouterr().out
    assert {len(rows) for rows, *_ in calls} == {32}                            # --size
    one, two = (language.load(tmp_path / f"{name}.safetensors") for name in ("whole", "halves"))
    assert all(torch.equal(x, two[0].state_dict()[name]) for name, x in one[0].state_dict().items())
    assert one[2]["command"].endswith("--steps 10 --size 32 --seed 0 --out data/models/village-sft.safetensors")


# LoRA.

def test_loras_gradients_are_those_of_the_whole_matrix_seen_through_the_other_factor():
    lots = torch.Generator().manual_seed(0)
    layer = lora.LoRA(nn.Linear(5, 7, bias=True).double(), rank=3, alpha=6.0, lots=lots)
    with torch.no_grad():
        layer.B.normal_(generator=lots)
    x, g = torch.randn(11, 5, generator=lots, dtype=torch.float64), torch.randn(11, 7, generator=lots, dtype=torch.float64)
    whole = (layer.linear.weight + 2.0 * layer.B @ layer.A).detach().requires_grad_()
    (F.linear(x, whole, layer.linear.bias) * g).sum().backward()
    (layer(x) * g).sum().backward()
    torch.testing.assert_close(layer(x), F.linear(x, whole, layer.linear.bias))
    torch.testing.assert_close(layer.B.grad, 2.0 * whole.grad @ layer.A.T)
    torch.testing.assert_close(layer.A.grad, 2.0 * layer.B.T @ whole.grad)
    assert layer.linear.weight.grad is None


def test_merged_equals_unmerged_and_begins_as_the_given_model():
    x = torch.randint(len(TOK), (3, 20), generator=torch.Generator().manual_seed(1))
    model = lora.apply(copy.deepcopy(MODEL), rank=4)
    assert torch.equal(model(x), MODEL(x))
    C = model.width
    matrices = [(C, 3 * C), (C, C), (C, 4 * C), (4 * C, C)]
    assert sum(p.numel() for p in lora.tuned(model)) == 2 * sum(4 * (a + b) for a, b in matrices)
    with torch.no_grad():
        for p in lora.tuned(model):
            p.add_(torch.empty_like(p).normal_(std=0.1, generator=torch.Generator().manual_seed(p.numel())))
    apart = model(x)
    merged = lora.merge(copy.deepcopy(model))
    assert (apart - MODEL(x)).abs().max() > 0.1 and (merged(x) - apart).abs().max() < 1e-5
    assert merged.state_dict().keys() == MODEL.state_dict().keys() and all(p.requires_grad for p in merged.parameters())


def test_tuning_by_lora_leaves_the_model_alone_and_tasks_can_be_swapped():
    model = lora.apply(copy.deepcopy(MODEL), rank=2)
    asked, before = Instructions(VILLAGE).take(8), lora.adapter(model)
    source = sft.Dialogues(asked, TOK, size=8)
    losses_ = [logs["loss"] for logs in sft.tune(model, source, steps=25).history]
    assert losses_[-1] < losses_[0] - 0.5
    frozen = {name: p for name, p in model.named_parameters() if not p.requires_grad}
    for name, p in MODEL.named_parameters():
        assert torch.equal(p, frozen.get(name, frozen.get(name.replace(".weight", ".linear.weight"))))
    after, x = lora.adapter(model), source.at(0)[0]
    tuned = model(x)
    assert torch.equal(lora.put_on(model, before)(x), MODEL(x)) and torch.equal(lora.put_on(model, after)(x), tuned)
    with pytest.raises(ValueError, match="The adapter does not fit"):
        lora.put_on(lora.apply(copy.deepcopy(MODEL), rank=3), after)


def test_what_lora_refuses():
    with pytest.raises(ValueError, match="rank=0; for a matrix of"):
        lora.LoRA(nn.Linear(4, 4), rank=0, lots=torch.Generator())
    with pytest.raises(ValueError, match="no linear layer named query; it has blocks.0"):
        lora.apply(copy.deepcopy(MODEL), where=("query",))
    with pytest.raises(ValueError, match="no parameter 'lm_head'"):
        lora.apply(copy.deepcopy(MODEL), also=("lm_head",))
    model = lora.apply(copy.deepcopy(MODEL), where=("qkv",), also=("embedding",))
    _, grads = gradients(model, losses.next_token, sft.Dialogues(Instructions(VILLAGE), TOK, size=2).at(0))
    assert {name for name, g in grads.items() if g is not None} == {
        "embedding", *(f"blocks.{i}.attention.qkv.{ab}" for i in range(2) for ab in "AB")}


# What was forgotten.

def test_a_model_that_knows_nothing_pays_ln_v_and_the_floor_is_the_villages():
    model = copy.deepcopy(MODEL)
    with torch.no_grad():
        model.unembedding.zero_()
    documents = VILLAGE.documents(40)
    found = measure.forgotten(model, TOK, documents, size=16)
    assert {*found} == {"all", "facts", *(document.kind for document in documents)}
    assert all(math.isclose(part["loss"], math.log(len(TOK)), rel_tol=1e-6) for part in found.values())
    assert math.isclose(found["all"]["floor"], VILLAGE.floor(documents), rel_tol=1e-9)
    told = [n for document in documents for n, fact in zip(document.nats, document.is_fact) if fact]
    assert found["facts"]["tokens"] == len(told) and math.isclose(found["facts"]["floor"], sum(told) / len(told), rel_tol=1e-9)
    assert sum(part["tokens"] for name, part in found.items() if name not in ("all", "facts")) == found["all"]["tokens"]


def test_the_parts_of_a_row_are_those_of_the_split():
    parts = split(VILLAGE)
    row = measure.table_row(MODEL, TOK, parts, VILLAGE, n=4, documents=5)
    assert [*row] == [*parts._fields, "village"] and all(row[name]["n"] == 4 for name in parts._fields)
    assert "people" in measure.table({"untuned": row}).splitlines()[0]


# What is shipped.

def test_the_shipped_assistant_follows_what_it_was_never_tuned_on():
    model, tok, about = language.load(DATA / sft.SHIPPED)
    parts = split(Village(**about["village"]))
    for name, least in (("combinations", 0.9), ("people", 0.8)):
        found = measure.followed(model, tok, getattr(parts, name).take(60, first=3 * measure.HELD_OUT))
        assert found["both"] >= least and about["held_out"][name]["both"] >= least
    assert chat.reply(model, tok, "Where does Zelda live? Be polite.").startswith("With pleasure! Zelda lives in ")
    before, known, _ = language.load(DATA / sft.BASE)
    asked = [one for one in parts.combinations.take(60) if one.kind == "fact"]
    assert measure.followed(before, known, asked, "question")["both"] <= 0.2
