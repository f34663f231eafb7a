"""You are the rater: two answers at a time, and in the end your own taste, as a model understood it, and an assistant of it.

What learns from the ratings is handed in; nothing here trains.
"""
import html

import ipywidgets
import traitlets

from minitrain.teach.widgets.base import Panel, button, line, say

WORDS = {"right": "right answers", "false": "false answers", "harm": "rudeness and harm", "flattery": "a flattering sentence",
         "words": "each word more", "spare": "each spare word"}


class YouAreTheRater(Panel):
    """Pairs of answers, one after another, and three buttons; after the last one, or earlier, `learn` is called with the ratings.

    pairs: list of (question, first answer, second answer), as text.  learn: ratings so far -> ({what is measured: weight},
    [(question, answer), …]): the taste that was found in them, and how an assistant of this taste answers. Where it raises a
    ValueError, its sentence is shown, and one can go on rating.

    Traits: `place` (the pair on show, from 0), `ratings` (1 the first, 0 the second, 0.5 alike), `message`, `found` (weights).

    >>> game = YouAreTheRater([("Who?", "Tilda.", "Tilda, you turnip.")], lambda ratings: ({"harm": -1.5}, [("Who?", "Tilda.")]))
    >>> game.rate(1.0)
    >>> game.ratings, game.found
    ([1.0], {'harm': -1.5})
    """

    place = traitlets.Int(0)
    ratings = traitlets.List()
    message = traitlets.Unicode("")
    found = traitlets.Dict()

    def __init__(self, pairs, learn):
        self.pairs, self.learn = list(pairs), learn
        if not self.pairs:
            raise ValueError("YouAreTheRater got no pairs; it needs one at least.")
        self.shown, self.said, self.result = ipywidgets.HTML(), line(), ipywidgets.HTML()
        self.buttons = [button(label, lambda rating=rating: self.rate(rating)) for label, rating in
                        (("The first is better", 1.0), ("The second is better", 0.0), ("Both alike", 0.5))]
        self.back = button("One back", self.undo, tip="Take the last rating back")
        self.done = button("Learn from my ratings", self.finish)
        rows = [self.shown, ipywidgets.HBox([*self.buttons, self.back, self.done]), self.said, self.result]
        super().__init__("You are the rater", rows, says=f"Rate {len(self.pairs)} pairs of answers; a reward model learns your "
                                                         "taste, and an assistant answers by it.")
        self.observe(lambda _: say(self.said, self.message), "message")
        self._show()

    def rate(self, rating):
        """Note which of the pair on show is better, and show the next."""
        if self.place < len(self.pairs):
            self.ratings, self.place = [*self.ratings, rating], self.place + 1
            self._show()
            if self.place == len(self.pairs):
                self.finish()

    def undo(self):
        """The last rating is taken back."""
        if self.place:
            self.ratings, self.place = self.ratings[:-1], self.place - 1
            self._show()

    def finish(self):
        """Learn from the ratings so far."""
        if not self.ratings:
            self.message = "Rate a pair first."
            return
        self.message = "Learning from your ratings …"
        try:
            weights, answers = self.learn(list(self.ratings))
        except ValueError as error:
            self.message = str(error)
            return
        self.found = dict(weights)
        n, strongest = len(self.ratings), max(weights, key=lambda name: abs(weights[name]))
        self.message = (f"From {n} rating{'s' * (n != 1)}: {WORDS.get(strongest, strongest)} weigh most with you, "
                        f"{weights[strongest]:+.2f}.")
        taste = [(WORDS.get(name, name), f"{weight:+.2f}") for name, weight in weights.items()]
        self.result.value = _table("your taste", taste) + _table("an assistant of your taste", answers)

    def _show(self):
        over, self.result.value = self.place == len(self.pairs), ""
        for made in self.buttons:
            made.disabled = over
        self.back.disabled = not self.place
        if over:
            self.shown.value = "<p>These were all.</p>"
            return
        question, first, second = map(html.escape, self.pairs[self.place])
        self.shown.value = (f"<p>Pair {self.place + 1} of {len(self.pairs)}. <b>{question}</b></p>"
                            f"<p>First: {first}</p><p>Second: {second}</p>")
        self.message = f"{len(self.ratings)} rated."


def _table(title, rows):
    cells = "".join(f"<tr><td style='padding-right:1em'>{html.escape(a)}</td><td>{html.escape(b)}</td></tr>" for a, b in rows)
    return f"<p><b>{html.escape(title)}</b></p><table>{cells}</table>"
