"""Games, search and self-play: against boards played cell by cell, minimax without pruning, a search of one game at a time; and
that it learns."""
import math
from itertools import islice

import numpy as np
import pytest
import torch

from minitrain import Trainer, optim
from minitrain.checkpoint import Checkpoints
from minitrain.rl.games import (
    InARow,
    alpha_beta,
    connect_four,
    match,
    move_values,
    openings,
    random_player,
    solve,
    tic_tac_toe,
)
from minitrain.rl.search import Search, by_priors, network, playouts, puct, uniform
from minitrain.rl.selfplay import Searched, SelfPlay, TwoHeads, policy_and_value
from minitrain.trainer import gradients

GAMES = {"tic-tac-toe": tic_tac_toe(), "connect four": connect_four(), "flat": InARow(2, 4, 3),
         "low": InARow(3, 5, 3, drop=True), "wide": InARow(4, 3, 4)}


class Nim:
    """Not on a board: take 1, 2 or 3 from the heap, who takes the last one wins. Whoever faces a multiple of four has lost."""
    actions, limit = 3, 12
    symmetries = [(np.arange(3), np.arange(13))]

    def start(self, n):
        return np.full((n, 1), 12)

    def legal(self, positions):
        return np.arange(1, 4) <= positions

    def play(self, positions, moves):
        after = positions - np.asarray(moves)[:, None] - 1
        assert (after >= 0).all()
        return after

    def outcome(self, positions):
        return np.where(positions[:, 0] == 0, -1.0, np.nan)

    def features(self, positions):
        return np.eye(13, dtype=np.float32)[positions].reshape(-1, 1, 1, 13)


class Endless(Nim):
    """Players pass the same heap back and forth."""
    limit = 5

    def play(self, positions, moves):
        return positions


class Naive:
    """The rules written once more, for one game, on a list of lists."""

    def __init__(self, game):
        self.game, self.board, self.turn = game, [["."] * game.columns for _ in range(game.rows)], "X"

    def legal(self):
        R, C = self.game.rows, self.game.columns
        if self.game.drop:
            return [c for c in range(C) if self.board[0][c] == "."]
        return [r * C + c for r in range(R) for c in range(C) if self.board[r][c] == "."]

    def play(self, move):
        R, C = self.game.rows, self.game.columns
        r, c = divmod(move, C)
        if self.game.drop:
            c, r = move, max(r for r in range(R) if self.board[r][move] == ".")
        self.board[r][c], self.turn = self.turn, "O" if self.turn == "X" else "X"

    def outcome(self):
        R, C, k = self.game.rows, self.game.columns, self.game.k
        for r in range(R):
            for c in range(C):
                for dr, dc in ((0, 1), (1, 0), (1, 1), (1, -1)):
                    line = [self.board[r + i * dr][c + i * dc] for i in range(k) if 0 <= r + i * dr < R and 0 <= c + i * dc < C]
                    if len(line) == k and set(line) in ({"X"}, {"O"}):
                        return -1.0 if line[0] != self.turn else 1.0
        return math.nan if self.legal() else 0.0


@pytest.mark.parametrize("game", GAMES.values(), ids=GAMES)
def test_the_rules_are_those_of_a_board_played_cell_by_cell(game):
    lots, ends = np.random.default_rng(0), set()
    naive, now = [Naive(game) for _ in range(60)], game.start(60)
    while len(naive):
        assert [np.flatnonzero(row).tolist() for row in game.legal(now)] == [one.legal() for one in naive]
        text = ["\n".join(map(" ".join, one.board)) for one in naive]
        assert [game.text(p) for p in now] == text and (np.concatenate([game.position(t) for t in text]) == now).all()
        planes = [[[[cell == mark for cell in row] for row in one.board] for mark in (one.turn, "XO".replace(one.turn, ""))]
                  for one in naive]
        assert (game.features(now) == np.array(planes)).all()
        moves = np.array([lots.choice(one.legal()) for one in naive])
        now = game.play(now, moves)
        for one, move in zip(naive, moves):
            one.play(move)
        result = game.outcome(now)
        assert np.array_equal(result, [one.outcome() for one in naive], equal_nan=True)
        ends |= set(result[~np.isnan(result)])
        on = np.isnan(result)
        now, naive = now[on], [one for one, goes in zip(naive, on) if goes]
    assert -1.0 in ends


