"""Lesson 05's parts: the points, the playground (its code gives what it shows), the spreadsheet (its numbers are the model's),
and what the lesson's experiments conclude, over other seeds than its own.
"""
import ast
import asyncio
import io
import re

import numpy as np
import pytest
import torch
from browser import Notebook, clean, move_slider, press, says, start_and_pause, status
from PIL import Image

from minitrain import Trainer, losses, optim, sources
from minitrain.models.mlp import ACTIVATIONS, MLP
from minitrain.sources.points import KINDS, points
from minitrain.teach.refresh import NOTEBOOKS, read
from minitrain.teach.widgets import playground
from minitrain.teach.widgets.playground import MAP, OWN, PENALTIES, RATES, WIDE, Playground
from minitrain.teach.widgets.spreadsheet import Spreadsheet

SOME = [[-1.5, 1.0, 1], [-1.0, -1.0, 1], [0.5, 1.5, 0], [1.5, -1.0, 0], [1.0, 0.5, 1], [-0.5, 0.5, 0]]


# Points


@pytest.mark.parametrize("kind", KINDS)
def test_points_are_seeded_balanced_and_on_the_plane(kind):
    x, y = points(kind, 501, noise=0.0, seed=3)
    again, _ = points(kind, 501, noise=0.0, seed=3)
    other, _ = points(kind, 501, noise=0.0, seed=4)
    assert x.shape == (501, 2) and x.dtype == torch.float32 and y.dtype == torch.int64
    assert torch.equal(x, again) and not torch.equal(x, other)
    assert y.bincount().tolist() == [251, 250] and x.abs().max() < 3
    strayed, same = points(kind, 501, noise=0.2, seed=3)
    assert torch.equal(y, same) and (strayed - x).std() == pytest.approx(0.2, rel=0.1)


@pytest.mark.parametrize("kind", KINDS)
def test_colours_do_not_touch_without_noise(kind):
    x, y = points(kind, 1000, noise=0.0)
    assert torch.cdist(x[y == 0], x[y == 1]).min() > 0.1


def test_a_line_parts_the_blobs_alone():
    def parted(kind):
        x, y = points(kind, 400, noise=0.0)
        model = MLP(2, 2)
        trainer = Trainer(model, losses.cross_entropy, optim.Adam(model.parameters(), 0.1))
        trainer.fit([(x, y)], 150)
        return trainer.history[-1]["accuracy"]
    assert parted("blobs") == 1
    assert max(map(parted, set(KINDS) - {"blobs"})) < 0.95


@pytest.mark.parametrize(("given", "said"), [
    (dict(kind="ring"), "rings"), (dict(n=1), "at least 2"), (dict(noise=-1), "0 or more"),
    (dict(noise=float("nan")), "0 or more")])
def test_points_say_what_is_wrong(given, said):
    with pytest.raises(ValueError, match=said):
        points(**given)


# The playground: what is shown is what runs


