"""The report that comes with every `close`: reason, phase, error, clean, and the bytes, for each kind of ending."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from reactor import CloseReport, Reason
from tests.support.scene import MUCH, Scene, Scenes
from tests.support.wire import vanish

PHASES = ["open", "draining", "lingering", "half_open"]


def facts(report: CloseReport) -> tuple[Reason, str, bool, type | None]:
    return report.reason, report.phase, report.clean, None if report.error is None else type(report.error)


def test_close_listeners_get_the_report_which_stays_on_the_connection(scene: Scenes) -> None:
    s = scene()
    assert s.conn.report is None
    s.conn.destroy()
    assert s.conn.report is None
    report = s.closed()
    assert s.record.events[s.conn] == [("close", report)]
    assert isinstance(report, CloseReport)
    frozen: Any = report
    with pytest.raises(AttributeError):
        frozen.reason = Reason.ENDED


def we_end(s: Scene) -> None:
    s.end(data=b"123")
    s.peer.end()


@pytest.mark.parametrize(
    ("ending", "expected", "written"),
    [
        (we_end, (Reason.ENDED, "lingering", True), 3),
        (lambda s: s.peer.end(), (Reason.PEER_ENDED, "lingering", True), 0),
        (lambda s: s.conn.destroy(), (Reason.DESTROYED, "open", False), 0),
        (lambda s: s.conn.reset(), (Reason.RESET, "open", False), 0),
        (lambda s: s.conn.end(timeout=0), (Reason.END_TIMEOUT, "lingering", False), 0),
    ],
    ids=["we end", "the peer ends", "destroy", "reset", "cut short by a deadline"],
)
def test_it_says_how_and_in_which_phase_the_connection_ended(
    ending: Callable[[Scene], object], expected: tuple[Any, ...], written: int, scene: Scenes
) -> None:
    s = scene()
    s.peer_says(b"12345")
    ending(s)
    report = s.closed()
    assert facts(report) == (*expected, None)
    assert report[4:9] == (5, 0, written, 0, 0)


@pytest.mark.parametrize("phase", PHASES)
def test_the_phase_is_what_it_was_doing_when_the_peer_reset(phase: str, each_scene: Scenes) -> None:
    s = each_scene(allow_half_open=True, receive_buffer=65536)
    s.bring_to(phase)
    s.peer.reset()
    report = s.closed()
    assert (report.reason, report.phase, report.clean) == (Reason.PEER_RESET, phase, False)
    assert isinstance(report.error, ConnectionResetError | BrokenPipeError)
    assert report.bytes_written + report.bytes_unsent == (MUCH if phase == "draining" else 0)
    assert (report.bytes_unsent > 0) == (phase == "draining")
    assert s.names()[-2:] == ["error", "close"]


# The bytes.


@pytest.mark.parametrize("call", ["destroy", "reset"])
def test_bytes_on_their_way_are_unacked_and_bytes_never_handed_over_are_unsent(call: str, scene: Scenes) -> None:
    s = scene(receive_buffer=65536)
    s.bring_to("pending")
    got = len(s.peer.receive(10_000))
    pending = s.conn.pending_bytes
    getattr(s.conn, call)()
    report = s.closed()
    assert report.bytes_written + report.bytes_unsent == MUCH
    assert 0 < report.bytes_unsent == pending < MUCH
    assert 0 < report.bytes_unacked < report.bytes_written
    assert got <= report.bytes_written - report.bytes_unacked
    assert s.names() == ["close"]


def test_what_a_peer_that_vanished_has_not_acknowledged_is_counted_to_the_byte(scene: Scenes) -> None:
    s = scene()
    s.conn.write(b"acknowledged")
    s.arrived()
    vanish(s.peer)
    s.conn.end(b"lost")
    s.turns()
    s.conn.destroy()
    report = s.closed()
    assert (report.bytes_written, report.bytes_unacked, report.phase) == (16, 4, "lingering")
    assert report.clean is False


def test_an_unacknowledged_fin_does_not_count_as_a_byte(scene: Scenes) -> None:
    s = scene()
    vanish(s.peer)
    s.conn.end()
    s.turns()
    s.conn.reset()
    report = s.closed()
    assert (report.bytes_written, report.bytes_unacked) == (0, 0)


def test_bytes_that_were_never_read_do_not_count_as_received(scene: Scenes) -> None:
    s = scene()
    s.bring_to("unread")
    s.conn.destroy()
    assert s.closed()[4:6] == (0, 0)


def test_it_tells_when_the_connection_opened_and_how_long_it_lived(scene: Scenes) -> None:
    s = scene()
    s.clock.advance(7)
    _, conn = s.connect()
    s.clock.advance(12.5)
    conn.destroy()
    report = s.closed(conn)
    assert (report.opened_at, report.duration) == (1007.0, 12.5)


# "The reason is the first cause other than ENDED/PEER_ENDED; what cut it short later shows in error, phase and clean."


@pytest.mark.parametrize(
    "call", [lambda conn: conn.destroy(), lambda conn: conn.reset(), lambda conn: conn.end(timeout=0)]
)
def test_a_reset_by_the_peer_comes_before_our_own_hard_end_or_deadline(call: Any, scene: Scenes) -> None:
    s = scene()
    s.bring_to("unread")
    s.peer.reset()
    s.told("hangup")
    call(s.conn)
    assert facts(s.closed()) == (Reason.PEER_RESET, "open", False, ConnectionResetError)
    assert s.names() == ["hangup", "error", "close"]


def test_a_silence_comes_before_the_reset_that_the_peer_answers_with(scene: Scenes) -> None:
    s = scene(idle_timeout=30, write_timeout=None, receive_buffer=65536)
    s.bring_to("pending")
    s.pass_time(80, step=20)
    assert s.conn.state == "closing"  # being reaped, with output to drain
    s.peer.reset()
    assert facts(s.closed()) == (Reason.IDLE, "draining", False, ConnectionResetError)


def test_a_hard_end_of_ours_comes_before_a_deadline_passed_meanwhile(scene: Scenes) -> None:
    s = scene(idle_timeout=30)
    s.conn.end()
    s.turns()
    s.clock.advance(100)
    s.conn.reset()
    assert s.closed().reason is Reason.RESET
