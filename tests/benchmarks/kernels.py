"""How fast the kernels are. Prints one JSON object.

    python tests/benchmarks/kernels.py [--rehearse]

On a GPU: each public name at shapes of GPT-2 small and of a model of 7 billion parameters, beside PyTorch eager (the reference),
PyTorch's own operation, and that under torch.compile (attention: the reference under it): milliseconds, bytes or operations
counted, and the share of what this device was measured to copy or multiply; the peak memory of the loss over 128,256 words; and
training steps of GPT-2 small. The same object goes into data/benchmarks/kernels_<gpu>.json, which then needs its line in
data/README.md.

Elsewhere: how many times faster each public name is than plain PyTorch (the reference), medians of alternating calls.
--rehearse: every line of what a GPU would run, at tiny sizes on this CPU, to see that it works; its numbers say nothing.
"""
import argparse
import datetime
import json
import random
import re
import statistics
import time
from functools import partial
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from minitrain import optim
from minitrain.device import machine, use_threads
from minitrain.kernels import adamw, attention, cross_entropy, lang, matmul, norm, softmax, vector_add
from minitrain.models.transformer import Transformer

FOLDER = Path(__file__).resolve().parents[2] / "data" / "benchmarks"
GPT2 = dict(name="GPT-2 small", B=32, T=1024, C=768, H=12, F=3072, V=50_257)
LLAMA = dict(name="7B", B=4, T=4096, C=4096, H=32, F=11_008, V=128_256)         # with the vocabulary that is now usual
TINY = dict(name="rehearsal", B=2, T=32, C=64, H=4, F=96, V=200)
TARGETS = {"share of the copy rate, memory-bound, 7B": 0.9, "against torch.compile, memory-bound": 1.0,
           "peak memory of the loss, against eager": 0.25, "attention against PyTorch's flash attention": 0.8,
           "GPT-2 small step against torch.compile": 1.0}


