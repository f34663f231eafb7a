"""Causal attention.  s_ij = scale · q_i·k_j for j ≤ i,  p_i = softmax(s_i),  o_i = sum_j p_ij v_j.

B batches, H heads, T tokens, D numbers a head; scale is 1/sqrt(D). Below the diagonal lie T²/2 scores, each 2·D operations for
q·k and 2·D for p·v: 2·B·H·T²·D forward. Backward, dv = pᵀ·do, dp = do·vᵀ, ds = p·(dp - delta) with delta_i = o_i·do_i,
dq = scale·ds·k and dk = scale·dsᵀ·q: five products with p made again, 5·B·H·T²·D; here seven, since dq and dk, dv are made by two
kernels, each for its own rows, so that no two programs add to one place and every run gives the same bits.

Unfused, the (T, T) scores pass through memory 8 times forward and 11 times back. Fused, a tile of queries meets one tile of keys
after another, the softmax is kept online (see `softmax.py`), and only q, k, v, o and one number a row, L = log2 sum 2^(s·log2 e),
are ever in memory: 4·B·H·T·D elements. Dao et al., "FlashAttention", 2022; Dao, "FlashAttention-2", 2023.

Left out: masks other than causal, fewer heads for keys than for queries, dropout: such calls belong to PyTorch's own operation.
"""
import math

import torch
from torch.nn import functional as F

from minitrain.kernels.lang import (
    accumulator,
    autocast_dtype,
    check_same,
    constexpr,
    dot,
    jit,
    op,
    power_of_two,
    precision,
    runs_here,
    tiles,
    tl,
    tuned,
)

WIDEST = 256                    # numbers a head; beyond them a tile of keys leaves no room for others
LONGEST = 128                   # a multiple of every OWN and MET: where it divides T, no tile hangs over the end


def reference(q, k, v, scale=None):
    T = q.shape[-2]
    s = q @ k.mT * (q.shape[-1] ** -0.5 if scale is None else scale)
    s = s.masked_fill(torch.ones(T, T, dtype=torch.bool, device=q.device).triu(1), -math.inf)      # (B, H, T, T)
    return torch.softmax(s, -1) @ v


def _work(B, H, T, D, **others):
    """Operations, for the decision whether to try configurations."""
    return 2 * B * H * T * T * D


# A program owns OWN rows and meets MET others at a time. The first fits every head and chip; of the others the first call of a
# size finds the fastest. On an H100 four warps have registers for 64 rows of 128 numbers, or 128 of 64; eight for twice that.
FORWARD = [dict(OWN=64, MET=32, num_warps=4, num_stages=2), dict(OWN=64, MET=64, num_warps=4, num_stages=3),
           dict(OWN=128, MET=64, num_warps=4, num_stages=3), dict(OWN=128, MET=64, num_warps=8, num_stages=3),
           dict(OWN=128, MET=128, num_warps=8, num_stages=2)]
BACKWARD = [dict(OWN=64, MET=32, num_warps=4, num_stages=2), dict(OWN=64, MET=64, num_warps=4, num_stages=2),
            dict(OWN=128, MET=32, num_warps=4, num_stages=3), dict(OWN=128, MET=32, num_warps=8, num_stages=3),
            dict(OWN=128, MET=64, num_warps=8, num_stages=2),
            dict(OWN=128, MET=64, num_warps=8, num_stages=3)]


@jit
def _tile(X, start, stride, T, D: constexpr, ROWS: constexpr, WIDTH: constexpr, MASKED: constexpr):
    """Rows start … start + ROWS - 1 of X (T, D) as (ROWS, WIDTH), zeros around them; no mask where there is nothing around."""
    row, column = tl.arange(0, ROWS), tl.arange(0, WIDTH)
    at = X + tl.cast(start, tl.int64) * stride + row[:, None] * stride + column[None, :]
    if MASKED:
        return tl.load(at, mask=((start + row) < T)[:, None] & (column < D)[None, :], other=0.0)
    return tl.load(at)


