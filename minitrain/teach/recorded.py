"""Timings that were recorded on other machines, as text: never mixed with what the reader's own machine measures."""
import json

from minitrain import records


def kernel_timings(folder=records.RUNS.parent / "benchmarks"):
    """What `tests/benchmarks/kernels.py` recorded on GPUs, a table each; where nothing is recorded, a sentence that says so.

    folder: a path with kernels_<gpu>.json files.

    >>> from pathlib import Path
    >>> kernel_timings(Path("nowhere")).splitlines()[0]
    'No GPU timings are recorded yet: data/benchmarks/ holds none, so this lesson shows none.'
    """
    files = sorted(folder.glob("kernels_*.json"))
    if not files:
        return ("No GPU timings are recorded yet: data/benchmarks/ holds none, so this lesson shows none.\n"
                "On a machine with an NVIDIA GPU, `python tests/benchmarks/kernels.py` measures them and puts them there.")
    return "\n\n".join(_table(json.loads(file.read_text(encoding="utf-8"))) for file in files)


def _table(run):
    rates, versions = run["rates"], run["versions"]
    lines = [f"Recorded on {run['device']}, {run['date']}, torch {versions['torch']}, triton {versions['triton']}; not on this "
             "machine.",
             f"It copied {rates['copy_bytes_s'] / 1e12:.2f} TB/s and multiplied {rates['matmul_operations_s'] / 1e12:.0f} "
             "trillion operations/s.",
             f"{'operation':24}{'model':14}{'pass':10}{'kernel':>12}{'plain':>12}{'compiled':>12}{'of the limit':>14}"]
    for row in run["rows"]:
        times = "".join(f"{_time(row['ms'], who):>12}" for who in ("ours", "eager", "compile"))
        lines.append(f"{row['operation']:24}{row['model']:14}{row['pass']:10}{times}{row['share']:>14.0%}")
    return "\n".join(lines)


def _time(ms, who):
    if who not in ms:
        return "–"
    return "no memory" if ms[who] is None else f"{ms[who]:.3f} ms"
