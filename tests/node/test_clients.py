"""Clients: connecting, and the same endings as accepted connections."""

from __future__ import annotations

from tests.node.raw import MANY, MIB
from tests.node.stage import Play, plays


@plays({"connect": [["ask", "state"]]}, role="client")
def test_connect_then_ready(play: Play) -> None:
    server = play.accept()
    play.until("ready")
    server.send(b"hello")
    play.until_received(5)
    server.end()
    server.read_to_end()
    play.until("close")


@plays({"ready": [["write", "hello"], ["end", "!"]]}, role="client")
def test_a_client_ends(play: Play) -> None:
    server = play.accept()
    server.read_to_end()
    play.until("finish")
    server.send(b"answer")
    play.until_received(6)
    server.end()
    play.until("close")


@plays({"connect": [["end", "all"]]}, role="client")
def test_end_in_the_connect_listener(play: Play) -> None:
    server = play.accept()
    server.read_to_end()
    server.end()
    play.until("close")


@plays({"end": [["ask", "state"]], "told end": [["end", "after"]]}, role="client", options={"allow_half_open": True})
def test_a_half_open_client(play: Play) -> None:
    server = play.accept()
    server.end()
    play.until("end")
    play.settle()
    server.look()
    play.tell("end")
    server.read_to_end()
    play.until("close")


@plays({"ready": [["reset"]]}, role="client")
def test_a_client_resets(play: Play) -> None:
    server = play.accept()
    play.until("close")
    server.read_to_end()


@plays({"ready": [["destroy"]]}, role="client")
def test_a_client_destroys(play: Play) -> None:
    server = play.accept()
    play.until("close")
    server.read_to_end()


@plays({}, role="client")
def test_the_server_resets(play: Play) -> None:
    server = play.accept()
    play.until("ready")
    server.reset()
    play.until("close")


@plays({"ready": [["write", {"pattern": MANY}]]}, role="client")
def test_the_server_resets_during_an_upload(play: Play) -> None:
    server = play.accept()
    play.until("write returned false")
    server.read(MIB)
    play.settle()
    server.reset()
    play.until("close")


@plays({"ready": [["write", {"pattern": MANY}]], "drain": [["end"]]}, role="client")
def test_a_client_waits_for_drain(play: Play) -> None:
    server = play.accept()
    play.until("write returned false")
    server.read_to_end(whole=MANY)
    server.end()
    play.until("close")


@plays({"start": [["set_timeout", 0.05]], "timeout": [["end", "late"]]}, role="client")
def test_a_silent_server_is_told(play: Play) -> None:
    server = play.accept()
    server.read_to_end()
    server.end()
    play.until("close")


@plays({"ready": [["pause"]], "told resume": [["resume"]]}, role="client")
def test_a_paused_client(play: Play) -> None:
    server = play.accept()
    play.until("ready")
    server.send(b"later")
    play.settle()
    play.tell("resume")
    play.until_received(5)
    server.end()
    play.until("close")


@plays({"start": [["write", "ping"]], "data": [["end"]]}, role="client", target="unix")
def test_a_client_on_a_unix_socket(play: Play) -> None:
    server = play.accept()
    server.read(4)
    server.send(b"pong")
    server.read_to_end()
    server.end()
    play.until("close")


@plays({"ready": [["end"]]}, role="client", options={"local_host": "127.0.0.2"})
def test_a_client_may_choose_its_own_address(play: Play) -> None:
    server = play.accept()
    play.note(f"from {play.remote[0]}")
    server.read_to_end()
    server.end()
    play.until("close")
