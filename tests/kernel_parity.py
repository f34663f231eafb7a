"""What holds for the kernels on every machine: values and gradients equal those of the references in float64.

These tests run three times: by `test_kernels.py` on a CPU, where the public names are PyTorch's own operations; in a process of
their own with TRITON_INTERPRET=1, where they are the kernels, interpreted; and on a GPU where there is one, where they are the
kernels. Memory that nobody wrote is NaN in all of them.
"""
import math
from functools import partial

import pytest
import torch

from minitrain import losses, optim
from minitrain.kernels import adamw, attention, cross_entropy, lang, matmul, norm, softmax, vector_add
from minitrain.models.cache import Cache
from minitrain.models.transformer import Transformer

# NumPy, which interprets, warns of inf - inf, PyTorch of operations that may differ from run to run, instead of refusing them.
pytestmark = [pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning"),
              pytest.mark.filterwarnings("ignore:.*deterministic:UserWarning")]
DTYPES = [torch.float32, torch.bfloat16, torch.float16]
# at most, relative; the interpreter cuts bfloat16 off where a GPU rounds
ROUNDING = {torch.float32: 2**-24, torch.float16: 2**-11, torch.bfloat16: 2**-7 if lang.INTERPRETED else 2**-8}
on_every_device = pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
interpreted = pytest.mark.skipif(not lang.INTERPRETED, reason="of the kernels alone: runs in the interpreter")


on_kernels = pytest.mark.parametrize("device", [pytest.param("cpu", marks=interpreted),
                                                pytest.param("cuda", marks=pytest.mark.gpu)])


@pytest.fixture(autouse=True)
def poisoned():
    """Fresh memory holds NaN, so that a result which depends on what was there before shows it."""
    torch.use_deterministic_algorithms(True, warn_only=True)
    assert torch.empty(3).isnan().all()
    yield
    torch.use_deterministic_algorithms(False)


def cases():
    """name, public operation, reference, shapes of its inputs, and how many roundings of its dtype a result may be off."""
    for shape in ((1,), (1025,), (3, 5, 7)):
        yield f"add-{shape}", vector_add.add, vector_add.reference, [shape, shape], 1
    for shape in ((1, 1), (5, 7), (2, 3, 100), (3, 20_000)):
        yield f"softmax-{shape}", softmax.softmax, softmax.reference, [shape], 2
    for M, K, N in ((1, 1, 1), (40, 50, 70), (33, 64, 32)):
        yield f"matmul-{M}-{K}-{N}", matmul.matmul, matmul.reference, [(M, K), (K, N)], 3
    for activation in ("relu", "gelu", "silu"):
        how, shapes = dict(activation=activation), [(2, 9, 20), (20, 37), (37,)]
        yield f"matmul-{activation}", partial(matmul.matmul, **how), partial(matmul.reference, **how), shapes, 4
    for shape in ((1, 3), (9, 7), (2, 3, 96), (3, 5000)):
        one = shape[-1:]
        yield f"layer-{shape}", norm.layer_norm, norm.reference_layer_norm, [shape, one, one], 4
        yield f"rms-{shape}", norm.rms_norm, norm.reference_rms_norm, [shape, one], 4
    yield ("layer-sum", lambda x, r, w, b: norm.layer_norm(x, w, b, residual=r),
           lambda x, r, w, b: norm.reference_layer_norm(x, w, b, residual=r), [(17, 20), (17, 20), (20,), (20,)], 3)
    yield "layer-no-bias", norm.layer_norm, norm.reference_layer_norm, [(17, 20), (20,)], 3
    yield ("rms-sum", lambda x, r, w: norm.rms_norm(x, w, residual=r),
           lambda x, r, w: norm.reference_rms_norm(x, w, residual=r), [(17, 20), (17, 20), (20,)], 3)
    for rows, V in ((1, 2), (7, 100), (3, 20_000)):
        y = targets(rows, V)
        yield (f"cross-entropy-{rows}-{V}", lambda z, y=y: cross_entropy.cross_entropy(z, y.to(z.device)),
               partial(cross_entropy.reference_cross_entropy, targets=y), [(rows, V)], 4)
    y = targets(11, 100)
    y[[0, 5]] = -100
    yield ("cross-entropy-ignored", lambda z, y=y: cross_entropy.cross_entropy(z, y.to(z.device)),
           partial(cross_entropy.reference_cross_entropy, targets=y), [(11, 100)], 4)
    yield ("linear-cross-entropy", lambda x, w, y=y: cross_entropy.linear_cross_entropy(x, w, y.to(x.device)),
           partial(cross_entropy.reference_linear_cross_entropy, targets=y), [(11, 24), (100, 24)], 24)
    for B, H, T, D in ((1, 1, 1, 1), (2, 1, 70, 24), (1, 2, 70, 24), (1, 1, 128, 16)):
        yield f"attention-{B}-{H}-{T}-{D}", attention.attention, attention.reference, [(B, H, T, D)] * 3, 8
    how = dict(scale=0.3)
    yield "attention-scale", partial(attention.attention, **how), partial(attention.reference, **how), [(1, 2, 33, 8)] * 3, 8


