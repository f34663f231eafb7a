"""A file from the internet, once: known by its hash, resumed where it was cut, whole or not there at all.

It lies in `$MINITRAIN_HOME/downloads` or `~/.minitrain/downloads`. What has come of an unfinished one waits beside it under the
same name with ".part". Left out: progress bars (the largest is a megabyte), mirrors, anything that needs a key.
"""
import contextlib
import hashlib
import http.client
import os
import re
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

TRIES, CHUNK = 3, 1 << 16


@dataclass(frozen=True)
class Download:
    """Where a file is, and how to know it: the sha256 of its bytes, and how many there are."""
    url: str
    sha256: str
    size: int

    @property
    def name(self):
        """What it is called here. The hash is in it: a new edition is another file."""
        return f"{self.sha256[:12]}-{self.url.rsplit('/', 1)[-1]}"


def fetch(wanted, *, folder=None, timeout=20):
    """The path of a `Download` on this machine; it comes from the network only if it is not there yet, byte for byte.

    timeout: seconds to wait for the next bytes. ConnectionError: the network failed; what had come is kept, and the same call
    goes on from there. ValueError: something else came than was pinned; it was thrown away. OSError: the disk.
    """
    folder = Path(folder or _home() / "downloads")
    path = folder / wanted.name
    part = path.with_name(path.name + ".part")
    try:
        if _sha256(path) == wanted.sha256:
            return path
        folder.mkdir(parents=True, exist_ok=True)
        for left in reversed(range(TRIES)):
            fresh = not part.exists()
            try:
                _receive(wanted, part, timeout)
            except _Failed as error:
                if left:
                    continue
                raise ConnectionError(_advice(wanted, path, part, error)) from None
            came, size = _sha256(part), part.stat().st_size
            if came == wanted.sha256:
                os.replace(part, path)
                return path
            part.unlink()
            if fresh or not left:                           # else the old part may have been the wrong one: once more, from zero
                raise ValueError(f"{wanted.url} gave another file than the one that is known: {size:,} bytes with sha256 "
                                 f"{came[:12]}…, expected {wanted.size:,} with {wanted.sha256[:12]}…. It was thrown away. If a "
                                 "second try does not help, the file there was changed.")
    except ConnectionError:
        raise
    except OSError as error:
        raise OSError(error.errno, f"{path} could not be saved: {error.strerror}. Make room, or set MINITRAIN_HOME to a folder "
                                   "you may write to; what had come is kept.") from None


class _Failed(Exception):
    """The network's fault, worth another try."""


def _receive(wanted, part, timeout):
    """Add to `part` what is missing of it."""
    have = part.stat().st_size if part.exists() else 0
    if have >= wanted.size:                                 # complete, if it is right; `fetch` looks
        return
    request = urllib.request.Request(wanted.url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        with _network():
            answer = urllib.request.urlopen(request, timeout=timeout)
        with answer:
            if answer.status == 206:
                start = re.match(r"bytes (\d+)-", answer.headers.get("Content-Range", ""))
                if not start or int(start[1]) != have:
                    part.unlink()
                    raise _Failed("it sent another part than it was asked for")
            elif have:                                      # it does not resume, and sends all of it again
                part.unlink()
                have = 0
            _copy(answer, part, wanted.size - have)
    except urllib.error.HTTPError as error:
        if error.code == 416:                               # what we have is longer than what is there
            part.unlink()
        raise _Failed(f"the server answered {error.code} {error.reason}") from None


def _copy(answer, part, left):
    """Append to `part` what comes, up to one byte more than `left`: that tells a longer file, and needs no more of it."""
    with open(part, "ab") as file:
        while left >= 0:
            with _network():
                chunk = answer.read(min(CHUNK, left + 1))
            if not chunk:
                break
            file.write(chunk)
            left -= len(chunk)
    if left > 0:
        raise _Failed("it was cut short")


@contextlib.contextmanager
def _network():
    try:
        yield
    except urllib.error.HTTPError:
        raise
    except urllib.error.URLError as error:
        raise _Failed(getattr(error.reason, "strerror", None) or error.reason) from None
    except (http.client.HTTPException, OSError) as error:
        raise _Failed(f"the connection broke ({error or type(error).__name__})") from None


def _advice(wanted, path, part, error):
    have = part.stat().st_size if part.exists() else 0
    kept = f" {have:,} of {wanted.size:,} bytes are kept, and the same call goes on from there." if have else ""
    return (f"{wanted.url} could not be fetched: {error}.{kept} Offline? No lesson needs a download; the file itself, put at "
            f"{path}, does as well.")


def _sha256(path):
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return None


def _home():
    given = os.environ.get("MINITRAIN_HOME")
    return Path(given).expanduser() if given else Path.home() / ".minitrain"
