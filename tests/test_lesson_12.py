"""Lesson 12's parts: what its claims stand on, in other villages and other draws; its widgets, here and in a browser."""
import json
import math
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from browser import Notebook, changed, clean, move_slider, press, says, status

from minitrain import Trainer, losses, optim
from minitrain.generate import generate
from minitrain.models.ngrams import NGram
from minitrain.models.transformer import Transformer
from minitrain.models.window import Window
from minitrain.sources import text
from minitrain.sources.village import Village
from minitrain.teach.widgets.next_word import GuessNext, Sampler, bits_by_word, readable, spreads
from minitrain.tokenizer import BPE, Words

NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "12_predicting_the_next_word.ipynb"


@pytest.fixture(scope="module")
def elsewhere():
    """Another village, its texts counted, and a network trained on them, as in the lesson."""
    village = Village(seed=1)
    tok, new = Words(village.vocabulary()), village.documents(200, first=2_000_000)
    rows = [[tok.end, *tok.encode(document.text)] for document in village.documents(12_000)]
    ids = torch.tensor([i for row in rows for i in row] + [tok.end])
    network = Window(len(tok), n=6, width=32, hidden=128, seed=1)
    trainer = Trainer(network, losses.next_token, optim.AdamW(network.parameters(), rate=0.02),
                      schedule=optim.warmup(10, optim.cosine(390)))
    trainer.fit(text.Windows(ids, context=32, size=32, seed=1), 400)
    return SimpleNamespace(village=village, tok=tok, new=new, rows=rows, ids=ids, network=network)


@torch.no_grad()
def nats(model, tok, new):
    rows = [torch.tensor([tok.end, *tok.encode(document.text), tok.end]) for document in new]
    return torch.cat([-model(row[None, :-1])[0].log_softmax(1)[range(len(row) - 1), row[1:]] for row in rows])


# What the claims stand on


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_most_places_leave_no_choice_and_texts_have_no_number(seed):
    village = Village(seed=seed)
    new = village.documents(60, first=1_000)
    options = [len(village.next_word(document.pieces[:i])) for document in new for i in range(len(document.pieces) + 1)]
    assert 0.55 < np.mean([n == 1 for n in options]) < 0.85 and max(options) > 40
    assert math.exp(np.mean([-document.log_probability for document in new])) > 1e7


def test_counting_gets_stuck(elsewhere):
    floor = elsewhere.village.floor(elsewhere.new)
    by_n = [nats(NGram(elsewhere.ids, len(elsewhere.tok), n), elsewhere.tok, elsewhere.new).mean().item() for n in range(1, 8)]
    assert all(b < a + 0.005 for a, b in pairwise(by_n)) and by_n[-1] > 1.5 * floor and by_n[1] < 0.6 * by_n[0]


def test_the_network_wins_where_the_last_three_words_are_new(elsewhere):
    e = elsewhere
    def contexts(row): return [tuple(row[max(0, i - 3):i]) for i in range(1, len(row))]
    seen = {context for row in e.rows for context in contexts([*row, e.tok.end])}
    strange = ~torch.tensor([context in seen for document in e.new
                             for context in contexts([e.tok.end, *e.tok.encode(document.text), e.tok.end])])
    counted, learned = nats(NGram(e.ids, len(e.tok), 5), e.tok, e.new), nats(e.network, e.tok, e.new)
    assert 0.02 < strange.float().mean() < 0.2
    assert learned[strange].mean() < counted[strange].mean() - 0.25 and learned.mean() < counted.mean() - 0.02
    assert (counted - learned)[strange].mean() > (counted - learned)[~strange].mean() + 0.15


@pytest.fixture(scope="module")
def hamlet():
    """Another hamlet, and a network trained on its news as in the lesson."""
    village = Village(seed=1, people=8, mix={kind: kind == "news" for kind in Village.kinds()})
    tok = Words(village.vocabulary())
    model = Transformer(len(tok), context=64, layers=1, heads=2, width=64, positions="rotary", norm="rms", seed=1)
    packed = text.pack([tok.encode(document.text) for document in village.documents(8_000)], context=64, end=tok.end)
    trainer = Trainer(model, losses.next_token, optim.Muon(model.parameters(), rate=0.02, adam=[model.embedding], adam_rate=0.02),
                      schedule=optim.warmup(10, optim.cosine(490)))
    trainer.fit(packed.source(size=16, seed=1), 500)
    return SimpleNamespace(village=village, tok=tok, model=model, new=village.documents(150, first=2_000_000))


