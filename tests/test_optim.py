"""Every rule equals its torch.optim twin; NumPy arrays take the same steps as torch tensors."""
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from minitrain import Trainer, losses, optim
from minitrain.models.mlp import MLP

TWINS = {
    "sgd": (lambda p: optim.SGD(p, 0.1), lambda p: torch.optim.SGD(p, 0.1)),
    "momentum": (lambda p: optim.Momentum(p, 0.02, beta=0.9), lambda p: torch.optim.SGD(p, 0.02, momentum=0.9)),
    "nesterov": (lambda p: optim.Momentum(p, 0.02, nesterov=True),
                 lambda p: torch.optim.SGD(p, 0.02, momentum=0.9, nesterov=True)),
    "adam": (lambda p: optim.Adam(p, 0.01, betas=(0.8, 0.95)), lambda p: torch.optim.Adam(p, 0.01, betas=(0.8, 0.95))),
    "adamw": (lambda p: optim.AdamW(p, 0.01, decay=0.1), lambda p: torch.optim.AdamW(p, 0.01, weight_decay=0.1)),
}


def net():
    return MLP(6, 8, 3, activation="tanh", seed=1).double()


def batch(seed):
    g = torch.Generator().manual_seed(seed)
    return torch.randn(20, 6, generator=g, dtype=torch.float64), torch.randint(0, 3, (20,), generator=g)


class Array:
    """A NumPy parameter: all that an optimizer asks of one."""
    def __init__(self, data):
        self.data, self.grad = data, None


def worst(a, b):
    return max(float((p - q).detach().abs().max()) for p, q in zip(a.parameters(), b.parameters(), strict=True))


@pytest.mark.parametrize("name", TWINS)
def test_equals_its_torch_twin_over_100_steps(name):
    ours, theirs = net(), net()
    a, b = TWINS[name][0](ours.parameters()), TWINS[name][1](theirs.parameters())
    schedule = optim.warmup(10, optim.cosine(90, floor=0.1))
    base = b.param_groups[0]["lr"]
    for t in range(100):
        a.zero_grad()
        losses.cross_entropy(ours, batch(t)).mean.backward()
        a.step(schedule(t))
        b.zero_grad()
        losses.cross_entropy(theirs, batch(t)).mean.backward()
        b.param_groups[0]["lr"] = base * schedule(t)
        b.step()
    assert worst(ours, theirs) < 1e-12
    assert worst(ours, net()) > 0.05


@pytest.mark.parametrize("name", TWINS)
def test_numpy_parameters_take_the_same_steps(name):
    g = torch.Generator().manual_seed(0)
    start = torch.randn(4, 3, generator=g, dtype=torch.float64)
    p, q = torch.nn.Parameter(start.clone()), Array(start.numpy().copy())
    a, b = TWINS[name][0]([p]), TWINS[name][0]([q])
    a.clip = b.clip = 1.5
    for _ in range(100):
        grad = torch.randn(4, 3, generator=g, dtype=torch.float64)
        p.grad, q.grad = grad.clone(), grad.numpy().copy()
        a.step(0.7)
        b.step(0.7)
        assert float(a.norm) == pytest.approx(b.norm, rel=1e-12)
    assert np.abs(p.detach().numpy() - q.data).max() < 1e-12


@pytest.mark.parametrize("name", TWINS)
def test_a_missing_gradient_counts_as_zero(name):
    g = torch.Generator().manual_seed(0)
    start = torch.randn(3, generator=g, dtype=torch.float64)
    a, b = [[torch.nn.Parameter(start.clone()) for _ in range(2)] for _ in range(2)]
    left, right = TWINS[name][0](a), TWINS[name][0](b)
    for step in range(12):
        grads = [torch.randn(3, generator=g, dtype=torch.float64) for _ in range(2)]
        missing = step % 3 == 0
        for p, q, grad in zip(a, b, grads, strict=True):
            p.grad, q.grad = grad.clone(), grad.clone()
        if missing:
            a[1].grad, b[1].grad = None, torch.zeros_like(start)
        left.step()
        right.step()
    assert all(torch.allclose(p, q, rtol=0, atol=1e-14) for p, q in zip(a, b, strict=True))


