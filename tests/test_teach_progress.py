"""Progress: one file that two notebooks share, that nothing overwrites silently, and that is left alone when it can't be read."""
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from minitrain.teach import progress
from minitrain.teach.progress import export_progress, import_progress, record


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    monkeypatch.setenv("MINITRAIN_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MINITRAIN_STATIC", raising=False)
    monkeypatch.setattr(progress, "_unsaved", {room: {} for room in progress.ROOMS})
    monkeypatch.setattr(progress, "_said", set())
    return tmp_path / "home"


def stored(home):
    return json.loads((home / "progress.json").read_text(encoding="utf-8"))


def test_entries_are_merged_field_by_field(home):
    record("predictions", "03/a", choice="größer", confidence=0.5)
    record("predictions", "03/a", right=True)
    record("exercises", "03/b", passed=True)
    assert stored(home)["version"] == 1
    kept = progress.entry("predictions", "03/a")
    assert kept == {"choice": "größer", "confidence": 0.5, "right": True, "at": kept["at"]}
    assert set(progress.entries("exercises")) == {"03/b"} and progress.entry("claims", "x") == {}
    assert sorted(p.name for p in home.iterdir()) == ["progress.json", "progress.lock"], "no temporary file is left"


def test_without_minitrain_home_it_is_in_the_home_directory(monkeypatch, tmp_path):
    monkeypatch.delenv("MINITRAIN_HOME")
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    record("exercises", "03/b", passed=True)
    assert (tmp_path / ".minitrain" / "progress.json").exists()


def test_processes_that_write_at_once_lose_nothing(home):
    program = ("import sys; from minitrain.teach.progress import record\n"
               "for i in range(25): record('exercises', f'{sys.argv[1]}/{i}', passed=True)")
    workers = [subprocess.Popen([sys.executable, "-c", program, str(n)]) for n in range(3)]
    assert [worker.wait(60) for worker in workers] == [0, 0, 0]
    assert len(stored(home)["exercises"]) == 75


@pytest.mark.parametrize("broken", [
    b'{"version": 1, "predictions": {"03/a"', b"", b"[]", b'{"version": true}', b"\xff\xfe\x00", b'{"version": 1, "claims": []}',
    b'{"version": 1, "claims": {"a": 3}}', b"[" * 100_000])
def test_a_broken_file_is_set_aside_and_said_once(home, broken, capsys):
    home.mkdir()
    (home / "progress.json").write_bytes(broken)
    assert progress.entries("predictions") == {}
    record("exercises", "03/b", passed=True)
    said = capsys.readouterr().out
    assert said.startswith("Your progress file could not be read (")
    assert said.endswith("it was kept as progress.broken-1.json and a new one begun.\n")
    assert said.count("\n") == 1
    assert (home / "progress.broken-1.json").read_bytes() == broken
    assert set(stored(home)["exercises"]) == {"03/b"}
    (home / "progress.json").write_bytes(b"again")
    record("exercises", "03/c", passed=True)
    assert (home / "progress.broken-2.json").read_bytes() == b"again"


def test_a_file_of_a_newer_version_is_left_alone(home, capsys):
    home.mkdir()
    newer = '{"version": 2, "predictions": "packed"}'
    (home / "progress.json").write_text(newer)
    record("exercises", "03/b", passed=True)
    assert progress.entry("exercises", "03/b")["passed"] is True, "kept until the kernel stops"
    assert (home / "progress.json").read_text() == newer
    assert "a newer minitrain wrote it" in capsys.readouterr().out


