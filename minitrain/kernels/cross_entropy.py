"""Cross-entropy of logits, alone and together with the product that makes them.

Row i: loss = log sum_j exp(z_j) - z_t, with t its target; dz_j = (exp(z_j) / sum - [j = t]) / n, over n rows that count.

Unfused, forward and backward pass over the (M, V) logits about 10 times (float32 copy, log-softmax, its gradient, the gradient of
the mean, the copy back). Fused, loss and gradient are made together: logits read twice, gradient written once, 3·M·V elements;
the second reading mostly comes from the cache (a row of 128,000 in bfloat16 is 256 KB, an H100's L2 50 MB), so nearer to 2·M·V.

With M = 16,384 tokens and V = 128,000 words the logits alone are 4 GB in bfloat16. `linear_cross_entropy` makes them a few rows
at a time in one buffer, turns them into their gradient in place, and multiplies that into both results at once: 6·M·V·C
operations as before, and a sixteenth of the logits. The idea: Hsu et al., "Liger Kernel", 2024.

Both compute their gradients in the forward pass and give them away in the backward pass: a second backward through the same graph
raises. Left out: weights of classes, label smoothing.
"""
import torch
from torch.nn import functional as F

from minitrain.kernels.lang import accumulator, autocast_dtype, check, constexpr, jit, op, rows_of, runs_here, tiles, tl

PIECE = 8_192                                               # logits that a program holds at a time
PARTS, FEWEST = 16, 1_024       # the buffer holds a 16th of all rows; fewer than 1,024 would leave multiprocessors idle


def reference_cross_entropy(logits, targets, ignore_index=-100):
    V, kept = logits.shape[-1], targets.reshape(-1) != ignore_index
    logits, targets = logits.reshape(-1, V)[kept], targets.reshape(-1)[kept]
    largest = logits.amax(-1, keepdim=True)
    surprise = torch.log(torch.exp(logits - largest).sum(-1)) + largest[:, 0] - logits.gather(-1, targets[:, None])[:, 0]
    return surprise.sum() / len(targets)


def reference_linear_cross_entropy(x, weight, targets, ignore_index=-100):
    return reference_cross_entropy(x @ weight.T, targets, ignore_index)


@jit
def _cross_entropy_kernel(Z, TARGETS, LOSS, DZ, FACTOR, V, z_stride, dz_stride, ignore, GRADIENT: constexpr, WIDTH: constexpr,
                          ACC: constexpr):
    """A program takes a row: once for the largest logit and the sum, once for the gradient. DZ may be Z: a piece is read before
    it is written over."""
    row = tl.program_id(0).to(tl.int64)
    Z += row * z_stride
    target = tl.load(TARGETS + row)
    counts, known = target != ignore, (target >= 0) & (target < V)
    z_target = tl.load(Z + tl.where(known, target, 0)).to(ACC)
    column = tl.arange(0, WIDTH)
    largest, total = tl.full((), -float("inf"), ACC), tl.full((), 0.0, ACC)
    for start in range(0, V, WIDTH):
        z = tl.load(Z + start + column, mask=start + column < V, other=-float("inf")).to(ACC)
        larger = tl.maximum(largest, tl.max(z, 0))
        shift = tl.where(larger == -float("inf"), 0.0, larger)
        total = total * tl.exp(largest - shift) + tl.sum(tl.exp(z - shift), 0)
        largest = larger
    log_sum = largest + tl.log(total)
    loss = tl.where(known, log_sum - z_target, float("nan"))            # a target out of range: NaN, which the Trainer names
    tl.store(LOSS + row, tl.where(counts, loss, 0.0))
    if GRADIENT:
        factor = tl.where(known, tl.load(FACTOR).to(ACC), float("nan"))
        for piece in range(0, tl.cdiv(V, WIDTH)):
            start = (tl.cdiv(V, WIDTH) - 1 - piece) * WIDTH             # backwards: the last pieces are still in the cache
            z = tl.load(Z + start + column, mask=start + column < V, other=0.0).to(ACC)
            dz = (tl.exp(z - log_sum) - tl.where(start + column == target, 1.0, 0.0)) * factor
            tl.store(DZ + row * dz_stride + start + column, tl.where(counts, dz, 0.0), mask=start + column < V)


