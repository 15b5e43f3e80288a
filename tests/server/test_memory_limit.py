"""`memory_limit`: what all connections of a server hold together, and that who holds most is reset first."""

from __future__ import annotations

from typing import Any

from reactor import Connection, Reactor, Reason
from reactor.testing import ManualClock, pump, settle
from tests.support.wire import read_to_the_end

MIB = 1 << 20


def fill(h: Any, conn: Connection, pending: int) -> None:
    """Write until so much is pending, less than 10,000 bytes more."""
    while conn.pending_bytes < pending:
        conn.write(bytes(min(pending, 10_000)))
        settle(h.loop, 1)


def slow_ones(h: Any, count: int) -> list[Connection]:
    return [h.connect(receive_buffer=4096)[1] for _ in range(count)]


def test_the_one_that_holds_most_is_reset_and_the_others_are_left_alone(each_loop: Reactor, harness: Any) -> None:
    h = harness(loop=each_loop, memory_limit=8 * MIB)
    small, big, middle = slow_ones(h, 3)
    for conn, size in ((small, MIB), (big, 4 * MIB), (middle, 2 * MIB)):
        fill(h, conn, size)
    assert h.server.statistics().bytes_pending >= 7 * MIB
    assert [conn.state for conn in (small, big, middle)] == ["open"] * 3
    middle.write(bytes(3 * MIB // 2))
    settle(each_loop)
    assert [conn.state for conn in (small, big, middle)] == ["open", "closed", "open"]
    report = big.report
    assert report is not None
    assert (report.reason, report.phase) == (Reason.BUFFER_LIMIT, "open")
    assert report.bytes_unsent >= 4 * MIB
    assert h.server.statistics().ended == {Reason.BUFFER_LIMIT: 1}


def test_the_one_that_writes_may_be_the_one(harness: Any) -> None:
    h = harness(memory_limit=4 * MIB)
    one, other = slow_ones(h, 2)
    fill(h, other, MIB)
    one.write(bytes(16 * MIB))
    assert one.state == "open", "never from inside the call"
    settle(h.loop)
    assert (one.state, other.state) == ("closed", "open")


def test_what_was_sent_is_not_held_any_more(harness: Any) -> None:
    h = harness(memory_limit=8 * MIB)
    for _ in range(5):
        peer, conn = h.connect(receive_buffer=4096)
        fill(h, conn, 3 * MIB)
        conn.end()
        assert len(read_to_the_end(h.loop, peer)) == conn.bytes_written
        assert h.server._memory.total == 0
    assert {conn.state for conn in h.record.connections} == {"read_only"}


def test_who_is_gone_holds_nothing(harness: Any) -> None:
    h = harness(memory_limit=8 * MIB)
    _, conn = h.connect(receive_buffer=4096)
    fill(h, conn, 3 * MIB)
    other, broken = h.connect(receive_buffer=4096)
    fill(h, broken, 3 * MIB)
    conn.reset()
    other.reset()
    pump(h.loop, lambda: not h.server.connections)
    assert (h.server._memory.total, h.server.statistics().bytes_pending) == (0, 0)


def test_small_writes_that_join_what_waits_are_found_in_a_tenth_of_a_second(harness: Any, clock: ManualClock) -> None:
    h = harness(memory_limit=400_000, write_timeout=None)
    conns = slow_ones(h, 10)
    for conn in conns:
        fill(h, conn, 1_000)
    for _ in range(5):
        clock.advance(0.11)
        settle(h.loop)
    assert {conn.state for conn in conns} == {"open"}  # though each might hold 64 KiB without another flush
    for conn in conns:
        for _ in range(12):
            conn.write(bytes(4_000))  # joins the buffer, and no flush follows
    assert sum(conn.pending_bytes for conn in conns) > 400_000
    clock.advance(0.11)
    settle(h.loop)
    left = [conn for conn in conns if conn.state == "open"]
    assert 5 <= len(left) < 10
    assert sum(conn.pending_bytes for conn in left) <= 400_000


def test_a_limit_set_later_counts_what_is_held_already_and_ends_as_many_as_must_go(h: Any) -> None:
    conns = slow_ones(h, 5)
    for number, conn in enumerate(conns):
        fill(h, conn, (number + 1) * MIB)
    h.server.memory_limit = 7 * MIB
    settle(h.loop)
    assert [conn.state for conn in conns] == ["open"] * 3 + ["closed"] * 2  # the largest first
    h.server.memory_limit = None
    fill(h, conns[0], 10 * MIB)
    assert conns[0].state == "open"


def test_files_are_not_in_memory(harness: Any, tmp_path: Any) -> None:
    (tmp_path / "f").write_bytes(bytes(8 * MIB))
    h = harness(memory_limit=MIB)
    (conn,) = slow_ones(h, 1)
    conn.send_file(tmp_path / "f")
    settle(h.loop)
    assert conn.state == "open"
    assert conn.pending_bytes > MIB
