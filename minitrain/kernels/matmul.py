"""Product of two matrices, with bias and activation while the result is still in registers.  y = activation(a·b + bias).

a (M, K), b (K, N): 2·M·N·K operations; with each matrix passing through memory once, M·K + K·N + M·N elements. One number of
the result alone would need 2·K of them for 2·K operations; a tile of BM × BN needs (BM + BN)·K for 2·BM·BN·K: the larger the
tile, the fewer bytes an operation. With tiles of 128 × 256 in bfloat16 that is 85 operations a byte, and the cache, which
neighbouring tiles share, has to bring the rest to the 300 or so at which an H100's tensor cores become the limit, not its memory.

The epilogue saves what a bias and an activation of their own would move: 4·M·N elements. Backward needs the sum before the
activation, z, so where gradients are wanted it is written too.
"""
import torch
from torch.nn import functional as F

from minitrain.kernels.lang import (
    accumulator,
    autocast_dtype,
    check,
    constexpr,
    dot,
    jit,
    op,
    precision,
    runs_here,
    tiles,
    tl,
    tuned,
)

ACTIVATIONS = {
    None: lambda z: z,
    "relu": torch.relu,
    "gelu": F.gelu,                                         # z · (share of a normal distribution below z)
    "silu": F.silu,                                         # z · sigmoid(z)
}
SLOPES = {                                                  # dy -> dz, PyTorch's own: one pass
    None: lambda dy, z: dy,
    "relu": lambda dy, z: torch.ops.aten.threshold_backward(dy, z, 0),
    "gelu": torch.ops.aten.gelu_backward,
    "silu": torch.ops.aten.silu_backward,
}


def reference(a, b, bias=None, activation=None):
    z = (a[..., :, None] * b).sum(-2)                       # (…, K, N) products, summed over K
    return ACTIVATIONS[activation](z if bias is None else z + bias)


# The first is for small matrices; the others fill an H100: a tile of 128 × 256 in float32 is half of the registers that a
# multiprocessor has. Loads run num_stages ahead of the products.
@tuned(dict(BM=32, BN=32, BK=32, num_warps=4, num_stages=3), dict(BM=64, BN=64, BK=64, num_warps=4, num_stages=4),
       dict(BM=128, BN=128, BK=32, num_warps=4, num_stages=4), dict(BM=128, BN=128, BK=64, num_warps=8, num_stages=4),
       dict(BM=128, BN=256, BK=64, num_warps=8, num_stages=3), dict(BM=256, BN=128, BK=64, num_warps=8, num_stages=3),
       dict(BM=64, BN=256, BK=64, num_warps=4, num_stages=4),
       key=["M_SIZE", "N", "K", "am", "bn"], operations=lambda M, N, K, **others: 2 * M * N * K)
@jit
def _matmul_kernel(A, B, BIAS, Y, Z, M, N, K, am, ak, bk, bn, M_SIZE, BIASED: constexpr, ACTIVATION: constexpr, KEEP: constexpr,
                   PRECISION: constexpr, ACC: constexpr, BM: constexpr, BN: constexpr, BK: constexpr):
    """A program makes one tile of the result. am … bn: how far apart neighbours along that side lie in memory."""
    # Programs that run at the same time work on a block of 8 tiles down and as many across as there are: they share rows of A
    # and columns of B in the cache. In plain row order they would read all of B for each row of tiles.
    program, down, across = tl.program_id(0), tl.cdiv(M, BM), tl.cdiv(N, BN)
    first = program // (8 * across) * 8
    height = min(down - first, 8)
    m = first + program % (8 * across) % height
    n = program % (8 * across) // height
    row, column, k = m * BM + tl.arange(0, BM), n * BN + tl.arange(0, BN), tl.arange(0, BK)
    # Tiles over the edge read rows from the start again, instead of a mask in the loop; they are never stored.
    a = A + (row % M).to(tl.int64)[:, None] * am + k.to(tl.int64)[None, :] * ak     # (BM, BK)
    b = B + k.to(tl.int64)[:, None] * bk + (column % N).to(tl.int64)[None, :] * bn  # (BK, BN)
    total = tl.zeros((BM, BN), ACC)
    for done in range(0, K, BK):
        left = K - done
        total = dot(tl.load(a, mask=k[None, :] < left, other=0.0), tl.load(b, mask=k[:, None] < left, other=0.0), total,
                    PRECISION)
        a += tl.cast(BK, tl.int64) * ak
        b += tl.cast(BK, tl.int64) * bk
    if BIASED:
        total += tl.load(BIAS + column, mask=column < N, other=0.0).to(ACC)[None, :]
    inside = (row < M)[:, None] & (column < N)[None, :]
    at = row.to(tl.int64)[:, None] * N + column[None, :]
    if KEEP:
        tl.store(Z + at, total, mask=inside)
    if ACTIVATION == "relu":
        total = tl.where(total < 0, 0.0, total)                                     # NaN stays, which tl.maximum would lose
    elif ACTIVATION == "gelu":
        total = 0.5 * total * (1.0 + tl.erf(total * 0.7071067811865476))
    elif ACTIVATION == "silu":
        total = total / (1.0 + tl.exp(-total))
    tl.store(Y + at, total, mask=inside)


