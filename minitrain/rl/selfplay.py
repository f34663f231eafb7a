"""Self-play: the network's own games, each move searched, are what the network learns from. (AlphaZero: Silver et al., 2017)

A source and a loss under the one `Trainer`. The search's visits are a better policy than the network that guided it, and who won
is a better value; the network learns both, which makes the next search better. Nothing of how to play comes from outside.

    game = tic_tac_toe()
    model = TwoHeads(game, hidden=(256, 256), seed=0)
    trainer = Trainer(model, policy_and_value, optim.AdamW(model.parameters(), rate=5e-3), schedule=optim.cosine(1500))
    trainer.fit(SelfPlay(game, model, seed=0), steps=1500)
"""
import math
from collections import deque
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import nn

from minitrain.models.mlp import MLP
from minitrain.rl.games import openings
from minitrain.rl.search import Search, network
from minitrain.trainer import Loss


@dataclass
class Searched:
    """n positions out of games; all tensors have n rows. A batch for `policy_and_value`."""
    x: torch.Tensor                 # (n, planes, rows, columns) as `game.features` gives them
    policy: torch.Tensor            # (n, A): which share of its visits the search gave each move
    value: torch.Tensor             # (n,): how the game went, mixed with what the search expected, for whose turn it was

    def __len__(self):
        return len(self.x)

    def __getitem__(self, rows):
        return Searched(*(getattr(self, f.name)[rows] for f in fields(self)))

    def turned(self, symmetry):
        """The same positions seen in a mirror, or turned: as good an example, for nothing.  symmetry: of `game.symmetries`."""
        moves, cells = (torch.as_tensor(np.ascontiguousarray(order)) for order in symmetry)
        return Searched(self.x.flatten(2)[..., cells].view(self.x.shape), self.policy[:, moves], self.value)

    @staticmethod
    def join(parts):
        return Searched(*(torch.cat([getattr(part, f.name) for part in parts]) for f in fields(Searched)))


class SelfPlay:
    """A source: plays `games` games with the model as it is, gives their positions in shuffled minibatches, and plays again.

    simulations: of the search, a move.  opening: each game begins after 0 to so many random moves, or the games would be few and
    alike.  mix: share of the value target that is the search's value instead of the game's result, which one bad move may turn.
    explore: up to this move of a game (counted from its opening) moves are drawn by their visits, after it the most visited is
    played; None: drawn to the end.  noise, spread, c: of the search.  window: rounds of games that are learned from, the latest.
    epochs: passes over them a round.  size: of a minibatch.  The model learns in one symmetry of each minibatch, drawn.  seed: of
    all that is drawn. Writes "length", the mean length of the last round's games, into the logs of an update.
    """

    def __init__(self, game, model, *, games=256, simulations=25, opening=6, mix=0.5, explore=None, noise=0.25, spread=1.0, c=1.5,
                 window=4, epochs=4, size=256, seed=0):
        if min(games, size, window, epochs) < 1 or opening < 0 or not 0 <= mix <= 1 or (explore is not None and explore < 0):
            raise ValueError(f"SelfPlay got games={games}, size={size}, window={window}, epochs={epochs}, opening={opening}, "
                             f"mix={mix}, explore={explore}; the first four are at least 1, opening and explore (or None) at "
                             "least 0, mix is a share from 0 to 1.")
        self.game, self.model, self.games, self.opening, self.mix = game, model, games, opening, mix
        self.explore, self.epochs, self.size = math.inf if explore is None else explore, epochs, size
        self.lots, self.rounds, self.length = np.random.default_rng(seed), deque(maxlen=window), math.nan
        self.left, self.epoch, self.played = [], 0, 0       # minibatches left of this epoch, which one it is, games so far
        self.search = Search(game, network(game, model), simulations=simulations, c=c, noise=noise, spread=spread, seed=self.lots)

    def play(self):
        """One round of games, as `Searched`: all of them move at once, and those that are over wait for the others."""
        game = self.game
        now = openings(game, self.games, self.opening, seed=self.lots)
        rows, seen, results = np.arange(self.games), [], np.zeros(self.games)           # results: for who began
        for t in range(game.limit + 1):
            over = game.outcome(now[rows])
            ended = ~np.isnan(over)
            results[rows[ended]] = (-1) ** t * over[ended]
            rows = rows[~ended]
            if not len(rows):
                break
            found = self.search(now[rows])
            seen.append((rows, now[rows], found.shares, found.values, np.full(len(rows), (-1) ** t)))
            moves = self.draw(found.shares) if t < self.explore else found.visits.argmax(1)
            now[rows] = game.play(now[rows], moves)
        else:
            raise ValueError(f"SelfPlay: {len(rows)} games go on after {game.limit} moves, the game's own limit; it never ends.")
        rows, positions, shares, expected, sign = (np.concatenate(part) for part in zip(*seen))
        self.length, self.played = len(rows) / self.games, self.played + self.games
        value = (1 - self.mix) * sign * results[rows] + self.mix * expected
        return Searched(*(torch.as_tensor(part, dtype=torch.float32) for part in (game.features(positions), shares, value)))

    def draw(self, shares):
        """One move a row, by its share, (B,)."""
        lots = self.lots.random((len(shares), 1)) * shares.sum(1, keepdims=True)
        return (shares.cumsum(1) <= lots).sum(1).clip(max=shares.shape[1] - 1)

    def __iter__(self):
        device = next(self.model.parameters()).device
        batch = Searched.join(self.rounds) if self.left else None
        while True:
            if not self.left:
                if self.epoch == 0:
                    self.rounds.append(self.play())
                batch, self.epoch = Searched.join(self.rounds), (self.epoch + 1) % self.epochs
                self.left = np.array_split(self.lots.permutation(len(batch)), max(1, round(len(batch) / self.size)))
            rows, *self.left = self.left
            symmetry = self.game.symmetries[self.lots.integers(len(self.game.symmetries))]
            part = batch[torch.from_numpy(rows)].turned(symmetry)
            yield Searched(*(getattr(part, f.name).to(device) for f in fields(part)))

    def state_dict(self):
        """The rounds that are learned from, what is left of this epoch, and the lots: all that a resumed run needs."""
        return {"rounds": [vars(part) for part in self.rounds], "left": list(self.left), "epoch": self.epoch,
                "played": self.played, "length": self.length, "lots": self.lots.bit_generator.state}

    def load_state_dict(self, state):
        board, theirs = self.game.features(self.game.start(1)).shape[1:], {part["x"].shape[1:] for part in state["rounds"]}
        if theirs - {board}:
            raise ValueError(f"SelfPlay: the saved positions are {tuple(theirs.pop())}, those of this game {board}; they are of "
                             "another game.")
        self.rounds.clear()
        self.rounds.extend(Searched(**part) for part in state["rounds"])
        self.left, self.epoch, self.played, self.length = (state[name] for name in ("left", "epoch", "played", "length"))
        self.lots.bit_generator.state = state["lots"]

    def observe(self, logs):
        logs["length"] = self.length


