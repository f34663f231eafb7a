"""Predictions: what is saved when, what the reveal says, and how sure against how right."""
import html
import json
import sys

import example_lesson
import pytest

from minitrain.teach import ask, predictions, progress, reveal
from minitrain.teach.predictions import Question, calibration, panel, save, wilson


@pytest.fixture(autouse=True)
def lesson(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "minitrain.teach.lessons.lesson_99", example_lesson)
    monkeypatch.setenv("MINITRAIN_HOME", str(tmp_path))
    monkeypatch.delenv("MINITRAIN_STATIC", raising=False)


@pytest.fixture
def static(monkeypatch):
    monkeypatch.setenv("MINITRAIN_STATIC", "1")
    monkeypatch.setattr(progress, "_unsaved", {room: {} for room in progress.ROOMS})


WHICH = example_lesson.QUESTIONS["which-way"]


def test_text_stands_where_a_widget_would(static, capsys, tmp_path):
    ask("99/which-way")
    assert capsys.readouterr().out == (
        "Predict, before you run on: One step along the slope, where `x < 0`. The loss …\n"
        "  ( ) falls\n  ( ) grows\n  ( ) stays\nHow sure are you, from 33 % (a guess) to 100 %?\n")
    reveal("99/which-way")
    assert capsys.readouterr().out == 'Measured: "grows".\nThe gradient points uphill.\n'
    assert list(tmp_path.iterdir()) == []


def test_what_was_said_stands_beside_what_was_measured(capsys, tmp_path):
    assert save("99/which-way", "falls", 90) == 'Saved: "falls", 90 % sure. Now run on.'
    assert json.loads((tmp_path / "progress.json").read_text())["predictions"]["99/which-way"]["confidence"] == 0.9
    assert save("99/which-way", "grows", 67) == 'Saved: "grows", 67 % sure. Now run on.', "before the reveal one may think again"
    reveal("99/which-way")
    assert capsys.readouterr().out == '✓ You predicted "grows", 67 % sure. Measured: "grows".\nThe gradient points uphill.\n'


def test_the_readers_own_measurement_overrides_the_stored_answer(capsys):
    save("99/which-way", "grows", 67)
    reveal("99/which-way", measured="stays")
    assert capsys.readouterr().out == ('✗ You predicted "grows", 67 % sure. Measured: "stays".\n'
                                       'The course expected "grows". Its reason:\nThe gradient points uphill.\n')
    assert progress.entry("predictions", "99/which-way")["right"] is False
    reveal("99/which-way")                              # judged once, at the first reveal
    assert progress.entry("predictions", "99/which-way")["right"] is False
    capsys.readouterr()
    reveal("99/which-way", measured=3)
    assert capsys.readouterr().out.startswith('"3" is not one of the choices (falls, grows, stays); what follows')


def test_an_answer_after_the_reveal_is_no_prediction(capsys):
    save("99/which-way", "falls", 80)
    reveal("99/which-way")
    assert save("99/which-way", "grows", 100) == ('What was measured has been shown, so your prediction stays as it was: '
                                                  '"falls", 80 % sure.')
    assert progress.entry("predictions", "99/which-way")["choice"] == "falls"
    reveal("99/tags")
    assert "You made no prediction this time." in capsys.readouterr().out
    assert save("99/tags", "no", 100).endswith("had been shown before, so it does not count as a prediction.")
    assert save("99/tags", "no", 100).endswith("does not count as a prediction.")
    reveal("99/tags")
    assert capsys.readouterr().out == ('Measured: "no". You answered "no", 100 % sure, when it had been shown already: '
                                       'not a prediction.\n')
    assert sum(b.n for b in calibration()) == 1


def test_confidence_stays_between_a_guess_and_certain():
    for percent, kept in ((0, 1 / 3), (33, 1 / 3), (50, 0.5), (100, 1.0), (170, 1.0)):
        save("99/which-way", "falls", percent)
        assert progress.entry("predictions", "99/which-way")["confidence"] == pytest.approx(kept)
    assert save("99/which-way", None, 50) == "Choose one of the answers first."
    assert save("99/which-way", "sideways", 50) == "Choose one of the answers first."


