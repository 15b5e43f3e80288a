"""Events, their order, and what never happens: the page of closing.md of that name, sentence by sentence."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from reactor import Connection, Reactor, Reason, Server
from reactor.testing import Peer, pump
from tests.support.scene import MIB, MUCH, Scenes

FOUR = ("end", "destroy_soon", "destroy", "reset")


def test_close_comes_after_the_descriptor_is_closed(harness: Any) -> None:
    wire = harness()
    seen: list[tuple[int, str]] = []
    wire.server.on("close", lambda conn, report: seen.append((conn.fileno(), conn.state)))
    for way in FOUR:
        peer, conn = wire.connect()
        getattr(conn, way)()
        peer.end()
        wire.closed(conn)
    assert seen == [(-1, "closed")] * 4


def test_error_is_right_before_close_and_both_tell_of_the_same(scene: Scenes) -> None:
    s = scene()
    s.peer.send(b"data")
    s.peer.reset()
    report = s.closed()
    assert s.names() == ["data", "error", "close"]
    assert s.record.events[s.conn][-2:] == [("error", report.error), ("close", report)]


@pytest.mark.parametrize("way", [*FOUR, "peer end", "peer reset"])
def test_nothing_is_emitted_after_close_whatever_is_called(way: str, scene: Scenes) -> None:
    s = scene()
    if way.startswith("peer"):
        getattr(s.peer, way.split()[1])()
    else:
        getattr(s.conn, way)()
        s.peer.end()
    s.closed()
    assert s.count("close") == 1
    events = list(s.record.events[s.conn])
    for call in ("pause", "resume", *FOUR, "touch", "ref", "unref"):
        getattr(s.conn, call)()
        s.turns(3)
    s.conn.set_timeout(1)
    s.conn.idle_timeout = 1
    s.jump(1000)
    assert s.record.events[s.conn] == events


def test_end_comes_after_the_last_data(scene: Scenes) -> None:
    s = scene()
    s.conn.pause()
    s.peer.send_some(bytes(4 * MIB))
    s.peer.end()
    s.turns()
    s.conn.resume()
    s.closed()
    assert [name for name in s.names() if name != "hangup"] == ["data", "end", "finish", "close"]


def test_finish_comes_when_the_fin_was_handed_to_the_kernel(scene: Scenes) -> None:
    s = scene()
    ends: list[tuple[bytes, str]] = []
    s.conn.on("finish", lambda conn: ends.append(s.peer.receive_all()))
    s.conn.end(b"over")
    assert ends == []
    s.turns()
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
    "output is pending": lambda peer, conn: conn.write(bytes(MUCH)),
    "paused, and the peer reset": lambda peer, conn: (conn.pause(), peer.reset()),
}


@pytest.mark.parametrize("situation", SITUATIONS)
@pytest.mark.parametrize("call", CALLS)
def test_no_event_is_emitted_from_inside_a_call(situation: str, call: str, scene: Scenes) -> None:
    s = scene(buffer_limit=32 * MIB)
    SITUATIONS[situation](s.peer, s.conn)
    before = list(s.record.events[s.conn])
    CALLS[call](s.conn)
    assert s.record.events[s.conn] == before


@pytest.mark.parametrize("call", CALLS)
def test_no_event_is_emitted_from_inside_a_call_in_a_listener_either(call: str, scene: Scenes) -> None:
    s = scene(buffer_limit=32 * MIB)
    calls: list[tuple[int, int]] = []

    def calling(conn: Connection, data: bytes) -> None:
        before = len(s.record.events[conn])
        CALLS[call](conn)
        calls.append((before, len(s.record.events[conn])))

    s.server.on("data", calling)
    s.peer.send(b"go")
    s.peer.end()
    s.until(lambda: calls)
    assert calls == [(1, 1)]


# Listeners.


@pytest.mark.parametrize("event", ["data", "end", "finish", "close"])
def test_the_servers_listeners_come_before_the_connections_own_each_in_order_of_adding(
    event: Any, scene: Scenes
) -> None:
    s = scene()
    called: list[str] = []
    for number in ("1", "2"):
        s.conn.on(event, lambda *args, number=number: called.append("own " + number))
        s.server.on(event, lambda *args, number=number: called.append("server " + number))
    s.peer.send(b"x")
    s.peer.end()
    s.closed()
    assert called == ["server 1", "server 2", "own 1", "own 2"]


# `error`.


@pytest.mark.parametrize("listened", [None, "on", "once"])
def test_an_error_is_logged_at_info_only_if_nobody_listens_to_it_and_stands_in_the_report(
    listened: str | None, loop: Reactor, caplog: pytest.LogCaptureFixture
) -> None:
    server = Server(loop)
    if listened:
        server.on("connection", lambda conn: getattr(conn, listened)("error", lambda *_: None))
    peer = Peer(server.listen("127.0.0.1", 0))
    pump(loop, lambda: server.connections)
    (conn,) = server.connections
    peer.reset()
    pump(loop, lambda: conn.report)
    assert conn.report is not None
    assert isinstance(conn.report.error, ConnectionResetError)
    assert [(record.levelno, record.name) for record in caplog.records] == [(logging.INFO, "reactor")] * (not listened)
    assert all("read ECONNRESET" in record.getMessage() for record in caplog.records)