def _like_matmul(a, b, bias, activation, keep):
    y = a.new_empty(a.shape[0], b.shape[1])
    return y, torch.empty_like(y) if keep else y.new_empty(0)


@op(fake=_like_matmul)
def _matmul(a: torch.Tensor, b: torch.Tensor, bias: torch.Tensor | None, activation: str | None, keep: bool,
            ) -> tuple[torch.Tensor, torch.Tensor]:
    """activation(a·b + bias), and the sum before the activation (empty unless kept)."""
    y, z = _like_matmul(a, b, bias, activation, keep)
    (M, K), N = a.shape, b.shape[1]
    _matmul_kernel[lambda c: (tiles(M, c["BM"]) * tiles(N, c["BN"]),)](
        a, b, bias, y, z, M, N, K, *a.stride(), *b.stride(), M.bit_length(), bias is not None, activation or "", keep,
        precision(), accumulator(a))
    return y, z


class _Matmul(torch.autograd.Function):
    @staticmethod
    def forward(ctx, a, b, bias, activation):
        y, z = _matmul(a, b, bias, activation, activation is not None and any(ctx.needs_input_grad))
        ctx.activation = activation
        ctx.save_for_backward(a, b, z)
        return y

    @staticmethod
    def backward(ctx, dy):
        a, b, z = ctx.saved_tensors
        dz = SLOPES[ctx.activation](dy, z).contiguous()
        da = _matmul(dz, b.T, None, None, False)[0] if ctx.needs_input_grad[0] else None
        db = _matmul(a.T, dz, None, None, False)[0] if ctx.needs_input_grad[1] else None
        dbias = dz.sum(0, dtype=torch.promote_types(dz.dtype, torch.float32)).to(dz.dtype) if ctx.needs_input_grad[2] else None
        return da, db, dbias, None


def matmul(a, b, bias=None, activation=None):
    """activation(a @ b + bias): a (…, K), b (K, N), bias (N,) -> (…, N), in a's dtype (autocast's where it is on).

    activation: None, "relu", "gelu" (the exact one) or "silu". A linear layer is matmul(x, layer.weight.T, layer.bias): the
    kernel reads a transposed view as it lies. float32 is multiplied as such, unless torch.set_float32_matmul_precision allows
    tf32.

    >>> matmul(torch.eye(2), torch.tensor([[1.0, -2.0], [3.0, 4.0]]), torch.ones(2), "relu")
    tensor([[2., 0.],
            [4., 5.]])
    """
    check("matmul", a=a, b=b, bias=bias)
    if not a.ndim or b.ndim != 2 or a.shape[-1] != b.shape[0] or (bias is not None and bias.shape != b.shape[1:]):
        raise ValueError(f"matmul: a, b and bias must be (…, K), (K, N) and (N,); they are {tuple(a.shape)}, {tuple(b.shape)} "
                         f"and {None if bias is None else tuple(bias.shape)}.")
    if activation not in ACTIVATIONS:
        raise ValueError(f"matmul: the activation is {activation!r}; it must be one of {', '.join(map(repr, ACTIVATIONS))}.")
    dtype = autocast_dtype(a)
    a, b, bias = [x if x is None or dtype is None else x.to(dtype) for x in (a, b, bias)]
    if a.dtype != b.dtype or (bias is not None and bias.dtype != a.dtype):
        dtypes = ", ".join(str(x.dtype) for x in (a, b, bias) if x is not None)
        raise TypeError(f"matmul: a, b and bias must be of one dtype; they are {dtypes}.")
    if runs_here(a) and b.numel():
        bias = bias if bias is None else bias.contiguous()
        return _Matmul.apply(a.reshape(-1, a.shape[-1]), b, bias, activation).view(*a.shape[:-1], b.shape[1])
    return ACTIVATIONS[activation](F.linear(a, b.T, bias))
