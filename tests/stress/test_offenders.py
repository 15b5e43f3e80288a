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
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import psutil
import pytest

from tests.stress.accounts import Account
from tests.stress.crowds import raw_program
from tests.stress.server_process import PATIENCE, ROOT
from tests.support.process import environment

OFFENDERS = 2_000
HONEST = 20
PAUSE = 0.002  # seconds between two lines of the honest
MOST = 2 / 3  # of a core


@pytest.fixture
def hardened() -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, str(ROOT / "examples" / "hardened.py"), "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment()) as program:
        yield program
        program.kill()


@contextmanager
def offending(address: tuple[str, int]) -> Iterator[subprocess.Popen[str]]:
    """The offenders, at work."""
    command = raw_program("raw_offenders", *address, OFFENDERS)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment()) as offenders:
        assert offenders.stdout is not None
        assert offenders.stdout.readline() == "ready\n"
        yield offenders


def talk(address: tuple[str, int], offenders: subprocess.Popen[str]) -> int:
    """While there are offenders, honest clients say a line in turn, each when the one before was answered; how many
    lines there were.
    """
    count = 0
    with ExitStack() as stack:
        socks = [stack.enter_context(socket.create_connection(address, timeout=PATIENCE)) for _ in range(HONEST)]
        while offenders.poll() is None:
            sock = socks[count % HONEST]
            sock.sendall(b"hello\n")
            assert sock.recv(100) == b"HELLO\n"
            count += 1
            time.sleep(PAUSE)
    return count


@pytest.mark.slow
def test_honest_clients_are_served_beside_two_thousand_offenders(
    hardened: subprocess.Popen[str], account: Account
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 8_192)), hard))
    assert hardened.stdout is not None
    host, port = hardened.stdout.readline().split()[-1].split(":")
    seen = psutil.Process(hardened.pid)
    with offending((host, int(port))) as offenders:
        begun, before = time.monotonic(), seen.cpu_times()
        lines = talk((host, int(port)), offenders)
        after, seconds = seen.cpu_times(), time.monotonic() - begun
        told = json.loads(offenders.communicate(timeout=PATIENCE)[0])
    hardened.terminate()
    printed, _ = hardened.communicate(timeout=PATIENCE)
    assert hardened.returncode == 0
    ended = ast.literal_eval(printed.partition("ended: ")[2].partition(" refused:")[0])
    assert sum(told["begun"].values()) >= OFFENDERS
    for reason in ("first byte timeout", "read rate", "frame too long", "frame cut off"):
        assert ended.get(reason, 0) > OFFENDERS / 20, f"not met: {reason}"
    used = (after.user + after.system - before.user - before.system) / seconds
    account.progress(f"{lines:,} honest lines, {used:.1%} of a core")
    assert used < MOST
