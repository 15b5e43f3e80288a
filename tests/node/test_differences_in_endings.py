"""Where we differ from Node on purpose, in endings, servers, clients and pipes. The table is differences.py."""

from __future__ import annotations

from tests.node.raw import MANY, MIB, NARROW, ROOMY
from tests.node.stage import Play, plays

HALF_OPEN = {"allow_half_open": True}
SHORT = 0.05  # seconds
LONGER = 0.2


# What the peer does is noticed.


@plays({}, options=HALF_OPEN)
def test_a_reset_behind_the_peers_fin_is_noticed(play: Play) -> None:
    peer = play.connect()
    peer.end()
    play.until("end")
    peer.reset()
    play.settle()


@plays({}, options={"pause_on_connect": True})
def test_a_reset_is_noticed_while_paused(play: Play) -> None:
    peer = play.connect()
    peer.reset()
    play.settle()


@plays({"told resume": [["resume"]]}, options={"pause_on_connect": True})
def test_a_reset_behind_unread_bytes_is_no_clean_end(play: Play) -> None:
    peer = play.connect()
    peer.send(b"read me later")
    peer.reset()
    play.settle()
    play.tell("resume")
    play.until("close")


@plays({}, deaf=("data",))
def test_the_end_is_seen_though_nobody_listens_to_data(play: Play) -> None:
    peer = play.connect()
    peer.send(b"nobody listens")
    peer.end()
    play.settle()
    peer.look()


@plays({}, deaf=("error",))
def test_nobody_has_to_listen_to_error(play: Play) -> None:
    peer = play.connect()
    peer.reset()
    play.until("close")
    play.settle()


@plays({"data": [["raise", "a bug of the program"]]})
def test_a_listener_that_raises_ends_its_own_connection_only(play: Play) -> None:
    peer, other = play.connect(), play.connect()
    peer.send(b"x")
    play.settle()
    peer.look()
    other.end()
    play.until("close", who=2)


# pause().


@plays({"connection": [["pause"]], "told destroy": [["destroy"]]})
def test_pause_reads_nothing_so_destroy_is_an_rst(play: Play) -> None:
    peer = play.connect()
    peer.send(b"nobody reads this")
    play.settle()
    play.tell("destroy")
    play.until("close")
    peer.read_to_end()


@plays({"connection": [["pause"]], "told resume": [["resume"]]})
def test_pause_holds_the_end_back_even_with_nothing_before_it(play: Play) -> None:
    peer = play.connect()
    peer.end()
    play.settle()
    play.note("paused")
    peer.look()
    play.tell("resume")
    peer.read_to_end()
    play.until("close")


# destroy_soon() is a lingering close.


@plays({"data": [["write", "no"], ["destroy_soon"]]})
def test_destroy_soon_waits_for_the_peers_fin(play: Play) -> None:
    peer = play.connect()
    peer.send(b"request")
    peer.read_to_end()
    play.settle()
    peer.send(b"more")
    peer.look_for_reset()
    peer.end()
    play.until("close")


@plays({"connection": [["write", {"pattern": MIB}], ["destroy_soon"]]}, deaf=("data", "drain", "write returned false"))
def test_an_early_refusal_arrives_whole(play: Play) -> None:
    peer = play.connect(receive_buffer=ROOMY)
    peer.send(bytes(MANY))
    peer.end()
    peer.read_whole(MIB)
    play.until("close")


@plays({"connection": [["write", {"pattern": MANY}], ["destroy_soon"]]})
def test_nothing_is_delivered_after_destroy_soon(play: Play) -> None:
    peer = play.connect(receive_buffer=ROOMY)
    play.until("write returned false")
    peer.send(b"are you listening?")
    play.settle()
    peer.end()
    peer.read_to_end(whole=MANY)
    play.until("close")


# Nothing waits for ever. Node has no such settings.


@plays({"connection": [["end", "bye", None, SHORT], ["later", LONGER]]})
def test_end_may_be_given_a_deadline(play: Play) -> None:
    peer = play.connect()
    peer.read_to_end()
    play.until("later")
    peer.look_for_reset()


