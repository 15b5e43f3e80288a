"""`before_connect`: the program prepares the socket of each attempt before anything is sent."""

from __future__ import annotations

import errno
import socket
from typing import Any

import pytest

from reactor import Reactor, Reason, connect
from reactor.testing import settle
from tests.support.far_ends import ACCEPTS, REFUSES, FarEnds, Place, attempts_under_way, connected
from tests.support.recording import Heard

HOST = "127.0.0.1"


def test_it_has_the_socket_of_each_attempt_before_it_is_bound_and_connects(loop: Reactor) -> None:
    seen: list[Any] = []

    def note(sock: socket.socket) -> None:
        seen.append((sock.family, sock.getsockname()[1]))
        with pytest.raises(OSError, match="not connected"):
            sock.getpeername()

    with FarEnds({"::1": REFUSES, HOST: ACCEPTS}) as ends:
        conn = ends.connect(loop, before_connect=note, local_address=(None, 0))
        assert seen == []  # nothing is called inside the call
        connected(loop, conn)
    assert seen == [(socket.AF_INET6, 0), (socket.AF_INET, 0)]


def test_what_it_sets_holds_and_wins_over_a_setting(loop: Reactor, place: Place) -> None:
    def prepare(sock: socket.socket) -> None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 0)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 12_345)

    conn = connected(loop, place.connect(loop, before_connect=prepare, keep_alive=True))
    with socket.socket(fileno=socket.dup(conn.fileno())) as twin:
        assert twin.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) == 2 * 12_345  # socket(7): doubled
        assert not twin.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)


def test_a_socket_that_it_makes_blocking_does_not_block_the_loop(loop: Reactor, far: FarEnds) -> None:
    conn = connect(loop, "127.0.0.3", far.port, before_connect=lambda sock: sock.setblocking(True))  # it never answers
    settle(loop)
    assert conn.state == "connecting"


@pytest.mark.parametrize(
    ("raised", "code"), [(PermissionError(errno.EPERM, "no"), errno.EPERM), (ValueError("no"), errno.ECANCELED)]
)
def test_what_it_raises_fails_that_attempt_with_its_cause_and_the_next_is_tried(
    raised: Exception, code: int, loop: Reactor
) -> None:
    def refuse_one(sock: socket.socket) -> None:
        if sock.family == socket.AF_INET6:
            raise raised

    with FarEnds({"::1": ACCEPTS, HOST: ACCEPTS}) as ends:
        conn = ends.connect(loop, before_connect=refuse_one)
        heard = Heard(conn)
        connected(loop, conn)
        ((host, port, _, error),) = heard.of("connection_attempt_failed")
        name = errno.errorcode[code]
        assert (host, error.errno, error.strerror) == ("::1", code, f"before_connect {name} [::1]:{port}")
        assert error.__cause__ is raised
        assert conn.remote_address == (HOST, ends.port)
        assert ends.nobody_came("::1")


def test_if_every_attempt_fails_so_the_client_does(loop: Reactor, place: Place) -> None:
    heard = Heard(place.connect(loop, before_connect=lambda sock: sock.close()))
    report = heard.report(loop)
    assert report.reason is Reason.CONNECT_FAILED
    assert heard.error().errno == errno.EBADF


def test_a_client_that_it_ends_sends_nothing(loop: Reactor, far: FarEnds) -> None:
    conn = connect(loop, HOST, far.port, before_connect=lambda sock: conn.destroy())
    heard = Heard(conn)
    assert heard.report(loop).reason is Reason.DESTROYED
    assert attempts_under_way() == 0
    assert far.nobody_came()


def test_what_leaves_run_leaves_it_and_the_attempt_has_failed(far: FarEnds) -> None:
    def leave(sock: socket.socket) -> None:
        raise SystemExit(3)

    with Reactor() as loop:
        heard = Heard(connect(loop, HOST, far.port, before_connect=leave))
        with pytest.raises(SystemExit):
            loop.run()
        assert heard.report(loop).reason is Reason.CONNECT_FAILED
