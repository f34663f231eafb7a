"""What every stored notebook must be. (That it runs, and what it takes, nbval and conftest.py see to.)

A rule takes a `Lesson` and returns sentences that say what is wrong. Each rule is tried on each notebook, and on a small
lesson that breaks it.
"""
import base64
import importlib
import re
import statistics
from functools import cached_property
from html.parser import HTMLParser

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from minitrain.teach import claims
from minitrain.teach.refresh import NOTEBOOKS, NOTHING, calls, normalise, read

CLOSING = re.compile(r"\A#+ .*what you measured", re.IGNORECASE)         # the heading that ends a lesson's core
MACHINE = re.compile(r"/home/\w|/Users/\w|/root/|/tmp/|/work/|[A-Z]:\\\\?Users|site-packages|ipykernel_\d+| at 0x[0-9a-f]{6,}")


class Lesson:
    """A notebook with what the rules ask of it."""

    def __init__(self, notebook, number, size=0, *, questions=None, exercises=None, rows=None):
        self.notebook, self.number, self.size = notebook, number, size
        self.questions, self.exercises, self.rows = questions or {}, exercises or {}, rows or {}

    @classmethod
    def stored(cls, path):
        number = path.name[:2]
        try:
            data = importlib.import_module(f"minitrain.teach.lessons.lesson_{number}")
        except ModuleNotFoundError:
            data = None
        return cls(read(path), number, path.stat().st_size, questions=getattr(data, "QUESTIONS", {}),
                   exercises=getattr(data, "EXERCISES", {}), rows=claims.rows())

    @cached_property
    def cells(self):
        return self.notebook.cells

    @cached_property
    def code(self):
        return [cell for cell in self.cells if cell.cell_type == "code"]

    @cached_property
    def prose(self):
        return [cell for cell in self.cells if cell.cell_type == "markdown"]

    @cached_property
    def core(self):
        """The cells before the closing one; all, where there is none."""
        closing = [i for i, cell in enumerate(self.cells) if cell.cell_type == "markdown" and CLOSING.search(cell.source)]
        return self.cells[:closing[0]] if closing else self.cells

    def called(self, *names, cells=None):
        """(cell, function, first argument) of every call of these functions."""
        return [(cell, function, name) for cell in (self.code if cells is None else cells) if cell.cell_type == "code"
                for function, name in calls(cell.source) if function in names]

    def texts(self):
        """(cell, text) of all that a reader would see as text in outputs."""
        for cell in self.code:
            for output in cell.outputs:
                shown = [output.get("text", ""), output.get("evalue", ""), *output.get("data", {}).values()]
                yield cell, "\n".join(re.sub(r"base64,[^\"']*", "", part) for part in shown if isinstance(part, str))


def where(cell):
    text = repr(cell.source.splitlines()[0][:50])
    return f"cell {cell.execution_count} ({text})" if cell.cell_type == "code" else f"the cell {text}"


def in_form(lesson):
    """Stored as the refresh command writes: ids, counts, metadata, folded outputs, tags, no widget state."""
    if normalise(lesson.notebook) != lesson.notebook:
        return [f"is not as `python -m minitrain.teach.refresh {lesson.number}` writes it"]
    return []


def from_one_clean_run(lesson):
    """Every code cell was run, in order, without an error and without a warning."""
    wrong = [f"{where(cell)} was not run" for cell in lesson.code if cell.execution_count is None]
    for cell in lesson.code:
        wrong += [f"{where(cell)} stores the error {out.ename}" for out in cell.outputs if out.output_type == "error"]
        wrong += [f"{where(cell)} stores stderr: {out.text[:60]!r}" for out in cell.outputs if out.get("name") == "stderr"]
    return wrong


def no_machine(lesson):
    """Nothing that is so on one machine only: its folders, addresses in memory."""
    found = [(cell, MACHINE.search(text)) for cell, text in [*lesson.texts(), *((cell, cell.source) for cell in lesson.cells)]]
    return [f"{where(cell)} has {match[0]!r} in it" for cell, match in found if match]


