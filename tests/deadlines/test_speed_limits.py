"""`min_read_rate`, `min_write_rate` and `slow_reader`, met from raw clients that are too slow, or not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from reactor import Connection, Reactor, Reason, length_prefixed, lines
from reactor.testing import ManualClock, Peer, pump, settle
from tests.support.wire import pass_time, pass_until

MIB = 1 << 20


def trickle(
    loop: Reactor, clock: ManualClock, peer: Peer, conn: Connection, piece: bytes, seconds: int, until: Any = None
) -> float:
    """Send `piece` each second, until it has ended; how long it lived."""
    for second in range(seconds):
        if conn.report is not None or conn.state != "open":
            return float(second)
        before = conn.bytes_read
        peer.send(piece)
        pump(loop, lambda: conn.bytes_read > before or conn.report)  # noqa: B023
        pass_time(loop, clock, 1)
    return float(seconds)


# min_read_rate


def test_who_sends_too_slowly_is_ended_after_a_window_and_who_does_not_is_left_alone(
    each_loop: Reactor, harness: Any, clock: ManualClock
) -> None:
    h = harness(loop=each_loop, min_read_rate=(100, 5))
    slow, slow_conn = h.connect()
    assert trickle(each_loop, clock, slow, slow_conn, b"x" * 50, 30) in (5.0, 6.0)
    assert h.closed(slow_conn).reason is Reason.READ_RATE
    assert slow.outcome() == "FIN"
    quick, quick_conn = h.connect()
    assert trickle(each_loop, clock, quick, quick_conn, b"x" * 120, 60) == 60
    assert h.server.statistics().ended == {Reason.READ_RATE: 1}


def test_who_was_quick_at_first_has_saved_nothing_for_later(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness(min_read_rate=(100, 5))
    peer, conn = h.connect()
    peer.send(bytes(MIB))
    pump(loop, lambda: conn.bytes_read == MIB)
    assert trickle(loop, clock, peer, conn, b"x", 30) <= 11


def test_a_rate_by_itself_has_a_window_of_five_seconds(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness(min_read_rate=240)
    assert h.server.min_read_rate == (240, 5)
    _, conn = h.connect()
    took = pass_until(loop, clock, lambda: conn.report, 7)
    assert took >= 5


def test_timeout_is_emitted_and_a_last_word_may_be_said(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness(min_read_rate=240)
    h.server.on("timeout", lambda conn, kind: conn.end(kind.value.encode()))
    peer, conn = h.connect()
    pass_until(loop, clock, lambda: conn.state != "open", 7)
    settle(loop)
    assert peer.receive_all() == (b"read rate", "FIN")


def test_while_the_program_has_paused_it_nothing_is_expected(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness(min_read_rate=(100, 5))
    peer, conn = h.connect()
    conn.pause()
    pass_time(loop, clock, 30)
    assert conn.state == "open"
    conn.resume()
    assert trickle(loop, clock, peer, conn, b"x", 30) in (5.0, 6.0), "no grace after the pause, or no end"


@pytest.mark.parametrize("paused", [1, 4, 6, 100])
def test_in_the_middle_of_a_message_a_pause_of_the_program_is_not_the_clients(
    paused: int, harness: Any, loop: Reactor, clock: ManualClock
) -> None:
    """As one who does a job for each line does: pause, and resume when it is done."""
    h = harness(data=False, min_read_rate=(10, 5))
    heard: list[bytes] = []

    @lines
    def job(conn: Connection, line: bytes) -> None:
        heard.append(line)
        conn.pause()

    h.server.on("data", job)
    peer, conn = h.connect()
    peer.send(b"one\ntw")
    pump(loop, lambda: heard)
    pass_time(loop, clock, paused)
    conn.resume()
    settle(loop)
    assert conn.state == "open"
    assert 5 <= pass_until(loop, clock, lambda: conn.report, 7) <= 6
    assert conn.report.reason is Reason.READ_RATE


@pytest.mark.parametrize("heard", [0, 1000])
def test_a_rate_that_is_asked_of_a_quiet_connection_has_a_whole_window(
    heard: int, harness: Any, loop: Reactor, clock: ManualClock
) -> None:
    peer, conn = harness().connect()
    peer.send(bytes(heard))
    pump(loop, lambda: conn.bytes_read == heard)
    pass_time(loop, clock, 100)
    conn.min_read_rate = (10, 5)
    settle(loop)
    assert conn.state == "open"
    assert 5 <= pass_until(loop, clock, lambda: conn.report, 7) <= 6


def test_input_that_waits_because_we_were_busy_is_not_slow(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness(min_read_rate=(100_000, 5))
    peer, conn = h.connect()
    peer.send_some(bytes(MIB))
    clock.advance(6)  # all that time we have read nothing, and one turn reads less than a window asks for
    loop.run_once(0)
    assert conn.bytes_read < 500_000
    assert conn.state == "open"


def test_a_rate_may_be_asked_of_one_connection_for_a_while(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness()
    _, uploading = h.connect()
    _, done = h.connect()
    for conn in (uploading, done):
        conn.min_read_rate = (100, 5)
    settle(loop)
    done.min_read_rate = None
    pass_time(loop, clock, 12)
    assert (uploading.report.reason, done.state) == (Reason.READ_RATE, "open")


# min_read_rate, where what comes is cut into messages.


def framed(harness: Any, make: Any = lines) -> tuple[Any, Peer, Any]:
    h = harness(data=False, min_read_rate=(100, 5))
    h.server.on("data", make(lambda conn, frame: None))
    return (h, *h.connect())


@pytest.mark.parametrize("said", [b"", b"hello\n"])
def test_silence_between_two_messages_is_not_slow(harness: Any, loop: Reactor, clock: ManualClock, said: bytes) -> None:
    _, peer, conn = framed(harness)
    peer.send(said)
    pass_time(loop, clock, 60)
    assert conn.state == "open"


@pytest.mark.parametrize(("make", "begin"), [(lines, b"GET "), (length_prefixed, b"\0\0\1\0abc")])
@pytest.mark.parametrize("quiet_before", [0, 3, 17])
def test_a_message_that_trickles_in_is_ended(
    harness: Any, loop: Reactor, clock: ManualClock, make: Callable[..., Any], begin: bytes, quiet_before: int
) -> None:
    h, peer, conn = framed(harness, make)
    pass_time(loop, clock, quiet_before)
    peer.send(begin)
    pump(loop, lambda: conn.bytes_read)
    lived = trickle(loop, clock, peer, conn, b"x", 30)
    assert 5 <= lived <= 11
    assert h.closed(conn).reason is Reason.READ_RATE


def test_a_message_begun_just_before_the_look_has_its_own_grace(
    harness: Any, loop: Reactor, clock: ManualClock
) -> None:
    _, peer, conn = framed(harness)
    pass_time(loop, clock, 4)
    clock.advance(0.9)
    settle(loop)
    peer.send(b"hel")
    pump(loop, lambda: conn.bytes_read)
    pass_time(loop, clock, 3)
    peer.send(b"lo\n")
    pass_time(loop, clock, 60)
    assert conn.state == "open"


def test_a_message_begins_with_its_first_byte_also_if_its_length_trickles_in(
    harness: Any, loop: Reactor, clock: ManualClock
) -> None:
    _, peer, conn = framed(harness, length_prefixed)
    peer.send(b"\0\0")
    pump(loop, lambda: conn.bytes_read == 2)
    pass_time(loop, clock, 4)
    peer.send(b"\1\0")
    pump(loop, lambda: conn.bytes_read == 4)
    assert pass_until(loop, clock, lambda: conn.report, 10) <= 2
    assert conn.report.reason is Reason.READ_RATE


def test_slow_messages_one_after_the_other_are_each_judged_alone(
    harness: Any, loop: Reactor, clock: ManualClock
) -> None:
    _, peer, conn = framed(harness)
    for _ in range(10):  # each takes four seconds, less than a window
        peer.send(b"wo")
        pass_time(loop, clock, 4)
        peer.send(b"rd\n")
        settle(loop)
    assert conn.state == "open"


def test_a_long_message_at_a_good_rate_may_take_its_time(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    _, peer, conn = framed(harness)
    assert trickle(loop, clock, peer, conn, b"x" * 130, 60) == 60


# min_write_rate


def read_slowly(
    loop: Reactor, clock: ManualClock, peer: Peer, conn: Connection, per_second: int, seconds: int
) -> float:
    """Read so much each second, until the connection has ended; how long it lived."""
    for second in range(seconds):
        if conn.report is not None:
            return float(second)
        if per_second:
            peer.receive(per_second)
            pump(loop, lambda: not peer.nothing_comes())  # its window has opened, and been filled
        pass_time(loop, clock, 1)
    return float(seconds)


@pytest.mark.parametrize(("per_second", "least", "most"), [(0, 5, 11), (2_000, 5, 16)])
def test_who_reads_too_slowly_is_reset(
    harness: Any, loop: Reactor, clock: ManualClock, per_second: int, least: int, most: int
) -> None:
    h = harness(min_write_rate=(20_000, 5))
    peer, conn = h.connect(receive_buffer=4096)
    conn.write(bytes(8 * MIB))
    assert least <= read_slowly(loop, clock, peer, conn, per_second, 60) <= most
    assert conn.report.reason is Reason.WRITE_RATE
    assert h.server.statistics().ended == {Reason.WRITE_RATE: 1}


def test_who_reads_fast_enough_is_left_alone(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness(min_write_rate=(20_000, 5))
    peer, conn = h.connect(receive_buffer=4096)
    conn.write(bytes(8 * MIB))
    assert read_slowly(loop, clock, peer, conn, 40_000, 60) == 60


def test_with_nothing_pending_nobody_is_too_slow(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness(min_write_rate=(20_000, 5))
    _, conn = h.connect()
    conn.write(b"hello")
    pass_time(loop, clock, 60)
    assert conn.state == "open"


def test_output_that_begins_to_wait_late_has_its_own_grace(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness(min_write_rate=(20_000, 5))
    _, conn = h.connect(receive_buffer=4096)
    pass_time(loop, clock, 33)
    conn.write(bytes(8 * MIB))
    settle(loop)
    took = pass_until(loop, clock, lambda: conn.report, 12)
    assert took >= 5


def test_the_rate_holds_while_an_ending_drains(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness(min_write_rate=(20_000, 5))
    _, conn = h.connect(receive_buffer=4096)
    conn.write(bytes(8 * MIB))
    conn.end()
    pass_until(loop, clock, lambda: conn.report, 17)
    assert (conn.report.reason, conn.report.phase) == (Reason.WRITE_RATE, "draining")


# slow_reader


def fill(loop: Reactor, conn: Connection, pending: int, piece: bytes) -> None:
    """Write until the kernel takes no more and so many bytes wait."""
    while conn.pending_bytes < pending:
        conn.write(piece)
        settle(loop, 1)


def test_who_holds_more_than_the_soft_limit_for_too_long_is_reset_though_it_reads(
    harness: Any, loop: Reactor, clock: ManualClock
) -> None:
    h = harness(slow_reader=(100_000, 10))
    peer, conn = h.connect(receive_buffer=4096)
    conn.write(bytes(8 * MIB))
    assert 10 <= read_slowly(loop, clock, peer, conn, 20_000, 60) <= 12
    assert conn.report.reason is Reason.SLOW_READER
    assert conn.report.bytes_unsent > 100_000
    assert h.server.statistics().ended == {Reason.SLOW_READER: 1}


def test_who_holds_less_is_left_alone(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness(slow_reader=(100_000, 10), write_timeout=None)
    _, conn = h.connect(receive_buffer=4096)
    fill(loop, conn, 50_000, bytes(10_000))
    pass_time(loop, clock, 60)
    assert conn.state == "open"


def test_who_falls_below_the_limit_in_time_has_all_of_it_again(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness(slow_reader=(100_000, 10), write_timeout=None)
    peer, conn = h.connect(receive_buffer=4096)
    for _ in range(3):
        fill(loop, conn, 300_000, bytes(100_000))
        pass_time(loop, clock, 7)
        assert conn.state == "open"
        got = peer.receive(1)
        peer.sock.setblocking(False)
        while conn.pending_bytes:
            try:
                got = peer.sock.recv(MIB)
            except BlockingIOError:
                pass
            loop.run_once(0)
        peer.sock.settimeout(5)
        assert got


def test_patience_goes_on_though_another_rate_is_set_meanwhile(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness(slow_reader=(100_000, 10), write_timeout=None)
    _, conn = h.connect(receive_buffer=4096)
    conn.write(bytes(8 * MIB))
    settle(loop)
    pass_time(loop, clock, 6)
    conn.min_read_rate = (1, 1000)
    assert pass_until(loop, clock, lambda: conn.report, 20) <= 6
    assert conn.report.reason is Reason.SLOW_READER


def test_small_writes_that_pass_the_limit_between_two_flushes_are_noticed(
    harness: Any, loop: Reactor, clock: ManualClock
) -> None:
    h = harness(slow_reader=(20_000, 8), write_timeout=None)
    _, conn = h.connect(receive_buffer=4096)
    fill(loop, conn, 1000, bytes(1000))
    pass_time(loop, clock, 2)
    for _ in range(30):
        conn.write(bytes(1000))  # joins the buffer, and nothing else happens
    assert 20_000 < conn.pending_bytes < 65_536
    took = pass_until(loop, clock, lambda: conn.report, 12)
    assert 8 <= took <= 10
    assert conn.report.reason is Reason.SLOW_READER
