"""The pole on its cart: pictures of it, and a panel in which a trained policy holds it under a gravity that the reader sets.

Drawn with Pillow, not with matplotlib: a frame costs milliseconds, and twenty a second are needed. How a policy is trained
stands in the lesson and in `rl/`.
"""
import io
import math

import gymnasium
import ipywidgets
import numpy as np
import traitlets
from PIL import Image, ImageDraw

from minitrain.teach.figures import COLOURS, FAINT, axes
from minitrain.teach.widgets.base import button, slider
from minitrain.teach.widgets.live import LiveTraining

W, H, METRE = 560, 250, 104                     # pixels of a frame, and of a metre: the track is 4.8 m from end to end
TRACK, STEP = 2.4, 0.02                         # CartPole-v1: metres to either side, seconds a step
EARTH, HALF = 9.8, 0.5                          # what policies are trained at: m/s², and half the length of the pole in metres


def drawn(state, half=HALF, push=0):
    """A frame (H, W, 3) uint8.  state: place of the cart, its speed, angle of the pole in radians, its speed.

    push: -1, 0 or 1, the direction in which somebody pushes just now.

    >>> drawn([0, 0, 0, 0]).shape
    (250, 560, 3)
    """
    frame = Image.new("RGB", (2 * W, 2 * H), "white")               # twice as large, then shrunk: smooth edges
    pen, x, base = ImageDraw.Draw(frame), W + 2 * METRE * float(state[0]), 2 * H - 60
    pen.line([(0, base + 24), (2 * W, base + 24)], fill=FAINT, width=4)
    for end in (-TRACK, TRACK):
        pen.line([(W + 2 * METRE * end, base - 30), (W + 2 * METRE * end, base + 50)], fill=FAINT, width=6)
    pen.rectangle([x - 60, base - 24, x + 60, base + 24], fill="#222222")
    long, angle = 4 * METRE * half, float(state[2])
    tip = x + long * math.sin(angle), base - 24 - long * math.cos(angle)
    pen.line([(x, base - 24), tip], fill=COLOURS[1], width=16)
    if push:
        pen.polygon([(tip[0], tip[1] - 16), (tip[0], tip[1] + 16), (tip[0] + 50 * push, tip[1])], fill=COLOURS[0])
    return np.asarray(frame.resize((W, H), Image.LANCZOS))


def poses(rows, at, *, title):
    """A row for each run, a frame for each time of it. Returns the figure.

    rows: name -> states (T, 4), one a step.  at: the steps shown; where a run had ended by then, its last state is, marked ✗.

    >>> fig = poses({"before": np.zeros((10, 4))}, at=(0, 50), title="Held")
    >>> [ax.get_xlabel() for ax in fig.axes]
    ['0.0 s', '✗ 0.2 s']
    """
    fig, grid = axes(len(at), len(rows), size=(2.0 * len(at), 1.25 * len(rows) + 0.4))
    for (name, states), line in zip(rows.items(), np.reshape(grid, (len(rows), len(at)))):
        for t, ax in zip(at, line):
            last = min(t, len(states) - 1)
            ax.imshow(drawn(states[last]))
            ax.grid(False)
            ax.set(xticks=[], yticks=[])
            ax.set_xlabel(f"{'✗ ' * (last < t)}{STEP * (last + (last < t)):.1f} s", color=COLOURS[1] if last < t else "#222222")
        line[0].set_ylabel(name, fontweight="bold")
    fig.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold")
    return fig


class WatchThePole(LiveTraining):
    """A policy holds the pole while the reader turns gravity and the pole's length, and pushes.

    model: an `ActorCritic` for CartPole-v1; its likeliest action is taken.  steps: after so many the panel is content.
    Traits: `gravity` (m/s²), `long` (metres of pole), and those of LiveTraining.

    >>> from minitrain.rl.policies import ActorCritic
    >>> panel = WatchThePole(ActorCritic(gymnasium.make("CartPole-v1"), seed=0))
    >>> panel.gravity = 60.0
    >>> while panel.step(): pass
    >>> panel.taken < 50, "dropped" in panel.message
    (True, True)
    """

    gravity = traitlets.Float(EARTH)
    long = traitlets.Float(2 * HALF)

    def __init__(self, model, *, seed=0, steps=3000):
        self.model, self.seed, self.most, self.pushed = model, seed, steps, 0
        self.env = gymnasium.make("CartPole-v1").unwrapped          # unwrapped: no limit of 500 steps
        gravity = slider("Gravity (m/s², 9.8 in training)", EARTH, 0.0, 150.0, 0.1, form=".1f")
        long = slider("Length of the pole (m, 1.0 in training)", 2 * HALF, 0.2, 2.0, 0.1, form=".1f")
        for one in (gravity, long):
            one.layout.width = "520px"
        pushes = [button("Push left", lambda: self.push(-1)), button("Push right", lambda: self.push(1))]
        super().__init__("Watch the pole", self._steps, self._frame, status=self._say, breath=STEP, frames=20,
                         controls=[gravity, long, ipywidgets.HBox(pushes)],
                         alt="A cart on a track with a pole on it, as the policy holds it",
                         says="A policy trained at 9.8 m/s² holds the pole. Raise gravity while it does, change the pole, "
                              "push it, and see when it drops.")
        self.start_button.tooltip, self.step_button.tooltip = "Start or pause the clock", "A fiftieth of a second"
        self.reset_button.tooltip = "Stand the pole up again"
        for name, control in (("gravity", gravity), ("long", long)):
            traitlets.link((self, name), (control, "value"))
        self.observe(lambda _: self._draw(force=True), "long")

    def push(self, way):
        """A knock on the pole: half a radian a second to the left (-1) or right (1), at the next step."""
        self.pushed = way
        if not self.running:
            self._draw(force=True)

    def reset(self):
        self.env.reset(seed=self.seed)
        self.pushed = 0
        super().reset()

    def _steps(self):
        env, fallen = self.env, False
        while not fallen and self.taken < self.most:
            env.gravity, env.length, env.polemass_length = self.gravity, self.long / 2, env.masspole * self.long / 2
            state = np.array(env.state)
            state[3] += 0.5 * self.pushed
            env.state, self.pushed = state, 0
            action = self.model.act(self.model.features(np.float32(state)))
            fallen = env.step(int(action))[2]
            yield {"t": self.taken, "fallen": fallen}

    def _say(self, logs, taken):
        where = f"at a gravity of {self.gravity:.1f}, with a pole of {self.long:.1f} m"
        if logs["fallen"]:
            out = "left the track" if abs(self.env.state[0]) > TRACK else "dropped the pole"
            return f"It {out} after {taken * STEP:.1f} s {where}."
        return f"Held for {int(taken * STEP)} s {where}."

    def _frame(self):
        buffer = io.BytesIO()
        Image.fromarray(drawn(self.env.state, self.long / 2, self.pushed)).save(buffer, format="png")
        return buffer.getvalue()
