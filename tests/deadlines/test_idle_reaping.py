"""`idle_timeout` and `read_timeout`: a connection on which nothing moves, or from which nothing comes, is reaped on
time, and no other. What all deadlines have in common is in test_matrix.py.
"""

from __future__ import annotations

from typing import Any

import pytest

from reactor import Connection, Reason
from tests.support.scene import Scenes
from tests.support.wire import vanish

SILENCE = {"idle_timeout": Reason.IDLE, "read_timeout": Reason.READ_TIMEOUT}
BIG = 8 << 20

each_silence = pytest.mark.parametrize("name", SILENCE)


@each_silence
def test_a_reaped_connection_gives_its_descriptor_back_in_the_same_turn(name: str, scene: Scenes) -> None:
    s = scene(**{name: 60})
    told: list[int] = []
    s.conn.on("timeout", lambda conn, kind: told.append(conn.fileno()))
    s.clock.advance(60)
    s.until(lambda: told)
    assert told[0] >= 0
    assert s.conn.fileno() == -1
    assert s.peer.outcome() == "FIN"


@each_silence
def test_a_client_that_talks_is_left_alone(name: str, scene: Scenes) -> None:
    s = scene(**{name: 60})
    for _ in range(7):
        s.pass_time(50)
        s.peer_says(b"x")
    assert s.conn.state == "open"
    assert s.cut_after(60).reason is SILENCE[name]


@each_silence
def test_touch_keeps_a_silent_connection_for_a_whole_timeout(name: str, scene: Scenes) -> None:
    s = scene(**{name: 60})
    s.clock.advance(59)
    s.conn.touch()
    s.cut_after(60)


@each_silence
def test_a_stall_of_our_own_process_is_not_the_clients_silence(name: str, scene: Scenes) -> None:
    s = scene(**{name: 60})
    s.peer.send(b"x")
    s.clock.advance(3600)  # nobody turned the loop for an hour
    s.until(lambda: s.data() == b"x")
    s.turns()
    assert s.conn.state == "open"


@each_silence
def test_it_stops_once_our_half_is_ending(name: str, scene: Scenes) -> None:
    s = scene(**{name: 60}, linger_timeout=None)
    s.end()
    s.pass_time(600, step=60)
    assert s.conn.state == "read_only"
    assert s.names() == ["finish"]


@pytest.mark.parametrize("name", [*SILENCE, "max_lifetime"])
def test_output_that_is_pending_is_delivered_before_a_reaped_connection_ends(name: str, scene: Scenes) -> None:
    s = scene(**{name: 10}, write_timeout=None, receive_buffer=4096)
    s.conn.write(bytes(BIG))
    s.pass_time(30)  # at the first look the kernel may still have taken something: 10 s, or 20
    assert s.conn.state == "closing"
    assert s.conn.pending_bytes > 0
    assert len(s.peer_reads()) == BIG
    s.peer.close()
    report = s.closed()
    reason = SILENCE.get(name, Reason.MAX_LIFETIME)
    assert (report.reason, report.bytes_unsent, report.bytes_unacked) == (reason, 0, 0)


# idle_timeout alone: what moves, in either direction.


def test_a_silent_client_that_acknowledges_what_it_is_sent_is_left_alone(scene: Scenes) -> None:
    s = scene(idle_timeout=60)
    for _ in range(7):
        s.pass_time(50)
        s.conn.write(b"news")
        s.arrived()
    assert s.conn.state == "open"
    s.clock.advance(60)
    assert s.closed().reason is Reason.IDLE


def test_pushing_to_a_client_that_vanished_does_not_keep_it(scene: Scenes) -> None:
    s = scene(idle_timeout=60, write_timeout=None)
    vanish(s.peer)
    for _ in range(6):
        assert s.conn.state == "open"
        s.conn.write(b"news")
        s.pass_time(10)
    assert s.names() == ["timeout", "finish"]
    assert s.conn.state == "closing"  # what was written is not acknowledged: it gets its chance
    s.peer.reset()
    assert s.closed().reason is Reason.IDLE


