"""What each lesson asks: `lesson_NN.py` holds `QUESTIONS` and `EXERCISES` as data; nothing here prints or judges."""

import importlib
from difflib import get_close_matches


def find(name, table):
    """The entry of `table` ("QUESTIONS" or "EXERCISES") called `name`, such as "03/mse"; LookupError says what is near."""
    lesson, _, key = str(name).partition("/")
    module = f"{__name__}.lesson_{lesson}"
    try:
        entries = getattr(importlib.import_module(module), table, {})
    except ModuleNotFoundError as missing:
        if missing.name != module:
            raise
        raise LookupError(f'There is no lesson "{lesson}" here; a name looks like "03/mse": lesson, stroke, name.') from None
    if key not in entries:
        raise LookupError(f'Lesson {lesson} has no "{key}". {nearest(key, entries)}')
    return entries[key]


def nearest(word, words):
    """One sentence that names what comes nearest to `word`.

    >>> nearest("mes", ["mse", "epoch"])
    'Nearest: mse.'
    >>> nearest("zzz", ["mse", "epoch"])
    'It has: epoch, mse.'
    >>> nearest("mse", [])
    'It has none yet.'
    """
    if not words:
        return "It has none yet."
    near = get_close_matches(word, words, n=3, cutoff=0.5)
    if near:
        return f"Nearest: {', '.join(near)}."
    return f"It has: {', '.join(sorted(words)[:8])}{'.' if len(words) <= 8 else ', …'}"