def targets(rows, V):
    return torch.randint(V, (rows,), generator=torch.Generator().manual_seed(V))


CASES = {name: rest for name, *rest in cases()}
FEW = ["add-(3, 5, 7)", "softmax-(2, 3, 100)", "softmax-(3, 20000)", "matmul-40-50-70", "matmul-gelu", "layer-sum", "rms-sum",
       "cross-entropy-ignored", "linear-cross-entropy", "attention-2-1-70-24"]


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    """Eleven rows are three parts of the linear cross-entropy."""
    monkeypatch.setattr(cross_entropy, "FEWEST", 4)


def leaves(shapes, dtype, device, layout=lambda shape, generator: torch.randn(shape, generator=generator)):
    g = torch.Generator().manual_seed(0)
    return [layout(shape, g).to(dtype).to(device).detach().requires_grad_() for shape in shapes]


def run(operation, inputs, dy=None):
    """Outputs and gradients, on the CPU in float64. dy: None for random ones, or what to call on the outputs."""
    out = operation(*inputs)
    out = out if isinstance(out, tuple) else (out,)
    g = torch.Generator().manual_seed(1)
    dys = [(torch.randn(y.shape, generator=g).to(inputs[0].dtype).to(y) if dy is None else dy(y)) for y in out]
    torch.autograd.backward(out, dys)
    return [t.detach().cpu().double() for t in (*out, *(x.grad for x in inputs))], [t.detach().cpu().double() for t in dys]


def compare(operation, reference, inputs, roundings, dy=None):
    got, dys = run(operation, inputs, dy)
    exact = [x.detach().cpu().double().requires_grad_() for x in inputs]
    out = reference(*exact)
    out = out if isinstance(out, tuple) else (out,)
    torch.autograd.backward(out, dys)
    expected = [*(y.detach() for y in out), *(x.grad for x in exact)]
    allowed = roundings * ROUNDING[inputs[0].dtype]
    for mine, right in zip(got, expected, strict=True):
        assert mine.shape == right.shape
        # of the whole, or, where it cancels to nearly nothing, of the size of one number each
        error = (mine - right).norm() / max(float(right.norm()), 1e-3 * math.sqrt(right.numel()))
        assert error <= allowed, f"off by {error / ROUNDING[inputs[0].dtype]:.1f} roundings, {roundings} allowed"


@on_every_device
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients_are_those_of_the_reference_in_float64(name, dtype, device):
    operation, reference, shapes, roundings = CASES[name]
    compare(operation, reference, leaves(shapes, dtype, device), roundings)


def every_other(shape, generator):
    """Numbers of a row lie two apart."""
    return torch.randn((*shape[:-1], 2 * shape[-1]), generator=generator)[..., ::2]


def rows_apart(shape, generator):
    return torch.randn((2 * shape[0], *shape[1:]), generator=generator)[::2]


def turned(shape, generator):
    return torch.randn(shape[::-1], generator=generator).permute(*range(len(shape))[::-1])


def one_row(y):
    row = torch.randn(y.shape[-1:], generator=torch.Generator().manual_seed(1)).to(y)
    return row.expand(y.shape)


@on_every_device
@pytest.mark.parametrize("layout", [every_other, rows_apart, turned])
@pytest.mark.parametrize("name", FEW)
def test_inputs_and_gradients_may_lie_anyhow(name, layout, device):
    """The gradients of an average over rows are one row, seen at every place: its strides are zero."""
    operation, reference, shapes, roundings = CASES[name]
    inputs = leaves(shapes, torch.float32, device, layout)
    assert not inputs[0].is_contiguous()
    compare(operation, reference, inputs, roundings, dy=one_row)


