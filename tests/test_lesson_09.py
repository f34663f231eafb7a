"""Lesson 09's parts: what its claims stand on, its kernels in Triton's interpreter, itself without Triton; its widget, here and
in a browser. That seconds come out as it says, the lesson measures when nbval runs it; no test asserts a time."""
import ast
import itertools
import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from browser import Notebook, changed, clean, move_slider, says, status
from lesson_code import cells, definitions
from torch.nn import functional as F

from minitrain.kernels import norm, softmax
from minitrain.models.transformer import Transformer
from minitrain.teach import refresh
from minitrain.teach.lessons.lesson_09 import EXERCISES
from minitrain.teach.recorded import kernel_timings
from minitrain.teach.widgets.roofline import SIDES, TilePlanner, roofline

NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "09_gpus_and_kernels.ipynb"


@pytest.fixture(scope="module")
def lesson():
    """The lesson's own imports, functions and classes, without its experiments."""
    return definitions(NOTEBOOK, dev=torch.device("cpu"), lots=torch.Generator().manual_seed(1))


def random(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


# What the claims stand on


@pytest.mark.parametrize("M, K, N", [(1, 1, 1), (5, 7, 3), (130, 257, 129)])
def test_all_ways_lead_to_the_same_product(lesson, M, K, N):
    a, b = random(M, K), random(K, N, seed=1)
    right = a.double() @ b.double()
    for c in (lesson["by_rows"](a.numpy(), b.numpy()), lesson["by_tiles"](a, b), lesson["by_tiles"](a, b, side=3 + M // 3)):
        np.testing.assert_allclose(c, right, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(lesson["loops"](a[:2].tolist(), b.tolist()), right[:2], rtol=1e-5, atol=1e-5)


def test_programs_may_run_in_any_order_and_overrun_without_a_mask(lesson):
    for order in itertools.permutations(range(3)):
        memory = np.arange(14.0)
        for program in order:
            lesson["double_program"](program, memory, X=1, block=4)
        assert memory.tolist() == [0.0, *np.arange(2.0, 26.0, 2), 13.0]


@pytest.mark.parametrize("shape", [(7, 33), (64, 1000)])
def test_bytes_of_softmax_and_layer_norm_are_counted_as_their_files_say(lesson, shape):
    """8·M·N + 4·M and 2·M·N; layer norm 12 times the matrix and what belongs to rows and columns."""
    (M, N), x, w = shape, random(*shape), torch.ones(shape[1])
    count = lambda f, *others: round(M * N * sum(lesson["trips"](f, x, *others).values()))      # noqa: E731
    assert count(softmax.reference) == 8 * M * N + 4 * M and count(lesson["fused"]) == 2 * M * N
    assert count(norm.reference_layer_norm, w, w) == 12 * M * N + 8 * M + 2 * N
    assert count(norm.layer_norm, w, w) == 2 * M * N + 2 * M + 2 * N


def test_watch_counts_no_view_and_every_operation(lesson):
    x = random(6, 8)
    with lesson["Watch"]() as watch:
        x.T.reshape(4, 12).view(-1)[:5].expand(3, 5)
        (x.view(8, 6) @ x).exp_()
    assert {name: n for name, n in watch.bytes.items() if n} == {"clone": 4 * 96, "mm": 4 * (48 + 48 + 64), "exp_": 4 * 128}
    assert set(watch.seconds) == set(watch.bytes) and min(watch.seconds.values()) > 0


@pytest.mark.parametrize("seed", range(3))
def test_most_bytes_of_a_training_step_are_not_the_products(lesson, seed):
    model = Transformer(1000, context=64, layers=2, heads=4, width=256, kernels=False, seed=seed)
    trainer = lesson["Trainer"](model, lesson["next_token"], lesson["optim"].FromTorch(torch.optim.AdamW(model.parameters())))
    batch = torch.randint(1000, (4, 65), generator=torch.Generator().manual_seed(seed))
    trainer.step([batch])
    with lesson["Watch"]() as watch:
        trainer.step([batch])
    assert 0.1 < lesson["of_products"](watch.bytes) < 0.45
    assert lesson["next_token"](model, batch).mean.item() == pytest.approx(
        F.cross_entropy(model(batch[:, :-1]).reshape(-1, 1000), batch[:, 1:].reshape(-1)).item())


@pytest.mark.parametrize("core", [1e10, 1e11, 2.5e12])
def test_decades_to_weeks_on_slow_and_fast_cores(core):
    """From a core that does a few operations a tick to one with circuits for products; both verdicts, with margin."""
    names = {"core": core, "dev": torch.device("cpu"), "claim": lambda slug, **truths: names.update(truths)}
    for part in ("published = {", "alike = published"):
        exec(next(source for source in cells(NOTEBOOK) if source.startswith(part)), names)
    assert 4 < names["alike"] < 8 and (names["as_told"], names["corrected"]) == (False, True)


def test_lanes_counted_twice(capsys):
    exec(next(source for source in cells(NOTEBOOK) if source.startswith("lanes =")), {"dev": torch.device("cpu")})
    words = capsys.readouterr().out.replace(",", "").split()
    counted, computed = (int(word) for word in words if word.isdigit())
    assert counted == 16_896 and abs(computed / counted - 1) < 0.002


def test_parity_finds_a_small_mistake(lesson):
    shapes = [(20, 300)]
    assert max(lesson["parity"](softmax.softmax, softmax.reference, *shapes)) < 1e-6
    assert lesson["parity"](lambda x: softmax.softmax(x) + 1e-7, softmax.reference, *shapes)[0] > 1e-5
    right, wrong = lesson["parity"](lambda x: softmax.softmax(x.detach()) + (x - x.detach()), softmax.reference, *shapes)
    assert right < 1e-6 and wrong > 0.5                                     # a gradient that is not the result's own


@pytest.mark.parametrize("M, K, N, height, width", [(1, 5, 9, 4, 4), (7, 3, 8, 2, 4), (16, 4, 16, 16, 1), (10, 6, 10, 32, 32)])
def test_moved_is_what_programs_read_and_write(lesson, M, K, N, height, width):
    count = 0
    for top, left in itertools.product(range(0, M, height), range(0, N, width)):
        high, wide = min(height, M - top), min(width, N - left)
        count += high * K + K * wide + high * wide
    assert lesson["moved"](M, K, N, height, width) == count


# Its kernels, as Triton's interpreter runs them


INTERPRETED = """
import json, sys, torch
from triton.runtime import interpreter
from kernels_of_lesson_09 import add_kernel, matmul_kernel, softmax_kernel, power_of_two, tiles

moved, builder = [0], interpreter.interpreter_builder
for name in ("create_masked_load", "create_masked_store"):
    def counting(*args, call=getattr(builder, name), mask=1 if "load" in name else 2):
        moved[0] += int(args[mask].data.sum())
        return call(*args)
    setattr(builder, name, counting)

rows, g = [], torch.Generator().manual_seed(0)
def random(*shape): return torch.randn(shape, generator=g)
def row(name, mine, right, expected):
    rows.append([name, (mine - right).norm().item() / right.norm().item(), moved[0], expected]); moved[0] = 0

for n, block in ((1, 4), (37, 8), (1000, 256)):
    x, y = random(n), random(n); z = torch.full((n + 300,), 7.0)
    add_kernel[(tiles(n, block),)](x, y, z, n, block)
    assert (z[n:] == 7).all()
    row(f"add {n}", z[:n], x + y, 3 * n)
for m, n in ((1, 1), (3, 5), (8, 1000)):
    x = random(m, n) * 50; y = torch.empty_like(x)
    softmax_kernel[(m,)](x, y, n, power_of_two(n))
    row(f"softmax {m} {n}", y, x.double().softmax(-1), 2 * m * n)
for m, k, n, high, wide in ((1, 1, 1, 16, 16), (33, 50, 40, 16, 32), (64, 16, 64, 64, 32)):
    a, b = random(m, k), random(k, n); c = torch.full((m * n + 99,), 7.0)
    matmul_kernel[(tiles(m, high), tiles(n, wide))](a, b, c, m, k, n, high, wide, 16)
    assert (c[m * n:] == 7).all()
    row(f"matmul {m} {k} {n}", c[:m * n].view(m, n), a.double() @ b.double(),
        tiles(n, wide) * m * k + tiles(m, high) * k * n + m * n)
print(json.dumps(rows))
"""


def test_the_lessons_kernels_in_the_interpreter(tmp_path):
    """Right, on sizes that no block divides, without a number beyond the result; and as many numbers moved as the lesson says."""
    pytest.importorskip("triton", reason="triton is not installed; it is there for x86-64 Linux only")
    kernels = [ast.get_source_segment(source, node) for source in cells(NOTEBOOK) for node in ast.parse(source).body
               if isinstance(node, ast.FunctionDef) and node.name.endswith("_kernel")]
    assert len(kernels) == 3
    imports = "from minitrain.kernels.lang import constexpr, jit, power_of_two, tiles, tl\n\n"
    (tmp_path / "kernels_of_lesson_09.py").write_text(imports + "\n\n".join(f"@jit\n{kernel}" for kernel in kernels))
    done = subprocess.run([sys.executable, "-c", INTERPRETED], cwd=tmp_path, capture_output=True, text=True,
                          env=os.environ | {"TRITON_INTERPRET": "1", "PYTHONPATH": f"{NOTEBOOK.parents[1]}:{tmp_path}"})
    assert done.returncode == 0, done.stderr
    for name, error, moved, expected in json.loads(done.stdout):
        assert error < 1e-6 and moved == expected, name


def test_without_triton_it_says_so_and_judges_the_same(tmp_path, monkeypatch):
    """Run where triton can not be imported: every claim and check in the stored words, and a line where a kernel is not run."""
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['triton'] = None\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])]))
    stored = refresh.read(NOTEBOOK)
    run, _, _ = refresh.run(refresh.normalise(stored), NOTEBOOK.parent)
    now, before = ([cell for cell in refresh.normalise(one).cells if cell.cell_type == "code"] for one in (run, stored))
    compared = 0
    for cell, was in zip(now, before, strict=True):
        if refresh.TAG in cell.metadata.get("tags", []):
            assert [out.get("text") for out in cell.outputs] == [out.get("text") for out in was.outputs], cell.source
            compared += 1
    assert compared == 8                                                    # five claims, three exercises
    text = "".join(out.get("text", "") for cell in now for out in cell.outputs)
    assert "Triton is not installed here, so kernels are shown and not run" in text
    assert text.count("Not run, as there is no Triton here; its twin is ") == 3
    assert "def _cross_entropy_kernel(" in text and "def _norm_forward_kernel(" in text


