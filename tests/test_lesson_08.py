"""Lesson 08's parts: the ward and its tests over other seeds, what its claims stand on, the panel, here and in a browser."""
import ast
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from browser import Notebook, changed, clean, press, says, status

from minitrain import callbacks, losses, sources
from minitrain.checkpoint import Checkpoints
from minitrain.diagnose import diagnose
from minitrain.teach import clinic
from minitrain.teach.clinic import FAULTS, TESTS, WARD, build
from minitrain.teach.widgets.clinic import Clinic, alarms, charts

NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "08_when_training_goes_wrong.ipynb"
RINGS = {                                           # the tests that ring at each fault, and no others
    "gradients never zeroed": {"left-over gradients", "one batch by heart"},
    "labels off by one": {"a neighbour's label"},
    "labels shuffled against inputs": {"a neighbour's label"},
    "softmax applied twice": {"a sure answer", "one batch by heart"},
    "test leak": {"copies of held-out digits"},
    "learning rate": {"size of ten updates", "one batch by heart"},
    "dead relus": {"silent units", "one batch by heart"},
    "nan from a bad log": {"a sure answer"},
    "unshuffled data": {"kinds in a batch"},
    "evaluation mode forgotten": {"evaluate twice"},
}


@pytest.fixture(scope="module")
def data():
    return sources.split(*sources.digits(), held_out=0.2, seed=1)


# The ward


def test_every_bed_has_one_fault():
    assert sorted(WARD.values()) == sorted(FAULTS) and len(WARD) == 10


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("fault", [None, *FAULTS])
def test_which_tests_ring(fault, seed, data):
    found = clinic.examine({**FAULTS.get(fault, {}), "data": data[0], "seed": seed})
    assert list(found) == list(TESTS)
    assert {test for test, (_, alarm) in found.items() if alarm} == RINGS.get(fault, set()), found


@pytest.mark.parametrize("seed", range(3))
def test_what_the_claims_and_questions_stand_on(seed, data):
    runs, histories = {}, {}
    for bed, fault in WARD.items():
        runs[bed] = build(data=data[0], seed=seed, **FAULTS[fault])
        histories[bed] = runs[bed].fit(300)
    ends = {bed: [logs["held_out_accuracy"] for logs in history if "held_out_accuracy" in logs][-1]
            for bed, history in histories.items() if math.isfinite(history[-1]["loss"])}
    right = {bed: (run.answers(data[1][0]) == data[1][1]).float().mean().item() for bed, run in runs.items()}
    end_loss = {bed: np.mean([logs["loss"] for logs in histories[bed][-50:]]) for bed in ends}
    assert 2 <= sum(accuracy >= 0.9 for accuracy in ends.values()) <= 3
    assert {"D"} == set(WARD) - set(ends) and 60 < len(histories["D"]) < 290
    assert {bed for bed, loss in end_loss.items() if loss < 0.4} == {"C", "E", "G"} and right["E"] < 0.05
    assert end_loss["E"] < 0.3 and right["C"] > 0.93 and ends["C"] > right["C"] and right["G"] > ends["G"]
    assert max(right[bed] for bed in "AFHI") < 0.2
    healthy = build(data=data[0], seed=seed)
    healthy.fit(300)
    assert (healthy.answers(data[1][0]) == data[1][1]).float().mean() > 0.93


@pytest.mark.parametrize("seed", range(3))
def test_one_batch_by_heart_from_the_flat_beds(seed, data):
    found = {}
    for fault in ("labels shuffled against inputs", "dead relus", "learning rate"):
        run = build(data=data[0], seed=seed, **FAULTS[fault])
        x, y = clinic.first(run)
        for _ in range(200):
            run.trainer.step([(x[:32], y[:32])])
        found[fault] = callbacks.evaluate(run.trainer.model, run.trainer.loss, x[:32], y[:32])["loss"]
    shuffled, dead, rate = found.values()
    assert shuffled < 0.2 and dead > 1.5 and not rate < 1.5


def test_the_repairs_in_the_notebook_give_the_healthy_run(data):
    names = dict(vars(clinic), clinic=clinic, losses=losses)
    for node in ast.parse("\n".join(code())).body:
        if getattr(node, "name", "") in ("Zeroed", "softmax_once", "with_eval"):
            exec(compile(ast.Module([node], []), "notebook", "exec"), names)
    whole = build(data=data[0], seed=2)
    whole.fit(60)
    for part in (dict(trainer=names["Zeroed"]), dict(loss=names["softmax_once"]), dict(evaluate=names["with_eval"])):
        run = build(data=data[0], seed=2, **part)
        assert diagnose(*run) == []
        run = build(data=data[0], seed=2, **part)
        run.fit(60)
        for p, q in zip(run.trainer.model.parameters(), whole.trainer.model.parameters()):
            assert torch.equal(p, q)


def test_a_broken_run_ends_where_it_broke():
    run = build(loss=clinic.bad_log)
    history = run.fit(400)
    assert not math.isfinite(history[-1]["loss"]) and all(math.isfinite(logs["loss"]) for logs in history[:-1])


def test_killed_and_resumed_bit_for_bit(tmp_path):
    whole, killed, resumed = build(seed=3), build(seed=3), build(seed=4)
    whole = build(seed=3)
    whole.trainer.fit(whole.source, until=60)
    killed = build(seed=3)
    killed.trainer.fit(killed.source, until=47, each=Checkpoints(tmp_path, every=20))
    resumed.source = killed.source
    Checkpoints(tmp_path).resume(resumed.trainer)
    assert resumed.trainer.t == 40
    resumed.trainer.fit(resumed.source, until=60)
    for p, q in zip(resumed.trainer.model.parameters(), whole.trainer.model.parameters()):
        assert torch.equal(p.detach().view(torch.int32), q.detach().view(torch.int32))
    assert resumed.trainer.history == whole.trainer.history


