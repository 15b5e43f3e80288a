"""end(): FIN after the last byte, and what the peer does with it."""

from __future__ import annotations

from tests.node.raw import MANY
from tests.node.stage import Play, plays


@plays({"connection": [["end", "bye"]]})
def test_end_sends_its_data_then_fin_and_close_waits_for_the_peers_fin(play: Play) -> None:
    peer = play.connect()
    peer.read_to_end()
    play.until("finish")
    play.settle()
    peer.end()
    play.until("close")


@plays({"connection": [["end"]]})
def test_end_of_a_connection_that_wrote_nothing(play: Play) -> None:
    peer = play.connect()
    peer.read_to_end()
    peer.end()
    play.until("close")


@plays({"connection": [["end", {"pattern": MANY}]]})
def test_fin_comes_after_the_last_of_many_bytes(play: Play) -> None:
    peer = play.connect()
    peer.read_to_end(whole=MANY)
    play.until("finish")
    peer.end()
    play.until("close")


@plays({"connection": [["end", "bye"]], "data": [["ask", "state"]]})
def test_after_end_the_peer_is_still_heard(play: Play) -> None:
    peer = play.connect()
    peer.read_to_end()
    peer.send(b"one")
    play.until_received(3)
    peer.send(b"two")
    play.until_received(6)
    peer.end()
    play.until("close")


@plays({"connection": [["ask", "state"]], "end": [["ask", "state"]], "close": [["ask", "state"]]})
def test_the_peers_fin_ends_our_half(play: Play) -> None:
    peer = play.connect()
    peer.send(b"hi")
    play.until_received(2)
    peer.end()
    peer.read_to_end()
    play.until("close")


@plays({"data": [["write", {"pattern": MANY}]]})
def test_what_is_pending_when_the_peer_ends_is_delivered_before_our_fin(play: Play) -> None:
    peer = play.connect()
    peer.send(b"get")
    play.until("write returned false")
    peer.end()
    play.until("end")
    peer.read_to_end(whole=MANY)
    play.until("close")


@plays({"end": [["write", "last word"]]})
def test_the_end_listener_may_say_a_last_word(play: Play) -> None:
    peer = play.connect()
    peer.end()
    peer.read_to_end()
    play.until("close")


@plays({"end": [["end", "last word"]]})
def test_the_end_listener_may_end_with_a_last_word(play: Play) -> None:
    peer = play.connect()
    peer.end()
    peer.read_to_end()
    play.until("close")


@plays({"data": [["end", "bye"]]})
def test_the_data_listener_may_end(play: Play) -> None:
    peer = play.connect()
    peer.send(b"quit")
    peer.read_to_end()
    peer.end()
    play.until("close")


@plays({"connection": [["write", "a"], ["end", "b"], ["end"], ["end"]]})
def test_end_again_changes_nothing(play: Play) -> None:
    peer = play.connect()
    peer.read_to_end()
    peer.end()
    play.until("close")


@plays({"connection": [["write", "a"]], "told end": [["end", "z"]]})
def test_both_sides_end_at_once(play: Play) -> None:
    peer = play.connect()
    peer.read(1)
    play.tell("end")
    peer.end()
    peer.read_to_end()
    play.until("close")


@plays({"close": [["end"], ["set_no_delay", True], ["set_keep_alive", True], ["pause"], ["resume"]]})
def test_most_calls_are_harmless_after_close(play: Play) -> None:
    peer = play.connect()
    peer.end()
    play.until("close")
    play.settle()


@plays({"connection": [["end", "bye"]]}, target="unix")
def test_end_on_a_unix_socket(play: Play) -> None:
    peer = play.connect()
    peer.read_to_end()
    peer.end()
    play.until("close")


@plays({"end": [["end", "last word"]]}, target="unix")
def test_the_peers_end_on_a_unix_socket(play: Play) -> None:
    peer = play.connect()
    peer.send(b"hi")
    play.until_received(2)
    peer.end()
    peer.read_to_end()
    play.until("close")
