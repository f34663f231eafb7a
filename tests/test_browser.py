"""What a reader does, in a real JupyterLab and a real Chromium: run a lesson, predict, draw, start and steer a training.

A small notebook made here has one of every kind of widget; lessons 00 and 03 run whole, with their own widgets used as a
reader uses them. Nothing may be left behind: no error output, no error on the page.
"""
import json
import re

import pytest
from browser import Notebook, changed, circle, clean, move_slider, need_chromium, press, says, start_and_pause, status
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from minitrain.teach import refresh

pytestmark = pytest.mark.browser

TRIAL = [
    """
    import ipywidgets, numpy as np
    from minitrain.teach import ask, figure
    from minitrain.teach.figures import curves
    from minitrain.teach.widgets.base import Panel, bars, choice, slider
    from minitrain.teach.widgets.live import LiveTraining
    from minitrain.teach.widgets.pad import Pad""",
    """
    figure(curves({"a": [3, 2, 1], "b": [3, 1, 0]}), alt='Two <losses> fall; "b" & fast.')""",
    """
    pad, shares = Pad(size=16, label="Draw here"), ipywidgets.HTML()
    def look(_=None):
        shares.value = bars({"ink": pad.array().mean()})
    pad.observe(look, "picture"); look()
    ready = choice("Ready shape", ["none", "block"])
    ready.observe(lambda change: pad.put(np.kron([[1, 0], [0, 0]], np.ones((8, 8)))), "value")
    Panel("Draw", [pad, shares, ready], says="Draw, and see how much ink there is.")""",
    """
    colour = Pad(size=16, colour=True, ink="#ff0000", label="Draw in red")
    means = ipywidgets.HTML("-")
    def mean(_):
        means.value = str([round(float(c), 3) for c in colour.array().mean((1, 2))])
    colour.observe(mean, "picture")
    Panel("Red", [colour, means], says="Draw in red.")""",
    """
    rate, seen = slider("Rate", 1.0, 0.0, 10.0, 1.0), []
    def steps():
        seen.clear()
        while True:
            seen.append(rate.value)
            yield {"loss": rate.value}
    LiveTraining("Trial", steps, lambda: curves({"rate": seen or [1]}), controls=[rate], alt="The rate so far",
                 says="Start it.")""",
    """
    LiveTraining("Lost", lambda: iter([{"loss": 1.0}, {"loss": float("nan")}]), says="Ends badly.")""",
    """
    def endless():
        while True:
            yield {"loss": 0.5}
    LiveTraining("Other", endless, says="Another run.")""",
]


@pytest.fixture(scope="module")
def trial(lab, browser):
    cells = [new_code_cell(re.sub(r"^ {4}", "", source.strip("\n"), flags=re.MULTILINE)) for source in TRIAL]
    refresh.write(refresh.normalise(new_notebook(cells=[new_markdown_cell("# Trial"), *cells])), lab[1] / "trial.ipynb")
    notebook = Notebook(browser, lab[0], "trial.ipynb")
    notebook.run_all()
    yield notebook
    notebook.close()


def test_a_picture_keeps_its_text(trial):
    image = trial.output("figure(curves").locator("img")
    assert image.get_attribute("alt") == 'Two <losses> fall; "b" & fast.'
    assert image.evaluate("image => image.complete && image.naturalWidth > 300")


def test_a_circle_drawn_with_the_mouse_arrives(trial):
    output = trial.output("Pad(size=16, label")
    words = status(output)
    says(words, "0 %")
    circle(trial, output)
    changed(words, "ink\n0 %")
    trial.page.wait_for_timeout(300)
    assert 5 < int(re.search(r"(\d+) %", words.inner_text())[1]) < 60
    output.get_by_role("button", name="Clear: Draw here").press("Enter")        # by keyboard
    says(words, "ink\n0 %")


