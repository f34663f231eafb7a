"""Self-play with one thing changed at a time: blunders over every position of tic-tac-toe, with search and without.

    python -m minitrain.evaluate.self_play                              the recorded run, six minutes of processor time
    python -m minitrain.evaluate.self_play --seeds 0 --updates 200 --out /dev/stdout

It writes CSV below a comment with the command that made it. `arm` says what was changed. Counted are, of 3,888 positions that are
not lost already, those in which the player chooses a losing move although another does not lose: by the policy alone, by the
value alone (the move that leaves the other the least), and by 25 simulations guided by both. `seen`: how many of the positions at
which somebody moves occurred in the games that it learned from.
"""
import argparse
import copy
import sys
from collections import deque
from functools import partial
from pathlib import Path

import numpy as np
import torch

from minitrain import Loss, Trainer, optim, records
from minitrain.device import use_threads
from minitrain.rl.games import alpha_beta, solve, tic_tac_toe
from minitrain.rl.search import Found, Search, by_priors, network
from minitrain.rl.selfplay import SelfPlay, TwoHeads, policy_and_value

RECORDED = records.RUNS / "self_play.csv"


class Taught(SelfPlay):
    """Games of a teacher against itself: what it played stands where the search's visits would."""

    def __init__(self, game, model, teacher, **options):
        super().__init__(game, model, mix=0.0, **options)
        self.search = lambda positions: _played(game, teacher(positions))


class Sampled(SelfPlay):
    """Games without any search: every move is drawn from the network's own policy, and learned from as drawn, unmirrored."""

    def __init__(self, game, model, **options):
        super().__init__(game, model, mix=0.0, **options)
        self.game, judge = copy.copy(game), network(game, model)
        self.game.symmetries = game.symmetries[:1]
        self.search = lambda positions: _played(game, self.draw(judge(positions)[0]))


class AgainstPast(SelfPlay):
    """Games against one of its `kept` latest selves, drawn each round; it learns from its own moves alone, as AlphaGo did."""

    def __init__(self, game, model, *, kept=20, **options):
        super().__init__(game, model, **options)
        self.kept, self.past, self.other = kept, [], copy.deepcopy(model)
        self.current, self.former = self.search, copy.copy(self.search)
        self.former.judge = network(game, self.other)

    def play(self):
        self.past = [*self.past, copy.deepcopy(self.model.state_dict())][-self.kept:]
        self.other.load_state_dict(self.past[self.lots.integers(len(self.past))])
        begins, own = self.lots.integers(2), []         # own: a part for each ply, whether its moves are the current network's

        def search(positions):
            mine = len(own) % 2 == begins
            own.append(np.full(len(positions), mine))
            return (self.current if mine else self.former)(positions)

        self.search = search
        played = super().play()
        return played[torch.from_numpy(np.flatnonzero(np.concatenate(own)))]


def _played(game, moves):
    visits = np.eye(game.actions)[moves]
    return Found(visits, np.zeros_like(visits), visits, np.zeros(len(moves)))


def policy_gradient(model, batch, *, weight=1.0, entropy=0.03):
    """REINFORCE: -(result - value)·log p(the move that was drawn) + weight·(value - result)² - entropy·H(p). (Williams, 1992)

    p is over the empty cells alone: what a bad result takes from one move must not go to moves that nobody can play.
    """
    logits, values = model(batch.x)
    log_p = logits.masked_fill(batch.x.sum(1).flatten(1) > 0, -1e9).log_softmax(1)                      # (B, A)
    advantage = batch.value - values.detach()
    policy = -(advantage * (batch.policy * log_p).sum(1)).mean() + entropy * (log_p.exp() * log_p).sum(1).mean()
    return Loss(policy + weight * (values - batch.value).square().mean(), n=len(batch))


def value_only(model, batch):
    """The value's part of the loss: moves are then found by search alone, which takes all of them as equally likely."""
    return Loss((model(batch.x)[1] - batch.value).square().mean(), n=len(batch))


