"""What the random sequences have found, each as the shortest sequence that shows it."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from reactor import Connection, Reason
from reactor.testing import pump, settle


@pytest.fixture
def _no_collector() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


def test_a_servers_once_is_called_once_also_where_connections_have_listeners_of_their_own(harness: Any) -> None:
    wire = harness()
    heard: list[bytes] = []
    ends = [wire.connect() for _ in range(3)]
    for _, conn in ends:
        conn.on("data", lambda conn, data: None)
    wire.server.once("data", lambda conn, data: heard.append(data))
    for letter in (b"a", b"b"):
        for peer, conn in ends:
            read = conn.bytes_read
            peer.send(letter)
            pump(wire.loop, lambda: conn.bytes_read > read)  # noqa: B023 - called at once
    assert heard == [b"a"]


LISTENING: dict[str, Callable[[Connection], object]] = {
    "on": lambda conn: conn.on("drain", lambda _: conn.end()),
    "once that never came": lambda conn: conn.once("drain", lambda _: conn.end()),
    "set_timeout": lambda conn: conn.set_timeout(60),
    "set_timeout with a listener": lambda conn: conn.set_timeout(60, lambda _, kind: conn.end()),
    "a callback": lambda conn: conn.write(b"x", lambda _, error: conn.end()),
    "a deadline": lambda conn: setattr(conn, "idle_timeout", 60),
}


@pytest.mark.usefixtures("_no_collector")
@pytest.mark.parametrize("name", LISTENING)
def test_a_closed_connection_is_freed_without_the_collector(harness: Any, name: str) -> None:
    wire = harness()
    peer, conn = wire.connect()
    LISTENING[name](conn)
    settle(wire.loop)
    peer.close()
    wire.closed(conn)
    seen = weakref.ref(conn)
    wire.record.connections.clear()
    wire.record.events.clear()
    del conn
    settle(wire.loop)
    assert seen() is None, gc.get_referrers(seen())


def test_unref_in_a_close_listener_does_not_keep_run_going(harness: Any) -> None:
    wire = harness()
    peer, conn = wire.connect()
    conn.on("close", lambda conn, report: conn.unref())
    wire.server.close()
    peer.close()
    wire.closed(conn)
    settle(wire.loop)
    assert wire.loop.statistics().held == 0


def test_what_an_error_listener_writes_is_counted_as_unsent(harness: Any) -> None:
    wire = harness()
    peer, conn = wire.connect()
    conn.on("error", lambda conn, error: conn.write(b"too late"))
    peer.reset()
    report = wire.closed(conn)
    assert (report.reason, report.bytes_unsent) == (Reason.PEER_RESET, 8)


@pytest.mark.expects_errors
def test_a_listener_that_raises_after_a_reset_does_not_take_over_the_reason(harness: Any) -> None:
    wire = harness(pause_on_connect=True)
    peer, conn = wire.connect()
    conn.on("hangup", lambda conn: 1 / 0)
    peer.reset()
    report = wire.closed(conn)
    assert report.reason is Reason.PEER_RESET
    assert isinstance(report.error, ConnectionResetError)
    assert wire.record.names() == ["hangup", "error", "close"]


def test_bytes_taken_by_the_kernel_are_answered_as_taken_whatever_comes_after(harness: Any) -> None:
    wire = harness()
    answers: list[object] = []
    for ending in ("destroy", "reset"):
        _, conn = wire.connect()
        conn.write(b"taken at once", lambda conn, error: answers.append(error))
        getattr(conn, ending)()
        assert wire.closed(conn).bytes_written == 13
    assert answers == [None, None]
