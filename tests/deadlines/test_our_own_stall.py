"""Time that our own process stood still is not the client's silence."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from reactor import Connection, Reactor, Reason
from reactor.testing import ManualClock, pump, settle

LIMIT = 60.0  # seconds
BIG = 20_000_000  # bytes; more than the kernel takes


@pytest.mark.parametrize("setting", ["idle_timeout", "read_timeout"])
def test_a_client_that_was_answered_late_is_not_reaped_for_it(
    setting: str, harness: Any, loop: Reactor, clock: ManualClock
) -> None:
    h = harness(**{setting: LIMIT})

    def answer_late(conn: Connection, data: bytes) -> None:
        clock.advance(LIMIT + 1)
        conn.write(b"answer")

    h.server.on("data", answer_late)
    peer, conn = h.connect()
    peer.send(b"request")
    pump(loop, lambda: conn.bytes_written == 6)
    settle(loop)
    assert peer.receive(6) == b"answer"
    settle(loop)
    clock.advance(LIMIT - 1)
    settle(loop)
    assert conn.state == "open"
    clock.advance(1)
    assert h.closed(conn).reason is Reason[setting.upper().replace("IDLE_TIMEOUT", "IDLE")]


def test_what_was_written_late_has_its_whole_time_to_move(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness(write_timeout=LIMIT)

    def answer_late(conn: Connection, data: bytes) -> None:
        clock.advance(LIMIT + 1)
        conn.write(bytes(BIG))

    h.server.on("data", answer_late)
    peer, conn = h.connect(receive_buffer=4096)
    peer.send(b"request")
    pump(loop, lambda: conn.bytes_written)
    settle(loop)
    clock.advance(LIMIT - 1)
    settle(loop)
    assert conn.state == "open"
    clock.advance(LIMIT)
    assert h.closed(conn).reason is Reason.WRITE_TIMEOUT


@pytest.mark.parametrize("ending", ["end", "destroy_soon"])
def test_an_ending_with_a_timeout_has_all_of_it_from_the_call_on(
    ending: str, harness: Any, loop: Reactor, clock: ManualClock
) -> None:
    h = harness()

    def answer_late(conn: Connection, data: bytes) -> None:
        clock.advance(LIMIT)
        conn.write(b"answer")
        getattr(conn, ending)(timeout=5)

    h.server.on("data", answer_late)
    peer, conn = h.connect()
    peer.send(b"request")
    pump(loop, lambda: conn.bytes_written)
    settle(loop)
    clock.advance(4)
    settle(loop)
    assert conn.state != "closed"
    assert peer.receive_all() == (b"answer", "FIN")
    clock.advance(1)
    assert h.closed(conn).reason is Reason.END_TIMEOUT


def test_a_shutdown_has_all_of_its_grace_from_the_call_on(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness()

    def stop_late(conn: Connection, data: bytes) -> None:
        clock.advance(LIMIT)
        h.server.shutdown(5)

    h.server.on("data", stop_late)
    peer, conn = h.connect()
    peer.send(b"stop")
    pump(loop, lambda: conn.state == "closing")
    clock.advance(4)
    settle(loop)
    assert peer.outcome() == "FIN"
    peer.close()
    assert h.closed(conn).clean


def test_a_silence_that_is_told_begins_after_the_stall(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness()
    h.server.on("connection", lambda conn: conn.set_timeout(LIMIT))
    h.server.on("data", lambda conn, data: clock.advance(LIMIT + 1))
    peer, conn = h.connect()
    peer.send(b"request")
    pump(loop, lambda: conn.bytes_read)
    settle(loop)
    clock.advance(LIMIT - 1)
    settle(loop)
    assert "timeout" not in h.record.names()
    clock.advance(1)
    pump(loop, lambda: "timeout" in h.record.names())


def test_a_touch_counts_from_the_call_on(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness(idle_timeout=LIMIT)
    first, _ = h.connect()
    _, conn = h.connect()

    def touch_the_other(who: Connection, data: bytes) -> None:
        clock.advance(LIMIT - 1)
        conn.touch()

    h.server.on("data", touch_the_other)
    first.send(b"x")
    pump(loop, lambda: h.record.data(h.record.connections[0]))
    clock.advance(LIMIT - 1)
    settle(loop)
    assert conn.state == "open"


def test_of_several_stalls_in_a_row_none_is_the_client_s_silence(
    harness: Any, loop: Reactor, clock: ManualClock
) -> None:
    h = harness(idle_timeout=LIMIT)
    first, conn = h.connect()
    second, _ = h.connect()
    h.server.on("data", lambda conn, data: clock.advance(LIMIT - 1))
    first.send(b"request")
    pump(loop, lambda: conn.bytes_read)
    second.send(b"request")
    settle(loop)
    assert conn.state == "open"
    clock.advance(2)
    settle(loop)
    assert conn.state == "closed"


def test_a_host_s_own_pause_between_turns_is_silence(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness(idle_timeout=LIMIT)
    peer, conn = h.connect()
    peer.send(b"request")
    pump(loop, lambda: conn.bytes_read)
    clock.advance(LIMIT)
    loop.run_once(0)
    assert h.closed(conn).reason is Reason.IDLE


def test_a_sleep_that_a_signal_ends_is_no_stall(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness(idle_timeout=LIMIT)
    peer, conn = h.connect()
    peer.send(b"request")
    pump(loop, lambda: conn.bytes_read)
    settle(loop)

    def interrupt(*_: object) -> None:
        clock.advance(LIMIT - 1)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with pytest.raises(KeyboardInterrupt):
            loop.run_once(30)
    finally:
        signal.signal(signal.SIGALRM, before)
    clock.advance(1)
    assert h.closed(conn).reason is Reason.IDLE
