"""A connection is cut off, and the other end of its pipe is reset, at whatever stage."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from far_ends import ACCEPTS, REFUSES, SILENT, FarEnds
from piping import BYTES, SLOW, End, accounted, dam_up, opened, pair
from wire import pass_time

from reactor import Reactor, Reason, connect
from reactor.engine import selector_poller
from reactor.testing import ManualClock, pump


@pytest.fixture(autouse=True)
def _quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Selectors that cannot watch for a hang-up look for it now and then: here often, to save the wait."""
    monkeypatch.setattr(selector_poller, "HANGUP_PERIOD", 0.002)


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


def output_pends_for_the_other(one: End, two: End) -> None:
    dam_up(one, two)


def output_pends_for_the_one(one: End, two: End) -> None:
    dam_up(two, one)


def output_pends_and_the_other_has_ended(one: End, two: End) -> None:
    the_one_has_ended(two, one)
    dam_up(one, two)


STAGES: dict[str, Callable[[End, End], None]] = {
    "at once": lambda one, two: None,
    "after bytes": bytes_both_ways,
    "after its own FIN": the_one_has_ended,
    "after the other's FIN": the_other_has_ended,
    "while output pends for itself": output_pends_for_the_one,
}


@pytest.mark.parametrize("who", ["near", "far"])
@pytest.mark.parametrize("stage", STAGES)
def test_a_reset_passes_as_a_reset(stage: str, who: str, each_loop: Reactor, harness: Any) -> None:
    wire = harness(loop=each_loop, data=False)
    ends = near, far = opened(wire, **SLOW), opened(wire, **SLOW)
    near.conn.pipe(far.conn).pipe(near.conn)
    one, two = ends if who == "near" else reversed(ends)
    STAGES[stage](one, two)
    one.reset()
    two.was_reset()
    assert (one.report().reason, two.report().reason) == (Reason.PEER_RESET, Reason.RESET)
    assert not one.report().clean
    assert not two.report().clean
    assert accounted(one, two)
    assert accounted(two, one)


@pytest.mark.parametrize("who", ["near", "far"])
@pytest.mark.parametrize("stage", [output_pends_for_the_other, output_pends_and_the_other_has_ended])
def test_what_came_before_a_reset_is_passed_on_as_far_as_its_reader_lets_it(
    stage: Callable[[End, End], None], who: str, each_loop: Reactor, harness: Any
) -> None:
    wire = harness(loop=each_loop, data=False)
    ends = near, far = opened(wire, **SLOW), opened(wire, **SLOW)
    near.conn.pipe(far.conn).pipe(near.conn)
    one, two = ends if who == "near" else reversed(ends)
    stage(one, two)
    one.reset()
    two.was_reset()
    assert (one.report().reason, two.report().reason) == (Reason.PEER_RESET, Reason.RESET)
    assert bytes(two.got) == BYTES[: len(two.got)]
    assert len(two.got) > 64_000
    assert accounted(one, two)


def test_a_reset_is_not_passed_where_the_pipe_carries_bytes_only(harness: Any) -> None:
    for which in (0, 1):
        ends = pair(harness(data=False))
        ends[0].conn.pipe(ends[1].conn, end=False)
        ends[which].reset()
        assert ends[which].report().reason is Reason.PEER_RESET
        assert ends[1 - which].nothing_comes()
        assert ends[1 - which].conn.state == "open"


def test_a_reset_runs_through_a_chain_of_pipes(harness: Any) -> None:
    wire = harness(data=False)
    chain = [opened(wire) for _ in range(4)]
    for source, destination in pairwise(chain):
        source.conn.pipe(destination.conn)
    chain[0].reset()
    for end in chain[1:]:
        end.was_reset()
        assert end.report().reason is Reason.RESET


def test_a_reset_of_one_destination_resets_the_source_and_the_other_destination(harness: Any) -> None:
    wire = harness(data=False)
    near, one, two = (opened(wire) for _ in range(3))
    near.conn.pipe(one.conn)
    near.conn.pipe(two.conn)
    one.reset()
    near.was_reset()
    two.was_reset()


