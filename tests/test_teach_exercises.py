"""How answers are judged: what is accepted, and the sentence for each accident a reader can have."""
import json
import subprocess
import sys
from dataclasses import dataclass

import example_lesson
import numpy as np
import pytest
import torch

from minitrain.teach import check, exercises, hint, solution
from minitrain.teach.exercises import Exercise, Misconception

NAN = float("nan")


@pytest.fixture(autouse=True)
def lesson(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "minitrain.teach.lessons.lesson_99", example_lesson)
    monkeypatch.setenv("MINITRAIN_HOME", str(tmp_path))
    monkeypatch.delenv("MINITRAIN_STATIC", raising=False)


def verdict(answer, reference, *inputs, misconceptions=(), **options):
    exercise = Exercise("", reference, list(inputs) or [()], list(misconceptions), **options)
    return exercises.judge("99/f", exercise, answer)


def test_the_stub_prints_a_line_that_never_changes(capsys):
    def mse(y, target):
        return ...
    check("99/mse", mse)
    assert capsys.readouterr().out == ('99/mse: not yet. Fill in the body of mse, run the cell, then run this one again. '
                                       'hint("99/mse") helps.\n')


def test_a_right_answer_prints_one_line_and_is_kept(capsys, tmp_path):
    check("99/mse", example_lesson.mse)
    assert capsys.readouterr().out == "✓ 99/mse: right on every input.\n"
    assert json.loads((tmp_path / "progress.json").read_text())["exercises"]["99/mse"]["passed"] is True
    check("99/mse", lambda y, t: 0)
    assert json.loads((tmp_path / "progress.json").read_text())["exercises"]["99/mse"]["passed"] is True


def test_hint_and_solution_are_printed(capsys):
    hint("99/mse")
    solution("99/mse")
    solution("99/epoch")
    solution("99/accuracy")
    assert capsys.readouterr().out == (
        "Square the differences, then take their mean.\n"
        "def mse(y, target):\n    return ((y - target) ** 2).mean()\n"
        "def epoch(n, size, seed):\n    order = np.random.default_rng(seed).permutation(n)\n"
        "    return np.split(order, range(size, n, size))\n"
        "accuracy = (5 + 3) / 10\n")


@pytest.mark.parametrize(("name", "said"), [
    ("99/msf", 'Lesson 99 has no "msf". Nearest: mse, step.'),
    ("98/mse", 'There is no lesson "98" here; a name looks like "03/mse": lesson, stroke, name.'),
    ("mse", 'There is no lesson "mse" here; a name looks like "03/mse": lesson, stroke, name.'),
    (3, 'There is no lesson "3" here; a name looks like "03/mse": lesson, stroke, name.'),
])
def test_an_unknown_name_gets_one_line(name, said, capsys):
    for verb in (check, hint, solution):
        verb(name)
        assert capsys.readouterr().out.startswith(said.split(" Nearest")[0])


def test_dots_left_anywhere_are_a_stub():
    stubs = [lambda x: ..., lambda x: (1, ...), lambda x: {"a": ...}, lambda x: (i for i in (...,)), lambda x: (...) + x, ...]
    for stub in stubs:
        assert verdict(stub, abs, (3,)).kind == "not yet"


def test_a_result_in_place_of_the_function():
    said = verdict(2.5, abs, (3,))
    assert said.text == ('99/f: not yet. check takes the function itself, as in check("99/f", f), not what it returns; '
                         "it got a number (2.5).")
    assert verdict(None, abs, (3,)).kind == "not yet"


def test_an_exception_shows_the_readers_line_and_the_smallest_input():
    def f(x):
        y = sum(x)
        return y / (len(x) - len(x))
    said = verdict(f, sum, ([1, 2, 3],), ([4],))
    assert said.text == ("99/f: not yet. f([4]) raised ZeroDivisionError: division by zero, "
                         "at your line `return y / (len(x) - len(x))`.")


def test_an_exception_deep_in_a_library_still_shows_the_readers_line():
    def f(x):
        return np.linalg.inv(x)
    said = verdict(f, np.sum, (np.zeros((2, 2)),))
    assert said.kind == "exception"
    assert said.text.endswith("raised LinAlgError: Singular matrix, at your line `return np.linalg.inv(x)`.")


