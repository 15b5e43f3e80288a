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


# Accepting is paused by the program.


def test_clients_wait_in_the_backlog_until_accepting_is_resumed(h: Any) -> None:
    h.server.pause_accepting()
    h.queue(3)
    settle(h.loop)
    assert (len(h.server.connections), h.server.listening) == (0, True)
    h.server.resume_accepting()
    settle(h.loop)
    assert len(h.server.connections) == 3


def test_a_pause_in_a_listener_ends_the_batch_under_way(h: Any) -> None:
    h.server.on("connection", lambda conn: h.server.pause_accepting())
    h.queue(5)
    settle(h.loop)
    assert len(h.server.connections) == 1


def test_a_pause_holds_for_sockets_that_listen_later_and_through_what_reopens_a_server(h: Any) -> None:
    h.server.max_connections = 1
    h.server.when_full = "wait"
    _, conn = h.connect()
    h.server.pause_accepting()
    waiting = [*h.queue(1), *h.queue(1, h.server.listen("127.0.0.1", 0))]
    conn.destroy()  # a place is free
    h.server.max_connections = None  # a limit has changed
    settle(h.loop)
    assert len(h.server.connections) == 0
    h.server.resume_accepting()
    settle(h.loop)
    assert len(h.server.connections) == len(waiting)


def test_a_shutdown_takes_in_those_who_wait(h: Any) -> None:
    h.server.pause_accepting()
    (peer,) = h.queue(1)
    h.server.shutdown()
    settle(h.loop)
    assert (len(h.server.connections), peer.outcome()) == (1, "FIN")


def test_limits_count_again_after_a_pause(h: Any) -> None:
    h.server.max_connections = 1
    h.server.pause_accepting()
    h.queue(3)
    h.server.resume_accepting()
    settle(h.loop)
    assert (len(h.server.connections), h.server.statistics().refused) == (1, 2)
