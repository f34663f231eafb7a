"""Opens the course in JupyterLab.

    python -m minitrain             at lesson 00
    python -m minitrain 07          at lesson 07
    python -m minitrain --check     only prints what it found of this machine, and what is missing

A thin launcher: it looks whether everything is here, then becomes `jupyter lab` and says what it added. Options it does not
know are passed on (`python -m minitrain 07 --port 9000`). `jupyter lab` works by itself, too.
"""
import os
import re
import subprocess
import sys
import webbrowser
from importlib import metadata
from pathlib import Path
from urllib.parse import quote

# Nothing but the standard library up here, and nothing newer than Python 3.8: this file has to run where something is missing.
HOME = Path(__file__).resolve().parent.parent
OLDEST, NEWEST = (3, 11), (3, 14)


def lessons(home=HOME):
    """The lessons that exist, by number: {"00": Path(".../notebooks/00_start_here.ipynb"), …}."""
    return {file.name[:2]: file for file in sorted((home / "notebooks").glob("[0-9][0-9]_*.ipynb"))}


def find_lesson(word, home=HOME):
    """The notebook of lesson `word`, "7" or "07"; SystemExit names those that exist."""
    found = lessons(home)
    number = word.zfill(2)
    if number not in found:
        names = ", ".join(f"{n} ({file.stem[3:].replace('_', ' ')})" for n, file in found.items())
        sys.exit(f"There is no lesson {number} here. " + (f"There are: {names}." if found else "notebooks/ holds no lesson yet."))
    return found[number]


def packages(home=HOME):
    """What requirements.txt pins, as [(name, pinned version, installed version or None)]."""
    pins = re.findall(r"^([\w-]+)==(\S+)", (home / "requirements.txt").read_text(encoding="utf-8"), re.MULTILINE)
    return [(name, pin, installed(name)) for name, pin in pins]


def installed(name):
    try:
        return metadata.version(name).partition("+")[0]         # torch says 2.13.0+cpu
    except metadata.PackageNotFoundError:
        return None


def problems(home=HOME, version=sys.version_info[:3]):
    """What stands in the way of starting, in sentences that say what to do; an empty list if nothing does."""
    if not OLDEST <= version[:2] <= NEWEST:
        return [f"This is Python {'.'.join(map(str, version))}; the course runs on 3.11 to 3.14. Make the virtual environment "
                f"with one of those, in {home}:\n    {install('python3.12')}"]
    if not (home / "data").is_dir() or not (home / "requirements.txt").is_file():
        return [f"There is no data/ beside {home / 'minitrain'}: this is a copy of the package without its course. "
                f"Go into the folder that you cloned, and install from there (requirements.txt ends in `-e .`):\n    {install()}"]
    missing = [name for name, _, found in packages(home) if found is None]
    if missing:
        say = f"Not installed in {sys.prefix}: {', '.join(missing)}."
        if Path(sys.prefix) != home / ".venv" and (home / ".venv").is_dir():
            return [f"{say} There is a virtual environment in {home}; go there and use it:\n    {use()}"]
        return [f"{say} In {home}, run:\n    {install()}"]
    found = seen_by_lessons(home)
    if found != str(home / "minitrain" / "__init__.py"):
        return [f"The lessons would {f'import {found}' if found else 'not find minitrain'}, not the code in {home}. There, run:\n"
                "    python -m pip install --no-deps -e ."]
    return []


def seen_by_lessons(home=HOME):
    """The file that `import minitrain` means in a notebook, which does not run in the folder that we run in; "" if none."""
    ask = [sys.executable, "-c", "import minitrain; print(minitrain.__file__)"]
    return subprocess.run(ask, cwd=home / "data", capture_output=True, text=True).stdout.strip()


def use():
    """The line that starts the course from an environment that exists."""
    return r".venv\Scripts\python -m minitrain" if os.name == "nt" else ". .venv/bin/activate && python -m minitrain"


def install(python="python3"):
    """The lines that make the environment and start the course; Windows' own shells do not all know `&&`."""
    if os.name == "nt":
        return "\n    ".join(["py -m venv .venv", r".venv\Scripts\python -m pip install -r requirements.txt", use()])
    return f"{python} -m venv .venv && . .venv/bin/activate && pip install -r requirements.txt && python -m minitrain"


def browser():
    """The browser that Jupyter would open, or None. One that draws in the terminal (lynx, w3m) does not count."""
    windows = os.name == "nt" or sys.platform == "darwin" or any(map(os.environ.get, ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY")))
    try:
        return webbrowser.get() if windows else None
    except webbrowser.Error:
        return None


def options():
    """What is added to `jupyter lab` besides the lesson: {option: why}."""
    added = {
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate": "versions are pinned, and nothing is sent anywhere",
        "--Application.log_level=WARN": "only what goes wrong",
    }
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        added["--allow-root"] = "you are root"
    if Path("/snap/bin").is_dir():
        added["--ServerApp.use_redirect_file=False"] = "a browser from a snap can not read the file that Jupyter would show it"
    if browser() is None:
        added["--no-browser"] = "there is none here: open the address below in yours"
    return added


def check(home=HOME):
    """Print what was found of the machine and what is missing; the exit code is 1 if something is."""
    missing = problems(home)
    print(f"Python    {sys.version.split()[0]}, {sys.executable}")
    if (home / "requirements.txt").is_file():
        rows = packages(home)
        other = [f"{name} is {found}, pinned {pin}" for name, pin, found in rows if found not in (None, pin)]
        print(f"packages  {sum(found is not None for *_, found in rows)} of {len(rows)}"
              f" ({'; '.join(other) or 'none differs from its pin'})")
    print(f"lessons   {len(lessons(home))} of 26: {' '.join(lessons(home)) or 'none yet'}")
    print(f"browser   {getattr(browser(), 'name', 'found') if browser() else 'none: the address will be printed'}")
    try:
        from minitrain.device import machine
        print(f"machine   {machine()}")
    except (ImportError, OSError) as error:                     # OSError: a library that torch needs does not load
        if not missing:
            missing.append(f"torch is installed, but does not load: {error}")
    print("missing  ", "\n\n".join(missing) or "nothing")
    return 1 if missing else 0


def main(words, home=HOME):
    if {"-h", "--help"} & set(words):
        print(__doc__)
        return 0
    if "--check" in words:
        return check(home)
    for problem in problems(home):
        sys.exit(problem)
    notebook = find_lesson(words.pop(0) if words and not words[0].startswith("-") else "00", home)
    added = options()
    print(f"jupyter lab, in {home}, at notebooks/{notebook.name}. Ctrl-C ends it. Added:")
    print("".join(f"  {option}  ({why})\n" for option, why in added.items()), end="", flush=True)
    from jupyterlab.labapp import LabApp
    place = [f"--ServerApp.root_dir={home}", f"--LabApp.default_url=/lab/tree/notebooks/{quote(notebook.name)}"]
    server = LabApp.initialize_server(argv=[*place, *added, *words])    # binds the port, or the next free one
    if not server.identity_provider.token_generated:                    # else Jupyter prints the address itself, token and all
        print(f"The address is {server.local_url}", flush=True)
    server.start()
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:                                   # before the server was there to take it
        sys.exit(130)