def test_exceptions_of_other_sorts():
    def leaves(x):
        sys.exit(1)

    def addressed(x):
        raise ValueError(object())
    assert verdict(lambda: 1, abs, (3,)).text.endswith("<lambda>() takes 0 positional arguments but 1 was given.")
    assert "SystemExit: 1" in verdict(leaves, abs, (3,)).text
    assert "0x" not in verdict(addressed, abs, (3,)).text
    with pytest.raises(KeyboardInterrupt):
        verdict(lambda x: (_ for _ in ()).throw(KeyboardInterrupt).__next__(), abs, (3,))


def test_none_on_one_branch_only():
    def f(x):
        if x > 0:
            return x
    said = verdict(f, abs, (3,), (-2,))
    assert said.text == "99/f: not yet. f(-2) returned None: is there a `return` at the end, and does every branch reach one?"


def changed(x):
    x.sort()
    return x[0]


@pytest.mark.parametrize("given", [[3, 1, 2], np.array([3, 1, 2])])
def test_a_right_result_with_a_changed_input_is_told(given):
    said = verdict(changed, min, (given,))
    assert said.kind == "changed" and said.text.startswith("99/f: not yet. changed([3, 1, 2]) changed its input: ")
    assert list(given) == [3, 1, 2], "the exercise's own input is left alone"


def test_a_changed_tensor_or_dict_is_seen():
    assert verdict(lambda x: x.mul_(2).sum() / 2, torch.sum, (torch.ones(3),)).kind == "changed"
    assert verdict(lambda x: x.pop("a"), lambda x: x["a"], ({"a": 1},)).kind == "changed"


def test_right_numbers_in_the_wrong_shape():
    said = verdict(lambda x: x[:, None], lambda x: x.copy(), (np.arange(3),))
    assert said.text == ("99/f: not yet. The numbers are right, but f([0, 1, 2]) should be a NumPy array of shape (3,), "
                         "and is a NumPy array of shape (3, 1).")
    said = verdict(lambda x: x.mean(keepdims=True), np.mean, (np.arange(3),))
    assert said.text == ("99/f: not yet. The numbers are right, but f([0, 1, 2]) should be a number (1), "
                         "and is a NumPy array of shape (1,).")


def test_structure_is_told_before_value():
    def f(x):
        return [1, 99] if len(x) > 1 else [99]
    said = verdict(f, list, ([1],), ([1, 2, 3],))
    assert said.text == "99/f: not yet. f([1, 2, 3]) should be a list of 3, and is a list of 2."
    said = verdict(lambda x: {"a": [np.zeros(2), 9]}, lambda x: {"a": [np.zeros(3), 1]}, (0,))
    assert said.text == "99/f: not yet. f(0)['a'][0] should be a NumPy array of shape (3,), and is a NumPy array of shape (2,)."
    said = verdict(lambda x: {"b": 1}, lambda x: {"a": 1}, (0,))
    assert said.text == "99/f: not yet. f(0) should be a dict with keys ['a'], and is a dict with keys ['b']."
    said = verdict(lambda x: 1.0, lambda x: True, (0,))
    assert said.text == "99/f: not yet. f(0) should be a truth value (True), and is a number (1)."


def test_a_wrong_value_shows_the_smallest_input_that_fails():
    said = verdict(lambda x: 0 if len(x) < 2 else 7, len, ([],), ([5],), ([1, 2, 3],))
    assert said.text == "99/f: not yet. For f([5]) expected 1, got 0."
    said = verdict(lambda x: x / 3 + 1e-5, lambda x: x / 3, (1.0,), rtol=0)
    assert said.text == "99/f: not yet. For f(1) expected 0.333333, got 0.333343."


def test_a_long_value_shows_the_first_place_that_differs():
    def f(x):
        y = x.copy()
        y[7, 1] = -1
        return y
    said = verdict(f, np.copy, (np.ones((20, 3)),))
    assert said.text == "99/f: not yet. For f(NumPy array of shape (20, 3)) at [7, 1] expected 1, got -1."
    said = verdict(lambda n: {"a": list(range(n)), "b": [0] * 6 + [1]}, lambda n: {"a": list(range(n)), "b": [0] * 7}, (30,))
    assert said.text == "99/f: not yet. For f(30) at ['b'][6] expected 0, got 1."


