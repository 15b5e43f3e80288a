"""Deadlines may be changed on a live connection, and several may run at once."""

from __future__ import annotations

import pytest

from reactor import Reason
from tests.support.scene import Scenes
from tests.support.wire import acks_arrived, vanish

SILENCES = ["idle_timeout", "read_timeout"]
DEADLINES = [*SILENCES, "write_timeout", "linger_timeout", "half_open_timeout"]

each_silence = pytest.mark.parametrize("name", SILENCES)
each_deadline = pytest.mark.parametrize("name", DEADLINES)


# From when a deadline counts that is set meanwhile.


@each_silence
def test_a_new_deadline_counts_from_the_last_byte_received(name: str, scene: Scenes) -> None:
    s = scene()
    s.clock.advance(100)
    s.peer_says(b"x")
    s.clock.advance(50)
    setattr(s.conn, name, 60)
    s.cut_after(10)


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


@each_silence
def test_none_turns_a_deadline_off(name: str, scene: Scenes) -> None:
    s = scene(**{name: 60})
    s.clock.advance(50)
    setattr(s.conn, name, None)
    s.pass_time(6000, step=100)
    assert s.conn.state == "open"
    assert s.names() == []


def test_a_write_timeout_counts_from_the_last_byte_that_moved(scene: Scenes) -> None:
    s = scene(write_timeout=1000)
    s.bring_to("pending")
    s.until(acks_arrived(s.conn, s.peer))
    s.pass_time(300, step=10)
    s.conn.write_timeout = 600
    assert 300 <= s.lives_for(440) <= 430
    assert s.closed().reason is Reason.WRITE_TIMEOUT


def test_a_linger_timeout_counts_from_the_last_acknowledgement(scene: Scenes) -> None:
    s = scene(linger_timeout=None)
    s.end(data=b"bye")
    s.pass_time(100, step=10)
    s.conn.linger_timeout = 120
    assert s.cut_after(20, late=1).reason is Reason.LINGER_TIMEOUT


def test_a_half_open_timeout_counts_from_the_peers_fin(scene: Scenes) -> None:
    s = scene(allow_half_open=True)
    s.clock.advance(1000)
    s.peer_ends()
    s.clock.advance(50)
    s.conn.half_open_timeout = 60
    assert s.cut_after(10).reason is Reason.HALF_OPEN_TIMEOUT


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
@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf")])
def test_zero_and_less_are_refused(name: str, value: float, scene: Scenes) -> None:
    conn = scene().conn
    before = getattr(conn, name)
    with pytest.raises(ValueError, match=f"{name} must be more than 0 seconds"):
        setattr(conn, name, value)
    assert getattr(conn, name) == before


@each_deadline
def test_what_is_no_number_is_refused(name: str, scene: Scenes) -> None:
    with pytest.raises(TypeError, match=f"{name} must be a number of seconds, not '5'"):
        setattr(scene().conn, name, "5")


@each_deadline
def test_changing_a_deadline_after_the_close_is_harmless(name: str, scene: Scenes) -> None:
    s = scene()
    s.conn.destroy()
    s.closed()
    setattr(s.conn, name, 5)
    s.turns()
    assert s.names() == ["close"]