def test_two_resets_end_a_relay_that_is_full_in_both_directions(each_loop: Reactor, harness: Any) -> None:
    wire = harness(loop=each_loop, data=False)
    near, far = opened(wire, **SLOW), opened(wire, **SLOW)
    near.conn.pipe(far.conn).pipe(near.conn)
    dam_up(near, far)
    dam_up(far, near)
    for end in (near, far):
        end.reset()
    assert Reason.PEER_RESET in (near.report().reason, far.report().reason)
    assert accounted(near, far)
    assert accounted(far, near)


def test_a_reset_ends_an_echo_that_is_full(each_loop: Reactor, harness: Any) -> None:
    end = opened(harness(loop=each_loop, data=False), **SLOW)
    end.conn.pipe(end.conn)
    dam_up(end, end)
    end.reset()
    assert end.report().reason is Reason.PEER_RESET
    assert accounted(end, end)


def test_a_reset_ends_an_echo(each_loop: Reactor, harness: Any) -> None:
    end = opened(harness(loop=each_loop, data=False))
    end.conn.pipe(end.conn)
    end.send(b"hello")
    end.receive(5)
    end.reset()
    assert end.report().reason is Reason.PEER_RESET


# The target is not connected yet, or never will be.


@pytest.mark.parametrize("waiting", [False, True], ids=["idle", "source waits"])
def test_a_client_that_resets_before_the_target_is_connected_cancels_it(waiting: bool, harness: Any) -> None:
    near = opened(harness(data=False))
    with FarEnds({"127.0.0.2": SILENT}) as ends:
        target = connect(near.loop, *ends.address(SILENT))
        near.conn.pipe(target).pipe(near.conn)
        if waiting:
            near.pour(BYTES)
            assert near.is_throttled()
        near.reset()
        pump(near.loop, lambda: near.conn.peer_gone)
        if waiting:  # what it said is there to be passed on, until the target fails or comes
            ends.fail("127.0.0.2")
        pump(near.loop, lambda: target.report is not None)
        assert target.report is not None
        assert target.report.reason is (Reason.CONNECT_FAILED if waiting else Reason.RESET)
        assert near.report().bytes_read == target.report.bytes_unsent


def test_a_target_that_is_connected_unnoticed_when_its_client_is_cut_off_is_reset_and_not_ended(harness: Any) -> None:
    near = opened(harness(data=False))
    with FarEnds({"127.0.0.1": ACCEPTS}) as ends:
        target = connect(near.loop, *ends.address(ACCEPTS))
        near.conn.pipe(target).pipe(near.conn)
        near.conn.reset()  # told in the turn in which the kernel connects, before the loop has seen that
        far = End(near.loop, ends.accept(near.loop), target)
        assert far.receive_all() == (b"", "ECONNRESET")
        assert (far.report().reason, far.report().phase) == (Reason.RESET, "connecting")


@pytest.mark.parametrize("said", [b"", b"question"])
def test_a_client_is_reset_where_the_target_refuses(said: bytes, each_loop: Reactor, harness: Any) -> None:
    near = opened(harness(loop=each_loop, data=False))
    with FarEnds({"127.0.0.1": REFUSES}) as ends:
        target = connect(near.loop, *ends.address(REFUSES))
        near.conn.pipe(target).pipe(near.conn)
        near.send(said)
        near.was_reset()
        assert near.report().reason is Reason.RESET
        assert target.report is not None
        assert target.report.reason is Reason.CONNECT_FAILED
        assert near.report().bytes_read == target.report.bytes_unsent


def test_a_client_is_reset_where_the_target_does_not_answer_in_time(clock: ManualClock, harness: Any) -> None:
    near = opened(harness(data=False))
    with FarEnds({"127.0.0.2": SILENT}) as ends:
        target = connect(near.loop, *ends.address(SILENT), connect_timeout=5)
        near.conn.pipe(target).pipe(near.conn)
        near.send(b"question")
        near.end()
        pump(near.loop, lambda: target.pending_bytes == 8)
        pass_time(near.loop, clock, 6)
        near.was_reset()
        assert target.report is not None
        assert (target.report.reason, target.report.bytes_unsent) == (Reason.CONNECT_TIMEOUT, 8)
