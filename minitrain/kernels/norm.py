"""Layer norm and RMS norm of each row, and the residual sum that comes before them in a transformer.

h = x + residual.  Layer: n = (h - mean h) / sqrt(var h + eps), y = n·weight + bias.  RMS: n = h / sqrt(mean h² + eps),
y = n·weight. Backward, with g = dy·weight: dh = (g - mean g - n·mean(g·n)) / sqrt(var h + eps) (RMS: without mean g), plus what
came for h itself; dweight = sum of dy·n and dbias = sum of dy over all rows.

Unfused, layer norm reads or writes (M, N) 12 times forward and the sum 3 times more. Fused, a row is read once and written once:
2·M·N elements, 4·M·N with a residual sum (two read, sum and result written); backward 3·M·N (h, dy, dh), 4·M·N with a sum.
Memory-bound on any GPU: about 6 times faster than unfused is the most to hope for. Ba et al., 2016; Zhang and Sennrich, 2019.

Left out: rows of more than 8,192 numbers, whose sums of dweight would no longer fit into registers (they go to PyTorch's own
operation); norms over several dimensions.
"""
import torch
from torch.nn import functional as F

from minitrain.kernels.lang import accumulator, check, constexpr, jit, op, processors, row_tile, rows_of, runs_here, tiles, tl

WIDEST = 8_192


def reference_layer_norm(x, weight, bias=None, *, residual=None, eps=1e-5, dtype=None):
    h = x if residual is None else x + residual
    centred = h - h.mean(-1, keepdim=True)
    y = centred / torch.sqrt(centred.square().mean(-1, keepdim=True) + eps) * weight
    y = (y if bias is None else y + bias).to(dtype or h.dtype)
    return y if residual is None else (y, h)


def reference_rms_norm(x, weight, *, residual=None, eps=1e-6, dtype=None):
    h = x if residual is None else x + residual
    y = (h / torch.sqrt(h.square().mean(-1, keepdim=True) + eps) * weight).to(dtype or h.dtype)
    return y if residual is None else (y, h)


@jit
def _norm_forward_kernel(X, R, W, B, H, Y, MEAN, RSTD, M, N, x_stride, r_stride, eps, CENTRE: constexpr, RESIDUAL: constexpr,
                         BIAS: constexpr, ROWS: constexpr, WIDTH: constexpr, ACC: constexpr):
    row = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)                 # (ROWS,)
    column = tl.arange(0, WIDTH)                                                    # (WIDTH,)
    rows, columns = row[:, None], column[None, :]
    inside = (rows < M) & (columns < N)
    h = tl.load(X + rows * x_stride + columns, mask=inside, other=0.0).to(ACC)
    if RESIDUAL:
        h += tl.load(R + rows * r_stride + columns, mask=inside, other=0.0).to(ACC)
        stored = h.to(H.dtype.element_ty)                                           # rounded as a sum of its own would be
        tl.store(H + rows * N + columns, stored, mask=inside)
        h = stored.to(ACC)
    if CENTRE:
        mean = tl.sum(h, 1) / N
        tl.store(MEAN + row, mean, mask=row < M)
        h = tl.where(inside, h - mean[:, None], 0.0)                                # then squares: E[h²] - E[h]² would cancel
    rstd = 1.0 / tl.sqrt(tl.sum(h * h, 1) / N + eps)
    tl.store(RSTD + row, rstd, mask=row < M)
    y = h * rstd[:, None] * tl.load(W + column, mask=column < N, other=0.0).to(ACC)[None, :]
    if BIAS:
        y += tl.load(B + column, mask=column < N, other=0.0).to(ACC)[None, :]
    tl.store(Y + rows * N + columns, y, mask=inside)


