"""Two sliders draw a picture: what a decoder makes of each place in its code, still as a grid, and live.

The decoder is the lesson's own, and so is the judge: the widget is handed both as functions.
"""
import numpy as np
import traitlets

from minitrain.teach.figures import axes
from minitrain.teach.widgets.base import Panel, Picture, line, say, slider

REACH = 2.5                                                     # standard deviations either way: 99 of 100 codes lie within


def grid_of_codes(draw, *, steps=9, reach=REACH, title=None):
    """What the decoder draws at each place of a square of codes. Returns the figure.

    draw: codes (n, 2), first and second number, to pictures (n, side · side) in 0 … 1.

    >>> fig = grid_of_codes(lambda z: np.zeros((len(z), 64)), steps=3)
    >>> fig.axes[0].get_xlabel()
    'first number of the code'
    """
    along = np.linspace(-reach, reach, steps)
    codes = np.array([(a, b) for b in along[::-1] for a in along])                      # rows from the top down
    pictures = np.asarray(draw(codes))
    side = round(pictures.shape[1] ** 0.5)
    pictures = np.pad(pictures.reshape(-1, side, side), ((0, 0), (0, 1), (0, 1)), constant_values=0.6)       # a gap between them
    whole = pictures.reshape(steps, steps, side + 1, side + 1).swapaxes(1, 2).reshape(steps * (side + 1), -1)
    half = reach * steps / (steps - 1)
    fig, ax = axes(title=title, x="first number of the code", y="second number", size=(5.2, 5.2))
    ax.imshow(whole, cmap="gray", vmin=0, vmax=1, extent=(-half, half, -half, half), interpolation="nearest")
    ax.grid(False)
    return fig


class LatentExplorer(Panel):
    """Move through the code; the picture follows, and what a judge takes it for.

    draw: codes (n, 2) to pictures (n, side · side) in 0 … 1.  judge: pictures to probabilities (n, classes), or None.

    Traits: `first`, `second`, `message`; `picture` is what is drawn, (side · side,).

    >>> panel = LatentExplorer(lambda z: np.full((len(z), 64), 0.5), judge=lambda x: np.array([[0.1, 0.9]]))
    >>> panel.first = 1.5
    >>> panel.message
    'At (1.5, 0.0) the judge sees a 1, and is 90% sure.'
    """

    first = traitlets.Float(0.0)
    second = traitlets.Float(0.0)
    message = traitlets.Unicode("")

    def __init__(self, draw, judge=None, **settings):
        self.draw, self.judge, self.picture = draw, judge, None
        sliders = [slider(name, 0.0, -REACH, REACH, 0.1, form=".1f") for name in ("First number", "Second number")]
        self.image, self.line = Picture(width=260), line()
        super().__init__("Through the code", [*sliders, self.image, self.line],
                         says="Move two sliders, the two numbers of a code: the decoder draws the digit that it has there, and "
                              "the judge says what it takes it for. Go slowly from one digit to another.")
        for name, control in zip(("first", "second"), sliders):
            traitlets.link((self, name), (control, "value"))
        self.observe(lambda change: say(self.line, change.new), "message")
        self.observe(lambda _: self._show(), ["first", "second"])
        for name, value in settings.items():
            setattr(self, name, value)
        if self.picture is None:
            self._show()

    def _show(self):
        code = np.array([[self.first, self.second]])
        self.picture = np.asarray(self.draw(code))[0]
        side, where = round(len(self.picture) ** 0.5), f"At ({self.first:.1f}, {self.second:.1f})"
        if self.judge is None:
            self.message = f"{where} the decoder draws this."
        else:
            sure = np.asarray(self.judge(self.picture[None]))[0]
            self.message = f"{where} the judge sees a {sure.argmax()}, and is {sure.max():.0%} sure."
        fig, ax = axes(size=(2.6, 2.6))
        ax.imshow(self.picture.reshape(side, side), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        ax.set_axis_off()
        self.image.alt = f"The decoder's picture. {self.message}"
        self.image.show(fig)