@on_every_device
@pytest.mark.parametrize("operation, shapes, result", [
    (vector_add.add, [(0,), (0,)], (0,)), (softmax.softmax, [(0, 7)], (0, 7)), (softmax.softmax, [(3, 0)], (3, 0)),
    (matmul.matmul, [(0, 5), (5, 3)], (0, 3)), (matmul.matmul, [(4, 5), (5, 0)], (4, 0)),
    (matmul.matmul, [(4, 0), (0, 3)], (4, 3)),
    (norm.layer_norm, [(0, 5), (5,), (5,)], (0, 5)), (norm.rms_norm, [(2, 0, 5), (5,)], (2, 0, 5)),
    (attention.attention, [(0, 2, 5, 4)] * 3, (0, 2, 5, 4))])
def test_nothing_in_is_nothing_out(operation, shapes, result, device):
    inputs = leaves(shapes, torch.float32, device)
    y = operation(*inputs)
    assert y.shape == result
    y.sum().backward()
    assert all(x.grad.shape == x.shape and not x.grad.any() for x in inputs) and not y.any()


@on_every_device
def test_a_mean_over_no_targets_is_not_a_number(device):
    y = torch.full((3,), -100, device=device)
    x, w = leaves([(3, 4), (5, 4)], torch.float32, device)
    assert cross_entropy.cross_entropy(x, y).isnan()
    loss = cross_entropy.linear_cross_entropy(x, w, y)
    loss.backward()
    assert loss.isnan()


INF, NAN = math.inf, math.nan
ROWS = [[1.0, 2.0, 3.0], [NAN, 2.0, 3.0], [INF, 2.0, 3.0], [-INF, 2.0, 3.0], [-INF, -INF, 3.0], [-INF] * 3, [INF, INF, 1.0],
        [3e38, -3e38, 0.0]]


@on_every_device
@pytest.mark.parametrize("width", [3, 20_000])
def test_nan_and_inf_pass_through_rows_as_in_the_reference(width, device):
    x = torch.zeros(len(ROWS), width)
    x[:, :] = -INF
    x[:, [0, 1, -1]] = torch.tensor(ROWS)                           # long rows begin in one piece and end in another
    given, y = x.to(device), torch.full((len(ROWS),), width - 1)
    assert softmax.softmax(given).cpu().double().allclose(softmax.reference(x.double()), equal_nan=True)
    for row in range(len(ROWS)):
        loss = cross_entropy.cross_entropy(given[row:row + 1], y[:1].to(device)).cpu().double()
        assert loss.allclose(cross_entropy.reference_cross_entropy(x[row:row + 1].double(), y[:1]), equal_nan=True), ROWS[row]


@on_every_device
def test_nan_and_inf_stay_in_their_rows(device):
    """Of norms, and of a matmul with its activations, forward and backward."""
    x, w = torch.tensor(ROWS), torch.ones(3)
    for mine, reference in ((norm.layer_norm, norm.reference_layer_norm), (norm.rms_norm, norm.reference_rms_norm)):
        got, right = mine(x[:-1].to(device), w.to(device)).cpu(), reference(x[:-1], w)
        assert got.allclose(right, atol=1e-5, equal_nan=True)
        assert got[0].isfinite().all() and got[1].isnan().all()
    for activation in matmul.ACTIVATIONS:
        a = x[:4].to(device).requires_grad_()
        y = matmul.matmul(a, torch.eye(3, device=device), None, activation)
        right = matmul.reference(x[:4].double(), torch.eye(3).double(), None, activation)
        if activation == "gelu" and not lang.runs_here(a):
            right[2, 0] = NAN                                       # PyTorch's own of inf, where it takes several numbers at once
        assert y.detach().cpu().double().allclose(right, atol=1e-6, equal_nan=True), activation
        y.sum().backward()
        assert a.grad[0].isfinite().all()


