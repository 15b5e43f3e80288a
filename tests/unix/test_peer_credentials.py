"""`conn.peer_credentials`: who is at the other end of a Unix socket."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import pytest

from reactor import PeerCredentials, Reactor, adopt, connect
from reactor.testing import pump
from tests.support.far_ends import Place, connected
from tests.support.unix import NOBODY

ME = PeerCredentials(os.getpid(), os.geteuid(), os.getegid())


def test_they_are_those_of_the_process_that_connected(unix: Any) -> None:
    h = unix()
    _, conn = h.connect()
    assert conn.peer_credentials == ME
    assert (conn.peer_credentials.pid, conn.peer_credentials.uid, conn.peer_credentials.gid) == tuple(ME)


def test_another_process_has_others(unix: Any) -> None:
    h = unix()
    child = os.fork()
    if not child:
        try:
            if os.geteuid() == 0:
                os.chmod(h.address, 0o777)
                for folder in list(Path(h.address).parents)[:-2]:
                    os.chmod(folder, 0o755)
                os.setgid(NOBODY)
                os.setuid(NOBODY)
            with socket.socket(socket.AF_UNIX) as sock:
                sock.connect(h.address)
                sock.recv(1)
        finally:
            os._exit(0)
    pump(h.loop, lambda: h.record.connections)
    found = h.record.conn.peer_credentials
    assert found.pid == child
    assert found.uid == (NOBODY if os.geteuid() == 0 else os.geteuid())
    h.record.conn.destroy()
    h.closed(h.record.conn)
    os.waitpid(child, 0)


def test_a_client_has_those_of_its_server(loop: Reactor, path: str) -> None:
    with Place(path) as place:
        conn = place.connect(loop)
        assert conn.peer_credentials is None  # not connected yet
        assert connected(loop, conn).peer_credentials == ME


def test_of_a_socket_pair_they_are_its_makers(loop: Reactor) -> None:
    ours, far = socket.socketpair()
    with far:
        assert adopt(loop, ours).peer_credentials == ME


def test_after_the_close_there_are_none(unix: Any) -> None:
    h = unix()
    _, conn = h.connect()
    conn.reset()
    h.closed(conn)
    assert conn.peer_credentials is None


def test_of_tcp_there_are_none(harness: Any, loop: Reactor) -> None:
    h = harness()
    _, conn = h.connect()
    assert conn.peer_credentials is None
    assert connected(loop, connect(loop, *h.address)).peer_credentials is None


def test_they_cannot_be_set(unix: Any) -> None:
    _, conn = unix().connect()
    with pytest.raises(AttributeError):
        conn.peer_credentials = ME
