"""The experiments of lesson 19 beside data/runs/self_play.csv: five seeds of self-play with the seconds that they take, searches
that nobody guides, teachers, and what Connect Four's selves think of the empty board. One JSON object.

    OMP_NUM_THREADS=1 python tests/benchmarks/lesson_19.py
"""
import json
import time

from minitrain import Trainer, optim
from minitrain.device import machine, use_threads
from minitrain.rl.connect_four import load
from minitrain.rl.games import alpha_beta, connect_four, random_player, solve, tic_tac_toe
from minitrain.rl.search import Search, by_priors, network, playouts, uniform
from minitrain.rl.selfplay import SelfPlay, TwoHeads, policy_and_value


def training(game, solved, seed, updates=1500, every=100):
    """Blunders alone and with search along the way, and the seconds of the processor that learning took, counting left out."""
    model = TwoHeads(game, hidden=(256, 256), seed=seed)
    trainer = Trainer(model, policy_and_value, optim.AdamW(model.parameters(), rate=5e-3), schedule=optim.cosine(updates))
    source, spent, curve, judge = SelfPlay(game, model, seed=seed), 0.0, [], network(game, model)
    for _ in range(every, updates + 1, every):
        begun = time.process_time()
        trainer.fit(source, every)
        spent += time.process_time() - begun
        curve.append([trainer.t, len(solved.blunders(by_priors(judge))),
                      len(solved.blunders(Search(game, judge, simulations=25).choose))])
    return {"seed": seed, "games": source.played, "cpu_seconds": round(spent, 1), "updates_alone_searched": curve}


def without_a_network(game, solved):
    """Blunders of players that nobody trained."""
    players = {"random": random_player(game), **{f"alpha-beta {d}": alpha_beta(game, d) for d in (1, 2, 3, 4)}}
    for n in (10, 25, 50, 100, 200, 400):
        players[f"uniform {n}"] = Search(game, uniform(game), simulations=n).choose
        players[f"playouts {n}"] = Search(game, playouts(game), simulations=n).choose
    return {name: len(solved.blunders(choose)) for name, choose in players.items()}


def openings_of_connect_four():
    """Shares of the visits of each column, of 400 simulations on the empty board, for each kept network."""
    game = connect_four()
    return [{"games": s.games, "shares": Search(game, network(game, s.model), simulations=400)(game.start(1)).shares[0].tolist()}
            for s in load()]


if __name__ == "__main__":
    use_threads(1)
    board = tic_tac_toe()
    table = solve(board)
    print(json.dumps({"machine": str(machine()), "without_a_network": without_a_network(board, table),
                      "training": [training(board, table, seed) for seed in range(5)],
                      "connect_four": openings_of_connect_four()}, indent=1))
