"""A server process as a user starts it, and what it prints, read with a bound."""

from __future__ import annotations

import os
import re
import select
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

import reactor
from reactor.testing import Peer

CHECKOUT = Path(reactor.__file__).parents[1]
COMMAND = (sys.executable, "-m", "reactor")
SECONDS = 20.0  # for what should take a tenth of a second, on a busy machine


def environment() -> dict[str, str]:
    """This one, with the package to be found from any directory."""
    return {**os.environ, "PYTHONPATH": str(CHECKOUT)}


def run(*args: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """One that ends by itself."""
    return subprocess.run(
        [*COMMAND, *args], cwd=cwd, env=environment(), capture_output=True, text=True, timeout=SECONDS, check=False
    )


class Lines:
    """What comes out of a pipe, line by line; AssertionError when no line comes in time."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe = pipe
        self._buffer = b""

    def next(self) -> str:
        """The next line; "" at the end of the stream."""
        limit = time.monotonic() + SECONDS
        while b"\n" not in self._buffer:
            ready, _, _ = select.select([self._pipe], [], [], max(limit - time.monotonic(), 0))
            assert ready, f"no line within {SECONDS} s, after {self._buffer!r}"
            piece = os.read(self._pipe.fileno(), 65_536)
            if not piece:
                break
            self._buffer += piece
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.decode()

    def rest(self) -> list[str]:
        """Every line until the stream ends."""
        return list(iter(self.next, ""))


class Process:
    """`python -m reactor ...` on a free port, if not by path, listening. A context manager that leaves no process
    behind.
    """

    def __init__(self, *args: str, cwd: Path | None = None) -> None:
        self._popen = subprocess.Popen(
            [*COMMAND, *args, *(() if "--path" in args else ("--port", "0"))],
            cwd=cwd,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert self._popen.stdout is not None
        assert self._popen.stderr is not None
        self.out, self.err = Lines(self._popen.stdout), Lines(self._popen.stderr)
        self.greeting = self.out.next()

    @property
    def address(self) -> tuple[str, int]:
        """Of what it says to type: `nc HOST PORT`."""
        found = re.search(r"\bnc (\S+) (\d+)", self.greeting)
        assert found, (self.greeting, self._popen.poll())
        return found[1], int(found[2])

    @property
    def path(self) -> str:
        """Of what it says to type: `nc -U PATH`, in the words of a shell."""
        words = shlex.split(self.greeting)
        assert "-U" in words, (self.greeting, self._popen.poll())
        return words[words.index("-U") + 1]

    def connect(self, receive_buffer: int | None = None) -> Peer:
        return Peer(self.address, receive_buffer=receive_buffer, timeout=SECONDS)

    def signal(self, signum: int) -> None:
        self._popen.send_signal(signum)

    def status(self) -> int:
        """Its exit status, once it has ended."""
        return self._popen.wait(SECONDS)

    def stop(self) -> int:
        """SIGTERM, and the exit status."""
        self.signal(signal.SIGTERM)
        return self.status()

    def close_stdout(self) -> None:
        """As `| head -1` does."""
        assert self._popen.stdout is not None
        self._popen.stdout.close()

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *exc: object) -> None:
        self._popen.kill()
        self._popen.wait()
        for pipe in (self._popen.stdout, self._popen.stderr):
            if pipe is not None:
                pipe.close()
