"""The transformer against PyTorch's own, against itself in parts, and against what must not happen."""
import copy
import itertools
import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from minitrain.models.cache import Cache
from minitrain.models.transformer import (
    NORMS,
    POSITIONS,
    Transformer,
    attention,
    attention_weights,
    fused_attention,
    rotate,
    rotation,
)

V, T = 50, 12


def make(seed=0, dtype=torch.float64, **options):
    """A small one whose every parameter is random: what starts at 0 or 1 would hide where it is used."""
    model = Transformer(V, **{"context": T, "layers": 2, "heads": 2, "width": 16, "bias": True, **options}).to(dtype)
    lots = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in model.parameters():
            p += 0.3 * torch.randn(p.shape, generator=lots, dtype=torch.float64).to(dtype)
    return model


def tokens(*shape, seed=0):
    return torch.randint(V, shape, generator=torch.Generator().manual_seed(seed))


# Against PyTorch


@pytest.mark.parametrize("activation", ["gelu", "relu2"])
@pytest.mark.parametrize("causal", [True, False])
def test_equals_the_encoder_of_torch(causal, activation):
    """Logits and every gradient in float64, with padding where the model is a BERT; written-out and fused attention alike."""
    model = make(causal=causal, tied=False, activation=activation)
    layer = nn.TransformerEncoderLayer(16, 2, 64, dropout=0.0, batch_first=True, norm_first=True, dtype=torch.float64,
                                       activation={"gelu": "gelu", "relu2": lambda x: x.clamp(min=0) ** 2}[activation])
    twin = nn.TransformerEncoder(layer, 2, norm=nn.LayerNorm(16, dtype=torch.float64), enable_nested_tensor=False)
    pairs = [(twin.norm.weight, model.norm.gain), (twin.norm.bias, model.norm.shift)]
    for theirs, ours in zip(twin.layers, model.blocks, strict=True):
        pairs += [(theirs.self_attn.in_proj_weight, ours.attention.qkv.weight),
                  (theirs.self_attn.in_proj_bias, ours.attention.qkv.bias),
                  (theirs.self_attn.out_proj.weight, ours.attention.out.weight),
                  (theirs.self_attn.out_proj.bias, ours.attention.out.bias),
                  (theirs.linear1.weight, ours.mlp.up.weight), (theirs.linear1.bias, ours.mlp.up.bias),
                  (theirs.linear2.weight, ours.mlp.down.weight), (theirs.linear2.bias, ours.mlp.down.bias),
                  (theirs.norm1.weight, ours.norm1.gain), (theirs.norm1.bias, ours.norm1.shift),
                  (theirs.norm2.weight, ours.norm2.gain), (theirs.norm2.bias, ours.norm2.shift)]
    tables = [p.detach().clone().requires_grad_() for p in (model.embedding, model.positions, model.head)]
    with torch.no_grad():
        for theirs, ours in pairs:
            theirs.copy_(ours)
    assert len(pairs) + len(tables) == len(list(model.parameters()))
    ids, real = tokens(3, T), torch.ones(3, T, dtype=torch.bool)
    if not causal:
        real[1, 8:] = False
    x = F.embedding(ids, tables[0]) + tables[1]
    mask = torch.ones(T, T, dtype=torch.bool).triu(1) if causal else None
    wanted = twin(x, mask=mask, src_key_padding_mask=None if causal else ~real) @ tables[2].mT
    up = torch.randn(wanted.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) * real[..., None]
    (wanted * up).sum().backward()
    pairs += zip(tables, (model.embedding, model.positions, model.head), strict=True)
    for attend in (attention, fused_attention):
        for block in model.blocks:
            block.attention.attend = attend
        model.zero_grad()
        logits = model(ids, documents=None if causal else real.long())
        assert torch.allclose(logits[real], wanted[real], rtol=0, atol=1e-10)
        (logits * up).sum().backward()
        for theirs, ours in pairs:
            assert torch.allclose(ours.grad, theirs.grad, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("dtype,tolerance", [(torch.float64, 1e-12), (torch.float32, 1e-5)])
@pytest.mark.parametrize("how", ["all", "causal", "allowed"])
def test_the_fused_call_is_the_formula(how, dtype, tolerance):
    lots = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(2, 3, 7, 4, generator=lots, dtype=dtype).requires_grad_() for _ in range(3))
    allowed = (torch.rand(2, 1, 7, 7, generator=lots) < 0.5) | torch.eye(7, dtype=torch.bool)
    options = {"all": {}, "causal": {"causal": True}, "allowed": {"allowed": allowed}}[how]
    slow, fast = attention(q, k, v, **options), fused_attention(q, k, v, **options)
    assert torch.allclose(slow, fast, rtol=0, atol=tolerance)
    up = torch.randn(slow.shape, generator=lots, dtype=dtype)
    for a, b in zip(torch.autograd.grad(slow, (q, k, v), up), torch.autograd.grad(fast, (q, k, v), up), strict=True):
        assert torch.allclose(a, b, rtol=0, atol=10 * tolerance)


