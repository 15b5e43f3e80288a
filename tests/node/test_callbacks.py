"""The callbacks of write() and end(): once each, in order, with an error if it came to nothing."""

from __future__ import annotations

from tests.node.raw import MANY, ROOMY
from tests.node.stage import Play, plays


@plays({"connection": [["write", "a", "1"], ["write", "b", "2"], ["write", "c", "3"]]})
def test_callbacks_come_in_the_order_of_the_writes(play: Play) -> None:
    peer = play.connect()
    peer.read(3)
    play.until("callback 3")
    peer.end()
    play.until("close")


@plays({"connection": [["write", "a", "1"], ["write", "b", "2"], ["end", "c", "e"]]})
def test_write_callbacks_come_before_that_of_end(play: Play) -> None:
    peer = play.connect()
    peer.read_to_end()
    peer.end()
    play.until("close")


@plays({"connection": [["write", {"pattern": MANY}, "w"], ["end"]]})
def test_write_callbacks_come_before_finish(play: Play) -> None:
    peer = play.connect(receive_buffer=ROOMY)
    play.until("write returned false")
    peer.read_to_end(whole=MANY)
    peer.end()
    play.until("close")


@plays({"connection": [["write", "a", "1"]], "callback 1": [["write", "b", "2"]], "callback 2": [["end", "c", "e"]]})
def test_a_callback_may_write_and_end(play: Play) -> None:
    peer = play.connect()
    peer.read_to_end()
    peer.end()
    play.until("close")


@plays({"connection": [["write", "", "nothing"]]})
def test_an_empty_write_is_answered_too(play: Play) -> None:
    peer = play.connect()
    play.until("callback nothing")
    peer.end()
    play.until("close")


@plays({"connection": [["write", "a", "1"], ["write", "b", "2"]], "callback 1": [["destroy"]]})
def test_a_callback_may_destroy(play: Play) -> None:
    peer = play.connect()
    play.until("close")
    play.settle()
    peer.read_to_end()


@plays({"connection": [["write", "a", "1"]], "callback 1": [["reset"]]})
def test_a_callback_may_reset(play: Play) -> None:
    play.connect()
    play.until("close")
    play.settle()


@plays({"data": [["write", "echo", "w"]], "callback w": [["ask", "state"]]})
def test_a_callback_never_comes_from_inside_write(play: Play) -> None:
    peer = play.connect()
    peer.send(b"x")
    peer.read(4)
    peer.end()
    play.until("close")


@plays({"data": [["write", "a", "1"], ["write", "b", "2"]]})
def test_callbacks_are_answered_before_the_next_data(play: Play) -> None:
    peer = play.connect()
    peer.send(b"x")
    play.until("callback 2")
    peer.send(b"y")
    play.until_received(2)
    peer.end()
    play.until("close")
    peer.read_to_end()