def small(lesson):
    """1 MB a notebook, 60 KB a picture: a class opens it over a slow line."""
    wrong = [f"is {lesson.size / 2**20:.1f} MB; the limit is 1"] if lesson.size > 2**20 else []
    for cell in lesson.code:
        for _, image in pictures(cell):
            if image and len(image) > 60 * 1024:
                wrong.append(f"{where(cell)} stores a PNG of {len(image) / 1024:.0f} KB; the limit is 60")
    return wrong


def pictures_say_what_they_show(lesson):
    """Alternative text for every picture, in a form that JupyterLab keeps."""
    wrong = []
    for cell in lesson.code:
        if any(mime.startswith("image/") for out in cell.outputs for mime in out.get("data", {})):
            wrong.append(f"{where(cell)} shows a picture without alternative text: figure(fig, alt=…)")
        wrong += [f"{where(cell)} shows an <img> without alt" for alt, _ in pictures(cell) if not alt.strip()]
    for cell in lesson.prose:
        if re.search(r"!\[\s*\]", cell.source) or any(not alt.strip() for alt, _ in images(cell.source)):
            wrong.append(f"{where(cell)} has a picture without alternative text")
    return wrong


def checked_cells_are_stored(lesson):
    """nbval compares a claim's and a check's words with what is stored; where nothing is stored, it would pass in silence."""
    wrong = []
    for cell in {id(cell): cell for cell, *_ in lesson.called("claim", "check")}.values():
        shown = "".join(out.get("text", "") for out in cell.outputs)
        n = len([1 for function, _ in calls(cell.source) if function in ("claim", "check")])
        if len([line for line in shown.splitlines() if line.strip()]) < n:
            wrong.append(f"{where(cell)} has {n} claims or checks, and stores fewer lines")
        if any(out.output_type != "stream" and out != NOTHING for out in cell.outputs):
            wrong.append(f"{where(cell)} is compared word by word, so it may only print; pictures and values go into another")
        if any(function == "print" for function, _ in calls(cell.source)):
            wrong.append(f"{where(cell)} prints what it measured, and is compared word by word; print in another cell")
        if "clear_output" in cell.source:
            wrong.append(f"{where(cell)} clears its output, and nbval can not compare that")
    return wrong


def claims_are_the_lessons(lesson):
    """Each claim by its name, from this lesson's rows; each row used; each verdict the course's own."""
    used = lesson.called("claim")
    own = {slug for slug, row in lesson.rows.items() if row["lesson"].zfill(2) == lesson.number}
    wrong = [f"{where(cell)}: a claim's name must stand in the call" for cell, _, slug in used if slug is None]
    wrong += [f"{where(cell)}: {slug} is no claim of this lesson" for cell, _, slug in used if slug and slug not in own]
    wrong += [f"the claim {slug} is not tested" for slug in sorted(own - {slug for *_, slug in used})]
    wrong += [f"{where(cell)}: the stored run disagrees with data/claims.csv, or did not judge"
              for cell in {id(cell): cell for cell, *_ in used}.values()
              for line in "".join(out.get("text", "") for out in cell.outputs).splitlines()
              if line.startswith(claims.OTHERWISE) or "was not judged" in line or "There is no claim" in line]
    return wrong


def predictions_are_whole(lesson):
    """Each question asked once, before its one reveal, and none forgotten."""
    asked = [name for _, function, name in lesson.called("ask", "reveal") if function == "ask"]
    shown = [name for _, function, name in lesson.called("ask", "reveal") if function == "reveal"]
    order = [(function, name) for _, function, name in lesson.called("ask", "reveal")]
    known = {f"{lesson.number}/{key}" for key in lesson.questions}
    wrong = [f"{name!r} is asked or revealed, but is no question of lesson {lesson.number}" for name in {*asked, *shown} - known]
    wrong += [f"{name} is never asked" for name in sorted(known - set(asked))]
    for name in known & set(asked):
        if asked.count(name) != 1 or shown.count(name) != 1 or order.index(("ask", name)) > order.index(("reveal", name)):
            wrong.append(f"{name} must be asked once, and then revealed once")
    core = lesson.called("ask", cells=lesson.core)
    return wrong + ([f"the core asks for {len(core)} predictions; at most 4"] if len(core) > 4 else [])


