"""Claims: the verdict is computed from the conditions, in one line of words, and nothing raises at a reader."""
import csv
import re

import numpy as np
import pytest
import torch

from minitrain.teach import claim, claims, progress

ROWS = """slug,statement,kind,correction,lesson,source
up,"A rate too large overshoots",holds,,99,"A, 2000"
stuck,"Training gets stuck in a local optimum.",corrected,"In many dimensions it is mostly saddles.",99,"B, 2001"
down,"The gradient points the way down.",wrong,"It points up; training steps against it.",99,"C, 2002"
old,"It was invented in 1986.",cited,"Reverse mode is older.",99,"D, 1970"
mind,"It understands.",open,,99,"E, 1950"
odd,"It is odd.",maybe,,99,
"""


@pytest.fixture(autouse=True)
def table(monkeypatch, tmp_path):
    (tmp_path / "claims.csv").write_text(ROWS, encoding="utf-8")
    monkeypatch.setattr(claims, "FILE", tmp_path / "claims.csv")
    monkeypatch.setattr(claims, "_cache", {})
    monkeypatch.setenv("MINITRAIN_HOME", str(tmp_path))
    monkeypatch.delenv("MINITRAIN_STATIC", raising=False)


STUCK, DOWN = "Training gets stuck in a local optimum.", "The gradient points the way down."
STUCK_INSTEAD, DOWN_INSTEAD = "In many dimensions it is mostly saddles.", "It points up; training steps against it."
OTHERWISE = "! Measured otherwise here:"


@pytest.mark.parametrize(("slug", "conditions", "line", "agreed"), [
    ("up", {"as_told": True}, '✓ Holds, measured: "A rate too large overshoots."', True),
    ("up", {"as_told": False},
     f'{OTHERWISE} "A rate too large overshoots." In this run it did not hold; the course found that it does.', False),
    ("stuck", {"as_told": False, "corrected": True}, f'≈ Holds with a correction: "{STUCK}" {STUCK_INSTEAD}', True),
    ("stuck", {"as_told": True, "corrected": True},
     f'{OTHERWISE} "{STUCK}" In this run it held as told; '
     f'the course found that it holds with a correction: {STUCK_INSTEAD}', False),
    ("stuck", {"as_told": False, "corrected": False},
     f'{OTHERWISE} "{STUCK}" In this run it did not hold, and neither did its correction: {STUCK_INSTEAD}', False),
    ("down", {"as_told": False}, f'✗ Not as told: "{DOWN}" {DOWN_INSTEAD}', True),
    ("down", {"as_told": False, "corrected": True}, f'✗ Not as told: "{DOWN}" {DOWN_INSTEAD}', True),
    ("down", {"as_told": False, "corrected": False},
     f'{OTHERWISE} "{DOWN}" In this run it did not hold, and neither did its correction: {DOWN_INSTEAD}', False),
    ("down", {"as_told": True},
     f'{OTHERWISE} "{DOWN}" In this run it held as told; the course found that it does not: {DOWN_INSTEAD}', False),
    ("old", {}, '§ Cited: "It was invented in 1986." Reverse mode is older. Source: D, 1970', None),
    ("old", {"as_told": True}, '§ Cited: "It was invented in 1986." Reverse mode is older. Source: D, 1970', None),
    ("mind", {}, '? Open: "It understands." Source: E, 1950', None),
])
def test_the_verdict_follows_from_kind_and_conditions(slug, conditions, line, agreed, capsys):
    claim(slug, **conditions)
    assert capsys.readouterr().out == line + "\n"
    assert progress.entry("claims", slug).get("agreed") is agreed


@pytest.mark.parametrize("true", [True, np.True_, np.array(True), np.array([True]), torch.tensor(True), torch.ones(1) > 0])
def test_truths_of_numpy_and_torch_are_truths(true, capsys):
    claim("up", as_told=true)
    claim("up", as_told=not true)
    assert [line[0] for line in capsys.readouterr().out.splitlines()] == ["✓", "!"]


