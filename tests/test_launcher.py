"""`python -m minitrain`: what it says where something is missing, and one real start of JupyterLab."""
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request
from pathlib import Path
from types import SimpleNamespace

import pytest

from minitrain import __main__ as launcher

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def course(tmp_path):
    """A folder like a clone, with two lessons."""
    home = tmp_path / "a clone"
    for name in ("__init__.py", "__main__.py", "trainer.py", "device.py"):
        (home / "minitrain").mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "minitrain" / name, home / "minitrain" / name)
    shutil.copy(ROOT / "requirements.txt", home)
    (home / "data").mkdir()
    (home / "notebooks").mkdir()
    for name in ("00_start_here", "03_the_training_loop"):
        (home / "notebooks" / f"{name}.ipynb").write_text('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}')
    return home


def environment(home, **more):
    kept = {k: v for k, v in os.environ.items() if k not in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY", "JUPYTER_TOKEN")}
    return kept | {"PYTHONPATH": str(home), "JUPYTER_RUNTIME_DIR": str(home.parent / "run"),
                   "JUPYTER_CONFIG_DIR": str(home.parent / "config"), "JUPYTER_DATA_DIR": str(home.parent / "share")} | more


def start(home, *words, python=(), cwd=None, **more):
    return subprocess.run([sys.executable, *python, "-m", "minitrain", *words], cwd=cwd or home, env=environment(home, **more),
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("word", ["0", "00", "3", "03"])
def test_lesson_is_found_by_number(course, word):
    assert launcher.find_lesson(word, course).name[:2] == word.zfill(2)


@pytest.mark.parametrize("word", ["7", "42", "loop", "-1"])
def test_lesson_that_does_not_exist_names_those_that_do(course, word):
    with pytest.raises(SystemExit, match=r"no lesson .* There are: 00 \(start here\), 03 \(the training loop\)\."):
        launcher.find_lesson(word, course)


def test_no_lesson_at_all(course):
    shutil.rmtree(course / "notebooks")
    with pytest.raises(SystemExit, match="holds no lesson yet"):
        launcher.find_lesson("00", course)


@pytest.mark.parametrize("version", [(3, 10, 13), (3, 15, 0), (2, 7, 18)])
def test_python_too_old_or_too_new(course, version):
    (said,) = launcher.problems(course, version)
    assert "runs on 3.11 to 3.14" in said and ".".join(map(str, version)) in said and "python3.12 -m venv" in said


def test_versions_agree_with_pyproject():
    (oldest, old), (newest, new) = launcher.OLDEST, launcher.NEWEST
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["requires-python"] == f">={oldest}.{old},<{newest}.{new + 1}"


def test_nothing_stands_in_the_way_here():
    assert launcher.problems() == []
    assert launcher.seen_by_lessons() == str(ROOT / "minitrain" / "__init__.py")


def test_a_copy_without_the_course(course):
    shutil.rmtree(course / "data")
    done = start(course)
    assert done.returncode == 1 and "no data/ beside" in done.stderr and "pip install -r requirements.txt" in done.stderr


def test_no_packages_is_no_traceback(course):
    done = start(course, python=["-S"])                         # no site-packages
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "jupyterlab, ipykernel" in done.stderr and launcher.install() in done.stderr
    (course / ".venv").mkdir()                                  # made, and not activated
    assert launcher.use() in start(course, python=["-S"]).stderr


def test_check_without_packages(course):
    done = start(course, "--check", python=["-S"])
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "0 of 12" in done.stdout and "lessons   2 of 26: 00 03" in done.stdout and "Not installed" in done.stdout


def test_torch_that_does_not_load(course):
    (course / "minitrain" / "device.py").write_text("raise OSError('libgomp.so.1: cannot open shared object file')")
    done = start(course, "--check")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "torch is installed, but does not load: libgomp" in done.stdout


def test_check_here():
    done = start(ROOT, "--check", cwd="/")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"machine .*CPU thread.*GB of memory", done.stdout) and re.search(r"missing +nothing", done.stdout)


def test_version_that_is_not_the_pinned_one_is_said(course, capsys):
    pins = (course / "requirements.txt").read_text()
    (course / "requirements.txt").write_text(pins.replace("tqdm==", "tqdm==9."))
    launcher.check(course)
    assert re.search(r"12 of 12 \(tqdm is [\d.]+, pinned 9\.[\d.]+\)", capsys.readouterr().out)


def test_lessons_that_would_import_other_code(course):
    done = start(course, PYTHONPATH="")                         # in this folder, but installed from another
    assert done.returncode == 1 and f"import {ROOT / 'minitrain' / '__init__.py'}" in done.stderr and "pip install" in done.stderr


def test_options_follow_the_machine(monkeypatch):
    for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    user = launcher.options()
    assert "--no-browser" in user and "--allow-root" not in user
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setenv("BROWSER", "firefox %s")
    root = launcher.options()
    assert "--allow-root" in root and "--no-browser" not in root
    assert not any("token" in option or "password" in option for option in {**user, **root})


    monkeypatch.setattr(Path, "is_dir", lambda path: path == Path("/snap/bin"))
    assert "--ServerApp.use_redirect_file=False" in launcher.options()


def test_lines_for_windows(monkeypatch):
    monkeypatch.setattr(os, "name", "nt")
    assert launcher.use() in launcher.install() and "&&" not in launcher.install() and "bin/" not in launcher.install()


def test_what_jupyter_gets(course, monkeypatch, capsys):
    """The place and the additions first, so that the reader's own options win; the address where Jupyter would keep it back."""
    got = []
    tokens = SimpleNamespace(token_generated=False)
    server = SimpleNamespace(identity_provider=tokens, local_url="http://here", start=lambda: None)
    monkeypatch.setattr("jupyterlab.labapp.LabApp.initialize_server", lambda argv: got.extend(argv) or server)
    monkeypatch.setattr(launcher, "problems", lambda home: [])
    assert launcher.main(["3", "--port", "9000"], course) == 0
    assert got[:2] == [f"--ServerApp.root_dir={course}", "--LabApp.default_url=/lab/tree/notebooks/03_the_training_loop.ipynb"]
    assert got[-2:] == ["--port", "9000"]
    said = capsys.readouterr().out
    assert "The address is http://here" in said and all(option in said for option in got[2:-2])


def test_help():
    assert "python -m minitrain 07" in start(ROOT, "--help").stdout


def test_jupyterlab_opens_at_the_lesson_and_ends_with_ctrl_c(course):
    """With its port taken and a browser that notes what it is shown."""
    shown = course.parent / "shown"
    (course.parent / "browser.py").write_text(f"import sys; open({str(shown)!r}, 'w').write(sys.argv[1])")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        log = course.parent / "log"
        with open(log, "w") as out:
            server = subprocess.Popen(
                [sys.executable, "-m", "minitrain", "3", "--ip", "127.0.0.1", "--port", str(port)], cwd=course, stdout=out,
                stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                env=environment(course, BROWSER=f"{sys.executable} '{course.parent}/browser.py' %s"))
        try:
            end = time.monotonic() + 60
            while not (found := re.search(r"(http://127\.0\.0\.1:(\d+))/lab/tree/(\S+)\?token=(\w+)", log.read_text())):
                assert server.poll() is None and time.monotonic() < end, log.read_text()
                time.sleep(0.1)
            address, picked, path, token = found.groups()
            assert int(picked) != port and path == "notebooks/03_the_training_loop.ipynb"
            contents = f"{address}/api/contents/{path}"
            with pytest.raises(urllib.error.HTTPError, match="403"):
                urllib.request.urlopen(contents, timeout=20)
            assert urllib.request.urlopen(f"{contents}?token={token}", timeout=20).status == 200
            assert urllib.request.urlopen(found.group(), timeout=20).status == 200
            while not shown.exists() and time.monotonic() < end:
                time.sleep(0.1)
            assert shown.read_text().startswith(("file://", "http://127.0.0.1"))
        finally:
            server.send_signal(signal.SIGINT)
            try:
                server.wait(20)
            finally:
                server.kill()
    assert server.returncode == 0, log.read_text()
    assert "Traceback" not in log.read_text() and "JupyterLab extension loaded" not in log.read_text()
    if os.geteuid() == 0:
        assert "--allow-root  (you are root)" in log.read_text()
