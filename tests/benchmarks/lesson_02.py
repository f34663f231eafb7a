"""Lesson 02's panel: from a slider's move to the new picture, seconds of processor, the median of five moves. Prints JSON.

    python tests/benchmarks/lesson_02.py
"""
import ast
import json
import statistics
import time

from minitrain.device import machine, use_threads
from minitrain.teach.refresh import NOTEBOOKS, read
from minitrain.teach.widgets.poison import PoisonTheData

DATA = {"pets", "filled", "outline", "base", "fair", "exams"}          # what the lesson's `examined` reads


def lesson():
    """The notebook's imports and functions, and these data."""
    def kept(node):
        names = {name.id for target in getattr(node, "targets", []) for name in ast.walk(target) if isinstance(name, ast.Name)}
        return isinstance(node, ast.Import | ast.ImportFrom | ast.FunctionDef) or names & DATA
    found = {}
    for cell in read(NOTEBOOKS / "02_data.ipynb").cells:
        if cell.cell_type == "code":
            body = [node for node in ast.parse(cell.source).body if kept(node)]
            exec(compile(ast.Module(body, []), "lesson 02", "exec"), found)
    return found


def seconds(panel, slider, value):
    start = time.process_time()
    setattr(panel, slider, value)
    return time.process_time() - start


if __name__ == "__main__":
    use_threads(1)
    panel = PoisonTheData(lesson()["examined"])
    moves = {"wrong": (0.1, 0.2, 0.3, 0.4, 0.5), "outlines": (0.4, 0.3, 0.2, 0.1, 0.0), "sun": (0.6, 0.7, 0.8, 0.9, 1.0)}
    took = {slider: round(statistics.median(seconds(panel, slider, value) for value in values), 2)
            for slider, values in moves.items()}
    print(json.dumps({"seconds": took, "worst": max(took.values()), "limit": 0.7, "machine": str(machine())}, indent=1))
