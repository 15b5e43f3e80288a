"""`min_read_rate`, `min_write_rate` and `slow_reader`, met from raw clients that are too slow, or not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from reactor import Connection, Reason, length_prefixed, lines
from tests.support.scene import MIB, Scene, Scenes


def trickle(s: Scene, piece: bytes, seconds: int) -> float:
    """The peer sends `piece` each second while the connection is open; the seconds that it was."""
    for second in range(seconds):
        if s.conn.state != "open":
            return float(second)
        before = s.conn.bytes_read
        s.peer.send(piece)
        s.until(lambda: s.conn.bytes_read > before or s.conn.report)  # noqa: B023 - called at once
        s.pass_time(1)
    return float(seconds)


# min_read_rate


def test_who_sends_too_slowly_is_ended_after_a_window_and_who_does_not_is_left_alone(each_scene: Scenes) -> None:
    s = each_scene(min_read_rate=(100, 5))
    assert trickle(s, b"x" * 50, 30) in (5.0, 6.0)
    assert s.closed().reason is Reason.READ_RATE
    assert s.peer.outcome() == "FIN"
    s.peer, s.conn = s.connect()
    assert trickle(s, b"x" * 120, 60) == 60
    assert s.server.statistics().ended == {Reason.READ_RATE: 1}


def test_who_was_quick_at_first_has_saved_nothing_for_later(scene: Scenes) -> None:
    s = scene(min_read_rate=(100, 5))
    s.peer_says(bytes(MIB))
    assert trickle(s, b"x", 30) <= 11


def test_a_rate_by_itself_has_a_window_of_five_seconds(scene: Scenes) -> None:
    s = scene(min_read_rate=240)
    rate: Any = s.server.min_read_rate
    assert rate == (240, 5)
    assert s.pass_until(lambda: s.conn.report, 7) >= 5


def test_while_the_program_has_paused_it_nothing_is_expected(scene: Scenes) -> None:
    s = scene(min_read_rate=(100, 5))
    s.conn.pause()
    s.pass_time(30)
    assert s.conn.state == "open"
    s.conn.resume()
    assert trickle(s, b"x", 30) in (5.0, 6.0), "no grace after the pause, or no end"


@pytest.mark.parametrize("paused", [1, 4, 6, 100])
def test_in_the_middle_of_a_message_a_pause_of_the_program_is_not_the_clients(paused: int, scene: Scenes) -> None:
    """As one who does a job for each line does: pause, and resume when it is done."""
    s = scene(data=False, min_read_rate=(10, 5))
    heard: list[bytes] = []

    @lines
    def job(conn: Connection, line: bytes) -> None:
        heard.append(line)
        conn.pause()

    s.conn.on("data", job)
    s.peer.send(b"one\ntw")
    s.until(lambda: heard)
    s.pass_time(paused)
    s.conn.resume()
    s.turns()
    assert s.conn.state == "open"
    assert 5 <= s.pass_until(lambda: s.conn.report, 7) <= 6
    assert s.conn.report.reason is Reason.READ_RATE


@pytest.mark.parametrize("heard", [0, 1000])
def test_a_rate_that_is_asked_of_a_quiet_connection_has_a_whole_window(heard: int, scene: Scenes) -> None:
    s = scene()
    s.peer_says(bytes(heard))
    s.pass_time(100)
    s.conn.min_read_rate = (10, 5)
    s.turns()
    assert s.conn.state == "open"
    assert 5 <= s.pass_until(lambda: s.conn.report, 7) <= 6


def test_input_that_waits_because_we_were_busy_is_not_slow(scene: Scenes) -> None:
    s = scene(min_read_rate=(100_000, 5))
    s.peer.send_some(bytes(MIB))
    s.clock.advance(6)  # all that time we have read nothing, and one turn reads less than a window asks for
    s.turns(1)
    assert s.conn.bytes_read < 500_000
    assert s.conn.state == "open"


def test_a_rate_may_be_asked_of_one_connection_for_a_while(scene: Scenes) -> None:
    s = scene()
    _, done = s.connect()
    for conn in (s.conn, done):
        conn.min_read_rate = (100, 5)
    s.turns()
    done.min_read_rate = None
    s.pass_time(12)
    assert (s.conn.report.reason, done.state) == (Reason.READ_RATE, "open")


# min_read_rate, where what comes is cut into messages.


def framed(scenes: Scenes, make: Any = lines) -> Scene:
    s = scenes(data=False, min_read_rate=(100, 5))
    s.conn.on("data", make(lambda conn, frame: None))
    return s


@pytest.mark.parametrize("said", [b"", b"hello\n"])
def test_silence_between_two_messages_is_not_slow(said: bytes, scene: Scenes) -> None:
    s = framed(scene)
    s.peer.send(said)
    s.pass_time(60)
    assert s.conn.state == "open"


@pytest.mark.parametrize(("make", "begin"), [(lines, b"GET "), (length_prefixed, b"\0\0\1\0abc")])
@pytest.mark.parametrize("quiet_before", [0, 3, 17])
def test_a_message_that_trickles_in_is_ended(
    make: Callable[..., Any], begin: bytes, quiet_before: int, scene: Scenes
) -> None:
    s = framed(scene, make)
    s.pass_time(quiet_before)
    s.peer_says(begin)
    assert 5 <= trickle(s, b"x", 30) <= 11
    assert s.closed().reason is Reason.READ_RATE


def test_a_message_begun_just_before_the_look_has_its_own_grace(scene: Scenes) -> None:
    s = framed(scene)
    s.pass_time(4)
    s.jump(0.9)
    s.peer_says(b"hel")
    s.pass_time(3)
    s.peer.send(b"lo\n")
    s.pass_time(60)
    assert s.conn.state == "open"


def test_a_message_begins_with_its_first_byte_also_if_its_length_trickles_in(scene: Scenes) -> None:
    s = framed(scene, length_prefixed)
    s.peer_says(b"\0\0")
    s.pass_time(4)
    s.peer_says(b"\1\0")
    assert s.pass_until(lambda: s.conn.report, 10) <= 2
    assert s.conn.report.reason is Reason.READ_RATE


def test_slow_messages_one_after_the_other_are_each_judged_alone(scene: Scenes) -> None:
    s = framed(scene)
    for _ in range(10):  # each takes four seconds, less than a window
        s.peer.send(b"wo")
        s.pass_time(4)
        s.peer_says(b"rd\n")
    assert s.conn.state == "open"


def test_a_long_message_at_a_good_rate_may_take_its_time(scene: Scenes) -> None:
    assert trickle(framed(scene), b"x" * 130, 60) == 60


# min_write_rate


def read_slowly(s: Scene, per_second: int, seconds: int = 60) -> float:
    """The peer reads `per_second` bytes each second until the connection is closed; the seconds that it lived."""
    for second in range(seconds):
        if s.conn.report is not None:
            return float(second)
        if per_second:
            s.peer.receive(per_second)
            s.until(lambda: not s.peer.nothing_comes())  # its window has opened, and been filled
        s.pass_time(1)
    return float(seconds)


def slow(scenes: Scenes, **settings: Any) -> Scene:
    """A connection with much to send to a peer with little room."""
    s = scenes(receive_buffer=4096, **settings)
    s.conn.write(bytes(8 * MIB))
    return s


@pytest.mark.parametrize(("per_second", "least", "most"), [(0, 5, 11), (2_000, 5, 16)])
def test_who_reads_too_slowly_is_reset(per_second: int, least: int, most: int, scene: Scenes) -> None:
    s = slow(scene, min_write_rate=(20_000, 5))
    assert least <= read_slowly(s, per_second) <= most
    assert s.conn.report.reason is Reason.WRITE_RATE
    assert s.server.statistics().ended == {Reason.WRITE_RATE: 1}


def test_who_reads_fast_enough_is_left_alone(scene: Scenes) -> None:
    assert read_slowly(slow(scene, min_write_rate=(20_000, 5)), 40_000) == 60


def test_with_nothing_pending_nobody_is_too_slow(scene: Scenes) -> None:
    s = scene(min_write_rate=(20_000, 5))
    s.conn.write(b"hello")
    s.pass_time(60)
    assert s.conn.state == "open"


def test_output_that_begins_to_wait_late_has_its_own_grace(scene: Scenes) -> None:
    s = scene(min_write_rate=(20_000, 5), receive_buffer=4096)
    s.pass_time(33)
    s.conn.write(bytes(8 * MIB))
    s.turns()
    assert s.pass_until(lambda: s.conn.report, 12) >= 5


def test_the_rate_holds_while_an_ending_drains(scene: Scenes) -> None:
    s = slow(scene, min_write_rate=(20_000, 5))
    s.conn.end()
    s.pass_until(lambda: s.conn.report, 17)
    assert (s.conn.report.reason, s.conn.report.phase) == (Reason.WRITE_RATE, "draining")


# slow_reader


def fill(s: Scene, pending: int, piece: bytes) -> None:
    """Write until the kernel takes no more and `pending` bytes wait."""
    while s.conn.pending_bytes < pending:
        s.conn.write(piece)
        s.turns(1)


def test_who_holds_more_than_the_soft_limit_for_too_long_is_reset_though_it_reads(scene: Scenes) -> None:
    s = slow(scene, slow_reader=(100_000, 10))
    assert 10 <= read_slowly(s, 20_000) <= 12
    assert s.conn.report.reason is Reason.SLOW_READER
    assert s.conn.report.bytes_unsent > 100_000
    assert s.server.statistics().ended == {Reason.SLOW_READER: 1}


def test_who_holds_less_is_left_alone(scene: Scenes) -> None:
    s = scene(slow_reader=(100_000, 10), write_timeout=None, receive_buffer=4096)
    fill(s, 50_000, bytes(10_000))
    s.pass_time(60)
    assert s.conn.state == "open"


def test_who_falls_below_the_limit_in_time_has_all_of_it_again(scene: Scenes) -> None:
    s = scene(slow_reader=(100_000, 10), write_timeout=None, receive_buffer=4096)
    reading = s.peer.nonblocking()
    for _ in range(3):
        fill(s, 300_000, bytes(100_000))
        s.pass_time(7)
        assert s.conn.state == "open"
        s.until(lambda: reading.read() or not s.conn.pending_bytes)
        assert reading.outcome is None


def test_patience_goes_on_though_another_rate_is_set_meanwhile(scene: Scenes) -> None:
    s = slow(scene, slow_reader=(100_000, 10), write_timeout=None)
    s.turns()
    s.pass_time(6)
    s.conn.min_read_rate = (1, 1000)
    assert s.pass_until(lambda: s.conn.report, 20) <= 6
    assert s.conn.report.reason is Reason.SLOW_READER


def test_small_writes_that_pass_the_limit_between_two_flushes_are_noticed(scene: Scenes) -> None:
    s = scene(slow_reader=(20_000, 8), write_timeout=None, receive_buffer=4096)
    fill(s, 1000, bytes(1000))
    s.pass_time(2)
    for _ in range(30):
        s.conn.write(bytes(1000))  # joins the buffer, and nothing else happens
    assert 20_000 < s.conn.pending_bytes < 65_536
    assert 8 <= s.pass_until(lambda: s.conn.report, 12) <= 10
    assert s.conn.report.reason is Reason.SLOW_READER
