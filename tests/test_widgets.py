"""Widgets without a browser: their text in stored notebooks, the pad's pictures, and how a live training runs.

(The same in a real browser: test_browser.py.)
"""
import asyncio
import time

import numpy as np
import pytest
import torch
import traitlets

from minitrain.teach.figures import axes
from minitrain.teach.widgets import base
from minitrain.teach.widgets.live import LiveTraining
from minitrain.teach.widgets.pad import Pad


def test_text_stands_where_widgets_would(monkeypatch):
    panel = base.Panel("Dial", says="Turn it,\n   slowly.")
    text = "[Interactive: Dial. Turn it, slowly. Run this cell in JupyterLab to use it.]"
    assert panel._repr_mimebundle_() == {"text/plain": text}
    assert list(Pad(label="Draw").instead().split())[:2] == ["[Interactive:", "Draw."]
    assert set(Pad()._repr_mimebundle_()) == {"text/plain"}
    monkeypatch.setenv("MINITRAIN_STATIC", "0")
    data = panel._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in (data[0] if isinstance(data, tuple) else data)


def test_a_panel_needs_its_text():
    with pytest.raises(ValueError, match="needs says="):
        base.Panel("Dial", says=" ")


def test_text_from_data_is_escaped():
    evil = "<script>alert(1)</script>"
    line = base.line()
    base.say(line, evil)
    for value in (line.value, base.bars({evil: 1}), base.Panel(evil, says="x").children[0].value):
        assert "<script>" not in value and "&lt;script&gt;" in value


def test_a_slider_is_whole_or_not_and_logarithmic_where_asked():
    assert type(base.slider("n", 3, 1, 9, 1)).__name__ == "IntSlider"
    assert type(base.slider("n", 3, 1, 9, 0.5)).__name__ == "FloatSlider"
    log = base.slider("rate", 0.1, 0.001, 10, 0.1, log=True)
    assert (log.min, log.max, log.value) == (-3, 1, 0.1)


# The pad


@pytest.mark.parametrize("colour", [False, True])
def test_a_picture_comes_back_as_it_was_put(colour):
    pad = Pad(size=8, colour=colour)
    picture = torch.rand((3, 8, 8) if colour else (8, 8))
    assert pad.empty
    pad.put(picture)
    np.testing.assert_allclose(pad.array(), picture.numpy(), atol=0.5 / 255 + 1e-6)
    assert pad.array().dtype == np.float32 and not pad.empty
    pad.clear()
    assert pad.empty and pad.array().max() == 0


def test_rows_are_rows_and_channels_are_channels():
    pad = Pad(size=2, colour=True)
    pad.picture = bytes([255, 0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0])      # red, green / blue, black
    assert pad.array()[:, 0, 0].tolist() == [1, 0, 0]
    assert pad.array()[:, 0, 1].tolist() == [0, 1, 0]
    assert pad.array()[:, 1, 0].tolist() == [0, 0, 1]


def test_paper_can_have_a_colour():
    assert Pad(size=2, paper="#ffffff").array().min() == 1
    assert Pad(size=2, colour=True, paper="#ff0000").array()[:, 0, 0].tolist() == [1, 0, 0]


def test_the_browser_sends_a_memoryview():
    pad = Pad(size=2)
    pad.set_state({"picture": memoryview(b"\x00\xff\x00\xff")})
    assert pad.array().tolist() == [[0, 1], [0, 1]]


def test_a_picture_of_another_size_is_refused_and_the_old_one_kept():
    pad = Pad(size=4)
    pad.put(np.eye(4))
    with pytest.raises(ValueError, match=r"shape \(3, 3\); it shows \(4, 4\)"):
        pad.put(np.eye(3))
    with pytest.raises(traitlets.TraitError, match="got 9 bytes; a picture of this pad has 16"):
        pad.picture = bytes(9)
    assert pad.array().trace() == 4


def test_new_pictures_are_observed():
    pad, seen = Pad(size=2), []
    pad.observe(lambda change: seen.append(pad.array().sum()), "picture")
    pad.put(np.ones((2, 2)))
    pad.clear()
    assert seen == [4, 0]


# Live training


def counting(n=1000, losses=None):
    def steps():
        for i in range(n):
            yield {"loss": 1 / (i + 1) if losses is None else losses[i]}
    return steps


def live(steps, picture=None, **options):
    return LiveTraining("Trial", steps, picture, says="Runs.", **options)


async def until(condition, seconds=10):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        await asyncio.sleep(0.01)


def test_it_runs_pauses_goes_on_and_ends():
    async def main():
        panel = live(counting(60))
        assert panel.start_button.description == "Start" and panel.message == "Ready."
        panel.start()
        assert panel.running and panel.start_button.description == "Pause"
        await until(lambda: panel.taken > 5)
        panel.pause()
        at = panel.taken
        await asyncio.sleep(0.05)
        assert panel.taken == at < 60 and not panel.running and panel.start_button.description == "Go on"
        panel.start()
        await until(lambda: not panel.running)
        assert panel.taken == 60 and panel.finished and panel.message == "Done. Update 60: loss 0.01667."
        assert panel.start_button.disabled and panel.step_button.disabled and not panel.reset_button.disabled
    asyncio.run(main())


