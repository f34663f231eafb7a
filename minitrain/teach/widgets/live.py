"""Training that can be watched and steered: start, pause, one step, start over.

The steps come from a generator, so the training itself stands in the lesson or the library, never here. One asyncio task
takes a step, lets the notebook breathe for 5 ms, takes the next: sliders and buttons keep working in between. A thread
would race with the reader's cells, a loop in a callback would freeze them.
"""
import asyncio
import math
import time
import weakref

import ipywidgets
import traitlets

from minitrain.teach.widgets.base import Panel, Picture, button, line, say

BREATH = 0.005                  # seconds between steps, in which the kernel hears the reader
_running = None                 # a weak reference to the one training that runs: two at once would share machine and reader


class LiveTraining(Panel):
    """A panel that runs `steps()` and shows `picture()`.

    steps: called at the start and after "Start over"; returns a generator that does one update per item, such as
    `trainer.updates(source, until=500)` after making a new trainer. An item with a "loss" that is not finite stops the run.
    picture: called now and then; returns a matplotlib figure (made without pyplot: `figures.axes`) or PNG bytes.
    controls: widgets to set above the picture; what `steps` reads from them at each update, it can change while it runs.
    status: what to say of an item, logs -> text; by default its update count and loss.  alt: what the picture shows.
    breath: seconds between steps; more than the 5 ms that the notebook needs where the reader has to decide something meanwhile.

    Traits: `running`, `taken` (steps so far), `message`, `finished`. `start()` needs a running event loop, as every notebook has.

    >>> live = LiveTraining("Count", steps=lambda: iter(range(3)), says="Counts to three.")
    >>> live.step(), live.step(), live.taken, live.running
    (True, True, 2, False)
    """

    running = traitlets.Bool(False)
    finished = traitlets.Bool(False)
    taken = traitlets.Int(0)
    message = traitlets.Unicode("")

    def __init__(self, title, steps, picture=None, *, says, controls=(), status=None, alt="", frames=8, breath=BREATH):
        self.steps, self.picture, self.status = steps, picture, status or _say_logs
        self._items, self._task, self.breath = None, None, breath
        self._every, self._due, self._last = 1 / frames, 0.0, None
        self.start_button = button("Start", self._toggle, tip="Start or pause the training")
        self.step_button = button("One step", self.step, tip="Take a single update")
        self.reset_button = button("Start over", self.reset, tip="Throw the training away and begin again")
        self.image = Picture(alt=alt or title)
        self.line = line()
        super().__init__(title, [ipywidgets.HBox([self.start_button, self.step_button, self.reset_button]), *controls,
                                 *([self.image] if picture else []), self.line], says=says)
        self.observe(lambda change: say(self.line, change.new), "message")
        self.observe(lambda _: self._relabel(), ["running", "finished", "taken"])
        self.reset()

    # What a reader can do, and a test

    def start(self):
        """Run until the steps are used up, or `pause`; any other live training pauses."""
        global _running
        if self.running or self.finished:
            return
        other = _running and _running()
        if other is not None and other is not self:
            other.pause()
        try:
            self._task = asyncio.get_running_loop().create_task(self._run())
        except RuntimeError:
            raise RuntimeError("A live training starts inside a running event loop, as a notebook has; elsewhere, "
                               "call step() in a loop.") from None
        _running, self.running = weakref.ref(self), True

    def pause(self):
        """Stop after the step in progress; `start` goes on from there."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
        if self.running:
            self.running = False
            self._draw(force=True)

    def step(self):
        """One update. Returns whether there was one; what goes wrong in it stands in `message`."""
        self.pause()
        done = self._advance()
        self._draw(force=True)
        return done

    def reset(self):
        """Back to the beginning, as it was when the panel appeared."""
        self.pause()
        self._items, self._last, self.taken, self.finished = None, None, 0, False
        self.message = "Ready."
        self._draw(force=True)

    def close(self):
        self.pause()
        super().close()

    # How it goes

    async def _run(self):
        while self._advance():
            self._draw()
            await asyncio.sleep(self.breath)            # `pause` cancels the task here: a step is never cut in two
        self._task, self.running = None, False
        self._draw(force=True)

    def _advance(self):
        if self.finished:
            return False
        try:
            if self._items is None:
                self._items = iter(self.steps())
            logs = next(self._items)
            self.taken, self._last = self.taken + 1, logs
            loss = logs.get("loss") if isinstance(logs, dict) else None
            if loss is not None and not math.isfinite(loss):
                raise FloatingPointError(f"the loss was {float(loss)}; most often the rate is too high: start over with a tenth")
            return True
        except StopIteration:
            self._end(f"Done. {self._text()}")
        except Exception as error:      # noqa: BLE001  shown in the panel: an asyncio task would keep it to itself
            self._end(f"Stopped at update {self.taken}: {_reason(error)}.")
        return False

    def _end(self, message):
        self.finished, self.message = True, message

    def _draw(self, force=False):
        """A new frame where one is due: never more than half of the time goes into drawing."""
        now = time.perf_counter()
        if not force and now < self._due:
            return
        if not self.finished and self.taken:
            self.message = self._text()
        try:
            if self.picture is not None:
                drawn = self.picture()
                if isinstance(drawn, bytes):
                    self.image.value = drawn
                else:
                    self.image.show(drawn)
        except Exception as error:      # noqa: BLE001  shown in the panel
            self._no_picture(error)
        spent = time.perf_counter() - now
        self._due = now + spent + max(self._every, spent)

    def _no_picture(self, error):
        self._end(f"The picture could not be drawn: {_reason(error)}.")

    def _text(self):
        return self.status(self._last, self.taken) if self.taken else "There was no step to take."

    def _toggle(self):
        self.pause() if self.running else self.start()

    def _relabel(self):
        self.start_button.description = "Pause" if self.running else "Go on" if self.taken and not self.finished else "Start"
        self.start_button.disabled = self.step_button.disabled = self.finished


def _reason(error):
    return f"{' '.join(str(error).split()).rstrip('.') or 'no reason given'} ({type(error).__name__})"


def _say_logs(logs, taken):
    loss = logs.get("loss") if isinstance(logs, dict) else None
    return f"Update {taken}." if loss is None else f"Update {taken}: loss {float(loss):.4g}."
