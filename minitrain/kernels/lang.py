"""What the kernels stand on: Triton where it can run, and the decision where a call goes. Only this file imports triton.

A kernel is one short program in Triton's language (`tl`), started many times side by side; each one finds out who it is with
`tl.program_id` and works on its own tile. It runs on an NVIDIA GPU of compute capability 8.0 or later (2020), or, with
TRITON_INTERPRET=1 in the environment before Python starts, in Triton's interpreter: NumPy, slow, and the same arithmetic.
Everywhere else the public names call PyTorch's own operations, and triton is not even imported.
"""
import functools
import os
from contextlib import nullcontext

import torch

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
triton = tl = None
if INTERPRETED or torch.version.cuda:
    try:
        import triton
        import triton.language as tl
    except ImportError:
        if INTERPRETED:
            raise ImportError("TRITON_INTERPRET is 1, and triton is not installed. `pip install triton` (Linux only) brings it; "
                              "without the variable everything runs on PyTorch's own operations.") from None

# Without triton a kernel stays a function that nobody calls.
jit = triton.jit if triton else lambda kernel: kernel
constexpr = tl.constexpr if triton else int             # marks an argument that the compiler knows: a tile's size, a switch
IN_INTERPRETER = constexpr(INTERPRETED)


@jit
def dot(a, b, total, PRECISION: constexpr):
    """total + a @ b of two tiles, within kernels. The interpreter's own product knows no bfloat16; in float32 it is the same."""
    if IN_INTERPRETER and a.dtype == tl.bfloat16:
        a, b = a.to(tl.float32), b.to(tl.float32)
    return tl.dot(a, b, total, input_precision=PRECISION, out_dtype=total.dtype)


def runs_here(x):
    """Whether kernels take a tensor; where not, the same name runs PyTorch's own operation."""
    if triton is None or x.numel() == 0:
        return False
    if INTERPRETED:
        return x.dtype.is_floating_point
    # asked for its properties, torch.compile takes them as constants; get_device_capability would break its graph
    return x.is_cuda and x.dtype != torch.float64 and torch.cuda.get_device_properties(x.device).major >= 8


def accumulator(x):
    """In what to add up: float32; float64 for float64, which is how gradients are checked against finite differences."""
    return tl.float64 if x.dtype == torch.float64 else tl.float32


def autocast_dtype(x):
    """The dtype that torch.autocast asks products on the device of x to be made in, or None where it is off."""
    kind = x.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else None


def on_device_of(x):
    """A with-block in which the device of x is the current one: there Triton starts programs."""
    return torch.cuda.device(x.device) if x.is_cuda else nullcontext()


def precision():
    """How kernels multiply float32: exactly, or rounded to tf32 on the way in, as torch.set_float32_matmul_precision says."""
    return "ieee" if torch.get_float32_matmul_precision() == "highest" else "tf32"


def processors(x):
    """How many multiprocessors the device of x has: 132 on an H100. The interpreter has one, and pretends to have three."""
    return torch.cuda.get_device_properties(x.device).multi_processor_count if x.is_cuda else 3


def power_of_two(n):
    """The smallest power of two that is at least n: tiles have such sides.

    >>> [power_of_two(n) for n in (1, 3, 64, 65)]
    [1, 4, 64, 128]
    """
    return 1 << (n - 1).bit_length() if n > 1 else 1


def tiles(n, tile):
    """How many tiles it takes to cover n.

    >>> tiles(65, 32)
    3
    """
    return -(-n // tile)


def row_tile(columns):
    """(rows, width, warps) of a tile for kernels that go over rows: about 4,096 numbers, 16 a thread, as many short rows as
    fit. One short row a program would cost more to start than to read.

    >>> row_tile(768), row_tile(4096), row_tile(32_000)
    ((4, 1024, 8), (1, 4096, 8), (1, 32768, 32))
    """
    width = power_of_two(columns)
    rows = max(1, 4096 // width)
    return rows, width, min(32, max(4, rows * width // 512))


def tuned(*configurations, key, operations):
    """Decorates a kernel: its first call of each `key` times the configurations and keeps the fastest.

    configurations: dicts of tile sides, with num_warps and num_stages.  operations: function of the arguments by name; below
    10⁹ of them timing would cost more than it can win, so the first one is taken, and in the interpreter as well.
    """
    if not triton:
        return lambda kernel: kernel
    made = [triton.Config({name: value for name, value in c.items() if not name.startswith("num_")},
                          num_warps=c["num_warps"], num_stages=c["num_stages"]) for c in configurations]

    def pick(configs, arguments, **others):
        return configs if operations(**arguments) > 1e9 else configs[:1]

    return triton.autotune(made[:1] if INTERPRETED else made, key=key, prune_configs_by={"early_config_prune": pick})


def op(fake, mutates=()):
    """Decorates a function that starts kernels: torch.compile then calls it as it is, instead of looking inside.

    fake: same arguments -> empty tensors like the results, for tracing.  mutates: names of arguments that it changes in place.
    """
    def decorate(function):
        if not triton:                                      # nobody will call it, and registering takes time
            return function

        @functools.wraps(function)
        def on_its_device(*args):
            with on_device_of(args[0]):
                return function(*args)
        made = torch.library.custom_op(f"minitrain::{function.__name__.strip('_')}", on_its_device, mutates_args=mutates)
        made.register_fake(fake)
        return made
    return decorate


def rows_of(x):
    """x (…, N) as rows (M, N) whose numbers lie side by side; a view where possible, a copy where not."""
    x = x.reshape(-1, x.shape[-1])
    return x if x.stride(1) == 1 else x.contiguous()


def check(name, **tensors):
    """One sentence for what no kernel of this room takes: no tensor, no floating point, several devices. None is left out."""
    device = None
    for role, x in tensors.items():
        if x is None:
            continue
        if not isinstance(x, torch.Tensor):
            raise TypeError(f"{name}: {role} is {type(x).__name__}; it must be a tensor. torch.as_tensor makes one.")
        if not x.is_floating_point():
            raise TypeError(f"{name}: {role} is {x.dtype}; it must be floating point. x.float() converts.")
        if device is None:
            device = x.device
        elif x.device != device:
            raise ValueError(f"{name}: {role} is on {x.device}, what came before it on {device}; x.to(…) moves it.")


def check_same(name, **tensors):
    """As `check`, and all of one shape and dtype."""
    check(name, **tensors)
    (first, x), *others = tensors.items()
    shape, dtype = x.shape, x.dtype
    for role, y in others:
        if y.shape != shape or y.dtype != dtype:
            raise ValueError(f"{name}: {first} is {dtype} {tuple(shape)}, {role} is {y.dtype} {tuple(y.shape)}; they must be "
                             "alike in shape and dtype.")