def test_attention_is_the_average_that_a_loop_takes():
    lots = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(1, 1, 5, 4, generator=lots, dtype=torch.float64) for _ in range(3))
    for i in range(5):
        weights = [math.exp(sum(q[0, 0, i, d].item() * k[0, 0, j, d].item() for d in range(4)) / 2) for j in range(i + 1)]
        wanted = sum(w * v[0, 0, j] for j, w in enumerate(weights)) / sum(weights)
        assert torch.allclose(attention(q, k, v, causal=True)[0, 0, i], wanted, atol=1e-14)
    weights = attention_weights(q, k, causal=True)[0, 0]
    assert torch.allclose(weights.sum(-1), torch.ones(5, dtype=torch.float64)) and not weights.triu(1).any()


def test_rms_norm_is_the_formula():
    model = make(norm="rms").norm
    x = torch.randn(3, 16, dtype=torch.float64)
    assert torch.allclose(model(x), x / (x.square().mean(-1, keepdim=True) + 1e-5).sqrt() * model.gain, atol=1e-12)


# The causal mask


def leaks(model):
    """The places (i, j) where changing token j changes the logits at an earlier i; and whether j changes its own."""
    ids = tokens(1, T)
    logits, found, own = model(ids), [], True
    for j in range(T):
        other = ids.clone()
        other[0, j] = (other[0, j] + 1) % V
        changed = (model(other) != logits)[0].any(-1)
        found += [(i, j) for i in range(j) if changed[i]]
        own = own and changed[j].item() and changed[j:].all().item()
    return found, own


@pytest.mark.parametrize("positions", POSITIONS)
@pytest.mark.parametrize("attend", [attention, fused_attention])
def test_no_token_sees_the_future(attend, positions):
    model = make(positions=positions)
    for block in model.blocks:
        block.attention.attend = attend
    assert leaks(model) == ([], True)


def test_a_broken_mask_would_be_found():
    off_by_one = torch.ones(T, T, dtype=torch.bool).tril(1)
    model = make()
    model.blocks[1].attention.attend = lambda q, k, v, causal, allowed: attention(q, k, v, allowed=off_by_one)
    assert leaks(model)[0] == [(j - 1, j) for j in range(1, T)]
    assert len(leaks(make(causal=False))[0]) == T * (T - 1) / 2


# Positions


def test_rotary_depends_on_the_distance_alone():
    lots = torch.Generator().manual_seed(0)
    q, k = (torch.randn(8, generator=lots, dtype=torch.float64) for _ in range(2))

    def at(x, place):
        return rotate(x[None], rotation(torch.tensor([place]), D=8))[0]

    for distance in (0, 1, 5, 40):
        dots = [float(at(q, place + distance) @ at(k, place)) for place in (0, 1, 17, 1000)]
        assert max(dots) - min(dots) < 1e-10
    assert abs(float(at(q, 3) @ at(k, 0)) - float(at(q, 4) @ at(k, 0))) > 1e-3
    for i in range(4):                                          # as two by two matrices
        angle = 7 * 10_000.0 ** (-i / 4)
        matrix = torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]], dtype=torch.float64)
        assert torch.allclose(at(q, 7)[2 * i:2 * i + 2], matrix @ q[2 * i:2 * i + 2], atol=1e-12)


