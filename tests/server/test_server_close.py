"""`Server.close()`: stop accepting at once, and say so when the last connection is gone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from reactor import Reactor, Reason, Server, ServerClosed
from reactor.testing import pump, settle
from tests.support.wire import refused


@pytest.fixture
def diary(h: Any) -> list[Any]:
    """What a server and its connections say about their ends, in order."""
    found: list[Any] = []
    h.server.on("close", lambda conn, report: found.append("close"))
    h.server.on("stopped", lambda server, report: found.append("stopped"))
    return found


@pytest.fixture
def callback(h: Any, diary: list[Any]) -> Callable[[Any, Any], None]:
    """A callback for `close` that writes into the diary."""
    return lambda server, error: diary.append((server is h.server, error and type(error)))


def test_it_stops_accepting_at_once(h: Any) -> None:
    h.server.close()
    assert not h.server.listening
    assert h.server.addresses == []
    assert refused(*h.address)


def test_connections_live_on(h: Any) -> None:
    peer, conn = h.connect()
    h.server.close()
    settle(h.loop)
    peer.send(b"still there?")
    pump(h.loop, lambda: h.record.data() == b"still there?")
    conn.write(b"yes")
    assert peer.receive(3) == b"yes"
    assert conn.state == "open"


def test_stopped_comes_after_the_last_close_and_then_the_callback(h: Any, diary: list[Any], callback: Any) -> None:
    _, first = h.connect()
    _, second = h.connect()
    h.server.close(callback)
    first.destroy()
    settle(h.loop)
    assert diary == ["close"]
    second.destroy()
    settle(h.loop)
    assert diary == ["close", "close", "stopped", (True, None)]


def test_without_connections_stopped_comes_but_not_inside_the_call(h: Any, diary: list[Any], callback: Any) -> None:
    h.server.close(callback)
    assert diary == []
    settle(h.loop)
    assert diary == ["stopped", (True, None)]


def test_a_second_close_gets_an_error_and_stopped_comes_once(h: Any, diary: list[Any], callback: Any) -> None:
    _, conn = h.connect()
    h.server.close(callback)
    h.server.close(callback)
    settle(h.loop)
    assert diary == []  # it has not stopped yet
    conn.destroy()
    settle(h.loop)
    assert diary == ["close", "stopped", (True, None), (True, ServerClosed)]


def test_closing_a_server_that_does_not_listen_is_harmless(loop: Reactor) -> None:
    server = Server(loop)
    got: list[Any] = []
    server.on("stopped", lambda *args: got.append("stopped"))
    server.close()
    server.close(lambda *args: got.append(args))
    assert got == []
    settle(loop)
    ((who, error),) = got
    assert who is server
    assert isinstance(error, ServerClosed)


def test_a_connection_is_listed_until_its_close_was_delivered(h: Any) -> None:
    listed: list[bool] = []
    h.server.on("close", lambda conn, report: listed.append(conn in h.server.connections))
    h.server.on("stopped", lambda server, report: listed.append(bool(server.connections)))
    _, conn = h.connect()
    h.server.close()
    conn.destroy()
    settle(h.loop)
    assert listed == [True, False]


def test_the_report_counts_those_that_ended_after_the_call(h: Any) -> None:
    _, early = h.connect()
    early.destroy()
    h.closed(early)
    polite, _ = h.connect()
    _, second = h.connect()
    h.server.close()
    polite.close()
    second.reset()
    report = h.stopped()
    assert (report.connections, report.clean) == (2, 1)
    assert report.by_reason == {Reason.PEER_ENDED: 1, Reason.RESET: 1}


def test_a_stopped_listener_may_listen_again_and_each_stop_has_its_own_stopped(h: Any) -> None:
    h.server.once("stopped", lambda server, report: server.listen(*h.address))
    h.server.close()
    settle(h.loop)
    assert h.server.addresses == [h.address]
    _, conn = h.connect()
    assert conn.state == "open"
    conn.destroy()
    h.server.close()
    settle(h.loop)
    assert len(h.stops) == 2


def test_a_connection_listener_may_close_the_server(h: Any) -> None:
    h.server.on("connection", lambda conn: h.server.close())
    first, second = h.queue(2)
    pump(h.loop, lambda: not h.server.listening)
    settle(h.loop)
    assert len(h.record.connections) == 1
    assert first.nothing_comes()
    assert second.outcome() == "ECONNRESET"  # the kernel resets its backlog (closing.md, fact 10)
    first.close()
    h.stopped()


def test_run_returns_after_the_last_connection_of_a_closed_server(h: Any, diary: list[Any]) -> None:
    peer, _ = h.connect()
    h.server.close()
    peer.close()
    h.loop.run()
    assert diary == ["close", "stopped"]