@jit
def _norm_backward_kernel(DY, DH, H, W, MEAN, RSTD, DX, DR, DW, DB, M, N, dy_stride, dh_stride, h_stride, CENTRE: constexpr,
                          SUMMED: constexpr, TWICE: constexpr, BIAS: constexpr, AHEAD: constexpr, ROWS: constexpr,
                          WIDTH: constexpr, ACC: constexpr):
    """A few programs for each multiprocessor take turns at the tiles, and add up dweight and dbias in registers: one line of
    partial sums a program, instead of one a row. The next tiles are on their way meanwhile, AHEAD stages deep."""
    column = tl.arange(0, WIDTH)
    columns = column[None, :]
    weight = tl.load(W + column, mask=column < N, other=0.0).to(ACC)[None, :]
    dw, db = tl.zeros((ROWS, WIDTH), ACC), tl.zeros((ROWS, WIDTH), ACC)
    for tile in tl.range(tl.program_id(0), tl.cdiv(M, ROWS), tl.num_programs(0), num_stages=AHEAD):
        row = (tile * ROWS + tl.arange(0, ROWS)).to(tl.int64)
        rows = row[:, None]
        inside = (rows < M) & (columns < N)
        dy = tl.load(DY + rows * dy_stride + columns, mask=inside, other=0.0).to(ACC)
        h = tl.load(H + rows * h_stride + columns, mask=inside, other=0.0).to(ACC)
        rstd = tl.load(RSTD + row, mask=row < M, other=0.0)[:, None]
        if CENTRE:
            h -= tl.load(MEAN + row, mask=row < M, other=0.0)[:, None]
        normed, g = h * rstd, dy * weight
        dh = g - normed * (tl.sum(g * normed, 1) / N)[:, None]
        if CENTRE:
            dh -= (tl.sum(g, 1) / N)[:, None]
        dh *= rstd
        if SUMMED:
            dh += tl.load(DH + rows * dh_stride + columns, mask=inside, other=0.0).to(ACC)
        tl.store(DX + rows * N + columns, dh, mask=inside)
        if TWICE:                                                                   # x and residual of two dtypes
            tl.store(DR + rows * N + columns, dh, mask=inside)
        dw += dy * normed
        if BIAS:
            db += dy
    line = tl.program_id(0).to(tl.int64) * N + column
    tl.store(DW + line, tl.sum(dw, 0), mask=column < N)
    if BIAS:
        tl.store(DB + line, tl.sum(db, 0), mask=column < N)


def _dtypes(x, residual, dtype):
    """Of the sum (what PyTorch's addition gives) and of the result."""
    h = x.dtype if residual is None else torch.promote_types(x.dtype, residual.dtype)
    return h, dtype or h


def _like_forward(x, residual, weight, bias, eps, centre, dtype):
    (M, _), (h_dtype, y_dtype), acc = x.shape, _dtypes(x, residual, dtype), torch.promote_types(x.dtype, torch.float32)
    return (x.new_empty(x.shape if residual is not None else (0,), dtype=h_dtype), x.new_empty(x.shape, dtype=y_dtype),
            x.new_empty(M if centre else 0, dtype=acc), x.new_empty(M, dtype=acc))


@op(fake=_like_forward)
def _norm_forward(x: torch.Tensor, residual: torch.Tensor | None, weight: torch.Tensor, bias: torch.Tensor | None, eps: float,
                  centre: bool, dtype: torch.dtype | None) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """h (empty without a residual), y, mean (empty for RMS) and 1/sqrt(variance + eps) of each row."""
    h, y, mean, rstd = _like_forward(x, residual, weight, bias, eps, centre, dtype)
    (M, N), (rows, width, warps) = x.shape, row_tile(x.shape[1])
    _norm_forward_kernel[(tiles(M, rows),)](x, residual, weight, bias, h, y, mean, rstd, M, N, x.stride(0),
                                            0 if residual is None else residual.stride(0), eps, centre, residual is not None,
                                            bias is not None, rows, width, accumulator(x), num_warps=warps)
    return h, y, mean, rstd


def _like_backward(dy, dh, h, weight, bias, mean, rstd, x_dtype, residual_dtype):
    dx = h.new_empty(h.shape, dtype=x_dtype)
    dr = h.new_empty(h.shape if residual_dtype != x_dtype else (0,), dtype=residual_dtype)
    return dx, dr, torch.empty_like(weight), h.new_empty(0) if bias is None else torch.empty_like(bias)