@pytest.mark.parametrize("game", GAMES.values(), ids=GAMES)
def test_completing_is_what_a_stone_more_would_win(game):
    for mine, theirs in openings(game, 100, game.limit, seed=1).tolist():
        tried = sum(int(cell) for cell in game.cells if not (mine | theirs) & int(cell) and game.won(mine | int(cell)))
        assert game.completing(mine, mine | theirs) == tried


@pytest.mark.parametrize("game", GAMES.values(), ids=GAMES)
def test_symmetries_keep_the_rules(game):
    """A game and its mirror image, move by move: same pictures, same legal moves, same end."""
    seen = set()
    for moves, cells in game.symmetries:
        seen.add(tuple(cells))
        there, image = game.start(50), game.start(50)
        lots = np.random.default_rng(2)
        for _ in range(game.limit):
            move = np.where(game.legal(there), lots.random((len(there), game.actions)), -1).argmax(1)
            there, image = game.play(there, move), game.play(image, np.argsort(moves)[move])
            x = game.features(there)
            assert (game.features(image).reshape(len(x), 2, -1) == x.reshape(len(x), 2, -1)[..., cells]).all()
            assert (game.legal(image) == game.legal(there)[:, moves]).all()
            assert np.array_equal(game.outcome(image), game.outcome(there), equal_nan=True)
            on = np.isnan(game.outcome(there))
            there, image = there[on], image[on]
            if not on.any():
                break
    assert len(seen) == len(game.symmetries) == (2 if game.drop else 8 if game.rows == game.columns else 4)


# perfect play

@pytest.fixture(scope="module")
def solved():
    return solve(tic_tac_toe())


def test_the_solver_finds_the_known_numbers_of_tic_tac_toe(solved):
    """5,478 positions, 958 of them ends: X wins 626, O 316, 16 drawn; in 255,168 games. Drawn with perfect play."""
    game, ends = tic_tac_toe(), ~solved.live
    assert len(solved.positions) == 5478 == len(np.unique(solved.positions, axis=0)) and ends.sum() == 958
    odd = solved.plies[ends] % 2 == 1                       # X moved last
    lost, drawn = solved.values[ends] < 0, solved.values[ends] == 0
    assert [lost[odd].sum(), lost[~odd].sum(), drawn.sum()] == [626, 316, 16]
    assert np.bincount(solved.plies).tolist() == [1, 9, 72, 252, 756, 1260, 1520, 1140, 390, 78]
    assert solved.values[0] == 0 and (solved.q[0] == 0).all()
    ways = dict.fromkeys(map(tuple, solved.positions.tolist()), 0) | {(0, 0): 1}
    for position, live in zip(solved.positions, solved.live):
        for move in np.flatnonzero(game.legal(position[None])[0]) if live else []:
            ways[tuple(game.play(position[None], [move])[0].tolist())] += ways[tuple(position.tolist())]
    assert sum(ways[tuple(p.tolist())] for p in solved.positions[ends]) == 255_168


def minimax(game, position):
    result = game.outcome(position)[0]
    if not np.isnan(result):
        return result
    return max(-minimax(game, game.play(position, [move])) for move in np.flatnonzero(game.legal(position)[0]))


def test_the_solver_is_minimax(solved):
    rows = np.random.default_rng(0).choice(np.flatnonzero(solved.plies > 3), 25)
    for row in rows:
        assert solved.values[row] == minimax(tic_tac_toe(), solved.positions[row:row + 1])
    low = InARow(3, 3, 3, drop=True)
    assert solve(low).values[0] == minimax(low, low.start(1))


def test_any_game_with_the_interface_can_be_solved():
    heaps = solve(Nim())
    for heap, value, q in zip(heaps.positions[:, 0], heaps.values, heaps.q):
        assert value == (-1 if heap % 4 == 0 else 1)
        assert [m for m in range(3) if q[m] == 1] == ([heap % 4 - 1] if heap % 4 else [])


