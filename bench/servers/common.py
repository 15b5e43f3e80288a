"""What the servers in Python share: how they are called, and what they say. load/pattern.c has the same bytes."""

from __future__ import annotations

import json
import sys
import time

HOST = "127.0.0.1"
BACKLOG = 4096
READ_SIZE = 65_536
GREETING = b"goodbye\n"
WELCOME = b"welcome\n"
BLOCK = bytes((at * 31 + (at >> 8)) & 255 for at in range(65_536))

LIVE_TIMERS = 10_000  # armed all the time while others come and go
TIMERS_A_TURN = 1_000


def role_and_value() -> tuple[str, str]:
    """From the command line; a value that is not there is empty."""
    role, value = [*sys.argv[1:], ""][:2]
    return role, value


def announce(port: int) -> None:
    print(port, flush=True)


def blocks(size: int) -> bytes:
    """The first `size` bytes of what servers say."""
    return (BLOCK * (size // len(BLOCK) + 1))[:size]


class Stopwatch:
    """CPU time of this process per timer, for the role `timers`."""

    def __init__(self) -> None:
        self._found: dict[str, float] = {}
        self._begun = time.process_time()

    def lap(self, name: str, count: int) -> None:
        now = time.process_time()
        self._found[name] = (now - self._begun) / count
        self._begun = now

    def tell(self) -> None:
        print(json.dumps(self._found), flush=True)
