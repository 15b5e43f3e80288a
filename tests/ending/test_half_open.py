"""The peer ends its half first: by default we follow after the `end` listeners, with `allow_half_open` we do not."""

from __future__ import annotations

import logging

import pytest

from reactor import Connection, Reason
from reactor.engine.loop import turns_of
from tests.support.scene import MIB, MUCH, Scene, Scenes


def half_closed(scenes: Scenes, **settings: bool) -> Scene:
    """A connection whose peer has ended, and we have not, unless by ourselves."""
    s = scenes(**settings)
    s.peer_ends()
    return s


def test_the_peers_fin_ends_our_half_too(each_scene: Scenes) -> None:
    s = half_closed(each_scene)
    report = s.closed()
    assert s.peer.receive_all() == (b"", "FIN")
    assert (report.reason, report.clean, report.error) == (Reason.PEER_ENDED, True, None)
    assert s.names() == ["end", "finish", "close"]


def test_every_end_listener_may_write_before_the_automatic_end(scene: Scenes) -> None:
    s = scene()
    s.server.on("end", lambda conn: conn.write(b"one "))
    s.server.on("end", lambda conn: conn.write(b"two "))
    s.conn.on("end", lambda conn: conn.write(b"three"))
    s.peer_ends()
    assert s.closed().clean
    assert s.peer.receive_all() == (b"one two three", "FIN")


def test_an_end_listener_may_end_by_its_own_words(scene: Scenes) -> None:
    s = scene()
    seen: list[str] = []

    def part(conn: Connection) -> None:
        conn.end(b"farewell")
        seen.append(conn.state)

    s.conn.on("end", part)
    s.peer_ends()
    assert seen == ["closing"]
    assert s.closed().clean
    assert s.peer.receive_all() == (b"farewell", "FIN")


def test_what_is_pending_when_the_peer_ends_is_drained_before_our_fin(scene: Scenes) -> None:
    s = scene()
    s.conn.write(bytes(8 * MIB))
    s.peer_ends()
    assert s.conn.state == "closing"
    assert s.conn.pending_bytes > 0
    assert len(s.peer_reads()) == 8 * MIB
    report = s.closed()
    assert (report.clean, report.reason, report.bytes_written) == (True, Reason.PEER_ENDED, 8 * MIB)


@pytest.mark.parametrize("allow", [False, True])
def test_the_state_is_write_only_inside_the_end_listeners_already(allow: bool, scene: Scenes) -> None:
    s = scene(allow_half_open=allow)
    seen: list[str] = []
    s.conn.on("end", lambda conn: seen.append(conn.state))
    s.conn.on("finish", lambda conn: seen.append(conn.state))
    s.peer_ends()
    if allow:
        seen.append(s.conn.state)
        s.conn.end()
    s.closed()
    assert seen == (["write_only", "write_only", "closing"] if allow else ["write_only", "closing"])


def test_after_the_automatic_end_a_write_returns_false_and_counts_as_unsent_and_is_not_logged(
    scene: Scenes, caplog: pytest.LogCaptureFixture
) -> None:
    s = scene()
    s.conn.write(bytes(MUCH))
    s.peer_ends()
    assert s.conn.state == "closing"
    assert s.conn.write(b"too late") is False
    assert s.conn.writelines([b"much ", b"too late"]) is False
    s.conn.end(b"!")
    s.peer.reset()
    report = s.closed()
    assert s.conn.bytes_written + report.bytes_unsent == MUCH + 8 + 13 + 1
    assert [record for record in caplog.records if record.levelno > logging.INFO] == []


def test_bytes_refused_after_the_automatic_end_spoil_a_clean_end(scene: Scenes) -> None:
    s = scene()
    s.conn.on("finish", lambda conn: conn.write(b"too late"))
    s.peer_ends()
    report = s.closed()
    assert (report.bytes_unsent, report.clean, report.reason) == (8, False, Reason.PEER_ENDED)


def test_with_allow_half_open_our_half_stays_open_until_the_program_ends_it(each_scene: Scenes) -> None:
    s = half_closed(each_scene, allow_half_open=True)
    s.turns(30)
    assert (s.conn.state, s.names()) == ("write_only", ["end"])
    s.conn.write(b"still ")
    assert s.peer.receive(6) == b"still "
    s.conn.end(b"here")
    assert s.conn.state == "closing"
    s.turns()
    assert s.peer.receive_all() == (b"here", "FIN")
    report = s.closed()
    assert (report.reason, report.clean) == (Reason.PEER_ENDED, True)
    assert s.names() == ["end", "finish", "close"]


def test_allow_half_open_may_be_set_on_one_connection_at_any_time(scene: Scenes) -> None:
    s = scene()
    s.conn.on("end", lambda conn: setattr(conn, "allow_half_open", True))
    s.peer_ends()
    assert s.conn.state == "write_only"
    s.conn.end()
    assert s.closed().clean


@pytest.mark.parametrize("call", ["pause", "resume"])
def test_pause_and_resume_change_nothing_once_the_peer_has_ended(call: str, scene: Scenes) -> None:
    s = half_closed(scene, allow_half_open=True)
    getattr(s.conn, call)()
    s.turns()
    assert (s.conn.state, s.names()) == ("write_only", ["end"])
    s.conn.end(b"x")
    assert s.closed().clean
    assert s.peer.receive_all() == (b"x", "FIN")


@pytest.mark.parametrize("stage", ["half_open", "lingering"])
def test_a_half_closed_connection_that_is_idle_costs_nothing(stage: str, each_scene: Scenes) -> None:
    s = each_scene(allow_half_open=True)
    s.bring_to(stage)
    for _ in range(3):
        s.loop.run_once(0.004)
    polled = [turns_of(s.loop).poller.poll(0.004) for _ in range(3)]
    assert polled == [[]] * 3, "the poller wakes the loop for nothing"
