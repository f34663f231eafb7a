"""The kernels' public names here, where they are PyTorch's own operations; on a GPU where there is one; and interpreted, in a
process of its own, since Triton decides when it is imported what its kernels are. What is tested stands in `kernel_parity.py`."""
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

pytest.register_assert_rewrite("kernel_parity")
from kernel_parity import *  # noqa: E402, F403

from minitrain.kernels import adamw, attention, cross_entropy, matmul, norm, softmax, vector_add  # noqa: E402

HERE = Path(__file__).parent


def python(*words, **environment):
    return subprocess.run([sys.executable, *words], cwd=HERE.parent, capture_output=True, text=True, env=os.environ | environment)


def need_triton():
    pytest.importorskip("triton", reason="triton is not installed; it is there for x86-64 Linux only")


def test_all_of_it_holds_in_the_interpreter():
    need_triton()
    done = python("-m", "pytest", "-q", "-n", "0", "-o", "addopts=", "-p", "no:cacheprovider", "--tb=short",
                  str(HERE / "kernel_parity.py"), TRITON_INTERPRET="1")
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr
    assert " passed" in done.stdout.splitlines()[-1]


def test_the_course_does_not_import_triton_where_it_can_not_run():
    code = "import minitrain, sys; from minitrain.kernels import attention, adamw; print('triton' in sys.modules)"
    wanted = bool(torch.version.cuda)
    assert python("-c", code, TRITON_INTERPRET="0").stdout.split() in ([str(wanted)], ["False"])


def test_without_triton_the_interpreter_is_refused_in_one_sentence(tmp_path):
    (tmp_path / "triton.py").write_text("raise ImportError\n")
    done = python("-c", "import minitrain.kernels.softmax", TRITON_INTERPRET="1", PYTHONPATH=str(tmp_path))
    assert "ImportError: TRITON_INTERPRET is 1, and triton is not installed. `pip install triton`" in done.stderr.splitlines()[-1]


@pytest.mark.slow
def test_all_kernels_fit_an_h100():
    """Compiled for one: those that multiply use its tensor cores, all load and store 16 bytes at once, and of each kernel's
    configurations at least one keeps everything in registers."""
    need_triton()
    done = python("-W", "ignore", str(HERE / "kernels_compiled.py"), TRITON_INTERPRET="0")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, done.stderr
    assert len({row["kernel"] for row in rows}) >= 14
    for row in rows:
        assert row["shared"] <= 227 * 1024 and row["programs"] >= 1, row
        assert row["widest_load"] == 16 or row["cp_async"] or row["kernel"] == "delta_kernel", row
        assert not row["kernel"].startswith(("matmul", "attention")) or row["wgmma"] or row["sides"].get("BM") == 32, row
    best = {}
    for row in rows:
        one = row["kernel"], *(row["sides"].get(name) for name in ("N", "D", "ACTIVATION", "CENTRE", "RESIDUAL", "SUMMED"))
        best[one] = min(best.get(one, row["stack"]), row["stack"])
    assert not any(best.values()), best                                                     # bytes that a thread puts into memory


@pytest.mark.slow
def test_the_benchmark_would_run_on_a_gpu():
    """Every line of it, at tiny sizes on this CPU; the same model loses the same on and off the kernels."""
    done = python("-W", "ignore", str(HERE / "benchmarks" / "kernels.py"), "--rehearse", TRITON_INTERPRET="0")
    assert done.returncode == 0, done.stderr
    out = json.loads(done.stdout)
    assert {row["operation"] for row in out["rows"]} >= {"softmax", "rms_norm + residual", "attention", "adamw"}
    assert len({round(loss, 2) for loss in out["step"]["first_loss"].values()}) == 1 and len(out["memory"]["peaks"]) == 4


def t(*shape, dtype=torch.float32, device="cpu"):
    return torch.zeros(shape, dtype=dtype, device=device)


IDS = torch.tensor([1, 2])
HALF, BRAIN = torch.float16, torch.bfloat16