@on_every_device
def test_nan_reaches_those_that_may_see_it_and_nobody_else(device):
    q, k, v = (torch.randn(1, 1, 90, 8, generator=torch.Generator().manual_seed(i)) for i in range(3))
    for broken in ("q", "k", "v"):
        given = dict(q=q.clone(), k=k.clone(), v=v.clone())
        given[broken][0, 0, 40, 3] = NAN
        got = attention.attention(*(x.to(device) for x in given.values())).cpu()
        if broken == "v":                                           # 0 · NaN: within a tile, those before it may be NaN, too
            assert got[0, 0, 40:, 3].isnan().all() and got[0, 0, :, :3].isfinite().all()
        else:
            right = attention.reference(**given)
            assert right.isnan().any() and got.allclose(right, atol=1e-5, equal_nan=True)


@on_every_device
def test_norms_of_mixed_dtypes_keep_the_stream_exact(device):
    """As autocast leaves them: a part in bfloat16 is added to a stream in float32, and leaves the norm in bfloat16."""
    x, = leaves([(9, 40)], torch.bfloat16, device)
    r, w, b = leaves([(9, 40), (40,), (40,)], torch.float32, device)
    for mine, reference, more in ((norm.layer_norm, norm.reference_layer_norm, [b]),
                                  (norm.rms_norm, norm.reference_rms_norm, [])):
        y, h = mine(x, w, *more, residual=r, dtype=torch.bfloat16)
        assert (y.dtype, h.dtype) == (torch.bfloat16, torch.float32)
        inputs = [x, r, w, *more]
        for t in inputs:
            t.grad = None
        torch.autograd.backward([y, h], [torch.ones_like(y), 2 * torch.ones_like(h)])
        exact = [t.detach().double().cpu().requires_grad_() for t in inputs]
        yy, hh = reference(exact[0], exact[2], *exact[3:], residual=exact[1])
        torch.autograd.backward([yy, hh], [torch.ones_like(yy), 2 * torch.ones_like(hh)])
        assert (h.detach().cpu() - hh).abs().max() < 1e-6 and (y.detach().cpu() - yy).norm() < 2**-8 * yy.norm()
        for t, right in zip(inputs, exact):
            assert t.grad.dtype == t.dtype
            assert (t.grad.cpu() - right.grad).norm() < 2 * ROUNDING[t.dtype] * right.grad.norm() + 1e-5, t.dtype


@on_every_device
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_a_norm_is_of_the_sum_as_it_was_rounded(dtype, device):
    """So that a sum and a norm in two steps give the same bits, and the gradient is that of what was computed."""
    x, r, w = leaves([(9, 40), (9, 40), (40,)], dtype, device)
    for mine in (norm.layer_norm, norm.rms_norm):
        y, h = mine(x, w, residual=r)
        assert h.equal(x + r) or lang.INTERPRETED
        assert y.equal(mine(h.detach(), w))


@on_every_device
def test_under_autocast_products_are_made_in_its_dtype(device):
    x, w, y = *leaves([(11, 24), (100, 24)], torch.float32, device), targets(11, 100).to(device)
    q = leaves([(1, 2, 20, 8)], torch.float32, device)[0]
    with torch.autocast(device, torch.bfloat16):
        assert matmul.matmul(x, w.T).dtype == attention.attention(q, q, q).dtype == torch.bfloat16
        loss = cross_entropy.linear_cross_entropy(x, w, y)
    loss.backward()
    assert loss.dtype == x.grad.dtype == w.grad.dtype == torch.float32
    exact = [t.detach().cpu().double().requires_grad_() for t in (x, w)]
    right = cross_entropy.reference_linear_cross_entropy(*exact, y.cpu())
    right.backward()
    assert abs(loss.item() - right.item()) < 0.02 * right.item()
    assert all((t.grad.cpu() - e.grad).norm() < 0.02 * e.grad.norm() for t, e in zip((x, w), exact))


@on_every_device
@pytest.mark.parametrize("p_dtype, m_dtype", [(torch.float32, torch.float32), (torch.bfloat16, torch.float32),
                                              (torch.bfloat16, torch.bfloat16), (torch.float16, torch.float16)], ids=str)
