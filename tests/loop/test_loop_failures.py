"""What callbacks raise: exceptions are logged and the loop goes on; `KeyboardInterrupt` leaves `run()`, and nothing
is lost by it.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from selectors import EVENT_READ
from typing import Any

import pytest

from reactor import Connection, Reactor, ReactorError, Reason
from reactor.testing import ManualClock, Peer, pump, settle

LEAVES = [KeyboardInterrupt, SystemExit]


def _fails(error: BaseException) -> Callable[..., Any]:
    def fail(*_: object) -> None:
        raise error

    return fail


def _errors(caplog: pytest.LogCaptureFixture) -> list[BaseException | None]:
    return [record.exc_info[1] for record in caplog.records if record.levelname == "ERROR" and record.exc_info]


@pytest.mark.expects_errors
@pytest.mark.parametrize("kind", ["call", "timer", "watch", "threadless job"])
def test_what_a_callback_raises_is_logged_and_the_loop_goes_on(
    each_loop: Reactor, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    error, heard = RuntimeError("mine"), []
    left, right = socket.socketpair()
    with left, right:
        if kind == "call":
            each_loop.call_soon(_fails(error))
        elif kind == "timer":
            each_loop.call_later(0, _fails(error))
        elif kind == "watch":
            right.send(b"x")
            each_loop.watch(left, EVENT_READ, _fails(error))
            each_loop.call_later(0, each_loop.unwatch, left)
        else:
            each_loop.run_in_thread(_fails(error))
        each_loop.call_soon(heard.append, "next")
        each_loop.run()
    assert heard == ["next"]
    assert _errors(caplog) == [error]


@pytest.mark.parametrize("leave", LEAVES)
def test_keyboard_interrupt_and_system_exit_leave_run_and_it_may_run_again(
    each_loop: Reactor, leave: type[BaseException]
) -> None:
    heard: list[str] = []
    each_loop.call_soon(_fails(leave()))
    each_loop.call_soon(heard.append, "not lost")
    with pytest.raises(leave):
        each_loop.run()
    assert heard == []
    each_loop.run()
    assert heard == ["not lost"]


@pytest.mark.parametrize("leave", LEAVES)
def test_timers_that_were_due_together_with_one_that_leaves_are_not_lost(
    loop: Reactor, clock: ManualClock, leave: type[BaseException]
) -> None:
    heard: list[str] = []
    loop.call_later(5, _fails(leave()))
    loop.call_later(5, heard.append, "not lost")
    clock.advance(5)
    with pytest.raises(leave):
        loop.run()
    loop.run()
    assert heard == ["not lost"]


@pytest.mark.parametrize("event", ["connection", "data", "end", "finish", "close"])
@pytest.mark.parametrize("leave", LEAVES)
def test_a_connection_whose_listener_left_run_ends_as_it_would_have(
    harness: Any, loop: Reactor, leave: type[BaseException], event: str
) -> None:
    h = harness()
    h.server.once(event, _fails(leave()))
    with Peer(h.address) as peer:
        peer.send(b"x")
        peer.end()
        with pytest.raises(leave):
            loop.run()
        pump(loop, lambda: h.server.statistics().ended)
        assert peer.outcome() == "FIN"
    settle(loop)
    assert h.server.statistics().ended == {Reason.PEER_ENDED: 1}
    assert not h.server.connections
    assert loop.statistics().held == 1  # the server


@pytest.mark.parametrize("leave", LEAVES)
def test_connections_whose_close_was_queued_when_run_was_left_are_not_lost(
    harness: Any, loop: Reactor, leave: type[BaseException]
) -> None:
    h = harness()
    conns = [h.connect()[1] for _ in range(3)]
    h.server.once("close", _fails(leave()))
    for conn in conns:
        conn.destroy()
    with pytest.raises(leave):
        loop.run()
    settle(loop)
    assert [conn.report is not None for conn in conns] == [True] * 3


@pytest.mark.parametrize("leave", LEAVES)
def test_events_that_were_fetched_when_run_was_left_are_not_lost(
    each_loop: Reactor, harness: Any, leave: type[BaseException]
) -> None:
    h = harness(loop=each_loop)
    pairs = [h.connect() for _ in range(3)]
    h.server.once("data", _fails(leave()))
    for peer, _ in pairs:
        peer.send(b"x")
    with pytest.raises(leave):
        each_loop.run()
    pump(each_loop, lambda: all(conn.bytes_read == 1 for _, conn in pairs))


@pytest.mark.parametrize("leave", LEAVES)
def test_a_timeout_listener_that_leaves_run_leaves_every_deadline_armed(
    harness: Any, loop: Reactor, clock: ManualClock, leave: type[BaseException]
) -> None:
    h = harness(idle_timeout=60)
    conns = [h.connect()[1] for _ in range(5)]
    h.server.once("timeout", _fails(leave()))
    clock.advance(60)
    with pytest.raises(leave):
        loop.run()
    settle(loop)
    clock.advance(60)
    settle(loop)
    assert [conn.state for conn in conns] == ["closed"] * 5


@pytest.mark.parametrize("leave", LEAVES)
def test_set_timeout_goes_on_after_its_listener_left_run(
    harness: Any, loop: Reactor, clock: ManualClock, leave: type[BaseException]
) -> None:
    h = harness()
    peer, conn = h.connect()
    conn.set_timeout(60, _fails(leave()))
    clock.advance(60)
    with pytest.raises(leave):
        loop.run()
    peer.send(b"x")
    pump(loop, lambda: conn.bytes_read == 1)
    clock.advance(60)
    settle(loop)
    clock.advance(60)
    settle(loop)
    assert h.record.names().count("timeout") == 2


@pytest.mark.parametrize("leave", LEAVES)
def test_a_close_that_a_listener_left_may_be_called_again(
    harness: Any, loop: Reactor, leave: type[BaseException]
) -> None:
    h = harness()
    conns = [h.connect()[1] for _ in range(3)]
    h.server.once("close", _fails(leave()))
    with pytest.raises(leave):
        loop.close()
    loop.close()
    assert loop.closed
    assert [conn.report is not None for conn in conns] == [True] * 3


@pytest.mark.parametrize("leave", LEAVES)
def test_a_reactor_that_was_closed_in_a_turn_that_is_left_is_closed_then(
    harness: Any, loop: Reactor, leave: type[BaseException]
) -> None:
    h = harness()
    _, conn = h.connect()

    def close_and_leave() -> None:
        loop.close()
        raise leave

    loop.call_soon(close_and_leave)
    with pytest.raises(leave):
        loop.run_once(0)
    assert loop.closed
    assert conn.report is not None
    loop.run_once(None)  # returns at once


@pytest.mark.expects_errors
def test_a_connection_listener_that_raises_ends_its_own_connection_only(
    harness: Any, loop: Reactor, caplog: pytest.LogCaptureFixture
) -> None:
    h = harness()
    error = RuntimeError("mine")
    h.server.once("data", _fails(error))
    peer, conn = h.connect()
    _, other = h.connect()
    peer.send(b"x")
    report = h.closed(conn)
    assert (report.reason, report.error) == (Reason.LISTENER_FAILED, error)
    assert peer.outcome() == "ECONNRESET"
    assert other.state == "open"
    assert _errors(caplog) == [error]


@pytest.mark.expects_errors
def test_a_timeout_listener_that_raises_ends_its_own_connection_only(
    harness: Any, loop: Reactor, clock: ManualClock
) -> None:
    h = harness(idle_timeout=60)
    conns: list[Connection] = [h.connect()[1] for _ in range(3)]
    h.server.once("timeout", _fails(RuntimeError("mine")))
    clock.advance(60)
    pump(loop, lambda: all(conn.report for conn in conns))
    reasons = [conn.report.reason for conn in conns if conn.report is not None]
    assert sorted(reason.name for reason in reasons) == ["IDLE", "IDLE", "LISTENER_FAILED"]


def test_run_inside_a_turn_of_run_once_is_refused(loop: Reactor) -> None:
    refused: list[str] = []

    def nested() -> None:
        with pytest.raises(ReactorError, match="while the reactor is running") as raised:
            loop.run()
        refused.append(str(raised.value))

    loop.call_soon(nested)
    loop.run_once(0)
    assert len(refused) == 1
