"""What Binder would build, read from the Dockerfile that repo2docker writes; no Docker is needed for that."""
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BINDER = ROOT / "binder"


def lines(file):
    return [line for line in file.read_text().splitlines() if line and not line.startswith("#")]


def test_binder_pins_what_everybody_runs():
    ours, theirs = lines(ROOT / "requirements.txt"), lines(BINDER / "requirements.txt")
    assert ours[-1] == "-e ."
    assert theirs == ["--extra-index-url https://download.pytorch.org/whl/cpu", *ours[:-1]]


@pytest.fixture(scope="module")
def dockerfile(tmp_path_factory):
    """Of a copy: repo2docker reads all of the folder that it is given, .venv too."""
    clone = tmp_path_factory.mktemp("clone")
    shutil.copytree(BINDER, clone / "binder")
    for name in ("pyproject.toml", "requirements.txt"):         # which must not win over binder/
        shutil.copy(ROOT / name, clone)
    user = ["--user-id", "1000", "--user-name", "jovyan"]
    done = subprocess.run([sys.executable, "-m", "repo2docker", "--no-build", "--debug", *user, str(clone)], cwd=clone.parent,
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_python_is_new_enough(dockerfile):
    assert "python=3.12" in dockerfile and re.search(r"environment-2epy-2d3-2e12-2dlinux-2d64-2elock", dockerfile)


def test_torch_is_installed_before_the_repository_is_copied(dockerfile):
    """So its layer is cached from one commit to the next."""
    copied = re.findall(r"^COPY .*src/(\S*) ", dockerfile, re.MULTILINE)
    assert copied == ["binder/requirements.txt", ""]
    steps = ["COPY --chown=1000:1000 src/binder/requirements.txt", 'pip install --no-cache-dir -r "binder/requirements.txt"',
             "COPY --chown=1000:1000 src/ ${REPO_DIR}/", "RUN ./binder/postBuild",
             'R2D_ENTRYPOINT="${REPO_DIR}/binder/start"']
    places = [dockerfile.index(step) for step in steps]
    assert places == sorted(places)


def test_post_build_adds_the_package_and_nothing_else():
    assert "pip install --no-cache-dir --no-deps -e ." in (BINDER / "postBuild").read_text()


def test_start_runs_what_it_is_given_on_one_thread():
    ask = [str(BINDER / "start"), "sh", "-c", 'echo "$OMP_NUM_THREADS $1"; exit 3', "_", "two words"]
    done = subprocess.run(ask, capture_output=True, text=True, env={"PATH": os.environ["PATH"]})
    assert (done.returncode, done.stdout) == (3, "1 two words\n")
