"""The Connect Four network that ships: its command, its file, its records, and how strong it is."""
from functools import partial

import pytest
import torch

from minitrain import records
from minitrain.checkpoint import Unusable, file
from minitrain.evaluate import connect_four as measured
from minitrain.models.residual import Residual
from minitrain.rl import connect_four as made
from minitrain.rl.games import connect_four, match, openings, random_player
from minitrain.rl.selfplay import SelfPlay

GAME = connect_four()


@pytest.fixture(scope="module")
def shipped():
    return made.load()


def test_a_block_begins_as_nothing_and_a_cell_sees_as_far_as_the_blocks_reach():
    x = torch.rand(3, 2, 6, 7)
    one, three = (Residual((2, 6, 7), channels=4, blocks=n, outputs=5, seed=1) for n in (1, 3))
    three.last.load_state_dict(one.last.state_dict())
    three.first.load_state_dict(one.first.state_dict())
    assert torch.equal(one(x), three(x)) and one(x).abs().max() > 0.1
    for p in three.parameters():
        torch.nn.init.ones_(p)
    x = torch.zeros(1, 2, 6, 7, requires_grad=True)
    torch.nn.init.zeros_(three.last.weight)
    torch.nn.init.ones_(three.last.weight[:, 0])            # channel 0 of the first cell alone
    seen = torch.autograd.grad(three(x).sum(), x)[0][0, 0] != 0
    assert seen.all()                                       # 1 + 2·3 convolutions reach 7 cells
    torch.nn.init.zeros_(three.blocks[2][1].weight)
    torch.nn.init.zeros_(three.blocks[1][1].weight)
    assert not torch.autograd.grad(three(x).sum(), x)[0][0, 0, 5, 6]


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(made, "TRUNK", {"channels": 2, "blocks": 1, "outputs": 4})
    monkeypatch.setattr(made, "SelfPlay", partial(SelfPlay, simulations=1))


def test_a_stopped_command_goes_on_and_makes_the_same_file(small, tmp_path, monkeypatch, capsys):
    def command(name):
        return made.main(["--out", f"{tmp_path}/{name}", "--runs", f"{tmp_path}/{name} runs", "--steps", "64", "--games", "2"])
    assert command("whole") == 0
    write = made.Keep.write

    def stop(self, trainer, seconds):
        write(self, trainer, seconds)
        if trainer.t == 16:
            raise KeyboardInterrupt
    monkeypatch.setattr(made.Keep, "write", stop)
    assert command("parts") == 130 and "Stopped at update 16" in capsys.readouterr().out
    monkeypatch.setattr(made.Keep, "write", write)
    assert command("parts") == 0 and "Resumed at update 16" in capsys.readouterr().out
    whole, parts = (file.read(tmp_path / name)["connect four"] for name in ("whole", "parts"))
    assert [entry["updates"] for entry in whole] == [0, 1, 2, 4, 8, 16, 32, 48, 64]
    for a, b in zip(whole, parts, strict=True):
        assert (a["updates"], a["games"]) == (b["updates"], b["games"]) and a["seconds"] <= whole[-1]["seconds"]
        assert all(torch.equal(a["weights"][name], b["weights"][name]) for name in a["weights"])
    again = made.load(tmp_path / "whole")
    assert torch.equal(again[-1].model.policy.weight.to(torch.bfloat16), whole[-1]["weights"]["policy.weight"])
    assert not again[0].model.training


def test_bad_files_and_numbers_get_a_sentence(tmp_path, capsys):
    with pytest.raises(ValueError, match="holds no Connect Four networks"):
        made.load(file.write(tmp_path / "other.safetensors", {"t": 1}))
    (tmp_path / "broken.safetensors").write_bytes(b"no")
    with pytest.raises(Unusable):
        made.load(tmp_path / "broken.safetensors")
    with pytest.raises(SystemExit):
        made.main(["--out", "x", "--steps", "10"])
    assert "--steps is 10" in capsys.readouterr().err


def test_the_file_that_ships_is_small_and_learned(shipped):
    assert made.SHIPPED.stat().st_size <= 5_000_000 and len(shipped) == len(made.MOMENTS)
    for name in ("updates", "games", "seconds"):
        values = [getattr(snapshot, name) for snapshot in shipped]
        assert values[0] == 0 and values == sorted(values) and values[-1] > 1000
    assert "minitrain.rl.connect_four" in file.read(made.SHIPPED)["command"]
    begun = openings(GAME, 10, seed=3)
    last = measured.player(GAME, shipped[-1].model, 10)
    assert match(GAME, last, random_player(GAME, seed=1), begun).mean() > 0.9
    assert match(GAME, last, measured.player(GAME, shipped[0].model, 10), begun).mean() > 0.9


def test_what_is_recorded_is_what_the_lesson_says():
    rows, command = records.read(records.RUNS / "connect_four_match.csv")
    assert "minitrain.evaluate.connect_four" in command and {row["games"] for row in rows} == {200}
    assert [row["simulations"] for row in rows] == list(measured.BUDGETS)
    for row in rows:
        assert row["won"] + row["drawn"] + row["lost"] == 200
        assert row["score"] == pytest.approx((row["won"] + row["drawn"] / 2) / 200, abs=1e-4)
    assert max(row["won"] for row in rows) >= 160          # not by half points alone
    players = {row["player"] for row in records.read(records.RUNS / "connect_four.csv")[0]}
    assert players == {"random", "snapshot", *(f"alpha-beta {depth}" for depth in measured.DEPTHS)}


def test_the_measures_count_what_was_played():
    fresh = made.untrained({"channels": 2, "blocks": 1, "outputs": 4})
    [row] = measured.matches(fresh, depth=1, positions=4, budgets=(2,))
    assert row["games"] == 8 == row["won"] + row["drawn"] + row["lost"] and row["score"] < 0.5 and row["other_ms"] > 0
    pair = [made.Snapshot(0, 0, 0.0, fresh), made.Snapshot(5, 9, 1.0, fresh)]
    rows = list(measured.strengths(pair, simulations=1, positions=2))
    assert [row["player"] for row in rows][-2:] == ["snapshot"] * 2 and rows[0]["elo"] == 0 and rows[-1]["updates"] == 5
    assert all(row["low"] <= row["high"] for row in rows)


@pytest.mark.slow
def test_it_beats_alpha_beta_six_deep_in_four_games_of_five(shipped):
    [row] = measured.matches(shipped[-1].model, seed=7, budgets=(400,))
    assert row["games"] == 200 and row["score"] >= 0.8
