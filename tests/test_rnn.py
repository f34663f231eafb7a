"""The recurrent networks against PyTorch's, forward and backward."""
import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from minitrain.models.rnn import KINDS, RNN

V, TORCH = 20, {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}


def tokens(*shape):
    return torch.randint(V, shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_equals_the_one_of_torch(kind, layers):
    """Logits and every gradient, in float64."""
    model = RNN(V, 8, kind, layers, seed=1).double()
    twin = TORCH[kind](8, 8, layers, batch_first=True, dtype=torch.float64)
    pairs = []
    for i, layer in enumerate(model.layers):
        pairs += [(getattr(twin, f"weight_ih_l{i}"), layer.input.weight), (getattr(twin, f"bias_ih_l{i}"), layer.input.bias),
                  (getattr(twin, f"weight_hh_l{i}"), layer.state.weight), (getattr(twin, f"bias_hh_l{i}"), layer.state.bias)]
    with torch.no_grad():
        for theirs, ours in pairs:
            theirs.copy_(ours)
    embedding, head, ids = model.embedding.detach().clone().requires_grad_(), nn.Linear(8, V).double(), tokens(3, 25)
    head.load_state_dict(model.head.state_dict())
    wanted, got = head(twin(F.embedding(ids, embedding))[0]), model(ids)
    assert torch.allclose(got, wanted, rtol=0, atol=1e-12)
    up = torch.randn(got.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    (got * up).sum().backward()
    (wanted * up).sum().backward()
    pairs += [(embedding, model.embedding), (head.weight, model.head.weight), (head.bias, model.head.bias)]
    assert len(pairs) == len(list(model.parameters()))
    for theirs, ours in pairs:
        assert torch.allclose(ours.grad, theirs.grad, rtol=0, atol=1e-12 * max(1, float(theirs.grad.abs().max())))


@pytest.mark.parametrize("kind", KINDS)
def test_a_gate_wide_open_remembers(kind):
    """Gates set by hand: a GRU and an LSTM that are written to at token 0 alone hold that state over 200 other tokens; the
    plain one has no gate and can not."""
    model, ids = RNN(V, 4, kind).double(), torch.randint(1, V, (2, 200), generator=torch.Generator().manual_seed(0))
    layer, ids[:, 0] = model.layers[0], 0
    with torch.no_grad():
        model.embedding[:, 0] = 0.0
        model.embedding[0, 0] = 1.0                             # the first number says: this is token 0
        layer.state.weight.zero_()
        layer.state.bias.zero_()
        if kind == "gru":                                       # keep: z = 1, but for token 0
            layer.input.bias[4:8], layer.input.weight[4:8] = 40.0, torch.tensor([-80.0, 0, 0, 0])
        if kind == "lstm":                                      # write: i = 0, but for token 0; never forget; always show
            layer.input.bias[0:4], layer.input.weight[0:4] = -40.0, torch.tensor([80.0, 0, 0, 0])
            layer.input.bias[4:8], layer.input.weight[4:8] = 40.0, 0.0
            layer.input.bias[12:16], layer.input.weight[12:16] = 40.0, 0.0
        states = model.features(ids)
    held = torch.allclose(states[:, -1], states[:, 0], atol=1e-9)
    assert held == (kind != "rnn") and states[:, 0].abs().min() > 1e-3


@pytest.mark.parametrize("kind", KINDS)
def test_it_starts_as_said(kind):
    """Nothing is known at the start, forget gates are open by one, and a seed decides all of it."""
    before = torch.random.get_rng_state()
    a, b, c = (RNN(V, 64, kind, layers=2, seed=seed) for seed in (0, 0, 1))
    assert all(torch.equal(p, q) for p, q in zip(a.parameters(), b.parameters(), strict=True))
    assert not torch.equal(a.layers[0].state.weight, c.layers[0].state.weight)
    assert torch.equal(before, torch.random.get_rng_state())
    assert abs(a.layers[1].state.weight.abs().max().item() * 8 - 1) < 0.01
    if kind == "lstm":
        assert ((a.layers[0].input.bias + a.layers[0].state.bias)[64:128] == 1).all()
    ids = tokens(8, 30)
    assert abs(F.cross_entropy(a(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten()).item() - math.log(V)) < 0.15


@pytest.mark.parametrize("kind", KINDS)
def test_no_token_sees_the_future(kind):
    model, ids = RNN(V, 8, kind, layers=2).double(), tokens(1, 9)
    logits, other = model(ids), ids.clone()
    other[0, 5] = (ids[0, 5] + 1) % V
    changed = (model(other) != logits)[0].any(-1)
    assert changed.tolist() == [False] * 5 + [True] * 4


def test_bad_input_gets_one_sentence():
    with pytest.raises(ValueError, match="knows no kind 'LSTM'; it knows rnn, gru, lstm"):
        RNN(V, 8, "LSTM")
    with pytest.raises(ValueError, match="at least 1; got .* width=0"):
        RNN(V, 0)
    with pytest.raises(ValueError, match=f"the model knows {V}, numbered from 0; got 1 to {V}"):
        RNN(V, 8)(torch.tensor([[1, V]]))
    with pytest.raises(TypeError, match=r"got torch.float32 \(1, 2\)"):
        RNN(V, 8)(torch.zeros(1, 2))
