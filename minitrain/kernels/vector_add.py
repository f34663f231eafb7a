"""Vector add.  z = x + y.

Each number is read or written once: 3·N elements through memory, for N additions. Memory-bound by far: an H100 could add
hundreds of times faster than it can fetch. Nothing is saved here; the kernel is the smallest that has all the parts.
"""
import torch

from minitrain.kernels.lang import accumulator, check_same, constexpr, jit, op, runs_here, tiles, tl

BLOCK = 1024                                                # numbers a program adds: 8 for each of its 128 threads


def reference(x, y):
    return x + y


@jit
def _add_kernel(X, Y, Z, N, BLOCK: constexpr, ACC: constexpr):
    """Program i adds numbers i·BLOCK … (i + 1)·BLOCK - 1; the last one masks what lies beyond N."""
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)        # int64: beyond 2³¹ numbers int32 would wrap around
    inside = at < N
    x = tl.load(X + at, mask=inside).to(ACC)                                # 16 bits come in, 32 are added, 16 go out
    y = tl.load(Y + at, mask=inside).to(ACC)
    tl.store(Z + at, x + y, mask=inside)


@op(fake=lambda x, y: torch.empty_like(x, memory_format=torch.contiguous_format))
def _add(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    x, y = x.contiguous(), y.contiguous()
    z = torch.empty_like(x)
    _add_kernel[(tiles(z.numel(), BLOCK),)](x, y, z, z.numel(), BLOCK, accumulator(x))
    return z


class _Add(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, y):
        return _add(x, y)

    @staticmethod
    def backward(ctx, dz):
        return dz, dz                                       # each of the two moves the sum as far as itself


def add(x, y):
    """x + y, of one shape and dtype.

    >>> add(torch.tensor([1.0, 2.0]), torch.tensor([10.0, 20.0]))
    tensor([11., 22.])
    """
    check_same("add", x=x, y=y)
    return _Add.apply(x, y) if runs_here(x) else x + y
