"""AdamW of all parameters in one launch.

m = b1·m + (1 - b1)·g,  v = b2·v + (1 - b2)·g²,  p -= rate · (m/(1 - b1^t) / (sqrt(v/(1 - b2^t)) + eps) + decay·p).

Four numbers are read and three written for each parameter: 28 bytes in float32, for about 15 operations. Memory-bound by far. One
operation after another would move them about 3 times as often, and a launch for each of a model's few hundred tensors, most of
them small, would leave the device waiting: so one launch has all of them. Loshchilov and Hutter, 2019.
"""
from collections import defaultdict
from itertools import accumulate

import torch

from minitrain.kernels.lang import accumulator, check, constexpr, jit, on_device_of, power_of_two, runs_here, tiles, tl

BLOCK = 4_096                                               # numbers a program updates
TYPES = {getattr(torch, name): getattr(tl, name) for name in ("float32", "bfloat16", "float16", "float64")} if tl else {}


def reference(params, grads, means, squares, *, step, rate, betas=(0.9, 0.999), eps=1e-8, decay=0.01):
    b1, b2 = betas
    for p, g, m, v in zip(params, grads, means, squares):
        m.copy_(b1 * m + (1 - b1) * g)
        v.copy_(b2 * v + (1 - b2) * g * g)
        p.copy_(p - rate * (m / (1 - b1**step) / (torch.sqrt(v / (1 - b2**step)) + eps) + decay * p))


@jit
def _update(p_at, g_at, m_at, v_at, at, inside, new1, new2, eps, rate, decay, size, ACC: constexpr):
    p, g = tl.load(p_at + at, mask=inside).to(ACC), tl.load(g_at + at, mask=inside).to(ACC)
    m, v = tl.load(m_at + at, mask=inside).to(ACC), tl.load(v_at + at, mask=inside).to(ACC)
    m += new1 * (g - m)
    v += new2 * (g * g - v)
    tl.store(m_at + at, m, mask=inside)
    tl.store(v_at + at, v, mask=inside)
    tl.store(p_at + at, p - decay * p - rate * m / (tl.sqrt(v) * size + eps), mask=inside)


@jit
def _adamw_kernel(TABLE, COUNT, new1, new2, eps, rate, decay, size, P: constexpr, S: constexpr, ALIGNED: constexpr,
                  WIDTH: constexpr, BLOCK: constexpr, ACC: constexpr):
    """TABLE (6, COUNT): each tensor's first program, how many numbers it has, and where p, g, m and v lie. P and S: dtypes of p
    and g, and of m and v. new1 is 1 - b1, new2 is 1 - b2, rate is over 1 - b1^t, decay times rate, size 1/sqrt(1 - b2^t)."""
    program, tensor = tl.program_id(0), tl.arange(0, WIDTH)
    first = tl.load(TABLE + tensor, mask=tensor < COUNT, other=9223372036854775807)
    which = tl.sum((first <= program).to(tl.int32), 0) - 1                          # the last tensor that begins no later
    start = (program - tl.load(TABLE + which)) * BLOCK                              # int64, as the table is
    left = tl.load(TABLE + COUNT + which) - start
    at = start + tl.arange(0, BLOCK)
    p_at = tl.load(TABLE + 2 * COUNT + which).to(tl.pointer_type(P))
    g_at = tl.load(TABLE + 3 * COUNT + which).to(tl.pointer_type(P))
    m_at = tl.load(TABLE + 4 * COUNT + which).to(tl.pointer_type(S))
    v_at = tl.load(TABLE + 5 * COUNT + which).to(tl.pointer_type(S))
    if ALIGNED:                                                             # then 16 bytes go at once, unless a mask cuts in
        p_at, g_at = tl.multiple_of(p_at, 16), tl.multiple_of(g_at, 16)
        m_at, v_at = tl.multiple_of(m_at, 16), tl.multiple_of(v_at, 16)
    if left >= BLOCK:
        _update(p_at, g_at, m_at, v_at, at, None, new1, new2, eps, rate, decay, size, ACC)
    else:
        _update(p_at, g_at, m_at, v_at, at, tl.arange(0, BLOCK) < left, new1, new2, eps, rate, decay, size, ACC)