def test_a_slow_reader_is_not_idle_while_it_reads(scene: Scenes) -> None:
    s = scene(idle_timeout=60, receive_buffer=4096)
    s.conn.write(bytes(BIG))
    s.turns()
    for _ in range(10):
        s.peer_reads_a_little(4096)
        s.pass_time(40)
    assert s.conn.state == "open"


def test_input_that_waits_in_the_kernel_is_no_silence_for_as_long_as_it_waits(scene: Scenes) -> None:
    s = scene(idle_timeout=60)
    s.conn.pause()
    s.peer.send(b"x")
    s.pass_time(180)
    assert s.conn.state == "open"
    assert s.names() == []
    s.conn.resume()
    s.until(lambda: s.data() == b"x")
    s.clock.advance(60)
    assert s.closed().reason is Reason.IDLE


# What a listener of `timeout` may do.


@pytest.mark.parametrize(
    ("name", "value"),
    [("idle_timeout", 60), ("read_timeout", 60), ("first_byte_timeout", 60), ("min_read_rate", (100, 60))],
)
def test_a_last_word_of_the_timeout_listener_arrives(name: str, value: Any, scene: Scenes) -> None:
    s = scene(**{name: value})
    s.conn.on("timeout", lambda conn, kind: conn.write(b"too slow\n"))
    s.clock.advance(60)
    s.until(lambda: s.conn.state in ("closing", "closed"))
    assert s.peer.receive_all() == (b"too slow\n", "FIN")
    s.peer.close()
    report = s.closed()
    assert (report.bytes_unsent, report.reason) == (0, s.kinds()[0])


def test_input_that_comes_while_the_timeout_is_told_does_not_make_a_reset_of_the_end(scene: Scenes) -> None:
    s = scene(idle_timeout=60)
    s.conn.on("timeout", lambda conn, kind: s.peer.send(b"too late"))
    s.clock.advance(60)
    s.told("timeout")
    s.turns()
    assert s.peer.outcome() == "FIN"
    s.peer.send(b"and more")  # EPIPE after a reset
    s.peer.close()
    assert s.closed().reason is Reason.IDLE


@pytest.mark.parametrize(
    ("way", "reason"),
    [
        ("end", Reason.ENDED),
        ("destroy_soon", Reason.ENDED),
        ("destroy", Reason.DESTROYED),
        ("reset", Reason.RESET),
    ],
)
def test_a_timeout_listener_may_end_the_connection_its_own_way(way: str, reason: Reason, scene: Scenes) -> None:
    s = scene(idle_timeout=60)
    s.conn.on("timeout", lambda conn, kind: getattr(conn, way)())
    s.clock.advance(60)
    s.until(lambda: s.conn.state != "open")
    assert s.peer.outcome() == ("ECONNRESET" if way == "reset" else "FIN")
    s.peer.close()
    assert s.closed().reason is reason


def test_a_mass_expiry_is_spread_over_turns_and_live_clients_are_served_in_between(scene: Scenes) -> None:
    s = scene(idle_timeout=60)
    s.server.on("data", lambda conn, data: conn.write(data))
    silent = [s.connect()[1] for _ in range(300)]
    s.clock.advance(30)
    s.conn.touch()
    s.clock.advance(30)
    per_turn: list[int] = []
    answered = 0
    while sum(per_turn) < len(silent):
        s.peer.send(b"ping")
        before = _count_closed(silent)
        s.loop.run_once(0)
        per_turn.append(_count_closed(silent) - before)
        answered += s.peer.receive(4) == b"ping"
        assert len(per_turn) < 100
    assert max(per_turn) <= 100
    assert answered == len(per_turn)  # in each of these turns
    assert s.conn.state == "open"


def _count_closed(conns: list[Connection]) -> int:
    return sum(conn.state == "closed" for conn in conns)
