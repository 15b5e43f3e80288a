"""The server under stress, seen from outside: its process, what it tells of itself, and what psutil tells of it."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parents[2]
PROGRAM = Path(__file__).with_name("server_program.py")
PATIENCE = 60.0  # seconds, for what should take a tenth of a second, on a busy machine
GONE = 20.0  # seconds until nothing is left of those who have gone; deadlines in these tests are shorter
LOOK = 0.02  # seconds between two looks at another process
COUNTS = ("connections", "live", "held", "timers", "scheduled", "registrations", "garbage")  # what must be as it was


class Child:
    """A process that says lines, and is told some. `seen` is what psutil tells of it."""

    def __init__(self, *arguments: object) -> None:
        pipe = subprocess.PIPE
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "REACTOR_DEBUG": "0"}
        command = [sys.executable, *map(str, arguments)]
        self._popen = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, env=environment)
        self._printed = b""
        self.seen = psutil.Process(self._popen.pid)

    def runs(self) -> bool:
        return self._popen.poll() is None

    def busy(self) -> float:
        """CPU seconds so far."""
        times = self.seen.cpu_times()
        return float(times.user + times.system)

    def line(self) -> bytes:
        """The next line that it says."""
        assert self._popen.stdout is not None
        limit = time.monotonic() + PATIENCE
        pieces = [self._printed]
        while b"\n" not in pieces[-1]:
            ready, _, _ = select.select([self._popen.stdout], [], [], max(limit - time.monotonic(), 0))
            pieces.append(os.read(self._popen.stdout.fileno(), 1 << 20) if ready else b"")
            if not pieces[-1]:
                raise AssertionError(f"it said no more: {self._popen.poll()}, {self.complaint()}")
        line, _, self._printed = b"".join(pieces).partition(b"\n")
        return line

    def complaint(self) -> str:
        """What it said on stderr, once it has ended."""
        self._popen.kill()
        assert self._popen.stderr is not None
        return self._popen.stderr.read().decode()

    def say(self, line: str) -> None:
        assert self._popen.stdin is not None
        self._popen.stdin.write(line.encode() + b"\n")
        self._popen.stdin.flush()

    def signal(self, signum: int) -> None:
        self._popen.send_signal(signum)

    def status(self) -> int:
        """Its exit status, once it has ended."""
        return self._popen.wait(PATIENCE)

    def close(self) -> None:
        self._popen.kill()
        self._popen.wait()
        for pipe in (self._popen.stdin, self._popen.stdout, self._popen.stderr):
            assert pipe is not None
            with suppress(BrokenPipeError):  # a command that was not read any more
                pipe.close()


class Served(Child):
    """A server that runs."""

    def __init__(self, options: dict[str, Any]) -> None:
        super().__init__(PROGRAM, json.dumps(options))
        self._clients: list[socket.socket] = []
        self.address: tuple[str, int] = tuple(self.answer())
        self.at_rest = self.look()
        self._descriptors = self.descriptors()

    # What it tells.

    def ask(self, *words: object) -> Any:
        self.ask_later(*words)
        return self.answer()

    def ask_later(self, *words: object) -> None:
        """It may not be able to answer now."""
        self.say(" ".join(map(str, words)))

    def answer(self) -> Any:
        return json.loads(self.line())

    def look(self) -> dict[str, Any]:
        told: dict[str, Any] = self.ask("look")
        return told

    # What psutil tells.

    def descriptors(self) -> int:
        return int(self.seen.num_fds())

    def resident(self) -> int:
        """Bytes."""
        return int(self.seen.memory_info().rss)

    def busy_share(self, seconds: float) -> float:
        """The share of a core that it uses within so many seconds."""
        begun, before = time.monotonic(), self.busy()
        time.sleep(seconds)
        return (self.busy() - before) / (time.monotonic() - begun)

    # What is done to it.

    def stop(self) -> dict[str, Any]:
        """SIGTERM, and its account."""
        self.signal(signal.SIGTERM)
        account: dict[str, Any] = self.answer()
        assert self.status() == 0, self.complaint()
        return account

    def connect(self, line: str = "", receive_buffer: int = 0, source: str = "") -> socket.socket:
        """A client that has said its line, closed with the server if not before."""
        sock = socket.socket()
        self._clients.append(sock)
        sock.settimeout(PATIENCE)
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        if source:
            sock.bind((source, 0))
        sock.connect(self.address)
        if line:
            sock.sendall(line.encode() + b"\n")
        return sock

    def leaks(self) -> int:
        """How much is there that was not there at rest, once everybody has gone: 0, in time."""
        until(lambda: self._left() == 0, GONE, give_up=False)
        return self._left()

    def _left(self) -> int:
        now = self.look()
        more = [now[name] - self.at_rest[name] for name in COUNTS]
        left: int = sum(map(abs, more)) + abs(self.descriptors() - self._descriptors) + now["closed_twice"]
        return left

    def close(self) -> None:
        for sock in self._clients:
            sock.close()
        super().close()


def outcome(sock: socket.socket) -> tuple[int, str]:
    """Read to the end: how many bytes came, and "FIN" or "RST". The socket is closed then."""
    got = 0
    with sock:
        try:
            while piece := sock.recv(1 << 20):
                got += len(piece)
        except ConnectionResetError:
            return got, "RST"
    return got, "FIN"


@contextmanager
def served(settings: dict[str, Any] | None = None, **options: Any) -> Iterator[Served]:
    """A server process, gone with the block. The options are those of `server_program.main`."""
    server = Served({"settings": settings or {}, **options})
    try:
        yield server
    finally:
        server.close()


def until(condition: Callable[[], object], seconds: float = PATIENCE, give_up: bool = True) -> None:
    """Look until it holds; AssertionError when it does not in time, unless that is the caller's to say."""
    limit = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > limit:
            assert not give_up, f"not within {seconds} s: {condition}"
            return
        time.sleep(LOOK)
