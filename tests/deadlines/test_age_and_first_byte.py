"""`first_byte_timeout`, `max_lifetime` and `jitter`, met from raw clients."""

from __future__ import annotations

from typing import Any

import pytest

from reactor import Reactor, Reason, Server, connect
from reactor.testing import ManualClock, pump, settle
from tests.support.scene import Scenes
from tests.support.wire import pass_until

# first_byte_timeout


def test_who_says_nothing_is_reaped_and_who_has_said_a_byte_is_not(each_scene: Scenes) -> None:
    s = each_scene(first_byte_timeout=10)
    _, silent = s.connect()
    s.peer_says(b"x")
    assert 9.9 < s.pass_until(lambda: silent.report, 12) <= 11
    s.pass_time(100, step=10)
    assert s.conn.state == "open"
    assert s.server.statistics().ended == {Reason.FIRST_BYTE_TIMEOUT: 1}


def test_a_greeting_of_ours_is_no_byte_of_theirs(scene: Scenes) -> None:
    s = scene(first_byte_timeout=10, greet=lambda conn: conn.write(b"welcome"))
    assert s.cut_after(10).reason is Reason.FIRST_BYTE_TIMEOUT


def test_a_client_waits_for_the_first_byte_of_its_server(loop: Reactor, clock: ManualClock) -> None:
    server = Server(loop)
    conn = connect(loop, *server.listen("127.0.0.1", 0), first_byte_timeout=5)
    pump(loop, lambda: conn.state == "open")
    pass_until(loop, clock, lambda: conn.report, 7)
    assert conn.report is not None
    assert conn.report.reason is Reason.FIRST_BYTE_TIMEOUT
    server.close()
    settle(loop)


# max_lifetime


def test_a_busy_connection_is_ended_in_order_when_it_is_old(each_scene: Scenes) -> None:
    s = each_scene(max_lifetime=20, idle_timeout=5)
    s.conn.on("data", lambda conn, data: conn.write(data))
    for second in range(20):
        s.peer_says(b"tick")
        assert s.conn.state == "open", second
        s.clock.advance(1)
    s.turns()
    assert s.conn.state == "closing"
    assert s.kinds() == [Reason.MAX_LIFETIME]
    assert s.peer.receive_all() == (b"tick" * 20, "FIN")
    s.peer.end()
    report = s.closed()
    assert (report.reason, report.clean) == (Reason.MAX_LIFETIME, True)
    assert report.duration == pytest.approx(20, abs=0.1)


def test_an_old_connection_ends_within_linger_timeout_whatever_its_peer_does(scene: Scenes) -> None:
    s = scene(max_lifetime=10, linger_timeout=3, write_timeout=60, receive_buffer=4096)
    s.conn.write(bytes(3_000_000))  # it reads a little all the time, and never to the end
    s.jump(10)
    assert s.pass_until(lambda: (s.peer.receive(1000), s.conn.report)[1], 6) <= 4
    assert s.conn.report.reason is Reason.MAX_LIFETIME
    assert s.conn.report.bytes_unsent > 0


def test_one_that_we_have_ended_and_that_goes_on_talking_is_too_old_too(scene: Scenes) -> None:
    s = scene(max_lifetime=20, linger_timeout=5)
    s.conn.end()
    s.turns()

    def talk() -> Any:
        if s.conn.state != "closed":
            s.peer.send_some(b"and another thing")
        return s.conn.report

    assert 19 <= s.pass_until(talk, 40) <= 26
    assert s.closed().reason is Reason.MAX_LIFETIME


def test_a_lifetime_may_be_given_to_one_connection(scene: Scenes) -> None:
    s = scene()
    _, other = s.connect()
    s.conn.max_lifetime = 5
    s.pass_time(10)
    assert (s.conn.state, other.state) == ("closing", "open")


def test_a_lifetime_lifted_in_its_own_timeout_listener_is_lifted(scene: Scenes) -> None:
    s = scene(max_lifetime=5)
    s.conn.on("timeout", lambda conn, kind: setattr(conn, "max_lifetime", None))
    s.pass_time(30)
    assert s.conn.state == "open"


# jitter


@pytest.mark.parametrize("name", ["idle_timeout", "read_timeout", "max_lifetime"])
def test_a_jitter_spreads_endings_and_none_comes_before_its_time(name: str, scene: Scenes) -> None:
    s = scene(**{name: 10, "jitter": 10, "linger_timeout": 1})
    for _ in range(39):
        s.connect()
    counts = []
    for _ in range(22):
        counts.append(sum(conn.state == "open" for conn in s.record.connections))
        s.jump(1)
    assert counts[9] == 40, "one was ended before its time"
    assert counts[21] == 0
    assert 8 < counts[15] < 32, counts


def test_the_share_of_the_jitter_stays_the_same_and_comes_of_a_serial_number(harness: Any, loop: Reactor) -> None:
    def lots(h: Any) -> list[float]:
        settle(loop)
        return [conn._gauges.lot for conn in h.record.connections]

    one, other = harness(jitter=5), harness(jitter=5)
    for h in (one, other):
        for _ in range(20):
            h.connect()
    before = lots(one)
    assert before == lots(one) == lots(other)
    assert len(set(before)) == 20
    assert all(0 <= lot < 1 for lot in before)


def test_without_a_jitter_all_have_the_same_time(scene: Scenes) -> None:
    s = scene(idle_timeout=10)
    conns = [s.conn, *(s.connect()[1] for _ in range(9))]
    s.jump(9.99)
    assert {conn.state for conn in conns} == {"open"}
    s.jump(0.02)
    assert {conn.state for conn in conns} == {"closed"}


def test_a_connection_that_ended_has_none_of_these_timers_left(scene: Scenes) -> None:
    s = scene(first_byte_timeout=5, max_lifetime=50, idle_timeout=20, jitter=3, min_read_rate=10)
    s.conn.reset()
    s.closed()
    assert len(s.server._keeper) == 0
