"""destroy() and reset(): everything is dropped, and the wire shows FIN or RST."""

from __future__ import annotations

from tests.node.raw import MANY, NARROW
from tests.node.stage import Play, plays


@plays({"connection": [["destroy"], ["ask", "state"]]})
def test_destroy_is_a_fin_to_a_peer_that_was_read_to_the_end(play: Play) -> None:
    peer = play.connect()
    play.until("close")
    peer.read_to_end()


@plays({"connection": [["write", "hello"], ["destroy"]]})
def test_what_the_kernel_has_taken_survives_destroy(play: Play) -> None:
    peer = play.connect()
    play.until("close")
    peer.read_to_end()


@plays({"connection": [["destroy", "boom"]]})
def test_destroy_with_an_error_tells_it_then_closes(play: Play) -> None:
    peer = play.connect()
    play.until("close")
    peer.read_to_end()


@plays({"connection": [["destroy", "first"], ["destroy", "second"], ["reset"], ["end"], ["pause"], ["resume"]]})
def test_whatever_follows_destroy_changes_nothing(play: Play) -> None:
    peer = play.connect()
    play.until("close")
    play.settle()
    peer.read_to_end()


@plays({"close": [["destroy"], ["destroy", "late"], ["destroy_soon"], ["end"]]})
def test_whatever_follows_close_changes_nothing(play: Play) -> None:
    peer = play.connect()
    peer.end()
    play.until("close")
    play.settle()
    peer.read_to_end()


@plays({"data": [["destroy"]]})
def test_no_data_after_destroy(play: Play) -> None:
    peer = play.connect()
    peer.send(b"x")
    play.until("close")
    peer.send(b"y")
    play.settle()


@plays({"connection": [["write", {"pattern": MANY}]], "told destroy": [["destroy"]]})
def test_destroy_drops_what_is_pending(play: Play) -> None:
    peer = play.connect(receive_buffer=NARROW)
    play.until("write returned false")
    play.tell("destroy")
    play.until("close")
    peer.read_to_end(whole=MANY)


@plays({"connection": [["end", {"pattern": MANY}, "e"]], "told destroy": [["destroy"]]})
def test_destroy_cuts_an_end_short(play: Play) -> None:
    peer = play.connect(receive_buffer=NARROW)
    play.tell("destroy")
    play.until("close")
    peer.read_to_end(whole=MANY)


@plays({"told destroy": [["destroy"]]}, options={"pause_on_connect": True})
def test_destroy_with_bytes_unread_is_an_rst(play: Play) -> None:
    peer = play.connect()
    peer.send(b"nobody reads this")
    play.tell("destroy")
    play.until("close")
    peer.read_to_end()


@plays({"connection": [["reset"], ["ask", "state"]]})
def test_reset_is_an_rst(play: Play) -> None:
    peer = play.connect()
    play.until("close")
    peer.read_to_end()


@plays({"data": [["reset"]]})
def test_the_data_listener_may_reset(play: Play) -> None:
    peer = play.connect()
    peer.send(b"x")
    play.until("close")
    peer.read_to_end()


@plays({"connection": [["write", {"pattern": MANY}]], "told reset": [["reset"]]})
def test_reset_drops_what_is_pending(play: Play) -> None:
    peer = play.connect(receive_buffer=NARROW)
    play.until("write returned false")
    play.tell("reset")
    play.until("close")
    peer.read_to_end(whole=MANY)


@plays({"connection": [["end", "bye"]], "told reset": [["reset"]]})
def test_reset_after_our_fin(play: Play) -> None:
    peer = play.connect()
    peer.read(3)
    play.until("finish")
    play.tell("reset")
    play.until("close")
    peer.look()
    peer.look_for_reset()


@plays({"connection": [["reset"], ["destroy", "late"], ["reset"]]})
def test_of_reset_and_destroy_the_first_wins(play: Play) -> None:
    peer = play.connect()
    play.until("close")
    peer.read_to_end()


@plays({"close": [["reset"]]})
def test_reset_after_close(play: Play) -> None:
    peer = play.connect()
    peer.end()
    play.until("close")
    play.settle()
    peer.read_to_end()