def weights(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def run_as_a_reader_would(text):
    names = {}
    exec(compile(text, "a cell", "exec"), names)
    return names


SETTINGS = [
    *(dict(kind=kind) for kind in KINDS), *(dict(optimizer=name) for name in RATES),
    *(dict(activation=name) for name in ACTIVATIONS), *(dict(penalty=name, strength=0.01) for name in PENALTIES),
    dict(kind=OWN, own=SOME), dict(layers=[]),
    dict(layers=[3, 5, 2, 8, 1, 4]), dict(made_of=["x", "xy", "sin y"]), dict(made_of=["x²", "y²"], penalty="L1", batch=7),
    dict(noise=0.4, held_out=0.2, seed=5, batch=1),
]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_the_code_shown_gives_the_weights_shown(settings):
    play = Playground(**settings)
    for _ in range(12):
        assert play.step(), play.message
    names = run_as_a_reader_would(play.code.value)
    assert torch.equal(weights(names["model"]), weights(play.model)) and names["trainer"].t == 12
    assert not torch.equal(weights(names["model"]), weights(Playground(**settings).model)), "nothing was trained"


def test_the_code_tells_of_rates_turned_on_the_way():
    play = Playground(layers=[4])
    for rate in (0.3, 0.004, 0.1):
        for _ in range(5):
            play.step()
        play.rate = rate
    play.step()
    assert play.code.value.count("trainer.fit") == 4
    assert torch.equal(weights(run_as_a_reader_would(play.code.value)["model"]), weights(play.model))


def test_the_split_on_the_map_is_the_split_that_trains():
    play = Playground(kind="moons", made_of=["x", "y"])
    for shown, used in zip(play.shown, (play.recorder["train"], play.recorder["held_out"])):
        assert all(torch.equal(a, b) for a, b in zip(shown, used))


def test_it_learns_what_it_shows():
    play = Playground(kind="rings", layers=[6], activation="tanh")
    for _ in range(300):
        play.step() if play.trainer.t % 50 == 0 else next(play._items)
    play.step()
    assert play.curves[0][1] > 0.4 and play.curves[-1][1] < 0.15 and play.curves[-1][2] < 0.2
    picture = np.asarray(Image.open(io.BytesIO(play.board.value)).convert("RGB")).astype(int)
    (left, top), middle = playground.CORNER, MAP // 2
    blue, orange = (picture[top + y, left + x] for x, y in ((middle + 8, middle + 5), (20, middle)))
    assert blue[2] > blue[0] + 40 and orange[0] > orange[2] + 40            # the disc in the middle is blue, the outside is not


def test_controls_and_traits_follow_each_other():
    play = Playground(layers=[8, 5])
    found = {child.description: child for row in play.children if hasattr(row, "children") for child in row.children
             if getattr(child, "description", "")}
    assert (found["Hidden layers"].value, found["units in 1"].value, found["units in 2"].value) == (2, 8, 5)
    found["Hidden layers"].value = 3
    assert play.layers == [8, 5, 4] and len(play.model.layers) == 4
    found["units in 3"].value = 2
    play.layers = [7]
    assert play.layers == [7] and found["Hidden layers"].value == 1 and found["units in 1"].value == 7
    found["xy"].value = True
    assert play.made_of == ["x", "y", "xy"] and play.model.layers[0].in_features == 3
    found["Optimizer"].value = "SGD"
    assert play.rate == RATES["SGD"] == found["Rate"].value and "optim.SGD" in play.code.value
    found["Rate"].value = 10**-1.55
    assert play.rate == 0.028 and "rate=0.028" in play.code.value
    found["Show held-out points (open)"].value = False
    assert play.trainer.t == 0


def test_a_unit_can_be_seen_large():
    play = Playground(kind="moons", layers=[3, 2])
    found = {child.description: child for row in play.children if hasattr(row, "children") for child in row.children
             if getattr(child, "description", "")}
    answer = play.board.value
    names = [name for name, _ in found["Large"].options]
    assert names == ["the answer", "x", "y", *(f"layer 1, unit {k}" for k in range(3)), "layer 2, unit 0", "layer 2, unit 1"]
    (x, y), tile = playground._column(2, 3, 2)[1], playground.TILE
    click = {"click": [(x + tile / 2) / WIDE, y / playground.HIGH], "other": False}
    play._told(click)
    assert play.large == found["Large"].value == (2, 1) and play.board.value != answer and "layer 2, unit 1" in play.board.alt
    play.made_of = ["y"]                                # the same unit, of a network begun anew
    assert play.large == (2, 1) and not play.own
    play.layers = [3]
    assert play.large == () and len(found["Large"].options) == 5 and "large: the answer" in play.board.alt
    play.large = (0, 0)
    play._told({"click": [playground._column(0, 2, 1)[0][0] / WIDE, playground._column(0, 2, 1)[0][1] / playground.HIGH]})
    assert play.large == () and play.trainer.t == 0


def test_signs_show_without_colour():
    half = np.tile(np.linspace(-1, 1, 60), (60, 1))
    grey = np.asarray(playground._painted(half, MAP, 9, border=True).convert("L")).astype(int)
    left, middle, right = grey[:, :MAP // 3], grey[:, MAP // 2 - 4:MAP // 2 + 4], grey[:, -MAP // 3:]
    assert abs(np.diff(left, axis=0)).mean() > 3 > 1 > abs(np.diff(right, axis=0)).mean(), "hatched on one side alone"
    assert middle.min() < 60, "a line where it changes"
    lost = np.full((60, 60), np.nan)
    assert np.asarray(playground._painted(np.nan_to_num(lost), MAP, 9, border=True)).min() > 250


def test_points_by_clicks_and_by_keys():
    play = Playground()
    centre = [(playground.CORNER[0] + MAP / 2) / WIDE, (playground.CORNER[1] + MAP / 2) / playground.HIGH]
    play._told({"click": centre, "other": False})
    play._told({"click": [0.01, 0.5], "other": False})                      # beside the map
    assert play.kind == OWN and play.own == [(0, 0, 1)] and "two points of each colour" in play.message and not play.step()
    for key in ["ArrowRight", "ArrowRight", "ArrowUp", "o", "ArrowDown", "b", "o", "Backspace", "o"]:
        play._told({"key": key})
    assert play.own == [(0, 0, 1), (0.4, 0.2, 0), (0.4, 0.0, 1), (0.4, 0.0, 0)]
    assert play.step() and "torch.tensor([[0.0, 0.0], [0.4, 0.2]" in play.code.value
    play._told({"key": "Tab"})
    for _ in range(60):
        play._told({"key": "ArrowLeft"})
    assert play.cursor == (-3.2, 0.0)


@pytest.mark.parametrize("bad", [dict(made_of=[]), dict(layers=[4, 0]), dict(layers=[4] * 7), dict(layers=[9])])
def test_settings_that_make_no_network_are_said(bad):
    play = Playground(**bad)
    assert play.finished and not play.step() and play.message.endswith(".") and play.start_button.disabled
    play.made_of, play.layers = ["x"], [2]
    assert play.step()


def test_a_rate_far_too_high_is_said():
    play = Playground(optimizer="SGD", activation="relu", layers=[8, 8, 8])
    play.rate = 1e6
    while play.step():
        assert play.trainer.t < 300
    assert "rate is too high" in play.message and play.board.value


def test_it_runs_live_and_listens():
    async def live():
        play, frames = Playground(kind="spirals", layers=[8, 8, 8, 8]), []
        play.board.observe(frames.append, "value")

        async def until(update, frame):
            async with asyncio.timeout(60):                                 # it would wait for ever on a run that stands still
                while play.trainer.t < update or len(frames) < frame:
                    await asyncio.sleep(0.01)
        play.start()
        await until(update=100, frame=3)
        play.rate = 0.05
        play.activation = "relu"                                            # starts over, and runs on
        assert play.running and play.trainer.t < 100
        await until(update=20, frame=len(frames) + 2)
        play.pause()
        at = play.trainer.t
        await asyncio.sleep(0.1)
        assert play.trainer.t == at and not play.running
        return play
    play = asyncio.run(live())
    assert torch.equal(weights(run_as_a_reader_would(play.code.value)["model"]), weights(play.model))


# The spreadsheet


def sheet(**options):
    model = MLP(2, 3, 2, seed=1)
    return Spreadsheet(model, [0.5, -1.0], names=["x", "y"], answers=["orange", "blue"], **options), model


def test_the_tables_are_the_model():
    made, model = sheet()
    x = np.array(made.sheet.inputs)
    for i, table in enumerate(map(np.array, made.sheet.layers)):
        x = table[:, :-2] @ x + table[:, -2]
        x = np.maximum(x, 0) if i == 0 else x
        np.testing.assert_allclose(table[:, -1], x, atol=1e-6)
    np.testing.assert_allclose(x, model(torch.tensor([[0.5, -1.0]])).detach()[0], atol=1e-6)
    assert made.cells == 17 and sum(made.shares.values()) == pytest.approx(1)


def test_an_edit_reaches_the_model_and_the_answer():
    made, model = sheet(tell=lambda model: f"Sum {model.layers[1].bias.sum():g}.")
    before, shares = made.sheet.layers, dict(made.shares)
    made.edit(layer=0, row=2, column=1, text="2,5")
    assert model.layers[0].weight[2, 1] == 2.5 and made.sheet.layers != before
    assert made.message.startswith("The weight of y in unit 2 of layer 1 is now 2.5.")
    made.edit(layer=1, row=1, column=3, text="−4")
    assert model.layers[1].bias.tolist() == [0, -4] and made.shares["blue"] < shares["blue"]
    assert made.message.startswith("The bias in blue is now -4.")
    made.edit(layer=-1, row=0, column=1, text="3")
    assert made.x == [0.5, 3.0] and made.message.startswith("The input y is now 3.") and made.message.endswith("Sum -4.")
    made.restore()
    assert made.sheet.layers == before and made.shares == shares and made.x == [0.5, -1.0]


@pytest.mark.parametrize("text", ["abc", "", "nan", "inf", "1e9"])
def test_what_is_no_number_changes_nothing(text):
    made, _ = sheet()
    before = made.sheet.layers
    made.edit(layer=0, row=0, column=0, text=text)
    assert made.sheet.layers == before and "no number" in made.message


def test_a_wrong_number_of_inputs_is_said():
    with pytest.raises(ValueError, match="takes 2 inputs; got 3"):
        Spreadsheet(MLP(2, 2), [1, 2, 3])


def test_sources_split_takes_own_points():
    x, y = torch.tensor([p[:2] for p in SOME]), torch.tensor([p[2] for p in SOME])
    (_, train), (_, held) = sources.split(x, y, held_out=0.5)
    assert len(train) + len(held) == len(SOME)


# What the lesson concludes: its own code, read from its cells, over other seeds


@pytest.fixture(scope="module")
def lesson():
    """The notebook's imports and functions, and the data and lists that they read."""
    def kept(node):
        names = {name.id for target in getattr(node, "targets", []) for name in ast.walk(target) if isinstance(name, ast.Name)}
        return (isinstance(node, ast.Import | ast.ImportFrom | ast.FunctionDef)
                or names & {"doodles", "pictures", "held_out", "racers", "lists", "x", "x_held", "order"})
    found = {}
    for cell in read(NOTEBOOKS / "05_neural_networks.ipynb").cells:
        if cell.cell_type == "code":
            source = "\n".join(line for line in cell.source.splitlines() if not line.startswith("%"))
            exec(compile(ast.Module([node for node in ast.parse(source).body if kept(node)], []), "lesson 05", "exec"), found)
    return found


def test_three_units_fence_a_disc_and_two_do_not(lesson):
    accuracy = {n: [lesson["accuracy"](lesson["train"](2, n, 2, seed=seed)) for seed in range(5, 10)] for n in (2, 3)}
    assert np.median(accuracy[2]) < 0.9 and np.median(accuracy[3]) > 0.97


def test_layers_without_a_bend_add_nothing(lesson):
    stacked = [lesson["train"](2, 8, 8, 8, 8, 2, activation="none", seed=seed) for seed in (5, 6)]
    assert max(map(lesson["accuracy"], stacked)) < 0.72


def test_depth_does_spirals_with_fewer_units_and_updates(lesson):
    def accuracy(*hidden, steps=300):                   # over starts, the median
        models = [lesson["train"](2, *hidden, 2, kind="spirals", seed=seed, steps=steps) for seed in (5, 6, 7)]
        return np.median([lesson["accuracy"](model, "spirals") for model in models])
    assert accuracy(16) < 0.85 < 0.88 < accuracy(8, 8) and accuracy(64, steps=900) > 0.93


@pytest.mark.parametrize("seed", [3, 4])
def test_one_unit_of_64_is_not_missed_and_one_of_8_is(lesson, seed):
    cost = {}
    for n in (8, 64):
        model = MLP(64, n, 10, seed=seed)
        trainer = Trainer(model, losses.cross_entropy, optim.AdamW(model.parameters(), rate=3e-3))
        trainer.fit(sources.batches(lesson["x"], lesson["y"], seed=seed), steps=400)
        cost[n] = lesson["without"](model, []) - min(lesson["without"](model, [unit]) for unit in range(n))
    assert cost[64] < 0.045 and cost[8] > 0.25


def test_the_convnets_lead_needs_neighbours_and_so_do_its_kernels(lesson):
    learn, shuffle, looker = lesson["learn"], lesson["shuffle"], lesson["looker"]
    drawn, held_out = lesson["pictures"], lesson["held_out"]
    def right(model, pictures):
        return lesson["right"](model, pictures)
    eyes, blind = learn(looker(2), drawn, 1e-2, 2), learn(looker(2), shuffle(drawn), 1e-2, 2)
    plain = [learn(MLP(768, 256, 4, seed=2), seen, 4e-3, 2) for seen in (drawn, shuffle(drawn))]
    lead = right(eyes, held_out) - right(plain[0], held_out)
    assert lead > 0.15 and right(blind, shuffle(held_out)) - right(plain[1], shuffle(held_out)) < lead / 2
    start = lesson["looker"]
    lesson["looker"] = lambda _: start(2)               # `written` compares with starts 0, 1, …
    smooth, rough = lesson["alike"]([eyes]), lesson["alike"]([blind])
    lesson["looker"] = start
    assert smooth > max(0.25, 2 * rough) and lesson["edges"]([eyes]) < 0.8
    kinds = lesson["held_kinds"]
    assert right(eyes, lesson["attack"](eyes, held_out, kinds, 4)) < 0.5
    assert right(eyes, held_out) - right(eyes, lesson["at_random"](held_out, 4)) < 0.08


def test_edges_are_told_from_patches_and_from_light(lesson):
    model = lesson["looker"](0)
    with torch.no_grad():
        kernels = model.convs[0].weight.zero_()
        kernels[:8, :, :, 2], kernels[:8, :, :, 3] = -1, 1                      # half of the units: an upright border
        kernels[8:] = 1                                                         # half: light
    assert lesson["edges"]([model]) == 0.5


def test_muon_wins_the_race_and_each_rate_is_inside_its_list(lesson):
    rates = {"SGD": 0.6, "Momentum": 0.1, "Adam": 0.02, "AdamW": 0.02, "Muon": 0.06}
    last = {name: np.median([lesson["end"](lesson["race"](name, rate, seed)) for seed in (11, 12, 13)])
            for name, rate in rates.items()}
    assert last["Muon"] < 0.7 * sorted(last.values())[1]
    assert all(lesson["lists"][name][0] < rate < lesson["lists"][name][-1] for name, rate in rates.items())


def test_adam_copes_with_units_better_than_sgd(lesson):
    unit = lesson["unit"]
    lesson["unit"] = lambda seed: unit(seed + 5)        # other units than the lesson's
    lost = [0.95 - lesson["with_units"](optimizer, rates, mixed=True)
            for optimizer, rates in ((optim.SGD, [3e-3]), (optim.Adam, [3e-2]))]
    lesson["unit"] = unit
    assert lost[0] > 0.15 and lost[1] < lost[0] / 2


@pytest.mark.browser
def test_the_playground_and_the_spreadsheet_in_a_browser(lab, browser):
    notebook = Notebook(browser, lab[0], "05_neural_networks.ipynb")
    notebook.run_through("Playground(**settings")
    output, code = notebook.output("Playground(**settings"), notebook.output("Playground(**settings").locator("textarea")
    board = output.locator("img[tabindex]")
    start_and_pause(notebook, output)
    frames = int(board.get_attribute("data-frames"))
    assert frames >= 3 and re.search(r"until=[1-9]", code.input_value())
    page, cells = notebook.page, notebook.page.locator(".jp-Cell").count()
    assert "Update" in board.get_attribute("alt")
    for label in ("Noise", "Held out", "Hidden layers", "Rate", "Batch", "Its strength", "Seed"):
        assert output.get_by_role("slider", name=label, exact=True).count() == 1, label
    kinds = output.locator(".widget-dropdown", has_text="Points").locator("select")
    kinds.focus()                                                       # a list, with keys alone
    for key, kind in {"ArrowUp": "xor", "b": "blobs", "ArrowDown": "rings", "m": "moons"}.items():
        page.wait_for_timeout(1200)                                     # or the list would take two letters for one word
        page.keyboard.press(key)                                        # JupyterLab's: another cell, a cell below, Markdown
        page.wait_for_function("([area, kind]) => area.value.includes(`points('${kind}'`)", arg=[code.element_handle(), kind])
    assert page.locator(".jp-Cell").count() == cells
    before, after = move_slider(notebook, output, "Noise")
    assert after > before
    large = output.locator(".widget-dropdown", has_text="Large").locator("select")
    large.select_option("layer 1, unit 2")
    page.wait_for_function("img => img.alt.includes('layer 1, unit 2')", arg=board.element_handle())
    press(output, "Start")
    activation = output.locator(".widget-dropdown", has_text="Activation").locator("select")
    activation.select_option("tanh")                                    # while it runs: it starts over, and runs on
    says(status(output), "Update ")
    notebook.page.wait_for_function("([img, n]) => Number(img.dataset.frames) > n + 5", arg=[board.element_handle(), frames])
    press(output, "Pause")
    output.get_by_role("button", name="Go on").wait_for()
    notebook.page.wait_for_timeout(300)
    assert "tanh" in code.input_value()

    board.focus()                                                       # points of one's own, with keys alone
    for key in ["b", "ArrowRight", "b", "ArrowUp", "ArrowUp", "o", "ArrowLeft", "o"]:
        notebook.page.keyboard.press(key)
    says(status(output), "Ready.")
    notebook.page.wait_for_timeout(300)
    press(output, "One step")
    says(status(output), "Update 1:")
    assert "torch.tensor([[0.0, 0.0]" in code.input_value()

    notebook.run_through("Spreadsheet(three")
    sheet = notebook.output("Spreadsheet(three")
    cell = sheet.locator("table input").first
    cell.scroll_into_view_if_needed()
    before = sheet.locator(".widget-html-content", has_text="orange").first.inner_text()
    cell.fill("3")
    cell.press("Tab")
    says(status(sheet), "is now 3.")
    assert sheet.locator(".widget-html-content", has_text="orange").first.inner_text() != before
    press(sheet, "As trained")
    says(status(sheet), "As trained.")
    clean(notebook)
    notebook.close()
