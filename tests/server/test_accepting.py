"""How those who wait are taken in: the kernel is asked how many they are, so that no accept finds nobody."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from reactor import Reactor, Server
from reactor.net.server.acceptor import ACCEPTS_PER_TURN
from reactor.testing import Peer, settle


class CountingListener(socket.socket):
    """A listening socket that counts its accepts."""

    accepts = 0

    def accept(self) -> tuple[socket.socket, Any]:
        self.accepts += 1
        return super().accept()


@pytest.fixture
def listening() -> CountingListener:
    made = CountingListener()
    made.bind(("127.0.0.1", 0))
    made.listen(1000)
    return made


@pytest.mark.parametrize("clients", [1, 5, ACCEPTS_PER_TURN])
def test_each_client_costs_one_accept(clients: int, listening: CountingListener, loop: Reactor) -> None:
    server = Server(loop)
    server.listen(sock=listening)
    settle(loop)
    peers = [Peer(listening.getsockname()) for _ in range(clients)]
    loop.run_once(0)
    assert len(server.connections) == listening.accepts == clients
    settle(loop)
    assert listening.accepts == clients
    for peer in peers:
        peer.close()


def test_a_flood_is_taken_in_over_several_turns(listening: CountingListener, loop: Reactor) -> None:
    server = Server(loop)
    server.listen(sock=listening)
    settle(loop)
    peers = [Peer(listening.getsockname()) for _ in range(ACCEPTS_PER_TURN + 3)]
    loop.run_once(0)
    assert len(server.connections) == ACCEPTS_PER_TURN
    loop.run_once(0)
    assert len(server.connections) == ACCEPTS_PER_TURN + 3
    for peer in peers:
        peer.close()


def test_where_nobody_can_tell_it_is_tried_until_nobody_comes(tmp_path: Path, loop: Reactor) -> None:
    path = tmp_path / "socket"
    listening = CountingListener(socket.AF_UNIX)
    listening.bind(str(path))
    listening.listen()
    server = Server(loop)
    server.listen(sock=listening)
    settle(loop)
    peers = [Peer(str(path)) for _ in range(5)]
    loop.run_once(0)
    assert len(server.connections) == 5
    assert listening.accepts == 6
    for peer in peers:
        peer.close()