@pytest.mark.parametrize(("want", "got", "right"), [
    (2, 2.0, True), (2.0, np.float32(2), True), (2.0, np.array(2), True), (2.0, torch.tensor(2), True), (2, 2.001, False),
    (np.ones(2), np.ones(2, np.float32), True), (np.ones(2), [1.0, 1.0], False), (np.ones(2), torch.ones(2), False),
    (torch.ones(2), torch.ones(2, dtype=torch.float64, requires_grad=True), True),
    (torch.ones(2), torch.ones(2, dtype=torch.bfloat16), True),
    (np.array([NAN, 1]), np.array([NAN, 1]), True), (np.array([NAN, 1]), np.array([0, 1]), False), (NAN, NAN, True),
    (1.0, NAN, False), (float("inf"), float("inf"), True), (float("inf"), 1e30, False),
    ([1, 2], (1, 2), True), ([1, 2], [2, 1], False), ({"a": 1.0}, {"a": 1 + 1e-9}, True), ({1, 2}, {2, 1}, True),
    (True, np.True_, True), (True, 1, False), (np.array([True]), np.array([1]), False), ([], [], True),
    (np.zeros(0), np.zeros(0), True), (np.array(["a"]), np.array(["a"]), True), (1 + 2j, 1 + 2j, True), (7, "7", False),
    ("a", "b", False), ([[1], [2, 3]], [[1], [2, 3]], True), ([1, 2], iter([1, 2]), True), ([1, 2], map(int, "12"), True),
    (torch.float32, torch.float32, True),
])
def test_what_counts_as_the_same(want, got, right):
    assert (verdict(lambda: got, lambda: want).kind == "right") is right


@pytest.mark.parametrize("got", [[[1, 2], [3, 4]], np.array([[1, 2], [3, 4]]), torch.tensor([[1, 2], [3, 4]]),
                                 [np.array([1, 2]), np.array([3, 4])]])
def test_any_sequence_where_the_exercise_allows_it(got):
    for want in ([[1, 2], [3, 4]], np.array([[1.0, 2], [3, 4]]), torch.tensor([[1, 2], [3, 4]])):
        assert verdict(lambda: got, lambda w=want: w, any_sequence=True).kind == "right"
        assert verdict(lambda: got, lambda w=want: w * 2, any_sequence=True).kind in ("shape", "value")
    assert verdict(lambda: [[1], [2, 3]], lambda: np.ones((2, 2)), any_sequence=True).kind == "shape"


def test_dataclasses_are_compared_by_their_fields():
    @dataclass
    class Point:
        at: np.ndarray
    assert verdict(lambda: Point(np.ones(2)), lambda: Point(np.ones(2))).kind == "right"
    assert verdict(lambda: Point(np.ones(2)), lambda: Point(np.zeros(2))).kind == "value"


def test_a_generator_without_an_end_is_cut():
    def forever(n):
        while True:
            yield n
    said = verdict(forever, lambda n: [n] * n, (3,))
    assert said.text == "99/f: not yet. forever(3) never stops yielding; expected 3 items."
    assert verdict(forever, forever, (3,)).kind == "right"


def test_a_misconception_must_match_on_every_input():
    double = [Misconception(lambda x: 2 * x, "You doubled.")]
    assert verdict(lambda x: 2 * x, lambda x: x * x, (2,), (3,), misconceptions=double).text == "99/f: not yet. You doubled."
    assert verdict(lambda x: 2 * x if x < 4 else 0, lambda x: x * x, (2,), (3,), (5,), misconceptions=double).kind == "value"


