"""A connection is cut off, and the other end of its pipe is reset, at whatever stage."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from reactor import Reactor, Reason
from tests.support.piping import BYTES, SLOW, End, accounted, dam_up

# Resets pass through a relay.


def bytes_both_ways(one: End, two: End) -> None:
    one.send(b"there")
    two.send(b"back")
    assert (two.receive(5), one.receive(4)) == (b"there", b"back")


def the_one_has_ended(one: End, two: End) -> None:
    one.send(b"question")
    one.end()
    assert two.receive_all() == (b"question", "FIN")


def the_other_has_ended(one: End, two: End) -> None:
    the_one_has_ended(two, one)


STAGES: dict[str, Callable[[End, End], object]] = {
    "at once": lambda one, two: None,
    "after bytes": bytes_both_ways,
    "after its own FIN": the_one_has_ended,
    "after the other's FIN": lambda one, two: the_one_has_ended(two, one),
    "while output pends for itself": lambda one, two: dam_up(two, one),
    "while output pends for the other": dam_up,
    "while output pends for the other, which has ended": lambda one, two: (
        the_one_has_ended(two, one), dam_up(one, two),
    ),
}  # fmt: skip


def full_relay(opened: Any, loop: Reactor) -> tuple[End, End]:
    """A relay whose peers both have little room."""
    near = opened(loop=loop, **SLOW)
    far = near.another(**SLOW)
    near.conn.pipe(far.conn).pipe(near.conn)
    return near, far


@pytest.mark.parametrize("who", ["near", "far"])
@pytest.mark.parametrize("stage", STAGES)
def test_a_reset_passes_as_a_reset_behind_what_came_before_it_as_far_as_its_reader_lets_it(
    stage: str, who: str, each_loop: Reactor, opened: Any
) -> None:
    ends = full_relay(opened, each_loop)
    one, two = ends if who == "near" else reversed(ends)
    STAGES[stage](one, two)
    one.reset()
    two.was_reset()
    assert (one.report().reason, two.report().reason) == (Reason.PEER_RESET, Reason.RESET)
    assert not one.report().clean
    assert not two.report().clean
    assert accounted(one, two)
    assert accounted(two, one)
    if "for the other" in stage:
        assert bytes(two.received) == BYTES[: len(two.received)]
        assert len(two.received) > 64_000


def test_a_reset_runs_through_a_chain_of_pipes(joined: Any) -> None:
    chain = [*joined()]
    chain += [chain[0].another() for _ in range(2)]
    for source, destination in pairwise(chain[1:]):
        source.conn.pipe(destination.conn)
    chain[0].reset()
    for end in chain[1:]:
        end.was_reset()
        assert end.report().reason is Reason.RESET


def test_a_reset_of_one_destination_resets_the_source_and_the_other_destination(fan: Any) -> None:
    near, one, two = fan()
    one.reset()
    near.was_reset()
    two.was_reset()


def test_two_resets_end_a_relay_that_is_full_in_both_directions(each_loop: Reactor, opened: Any) -> None:
    near, far = full_relay(opened, each_loop)
    dam_up(near, far)
    dam_up(far, near)
    for end in (near, far):
        end.reset()
    assert Reason.PEER_RESET in (near.report().reason, far.report().reason)
    assert accounted(near, far)
    assert accounted(far, near)


@pytest.mark.parametrize("full", [False, True])
def test_a_reset_ends_an_echo(full: bool, each_loop: Reactor, opened: Any) -> None:
    end = opened(loop=each_loop, **SLOW)
    end.conn.pipe(end.conn)
    if full:
        dam_up(end, end)
    else:
        end.send(b"hello")
        end.receive(5)
    end.reset()
    assert end.report().reason is Reason.PEER_RESET
    assert accounted(end, end)