def exercises_are_whole(lesson):
    """Each exercise checked, under a name that exists."""
    known = {f"{lesson.number}/{key}" for key in lesson.exercises}
    used = lesson.called("check", "hint", "solution")
    wrong = [f"{where(cell)}: {name!r} is no exercise of lesson {lesson.number}" for cell, _, name in used if name not in known]
    wrong += [f"{name} is never checked" for name in sorted(known - {name for _, function, name in used if function == "check"})]
    core = {name for *_, name in lesson.called("check", cells=lesson.core)}
    return wrong + ([f"the core has {len(core)} exercises; at most 3"] if len(core) > 3 else [])


def opens_and_closes(lesson):
    """A question as its title, minutes for both parts, and a closing cell."""
    first = lesson.cells[0]
    wrong = []
    if first.cell_type != "markdown" or not re.match(r"# .*\?\s*$", first.source.splitlines()[0]):
        wrong.append("the first cell must begin with the title, a question: # …?")
    if "minutes" not in first.source:
        wrong.append("the first cell must say how many minutes it takes")
    if not any(CLOSING.search(cell.source) for cell in lesson.prose):
        wrong.append("no closing cell: its heading has the words “What you measured”")
    return wrong


def small_steps(lesson):
    """A core of at most 45 cells; code in cells that are read at once, with prose between."""
    sizes = sorted(sum(bool(line.strip()) for line in cell.source.splitlines()) for cell in lesson.code) or [0]
    wrong = [f"the core has {len(lesson.core)} cells; at most 45"] if len(lesson.core) > 45 else []
    if statistics.median(sizes) > 6:
        wrong.append(f"half of the code cells have more than {statistics.median(sizes):.0f} lines; the median may be 6")
    if sum(size > 20 for size in sizes) > len(sizes) / 10:
        wrong.append("more than a tenth of the code cells are over 20 lines")
    kinds = "".join("c" if cell.cell_type == "code" else "-" for cell in lesson.cells)
    return wrong + (["has three code cells in a row"] if "ccc" in kinds else [])


def words_beside_code(lesson):
    """DESIGN asks for 6 to 10 words of prose a line of code. The first and the closing cell count too, and a lesson of
    pictures needs more words than one of arithmetic: 5 to 14 refuses the bare and the wordy."""
    lines = sum(bool(line.strip()) for cell in lesson.code for line in cell.source.splitlines())
    ratio = sum(len(cell.source.split()) for cell in lesson.prose) / max(1, lines)
    return [] if 5 <= ratio <= 14 else [f"has {ratio:.1f} words of prose a line of code; 6 to 10 are right, 5 to 14 pass"]


RULES = [in_form, from_one_clean_run, no_machine, small, pictures_say_what_they_show, checked_cells_are_stored,
         claims_are_the_lessons, predictions_are_whole, exercises_are_whole, opens_and_closes, small_steps, words_beside_code]
STORED = sorted(NOTEBOOKS.glob("*.ipynb"))


class _Images(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attributes):
        if tag == "img":
            given = dict(attributes)
            self.found.append((given.get("alt") or "", given.get("src") or ""))


def images(text):
    """(alt, bytes or None) of every <img> in HTML."""
    parser = _Images()
    parser.feed(text)
    return [(alt, base64.b64decode(src.partition("base64,")[2]) if "base64," in src else None) for alt, src in parser.found]


def pictures(cell):
    """(alt, bytes or None) of every picture in a code cell's outputs."""
    data = [out.get("data", {}) for out in cell.outputs]
    raw = [("", base64.b64decode(bundle["image/png"])) for bundle in data if "image/png" in bundle]
    return raw + [image for bundle in data for image in images(bundle.get("text/html", ""))]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("path", STORED, ids=lambda path: path.stem)