def _launch(params, grads, means, squares, step, rate, betas, eps, decay):
    """All of one device, one dtype of parameters and one of state; each tensor's four in one layout without gaps."""
    sizes = [p.numel() for p in params]
    first = [0, *accumulate(tiles(size, BLOCK) for size in sizes)]
    places = [[t.data_ptr() for t in tensors] for tensors in (params, grads, means, squares)]
    p, m = params[0], means[0]
    table = torch.tensor([first[:-1], sizes, *places], dtype=torch.int64, pin_memory=p.is_cuda).to(p.device, non_blocking=True)
    aligned = all(place % 16 == 0 for line in places for place in line)
    with on_device_of(p):
        _adamw_kernel[(first[-1],)](table, len(sizes), 1 - betas[0], 1 - betas[1], eps, rate / (1 - betas[0]**step), rate * decay,
                                    (1 - betas[1]**step) ** -0.5, TYPES[p.dtype], TYPES[m.dtype], aligned,
                                    power_of_two(len(sizes)), BLOCK, accumulator(p), num_warps=8)


def _without_gaps(t):
    return t.numel() == 1 + sum((n - 1) * stride for n, stride in zip(t.shape, t.stride()))


@torch.no_grad()
def adamw_(params, grads, means, squares, *, step, rate, betas=(0.9, 0.999), eps=1e-8, decay=0.01):
    """One update, in place, of all params and of what is remembered of their gradients.

    params, grads, means, squares: lists of tensors, as many and alike in shape; grads in the dtype of params, the others (zero at
    the start) in one of their own.  step: 1 for the first update.  rate: the learning rate; decay: how much of a weight goes, in
    units of it.

    >>> p, g, m, v = torch.tensor([1.0, 2.0]), torch.tensor([1.0, -1.0]), torch.zeros(2), torch.zeros(2)
    >>> adamw_([p], [g], [m], [v], step=1, rate=0.5, decay=0.0)
    >>> p, m                                                # the first step is as long as the rate, whatever the gradient
    (tensor([0.5000, 2.5000]), tensor([ 0.1000, -0.1000]))
    """
    if not len(params) == len(grads) == len(means) == len(squares):
        raise ValueError(f"adamw_: there are {len(params)} params, {len(grads)} grads, {len(means)} means and {len(squares)} "
                         "squares; there must be one of each for every parameter.")
    alike = defaultdict(list)
    for p, g, m, v in zip(params, grads, means, squares):
        check("adamw_", params=p, grads=g, means=m, squares=v)
        if not p.shape == g.shape == m.shape == v.shape or p.dtype != g.dtype or m.dtype != v.dtype:
            given = ", ".join(f"{t.dtype} {tuple(t.shape)}" for t in (p, g, m, v))
            raise ValueError("adamw_: a parameter, its gradient, mean and square must have one shape, the gradient the dtype of "
                             f"the parameter, the square that of the mean; got {given}.")
        if g.stride() != p.stride():
            g = torch.empty_like(p).copy_(g)
        even = _without_gaps(p) and p.stride() == g.stride() == m.stride() == v.stride()
        how = "here" if even and runs_here(p) and runs_here(m) else "fused" if even and p.dtype == m.dtype else "plain"
        if p.numel():
            alike[p.device, p.dtype, m.dtype, how].append((p, g, m, v))
    settings = dict(step=step, rate=rate, betas=betas, eps=eps, decay=decay)
    for (_, _, _, how), tensors in alike.items():
        {"here": _launch, "fused": _fused, "plain": _plain}[how](*map(list, zip(*tensors)), **settings)
    torch.autograd.graph.increment_version([*params, *means, *squares])     # or a graph that kept them would not notice


def _fused(params, grads, means, squares, step, rate, betas, eps, decay):
    """PyTorch's own. Tensors whose numbers lie in different orders it would mix up without a word."""
    steps = [torch.full((), float(step), device=params[0].device)] * len(params)
    torch._fused_adamw_(params, grads, means, squares, [], steps, lr=rate, beta1=betas[0], beta2=betas[1], weight_decay=decay,
                        eps=eps, amsgrad=False, maximize=False)


def _plain(params, grads, means, squares, **settings):
    reference(params, [g.to(m.dtype) for g, m in zip(grads, means)], means, squares, **settings)
