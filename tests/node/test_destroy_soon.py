"""destroy_soon(): what was written is delivered. Where the peer has not ended, see test_differences_in_endings.py."""

from __future__ import annotations

from tests.node.raw import MANY, ROOMY
from tests.node.stage import Play, plays

HALF_OPEN = {"allow_half_open": True}


@plays({"told soon": [["write", "bye"], ["destroy_soon"]]}, options=HALF_OPEN)
def test_destroy_soon_delivers_what_was_written_then_fin(play: Play) -> None:
    peer = play.connect()
    peer.end()
    play.until("end")
    play.tell("soon")
    play.until("close")
    peer.read_to_end()


@plays({"end": [["write", {"pattern": MANY}, "w"], ["destroy_soon"]]}, options=HALF_OPEN)
def test_destroy_soon_delivers_many_bytes(play: Play) -> None:
    peer = play.connect(receive_buffer=ROOMY)
    peer.end()
    play.until("write returned false")
    peer.read_to_end(whole=MANY)
    play.until("close")


@plays({"end": [["destroy_soon"]]}, options=HALF_OPEN)
def test_destroy_soon_of_a_connection_that_wrote_nothing(play: Play) -> None:
    peer = play.connect()
    peer.end()
    peer.read_to_end()
    play.until("close")


@plays({"end": [["write", "bye"], ["destroy_soon"], ["destroy_soon"], ["end"]]}, options=HALF_OPEN)
def test_destroy_soon_again_changes_nothing(play: Play) -> None:
    peer = play.connect()
    peer.end()
    peer.read_to_end()
    play.until("close")


@plays({"end": [["end", "bye"], ["destroy_soon"]]}, options=HALF_OPEN)
def test_destroy_soon_after_end(play: Play) -> None:
    peer = play.connect()
    peer.end()
    peer.read_to_end()
    play.until("close")


@plays({"end": [["write", "bye"], ["destroy_soon"]]})
def test_destroy_soon_in_the_end_listener(play: Play) -> None:
    peer = play.connect()
    peer.end()
    peer.read_to_end()
    play.until("close")


@plays({"connection": [["write", {"pattern": MANY}], ["destroy_soon"]], "told destroy": [["destroy"]]})
def test_destroy_cuts_destroy_soon_short(play: Play) -> None:
    peer = play.connect(receive_buffer=4096)
    play.until("write returned false")
    play.tell("destroy")
    play.until("close")
    peer.read_to_end(whole=MANY)


@plays({"connection": [["write", {"pattern": MANY}], ["destroy_soon"]], "told reset": [["reset"]]})
def test_reset_cuts_destroy_soon_short(play: Play) -> None:
    peer = play.connect(receive_buffer=4096)
    play.until("write returned false")
    play.tell("reset")
    play.until("close")
    peer.read_to_end(whole=MANY)