def test_notebook(path, rule):
    wrong = rule(Lesson.stored(path))
    assert not wrong, f"{path.name}: " + "; ".join(wrong)


def test_names():
    for path in STORED:
        assert re.fullmatch(r"\d\d_[a-z0-9_]+\.ipynb", path.name), f"{path.name}: a lesson is called NN_what_it_is_about.ipynb"
    assert len({path.name[:2] for path in STORED}) == len(STORED), "two notebooks have one number"


# The rules themselves: a lesson that keeps all, and for each rule ways to break it


def printed(text, name="stdout"):
    return new_output("stream", name=name, text=text)


def shown(html):
    return new_output("display_data", {"text/html": html, "text/plain": "[Picture]"})


PNG = base64.b64encode(b"\x89PNG" + b"0" * 50).decode()


def example():
    """The cells of a lesson that keeps every rule."""
    words = "Some words that say why you would want to know."
    picture = f'<img alt="A line." src="data:image/png;base64,{PNG}">'
    printed_claim = [printed("Measured\n✓ Holds\n")]
    return [
        new_markdown_cell(f"# Does it fall?\n20 minutes, and 10 minutes for the rest. {words}"),
        new_code_cell("from minitrain.teach import ask, reveal", execution_count=1),
        new_markdown_cell(words),
        new_code_cell('ask("03/way")', execution_count=2, outputs=[printed("Predict")]),
        new_markdown_cell(words),
        new_code_cell("1 + 1", execution_count=3, outputs=[new_output("execute_result", {"text/plain": "2"}, execution_count=3)]),
        new_markdown_cell(words),
        new_code_cell('reveal("03/way")\nclaim("falls", as_told=True)', execution_count=4, outputs=printed_claim),
        new_markdown_cell(words),
        new_code_cell("figure(fig, alt='A line.')", execution_count=5, outputs=[shown(picture)]),
        new_markdown_cell(words),
        new_code_cell('check("03/mse", mse)', execution_count=6, outputs=[printed("not yet\n")]),
        new_markdown_cell(f"## What you measured\n{words}"),
    ]


def lesson_of(cells, *, form=True, **data):
    notebook = new_notebook(cells=cells)
    rows = {"falls": {"lesson": "03"}, "other": {"lesson": "4"}}
    data = {"questions": {"way": 1}, "exercises": {"mse": 1}, "rows": rows} | data
    return Lesson(normalise(notebook) if form else notebook, "03", **data)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_good_lesson_passes(rule):
    assert rule(lesson_of(example())) == []


def breaking(cell=None, *, source=None, outputs=None, drop=False, add=None, **kwargs):
    """The example with one cell changed, dropped, or followed by others."""
    cells = example()
    if source is not None:
        cells[cell].source = source
    if outputs is not None:
        cells[cell].outputs = outputs
    if drop:
        del cells[cell]
    if add is not None:
        cells[cell + 1:cell + 1] = add
    return lesson_of(cells, **kwargs)


def code(source="x = 1", **kwargs):
    return new_code_cell(source, execution_count=1, **kwargs)


