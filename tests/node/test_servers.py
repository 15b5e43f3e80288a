"""Servers: stopping, limits, and connections that outlive them."""

from __future__ import annotations

import socket

from tests.node.raw import Raw
from tests.node.stage import Play, plays


@plays({"data": [["server.close", "c"]]}, deaf=("close",))
def test_stopped_waits_for_the_last_connection(play: Play) -> None:
    first, second = play.connect(), play.connect()
    first.send(b"x")
    play.until_received(1)
    play.settle()
    first.end()
    first.read_to_end()
    play.settle()
    second.end()
    play.until("stopped", who=0)
    play.until("callback c", who=0)


@plays({"connection": [["server.close", "c"], ["destroy"]]}, deaf=("close",))
def test_close_and_destroy_in_the_connection_listener(play: Play) -> None:
    peer = play.connect()
    play.until("callback c", who=0)
    play.until("stopped", who=0)
    peer.read_to_end()


@plays({"connection": [["server.close", "first"], ["server.close", "second"]]}, deaf=("close",))
def test_closing_twice_answers_both(play: Play) -> None:
    peer = play.connect()
    play.settle()
    peer.end()
    play.until("stopped", who=0)
    play.until("callback first", who=0)
    play.until("callback second", who=0)


@plays({"connection": [["server.close", "c"]], "data": [["write", "still here"]]}, deaf=("close",))
def test_connections_live_on_after_close(play: Play) -> None:
    peer = play.connect()
    play.settle()
    peer.send(b"anybody?")
    peer.read(10)
    peer.end()
    play.until("stopped", who=0)
    play.until("callback c", who=0)


@plays({"connection": [["server.close", "c"]]}, deaf=("close",))
def test_nobody_listens_after_close(play: Play) -> None:
    peer = play.connect()
    play.settle()
    with socket.socket() as late:
        play.note("refused" if late.connect_ex(play.address) else "let in")
    peer.end()
    play.until("stopped", who=0)
    play.until("callback c", who=0)


@plays({"connection": [["server.close", "c"]], "told reset": [["reset"]]}, deaf=("close",))
def test_stopped_after_a_reset(play: Play) -> None:
    peer = play.connect()
    play.tell("reset")
    play.until("stopped", who=0)
    play.until("callback c", who=0)
    peer.read_to_end()


@plays({}, options={"max_connections": 1})
def test_above_max_connections_clients_are_dropped(play: Play) -> None:
    first = play.connect()
    second = play.connect(wait=False)
    play.until("drop", who=0)
    second.read_to_end()
    first.end()
    play.until("close")
    third = Raw.connect(play.address, "#3 ", [])
    play.until("connection", who=2)
    third.end()
    play.until("close", who=2)
    third.close()


@plays({"connection": [["destroy"]]}, options={"max_connections": 1})
def test_a_freed_place_is_used_again(play: Play) -> None:
    for who in (1, 2, 3):
        peer = play.connect()
        play.until("close", who=who)
        peer.read_to_end()


@plays({"connection": [["server.close", "c"]]}, target="unix", deaf=("close",))
def test_close_of_a_server_on_a_path(play: Play) -> None:
    peer = play.connect()
    play.settle()
    peer.end()
    play.until("stopped", who=0)
    play.until("callback c", who=0)


@plays({"data": [["write", "for one"]]})
def test_connections_do_not_hear_each_other(play: Play) -> None:
    first, second = play.connect(), play.connect()
    second.send(b"x")
    second.read(7)
    play.settle()
    first.look()
    first.end()
    play.until("close")
    second.end()
    play.until("close", who=2)
