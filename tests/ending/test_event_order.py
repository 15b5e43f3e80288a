"""Events, their order, and what never happens: the page of closing.md of that name, sentence by sentence."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from reactor import CloseReport, Connection, Reactor, Reason, Server
from reactor.net.connection.listeners import CONNECTION_EVENTS
from reactor.testing import ManualClock, Peer, pump, settle
from tests.support.wire import all_acked

MIB = 1024 * 1024


def test_close_comes_after_the_descriptor_is_closed(harness: Any) -> None:
    wire = harness()
    seen: list[tuple[int, str]] = []
    wire.server.on("close", lambda conn, report: seen.append((conn.fileno(), conn.state)))
    for way in ("end", "destroy_soon", "destroy", "reset"):
        peer, conn = wire.connect()
        getattr(conn, way)()
        peer.end()
        wire.closed(conn)
    assert seen == [(-1, "closed")] * 4


def test_error_is_right_before_close_and_both_tell_of_the_same(harness: Any) -> None:
    wire = harness()
    peer, conn = wire.connect()
    peer.send(b"data")
    peer.reset()
    report = wire.closed(conn)
    assert [name for name, *_ in wire.record.events[conn]] == ["data", "error", "close"]
    assert wire.record.events[conn][-2:] == [("error", report.error), ("close", report)]


@pytest.mark.parametrize("way", ["end", "destroy_soon", "destroy", "reset", "peer end", "peer reset"])
def test_nothing_is_emitted_after_close_whatever_is_called(way: str, harness: Any, clock: ManualClock) -> None:
    wire = harness()
    peer, conn = wire.connect()
    if way.startswith("peer"):
        getattr(peer, way.split()[1])()
    else:
        getattr(conn, way)()
        peer.end()
    wire.closed(conn)
    assert wire.record.names().count("close") == 1
    events = list(wire.record.events[conn])
    for call in (conn.pause, conn.resume, conn.end, conn.destroy_soon, conn.destroy, conn.reset, conn.touch):
        call()
        settle(wire.loop, 3)
    conn.set_timeout(1)
    conn.idle_timeout = 1
    conn.ref()
    conn.unref()
    clock.advance(1000)
    settle(wire.loop)
    assert wire.record.events[conn] == events


def test_end_comes_after_the_last_data(harness: Any) -> None:
    wire = harness()
    peer, conn = wire.connect()
    conn.pause()
    peer.send_some(bytes(4 * MIB))
    peer.end()
    settle(wire.loop)
    conn.resume()
    wire.closed(conn)
    names = [name for name, *_ in wire.record.events[conn]]
    assert names[-3:] == ["end", "finish", "close"]
    assert set(names[:-3]) == {"data"}


def test_finish_comes_when_the_fin_was_handed_to_the_kernel(harness: Any) -> None:
    wire = harness()
    peer, conn = wire.connect()
    ends: list[tuple[bytes, str]] = []
    conn.on("finish", lambda conn: ends.append(peer.receive_all()))
    conn.end(b"over")
    assert ends == []
    settle(wire.loop)
    assert ends == [(b"over", "FIN")]


def test_a_client_that_was_reset_in_the_backlog_gets_its_connection_and_its_close(
    each_loop: Reactor, harness: Any
) -> None:
    wire = harness(loop=each_loop)
    peer = Peer(wire.address)
    peer.send(b"hello")
    peer.reset()
    pump(each_loop, lambda: wire.record.connections and wire.record.conn.report)
    assert wire.record.names()[-2:] == ["error", "close"]
    assert wire.record.conn.report.reason is Reason.PEER_RESET
    assert wire.record.conn.remote_address[0] == "127.0.0.1"


def test_a_client_that_came_and_went_in_the_backlog_gets_everything(harness: Any) -> None:
    wire = harness()
    with Peer(wire.address) as peer:
        peer.send(b"hello")
    pump(wire.loop, lambda: wire.record.connections and wire.record.conn.report)
    assert wire.record.names() == ["data", "end", "finish", "close"]
    assert wire.record.data() == b"hello"


# "No event is emitted from inside the call that caused it: the caller's next line always runs first."

CALLS: dict[str, Callable[[Connection], object]] = {
    "write": lambda conn: conn.write(b"x"),
    "write too much": lambda conn: [conn.write(bytes(MIB)) for _ in range(100)],
    "end": lambda conn: conn.end(b"x"),
    "destroy_soon": lambda conn: conn.destroy_soon(),
    "destroy": lambda conn: conn.destroy(RuntimeError("why")),
    "reset": lambda conn: conn.reset(),
    "end now": lambda conn: conn.end(timeout=0),
    "pause": lambda conn: conn.pause(),
    "resume": lambda conn: conn.resume(),
    "set_timeout": lambda conn: conn.set_timeout(0.001),
    "touch": lambda conn: conn.touch(),
    "idle_timeout": lambda conn: setattr(conn, "idle_timeout", 0.001),
    "high_water": lambda conn: setattr(conn, "high_water", 100 * MIB),
}
SITUATIONS: dict[str, Callable[[Peer, Connection], object]] = {
    "quiet": lambda peer, conn: None,
    "data waits": lambda peer, conn: peer.send(b"data"),
    "the peer ended": lambda peer, conn: peer.end(),
    "the peer reset": lambda peer, conn: peer.reset(),
    "output is pending": lambda peer, conn: conn.write(bytes(16 * MIB)),
    "paused, and the peer reset": lambda peer, conn: (conn.pause(), peer.reset()),
}


@pytest.mark.parametrize("situation", SITUATIONS)
@pytest.mark.parametrize("call", CALLS)
def test_no_event_is_emitted_from_inside_a_call(call: str, situation: str, harness: Any) -> None:
    wire = harness(buffer_limit=32 * MIB)
    peer, conn = wire.connect()
    SITUATIONS[situation](peer, conn)
    before = list(wire.record.events[conn])
    CALLS[call](conn)
    assert wire.record.events[conn] == before


@pytest.mark.parametrize("call", CALLS)
def test_no_event_is_emitted_from_inside_a_call_in_a_listener_either(call: str, harness: Any) -> None:
    wire = harness(buffer_limit=32 * MIB)
    calls: list[tuple[int, int]] = []

    def calling(conn: Connection, data: bytes) -> None:
        before = len(wire.record.events[conn])
        CALLS[call](conn)
        calls.append((before, len(wire.record.events[conn])))

    wire.server.on("data", calling)
    peer, _ = wire.connect()
    peer.send(b"go")
    peer.end()
    pump(wire.loop, lambda: calls)
    assert calls == [(1, 1)]


# Listeners.


@pytest.mark.parametrize("event", ["data", "end", "finish", "close"])
def test_the_servers_listeners_come_before_the_connections_own_each_in_order_of_adding(
    event: str, harness: Any
) -> None:
    wire = harness()
    called: list[str] = []
    peer, conn = wire.connect()
    conn.on(event, lambda *args: called.append("own 1"))
    wire.server.on(event, lambda *args: called.append("server 1"))
    conn.on(event, lambda *args: called.append("own 2"))
    wire.server.on(event, lambda *args: called.append("server 2"))
    peer.send(b"x")
    peer.end()
    wire.closed(conn)
    assert called == ["server 1", "server 2", "own 1", "own 2"]


def test_a_listener_added_to_the_server_later_counts_for_all_its_connections(harness: Any) -> None:
    wire = harness()
    got: list[tuple[Connection, bytes]] = []
    peers = [wire.connect() for _ in range(2)]
    peers[1][1].on("end", lambda conn: None)  # a table of its own
    wire.server.on("data", lambda conn, data: got.append((conn, data)))
    for peer, conn in peers:
        peer.send(b"x")
        pump(wire.loop, lambda conn=conn: (conn, b"x") in got)


def test_on_and_once_return_the_function_and_serve_as_decorators(loop: Reactor, harness: Any) -> None:
    wire = harness()
    _, conn = wire.connect()

    def listener(conn: Connection, *args: object) -> None: ...

    for emitter in (wire.server, conn):
        assert emitter.on("end", listener) is listener
        assert emitter.once("end", listener) is listener
        assert emitter.on("end")(listener) is listener
        assert emitter.once("end")(listener) is listener


def test_once_is_called_once_and_off_removes(harness: Any) -> None:
    wire = harness()
    called: list[str] = []
    peer, conn = wire.connect()
    unwanted = conn.on("data", lambda conn, data: called.append("unwanted"))
    conn.once("data", lambda conn, data: called.append("once"))
    conn.on("data", lambda conn, data: called.append("on"))
    conn.off("data", unwanted)
    for size in (1, 2):
        peer.send(b"x")
        pump(wire.loop, lambda size=size: conn.bytes_read == size)
    assert called == ["once", "on", "on"]


@pytest.mark.parametrize("event", [*CONNECTION_EVENTS])
def test_every_connection_event_may_be_listened_to_on_server_and_connection(event: str, loop: Reactor) -> None:
    server = Server(loop)
    assert server.on(event, print) is print
    server.off(event, print)


# `error`.


def test_an_error_nobody_listens_to_is_logged_at_info_and_stands_in_the_report(
    loop: Reactor, caplog: pytest.LogCaptureFixture
) -> None:
    reports: list[CloseReport] = []
    server = Server(loop)
    server.on("close", lambda conn, report: reports.append(report))
    peer = Peer(server.listen("127.0.0.1", 0))
    pump(loop, lambda: server.connections)
    peer.reset()
    pump(loop, lambda: reports)
    assert isinstance(reports[0].error, ConnectionResetError)
    records = [record for record in caplog.records if "read ECONNRESET" in record.getMessage()]
    assert [(record.levelno, record.name) for record in records] == [(logging.INFO, "reactor")]


@pytest.mark.parametrize("how", ["on", "once"])
def test_an_error_that_is_listened_to_is_not_logged(loop: Reactor, caplog: pytest.LogCaptureFixture, how: str) -> None:
    closed: list[Connection] = []
    server = Server(loop, lambda conn: getattr(conn, how)("error", lambda *_: None))
    server.on("close", lambda conn, _: closed.append(conn))
    peer = Peer(server.listen("127.0.0.1", 0))
    pump(loop, lambda: server.connections)
    peer.reset()
    pump(loop, lambda: closed)
    assert caplog.records == []


def test_a_deadline_emits_no_error(harness: Any, clock: ManualClock) -> None:
    wire = harness(linger_timeout=5)
    _, conn = wire.connect()
    conn.end(b"x")
    pump(wire.loop, lambda: "finish" in wire.record.names())
    pump(wire.loop, all_acked(conn))
    clock.advance(5)
    report = wire.closed(conn)
    assert wire.record.names() == ["finish", "close"]
    assert (report.reason, report.error) == (Reason.LINGER_TIMEOUT, None)
