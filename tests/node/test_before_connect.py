"""What a client is told to do before it is connected: it waits, or it cancels."""

from __future__ import annotations

from tests.node.raw import MANY
from tests.node.stage import Play, plays


@plays({"start": [["write", "early "], ["write", "bird", "w"], ["ask", "state"]]}, role="client")
def test_writes_before_connect_are_sent_after_it(play: Play) -> None:
    server = play.accept()
    server.read(10)
    play.until("callback w")
    server.end()
    server.read_to_end()
    play.until("close")


@plays({"start": [["write", {"pattern": MANY}]], "drain": [["end"]]}, role="client")
def test_many_bytes_written_before_connect(play: Play) -> None:
    server = play.accept()
    play.until("ready")
    play.settle()
    server.read_to_end(whole=MANY)
    server.end()
    play.until("close")


@plays({"start": [["end", "all"]]}, role="client")
def test_end_before_connect_delivers(play: Play) -> None:
    server = play.accept()
    server.read_to_end()
    server.end()
    play.until("close")


@plays({"start": [["end"]]}, role="client")
def test_end_before_connect_with_nothing_to_say(play: Play) -> None:
    server = play.accept()
    server.read_to_end()
    server.send(b"I speak")
    play.until_received(7)
    server.end()
    play.until("close")


@plays({"start": [["write", "bye"], ["destroy_soon"]]}, role="client", deaf=("end",))
def test_destroy_soon_before_connect_delivers(play: Play) -> None:
    server = play.accept()
    server.end()
    server.read_to_end()
    play.until("close")


@plays({"start": [["destroy"]]}, role="client")
def test_destroy_before_connect_cancels(play: Play) -> None:
    play.until("close")
    play.settle()
    play.note("nobody" if play.nobody_comes() else "somebody")


@plays({"start": [["destroy", "changed my mind"]]}, role="client")
def test_destroy_with_an_error_before_connect(play: Play) -> None:
    play.until("close")
    play.settle()
    play.note("nobody" if play.nobody_comes() else "somebody")


@plays({"start": [["pause"]], "told resume": [["resume"]]}, role="client")
def test_pause_before_connect(play: Play) -> None:
    server = play.accept()
    play.until("ready")
    server.send(b"later")
    play.settle()
    play.tell("resume")
    play.until_received(5)
    server.end()
    play.until("close")


@plays(
    {"start": [["set_timeout", 0.05]], "timeout": [["destroy"]]},
    role="client",
    host="a.test",
    options={"lookup": "never"},
)
def test_a_timeout_while_the_name_is_looked_up(play: Play) -> None:
    play.until("close")
    play.settle()


@plays({"start": [["end", "all", "e"]]}, role="client", target="unix")
def test_end_before_connect_on_a_unix_socket(play: Play) -> None:
    server = play.accept()
    server.read_to_end()
    server.end()
    play.until("close")
