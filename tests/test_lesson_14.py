"""Lesson 14's parts: what its claims stand on, over other seeds; the second clinic; its dashboard, here and in a browser."""
import copy
import csv
import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from browser import Notebook, changed, clean, move_slider, says, status

from minitrain import Trainer, losses, optim
from minitrain.callbacks import evaluate
from minitrain.models.transformer import Transformer, attention
from minitrain.pretrain import corpus, prepare
from minitrain.pretrain.compared import SIZE, diaries, main, same_words
from minitrain.pretrain.masked import fine_tune, rows
from minitrain.pretrain.score import against_the_floor
from minitrain.sources import text as texts
from minitrain.teach import second_clinic
from minitrain.teach.figures import curves, png
from minitrain.teach.second_clinic import FAULTS, WARD, average_of_ones, build, sees_the_future, targets_are_inputs
from minitrain.teach.widgets.training_dashboard import TrainingDashboard, dashboard, plain_numbers

NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "14_pretraining.ipynb"


@pytest.fixture(scope="module")
def village():
    return diaries()


@pytest.fixture(scope="module")
def made(village):
    """Other pages than the lesson's."""
    return corpus(village.documents(3000, first=50_000), tokenizer="words", deduplicate=False)


def begin(made, **how):
    return prepare(made, quiet=True, **SIZE | how)


# What the claims stand on


def test_facts_lag_behind_grammar_and_both_come(made, village):
    unseen, looks = village.documents(60, first=10**6 + 500), {}

    def look(run, logs):
        if run.trainer.t in (100, 250):
            looks[run.trainer.t] = against_the_floor(run.model, run.tokenizer, unseen)
    begin(made, steps=250, every=250, seed=7, each=look).train()
    above = {t: {kind: row["loss"] - row["floor"] for kind, row in look.items()} for t, look in looks.items()}
    assert above[100]["facts"] > 2 * above[100]["grammar"]
    for kind in ("facts", "grammar"):
        assert above[250][kind] < 0.8 * above[100][kind]
    assert abs(above[250]["all"] - above[250]["grammar"]) < abs(above[250]["facts"] - above[250]["all"])      # it flatters


def test_the_targets_are_the_text_itself(made):
    x, y, documents = made.source(context=64, batch=8, seed=3).at(2)
    inside = (documents[:, 1:] == documents[:, :-1]) & (documents[:, 1:] >= 0)
    assert inside.any() and torch.equal(y[:, :-1][inside], x[:, 1:][inside])


@pytest.mark.parametrize("seed", [1, 2])
def test_warmup_has_a_best_length_between_none_and_nearly_all(seed, made):
    packed = texts.pack(made.ids[:1000], 64, made.tokenizer.end)

    def after(warmup, rate, steps=60):
        model = Transformer(len(made.tokenizer), 64, 1, 2, 64, seed=seed)
        trainer = Trainer(model, losses.next_token, optim.AdamW(model.parameters(), rate),
                          schedule=optim.warmup(warmup, optim.cosine(steps - warmup)))
        trainer.fit(packed.source(4, seed), steps)
        return np.mean([float(logs["loss"]) for logs in trainer.history[-10:]])
    for rate in (0.003, 0.03):
        none, some, long = (after(warmup, rate) for warmup in (1, 30, 55))
        assert none > some + (0.3 if rate == 0.03 else 0.05) and long > some + 0.03


