"""The refresh command: it runs in a clean kernel, writes one form, and nothing where a cell raised."""
import os
import re

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from minitrain.teach import refresh
from minitrain.teach.refresh import NOTHING, TAG, VIEW, calls, find, normalise


def store(folder, name, *sources):
    path = folder / name
    refresh.write(new_notebook(cells=[new_code_cell(source) for source in sources]), path)
    return path


@pytest.fixture(scope="module")
def refreshed(tmp_path_factory):
    """One notebook, run and written once for several tests: (path, what the command printed)."""
    folder = tmp_path_factory.mktemp("notebooks")
    path = store(
        folder, "03_trial.ipynb",
        "import os, sys, pathlib\nprint('a'); print('b', file=sys.stdout)",
        f"(os.environ['MINITRAIN_STATIC'], pathlib.Path(os.environ['MINITRAIN_HOME']).exists(), os.getcwd() == {str(folder)!r})",
        "import ipywidgets\nipywidgets.IntSlider()",
        "",
        "from minitrain.teach.widgets.base import Panel\nPanel('Dial', says='Turn it.')",
        "print('10 %', end='\\r'); print('99 %')",
        "def claim(name): print('✓ Holds')\nclaim('x')",
    )
    with pytest.MonkeyPatch.context() as patch:             # what conftest.py sets for all tests, the command sets itself
        patch.delenv("MINITRAIN_STATIC")
        assert refresh._refresh(path) is False
    return path


def outputs(path):
    return [[out.get("text") or out.data["text/plain"] for out in cell.outputs] for cell in refresh.read(path).cells]


def test_it_stores_what_a_reader_without_widgets_should_see(refreshed):
    assert outputs(refreshed) == [
        ["a\nb\n"], ["('1', False, True)"], [], ["[Interactive: Dial. Turn it. Run this cell in JupyterLab to use it.]"],
        ["99 %\n"], ["✓ Holds\n"]]


def test_what_it_writes_is_in_form_and_says_nothing_of_the_machine(refreshed):
    notebook = refresh.read(refreshed)
    assert normalise(notebook) == notebook and refresh._check(refreshed) is False
    assert [cell.execution_count for cell in notebook.cells] == [1, 2, 3, 4, 5, 6]
    assert notebook.metadata == {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
                                 "language_info": {"name": "python"}}
    assert notebook.cells[-1].metadata == {"tags": [TAG]}
    assert not re.search(r"\d{4}-\d\d-\d\dT", refreshed.read_text())


def test_it_is_the_same_the_second_time(refreshed):
    before = refreshed.read_bytes()
    assert refresh._refresh(refreshed) is False
    assert refreshed.read_bytes() == before
    assert os.listdir(refreshed.parent) == [refreshed.name]


def test_a_cell_that_raises_leaves_the_file_alone(tmp_path, capsys):
    path = store(tmp_path, "04_bad.ipynb", "x = 1", "# why\n1 / 0", "print('never')")
    before = path.read_bytes()
    assert refresh._refresh(path) is True
    assert path.read_bytes() == before
    assert capsys.readouterr().err == "04_bad: not written: code cell 2 ('# why') raised ZeroDivisionError: division by zero\n"


def test_a_kernel_that_dies_and_a_file_that_is_no_notebook(tmp_path, capsys):
    assert refresh._refresh(store(tmp_path, "05_dead.ipynb", "import os", "os._exit(1)")) is True
    assert "code cell 2 ('os._exit(1)') ended its kernel" in capsys.readouterr().err
    path = tmp_path / "06_no.ipynb"
    path.write_text("hello")
    assert refresh._refresh(path) is True and refresh._check(path) is True
    assert "06_no.ipynb could not be read as a notebook" in capsys.readouterr().err


def test_lessons_are_found_by_number(tmp_path):
    for name in ("00_start.ipynb", "03_loop.ipynb", "notes.ipynb"):
        (tmp_path / name).touch()
    assert [path.name for path in find(["3", "00"], tmp_path)] == ["03_loop.ipynb", "00_start.ipynb"]
    assert [path.name for path in find(["all"], tmp_path)] == ["00_start.ipynb", "03_loop.ipynb"]
    with pytest.raises(LookupError, match=r"There is no lesson 07 in .*; there are: 00, 03"):
        find(["07"], tmp_path)


def test_the_command_reports_what_is_not_there(capsys):
    assert refresh.main(["99"]) == 1
    assert "There is no lesson 99" in capsys.readouterr().err


