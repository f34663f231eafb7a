"""Row softmax.  y = exp(x - max x) / sum exp(x - max x).  Backward: dx = y · (dy - sum(y · dy)).

Unfused, each of the five steps reads and writes the (M, N) matrix: 8·M·N + 4·M elements through memory.
Fused, a row is read once and written once: 2·M·N; backward reads two and writes one: 3·M·N, for 9·M·N + 2·M unfused.
Memory-bound on any GPU, so about 4 times faster forward, and 3 times backward, is the most to hope for.

A row of up to 16,384 numbers stays in registers. A longer one comes by in pieces: largest and sum so far are kept, and the sum is
rescaled whenever a larger number turns up (the online softmax: Milakov and Gimelshein, 2018); a second pass then writes, 3·M·N.
"""
import torch

from minitrain.kernels.lang import accumulator, check, constexpr, jit, op, row_tile, rows_of, runs_here, tiles, tl

WHOLE, PIECE = 16_384, 8_192                                # so long a row stays in registers; a longer one comes in pieces


def reference(x):
    e = torch.exp(x - x.amax(-1, keepdim=True))             # without the largest: the same quotient, and exp can not overflow
    return e / e.sum(-1, keepdim=True)


@jit
def _softmax_forward_kernel(X, Y, M, N, stride, ROWS: constexpr, WIDTH: constexpr, ACC: constexpr):
    """Rows that fit: a program takes ROWS of them."""
    rows = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)[:, None]       # (ROWS, 1)
    columns = tl.arange(0, WIDTH)[None, :]                                          # (1, WIDTH)
    inside = (rows < M) & (columns < N)
    x = tl.load(X + rows * stride + columns, mask=inside, other=-float("inf")).to(ACC)
    e = tl.exp(x - tl.max(x, 1)[:, None])
    tl.store(Y + rows * N + columns, e / tl.sum(e, 1)[:, None], mask=inside)


@jit
def _softmax_forward_long_kernel(X, Y, N, stride, WIDTH: constexpr, ACC: constexpr):
    """A row that does not fit: a program goes over it twice, WIDTH numbers at a time."""
    row = tl.program_id(0).to(tl.int64)
    columns = tl.arange(0, WIDTH)
    largest, total = tl.full((), -float("inf"), ACC), tl.full((), 0.0, ACC)
    for start in range(0, N, WIDTH):
        x = tl.load(X + row * stride + start + columns, mask=start + columns < N, other=-float("inf")).to(ACC)
        larger = tl.maximum(largest, tl.max(x, 0))
        shift = tl.where(larger == -float("inf"), 0.0, larger)                      # nothing but -inf yet: -inf - -inf is NaN
        total = total * tl.exp(largest - shift) + tl.sum(tl.exp(x - shift), 0)
        largest = larger
    for start in range(0, N, WIDTH):
        inside = start + columns < N
        x = tl.load(X + row * stride + start + columns, mask=inside).to(ACC)
        tl.store(Y + row * N + start + columns, tl.exp(x - largest) / total, mask=inside)


@jit
def _softmax_backward_kernel(Y, DY, DX, M, N, stride, ROWS: constexpr, WIDTH: constexpr, ACC: constexpr):
    rows = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)[:, None]
    columns = tl.arange(0, WIDTH)[None, :]
    inside = (rows < M) & (columns < N)
    y = tl.load(Y + rows * N + columns, mask=inside, other=0.0).to(ACC)
    dy = tl.load(DY + rows * stride + columns, mask=inside, other=0.0).to(ACC)
    tl.store(DX + rows * N + columns, y * (dy - tl.sum(y * dy, 1)[:, None]), mask=inside)


@jit
def _softmax_backward_long_kernel(Y, DY, DX, N, stride, WIDTH: constexpr, ACC: constexpr):
    row = tl.program_id(0).to(tl.int64)
    columns = tl.arange(0, WIDTH)
    total = tl.full((), 0.0, ACC)
    for start in range(0, N, WIDTH):
        inside = start + columns < N
        y = tl.load(Y + row * N + start + columns, mask=inside, other=0.0).to(ACC)
        total += tl.sum(y * tl.load(DY + row * stride + start + columns, mask=inside, other=0.0).to(ACC), 0)
    for start in range(0, N, WIDTH):
        inside = start + columns < N
        y = tl.load(Y + row * N + start + columns, mask=inside).to(ACC)
        dy = tl.load(DY + row * stride + start + columns, mask=inside).to(ACC)
        tl.store(DX + row * N + start + columns, y * (dy - total), mask=inside)


@op(fake=lambda x: x.new_empty(x.shape))
def _softmax_forward(x: torch.Tensor) -> torch.Tensor:
    y, (M, N) = x.new_empty(x.shape), x.shape
    if N <= WHOLE:
        rows, width, warps = row_tile(N)
        _softmax_forward_kernel[(tiles(M, rows),)](x, y, M, N, x.stride(0), rows, width, accumulator(x), num_warps=warps)
    else:
        _softmax_forward_long_kernel[(M,)](x, y, N, x.stride(0), PIECE, accumulator(x), num_warps=8)
    return y


@op(fake=lambda y, dy: torch.empty_like(y))
def _softmax_backward(y: torch.Tensor, dy: torch.Tensor) -> torch.Tensor:
    dx, (M, N) = torch.empty_like(y), y.shape
    if N <= WHOLE:
        rows, width, warps = row_tile(N)
        _softmax_backward_kernel[(tiles(M, rows),)](y, dy, dx, M, N, dy.stride(0), rows, width, accumulator(y), num_warps=warps)
    else:
        _softmax_backward_long_kernel[(M,)](y, dy, dx, N, dy.stride(0), PIECE, accumulator(y), num_warps=8)
    return dx


class _Softmax(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        y = _softmax_forward(x)
        ctx.save_for_backward(y)                            # x is not needed again
        return y

    @staticmethod
    def backward(ctx, dy):
        return _softmax_backward(*ctx.saved_tensors, rows_of(dy))


def softmax(x):
    """Softmax over the last dimension of x (…, N): positive numbers that sum to 1, in x's dtype.

    >>> softmax(torch.tensor([[0.0, 0.0], [0.0, 100.0]]))
    tensor([[5.0000e-01, 5.0000e-01],
            [3.7835e-44, 1.0000e+00]])
    """
    check("softmax", x=x)
    if not runs_here(x) or not x.ndim:
        return torch.softmax(x, -1)
    return _Softmax.apply(rows_of(x)).view(x.shape)
