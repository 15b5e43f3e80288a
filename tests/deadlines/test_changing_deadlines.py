"""Deadlines may be changed on a live connection, and several may run at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from reactor import Reason
from tests.support.scene import MUCH, Scene, Scenes
from tests.support.wire import acks_arrived, vanish

SILENCES = ["idle_timeout", "read_timeout"]
DEADLINES = [*SILENCES, "write_timeout", "linger_timeout", "half_open_timeout"]

each_silence = pytest.mark.parametrize("name", SILENCES)
each_deadline = pytest.mark.parametrize("name", DEADLINES)


# How each deadline comes to run: what the connection was made with, and what happens then.
RUNS: dict[str, tuple[dict[str, Any], Callable[[Scene], object]]] = {
    "idle_timeout": ({}, Scene.peer_says),
    "read_timeout": ({}, Scene.peer_says),
    "write_timeout": ({}, lambda s: s.conn.end(bytes(MUCH))),
    "linger_timeout": ({"linger_timeout": None}, Scene.end),
    "half_open_timeout": ({"allow_half_open": True}, Scene.peer_ends),
}


@each_deadline
def test_none_turns_it_off(name: str, scene: Scenes) -> None:
    settings, run = RUNS[name]
    s = scene(**{**settings, name: 60})
    run(s)
    setattr(s.conn, name, None)
    before = s.names()
    s.pass_time(6000, step=100)
    assert s.conn.state != "closed"
    assert s.names() == before


# From when a deadline counts that is set meanwhile.


@pytest.mark.parametrize("name", [name for name in DEADLINES if name != "write_timeout"])
def test_it_counts_from_the_last_byte_or_fin_received_or_acknowledged(name: str, scene: Scenes) -> None:
    settings, run = RUNS[name]
    s = scene(**settings)
    s.pass_time(100)
    run(s)
    s.pass_time(50)
    setattr(s.conn, name, 60)
    report = s.cut_after(10, late=1 if name == "linger_timeout" else 0)
    assert report.reason is (Reason.IDLE if name == "idle_timeout" else Reason[name.upper()])


@each_silence
def test_a_deadline_that_has_passed_already_expires_at_once(name: str, scene: Scenes) -> None:
    s = scene()
    s.jump(100)
    setattr(s.conn, name, 60)
    s.turns(3)
    assert s.conn.state == "closed"


@each_silence
def test_a_deadline_may_be_put_off(name: str, scene: Scenes) -> None:
    s = scene(**{name: 60})
    s.clock.advance(50)
    setattr(s.conn, name, 120)
    s.cut_after(70)


def test_a_write_timeout_counts_from_the_last_byte_that_moved(scene: Scenes) -> None:
    s = scene(write_timeout=1000)
    s.bring_to("pending")
    s.until(acks_arrived(s.conn, s.peer))
    s.pass_time(300, step=10)
    s.conn.write_timeout = 600
    assert 300 <= s.lives_for(440) <= 430
    assert s.closed().reason is Reason.WRITE_TIMEOUT


def test_a_vanished_client_is_found_by_the_deadline_set_on_it(scene: Scenes) -> None:
    s = scene()
    vanish(s.peer)
    s.conn.write(b"are you there?")
    s.pass_time(300, step=10)
    assert s.conn.state == "open"
    s.conn.read_timeout = 310
    s.pass_until(lambda: s.conn.state == "closing", most=12)
    s.peer.reset()
    assert s.closed().reason is Reason.READ_TIMEOUT


# Several at once.


@pytest.mark.parametrize(
    ("idle", "read", "seconds", "reason"),
    [(60, 30, 30, Reason.READ_TIMEOUT), (30, 60, 30, Reason.IDLE), (None, 45, 45, Reason.READ_TIMEOUT)],
)
def test_the_earliest_deadline_wins(
    idle: float | None, read: float, seconds: float, reason: Reason, scene: Scenes
) -> None:
    s = scene(idle_timeout=idle, read_timeout=read)
    assert s.cut_after(seconds).reason is reason


def test_a_linger_timeout_wins_over_what_an_ending_was_given_for_longer(scene: Scenes) -> None:
    s = scene(linger_timeout=30)
    s.end(data=b"bye", timeout=500)
    assert s.lives_for(33) <= 32
    assert s.closed().reason is Reason.LINGER_TIMEOUT


# Whose they are, and what is refused.


def test_a_deadline_changed_on_one_connection_is_its_own(scene: Scenes) -> None:
    s = scene(idle_timeout=60)
    _, other = s.connect()
    other.idle_timeout = 600
    assert (other.idle_timeout, s.conn.idle_timeout, s.server.idle_timeout) == (600, 60, 60)
    s.cut_after(60)
    assert other.state == "open"


def test_a_deadline_changed_on_the_server_counts_for_later_connections(scene: Scenes) -> None:
    s = scene(idle_timeout=60)
    s.server.idle_timeout = 90
    _, later = s.connect()
    s.cut_after(60)
    s.conn = later
    s.cut_after(30)


@each_deadline
def test_changing_a_deadline_after_the_close_is_harmless(name: str, scene: Scenes) -> None:
    s = scene()
    s.conn.destroy()
    s.closed()
    setattr(s.conn, name, 5)
    s.turns()
    assert s.names() == ["close"]
