"""What the reader has done: predictions, passed exercises, measured claims, in one JSON file on their own machine.

The file is `$MINITRAIN_HOME/progress.json`, or `~/.minitrain/progress.json`. Nothing is sent anywhere. Two notebooks may write
at once: each change is read, merged and renamed into place under a lock. With `MINITRAIN_STATIC=1` (stored outputs, tests)
the file is neither read nor written, so that no author's answers end up in a lesson; progress then lasts as long as the kernel.
"""

import json
import os
import tempfile
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

VERSION = 1
ROOMS = ("predictions", "exercises", "claims")

_unsaved = {room: {} for room in ROOMS}       # what could not be written yet; goes out with the next change that can be
_said = set()


def static():
    """Whether text stands where widgets would: `MINITRAIN_STATIC=1`."""
    return os.environ.get("MINITRAIN_STATIC") == "1"


def home():
    """The folder that progress lives in."""
    given = os.environ.get("MINITRAIN_HOME")
    return Path(given).expanduser() if given else Path.home() / ".minitrain"


def entries(room):
    """All entries of a room ("predictions", "exercises", "claims"): {name: {field: value, "at": time}}."""
    return _merged(_load(), _unsaved)[0][room]


def entry(room, name):
    """One entry, or {}."""
    return entries(room).get(name, {})


def record(room, name, **fields):
    """Set fields of one entry, keep its others, and stamp it with the time; never raises, and never loses another's entry."""
    stamped = fields | {"at": datetime.now(UTC).isoformat(timespec="microseconds")}

    def change(stored):
        stored[room][name] = stored[room].get(name, {}) | stamped
        return stored, None

    try:
        _save(change)
    except (OSError, RuntimeError, ValueError) as error:    # RuntimeError: no home directory is known
        _unsaved[room][name] = entry(room, name) | stamped
        _say("unsaved", f"Your progress can not be saved ({_reason(error)}); it is kept until this notebook's kernel stops. "
                        "Set MINITRAIN_HOME to a folder you may write to.")


def export_progress(path="minitrain-progress.json"):
    """Write all progress to one file that `import_progress` reads on another machine; an existing file is left alone."""
    path = Path(path).expanduser()
    if path.is_dir():
        path = path / "minitrain-progress.json"
    if path.exists():
        print(f"{path.name} exists already and was left as it is; give another name.")
        return
    stored, _ = _merged(_load(), _unsaved)
    try:
        _write(path, stored)
    except OSError as error:
        print(f"{path.name} could not be written: {_reason(error)}.")
        return
    print(f"Exported to {path.name}: {_counts(stored)}.")


def import_progress(path):
    """Merge an exported file into this machine's progress; where both have an entry the newer one stays, and that is said."""
    path = Path(path).expanduser()
    try:
        theirs = _parse(path.read_text(encoding="utf-8"))
    except OSError as error:
        print(f"{path.name} could not be read: {_reason(error)}. Nothing was changed.")
        return
    except ValueError as error:
        print(f"{path.name} is not an export of progress ({_reason(error)}). Nothing was changed.")
        return
    try:
        report = _save(lambda ours: _merged(ours, theirs))
    except (OSError, RuntimeError, ValueError) as error:
        print(f"Your progress can not be saved ({_reason(error)}). Nothing was changed.")
        return
    said = [f"Imported from {path.name}: {len(report['new'])} new"]
    if report["replaced"]:
        said.append(f"{len(report['replaced'])} replaced by a newer one ({', '.join(report['replaced'])})")
    if report["kept"]:
        said.append(f"{len(report['kept'])} kept, because yours is newer ({', '.join(report['kept'])})")
    if report["same"]:
        said.append(f"{len(report['same'])} the same")
    print("; ".join(said) + ".")


def _file():
    return home() / "progress.json"


def _empty():
    return {"version": VERSION, **{room: {} for room in ROOMS}}


def _parse(text):
    """Progress from its JSON text; ValueError says in half a sentence what is wrong with it."""
    try:
        stored = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("it is not complete JSON") from None
    version = stored.get("version") if isinstance(stored, dict) else None
    if type(version) is not int:
        raise ValueError("it has no version")
    if version > VERSION:
        raise _Newer("a newer minitrain wrote it")
    for room in ROOMS:
        held = stored.setdefault(room, {})
        if not isinstance(held, dict) or not all(isinstance(e, dict) and isinstance(e.get("at", ""), str) for e in held.values()):
            raise ValueError(f"its {room} are not readable")
    return stored