def test_the_loss_ends_at_the_floor_and_not_below(hamlet):
    over = nats(hamlet.model, hamlet.tok, hamlet.new).mean().item() / hamlet.village.floor(hamlet.new)
    assert 1 < over < 1.12


def test_each_word_gets_its_true_share(hamlet):
    apart = []
    for document in hamlet.new[:15]:
        for i in range(0, len(document.pieces), 5):
            with torch.no_grad():
                ids = torch.tensor([[hamlet.tok.end, *hamlet.tok.encode("".join(document.pieces[:i]))]])
                shares = dict(zip(hamlet.tok.vocabulary, hamlet.model(ids)[0, -1].softmax(0).tolist()))
            rules = hamlet.village.next_word(document.pieces[:i])
            apart.append(sum(abs(share - rules.get(word, 0)) for word, share in shares.items()) / 2)
    assert np.mean(apart) < 0.08


@pytest.mark.parametrize("seed", [1, 2])
def test_the_colder_the_fewer_faults(hamlet, seed):
    def lasts(pieces):
        return next((i for i, piece in enumerate(pieces) if piece not in hamlet.village.next_word(pieces[:i])), len(pieces))
    shares = []
    for temperature in (0.5, 1.0, 1.5):
        drawn = generate(hamlet.model, [[hamlet.tok.end]] * 40, 60, temperature=temperature, stop=hamlet.tok.end,
                         generator=torch.Generator().manual_seed(seed))
        texts = [[hamlet.tok.vocabulary[i] for i in row if i != hamlet.tok.end] for row in drawn]
        shares.append(sum(map(lasts, texts)) / sum(map(len, texts)))
    assert shares[0] > shares[1] + 0.02 and shares[1] > shares[2] + 0.2


def test_a_list_of_words_misses_some_and_byte_pairs_miss_none():
    known, held = text.split(text.clean(text.python_reference()))
    words = Words.train(known)
    assert 0.005 < np.mean(np.array(words.encode(held)) == words.unknown) < 0.1
    pairs = BPE.train(known, 400)
    assert pairs.decode(pairs.encode(held)) == held


# The widgets

PAGE = SimpleNamespace(pieces=["The", " goat", " sang", "."])
OFTEN = {"The": 0.2, " goat": 0.1, " choir": 0.1, " sang": 0.2, " slept": 0.2, ".": 0.2}


def truth(so_far):
    return [{"The": 1.0}, {" goat": 0.5, " choir": 0.5}, {" sang": 0.75, " slept": 0.25}, {".": 1.0}, {"<end>": 1.0}][len(so_far)]


def game():
    return GuessNext([PAGE, PAGE], truth, {"flat": lambda so_far: dict.fromkeys(OFTEN, 1 / 6), "truth": truth}, OFTEN)


def test_a_guess_costs_what_was_staked_on_what_came():
    panel = game()
    assert panel.text == "The"                                                  # the first word leaves no choice
    panel.guess("GOAT ", 50)
    assert panel.bits["you"] == [1.0] and panel.bits["truth"] == [1.0] and panel.bits["flat"] == [pytest.approx(math.log2(6))]
    assert panel.text == "The goat" and panel.message.startswith("Right: goat. That cost you 1.0 bits")
    panel.guess("slept", 80)                                                    # 20 % for all others, sang a fourth of them
    assert panel.bits["you"][1] == pytest.approx(-math.log2(0.2 * 0.2 / 0.8)) and panel.message.startswith("It was: sang.")
    assert panel.text == "The" and panel.page == 1 and panel.turns == 2         # the rest was certain: the next text
    for bits in panel.bits.values():
        assert f"{np.mean(bits):.2f}" in panel.table.value


@pytest.mark.parametrize("sure", [1, 50, 95])
def test_a_guess_is_a_fair_bet(sure):
    """Whatever the stake, what is given to all words that might come is 1 together."""
    total = 0.0
    for right in OFTEN:
        panel = GuessNext([SimpleNamespace(pieces=[right])], lambda so_far: OFTEN if not so_far else {"<end>": 1.0}, {}, OFTEN)
        panel.guess("goat", sure)
        total += 2 ** -panel.bits["you"][0]
    assert total == pytest.approx(1)


def test_what_is_no_guess_costs_nothing():
    panel = game()
    for word, said in (("", "Type a word first"), ("zebra", "no word 'zebra'"), ("<b>", "no word '<b>'")):
        panel.guess(word, 50)
        assert said in panel.message and panel.turns == 0 and panel.bits["you"] == []
    assert "<b>" not in panel.line.value
    panel.another()
    assert panel.page == 1 and panel.text == "The"