@plays({"connection": [["write", {"pattern": MANY}], ["end"], ["later", LONGER]]}, options={"write_timeout": SHORT})
def test_a_peer_that_does_not_read_is_given_up(play: Play) -> None:
    play.connect(receive_buffer=NARROW)
    play.until("later")


@plays({"end": [["later", LONGER]]}, options={**HALF_OPEN, "half_open_timeout": SHORT})
def test_a_connection_that_nobody_ends_is_given_up(play: Play) -> None:
    peer = play.connect()
    peer.end()
    play.until("later")


# Servers.


@plays({"connection": [["server.close", "c"]]})
def test_stopped_comes_after_the_last_close(play: Play) -> None:
    peer = play.connect()
    play.settle()
    peer.end()
    play.until("stopped", who=0)
    play.until("callback c", who=0)
    play.until("close")


@plays({"connection": [["listen again"]]})
def test_listen_raises_what_the_kernel_refuses(play: Play) -> None:
    peer = play.connect()
    play.settle()
    peer.end()
    play.until("close")


@plays({"connection": [["reset"]]}, target="unix")
def test_reset_on_a_unix_socket_is_a_plain_close(play: Play) -> None:
    peer = play.connect()
    play.settle()
    peer.look()


# Clients.


@plays({"start": [["destroy_soon"]]}, role="client")
def test_destroy_soon_before_connect_with_nothing_written_cancels(play: Play) -> None:
    play.until("close")
    play.settle()
    play.note("nobody came" if play.nobody_comes() else "somebody came")


@plays({"start": [["reset"]]}, role="client")
def test_reset_before_connect_cancels(play: Play) -> None:
    play.until("close")
    play.settle()
    play.note("nobody came" if play.nobody_comes() else "somebody came")


@plays({"connect": [["destroy"]]}, role="client")
def test_after_destroy_only_close_is_told(play: Play) -> None:
    server = play.accept()
    play.until("close")
    play.settle()
    server.read_to_end()


@plays({}, role="client", target="nobody", host="::1", ipv6=True)
def test_an_ipv6_address_stands_in_brackets(play: Play) -> None:
    play.until("close")


@plays({}, role="client", host="a.test", options={"lookup": ["nonsense"]})
def test_a_lookup_that_answers_nonsense_is_named(play: Play) -> None:
    play.until("close")
    play.settle()


@plays({"close": [["ask", "remote_host"], ["ask", "local_host"]]}, role="client")
def test_addresses_are_known_after_close(play: Play) -> None:
    server = play.accept()
    play.until("ready")
    server.end()
    play.until("close")


# Text, pipes, and the state.


@plays({"connection": [["set_encoding", "utf-8"]]})
def test_bytes_that_are_no_text_are_an_error(play: Play) -> None:
    peer = play.connect()
    peer.send(b"a\xff")
    play.settle()
    peer.end()
    play.until("close")
    peer.read_to_end()


@plays({"told relay": [["pipe", 1]], "told back": [["pipe", 2]]}, deaf=("data",))
def test_a_relay_carries_half_closes(play: Play) -> None:
    client, server = play.connect(), play.connect()
    play.tell("back", who=1)
    play.tell("relay", who=2)
    client.send(b"question")
    server.read(8)
    client.end()
    server.read_to_end()
    play.settle()
    server.send(b"answer")
    server.end()
    client.read_to_end()
    play.settle()


@plays({"told relay": [["pipe", 1]], "told back": [["pipe", 2]]}, deaf=("data",))
def test_a_relay_carries_resets(play: Play) -> None:
    client, server = play.connect(), play.connect()
    play.tell("back", who=1)
    play.tell("relay", who=2)
    client.send(b"question")
    server.read(8)
    client.reset()
    play.until("close")
    play.settle()
    server.look()


@plays({"told there": [["pipe", 2]]}, deaf=("data",))
def test_a_pipe_into_a_connection_that_is_gone_ends_its_source(play: Play) -> None:
    source, destination = play.connect(), play.connect()
    play.tell("there", who=1)
    source.send(b"hello")
    destination.read(5)
    destination.reset()
    play.until("close", who=2)
    play.settle()
    source.look()


@plays({"finish": [["ask", "state"]], "close": [["ask", "state"]]})
def test_the_state_tells_closing_from_closed(play: Play) -> None:
    peer = play.connect()
    peer.end()
    play.until("close")
