"""How those who wait are taken in: the kernel is asked how many they are, so that no accept finds nobody."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from reactor import Reactor, Server
from reactor.net.server.acceptor import ACCEPTS_PER_TURN
from reactor.testing import settle


class CountingListener(socket.socket):
    """A listening socket that counts its accepts."""

    accepts = 0

    def accept(self) -> tuple[socket.socket, Any]:
        self.accepts += 1
        return super().accept()


def serving(loop: Reactor, address: Any, family: int = socket.AF_INET) -> tuple[Server, CountingListener]:
    """A server that listens on a socket which counts."""
    listening = CountingListener(family)
    listening.bind(address)
    listening.listen(1000)
    server = Server(loop)
    server.listen(sock=listening)
    settle(loop)
    return server, listening


@pytest.mark.parametrize("clients", [1, 5, ACCEPTS_PER_TURN])
def test_each_client_costs_one_accept(clients: int, loop: Reactor, waiting: Any) -> None:
    server, listening = serving(loop, ("127.0.0.1", 0))
    waiting(listening.getsockname(), clients)
    loop.run_once(0)
    assert len(server.connections) == listening.accepts == clients
    settle(loop)
    assert listening.accepts == clients


def test_a_flood_is_taken_in_over_several_turns(loop: Reactor, waiting: Any) -> None:
    server, listening = serving(loop, ("127.0.0.1", 0))
    waiting(listening.getsockname(), ACCEPTS_PER_TURN + 3)
    for inside in (ACCEPTS_PER_TURN, ACCEPTS_PER_TURN + 3):
        loop.run_once(0)
        assert len(server.connections) == inside


def test_where_nobody_can_tell_it_is_tried_until_nobody_comes(tmp_path: Path, loop: Reactor, waiting: Any) -> None:
    path = str(tmp_path / "socket")
    server, listening = serving(loop, path, socket.AF_UNIX)
    waiting(path, 5)
    loop.run_once(0)
    assert (len(server.connections), listening.accepts) == (5, 6)