def operations(size, made):
    """(name, forward bytes or None, forward operations or None, inputs, contenders, pass) for one size of model. Bytes are those
    that must move: each input and result once, forward; with the gradients, both ways."""
    B, T, C, H, wide, V = (size[k] for k in "BTCHFV")
    M, item = B * T, 2                                                          # bfloat16
    x, r, w, b = made(M, C), made(M, C), made(C), made(C)
    sums = dict(ours=vector_add.add, eager=vector_add.reference, pytorch=lambda x, y: x + y)
    yield "add", 3 * M * C * item, None, (x, r), sums, "forward"
    rows = dict(ours=softmax.softmax, eager=softmax.reference, pytorch=lambda x: F.softmax(x, -1))
    scores = made(min(M, 2**28 // T), T)                                        # as attention without a kernel would have them
    yield "softmax", 2 * scores.numel() * item, None, (scores,), rows, "forward"
    yield "softmax", 5 * scores.numel() * item, None, (scores,), rows, "both"
    layer = dict(ours=norm.layer_norm, eager=norm.reference_layer_norm, pytorch=lambda x, w, b: F.layer_norm(x, w.shape, w, b))
    rms = dict(ours=norm.rms_norm, eager=norm.reference_rms_norm, pytorch=lambda x, w: F.rms_norm(x, w.shape, w, 1e-6))

    def summed(x, r, w):
        h = x + r
        return F.rms_norm(h, w.shape, w, 1e-6), h
    add_rms = dict(ours=lambda x, r, w: norm.rms_norm(x, w, residual=r),
                   eager=lambda x, r, w: norm.reference_rms_norm(x, w, residual=r), pytorch=summed)
    for name, contenders, inputs, both in (("layer_norm", layer, (x, w, b), 5), ("rms_norm", rms, (x, w), 5),
                                           ("rms_norm + residual", add_rms, (x, r, w), 8)):
        yield name, (both // 2) * M * C * item, None, inputs, contenders, "forward"
        yield name, both * M * C * item, None, inputs, contenders, "both"
    few = min(M, 2**31 // (8 * V))                                              # eager holds four copies in float32
    logits, y = made(few, V), torch.randint(V, (few,), device=x.device)
    losses = dict(ours=partial(cross_entropy.cross_entropy, targets=y),
                  eager=partial(cross_entropy.reference_cross_entropy, targets=y),
                  pytorch=lambda z: F.cross_entropy(z.float(), y))
    yield "cross_entropy", 2 * few * V * item, None, (logits,), losses, "both"
    a, weight, bias = made(M, C), made(wide, C), made(wide)
    products = dict(ours=lambda a, w, b: matmul.matmul(a, w.T, b, "gelu"),
                    eager=lambda a, w, b: 0.5 * (z := a @ w.T + b) * (1 + torch.erf(z * 0.5**0.5)),
                    pytorch=lambda a, w, b: F.gelu(F.linear(a, w, b)))
    yield "matmul + bias + gelu", None, 2 * M * C * wide, (a, weight, bias), products, "forward"
    yield "matmul + bias + gelu", None, 6 * M * C * wide, (a, weight, bias), products, "both"
    q, k, v = (made(B, T, H, C // H).detach().transpose(1, 2).requires_grad_() for _ in range(3))
    gathers = dict(ours=attention.attention, eager=attention.reference, pytorch=flash)
    yield "attention", None, 2 * B * T * T * C, (q, k, v), gathers, "forward"
    yield "attention", None, 7 * B * T * T * C, (q, k, v), gathers, "both"


def flash(q, k, v):
    """PyTorch's flash attention; on a CPU whatever it has."""
    if not q.is_cuda:
        return F.scaled_dot_product_attention(q, k, v, is_causal=True)
    with nn.attention.sdpa_kernel(nn.attention.SDPBackend.FLASH_ATTENTION):
        return F.scaled_dot_product_attention(q, k, v, is_causal=True)


def updates(size, device):
    """AdamW of as many parameters as fit: the matrices of a few blocks, and their vectors."""
    C, wide = size["C"], size["F"]
    shapes = [s for _ in range(12 if C < 4096 else 4) for s in ((3 * C, C), (C, C), (wide, C), (C, wide), (C,), (C,))]
    params = [nn.Parameter(torch.randn(s, device=device)) for s in shapes]
    for p in params:
        p.grad = torch.randn_like(p)
    values, grads = [p.data for p in params], [p.grad for p in params]
    means, squares = [torch.zeros_like(p) for p in values], [torch.zeros_like(p) for p in values]
    how = dict(step=10, rate=1e-4, betas=(0.9, 0.95), decay=0.1)
    theirs = {name: torch.optim.AdamW(params, lr=1e-4, betas=(0.9, 0.95), weight_decay=0.1, **options)
              for name, options in (("eager", dict(foreach=False, fused=False)), ("foreach", dict(foreach=True)),
                                    ("pytorch", dict(fused=True)))}
    contenders = {"ours": partial(adamw.adamw_, values, grads, means, squares, **how),
                  **{name: optimizer.step for name, optimizer in theirs.items()}}
    return 28 * sum(p.numel() for p in params), contenders


class Clock:
    """Median milliseconds of a call: on a GPU by device events, with the cache emptied between calls; in a rehearsal by hand."""

    def __init__(self, device, milliseconds):
        self.device, self.milliseconds = device, milliseconds

    def __call__(self, call):
        if self.device == "cuda":
            return lang.triton.testing.do_bench(call, warmup=self.milliseconds, rep=4 * self.milliseconds, return_mode="median")
        call()
        start = time.perf_counter()
        call()
        return (time.perf_counter() - start) * 1e3


def contest(size, device, clock, compiled, rates):
    """One row for each operation and pass of one size."""
    def made(*shape):
        return torch.randn(shape, device=device).to(torch.bfloat16).requires_grad_()

    def row(name, bytes_, work, how, ms):
        reached = (bytes_ or work) / (ms["ours"] * 1e-3)
        return {"operation": name, "model": size["name"], "pass": how, "bytes": bytes_, "operations": work,
                "ms": {k: ms[k] and round(ms[k], 4) for k in ms},
                "share": round(reached / rates["copy_bytes_s" if bytes_ else "matmul_operations_s"], 3),
                "against_compile": ms.get("compile") and round(ms["compile"] / ms["ours"], 3),
                "against_pytorch": ms["pytorch"] and round(ms["pytorch"] / ms["ours"], 3)}

    for name, bytes_, work, inputs, contenders, how in operations(size, made):
        ms = {}
        to_compile = contenders["eager" if name == "attention" else "pytorch"]
        for who, f in {**contenders, "compile": compiled(to_compile)}.items():
            try:
                ms[who] = clock(partial(both if how == "both" else forward, f, inputs))
            except torch.OutOfMemoryError:
                ms[who] = None                                                  # eager attention at 4,096 tokens may be one
                torch.cuda.empty_cache()
        yield row(name, bytes_, work, how, ms)
    bytes_, contenders = updates(size, device)
    yield row("adamw", bytes_, None, "update", {who: clock(f) for who, f in contenders.items()})


def forward(f, inputs):
    with torch.no_grad():
        return f(*inputs)


def both(f, inputs):
    out = f(*inputs)
    out = out if isinstance(out, tuple) else (out,)
    return torch.autograd.grad(out, inputs, out if out[0].ndim else None)       # the result serves as its own gradient


def ceilings(device, clock, n):
    """What this device copies (bytes read and written) and multiplies in bfloat16, a second."""
    x = torch.randn(n * n, device=device)
    y = torch.empty_like(x)
    a, b = (torch.randn(n, n, device=device).bfloat16() for _ in range(2))
    return {"copy_bytes_s": 8 * x.numel() / (clock(lambda: y.copy_(x)) * 1e-3),
            "matmul_operations_s": 2 * n**3 / (clock(lambda: torch.mm(a, b)) * 1e-3)}


def memory_of_the_loss(device, M, C, V):
    """Bytes at the peak, beyond what lay there before, of the loss from features, forward and backward."""
    x, w = (torch.randn(s, C, device=device).bfloat16().requires_grad_() for s in (M, V))
    y, peaks = torch.randint(V, (M,), device=device), {}
    for name, loss in (("ours", lambda: cross_entropy.linear_cross_entropy(x, w, y)),
                       ("eager, logits in bfloat16", lambda: F.cross_entropy(F.linear(x, w), y)),
                       ("eager, logits in float32", lambda: F.cross_entropy(F.linear(x, w).float(), y)),
                       ("pytorch, in parts", lambda: F.linear_cross_entropy(x, w, y, options=nn.LinearCrossEntropyOptions()))):
        x.grad = w.grad = None
        if device == "cuda":
            torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated() if device == "cuda" else 0
        try:
            start = time.perf_counter()
            loss().backward()
            if device == "cuda":
                torch.cuda.synchronize()
            peaks[name] = {"bytes": torch.cuda.max_memory_allocated() - before if device == "cuda" else 0,
                           "first_call_s": round(time.perf_counter() - start, 3)}
        except torch.OutOfMemoryError:
            peaks[name] = None
    return {"tokens": M, "width": C, "vocabulary": V, "peaks": peaks}


def training_steps(size, device, clock, compiled, layers):
    """Milliseconds a step of GPT-2 small in bfloat16 by autocast: forward, loss, backward, AdamW. The same model four times."""
    B, T, V = size["B"], size["T"], size["V"]
    ids = torch.randint(V, (B, T + 1), device=device)
    ms, first_losses = {}, {}
    for name, kernels, compile_it in (("eager", False, False), ("compile", False, True), ("kernels", True, False),
                                      ("kernels and compile", True, True)):
        model = Transformer(V, context=T, layers=layers, heads=size["H"], width=size["C"], kernels=kernels, seed=0).to(device)
        params = list(model.parameters())
        ours = optim.AdamW(params, rate=1e-4, decay=0.1) if kernels else torch.optim.AdamW(params, lr=1e-4, fused=True)

        def loss(model=model, kernels=kernels):
            with torch.autocast(device, torch.bfloat16):
                if kernels:
                    return cross_entropy.linear_cross_entropy(model.features(ids[:, :-1]), model.unembedding, ids[:, 1:])
                return F.cross_entropy(model(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())
        run = compiled(loss) if compile_it else loss

        def step(run=run, ours=ours):
            ours.zero_grad()
            value = run()
            value.backward()
            ours.step()
            return value
        first_losses[name] = round(float(step()), 4)
        ms[name] = round(clock(step), 3)
        del model, params, ours, loss, run, step
    return {"batch": [B, T], "layers": layers, "ms": ms, "first_loss": first_losses}


def on_a_gpu(device, rehearsal):
    clock = Clock(device, 100)
    compiled = partial(torch.compile, backend="eager") if rehearsal else torch.compile
    sizes = [TINY] if rehearsal else [GPT2, LLAMA]
    rates = ceilings(device, clock, 64 if rehearsal else 8192)
    rows = [row for size in sizes for row in contest(size, device, clock, compiled, rates)]
    torch._dynamo.reset()
    out = {
        "device": torch.cuda.get_device_name() if device == "cuda" else "none: a rehearsal",
        "versions": {"torch": torch.__version__, "triton": lang.triton and lang.triton.__version__, "cuda": torch.version.cuda},
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(), "command": "python tests/benchmarks/kernels.py",
        "rates": {name: float(f"{rate:.4g}") for name, rate in rates.items()}, "targets": TARGETS, "rows": rows,
        "memory": memory_of_the_loss(device, *((64, 32, 500) if rehearsal else (16_384, 4096, 128_256))),
        "step": training_steps(sizes[0], device, Clock(device, 500), compiled, layers=2 if rehearsal else 12),
        "machine": str(machine()),
    }
    if device == "cuda":
        FOLDER.mkdir(exist_ok=True)
        name = re.sub(r"\W+", "_", out["device"].lower()).strip("_")
        (FOLDER / f"kernels_{name}.json").write_text(json.dumps(out, indent=1) + "\n")
    return out


def on_a_cpu(rounds=60):
    """Times faster than plain PyTorch, at sizes of this course; above 1 is faster. And the same of PyTorch's own operation."""
    def made(*shape):
        return torch.randn(shape).requires_grad_()

    x, w, b, y = made(512, 256), made(256), made(256), torch.randint(1000, (512,))
    q, k, v = (made(8, 4, 128, 32) for _ in range(3))
    big, table = made(512, 1000), made(1000, 256)

    def step(f, params, **how):
        return lambda: f(*params, step=10, rate=1e-3, **how)
    tensors = [[torch.randn(s).abs() for s in ((256, 256), (1024, 256), (256,)) for _ in range(4)] for _ in range(4)]
    races = {
        "add": ((made(2048, 1024), made(2048, 1024)), vector_add.add, vector_add.reference, torch.add),
        "softmax": ((big,), softmax.softmax, softmax.reference, lambda x: F.softmax(x, -1)),
        "matmul": ((x, table), lambda a, b: matmul.matmul(a, b.T, None, "gelu"), lambda a, b: 0.5 * (z := a @ b.T) * (
            1 + torch.erf(z * 0.5**0.5)), lambda a, b: F.gelu(F.linear(a, b))),
        "layer_norm": ((x, w, b), norm.layer_norm, norm.reference_layer_norm, lambda x, w, b: F.layer_norm(x, (256,), w, b)),
        "rms_norm": ((x, w), norm.rms_norm, norm.reference_rms_norm, lambda x, w: F.rms_norm(x, (256,), w, 1e-6)),
        "cross_entropy": ((big,), partial(cross_entropy.cross_entropy, targets=y),
                          partial(cross_entropy.reference_cross_entropy, targets=y), lambda z: F.cross_entropy(z, y)),
        "linear_cross_entropy": ((x, table), partial(cross_entropy.linear_cross_entropy, targets=y),
                                 partial(cross_entropy.reference_linear_cross_entropy, targets=y),
                                 lambda x, w: F.cross_entropy(F.linear(x, w), y)),
        "attention": ((q, k, v), attention.attention, attention.reference, flash),
    }
    calls = {name: [partial(both, f, inputs) for f in contenders] for name, (inputs, *contenders) in races.items()}
    fused = partial(adamw._fused, betas=(0.9, 0.999), eps=1e-8, decay=0.01)
    calls["adamw_"] = [step(f, tensors) for f in (adamw.adamw_, adamw.reference, fused)]
    out, order = {}, random.Random(0)
    for name, contenders in calls.items():
        for call in contenders:
            call()
        times = [[] for _ in contenders]
        for _ in range(rounds):
            for who in order.sample(range(3), 3):                               # nobody always follows the same one
                start = time.perf_counter()
                contenders[who]()
                times[who].append(time.perf_counter() - start)
        ours, plain, own = times
        out[name] = {"ms": round(statistics.median(ours) * 1e3, 3),
                     "times_plain": round(statistics.median(p / o for o, p in zip(ours, plain)), 2),
                     "times_pytorchs_own": round(statistics.median(p / o for o, p in zip(ours, own)), 2)}
    return {"public_names": out, "times_plain_limit": 1.0, "machine": str(machine())}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--rehearse", action="store_true")
    rehearsal = parser.parse_args().rehearse
    use_threads()
    on_gpu = torch.cuda.is_available() and not rehearsal
    print(json.dumps(on_a_gpu("cuda" if on_gpu else "cpu", rehearsal) if on_gpu or rehearsal else on_a_cpu(), indent=1))
