"""pause() and resume(): nothing is delivered in between, and nothing is lost."""

from __future__ import annotations

from tests.node.stage import Play, plays


@plays({"told resume": [["resume"]]}, options={"pause_on_connect": True})
def test_pause_on_connect_holds_data_until_resume(play: Play) -> None:
    peer = play.connect()
    peer.send(b"early")
    play.settle()
    play.tell("resume")
    play.until_received(5)
    peer.end()
    play.until("close")


@plays({"connection": [["pause"]], "told resume": [["resume"]]})
def test_pause_in_the_connection_listener(play: Play) -> None:
    peer = play.connect()
    peer.send(b"early")
    play.settle()
    play.tell("resume")
    play.until_received(5)
    peer.end()
    play.until("close")


@plays({"data": [["pause"], ["ask", "state"]], "told resume": [["resume"]]})
def test_no_data_after_pause_in_a_data_listener(play: Play) -> None:
    peer = play.connect()
    peer.send(b"one")
    play.until_received(3)
    peer.send(b"two")
    play.settle()
    play.tell("resume")
    play.until_received(6)
    peer.end()
    play.until("close")


@plays({"connection": [["pause"]], "told resume": [["resume"]]})
def test_the_end_waits_for_resume(play: Play) -> None:
    peer = play.connect()
    peer.send(b"last")
    peer.end()
    play.settle()
    play.tell("resume")
    peer.read_to_end()
    play.until("close")


@plays({"connection": [["pause"], ["end", "bye"]], "told resume": [["resume"]]})
def test_end_while_paused_sends_fin_and_waits(play: Play) -> None:
    peer = play.connect()
    peer.read_to_end()
    play.until("finish")
    peer.send(b"more")
    peer.end()
    play.settle()
    play.tell("resume")
    play.until("close")


@plays({"connection": [["pause"]], "told destroy": [["destroy"]]})
def test_destroy_while_paused(play: Play) -> None:
    peer = play.connect()
    play.tell("destroy")
    play.until("close")
    peer.read_to_end()


@plays({"data": [["pause"]], "told resume": [["resume"]]})
def test_a_large_upload_survives_a_pause(play: Play) -> None:
    peer = play.connect()
    peer.send(b"\x00")
    play.until_received(1)
    play.tell("resume")
    peer.send(bytes(i % 251 for i in range(1, 1 << 21)))
    peer.end()
    peer.read_to_end()
    play.until("close")


@plays({"connection": [["pause"], ["resume"], ["pause"], ["pause"], ["resume"]]})
def test_of_pause_and_resume_the_last_counts(play: Play) -> None:
    peer = play.connect()
    peer.send(b"x")
    play.until_received(1)
    peer.end()
    play.until("close")


@plays({"end": [["pause"]], "finish": [["resume"], ["pause"]]})
def test_pause_after_the_peers_fin_changes_nothing(play: Play) -> None:
    peer = play.connect()
    peer.end()
    peer.read_to_end()
    play.until("close")
