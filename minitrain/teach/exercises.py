"""Exercises: an answer is judged by what it does, against a reference and against wrong answers that people really give.

An exercise is data: a reference, inputs, and misconceptions, each a wrong implementation with the hint it earns. The order of
judgement: a stub is "not yet"; what is right on every input passes; what behaves like a misconception on every input earns its
hint; then exceptions, `None`, changed inputs, structure and shape, and at last values, with the smallest input that fails.
"""

import copy
import inspect
import itertools
import linecache
import re
import textwrap
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from minitrain.teach import progress
from minitrain.teach.compare import cut, described, difference, expected_and_got, first_difference, same_numbers, short, size
from minitrain.teach.lessons import find


@dataclass(frozen=True)
class Misconception:
    """A wrong answer that people give (a function, or a value where the exercise asks for one), and the hint that it earns."""
    answer: Any
    hint: str


@dataclass(frozen=True)
class Exercise:
    """One exercise as data.

    `reference` is a function, or a value where the reader is asked for a value. `inputs` is a list of argument tuples, or a
    function from a seed to one (called with 0 … `cases` - 1). An answer is right when it agrees with the reference on all of
    them, within `rtol` and `atol`. With `judge`, a function from the reader's answer to None (right) or to a sentence, that
    decides instead: for random results and properties; misconceptions are then told apart by the sentence they get.
    `solution` is the text shown, by default the reference's source. `alternatives` are other right answers, for the tests.
    """
    task: str
    reference: Any
    inputs: list | Callable = field(default_factory=lambda: [()])
    misconceptions: list = field(default_factory=list)
    hint: str = ""
    solution: str | None = None
    alternatives: list = field(default_factory=list)
    judge: Callable | None = None
    rtol: float = 1e-4
    atol: float = 1e-6
    cases: int = 5
    any_sequence: bool = False      # a list, a NumPy array and a tensor of the same numbers are the same answer
    changes_inputs: bool = False    # the function is meant to change its arguments; they are compared as well
    at_most: int = 1000             # items taken from a generator

    def __post_init__(self):
        if not callable(self.inputs) and not self.inputs:
            raise ValueError("an exercise needs at least one input")


@dataclass(frozen=True)
class Verdict:
    """What came out: `kind` is one of right, not yet, misconception, exception, none, changed, endless, shape, value, judge."""
    kind: str
    text: str


def check(name, answer=None):
    """Judge the reader's answer to an exercise such as "03/mse" and print one verdict; a right one is noted in progress."""
    try:
        exercise = find(name, "EXERCISES")
    except LookupError as error:
        print(error)
        return
    verdict = judge(name, exercise, answer)
    if verdict.kind == "right":
        progress.record("exercises", name, passed=True)
    print(verdict.text)


def hint(name):
    """Print the hint of an exercise."""
    try:
        exercise = find(name, "EXERCISES")
    except LookupError as error:
        print(error)
        return
    print(exercise.hint or exercise.task)


def solution(name):
    """Print a solution of an exercise, as code to copy."""
    try:
        exercise = find(name, "EXERCISES")
    except LookupError as error:
        print(error)
        return
    print(solution_text(exercise))


def solution_text(exercise):
    """The text that `solution` prints: the exercise's own, or the reference's source."""
    if exercise.solution is not None:
        return textwrap.dedent(exercise.solution).strip()
    if not callable(exercise.reference):
        return repr(exercise.reference)
    return textwrap.dedent(inspect.getsource(exercise.reference)).strip()


def judge(name, exercise, answer):
    """The verdict on an answer, unprinted."""
    called = getattr(answer, "__name__", "")
    if not called.isidentifier():       # a value, or a lambda
        called = name.rpartition("/")[2].replace("-", "_")
    if not callable(exercise.reference):
        if answer is None or answer is ...:
            return _not_yet(name, f"Give {called} a value")
        if callable(answer):
            return Verdict("value", f"{name}: this one asks for a value, not for a function.")
        if exercise.judge is None:
            return _compared(name, exercise, _constant(answer), None)
    elif answer is ... or answer is None:
        return _not_yet(name, "Write the function")
    elif not callable(answer):
        return Verdict("not yet", f'{name}: not yet. check takes the function itself, as in check("{name}", f), '
                                  f"not what it returns; it got {described(answer)}.")
    try:
        if exercise.judge is not None:
            return _judged(name, exercise, answer, called)
        return _compared(name, exercise, answer, called)
    except _Stub:
        return _not_yet(name, f"Fill in the body of {called}")


# --- by comparing with the reference ------------------------------------------------------------------------------------


