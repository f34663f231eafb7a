"""Run a lesson's notebook from a clean kernel, bring it into one form, write it.

    python -m minitrain.teach.refresh 03 07         two lessons, `all` for every one
    python -m minitrain.teach.refresh --check all   run nothing, write nothing, say which are not in form

What is stored is what the code gave in one run in order, with text where widgets would stand (MINITRAIN_STATIC=1) and
nobody's answers (a MINITRAIN_HOME of its own). It is written only if no cell raised. What a notebook must hold beyond
its form (sizes, words, alternative text) tests/test_notebooks.py says.
"""
import argparse
import ast
import hashlib
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import time

import nbformat
import psutil
from ipykernel.kernelspec import RESOURCES, get_kernel_dict
from IPython.core.inputtransformer2 import TransformerManager
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

NOTEBOOKS = pathlib.Path(__file__).resolve().parents[2] / "notebooks"
TAG = "nbval-check-output"                  # nbval compares what such a cell shows with what is stored
VIEW = "application/vnd.jupyter.widget-view+json"
# JupyterLab shows the first line of a folded cell's first output: the answer. So an output that shows nothing comes first.
# No page knows a mime type called "name", and nbval skips that word where it compares.
NOTHING = {"output_type": "display_data", "data": {"name": "folded"}, "metadata": {}}


def main(arguments=None):
    """The command. Returns its exit status: 1 where a lesson does not exist, failed, or (--check) is not in form."""
    parser = argparse.ArgumentParser(prog="python -m minitrain.teach.refresh",
                                     description="Run lessons' notebooks and write them in form.")
    parser.add_argument("lessons", nargs="+", metavar="03", help="lesson numbers, or all")
    parser.add_argument("--check", action="store_true", help="run nothing, write nothing, say which are not in form")
    options = parser.parse_args(arguments)
    failed = 0
    try:
        for path in find(options.lessons):
            failed += _check(path) if options.check else _refresh(path)
    except LookupError as error:
        print(error.args[0], file=sys.stderr)
        return 1
    return 1 if failed else 0


def find(lessons, folder=NOTEBOOKS):
    """The notebooks of these lesson numbers ("3", "03" or "all"), in order."""
    there = {path.name[:2]: path for path in sorted(folder.glob("[0-9][0-9]_*.ipynb"))}
    if "all" in lessons:
        return list(there.values())
    wanted = [lesson.zfill(2) for lesson in lessons]
    for number in wanted:
        if number not in there:
            raise LookupError(f"There is no lesson {number} in {folder.name}/; there are: {', '.join(there) or 'none yet'}.")
    return [there[number] for number in wanted]


def read(path):
    """The notebook at `path`; a file that is none gets one sentence (ValueError)."""
    try:
        return nbformat.read(path, as_version=4)
    except Exception as error:      # noqa: BLE001  nbformat raises a dozen kinds
        raise ValueError(f"{path.name} could not be read as a notebook: {str(error).splitlines()[0]}") from None


def write(notebook, path):
    """Write whole or not at all."""
    beside = path.with_name(f".{path.name}.new")
    beside.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")
    os.replace(beside, path)


def run(notebook, folder, *, timeout=600):
    """Execute `notebook` in a clean kernel of this Python. Returns the executed copy, seconds, and peak MB (children counted).

    Raises RuntimeError, in one sentence, at the first cell that raises.
    """
    notebook = nbformat.from_dict(notebook)
    with tempfile.TemporaryDirectory() as home:
        environment = os.environ | {"MINITRAIN_STATIC": "1", "MINITRAIN_HOME": f"{home}/progress",
                                    "IPYTHONDIR": f"{home}/ipython", "PYDEVD_DISABLE_FILE_VALIDATION": "1",
                                    "OMP_NUM_THREADS": "1"}             # as the tests run it; and threads on busy cores only wait
        kernel = AsyncKernelManager(kernel_name="python3", kernel_spec_manager=_ThisPython())
        begun = []
        client = NotebookClient(notebook, km=kernel, timeout=timeout, record_timing=False, coalesce_streams=True,
                                resources={"metadata": {"path": str(folder)}},
                                on_cell_execute=lambda cell, cell_index: begun.append(cell))
        start = time.perf_counter()
        with Memory(lambda: getattr(kernel.provisioner, "pid", None)) as memory:
            try:
                client.execute(env=environment, stderr=subprocess.DEVNULL)
            except CellExecutionError as error:
                raise RuntimeError(f"{_named(begun)} raised {error.ename}: {error.evalue}") from None
            except CellTimeoutError:
                raise RuntimeError(f"{_named(begun)} took more than {timeout} seconds.") from None
            except DeadKernelError:
                raise RuntimeError(f"{_named(begun)} ended its kernel (out of memory?).") from None
    return notebook, time.perf_counter() - start, memory.peak_mb


