"""The machine: what there is, how much of it is ours, and what a run costs in seconds and memory.

Nothing here is set behind the caller's back: `threads()` counts, `use_threads()` sets.
"""
import os
import platform
import random
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import torch


def device():
    """Where training runs: "cuda" where torch finds a GPU it can use, else "cpu". `MINITRAIN_DEVICE` overrides."""
    return torch.device(os.environ.get("MINITRAIN_DEVICE") or ("cuda" if torch.cuda.is_available() else "cpu"))


def by_device(*, cpu, cuda):
    """One size for a CPU, another for a GPU, said where it is used.

    >>> size = by_device(cpu=2_000, cuda=50_000)
    """
    return cuda if device().type == "cuda" else cpu


def seed(n):
    """A generator for its one owner, seeded with n; Python's, NumPy's and torch's own are seeded too (libraries use them).

    >>> torch.rand(2, generator=seed(0)).tolist() == torch.rand(2, generator=seed(0)).tolist()
    True
    """
    random.seed(n)
    torch.manual_seed(n)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(n % 2**32)
    return torch.Generator().manual_seed(n)


def threads(root="/"):
    """How many CPU threads this process may use: the smallest of its cores, its affinity and its container's share.

    root: where /proc and /sys are (tests put a made-up one there). cgroup v2: cpu.max; v1: cpu.cfs_quota_us.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    share = _cgroup_limit(Path(root), "cpu.max", "cpu/cpu.cfs_quota_us")
    return max(1, min(cores, int(share + 0.5))) if share else max(1, cores)


def use_threads(n=None):
    """Let torch use n threads: by default `threads()`, or what OMP_NUM_THREADS says. Returns the number.

    torch counts the machine's cores, not the container's share; more threads than cores makes small models slower.
    """
    n = n or int(os.environ.get("OMP_NUM_THREADS") or threads())
    torch.set_num_threads(n)
    return n


@dataclass
class Machine:
    """What was found: system and Python, CPU threads, memory in GB (the container's where it is smaller), GPU or None."""
    system: str
    python: str
    torch: str
    threads: int
    memory_gb: float
    gpu: str | None
    gpu_gb: float | None

    def __str__(self):
        gpu = f"GPU {self.gpu} with {self.gpu_gb:.0f} GB" if self.gpu else "no GPU that torch can use (none is needed)"
        return (f"{self.system}, Python {self.python}, torch {self.torch}: {self.threads} CPU thread{'s' * (self.threads != 1)}, "
                f"{self.memory_gb:.1f} GB of memory, {gpu}.")


def machine():
    """What this machine is, for the reader and for records of measurements."""
    gpu = torch.cuda.get_device_properties(0) if torch.cuda.is_available() else None
    return Machine(f"{platform.system()} {platform.machine()}", platform.python_version(), torch.__version__, threads(),
                   _memory_bytes() / 1e9, gpu.name if gpu else None, gpu.total_memory / 1e9 if gpu else None)


class Meter:
    """Seconds and the largest resident memory of a with-block, in MB of 10^6 bytes, sampled every 20 ms.

    On a GPU, `gpu_mb` is the most that torch held there, and the seconds wait for the device.

    >>> with Meter() as meter:
    ...     _ = sum(range(1000))
    >>> meter.seconds < 1 and meter.peak_mb > 1
    True
    """

    def __enter__(self):
        self.seconds, self.peak_mb, self.gpu_mb = 0.0, resident_mb(), 0.0
        self._gpu = device().type == "cuda"
        if self._gpu:
            torch.cuda.synchronize()
            torch.cuda.reset_peak_memory_stats()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()
        self._start = time.perf_counter()
        return self

    def _sample(self):
        while not self._done.wait(0.02):
            self.peak_mb = max(self.peak_mb, resident_mb())

    def __exit__(self, *_):
        if self._gpu:
            torch.cuda.synchronize()
            self.gpu_mb = torch.cuda.max_memory_allocated() / 1e6
        self.seconds = time.perf_counter() - self._start
        self._done.set()
        self._thread.join()
        self.peak_mb = max(self.peak_mb, resident_mb())


def resident_mb():
    """Memory that this process holds now, in MB; where the system does not say, the most it ever held."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    except (OSError, AttributeError):
        pass
    try:
        import resource
    except ImportError:                                     # Windows
        return float("nan")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def _memory_bytes():
    limit = _cgroup_limit(Path("/"), "memory.max", "memory/memory.limit_in_bytes")
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError):                    # Windows
        import ctypes
        status = (ctypes.c_ulonglong * 8)()
        status[0] = ctypes.sizeof(status)
        ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status))
        total = status[1]
    return min(total, limit) if limit else total


def _cgroup_limit(root, v2, v1):
    """A limit of this process's control group: cpu.max as a number of CPUs, memory.max in bytes; None where there is none.

    The group's parents may be tighter than itself; the smallest counts.
    """
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return None
    found = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            base, name = root / "sys/fs/cgroup", v2
        elif v1.split("/")[0] in controllers.split(","):
            base, name = root / "sys/fs/cgroup" / v1.split("/")[0], v1.split("/")[1]
        else:
            continue
        here = base / path.strip("/")
        for folder in [here, *here.parents]:
            found.append(_limit(folder / name))
            if folder == base:
                break
    found = [limit for limit in found if limit]
    return min(found) if found else None


def _limit(file):
    try:
        words = file.read_text().split()
        if file.name == "cpu.max":
            return None if words[0] == "max" else int(words[0]) / int(words[1])
        if file.name == "cpu.cfs_quota_us":
            return None if int(words[0]) < 0 else int(words[0]) / int((file.parent / "cpu.cfs_period_us").read_text())
        return None if words[0] == "max" else int(words[0])
    except (OSError, ValueError, IndexError):
        return None