def test_a_ready_shape_chosen_by_keyboard_shows_on_the_pad(trial):
    output = trial.output("Pad(size=16, label")
    output.locator("select").focus()
    trial.page.keyboard.press("ArrowDown")
    says(status(output), "25 %")
    corner, middle = (output.locator("canvas.minitrain-pad").evaluate(
        "(c, at) => [...c.getContext('2d').getImageData(at * c.width, at * c.height, 1, 1).data]", at) for at in (0.25, 0.75))
    assert corner == [255, 255, 255, 255] and middle == [0, 0, 0, 255]


def test_letters_and_arrows_stay_in_the_widget(trial):
    cells = trial.page.locator(".jp-Notebook .jp-Cell").count()
    for control in trial.output("Pad(size=16, label").locator("select, button").all():
        control.focus()
        for key in ("b", "d", "d", "ArrowDown", "ArrowUp"):
            trial.page.keyboard.press(key)
            assert control.evaluate("e => e === document.activeElement"), f"{key} was taken by the notebook"
    assert trial.page.locator(".jp-Notebook .jp-Cell").count() == cells


def test_a_colour_pad_sends_its_colour(trial):
    output = trial.output("colour=True")
    words = output.locator(".widget-html-content").last
    circle(trial, output)
    changed(words, "-")
    trial.page.wait_for_timeout(300)
    red, green, blue = json.loads(words.inner_text())
    assert 0.05 < red < 0.6 and green == blue == 0


def test_a_live_training_runs_listens_and_stops(trial):
    output = trial.output('"Trial", steps')
    words = status(output)
    assert "loss 1." in start_and_pause(trial, output)
    press(output, "Go on")
    before, after = move_slider(trial, output, "Rate", presses=3)           # while it runs
    assert after == before + 3
    says(words, "loss 4.")
    press(output, "Pause")
    output.get_by_role("button", name="Go on").wait_for()
    trial.page.wait_for_timeout(300)
    image = output.locator("img")
    assert image.get_attribute("alt") == "The rate so far" and image.evaluate("image => image.naturalWidth > 300")
    n = int(re.search(r"Update (\d+)", words.inner_text())[1])
    press(output, "One step")
    says(words, f"Update {n + 1}: loss 4.")
    press(output, "Start over")
    says(words, "Ready.")


def test_a_run_that_is_lost_says_why(trial):
    output = trial.output('"Lost"')
    press(output, "Start")
    says(status(output), "the loss was nan")
    assert output.get_by_role("button", name="One step").is_disabled()


def test_one_training_at_a_time(trial):
    first, second = trial.output('"Trial", steps'), trial.output('"Other"')
    press(first, "Start")
    first.get_by_role("button", name="Pause").wait_for()
    press(second, "Start")
    first.get_by_role("button", name="Go on").wait_for()
    press(second, "Pause")
    second.get_by_role("button", name="Go on").wait_for()


def test_nothing_went_wrong(trial):
    clean(trial)


@pytest.mark.parametrize("ci, outcome", [("true", pytest.fail.Exception), ("", pytest.skip.Exception)])
def test_without_chromium_a_reader_skips_and_ci_fails(monkeypatch, ci, outcome):
    monkeypatch.setenv("CI", ci)
    monkeypatch.setattr("browser.CHROMIUM", None)
    with pytest.raises(outcome, match="Chromium"):
        need_chromium()


# Lessons 00 and 03, whole, with what a reader does in them

LESSONS = ["00", "03"]


@pytest.fixture(scope="module")
def lesson(lab, browser):
    """lesson("03"): that notebook in the browser, its first question answered before the rest was run."""
    opened = {}

    def open_lesson(number):
        path = next(iter(sorted(refresh.NOTEBOOKS.glob(f"{number}_*.ipynb"))), None)
        if path is None:
            pytest.skip(f"there is no lesson {number} yet")
        if number not in opened:
            opened[number] = None
            notebook = Notebook(browser, lab[0], path.name)
            name = re.search(r'ask\("(.+?)"\)', "\n".join(cell.source for cell in refresh.read(path).cells))[1]
            notebook.folded = [cell.inner_text().strip() for cell in notebook.page.locator(".jp-OutputPlaceholder").all()]
            assert not shown_outputs(notebook, name)
            notebook.run_through(f'ask("{name}")')
            notebook.predicted = name, predict(notebook, name)
            notebook.run_all()
            opened[number] = notebook
        assert opened[number] is not None, f"lesson {number} did not run: see the first failure"
        return opened[number]
    yield open_lesson
    for notebook in filter(None, opened.values()):
        notebook.close()