# Its exercises


@pytest.mark.parametrize("seed", range(5))
def test_the_update_rule_ends_at_softmax_however_the_row_is_cut(seed):
    g = np.random.default_rng(seed)
    row = g.normal(size=40) * 300
    cuts = np.sort(g.choice(np.arange(1, 40), g.integers(1, 8), replace=False))
    for answer in (EXERCISES["online"].reference, *EXERCISES["online"].alternatives):
        largest, total = -np.inf, 0.0
        for piece in np.split(row, cuts):
            largest, total = answer(largest, total, piece)
        np.testing.assert_allclose(np.exp(row - largest) / total, torch.softmax(torch.tensor(row), 0), rtol=1e-10)


def test_programs_of_the_masked_add_together():
    for answer in (EXERCISES["add"].reference, *EXERCISES["add"].alternatives):
        memory = np.arange(40.0)
        for program in (2, 0, 1):
            answer(program, memory, 0, 10, 20, 10, 4)
        assert memory[20:30].tolist() == [i + i + 10 for i in range(10)] and memory[30:].tolist() == list(range(30, 40))


# Recorded timings


def test_recorded_timings_are_shown_as_recorded(tmp_path):
    assert kernel_timings(tmp_path).startswith("No GPU timings are recorded yet")
    row = {"operation": "softmax", "model": "7B", "pass": "both", "share": 0.934,
           "ms": {"ours": 1.5, "eager": None, "compile": 1.625, "pytorch": 2.0}}
    run = {"device": "a made-up GPU", "date": "2026-01-02", "versions": {"torch": "2", "triton": "3", "cuda": "13"},
           "rates": {"copy_bytes_s": 2.5e12, "matmul_operations_s": 7e14},
           "rows": [row, row | {"operation": "adamw", "ms": {"ours": 3.0, "eager": 9.0, "foreach": 4.0}}]}
    (tmp_path / "kernels_one.json").write_text(json.dumps(run))
    (tmp_path / "kernels_two.json").write_text(json.dumps(run | {"device": "another"}))
    one, two = kernel_timings(tmp_path).split("\n\n")
    assert one.startswith("Recorded on a made-up GPU, 2026-01-02, torch 2, triton 3; not on this machine.") and "another" in two
    assert "2.50 TB/s" in one and "700 trillion" in one
    assert one.splitlines()[-2].split() == ["softmax", "7B", "both", "1.500", "ms", "no", "memory", "1.625", "ms", "93%"]
    assert one.splitlines()[-1].split() == ["adamw", "7B", "both", "3.000", "ms", "9.000", "ms", "–", "93%"]


