"""A relay process with few descriptors, and many clients at once."""

from __future__ import annotations

import resource
import select
import signal
import socket
import time
from contextlib import ExitStack

import pytest

from reactor.testing import Peer
from tests.support.process import SECONDS, Process, Program
from tests.support.programs import ROOT, running

LIMIT, CLIENTS = 40, 60
OWN = 12  # descriptors of the process itself, at most, and of the resolver


def listening() -> socket.socket:
    sock = socket.create_server(("127.0.0.1", 0), backlog=256)
    sock.setblocking(False)
    return sock


def answered(target: socket.socket, clients: list[Peer]) -> int:
    """Echo to all that the relay connects; the number of clients that hear an echo before the others are reset."""
    with ExitStack() as stack:
        onward: list[socket.socket] = []
        served, waiting, limit = 0, {client.sock: client for client in clients}, time.monotonic() + SECONDS
        while waiting:
            ready = select.select([target, *onward, *waiting], [], [], max(limit - time.monotonic(), 0))[0]
            assert ready, f"{len(waiting)} clients were neither served nor reset"
            for sock in ready:
                if sock is target:
                    onward.append(stack.enter_context(target.accept()[0]))
                elif sock in waiting:
                    served += _hears(sock)
                    del waiting[sock]
                elif data := sock.recv(100):
                    sock.sendall(data)
                else:
                    onward.remove(sock)
        return served


def _hears(sock: socket.socket) -> bool:
    try:
        return sock.recv(100) == b"hello"
    except ConnectionResetError:
        return False


def burst(relay: Program, address: tuple[str, int], target: socket.socket) -> int:
    """The number of clients that are served when all come while the relay is stopped."""
    resource.prlimit(relay._child.pid, resource.RLIMIT_NOFILE, (LIMIT, LIMIT))
    relay.signal(signal.SIGSTOP)
    clients = [Peer(address, timeout=SECONDS) for _ in range(CLIENTS)]
    for client in clients:
        client.send(b"hello")
    relay.signal(signal.SIGCONT)
    served = answered(target, clients)
    for client in clients:
        client.close()
    return served


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_the_relay_of_the_command_line_serves_some_of_a_burst_that_is_too_large(host: str) -> None:
    with listening() as target, Process("relay", "--to", f"{host}:{target.getsockname()[1]}") as relay:
        assert burst(relay, relay.address, target) >= (LIMIT - OWN) // 2
        assert relay.stop() == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_the_relay_of_the_examples_serves_some_of_a_burst_that_is_too_large(host: str) -> None:
    with (
        listening() as target,
        running(str(ROOT / "examples" / "relay.py"), "0", host, str(target.getsockname()[1])) as relay,
    ):
        assert burst(relay, relay.address(), target) >= (LIMIT - OWN) // 2
        relay.stop()
