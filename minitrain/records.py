"""Runs that take too long for a lesson, recorded: CSV below a comment with the command that makes it again."""
import csv
from pathlib import Path

RUNS = Path(__file__).resolve().parents[1] / "data" / "runs"


def write(path, command, rows):
    """Write dicts with equal keys, each as soon as there is one: a run that is stopped keeps what it found.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write(f"{folder}/run.csv", "python -m this", iter([{"model": "a", "seed": 0, "loss": 0.5}]))
    ...     read(f"{folder}/run.csv")
    ([{'model': 'a', 'seed': 0, 'loss': 0.5}], 'python -m this')
    """
    with open(path, "w", encoding="utf-8", newline="") as file:
        file.write(f"# {command}\n")
        writer = None
        for row in rows:
            if writer is None:
                writer = csv.DictWriter(file, row, lineterminator="\n")
                writer.writeheader()
            writer.writerow(row)
            file.flush()


def read(path):
    """(rows, command) of such a file; what reads as a number is one."""
    with open(path, encoding="utf-8", newline="") as file:
        command = file.readline().lstrip("# ").strip()
        return [{name: _number(value) for name, value in row.items()} for row in csv.DictReader(file)], command


def _number(text):
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text
