"""What holds for the project as a whole: its top level, its two commands, pins and floors, and that README tells the truth."""
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
import tomllib
import uuid
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import Turns
from packaging.requirements import Requirement

from minitrain import __main__ as launcher

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LEARN = "python3 -m venv .venv && . .venv/bin/activate && pip install -r requirements.txt && python -m minitrain"
TEST = "python3 -m venv .venv && . .venv/bin/activate && pip install -r tests/requirements.txt && pytest"


def tool(name, *words):
    return subprocess.run([Path(sys.executable).parent / name, *words], cwd=ROOT, capture_output=True, text=True)


def tracked(under="."):
    """Files that git tracks or would; a folder that is no clone has nothing to say here."""
    done = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", under], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        pytest.skip("not a git clone")
    return [name for name in done.stdout.splitlines() if (ROOT / name).exists()]


def test_ruff_is_clean():
    done = tool("ruff", "check", ".")
    assert done.returncode == 0, done.stdout


def test_rooms_import_only_from_the_floors_below():
    done = tool("lint-imports", "--no-cache")
    assert done.returncode == 0, done.stdout


def test_top_level_is_what_the_design_says():
    assert {name.partition("/")[0] for name in tracked()} == {
        "README.md", "requirements.txt", "notebooks", "minitrain", "tests", "data", "binder",
        "pyproject.toml", "LICENSE", ".ci", ".gitignore"}


@pytest.mark.parametrize("command", [LEARN, TEST])
def test_readme_has_the_command_word_for_word(command):
    assert f"    {command}\n" in README


def test_launcher_and_ci_say_the_same_commands():
    assert launcher.install() == LEARN
    assert (ROOT / ".ci" / "run").read_text().splitlines()[-1] == TEST


def test_readme_lists_the_lessons_that_exist():
    rows = re.findall(r"^\| (\d\d) \| (?:\[([^\]]+)\]\((\S+)\)|(.+?)) \| (.+?) \| (there|not yet) \|$", README, re.MULTILINE)
    assert [row[0] for row in rows] == [f"{n:02}" for n in range(26)]
    lessons = launcher.lessons()
    assert lessons.keys() <= {row[0] for row in rows}
    for number, linked, path, unlinked, question, state in rows:
        file = lessons.get(number)
        assert (state == "there") == bool(linked) == (file is not None), f"README's row {number} does not agree with notebooks/"
        if file:
            assert path == f"notebooks/{file.name}"
            assert re.sub("[ -]", "_", linked.lower()) == file.stem[3:]
            first = "".join(json.loads(file.read_text(encoding="utf-8"))["cells"][0]["source"])
            assert question in first, f"{file.name} does not open with README's question: {question}"
        else:
            assert unlinked


def test_readme_links_to_files_that_exist():
    here = [link for link in re.findall(r"\]\(([^)\s]+)\)", README) if "://" not in link]
    assert "data/cover.png" in here
    assert [link for link in here if not (ROOT / link).exists()] == []
    assert re.search(r"!\[[^\]]{80,}\]\(data/cover\.png\)", README), "the picture says in words what it shows"


def test_pins_lie_within_the_bounds():
    bounds = {r.name: r.specifier for r in map(Requirement, PROJECT["dependencies"])}
    pins = {name: pin for name, pin, _ in launcher.packages(ROOT)}
    assert pins.keys() == bounds.keys()
    assert [name for name, pin in pins.items() if pin not in bounds[name]] == []
    assert {"torch": "==2.13.0", "ipykernel": "==7.4.0"}.items() <= {name: str(bound) for name, bound in bounds.items()}.items()
    assert PROJECT["requires-python"] == ">=3.11,<3.15"


def test_requirements_are_pins_and_the_package():
    for file, besides in (("requirements.txt", ["-e ."]), ("tests/requirements.txt", ["-r ../requirements.txt"])):
        lines = [line for line in (ROOT / file).read_text().splitlines() if line and not line.startswith("#")]
        assert [line for line in lines if not re.fullmatch(r"[\w-]+==\d[\w.]*|triton; .*", line)] == besides


def test_what_lies_in_data_stands_in_its_sheet():
    sheet = (ROOT / "data" / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"^\| `([\w/-]+\.\w+)` \|", sheet, re.MULTILINE))
    assert {f"data/{name}" for name in named | {"README.md"}} == set(tracked("data"))


def test_cover_is_drawn_by_the_project():
    from minitrain.teach import cover
    pictures, labels, said, loss = cover.answers(moments=(0, 2))
    assert pictures.shape == (8, 3, 48, 48) and sorted(set(labels.tolist())) == list(range(6))
    assert said.shape == (2, 8, 6) and len(loss) == 2
    assert cover.FILE.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("chromium", [True, False])
def test_ci_installs_chromium_where_it_is_missing_and_passes_on_what_pytest_says(tmp_path, chromium):
    """With stand-ins for everything that it would start."""
    (tmp_path / "clone" / ".ci").mkdir(parents=True)
    shutil.copy(ROOT / ".ci" / "run", tmp_path / "clone" / ".ci")
    stubs = tmp_path / "bin"
    stubs.mkdir()
    for name in ("bash", "env", "dirname", "id", "mkdir", "touch"):
        (stubs / name).symlink_to(shutil.which(name))
    for name in ("apt-get", "sudo", "pip", "pytest", "python3", *(["chromium"] if chromium else [])):
        (stubs / name).write_text(f'#!{shutil.which("bash")}\necho {name} "$@" >> {tmp_path}/log\n')
        (stubs / name).chmod(0o755)
    (stubs / "sudo").write_text(f'#!{shutil.which("bash")}\n"$@"\n')
    with open(stubs / "python3", "a") as python:
        python.write("mkdir -p .venv/bin; touch .venv/bin/activate\n")
    with open(stubs / "pytest", "a") as run:
        run.write("exit 5\n")
    done = subprocess.run([tmp_path / "clone" / ".ci" / "run"], env={"PATH": str(stubs), "CI": "true"}, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True)
    log = (tmp_path / "log").read_text().splitlines()
    assert done.returncode == 5, done.stderr
    assert log[-3:] == ["python3 -m venv .venv", "pip install -r tests/requirements.txt", "pytest"]
    assert [line.split()[1] for line in log[:-3]] == ([] if chromium else ["update", "install"])
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


@pytest.mark.skipif(os.name != "posix", reason="no flock")
def test_a_lesson_runs_alone_and_its_turn_comes():
    """As the workers of one run do it: tests share the room, a lesson's cell has it to itself, and is not passed over."""
    turns, log, waiting = Turns(SimpleNamespace(workerinput={"testrunuid": uuid.uuid4().hex})), [], threading.Event()

    def enter(name, alone):
        if alone:
            waiting.set()
        with turns.taken(alone):
            log.append(f"{name} in")
            time.sleep(0.1)
            log.append(f"{name} out")

    lesson, late = (threading.Thread(target=enter, args=args) for args in (("lesson", True), ("late", False)))
    with turns.taken(alone=False):
        enter("beside", alone=False)
        lesson.start()
        waiting.wait()
        time.sleep(0.2)                                         # it stands at the door by now
        late.start()
        time.sleep(0.2)
        log.append("first out")
    lesson.join()
    late.join()
    turns.forget()
    assert log == ["beside in", "beside out", "first out", "lesson in", "lesson out", "late in", "late out"]
    with Turns(SimpleNamespace()).taken(alone=True):            # one process: nothing to wait for
        pass
