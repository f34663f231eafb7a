"""Lesson 19's parts: its search and loss against the library's, what its claims stand on, its pictures, the board to play on."""
import ast
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from browser import Notebook, clean, press, says, status
from lesson_code import definitions

from minitrain import records
from minitrain.evaluate import self_play
from minitrain.evaluate.self_play import AgainstPast, Sampled, Seen, Taught, by_values, policy_gradient
from minitrain.rl.connect_four import load
from minitrain.rl.games import alpha_beta, connect_four, openings, solve, tic_tac_toe
from minitrain.rl.search import Search, network, uniform
from minitrain.rl.selfplay import Searched, SelfPlay, TwoHeads, policy_and_value
from minitrain.teach.widgets.board import PlayAgainst, searches
from minitrain.teach.widgets.self_play import arms, budgets, strength, while_training

NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "19_self_play.ipynb"
GAME = tic_tac_toe()


@pytest.fixture(scope="module")
def solved():
    return solve(GAME)


@pytest.fixture(scope="module")
def lesson():
    """The lesson's own imports, game and functions, without its experiments."""
    return definitions(NOTEBOOK, also=("game",))


@pytest.fixture(scope="module")
def at_last():
    """(arm, how the move is chosen) -> blunders after training, by seed."""
    rows, _ = records.read(self_play.RECORDED)
    last, table = max(row["updates"] for row in rows), {}
    for row in rows:
        if row["updates"] == last:
            for how in ("policy", "value", "search", "seen"):
                table.setdefault((row["arm"], how), []).append(row[how])
    return {key: np.array(values) for key, values in table.items()}


# The lesson's own code


def opinions(positions):
    """A judge with opinions that mean nothing, the same for the same position."""
    x = GAME.features(positions).reshape(len(positions), -1) @ np.random.default_rng(1).normal(size=(18, 10))
    return np.exp(x[:, :9]), np.tanh(x[:, 9])


@pytest.mark.parametrize("judge", [uniform(GAME), opinions], ids=["uniform", "opinions"])
def test_the_lessons_search_is_the_librarys(lesson, judge):
    for position in openings(GAME, 6, 5, seed=3)[:, None]:
        root = lesson["Node"](position, judge)
        for _ in range(60):
            lesson["simulate"](root, judge)
        found = Search(GAME, judge, simulations=60)(position)
        assert root.n.tolist() == found.visits[0].tolist()
        np.testing.assert_allclose(root.w, found.q[0] * found.visits[0], atol=1e-9)


def test_the_lessons_loss_is_the_librarys(lesson):
    batch = SelfPlay(GAME, TwoHeads(GAME, hidden=(8,)), games=6, seed=0).play()
    model = TwoHeads(GAME, hidden=(8,), seed=1)
    torch.nn.init.normal_(model.policy.weight)
    ours, theirs = lesson["policy_and_value"](model, batch), policy_and_value(model, batch)
    assert ours.mean.item() == pytest.approx(theirs.mean.item(), rel=1e-6) and ours.n == theirs.n


# The recorded run, and what the lesson says of it


def test_the_run_is_whole_and_knows_its_command(at_last):
    _, command = records.read(self_play.RECORDED)
    assert command == "python -m minitrain.evaluate.self_play --seeds 0 1 2 --updates 1500 --every 300"
    assert {arm for arm, _ in at_last} == set(self_play.ARMS) and {len(v) for v in at_last.values()} == {3}


def test_it_never_loses_with_its_search_and_seldom_alone(at_last):
    assert (at_last["as it is", "search"] == 0).all() and at_last["as it is", "policy"].max() <= 12


def test_the_pupil_blunders_as_its_teacher_does_until_it_searches(at_last, solved):
    teacher = len(solved.blunders(alpha_beta(GAME, 1)))
    assert (np.abs(at_last["taught", "policy"] - teacher) < 0.35 * teacher).all()
    assert at_last["taught", "policy"].min() > 5 * max(at_last["as it is", "policy"].max(), 1)
    assert at_last["taught", "search"].max() < 0.2 * teacher


