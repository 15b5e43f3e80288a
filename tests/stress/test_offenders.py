"""Honest clients beside two thousand that break every rule: each of their lines is answered, and the server is busy for
less than two thirds of the time.

The server is `examples/hardened.py` as it stands, in a process of its own, and so are the offenders. What is judged is
the server's CPU time, which other work on the machine does not make longer. How long a line waits follows from it: in a
queue that is busy for two thirds of the time, three times as long as in an empty one.
"""

from __future__ import annotations

import ast
import json
import resource
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.stress.accounts import Account
from tests.stress.server_process import PATIENCE, ROOT, Child

OFFENDERS = 2_000
HONEST = 20
PAUSE = 0.002  # seconds between two lines of the honest
MOST = 2 / 3  # of a core


@pytest.fixture
def hardened() -> Iterator[Child]:
    child = Child(ROOT / "examples" / "hardened.py", 0)
    yield child
    child.close()


def talk(address: tuple[str, int], more: Callable[[], bool]) -> int:
    """Honest clients say a line in turn, each when the one before was answered; how many lines there were."""
    count = 0
    with ExitStack() as stack:
        socks = [stack.enter_context(socket.create_connection(address, timeout=PATIENCE)) for _ in range(HONEST)]
        while more():
            sock = socks[count % HONEST]
            sock.sendall(b"hello\n")
            assert sock.recv(100) == b"HELLO\n"
            count += 1
            time.sleep(PAUSE)
    return count


@pytest.mark.slow
def test_honest_clients_are_served_beside_two_thousand_offenders(hardened: Child, account: Account) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 8_192)), hard))
    host, port = hardened.line().decode().split()[-1].split(":")
    offenders = Child("-m", "tests.stress.raw_offenders", host, port, OFFENDERS)
    assert offenders.line() == b"ready"
    begun, before = time.monotonic(), hardened.busy()
    lines = talk((host, int(port)), offenders.runs)
    used = (hardened.busy() - before) / (time.monotonic() - begun)
    told = json.loads(offenders.line())
    offenders.close()
    hardened.signal(signal.SIGTERM)
    assert hardened.status() == 0
    printed = hardened.line().decode()
    ended = ast.literal_eval(printed.partition("ended: ")[2].partition(" refused:")[0])
    assert sum(told["begun"].values()) >= OFFENDERS
    for reason in ("first byte timeout", "read rate", "frame too long", "frame cut off"):
        assert ended.get(reason, 0) > OFFENDERS / 20, f"not met: {reason}"
    account.progress(f"{lines:,} honest lines, {used:.1%} of a core")
    assert used < MOST