RATES = {"no search": 2e-3}                              # 5e-3 for all others; policy gradients need a smaller one
ARMS = {                                                # source, loss; the teacher looks one move ahead
    "as it is": (SelfPlay, policy_and_value),
    "from the empty board": (partial(SelfPlay, opening=0), policy_and_value),
    "no noise": (partial(SelfPlay, noise=0.0), policy_and_value),
    "empty board, no noise": (partial(SelfPlay, opening=0, noise=0.0), policy_and_value),
    "value from the result alone": (partial(SelfPlay, mix=0.0), policy_and_value),
    "no policy target": (SelfPlay, value_only),
    "win or loss alone": (partial(SelfPlay, mix=0.0), value_only),
    "no value target": (SelfPlay, partial(policy_and_value, weight=0.0)),
    "1 simulation": (partial(SelfPlay, simulations=1), policy_and_value),
    "no search": (partial(Sampled, window=1, epochs=1), policy_gradient),
    "against its past": (AgainstPast, policy_and_value),
    "taught": (lambda game, model, **o: Taught(game, model, alpha_beta(game, 1), **o), policy_and_value),
}


def by_values(game, judge):
    """A player that looks one move ahead and leaves the other the position of least value."""
    def choose(positions):
        rows, moves = np.nonzero(game.legal(positions))
        after = game.play(positions[rows], moves)
        result = game.outcome(after)
        worth = np.full((len(positions), game.actions), -np.inf)
        worth[rows, moves] = -np.where(np.isnan(result), judge(after)[1], result)
        return worth.argmax(1)
    return choose


def blunders(game, solved, model):
    """By the policy alone, by the value alone, by a search of 25 simulations."""
    judge = network(game, model)
    players = {"policy": by_priors(judge), "value": by_values(game, judge), "search": Search(game, judge, simulations=25).choose}
    return {name: len(solved.blunders(choose)) for name, choose in players.items()}


def run(arm, seed, *, updates=1500, every=300, solved=None):
    """Train one arm; yields a row before the first update and after every so many."""
    game = tic_tac_toe()
    solved = solved or solve(game)
    source, loss = ARMS[arm]
    model, seen = TwoHeads(game, hidden=(256, 256), seed=seed), Seen(game)
    source = seen.watch(source(game, model, seed=seed))
    trainer = Trainer(model, loss, optim.AdamW(model.parameters(), rate=RATES.get(arm, 5e-3)), schedule=optim.cosine(updates))
    yield {"arm": arm, "seed": seed, "updates": 0, **blunders(game, solved, model), "seen": 0}
    for _ in range(every, updates + 1, every):
        trainer.fit(source, every)
        yield {"arm": arm, "seed": seed, "updates": trainer.t, **blunders(game, solved, model), "seen": len(seen)}


def _codes(x):
    """A number for each position, from its planes of 0 and 1."""
    x = x.reshape(len(x), -1).astype(np.int64)
    return (x << np.arange(x.shape[1])).sum(1).tolist()


class Seen:
    """Which positions occurred in a source's rounds; a mirror image counts as seen.  len: how many.  kept: rounds told apart."""

    def __init__(self, game, kept=8):
        self.game, self.codes, self.rounds = game, set(), deque(maxlen=kept)

    def watch(self, source):
        play = source.play

        def watched():
            played, codes = play(), set()
            for symmetry in self.game.symmetries:
                codes.update(_codes(played.turned(symmetry).x.numpy()))
            self.rounds.append(codes)
            self.codes |= codes
            return played
        source.play = watched
        return source

    def has(self, positions, last=None):
        """Which of these positions occurred, (N,) bool; in the `last` so many rounds (at most `kept`), or in any."""
        codes = set().union(*list(self.rounds)[-last:]) if last else self.codes
        return np.array([code in codes for code in _codes(self.game.features(positions))], dtype=bool)

    def __len__(self):
        return len(self.codes)


def main(arguments=None):
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m minitrain.evaluate.self_play", description=__doc__.splitlines()[0])
    parser.add_argument("--arms", nargs="+", default=list(ARMS), choices=list(ARMS))
    parser.add_argument("--seeds", type=int, nargs="+", default=range(3), help="each a start of the network and a draw of games")
    parser.add_argument("--updates", type=int, default=1500)
    parser.add_argument("--every", type=int, default=300, help="updates between two counts")
    parser.add_argument("--out", type=Path, default=RECORDED, help="the file to write")
    asked = parser.parse_args(arguments)
    use_threads(1)                                      # models this small are slower when shared
    game = tic_tac_toe()
    solved = solve(game)

    def rows():
        for seed in asked.seeds:
            for arm in asked.arms:
                for row in run(arm, seed, updates=asked.updates, every=asked.every, solved=solved):
                    yield row
                print(*row.values(), file=sys.stderr, flush=True)

    records.write(asked.out, f"python -m minitrain.evaluate.self_play --seeds {' '.join(map(str, asked.seeds))} "
                  f"--updates {asked.updates} --every {asked.every}", rows())


if __name__ == "__main__":
    main()