@dataclass
class _Outcome:
    """What one call did: its result or its exception, and its arguments afterwards."""
    result: Any = None
    args: tuple = ()
    error: BaseException | None = None
    endless: bool = False


def _compared(name, exercise, answer, called):
    order = _cases(exercise)
    want = {i: _quietly(_function(exercise.reference), _arguments(exercise, i), exercise.at_most) for i in order}
    got = {}
    for i in order:
        got[i] = _call(answer, _arguments(exercise, i), exercise.at_most)
        if _is_stub(got[i]):
            raise _Stub
    if not any(_differs(exercise, want[i], got[i], i) for i in order):
        return Verdict("right", f"✓ {name}: right on every input.")
    for misconception in exercise.misconceptions:
        if _behaves_like(exercise, misconception, got, order):
            return Verdict("misconception", f"{name}: not yet. {misconception.hint}")
    failing = [(i, _differs(exercise, want[i], got[i], i)) for i in order]
    for kind in ("exception", "none", "changed", "endless", "shape", "value"):
        for i, found in failing:
            if found == kind:
                return Verdict(kind, _sentence(name, exercise, kind, answer, called, i, want[i], got[i]))


def _behaves_like(exercise, misconception, got, order):
    """Whether the answer did what this misconception does, on every input."""
    telling = False
    for i in order:
        theirs = _quietly(_function(misconception.answer), _arguments(exercise, i), exercise.at_most)
        if theirs.error is not None or got[i].error is not None:
            if type(theirs.error) is not type(got[i].error):
                return False
        elif _differs(exercise, theirs, got[i], i, changes=True):
            return False
        else:
            telling = telling or got[i].result is not None or exercise.changes_inputs
    return telling          # raising everywhere, or returning None everywhere, tells nothing about what was thought


def _differs(exercise, want, got, i, changes=None):
    """The kind of the first difference between two outcomes, or None."""
    if got.error is not None:
        return "exception"
    if got.result is None and want.result is not None:
        return "none"
    if exercise.changes_inputs or changes:
        if difference(want.args, got.args, exercise, any_kind=True):
            return "changed"
    elif difference(_arguments(exercise, i), got.args, exercise, any_kind=True, exact=True):
        return "changed"
    if got.endless and not want.endless:
        return "endless"
    if want.result is None and exercise.changes_inputs:     # what a function that works in place returns is its own affair
        return None
    return difference(want.result, got.result, exercise)


def _sentence(name, exercise, kind, answer, called, i, want, got):
    call = f"{called}({', '.join(short(a) for a in _arguments(exercise, i))})" if called else None
    if kind == "exception":
        return _raised(name, got.error, answer, call)
    if kind == "none":
        return _returned_none(name, call)
    if kind == "changed" and not exercise.changes_inputs:
        return _changed_input(name, call)
    if kind == "changed":
        k = next(k for k in range(len(want.args)) if difference(want.args[k], got.args[k], exercise, any_kind=True))
        which = f"argument {k + 1}" if len(want.args) > 1 else "its argument"
        return f"{name}: not yet. After {call}, {which}: {expected_and_got(want.args[k], got.args[k], exercise)}."
    if kind == "endless":
        return f"{name}: not yet. {call} never stops yielding; expected {len(want.result)} items."
    if kind == "shape":
        return f"{name}: not yet. {_structure(call, want.result, got.result, exercise)}"
    if call is None:        # a value: showing the right one would end the exercise
        return f"{name}: not yet. {short(got.result)} is not it."
    return f"{name}: not yet. For {call} {expected_and_got(want.result, got.result, exercise)}."


def _structure(call, want, got, exercise):
    lead = "The numbers are right, but " if same_numbers(want, got, exercise) else ""
    path, want, got = first_difference(want, got, exercise, only="shape")
    what = f"{call}{path}" if call else "it" if lead else "It"
    return f"{lead}{what} should be {described(want)}, and is {described(got)}."


# --- by a judge of the exercise's own -----------------------------------------------------------------------------------


class _Stub(Exception):
    """The answer is still the stub."""


class _Refused(Exception):
    """A call by a judge that already settles the verdict."""


def _judged(name, exercise, answer, called):
    verdict = _by_judge(name, exercise, answer, called)
    if verdict.kind in ("judge", "endless"):
        for misconception in exercise.misconceptions:
            if _by_judge(name, exercise, misconception.answer, called) == verdict:
                return Verdict("misconception", f"{name}: not yet. {misconception.hint}")
    return verdict