@jit
def _scale_kernel(X, FACTOR, N, WIDTH: constexpr, ACC: constexpr):
    """x *= factor, which lies on the device. Mostly it is 1, and nobody had to wait for it to find out."""
    factor = tl.load(FACTOR).to(ACC)
    if factor != 1.0:
        at = tl.program_id(0).to(tl.int64) * WIDTH + tl.arange(0, WIDTH)
        x = tl.load(X + at, mask=at < N).to(ACC)
        tl.store(X + at, x * factor, mask=at < N)


def _rows(z, targets, loss, dz, factor, ignore):
    _cross_entropy_kernel[(len(z),)](z, targets, loss, dz, factor, z.shape[1], z.stride(0), dz.stride(0), ignore, dz.numel() > 0,
                                     PIECE, accumulator(z), num_warps=8)


@op(fake=lambda x, factor: None, mutates=("x",))
def _scale_(x: torch.Tensor, factor: torch.Tensor) -> None:
    if x.numel():
        _scale_kernel[(tiles(x.numel(), 4096),)](x, factor, x.numel(), 4096, accumulator(x), num_warps=8)


def _like_cross_entropy(z, targets, ignore, gradient):
    return z.new_empty((), dtype=_exact(z)), z.new_empty(z.shape if gradient else (0, 1))