@pytest.mark.parametrize("call, error, says", [
    (lambda: vector_add.add([1.0], t(1)), TypeError, "x is list; it must be a tensor"),
    (lambda: vector_add.add(t(2), t(3)), ValueError, r"x is torch.float32 \(2,\), y is torch.float32 \(3,\); they must be alike"),
    (lambda: vector_add.add(t(2), t(2, dtype=HALF)), ValueError, "must be alike in shape and dtype"),
    (lambda: vector_add.add(t(2), t(2, device="meta")), ValueError, r"y is on meta, what came before it on cpu; x.to\(…\) moves"),
    (lambda: softmax.softmax(IDS), TypeError, "x is torch.int64; it must be floating point"),
    (lambda: matmul.matmul(t(2, 3), t(2, 3)), ValueError, r"must be \(…, K\), \(K, N\) and \(N,\); they are \(2, 3\), \(2, 3\)"),
    (lambda: matmul.matmul(t(2, 3), t(3, 4), t(3)), ValueError, r"and \(3,\)\."),
    (lambda: matmul.matmul(t(2, 3), t(3, 4), activation="tanh"), ValueError, "'tanh'; it must be one of None, 'relu'"),
    (lambda: matmul.matmul(t(2, 3), t(3, 4, dtype=BRAIN)), TypeError, "one dtype; they are torch.float32, torch.bfl"),
    (lambda: norm.layer_norm(t(2, 3), t(2)), ValueError, r"x is \(2, 3\), so weight and bias must be \(3,\).*got \(2,\)"),
    (lambda: norm.layer_norm(t(2, 3), t(3), t(4)), ValueError, r"got \(3,\) and \(4,\)"),
    (lambda: norm.rms_norm(t(2, 3), t(3), residual=t(3)), ValueError, r"x is \(2, 3\) and residual \(3,\)"),
    (lambda: cross_entropy.cross_entropy(t(2, 3), IDS.int()), TypeError, "of int64; got torch.int32. targets.long"),
    (lambda: cross_entropy.cross_entropy(t(2, 3), [1, 2]), TypeError, "got list"),
    (lambda: cross_entropy.cross_entropy(t(3, 3), IDS), ValueError, r"must be \(3,\), one for each row of \(3, 3\); they are"),
    (lambda: cross_entropy.cross_entropy(t(2, 2), IDS), ValueError, "2 classes, so targets go from 0 to 1; got 1 to 2"),
    (lambda: cross_entropy.cross_entropy(t(2, 2), IDS.to("meta")), ValueError, "targets are on meta, the rest is on cpu"),
    (lambda: cross_entropy.linear_cross_entropy(t(2, 3), t(3, 4), IDS), ValueError, r"\(2, 3\) and weight \(3, 4\)"),
    (lambda: cross_entropy.linear_cross_entropy(t(2, 3), t(4, 3).half(), IDS), TypeError, "alike, or autocast be on"),
    (lambda: attention.attention(t(2, 3), t(2, 3), t(2, 3)), ValueError, r"must be \(B, H, T, D\).*they are \(2, 3\)"),
    (lambda: attention.attention(t(1, 2, 3, 4), t(1, 2, 5, 4), t(1, 2, 5, 4)), ValueError, "must be alike in shape"),
    (lambda: adamw.adamw_([t(2)], [], [t(2)], [t(2)], step=1, rate=0.1), ValueError, "1 params, 0 grads, 1 means and 1 squares"),
    (lambda: adamw.adamw_([t(2)], [t(3)], [t(2)], [t(2)], step=1, rate=0.1), ValueError, r"one shape.*got torch.float32 \(2,\)"),
])
def test_bad_input_gets_one_sentence(call, error, says):
    with pytest.raises(error, match=says) as raised:
        call()
    assert "\n" not in str(raised.value)


def test_mixed_layouts_are_not_mixed_up_by_the_fused_update():
    """PyTorch's own `_fused_adamw_` does that on a CPU, in silence: a reason to look before calling it."""
    g = torch.randn(6, 5, generator=torch.Generator().manual_seed(0))
    p, q = t(6, 5), t(6, 5)
    adamw.adamw_([p], [g.T.contiguous().T], [t(6, 5)], [t(6, 5)], step=1, rate=0.1)
    adamw.adamw_([q], [g], [t(6, 5)], [t(6, 5)], step=1, rate=0.1)
    assert p.equal(q) and torch.allclose(p, -0.1 * g.sign())