def test_memory_counts_children():
    _, _, alone = refresh.run(new_notebook(cells=[new_code_cell("import time; time.sleep(0.5)")]), ".")
    large = "x = b'1' * 400_000_000; import time; time.sleep(0.5)"
    child = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {large!r}])"
    _, seconds, both = refresh.run(new_notebook(cells=[new_code_cell(child)]), ".")
    assert both > alone + 300 and seconds > 0.5


# Form


def code(source, *outputs, count=7, **metadata):
    return new_code_cell(source, execution_count=count, outputs=list(outputs), metadata=metadata)


def formed(*cells):
    return normalise(new_notebook(cells=list(cells))).cells


def test_everything_between_a_question_and_its_reveal_is_folded():
    cells = formed(code("0"), code('ask("03/a")'), code("1"), code('ask("03/b")'), code("2"), code('reveal("03/a")'), code("3"),
                   code('claim("c")\nreveal("03/b", measured=m)'), code("4", jupyter={"outputs_hidden": True}))
    assert [cell.metadata.get("jupyter", {}).get("outputs_hidden", False) for cell in cells] == [
        False, False, True, True, True, True, True, True, False]


def test_a_folded_cell_begins_with_an_output_that_shows_nothing():
    """JupyterLab shows the first line of what is folded."""
    cells = formed(code('ask("03/a")', count=1), code("1", new_output("stream", name="stdout", text="grows\n")), code("2"),
                   code('reveal("03/a")', new_output("stream", name="stdout", text="Measured: grows\n")), code("3"))
    assert [cell.outputs[:1] == [NOTHING] for cell in cells] == [False, True, False, True, False]
    again = formed(*cells)
    assert again == cells
    cells[0].source = "1"                               # the question is gone, and with it the fold
    assert all(NOTHING not in cell.outputs for cell in formed(*cells))


def test_a_question_that_is_only_spoken_of_folds_nothing():
    cells = formed(code('# ask("03/a")'), code("ask"), code('print("ask(\'03/a\')")'), code("1"))
    assert all(cell.metadata == {} for cell in cells)


def test_claims_and_checks_are_tagged_and_nothing_else_is():
    cells = formed(code('claim("a")'), code('if True:\n    check("03/b", f)'), code("from a import claim", tags=[TAG]),
                   code('trainer.check("x")'), code("1", tags=["mine", TAG]))
    assert [cell.metadata.get("tags", []) for cell in cells] == [[TAG], [TAG], [], [], ["mine"]]


def test_ids_come_from_the_text():
    first = formed(new_markdown_cell("a"), code("x"), code("x"))
    later = formed(new_markdown_cell("a"), new_markdown_cell("new"), code("x"), code("x"))
    assert [first[i].id for i in (0, 1, 2)] == [later[i].id for i in (0, 2, 3)]
    assert len({cell.id for cell in later}) == 4
    assert formed(new_markdown_cell("x"))[0].id != first[1].id


def test_widgets_metadata_and_empty_cells_go():
    view = new_output("display_data", {VIEW: {"model_id": "1"}, "text/plain": "IntSlider()"})
    picture = new_output("display_data", {"text/plain": "p", "text/html": "<img>"}, metadata={"image/png": {"width": 3}})
    made = normalise(new_notebook(
        cells=[code("x", view, picture, scrolled=True, execution={"iopub.status.busy": "2026"}), code("  ")],
        metadata={"widgets": {"a": 1}, "title": "mine", "kernelspec": {"name": "mine", "display_name": "/home/me"}}))
    assert len(made.cells) == 1 and made.cells[0].metadata == {}
    assert made.cells[0].outputs == [
        {"output_type": "display_data", "data": {"text/html": "<img>", "text/plain": "p"}, "metadata": {}}]
    assert set(made.metadata) == {"kernelspec", "language_info"} and made.metadata.kernelspec.name == "python3"
    assert normalise(made) == made


def test_counts_follow_the_order_and_a_cell_not_run_stays_so():
    result = new_output("execute_result", {"text/plain": "1"}, execution_count=7)
    cells = formed(code("a", result), code("b", count=None), code("c"))
    assert [cell.execution_count for cell in cells] == [1, None, 3]
    assert cells[0].outputs[0].execution_count == 1


def test_calls_are_read_from_the_code_itself():
    assert calls('x = f(ask("a"))\n!ls\n%matplotlib inline\nclaim(slug, as_told=g(1))') == [
        ("f", None), ("ask", "a"), ("claim", None), ("g", None)]
    assert calls("def (") == []
