"""Where we differ from Node on purpose, in calls, callbacks and counters. The table is differences.py."""

from __future__ import annotations

from tests.node.raw import MANY, MIB, NARROW, ROOMY
from tests.node.stage import Play, plays

# Calls that come too late, and callbacks.


@plays({"connection": [["end", "bye"]], "told write": [["write", "more", "w"]]})
def test_a_write_after_end_is_told_to_its_caller(play: Play) -> None:
    peer = play.connect()
    play.until("finish")
    play.tell("write")
    peer.end()
    play.until("close")
    peer.read_to_end()


@plays({"connection": [["destroy"], ["write", "late", "w"]]})
def test_a_write_after_destroy_is_told_to_its_caller(play: Play) -> None:
    peer = play.connect()
    play.until("close")
    play.settle()
    peer.read_to_end()


@plays({"finish": [["write", "too late", "w"]]})
def test_a_write_after_the_peer_has_ended_is_no_error(play: Play) -> None:
    peer = play.connect()
    peer.end()
    peer.read_to_end()
    play.until("close")


@plays({"finish": [["end", "too late", "e"]]})
def test_the_callback_of_an_end_tells_that_its_data_was_refused(play: Play) -> None:
    peer = play.connect()
    peer.end()
    peer.read_to_end()
    play.until("close")


@plays({"data": [["end", "bye"], ["reset"]]})
def test_reset_right_after_end_resets(play: Play) -> None:
    peer = play.connect()
    peer.send(b"x")
    play.settle()
    peer.read_to_end()


@plays({"connection": [["write", "a"], ["write", "b"], ["destroy"]]})
def test_destroy_drops_what_has_not_left(play: Play) -> None:
    peer = play.connect()
    play.until("close")
    peer.read_to_end()


@plays({"connection": [["end", "bye"]], "told again": [["end", None, "again"]]})
def test_a_late_second_end_is_answered_as_the_first(play: Play) -> None:
    peer = play.connect()
    play.until("finish")
    play.tell("again")
    peer.end()
    play.until("close")
    peer.read_to_end()


@plays({"connection": [["write", {"pattern": MANY}, "w"]], "told destroy": [["destroy"]]})
def test_no_callback_tells_success_of_bytes_that_were_dropped(play: Play) -> None:
    peer = play.connect(receive_buffer=NARROW)
    play.until("write returned false")
    play.tell("destroy")
    play.until("close")
    peer.read_to_end(whole=MANY)


@plays({"connection": [["write", {"pattern": MANY}], ["write", "x", "w"]]})
def test_callbacks_come_before_the_error(play: Play) -> None:
    peer = play.connect(receive_buffer=NARROW)
    play.until("write returned false", times=2)
    play.settle()
    peer.reset()
    play.until("close")
    play.settle()


@plays({"error": [["write", "late", "w"]]})
def test_a_callback_tells_what_the_network_did(play: Play) -> None:
    peer = play.connect()
    peer.reset()
    play.until("close")
    play.settle()


@plays({"start": [["write", "early", "w"]]}, role="client")
def test_no_callback_comes_between_connect_and_ready(play: Play) -> None:
    server = play.accept()
    server.read(5)
    play.until("callback w")
    server.end()
    play.until("close")


@plays({"start": [["write", "lost", "w"]]}, role="client", target="nobody")
def test_callbacks_of_a_client_that_never_connects_come_before_its_close(play: Play) -> None:
    play.until("close")
    play.settle()


@plays({"connection": [["write", {"pattern": MANY}], ["is", "bytes_written", MANY]]})
def test_bytes_written_are_those_that_the_kernel_took(play: Play) -> None:
    peer = play.connect(receive_buffer=ROOMY)
    play.until("write returned false")
    peer.read(MANY)
    peer.end()
    play.until("close")


@plays({"connection": [["write", "more than eight bytes"]]}, options={"high_water": 8})
def test_what_the_kernel_takes_at_once_is_not_pending(play: Play) -> None:
    peer = play.connect()
    peer.read(21)
    play.settle()
    peer.end()
    play.until("close")


@plays({"connection": [["corked", [["write", "lost", "w"], ["destroy"]]]]})
def test_destroy_inside_a_cork_drops_what_it_holds(play: Play) -> None:
    peer = play.connect()
    play.until("close")
    peer.read_to_end()


@plays(
    {"connection": [["write", {"pattern": 2 * MANY}]], "drain": [["is", "pending_bytes", 0]]},
    options={"high_water": 6 * MIB, "low_water": 5 * MIB},
)
def test_drain_comes_at_the_low_water_mark(play: Play) -> None:
    peer = play.connect(receive_buffer=ROOMY)
    play.until("write returned false")
    for _ in range(2 * MANY // MIB):  # in steps, so that no one send takes all that is left
        peer.read(MIB)
        play.settle()
    peer.end()
    play.until("close")