@jit
def _place(OWN: constexpr, T, H, LAST_FIRST: constexpr):
    """This program's first row, its head counted through all batches, and batch and head within it."""
    across = tl.cdiv(T, OWN)
    tile, head = tl.program_id(0) % across, tl.program_id(0) // across
    if LAST_FIRST:                              # long programs start first, so that none is left running alone at the end
        tile = across - 1 - tile
    return tile * OWN, tl.cast(head, tl.int64), tl.cast(head // H, tl.int64), tl.cast(head % H, tl.int64)


@jit
def _meet_keys(o, largest, total, q, K, V, kt, vt, m, n, T, scale, D: constexpr, WIDTH: constexpr, DIAGONAL: constexpr,
               MASKED: constexpr, PRECISION: constexpr, OWN: constexpr, MET: constexpr):
    """Queries m … meet keys n …: one step of the online softmax."""
    k = _tile(K, n, kt, T, D, MET, WIDTH, MASKED)                                           # (MET, WIDTH)
    s = dot(q, tl.trans(k), tl.zeros((OWN, MET), o.dtype), PRECISION) * scale               # (OWN, MET)
    if DIAGONAL:
        s = tl.where((m + tl.arange(0, OWN))[:, None] >= (n + tl.arange(0, MET))[None, :], s, -float("inf"))
    larger = tl.maximum(largest, tl.max(s, 1))
    p = tl.exp2(s - larger[:, None])
    shrink = tl.exp2(largest - larger)
    v = _tile(V, n, vt, T, D, MET, WIDTH, MASKED)
    return dot(p.to(v.dtype), v, o * shrink[:, None], PRECISION), larger, total * shrink + tl.sum(p, 1)


@tuned(*FORWARD, key=["T_SIZE", "B", "H", "D"], operations=_work)
@jit
def _attention_kernel(Q, K, V, O, L, B, H, T, qb, qh, qt, kb, kh, kt, vb, vh, vt, scale, T_SIZE, D: constexpr, WIDTH: constexpr,
                      EVEN: constexpr, PRECISION: constexpr, ACC: constexpr, OWN: constexpr, MET: constexpr):
    """A program makes o (B, T, H, D) for OWN queries of one head. scale is times log2 e, for exp2 is what the chip has."""
    m, head, b, h = _place(OWN, T, H, True)
    K += b * kb + h * kh
    V += b * vb + h * vh
    q = _tile(Q + b * qb + h * qh, m, qt, T, D, OWN, WIDTH, True)                           # (OWN, WIDTH)
    o, largest, total = tl.zeros((OWN, WIDTH), ACC), tl.full((OWN,), -float("inf"), ACC), tl.zeros((OWN,), ACC)
    for n in range(0, m, MET):                              # all of these keys come before all of these queries
        o, largest, total = _meet_keys(o, largest, total, q, K, V, kt, vt, m, n, T, scale, D, WIDTH, False, D < WIDTH,
                                       PRECISION, OWN, MET)
    for n in range(m, tl.minimum(m + OWN, T), MET):
        o, largest, total = _meet_keys(o, largest, total, q, K, V, kt, vt, m, n, T, scale, D, WIDTH, True, not EVEN,
                                       PRECISION, OWN, MET)
    row, d = m + tl.arange(0, OWN), tl.arange(0, WIDTH)
    at = (b * T + row)[:, None] * (H * D) + (h * D + d)[None, :]
    tl.store(O + at, o / total[:, None], mask=(row < T)[:, None] & (d < D)[None, :])
    tl.store(L + head * T + row, largest + tl.log2(total), mask=row < T)


@jit
def _delta_kernel(O, DO, DELTA, H, T, db, dh, dt, D: constexpr, WIDTH: constexpr, ACC: constexpr, OWN: constexpr):
    """delta_i = o_i · do_i: how much of do a larger sum would take back."""
    m, head, b, h = _place(OWN, T, H, False)
    o = _tile(O + b * T * H * D + h * D, m, H * D, T, D, OWN, WIDTH, True).to(ACC)          # (OWN, WIDTH)
    do = _tile(DO + b * db + h * dh, m, dt, T, D, OWN, WIDTH, True).to(ACC)
    row = m + tl.arange(0, OWN)
    tl.store(DELTA + head * T + row, tl.sum(o * do, 1), mask=row < T)


@jit
def _meet_queries(dk, dv, k, v, Q, DO, L, DELTA, qt, dt, m, n, T, scale, D: constexpr, WIDTH: constexpr, DIAGONAL: constexpr,
                  MASKED: constexpr, PRECISION: constexpr, OWN: constexpr, MET: constexpr):
    """Keys n … meet queries m …; everything stands transposed, keys down and queries across, as its products need it."""
    row = m + tl.arange(0, MET)
    q = _tile(Q, m, qt, T, D, MET, WIDTH, MASKED)                                           # (MET, WIDTH)
    log_sum = tl.load(L + row, mask=row < T, other=float("inf"))                            # beyond the end p is exp(-inf)
    p = tl.exp2(dot(k, tl.trans(q), tl.zeros((OWN, MET), dk.dtype), PRECISION) * scale - log_sum[None, :])      # (OWN, MET)
    if DIAGONAL:
        p = tl.where(row[None, :] >= (n + tl.arange(0, OWN))[:, None], p, 0.0)
    do = _tile(DO, m, dt, T, D, MET, WIDTH, MASKED)
    dv = dot(p.to(do.dtype), do, dv, PRECISION)                                             # (OWN, WIDTH)
    dp = dot(v, tl.trans(do), tl.zeros((OWN, MET), dk.dtype), PRECISION)                    # (OWN, MET)
    ds = p * (dp - tl.load(DELTA + row, mask=row < T, other=0.0)[None, :])
    return dot(ds.to(q.dtype), q, dk, PRECISION), dv


@tuned(*BACKWARD, key=["T_SIZE", "B", "H", "D"], operations=_work)
@jit
def _attention_keys_kernel(Q, K, V, DO, L, DELTA, DK, DV, B, H, T, qb, qh, qt, kb, kh, kt, vb, vh, vt, db, dh, dt, scale, T_SIZE,
                           D: constexpr, WIDTH: constexpr, EVEN: constexpr, PRECISION: constexpr, ACC: constexpr, OWN: constexpr,
                           MET: constexpr):
    """A program makes dk and dv, both (B, T, H, D), for OWN keys of one head. The first keys have the most queries."""
    n, head, b, h = _place(OWN, T, H, False)
    Q += b * qb + h * qh
    DO += b * db + h * dh
    L += head * T
    DELTA += head * T
    k = _tile(K + b * kb + h * kh, n, kt, T, D, OWN, WIDTH, True)                           # (OWN, WIDTH)
    v = _tile(V + b * vb + h * vh, n, vt, T, D, OWN, WIDTH, True)
    dk, dv = tl.zeros((OWN, WIDTH), ACC), tl.zeros((OWN, WIDTH), ACC)
    for m in range(n, tl.minimum(n + OWN, T), MET):
        dk, dv = _meet_queries(dk, dv, k, v, Q, DO, L, DELTA, qt, dt, m, n, T, scale, D, WIDTH, True, not EVEN,
                               PRECISION, OWN, MET)
    for m in range(n + OWN, T, MET):
        dk, dv = _meet_queries(dk, dv, k, v, Q, DO, L, DELTA, qt, dt, m, n, T, scale, D, WIDTH, False, not EVEN,
                               PRECISION, OWN, MET)
    row, d = n + tl.arange(0, OWN), tl.arange(0, WIDTH)
    at, inside = (b * T + row)[:, None] * (H * D) + (h * D + d)[None, :], (row < T)[:, None] & (d < D)[None, :]
    tl.store(DK + at, dk * (scale * 0.6931471805599453), mask=inside)                       # ln 2: back from units of log2 e
    tl.store(DV + at, dv, mask=inside)


@jit
def _meet_keys_again(dq, q, do, log_sum, delta, K, V, kt, vt, m, n, T, scale, D: constexpr, WIDTH: constexpr, DIAGONAL: constexpr,
                     MASKED: constexpr, PRECISION: constexpr, OWN: constexpr, MET: constexpr):
    k = _tile(K, n, kt, T, D, MET, WIDTH, MASKED)                                           # (MET, WIDTH)
    p = tl.exp2(dot(q, tl.trans(k), tl.zeros((OWN, MET), dq.dtype), PRECISION) * scale - log_sum[:, None])      # (OWN, MET)
    if DIAGONAL:
        p = tl.where((m + tl.arange(0, OWN))[:, None] >= (n + tl.arange(0, MET))[None, :], p, 0.0)
    v = _tile(V, n, vt, T, D, MET, WIDTH, MASKED)
    ds = p * (dot(do, tl.trans(v), tl.zeros((OWN, MET), dq.dtype), PRECISION) - delta[:, None])
    return dot(ds.to(k.dtype), k, dq, PRECISION)


@tuned(*BACKWARD, key=["T_SIZE", "B", "H", "D"], operations=_work)
@jit
def _attention_queries_kernel(Q, K, V, DO, L, DELTA, DQ, B, H, T, qb, qh, qt, kb, kh, kt, vb, vh, vt, db, dh, dt, scale, T_SIZE,
                              D: constexpr, WIDTH: constexpr, EVEN: constexpr, PRECISION: constexpr, ACC: constexpr,
                              OWN: constexpr, MET: constexpr):
    """A program makes dq (B, T, H, D) for OWN queries of one head."""
    m, head, b, h = _place(OWN, T, H, True)
    K += b * kb + h * kh
    V += b * vb + h * vh
    row, d = m + tl.arange(0, OWN), tl.arange(0, WIDTH)
    q = _tile(Q + b * qb + h * qh, m, qt, T, D, OWN, WIDTH, True)                           # (OWN, WIDTH)
    do = _tile(DO + b * db + h * dh, m, dt, T, D, OWN, WIDTH, True)
    log_sum = tl.load(L + head * T + row, mask=row < T, other=float("inf"))
    delta = tl.load(DELTA + head * T + row, mask=row < T, other=0.0)
    dq = tl.zeros((OWN, WIDTH), ACC)
    for n in range(0, m, MET):
        dq = _meet_keys_again(dq, q, do, log_sum, delta, K, V, kt, vt, m, n, T, scale, D, WIDTH, False, D < WIDTH,
                              PRECISION, OWN, MET)
    for n in range(m, tl.minimum(m + OWN, T), MET):
        dq = _meet_keys_again(dq, q, do, log_sum, delta, K, V, kt, vt, m, n, T, scale, D, WIDTH, True, not EVEN,
                              PRECISION, OWN, MET)
    at = (b * T + row)[:, None] * (H * D) + (h * D + d)[None, :]
    tl.store(DQ + at, dq * (scale * 0.6931471805599453), mask=(row < T)[:, None] & (d < D)[None, :])


def _common(q):
    """The last arguments of the three large kernels."""
    T, D = q.shape[2:]
    width = max(16, power_of_two(D))
    return T.bit_length(), D, width, T % LONGEST == 0 and width == D, precision(), accumulator(q)


def _heads(c, B, H, T):
    return (tiles(T, c["OWN"]) * B * H,)


def _like_forward(q, k, v, scale):
    B, H, T, D = q.shape
    return q.new_empty(B, T, H, D), q.new_empty(B, H, T, dtype=torch.promote_types(q.dtype, torch.float32))


@op(fake=_like_forward)
def _attention_forward(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scale: float) -> tuple[torch.Tensor, torch.Tensor]:
    """o (B, T, H, D), and log2 of the sum of each row (B, H, T)."""
    (o, log_sum), (B, H, T, _) = _like_forward(q, k, v, scale), q.shape
    strides = [s for x in (q, k, v) for s in x.stride()[:3]]
    _attention_kernel[lambda c: _heads(c, B, H, T)](q, k, v, o, log_sum, B, H, T, *strides, scale * math.log2(math.e),
                                                    *_common(q))
    return o, log_sum


def _like_backward(q, k, v, o, log_sum, do, scale):
    B, H, T, D = q.shape
    return tuple(q.new_empty(B, T, H, D) for _ in range(3))


@op(fake=_like_backward)
def _attention_backward(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, o: torch.Tensor, log_sum: torch.Tensor,
                        do: torch.Tensor, scale: float) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """dq, dk, dv, each (B, T, H, D)."""
    (dq, dk, dv), (B, H, T, D) = _like_backward(q, k, v, o, log_sum, do, scale), q.shape
    delta, common = torch.empty_like(log_sum), (scale * math.log2(math.e), *_common(q))
    _delta_kernel[_heads(dict(OWN=64), B, H, T)](o, do, delta, H, T, *do.stride()[:3], D, common[3], common[-1], 64)
    strides = [s for x in (q, k, v, do) for s in x.stride()[:3]]
    _attention_keys_kernel[lambda c: _heads(c, B, H, T)](q, k, v, do, log_sum, delta, dk, dv, B, H, T, *strides, *common)
    _attention_queries_kernel[lambda c: _heads(c, B, H, T)](q, k, v, do, log_sum, delta, dq, B, H, T, *strides, *common)
    return dq, dk, dv


class _Attention(torch.autograd.Function):
    @staticmethod
    def forward(ctx, q, k, v, scale):
        o, log_sum = _attention_forward(q, k, v, scale)
        ctx.scale = scale
        ctx.save_for_backward(q, k, v, o, log_sum)
        return o.transpose(1, 2)                                                            # (B, H, T, D)

    @staticmethod
    def backward(ctx, do):
        given = _attention_backward(*ctx.saved_tensors, _close(do), ctx.scale)
        return *(x.transpose(1, 2) for x in given), None


def _close(x):
    """x itself where the numbers of a head lie side by side, and its tokens near enough for 32-bit offsets within a tile."""
    return x if x.stride(3) == 1 and x.stride(2) < 2**31 // LONGEST else x.contiguous()


def attention(q, k, v, scale=None):
    """What each token gathers from itself and those before it: softmax(scale · q·kᵀ, causal) · v.

    q, k, v (B, H, T, D), alike -> (B, H, T, D); on a GPU it lies in memory as (B, T, H, D), so that its heads can be set side by
    side without a copy.  scale: 1/sqrt(D) if not given. Under autocast in its dtype.

    >>> v = torch.tensor([[[[0.0], [6.0], [12.0]]]])
    >>> attention(torch.zeros_like(v), torch.zeros_like(v), v).flatten()                    # averages of all so far
    tensor([0., 3., 6.])
    """
    check_same("attention", q=q, k=k, v=v)
    if q.ndim != 4:
        raise ValueError("attention: q, k and v must be (B, H, T, D): batch, heads, tokens, numbers a head; they are "
                         f"{tuple(q.shape)}.")
    dtype = autocast_dtype(q)
    q, k, v = (x if dtype is None else x.to(dtype) for x in (q, k, v))
    if runs_here(q) and q.shape[3] <= WIDEST:
        return _Attention.apply(_close(q), _close(k), _close(v), q.shape[3] ** -0.5 if scale is None else scale)
    return F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=scale)
