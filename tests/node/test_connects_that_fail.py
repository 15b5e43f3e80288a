"""Names, addresses, and clients that never get through."""

from __future__ import annotations

from tests.node.stage import Play, plays

TWO = {"lookup": ["127.0.0.2", "127.0.0.1"]}  # the raw listener is on the second
ATTEMPTS = (20, 12)  # the Node that has the events of attempts


@plays({}, role="client", target="nobody")
def test_a_port_where_nobody_listens(play: Play) -> None:
    play.until("close")
    play.settle()


@plays({"start": [["end", "lost"]]}, role="client", target="nobody")
def test_end_does_not_hide_that_connecting_fails(play: Play) -> None:
    play.until("close")
    play.settle()


@plays({}, role="client", target="nobody", attempts=True, since=ATTEMPTS)
def test_a_failed_attempt_is_told(play: Play) -> None:
    play.until("close")
    play.settle()


@plays({}, role="client", target="no path")
def test_a_path_that_does_not_exist(play: Play) -> None:
    play.until("close")
    play.settle()


@plays({}, role="client", host="a.test", options={"lookup": "ENOTFOUND"})
def test_an_unknown_name(play: Play) -> None:
    play.until("close")
    play.settle()


@plays({"lookup": [["destroy"]]}, role="client", host="a.test", options={"lookup": "ENOTFOUND"})
def test_destroy_in_the_lookup_listener_of_an_unknown_name(play: Play) -> None:
    play.until("close")
    play.settle()


@plays({"lookup": [["destroy"]]}, role="client", host="a.test", options={"lookup": ["127.0.0.1"]}, since=ATTEMPTS)
def test_destroy_in_the_lookup_listener(play: Play) -> None:
    play.until("close")
    play.settle()
    play.note("nobody" if play.nobody_comes() else "somebody")


@plays({}, role="client", host="a.test", options={"lookup": ["127.0.0.1"]})
def test_a_name_is_looked_up_first(play: Play) -> None:
    server = play.accept()
    play.until("ready")
    server.end()
    server.read_to_end()
    play.until("close")


@plays({"start": [["end", "all"]]}, role="client", host="a.test", options={"lookup": ["127.0.0.1"]})
def test_end_waits_for_the_lookup_too(play: Play) -> None:
    server = play.accept()
    server.read_to_end()
    server.end()
    play.until("close")


@plays({}, role="client", host="a.test", options=TWO, attempts=True, since=ATTEMPTS)
def test_the_next_address_is_tried_when_one_refuses(play: Play) -> None:
    server = play.accept()
    play.until("ready")
    server.end()
    server.read_to_end()
    play.until("close")


@plays(
    {"start": [["write", "lost"]]},
    role="client",
    target="nobody",
    host="a.test",
    options=TWO,
)
def test_no_address_answers(play: Play) -> None:
    play.until("close")
    play.settle()


@plays(
    {},
    role="client",
    target="nobody",
    host="a.test",
    options=TWO,
    attempts=True,
    since=ATTEMPTS,
)
def test_each_failed_attempt_is_told(play: Play) -> None:
    play.until("close")
    play.settle()


@plays({"error": [["ask", "state"], ["write", "late"], ["end"], ["destroy"]]}, role="client", target="nobody")
def test_the_error_listener_of_a_failed_connect_may_call_anything(play: Play) -> None:
    play.until("close")
    play.settle()