# The tiles as a widget


@pytest.fixture
def panel(lesson):
    return partial(TilePlanner, lesson["moved"], {"here": (5e9, 1e11, 4), "an H100": (3.35e12, 989e12, 2)})


def test_the_planner_follows_every_setting(lesson, panel):
    made = panel()
    for name, value in [("rows", 64), ("inner", 256), ("columns", 16384), ("height", 1), ("width", 512), ("machine", "an H100")]:
        message, picture = made.message, made.image.value
        setattr(made, name, value)
        operations, bytes_, working, fetching = made.plan()
        copy, rate, size = made.machines[made.machine]
        assert operations == 2 * made.rows * made.inner * made.columns
        assert bytes_ == size * lesson["moved"](made.rows, made.inner, made.columns, made.height, made.width)
        assert working == operations / rate and fetching == bytes_ / copy
        assert made.message != message and made.image.value != picture and made.message in made.image.alt


def test_what_the_lesson_asks_of_the_planner(panel):
    """When does an H100 wait for arithmetic; which shape of as many numbers moves less; and no tile helps a single row."""
    for side, bound in ((256, "memory-bound"), (512, "memory-bound"), (1024, "compute-bound")):
        assert bound in panel(machine="an H100", height=side, width=side).message
    assert panel(height=64, width=64).plan()[1] < panel(height=16, width=256).plan()[1] / 2
    for side in (SIDES[0], SIDES[-1]):
        made = panel(rows=1, height=side, width=side)
        assert "memory-bound" in made.message
        assert f"tile of the result is {'4' if side == 1 else '4.1 thousand'} bytes" in made.message