def test_from_the_empty_board_it_sees_less_and_blunders(at_last):
    for arm in ("from the empty board", "empty board, no noise"):
        assert at_last[arm, "search"].min() > at_last["as it is", "search"].max() + 2
        assert at_last[arm, "seen"].max() < at_last["as it is", "seen"].min() - 400


def test_the_past_is_not_needed_and_a_better_lesson_is(at_last):
    assert at_last["against its past", "search"].max() <= 2 and at_last["no noise", "search"].max() <= 2
    assert at_last["1 simulation", "search"].min() > 200 and at_last["1 simulation", "policy"].min() > 500
    assert at_last["no search", "policy"].max() < 60 and at_last["no search", "search"].min() > 2


def test_what_each_target_is_worth(at_last):
    assert at_last["value from the result alone", "search"].max() <= 2
    for arm in ("no policy target", "win or loss alone"):
        assert at_last[arm, "search"].min() > 2 and at_last[arm, "search"].max() < 25 and at_last[arm, "policy"].min() > 1000
    assert at_last["no value target", "search"].min() > 2 * at_last["win or loss alone", "search"].max()


# What trains the arms


def test_a_teachers_moves_are_the_targets():
    teacher = alpha_beta(GAME, 4)
    def first(positions): return GAME.legal(positions).argmax(1)
    played = Taught(GAME, TwoHeads(GAME, hidden=(4,)), first, games=4, opening=0).play()
    assert played.policy[::4].argmax(1).tolist() == list(range(7)) and set(played.value.tolist()) == {1.0, -1.0}
    assert (Taught(GAME, TwoHeads(GAME, hidden=(4,)), teacher, games=20, seed=0).play().policy.sum(1) == 1).all()


def test_samples_are_drawn_from_the_network():
    model = TwoHeads(GAME, hidden=(4,))
    model.policy.bias.data = torch.tensor([2.0, 0, 0, 0, 0, 0, 0, 0, 0])
    first = Sampled(GAME, model, games=4000, opening=0, seed=0).play()[:4000].policy.mean(0)
    np.testing.assert_allclose(first, model.policy.bias.softmax(0).detach(), atol=0.02)


def test_against_its_past_only_its_own_moves_are_learned_from():
    model = TwoHeads(GAME, hidden=(4,), seed=0)
    source = AgainstPast(GAME, model, kept=2, games=30, opening=0, seed=0)
    sides = []
    for _ in range(4):
        sides.append(set((source.play().x.sum((1, 2, 3)) % 2).tolist()))
        assert len(sides[-1]) == 1                                              # no openings: it is always the same side's turn
        for p in model.parameters():
            p.data += 1
    kept = [state["value.bias"].item() for state in source.past]
    assert set().union(*sides) == {0.0, 1.0}                                    # it begins in some rounds, its past in others
    assert kept == [2.0, 3.0] and source.other.value.bias.item() in kept
    assert source.former.judge is not source.current.judge


def test_the_gradient_of_the_policy_is_by_its_formula():
    logits, values = torch.randn(5, 9, requires_grad=True), torch.rand(5)
    batch = Searched(torch.zeros(5, 2, 3, 3), torch.eye(9)[[0, 3, 3, 8, 1]], torch.tensor([1.0, -1, 0, 1, -1]))
    loss = policy_gradient(lambda x: (logits, values), batch, weight=0.0, entropy=0.0)
    slope, = torch.autograd.grad(loss.mean, logits, retain_graph=True)
    right = -(batch.value - values)[:, None] * (batch.policy - logits.softmax(1)) / 5
    torch.testing.assert_close(slope, right.detach())
    taken = batch.x.clone()
    taken[:, 0, 2, 2] = 1                                                       # no move there: nothing is pushed into it
    masked = policy_gradient(lambda x: (logits, values), Searched(taken, torch.eye(9)[[0, 3, 3, 1, 1]], batch.value), weight=0.0)
    slope, = torch.autograd.grad(masked.mean, logits)
    assert (slope[:, 8] == 0).all() and slope[:, 0].abs().min() > 0


