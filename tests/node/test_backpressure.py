"""write() answers false, and drain: how fast a program may write."""

from __future__ import annotations

from tests.node.raw import MANY, NARROW, ROOMY
from tests.node.stage import Play, plays


@plays({"connection": [["write", {"pattern": MANY}]], "drain": [["end"]]})
def test_drain_comes_when_a_slow_peer_has_read(play: Play) -> None:
    peer = play.connect(receive_buffer=ROOMY)
    play.until("write returned false")
    play.settle()
    peer.read_to_end(whole=MANY)
    peer.end()
    play.until("close")


@plays({"connection": [["write", {"pattern": MANY}, "w"]]})
def test_drain_comes_before_the_callback_of_the_last_write(play: Play) -> None:
    peer = play.connect(receive_buffer=ROOMY)
    play.until("write returned false")
    peer.read(MANY)
    play.until("callback w")
    play.until("drain")
    peer.end()
    play.until("close")


@plays({"connection": [["write", {"pattern": MANY}], ["write", "x"], ["write", "y"]], "drain": [["end"]]})
def test_one_drain_for_several_writes(play: Play) -> None:
    peer = play.connect(receive_buffer=ROOMY)
    play.until("write returned false", times=3)
    peer.read(MANY)
    peer.read_to_end()
    peer.end()
    play.until("close")


@plays({"connection": [["write", {"pattern": MANY}], ["end"]]})
def test_no_drain_after_end(play: Play) -> None:
    peer = play.connect(receive_buffer=ROOMY)
    play.until("write returned false")
    peer.read_to_end(whole=MANY)
    peer.end()
    play.until("close")


@plays({"connection": [["write", {"pattern": MANY}]], "drain": [["write", "then "], ["end", "bye"]]})
def test_a_write_in_the_drain_listener(play: Play) -> None:
    peer = play.connect(receive_buffer=ROOMY)
    play.until("write returned false")
    peer.read(MANY)
    peer.read_to_end()
    peer.end()
    play.until("close")


@plays({"connection": [["write", {"pattern": MANY}]], "told destroy": [["destroy"]]})
def test_no_drain_after_destroy(play: Play) -> None:
    peer = play.connect(receive_buffer=NARROW)
    play.until("write returned false")
    play.tell("destroy")
    play.until("close")
    peer.read_to_end(whole=MANY)
    play.settle()


@plays({"connection": [["write", "a"], ["write", "b"], ["write", "c"]]})
def test_small_writes_ask_for_no_patience(play: Play) -> None:
    peer = play.connect()
    peer.read(3)
    peer.end()
    play.until("close")


@plays({"connection": [["corked", [["write", "a"], ["write", "b"], ["write", "c"]]]]})
def test_corked_writes_leave_together(play: Play) -> None:
    peer = play.connect()
    peer.read_once()
    peer.end()
    play.until("close")


@plays({"connection": [["corked", [["write", "a", "1"], ["write", "b", "2"], ["end", "c", "e"]]]]})
def test_an_end_inside_a_cork_waits_for_it(play: Play) -> None:
    peer = play.connect()
    peer.read_once()
    peer.read_to_end()
    peer.end()
    play.until("close")


@plays({"connection": [["writelines", ["one ", "two ", "three"]]]})
def test_writelines_leave_together(play: Play) -> None:
    peer = play.connect()
    peer.read_once()
    peer.end()
    play.until("close")