def test_blunders_are_found_and_perfect_play_has_none(solved):
    known = {tuple(p.tolist()): np.nan_to_num(q, nan=-9) for p, q in zip(solved.positions, solved.q)}
    table = lambda positions: np.array([known[tuple(p.tolist())].argmax() for p in positions])          # noqa: E731
    assert len(solved.blunders(table)) == 0 and (solved.live & (solved.values > -1)).sum() == 3888
    game = tic_tac_toe()
    once = game.position("X.. ... ...")[0]                  # only the middle holds
    wrong = lambda positions: np.where((positions == once).all(1), 1, table(positions))                  # noqa: E731
    assert solved.blunders(wrong).tolist() == [once.tolist()]
    with pytest.raises(ValueError, match="chose move 0, which is not legal"):
        solved.blunders(lambda positions: np.zeros(len(positions), dtype=int))


# alpha-beta

def plain(game, mine, theirs, depth):
    """Minimax to a depth without any pruning or ordering, with the same count at the horizon."""
    free = [int(cell) for cell in game.cells if int(cell) & game.open(mine | theirs)]
    if any(game.won(mine | cell) for cell in free):
        return 1000 + depth
    if depth == 0 or not free:
        counts = [game.completing(stones, mine | theirs).bit_count() for stones in (mine, theirs)]
        return counts[0] - counts[1] if free else 0
    return max(-plain(game, theirs, mine | cell, depth - 1) for cell in free)


@pytest.mark.parametrize("name, depth, most", [("connect four", 3, 30), ("tic-tac-toe", 3, 5), ("low", 4, 9)])
def test_alpha_beta_prunes_nothing_that_matters(name, depth, most):
    game = GAMES[name]
    for mine, theirs in openings(game, 6, most, seed=3).tolist():
        values = move_values(game, (mine, theirs), depth)
        right = {}
        for a in np.flatnonzero(game.legal(np.array([[mine, theirs]]))[0]).tolist():
            stone = game.open(mine | theirs) & int(game.targets[a])
            won = game.won(mine | stone)
            right[a] = 1000 + depth if won else -plain(game, theirs, mine | stone, depth - 1)
        best = max(right.values())
        assert {m for m in values if values[m] == best} == {m for m in right if right[m] == best}
        assert values.keys() == right.keys() and all(best >= values[m] >= right[m] for m in right)


def test_alpha_beta_to_the_end_never_blunders(solved):
    few = np.random.default_rng(0).permutation(np.flatnonzero(solved.live & (solved.values > -1) & (solved.plies > 2)))[:60]
    game, q = tic_tac_toe(), solved.q[few]
    moves = alpha_beta(game, 9)(solved.positions[few])
    assert (q[np.arange(60), moves] == solved.values[few]).all()


def test_deeper_is_stronger_and_lots_decide_between_equals():
    game = connect_four()
    assert match(game, alpha_beta(game, 3), alpha_beta(game, 1), openings(game, 8, seed=4)).mean() > 0.2
    assert set(alpha_beta(game, 1)(game.start(30))) == set(range(7))


def test_a_match_is_counted_for_the_first_player(solved):
    game = tic_tac_toe()
    first = lambda positions: game.legal(positions).argmax(1)                                            # noqa: E731
    assert match(game, first, first, game.start(1)).tolist() == [[1], [-1]]              # 0 2 4 6 against 1 3 5: X's diagonal
    assert match(game, alpha_beta(game, 9), alpha_beta(game, 9), game.start(2)).tolist() == [[0, 0], [0, 0]]


def test_openings_are_of_every_length_and_never_over():
    game = connect_four()
    stones = np.bitwise_count(openings(game, 700, 6, seed=0)).sum(1)
    assert np.abs(np.bincount(stones) - 100).max() < 40
    late = openings(game, 200, 42, seed=0)
    assert np.isnan(game.outcome(late)).all() and (openings(game, 200, 42, seed=0) == late).all()


# search

