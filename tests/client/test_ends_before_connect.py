"""How a client may be ended before it is connected: `end()`, and `destroy_soon()` with something written, wait for the
connection and deliver; the other endings cancel it at once, and only `close` follows. So does the end of the reactor.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from reactor import Connection, ConnectionClosed, NeverConnected, Reactor, Reason, WriteAfterEnd, connect
from reactor.testing import ManualClock, pump, settle
from tests.support.far_ends import Answers, FarEnds, Held

# Orderly endings.


@pytest.mark.parametrize("data", [b"", b"last words"])
def test_end_waits_for_the_connection_and_delivers(data: bytes, stage: str, each_loop: Reactor, far: FarEnds) -> None:
    held = Held(each_loop, far, stage)
    states: list[str] = []
    held.conn.on("connect", lambda conn: states.append(conn.state))
    held.conn.end(data)
    held.reach()
    peer = held.proceed()
    pump(each_loop, lambda: "finish" in held.heard.names())
    assert peer.receive_all() == (data, "FIN")
    peer.send(b"still heard")
    peer.end()
    report = held.heard.report(each_loop)
    assert (report.reason, report.clean, report.bytes_discarded) == (Reason.ENDED, True, 0)
    assert held.heard.data() == b"still heard"
    assert held.heard.life() == ["connect", "ready", "finish", "data", "end", "close"]
    assert states == ["read_only"]


@pytest.mark.parametrize("before", ["write", "end"])
def test_destroy_soon_after_something_was_written_waits_and_delivers(before: str, hold: Any) -> None:
    held = hold()
    getattr(held.conn, before)(b"delivered")
    held.reach()
    held.conn.destroy_soon()
    assert held.conn.state == "connecting"
    peer = held.proceed()
    pump(held.loop, lambda: "finish" in held.heard.names())
    assert held.conn.state == "closing"
    assert peer.receive_all() == (b"delivered", "FIN")
    peer.send(b"not heard")
    peer.end()
    report = held.heard.report(held.loop)
    assert (report.clean, report.bytes_discarded, report.reason) == (True, 9, Reason.ENDED)
    assert held.heard.life() == ["connect", "ready", "finish", "end", "close"]


def test_writing_after_end_raises_before_connect_too(hold: Any) -> None:
    held = hold()
    held.conn.end()
    held.reach()
    with pytest.raises(WriteAfterEnd, match=r"write\(\) after end\(\)"):
        held.conn.write(b"x")
    held.conn.end()  # again: no error


@pytest.mark.parametrize("stage", ["lookup", "attempt"])
def test_the_timeout_of_end_runs_while_connecting(stage: str, hold: Any, clock: ManualClock) -> None:
    held, answers = hold(connect_timeout=None), Answers()
    held.reach()
    held.conn.end(b"x", answers("end"), timeout=5)
    settle(held.loop)
    clock.advance(4.9)
    settle(held.loop)
    assert held.conn.state == "connecting"
    clock.advance(0.2)
    report = held.heard.report(held.loop)
    assert (report.reason, report.phase, report.error) == (Reason.END_TIMEOUT, "connecting", None)
    assert type(answers.told[0][1]) is NeverConnected
    assert held.heard.life() == ["close"]


@pytest.mark.parametrize("ending", ["end", "destroy_soon"])
def test_an_ending_that_may_take_no_time_at_all_connects_to_nobody_who_does_not_answer_at_once(
    ending: str, loop: Reactor, far: FarEnds
) -> None:
    held = Held(loop, far, "attempt")
    held.conn.write(b"x")
    held.reach()
    getattr(held.conn, ending)(timeout=0)
    assert held.heard.report(loop).reason is Reason.END_TIMEOUT


def test_the_timeout_of_end_counts_from_the_call_on(loop: Reactor, far: FarEnds, clock: ManualClock) -> None:
    held = Held(loop, far, "attempt")
    held.conn.end(b"x", timeout=5)
    held.reach()
    clock.advance(3)
    held.proceed()
    pump(loop, lambda: "finish" in held.heard.names())
    clock.advance(1.9)
    settle(loop)
    assert held.conn.report is None
    clock.advance(0.2)
    assert held.heard.report(loop).reason is Reason.END_TIMEOUT


# Hard ends.


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


@pytest.mark.parametrize("ending", HARD)
def test_a_hard_end_cancels_at_once_and_only_close_follows(ending: str, hold: Any, far: FarEnds) -> None:
    call, reason = HARD[ending]
    held = hold()
    held.reach()
    before = list(held.heard.events)
    call(held.conn)
    assert (held.conn.state, held.conn.report, held.heard.events) == ("closed", None, before)
    report = held.heard.report(held.loop)
    settle(held.loop)
    assert (report.reason, report.phase, report.error, report.clean) == (reason, "connecting", None, False)
    assert [name for name, *_ in held.heard.events[len(before) :]] == ["close"]
    assert far.nobody_came()
    with pytest.raises(ConnectionClosed):
        held.conn.write(b"x")


def test_an_error_given_to_destroy_is_told_before_close(hold: Any) -> None:
    held = hold()
    held.reach()
    mine = RuntimeError("changed my mind")
    held.conn.destroy(mine)
    report = held.heard.report(held.loop)
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
def test_a_hard_end_in_the_turn_of_connect_timeout_is_a_hard_end(stage: str, hold: Any, clock: ManualClock) -> None:
    held = hold(connect_timeout=5)
    held.loop.call_later(5, held.conn.destroy)
    held.reach()
    clock.advance(5)
    report = held.heard.report(held.loop)
    settle(held.loop)
    assert (report.reason, report.error, held.heard.life()) == (Reason.DESTROYED, None, ["close"])


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


def test_a_listener_that_connects_again_does_not_hold_up_a_closing_reactor(far: FarEnds, clock: ManualClock) -> None:
    made: list[Any] = []

    def again(*_: object) -> None:
        made.append(connect(loop, *far.address("accepts")))
        made[-1].on("close", again)

    with Reactor(clock=clock, debug=True) as loop:
        again()
        settle(loop, 1)
    assert len(made) > 1
    assert far.nobody_came()