class Memory:
    """Samples, inside a with-block, the resident memory of a process and all its children: `.peak_mb`.

    pid: a function, because a kernel has no process yet when the sampling begins.
    """

    def __init__(self, pid, every=0.05):
        self.pid, self.every, self.peak_mb = pid, every, 0.0
        self._end, self._thread = threading.Event(), threading.Thread(target=self._sample, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        self._thread.join()

    def _sample(self):
        while True:
            self.peak_mb = max(self.peak_mb, resident_mb(self.pid()))
            if self._end.wait(self.every):
                return


def resident_mb(pid):
    """Resident memory in MB of a process and its children; 0 where it is gone."""
    total = 0
    try:
        kernel = psutil.Process(pid) if pid else None
        for process in [kernel, *kernel.children(recursive=True)] if kernel else []:
            try:
                total += process.memory_info().rss
            except psutil.Error:                # a child that ended in between
                pass
    except psutil.Error:
        pass
    return total / 2**20


def normalise(notebook):
    """The same notebook in the one form that is stored: nothing in it depends on when, where or by whom it was run.

    nbformat 4.5; cell ids from the cells' text (an edit changes one id, an insertion none); counts 1 to n; only the
    metadata that the course uses; no widget views or state; streams merged; outputs folded under predictions (behind one
    that shows nothing); claim and check cells tagged. Empty cells go. `normalise(normalise(x)) == normalise(x)`.
    """
    cells, seen, count, predicted = [], {}, 0, set()
    for cell in notebook.cells:
        source = cell.source.rstrip()
        if not source:
            continue
        digest = hashlib.sha1(f"{cell.cell_type}\n{source}".encode()).hexdigest()[:8]
        seen[digest] = seen.get(digest, 0) + 1
        made = NotebookNode(cell_type=cell.cell_type, id=digest if seen[digest] == 1 else f"{digest}-{seen[digest]}",
                            metadata=NotebookNode(), source=source)
        tags = set(cell.metadata.get("tags", [])) - {TAG}
        if cell.cell_type == "code":
            count += 1
            called = calls(source)
            folded = bool(predicted)
            if folded:
                made.metadata.jupyter = NotebookNode(outputs_hidden=True)
            predicted -= {name for function, name in called if function == "reveal"}
            predicted |= {name for function, name in called if function == "ask"}
            tags |= {TAG} if any(function in ("claim", "check") for function, _ in called) else set()
            made.execution_count = count if cell.get("execution_count") is not None else None
            made.outputs = _outputs(cell.outputs, made.execution_count)
            if folded and made.outputs:
                made.outputs.insert(0, nbformat.from_dict(NOTHING))
        elif "attachments" in cell:
            made.attachments = cell.attachments
        if tags:
            made.metadata.tags = sorted(tags)
        cells.append(made)
    return NotebookNode(cells=cells, nbformat=4, nbformat_minor=5, metadata=NotebookNode(
        kernelspec=NotebookNode(display_name="Python 3", language="python", name="python3"),
        language_info=NotebookNode(name="python")))


def calls(source):
    """(function, first argument if it is a text) of every call by plain name in a cell, in order of the lines.

    >>> calls('%time x = 1\\nask("03/which-way"); claim(slug)')
    [('ask', '03/which-way'), ('claim', None)]
    """
    try:
        tree = ast.parse(TransformerManager().transform_cell(source))
    except SyntaxError:                         # the run will say so, and better
        return []
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    found.sort(key=lambda node: (node.lineno, node.col_offset))
    first = [node.args[0] if node.args else None for node in found]
    return [(node.func.id, arg.value if isinstance(arg, ast.Constant) and isinstance(arg.value, str) else None)
            for node, arg in zip(found, first, strict=True) if node.func.id != "get_ipython"]


def _outputs(outputs, count):
    """Outputs without widget views, with one stream of each name, where nbval would merge them too."""
    kept, streams = [], {}
    for output in outputs:
        made = NotebookNode(output_type=output.output_type)
        if output.output_type == "stream":
            if output.name in streams:
                streams[output.name].text += output.text
                continue
            made.name, made.text = output.name, output.text
            streams[output.name] = made
        elif output.output_type == "error":
            made.update(ename=output.ename, evalue=output.evalue, traceback=output.traceback)
        else:
            if VIEW in output.data or output.data == NOTHING["data"]:       # beside a view stands only the widget's repr
                continue
            made.data, made.metadata = NotebookNode(sorted(output.data.items())), NotebookNode()
            if output.output_type == "execute_result":
                made.execution_count = count
        kept.append(made)
    for stream in streams.values():             # what a terminal would still show of a line rewritten with \r
        stream.text = re.sub(r"^.*\r(?=[^\n])", "", stream.text, flags=re.MULTILINE)
    return kept


def _named(begun):
    """The last of the cells that began, in words."""
    if not begun:
        return "the notebook, before its first cell,"
    return f"code cell {len(begun)} ({begun[-1].source.strip().splitlines()[0][:60]!r})"


def _refresh(path):
    """Run and write one notebook, and say what it took. Returns whether it failed; then the file is as it was."""
    try:
        notebook, seconds, peak = run(normalise(read(path)), path.parent)
    except (RuntimeError, ValueError) as error:
        print(f"{path.stem}: not written: {error}", file=sys.stderr)
        return True
    write(normalise(notebook), path)
    print(f"{path.stem}: {seconds:.1f} s, {peak:.0f} MB, {path.stat().st_size / 1024:.0f} KB")
    return False


def _check(path):
    """Say whether a notebook is not in form."""
    try:
        notebook = read(path)
        wrong = normalise(notebook) != notebook and "not in form"
    except ValueError as error:
        wrong = str(error)
    if wrong:
        print(f"{path.stem}: {wrong}. python -m minitrain.teach.refresh {path.name[:2]} mends it.", file=sys.stderr)
    return bool(wrong)


class _ThisPython(KernelSpecManager):
    """Kernels of the Python that runs this, whatever the machine has registered as python3."""

    def get_kernel_spec(self, kernel_name):
        return self.kernel_spec_class(resource_dir=RESOURCES, **get_kernel_dict())


if __name__ == "__main__":
    sys.exit(main())
