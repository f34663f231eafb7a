"""Prints a megabyte of English that every machine with this course has: prose from the docstrings of installed packages.

    python tests/benchmarks/english.py > english.txt
"""
import ast
import importlib.util
import random
import sys
from pathlib import Path

PACKAGES = "numpy scipy sklearn matplotlib networkx sympy IPython gymnasium".split()


def english(characters=1_000_000):
    """Paragraphs of whole sentences, each once, docstrings shuffled: the same text wherever the same versions are installed."""
    seen, documents = set(), []
    for package in PACKAGES:
        for file in sorted(Path(importlib.util.find_spec(package).origin).parent.rglob("*.py")):
            for doc in docstrings(file):
                prose = [p for p in map(one_line, doc.split("\n\n")) if is_prose(p) and p not in seen]
                seen.update(prose)
                if prose:
                    documents.append("\n".join(prose))
    random.Random(0).shuffle(documents)
    text = "\n\n".join(documents)
    if len(text) < characters:
        raise ValueError(f"The installed docstrings hold {len(text):,} characters of prose, fewer than {characters:,}.")
    return text[:characters]


def docstrings(file):
    try:
        tree = ast.parse(file.read_text(encoding="utf-8"))
    except (SyntaxError, ValueError):               # test data of some packages is broken on purpose
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            yield ast.get_docstring(node) or ""


def one_line(paragraph):
    return " ".join(paragraph.split())


def is_prose(paragraph):
    """Sentences, not tables, code, formulas or markup."""
    letters = sum(c.isalpha() or c == " " for c in paragraph)
    return (len(paragraph.split()) >= 12 and paragraph.isascii() and paragraph[0].isupper() and paragraph[-1] == "."
            and not any(mark in paragraph for mark in (">>>", "::", "==", "--", "_", "=", "|", "\\", "`"))
            and letters > 0.93 * len(paragraph))


if __name__ == "__main__":
    sys.stdout.write(english())
