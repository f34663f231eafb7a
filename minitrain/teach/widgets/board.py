"""A board to play on against a network at any moment of its training, beside what its search saw; and a search as a picture.

Games, networks and the search are the library's and the lesson's; here is only the table that they play at.
"""
import html
import pathlib

import anywidget
import ipywidgets
import numpy as np
import traitlets
from matplotlib.patches import Rectangle

from minitrain.rl.search import Search, network
from minitrain.teach.figures import COLOURS, FAINT, INK, axes
from minitrain.teach.widgets.base import Instead, Panel, button, choice, line, say

SIMULATIONS = (1, 5, 25, 100, 400)


def searches(game, panels, *, says=""):
    """What a search looked at, on the board: each legal move with its share of the visits and its value (-1 … 1).

    panels: title -> (position (1, 2), `search.Found` of it).  says: what the title of the first panel begins with.
    """
    fig, grid = axes(len(panels), size=(3.3 * len(panels), 3.75), title=[says + title for title in panels])
    for ax, (position, found) in zip(np.atleast_1d(grid), panels.values()):
        marks, shares, q = game.text(position).split(), found.shares[0], found.q[0]
        legal, top = game.legal(position)[0], 1 if game.drop else 0     # with gravity a row above the board for the moves
        for cell, mark in enumerate(marks):
            row, column = divmod(cell, game.columns)
            _cell(ax, row + top, column, mark=mark)
        for move in np.flatnonzero(legal):
            row, column = (0, move) if game.drop else divmod(move, game.columns)
            _cell(ax, row, column, share=shares[move], most=shares.max(), q=q[move] if found.visits[0, move] else None,
                  small=game.columns > 5)
        ax.set(xlim=(-0.52, game.columns - 0.48), ylim=(game.rows + top - 0.48, -0.52), xticks=[], yticks=[], aspect="equal")
        ax.grid(False)
        ax.spines[:].set_visible(False)
    return fig


def _cell(ax, row, column, *, mark=".", share=None, most=1.0, q=None, small=False):
    shade = 0 if share is None else 0.75 * share / most
    ax.add_patch(Rectangle((column - 0.48, row - 0.48), 0.96, 0.96, edgecolor=FAINT, linewidth=1,
                           facecolor=(1 - shade, 1 - 0.55 * shade, 1 - 0.3 * shade)))
    if mark != ".":
        ax.text(column, row, mark, ha="center", va="center", fontsize=12 if ax.get_xlim()[1] > 5 else 24, fontweight="bold",
                color=COLOURS[0] if mark == "X" else COLOURS[1])
    elif share is not None:
        ax.text(column, row, f"{share:.0%}" + ("" if q is None else f"\n{q:+.2f}"), ha="center", va="center", color=INK,
                fontsize=7 if small else 11, fontweight="bold" if share == most else "normal")


class BoardView(Instead, anywidget.AnyWidget):
    """Cells that can be clicked, or reached by keys; each choice arrives at `on_move(move)`, legal or not.

    marks: rows·columns letters X, O or a dot, in reading order.  last: the cell of the last stone, or -1.
    """

    _esm = pathlib.Path(__file__).with_name("board.js")
    rows, columns = traitlets.Int(3).tag(sync=True), traitlets.Int(3).tag(sync=True)
    drop = traitlets.Bool(False).tag(sync=True)
    marks = traitlets.Unicode("." * 9).tag(sync=True)
    last = traitlets.Int(-1).tag(sync=True)
    label = traitlets.Unicode("Board").tag(sync=True)

    def __init__(self, on_move, **traits):
        super().__init__(**traits)
        self.on_msg(lambda _, content, buffers: on_move(int(content["move"])))


