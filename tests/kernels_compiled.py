"""What each kernel becomes on an H100, found out without one: compiled for it by the compiler and the assembler that come with
triton, from the very calls of the public operations; nothing is started. Prints JSON.

    python tests/kernels_compiled.py            # all configurations, some minutes
"""
import json
import re
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import torch

torch.version.cuda = torch.version.cuda or "none"           # so that minitrain.kernels imports triton without a GPU

import triton  # noqa: E402
from triton.backends.compiler import GPUTarget  # noqa: E402

from minitrain.kernels import adamw, attention, cross_entropy, lang, matmul, norm, softmax, vector_add  # noqa: E402

SHARED, REGISTERS = 227 * 1024, 65_536                      # of a multiprocessor of an H100; bytes, and numbers of 32 bits
found = []


class NoDriver:
    """Stands where the driver of a GPU would."""
    def get_current_target(self):
        return GPUTarget("cuda", 90, 32)

    def get_current_device(self):
        return 0

    def get_current_stream(self, device):
        return 0


def compile_only():
    """From here on a kernel's launch compiles every configuration, keeps what came of it in `found`, and starts nothing."""
    triton.runtime.driver.set_active(NoDriver())
    run = triton.runtime.jit.JITFunction.run

    def compiled(self, *args, grid, warmup=False, **options):
        kernel = run(self, *args, grid=grid, warmup=True, **options)
        given = {**dict(zip(self.arg_names, args)), **options}
        sides = {name: value for name, value in given.items() if name.isupper() and isinstance(value, int | str)}
        found.append({"kernel": self.fn.__name__.strip("_"), "sides": sides, **resources(kernel)})

    def every(self, *args, grid, warmup=False, **options):
        for config in self.configs:
            self.fn.run(*args, grid=grid, **options, **config.all_kwargs())

    triton.runtime.jit.JITFunction.run = compiled
    triton.runtime.autotuner.Autotuner.run = every


def resources(kernel):
    tools = Path(triton.__file__).parent / "backends" / "nvidia" / "bin"
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(kernel.asm["cubin"])
        file.flush()
        usage = subprocess.run([tools / "cuobjdump", "-res-usage", file.name], capture_output=True, text=True, check=True).stdout
    registers, stack = (int(re.search(rf"{name}:(\d+)", usage)[1]) for name in ("REG", "STACK"))
    threads = kernel.metadata.num_warps * 32
    ptx = kernel.asm["ptx"]
    return {"warps": kernel.metadata.num_warps, "stages": kernel.metadata.num_stages, "registers": registers, "stack": stack,
            "shared": kernel.metadata.shared,
            "programs": min(REGISTERS // (registers * threads), SHARED // max(kernel.metadata.shared, 1), 2048 // threads),
            "wgmma": ptx.count("wgmma.mma_async"), "mma": ptx.count("mma.sync"), "cp_async": ptx.count("cp.async.c"),
            "widest_load": max([0, *(int(n) for n in re.findall(r"ld\.global\.(?:\S*\.)?v(\d)\.b32", ptx))]) * 4,
            "widest_store": max([0, *(int(n) for n in re.findall(r"st\.global\.(?:\S*\.)?v(\d)\.b32", ptx))]) * 4}


def calls(dtype=torch.bfloat16):
    """Every kernel at shapes of GPT-2 small and of a model of 7 billion; few rows, for rows change nothing of the program."""
    def t(*shape, dtype=dtype):
        return torch.empty(shape, dtype=dtype)

    exact = torch.float32
    yield lambda: vector_add._add(t(4096), t(4096))
    for N in (768, 4096, 128_256):
        yield lambda N=N: softmax._softmax_forward(t(32, N))
        yield lambda N=N: softmax._softmax_backward(t(32, N), t(32, N))
    for N in (768, 4096, 8192):
        for centre, kind in ((True, None), (True, exact), (False, None), (False, dtype)):
            weight, residual = t(N), None if kind is None else t(32, N, dtype=kind)
            h, bias = t(32, N, dtype=kind or dtype), weight if centre else None
            one, mean = t(32, dtype=exact), t(32 * centre, dtype=exact)
            yield partial(norm._norm_forward, t(32, N), residual, weight, bias, 1e-5, centre, None)
            yield partial(norm._norm_backward, t(32, N), residual, h, weight, bias, mean, one, dtype, h.dtype)
    yield lambda: cross_entropy._cross_entropy(t(32, 128_256), t(32, dtype=torch.int64), -100, True)
    yield lambda: cross_entropy._scale_(t(4096), t(dtype=exact))
    for activation in (None, "gelu"):
        yield lambda a=activation: matmul._matmul(t(256, 768), t(3072, 768).T, t(3072), a, True)
    for D in (64, 128):
        q, o, row = t(2, 16, 512, D), t(2, 512, 16, D), t(2, 16, 512, dtype=exact)
        yield partial(attention._attention_forward, q, q, q, 1.0)
        yield partial(attention._attention_backward, q, q, q, o, row, o.transpose(1, 2), 1.0)
    p = [t(4096, dtype=exact)]
    yield lambda: adamw._launch(p, p, p, p, 1, 1e-3, (0.9, 0.95), 1e-8, 0.1)


def compile_all(which="", dtype=torch.bfloat16):
    """Compile all calls whose kernels' names contain `which`; returns what was found."""
    assert not lang.INTERPRETED, "unset TRITON_INTERPRET: the interpreter compiles nothing"
    compile_only()
    for call in calls(dtype):
        call()
    return [row for row in found if which in row["kernel"]]


if __name__ == "__main__":
    for row in compile_all(*sys.argv[1:]):
        print(json.dumps(row))