def test_perfect_values_choose_perfect_moves(solved):
    worth = dict(zip(map(tuple, solved.positions.tolist()), solved.values))

    def judge(positions): return None, np.array([worth[tuple(p)] for p in positions.tolist()])
    assert len(solved.blunders(by_values(GAME, judge))) == 0
    assert len(solved.blunders(by_values(GAME, lambda p: (None, -judge(p)[1])))) > 300


def test_what_was_seen_is_known_in_every_mirror():
    seen = Seen(GAME)
    source = seen.watch(SelfPlay(GAME, TwoHeads(GAME, hidden=(4,)), games=1, opening=0, seed=0))
    played = source.play()
    assert seen.has(GAME.start(1)).all() and 7 < len(seen) <= 8 * len(played)
    corner, edge = (GAME.position(text) for text in ("X.. ... ...", "... ... ..X"))
    assert seen.has(corner).all() == seen.has(edge).all()
    for _ in range(2):
        source.play()
    now = GAME.play(GAME.start(1), [0])
    assert seen.has(now, last=3).all() == (seen.has(now).all()) and sum(map(len, seen.rounds)) >= len(seen)
    fresh = Seen(GAME, kept=1)
    source = fresh.watch(SelfPlay(GAME, TwoHeads(GAME, hidden=(4,)), games=2, opening=0, seed=0))
    before = source.play() and len(fresh)
    source.play()
    assert len(fresh.rounds) == 1 and len(fresh) > before and fresh.has(GAME.start(1), last=1).all()


def test_the_command_writes_what_is_read(tmp_path):
    self_play.main(["--arms", "as it is", "no search", "--seeds", "3", "--updates", "4", "--every", "2", "--out",
                    str(tmp_path / "run.csv")])
    rows, command = records.read(tmp_path / "run.csv")
    assert command == "python -m minitrain.evaluate.self_play --seeds 3 --updates 4 --every 2"
    assert [(row["arm"], row["updates"]) for row in rows] == [(arm, t) for arm in ("as it is", "no search") for t in (0, 2, 4)]


# Connect Four, as it was recorded


def test_connect_four_went_past_what_nobody_trained_and_opens_in_the_middle():
    rows, _ = records.read(records.RUNS / "connect_four.csv")
    elo = {row["player"]: row["elo"] for row in rows if row["player"] != "snapshot"}
    own = [row["elo"] for row in rows if row["player"] == "snapshot"]
    assert len(own) == len(load()) and own[-1] > own[0] + 500
    assert own[-1] > elo["alpha-beta 6"] > elo["alpha-beta 2"] > elo["random"] == 0
    game, last = connect_four(), load()[-1]
    found = Search(game, network(game, last.model), simulations=200)(game.start(1))
    assert found.visits[0].argmax() == 3 and found.shares[0, 3] > 0.4


def test_its_first_thought_beats_six_moves_of_looking_ahead_and_looking_adds():
    rows, _ = records.read(records.RUNS / "connect_four_match.csv")
    score = {row["simulations"]: (row["won"] + row["drawn"] / 2) / row["games"] for row in rows}
    error = {n: (share * (1 - share) / 200) ** 0.5 for n, share in score.items()}
    assert list(score) == [0, 25, 100, 400] and {row["games"] for row in rows} == {200}
    assert score[0] - 2 * error[0] > 0.5 and score[25] > score[0]
    assert score[100] - score[0] > 3 * np.hypot(error[0], error[100])
    assert 0 <= score[400] - score[100] < 2 * np.hypot(error[100], error[400])         # which is better, these games can not tell


# The pictures and the board


