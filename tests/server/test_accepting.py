"""How those who wait are taken in: the kernel is asked how many they are, so that no accept finds nobody."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from reactor.net.server.acceptor import ACCEPTS_PER_TURN
from reactor.testing import settle


class CountingListener(socket.socket):
    """A listening socket that counts its accepts."""

    accepts = 0

    def accept(self) -> tuple[socket.socket, Any]:
        self.accepts += 1
        return super().accept()


def counting(h: Any, address: Any, family: int = socket.AF_INET) -> CountingListener:
    """A listening socket of the server that counts."""
    listening = CountingListener(family)
    listening.bind(address)
    listening.listen(1000)
    h.server.listen(sock=listening)
    settle(h.loop)
    return listening


@pytest.mark.parametrize("clients", [1, 5, ACCEPTS_PER_TURN])
def test_each_client_costs_one_accept(clients: int, h: Any) -> None:
    listening = counting(h, ("127.0.0.1", 0))
    h.queue(clients, listening.getsockname())
    h.loop.run_once(0)
    assert len(h.server.connections) == listening.accepts == clients
    settle(h.loop)
    assert listening.accepts == clients


def test_a_flood_is_taken_in_over_several_turns(h: Any) -> None:
    h.queue(ACCEPTS_PER_TURN + 3)
    for inside in (ACCEPTS_PER_TURN, ACCEPTS_PER_TURN + 3):
        h.loop.run_once(0)
        assert len(h.server.connections) == inside


def test_where_nobody_can_tell_it_is_tried_until_nobody_comes(h: Any, tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    listening = counting(h, path, socket.AF_UNIX)
    h.queue(5, path)
    h.loop.run_once(0)
    assert (len(h.server.connections), listening.accepts) == (5, 6)
