"""Timers: in order, never early, a bounded number a turn."""

from __future__ import annotations

from typing import Any

import pytest

from reactor import Reactor, Timer
from reactor.testing import ManualClock, pump, settle


def test_a_timer_is_never_early_and_a_turn_late_at_most(
    each_loop: Reactor, clock: ManualClock, heard: list[Any]
) -> None:
    each_loop.call_later(60, heard.append, "fired")
    clock.advance(59.75)
    settle(each_loop)
    assert heard == []
    clock.advance(0.25)
    each_loop.run_once(0)
    assert heard == ["fired"]


def test_a_timer_fires_once(loop: Reactor, clock: ManualClock, heard: list[Any]) -> None:
    timer = loop.call_later(60, heard.append, "fired")
    for _ in range(3):
        clock.advance(60)
        settle(loop)
    assert heard == ["fired"]
    assert not timer.active


def test_timers_fire_by_deadline_then_in_order_of_arming(loop: Reactor, clock: ManualClock, heard: list[Any]) -> None:
    loop.call_at(1030, heard.append, "late")
    loop.call_at(1010, heard.append, "first")
    loop.call_at(1010, heard.append, "second")
    loop.call_later(10, heard.append, "third")
    clock.advance(60)
    loop.run_once(0)
    assert heard == ["first", "second", "third", "late"]


def test_a_timer_tells_when_it_is_due(loop: Reactor, clock: ManualClock) -> None:
    clock.advance(5)
    assert loop.call_later(60, print).when == 1065.0
    assert loop.call_at(1100, print).when == 1100


def test_the_time_is_asked_at_the_call_not_at_the_start_of_the_turn(loop: Reactor, clock: ManualClock) -> None:
    made: list[Timer] = []

    def slow() -> None:
        clock.advance(30)
        made.append(loop.call_later(60, print))

    loop.call_soon(slow)
    loop.run_once(0)
    assert made[0].when == 1090.0


def test_a_cancelled_timer_never_fires(loop: Reactor, clock: ManualClock, heard: list[Any]) -> None:
    timer = loop.call_later(60, heard.append, "fired")
    timer.cancel()
    timer.cancel()
    clock.advance(60)
    settle(loop)
    assert heard == []
    assert not timer.active


def test_a_timer_cancelled_by_another_due_then_does_not_fire(
    loop: Reactor, clock: ManualClock, heard: list[Any]
) -> None:
    def cancel() -> None:
        second.cancel()

    loop.call_at(1010, cancel)
    second = loop.call_at(1010, heard.append, "second")
    clock.advance(10)
    settle(loop)
    assert heard == []


def test_a_timer_may_cancel_itself_while_it_fires(loop: Reactor, clock: ManualClock) -> None:
    def cancel() -> None:
        timer.cancel()

    timer = loop.call_later(10, cancel)
    clock.advance(10)
    settle(loop)
    assert loop.statistics().timers == 0


def test_a_timer_armed_by_a_timer_fires_in_a_later_turn(loop: Reactor, clock: ManualClock, heard: list[Any]) -> None:
    def again() -> None:
        heard.append(loop.statistics().turns)
        loop.call_later(0, again)

    loop.call_later(0, again)
    settle(loop, 5)
    assert len(heard) == len(set(heard)) == 5


def test_a_turn_fires_a_bounded_number_and_calls_are_made_in_between(loop: Reactor, clock: ManualClock) -> None:
    fired: list[int] = []
    for number in range(5000):
        loop.call_later(1, fired.append, number)
    clock.advance(1)
    turns = 0
    while len(fired) < 5000:
        before = len(fired)
        called: list[bool] = []
        loop.call_soon(called.append, True)
        loop.run_once(0)
        turns += 1
        assert called
        assert 0 < len(fired) - before <= 1000
    assert turns >= 5
    assert fired == list(range(5000))


def test_clients_are_served_while_a_flood_of_timers_is_due(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness()
    h.server.on("data", lambda conn, data: conn.write(data))
    peer, _ = h.connect()
    fired: list[int] = []
    for number in range(5000):
        loop.call_later(1, fired.append, number)
    clock.advance(1)
    peer.send(b"ping")
    pump(loop, lambda: not peer.nothing_comes())
    assert len(fired) < 5000
    assert peer.receive(4) == b"ping"


def test_a_hundred_thousand_cancelled_timers_leave_nothing_behind(loop: Reactor) -> None:
    for _ in range(100):
        for timer in [loop.call_later(3600, print) for _ in range(1000)]:
            timer.cancel()
    assert loop.statistics().timers == 0
    assert loop.next_deadline() is None


def test_a_timer_shows_its_state(loop: Reactor) -> None:
    timer = loop.call_later(60, print)
    assert repr(timer) == "<Timer when=1060.000 active>"
    timer.unref().cancel()
    assert repr(timer) == "<Timer when=1060.000 done unref>"


# Again and again.


def test_a_call_comes_every_so_often_without_drift(each_loop: Reactor, clock: ManualClock, heard: list[Any]) -> None:
    timer = each_loop.call_every(10, lambda: heard.append(clock() - 1000))
    for seconds in (9.75, 3.25, 7, 10):  # the first call is three seconds late
        clock.advance(seconds)
        settle(each_loop)
    assert (heard, timer.when, timer.active) == ([13, 20, 30], 1040, True)


def test_times_that_pass_while_the_loop_is_busy_are_left_out(
    loop: Reactor, clock: ManualClock, heard: list[Any]
) -> None:
    timer = loop.call_every(1, heard.append, "called")
    clock.advance(7.5)
    settle(loop)
    assert (heard, timer.when) == (["called"], 1008)


def test_a_repeating_timer_ends_when_it_is_cancelled_by_its_own_call_too(
    loop: Reactor, clock: ManualClock, heard: list[Any]
) -> None:
    timer = loop.call_every(1, lambda: (heard.append("called"), timer.cancel()))
    clock.advance(1)
    loop.run()  # nothing is left to do
    assert (heard, timer.active) == (["called"], False)


def test_an_unrefd_repeating_timer_does_not_keep_run_going(loop: Reactor, clock: ManualClock, heard: list[Any]) -> None:
    timer = loop.call_every(1, heard.append, "called").unref()
    clock.advance(1)
    settle(loop)
    loop.run()
    assert (heard, timer.active) == (["called"], True)


@pytest.mark.expects_errors
def test_a_repeating_call_that_raises_is_made_again(loop: Reactor, clock: ManualClock, heard: list[Any]) -> None:
    loop.call_every(1, lambda: heard.append(1 // 0))
    loop.call_every(1, heard.append, "called")
    for _ in range(2):
        clock.advance(1)
        settle(loop)
    assert heard == ["called", "called"]


def test_an_interval_too_small_for_the_clock_is_one_call_a_turn(
    loop: Reactor, clock: ManualClock, heard: list[Any]
) -> None:
    loop.call_every(1e-300, heard.append, "called")
    for _ in range(3):
        clock.advance(1)
        loop.run_once(0)
    assert heard == ["called"] * 3


@pytest.mark.parametrize("seconds", [0, -1, float("inf"), float("nan")])
def test_an_interval_is_a_finite_time(loop: Reactor, seconds: float) -> None:
    with pytest.raises(ValueError, match="seconds must be more than 0 seconds and finite, not"):
        loop.call_every(seconds, print)


def test_a_closed_loop_makes_no_more_calls(loop: Reactor) -> None:
    loop.close()
    assert not loop.call_every(1, print).active