def test_muon_equals_its_torch_twin_but_for_bfloat16(monkeypatch):
    """torch orthogonalises in bfloat16; with ours in its place, in float64, all the rest is equal over 100 steps."""
    import torch.optim._muon as twin
    g = torch.Generator().manual_seed(0)
    for shape in ((8, 5), (5, 8), (6, 6)):
        x = torch.randn(shape, generator=g, dtype=torch.float64)
        theirs = twin._zeropower_via_newtonschulz(x, (3.4445, -4.775, 2.0315), 5, 1e-7).double()
        assert (optim.orthogonalize(x) - theirs).norm() < 0.03 * theirs.norm()
        assert (optim.orthogonalize(x, torch.bfloat16) - theirs).norm() < 0.15 * theirs.norm()      # rounding in bfloat16
    monkeypatch.setattr(twin, "_zeropower_via_newtonschulz", lambda x, *_: optim.orthogonalize(x))
    start = [torch.randn(shape, generator=g, dtype=torch.float64) for shape in ((8, 5), (5, 8))]
    ours, theirs = [[torch.nn.Parameter(x.clone()) for x in start] for _ in range(2)]
    a, b = optim.Muon(ours, rate=0.02, decay=0.1), torch.optim.Muon(theirs, lr=0.02, weight_decay=0.1)
    for _ in range(100):
        for p, q in zip(ours, theirs, strict=True):
            p.grad = torch.randn(p.shape, generator=g, dtype=torch.float64)
            q.grad = p.grad.clone()
        a.step()
        b.step()
    assert all((p - q).detach().abs().max() < 1e-12 for p, q in zip(ours, theirs, strict=True))


def test_muon_stacks_matrices_of_one_shape_and_steps_as_if_one_by_one():
    """`update` is the rule for one matrix (NumPy takes it too); `update_together` does all of a shape in one call."""
    g = torch.Generator().manual_seed(0)
    shapes = ((8, 5), (5, 8), (8, 5), (6, 6), (4, 3, 2, 2), (8, 5))
    start = [torch.randn(shape, generator=g, dtype=torch.float64) for shape in shapes]
    together, alone = [[torch.nn.Parameter(x.clone()) for x in start] for _ in range(2)]
    a, b = [optim.Muon(ps, rate=0.02, decay=0.1, clip=5.0) for ps in (together, alone)]
    b.update_together = lambda *args: optim.Optimizer.update_together(b, *args)
    for step in range(20):
        for p, q in zip(together, alone, strict=True):
            p.grad = torch.randn(p.shape, generator=g, dtype=torch.float64)
            q.grad = p.grad.clone()
        if step % 5 == 0:
            together[2].grad = None
            alone[2].grad = torch.zeros_like(alone[2])
        a.step(0.7)
        b.step(0.7)
    assert all((p - q).detach().abs().max() < 1e-12 for p, q in zip(together, alone, strict=True))
    assert all((p - x).detach().abs().max() > 0.01 for p, x in zip(together, start, strict=True))


def test_muon_makes_directions_equally_strong_and_leaves_the_rest_to_adamw():
    g = torch.Generator().manual_seed(0)
    x = torch.randn(4, 30, 20, generator=g, dtype=torch.float64) @ torch.diag(torch.logspace(0, -2, 20, dtype=torch.float64))
    s = torch.linalg.svdvals(optim.orthogonalize(x))
    assert float(s.min()) > 0.6 and float(s.max()) < 1.3 and float(torch.linalg.svdvals(x).max()) > 5
    u, _, vt = torch.linalg.svd(x, full_matrices=False)
    cosine = (optim.orthogonalize(x) * (u @ vt)).sum((1, 2)) / (optim.orthogonalize(x).norm(dim=(1, 2)) * 20**0.5)
    assert float(cosine.min()) > 0.97
    assert np.abs(optim.orthogonalize(x.numpy()) - optim.orthogonalize(x).numpy()).max() < 1e-12
    matrix, vector, table, kernel = (torch.nn.Parameter(torch.randn(s, generator=g)) for s in ((4, 3), 4, (9, 3), (4, 3, 2, 2)))
    muon = optim.Muon([matrix, vector, table, kernel], adam=[table], adam_rate=0.01)
    assert [[id(p) for p in group.params] for group in muon.groups] == [[id(matrix), id(kernel)], [id(vector), id(table)]]
    twin = torch.nn.Parameter(vector.detach().clone())
    adamw = optim.AdamW([twin], rate=0.01, decay=0.0)
    for _ in range(5):
        for p in (matrix, vector, table, kernel):
            p.grad = torch.randn(p.shape, generator=g)
        twin.grad = vector.grad.clone()
        muon.step()
        adamw.step()
    assert torch.allclose(vector, twin)


