"""Programs in a process of their own, as a user starts them, and what they print, read with a bound.

`Program` is any of them; `Process` is `python -m reactor ...`.
"""

from __future__ import annotations

import os
import re
import select
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, Self

import pytest

import reactor
from reactor.testing import Peer
from tests.support import forks
from tests.support.forks import SECONDS as SECONDS

CHECKOUT = Path(reactor.__file__).parents[1]
Start = Callable[[tuple[str, ...], Path | None, Mapping[str, str]], Any]
COMMAND = (sys.executable, "-m", "reactor")


@pytest.fixture(scope="session", autouse=True)
def mother() -> Iterator[None]:
    """For a conftest: what programs are forks of is up before `floor` counts descriptors."""
    with forks.open_mother():
        yield


def environment() -> dict[str, str]:
    """This one, with the package to be found from any directory."""
    return {**os.environ, "PYTHONPATH": str(CHECKOUT)}


class Lines:
    """What comes out of a pipe, line by line; AssertionError when no line comes in time."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self.pipe = pipe
        self._buffer = b""
        self._seen: list[str] = []

    def fileno(self) -> int:
        return self.pipe.fileno()

    def fill(self) -> bool:
        """Read what is there; False at the end of the stream."""
        piece = os.read(self.fileno(), 65_536)
        self._buffer += piece
        return bool(piece)

    def next(self) -> str:
        """The next line; "" at the end of the stream."""
        limit = time.monotonic() + SECONDS
        while b"\n" not in self._buffer:
            ready, _, _ = select.select([self], [], [], max(limit - time.monotonic(), 0))
            assert ready, f"no line within {SECONDS} s, after {self._buffer!r}"
            if not self.fill():
                break
        line, end, self._buffer = self._buffer.partition(b"\n")
        self._seen.append((line + end).decode())
        return line.decode()

    def rest(self) -> list[str]:
        """Every line until the stream ends."""
        return list(iter(self.next, ""))

    def text(self) -> str:
        """All that was read."""
        return "".join(self._seen) + self._buffer.decode()

    def first(self, count: int) -> str:
        """What was read before, and until there are that many lines."""
        while len(self._seen) < count:
            self.next()
            assert self._seen[-1].endswith("\n"), f"no more than this came: {self.text()}"
        return self.text()


class Program:
    """A program that runs. A context manager that leaves no process behind."""

    def __init__(self, child: Any) -> None:
        self._child = child
        self.out, self.err = Lines(child.stdout), Lines(child.stderr)

    @classmethod
    def of(cls, *arguments: str, cwd: Path | None = None, **more: str) -> Program:
        """`python ARGUMENTS...`, with more in its environment."""
        return Program(forks.start(arguments, cwd, environment() | more))

    def signal(self, signum: int) -> None:
        self._child.send_signal(signum)

    def status(self) -> int:
        """Its exit status, once it has ended."""
        return int(self._child.wait(SECONDS))

    def stop(self) -> int:
        """SIGTERM, and the exit status."""
        self.signal(signal.SIGTERM)
        return self.status()

    def ended(self) -> subprocess.CompletedProcess[str]:
        """Wait for its end: its status, and all that it printed."""
        left = [self.out, self.err]
        while left:
            ready, _, _ = select.select(left, [], [], SECONDS)
            assert ready, f"it has not ended within {SECONDS} s"
            left = [lines for lines in left if lines not in ready or lines.fill()]
        return subprocess.CompletedProcess([], self.status(), self.out.text(), self.err.text())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._child.kill()
        self._child.wait()
        self.out.pipe.close()
        self.err.pipe.close()


class Process(Program):
    """`python -m reactor ...` on a free port, if not by path, listening."""

    def __init__(self, *args: str, cwd: Path | None = None, start: Start = forks.start) -> None:
        port = () if "--path" in args else ("--port", "0")
        super().__init__(start(("-m", "reactor", *args, *port), cwd, environment()))
        self.greeting = self.out.next()

    @property
    def address(self) -> tuple[str, int]:
        """Of what it says to type: `nc HOST PORT`."""
        found = re.search(r"\bnc (\S+) (\d+)", self.greeting)
        assert found, (self.greeting, self._child.poll())
        return found[1], int(found[2])

    @property
    def path(self) -> str:
        """Of what it says to type: `nc -U PATH`, in the words of a shell."""
        words = shlex.split(self.greeting)
        assert "-U" in words, (self.greeting, self._child.poll())
        return words[words.index("-U") + 1]

    def connect(self, receive_buffer: int | None = None) -> Peer:
        return Peer(self.address, receive_buffer=receive_buffer, timeout=SECONDS)


def run(*args: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """`python -m reactor ...` that ends by itself."""
    with Program.of("-m", "reactor", *args, cwd=cwd) as program:
        return program.ended()