def _by_judge(name, exercise, answer, called):
    def watched(*args, **kwargs):
        before = _copied(args)
        outcome = _call(answer, args, exercise.at_most, kwargs)
        if _is_stub(outcome):
            raise _Stub
        call = f"{called}({', '.join([*map(short, before or args), *(f'{k}={short(v)}' for k, v in kwargs.items())])})"
        if outcome.error is not None:
            refused.append(Verdict("exception", _raised(name, outcome.error, answer, call)))
        elif outcome.result is None and not exercise.changes_inputs:
            refused.append(Verdict("none", _returned_none(name, call)))
        elif before and not exercise.changes_inputs and difference(before, args, exercise, any_kind=True, exact=True):
            refused.append(Verdict("changed", _changed_input(name, call)))
        elif outcome.endless:
            refused.append(Verdict("endless", f"{name}: not yet. {call} never stops yielding."))
        else:
            return outcome.result
        raise _Refused

    refused = []
    try:
        said = exercise.judge(watched if callable(answer) else answer)
    except _Refused:
        return refused[0]
    except _Stub:
        raise
    except Exception as error:      # the judge stumbled over what the answer returned
        if _line(error, answer):
            return Verdict("exception", _raised(name, error, answer, None))
        return Verdict("judge", f"{name}: not yet. What {called} returned could not be used: {_message(error)}.")
    return Verdict("right", f"✓ {name}: right.") if said is None else Verdict("judge", f"{name}: not yet. {said}")


def _returned_none(name, call):
    return f"{name}: not yet. {call} returned None: is there a `return` at the end, and does every branch reach one?"


def _changed_input(name, call):
    return (f"{name}: not yet. {call} changed its input: the caller's own data is different afterwards. "
            "Work on a copy, or write `x = x - …` where `x -= …` stands.")


# --- calling ------------------------------------------------------------------------------------------------------------


def _function(answer):
    return answer if callable(answer) else _constant(answer)


def _constant(value):
    return lambda: value


def _arguments(exercise, i):
    """A fresh copy of the arguments of case i."""
    case = exercise.inputs(i) if callable(exercise.inputs) else copy.deepcopy(exercise.inputs[i])
    return case if isinstance(case, tuple) else (case,)


def _copied(args):
    try:
        return copy.deepcopy(args)
    except (TypeError, RuntimeError):       # generators, non-leaf tensors
        return None


def _cases(exercise):
    """The indices of all cases, the smallest input first."""
    n = exercise.cases if callable(exercise.inputs) else len(exercise.inputs)
    return sorted(range(n), key=lambda i: size(_arguments(exercise, i)))


def _call(function, args, at_most, kwargs=None):
    outcome = _Outcome(args=args)
    try:
        result = function(*args, **(kwargs or {}))
        if isinstance(result, Iterator):
            result = list(itertools.islice(result, at_most + 1))
            outcome.endless = len(result) > at_most
            result = result[:at_most]
        outcome.result = result
    except (Exception, SystemExit) as error:    # a reader's code may raise anything
        outcome.error = error
    return outcome


def _quietly(function, args, at_most):
    """A call of the course's own functions: their warnings would look like the reader's."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _call(function, args, at_most)


def _is_stub(outcome):
    if outcome.error is not None:
        return "ellipsis" in str(outcome.error) and not isinstance(outcome.error, IndexError)    # dots that met an operator
    return _holds_dots(outcome.result)


def _holds_dots(value):
    if isinstance(value, list | tuple):
        return any(_holds_dots(v) for v in value)
    if isinstance(value, dict):
        return any(_holds_dots(v) for v in value.values())
    return value is ...


def _not_yet(name, what):
    return Verdict("not yet", f'{name}: not yet. {what}, run the cell, then run this one again. hint("{name}") helps.')


def _raised(name, error, answer, call):
    line = _line(error, answer)
    where = f", at your line `{line}`" if line else ""
    return f"{name}: not yet. {f'{call} raised' if call else 'It raised'} {_message(error)}{where}."


def _message(error):
    text = re.sub(r"0x[0-9a-fA-F]{6,}", "…", " ".join(str(error).split()))
    return f"{type(error).__name__}: {cut(text, 200)}" if text else type(error).__name__


def _line(error, answer):
    """The innermost line of the reader's own code that an exception passed through."""
    code = getattr(inspect.unwrap(answer), "__code__", None) if callable(answer) else None
    own = code.co_filename if code else _file_of_class(answer)
    line, trace = "", error.__traceback__
    while trace is not None:
        if own and trace.tb_frame.f_code.co_filename == own:
            line = linecache.getline(own, trace.tb_lineno).strip() or line
        trace = trace.tb_next
    return line


def _file_of_class(answer):
    methods = (getattr(m, "__code__", None) for m in vars(answer).values()) if isinstance(answer, type) else ()
    return next((code.co_filename for code in methods if code), None)