class PlayAgainst(Panel):
    """Play against a network as it was at some moment, and see what its search looked at.

    worlds: name of a game -> (game, {name of a moment: model}).  The model is asked by `search.network`; one simulation is the
    network's first thought alone.

    Traits: `game`, `opponent`, `simulations`, `first` (you are X and begin), `moves` (played so far), `message`;  `seen`: rows
    (move, share of visits, value or None) of the last search.  Methods: `play(move)`, `undo()`, `swap()`, `new()`, `think()`.

    >>> from minitrain.rl.games import tic_tac_toe
    >>> from minitrain.rl.selfplay import TwoHeads
    >>> game = tic_tac_toe()
    >>> table = PlayAgainst({"Tic-tac-toe": (game, {"untrained": TwoHeads(game, hidden=(8,))})}, simulations=100)
    >>> table.play(0); table.play(0)
    >>> table.message
    '1 can not be played here; free are 3, 4, 5, 6, 7, 8, 9.'
    """

    game = traitlets.Unicode()
    opponent = traitlets.Unicode()
    simulations = traitlets.Int(25)
    first = traitlets.Bool(True)
    moves = traitlets.List()
    message = traitlets.Unicode("")

    def __init__(self, worlds, **settings):
        self.worlds, self.seen, self.said = worlds, [], ""
        self.view, self.line, self.table = BoardView(self.play), line(), ipywidgets.HTML()
        self.games, self.opponents = choice("Game", worlds), choice("Against the network", ["–"])
        self.looks = choice("Simulations a move", [("1: its first thought", 1), *((str(n), n) for n in SIMULATIONS[1:])], 25)
        buttons = [button("New game", self.new), button("Take back", self.undo, tip="Take back your last move and its answer"),
                   button("Swap sides", self.swap), button("What would it play?", self.think, tip="Search where you are to move")]
        super().__init__("Play against it", [ipywidgets.HBox([self.games, self.opponents, self.looks]), self.line,
                                             ipywidgets.HBox([self.view, self.table]), ipywidgets.HBox(buttons)],
                         says="Choose a game, a network from a moment of its training, and how many simulations it may make a "
                              "move. Click a cell; or press Tab until the board has a frame, then a number key (a cell, or a "
                              "column), or arrows and Enter. Beside the board stands what its search looked at.")
        self.game = settings.pop("game", next(iter(worlds)))
        self._choose_game()
        for name, control in (("game", self.games), ("opponent", self.opponents), ("simulations", self.looks)):
            traitlets.link((self, name), (control, "value"))
        self.observe(lambda change: say(self.line, change.new), "message")
        self.observe(lambda _: self._choose_game(), "game")
        self.observe(lambda _: self._say(f"From now on: {self._who()}."), ["opponent", "simulations"])
        for name, value in settings.items():
            setattr(self, name, value)
        self.new()
        say(self.line, self.message)                        # what it said before anybody listened

    @property
    def rules(self):
        return self.worlds[self.game][0]

    @property
    def position(self):
        """(1, W), after `moves`."""
        position = self.rules.start(1)
        for move in self.moves:
            position = self.rules.play(position, [move])
        return position

    @property
    def yours(self):
        """Whether it is your turn."""
        return (len(self.moves) % 2 == 0) == self.first

    def play(self, move):
        """Your move, and its answer."""
        position = self.position
        if not np.isnan(self.rules.outcome(position)[0]):
            return self._say("This game is over: New game begins another.")
        free = np.flatnonzero(self.rules.legal(position)[0])
        if move not in free:
            return self._say(f"{move + 1} can not be played here; free are {', '.join(str(m + 1) for m in free)}.")
        self.moves = [*self.moves, int(move)]
        self._answer()

    def undo(self):
        """Take your last move back, with what was played after it."""
        own = [i for i in range(len(self.moves)) if (i % 2 == 0) == self.first]
        if not own:
            return self._say("There is nothing to take back: you have not moved.")
        self.moves, self.seen = self.moves[:own[-1]], []
        self._say("Taken back. Your move.")

    def swap(self):
        """Go on from here as the other side; after a game that is over, a new one."""
        over, self.first = not np.isnan(self.rules.outcome(self.position)[0]), not self.first
        self.new() if over else self._answer()

    def new(self):
        """An empty board; the same sides."""
        self.moves, self.seen = [], []
        self._answer()

    def think(self):
        """Its search, where it is your turn."""
        if not np.isnan(self.rules.outcome(self.position)[0]):
            return self._say("This game is over: there is nothing to look for.")
        best = self._search()
        self._say(f"It would play {best + 1}.")

    def _choose_game(self):
        moments, rules = list(self.worlds[self.game][1]), self.rules
        self.moves, self.seen = [], []                      # before anything is drawn: they belong to another board
        with self.hold_trait_notifications():
            self.opponents.options = moments
            self.opponent = self.opponents.value = moments[-1]
        keys = f"1 to {rules.actions}" if rules.actions <= 9 else "arrows and Enter"
        self.view.rows, self.view.columns, self.view.drop = rules.rows, rules.columns, rules.drop
        self.view.label = f"{self.game}: number keys {keys} play, arrow keys and Enter too"
        self.new()

    def _who(self):
        looks = "its first thought alone" if self.simulations == 1 else f"{self.simulations} simulations a move"
        return f"{self.opponent}, {looks}"

    def _search(self):
        game, model = self.rules, self.worlds[self.game][1][self.opponent]
        found = Search(game, network(game, model), simulations=self.simulations)(self.position)
        shares = found.priors if self.simulations == 1 else found.shares
        self.seen = [(int(m), float(shares[0, m]), float(found.q[0, m]) if found.visits[0, m] else None)
                     for m in np.flatnonzero(game.legal(self.position)[0])]
        self.expects = float(found.values[0])
        return int((found.visits + found.q / 4)[0].argmax())

    def _answer(self):
        """Its move, if it is its turn and the game goes on."""
        if not self.yours and np.isnan(self.rules.outcome(self.position)[0]):
            move = self._search()
            self.moves = [*self.moves, move]
            said = f"It played {move + 1}, and expected {self.expects:+.2f} (1: it wins, -1: you win)."
        else:
            said = ""
        result = self.rules.outcome(self.position)[0]
        if np.isnan(result):
            self._say(f"{said} Your move: you are {'X' if self.first else 'O'}.".strip())
        else:
            lost = self.yours                                           # whose turn it would be has lost, or it is a draw
            self._say(f"{said} {'A draw.' if result == 0 else 'It won.' if lost else 'You won.'}".strip())

    def _say(self, text):
        self.message = text
        self.view.marks = self.rules.text(self.position).replace(" ", "").replace("\n", "")
        self.view.last = self._last()
        self.table.value = self._rows()

    def _last(self):
        if not self.moves:
            return -1
        move, rules = self.moves[-1], self.rules
        if not rules.drop:
            return move
        height = self.moves.count(move)
        return (rules.rows - height) * rules.columns + move

    def _rows(self):
        if not self.seen:
            return ""
        most = max(share for _, share, _ in self.seen)
        head = "first thought" if self.simulations == 1 else "visits"
        rows = ""
        for move, share, q in self.seen:
            bar = f"<span style='display:inline-block;height:12px;background:{COLOURS[0]};width:{120 * share:.0f}px'></span>"
            weight, value = "bold" if share == most else "normal", "" if q is None else f"{q:+.2f}"
            rows += (f"<tr style='font-weight:{weight}'><td>{move + 1}</td><td>{bar}</td><td>{share:.0%}</td><td>{value}</td>"
                     "</tr>")
        return (f"<div style='margin-left:16px'>{html.escape(self._who())}<table style='border-spacing:8px 1px'><tr><th>move</th>"
                f"<th colspan=2 style='text-align:left'>{head}</th><th>value</th></tr>{rows}</table></div>")
