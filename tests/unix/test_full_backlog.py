"""A Unix server that is slow to accept: connect(2) says EAGAIN, and the client waits for room as blocking ones do."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator

import pytest

from reactor import Reactor, Reason, connect
from reactor.testing import ManualClock, pump, settle
from tests.support.recording import Heard
from tests.support.unix import bound


@pytest.fixture
def full(path: str) -> Iterator[socket.socket]:
    """A server with room for one client, which is there."""
    with bound(path, backlog=0) as sock, socket.socket(socket.AF_UNIX) as first:
        first.connect(path)
        yield sock


def test_it_is_connected_when_there_is_room(
    each_loop: Reactor, clock: ManualClock, path: str, full: socket.socket
) -> None:
    conn = connect(each_loop, path=path, connect_timeout=3)
    heard = Heard(conn)
    conn.write(b"early")
    for _ in range(10):
        settle(each_loop)
        clock.advance(0.1)
    assert (conn.state, heard.names()) == ("connecting", ["connection_attempt"])
    full.accept()[0].close()
    clock.advance(0.1)
    pump(each_loop, lambda: conn.state == "open")
    with full.accept()[0] as there:
        pump(each_loop, lambda: conn.bytes_written == 5)
        assert there.recv(5) == b"early"


def test_the_wait_does_not_spin(loop: Reactor, clock: ManualClock, path: str, full: socket.socket) -> None:
    connect(loop, path=path)
    settle(loop)
    assert loop.statistics().timers > 0
    looks = 0
    until = clock() + 1
    while (due := loop.next_deadline()) is not None and due <= until:
        assert due > clock()  # nothing is due at once
        clock.advance(due - clock())
        loop.run_once(0)
        settle(loop, 2)
        looks += 1
    assert 5 <= looks <= 20


def test_connect_timeout_bounds_it_and_the_error_has_the_cause(
    loop: Reactor, clock: ManualClock, path: str, full: socket.socket
) -> None:
    heard = Heard(connect(loop, path=path, connect_timeout=3))
    settle(loop)
    clock.advance(3)
    assert heard.report(loop).reason is Reason.CONNECT_TIMEOUT
    error = heard.error()
    assert (error.errno, error.strerror) == (errno.ETIMEDOUT, f"connect ETIMEDOUT {path}")
    assert isinstance(error.__cause__, BlockingIOError)
    assert error.__cause__.strerror == f"connect EAGAIN {path}"


def test_a_server_that_goes_meanwhile_is_refused(loop: Reactor, clock: ManualClock, path: str) -> None:
    with bound(path, backlog=0) as sock, socket.socket(socket.AF_UNIX) as first:
        first.connect(path)
        heard = Heard(connect(loop, path=path))
        settle(loop)
        sock.close()
        clock.advance(0.1)
        assert heard.report(loop).reason is Reason.CONNECT_FAILED
        assert heard.error().errno == errno.ECONNREFUSED


def test_who_ends_the_client_ends_the_wait(loop: Reactor, path: str, full: socket.socket) -> None:
    heard = Heard(connect(loop, path=path, connect_timeout=None))
    settle(loop)
    heard.conn.destroy()
    assert heard.report(loop).reason is Reason.DESTROYED
    assert loop.statistics().timers == 0
