"""What the tests of send_file read with, and how they look at the descriptors of a file."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from reactor import Connection
from reactor.testing import pump
from tests.support import wire
from tests.support.scene import MIB, Scene

SOURCE = random.Random(11).randbytes(2 * MIB + 12_345)  # the content of most files
SIZE = len(SOURCE)
LARGE = 24 * MIB  # more than the kernel takes for a peer that reads nothing: tcp_wmem and tcp_rmem end below 16 MiB


def receive(one: Scene, count: int) -> bytes:
    """At least `count` bytes; fewer if the stream ends."""
    return wire.receive(one.loop, one.peer, count)


def receive_all(one: Scene, most: int = 1 << 62) -> tuple[bytes, str | None]:
    """Everything until the stream ends, up to `most` bytes a turn, and how it ended."""
    reading = one.peer.nonblocking()
    pump(one.loop, lambda: reading.read(most), 20)
    return bytes(reading.received), reading.outcome


def fill(one: Scene) -> None:
    """Take turns until the kernel takes no more for a peer that reads nothing."""
    seen = -1
    while seen != one.conn.bytes_written:
        seen = one.conn.bytes_written
        for _ in range(10):
            one.loop.run_once(0.001)
    assert one.conn.pending_bytes, "the kernel has taken it all"


def opened(path: Path) -> int:
    """How many descriptors of the file this process has."""
    held = 0
    for fd in os.listdir("/proc/self/fd"):
        try:
            held += os.readlink(f"/proc/self/fd/{fd}").removesuffix(" (deleted)") == str(path)
        except OSError:  # the descriptor of the directory that was listed
            pass
    return held


class Log(list[tuple[str, BaseException | None]]):
    """What callbacks were told, in order: (name, error)."""

    def of(self, name: str) -> Callable[[Connection, Any], None]:
        """A callback that is noted by this name."""
        return lambda conn, error: self.append((name, error))

    def kinds(self) -> list[tuple[str, type]]:
        return [(name, type(error)) for name, error in self]
