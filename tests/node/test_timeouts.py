"""set_timeout(): tells of silence, and ends nothing by itself. Each waits for 50 ms of real silence."""

from __future__ import annotations

from tests.node.stage import Play, plays

SHORT = 0.05  # seconds
LONGER = 0.15


@plays({"connection": [["set_timeout", SHORT]], "timeout": [["end", "late"]]})
def test_a_silence_is_told(play: Play) -> None:
    peer = play.connect()
    peer.read_to_end()
    peer.end()
    play.until("close")


@plays({"connection": [["set_timeout", SHORT, "cb"]]})
def test_the_listener_is_for_the_first_timeout_only_and_a_silence_is_told_once(play: Play) -> None:
    peer = play.connect()
    play.until("timeout")
    peer.send(b"x")
    play.until("timeout", times=2)
    peer.end()
    play.until("close")


@plays({"connection": [["set_timeout", SHORT]], "timeout": [["later", LONGER]]})
def test_a_silence_is_told_once_however_long_it_lasts(play: Play) -> None:
    peer = play.connect()
    play.until("later")
    peer.end()
    play.until("close")


@plays({"connection": [["set_timeout", SHORT]], "timeout": [["write", "still there?"]]})
def test_a_write_starts_it_anew(play: Play) -> None:
    peer = play.connect()
    play.until("timeout", times=2)
    peer.read(12)
    peer.end()
    play.until("close")


@plays({"connection": [["set_timeout", SHORT], ["set_timeout", 0], ["later", LONGER]]})
def test_zero_disarms(play: Play) -> None:
    peer = play.connect()
    play.until("later")
    peer.end()
    play.until("close")


@plays({"connection": [["set_timeout", SHORT]], "timeout": [["destroy"]]})
def test_the_timeout_listener_may_destroy(play: Play) -> None:
    peer = play.connect()
    play.until("close")
    peer.read_to_end()


@plays({"connection": [["set_timeout", SHORT]], "timeout": [["reset"]]})
def test_the_timeout_listener_may_reset(play: Play) -> None:
    peer = play.connect()
    play.until("close")
    peer.read_to_end()


@plays({"connection": [["end", "bye"], ["set_timeout", SHORT]]})
def test_it_runs_after_end_too(play: Play) -> None:
    peer = play.connect()
    peer.read_to_end()
    play.until("timeout")
    peer.end()
    play.until("close")


@plays({"connection": [["pause"], ["set_timeout", SHORT]], "timeout": [["resume"]]})
def test_it_runs_while_paused(play: Play) -> None:
    peer = play.connect()
    play.until("timeout")
    peer.send(b"x")
    play.until_received(1)
    peer.end()
    play.until("close")


@plays({"end": [["set_timeout", SHORT]], "timeout": [["end", "enough"]]}, options={"allow_half_open": True})
def test_it_runs_while_half_open(play: Play) -> None:
    peer = play.connect()
    peer.end()
    peer.read_to_end()
    play.until("close")


@plays({"connection": [["set_timeout", SHORT], ["destroy"], ["later", LONGER]]})
def test_no_timeout_after_close(play: Play) -> None:
    play.connect()
    play.until("close")
    play.until("later")
