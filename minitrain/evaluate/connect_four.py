"""How strong the Connect Four network was at each kept moment, against itself, and against a player that nobody trained.

    python -m minitrain.evaluate.connect_four --out data/runs

writes connect_four.csv, Elo with a 95 % band of each snapshot, of alpha-beta at three depths and of random moves (which is 0),
and connect_four_match.csv, 200 games of the last snapshot against alpha-beta six moves deep, at several budgets of search.
"""
import argparse
import math
import sys
import time
from functools import partial
from pathlib import Path

from minitrain import records
from minitrain.device import use_threads
from minitrain.evaluate.elo import elo_with_band, tournament
from minitrain.rl.connect_four import SHIPPED, load
from minitrain.rl.games import alpha_beta, connect_four, match, openings, random_player
from minitrain.rl.search import Search, by_priors, network

DEPTHS, BUDGETS = (2, 4, 6), (0, 25, 100, 400)           # of alpha-beta; simulations a move, 0: the network alone


def player(game, model, simulations):
    judge = network(game, model)
    return Search(game, judge, simulations=simulations).choose if simulations else by_priors(judge)


def strengths(snapshots, *, simulations=50, positions=25, seed=1):
    """A row for each player: what it is, how much it had learned, its Elo and the band of that."""
    game = connect_four()
    named = [({"player": "random"}, random_player(game, seed=seed))]
    named += [({"player": f"alpha-beta {depth}"}, alpha_beta(game, depth, seed=seed)) for depth in DEPTHS]
    named += [({"player": "snapshot", "updates": s.updates, "games": s.games, "seconds": round(s.seconds)},
               player(game, s.model, simulations)) for s in snapshots]
    play = partial(match, game, positions=openings(game, positions, seed=seed))
    ratings, low, high = elo_with_band(tournament([choose for _, choose in named], play))
    empty = {"player": "", "updates": math.nan, "games": math.nan, "seconds": math.nan}
    for (about, _), *numbers in zip(named, ratings, low, high):
        yield empty | about | dict(zip(("elo", "low", "high"), (round(x) for x in numbers), strict=True)) | {
            "simulations": simulations, "positions": positions}


def matches(model, *, depth=DEPTHS[-1], positions=100, seed=2, budgets=BUDGETS):
    """A row for each budget of search: games won, drawn and lost against alpha-beta, each opening from both sides; and the
    milliseconds of the processor that a move took each."""
    game = connect_four()
    begun, spent = openings(game, positions, seed=seed), {}

    def timed(who, choose):
        spent[who] = [0.0, 0]

        def clocked(positions):
            start = time.process_time()
            moves = choose(positions)
            spent[who][0] += time.process_time() - start
            spent[who][1] += len(positions)
            return moves
        return clocked
    for simulations in budgets:
        points = match(game, timed("network", player(game, model, simulations)),
                       timed("other", alpha_beta(game, depth, seed=seed)), begun)
        won, drawn, lost = ((points == x).sum().item() for x in (1, 0, -1))
        yield {"opponent": f"alpha-beta {depth}", "simulations": simulations, "games": points.size, "won": won, "drawn": drawn,
               "lost": lost, "score": round((won + drawn / 2) / points.size, 4),
               **{f"{who}_ms": round(1000 * seconds / moves, 2) for who, (seconds, moves) in spent.items()}}


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m minitrain.evaluate.connect_four",
                                     description="Measure the Connect Four network.")
    parser.add_argument("--model", default=SHIPPED, help="the file of all kept networks")
    parser.add_argument("--out", default=records.RUNS, help="folder of the two records")
    given = parser.parse_args(arguments)
    use_threads()
    command, snapshots = "python -m minitrain.evaluate.connect_four --out data/runs", load(given.model)
    records.write(Path(given.out) / "connect_four_match.csv", command, matches(snapshots[-1].model))
    records.write(Path(given.out) / "connect_four.csv", command, strengths(snapshots))
    return 0


if __name__ == "__main__":
    sys.exit(main())
