"""You against the bandit: the reader pulls arms, and two policies of `rl.bandits` play the same machine.

Rivals are averages over many games of theirs, since one game of anybody's is mostly luck. How they choose stands in the library.
"""
import ipywidgets
import numpy as np
import traitlets

from minitrain.rl.bandits import Bandit, epsilon_greedy, play, thompson
from minitrain.teach.figures import COLOURS, MARKERS, axes, label_lines
from minitrain.teach.widgets.base import Panel, Picture, button, choice, line, say

PAID, REGRET = "what was paid", "regret (it gives the best arm away)"
GAMES = 200                                             # of each rival, averaged


def machine(lots, arms):
    """Chances (arms,) of a new machine, the best at least 0.15 ahead: fifty pulls can find it."""
    while True:
        chances = lots.uniform(0.1, 0.9, arms).round(2)
        best, second = np.sort(chances)[[-1, -2]]
        if best - second >= 0.15:
            return chances


class AgainstTheBandit(Panel):
    """A game of `pulls` pulls against a machine whose chances are shown at the end.

    Traits: `arms` pulled so far (from 0), `rewards` they paid, `shown` (PAID or REGRET), `over`, `message`. A test calls
    `pull(arm)`.

    >>> game = AgainstTheBandit(pulls=2, seed=0)
    >>> game.pull(0), game.pull(1)
    (None, None)
    >>> game.over, len(game.rewards), "In truth" in game.message
    (True, 2, True)
    """

    arms = traitlets.List(traitlets.Int())
    rewards = traitlets.List(traitlets.Int())
    shown = traitlets.Enum([PAID, REGRET], PAID)
    over = traitlets.Bool(False)
    message = traitlets.Unicode("")

    def __init__(self, arms=3, pulls=50, seed=0):
        if arms < 2 or pulls < 1:
            raise ValueError(f"AgainstTheBandit got arms={arms}, pulls={pulls}; it needs two arms or more, and a pull.")
        self.lots, self.pulls, self.K = np.random.default_rng(seed), pulls, arms
        self.buttons = [button(f"Arm {k + 1}", lambda k=k: self.pull(k)) for k in range(arms)]
        shown = choice("The picture shows", [PAID, REGRET])
        self.image, self.tally, self.line = Picture(), line(role="note"), line()
        super().__init__("You against the bandit",
                         [ipywidgets.HBox([*self.buttons, button("New machine", self.new_machine)]), shown, self.tally,
                          self.line, self.image],
                         says=f"{pulls} pulls, {arms} arms, and nobody tells you what they pay. Thompson and ε-greedy play the "
                              "same machine; at the end you see its chances, and who lost how much.")
        traitlets.link((self, "shown"), (shown, "value"))
        self.observe(lambda change: say(self.line, change.new), "message")
        self.observe(lambda _: self._draw(), "shown")
        self.new_machine()

    def new_machine(self):
        """Other chances, and a new game."""
        self.chances = machine(self.lots, self.K)
        seed = int(self.lots.integers(2**31))
        self.bandit = Bandit(self.chances, seed=seed)
        self.rivals = {name: play(self.chances, policy, self.pulls, games=GAMES, seed=seed)
                       for name, policy in (("Thompson", thompson()), ("ε-greedy", epsilon_greedy(0.1)))}
        self.arms, self.rewards, self.over = [], [], False
        self.message = f"{self.pulls} pulls are yours. Press an arm."
        self._draw()

    def pull(self, arm):
        """Pull once, counted from 0; after the last pull nothing happens."""
        if self.over:
            self.message = "This game is over. New machine?"
            return
        paid = self.bandit.pull(arm)
        self.arms, self.rewards = [*self.arms, arm], [*self.rewards, paid]
        n = len(self.arms)
        self.over = n == self.pulls
        said = f"Pull {n}: arm {arm + 1} paid {paid or 'nothing'}. {self.pulls - n} left."
        self.message = self._verdict() if self.over else said
        self._draw()

    @property
    def regret(self):
        """Expected pay lost so far against the best arm throughout, after each of your pulls, (n,)."""
        return (self.chances.max() - self.chances[self.arms]).cumsum() if self.arms else np.zeros(0)

    def _verdict(self):
        others = ", ".join(f"{name} {games.regret[:, -1].mean():.1f}" for name, games in self.rivals.items())
        truth = ", ".join(f"{chance:.2f}" for chance in self.chances)
        return (f"You were paid {sum(self.rewards)}. Your regret is {self.regret[-1]:.1f}; on average {others}. In truth the "
                f"arms pay with chances {truth}: the best is arm {self.chances.argmax() + 1}.")

    def _draw(self):
        found = [[paid for arm, paid in zip(self.arms, self.rewards) if arm == k] for k in range(self.K)]
        say(self.tally, "; ".join(f"arm {k + 1}: {sum(own)} of {len(own)} paid" for k, own in enumerate(found)) + ".")
        n, by_regret = len(self.arms), self.shown == REGRET or self.over
        lines = {"you": self.regret if by_regret else np.cumsum(self.rewards)}
        for name, games in self.rivals.items():
            lines[name] = (games.regret if by_regret else games.rewards.cumsum(1)).mean(0)[:n]
        title = "Regret: less is better" if by_regret else "Paid so far: more is better"
        fig, ax = axes(title=title, x="pulls", y="points", size=(5.8, 3.0))
        for (name, values), colour, marker in zip(lines.items(), COLOURS, MARKERS):
            if n:
                ax.plot(range(1, n + 1), values, color=colour, marker=marker, markevery=max(1, n // 8), label=name)
        ax.set(xlim=(0, self.pulls), ylim=(0, max([1.0, *(1.1 * values[-1] for values in lines.values() if n)])))
        ax.xaxis.get_major_locator().set_params(integer=True)
        if n:
            label_lines(ax)
        now = ", ".join(f"{name} {values[-1]:.1f}" for name, values in lines.items() if n) or "nothing yet"
        self.image.alt = f"{title}. After {n} pull{'s' * (n != 1)}: {now}."
        self.image.show(fig)
