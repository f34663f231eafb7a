"""Counted n-grams against the formulas of Chen and Goodman, written with dictionaries and loops, and against what must hold."""
import math
from collections import Counter, defaultdict

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from minitrain import losses
from minitrain.generate import generate
from minitrain.models.ngrams import FALLBACK, NGram, discounts

START = "the start of the text"


def slow(ids, V, n):
    """p(w | h) as a function, for one text: nothing shared with the fast one but the papers."""
    counts = {n: Counter(tuple(ids[i:i + n]) for i in range(len(ids) - n + 1))}
    for k in range(1, n):
        behind = defaultdict(set)
        for i in range(len(ids) - k + 1):
            behind[tuple(ids[i:i + k])].add(ids[i - 1] if i else START)
        counts[k] = {gram: len(tokens) for gram, tokens in behind.items()}
    discount = {}
    for k, table in counts.items():
        of = Counter(table.values())
        for c in (1, 2, 3):
            try:
                d = c - (c + 1) * (of[1] / (of[1] + 2 * of[2])) * of[c + 1] / of[c]
            except ZeroDivisionError:
                d = 0
            discount[k, c] = d if 0 < d <= c and of[c + 1] else FALLBACK[c - 1]

    def p(w, h):
        """w given all of h, which has n - 1 tokens at most."""
        shorter = p(w, h[1:]) if h else 1 / V
        k = len(h) + 1
        after = {gram[-1]: c for gram, c in counts[k].items() if gram[:-1] == tuple(h)}
        if not after:
            return shorter
        total = sum(after.values())
        given = sum(discount[k, min(c, 3)] for c in after.values()) / total
        kept = after[w] - discount[k, min(after[w], 3)] if w in after else 0
        return kept / total + given * shorter
    return lambda w, h: p(w, list(h[max(0, len(h) - n + 1):]))


TEXTS = st.integers(1, 4).flatmap(lambda V: st.tuples(st.just(V), st.lists(st.integers(0, V - 1), min_size=1, max_size=40)))


@settings(max_examples=80, deadline=None)
@given(TEXTS, st.integers(1, 8), st.data())
def test_equals_the_formulas_written_with_dictionaries(text, n, data):
    V, ids = text
    V += 1                                                  # one token that the text never has
    other = data.draw(st.lists(st.integers(0, V - 1), min_size=1, max_size=12))
    model, p = NGram(ids, V, n), slow(ids, V, n)
    for row in (ids, other):
        wanted = [math.log(p(w, row[:i])) for i, w in enumerate(row)]
        assert model.log_probabilities(row).tolist() == pytest.approx(wanted, rel=1e-12)
    wanted = [[p(w, other[:i]) for w in range(V)] for i in range(len(other) + 1)]
    assert model.next([]).tolist() == pytest.approx(wanted[0]) and model.next(other).tolist() == pytest.approx(wanted[-1])
    assert model(torch.tensor([other])).exp()[0].tolist() == [pytest.approx(row, rel=1e-12) for row in wanted[1:]]


@settings(max_examples=60, deadline=None)
@given(TEXTS, st.integers(1, 8), st.lists(st.integers(0, 3), max_size=10))
def test_every_distribution_sums_to_one_and_leaves_nothing_impossible(text, n, prefix):
    V, ids = text
    model = NGram(ids, V + 3, n)
    for behind in (prefix, ids, ids[:3] + prefix):
        p = model.next([w % (V + 3) for w in behind])
        assert float(p.sum()) == pytest.approx(1, abs=1e-12) and float(p.min()) > 0


def test_the_second_order_by_hand():
    """"0 1 0 1 0 2": pairs 01 twice, 10 twice, 02 once. Behind how many tokens: 0 two (the start, 1), 1 one, 2 one."""
    p = NGram([0, 1, 0, 1, 0, 2], 3, n=2)
    # pairs: n1 = 1, n2 = 2, so Y = 1/5, D1 = 1 - 2·Y·2 = 1/5; n3 = 0, so D2 is the fallback, 1
    # singles: n1 = 2, n2 = 1, so Y = 1/2, D1 = 1 - 2·Y/2 = 1/2; n3 = 0, so D2 = 1; they give (1 + 1/2 + 1/2)/4 = 1/2 to 1/3 each
    single = [(2 - 1) / 4 + 1 / 6, 1 / 8 + 1 / 6, 1 / 8 + 1 / 6]
    given = (1 + 0.2) / 3                                   # behind 0: 1 twice, 2 once
    assert p.next([0]).tolist() == pytest.approx([given * single[0], 1 / 3 + given * single[1], 0.8 / 3 + given * single[2]])
    assert p.next([2]).tolist() == pytest.approx(single)    # what only ended the text says nothing