def test_a_rotary_model_does_not_know_where_it_starts():
    """Behind another document it says what it says at the start; learned vectors would too, since positions restart."""
    model = make(positions="rotary")
    places, turned = torch.arange(T), []
    for shift in (0, 100):
        turn = rotation(places + shift, D=8)[None, None]
        x = torch.randn(2, T, 16, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        turned.append(model.blocks[0](x, True, None, turn, None))
    assert torch.allclose(*turned, atol=1e-10)


# Documents


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("positions", POSITIONS)
def test_packed_documents_do_not_see_each_other(positions, causal):
    """Logits and gradients are those of the documents run apart; a number that comes back later is another document."""
    model = make(positions=positions, causal=causal)
    lengths = [[5, 1, 4, 2], [12], [3, 9]]
    documents = torch.tensor([[7] * 5 + [2] + [7] * 4 + [0] * 2, [0] * 12, [1] * 3 + [2] * 9])
    ids, up = tokens(3, T), torch.randn(3, T, V, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    packed = model(ids, documents=documents)
    (packed * up).sum().backward()
    grads = [p.grad.clone() for p in model.parameters()]
    model.zero_grad()
    for row, row_lengths in enumerate(lengths):
        for part in torch.arange(T).split(row_lengths):
            apart = model(ids[row:row + 1, part])
            assert torch.allclose(packed[row, part], apart[0], atol=1e-10)
            (apart[0] * up[row, part]).sum().backward()
    for p, grad in zip(model.parameters(), grads, strict=True):
        assert torch.allclose(p.grad, grad, atol=1e-10)
    assert not torch.allclose(packed, model(ids), atol=1e-3)


# The cache


@pytest.mark.parametrize("dtype,tolerance", [(torch.float64, 1e-12), (torch.float32, 1e-5)])
@pytest.mark.parametrize("positions", POSITIONS)
def test_cached_equals_all_at_once(positions, dtype, tolerance):
    model, ids = make(positions=positions, dtype=dtype), tokens(3, T)
    with torch.no_grad():
        wanted = model(ids)
        for chunks in ([T], [1] * T, [5, 1, 1, 5], [1, 7, 4]):
            cache = Cache(model, rows=3)
            got = torch.cat([model(part, cache=cache) for part in ids.split(chunks, dim=1)], 1)
            assert cache.lengths == [T] * 3
            assert torch.allclose(got, wanted, rtol=0, atol=tolerance * float(wanted.abs().max())), chunks


@pytest.mark.parametrize("positions", POSITIONS)
@pytest.mark.parametrize("attend", [attention, fused_attention])
def test_rows_of_different_lengths_share_a_cache(attend, positions):
    """A filled-up prompt each, then three more tokens one by one and two at once: as each row by itself."""
    model, lengths, more = make(positions=positions), [4, 1, 7, 7], 5
    for block in model.blocks:
        block.attention.attend = attend
    ids, cache = tokens(4, T), Cache(model, rows=4)
    prompts = torch.full((4, 7), V - 1)
    for row, n in enumerate(lengths):
        prompts[row, :n] = ids[row, :n]
    with torch.no_grad():
        model(prompts, cache=cache)
        cache.lengths = list(lengths)
        got = []
        for size in (1, 1, 1, 2):
            at = cache.lengths
            new = torch.stack([ids[row, n:n + size] for row, n in enumerate(at)])
            got.append(model(new, cache=cache))
        got = torch.cat(got, 1)
        for row, n in enumerate(lengths):
            assert torch.allclose(got[row], model(ids[row:row + 1, :n + more])[0, n:], atol=1e-12)


# Weights


@pytest.mark.parametrize("positions,norm,tied,bias", list(itertools.product(POSITIONS, NORMS, [True, False], [True, False])))
def test_parameters_are_counted(positions, norm, tied, bias):
    C, L = 16, 3
    model = Transformer(V, context=T, layers=L, heads=2, width=C, positions=positions, norm=norm, tied=tied, bias=bias)
    norms = (2 * L + 1) * C * (1 + (bias and norm == "layer"))
    tables = V * C * (2 - tied) + T * C * (positions == "learned")
    assert sum(p.numel() for p in model.parameters()) == tables + norms + L * (12 * C * C + 9 * C * bias)


def test_tied_weights_are_one():
    """They share storage, are saved once, and their gradient is the sum of both uses."""
    tied, apart = make(), make(tied=False)
    assert tied.unembedding.data_ptr() == tied.embedding.data_ptr() and "head" not in tied.state_dict()
    assert apart.unembedding.data_ptr() != apart.embedding.data_ptr()
    apart.load_state_dict({**tied.state_dict(), "head": tied.embedding.detach().clone()})
    for model in (tied, apart):
        model(tokens(2, T)).square().sum().backward()
    assert torch.allclose(tied.embedding.grad, apart.embedding.grad + apart.head.grad, rtol=1e-10)


@pytest.mark.parametrize("options", [{}, {"positions": "rotary", "norm": "rms", "activation": "relu2"}, {"tied": False},
                                     {"causal": False}])
def test_it_starts_knowing_nothing(options):
    model, ids = Transformer(512, context=64, **options), torch.randint(512, (8, 65), generator=torch.Generator().manual_seed(0))
    loss = F.cross_entropy(model(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())
    assert abs(loss.item() - math.log(512)) < 0.1


def test_it_starts_as_said():
    """Every block is the identity; what reads has variance 1/fan_in; one update later, all tokens before have a say."""
    model, ids = Transformer(V, context=T, width=128, bias=True), tokens(4, T)
    assert torch.equal(model.features(ids), model.norm(model.embedding[ids] + model.positions))
    for block in model.blocks:
        for layer in (block.attention.qkv, block.mlp.up):
            assert layer.weight.std().item() == pytest.approx(128**-0.5, rel=0.02) and not layer.bias.any()
    assert model.embedding.std().item() == pytest.approx(0.02, rel=0.05)
    for _ in range(2):
        F.cross_entropy(model(ids).flatten(0, 1), ids.flip(0).flatten()).backward()
        for p in model.parameters():
            p.data -= 0.1 * p.grad
            p.grad = None
    other = ids.clone()
    other[:, 0] = (ids[:, 0] + 1) % V
    assert (model(other) != model(ids)).any(-1).all()


def test_a_seed_is_a_start_and_nobody_elses_numbers_are_drawn():
    before = torch.random.get_rng_state()
    a, b, c = (Transformer(V, seed=seed) for seed in (0, 0, 1))
    assert all(torch.equal(p, q) for p, q in zip(a.parameters(), b.parameters(), strict=True))
    assert not torch.equal(a.embedding, c.embedding) and not torch.equal(a.blocks[0].mlp.up.weight, a.blocks[1].mlp.up.weight)
    assert torch.equal(before, torch.random.get_rng_state())


def test_bfloat16_products_keep_attention_in_float():
    """Under autocast the loss and its gradients stay near those in float32, and a copy of the model is the model."""
    model, ids = make(dtype=torch.float32, positions="rotary", norm="rms"), tokens(4, T)
    seen, grads = [], []

    def watch(q, k, v, causal, allowed):
        seen.append(fused_attention(q, k, v, causal, allowed))
        return seen[-1]

    for block in model.blocks:
        block.attention.attend = watch
    for on in (False, True):
        twin = copy.deepcopy(model)
        with torch.autocast("cpu", torch.bfloat16, enabled=on):
            logits = twin(ids)
        assert (logits.dtype, seen[-1].dtype) == (torch.bfloat16 if on else torch.float32, torch.float32)
        F.cross_entropy(logits.float().flatten(0, 1), ids.flatten()).backward()
        grads.append(torch.cat([p.grad.flatten() for p in twin.parameters()]))
    assert 0 < float((grads[1] - grads[0]).norm() / grads[0].norm()) < 0.05
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        cached = model(ids, cache=Cache(model, rows=4))
        assert seen[-1].dtype == torch.float32 and torch.allclose(cached, model(ids), rtol=0, atol=0.05)


# Mistakes


@pytest.mark.parametrize("options,message", [
    ({"width": 18, "heads": 4}, "The width, 18, is shared out among 4 heads; make it a multiple of 4"),
    ({"width": 12, "heads": 4, "positions": "rotary"}, "12, is shared out among 4 heads in pairs; make it a multiple of 8"),
    ({"positions": "sinus"}, "knows no positions 'sinus'; it knows learned, rotary"),
    ({"norm": "batch"}, "knows no norm 'batch'; it knows layer, rms"),
    ({"activation": "relu"}, "knows no activation 'relu'; it knows gelu, relu2"),
    ({"layers": 0}, "sizes of at least 1; got .* layers=0")])
def test_impossible_models_get_one_sentence(options, message):
    with pytest.raises(ValueError, match=message):
        Transformer(V, **options)


@pytest.mark.parametrize("ids,error,message", [
    (torch.tensor([[0, V]]), ValueError, f"the model knows {V}, numbered from 0; got 0 to {V}. Was the text"),
    (torch.tensor([[-1, 3]]), ValueError, "got -1 to 3"),
    (torch.zeros(1, T + 1, dtype=torch.int64), ValueError, f"context is {T} tokens; got {T + 1}. Give it the last ones"),
    (torch.zeros(1, T), TypeError, r"got torch.float32 \(1, 12\)"),
    (torch.zeros(T, dtype=torch.int64), TypeError, r"\(B, T\) with T ≥ 1; got torch.int64 \(12,\)"),
    (torch.zeros(2, 0, dtype=torch.int64), TypeError, r"got torch.int64 \(2, 0\)"),
    ([1, 2], TypeError, r"got list. torch.tensor\(\[ids\]\) makes one")])
def test_unreadable_tokens_get_one_sentence(ids, error, message):
    with pytest.raises(error, match=message):
        make()(ids)


def test_a_cache_used_wrongly_gets_one_sentence():
    model = make()
    with pytest.raises(ValueError, match="keeps no graph for gradients; use it under torch.no_grad"):
        model(tokens(2, 3), cache=Cache(model, rows=2))
    with torch.no_grad():
        with pytest.raises(ValueError, match=r"made for .* \(2, 3, 12, 2, 8\), this call needs \(2, 2, 12, 2, 8\).*rows=2"):
            model(tokens(2, 3), cache=Cache(model, rows=3))
        with pytest.raises(ValueError, match="The cache was made for"):
            model(tokens(2, 3), cache=Cache(make(layers=3), rows=2))
        with pytest.raises(ValueError, match="needs a causal model"):
            make(causal=False)(tokens(2, 3), cache=Cache(model, rows=2))
        with pytest.raises(ValueError, match=r"documents go without a cache.*\(2, 3\) and a cache"):
            model(tokens(2, 3), documents=torch.zeros(2, 3), cache=Cache(model, rows=2))
        cache = Cache(model, rows=2)
        model(tokens(2, 10), cache=cache)
        with pytest.raises(ValueError, match="context is 12 tokens; got 3 more, with 10 in the cache"):
            model(tokens(2, 3), cache=cache)
        assert cache.lengths == [10, 10]                        # nothing was added
    with pytest.raises(ValueError, match=r"in the shape of ids, \(2, 3\); got \(2, 4\)"):
        model(tokens(2, 3), documents=torch.zeros(2, 4))


@pytest.mark.gpu
def test_on_a_gpu_as_on_a_cpu():
    """The same logits; and a token out of range gives NaN there, not an assertion after which the session is lost."""
    model, ids = make(positions="rotary"), tokens(3, T)
    wanted, model = model(ids), model.cuda()
    assert torch.allclose(model(ids.cuda()).cpu(), wanted, atol=1e-9)
    ids[1, 2] = V
    logits = model(ids.cuda())
    assert logits[1, 2].isnan().all() and logits[0].isfinite().all()
