"""The feed: that it is the environment its table says, and what counting clicks does in it."""
import warnings

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from minitrain.rl.recommender import CLICKS, Feed, lived
from minitrain.rl.tabular import q_learning, value_iteration


def test_gymnasium_checks_the_feed():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message=".*not having a spec")
        check_env(Feed(asked=0.3))


def test_the_model_is_what_acting_finds():
    env, lots = Feed(asked=0.25, posts=20_000), np.random.default_rng(0)
    P, R = env.model()
    assert np.allclose(P.sum(2), 1)
    counts, sums = np.zeros(P.shape), np.zeros(R.shape)
    habit, over = env.reset(seed=0)[0], False
    while not over:
        kind = lots.integers(2)
        after, reward, _, over, info = env.step(kind)
        assert reward == pytest.approx(0.75 * info["click"] + 0.25 * info["judged"])
        counts[habit, kind, after] += 1
        sums[habit, kind] += reward
        habit = after
    seen = counts.sum(2)
    often = seen > 300                                      # at random, high habits are rare
    assert often.sum() >= 6
    assert np.abs(counts / np.maximum(seen, 1)[:, :, None] - P)[often].max() < 0.1
    assert np.abs(sums / np.maximum(seen, 1) - R)[often].max() < 0.1


def test_who_counts_later_clicks_makes_the_habit_and_who_asks_does_not():
    near, far, asks = (lived(value_iteration(*Feed(asked=asked).model(), discount=discount))
                       for asked, discount in ((0.0, 0.0), (0.0, 0.98), (0.5, 0.98)))
    assert near["bait"] == asks["bait"] == 0 and far["bait"] == 1 and far["habit"] > 8
    assert far["click"] > near["click"] + 0.2 and far["judged"] < 0 < near["judged"] == pytest.approx(CLICKS[0, 0], abs=0.05)


def test_a_learner_of_clicks_finds_the_habit_that_nobody_told_it_of():
    def learned(discount, posts=80_000):
        return lived(q_learning(Feed(), posts, discount=discount, rate=lambda n: max(n**-0.7, 0.01), seed=0,
                                epsilon=lambda t: max(1 - t / (0.8 * posts), 0.05)).Q)
    assert learned(0.9)["habit"] > 8 > 1 > learned(0.0)["habit"]


@pytest.mark.parametrize("error, wrong, say", [
    (ValueError, lambda: Feed(asked=2), "asked=2"), (RuntimeError, lambda: Feed().step(0), "Call reset"),
    (ValueError, lambda: Feed().step(2), "a calm post, and 1, bait")])
def test_bad_input_gets_a_sentence(error, wrong, say):
    with pytest.raises(error, match=say):
        wrong()
