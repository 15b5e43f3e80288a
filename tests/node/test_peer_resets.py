"""The peer resets, at each stage of a connection."""

from __future__ import annotations

from tests.node.raw import MANY, NARROW
from tests.node.stage import Play, plays


@plays({})
def test_a_reset_of_an_open_connection(play: Play) -> None:
    peer = play.connect()
    peer.reset()
    play.until("close")


@plays({"data": [["write", "answer", "w"]]})
def test_a_reset_after_an_exchange(play: Play) -> None:
    peer = play.connect()
    peer.send(b"question")
    peer.read(6)
    play.until("callback w")
    peer.reset()
    play.until("close")


@plays({"data": [["write", "unread"]]})
def test_a_close_with_unread_bytes_is_a_reset(play: Play) -> None:
    peer = play.connect()
    peer.send(b"question")
    play.until_received(8)
    play.settle()
    peer.close()
    play.until("close")


@plays({"connection": [["write", {"pattern": MANY}], ["write", "x"]]})
def test_a_reset_while_output_is_pending(play: Play) -> None:
    peer = play.connect(receive_buffer=NARROW)
    play.until("write returned false")
    play.settle()
    peer.reset()
    play.until("close")
    play.settle()


@plays({"connection": [["end", {"pattern": MANY}]]})
def test_a_reset_while_an_end_is_draining(play: Play) -> None:
    peer = play.connect(receive_buffer=NARROW)
    play.settle()
    peer.reset()
    play.until("close")
    play.settle()


@plays({"connection": [["end", "bye", "e"]]})
def test_a_reset_after_our_fin(play: Play) -> None:
    peer = play.connect()
    play.until("finish")
    peer.read_to_end()
    peer.reset()
    play.until("close")


@plays({"connection": [["write", {"pattern": MANY}]]})
def test_a_reset_while_output_is_pending_after_the_peers_fin(play: Play) -> None:
    peer = play.connect(receive_buffer=NARROW)
    play.until("write returned false")
    peer.end()
    play.until("end")
    play.settle()
    peer.reset()
    play.until("close")
    play.settle()


@plays({"connection": [["write", {"pattern": MANY}], ["destroy_soon"]]})
def test_a_reset_while_destroy_soon_is_draining(play: Play) -> None:
    peer = play.connect(receive_buffer=NARROW)
    play.until("write returned false")
    play.settle()
    peer.reset()
    play.until("close")
    play.settle()


@plays({"told resume": [["resume"]]}, options={"pause_on_connect": True})
def test_a_reset_while_paused(play: Play) -> None:
    peer = play.connect()
    peer.reset()
    play.settle()
    play.tell("resume")
    play.until("close")


@plays({"error": [["write", "late"], ["end"], ["destroy"]]})
def test_the_error_listener_may_call_anything(play: Play) -> None:
    peer = play.connect()
    peer.reset()
    play.until("close")
    play.settle()