@op(fake=_like_cross_entropy)
def _cross_entropy(z: torch.Tensor, targets: torch.Tensor, ignore: int, gradient: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """The mean loss of logits z (M, V), and its gradient (empty if not asked for)."""
    n = (targets != ignore).sum()
    loss, dz = z.new_empty(len(z), dtype=_exact(z)), _like_cross_entropy(z, targets, ignore, gradient)[1]
    _rows(z, targets, loss, dz, n.to(loss.dtype).reciprocal(), ignore)
    return loss.sum() / n, dz


def _like_linear(x, weight, targets, ignore, dtype, for_x, for_weight):
    def kept(t):        # float16 waits in float32 until the factor from above is known: 1/n of a gradient would vanish in it
        return t.dtype if dtype != torch.float16 else torch.float32
    return (x.new_empty((), dtype=_exact(x)), x.new_empty(x.shape if for_x else (0,), dtype=kept(x)),
            weight.new_empty(weight.shape if for_weight else (0,), dtype=kept(weight)))


@op(fake=_like_linear)
def _linear_cross_entropy(x: torch.Tensor, weight: torch.Tensor, targets: torch.Tensor, ignore: int, dtype: torch.dtype,
                          for_x: bool, for_weight: bool) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The mean loss of logits x·weightᵀ, x (M, C), weight (V, C), multiplied in dtype; both gradients (empty if not asked)."""
    (M, _), V = x.shape, len(weight)
    loss, dx, dw = _like_linear(x, weight, targets, ignore, dtype, for_x, for_weight)
    x, weight = x.to(dtype), weight.to(dtype)
    losses, n = loss.new_empty(M), (targets != ignore).sum()
    size = min(M, max(FEWEST, tiles(M, PARTS)))
    buffer = x.new_empty(size, tiles(V, 64) * 64)           # rows begin at multiples of 128 bytes, whatever V is
    # The factor is M/n here and 1/M in the products, which add up in float32: 1/n alone would vanish in float16.
    factor = M / n.to(losses.dtype)
    with torch.autocast(x.device.type, enabled=False):      # whatever it would do has been done
        for start in range(0, M, size):
            part = slice(start, min(start + size, M))
            z = buffer[:part.stop - start, :V]                                                      # (rows, V)
            torch.mm(x[part], weight.T, out=z)
            _rows(z, targets[part], losses[part], z if for_x or for_weight else z[:0], factor, ignore)  # z is its gradient now
            if for_x:
                _product(dx[part], z, weight, 1 / M, add=False)
            if for_weight:
                _product(dw, z.T, x[part], 1 / M, add=start > 0)
    return losses.sum() / n, dx, dw


def _product(out, a, b, factor, add):
    """out = factor · a @ b, plus what is there; a and b in 16 bits may add up in a float32 out."""
    if out.dtype == a.dtype:
        torch.addmm(out, a, b, beta=int(add), alpha=factor, out=out)
    elif a.is_cuda:
        torch.addmm(out, a, b, out_dtype=out.dtype, beta=int(add), alpha=factor, out=out)
    else:
        torch.addmm(out, a.to(out.dtype), b.to(out.dtype), beta=int(add), alpha=factor, out=out)


class _CrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx, z, targets, ignore):
        loss, dz = _cross_entropy(z, targets, ignore, ctx.needs_input_grad[0])
        ctx.save_for_backward(dz)
        return loss

    @staticmethod
    def backward(ctx, dloss):
        dz, = ctx.saved_tensors
        _scale_(dz, dloss)                                  # in place, so that a second backward is noticed by autograd
        return dz, None, None


class _LinearCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight, targets, ignore, dtype):
        loss, dx, dw = _linear_cross_entropy(x, weight, targets, ignore, dtype, *ctx.needs_input_grad[:2])
        ctx.save_for_backward(dx, dw)
        ctx.dtypes = x.dtype, weight.dtype
        return loss

    @staticmethod
    def backward(ctx, dloss):
        given = []
        for gradient, dtype, needed in zip(ctx.saved_tensors, ctx.dtypes, ctx.needs_input_grad):
            if needed:
                _scale_(gradient, dloss)
            given.append(gradient.to(dtype) if needed else None)
        return *given, None, None, None


def cross_entropy(logits, targets, ignore_index=-100):
    """Mean over all targets, but those equal to ignore_index, of -log softmax(logits)[target], in nats.

    logits (…, V), targets (…) of int64 in 0 … V-1. A float32 scalar (float64 for float64), whatever the logits are. On a GPU a
    target out of range gives NaN, for a look at it would wait for the device.

    >>> cross_entropy(torch.zeros(3, 10), torch.tensor([3, 7, -100]))                       # ln 10
    tensor(2.3026)
    """
    check("cross_entropy", logits=logits)
    _check_targets("cross_entropy", logits, targets)
    if runs_here(logits):
        return _CrossEntropy.apply(rows_of(logits), targets.reshape(-1), ignore_index)
    return _pytorch("cross_entropy", logits, targets, ignore_index)


def linear_cross_entropy(x, weight, targets, ignore_index=-100):
    """`cross_entropy` of the logits x·weightᵀ, which on a GPU are never all there at once.

    x (…, C), weight (V, C), targets (…) of int64. Under autocast the products are made in its dtype, and the gradient of a
    float32 weight is added up in float32; that of a bfloat16 weight is rounded after each of at most 16 parts.

    >>> linear_cross_entropy(torch.ones(2, 4), torch.zeros(10, 4), torch.tensor([3, 7]))    # ln 10
    tensor(2.3026)
    """
    check("linear_cross_entropy", x=x, weight=weight)
    if not x.ndim or weight.ndim != 2 or x.shape[-1] != weight.shape[1]:
        raise ValueError(f"linear_cross_entropy: x is {tuple(x.shape)} and weight {tuple(weight.shape)}; they must be (…, C) and "
                         "(V, C).")
    dtype = autocast_dtype(x) or x.dtype
    if autocast_dtype(x) is None and x.dtype != weight.dtype:
        raise TypeError(f"linear_cross_entropy: x is {x.dtype}, weight {weight.dtype}; they must be alike, or autocast be on.")
    _check_targets("linear_cross_entropy", x, targets)
    if runs_here(x):
        return _LinearCrossEntropy.apply(rows_of(x), weight, targets.reshape(-1), ignore_index, dtype)
    return _pytorch("linear_cross_entropy", F.linear(x, weight), targets, ignore_index)


def _exact(x):
    return torch.promote_types(x.dtype, torch.float32)


def _pytorch(name, logits, targets, ignore):
    try:
        return F.cross_entropy(logits.reshape(-1, logits.shape[-1]).to(_exact(logits)), targets.reshape(-1), ignore_index=ignore)
    except IndexError:
        raise ValueError(f"{name}: a target is out of range: there are {logits.shape[-1]} classes, so targets go from 0 to "
                         f"{logits.shape[-1] - 1}; got {int(targets.min())} to {int(targets.max())}.") from None


def _check_targets(name, x, targets):
    if not isinstance(targets, torch.Tensor) or targets.dtype != torch.int64:
        raise TypeError(f"{name}: targets must be a tensor of int64; got {getattr(targets, 'dtype', type(targets).__name__)}. "
                        "targets.long() converts.")
    if targets.shape != x.shape[:-1] or not x.ndim:
        raise ValueError(f"{name}: targets must be {tuple(x.shape[:-1])}, one for each row of {tuple(x.shape)}; they are "
                         f"{tuple(targets.shape)}.")
    if targets.device != x.device:
        raise ValueError(f"{name}: targets are on {targets.device}, the rest is on {x.device}; targets.to(…) moves them.")
