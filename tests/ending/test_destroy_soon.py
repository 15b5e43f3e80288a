"""`destroy_soon()`: "Deliver what I wrote; I no longer listen." Everything pending, FIN, then a lingering close."""

from __future__ import annotations

import pytest

from reactor import Reason
from reactor.testing import pump
from tests.support.scene import MIB, Scene, Scenes

KIB = 1024


def test_every_byte_reaches_a_slow_reader_and_then_fin_though_its_own_bytes_were_never_read(scene: Scenes) -> None:
    s = scene(receive_buffer=64 * KIB)
    s.conn.pause()
    s.peer.send(b"x" * 30_000)
    s.turns()
    data = bytes(range(256)) * (32 * KIB)
    s.conn.write(data)
    s.conn.destroy_soon()
    s.peer.send(b"y" * 30_000)
    reader = s.peer.nonblocking()
    pump(s.loop, lambda: reader.read(64 * KIB), seconds=20)
    assert reader.outcome == "FIN"
    assert reader.received == data
    s.peer.send(b"z" * 30_000)  # met by an open socket: an RST could still overtake nothing, but would be seen here
    s.peer.end()
    report = s.closed()
    assert (report.clean, report.reason, report.phase) == (True, Reason.ENDED, "lingering")
    assert (report.bytes_written, report.bytes_unsent, report.bytes_unacked) == (8 * MIB, 0, 0)
    assert (report.bytes_read, report.bytes_discarded) == (90_000, 90_000)
    assert "data" not in s.names()


def test_what_comes_in_after_the_call_is_read_counted_and_dropped(scene: Scenes) -> None:
    s = scene()
    s.peer_says(b"heard")
    s.conn.destroy_soon()
    s.peer_says(b"not heard")
    s.peer.end()
    report = s.closed()
    assert (report.bytes_read, report.bytes_discarded, report.clean) == (14, 9, True)
    assert s.data() == b"heard"


def test_nothing_more_is_delivered_once_a_data_listener_has_called_it(scene: Scenes) -> None:
    s = scene()
    s.conn.on("data", lambda conn, data: conn.destroy_soon())
    s.peer_says(b"first")
    s.peer.send(b"second")
    s.peer.end()
    assert s.closed().bytes_discarded == 6
    assert s.data() == b"first"


@pytest.mark.parametrize("order", [("pause", "destroy_soon"), ("destroy_soon", "pause")], ids=" ".join)
def test_a_pause_does_not_stop_the_discarding(order: tuple[str, str], each_scene: Scenes) -> None:
    s = each_scene()
    for call in order:
        getattr(s.conn, call)()
        s.turns(1)
    s.peer.send(b"dropped")
    s.peer.end()
    report = s.closed()
    assert (report.bytes_discarded, report.clean) == (7, True)


# "The socket is kept until everything is acknowledged": both FINs have passed, but the peer has not taken it all.


def both_ended_but_unread(scenes: Scenes) -> Scene:
    """The kernel has taken everything, the peer has sent its FIN, and its window is closed."""
    s = scenes(receive_buffer=16 * KIB)
    s.conn.write(bytes(400_000))
    s.conn.destroy_soon()
    s.peer.end()
    s.until(lambda: sorted(s.names()) == ["end", "finish"])
    s.turns(50)
    assert (s.conn.pending_bytes, s.conn.report, s.conn.state) == (0, None, "closing")
    return s


def test_the_close_waits_until_the_peers_kernel_has_acknowledged_everything(each_scene: Scenes) -> None:
    s = both_ended_but_unread(each_scene)
    assert s.conn.fileno() >= 0
    assert len(s.peer_reads()) == 400_000
    report = s.closed()
    assert (report.clean, report.bytes_unacked, report.phase) == (True, 0, "lingering")


def test_a_reset_before_the_last_acknowledgement_is_no_clean_end(each_scene: Scenes) -> None:
    s = both_ended_but_unread(each_scene)
    s.peer.reset()
    report = s.closed()
    assert (report.clean, report.reason, report.phase) == (False, Reason.PEER_RESET, "lingering")
    assert (report.bytes_written, report.bytes_unsent) == (400_000, 0)
    assert 0 < report.bytes_unacked < 400_000
    assert s.names()[-2:] == ["error", "close"]


@pytest.mark.parametrize("call", ["destroy", "reset"])
def test_a_hard_end_before_the_last_acknowledgement_is_no_clean_end_either(call: str, scene: Scenes) -> None:
    s = both_ended_but_unread(scene)
    getattr(s.conn, call)()
    report = s.closed()
    assert (report.clean, report.phase) == (False, "lingering")
    assert 0 < report.bytes_unacked < 400_000
