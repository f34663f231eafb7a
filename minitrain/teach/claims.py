"""Claims: what popular explanations say, each put to the test. The verdict is computed; `data/claims.csv` says what we found.

`claim` prints one line of words and no measured number, so that a lesson's stored output is the same on every machine.
It never raises at a reader.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

from minitrain.teach import progress
from minitrain.teach.lessons import nearest

KINDS = {
    "holds": "hold as told",
    "corrected": "hold with a correction",
    "wrong": "not as told",
    "cited": "cited, with a source",
    "open": "open",
}
COLUMNS = ("slug", "statement", "kind", "correction", "lesson", "source")
FILE = Path(__file__).resolve().parents[2] / "data" / "claims.csv"
OTHERWISE = "! Measured otherwise here:"
_cache = {}


def rows():
    """All claims: {slug: {"statement", "kind", "correction", "lesson", "source"}}; OSError where data/ is missing."""
    written = FILE.stat().st_mtime_ns
    if _cache.get("written") != written:
        with open(FILE, encoding="utf-8", newline="") as file:
            _cache.update(written=written, rows={row["slug"]: {column: (row.get(column) or "").strip() for column in COLUMNS}
                                                for row in csv.DictReader(file)})
    return _cache["rows"]


def claim(slug, as_told=None, corrected=None):
    """Print the verdict on one claim from what was just measured.

    `as_told`: whether the statement held as it is usually told; `corrected`: whether it held with the correction.
    Kind `holds` needs the first true; `corrected` the first false and the second true; `wrong` the first false;
    `cited` and `open` take no condition and print their source.
    """
    try:
        known = rows()
    except (OSError, KeyError, UnicodeDecodeError, csv.Error):
        print("data/claims.csv can not be read: the course runs from its own folder, after `pip install -r requirements.txt`.")
        return
    row = known.get(str(slug))
    if row is None:
        print(f'There is no claim "{slug}". {nearest(str(slug), known)}')
        return
    if row["kind"] not in KINDS:
        print(f'The row of "{slug}" in data/claims.csv has kind "{row["kind"]}"; kinds are {", ".join(KINDS)}.')
        return
    needed = {"holds": ["as_told"], "corrected": ["as_told", "corrected"], "wrong": ["as_told"]}.get(row["kind"], [])
    given = {"as_told": as_told, "corrected": corrected}
    truths = {}
    for name, condition in given.items():
        if condition is None and name not in needed or row["kind"] in ("cited", "open"):
            continue
        truths[name] = _truth(condition)
        if truths[name] is None:
            print(f'"{slug}" was not judged: {name} needs True or False, and got {_what(condition)}.')
            return
    agreed, line = _verdict(row, **truths)
    if needed:
        progress.record("claims", slug, agreed=agreed, kind=row["kind"])
    print(line)


def _verdict(row, as_told=None, corrected=None):
    """Whether the measurement agrees with the row, and the line that says so."""
    statement, kind, correction = row["statement"], row["kind"], row["correction"]
    told = f'"{statement}{"" if statement[-1:] in ".?!…" else "."}"'
    if kind in ("cited", "open"):
        source = row["source"] and f"Source: {row['source']}"
        return True, _line("§ Cited:" if kind == "cited" else "? Open:", told, correction, source)
    if kind == "holds":
        if as_told:
            return True, _line("✓ Holds, measured:", told, correction)
        return False, _line(OTHERWISE, told, "In this run it did not hold; the course found that it does.")
    if as_told:
        found = "that it holds with a correction:" if kind == "corrected" else "that it does not:"
        return False, _line(OTHERWISE, told, "In this run it held as told; the course found", found, correction)
    if corrected is False:
        return False, _line(OTHERWISE, told, "In this run it did not hold, and neither did its correction:", correction)
    return True, _line("≈ Holds with a correction:" if kind == "corrected" else "✗ Not as told:", told, correction)


def _line(*parts):
    return " ".join(part for part in parts if part)


def _truth(condition):
    """True or False from a bool, or a NumPy or torch bool of one element; None from anything else."""
    if isinstance(condition, bool):
        return condition
    if "bool" in str(getattr(condition, "dtype", "")) and hasattr(condition, "item"):
        try:
            return bool(condition.item())
        except (ValueError, RuntimeError):      # more than one element, or none
            return None
    return None


def _what(condition):
    shape = getattr(condition, "shape", None)
    if condition is None:
        return "nothing"
    if isinstance(shape, tuple) and len(shape):
        return f"an array of shape {tuple(shape)}; .all() or .any() makes one truth of it"
    return f"a value of type {type(condition).__name__}"


@dataclass
class Ledger:
    """The course's claims by kind, beside what this reader's machine measured; its repr is a table."""
    course: dict                # kind -> rows of that kind
    agreed: dict                # kind -> slugs measured here that came out as the course says
    otherwise: dict             # kind -> slugs measured here that did not

    def __repr__(self):
        lines = [f"{'':24}{'in the course':>14}{'measured here':>15}{'as the course says':>20}{'otherwise':>11}"]
        for kind in ("holds", "corrected", "wrong"):
            yes, no = len(self.agreed[kind]), len(self.otherwise[kind])
            lines.append(f"{KINDS[kind]:24}{len(self.course[kind]):14}{yes + no:15}{yes:20}{no:11}")
        lines += [f"{KINDS[kind]:24}{len(self.course[kind]):14}{'–':>15}{'–':>20}{'–':>11}" for kind in ("cited", "open")]
        disagreed = [slug for kind in self.otherwise for slug in self.otherwise[kind]]
        return "\n".join(lines + [f"Otherwise here: {', '.join(disagreed)}."] * bool(disagreed))


def ledger():
    """The whole course's claims as this machine measured them: a table, as the value of a cell or printed."""
    course, agreed, otherwise = ({kind: [] for kind in KINDS} for _ in range(3))
    measured = progress.entries("claims")
    for slug, row in rows().items():
        if row["kind"] not in KINDS:
            continue
        course[row["kind"]].append(slug)
        if slug in measured and row["kind"] not in ("cited", "open"):
            (agreed if measured[slug].get("agreed") else otherwise)[row["kind"]].append(slug)
    return Ledger(course, agreed, otherwise)
