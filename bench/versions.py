"""Two versions of the library: that of a commit, and that of the working tree.

Only the package `reactor/` is taken. Each version gets a directory of its own, for PYTHONPATH, and bytecode, so that no
run has to compile; and an edit while the benchmark runs changes nothing in it.
"""

from __future__ import annotations

import compileall
import io
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.machine import ROOT
from bench.results import BASE, OURS

PACKAGE = "reactor"


@contextmanager
def two(commit: str, copies: int = 1) -> Iterator[dict[str, list[Path]]]:
    """Directories for each version, until the block ends. Raises ValueError if the commit has no library.

    The name of a directory is part of the work of an import. So all names are equally long, and runs that take copies
    of their own show how much of a difference a name makes.
    """
    with tempfile.TemporaryDirectory(prefix="reactor-versions-") as directory:
        base, ours = ([Path(directory, f"{name}-{number:03}") for number in range(copies)] for name in ("base", "ours"))
        for place in base:
            place_commit(commit, place)
        for place in ours:
            place_tree(place)
        yield {BASE: base, OURS: ours}


def short_name(commit: str) -> str:
    """The commit's hash, short. Raises ValueError if there is no such commit."""
    try:
        return git("rev-parse", "--short", "--verify", "--quiet", f"{commit}^{{commit}}").decode().strip()
    except ValueError:
        raise ValueError(f"there is no commit {commit!r} in this repository") from None


def place_commit(commit: str, directory: Path) -> None:
    """Raises ValueError if the commit has no library."""
    try:
        archive = git("archive", "--format=zip", commit, PACKAGE)
    except ValueError as error:
        raise ValueError(f"the library of {commit} cannot be had: {error}") from error
    with zipfile.ZipFile(io.BytesIO(archive)) as packed:
        packed.extractall(directory)
    compileall.compile_dir(directory, quiet=1)


def place_tree(directory: Path) -> None:
    shutil.copytree(ROOT / PACKAGE, directory / PACKAGE, ignore=shutil.ignore_patterns("__pycache__"))
    compileall.compile_dir(directory, quiet=1)


def git(*words: str) -> bytes:
    """What git says. Raises ValueError with its complaint."""
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, check=False)
    if done.returncode != 0:
        raise ValueError(done.stderr.decode(errors="replace").strip() or f"git {words[0]} failed")
    return done.stdout
