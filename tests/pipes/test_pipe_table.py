"""What happens to one end of a pipe, and what the other end hears of it: the table of docs/closing.md, row by row."""

from __future__ import annotations

from typing import Any

import pytest

from reactor import Connection, Reactor, Reason
from reactor.testing import settle
from tests.support.piping import End, happens

# What a peer reads, and what its connection then is: a state, or, if it has closed, the reason.
Stands = tuple[str, str | Reason]
OPEN, HEARS, SAYS = ("nothing", "open"), ("FIN", "read_only"), ("nothing", "write_only")
ENDED, PEER_ENDED = ("FIN", Reason.ENDED), ("FIN", Reason.PEER_ENDED)
DESTROYED, RESET, LEFT = ("FIN", Reason.DESTROYED), ("ECONNRESET", Reason.RESET), ("gone", Reason.PEER_RESET)

TABLE: list[tuple[str, str, Stands, Stands]] = [
    # what happens, in what shape, and how the source and the destination stand then
    ("near.end", "pipe", PEER_ENDED, HEARS),  # nothing feeds the source
    ("near.end", "relay", SAYS, HEARS),
    ("near.end", "bytes only", PEER_ENDED, OPEN),
    ("near.end", "unpiped", PEER_ENDED, OPEN),
    ("near.end", "unpiped in its listener", PEER_ENDED, OPEN),
    ("near.end", "pipe, half-open", SAYS, HEARS),
    ("far.end", "pipe", OPEN, SAYS),  # the pipe will end it, also without allow_half_open
    ("far.end", "relay", HEARS, SAYS),
    ("far.end", "bytes only", OPEN, PEER_ENDED),
    ("far.end", "unpiped", OPEN, PEER_ENDED),
    ("far.end", "pipe, half-open", OPEN, SAYS),
    ("near.end, far.end", "pipe", PEER_ENDED, PEER_ENDED),
    ("near.end, far.end", "relay", PEER_ENDED, PEER_ENDED),
    ("near.reset", "pipe", LEFT, RESET),
    ("near.reset", "relay", LEFT, RESET),
    ("near.reset", "bytes only", LEFT, OPEN),
    ("near.reset", "unpiped", LEFT, OPEN),
    ("near.reset", "unpiped in its listener", LEFT, OPEN),
    ("far.reset", "pipe", RESET, LEFT),
    ("far.reset", "relay", RESET, LEFT),
    ("far.reset", "bytes only", OPEN, LEFT),
    ("far.reset", "unpiped", OPEN, LEFT),
    ("far.reset", "unpiped in its listener", OPEN, LEFT),
    ("near.conn.end", "pipe", HEARS, OPEN),
    ("near.conn.end", "relay", HEARS, OPEN),
    ("far.conn.end", "pipe", OPEN, HEARS),
    ("far.conn.end", "relay", OPEN, HEARS),
    ("near.conn.destroy_soon, later, near.end", "pipe", ENDED, HEARS),
    ("near.conn.destroy_soon, later, near.end", "bytes only", ENDED, OPEN),
    ("near.conn.destroy_soon, near.talk, near.end", "pipe", ENDED, RESET),  # it dropped what came
    ("near.conn.destroy_soon, near.talk, near.end", "relay", ENDED, RESET),
    ("near.conn.destroy_soon, near.talk, near.end", "bytes only", ENDED, OPEN),
    ("far.conn.destroy_soon, later, far.end", "pipe", OPEN, ENDED),  # the pipe was over when our half had ended
    ("far.conn.destroy_soon, later, far.end", "bytes only", OPEN, ENDED),
    ("near.conn.destroy", "pipe", DESTROYED, RESET),
    ("near.conn.destroy", "relay", DESTROYED, RESET),
    ("near.conn.destroy", "bytes only", DESTROYED, OPEN),
    ("far.conn.destroy", "pipe", RESET, DESTROYED),
    ("far.conn.destroy", "relay", RESET, DESTROYED),
    ("far.conn.destroy", "bytes only", OPEN, DESTROYED),
    ("near.conn.reset", "pipe", RESET, RESET),
    ("near.conn.reset", "relay", RESET, RESET),
    ("near.conn.reset", "bytes only", RESET, OPEN),
    ("far.conn.reset", "pipe", RESET, RESET),
    ("far.conn.reset", "relay", RESET, RESET),
    ("far.conn.reset", "bytes only", OPEN, RESET),
]


def stands(end: End, said: bytes, wanted: Stands) -> None:
    """Its peer reads that, and its connection is that."""
    read, state = wanted
    if read == "nothing":
        assert end.nothing_comes()
    elif read != "gone":
        assert end.receive_all() == (said, read)
    assert (end.report().reason if isinstance(state, Reason) else end.conn.state) == state