def test_buttons_do_what_they_say():
    async def main():
        panel = live(counting())
        panel.step_button.click()
        panel.step_button.click()
        assert panel.taken == 2 and not panel.running and panel.message == "Update 2: loss 0.5."
        panel.start_button.click()
        await until(lambda: panel.taken > 4)
        panel.start_button.click()
        assert not panel.running
        panel.reset_button.click()
        assert panel.taken == 0 and panel.message == "Ready." and panel.start_button.description == "Start"
    asyncio.run(main())


def test_the_loop_stays_free_between_steps():
    async def main():
        panel, ticks = live(counting()), 0
        panel.start()
        while panel.taken < 20:
            await asyncio.sleep(0)
            ticks += 1
        panel.pause()
        assert ticks > 100
    asyncio.run(main())


def test_a_slider_takes_effect_while_it_runs():
    rate, used = base.slider("rate", 1.0, 0.0, 10.0, 0.5), []

    def steps():
        while True:
            used.append(rate.value)
            yield {}

    async def main():
        panel = live(steps, controls=[rate])
        panel.start()
        await until(lambda: len(used) > 3)
        rate.value = 5.0
        n = len(used)
        await until(lambda: len(used) > n + 3)
        panel.pause()
        assert set(used[:n]) == {1.0} and set(used[n:]) == {5.0}
    asyncio.run(main())


def test_two_runs_never_interleave():
    order = []

    def steps(name):
        def run():
            while True:
                order.append(name)
                yield {}
        return run

    async def main():
        first, second = live(steps("first")), live(steps("second"))
        first.start()
        first.start()                                   # a second click in one breath
        await until(lambda: len(order) > 3)
        assert len(asyncio.all_tasks()) == 2            # this one and the run
        second.start()
        n = len(order)
        assert not first.running and second.running
        await until(lambda: len(order) > n + 3)
        second.reset()
        second.start()
        await until(lambda: len(order) > n + 8)
        second.pause()
        assert set(order[:n]) == {"first"} and set(order[n:]) == {"second"}
    asyncio.run(main())


def test_start_over_in_the_middle_begins_one_new_run():
    alive = []

    def steps():
        alive.append(1)
        try:
            while True:
                yield {}
        finally:
            alive.pop()

    async def main():
        panel = live(steps)
        panel.start()
        await until(lambda: panel.taken > 3)
        panel.reset()
        assert alive == [] and panel.taken == 0
        panel.start()
        await until(lambda: panel.taken > 3)
        assert alive == [1]
        panel.close()
        await asyncio.sleep(0.02)
        assert not [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    asyncio.run(main())


@pytest.mark.parametrize("bad", [float("nan"), torch.tensor(float("inf"))])
def test_a_loss_that_is_no_number_stops_it(bad):
    async def main():
        panel = live(counting(5, losses=[1, 2, bad, 4, 5]))
        panel.start()
        await until(lambda: not panel.running)
        assert panel.message == (f"Stopped at update 3: the loss was {float(bad)}; most often the rate is too high: "
                                 "start over with a tenth (FloatingPointError).")
        assert panel.finished and panel.taken == 3
        assert "start over" in panel.line.value
        panel.reset()
        assert panel.message == "Ready." and not panel.start_button.disabled
    asyncio.run(main())


def test_an_error_in_a_step_or_a_picture_is_said():
    def steps():
        yield {}
        raise ValueError("three\nlines <b>long</b>.")
    panel = live(steps)
    assert panel.step() is True and panel.step() is False
    assert panel.message == "Stopped at update 1: three lines <b>long</b> (ValueError)." and "<b>" not in panel.line.value

    panel = live(counting(), lambda: 1 / 0)
    assert panel.message == "The picture could not be drawn: division by zero (ZeroDivisionError)." and not panel.running

    def broken():
        raise RuntimeError("no data")
    panel = live(broken)
    panel.step()
    assert panel.message == "Stopped at update 0: no data (RuntimeError)."


def test_pictures_come_at_a_limited_rate_and_the_last_one_always():
    drawn = []

    def picture():
        drawn.append(panel.taken if "panel" in locals_ else 0)
        fig, ax = axes(title="Loss")
        ax.plot([1, 2])
        return fig

    locals_ = {}
    panel = live(counting(100), picture, frames=4)
    locals_["panel"] = panel

    async def main():
        start = time.perf_counter()
        panel.start()
        await until(lambda: not panel.running, 30)
        return time.perf_counter() - start
    seconds = asyncio.run(main())
    assert panel.image.value.startswith(b"\x89PNG") and panel.image.alt == "Trial"
    assert len(drawn) <= 4 * seconds + 3


def test_without_an_event_loop_it_says_so_and_steps_still_work():
    panel = live(counting(3))
    with pytest.raises(RuntimeError, match="inside a running event loop"):
        panel.start()
    assert not panel.running
    while panel.step():
        pass
    assert panel.taken == 3 and panel.finished


def test_it_trains_the_trainer():
    from minitrain import Trainer, losses, optim, sources
    from minitrain.models.mlp import MLP
    x, y = sources.digits()

    def steps():
        model = MLP(64, 10, seed=0)
        trainer = Trainer(model, losses.cross_entropy, optim.SGD(model.parameters(), rate=0.5))
        return trainer.updates(sources.batches(x, y, size=64, seed=0), until=20)
    panel = live(steps)
    while panel.step():
        pass
    assert panel.taken == 20 and panel.message.startswith("Done. Update 20: loss ")