def test_the_widget_saves_on_its_button_and_shows_an_earlier_answer():
    first = panel("99/which-way", WHICH)
    assert (first.choice.value, first.confidence.value, first.confidence.min, first.confidence.max) == (None, 33, 33, 100)
    first.button.click()
    assert "Choose one of the answers first." in first.status.value
    first.choice.value, first.confidence.value = "grows", 71
    assert progress.entry("predictions", "99/which-way") == {}, "nothing is stored before the button"
    first.button.click()
    assert html.unescape(first.status.value) == '<span role="status">Saved: "grows", 71 % sure. Now run on.</span>'
    first.confidence.value = 75             # the page sends a slider's last move after the click
    assert progress.entry("predictions", "99/which-way")["confidence"] == 0.75 and "75 % sure" in first.status.value
    again = panel("99/which-way", WHICH)
    assert (again.choice.value, again.confidence.value, again.choice.disabled) == ("grows", 75, False)
    assert "You can still change it." in again.status.value


def test_the_widget_is_closed_once_a_prediction_was_revealed(capsys):
    open_since_before = panel("99/which-way", WHICH)
    save("99/which-way", "grows", 71)
    reveal("99/which-way")
    after = panel("99/which-way", WHICH)
    assert after.choice.disabled and after.confidence.disabled and after.button.disabled and after.choice.value == "grows"
    open_since_before.choice.value = "falls"
    open_since_before.button.click()
    assert progress.entry("predictions", "99/which-way")["choice"] == "grows"
    assert "stays as it was" in open_since_before.status.value


def test_every_control_has_a_label():
    made = panel("99/which-way", WHICH)
    labels = [control.description for control in (made.choice, made.confidence, made.button)]
    assert labels == ["Your answer", "How sure (%)", "Save my prediction"]


def test_text_from_data_is_escaped():
    made = panel("99/tags", example_lesson.QUESTIONS["tags"])
    assert made.children[0].value == "<b>Predict:</b> Is &lt;b&gt;this&lt;/b&gt; bold?"
    made.choice.value = "<i>yes</i>"
    made.button.click()
    assert "<i>" not in made.status.value and "&lt;i&gt;yes" in made.status.value
    assert "<code>x &lt; 0</code>" in panel("99/which-way", WHICH).children[0].value


def test_a_notebook_shows_the_widget(monkeypatch):
    shown = []
    monkeypatch.setattr(predictions, "_in_notebook", lambda: True)
    monkeypatch.setattr("IPython.display.display", shown.append)
    ask("99/which-way")
    assert shown[0].choice.options == ("falls", "grows", "stays")


def test_a_stored_entry_of_another_form_does_no_harm(capsys):
    progress.record("predictions", "99/which-way", choice="falls")          # no confidence
    progress.record("predictions", "99/tags", choice="perhaps", confidence=0.7)     # a choice that there is no more
    assert panel("99/tags", example_lesson.QUESTIONS["tags"]).choice.value is None
    assert panel("99/which-way", WHICH).confidence.value == 33
    reveal("99/which-way")
    reveal("99/tags")
    assert len(calibration()) == 3
    capsys.readouterr()


def test_an_unknown_name_gets_one_line(capsys):
    ask("99/which")
    reveal("99/which")
    assert capsys.readouterr().out == 'Lesson 99 has no "which". Nearest: which-way.\n' * 2


def test_a_question_is_refused_at_its_author():
    for choices, answer in ((["a"], "a"), (["a", "a"], "a"), (["a", "b"], "c")):
        with pytest.raises(ValueError, match="choices"):
            Question("?", choices, answer)


@pytest.mark.parametrize(("right", "n", "low", "high"), [       # 95 % Wilson intervals, from Newcombe, 1998, table I
    (81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)])
def test_wilson_intervals_are_newcombes(right, n, low, high):
    assert wilson(right, n) == pytest.approx((low, high), abs=5e-5)


def test_wilson_at_the_ends():
    assert wilson(0, 0) == (0.0, 1.0)
    assert wilson(5, 5)[1] == 1.0 and wilson(0, 5)[0] == 0.0


def test_calibration_puts_each_prediction_in_one_of_three_bins(capsys):
    bins = calibration([(1 / 3, False), (0.5, True), (0.6, True), (0.84, False), (0.85, True), (1.0, True), (1.0, False)])
    assert [(b.n, b.right) for b in bins] == [(2, 1), (2, 1), (3, 2)]
    assert bins[2].said == pytest.approx(0.95) and bins[2].share == pytest.approx(2 / 3) and bins[2].interval == wilson(2, 3)
    assert repr(bins).splitlines()[3].split() == "85 to 100 % 3 2 67 % 21 to 94 %".split()
    assert repr(calibration()) == "No predictions judged so far: answer the questions of a lesson before you run on."
    save("99/which-way", "grows", 90)
    assert sum(b.n for b in calibration()) == 0, "not judged before the reveal"
    reveal("99/which-way")
    assert [(b.n, b.right) for b in calibration()] == [(0, 0), (0, 0), (1, 1)]
    capsys.readouterr()
