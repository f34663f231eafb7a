"""The race counts fairly: each held-out window once, clocks that stand while models are tested, and limits that hold."""
import importlib.util
import json
import random
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.nn import functional as F

FOLDER = Path(__file__).parent / "benchmarks"


@pytest.fixture(scope="module")
def race():
    sys.path.insert(0, str(FOLDER))                         # it imports its neighbour, english.py
    try:
        spec = importlib.util.spec_from_file_location("pretrain_race", FOLDER / "pretrain_race.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield module
    finally:
        sys.path.remove(str(FOLDER))


def text(words=600, seed=0):
    lots = random.Random(seed)
    return " ".join(lots.choice(["goat", "hat", "choir", "sang", "ate", "the"]) for _ in range(words))


class Bigram(nn.Module):
    """Logits from the last token alone; keeps what it was asked."""
    def __init__(self, V):
        super().__init__()
        self.table, self.asked = nn.Parameter(torch.randn(V, V, generator=torch.Generator().manual_seed(0))), []

    def forward(self, ids):
        self.asked.append(ids)
        return self.table[ids]


def test_the_scorer_counts_every_window_once(race):
    held = torch.randint(9, (7 * 64 + 30,), generator=torch.Generator().manual_seed(1))
    x, y = race.texts.disjoint(held, race.CONTEXT)
    model = Bigram(9)
    got = race.score(model, x, y, rows=3)                   # 3, 3 and 1 windows: a mean of means would be off
    assert [len(ids) for ids in model.asked] == [3, 3, 1]
    assert torch.equal(torch.cat(model.asked).flatten(), held[:7 * 64])
    assert got == pytest.approx(float(F.cross_entropy(model.table.detach()[held[:7 * 64]], held[1:7 * 64 + 1])), rel=1e-6)


def test_a_small_race_end_to_end(race):
    out = json.loads(json.dumps(race.main(text(), [0, 1], {"plain": 3, "transformer": 2, "n_grams": 2})))
    assert out["characters"] == len(text()) and out["windows"] == (len(text()) - round(0.9 * len(text())) - 1) // 64
    assert out["planned_updates"] == {"plain": 3, "transformer": 2, "n_grams": 2}
    assert all(0 < n <= 1_200_000 for n in out["parameters"].values())
    assert out["parameters"]["plain"] == 4 * (12 * 128**2 + 2 * 128) + 128 + (out["vocabulary"] + 64) * 128
    assert len(out["ratio_b"]["runs"]) == len(out["ratio_c"]["runs"]) == len(out["seconds_cpu_seconds_loss"]) == 2
    for run, end in zip(out["seconds_cpu_seconds_loss"], out["seconds_of_a"]["runs"], strict=True):
        for name, curve in run.items():
            seconds, cpu, loss = zip(*curve, strict=True)
            assert list(seconds) == sorted(seconds) and list(cpu) == sorted(cpu) and loss[-1] < loss[0] < 4, name
            assert seconds[-1] >= end                       # (b) and (c) go on until (a)'s time is up
    last = [run["n_grams"][-1][-1] for run in out["seconds_cpu_seconds_loss"]]
    assert out["loss_when_a_is_done"]["n_grams"]["runs"] == pytest.approx(last, abs=5e-4)
    assert set(out["counted"]) == {"4-gram", "6-gram"} and all(c["loss"] < 1.5 for c in out["counted"].values())


def test_the_planned_models_keep_the_limit_with_any_usual_alphabet(race):
    for recipe, _ in race.RACERS.values():
        model, _ = recipe(torch.zeros(200, dtype=torch.int64), 150, 0, 10)
        assert sum(p.numel() for p in model.parameters() if p.requires_grad) <= race.MOST
        assert not list(model.buffers())                    # nothing counted hides beside what is trained


def test_a_model_above_the_limit_does_not_start(race):
    with pytest.raises(ValueError, match=r"1,\d+,\d+ parameters; the race allows 1,200,000"):
        race.Racer(lambda ids, V, seed, steps: (Bigram(1100), iter(())), text(), 0, 1)


def test_clocks_stand_while_models_are_tested(race, monkeypatch):
    now = [0.0]

    def updates():
        while True:
            now[0] += 2.0
            yield

    monkeypatch.setattr(race.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(race.time, "process_time", lambda: 2 * now[0])
    monkeypatch.setattr(race, "score", lambda *_: now.__setitem__(0, now[0] + 100.0) or 1.0)
    racer = race.Racer(lambda *_: (now.__setitem__(0, now[0] + 5.0), (Bigram(9), updates()))[1], text(), 0, 10)
    racer.run(3, ())
    racer.run(2, ())
    assert racer.curve == [(5 + 6, 2 * (5 + 6), 1.0), (5 + 10, 2 * (5 + 10), 1.0)]     # 5 to prepare, 2 an update


def test_the_moment_is_read_between_two_tests(race):
    curve = [(1.0, 10, 3.0), (2.0, 20, 2.0), (4.0, 40, 2.2), (6.0, 60, 1.0)]
    assert race.reached(curve, 2.5) == (1.5, 15) and race.reached(curve, 3.0) == (1.0, 10)
    assert race.reached(curve, 2.0) == (2.0, 20) and race.reached(curve, 1.6) == (5.0, 50)      # the first time, not the last
    assert race.reached(curve, 0.9) is None
    plain = SimpleNamespace(curve=[(0.0, 0, 9.0), (30.0, 150, 2.5)])
    runs = [{"plain": plain, "other": SimpleNamespace(curve=curve)}, {"plain": plain, "other": SimpleNamespace(curve=curve[:1])}]
    assert race.sooner(runs[:1], "other")["wall"]["runs"] == [20.0] and race.sooner(runs[:1], "other")["cpu"]["median"] == 10.0
    assert race.sooner(runs, "other")["wall"] == {"median": None, "runs": [20.0, None]}
    assert race.middle([3.0, None])["median"] is None and race.middle([3.0, 1.0, 2.0])["median"] == 2.0


def test_the_plain_recipe_is_as_agreed(race):
    rates = [race.rate(t, 2000) for t in (0, 49, 99, 100, 1050, 1999)]
    assert rates == pytest.approx([1e-5, 5e-4, 1e-3, 1e-3, 5.5e-4, 1e-4], abs=1e-8)
    model, updates = race.plain(torch.randint(50, (500,)), 50, 0, 2000)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    next(updates)
    moved = {name: float((p.detach() - before[name]).abs().max()) for name, p in model.named_parameters()}
    assert all(0 < most < 1.2e-5 for most in moved.values())            # Adam's first step is the rate, 1e-5, and a little decay
    x = torch.randint(50, (2, 64))
    y = x.clone()
    y[:, 40] = (y[:, 40] + 1) % 50
    changed = (model(x) - model(y)).abs().amax((0, 2)) > 0
    assert not changed[:40].any() and changed[40:].all()


def test_the_default_text_is_prose_the_same_each_time_and_each_paragraph_once(race, monkeypatch):
    monkeypatch.setattr(sys.modules["english"], "PACKAGES", ["joblib"])
    got = race.english(8000)
    assert got == race.english(8000) and len(got) == 8000 and got.isascii()
    lines = [line for line in got.split("\n") if line]
    assert len(lines) == len(set(lines)) > 20 and all(line[0].isupper() and line[-1] == "." for line in lines[:-1])
    with pytest.raises(ValueError, match=r"fewer than 9,000,000"):
        race.english(9_000_000)
