"""Two values side by side: whether they agree, where they first differ, and how each is shown in few words.

Numbers may come from Python, NumPy or torch; neither of these is imported here before a value of theirs turns up.
"""

import sys
from dataclasses import fields, is_dataclass
from types import ModuleType


def _torch():
    return sys.modules.get("torch")


def _is_tensor(value):
    return _torch() is not None and isinstance(value, _torch().Tensor)


def _is_array(value):
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, numpy.ndarray)


def _kind(value):
    """What sort of thing a value is, in a reader's words; scalars of Python, NumPy and torch are all "number"."""
    numpy = sys.modules.get("numpy")
    if _is_tensor(value) or _is_array(value):
        if value.ndim:
            return "tensor" if _is_tensor(value) else "NumPy array"
        return "truth value" if "bool" in str(value.dtype) else "number"
    if isinstance(value, bool) or numpy is not None and isinstance(value, numpy.bool_):
        return "truth value"
    if isinstance(value, int | float | complex) or numpy is not None and isinstance(value, numpy.number):
        return "number"
    for kind, word in ((list, "list"), (tuple, "list"), (dict, "dict"), (set, "set"), (frozenset, "set"), (str, "string")):
        if isinstance(value, kind):
            return word
    return "None" if value is None else type(value).__name__


def _numbers(value):
    """A number, array or tensor as a NumPy array of float64 (or bool, complex, …)."""
    import numpy as np
    if _is_tensor(value):
        value = value.detach().cpu()
        value = (value.double() if value.dtype.is_floating_point else value).numpy()
    value = np.asarray(value)
    return value.astype(np.float64) if value.dtype.kind in "fiu" else value


def _close(want, got, exercise, exact=False):
    import numpy as np
    want, got = _numbers(want), _numbers(got)
    if want.dtype.kind not in "fcb" or got.dtype.kind not in "fcb":
        return bool(np.array_equal(want, got))
    rtol, atol = (0, 0) if exact else (exercise.rtol, exercise.atol)
    with np.errstate(invalid="ignore"):
        return bool(np.all(np.isclose(got, want, rtol=rtol, atol=atol, equal_nan=True)))


def difference(want, got, exercise, any_kind=False, exact=False):
    """None where two values agree, else "shape" (or structure) or "value"; `any_kind` passes over what can't be compared."""
    kind, theirs = _kind(want), _kind(got)
    if exercise.any_sequence and not any_kind and {kind, theirs} <= {"list", "tensor", "NumPy array"} and kind != theirs:
        want, got = _sequence(want), _sequence(got)
        if want is None or got is None:
            return "shape"
        kind = theirs = "NumPy array"
    if kind != theirs:
        return "shape"
    if kind in ("number", "truth value"):
        return None if _close(want, got, exercise, exact) else "value"
    if kind in ("tensor", "NumPy array"):
        if tuple(want.shape) != tuple(got.shape) or ("bool" in str(want.dtype)) != ("bool" in str(got.dtype)):
            return "shape"
        return None if _close(want, got, exercise, exact) else "value"
    if kind == "list":
        if len(want) != len(got):
            return "shape"
        return _worst(difference(w, g, exercise, any_kind, exact) for w, g in zip(want, got))
    if kind == "dict":
        if want.keys() != got.keys():
            return "shape"
        return _worst(difference(want[k], got[k], exercise, any_kind, exact) for k in want)
    if is_dataclass(want):
        return _worst(difference(getattr(want, f.name), getattr(got, f.name), exercise, any_kind, exact) for f in fields(want))
    if hasattr(want, "state_dict"):         # modules and optimizers
        return difference(want.state_dict(), got.state_dict(), exercise) if exercise.changes_inputs else None
    if any_kind and kind not in ("set", "string"):
        return None
    try:
        return None if want is got or bool(want == got) else "value"
    except (TypeError, ValueError, RuntimeError):
        return "value"


def first_difference(want, got, exercise, only=None):
    """The innermost place at which two values differ, as in `[2]["loss"]`, and what stands there in each."""
    if hasattr(want, "state_dict"):
        want, got = want.state_dict(), got.state_dict()
    if _kind(want) == _kind(got) in ("list", "dict") and len(want) == len(got):
        for key in want if isinstance(want, dict) else range(len(want)):
            if isinstance(want, dict) and key not in got:
                break
            found = difference(want[key], got[key], exercise)
            if found and only in (None, found):
                path, w, g = first_difference(want[key], got[key], exercise, only)
                return f"[{short(key)}]{path}", w, g
    if only is None and _kind(want) == _kind(got) in ("tensor", "NumPy array") and tuple(want.shape) == tuple(got.shape):
        import numpy as np
        w, g = _numbers(want), _numbers(got)
        for at in np.ndindex(w.shape):
            if not _close(w[at], g[at], exercise):
                return f"[{', '.join(map(str, at))}]", w[at], g[at]
    return "", want, got


