"""Promises that were broken once, each in a way that no other test had thought of."""

from __future__ import annotations

import selectors
from collections.abc import Callable
from typing import Any

import pytest

from reactor import Connection, Reactor, Reason, Server
from reactor.engine.loop import turns_of
from reactor.testing import ManualClock, Peer, pump, settle


def test_a_callback_that_arms_itself_in_the_past_does_not_starve_other_timers(
    loop: Reactor, clock: ManualClock
) -> None:
    heard: list[str] = []

    def again() -> None:
        loop.call_at(0, again)

    loop.call_at(0, again)
    loop.call_later(5, heard.append, "due")
    clock.advance(10)
    settle(loop, 3)
    assert heard == ["due"]


def test_what_a_peer_sent_before_its_reset_waits_for_resume_longer_than_the_write_timeout(
    harness: Any, loop: Reactor, clock: ManualClock
) -> None:
    h = harness(write_timeout=60)
    peer, conn = h.connect(receive_buffer=65536)
    conn.pause()
    peer.send(b"before the reset")
    conn.write(bytes(8 << 20))
    settle(loop)
    peer.reset()
    pump(loop, lambda: "hangup" in h.record.names())
    for _ in range(10):
        clock.advance(10)
        settle(loop)
    conn.resume()
    assert h.closed(conn).reason is Reason.PEER_RESET
    assert h.record.data() == b"before the reset"


def test_output_held_under_a_cork_has_the_whole_write_timeout(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness(write_timeout=60)
    _, conn = h.connect()
    settle(loop)
    clock.advance(100)
    with conn.corked():
        conn.write(b"x")
        settle(loop)
    settle(loop)
    assert (conn.state, conn.bytes_written) == ("open", 1)


def test_a_look_finds_the_last_acknowledgement_where_no_event_tells_it(clock: ManualClock) -> None:
    with Reactor(selectors.PollSelector(), clock=clock) as loop:
        turns_of(loop).poller._hangup_poll = None  # type: ignore[attr-defined]  # as on a platform without POLLRDHUP
        reports: list[Any] = []
        server = Server(loop, lambda conn: conn.write(bytes(400_000)))
        server.on("close", lambda conn, report: reports.append(report))
        with Peer(server.listen("127.0.0.1", 0), receive_buffer=16384) as peer:
            pump(loop, lambda: server.connections)
            (conn,) = server.connections
            peer.end()
            pump(loop, lambda: conn.state == "closing")
            while not reports:
                peer.send_some(b"") if peer.nothing_comes() else peer.sock.recv(65536)
                clock.advance(0.5)
                loop.run_once(0)
        assert reports[0].clean


def test_a_server_that_listens_again_while_the_reactor_closes_is_closed_too(clock: ManualClock) -> None:
    with Reactor(clock=clock) as loop:
        server = Server(loop)
        server.listen("127.0.0.1", 0)
        server.once("stopped", lambda server, report: server.listen("127.0.0.1", 0))
    assert not server.listening


def test_watching_a_connections_descriptor_is_refused_and_the_connection_lives(
    each_loop: Reactor, harness: Any
) -> None:
    h = harness(loop=each_loop)
    peer, conn = h.connect()
    settle(each_loop)
    with pytest.raises(FileExistsError):
        each_loop.watch(conn.fileno(), selectors.EVENT_READ, print)
    peer.send(b"still here")
    pump(each_loop, lambda: h.record.data() == b"still here")
    peer.close()
    assert h.closed(conn).reason is Reason.PEER_ENDED


@pytest.mark.parametrize("event", ["draining", "stopped"])
def test_a_stop_goes_on_after_its_listener_left_run(harness: Any, loop: Reactor, event: str) -> None:
    h = harness()
    peer, conn = h.connect()
    heard: list[str] = []

    def leave(*_: object) -> None:
        raise KeyboardInterrupt

    h.server.once(event, leave)
    h.server.on("stopped", lambda server, report: heard.append("stopped"))
    h.server.shutdown(10)
    peer.end()
    with pytest.raises(KeyboardInterrupt):
        pump(loop, lambda: False)
    pump(loop, lambda: heard == ["stopped"])
    assert conn.report is not None
    assert conn.report.reason is not Reason.SHUTDOWN_DEADLINE


def test_disarming_set_timeout_adds_no_listener(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness(idle_timeout=60)
    _, conn = h.connect()
    heard: list[object] = []
    conn.set_timeout(0, lambda conn, kind: heard.append(kind))
    clock.advance(60)
    settle(loop)
    assert heard == []


def test_a_write_of_nothing_is_false_too_above_the_high_water_mark(harness: Any) -> None:
    _, conn = harness().connect(receive_buffer=65536)
    assert not conn.write(bytes(16 << 20))
    assert not conn.write(b"", lambda conn, error: None)


@pytest.mark.parametrize("event", ["data", "connection", "stopped"])
def test_a_coroutine_function_is_refused_as_a_listener(loop: Reactor, event: str) -> None:
    async def listener(conn: Connection) -> None: ...

    adders: list[Callable[[], object]] = [
        lambda: Server(loop).on(event, listener),
        lambda: Server(loop).once(event)(listener),
    ]
    for add in adders:
        with pytest.raises(TypeError, match="must be a plain function, not the coroutine function"):
            add()
    with pytest.raises(TypeError, match="coroutine function"):
        Server(loop, listener)


def test_a_misspelt_setting_is_an_error_as_an_attribute_too(harness: Any) -> None:
    h = harness()
    _, conn = h.connect()
    for owner in (h.server, conn):
        with pytest.raises(AttributeError):
            owner.idle_timout = 5


def test_a_close_right_after_a_shutdown_loses_nobody_in_the_backlog(harness: Any, loop: Reactor) -> None:
    h = harness()
    h.server.on("connection", lambda conn: conn.write(b"welcome"))
    answers: list[object] = []
    with Peer(h.address) as peer:
        h.server.shutdown(5)
        h.server.close(lambda server, error: answers.append(error))
        settle(loop)
        assert peer.receive_all() == (b"welcome", "FIN")
        peer.end()
        pump(loop, lambda: answers == [None])
