"""One count: the command of valgrind, a server under it with its load, and the file that says how many instructions.

callgrind writes a file each time the server marks (`--dump-before=getppid`) and sets its counters to zero. The file of
the second mark has what came between the two.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from bench.counting.lockstep import PATIENCE, Gate, Wrong
from bench.counting.workloads import IMPORT, Counted
from bench.stage import Failed, last_line

MARK = "getppid"
SERVER = Path(__file__).with_name("server.py")
IMPORTING = "import os; shift = {shift}; os.getppid(); import reactor; os.getppid()"
SHIFT = "[bytes(size) for size in range(16, 512, 16) for _ in range({number})]"  # the same as in server.py
MISSING = "counting needs valgrind, which is not installed (Debian: apt install valgrind)"


@dataclass(frozen=True, slots=True)
class Part:
    """One file of callgrind's output: which it was, what made callgrind write it, and the instructions in it."""

    number: int
    trigger: str
    instructions: int


def parse(text: str) -> Part:
    """Raises ValueError for what is no file of callgrind's."""
    events = _field(text, "events").split()
    if events[0] != "Ir":
        raise ValueError(f"callgrind counted {' '.join(events)}, and Ir was expected first")
    return Part(int(_field(text, "part")), _field(text, "desc: Trigger"), int(_field(text, "totals").split()[0]))


def _field(text: str, name: str) -> str:
    found = re.search(rf"^{name}: *(.+)$", text, re.MULTILINE)
    if found is None:
        raise ValueError(f"a file of callgrind's has no line {name!r}")
    return found[1]


def between_marks(parts: Iterable[Part]) -> int:
    """Instructions from the first mark to the second. Raises ValueError where there are not two marks."""
    marked = sorted((part for part in parts if MARK in part.trigger), key=lambda part: part.number)
    if len(marked) != 2:
        raise ValueError(f"callgrind saw {len(marked)} marks, and not two")
    return marked[1].instructions


def require() -> None:
    """Raises ValueError where there is no valgrind."""
    if shutil.which("valgrind") is None:
        raise ValueError(MISSING)


def count(workload: Counted, library: Path, number: int) -> int:
    """The instructions of a workload with the library in this directory, in run `number`. Raises Failed."""
    with tempfile.TemporaryDirectory() as directory, tempfile.TemporaryFile("w+") as errors:
        out = Path(directory) / "out"
        try:
            run(workload, library, number, out, errors)
            return between_marks(parse(file.read_text()) for file in out.parent.glob("out*"))
        except (OSError, ValueError, Wrong, Failed, subprocess.TimeoutExpired) as error:
            raise Failed(f"{error}; it said: {words}" if (words := last_line(errors)) else str(error)) from error


def run(workload: Counted, library: Path, number: int, out: Path, errors: IO[str]) -> None:
    if workload.name == IMPORT:
        program = ["-c", IMPORTING.format(shift=SHIFT.format(number=number))]
    else:
        program = [str(SERVER), workload.name, str(number), *workload.numbers()]
    command = ["valgrind", "-q", "--tool=callgrind", f"--dump-before={MARK}", f"--callgrind-out-file={out}"]
    # -P: the library comes from PYTHONPATH, and not from beside the program.
    process = subprocess.Popen(
        [*command, sys.executable, "-P", *program],
        cwd=library,
        env=environment(library),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
    )
    try:
        if workload.load is not None:
            drive(workload, process)
        if status := process.wait(10 * PATIENCE):
            raise Failed(f"the program exited with {status}")
    finally:
        process.kill()
        process.communicate()


def environment(library: Path) -> dict[str, str]:
    """Nothing of ours but the path: what a user has set must not change the count."""
    kept = {
        name: os.environ[name] for name in ("PATH", "HOME", "LD_LIBRARY_PATH", "VALGRIND_LIB") if name in os.environ
    }
    return kept | {"PYTHONPATH": str(library), "PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8"}


def drive(workload: Counted, process: subprocess.Popen[bytes]) -> None:
    assert workload.load is not None
    assert process.stdin is not None
    assert process.stdout is not None
    line = process.stdout.readline().strip()
    if not line.isdigit():
        raise Failed("the program did not start")
    workload.load(int(line), Gate(process.stdout, process.stdin))
