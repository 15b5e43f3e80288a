"""How a pipe carries an orderly end over: each half of a relay ends by itself, as if there were nobody in between."""

from __future__ import annotations

from typing import Any

import pytest

from reactor import Reactor, Reason
from reactor.testing import settle
from tests.support.piping import BYTES, MIB, dam_up

# Half-close.


@pytest.mark.parametrize("first", ["near", "far"])
def test_who_has_ended_still_gets_a_large_answer_whole(first: str, each_loop: Reactor, joined: Any) -> None:
    ends = joined("relay", loop=each_loop)
    asks, answers = ends if first == "near" else reversed(ends)
    asks.send(b"question")
    asks.end()
    assert answers.receive_all() == (b"question", "FIN")
    answers.carry(BYTES[:MIB], asks)
    answers.end()
    assert asks.receive_all() == (BYTES[:MIB], "FIN")
    assert [end.report().clean for end in (asks, answers)] == [True, True]
    assert [end.report().reason for end in (asks, answers)] == [Reason.PEER_ENDED, Reason.ENDED]


def test_the_end_comes_after_everything_that_is_pending(each_loop: Reactor, joined: Any) -> None:
    near, far = joined("relay", slow=True, loop=each_loop)
    sent = dam_up(near, far)
    near.end()
    settle(near.loop)
    assert far.conn.state == "open"
    assert far.receive_all() == (BYTES[:sent], "FIN")
    assert near.nothing_comes()


def test_a_destination_is_ended_by_its_pipe_only(joined: Any) -> None:
    near, far = joined()
    far.end()
    near.until(lambda: far.conn.state == "write_only")
    for _ in range(3):
        near.send(b"still ")
    assert far.receive(18) == b"still " * 3
    near.end()
    assert far.receive_all() == (b"still " * 3, "FIN")
    assert far.report().clean
    assert far.report().reason is Reason.PEER_ENDED


def test_a_last_word_written_in_the_sources_end_listener_goes_out_before_the_end(joined: Any) -> None:
    near, far = joined("pair")
    near.conn.on("end", lambda conn: far.conn.write(b", and the last"))
    near.conn.pipe(far.conn)
    near.send(b"word")
    near.end()
    assert far.receive_all() == (b"word, and the last", "FIN")


# The program ends a connection of a relay.


def test_end_by_the_program_is_the_last_word_and_the_other_direction_goes_on(joined: Any) -> None:
    near, far = joined("relay")
    near.conn.end(b"bye")
    assert near.receive_all() == (b"bye", "FIN")
    near.send(b"still heard")
    assert far.receive(11) == b"still heard"
    far.send(b"too late")
    far.end()
    near.end()
    assert far.receive_all() == (b"still heard", "FIN")
    assert [end.report().error for end in (near, far)] == [None, None]
    assert near.report().bytes_unsent + far.report().bytes_discarded == 8
    assert near.report().bytes_read == far.report().bytes_written == 11


@pytest.mark.parametrize("when", ["long before the pipe", "before the pipe", "after it"])
def test_what_comes_for_a_destination_that_the_program_has_ended_goes_nowhere(when: str, joined: Any) -> None:
    near, far = joined("pair")
    if when != "after it":
        far.conn.end(b"bye")
    if when == "long before the pipe":
        far.receive_all()
    near.conn.pipe(far.conn)
    far.conn.end(b"bye" if when == "after it" else b"")
    assert far.receive_all() == (b"bye", "FIN")
    near.send(b"for nobody")
    near.until(lambda: near.conn.bytes_read == 10)
    far.end()
    assert far.report().clean
    settle(near.loop)
    assert near.conn.state == "open"
    near.end()
    assert near.report().clean


def test_a_source_does_not_wait_for_a_destination_that_is_ending(joined: Any) -> None:
    near, far = joined(slow=True)
    far.conn.end(BYTES[:MIB])
    near.send(BYTES[:200_000])
    near.until(lambda: near.conn.bytes_read == 200_000)
    assert far.conn.pending_bytes > MIB // 2
    assert far.receive_all() == (BYTES[:MIB], "FIN")
    far.end()
    assert far.report().bytes_unsent + near.conn.pending_bytes == 200_000


def test_destroy_soon_of_a_destination_delivers_what_is_pending(joined: Any) -> None:
    near, far = joined("relay", slow=True)
    dam_up(near, far)
    passed = near.conn.bytes_read
    far.conn.destroy_soon()
    got, outcome = far.receive_all()
    assert (got, outcome) == (BYTES[:passed], "FIN")
    far.end()
    assert far.report().bytes_unacked == 0
    assert near.receive_all()[1] == "FIN"
