"""`destroy_soon()`, `destroy()` and `reset()` before a client is connected: something written is still delivered by the
first; otherwise they cancel it at once, and only `close` follows. So does the end of the reactor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from reactor import Connection, ConnectionClosed, NeverConnected, Reactor, Reason, connect
from reactor.testing import ManualClock, pump, settle
from tests.support.far_ends import ACCEPTS, SILENT, Answers, FarEnds, Held

HOST = "127.0.0.1"
stages = pytest.mark.parametrize("stage", Held.STAGES)


@pytest.fixture
def far() -> Iterator[FarEnds]:
    with FarEnds({HOST: ACCEPTS, "127.0.0.3": SILENT}) as ends:
        yield ends


@stages
def test_destroy_soon_with_something_written_waits_and_delivers(stage: str, each_loop: Reactor, far: FarEnds) -> None:
    held = Held(each_loop, far, stage)
    held.conn.write(b"delivered")
    held.conn.destroy_soon()
    held.reach()
    peer = held.proceed()
    pump(each_loop, lambda: "finish" in held.heard.names())
    assert held.conn.state == "closing"
    assert peer.receive_all() == (b"delivered", "FIN")
    peer.send(b"not heard")
    peer.end()
    report = held.heard.report(each_loop)
    assert (report.clean, report.bytes_discarded, report.reason) == (True, 9, Reason.ENDED)
    assert held.heard.life() == ["connect", "ready", "finish", "end", "close"]


@stages
def test_destroy_soon_after_an_end_with_something_written_delivers_too(stage: str, loop: Reactor, far: FarEnds) -> None:
    held = Held(loop, far, stage)
    held.conn.end(b"delivered")
    held.reach()
    held.conn.destroy_soon()
    assert held.conn.state == "connecting"
    peer = held.proceed()
    pump(loop, lambda: "finish" in held.heard.names())
    assert peer.receive_all() == (b"delivered", "FIN")


HARD: dict[str, tuple[Callable[[Connection], object], Reason]] = {
    "destroy_soon": (lambda conn: conn.destroy_soon(), Reason.DESTROYED),
    "end, destroy_soon": (lambda conn: (conn.end(), conn.destroy_soon()), Reason.DESTROYED),
    "destroy": (lambda conn: conn.destroy(), Reason.DESTROYED),
    "reset": (lambda conn: conn.reset(), Reason.RESET),
    "end, reset": (lambda conn: (conn.end(b"lost"), conn.reset()), Reason.RESET),
    "write, destroy_soon, destroy": (
        lambda conn: (conn.write(b"lost"), conn.destroy_soon(), conn.destroy()),
        Reason.DESTROYED,
    ),
}


@stages
@pytest.mark.parametrize("ending", HARD)
def test_a_hard_end_cancels_at_once_and_only_close_follows(
    ending: str, stage: str, loop: Reactor, far: FarEnds
) -> None:
    call, reason = HARD[ending]
    held = Held(loop, far, stage)
    held.reach()
    before = list(held.heard.events)
    call(held.conn)
    assert (held.conn.state, held.conn.report, held.heard.events) == ("closed", None, before)
    report = held.heard.report(loop)
    settle(loop)
    assert (report.reason, report.phase, report.error, report.clean) == (reason, "connecting", None, False)
    assert [name for name, *_ in held.heard.events[len(before) :]] == ["close"]
    assert far.nobody_came()
    with pytest.raises(ConnectionClosed):
        held.conn.write(b"x")


@stages
def test_an_error_given_to_destroy_is_told_before_close(stage: str, loop: Reactor, far: FarEnds) -> None:
    held = Held(loop, far, stage)
    held.reach()
    mine = RuntimeError("changed my mind")
    held.conn.destroy(mine)
    report = held.heard.report(loop)
    assert held.heard.life() == ["error", "close"]
    assert (report.reason, report.error, held.heard.error()) == (Reason.DESTROYED, mine, mine)


@pytest.mark.parametrize("ending", HARD)
def test_a_hard_end_after_the_far_end_has_answered_and_before_that_was_noticed_is_a_hard_end(
    ending: str, each_loop: Reactor, far: FarEnds
) -> None:
    call, reason = HARD[ending]
    held = Held(each_loop, far, "attempt")
    held.reach()
    peer = held.proceed()
    call(held.conn)
    report = held.heard.report(each_loop)
    assert (report.reason, report.phase) == (reason, "connecting")
    assert held.heard.life() == ["close"]
    assert peer.outcome() == ("ECONNRESET" if reason is Reason.RESET else "FIN")


@pytest.mark.parametrize("stage", ["lookup", "attempt"])
def test_a_hard_end_in_the_turn_of_the_connect_timeout_is_a_hard_end(
    stage: str, loop: Reactor, far: FarEnds, clock: ManualClock
) -> None:
    held = Held(loop, far, stage, connect_timeout=5)
    loop.call_later(5, held.conn.destroy)
    held.reach()
    clock.advance(5)
    report = held.heard.report(loop)
    settle(loop)
    assert (report.reason, report.error, held.heard.life()) == (Reason.DESTROYED, None, ["close"])


@stages
def test_the_reactor_closes_while_it_is_connecting(stage: str, far: FarEnds, clock: ManualClock) -> None:
    answers = Answers()
    with Reactor(clock=clock, debug=True) as loop:
        held = Held(loop, far, stage)
        held.conn.write(b"lost", answers("write"))
        held.conn.end(callback=answers("end"))
        held.reach()
    report = held.conn.report
    assert report is not None
    assert (report.reason, report.phase, report.bytes_unsent) == (Reason.DESTROYED, "connecting", 4)
    assert [type(error) for _, error in answers.told] == [NeverConnected] * 2
    assert held.heard.life() == ["close"]


def test_a_close_listener_that_connects_again_while_the_reactor_closes_does_not_hold_it_up(
    far: FarEnds, clock: ManualClock
) -> None:
    made: list[Any] = []

    def again(*_: object) -> None:
        made.append(connect(loop, HOST, far.port))
        made[-1].on("close", again)

    with Reactor(clock=clock, debug=True) as loop:
        again()
        settle(loop, 1)
    assert len(made) > 1
    assert far.nobody_came()
