"""set_encoding(): text instead of bytes. pipe(): a connection that echoes."""

from __future__ import annotations

from tests.node.raw import MIB, pattern
from tests.node.stage import Play, plays


@plays({"connection": [["set_encoding", "utf-8"]]})
def test_text_instead_of_bytes(play: Play) -> None:
    peer = play.connect()
    peer.send("grüße".encode())
    play.until_received(7)
    peer.end()
    play.until("close")


@plays({"connection": [["set_encoding", "utf-8"]]})
def test_a_character_that_comes_in_two_pieces_is_whole(play: Play) -> None:
    peer = play.connect()
    peer.send(b"a\xc3")
    play.until_received(1)
    peer.send(b"\xa9b")
    play.until_received(4)
    peer.end()
    play.until("close")


@plays({"data": [["set_encoding", "utf-8"]]})
def test_the_encoding_may_change_on_the_way(play: Play) -> None:
    peer = play.connect()
    peer.send(b"bytes")
    play.until_received(5)
    peer.send(b"text")
    play.until_received(9)
    peer.end()
    play.until("close")


@plays({"connection": [["pipe", 1]]}, deaf=("data",))
def test_a_connection_piped_to_itself_echoes(play: Play) -> None:
    peer = play.connect()
    peer.send(b"hello")
    peer.read(5)
    peer.send(b"again")
    peer.read(5)
    peer.end()
    peer.read_to_end()
    play.until("close")


@plays({"connection": [["pipe", 1]]}, deaf=("data", "drain"))
def test_an_echo_of_many_bytes_to_a_peer_that_reads_late(play: Play) -> None:
    peer = play.connect()
    for piece in range(4):
        peer.send(pattern(MIB)[piece * (MIB // 4) : (piece + 1) * (MIB // 4)])
    peer.end()
    peer.read_to_end(whole=MIB)
    play.until("close")


@plays({"connection": [["pipe", 1]]}, deaf=("data",))
def test_a_reset_ends_an_echo(play: Play) -> None:
    peer = play.connect()
    peer.send(b"hello")
    peer.read(5)
    peer.reset()
    play.until("close")


@plays({"connection": [["pipe", 1]], "told stop": [["unpipe", 1], ["resume"]]})
def test_unpipe_stops_the_echo(play: Play) -> None:
    peer = play.connect()
    peer.send(b"hello")
    peer.read(5)
    play.tell("stop")
    peer.send(b"no echo")
    play.until_received(12)
    peer.look()
    peer.end()
    peer.read_to_end()
    play.until("close")


@plays(
    {"told there": [["pipe", 2]], "told back": [["pipe", 1]]},
    deaf=("data", "close"),  # whose close comes first means nothing
    options={"allow_half_open": True},
)
def test_a_relay_of_half_open_connections(play: Play) -> None:
    client, server = play.connect(), play.connect()
    play.tell("there", who=1)
    play.tell("back", who=2)
    client.send(b"question")
    client.end()
    server.read_to_end()
    play.settle()
    client.look()
    server.send(b"answer")
    server.end()
    client.read_to_end()
    play.until("finish")


@plays({"told there": [["pipe", 2, {"end": False}]]}, deaf=("data",))
def test_a_pipe_may_leave_the_end_of_its_destination_alone(play: Play) -> None:
    source, destination = play.connect(), play.connect()
    play.tell("there", who=1)
    source.send(b"hello")
    destination.read(5)
    source.end()
    play.until("close")
    play.settle()
    destination.look()
    destination.end()
    play.until("close", who=2)