def test_puct_is_its_formula():
    N, W, P = [3, 0, 1], [1.5, 0.0, -0.5], [0.2, 0.5, 0.3]
    right = [w / max(n, 1) + 2.0 * p * math.sqrt(1 + 4) / (1 + n) for n, w, p in zip(N, W, P)]
    assert puct(*(np.array([row] * 2, dtype=float) for row in (N, W, P)), c=2.0)[1].tolist() == pytest.approx(right)


def opinion(game):
    """A judge with an opinion about every position, the same whatever the batch."""
    def judge(positions):
        x = game.features(positions).reshape(len(positions), -1).astype(float)
        D = np.arange(1, x.shape[1] + 1)
        mixed = (x * np.sin(7.3 * D)).sum(1)
        return np.exp(2 * np.sin(mixed[:, None] * 11 + np.arange(game.actions))), np.sin(5 * mixed)
    return judge


def one_by_one(game, position, judge, simulations, c):
    """The same search once more, of one game, with objects and recursion."""
    def node(position):
        result = game.outcome(position)[0]
        if not np.isnan(result):
            return dict(position=position, result=result), result
        priors, value = judge(position)
        legal = np.flatnonzero(game.legal(position)[0])
        total = sum(priors[0, legal])
        return dict(position=position, result=None, children={}, N=dict.fromkeys(legal, 0), W=dict.fromkeys(legal, 0.0),
                    P={m: priors[0, m] / total for m in legal}), value[0]

    def simulate(at):
        if at["result"] is not None:
            return at["result"]
        N, W, P = at["N"], at["W"], at["P"]
        seen = 1 + sum(N.values())
        move = max(N, key=lambda m: (W[m] / N[m] if N[m] else 0) + c * P[m] * math.sqrt(seen) / (1 + N[m]))
        if move in at["children"]:
            value = -simulate(at["children"][move])
        else:
            at["children"][move], value = node(game.play(at["position"], [move]))
            value = -value
        N[move] += 1
        W[move] += value
        return value

    root, first = node(position)
    sums = [simulate(root) for _ in range(simulations)]
    return [root["N"].get(m, 0) for m in range(game.actions)], (first + sum(sums)) / (1 + simulations)


@pytest.mark.parametrize("game", [tic_tac_toe(), connect_four(), Nim()], ids=["tic-tac-toe", "connect four", "nim"])
def test_many_games_at_once_are_searched_as_one_by_one(game):
    positions = openings(game, 12, 6 if game.limit < 20 else 30, seed=5)
    found = Search(game, opinion(game), simulations=60, c=1.2)(positions)
    for i in range(len(positions)):
        visits, value = one_by_one(game, positions[i:i + 1], opinion(game), 60, 1.2)
        assert found.visits[i].tolist() == visits and found.values[i] == pytest.approx(value)
        alone = Search(game, opinion(game), simulations=60, c=1.2)(positions[i:i + 1])
        assert (alone.visits[0] == found.visits[i]).all() and (alone.q[0] == found.q[i]).all()
    assert (found.shares.sum(1) == pytest.approx(1)) and not found.visits[~game.legal(positions)].any()


WON = ["X.X .O. .O.", "OO. XX. X..", "X.. OO. XX."]         # whose turn it is wins at once


@pytest.mark.parametrize("judge", [uniform, playouts], ids=["uniform", "playouts"])
def test_search_finds_forced_wins_and_meets_threats(judge):
    game, four = tic_tac_toe(), connect_four()
    positions = np.concatenate([game.position(text) for text in WON])
    found = Search(game, judge(game), simulations=200)(positions)
    assert found.visits.argmax(1).tolist() == [1, 2, 5] and (found.values > 0.7).all()
    threat, double = four.position("......." * 5 + "OXXX..O"), four.position("......." * 4 + "O......" + "O.XX...")
    search = Search(four, judge(four), simulations=250)
    assert search.choose(threat).tolist() == [4] and search.choose(double).tolist() == [4]      # three with both ends open
    values = move_values(four, double[0], 3)
    assert max(values, key=values.get) == 4 and values[4] > 500
    heaps = np.array([[1], [2], [3], [5], [6], [7]])
    assert (Search(Nim(), judge(Nim()), simulations=200).choose(heaps) == heaps[:, 0] % 4 - 1).all()


