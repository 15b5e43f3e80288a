"""Promises that were broken once, each in a way that no other test had thought of."""

from __future__ import annotations

import selectors
from collections.abc import Callable
from typing import Any

import pytest

from reactor import Connection, Reactor, Reason, Server
from reactor.engine.loop import turns_of
from reactor.testing import ManualClock, Peer, pump, settle
from tests.support.scene import MUCH, Scenes


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


def test_what_a_peer_sent_before_its_reset_waits_for_resume_longer_than_the_write_timeout(scene: Scenes) -> None:
    s = scene(write_timeout=60, receive_buffer=65536)
    s.conn.pause()
    s.peer.send(b"before the reset")
    s.bring_to("pending")
    s.peer.reset()
    s.told("hangup")
    s.pass_time(100, step=10)
    s.conn.resume()
    assert s.closed().reason is Reason.PEER_RESET
    assert s.data() == b"before the reset"


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


def test_watching_a_connections_descriptor_is_refused_and_the_connection_lives(each_scene: Scenes) -> None:
    s = each_scene()
    s.turns()
    with pytest.raises(FileExistsError):
        s.loop.watch(s.conn.fileno(), selectors.EVENT_READ, print)
    s.peer_says(b"still here")
    s.peer.close()
    assert s.closed().reason is Reason.PEER_ENDED


@pytest.mark.parametrize("event", ["draining", "stopped"])
def test_a_stop_goes_on_after_its_listener_left_run(event: Any, scene: Scenes) -> None:
    s = scene()
    heard: list[str] = []

    def leave(*_: object) -> None:
        raise KeyboardInterrupt

    s.server.once(event, leave)
    s.server.on("stopped", lambda server, report: heard.append("stopped"))
    s.server.shutdown(10)
    s.peer.end()
    with pytest.raises(KeyboardInterrupt):
        s.until(lambda: False)
    s.until(lambda: heard == ["stopped"])
    assert s.conn.report is not None
    assert s.conn.report.reason is not Reason.SHUTDOWN_DEADLINE


def test_a_write_of_nothing_is_false_too_above_the_high_water_mark(scene: Scenes) -> None:
    conn = scene(receive_buffer=65536).conn
    assert not conn.write(bytes(MUCH))
    assert not conn.write(b"", lambda conn, error: None)


@pytest.mark.parametrize("event", ["data", "connection", "stopped"])
def test_a_coroutine_function_is_refused_as_a_listener(loop: Reactor, event: str) -> None:
    async def listener(conn: Connection) -> None: ...

    untyped: Any = Server  # type checkers refuse such a listener
    adders: list[Callable[[], object]] = [
        lambda: untyped(loop).on(event, listener),
        lambda: untyped(loop).once(event)(listener),
    ]
    for add in adders:
        with pytest.raises(TypeError, match="must be a plain function, not the coroutine function"):
            add()
    with pytest.raises(TypeError, match="coroutine function"):
        Server(loop, listener)


def test_a_misspelt_setting_is_an_error_as_an_attribute_too(scene: Scenes) -> None:
    s = scene()
    for owner in (s.server, s.conn):
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
