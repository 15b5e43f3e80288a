"""What callbacks raise: exceptions are logged and the loop goes on; `KeyboardInterrupt` leaves `run()` at the end of
the turn, and nothing is lost.
"""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Callable
from selectors import EVENT_READ
from typing import Any

import pytest

from reactor import Connection, Reactor, Reason
from reactor.engine.loop import turns_of
from reactor.engine.poller import READ
from reactor.testing import ManualClock, Peer, pump, settle

Leave = type[BaseException]


@pytest.fixture(params=[KeyboardInterrupt, SystemExit])
def leave(request: pytest.FixtureRequest) -> Leave:
    """What leaves `run()`."""
    kind: Leave = request.param
    return kind


def _fails(error: BaseException) -> Callable[..., Any]:
    def fail(*_: object) -> None:
        raise error

    return fail


def _errors(caplog: pytest.LogCaptureFixture) -> list[BaseException | None]:
    return [record.exc_info[1] for record in caplog.records if record.levelname == "ERROR" and record.exc_info]


@pytest.mark.expects_errors
@pytest.mark.parametrize("kind", ["call", "timer", "watch", "threadless job"])
def test_what_a_callback_raises_is_logged(each_loop: Reactor, caplog: pytest.LogCaptureFixture, kind: str) -> None:
    error = RuntimeError("mine")
    heard: list[Any] = []
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


def _answers_are_queued(loop: Reactor) -> None:
    """Hold the loop up until the answers of two jobs wait for the same turn."""
    limit = time.monotonic() + 5
    while loop.statistics().ready_calls < 2:
        assert time.monotonic() < limit
        time.sleep(0.001)


@pytest.mark.parametrize("kind", ["call", "timer", "watch", "signal", "job", "call from a thread"])
def test_what_leaves_run_leaves_it_after_the_turn(
    each_loop: Reactor, leave: Leave, kind: str, heard: list[Any]
) -> None:
    def hear(*_: object) -> None:
        heard.append("not lost")

    pairs = [socket.socketpair() for _ in range(2)]
    listeners = [_fails(leave()), hear]
    for (left, right), signum, fn in zip(pairs, [signal.SIGUSR1, signal.SIGUSR2], listeners, strict=True):
        if kind == "call":
            each_loop.call_soon(fn)
        elif kind == "timer":
            each_loop.call_at(each_loop.now - 1, fn)
        elif kind == "watch":
            right.send(b"x")
            each_loop.watch(left, EVENT_READ, fn)
        elif kind == "signal":
            each_loop.on_signal(signum, fn)
            signal.raise_signal(signum)
        elif kind == "job":
            each_loop.run_in_thread(int, callback=fn)
        else:
            each_loop.call_soon_threadsafe(fn)
    if kind == "job":
        _answers_are_queued(each_loop)
    turns = each_loop.statistics().turns
    with pytest.raises(leave):
        each_loop.run()
    assert (heard, each_loop.statistics().turns) == (["not lost"], turns + 1)
    each_loop.close()
    for ends in pairs:
        for end in ends:
            end.close()


@pytest.mark.parametrize("size", [100, 100_000], ids=["read ahead", "at once"])
def test_a_data_listener_that_leaves_run_takes_no_data(harness: Any, loop: Reactor, leave: Leave, size: int) -> None:
    h = harness()
    pairs = [h.connect() for _ in range(3)]
    for peer, _ in pairs:  # once before: it sets the size of the next read
        peer.send(b"x" * size)
    pump(loop, lambda: sum(conn.bytes_read for _, conn in pairs) == 3 * size)
    h.server.once("data", _fails(leave()))
    for peer, _ in pairs:
        peer.send(b"x")
    with pytest.raises(leave):
        loop.run()
    assert [conn.bytes_read for _, conn in pairs] == [size + 1] * 3


class Last:
    """What waits for the last stages of a turn, and says so."""

    def __init__(self, heard: list[str], error: BaseException | None = None) -> None:
        self._heard, self._error = heard, error

    def _on_flush(self) -> None:
        self._say("flush")

    def _on_teardown(self) -> None:
        self._say("teardown")

    def _say(self, stage: str) -> None:
        self._heard.append(stage)
        if self._error is not None:
            raise self._error


def test_an_error_that_leaves_a_flush_or_teardown_stops_no_other(loop: Reactor, leave: Leave, heard: list[Any]) -> None:
    for staged in (Last(heard, leave()), Last(heard)):
        turns_of(loop).flush_soon(staged)
        turns_of(loop).teardown_soon(staged)
    with pytest.raises(leave):
        loop.run_once(0)
    assert heard == ["flush", "flush", "teardown", "teardown"]