def shown_outputs(notebook, name):
    """How many outputs of the cell that reveals this prediction a reader sees."""
    return sum(out.is_visible() for out in notebook.output(f'reveal("{name}"').locator(".jp-OutputArea-output").all())


def predict(notebook, name):
    """Answer a prediction by keyboard. Returns the choice and the confidence, in per cent."""
    output = notebook.output(f'ask("{name}")')
    output.get_by_role("radio").first.focus()
    notebook.page.keyboard.press("Space")
    notebook.page.keyboard.press("ArrowDown")
    answer = output.get_by_role("radio").nth(1)
    assert answer.is_checked(), "the arrow key was taken by the notebook"
    _, sure = move_slider(notebook, output, None, presses=5)
    output.get_by_role("button", name="Save my prediction").press("Enter")
    says(status(output), "Saved")
    return answer.evaluate("radio => radio.closest('label').innerText").strip(), sure


@pytest.mark.parametrize("number", LESSONS)
def test_a_lesson_runs_whole(lesson, number):
    notebook = lesson(number)
    clean(notebook)
    alts = notebook.page.locator(".jp-OutputArea-output img").evaluate_all("images => images.map(image => image.alt)")
    assert alts and all(alts)


@pytest.mark.parametrize("number", LESSONS)
def test_a_prediction_is_kept_and_comes_back(lesson, lab, number):
    notebook = lesson(number)
    name, (choice, sure) = notebook.predicted
    entry = json.loads((lab[2] / "progress.json").read_text())["predictions"][name]
    assert (entry["choice"], entry["confidence"]) == (choice, pytest.approx(sure / 100))
    revealed = notebook.output(f'reveal("{name}"').inner_text()
    assert shown_outputs(notebook, name), "what was folded before the cell was run is shown after it"
    assert re.search(f"You predicted .{re.escape(choice)}., {sure:.0f} % sure", revealed)


@pytest.mark.parametrize("number", LESSONS)
def test_what_is_folded_gives_nothing_away(lesson, number):
    assert set(lesson(number).folded) == {""}


def live(notebook):
    """The output with the lesson's first live training."""
    return notebook.page.locator(".jp-Cell-outputWrapper", has=notebook.page.get_by_role("button", name="One step")).first


def test_what_is_drawn_in_lesson_00_moves_the_probabilities(lesson):
    notebook = lesson("00")
    output = notebook.page.locator(".jp-Cell-outputWrapper", has=notebook.page.locator("canvas.minitrain-pad"))
    words = output.locator(".minitrain-panel").first
    before = words.inner_text()
    circle(notebook, output)
    changed(words, before)
    clean(notebook)


def test_the_thrower_of_lesson_03_is_aimed_by_keyboard(lesson):
    notebook = lesson("03")
    output = notebook.output("FreeThrow(")
    before, after = move_slider(notebook, output, "Aim of thrower 1 (radians)", presses=10)
    assert after == pytest.approx(before + 0.1)
    press(output, "Throw")
    says(output, "Throw 1: ")
    clean(notebook)


def test_the_dial_of_lesson_03_is_heard_while_it_runs(lesson):
    notebook = lesson("03")
    output = live(notebook)
    start_and_pause(notebook, output)
    press(output, "Go on")
    before, after = move_slider(notebook, output, "Learning rate", presses=4)
    changed(status(output), status(output).inner_text())
    press(output, "Pause")
    output.get_by_role("button", name="Go on").wait_for()
    assert after > before
    clean(notebook)
