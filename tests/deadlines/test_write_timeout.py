"""`write_timeout`: a peer that takes none of our output is reset; one that takes it slowly is not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from reactor import Connection, Reason
from tests.support.scene import Scene, Scenes
from tests.support.wire import acks_arrived, vanish

BIG = 8 << 20  # more than both kernels' buffers hold
LATE = 70.0  # 60 s and an eighth of it: while output is stuck, that often is looked at what has moved

WAYS: dict[str, Callable[[Connection], object]] = {
    "write": lambda conn: conn.write(bytes(BIG)),
    "end": lambda conn: conn.end(bytes(BIG)),
    "destroy_soon": lambda conn: (conn.write(bytes(BIG)), conn.destroy_soon()),
}


def stick(s: Scene, way: str = "write") -> None:
    """Output waits, and what the peer's kernel could take is acknowledged."""
    WAYS[way](s.conn)
    s.turns()
    s.until(acks_arrived(s.conn, s.peer))


@pytest.mark.parametrize("way", WAYS)
def test_nothing_is_held_past_the_timeout_for_a_peer_that_never_reads(way: str, scene: Scenes) -> None:
    s = scene()  # 60 s by default
    stick(s, way)
    assert 60 <= s.lives_for(LATE + 1) <= LATE
    assert s.conn.fileno() == -1
    report = s.closed()
    assert (report.reason, report.clean, report.error) == (Reason.WRITE_TIMEOUT, False, None)
    assert report.bytes_written + report.bytes_unsent == BIG
    assert report.bytes_unsent > 0
    assert s.names() == ["close"]
    data, outcome = s.peer.receive_all()
    assert outcome == "ECONNRESET"
    assert len(data) == report.bytes_written - report.bytes_unacked


def test_a_peer_that_talks_but_never_reads_is_reset_all_the_same(scene: Scenes) -> None:
    s = scene()
    stick(s)
    for _ in range(5):
        s.pass_time(10)
        s.peer_says(b"x")
    assert s.lives_for(LATE - 49) <= LATE - 50
    assert s.closed().reason is Reason.WRITE_TIMEOUT


@pytest.mark.parametrize("way", WAYS)
def test_a_slow_reader_outlives_it(way: str, scene: Scenes) -> None:
    s = scene(receive_buffer=4096)
    WAYS[way](s.conn)
    s.turns()
    for _ in range(8):
        s.peer_reads_a_little()
        s.pass_time(55)
    assert s.clock() > 1000 + 7 * 60
    assert s.conn.state != "closed"
    assert s.conn.pending_bytes > 0


def test_an_unacknowledged_end_is_reset_in_time(scene: Scenes) -> None:
    s = scene()
    vanish(s.peer)
    s.conn.end(b"anybody there?")
    assert 60 <= s.lives_for(LATE + 1) <= LATE
    report = s.closed()
    assert report.reason is Reason.WRITE_TIMEOUT
    assert (report.bytes_written, report.bytes_unacked, report.clean) == (14, 14, False)
    s.peer.reset()


def test_what_is_only_unacknowledged_is_no_stall_while_the_connection_is_open(scene: Scenes) -> None:
    s = scene()
    vanish(s.peer)
    s.conn.write(b"taken by the kernel at once")
    s.pass_time(600, step=10)
    assert s.conn.state == "open"
    s.peer.reset()
    s.closed()


def test_it_counts_from_when_output_began_to_wait(scene: Scenes) -> None:
    s = scene()
    s.pass_time(3600, step=60)
    stick(s)
    assert 59 < s.lives_for(LATE + 1) <= LATE


def test_a_paused_connection_is_not_spared(scene: Scenes) -> None:
    s = scene()
    s.conn.pause()
    stick(s)
    assert s.lives_for(LATE + 1) <= LATE
    assert s.closed().reason is Reason.WRITE_TIMEOUT


def test_a_peer_that_reads_everything_late_loses_nothing(scene: Scenes) -> None:
    s = scene()
    s.conn.write(b"z" * 100_000)
    s.arrived()
    s.pass_time(600, step=10)  # its kernel has everything: nothing is stalled
    assert s.peer.receive(100_000) == b"z" * 100_000
    assert s.conn.state == "open"
