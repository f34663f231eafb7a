"""Every exercise of every lesson: what is right passes, and each way of being wrong is told apart from all others."""
import ast
import importlib
import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from minitrain.teach import exercises, lessons
from minitrain.teach.claims import rows

ROOT = Path(__file__).parents[1]
LESSONS = sorted(path.stem[-2:] for path in Path(lessons.__file__).parent.glob("lesson_[0-9][0-9].py"))
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))


def module(lesson):
    return importlib.import_module("example_lesson" if lesson == "example" else f"minitrain.teach.lessons.lesson_{lesson}")


CASES = [pytest.param(f"{lesson}/{key}", exercise, id=f"{lesson}/{key}")
         for lesson in ["example", *LESSONS] for key, exercise in getattr(module(lesson), "EXERCISES", {}).items()]


def code_cells(notebook):
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def readers_names(lesson):
    """The names a reader has when they paste a solution: the notebook's imports and functions."""
    found = {"np": np, "numpy": np, "torch": torch, "math": math}
    for notebook in NOTEBOOKS:
        if notebook.name.startswith(f"{lesson}_"):
            for source in code_cells(notebook):
                try:
                    body = ast.parse(source).body
                except SyntaxError:         # a magic
                    continue
                kept = [n for n in body if isinstance(n, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef)]
                exec(compile(ast.Module(kept, []), notebook.name, "exec"), found)
    return found


def pasted(name, exercise):
    """What the solution's text defines when it is run."""
    text, names = exercises.solution_text(exercise), readers_names(name[:2])
    body = ast.parse(text).body
    if isinstance(body[-1], ast.Expr):
        return eval(text, names)
    exec(text, names)
    last = body[-1]
    wanted = name.rpartition("/")[2].replace("-", "_")
    defined = [n.name for n in body if isinstance(n, ast.FunctionDef | ast.ClassDef)]
    if defined:
        return names[wanted if wanted in defined else defined[-1]]
    return names[last.targets[0].id]


@pytest.mark.parametrize(("name", "exercise"), CASES)
def test_right_answers_pass(name, exercise):
    assert exercises.judge(name, exercise, exercise.reference).kind == "right"
    assert exercise.alternatives, "at least one right answer that is written differently"
    for answer in exercise.alternatives:
        verdict = exercises.judge(name, exercise, answer)
        assert verdict.kind == "right", verdict.text


@pytest.mark.parametrize(("name", "exercise"), CASES)
def test_each_misconception_earns_its_own_hint(name, exercise):
    hints = [m.hint for m in exercise.misconceptions]
    assert hints and len(set(hints)) == len(hints)
    for misconception in exercise.misconceptions:
        verdict = exercises.judge(name, exercise, misconception.answer)
        assert (verdict.kind, verdict.text) == ("misconception", f"{name}: not yet. {misconception.hint}")


@pytest.mark.parametrize(("name", "exercise"), CASES)
def test_a_stub_is_not_yet(name, exercise):
    def stub(*args, **kwargs):
        return ...
    answers = [stub, ...] if callable(exercise.reference) else [...]
    for answer in answers:
        verdict = exercises.judge(name, exercise, answer)
        assert verdict.kind == "not yet" and f'hint("{name}") helps' in verdict.text


@pytest.mark.parametrize(("name", "exercise"), CASES)
def test_accidents_have_sentences_of_their_own(name, exercise):
    def raises(*args, **kwargs):
        raise ZeroDivisionError("division by zero")

    if callable(exercise.reference):
        verdict = exercises.judge(name, exercise, raises)
        assert verdict.kind == "exception"
        assert 'ZeroDivisionError: division by zero, at your line `raise ZeroDivisionError("division by zero")`' in verdict.text
        if not exercise.changes_inputs:
            assert exercises.judge(name, exercise, lambda *args, **kwargs: None).kind == "none"
        assert exercises.judge(name, exercise, 3).kind == "not yet"
    else:
        assert exercises.judge(name, exercise, lambda: exercise.reference).kind == "value"


@pytest.mark.parametrize(("name", "exercise"), CASES)
def test_the_solution_runs_and_passes(name, exercise):
    assert exercise.task.strip() and exercise.hint.strip()
    verdict = exercises.judge(name, exercise, pasted(name, exercise))
    assert verdict.kind == "right", verdict.text


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_name_what_exists(notebook):
    lesson, source = notebook.name[:2], "\n".join(code_cells(notebook))
    active = "\n".join(re.sub(r"^\s*#.*", "", line) for line in source.splitlines())

    def used(verb, text=active):
        return re.findall(rf"""\b{verb}\(\s*["']([^"']+)["']""", text)

    for table, verbs in (("QUESTIONS", ("ask", "reveal")), ("EXERCISES", ("check", "hint", "solution"))):
        for name in (n for verb in verbs for n in used(verb, source)):
            lessons.find(name, table)       # LookupError says what is near
    own = module(lesson) if lesson in LESSONS else None
    for verb in ("ask", "reveal"):
        assert sorted(n for n in used(verb) if n[:2] == lesson) == sorted(f"{lesson}/{k}" for k in getattr(own, "QUESTIONS", {}))
    assert sorted(set(used("check"))) == sorted(f"{lesson}/{k}" for k in getattr(own, "EXERCISES", {}))
    known = rows()
    assert [slug for slug in used("claim") if slug not in known] == []
    assert {slug for slug, row in known.items() if row["lesson"] == lesson} <= set(used("claim"))