def test_groups_have_their_own_rate_and_decay():
    p, q = torch.nn.Parameter(torch.ones(1)), torch.nn.Parameter(torch.ones(1))
    optimizer = optim.AdamW([{"params": [p], "rate": 0.5, "decay": 0.5}, {"params": [q]}], rate=0.1, decay=0.0)
    p.grad = q.grad = torch.zeros(1)
    optimizer.step()
    assert (p.item(), q.item()) == (0.75, 1.0)


@pytest.mark.parametrize("name", TWINS)
def test_a_torch_optimizer_trains_under_the_trainer(name):
    ours, theirs = net(), net()
    schedule = optim.cosine(30)
    Trainer(ours, losses.cross_entropy, TWINS[name][0](ours.parameters()), schedule=schedule).fit([batch(0)], steps=30)
    wrapped = optim.FromTorch(TWINS[name][1](theirs.parameters()))
    Trainer(theirs, losses.cross_entropy, wrapped, schedule=schedule).fit([batch(0)], steps=30)
    assert worst(ours, theirs) < 1e-12


@settings(max_examples=50, deadline=None)
@given(limit=st.floats(1e-3, 1e3), seed=st.integers(0, 99), size=st.floats(1e-3, 1e3))
def test_clipping_equals_torch_and_keeps_the_direction(limit, seed, size):
    g = torch.Generator().manual_seed(seed)
    grads = [torch.randn(shape, generator=g, dtype=torch.float64) * size for shape in ((3, 4), (5,), ())]
    ours, theirs = [[torch.nn.Parameter(torch.zeros_like(grad)) for grad in grads] for _ in range(2)]
    for p, q, grad in zip(ours, theirs, grads, strict=True):
        p.grad, q.grad = grad.clone(), grad.clone()
    arrays = [Array(None) for _ in grads]
    for array, grad in zip(arrays, grads, strict=True):
        array.grad = grad.numpy().copy()
    before = optim.clip_global_norm(ours, limit)
    assert float(before) == pytest.approx(float(torch.nn.utils.clip_grad_norm_(theirs, limit)), rel=1e-12)
    assert optim.clip_global_norm(arrays, limit) == pytest.approx(float(before), rel=1e-12)
    for p, q, array, grad in zip(ours, theirs, arrays, grads, strict=True):
        assert torch.allclose(p.grad, q.grad, rtol=1.1e-6 / limit, atol=0)          # torch adds 1e-6 to the norm, we do not
        assert np.allclose(array.grad, p.grad.numpy(), rtol=1e-12, atol=0)
        assert torch.allclose(p.grad, grad * min(1.0, limit / float(before)), rtol=1e-12)


def test_clipping_nothing_is_nothing():
    p = torch.nn.Parameter(torch.ones(2))
    assert float(optim.clip_global_norm([p], 1.0)) == 0.0
    p.grad = torch.zeros(2)
    assert float(optim.clip_global_norm([p], 1.0)) == 0.0 and p.grad.tolist() == [0.0, 0.0]


def test_schedules():
    p = torch.nn.Parameter(torch.ones(1))
    theirs = torch.optim.SGD([p], lr=2.0)
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(theirs, T_max=50, eta_min=0.2)
    ours = optim.cosine(50, floor=0.1)
    for t in range(50):
        assert 2.0 * ours(t) == pytest.approx(theirs.param_groups[0]["lr"], rel=1e-9)
        p.grad = torch.zeros(1)
        theirs.step()
        cosine.step()
    assert ours(10**6) == pytest.approx(0.1)
    warm = optim.warmup(4)
    assert [warm(t) for t in range(6)] == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]
    assert optim.constant()(123) == 1.0


def test_bad_input_gets_one_sentence():
    model = net()
    parameters = model.parameters()
    list(parameters)
    with pytest.raises(ValueError, match="no parameters.*used up"):
        optim.SGD(parameters, 0.1)
    with pytest.raises(ValueError, match="rate is -1"):
        optim.SGD(net().parameters(), -1.0)
    with pytest.raises(ValueError, match="rate is nan"):
        optim.Adam(net().parameters(), float("nan"))
    with pytest.raises(ValueError, match="cosine: steps is 0"):
        optim.cosine(0)
    with pytest.raises(ValueError, match="warmup: steps is 0"):
        optim.warmup(0)