def test_adamw_takes_the_steps_of_the_reference(p_dtype, m_dtype, device):
    """Many tensors of all sizes; one gradient transposed, one parameter not aligned, one with gaps."""
    g = torch.Generator().manual_seed(0)
    shapes = [(5, 7), (), (0,), (3, 4, 5), (9000,), (4096,), (11,), (6, 5)]

    def some(dtype, size=1.0):
        return [(size * torch.randn(shape, generator=g)).to(dtype).to(device) for shape in shapes]

    p, m, v = some(p_dtype), some(m_dtype, 0.1), [t.abs() for t in some(m_dtype, 0.01)]
    for kept in (p, m, v):
        kept[-2] = torch.cat([kept[-2], kept[-2]])[1:12]            # 2 or 4 bytes beyond a multiple of 16
        kept[-1] = torch.cat([kept[-1], kept[-1]])[::2]
    for step in (1, 2, 100):
        grads = some(p_dtype)
        grads[0] = grads[0].T.contiguous().T
        exact = [[t.cpu().double() for t in tensors] for tensors in (p, grads, m, v)]
        how = dict(step=step, rate=0.01, betas=(0.8, 0.95), eps=1e-6, decay=0.1)
        before = [t.clone() for t in grads]
        adamw.adamw_(p, grads, m, v, **how)
        adamw.reference(*exact, **how)
        assert all(t.equal(b) for t, b in zip(grads, before))
        for mine, right in zip((p, m, v), (exact[0], exact[2], exact[3])):
            for a, b in zip(mine, right):
                assert (a.cpu() - b).norm() <= 2 * ROUNDING[a.dtype] * b.norm() + 1e-7 * b.numel() ** 0.5


@on_every_device
def test_adamw_equals_torch_over_20_steps(device):
    g = torch.Generator().manual_seed(0)
    start = [torch.randn(shape, generator=g).to(device) for shape in ((30, 20), (5000,), (3,))]
    theirs = [torch.nn.Parameter(t.clone()) for t in start]
    ours, m, v = [t.clone() for t in start], [torch.zeros_like(t) for t in start], [torch.zeros_like(t) for t in start]
    optimizer = torch.optim.AdamW(theirs, lr=0.01, betas=(0.9, 0.95), weight_decay=0.1)
    for step in range(1, 21):
        grads = [torch.randn(t.shape, generator=g).to(device) for t in start]
        for p, grad in zip(theirs, grads):
            p.grad = grad.clone()
        optimizer.step()
        adamw.adamw_(ours, grads, m, v, step=step, rate=0.01, betas=(0.9, 0.95), decay=0.1)
    assert all((a - b).abs().max() < 2e-6 and (a - s).abs().max() > 0.01 for a, b, s in zip(ours, theirs, start))


@on_kernels
def test_the_optimizer_steps_with_the_kernel_and_as_its_torch_twin(device, monkeypatch):
    calls = []
    monkeypatch.setattr(optim, "adamw_", lambda *a, **k: calls.append(len(a[0])) or adamw.adamw_(*a, **k))
    start = [torch.randn(s, generator=torch.Generator().manual_seed(0)).to(device) for s in ((30, 20), (7,))]
    ours, theirs = ([torch.nn.Parameter(t.clone()) for t in start] for _ in range(2))
    a, b = optim.AdamW(ours, rate=0.01, decay=0.1), torch.optim.AdamW(theirs, lr=0.01, weight_decay=0.1)
    for _ in range(5):
        for params, optimizer in ((ours, a), (theirs, b)):
            sum((p * p).sum() for p in params).backward()
            optimizer.step()
            optimizer.zero_grad()
    assert calls == [2] * 5 and all((p - q).abs().max() < 2e-6 for p, q in zip(ours, theirs))


