"""What the tests of send_file read with, and how they look at the descriptors of a file."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from reactor import Reactor
from tests.support.wire import receive as receive
from tests.support.wire import receive_all as receive_all

MIB = 1024 * 1024
SOURCE = random.Random(11).randbytes(2 * MIB + 12_345)  # the content of most files
SIZE = len(SOURCE)
LARGE = 24 * MIB  # more than the kernel takes for a peer that reads nothing: tcp_wmem and tcp_rmem end below 16 MiB


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