def test_controls_and_traits_follow_each_other(panel):
    made = panel()
    found = {child.description: child for row in made.children for child in getattr(row, "children", [row])
             if getattr(child, "description", "")}
    for label, name, value in (("Tile height", "height", 8), ("Tile width", "width", 256), ("Rows of a", "rows", 16),
                               ("columns of a", "inner", 64), ("columns of b", "columns", 1024), ("On", "machine", "an H100")):
        found[label].value = value
        assert getattr(made, name) == value
    made.height = 1
    assert found["Tile height"].value == 1


def test_the_roof_has_its_corner_where_the_limits_meet():
    ax = roofline([(2.0, 5e9, "x")], copy=4e9, rate=2e10, title="A roof").axes[0]
    x, y = ax.lines[0].get_data()
    assert (x[1], y[1]) == (5.0, 20.0) and y[2] == 20.0 and y[0] == pytest.approx(4 * x[0])
    assert [float(part[0]) for part in ax.lines[1].get_data()] == [2.0, 5.0]


# In a browser


@pytest.mark.browser
def test_the_planner_in_a_browser(lab, browser):
    """By keys alone, on the lesson's own function."""
    from playwright.sync_api import expect
    whole = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    kept = []
    for cell in whole["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "code" and ("import find_spec" in source or source.startswith("TilePlanner(")):
            kept.append(cell | {"source": source, "outputs": []})
        elif cell["cell_type"] == "code" and source.startswith("def moved"):
            kept.append(cell | {"source": source.split("@jit")[0] + "copy, rate = 5e9, 1e11", "outputs": []})
    assert len(kept) == 3
    (lab[1] / "09_tiles.ipynb").write_text(json.dumps(whole | {"cells": kept}))
    notebook = Notebook(browser, lab[0], "09_tiles.ipynb")
    notebook.run_all()
    output = notebook.output("TilePlanner(moved")
    words = status(output)
    before = says(words, "bytes take longer: memory-bound")
    low, high = move_slider(notebook, output, "Tile height", presses=3)
    assert high == low + 3
    before = changed(words, before)
    move_slider(notebook, output, "Tile width", presses=3)
    before = says(words, "operations take longer: compute-bound")
    output.get_by_role("combobox", name="Rows of a").focus()
    notebook.page.keyboard.press("Home")
    before = says(words, "memory-bound")
    output.get_by_role("combobox", name="On").focus()
    notebook.page.keyboard.press("ArrowDown")
    message = changed(words, before)
    expect(output.locator("img")).to_have_attribute("alt", f"A product in tiles, and where it stands on the roofline. {message}",
                                                    timeout=20_000)                     # the picture is drawn after the words
    clean(notebook)
    notebook.close()
