"""`set_timeout`, which is Node's: it tells of a silence once, and closes nothing."""

from __future__ import annotations

from typing import Any

import pytest

from reactor import Connection, Reactor
from reactor.testing import ManualClock, pump, settle
from tests.support.wire import all_acked, pass_time


def _timeouts(h: Any) -> int:
    assert all(event == ("timeout", None) for event in h.record.events[h.record.conn] if event[0] == "timeout")
    return int(h.record.names().count("timeout"))


def test_it_emits_timeout_with_no_kind_after_the_silence_and_not_before(
    harness: Any, loop: Reactor, clock: ManualClock
) -> None:
    h = harness()
    _, conn = h.connect()
    conn.set_timeout(60)
    clock.advance(59.75)
    settle(loop)
    assert _timeouts(h) == 0
    clock.advance(0.25)
    settle(loop, 2)
    assert _timeouts(h) == 1


def test_it_emits_once_per_silence(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness()
    _, conn = h.connect()
    conn.set_timeout(60)
    pass_time(loop, clock, 600, step=10)
    assert _timeouts(h) == 1


def test_it_closes_nothing(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness()
    peer, conn = h.connect()
    conn.set_timeout(60)
    pass_time(loop, clock, 600, step=10)
    assert conn.state == "open"
    assert peer.nothing_comes()


def test_a_byte_received_starts_it_anew(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness()
    peer, conn = h.connect()
    conn.set_timeout(60)
    pass_time(loop, clock, 50, step=10)
    peer.send(b"x")
    pump(loop, lambda: conn.bytes_read == 1)
    pass_time(loop, clock, 59)
    assert _timeouts(h) == 0
    pass_time(loop, clock, 1)
    assert _timeouts(h) == 1


def test_a_byte_written_starts_it_anew(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness()
    _, conn = h.connect()
    conn.set_timeout(60)
    pass_time(loop, clock, 50, step=10)
    conn.write(b"x")
    pass_time(loop, clock, 59)
    assert _timeouts(h) == 0
    pass_time(loop, clock, 1)
    assert _timeouts(h) == 1


def test_traffic_after_it_was_told_makes_a_new_silence(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness()
    peer, conn = h.connect()
    conn.set_timeout(60)
    pass_time(loop, clock, 200, step=10)
    peer.send(b"x")
    pump(loop, lambda: conn.bytes_read == 1)
    pass_time(loop, clock, 59)
    assert _timeouts(h) == 1
    pass_time(loop, clock, 1)
    assert _timeouts(h) == 2


def test_touch_is_no_traffic(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness()
    _, conn = h.connect()
    conn.set_timeout(60)
    for _ in range(12):
        pass_time(loop, clock, 10, step=10)
        conn.touch()
    assert _timeouts(h) == 1


def test_the_listener_is_called_once(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness()
    peer, conn = h.connect()
    told: list[tuple[Connection, object]] = []
    conn.set_timeout(60, lambda *args: told.append(args))  # type: ignore[arg-type]
    pass_time(loop, clock, 60, step=10)
    peer.send(b"x")
    pump(loop, lambda: conn.bytes_read == 1)
    pass_time(loop, clock, 60, step=10)
    assert _timeouts(h) == 2
    assert told == [(conn, None)]


@pytest.mark.parametrize("off", [0, None])
def test_zero_and_none_disarm_it(harness: Any, loop: Reactor, clock: ManualClock, off: int | None) -> None:
    h = harness()
    _, conn = h.connect()
    conn.set_timeout(60)
    pass_time(loop, clock, 50, step=10)
    conn.set_timeout(off)
    pass_time(loop, clock, 600, step=10)
    assert _timeouts(h) == 0


def test_a_second_call_replaces_the_first(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness()
    _, conn = h.connect()
    conn.set_timeout(60)
    conn.set_timeout(90)
    pass_time(loop, clock, 89)
    assert _timeouts(h) == 0
    pass_time(loop, clock, 1)
    assert _timeouts(h) == 1


def test_it_may_be_set_again_by_its_own_listener(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness()
    _, conn = h.connect()
    h.server.on("timeout", lambda conn, kind: conn.set_timeout(30))
    conn.set_timeout(60)
    pass_time(loop, clock, 60)
    assert _timeouts(h) == 1
    pass_time(loop, clock, 29)
    assert _timeouts(h) == 1
    pass_time(loop, clock, 1)
    assert _timeouts(h) == 2


def test_it_runs_on_while_our_half_has_ended(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness(linger_timeout=None)
    _, conn = h.connect()
    conn.set_timeout(60)
    conn.end()
    pump(loop, lambda: h.record.names() == ["finish"])  # the FIN is traffic, too
    pump(loop, all_acked(conn))
    pass_time(loop, clock, 60)
    assert _timeouts(h) == 1
    assert conn.state == "read_only"


def test_nothing_is_told_after_the_close(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness()
    _, conn = h.connect()
    conn.set_timeout(60)
    conn.destroy()
    h.closed(conn)
    conn.set_timeout(5)
    pass_time(loop, clock, 120, step=10)
    assert h.record.names() == ["close"]
    assert loop.statistics().timers == 0


@pytest.mark.parametrize("value", [-1, float("nan"), float("inf")])
def test_an_unusable_time_is_refused(harness: Any, value: float) -> None:
    h = harness()
    _, conn = h.connect()
    with pytest.raises(ValueError, match="seconds must be 0 or more seconds and finite"):
        conn.set_timeout(value)
