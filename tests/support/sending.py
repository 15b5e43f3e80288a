"""What the tests of send_file read with, and how they look at the descriptors of a file."""

from __future__ import annotations

import errno
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from reactor import Reactor
from reactor.testing import Peer, pump

MIB = 1024 * 1024
SOURCE = random.Random(11).randbytes(2 * MIB + 12_345)  # the content of most files
SIZE = len(SOURCE)
LARGE = 24 * MIB  # more than the kernel takes for a peer that reads nothing: tcp_wmem and tcp_rmem end below 16 MiB


class Reading:
    """What a peer has read, taken between turns so that the loop can go on sending."""

    def __init__(self, peer: Peer) -> None:
        peer.sock.setblocking(False)
        self._sock = peer.sock
        self.got = bytearray()
        self.outcome: str | None = None  # "FIN", or the errno's name

    def read(self, most: int = 1 << 62) -> bool:
        """Read `most` bytes of what is there. Has the stream ended?"""
        while most > 0 and self.outcome is None:
            try:
                piece = self._sock.recv(min(most, MIB))
            except BlockingIOError:
                break
            except OSError as error:
                self.outcome = errno.errorcode[error.errno or 0]
            else:
                self.got += piece
                most -= len(piece)
                self.outcome = None if piece else "FIN"
        return self.outcome is not None


def receive(loop: Reactor, peer: Peer, count: int) -> bytes:
    """At least `count` bytes; fewer if the stream ends."""
    reading = Reading(peer)
    pump(loop, lambda: reading.read() or len(reading.got) >= count, 20)
    return bytes(reading.got)


def receive_all(loop: Reactor, peer: Peer) -> tuple[bytes, str | None]:
    """Everything until the stream ends, and how it ended."""
    reading = Reading(peer)
    pump(loop, reading.read, 20)
    return bytes(reading.got), reading.outcome


def fill(loop: Reactor, conn: Any) -> None:
    """Take turns until the kernel takes no more for a peer that reads nothing."""
    seen = -1
    while seen != conn.bytes_written:
        seen = conn.bytes_written
        for _ in range(10):
            loop.run_once(0.001)
    assert conn.pending_bytes, "the kernel has taken it all"


def opened(path: Path) -> int:
    """How many descriptors of the file this process has."""
    held = 0
    for fd in os.listdir("/proc/self/fd"):
        try:
            held += os.readlink(f"/proc/self/fd/{fd}").removesuffix(" (deleted)") == str(path)
        except OSError:  # the descriptor of the directory that was listed
            pass
    return held


def answers(log: list[Any], name: str) -> Callable[..., None]:
    """A callback that notes (name, error)."""
    return lambda conn, error: log.append((name, error))