def test_bert_beats_scratch_on_words_without_labels(made, village):
    bert = begin(made, steps=250, every=250, masked=True, seed=5).train()
    later = "\n".join(page.text for page in village.documents(2000, first=3 * 10**6))
    for seed in (11, 12):
        parts, lots = ([], []), np.random.default_rng(seed)
        for label, pattern in enumerate((r"so did \w+ (\w+ \w+)\.", r"I bought an? (\w+ \w+),")):
            kind = lots.permutation(sorted(set(re.findall(pattern, later)))).tolist()
            words = sorted({word for scrap in kind for word in scrap.split()})
            known = set(lots.permutation(words)[:len(words) // 2])
            parts[0].extend([(f" {scrap}", label) for scrap in kind if known.issuperset(scrap.split())][:25])
            parts[1].extend([(f" {scrap}", label) for scrap in kind if known.isdisjoint(scrap.split())][:60])
        few, many = [(rows(bert.tokenizer, [scrap for scrap, _ in part], 8), torch.tensor([label for _, label in part]))
                     for part in parts]

        def right(body, few=few, many=many):
            return evaluate(fine_tune(body, *few, steps=60), losses.cross_entropy, *many)["accuracy"]
        scratch, tuned = right(bert.plan.model(len(bert.tokenizer))), right(copy.deepcopy(bert.model))
        assert tuned > scratch + 0.15 and tuned > 0.9


def test_both_are_asked_for_the_same_words(made, village):
    """Models that know nothing pay about ln V each; and the floor is that of the words which the record was made on."""
    bert, gpt = (begin(made, steps=2, masked=masked, every=2) for masked in (True, False))
    *costs, floor = same_words(bert, gpt, village.documents(200, first=10**6))
    assert costs == pytest.approx([math.log(len(made.tokenizer))] * 2, rel=0.03)
    assert {value("floor", updates, seed) for updates in LENGTHS for seed in range(3)} == {round(floor, 4)}


def value(model, updates, seed):
    """One number of the record."""
    record = (NOTEBOOK.parents[1] / "data" / "runs" / "masked_and_causal.csv").read_text(encoding="utf-8").splitlines()[1:]
    found, = [row["value"] for row in csv.DictReader(record) if row["what"] == "same words" and row["model"] == model
              and (int(row["updates"]), int(row["seed"])) == (updates, seed)]
    return float(found)


LENGTHS = (500, 1000, 2000, 4000)


@pytest.mark.parametrize("seed", range(3))
def test_recorded_bert_starts_slower_and_ends_below_what_the_left_alone_allows(seed):
    assert value("bert", 500, seed) > value("gpt", 500, seed) + 0.3
    assert value("bert", 4000, seed) < value("floor", 4000, seed) - 0.05
    assert all(abs(value("gpt", updates, seed) - value("floor", updates, seed)) < 0.04 for updates in LENGTHS)


def test_the_recorded_comparison_can_be_made_again(tmp_path):
    assert main(["--out", str(tmp_path / "out.csv"), "--quick"]) == 0
    first, head, *lines = (tmp_path / "out.csv").read_text().splitlines()
    assert first.startswith("# python -m minitrain.pretrain.compared") and head == "what,model,updates,seed,value"
    assert {line.split(",")[0] for line in lines} == {"same words", "words", "accuracy"}


# The second clinic


@pytest.fixture(scope="module")
def patients(made):
    found = {fault: build(made, seed=4, **parts) for fault, parts in {"healthy": {}, **FAULTS}.items()}
    for patient in found.values():
        patient.fit(150)
    return found


def test_every_bed_has_one_fault():
    assert sorted(WARD.values()) == sorted(FAULTS)


def test_two_go_below_the_floor_and_one_hides(patients, made, village):
    floor = village.floor(village.documents(100, first=10**6))
    ends = {fault: np.mean([float(logs["loss"]) for logs in patient.trainer.history[-20:]])
            for fault, patient in patients.items()}
    assert ends["mask leak"] < 0.8 * floor and ends["targets not shifted"] < 0.2 * floor
    assert ends["healthy"] > floor and ends["wrong softmax axis"] > floor


def test_held_out_pages_are_scored_by_the_same_wrong_lines(patients, made):
    ends = {fault: np.mean([float(logs["loss"]) for logs in patient.trainer.history[-20:]])
            for fault, patient in patients.items()}
    assert all(second_clinic.held_out_loss(patient, made) < 1.05 * ends[fault] for fault, patient in patients.items())


def test_which_test_finds_which_fault(patients, made):
    x = second_clinic.rows(made, 64)[0][:8]
    rings = {fault: (sees_the_future(patient, x) > 1e-3, average_of_ones(patient) > 1e-3, targets_are_inputs(patient) > 0.5)
             for fault, patient in patients.items()}
    assert rings == {"healthy": (False,) * 3, "mask leak": (True, False, False), "wrong softmax axis": (True, True, False),
                     "targets not shifted": (False, False, True)}


def test_one_line_mends_each(made):
    """The faulty attentions differ from ours in what is planted alone."""
    q, k, v = torch.randn(3, 2, 2, 7, 16, generator=torch.Generator().manual_seed(0))
    right = attention(q, k, v, causal=True)
    leaky = second_clinic.leaky_attention(q, k, v, causal=True)
    torch.testing.assert_close(leaky[:, :, -1], right[:, :, -1])        # the last place has nothing behind it
    assert not torch.allclose(leaky[:, :, :-1], right[:, :, :-1])
    x, y = second_clinic.rows(made, 64)
    assert torch.equal(x[:, 1:][y[:, 1:] != -100], y[:, :-1][y[:, 1:] != -100])
    assert torch.equal(second_clinic.unshifted(x, y)[1] == -100, y == -100)


# The dashboard

HISTORY = [{"t": t, "loss": 6.4 / (t + 1) + 1, "rate": 0.01, "norm": 2.0} for t in range(20)]


def test_an_empty_picture_can_be_drawn():
    assert png(dashboard([], floor=0.7))


def test_the_picture_has_the_floor_and_the_held_out_loss():
    loss, rate, norm = dashboard(HISTORY, floor=0.7, held={5: 2.0, 10: 1.5}, until=40).axes
    run, held, floor = loss.get_lines()
    assert list(run.get_xdata()) == [*range(1, 21)] and list(held.get_xdata()) == [5, 10]
    assert set(floor.get_ydata()) == {0.7} and loss.get_xlim()[1] == 40
    assert set(rate.get_lines()[0].get_ydata()) == {0.01} and set(norm.get_lines()[0].get_ydata()) == {2.0}


def test_plain_numbers_on_a_logarithmic_axis():
    ax = plain_numbers(curves({"a": [5, 1, 0.2]}, log=True), floor=0.7).axes[0]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["0.3", "1", "3"]
    assert set(ax.get_lines()[-1].get_ydata()) == {0.7}


def test_a_rate_can_be_changed_between_updates_and_the_run_resumes(made):
    panel = TrainingDashboard(lambda: begin(made, steps=8, every=1, layers=1, width=32, heads=1), floor=0.67)
    assert panel.sample == "Nothing written yet."
    assert panel.step() and panel.step()
    panel.factor = 10.0
    assert panel.step() and "10 times the planned rate" in panel.message
    groups = panel.run.trainer.optimizer.groups
    assert [group.rate for group in groups] == pytest.approx([10 * panel.run.plan.rate, 10 * panel.run.plan.adam_rate])
    shares = [row["rate"] / (panel.run.plan.rate * panel.run.trainer.schedule(t)) for t, row in enumerate(panel.rows)]
    assert shares == pytest.approx([1, 1, 10])
    panel.picture = None                                    # drawing takes most of the time
    while panel.step():
        pass
    assert panel.finished and panel.run.done and panel.sample.startswith("After 8 updates it wrote: ")
    panel.reset()
    assert panel.rows == [] and panel.taken == 0 and not panel.finished


def test_untouched_it_is_the_same_run(made):
    panel = TrainingDashboard(lambda: begin(made, steps=4, every=2), floor=0.67)
    panel.picture = None                                    # drawing takes most of the time
    while panel.step():
        pass
    whole = begin(made, steps=4, every=2).train()
    assert [row["loss"] for row in panel.rows] == [float(row["loss"]) for row in whole.history]


# In a browser


@pytest.mark.browser
def test_the_dashboard_in_a_browser(lab, browser):
    """By keys alone, on the lesson's own cells, with fewer pages."""
    text = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    wanted = ("import TrainingDashboard", "def diaries", "made = corpus(pages", "def begin(", "TrainingDashboard(lambda")
    shorter = {"16_000": "600", "every=20), floor": "every=20), 0.67"}
    kept = []
    for cell in text["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "code" and any(part in source for part in wanted):
            for whole, short in shorter.items():
                source = source.replace(whole, short)
            kept.append(cell | {"source": source.split("\nrun = begin()")[0], "outputs": []})
    assert len(kept) >= len(wanted)
    (lab[1] / "14_dashboard.ipynb").write_text(json.dumps(text | {"cells": kept}))
    notebook = Notebook(browser, lab[0], "14_dashboard.ipynb")
    notebook.run_all()
    output = notebook.output("TrainingDashboard(lambda")
    before = says(status(output), "Ready.")
    step = output.get_by_role("button", name="One step", exact=True)
    step.focus()
    notebook.page.keyboard.press("Space")
    before = changed(status(output), before)
    assert before.startswith("Update 1: loss ") and "1 times the planned rate" in before
    assert move_slider(notebook, output, "Times the planned rate", presses=5) == (0.0, 0.5)       # powers of ten
    before = says(status(output), "From the next update on: 3.2 times")
    step.focus()
    notebook.page.keyboard.press("Space")
    assert "3.2 times the planned rate" in changed(status(output), before)
    clean(notebook)
    notebook.close()