def test_more_search_makes_fewer_blunders(solved):
    game = tic_tac_toe()
    few, more = (len(solved.blunders(Search(game, uniform(game), simulations=n).choose)) for n in (8, 64))
    assert more < few / 3


def test_noise_reaches_legal_moves_only_and_keeps_its_share():
    game = tic_tac_toe()
    positions = np.repeat(game.position("XO. ... ..."), 3000, 0)
    priors = Search(game, uniform(game), simulations=1, noise=0.25, spread=0.5, seed=0)(positions).priors
    assert priors.sum(1) == pytest.approx(1) and not priors[:, :2].any() and (priors[:, 2:] >= 0.75 / 7 - 1e-12).all()
    assert priors[:, 2:].mean(0) == pytest.approx(1 / 7, abs=0.005)
    a, n = 0.5, 7
    assert priors[:, 2].var() == pytest.approx(0.25**2 * (1 / n) * (1 - 1 / n) / (a * n + 1), rel=0.1)


# self-play

class Book(SelfPlay):
    """Whatever the network, the search says what the test says: the first legal move, and 0.25 for whose turn it is."""

    def __init__(self, game, model, **options):
        super().__init__(game, model, **options)
        self.search = self

    def __call__(self, positions):
        self.shares = self.visits = np.eye(self.game.actions)[self.game.legal(positions).argmax(1)]
        self.values = np.full(len(positions), 0.25)
        return self


