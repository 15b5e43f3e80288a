"""allow_half_open: the peer's FIN leaves our half to the program."""

from __future__ import annotations

from tests.node.raw import MIB
from tests.node.stage import Play, plays

HALF_OPEN = {"allow_half_open": True}


@plays({"end": [["write", "after"], ["ask", "state"]], "told end": [["end", "!"]]}, options=HALF_OPEN)
def test_the_peers_fin_leaves_our_half_open(play: Play) -> None:
    peer = play.connect()
    peer.end()
    play.until("end")
    peer.read(5)
    play.settle()
    peer.look()
    play.tell("end")
    peer.read_to_end()
    play.until("close")


@plays({"end": [["end", {"pattern": 2 * MIB}]]}, options=HALF_OPEN)
def test_an_answer_after_the_peers_fin_is_delivered_whole(play: Play) -> None:
    peer = play.connect()
    peer.send(b"request")
    peer.end()
    peer.read_to_end(whole=2 * MIB)
    play.until("close")


@plays({"connection": [["end", "bye"]]}, options=HALF_OPEN)
def test_our_end_before_the_peers(play: Play) -> None:
    peer = play.connect()
    peer.read_to_end()
    peer.send(b"more")
    play.until_received(4)
    peer.end()
    play.until("close")


@plays({"told destroy": [["destroy"]]}, options=HALF_OPEN)
def test_destroy_while_our_half_is_open(play: Play) -> None:
    peer = play.connect()
    peer.end()
    play.until("end")
    play.tell("destroy")
    play.until("close")
    peer.read_to_end()


@plays({"told reset": [["reset"]]}, options=HALF_OPEN)
def test_reset_while_our_half_is_open(play: Play) -> None:
    peer = play.connect()
    peer.end()
    play.until("end")
    play.tell("reset")
    play.until("close")
    peer.read_to_end()


@plays({"told soon": [["write", "bye"], ["destroy_soon"]]}, options=HALF_OPEN)
def test_destroy_soon_while_our_half_is_open(play: Play) -> None:
    peer = play.connect()
    peer.end()
    play.until("end")
    play.tell("soon")
    play.until("close")
    peer.read_to_end()
