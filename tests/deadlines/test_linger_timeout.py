"""`linger_timeout`: everything of ours has arrived, and the peer's FIN does not come."""

from __future__ import annotations

import pytest

from reactor import Reason
from tests.support.scene import Scenes
from tests.support.wire import unacked, vanish

SLACK = 1.0  # seconds; it begins when the acknowledgement of our FIN is noticed
STATES = {"end": "read_only", "destroy_soon": "closing"}

both_ways = pytest.mark.parametrize("way", STATES)


@both_ways
def test_a_peer_that_never_ends_its_half_is_reset_after_30_seconds(way: str, scene: Scenes) -> None:
    s = scene()
    s.end(way, b"bye")
    s.pass_time(29)
    assert s.conn.state == STATES[way]
    report = s.cut_after(1, SLACK)
    assert (report.reason, report.phase, report.clean) == (Reason.LINGER_TIMEOUT, "lingering", False)
    assert (report.bytes_unsent, report.bytes_unacked) == (0, 0)
    assert s.peer.receive_all() == (b"bye", "FIN")  # the FIN was there long before the RST
    with pytest.raises((BrokenPipeError, ConnectionResetError)):
        s.peer.send(b"too late")


def test_after_end_every_received_byte_starts_it_anew(scene: Scenes) -> None:
    s = scene()
    s.end()
    for _ in range(7):
        s.pass_time(25)
        s.peer_says(b"x")
    assert s.conn.state == "read_only"
    assert s.cut_after(30, SLACK).reason is Reason.LINGER_TIMEOUT
    assert s.data() == b"x" * 7


def test_after_destroy_soon_it_is_the_total_time_whatever_comes_in(scene: Scenes) -> None:
    s = scene()
    s.end("destroy_soon")
    for _ in range(2):
        s.pass_time(10)
        s.peer_says(b"x")
    report = s.cut_after(10, SLACK)
    assert (report.reason, report.bytes_discarded) == (Reason.LINGER_TIMEOUT, 2)


def test_a_pause_by_the_program_stops_it_and_it_starts_anew_after(scene: Scenes) -> None:
    s = scene(half_open_timeout=None)
    s.end()
    s.conn.pause()
    s.pass_time(300, step=5)
    assert s.conn.state == "read_only"
    s.conn.resume()
    assert s.cut_after(30, SLACK).reason is Reason.LINGER_TIMEOUT


@both_ways
def test_a_slow_reader_outlives_it(way: str, scene: Scenes) -> None:
    s = scene(write_timeout=None, receive_buffer=4096)
    s.conn.write(bytes(300_000))  # taken by our kernel at once: the FIN is sent, and nothing is pending
    getattr(s.conn, way)()
    s.told("finish")
    assert s.conn.pending_bytes == 0
    for _ in range(6):
        s.peer_reads_a_little()
        s.pass_time(25)
    assert unacked(s.conn) > 1
    assert s.conn.state != "closed"


def test_it_begins_when_everything_is_acknowledged(scene: Scenes) -> None:
    s = scene(write_timeout=None, receive_buffer=4096)
    s.conn.end(bytes(300_000))
    s.pass_time(300, step=5)  # it reads nothing yet
    assert s.conn.state == "read_only"
    assert len(s.peer.receive(300_000)) == 300_000
    s.arrived()
    s.pass_time(28)
    assert s.conn.state == "read_only"
    s.pass_time(4)
    assert s.closed().reason is Reason.LINGER_TIMEOUT


def test_when_both_have_ended_it_bounds_the_wait_for_acknowledgement(scene: Scenes) -> None:
    s = scene(allow_half_open=True)
    s.peer_ends()
    vanish(s.peer)
    s.conn.end(b"bye")
    assert 30 <= s.lives_for(36) <= 35
    report = s.closed()
    assert (report.reason, report.phase) == (Reason.LINGER_TIMEOUT, "lingering")
    assert (report.bytes_unacked, report.clean) == (3, False)
    s.peer.reset()


def test_a_peer_that_ends_in_time_closes_cleanly(scene: Scenes) -> None:
    s = scene()
    s.end()
    s.pass_time(29)
    s.peer.end()
    report = s.closed()
    assert (report.reason, report.clean) == (Reason.ENDED, True)
