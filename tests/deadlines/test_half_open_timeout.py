"""`half_open_timeout`: half-closed or gone, and the program does nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from reactor import Reason
from tests.support.scene import Scene, Scenes


def half_closed(scenes: Scenes, **settings: Any) -> Scene:
    """A connection whose peer has ended."""
    s = scenes(allow_half_open=True, **settings)
    s.peer_ends()
    return s


def paused_and_left(s: Scene, sent: bytes = b"") -> None:
    """The program pauses it; the peer sends and ends."""
    s.conn.pause()
    s.turns()
    s.peer.send(sent)
    s.peer_ends()


def ended_and_paused(s: Scene) -> None:
    s.end()
    s.conn.pause()


def test_after_the_peers_fin_a_program_that_does_nothing_has_600_seconds(scene: Scenes) -> None:
    s = half_closed(scene)
    report = s.cut_after(600)
    assert (report.reason, report.clean, report.phase) == (Reason.HALF_OPEN_TIMEOUT, False, "half_open")
    assert s.peer.outcome() == "ECONNRESET"


@pytest.mark.parametrize(
    "prepare",
    [paused_and_left, lambda s: paused_and_left(s, b"unread"), ended_and_paused],
    ids=["the peer ended", "the peer ended, and something is unread", "we ended"],
)
def test_a_paused_connection_whose_peer_has_ended_has_600_seconds(
    prepare: Callable[[Scene], None], scene: Scenes
) -> None:
    s = scene()
    prepare(s)
    report = s.cut_after(600)
    assert (report.reason, report.clean) == (Reason.HALF_OPEN_TIMEOUT, False)


def test_what_the_program_writes_starts_it_anew(scene: Scenes) -> None:
    s = half_closed(scene)
    for _ in range(4):
        s.jump(500)
        s.conn.write(b"news")
        s.arrived()
    assert s.conn.state == "write_only"
    assert s.peer.receive(16) == b"news" * 4
    assert s.cut_after(600).reason is Reason.HALF_OPEN_TIMEOUT


def test_a_program_that_ends_in_time_closes_cleanly(scene: Scenes) -> None:
    s = half_closed(scene)
    s.jump(599)
    s.conn.end(b"last word")
    assert s.peer_reads() == b"last word"
    report = s.closed()
    assert (report.reason, report.clean) == (Reason.PEER_ENDED, True)


def test_resuming_in_time_delivers_what_the_peer_had_sent(scene: Scenes) -> None:
    s = scene()
    paused_and_left(s, b"last words")
    s.jump(599)
    s.conn.resume()
    report = s.closed()
    assert s.data() == b"last words"
    assert report.clean


def test_a_paused_connection_whose_peer_is_there_is_not_cut(scene: Scenes) -> None:
    s = scene()
    s.conn.pause()
    s.pass_time(6000, step=500)
    assert s.conn.state == "open"