def test_a_frequent_word_behind_one_other_alone_is_a_poor_guess():
    """Kneser and Ney's own case: "San Francisco" many times, "the cat", "a cat", "my cat" once each."""
    San, Francisco, the, a, my, cat, odd = range(7)
    ids = [San, Francisco] * 10 + [the, cat, a, cat, my, cat]
    p = NGram(ids, 7, n=2).next([odd])
    assert ids.count(Francisco) > ids.count(cat) and p[cat] > p[Francisco]


def test_rows_start_afresh():
    lots = np.random.default_rng(0)
    ids, rows = lots.integers(0, 5, 500), lots.integers(0, 5, (2, 3, 9))
    model = NGram(torch.from_numpy(ids), 5, n=4)
    got = model.log_probabilities(torch.from_numpy(rows))
    assert got.shape == (2, 3, 9) and got.dtype == torch.float64
    for i in range(2):
        for j in range(3):
            assert torch.equal(got[i, j], model.log_probabilities(rows[i, j].tolist()))
    whole = model(rows[0])                                  # (3, 9, 5), of what follows
    assert torch.allclose(whole[:, :-1].gather(-1, torch.from_numpy(rows[0, :, 1:, None]))[..., 0], got[0, :, 1:])


@pytest.mark.parametrize("V, N", [(10_000, 30_000), (3, 20_000)])
def test_grams_are_told_apart_exactly_however_many_there_are(V, N):
    """10,000^8 is far beyond 64 bits: any key that folds them would take some for others."""
    ids = (np.random.default_rng(1).random(N) ** 4 * V).astype(np.int64)
    model, text = NGram(ids, V, n=8), ids.tolist()
    sizes = [len({tuple(text[i:i + k]) for i in range(N - k + 1)}) for k in range(1, 9)]
    assert [len(level.keys) - 1 for level in model.levels] == sizes and model.n_grams == sum(sizes)
    for i in (0, 5, N // 2, N - 9):
        assert float(model.next(text[i:i + 7]).sum()) == pytest.approx(1, abs=1e-9)


def test_longer_contexts_foretell_more_and_nothing_beats_the_source():
    """A second-order chain: the trigram comes near its entropy rate, the bigram can not, the 6-gram forgoes little."""
    lots = np.random.default_rng(2)
    table = lots.dirichlet(np.full(6, 0.3), (6, 6))
    ids, cumulative = [0, 1], table.cumsum(-1)
    for lot in lots.random(60_000):
        ids.append(min(int((cumulative[ids[-2], ids[-1]] < lot).sum()), 5))
    train, test = np.array(ids[:50_000]), np.array(ids[50_000:])
    floor = -np.log(table[test[:-2], test[1:-1], test[2:]]).mean()
    loss = {n: -float(NGram(train, 6, n).log_probabilities(test)[2:].mean()) for n in (1, 2, 3, 6)}
    assert loss[1] > loss[2] + 0.1 > loss[3] + 0.2
    assert floor < loss[3] < 1.01 * floor and loss[3] < loss[6] < 1.06 * floor


def test_it_goes_where_a_network_goes():
    text = [0, 1, 2, 3] * 50
    model = NGram(text, 5, n=3)
    x, y = torch.tensor([text[:8]]), torch.tensor([text[1:9]])
    out = losses.next_token(model, (x, y))
    assert float(out.mean) == pytest.approx(-float(model.log_probabilities(text[:9])[1:].mean()))
    assert generate(model, [0], 6, temperature=0) == [1, 2, 3, 0, 1, 2]


def test_discounts_against_the_paper():
    """Chen and Goodman's three, on counts of counts 10, 6, 3, 2: Y = 10/22."""
    counts = np.repeat([1, 2, 3, 4, 9], [10, 6, 3, 2, 5])
    Y = 10 / 22
    assert discounts(counts) == pytest.approx((1 - 2 * Y * 6 / 10, 2 - 3 * Y * 3 / 6, 3 - 4 * Y * 2 / 3))
    assert discounts(np.array([2, 2])) == FALLBACK == discounts(np.array([], dtype=np.int64))
    assert discounts(np.repeat([1, 2, 3], [1, 1, 50]))[1] == FALLBACK[1]            # the formula would take more than is there


def test_what_does_not_fit_is_said():
    with pytest.raises(ValueError, match="knows 3, numbered from 0; got 0 to 3"):
        NGram([0, 3], 3)
    model = NGram([0, 1, 2], 3)
    with pytest.raises(ValueError, match="got -1 to 1"):
        model.log_probabilities([1, -1])
    with pytest.raises(TypeError, match="whole numbers; got float64"):
        model.next(np.array([0.0]))
    with pytest.raises(ValueError, match=r"rows of ids, \(B, T\); got shape \(2,\)"):
        model(torch.tensor([0, 1]))
    with pytest.raises(ValueError, match=r"one text, ids in a row and at least one; got shape \(0,\)"):
        NGram([], 3)
    with pytest.raises(ValueError, match="n=0"):
        NGram([0], 3, n=0)
    with pytest.raises(ValueError, match="too many to count exactly"):
        NGram([0, 1], 2 ** 62)
