"""What the machine gives us: counted from made-up machines, measured on this one."""
import os
import subprocess
import sys
import time

import numpy as np
import pytest
import torch

from minitrain import device


def made_up(tmp_path, group, files):
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text(group)
    for name, text in files.items():
        file = tmp_path / "sys/fs/cgroup" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path


@pytest.mark.parametrize(("group", "files", "expected"), [
    ("0::/", {"cpu.max": "max 100000"}, 8),
    ("0::/", {"cpu.max": "200000 100000"}, 2),
    ("0::/user/pod", {"user/pod/cpu.max": "max 100000", "user/cpu.max": "400000 100000"}, 4),       # a parent is tighter
    ("0::/user/pod", {"user/pod/cpu.max": "50000 100000"}, 1),                                        # half a core is one thread
    ("2:cpu,cpuacct:/a\n1:memory:/b", {"cpu/a/cpu.cfs_quota_us": "300000", "cpu/a/cpu.cfs_period_us": "100000"}, 3),
    ("2:cpu,cpuacct:/a", {"cpu/a/cpu.cfs_quota_us": "-1", "cpu/a/cpu.cfs_period_us": "100000"}, 8),
    ("0::/", {"cpu.max": "nonsense"}, 8),
])
def test_threads_follow_the_containers_share(tmp_path, monkeypatch, group, files, expected):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    assert device.threads(made_up(tmp_path, group, files)) == expected


def test_threads_without_any_cgroup(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 2}, raising=False)
    assert device.threads(tmp_path) == 3


def test_use_threads_sets_what_it_says():
    code = "import torch; from minitrain.device import use_threads; print(use_threads(), torch.get_num_threads())"
    for n in ("1", "2"):
        out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                             env={**os.environ, "OMP_NUM_THREADS": n}).stdout
        assert out.split() == [n, n]


def test_sizes_follow_the_device(monkeypatch):
    monkeypatch.setenv("MINITRAIN_DEVICE", "cpu")
    assert device.by_device(cpu=1, cuda=2) == 1
    monkeypatch.setenv("MINITRAIN_DEVICE", "cuda")
    assert device.by_device(cpu=1, cuda=2) == 2


def test_a_seed_repeats_everything():
    def draw(n):
        g = device.seed(n)
        return torch.rand(3, generator=g).tolist(), torch.rand(3).tolist(), np.random.rand(3).tolist()
    assert draw(3) == draw(3) != draw(4)


def test_the_meter_sees_seconds_and_memory():
    with device.Meter() as small:
        time.sleep(0.1)
    with device.Meter() as large:
        block = np.ones(25_000_000)                                         # 200 MB
        time.sleep(0.1)
        del block
    assert 0.1 <= small.seconds < 5
    assert 150 < large.peak_mb - small.peak_mb < 400


def test_machine_reads_as_a_sentence():
    found = device.machine()
    assert found.threads >= 1 and found.memory_gb > 0.5
    assert str(found).startswith(found.system) and "CPU thread" in str(found) and "GB of memory" in str(found)


def test_import_is_quick():
    """Beyond torch, `import minitrain` brings the standard library alone."""
    code = "import sys, minitrain; print(sorted(m for m in ('torch', 'numpy', 'tqdm', 'IPython', 'sklearn') if m in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