@op(fake=_like_backward)
def _norm_backward(dy: torch.Tensor, dh: torch.Tensor | None, h: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None,
                   mean: torch.Tensor, rstd: torch.Tensor, x_dtype: torch.dtype, residual_dtype: torch.dtype,
                   ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """dx, dresidual where its dtype is another (else empty: it is dx), dweight, dbias (empty without one)."""
    dx, dr, dw, db = _like_backward(dy, dh, h, weight, bias, mean, rstd, x_dtype, residual_dtype)
    (M, N), (rows, width, warps) = h.shape, row_tile(h.shape[1])
    programs = min(tiles(M, rows), processors(h) * max(1, 16 // warps))
    ahead = 3 if rows * width * (dy.itemsize + h.itemsize * (1 if dh is None else 2)) <= 96 * 1024 else 1     # what fits
    partial = [rstd.new_empty(programs, N) for _ in range(1 if bias is None else 2)]
    _norm_backward_kernel[(programs,)](dy, dh, h, weight, mean, rstd, dx, dr, partial[0], partial[-1], M, N, dy.stride(0),
                                       0 if dh is None else dh.stride(0), h.stride(0), mean.numel() > 0, dh is not None,
                                       dr.numel() > 0, bias is not None, ahead, rows, width, accumulator(h), num_warps=warps)
    dw.copy_(partial[0].sum(0))
    if bias is not None:
        db.copy_(partial[1].sum(0))
    return dx, dr, dw, db


class _Norm(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, residual, weight, bias, eps, centre, dtype):
        h, y, mean, rstd = _norm_forward(x, residual, weight, bias, eps, centre, dtype)
        ctx.save_for_backward(x if residual is None else h, weight, bias, mean, rstd)
        ctx.dtypes = x.dtype, x.dtype if residual is None else residual.dtype
        return y if residual is None else (y, h)

    @staticmethod
    def backward(ctx, dy, dh=None):
        h, weight, bias, mean, rstd = ctx.saved_tensors
        dx, dr, dw, db = _norm_backward(rows_of(dy), dh if dh is None else rows_of(dh), h, weight, bias, mean, rstd, *ctx.dtypes)
        dr = None if dh is None else dr if ctx.dtypes[0] != ctx.dtypes[1] else dx
        return dx, dr, dw, None if bias is None else db, None, None, None


def _norm(name, x, weight, bias, residual, eps, centre, dtype):
    check(name, x=x, weight=weight, bias=bias, residual=residual)
    if not x.ndim or any(w is not None and w.shape != x.shape[-1:] for w in (weight, bias)):
        given = " and ".join(str(tuple(w.shape)) for w in (weight, bias) if w is not None)
        raise ValueError(f"{name}: x is {tuple(x.shape)}, so weight and bias must be {tuple(x.shape[-1:])}, one number for each "
                         f"of its last dimension; got {given}.")
    if residual is not None and residual.shape != x.shape:
        raise ValueError(f"{name}: x is {tuple(x.shape)} and residual {tuple(residual.shape)}; they are added and must be alike.")
    if runs_here(x) and x.shape[-1] <= WIDEST:
        out = _Norm.apply(rows_of(x), residual if residual is None else rows_of(residual), weight.contiguous(),
                          bias if bias is None else bias.contiguous(), eps, centre, dtype)
        return out.view(x.shape) if residual is None else tuple(t.view(x.shape) for t in out)
    h = x if residual is None else x + residual
    if weight.dtype != h.dtype:                                 # PyTorch's take one dtype only
        weight, bias = weight.to(h.dtype), bias if bias is None else bias.to(h.dtype)
    y = F.layer_norm(h, h.shape[-1:], weight, bias, eps) if centre else F.rms_norm(h, h.shape[-1:], weight, eps)
    y = y if dtype is None else y.to(dtype)
    return y if residual is None else (y, h)


def layer_norm(x, weight, bias=None, *, residual=None, eps=1e-5, dtype=None):
    """Each row of x (…, N) to mean 0 and variance 1, times weight (N,), plus bias (N,).

    residual: added to x first; then the result is (y, x + residual).  dtype: of y, if not that of x (of the sum): a stream kept
    in float32 can leave here in bfloat16.

    >>> layer_norm(torch.tensor([[1.0, 3.0], [2.0, 2.0]]), torch.ones(2), eps=0.01)
    tensor([[-0.9950,  0.9950],
            [ 0.0000,  0.0000]])
    """
    return _norm("layer_norm", x, weight, bias, residual, eps, True, dtype)


def rms_norm(x, weight, *, residual=None, eps=1e-6, dtype=None):
    """Each row of x (…, N) to mean square 1, times weight (N,). Options as in `layer_norm`.

    >>> rms_norm(torch.tensor([[3.0, 4.0]]), torch.ones(2), residual=torch.tensor([[0.0, -4.0]]), eps=0.0)
    (tensor([[1.4142, 0.0000]]), tensor([[3., 0.]]))
    """
    return _norm("rms_norm", x, weight, None, residual, eps, False, dtype)
