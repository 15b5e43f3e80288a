"""Whole programs, run as a reader would run them: in a process of their own, talked to by raw sockets."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.support import forks
from tests.support.process import CHECKOUT, SECONDS, Program, Start, environment

ROOT = CHECKOUT
NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST_DUMP, TCP_LISTEN = 4, 20, 0x301, 10  # headers of the kernel
PAUSE = 0.005  # seconds between two looks at what the system tells of a process


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


class Example(Program):
    """A program of a page or of the examples, which must print nothing that looks like trouble."""

    def address(self) -> tuple[str, int]:
        """Where it listens: from the system's list of sockets, whatever it prints."""
        limit = time.monotonic() + SECONDS
        while self._child.poll() is None and time.monotonic() < limit:
            own = _sockets_of(self._child.pid)
            for inode, address in _listening():
                if inode in own:
                    return address
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._child.wait(PAUSE)
        raise AssertionError(f"it does not listen: {self.finish()}")

    def ask_to_stop(self) -> None:
        """SIGTERM."""
        self.signal(signal.SIGTERM)

    def printed(self, lines: int) -> str:
        """Wait until it has printed that many lines; all that it printed so far."""
        return self.out.first(lines)

    def finish(self) -> tuple[int, str]:
        """Wait for its end; exit status and stdout."""
        ended = self.ended()
        assert "Traceback" not in ended.stderr, ended.stderr
        assert "Warning" not in ended.stderr, ended.stderr
        return ended.returncode, ended.stdout


def _sockets_of(pid: int) -> set[int]:
    """The inodes of the sockets that a process has."""
    found = set()
    with contextlib.suppress(FileNotFoundError):  # closed meanwhile, or the process has ended
        for fd in os.listdir(f"/proc/{pid}/fd"):
            kind, _, inode = os.readlink(f"/proc/{pid}/fd/{fd}").partition(":[")
            if kind == "socket":
                found.add(int(inode[:-1]))
    return found


def _listening() -> Iterator[tuple[int, tuple[str, int]]]:
    """Inode and address of each TCP socket of this machine that listens: the question of `ss -ltn` (sock_diag(7)).

    /proc/net/tcp has them too, among thousands in TIME_WAIT: there each look took 40 ms of CPU.
    """
    for family, size in ((socket.AF_INET, 4), (socket.AF_INET6, 16)):
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG) as sock:
            order = struct.pack("=BBxxI48x", family, socket.IPPROTO_TCP, 1 << TCP_LISTEN)  # struct inet_diag_req_v2
            sock.send(struct.pack("=IHHxxxxxxxx", 16 + len(order), SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST_DUMP) + order)
            kind = SOCK_DIAG_BY_FAMILY
            while kind == SOCK_DIAG_BY_FAMILY:
                data = sock.recv(1 << 16)
                while data and kind == SOCK_DIAG_BY_FAMILY:
                    length, kind = struct.unpack_from("=IH", data)
                    if kind == SOCK_DIAG_BY_FAMILY:  # struct inet_diag_msg, behind 16 bytes of struct nlmsghdr
                        port = int.from_bytes(data[20:22], "big")
                        host = socket.inet_ntop(family, data[24 : 24 + size])
                        yield int.from_bytes(data[84:88], sys.byteorder), (host, port)
                    data = data[length + 3 & ~3 :]


def running(*arguments: str, start: Start = forks.start) -> Example:
    """`python ARGUMENTS...`, ended with the block."""
    strict = {"PYTHONUNBUFFERED": "1", "PYTHONWARNINGS": "error", "REACTOR_DEBUG": "1"}
    return Example(start(arguments, None, environment() | strict))


def read_until(sock: socket.socket, wanted: bytes) -> bytes:
    """Read until `wanted` has come; AssertionError when the stream ends before."""
    got = bytearray()
    while got.find(wanted, max(len(got) - 65_536 - len(wanted), 0)) < 0:
        piece = sock.recv(65_536)
        assert piece, f"the stream ended after {bytes(got[-200:])!r}"
        got += piece
    return bytes(got)
