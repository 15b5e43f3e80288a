"""A connection is cut off, and the other end of its pipe is reset, at whatever stage."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from reactor import Reactor, Reason, connect
from reactor.testing import ManualClock
from tests.support.far_ends import ACCEPTS, REFUSES, SILENT, FarEnds
from tests.support.piping import BYTES, SLOW, End, accounted, dam_up
from tests.support.wire import pass_time

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


# The target is not connected yet, or never will be.


@pytest.mark.parametrize("waiting", [False, True], ids=["idle", "source waits"])
def test_a_client_that_resets_before_the_target_is_connected_cancels_it(waiting: bool, opened: Any) -> None:
    near = opened()
    with FarEnds({"127.0.0.2": SILENT}) as ends:
        target = connect(near.loop, *ends.address(SILENT))
        near.conn.pipe(target).pipe(near.conn)
        if waiting:
            near.pour(BYTES)
            assert near.is_throttled()
        near.reset()
        near.until(lambda: near.conn.peer_gone)
        if waiting:  # what it said is there to be passed on, until the target fails or comes
            ends.fail("127.0.0.2")
        near.until(lambda: target.report is not None)
        assert target.report is not None
        assert target.report.reason is (Reason.CONNECT_FAILED if waiting else Reason.RESET)
        assert near.report().bytes_read == target.report.bytes_unsent


def test_a_target_that_is_connected_unnoticed_when_its_client_is_cut_off_is_reset_and_not_ended(opened: Any) -> None:
    near = opened()
    with FarEnds({"127.0.0.1": ACCEPTS}) as ends:
        target = connect(near.loop, *ends.address(ACCEPTS))
        near.conn.pipe(target).pipe(near.conn)
        near.conn.reset()  # told in the turn in which the kernel connects, before the loop has seen that
        far = End(near.loop, ends.accept(near.loop), target)
        assert far.receive_all() == (b"", "ECONNRESET")
        assert (far.report().reason, far.report().phase) == (Reason.RESET, "connecting")


@pytest.mark.parametrize("said", [b"", b"question"])
def test_a_client_is_reset_where_the_target_refuses(said: bytes, each_loop: Reactor, opened: Any) -> None:
    near = opened(loop=each_loop)
    with FarEnds({"127.0.0.1": REFUSES}) as ends:
        target = connect(near.loop, *ends.address(REFUSES))
        near.conn.pipe(target).pipe(near.conn)
        near.send(said)
        near.was_reset()
        assert near.report().reason is Reason.RESET
        assert target.report is not None
        assert target.report.reason is Reason.CONNECT_FAILED
        assert near.report().bytes_read == target.report.bytes_unsent


def test_a_client_is_reset_where_the_target_does_not_answer_in_time(clock: ManualClock, opened: Any) -> None:
    near = opened()
    with FarEnds({"127.0.0.2": SILENT}) as ends:
        target = connect(near.loop, *ends.address(SILENT), connect_timeout=5)
        near.conn.pipe(target).pipe(near.conn)
        near.send(b"question")
        near.end()
        near.until(lambda: target.pending_bytes == 8)
        pass_time(near.loop, clock, 6)
        near.was_reset()
        assert target.report is not None
        assert (target.report.reason, target.report.bytes_unsent) == (Reason.CONNECT_TIMEOUT, 8)