@on_every_device
def test_adamw_is_noticed_by_autograd(device):
    p = torch.ones(3, device=device, requires_grad=True)
    loss = (p * p).sum()
    adamw.adamw_([p], [torch.ones_like(p)], [torch.zeros_like(p)], [torch.zeros_like(p)], step=1, rate=0.1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


@on_kernels
def test_a_second_backward_through_a_loss_that_gave_its_gradient_away_raises(device):
    x, w, y = *leaves([(11, 24), (100, 24)], torch.float32, device), targets(11, 100).to(device)
    for loss in (cross_entropy.cross_entropy(x @ w.T, y), cross_entropy.linear_cross_entropy(x, w, y)):
        loss.backward(retain_graph=True)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            loss.backward()


@on_kernels
def test_a_target_out_of_range_is_nan_and_nobody_waits_for_it(device):
    z, = leaves([(3, 10)], torch.float32, device)
    for wrong in (10, -1, 2**40):
        z.grad = None
        loss = cross_entropy.cross_entropy(z, torch.tensor([1, wrong, 2], device=device))
        loss.backward()
        assert loss.isnan() and z.grad[1].isnan().all() and z.grad[[0, 2]].isfinite().all()


@on_kernels
def test_linear_cross_entropy_never_holds_all_logits(device, monkeypatch):
    """Of 64 rows it holds 4 at a time, a sixteenth, in one place that is used again and again."""
    seen, rows = set(), cross_entropy._rows
    monkeypatch.setattr(cross_entropy, "_rows", lambda z, *more: seen.add((z.untyped_storage().data_ptr(),
                                                                            z.untyped_storage().nbytes())) or rows(z, *more))
    x, w, y = *leaves([(64, 8), (640, 8)], torch.float32, device), targets(64, 640).to(device)
    cross_entropy.linear_cross_entropy(x, w, y).backward()
    (_, size), = seen
    assert size == 4 * 640 * 4


@on_kernels
def test_the_same_bits_every_time(device):
    for name in FEW:
        operation, _, shapes, _ = CASES[name]
        first, second = (run(operation, leaves(shapes, torch.bfloat16, device))[0] for _ in range(2))
        assert all(a.equal(b) for a, b in zip(first, second)), name


@on_kernels
def test_torch_compile_calls_the_kernels_as_they_are(device):
    """In one graph, and with the gradients of the plain call."""
    x, w, gain = leaves([(1, 16, 24), (50, 24), (24,)], torch.float32, device)
    y = targets(16, 50).view(1, 16).to(device)

    def loss(x, w, gain):
        h, x = norm.rms_norm(x, gain, residual=torch.relu(x))
        q, k, v = (h * i for i in (1, 2, 3))
        q, k, v = (t.view(1, 16, 3, 8).transpose(1, 2) for t in (q, k, v))
        h = x + attention.attention(q, k, v).transpose(1, 2).reshape(1, 16, 24)
        h = softmax.softmax(matmul.matmul(h, w.T, None, "gelu")) @ w + norm.layer_norm(h, gain, 2 * gain)
        logits = vector_add.add(h @ w.T, h @ w.T * 2)
        return cross_entropy.linear_cross_entropy(h, w, y) * 3 + cross_entropy.cross_entropy(logits, y)

    plain, _ = run(loss, [x, w, gain])
    for t in (x, w, gain):
        t.grad = None
    graph, _ = run(torch.compile(loss, fullgraph=True, backend="aot_eager"), [x, w, gain])
    assert all(a.allclose(b, atol=1e-6) for a, b in zip(plain, graph)) and plain[1].any()


@on_every_device
@pytest.mark.parametrize("options", [dict(norm="layer", bias=True), dict(norm="rms", positions="rotary", tied=False)], ids=str)
def test_a_transformer_is_the_same_on_kernels_and_off_them(options, device):
    """Logits and all gradients; packed documents and a cache, whose attention the kernel does not do, too."""
    ids = targets(60, 50).view(2, 30).to(device)
    documents = (torch.arange(30) // 11).expand(2, -1).to(device)
    on, off = (Transformer(50, context=30, layers=2, heads=2, width=16, kernels=kernels, **options).to(device)
               for kernels in (True, False))
    with torch.no_grad():
        for p, q in zip(on.parameters(), off.parameters()):
            q += 0.1 * torch.randn(q.shape, generator=torch.Generator().manual_seed(q.numel())).to(device)  # no identities
            p.copy_(q)
        assert on(ids, documents=documents).allclose(off(ids, documents=documents), atol=1e-5)
        caches = Cache(on, rows=2), Cache(off, rows=2)
        for part in (ids[:, :20], ids[:, 20:21]):
            assert on(part, cache=caches[0]).allclose(off(part, cache=caches[1]), atol=1e-5)
    for model in (on, off):
        model.logits = model(ids)
        model.logits.square().mean().backward()
    assert on.logits.allclose(off.logits, atol=1e-5) and on.logits.std() > 0.1
    for (name, p), q in zip(on.named_parameters(), off.parameters()):
        assert (p.grad - q.grad).norm() < 1e-5 * q.grad.norm() and q.grad.any(), name
    with torch.autocast(device, torch.bfloat16):
        assert (on(ids) - off(ids)).norm() < 0.03 * off(ids).norm()


@on_kernels
def test_the_next_token_loss_does_without_logits_unless_somebody_wants_them(device, monkeypatch):
    """Features and both gradients lead to the same update; hooks, a compiled model and kernels=False bring the logits back."""
    calls = []
    in_parts = cross_entropy.linear_cross_entropy
    monkeypatch.setattr(cross_entropy, "linear_cross_entropy", lambda *a: calls.append(1) or in_parts(*a))
    ids = targets(66, 50).view(2, 33).to(device)
    x, y = ids[:, :-1], ids[:, 1:].clone()
    y[0, 5] = -100
    results = {}
    for name, kernels in (("parts", None), ("logits", False), ("hook", None), ("compiled", None)):
        model = Transformer(50, context=32, layers=1, heads=2, width=16, kernels=kernels, seed=0).to(device)
        watch = model.register_forward_hook(lambda *_: None) if name == "hook" else None
        before = len(calls)
        out = losses.next_token(torch.compile(model, backend="eager") if name == "compiled" else model, (x, y))
        out.mean.backward()
        assert (len(calls) > before) == (name == "parts") and int(out.n) == 63, name
        results[name] = out.mean.detach(), model.embedding.grad
        del watch
    for name, (mean, grad) in results.items():
        assert mean.allclose(results["logits"][0]) and grad.allclose(results["logits"][1], atol=1e-6), name
    model = Transformer(50, context=32, layers=1, heads=2, width=16, kernels=None, seed=0).to(device)
    assert losses.next_token(model, (x, y.masked_fill(y == y[1, 1], 50))).mean.isnan()
    assert losses._cross_entropy_on_device(torch.zeros(3, 4, device=device), y[0, :3] * 0 + 4, losses.NONE_IGNORED).isnan()


def far_apart(device, folder, monkeypatch):
    """A function (rows, width, apart) -> a bfloat16 matrix in 6 GB of which nothing else is ever touched. Its rows lie less than
    2³¹ numbers apart, the last one beyond: what counts in 32 bits is wrong there."""
    size = 2**31 + 2**30
    if device == "cpu":
        from triton.runtime.interpreter import GridExecutor
        monkeypatch.setattr(GridExecutor, "_restore_args_dev", lambda *_: None)     # it would copy all of it onto itself
        base = torch.from_file(str(folder / "sparse"), shared=True, size=size, dtype=torch.bfloat16)
        (folder / "sparse").unlink()                                # the mapping holds what little was written
    else:
        base = torch.empty(size, dtype=torch.bfloat16, device=device)
    used = 0

    def make(rows, width, apart=2**30):
        nonlocal used
        far = base[used:].as_strided((rows, width), (apart, 1))
        far.copy_(torch.randn(rows, width, generator=torch.Generator().manual_seed(used)))
        used += width
        assert (rows - 1) * apart >= 2**31 > apart
        return far
    return make


@on_kernels
def test_offsets_beyond_31_bits(device, tmp_path, monkeypatch):
    make = far_apart(device, tmp_path, monkeypatch)
    a, b, c, w = make(3, 32), make(3, 32), make(3, 32), torch.ones(32, dtype=torch.bfloat16, device=device)
    y, m, long = torch.tensor([3, 7, 9], device=device), make(40, 16, 2**26), torch.randn(40, 8, device=device).bfloat16()
    batches = [t.view(3, 1, 1, 32).expand(3, 1, 2, 32) for t in (a, b, c)]
    heads = [t.view(1, 3, 1, 32).expand(1, 3, 2, 32) for t in (a, b, c)]
    tokens = [t.view(1, 1, 3, 32) for t in (a, b, c)]
    for f, inputs in ((softmax.softmax, [a]), (lambda x, r: norm.layer_norm(x, w, w, residual=r), [a, b]),
                      (lambda x: norm.rms_norm(x, w), [a]), (lambda z: cross_entropy.cross_entropy(z, y), [a]),
                      (lambda x, y: matmul.matmul(x, y.T), [a, b]), (lambda x: matmul.matmul(x.T, long), [m]),
                      (lambda x: matmul.matmul(long.T, x), [m]), (attention.attention, batches), (attention.attention, heads),
                      (attention.attention, tokens)):
        far, near = ([g(t.detach()).requires_grad_() for t in inputs] for g in (lambda t: t, torch.Tensor.contiguous))
        assert max(far[0].stride()) >= 2**26 > max(near[0].stride())
        mine, right = run(f, far)[0], run(f, near)[0]
        assert all(a.equal(b) for a, b in zip(mine, right, strict=True)) and right[0].any()


@pytest.mark.gpu
def test_more_than_31_bits_of_numbers_on_a_gpu():
    n = 2**31 + 5
    x = torch.zeros(n, dtype=torch.bfloat16, device="cuda")
    x[-3:] = 2.0
    z = vector_add.add(x, x)
    assert z[-3:].tolist() == [4.0] * 3 and z[-9:-3].count_nonzero() == 0
    del z
    y = softmax.softmax(x.view(1, -1)[:, -2**20:].expand(2100, 2**20))              # more than 2³¹ results
    assert y[0].equal(y[-1]) and y[-1, -1] > y[-1, 0]
    p, m, v = x, torch.zeros_like(x), torch.zeros_like(x)
    adamw.adamw_([p], [torch.ones_like(x)], [m], [v], step=1, rate=1.0, decay=0.0)
    assert p[-3:].tolist() == [1.0] * 3 and p[0] == -1.0


@interpreted
@pytest.mark.parametrize("name, operation, shapes", [
    ("add", vector_add.add, [(5,), (5,)]), ("softmax", softmax.softmax, [(2, 5)]),
    ("matmul", partial(matmul.matmul, activation="gelu"), [(3, 4), (4, 2), (2,)]),
    ("silu", partial(matmul.matmul, activation="silu"), [(2, 3), (3, 2)]),
    ("layer", lambda x, r, w, b: norm.layer_norm(x, w, b, residual=r), [(3, 4), (3, 4), (4,), (4,)]),
    ("rms", lambda x, r, w: norm.rms_norm(x, w, residual=r), [(3, 4), (3, 4), (4,)]),
    ("attention", attention.attention, [(1, 1, 4, 2)] * 3)])
def test_gradients_are_those_of_finite_differences(name, operation, shapes):
    assert torch.autograd.gradcheck(operation, leaves(shapes, torch.float64, "cpu"))


@interpreted
def test_gradients_of_the_losses_are_those_of_finite_differences():
    """Each needs a forward pass of its own, so gradcheck, which goes back many times, can not be used."""
    y = torch.tensor([2, -100, 0, 4])
    for loss, shapes in ((lambda z: cross_entropy.cross_entropy(z, y), [(4, 5)]),
                         (lambda x, w: cross_entropy.linear_cross_entropy(x, w, y), [(4, 3), (5, 3)])):
        inputs = leaves(shapes, torch.float64, "cpu")
        loss(*inputs).backward()
        with torch.no_grad():
            for x in inputs:
                for at in range(x.numel()):
                    step = torch.zeros(x.numel(), dtype=x.dtype)
                    step[at] = 1e-6
                    moved = [loss(*(t + s * step.view(x.shape) if t is x else t for t in inputs)) for s in (1, -1)]
                    assert abs((moved[0] - moved[1]) / 2e-6 - x.grad.view(-1)[at]) < 1e-8


@interpreted
def test_pytorch_finds_nothing_wrong_with_the_operators():
    def t(*shape, dtype=torch.float32):
        return torch.ones(shape, dtype=dtype)

    y, q, o, rows = torch.tensor([1, 2, 3]), t(1, 2, 5, 4), t(1, 5, 2, 4), t(1, 2, 5)
    for operator, arguments in (
            (vector_add._add, (t(3), t(3))), (softmax._softmax_forward, (t(3, 4),)),
            (softmax._softmax_backward, (t(3, 4), t(3, 4))),
            (matmul._matmul, (t(3, 4), t(4, 5), None, "gelu", True)),
            (norm._norm_forward, (t(3, 4), t(3, 4), t(4), None, 1e-5, True, torch.bfloat16)),
            (norm._norm_backward, (t(3, 4), None, t(3, 4), t(4), t(4), t(3), t(3), torch.float32, torch.float32)),
            (cross_entropy._cross_entropy, (t(3, 5), y, -100, True)), (cross_entropy._scale_, (t(3, 5), t())),
            (cross_entropy._linear_cross_entropy, (t(3, 4), t(5, 4), y, -100, torch.bfloat16, True, True)),
            (attention._attention_forward, (q, q, q, 1.0)),
            (attention._attention_backward, (q, q, q, o, rows, q, 1.0))):
        torch.library.opcheck(operator, arguments, test_utils=("test_schema", "test_faketensor"))
