"""When accept meets a client that has gone, or a listening socket that is broken."""

from __future__ import annotations

import errno
import os
import selectors
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from reactor import Reactor, Reason, Server
from reactor.testing import ManualClock, pump, settle


def test_a_broken_listening_socket_is_given_up_and_the_others_go_on(
    each_loop: Reactor, harness: Any, caplog: pytest.LogCaptureFixture
) -> None:
    h = harness(loop=each_loop)
    errors = h.server_told("accept_error")
    with socket.create_server(("127.0.0.1", 0)) as twin:
        broken = h.server.listen(sock=twin.dup())
        settle(each_loop)
        twin.shutdown(socket.SHUT_RDWR)  # accept says EINVAL from now on
        settle(each_loop)
        assert [error.strerror for (error,) in errors] == [f"accept EINVAL 127.0.0.1:{broken[1]}"]
        assert h.server.addresses == [h.address]
        h.connect()
    assert sum(record.levelname == "WARNING" for record in caplog.records) == 1


def test_a_server_whose_last_listening_socket_broke_keeps_run_going_no_longer(loop: Reactor) -> None:
    server = Server(loop)
    with socket.create_server(("127.0.0.1", 0)) as twin:
        server.listen(sock=twin.dup())
        twin.shutdown(socket.SHUT_RDWR)
        loop.run()
    assert not server.listening


def test_a_server_whose_listening_socket_the_program_has_closed_stops_and_touches_no_other(h: Any) -> None:
    (peer,) = h.queue(1)
    server = Server(h.loop)
    stopped: list[Any] = []
    server.on("stopped", lambda server, report: stopped.append(report))
    listening = socket.create_server(("127.0.0.1", 0))
    server.listen(sock=listening)
    number = listening.fileno()
    listening.close()
    pump(h.loop, lambda: h.record.connections)
    assert h.record.conn.fileno() == number
    server.close()
    pump(h.loop, lambda: stopped)
    peer.send(b"still heard")
    pump(h.loop, lambda: h.record.data() == b"still heard")


@pytest.fixture
def numbers() -> Iterator[Callable[[], None]]:
    """`numbers()`: select(2) watches descriptors below 1024, and from now on all new ones are higher."""
    taken: list[int] = []

    def take() -> None:
        taken.append(os.open(os.devnull, os.O_RDONLY))
        while taken[-1] < 1024:
            taken.append(os.dup(taken[0]))

    yield take
    for fd in taken:
        os.close(fd)


def test_a_client_that_the_selector_cannot_watch_is_ended_and_reported(
    harness: Any, clock: ManualClock, numbers: Callable[[], None]
) -> None:
    with Reactor(selectors.SelectSelector(), clock) as loop:
        h = harness(loop=loop)
        _, served = h.connect()
        numbers()
        _, conn = h.connect()
        report = h.closed(conn)
        assert (report.reason, report.error.errno) == (Reason.NETWORK_ERROR, errno.EMFILE)
        assert served.state == "open"


def test_a_listening_socket_that_the_selector_cannot_watch_is_refused_and_given_back(
    clock: ManualClock, numbers: Callable[[], None]
) -> None:
    with Reactor(selectors.SelectSelector(), clock) as loop:
        server = Server(loop)
        numbers()
        with pytest.raises(OSError, match="select"):
            server.listen("127.0.0.1", 0)
        assert not server.listening
        loop.run()