def test_pictures_show_what_they_are_given():
    position = GAME.position("X.. .O. ..X")
    found = Search(GAME, uniform(GAME), simulations=400)(position)
    texts = [text.get_text() for text in searches(GAME, {"a": (position, found)}).axes[0].texts]
    assert texts[:3] == ["X", "O", "X"] and len(texts) == 9 and f"{found.shares[0, 1]:.0%}\n{found.q[0, 1]:+.2f}" in texts
    four = connect_four()
    begun = four.position("......." * 5 + "...X...")
    fig = searches(four, {"b": (begun, Search(four, uniform(four), simulations=50)(begun))})
    texts = [text.get_text() for text in fig.axes[0].texts]
    assert len(texts) == 8 and texts[0] == "X"
    fig = while_training({"alone": [(0, 900), (100, 0)]}, {"lots": 1500}, title="t")
    assert fig.axes[0].lines[0].get_ydata().tolist() == [900, 0] and fig.axes[0].get_ylim()[0] < 0
    rows = [dict(arm=arm, seed=s, updates=t, policy=t + s, search=s) for arm in "ab" for s in (0, 1) for t in (0, 5)]
    lines = arms(rows, "ba", title="t").axes[0].lines
    assert [line.get_xdata().tolist() for line in lines[:4]] == [[5, 6], [0, 1]] * 2
    elo = [dict(player="random", games=float("nan"), elo=0, low=0, high=0),
           *(dict(player="snapshot", games=g, elo=e, low=e - 9, high=e + 9) for g, e in ((2000, 500), (0, 100)))]
    line = strength(elo, title="t").axes[0].lines[0]
    assert line.get_xdata().tolist() == [0, 2] and line.get_ydata().tolist() == [100, 500]
    match = [dict(simulations=n, score=s, games=200) for n, s in ((25, 0.7), (0, 0.2))]
    assert budgets(match, title="t").axes[0].lines[0].get_ydata().tolist() == [0.2, 0.7]


class Book(torch.nn.Module):
    """Likes the first cells best, and takes every position for an even one."""

    def __init__(self, actions):
        super().__init__()
        self.likes = torch.nn.Parameter(-torch.arange(float(actions)))

    def forward(self, x):
        return self.likes.expand(len(x), -1), torch.zeros(len(x))


@pytest.fixture
def board():
    return PlayAgainst({"Tic-tac-toe": (GAME, {"early": TwoHeads(GAME, hidden=(4,)), "late": Book(9)}),
                        "Connect Four": (connect_four(), {"book": Book(7)})}, simulations=1)


def test_the_board_plays_by_the_rules_and_says_what_is_wrong(board):
    assert board.opponent == "late" and board.message == "Your move: you are X." and board.view.marks == "." * 9
    assert board.message in board.line.value
    board.play(4)
    assert board.moves == [4, 0] and board.view.marks == "O...X...." and board.view.last == 0
    assert board.message.startswith("It played 1, and expected +0.00") and board.message.endswith("Your move: you are X.")
    board.play(0)
    assert board.moves == [4, 0] and board.message == "1 can not be played here; free are 2, 3, 4, 6, 7, 8, 9."
    board.play(8)
    board.play(3)                                                               # it has played 2, and now 3: it won
    assert board.moves == [4, 0, 8, 1, 3, 2] and board.message.endswith("It won.")
    board.play(5)
    assert board.message == "This game is over: New game begins another."
    board.undo()
    assert board.moves == [4, 0, 8, 1] and board.message == "Taken back. Your move."
    board.play(2)
    board.play(6) if board.yours else None
    assert board.message.endswith("You won.") and board.moves[-1] in (5, 6)
    board.new()
    assert board.moves == [] and board.seen == []


def test_sides_are_swapped_and_moves_taken_back(board):
    board.undo()
    assert board.message == "There is nothing to take back: you have not moved."
    board.swap()
    assert not board.first and board.moves == [0] and board.message.endswith("you are O.")
    board.undo()
    assert board.moves == [0] and board.message == "There is nothing to take back: you have not moved."
    board.play(4)
    assert board.moves == [0, 4, 1]
    board.new()
    assert board.moves == [0]
    for cell in (8, 3):
        board.play(cell)                                                        # it has 1, 2 and 3
    assert board.message.endswith("It won.")
    board.swap()
    assert board.first and board.moves == [] and board.message == "Your move: you are X."


