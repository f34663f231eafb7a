"""The loss of a running `Trainer.fit`, drawn while it falls: display it, then pass it as `each`."""
import time

from minitrain.teach.figures import curves
from minitrain.teach.progress import static
from minitrain.teach.widgets.base import Picture


class LossCurve(Picture):
    """A live picture of the loss, for `trainer.fit(…, each=LossCurve())`. At most a fifth of the time goes into drawing.

    smooth: each point is the mean of so many updates. Under MINITRAIN_STATIC=1 it shows nothing.

    >>> curve = LossCurve()
    >>> class Done: t, history = 2, [{"t": 0, "loss": 2.0}, {"t": 1, "loss": 1.0}]
    >>> curve(Done, Done.history[-1])
    >>> curve.drawn
    1
    """

    def __init__(self, smooth=10):
        super().__init__(alt="The loss of the training so far.", width=480)
        self.smooth, self.drawn, self._due = smooth, 0, 0.0

    def __call__(self, trainer, logs):
        now = time.perf_counter()
        if now < self._due:
            return
        if self.drawn == 0 and not static():
            from IPython.display import display
            display(self)
        history = trainer.history
        self.show(curves({"": history}, smooth=self.smooth, title=f"Update {trainer.t}: loss {history[-1]['loss']:.3f}"))
        self.drawn += 1
        spent = time.perf_counter() - now
        self._due = now + 5 * spent + 0.2
