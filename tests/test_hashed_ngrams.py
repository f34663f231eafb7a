"""Learned n-grams and shifted tokens: each place sees what it should, as a loop in plain Python says, and nothing behind it."""
import math

import pytest
import torch
from torch.nn import functional as F

from minitrain import Trainer, losses, optim
from minitrain.models.hashed_ngrams import HashedNGrams
from minitrain.models.token_shift import TokenShift
from minitrain.models.transformer import Transformer
from minitrain.sources.text import Windows

V = 7


def ids(B=3, T=12, seed=0):
    return torch.randint(V, (B, T), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("lags, n, rows", [(3, 4, 31), (5, 2, 1000), (1, 3, 13), (4, 1, 5)])
def test_every_place_adds_the_rows_of_its_own_tokens_and_grams(lags, n, rows):
    """Spelled out: a gram w1 … wk is a number to the base V + 1, its row the remainder; before the start stands token V."""
    model, x = HashedNGrams(V, lags=lags, n=n, rows=rows, width=6, hidden=5, seed=1), ids()
    found = model.rows_of(x)
    for b, row in enumerate(x.tolist()):
        padded = [V] * 10 + row
        for t in range(len(row)):
            tail = padded[:10 + t + 1]
            want = {(k - 1) * (V + 1) + tail[-1 - k] for k in range(1, lags)}
            for k in range(2, n + 1):
                number = sum(token * (V + 1) ** i for i, token in enumerate(reversed(tail[-k:])))
                want.add((lags - 1) * (V + 1) + (k - 2) * rows + number % rows)
            assert set(found[b, t].tolist()) == want and len(want) == found.shape[-1]
    assert int(found.max()) < len(model.table)
    total = model.tokens[x] + model.table[found].sum(-2)
    z = (total - total.mean(-1, keepdim=True)) / (total.var(-1, unbiased=False, keepdim=True) + 1e-5).sqrt()
    torch.nn.init.normal_(model.head)
    torch.nn.init.normal_(model.skip)
    want = (z @ model.up.T).clamp(min=0) ** 2 @ model.head.T + z @ model.skip.T
    assert torch.allclose(model(x), want, atol=1e-4)


def reached(model):
    """The places whose logits change with token number 4."""
    model.double()
    for p in model.parameters():
        torch.nn.init.normal_(p, std=0.5, generator=torch.Generator().manual_seed(3))
    a = ids(B=1)
    b = a.clone()
    b[0, 4] = (b[0, 4] + 1) % V
    return (model(a) - model(b)).abs().amax(-1)[0].gt(1e-9).nonzero().flatten().tolist()


def test_nothing_looks_ahead_and_learned_n_grams_see_no_further_than_their_longest():
    assert reached(HashedNGrams(V, lags=3, n=5, rows=1009)) == [4, 5, 6, 7, 8]
    assert reached(HashedNGrams(V, lags=6, n=2, rows=1009)) == [4, 5, 6, 7, 8, 9]
    assert reached(TokenShift(V, lags=3, context=12, layers=1, heads=1, width=8)) == list(range(4, 12))


def test_shifted_tokens_are_a_causal_convolution_of_one_hot_tokens():
    model, x = TokenShift(V, lags=4, context=12, layers=1, heads=2, width=8, positions="rotary", seed=2), ids()
    torch.nn.init.normal_(model.before)
    onehot = F.one_hot(F.pad(x, (3, 0), value=V), V + 1).float().mT                                 # (B, V + 1, T + 3)
    kernel = torch.stack([*model.before.view(3, V + 1, 8).flip(0), F.pad(model.embedding, (0, 0, 0, 1))], -1)       # oldest first
    want = F.layer_norm(F.conv1d(onehot, kernel.transpose(0, 1)).mT, (8,))
    assert torch.allclose(model.embed(x), want, atol=1e-5)
    bare = Transformer(V, context=12, layers=1, heads=2, width=8, positions="rotary", seed=2)
    assert all(torch.equal(p, model.get_parameter(name)) for name, p in bare.named_parameters())


def test_learned_n_grams_start_at_ln_v_and_learn_what_no_single_token_tells():
    """The next token is the XOR of the last two: neither of them tells anything about it alone."""
    lots = torch.Generator().manual_seed(0)
    text, coin = torch.randint(2, (4000,), generator=lots).tolist(), torch.rand(4000, generator=lots).tolist()
    for i in range(2, len(text)):
        if coin[i] < 0.9:
            text[i] = text[i - 1] ^ text[i - 2]
    floor = -(0.95 * math.log(0.95) + 0.05 * math.log(0.05))
    model = HashedNGrams(2, lags=2, n=2, rows=11, width=8, hidden=8)
    source = Windows(text, context=16, size=16, seed=0)
    assert float(losses.next_token(model, source.at(0)).mean.detach()) == pytest.approx(math.log(2))
    tables = [model.tokens, model.table, model.head, model.skip]
    Trainer(model, losses.next_token, optim.Muon(model.parameters(), adam=tables, adam_rate=0.02)).fit(source, steps=60)
    learned = float(losses.next_token(model, (torch.tensor([text[:-1]]), torch.tensor([text[1:]]))).mean.detach())
    assert floor - 0.03 < learned < floor + 0.03


def test_bad_input_gets_one_sentence():
    with pytest.raises(ValueError, match="rows=0"):
        HashedNGrams(V, rows=0)
    with pytest.raises(ValueError, match="single token"):
        HashedNGrams(V, lags=1, n=1)
    with pytest.raises(ValueError, match="smaller n"):
        HashedNGrams(50_000, n=5)
    for model in (HashedNGrams(V, rows=11), TokenShift(V, context=12)):
        with pytest.raises(ValueError, match="out of range: the model knows 7"):
            model(torch.tensor([[0, V]]))
        with pytest.raises(TypeError, match="int64"):
            model(torch.zeros(2, 3))
    with pytest.raises(ValueError, match="lags=1"):
        TokenShift(V, lags=1)
    with pytest.raises(ValueError, match="causal=False"):
        TokenShift(V, causal=False)
    with pytest.raises(ValueError, match="packed documents"):
        TokenShift(V, context=12)(ids(), documents=torch.zeros(3, 12, dtype=torch.int64))