def test_the_table_is_the_search(board):
    board.simulations = 25
    assert board.message == "From now on: late, 25 simulations a move."
    board.play(4)
    after = GAME.play(GAME.start(1), [4])
    found = Search(GAME, network(GAME, Book(9)), simulations=25)(after)
    assert [row[0] for row in board.seen] == [0, 1, 2, 3, 5, 6, 7, 8]
    np.testing.assert_allclose([row[1] for row in board.seen], np.delete(found.shares[0], 4))
    assert f"{found.shares.max():.0%}" in board.table.value and "25 simulations" in board.table.value
    board.think()
    assert board.message.startswith("It would play ") and len(board.moves) == 2
    assert {row[0] for row in board.seen} == set(np.flatnonzero(GAME.legal(board.position)[0]))


def test_the_board_follows_the_game(board):
    board.game = "Connect Four"
    assert board.opponent == "book" and board.view.drop and board.view.marks == "." * 42
    board.play(0)
    assert board.moves == [0, 0] and board.view.last == 4 * 7
    assert board.view.marks[5 * 7] == "X" and board.view.marks[4 * 7] == "O"
    for _ in range(2):
        board.play(0)
    board.play(0)
    assert board.message == "1 can not be played here; free are 2, 3, 4, 5, 6, 7."
    board.game = "Tic-tac-toe"
    assert board.moves == [] and board.view.rows == 3
    assert "number keys" in board.view.label or "1 to 9" in board.view.label


@pytest.mark.browser
def test_the_board_in_a_browser(lab, browser):
    """The board alone, against networks that were not trained: number keys, arrows, Enter, buttons and lists."""
    from playwright.sync_api import expect
    whole = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    code = ["".join(cell["source"]) for cell in whole["cells"] if cell["cell_type"] == "code"]
    imports = "\n".join(ast.unparse(n) for n in ast.parse(code[0]).body if isinstance(n, ast.Import | ast.ImportFrom))
    made = ("game, four = tic_tac_toe(), connect_four()\n"
            "PlayAgainst({'Tic-tac-toe': (game, {'new': TwoHeads(game)}), 'Connect Four': (four, {'new': TwoHeads(four)})})")
    template = next(cell for cell in whole["cells"] if cell["cell_type"] == "code")
    cells = [template | {"source": source, "outputs": [], "id": f"cell{i}"} for i, source in enumerate((imports, made))]
    (lab[1] / "19_board.ipynb").write_text(json.dumps(whole | {"cells": cells}))
    notebook = Notebook(browser, lab[0], "19_board.ipynb")
    notebook.run_all()
    output = notebook.output("PlayAgainst(")
    words, board, keys = status(output), output.locator(".minitrain-board"), notebook.page.keyboard
    says(words, "Your move: you are X.")
    board.focus()
    keys.press("5")
    says(words, "It played")
    for mark in "XO":
        expect(board.locator(f"[aria-label$=': {mark}']")).to_have_count(1)     # the words may come before the picture
    keys.press("5")
    says(words, "5 can not be played here")
    press(output, "Take back")
    says(words, "Taken back")
    board.focus()
    for key in ("ArrowDown", "ArrowRight", "Enter"):
        keys.press(key)
    says(words, "It played")
    output.get_by_role("combobox", name="Game").select_option("Connect Four")
    says(words, "Your move: you are X.")
    expect(board.locator("[data-cell]")).to_have_count(42)
    board.locator("[data-cell='3']").click()                                    # the top of a column: the stone falls
    says(words, "It played")
    expect(board.locator("[data-cell='38']")).to_have_text("X")
    press(output, "What would it play?")
    says(words, "It would play")
    assert output.get_by_role("cell", name="%").count() >= 7
    clean(notebook)
    notebook.close()