class _Newer(ValueError):
    pass


def _save(change):
    """Write what `change` makes of all that is stored, and return its report; raises where nothing could be saved."""
    if static():
        stored, report = change(_merged(_empty(), _unsaved)[0])
        _unsaved.update({room: stored[room] for room in ROOMS})
        return report
    with _lock():
        stored, report = change(_merged(_stored(), _unsaved)[0])
        _write(_file(), stored)
    for held in _unsaved.values():
        held.clear()
    return report


def _load():
    """What is stored, or nothing where that can't be read; a broken file is set aside and the reader told."""
    if static():
        return _empty()
    try:
        try:
            return _read()
        except _Newer:
            raise
        except ValueError:
            with _lock():               # under the lock, lest a good file that just took its place be set aside
                return _stored()
    except (OSError, RuntimeError, ValueError) as error:
        _say("unread", f"Your progress file can not be read ({_reason(error)}); it was left as it is, and nothing is saved.")
        return _empty()


def _stored():
    """What is stored, read under the lock; raises where writing over it would lose something."""
    try:
        return _read()
    except _Newer:
        raise
    except ValueError as error:         # a UnicodeDecodeError is one too
        aside = _set_aside(_file())
        print(f"Your progress file could not be read ({_reason(error)}); it was kept as {aside.name} and a new one begun.")
        return _empty()


def _read():
    try:
        return _parse(_file().read_text(encoding="utf-8"))
    except FileNotFoundError:
        return _empty()


def _set_aside(path):
    n = 1
    while (aside := path.with_name(f"progress.broken-{n}.json")).exists():
        n += 1
    os.replace(path, aside)
    return aside


def _merged(ours, theirs):
    """Both together; of two entries with one name the newer stays. Also which names were new, replaced, kept, the same."""
    merged, report = _empty(), {"new": [], "replaced": [], "kept": [], "same": []}
    for room in ROOMS:
        merged[room] = dict(ours[room])
        for name, entry in theirs[room].items():
            mine = ours[room].get(name)
            if mine is None:
                fate = "new"
            elif mine == entry:
                fate = "same"
            else:
                fate = "replaced" if entry.get("at", "") > mine.get("at", "") else "kept"
            report[fate].append(name)
            if fate in ("new", "replaced"):
                merged[room][name] = entry
    return merged, report


def _write(path, stored):
    """Write all or nothing: to a temporary file beside `path`, which then takes its place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".progress-", suffix=".tmp")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(stored, file, ensure_ascii=False, indent=1, sort_keys=True)
            file.flush()
            os.fsync(file.fileno())
        for attempt in range(20):
            try:
                os.replace(temporary, path)
                return
            except PermissionError:             # Windows, while another notebook reads it
                if attempt == 19 or os.name != "nt":
                    raise
                time.sleep(0.02)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


@contextmanager
def _lock(patience=5.0):
    """Hold the lock file, or go on without it where the file system has no locks or another holds it for too long."""
    home().mkdir(parents=True, exist_ok=True)
    with open(home() / "progress.lock", "a+b") as file:
        deadline = time.monotonic() + patience
        while not (held := _try_lock(file)) and held is not None and time.monotonic() < deadline:
            time.sleep(0.01)
        try:
            yield
        finally:
            if held:
                _unlock(file)


try:
    import fcntl

    def _try_lock(file):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            return False
        except OSError:         # a network drive without locks
            return None

    def _unlock(file):
        fcntl.flock(file, fcntl.LOCK_UN)

except ImportError:             # Windows
    import msvcrt

    def _try_lock(file):
        try:
            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            return True
        except OSError:
            return False

    def _unlock(file):
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)


def _counts(stored):
    return ", ".join(f"{len(stored[room])} {room}" for room in ROOMS)


def _reason(error):
    if isinstance(error, UnicodeDecodeError):
        return "it is not text"
    return getattr(error, "strerror", None) or str(error)


def _say(key, sentence):
    if key not in _said:
        _said.add(key)
        print(sentence)