def test_a_misconception_may_raise_change_or_return_none_but_not_always():
    def halves(x):
        if x == 0:
            raise KeyError(x)
        return x / 2

    def also_halves(x):
        return {0: None}[x - 100] if x == 0 else 0.5 * x
    known = [Misconception(halves, "You halved.")]
    assert verdict(also_halves, lambda x: x, (0,), (4,), misconceptions=known).kind == "misconception"
    always = [Misconception(lambda x: {}[x], "Raises always."), Misconception(lambda x: None, "Returns nothing, always.")]
    assert verdict(lambda x: {}[x], lambda x: x, (0,), misconceptions=always).kind == "exception"
    assert verdict(lambda x: None, lambda x: x, (0,), misconceptions=always).kind == "none"
    sorts = [Misconception(changed, "sort() works in place.")]
    assert verdict(changed, min, ([3, 1],), misconceptions=sorts).text == "99/f: not yet. sort() works in place."


def fifth(x):
    return x[5]


def test_a_judge_says_its_sentence_and_accidents_say_theirs():
    def judge(f):
        return None if f([1, 2]) == f([2, 1]) else "Order should not matter."
    options = {"reference": sum, "judge": judge}
    assert verdict(max, **options).kind == "right"
    assert verdict(lambda x: x[0], **options).text == "99/f: not yet. Order should not matter."
    assert verdict(lambda x: None, **options).text.startswith("99/f: not yet. f([1, 2]) returned None")
    assert verdict(fifth, **options).text == ("99/f: not yet. fifth([1, 2]) raised IndexError: list index out of range, "
                                              "at your line `return x[5]`.")
    assert verdict(lambda x: ..., **options).kind == "not yet"
    assert verdict(lambda x: x.pop(), **options).kind == "changed"


def test_a_judge_that_stumbles_over_the_result_raises_nothing():
    said = verdict(int, sum, judge=lambda f: f().shape)
    assert said.text == ("99/f: not yet. What int returned could not be used: "
                         "AttributeError: 'int' object has no attribute 'shape'.")


def test_a_class_is_judged_by_what_its_objects_do():
    class Doubler:
        def __call__(self, x):
            return x * self.factor
    said = verdict(Doubler, sum, judge=lambda make: None if make()(2) == 4 else "Not doubled.")
    assert said.text == ("99/f: not yet. It raised AttributeError: 'Doubler' object has no attribute 'factor', "
                         "at your line `return x * self.factor`.")


def test_a_model_changed_in_place_is_compared_by_its_weights():
    def model():
        made = torch.nn.Linear(1, 1, bias=False)
        torch.nn.init.ones_(made.weight)
        return made

    def decay(model):
        with torch.no_grad():
            model.weight *= 0.9

    def decay_more(model):
        with torch.no_grad():
            model.weight *= 0.8
    def judged(answer):
        return exercises.judge("99/f", Exercise("", decay, lambda seed: (model(),), changes_inputs=True), answer)

    assert judged(decay).kind == "right"
    assert judged(decay_more).text == ("99/f: not yet. After decay_more(a Linear), its argument: "
                                       "at ['weight'][0, 0] expected 0.9, got 0.8.")
    assert judged(lambda m: None).kind == "changed"


def test_a_value_is_judged_and_the_right_one_is_not_given_away():
    accuracy = example_lesson.EXERCISES["accuracy"]
    assert exercises.judge("99/accuracy", accuracy, 0.5).text == "99/accuracy: not yet. 0.5 is not it."
    assert exercises.judge("99/accuracy", accuracy, 0.2).text == "99/accuracy: not yet. That is the share of errors."
    assert exercises.judge("99/accuracy", accuracy, ...).text == (
        '99/accuracy: not yet. Give accuracy a value, run the cell, then run this one again. hint("99/accuracy") helps.')


def test_warnings_of_the_reference_are_not_shown_as_the_readers(recwarn):
    def noisy(x):
        return np.log(x)
    assert verdict(lambda x: np.full(2, 5.0), noisy, (np.zeros(2),), misconceptions=[Misconception(noisy, "-")]).kind == "value"
    assert len(recwarn) == 0


def test_an_exercise_without_inputs_is_refused_at_its_author():
    with pytest.raises(ValueError, match="at least one input"):
        Exercise("", sum, [])


def test_import_is_quick_and_brings_neither_torch_nor_numpy_nor_widgets():
    program = ("import sys, minitrain.teach; "
               "print([m for m in ('torch', 'numpy', 'matplotlib', 'ipywidgets', 'IPython') if m in sys.modules])")
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "[]\n"
