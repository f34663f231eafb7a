"""A pad to draw on, with a mouse, a pen or a finger. What is drawn arrives in Python as small pictures while the hand moves.

It refuses to know what the picture is for: a lesson widget observes `picture` and sets it (a picker of ready shapes, for
keyboards, is the lesson's).
"""
import pathlib

import anywidget
import numpy as np
import traitlets

from minitrain.teach.widgets.base import Instead


class Pad(Instead, anywidget.AnyWidget):
    """A square to draw on.  size: pixels a side of `picture`.  colour: RGB instead of grey.

    `picture` is raw bytes, row by row, size*size of them (three times as many in colour), sent at most every 50 ms while
    drawing and once at the end. `array()` gives them as float32 in 0..1 and `put(array)` shows a picture.

    >>> pad = Pad(size=4)
    >>> pad.put(np.eye(4))
    >>> pad.array().shape, pad.array()[2, 2], pad.empty
    ((4, 4), np.float32(1.0), False)
    """

    _esm = pathlib.Path(__file__).with_name("pad.js")
    size = traitlets.Int(32).tag(sync=True)
    colour = traitlets.Bool(False).tag(sync=True)
    picture = traitlets.CBytes().tag(sync=True, echo_update=False)       # the browser knows what it has just sent
    ink = traitlets.Unicode("#ffffff").tag(sync=True)
    paper = traitlets.Unicode("#000000").tag(sync=True)
    stroke = traitlets.Float(2.5).tag(sync=True)                        # in pixels of the small picture
    label = traitlets.Unicode("Drawing pad").tag(sync=True)
    shown = traitlets.Int(240).tag(sync=True)                           # CSS pixels a side

    def __init__(self, **traits):
        super().__init__(**traits)
        if not self.picture:
            self.clear()

    def instead(self):
        return f"[Interactive: {self.label}. Run this cell in JupyterLab to draw on it.]"

    @property
    def shape(self):
        return (self.size, self.size, 3) if self.colour else (self.size, self.size)

    @property
    def empty(self):
        """Whether nothing but paper is on the pad."""
        return self.picture == self._blank()

    def array(self):
        """The picture as float32 in 0..1: (H, W), or (3, H, W) in colour."""
        pixels = np.frombuffer(self.picture, np.uint8).reshape(self.shape).astype(np.float32) / 255
        return np.moveaxis(pixels, -1, 0) if self.colour else pixels

    def put(self, array):
        """Show a picture, given as `array()` gives one."""
        pixels = np.asarray(array.detach().cpu() if hasattr(array, "detach") else array, np.float32)
        want = (3, self.size, self.size) if self.colour else self.shape
        if pixels.shape != want:
            raise ValueError(f"The pad got a picture of shape {pixels.shape}; it shows {want}, numbers in 0..1.")
        pixels = np.moveaxis(pixels, 0, -1) if self.colour else pixels
        self.picture = np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8).tobytes()

    def clear(self):
        """Back to blank paper."""
        self.picture = self._blank()

    def _blank(self):
        rgb = [int(self.paper[i:i + 2], 16) for i in (1, 3, 5)]
        pixel = bytes(rgb) if self.colour else bytes([round(sum(rgb) / 3)])
        return pixel * (self.size * self.size)

    @traitlets.validate("picture")
    def _right_length(self, proposal):
        want = self.size * self.size * (3 if self.colour else 1)
        if proposal.value and len(proposal.value) != want:
            raise traitlets.TraitError(f"The pad got {len(proposal.value)} bytes; a picture of this pad has {want}.")
        return proposal.value
