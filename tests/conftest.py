"""What every test stands on: text instead of widgets, a progress folder of its own, one thread; and, for the notebooks
that nbval runs, what each lesson took, read from that same run."""
import os
import pathlib
import shutil
import signal
import tempfile
import time
from contextlib import contextmanager
from queue import Empty

# before anything imports torch; kernels and xdist's workers inherit it
_home = tempfile.TemporaryDirectory(prefix="minitrain-tests-", ignore_cleanup_errors=True)
os.environ |= {"MINITRAIN_STATIC": "1", "MINITRAIN_HOME": os.path.join(_home.name, "progress"), "OMP_NUM_THREADS": "1",
               "IPYTHONDIR": os.path.join(_home.name, "ipython"), "PYDEVD_DISABLE_FILE_VALIDATION": "1"}

import pytest  # noqa: E402

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:       # a shell's background job would never notice Ctrl-C, nor its children
    signal.signal(signal.SIGINT, signal.default_int_handler)

SECONDS, AIM, MEGABYTES = 60, 30, 1024          # a lesson from top to bottom on 2 cores; DESIGN asks for 60 and aims at 30
collect_ignore = ["benchmarks"]                 # scripts, run by hand


def pytest_addoption(parser):
    parser.addoption("--slow", action="store_true", help="run the long proofs too")


def pytest_collection_modifyitems(config, items):
    if not config.getoption("--slow"):
        for item in items:
            if item.get_closest_marker("slow"):
                item.add_marker(pytest.mark.skip(reason="long: pytest --slow"))
    on_gpu = [item for item in items if item.get_closest_marker("gpu")]
    if on_gpu:
        import torch
        if not torch.cuda.is_available():
            for item in on_gpu:
                item.add_marker(pytest.mark.skip(reason="no GPU on this machine"))


@pytest.fixture(autouse=True)
def home(tmp_path_factory, monkeypatch):
    """A fresh progress folder for every test."""
    folder = tmp_path_factory.mktemp("home") / "progress"
    monkeypatch.setenv("MINITRAIN_HOME", str(folder))
    return folder


@pytest.fixture(scope="module")
def browser():
    """A Chromium for the tests of one file: Playwright's event loop must not outlive it."""
    from browser import chromium, need_chromium
    need_chromium()
    with chromium() as made:
        yield made


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    """(address, folder of notebooks, folder of progress) of one JupyterLab for all browser tests, over copied notebooks."""
    from browser import jupyterlab, need_chromium

    from minitrain.teach.refresh import NOTEBOOKS
    need_chromium()
    folder = tmp_path_factory.mktemp("lab")
    root, home = folder / "notebooks", folder / "home"
    root.mkdir()
    for path in NOTEBOOKS.glob("*.ipynb"):
        shutil.copy(path, root)
    with jupyterlab(root, folder / "jupyter", MINITRAIN_HOME=str(home)) as address:
        yield address, root, home


def pytest_configure(config):
    config.pluginmanager.register(Lessons(Turns(config)))       # the hooks of a conftest see its own folder's items only


class Turns:
    """A lesson is promised 2 cores: while one of its cells runs, the tests of the other worker wait."""

    def __init__(self, config):
        run = getattr(config, "workerinput", {}).get("testrunuid")              # None: no workers, nothing to wait for
        self.files = run and [pathlib.Path(tempfile.gettempdir(), f"minitrain-{run}.{name}") for name in ("door", "room")]

    @contextmanager
    def taken(self, alone):
        """Who waits for the room alone keeps the door, or those who share the room could go in and out for ever."""
        if not self.files or os.name != "posix":
            yield
            return
        import fcntl
        with open(self.files[0], "w") as door, open(self.files[1], "w") as room:
            fcntl.flock(door, fcntl.LOCK_EX)
            fcntl.flock(room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
            fcntl.flock(door, fcntl.LOCK_UN)
            yield                                                               # closing, or dying, gives it back

    def forget(self):
        for file in self.files or ():
            file.unlink(missing_ok=True)


class Lessons:
    """Around each notebook cell that nbval runs: a progress folder for each notebook, its time and memory, and their limits."""

    def __init__(self, turns):
        self.turns = turns

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item):
        if hasattr(item, "cell_num"):
            return (yield)
        with self.turns.taken(alone=False):
            return (yield)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item):
        if hasattr(item, "cell_num") and item.parent.kernel is None:        # the kernel that starts now inherits the folder
            os.environ["MINITRAIN_HOME"] = os.path.join(tempfile.mkdtemp(dir=_home.name), "progress")

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item):
        if not hasattr(item, "cell_num"):
            return (yield)
        with self.turns.taken(alone=True):
            return (yield from self.measured(item))

    def measured(self, item):
        from minitrain.teach.refresh import Memory
        lesson, kernel = item.parent, item.parent.kernel
        if not hasattr(lesson, "seconds"):
            lesson.seconds = lesson.queued = lesson.peak_mb = 0
            lesson.judged = False
            _notice_death(kernel)

        def pid():
            return kernel.km.provisioner.pid if kernel.is_alive() else None
        start, queued, memory = time.perf_counter(), _queued(pid()), Memory(pid)
        try:
            with memory:
                result = yield
        finally:
            lesson.seconds += time.perf_counter() - start
            lesson.queued += max(0, _queued(pid()) - queued)
            lesson.peak_mb = max(lesson.peak_mb, memory.peak_mb)
            item.user_properties.append(("lesson", (lesson.path.stem, lesson.seconds, lesson.queued, lesson.peak_mb)))
        needs, name = lesson.seconds - lesson.queued, lesson.path.stem
        if not lesson.judged and (needs > SECONDS or lesson.peak_mb > MEGABYTES):
            lesson.judged = True                                            # once is enough
            assert needs <= SECONDS, f"{name} needed {needs:.0f} s up to this cell; the limit is {SECONDS} s."
            assert lesson.peak_mb <= MEGABYTES, f"{name} held {lesson.peak_mb:.0f} MB in this cell; the limit is {MEGABYTES} MB."
        return result

    def pytest_terminal_summary(self, terminalreporter):
        self.turns.forget()
        lessons = {}
        for reports in terminalreporter.stats.values():
            for report in reports:
                for name, took in getattr(report, "user_properties", ()):
                    if name == "lesson":                # each has the sums up to its cell
                        lessons[took[0]] = max(lessons.get(took[0], (0, 0, 0)), tuple(took[1:]))
        if lessons:
            terminalreporter.section(f"lessons under nbval: at most {SECONDS} s (aim {AIM}) and {MEGABYTES} MB, children counted")
        for stem, (seconds, queued, peak) in sorted(lessons.items()):
            aim = ", over the aim" if seconds - queued > AIM else ""
            terminalreporter.line(f"{stem}: {seconds:.1f} s, {queued:.1f} s of them in the queue for a core{aim}; {peak:.0f} MB")


def _queued(pid):
    """Seconds that a kernel's main thread was ready to run while other work had the cores: the one wait that is not its own.

    Sleeping, waiting for a file or for a child of its own all count as the lesson's time. Known on Linux, else 0.
    """
    try:
        return int(pathlib.Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0


def _notice_death(kernel):
    """nbval waits for the answer of a dead kernel until the cell's time is up; look every second."""
    wait = kernel.await_reply

    def await_reply(msg_id, timeout=None):
        end = time.monotonic() + timeout
        while True:
            try:
                return wait(msg_id, timeout=min(1, timeout))
            except Empty:
                if not kernel.is_alive():
                    raise RuntimeError("the kernel ended in this cell (out of memory?)") from None
                if time.monotonic() > end:
                    raise

    kernel.await_reply = await_reply