def _worst(differences):
    found = set(differences)
    return "shape" if "shape" in found else "value" if "value" in found else None


def _sequence(value):
    """A list, array or tensor as one array, or None where it is ragged or holds no numbers."""
    import numpy as np
    try:
        array = np.stack([_sequence(v) for v in value]) if isinstance(value, list | tuple) and len(value) else _numbers(value)
    except (ValueError, TypeError):
        return None
    return array if array.dtype.kind in "fcb" else None


def same_numbers(want, got, exercise):
    """Whether two values hold the same numbers in the same order, whatever their shapes."""
    arrays = [_sequence(v) if _kind(v) in ("list", "tensor", "NumPy array", "number") else None for v in (want, got)]
    if arrays[0] is None or arrays[1] is None or arrays[0].size != arrays[1].size:
        return False
    return _close(arrays[0].ravel(), arrays[1].ravel(), exercise)


def _shape(value):
    array = _sequence(value) if _kind(value) in ("list", "tensor", "NumPy array") else None
    return None if array is None else array.shape


def size(value):
    """How many numbers, characters and other single things a value holds."""
    if _is_tensor(value):
        return value.numel()
    if _is_array(value):
        return value.size
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        return sum(size(v) for v in value.values()) + len(value)
    if isinstance(value, list | tuple | set | frozenset):
        return sum(size(v) for v in value)
    return 1


def expected_and_got(want, got, exercise):
    """Both values, or where they are long the first place at which they differ."""
    digits, path = _telling_digits(want, got), ""
    if size(want) > 24 or digits is None:
        path, want, got = first_difference(want, got, exercise)
        digits = _telling_digits(want, got)
    return f"{f'at {path} ' if path else ''}expected {short(want, digits or 17)}, got {short(got, digits or 17)}"


def described(value):
    """A value's kind and shape in words."""
    kind, shape = _kind(value), _shape(value)
    if kind in ("tensor", "NumPy array"):
        return f"a {kind} of {'truth values of ' if 'bool' in str(value.dtype) else ''}shape {tuple(value.shape)}"
    if kind == "list":
        word = "tuple" if isinstance(value, tuple) else "list"
        return f"a {word} of {len(value)}" if shape is None or len(shape) < 2 else f"a {word} of lists of shape {shape}"
    if kind == "dict":
        return f"a dict with keys {short(sorted(map(str, value)))}"
    return f"{_with_article(kind)} ({short(value)})" if kind in ("number", "truth value", "string") else _with_article(kind)


def _with_article(word):
    return word if word == "None" else f"{'an' if word[0] in 'aeiouAEIOU' else 'a'} {word}"


def _telling_digits(want, got):
    """The fewest digits at which two values that differ also look different, or None."""
    return next((d for d in (4, 6, 8, 12, 17) if short(want, d) != short(got, d)), None)


def short(value, digits=4):
    """A value in at most about 120 characters, numbers rounded, without addresses.

    >>> short([1.0, 2 / 3, float("nan")]), short("hello"), short({"a": (1, True)})
    ('[1, 0.6667, nan]', "'hello'", "{'a': (1, True)}")
    """
    if _is_tensor(value) or _is_array(value):
        if not 0 < size(value) <= 24:
            return f"{_kind(value)} of shape {tuple(value.shape)}"
        return cut(short(_numbers(value).tolist(), digits), 160)
    if _kind(value) == "truth value":
        return str(bool(value))
    if isinstance(value, int):
        return str(value)
    if isinstance(value, complex):
        return f"{value:.{digits}g}"
    if _kind(value) == "number":
        return f"{float(value) + 0.0:.{digits}g}"
    if isinstance(value, str):
        return cut(repr(value), 80)
    if isinstance(value, dict):
        return cut("{" + ", ".join(f"{short(k)}: {short(v, digits)}" for k, v in value.items()) + "}", 160)
    if isinstance(value, list | tuple):
        inner = ", ".join(short(v, digits) for v in value[:24]) + (", …" if len(value) > 24 else "")
        if isinstance(value, tuple):
            return cut(f"({inner}{',' if len(value) == 1 else ''})", 160)
        return cut(f"[{inner}]", 160)
    if isinstance(value, set | frozenset):
        return cut("{" + ", ".join(sorted(short(v, digits) for v in value)) + "}", 160)
    if value is None:
        return "None"
    if callable(value) and hasattr(value, "__name__"):
        return value.__name__
    if isinstance(value, ModuleType):
        return value.__name__
    return f"a {type(value).__name__}"


def cut(text, limit):
    return text if len(text) <= limit else text[:limit - 1] + "…"