# Its pictures and its panel


HISTORY = [{"t": t, "loss": 2.3 - 0.02 * t, "gradient": 1.0 + t} | ({"held_out_accuracy": 0.1} if t % 20 == 19 else {})
           for t in range(60)]
RESULTS = {name: {test: (f"{name}{i}", (i == at)) for i, test in enumerate(TESTS)} for at, name in enumerate("ABC")}
ILL = {"A": "test leak", "B": "dead relus", "C": "learning rate"}


def test_charts_draw_every_run_and_where_it_broke():
    broken = [*HISTORY[:30], {"t": 30, "loss": math.nan, "gradient": math.nan}]
    fig = charts({"A": HISTORY, "B": broken}, title="Two runs")
    blue = [ax for ax in fig.axes if ax.get_title().strip()]
    assert [ax.get_title().strip() for ax in blue] == ["A", "B"]
    np.testing.assert_allclose(blue[0].get_lines()[0].get_ydata(), [logs["loss"] for logs in HISTORY])
    assert blue[1].get_lines()[1].get_marker() == "x" and blue[1].get_lines()[1].get_xdata() == [30]
    assert [ax.texts[0].get_text() for ax in blue] == ["gradient 5.5, then 56", "gradient 5.5, then 26"]
    orange = [ax for ax in fig.axes if ax not in blue]
    assert list(orange[0].get_lines()[0].get_xdata()) == [19, 39, 59]


def test_alarms_are_squares():
    ax = alarms(RESULTS).axes[0]
    squares = {(int(line.get_xdata()[0]), int(line.get_ydata()[0])) for line in ax.get_lines() if line.get_marker() == "s"}
    assert squares == {(0, 0), (1, 1), (2, 2)} and len(ax.get_lines()) == 30


def panel(**more):
    return Clinic(dict.fromkeys("ABC", HISTORY), RESULTS, ILL, samples={"A": "It says 7."}, **more)


def test_a_round_in_the_clinic():
    made = panel(seed=1)
    order = [made.patient, *made.waiting]
    assert sorted(order) == ["A", "B", "C"] and "Patient 1 of 3" in made.message
    tests = list(TESTS)
    made.test = tests[4]
    made.examine(), made.examine()
    assert made.asked == [tests[4]] and made.message == f"{tests[4]}: {order[0]}4. Nothing unusual."
    made.test = tests["ABC".index(order[0])]
    made.examine()
    assert "That is alarming." in made.message and "So far" in made.file.value and len(made.asked) == 2
    made.diagnosis = next(fault for fault in ILL.values() if fault != ILL[order[0]])
    made.diagnose()
    assert "It is not that" in made.message and made.points == 0
    made.diagnosis = ILL[order[0]]
    made.diagnose()
    assert made.points == 10 - 2 - 3 and made.message.startswith("Right after 2 tests") and made.run_button.disabled
    made.diagnose(), made.examine()
    assert made.points == 5                                     # once is enough
    made.next()
    assert made.patient == order[1] and not made.run_button.disabled
    made.next()
    made.diagnosis = ILL[order[2]]
    made.diagnose()
    assert made.points == 15 and "Right after 0 tests" in made.message
    made.next()
    assert made.message == "The waiting room is empty: 15 of 30 points."


def test_points_never_fall_below_one_and_samples_cost_nothing():
    made = panel()
    while made.patient != "A":
        made.next()
    assert "It says 7." in made.file.value and made.asked == []
    for made.test in TESTS:
        made.examine()
    made.diagnosis = "dead relus"
    made.diagnose()
    made.diagnosis = "test leak"
    made.diagnose()
    assert made.points == 1


def test_another_seed_another_order():
    assert len({(made.patient, *made.waiting) for made in (panel(seed=seed) for seed in range(6))}) > 1


def code():
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


# In a browser


@pytest.mark.browser
def test_the_clinic_in_a_browser(lab, browser):
    """By keys alone, on the lesson's own cells, with shorter trainings."""
    notebook_text = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    kept = []
    for cell in notebook_text["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "code" and any(part in source for part in (
                "import FAULTS, WARD, build", "data, aside =", "sick, histories =", "x, y = sick",
                "\nresults = {", "\nClinic(histories")):
            kept.append(cell | {"source": source.replace("fit(300)", "fit(40)"), "outputs": []})
    assert len(kept) == 6
    (lab[1] / "08_clinic.ipynb").write_text(json.dumps(notebook_text | {"cells": kept}))
    notebook = Notebook(browser, lab[0], "08_clinic.ipynb")
    notebook.run_all()
    output = notebook.output("Clinic(histories")
    words = output.locator("[role=status]").first
    before = says(words, "Patient 1 of 10")
    keys = notebook.page.keyboard
    which = output.get_by_role("combobox").first
    which.focus()
    keys.press("ArrowDown")
    output.get_by_role("button", name="Run this test", exact=True).focus()
    keys.press("Space")
    before = changed(words, before)
    assert before.startswith("a sure answer: right ")
    says(status(output), "So far: a sure answer")
    says(status(output), "Of the digits")
    output.get_by_role("combobox").nth(1).focus()
    for _ in range(10):                                         # try every diagnosis in the list: each gets another answer
        output.get_by_role("button", name="Diagnose", exact=True).focus()
        keys.press("Enter")
        before = changed(words, before)
        if "Right after 1 test" in before:
            break
        output.get_by_role("combobox").nth(1).focus()
        keys.press("ArrowDown")
    says(words, "Right after 1 test")
    press(output, "Next patient")
    says(words, "Patient 2 of 10")
    assert "patient 2" in output.locator("img").get_attribute("alt")
    clean(notebook)
    notebook.close()
