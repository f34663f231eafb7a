"""Elo: ratings from results."""
import numpy as np
import pytest

from minitrain.evaluate.elo import SCALE, elo, elo_with_band, tournament


def test_ratings_are_the_maximum_of_the_likelihood():
    lots = np.random.default_rng(0)
    P = 5
    games = lots.integers(5, 60, size=(P, P))
    games = np.triu(games, 1) + np.triu(games, 1).T
    scores = np.triu(lots.uniform(size=(P, P)) * games, 1)
    scores += np.tril(games - scores.T, -1)
    r = elo(scores, games, prior=0)

    def likelihood(r):
        p = 1 / (1 + 10 ** (-(r[:, None] - r[None]) / 400))
        return (scores * np.log(p)).sum()
    for i in range(P):
        for far in (-3.0, 3.0):
            assert likelihood(r + far * (np.arange(P) == i)) < likelihood(r)
    for i in range(P):                                      # at the maximum, everybody expects what they got
        p = 1 / (1 + 10 ** (-(r[i] - r) / 400))
        assert (games[i] * p).sum() == pytest.approx(scores[i].sum(), abs=1e-6)
    assert r[0] == 0 and elo(scores, games, anchor=3, prior=0) == pytest.approx(r - r[3])


def test_strengths_are_found_again_from_games():
    true = np.array([0.0, 150.0, 420.0, 800.0])
    lots = np.random.default_rng(1)

    def play(i, j):
        return np.where(lots.random(4000) < 1 / (1 + 10 ** (-(true[i] - true[j]) / 400)), 1, -1)
    r, low, high = elo_with_band(tournament(range(4), play), draws=100)
    assert r == pytest.approx(true, abs=35) and (low <= r).all() and (r <= high).all()
    assert ((low - 10 < true) & (true < high + 10)).all() and 0 < (high - low)[1] < 40


def test_who_won_every_game_is_strong_and_not_infinitely():
    r = elo([[0, 0], [50, 0]], [[0, 50], [50, 0]])
    assert r[1] == pytest.approx(SCALE * np.log(50.5 / 0.5))


def test_a_tournament_is_seen_from_both_sides():
    results = tournament([3, 1, 2], lambda i, j: np.sign([i - j, 0]))
    assert np.isnan(results[0, 0]).all() and results[0, 1].tolist() == [1, 0.5] and results[1, 0].tolist() == [0, 0.5]
    assert results[2, 1].tolist() == [1, 0.5] and results[2, 0].tolist() == [0, 0.5]


@pytest.mark.parametrize("scores, games, say", [
    ([[0, 1], [1, 0]], [[0, 3], [3, 0]], "do not add up"), ([[0, 1]], [[0, 1]], "two square tables"),
    ([[1, 1], [1, 0]], [[1, 2], [2, 0]], "do not add up"),
    ([[0, 1, 0], [1, 0, 0], [0, 0, 0]], [[0, 2, 0], [2, 0, 0], [0, 0, 0]], "player 2 played nobody")])
def test_bad_input_gets_a_sentence(scores, games, say):
    with pytest.raises(ValueError, match=say):
        elo(scores, games)