def policy_and_value(model, batch, *, weight=1.0):
    """AlphaZero's loss: mean of -Σ policy·log softmax(logits), in nats, + weight · mean of (value - target)².

    batch: `Searched`; the model gives logits (B, A) and values (B,). Even a perfect answer pays the entropy of the search's own
    policy. Logs both parts and "agree", how often the likeliest move is the search's.

    >>> batch = Searched(torch.zeros(1, 1), torch.tensor([[0.5, 0.5]]), torch.tensor([1.0]))
    >>> policy_and_value(lambda x: (torch.zeros(1, 2), torch.zeros(1)), batch).mean         # ln 2 + 1
    tensor(1.6931)
    """
    if not isinstance(batch, Searched):
        raise TypeError(f"policy_and_value: a batch is a Searched, as SelfPlay gives it; got {type(batch).__name__}.")
    if len(batch) == 0:
        raise ValueError("The batch is empty; a mean over no positions is not a number. Look at what the source gives.")
    answer = model(batch.x)
    if not isinstance(answer, tuple) or [a.shape for a in answer] != [batch.policy.shape, batch.value.shape]:
        given = [tuple(a.shape) for a in answer] if isinstance(answer, tuple) else type(answer).__name__
        raise ValueError(f"policy_and_value: the model must answer with logits {tuple(batch.policy.shape)} and values "
                         f"{tuple(batch.value.shape)}; got {given}.")
    logits, values = answer
    policy = -(batch.policy * logits.log_softmax(1)).sum(1).mean()
    value = (values - batch.value).square().mean()
    agree = (logits.detach().argmax(1) == batch.policy.argmax(1)).float().mean()
    return Loss(policy + weight * value, n=len(batch), logs={"policy": policy.detach(), "value": value.detach(), "agree": agree})


class TwoHeads(nn.Module):
    """One trunk, two answers: logits of the moves (B, A), and a value (B,) from -1 to 1 by tanh.  x: as `game.features` gives it.

    trunk: any module x -> (B, width); None: an MLP of the widths in `hidden`. The heads begin at 0, so that a network that has
    learned nothing says so: all moves alike, value 0.
    """

    def __init__(self, game, *, hidden=(128, 128), trunk=None, seed=0):
        super().__init__()
        x = torch.from_numpy(game.features(game.start(1)))
        self.trunk = MLP(x[0].numel(), *hidden, seed=seed) if trunk is None else trunk
        with torch.no_grad():
            width = self.trunk(x).shape[1]
        self.policy, self.value = nn.Linear(width, game.actions), nn.Linear(width, 1)
        for p in (*self.policy.parameters(), *self.value.parameters()):
            nn.init.zeros_(p)

    def forward(self, x):
        h = torch.relu(self.trunk(x))                                                   # (B, width)
        return self.policy(h), torch.tanh(self.value(h))[:, 0]