def test_a_home_that_can_not_be_written_is_said_once(monkeypatch, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MINITRAIN_HOME", str(tmp_path / "file" / "below"))
    record("exercises", "03/b", passed=True)
    record("exercises", "03/c", passed=True)
    assert set(progress.entries("exercises")) == {"03/b", "03/c"}
    said = capsys.readouterr().out
    assert said.count("Your progress can not be saved (Not a directory)") == 1
    monkeypatch.setenv("MINITRAIN_HOME", str(tmp_path / "home"))        # mended: what was kept goes out with the next change
    record("exercises", "03/d", passed=True)
    assert set(stored(tmp_path / "home")["exercises"]) == {"03/b", "03/c", "03/d"}


def test_a_full_disk_leaves_the_old_file_whole(home, monkeypatch, capsys):
    record("exercises", "03/b", passed=True)
    before = (home / "progress.json").read_bytes()

    def full(handle):
        raise OSError(28, "No space left on device")
    monkeypatch.setattr(os, "fsync", full)
    record("exercises", "03/c", passed=True)
    assert (home / "progress.json").read_bytes() == before
    assert sorted(p.name for p in home.iterdir()) == ["progress.json", "progress.lock"]
    assert "Your progress can not be saved (No space left on device)" in capsys.readouterr().out
    assert set(progress.entries("exercises")) == {"03/b", "03/c"}


def test_without_locks_it_is_written_all_the_same(home, monkeypatch):
    monkeypatch.setattr(progress, "_try_lock", lambda file: None)
    record("exercises", "03/b", passed=True)
    assert set(stored(home)["exercises"]) == {"03/b"}


def test_a_clock_set_back_loses_nothing(home):
    record("exercises", "03/b", passed=False)
    contents = stored(home)
    contents["exercises"]["03/b"]["at"] = "2999-01-01T00:00:00.000000+00:00"
    (home / "progress.json").write_text(json.dumps(contents))
    record("exercises", "03/b", passed=True)
    assert progress.entry("exercises", "03/b")["passed"] is True


def test_static_neither_reads_nor_writes_the_file(home, monkeypatch):
    record("exercises", "03/b", passed=True)
    monkeypatch.setenv("MINITRAIN_STATIC", "1")
    assert progress.entries("exercises") == {}
    record("exercises", "03/c", passed=True)
    assert set(progress.entries("exercises")) == {"03/c"} and set(stored(home)["exercises"]) == {"03/b"}


def test_export_and_import_on_another_machine(home, tmp_path, monkeypatch, capsys):
    record("predictions", "03/a", choice="grows", confidence=0.5)
    record("exercises", "03/b", passed=True)
    export_progress(tmp_path / "mine.json")
    assert capsys.readouterr().out == "Exported to mine.json: 1 predictions, 1 exercises, 0 claims.\n"
    before = stored(home)
    monkeypatch.setenv("MINITRAIN_HOME", str(tmp_path / "other"))
    import_progress(tmp_path / "mine.json")
    assert capsys.readouterr().out == "Imported from mine.json: 2 new.\n"
    assert stored(tmp_path / "other") == before
    import_progress(tmp_path / "mine.json")
    assert capsys.readouterr().out == "Imported from mine.json: 0 new; 2 the same.\n"


def test_of_two_entries_the_newer_stays_and_it_is_said(home, tmp_path, capsys):
    record("predictions", "03/a", choice="old")
    record("predictions", "03/b", choice="old")
    old = stored(home)
    record("predictions", "03/a", choice="new")
    old["predictions"]["03/b"] |= {"choice": "newer", "at": "2999-01-01T00:00:00.000000+00:00"}
    (tmp_path / "theirs.json").write_text(json.dumps(old))
    import_progress(tmp_path / "theirs.json")
    assert capsys.readouterr().out == ("Imported from theirs.json: 0 new; 1 replaced by a newer one (03/b); "
                                       "1 kept, because yours is newer (03/a).\n")
    assert {name: e["choice"] for name, e in progress.entries("predictions").items()} == {"03/a": "new", "03/b": "newer"}


def test_an_export_overwrites_nothing(home, tmp_path, capsys):
    (tmp_path / "mine.json").write_text("something else")
    export_progress(tmp_path / "mine.json")
    assert capsys.readouterr().out == "mine.json exists already and was left as it is; give another name.\n"
    assert (tmp_path / "mine.json").read_text() == "something else"


@pytest.mark.parametrize(("text", "said"), [
    (None, "could not be read: No such file"), ("{", "is not an export of progress (it is not complete JSON)"),
    ('{"cells": []}', "is not an export of progress (it has no version)"),
    ('{"version": 9}', "is not an export of progress (a newer minitrain wrote it)")])
def test_an_import_of_something_else_changes_nothing(home, tmp_path, text, said, capsys):
    record("exercises", "03/b", passed=True)
    before = stored(home)
    if text is not None:
        (tmp_path / "theirs.json").write_text(text)
    import_progress(tmp_path / "theirs.json")
    out = capsys.readouterr().out
    assert said in out and out.endswith("Nothing was changed.\n")
    assert stored(home) == before