class Flat(torch.nn.Module):
    """Six tokens; behind token t, token t + 1 is likeliest."""
    def forward(self, ids):
        return 2.0 * torch.nn.functional.one_hot((ids + 1) % 6, 6).float()


def test_the_sampler_bends_before_it_draws():
    tok = SimpleNamespace(vocabulary=["a", " b", " c", " d", " e", "<end>"], end=5, encode=lambda text: [])
    panel = Sampler(Flat(), tok, check=len, longest=7)
    one = panel.shares()
    assert one.sum() == pytest.approx(1) and one.argmax() == 0
    panel.temperature = 0.5
    assert panel.shares()[0] > one[0]
    panel.temperature, panel.top_k = 1.0, 1
    assert panel.shares().tolist() == [1, 0, 0, 0, 0, 0] and "1 next word has" in panel.message
    panel.finish()
    assert panel.text == "a b c d e" and panel.ended and "could have written it so" in panel.message
    panel.draw()
    assert "has ended" in panel.message
    panel.reset()
    panel.top_k = 0
    panel.draw()
    assert len(panel.drawn) == 1 and panel.text == "".join(tok.vocabulary[i] for i in panel.drawn if i != 5)
    panel.top_p = 0.05
    assert int((panel.shares() > 0).sum()) == 1 if not panel.ended else True


def test_pictures_have_a_row_for_each_reader():
    fig = bits_by_word(["The", "\n", "<end>"], {"a": [1.0, 0.0, 2.0], "b": [0.5, 0.5, 0.5]})
    assert [ax.get_title(loc="left") or ax.get_title() for ax in fig.axes] == ["a: 3 bits in all", "b: 2 bits in all"]
    names = [label.get_text() for label in fig.axes[1].get_xticklabels()]
    assert names == ["The", "⏎", "(end)"] == [*map(readable, ["The", "\n", "<end>"])]
    fig = spreads({"left": {" a": 0.7, " b": 0.3}, "right": {" c": 1.0}}, kept={"left": {" a"}, "right": set()})
    assert [bar.get_width() for bar in fig.axes[0].patches] == [0.7, 0.3]
    colours = [bar.get_facecolor() for ax in fig.axes for bar in ax.patches]
    assert colours[0] != colours[1] == colours[2]
    fig = spreads({"left": {" a": 0.3, " b": 0.7}, "right": {" c": 0.9, " a": 0.1}}, same=True)
    assert [[bar.get_width() for bar in ax.patches] for ax in fig.axes] == [[0.7, 0.3], [0.0, 0.1]]


# In a browser

PANELS = """from minitrain.models.window import Window
from minitrain.sources.village import Village
from minitrain.teach.widgets.next_word import GuessNext, Sampler
from minitrain.tokenizer import Words
village = Village(seed=0)
tok = Words(village.vocabulary())
often = dict.fromkeys(village.vocabulary(), 1 / len(village.vocabulary()))
"""


@pytest.mark.browser
def test_the_widgets_in_a_browser(lab, browser):
    """The panels alone, with keys alone."""
    whole = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    source = "".join("".join(cell["source"]) for cell in whole["cells"])
    assert "GuessNext(" in source and "Sampler(" in source
    kept = next(cell for cell in whole["cells"] if cell["cell_type"] == "code") | {"outputs": []}
    cells = [kept | {"id": name, "source": text} for name, text in (
        ("setup", PANELS), ("guess", "GuessNext(village.documents(3), village.next_word, {'village': village.next_word}, often)"),
        ("sample", "Sampler(Window(len(tok)), tok)"))]
    (lab[1] / "12_widgets.ipynb").write_text(json.dumps(whole | {"cells": cells}))
    notebook = Notebook(browser, lab[0], "12_widgets.ipynb")
    notebook.run_all()
    output = notebook.output("GuessNext(village")
    words = status(output)
    before = says(words, "press Guess")
    output.get_by_role("textbox").first.fill("the")
    low, high = move_slider(notebook, output, "How sure, in %", presses=3)
    assert high == low + 3
    output.get_by_role("button", name="Guess", exact=True).focus()
    notebook.page.keyboard.press("Space")
    assert "bits; on average so far" in changed(words, before)
    output = notebook.output("Sampler(Window")
    words = status(output)
    before = says(words, "0 words")
    move_slider(notebook, output, "Temperature", presses=5)
    press(output, "Draw a word")
    assert changed(words, before).startswith(("1 word", "0 word"))
    press(output, "Draw to the end")
    press(output, "Start over")
    says(words, "0 words")
    clean(notebook)
    notebook.close()