def test_the_first_error_that_leaves_a_turn_counts(each_loop: Reactor) -> None:
    first, second, later = KeyboardInterrupt(), SystemExit(), KeyboardInterrupt()
    each_loop.call_soon(_fails(first))
    each_loop.call_soon(_fails(second))
    each_loop.call_later(0, _fails(later))
    with pytest.raises(KeyboardInterrupt) as raised:
        each_loop.run()
    assert raised.value is first
    each_loop.run()  # nothing of the others is left
    assert each_loop.statistics().timers == 0


def test_a_turn_that_an_error_waits_to_leave_does_not_sleep(loop: Reactor) -> None:
    loop.call_soon(_fails(KeyboardInterrupt()))
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        loop.run_once(20)
    assert time.monotonic() - started < 10


class Interrupted:
    """A handler whose socket is interrupted by a signal handler of the program, that raises."""

    _flowing, _read_size = True, 1

    def __init__(self, recv: Callable[[int], bytes], heard: list[bytes]) -> None:
        self._sock = self
        self.recv = recv
        self._on_data = heard.append


def test_what_was_read_is_delivered_after_a_signal_handler_raised_in_the_loop(loop: Reactor, heard: list[Any]) -> None:
    pairs = [socket.socketpair() for _ in range(2)]
    fails = True

    def interrupted(size: int) -> bytes:
        if fails:
            raise KeyboardInterrupt
        return pairs[1][0].recv(size)

    for (left, right), recv in zip(pairs, [pairs[0][0].recv, interrupted], strict=True):
        right.send(b"x")
        turns_of(loop).poller.add(left.fileno(), READ, Interrupted(recv, heard))  # type: ignore[arg-type]
    with pytest.raises(KeyboardInterrupt):
        loop.run_once(0)
    assert heard == []
    fails = False
    loop.run_once(0)
    assert heard == [b"x", b"x"]
    for left, right in pairs:
        turns_of(loop).poller.remove(left.fileno())
        left.close()
        right.close()


def test_timers_due_with_one_that_leaves_are_kept(
    loop: Reactor, clock: ManualClock, leave: Leave, heard: list[Any]
) -> None:
    loop.call_later(5, _fails(leave()))
    loop.call_later(5, heard.append, "not lost")
    clock.advance(5)
    with pytest.raises(leave):
        loop.run()
    loop.run()
    assert heard == ["not lost"]


@pytest.mark.parametrize("event", ["connection", "data", "end", "finish", "close"])
def test_a_connection_whose_listener_left_run_ends_well(harness: Any, loop: Reactor, leave: Leave, event: str) -> None:
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


def test_closes_that_were_queued_when_run_was_left_are_not_lost(harness: Any, loop: Reactor, leave: Leave) -> None:
    h = harness()
    conns = [h.connect()[1] for _ in range(3)]
    h.server.once("close", _fails(leave()))
    for conn in conns:
        conn.destroy()
    with pytest.raises(leave):
        loop.run()
    settle(loop)
    assert [conn.report is not None for conn in conns] == [True] * 3


def test_events_fetched_when_run_was_left_are_not_lost(each_loop: Reactor, harness: Any, leave: Leave) -> None:
    h = harness(loop=each_loop)
    pairs = [h.connect() for _ in range(3)]
    h.server.once("data", _fails(leave()))
    for peer, _ in pairs:
        peer.send(b"x")
    with pytest.raises(leave):
        each_loop.run()
    pump(each_loop, lambda: all(conn.bytes_read == 1 for _, conn in pairs))


def test_deadlines_stay_armed_when_their_listener_leaves_run(
    harness: Any, loop: Reactor, clock: ManualClock, leave: Leave
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


def test_set_timeout_outlives_a_listener_that_left_run(
    harness: Any, loop: Reactor, clock: ManualClock, leave: Leave
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


def test_a_reactor_closes_completely_before_an_error_leaves_close(harness: Any, loop: Reactor, leave: Leave) -> None:
    h = harness()
    conns = [h.connect()[1] for _ in range(3)]
    h.server.once("close", _fails(leave()))
    with pytest.raises(leave):
        loop.close()
    assert loop.closed
    assert [conn.report is not None for conn in conns] == [True] * 3


def test_a_reactor_closed_in_a_turn_that_is_left_is_closed_then(harness: Any, loop: Reactor, leave: Leave) -> None:
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
def test_a_timeout_listener_that_raises_ends_its_connection_only(
    harness: Any, loop: Reactor, clock: ManualClock
) -> None:
    h = harness(idle_timeout=60)
    conns: list[Connection] = [h.connect()[1] for _ in range(3)]
    h.server.once("timeout", _fails(RuntimeError("mine")))
    clock.advance(60)
    pump(loop, lambda: all(conn.report for conn in conns))
    reasons = [conn.report.reason for conn in conns if conn.report is not None]
    assert sorted(reason.name for reason in reasons) == ["IDLE", "IDLE", "LISTENER_FAILED"]