BROKEN = {
    "random ids": (in_form, lambda: lesson_of(example(), form=False)),
    "not run": (from_one_clean_run, lambda: breaking(1, add=[new_code_cell("x")])),
    "an error": (from_one_clean_run, lambda: breaking(5, outputs=[new_output("error", ename="E", evalue="e", traceback=[])])),
    "stderr": (from_one_clean_run, lambda: breaking(5, outputs=[printed("warn", "stderr")])),
    "a path": (no_machine, lambda: breaking(5, outputs=[printed("/home/me/x.py")])),
    "an address": (no_machine, lambda: breaking(5, outputs=[printed("<Axes at 0x7f0012345678>")])),
    "a path in code": (no_machine, lambda: breaking(5, source="open('/Users/me/x')")),
    "a big notebook": (small, lambda: breaking(5, size=2**20 + 1)),
    "a big picture": (small, lambda: breaking(9, outputs=[shown(f'<img alt="a" src="data:image/png;base64,{"A" * 90_000}">')])),
    "a bare png": (pictures_say_what_they_show, lambda: breaking(9, outputs=[new_output("display_data", {"image/png": PNG})])),
    "an img without alt": (pictures_say_what_they_show, lambda: breaking(9, outputs=[shown('<img src="x.png">')])),
    "an empty alt": (pictures_say_what_they_show, lambda: breaking(9, outputs=[shown('<img alt=" " src="x.png">')])),
    "markdown without alt": (pictures_say_what_they_show, lambda: breaking(2, source="![](x.png)")),
    "a cleared claim": (checked_cells_are_stored, lambda: breaking(7, outputs=[])),
    "a cleared check": (checked_cells_are_stored, lambda: breaking(11, outputs=[])),
    "a number with a claim": (checked_cells_are_stored, lambda: breaking(7, source='claim("falls"); print(seconds)')),
    "a picture with a claim": (checked_cells_are_stored, lambda: breaking(7, outputs=[printed("a\nb"), shown("<img alt='a'>")])),
    "another lesson's claim": (claims_are_the_lessons, lambda: breaking(7, source='claim("other"); claim("falls")')),
    "a claim in a variable": (claims_are_the_lessons, lambda: breaking(7, source='claim(slug); claim("falls")')),
    "a forgotten claim": (claims_are_the_lessons, lambda: breaking(7, source='reveal("03/way")')),
    "a claim that failed": (claims_are_the_lessons, lambda: breaking(7, outputs=[printed(f"{claims.OTHERWISE} no.")])),
    "no reveal": (predictions_are_whole, lambda: breaking(7, source='claim("falls")')),
    "reveal before ask": (predictions_are_whole, lambda: breaking(1, source='reveal("03/way")', add=[code('1')])),
    "an unknown question": (predictions_are_whole, lambda: breaking(3, source='ask("03/way"); ask("03/what")')),
    "a forgotten question": (predictions_are_whole, lambda: breaking(3, questions={"way": 1, "why": 1})),
    "five predictions": (predictions_are_whole, lambda: breaking(
        3, source="".join(f'ask("03/{i}"); reveal("03/{i}")\n' for i in range(5)), questions=dict.fromkeys("01234"))),
    "an unknown exercise": (exercises_are_whole, lambda: breaking(11, source='check("03/mse", f); hint("03/nse")')),
    "a forgotten exercise": (exercises_are_whole, lambda: breaking(11, source="1")),
    "no title": (opens_and_closes, lambda: breaking(0, source="Hello, 10 minutes")),
    "no minutes": (opens_and_closes, lambda: breaking(0, source="# Why?")),
    "no closing": (opens_and_closes, lambda: breaking(12, drop=True)),
    "a long core": (small_steps, lambda: breaking(2, add=[new_markdown_cell(f"words {i}") for i in range(40)])),
    "long cells": (small_steps, lambda: lesson_of([code("x = 1\n" * 7), new_markdown_cell("so")])),
    "a huge cell": (small_steps, lambda: breaking(5, source="x = 1\n" * 21)),
    "three in a row": (small_steps, lambda: breaking(1, add=[code("1"), code("2")])),
    "too few words": (words_beside_code, lambda: breaking(5, source="x = 1\n" * 30)),
    "too many words": (words_beside_code, lambda: breaking(2, source="word " * 100)),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_lesson_is_refused(name):
    rule, broken = BROKEN[name]
    assert rule(broken())


@pytest.mark.parametrize("mend", ["outputs_hidden", "tags", "widget"])
def test_form_sees_what_is_lost_by_hand(mend):
    notebook = normalise(new_notebook(cells=example()))
    assert in_form(Lesson(notebook, "03")) == []
    if mend == "outputs_hidden":
        del notebook.cells[5].metadata["jupyter"]
    elif mend == "tags":
        notebook.cells[7].metadata.tags = []
    else:
        notebook.metadata.widgets = {"application/vnd.jupyter.widget-state+json": {}}
    assert in_form(Lesson(notebook, "03"))