@pytest.mark.parametrize(("slug", "conditions", "said"), [
    ("up", {}, "as_told needs True or False, and got nothing."),
    ("stuck", {"as_told": False}, "corrected needs True or False, and got nothing."),
    ("up", {"as_told": 0.3}, "as_told needs True or False, and got a value of type float."),
    ("up", {"as_told": np.array([True, False])},
     "as_told needs True or False, and got an array of shape (2,); .all() or .any() makes one truth of it."),
    ("up", {"as_told": torch.ones(2, 3) > 0},
     "as_told needs True or False, and got an array of shape (2, 3); .all() or .any() makes one truth of it."),
    ("up", {"as_told": lambda: True}, "as_told needs True or False, and got a value of type function."),
    ("upp", {"as_told": True}, 'There is no claim "upp". Nearest: up.'),
    (None, {}, 'There is no claim "None".'),
    (["up"], {}, "There is no claim \"['up']\"."),
    ("odd", {"as_told": True},
     'The row of "odd" in data/claims.csv has kind "maybe"; kinds are holds, corrected, wrong, cited, open.'),
])
def test_a_slip_gets_one_line_and_is_not_recorded(slug, conditions, said, capsys):
    claim(slug, **conditions)
    out = capsys.readouterr().out
    assert out.removeprefix(f'"{slug}" was not judged: ').startswith(said) and out.count("\n") == 1
    assert progress.entries("claims") == {}


def test_a_missing_table_gets_one_line(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(claims, "FILE", tmp_path / "nowhere" / "claims.csv")
    claim("up", as_told=True)
    assert capsys.readouterr().out.startswith("data/claims.csv can not be read: the course runs from its own folder")


def test_a_changed_table_is_read_again(capsys):
    claim("new", as_told=True)
    claims.FILE.write_text(ROWS + "new,It is new.,holds,,99,\n", encoding="utf-8")
    claim("new", as_told=True)
    assert capsys.readouterr().out.splitlines()[1] == '✓ Holds, measured: "It is new."'


def test_the_ledger_counts_kinds_apart(capsys):
    claim("up", as_told=True)
    claim("stuck", as_told=True, corrected=True)
    claim("old")
    kept = claims.ledger()
    assert {kind: len(slugs) for kind, slugs in kept.course.items()} == dict.fromkeys(claims.KINDS, 1)
    assert kept.agreed["holds"] == ["up"] and kept.otherwise["corrected"] == ["stuck"] and kept.agreed["cited"] == []
    assert repr(kept).splitlines()[1].split() == "hold as told 1 1 1 0".split()
    assert repr(kept).splitlines()[2].split() == "hold with a correction 1 1 0 1".split()
    assert repr(kept).splitlines()[-1] == "Otherwise here: stuck."
    claim("stuck", as_told=False, corrected=True)       # measured again, and now as the course says
    assert claims.ledger().agreed["corrected"] == ["stuck"]
    capsys.readouterr()


def test_the_courses_own_table_is_in_order(monkeypatch):
    monkeypatch.undo()
    with open(claims.FILE, encoding="utf-8", newline="") as file:
        table = csv.DictReader(file)
        rows = list(table)
    assert tuple(table.fieldnames) == claims.COLUMNS
    slugs = [row["slug"] for row in rows]
    assert len(set(slugs)) == len(slugs)
    for row in rows:
        assert None not in row and None not in row.values(), f"{row['slug']}: more or fewer fields than columns"
        assert re.fullmatch(r"[a-z0-9]+([.-][a-z0-9]+)*", row["slug"]), row["slug"]
        assert row["kind"] in claims.KINDS, row["slug"]
        assert re.fullmatch(r"[01]\d|2[0-5]", row["lesson"]), row["slug"]
        assert len(row["statement"].split()) >= 3, row["slug"]
        assert row["correction"] or row["kind"] not in ("corrected", "wrong"), f"{row['slug']}: what is true in its place?"
        assert row["source"], f"{row['slug']}: who says so, or who measured it first?"
        assert "\n" not in "".join(row.values()), row["slug"]
