"""`Reactor.close()`: every connection is reset and told, everything is given back, and calls after it are harmless."""

from __future__ import annotations

import socket
from collections.abc import Callable
from concurrent.futures import CancelledError
from selectors import EVENT_READ
from typing import Any

import pytest

from reactor import Connection, Reactor, ReactorError, Reason, Server
from reactor.testing import ManualClock, Peer
from tests.support.scene import Scenes
from tests.support.wire import refused


def test_every_connection_is_reset_and_its_close_delivered(each_loop: Reactor, harness: Any) -> None:
    h = harness(loop=each_loop)
    pairs = [h.connect() for _ in range(3)]
    each_loop.close()
    for peer, conn in pairs:
        assert conn.report is not None
        assert conn.report.reason is Reason.DESTROYED
        assert h.record.names(conn) == ["close"]
        assert peer.outcome() == "ECONNRESET"


@pytest.mark.parametrize("stage", ["unread", "draining", "lingering", "half_open", "destroy_soon"])
def test_connections_are_reset_in_whatever_state_they_are(scene: Scenes, stage: str) -> None:
    s = scene(allow_half_open=True)
    if stage == "destroy_soon":
        s.end(stage)
    else:
        s.bring_to(stage)
    s.loop.close()
    assert s.conn.report.reason is Reason.DESTROYED
    assert s.names()[-1] == "close"


def test_servers_stop_listening_and_say_stopped_after_the_closes(harness: Any, loop: Reactor, heard: list[Any]) -> None:
    h = harness()
    h.server.on("close", lambda *_: heard.append("close"))
    h.server.on("stopped", lambda *_: heard.append("stopped"))
    h.connect()
    loop.close()
    assert heard == ["close", "stopped"]
    assert not h.server.listening
    assert refused(*h.address)


def test_clients_in_the_backlog_see_their_end(harness: Any, loop: Reactor) -> None:
    h = harness()
    with Peer(h.address) as waiting:
        loop.close()
        assert waiting.outcome() == "ECONNRESET"


def test_the_context_manager_closes(clock: ManualClock) -> None:
    with Reactor(clock=clock) as loop:
        Server(loop).listen("127.0.0.1", 0)
    assert loop.closed


def test_a_close_listener_may_still_call_anything(harness: Any, loop: Reactor, heard: list[Any]) -> None:
    h = harness()

    def react(conn: Connection, report: object) -> None:
        loop.call_soon(heard.append, "called")
        conn.destroy()
        conn.end()
        h.server.close(lambda server, error: heard.append("answered"))
        loop.close()

    h.server.on("close", react)
    h.connect()
    loop.close()
    assert sorted(heard) == ["answered", "called"]


def test_calls_that_were_ready_are_made(loop: Reactor, heard: list[Any]) -> None:
    loop.call_soon(heard.append, "called")
    loop.close()
    assert heard == ["called"]


def test_listeners_that_queue_calls_for_ever_do_not_keep_it_from_closing(loop: Reactor) -> None:
    def again() -> None:
        loop.call_soon(again)

    again()
    loop.close()
    assert loop.closed


def test_inside_a_turn_it_happens_when_the_turn_is_over(harness: Any, loop: Reactor, heard: list[Any]) -> None:
    h = harness()
    _, conn = h.connect()

    def close() -> None:
        loop.close()
        heard.append((loop.closed, conn.report))
        loop.call_soon(heard.append, "still called")

    loop.call_soon(close)
    loop.run()
    assert heard == [(False, None), "still called"]
    assert loop.closed
    assert conn.report is not None


def test_inside_run_once_too(loop: Reactor) -> None:
    loop.call_soon(loop.close)
    loop.run_once(0)
    assert loop.closed


def _after_close() -> list[tuple[str, Callable[[Reactor], object]]]:
    return [
        ("run", lambda loop: loop.run()), ("run_once", lambda loop: loop.run_once(0)),
        ("stop", lambda loop: loop.stop()), ("close", lambda loop: loop.close()),
        ("call_soon", lambda loop: loop.call_soon(print)),
        ("call_later", lambda loop: loop.call_later(5, print).cancel()),
        ("call_at", lambda loop: loop.call_at(5, print).ref().unref()),
        ("run_in_thread", lambda loop: loop.run_in_thread(print, callback=print)),
        ("watch", lambda loop: loop.watch(0, EVENT_READ, print)), ("unwatch", lambda loop: loop.unwatch(0)),
        ("next_deadline", lambda loop: loop.next_deadline()), ("statistics", lambda loop: loop.statistics()),
        ("now", lambda loop: loop.now), ("repr", repr),
    ]  # fmt: skip


@pytest.mark.parametrize(("name", "call"), _after_close(), ids=[name for name, _ in _after_close()])
def test_calls_after_it_are_harmless(loop: Reactor, name: str, call: Callable[[Reactor], object]) -> None:
    loop.close()
    call(loop)
    loop.run()
    assert loop.statistics().timers == 0


@pytest.mark.parametrize(
    "call",
    ["end", "destroy_soon", "destroy", "reset", "pause", "resume", "touch", "ref", "unref", "set_no_delay", "fileno"],
)
def test_calls_on_a_connection_after_it_are_harmless(harness: Any, loop: Reactor, call: str) -> None:
    h = harness()
    _, conn = h.connect()
    loop.close()
    getattr(conn, call)()
    assert conn.state == "closed"
    assert h.record.names() == ["close"]


@pytest.mark.parametrize("call", ["close", "shutdown", "ref", "unref", "statistics"])
def test_calls_on_a_server_after_it_are_harmless(harness: Any, loop: Reactor, call: str) -> None:
    h = harness()
    loop.close()
    getattr(h.server, call)()


def test_writing_after_it_is_answered_with_false(harness: Any, loop: Reactor) -> None:
    h = harness()
    _, conn = h.connect()
    loop.close()
    assert conn.write(b"late") is False


def test_listening_after_it_is_refused(harness: Any, loop: Reactor) -> None:
    h = harness()
    loop.close()
    with pytest.raises(ReactorError, match="after the reactor was closed"):
        h.server.listen("127.0.0.1", 0)


def test_a_call_from_a_thread_after_it_is_cancelled_and_not_waited_for_in_vain(loop: Reactor) -> None:
    loop.close()
    future = loop.call_soon_threadsafe(print)
    with pytest.raises(CancelledError):
        future.result(timeout=5)


def test_timers_never_fire_after_it(loop: Reactor, clock: ManualClock, heard: list[Any]) -> None:
    timer = loop.call_later(5, heard.append, "fired")
    loop.close()
    clock.advance(5)
    loop.run_once(0)
    timer.cancel()
    assert heard == []


def test_watched_descriptors_stay_open(loop: Reactor) -> None:
    left, right = socket.socketpair()
    with left, right:
        loop.watch(left, EVENT_READ, print)
        loop.close()
        right.send(b"x")
        assert left.recv(1) == b"x"
