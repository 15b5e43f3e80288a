"""Whole programs, run as a reader would run them: in a process of their own, talked to by raw sockets."""

from __future__ import annotations

import importlib.util
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parents[2]


def load(path: Path) -> Any:
    """The program at that path, imported and not run."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def example(name: str) -> Any:
    """One of the examples, imported and not run."""
    return load(ROOT / "examples" / f"{name}.py")


class Program:
    """A Python program that runs."""

    def __init__(self, *arguments: str) -> None:
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
            "PYTHONWARNINGS": "error",
            "REACTOR_DEBUG": "1",
        }
        self._process = subprocess.Popen(
            [sys.executable, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
        )
        self._printed = b""

    def address(self) -> tuple[str, int]:
        """Where it listens: from the system's list of sockets, whatever it prints."""
        seen = psutil.Process(self._process.pid)
        limit = time.monotonic() + 10
        while self._process.poll() is None and time.monotonic() < limit:
            for connection in seen.net_connections("tcp"):
                if connection.status == psutil.CONN_LISTEN:
                    return connection.laddr.ip, connection.laddr.port
        raise AssertionError(f"it does not listen: {self.finish()}")

    def ask_to_stop(self) -> None:
        """SIGTERM."""
        self._process.send_signal(signal.SIGTERM)

    def printed(self, lines: int) -> str:
        """Wait until it has printed so many lines; all that it printed so far."""
        assert self._process.stdout is not None
        out = self._process.stdout.fileno()
        while self._printed.count(b"\n") < lines:
            ready, _, _ = select.select([out], [], [], 10)
            piece = os.read(out, 65_536) if ready else b""
            assert piece, f"it printed no more than this: {self._printed.decode()}"
            self._printed += piece
        return self._printed.decode()

    def finish(self) -> tuple[int, str]:
        """Wait for its end; exit status and stdout. Anything that looks like trouble on stderr fails the test."""
        out, err = self._process.communicate(timeout=20)
        trouble = err.decode()
        assert "Traceback" not in trouble, trouble
        assert "Warning" not in trouble, trouble
        return self._process.returncode, (self._printed + out).decode()

    def discard(self) -> None:
        """End it, whatever state it is in."""
        if self._process.poll() is None:
            self._process.kill()
        with self._process:  # closes its pipes and waits
            pass


@contextmanager
def running(*arguments: str) -> Iterator[Program]:
    """`python ARGUMENTS...`, ended with the block."""
    program = Program(*arguments)
    try:
        yield program
    finally:
        program.discard()


def read_until(sock: socket.socket, wanted: bytes) -> bytes:
    """Read until `wanted` has come; AssertionError when the stream ends before."""
    got = bytearray()
    while got.find(wanted, max(len(got) - 65_536 - len(wanted), 0)) < 0:
        piece = sock.recv(65_536)
        assert piece, f"the stream ended after {bytes(got[-200:])!r}"
        got += piece
    return bytes(got)