@pytest.mark.parametrize("said", [b"", b"all there is"], ids=["at once", "after bytes"])
@pytest.mark.parametrize(("what", "shape", "source", "destination"), TABLE)
def test_what_happens_to_one_end_of_a_pipe_is_what_the_table_says_for_the_other(
    what: str, shape: str, source: Stands, destination: Stands, said: bytes, joined: Any, each_loop: Reactor
) -> None:
    near, far = joined(
        "pipe" if "listener" in shape else shape.partition(",")[0],
        loop=each_loop,
        allow_half_open="half-open" in shape,
        data=shape == "unpiped",
    )
    if "listener" in shape:
        listening = far if what == "far.reset" else near  # to what comes before the pipe hears of it
        listening.conn.server.once("end" if "end" in what else "close", lambda conn, *report: near.conn.unpipe())
    near.send(said)
    settle(near.loop)
    if shape != "unpiped":
        far.receive(len(said))
    happens(near, far, what)
    stands(near, b"", source)
    stands(far, b"" if shape == "unpiped" else said, destination)
    for end in (near, far):
        if end.conn.report and end.conn.report.reason in (Reason.ENDED, Reason.PEER_ENDED):
            assert end.conn.report.clean
            assert end.conn.report.bytes_discarded == (7 if "talk" in what and end is near else 0)


# What has happened before the pipe is made.


@pytest.mark.parametrize("when", ["inside the listener", "later"])
@pytest.mark.parametrize(
    ("what", "told", "source", "destination"),
    [
        ("near.end", "near end", SAYS, HEARS),
        ("near.end, near.conn.end", "near close", PEER_ENDED, HEARS),
        ("near.reset", "near close", LEFT, RESET),
        ("far.end, far.conn.end", "far close", RESET, PEER_ENDED),
        ("far.reset", "far close", RESET, LEFT),
    ],
)
def test_a_pipe_that_is_made_too_late_catches_up(
    what: str, told: str, source: Stands, destination: Stands, when: str, joined: Any
) -> None:
    near, far = joined("pair", allow_half_open=True, data=True)
    near.send(b"before")
    settle(near.loop)
    whose, event = told.split()
    told_of = []

    def hear(conn: Connection, *report: object) -> None:
        told_of.append(event)
        if when != "later":
            near.conn.pipe(far.conn)

    {"near": near, "far": far}[whose].conn.on(event, hear)
    happens(near, far, what)
    far.until(lambda: told_of)
    if when == "later":
        settle(near.loop)
        near.conn.pipe(far.conn)
    stands(near, b"", source)
    stands(far, b"", destination)


def test_a_pipe_without_end_to_a_connection_that_has_closed_is_over_at_once(joined: Any) -> None:
    near, far = joined("pair")
    far.end()
    far.report()
    near.conn.pipe(far.conn, end=False)
    near.send(b"for nobody")
    near.end()
    stands(near, b"", PEER_ENDED)
    assert near.report().clean


def test_a_pipe_into_a_connection_inside_its_end_listener_keeps_it_open(joined: Any) -> None:
    near, far = joined("pair")
    far.conn.on("end", near.conn.pipe)
    far.end()
    far.until(lambda: far.conn.state == "write_only")
    near.send(b"late")
    near.end()
    assert far.receive_all() == (b"late", "FIN")


def test_what_was_dropped_before_the_pipe_does_not_make_its_bytes_incomplete(joined: Any) -> None:
    near, far = joined("pair")
    near.send(b"nobody listens")
    near.until(lambda: near.conn.bytes_read == 14)
    near.conn.pipe(far.conn)
    near.send(b"somebody does")
    near.end()
    assert far.receive_all() == (b"somebody does", "FIN")


# A destination that nothing feeds any more.


@pytest.mark.parametrize("half_open", [False, True])
def test_a_destination_whose_peer_has_ended_ends_by_itself_once_nothing_feeds_it_unless_it_may_be_half_open(
    half_open: bool, joined: Any
) -> None:
    near, far = joined(allow_half_open=half_open)
    far.end()
    far.until(lambda: far.conn.state == "write_only")
    settle(near.loop)
    assert far.conn.state == "write_only"
    near.conn.unpipe()
    if half_open:
        stands(far, b"", SAYS)
        far.conn.end(b"last")
    stands(far, b"last" if half_open else b"", PEER_ENDED)
    assert far.report().clean


def test_a_destination_of_two_sources_is_fed_until_both_are_unpiped(joined: Any) -> None:
    one, far = joined()
    two = one.another()
    two.conn.pipe(far.conn)
    far.end()
    far.until(lambda: far.conn.state == "write_only")
    one.conn.unpipe()
    assert far.nothing_comes()
    two.send(b"still fed")
    assert far.receive(9) == b"still fed"
    two.conn.unpipe()
    assert far.receive_all() == (b"still fed", "FIN")