def test_the_value_target_is_half_the_result_as_its_player_saw_it():
    game = tic_tac_toe()
    played = Book(game, TwoHeads(game), games=3, opening=0, mix=0.5).play()             # X: 0 2 4 6, O: 1 3 5; X wins
    assert len(played) == 21
    for t in range(7):
        for i in range(3):
            assert played.value[3 * t + i] == 0.5 * (-1) ** t + 0.125 and played.policy[3 * t + i].argmax() == t
            assert played.x[3 * t + i].sum((1, 2)).tolist() == [t // 2, t - t // 2]
    late = Book(game, TwoHeads(game), games=200, opening=6, mix=0.0, seed=1).play()
    assert set(late.value.tolist()) == {-1.0, 0.0, 1.0}


def test_moves_are_drawn_by_their_shares():
    game = tic_tac_toe()
    source, shares = SelfPlay(game, TwoHeads(game)), np.array([0.0, 0.1, 0.6, 0.0, 0.3, 0.0, 0.0, 0.0, 0.0])
    drawn = np.bincount(source.draw(np.tile(shares, (20_000, 1))), minlength=9) / 20_000
    assert drawn == pytest.approx(shares, abs=0.015) and not drawn[shares == 0].any()


def test_rounds_are_given_whole_each_epoch_and_the_next_one_is_played_by_the_model_as_it_is_then():
    game = tic_tac_toe()
    model = TwoHeads(game, hidden=(8,))
    source = SelfPlay(game, model, games=16, simulations=4, window=2, epochs=3, size=20, seed=0)
    rounds, stream = [], iter(source)
    played = source.play
    source.play = lambda: rounds.append(played()) or rounds[-1]
    for window in (slice(0, 1), slice(0, 2), slice(1, 3)):
        first = next(stream)
        whole = Searched.join(rounds[window])
        n = 3 * max(1, round(len(whole) / 20))
        batches = [first, *islice(stream, n - 1)]
        assert sorted(torch.cat([b.value for b in batches]).tolist()) == sorted(whole.value.tolist() * 3)
    logs = {}
    source.observe(logs)
    assert logs["length"] == len(rounds[2]) / 16


@pytest.mark.parametrize("stop", [1, 9, 40])
def test_a_stopped_run_goes_on_as_if_it_had_not(stop, tmp_path):
    def run(until, folder):
        game = tic_tac_toe()
        model = TwoHeads(game, hidden=(8,), seed=1)
        source = SelfPlay(game, model, games=12, simulations=3, window=2, epochs=3, size=16, seed=5)
        trainer = Trainer(model, policy_and_value, optim.AdamW(model.parameters(), rate=1e-2))
        checkpoints = Checkpoints(folder, every=stop, source=source)
        checkpoints.resume(trainer)
        trainer.fit(source, until=until, each=checkpoints)
        return source, trainer
    whole, straight = run(60, tmp_path / "whole")
    run(stop, tmp_path / "parts")
    source, trainer = run(60, tmp_path / "parts")
    assert trainer.history == straight.history and source.played == whole.played > 24
    assert all(torch.equal(a, b) for a, b in zip(trainer.model.parameters(), straight.model.parameters()))


def test_another_games_rounds_get_a_sentence():
    state = SelfPlay(tic_tac_toe(), TwoHeads(tic_tac_toe()), games=2, simulations=1)
    state.rounds.append(state.play())
    with pytest.raises(ValueError, match="they are of another game"):
        SelfPlay(connect_four(), TwoHeads(connect_four())).load_state_dict(state.state_dict())


def test_a_mirror_image_turns_the_policy_with_the_board():
    for game in (tic_tac_toe(), connect_four()):
        positions = openings(game, 30, 5, seed=6)
        legal = torch.as_tensor(game.legal(positions), dtype=torch.float32)
        batch = Searched(torch.from_numpy(game.features(positions)), legal, torch.zeros(30))
        for symmetry in game.symmetries:
            turned = batch.turned(symmetry)
            text = ["".join("X" if own else "O" if other else "." for own, other in x.flatten(1).T.tolist()) for x in turned.x]
            stones = np.array([[game.cells[[mark == who for mark in t]].sum() for who in "XO"] for t in text])
            assert (game.legal(stones) == turned.policy.numpy().astype(bool)).all()


def batch_of(n, seed=0):
    lots = torch.Generator().manual_seed(seed)
    return Searched(torch.rand(n, 2, 3, 3, generator=lots), torch.rand(n, 9, generator=lots).softmax(1),
                    torch.rand(n, generator=lots) * 2 - 1)


def test_the_loss_is_cross_entropy_and_squared_error_and_splits_change_nothing():
    model, batch = TwoHeads(tic_tac_toe(), hidden=(16,)), batch_of(12)
    with torch.no_grad():
        model.policy.weight.normal_(generator=torch.Generator().manual_seed(1))
        model.value.weight.normal_(generator=torch.Generator().manual_seed(2))
    out = policy_and_value(model, batch, weight=0.7)
    logits, values = model(batch.x)
    right = torch.nn.functional.cross_entropy(logits, batch.policy) + 0.7 * torch.nn.functional.mse_loss(values, batch.value)
    assert out.mean.item() == pytest.approx(right.item(), rel=1e-6) and out.n == 12
    assert out.logs["policy"] + 0.7 * out.logs["value"] == pytest.approx(right.item(), rel=1e-6)
    _, whole = gradients(model, policy_and_value, batch)
    trainer = Trainer(model, policy_and_value, optim.SGD(model.parameters(), rate=0.0))
    trainer.step([batch[:5], batch[5:]])
    assert all(torch.allclose(p.grad, whole[name], atol=1e-6) for name, p in model.named_parameters())


def test_a_network_that_has_learned_nothing_says_so():
    game = connect_four()
    priors, values = network(game, TwoHeads(game))(game.position("XO..... " + "XO..... OX..... " * 2 + "XO....."))
    assert priors[0].tolist() == pytest.approx([0, 0, *[0.2] * 5]) and values[0] == 0


def learned(updates, seed, **options):                      # as in selfplay.py's first lines
    game = tic_tac_toe()
    model = TwoHeads(game, hidden=(256, 256), seed=seed)
    trainer = Trainer(model, policy_and_value, optim.AdamW(model.parameters(), rate=5e-3), schedule=optim.cosine(updates))
    trainer.fit(SelfPlay(game, model, seed=seed, **options), steps=updates)
    return game, model, trainer


def test_self_play_learns_and_with_the_wrong_sign_it_does_not(solved, monkeypatch):
    game, model, trainer = learned(250, seed=0, games=100)
    good = len(solved.blunders(by_priors(network(game, model))))
    assert good < 120 and trainer.history[-1]["loss"] < 1.1
    monkeypatch.setattr(SelfPlay, "play", lambda self, play=SelfPlay.play: Searched(*(
        part * sign for part, sign in zip(vars(play(self)).values(), (1, 1, -1)))))
    game, model, _ = learned(250, seed=0, games=100)
    assert len(solved.blunders(by_priors(network(game, model)))) > 2 * good


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_tic_tac_toe_from_random_to_never_losing_from_any_position(seed, solved):
    game, model, _ = learned(1500, seed)
    search = Search(game, network(game, model), simulations=25)
    assert len(solved.blunders(search.choose)) == 0


# bad input

TTT, C4 = tic_tac_toe(), connect_four()


@pytest.mark.parametrize("wrong, say", [
    (lambda: TTT.play(TTT.position("X.. ... ..."), [0]), "move 0 is not legal in game 0; legal are 1, 2, 3, 4, 5, 6, 7, 8"),
    (lambda: TTT.play(TTT.start(1), [9]), "move 9 is not legal"), (lambda: TTT.play(TTT.start(1), [-1]), "move -1 is not legal"),
    (lambda: TTT.play(TTT.start(2), [0]), "2 positions need as many whole numbers"),
    (lambda: TTT.play(TTT.start(1), [0.5]), "whole numbers"),
    (lambda: TTT.play(TTT.position("XXX OO. ..."), [8]), "game 0 is over"),
    (lambda: TTT.play(TTT.position("XOX XOO OXX"), [8]), "game 0 is over"),
    (lambda: C4.play(C4.position("O......X......" * 3), [0]), "move 0 is not legal in game 0; legal are 1,"),
    (lambda: TTT.position("XX. ... ..."), "as many X as O or one more"), (lambda: TTT.position("X"), "has 9 marks"),
    (lambda: connect_four().position("......." * 4 + "X......" + ".O....."), "hangs in the air"),
    (lambda: InARow(9, 9, 5), "at most 63"), (lambda: InARow(3, 3, 4), "4 in a row"),
    (lambda: solve(connect_four(), most=1000), "too large to enumerate"), (lambda: solve(Endless()), "never ends"),
    (lambda: alpha_beta(TTT, 0), "depth is 0"), (lambda: move_values(TTT, TTT.position("XXX OO. ..."), 2), "game is over"),
    (lambda: openings(TTT, 0), "n=0"), (lambda: match(Endless(), random_player(Endless()), random_player(Endless()),
                                                      Endless().start(2)), "2 games go on after 5 moves"),
    (lambda: Search(TTT, uniform(TTT))(TTT.position("XXX OO. ...")), "game 0 of 1 is over"),
    (lambda: Search(TTT, uniform(TTT), simulations=0), "simulations=0"),
    (lambda: Search(TTT, lambda p: (np.ones((len(p), 9)), np.full(len(p), np.nan)))(TTT.start(3)), "3 numbers are not finite"),
    (lambda: playouts(Endless())(Endless().start(2)), "2 games go on after 5 moves"),
    (lambda: SelfPlay(Endless(), TwoHeads(Endless(), hidden=(4,)), games=3, simulations=1, opening=0).play(), "never ends"),
    (lambda: SelfPlay(TTT, TwoHeads(TTT), mix=2), "mix=2"),
    (lambda: policy_and_value(lambda x: x, batch_of(2)), "must answer with logits"),
    (lambda: policy_and_value(TwoHeads(TTT), batch_of(2)[:0]), "batch is empty")])
def test_bad_input_gets_a_sentence(wrong, say):
    with pytest.raises(ValueError, match=say):
        wrong()


def test_another_kind_of_batch_gets_a_sentence():
    with pytest.raises(TypeError, match="a batch is a Searched"):
        policy_and_value(TwoHeads(TTT), (torch.zeros(1, 2, 3, 3), torch.zeros(1)))
