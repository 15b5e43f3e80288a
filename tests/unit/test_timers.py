"""The timer heap: order, cancelling, what keeps `run()` going. Time is an argument; there is no clock."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reactor.engine.timers import Timer, TimerHeap

COUNT = 200_000
BATCH = 1_000  # armed at a time before they are cancelled


def arm(heap: TimerHeap, when: float, fn: Callable[..., object] = print, *args: object) -> Timer:
    return heap.arm(when, fn, args)


def fire(heap: TimerHeap, now: float) -> list[object]:
    """Everything due at `now`, called in order; what the calls returned."""
    results = []
    before = heap.order
    while (timer := heap.pop_due(now, before)) is not None:
        call = timer._take(now)
        if call is not None:
            fn, args = call
            results.append(fn(*args))
    return results


def echo(value: object) -> object:
    return value


@pytest.fixture
def heap() -> TimerHeap:
    return TimerHeap()


def test_a_timer_armed_while_timers_fire_waits_for_the_next_turn(heap: TimerHeap) -> None:
    arm(heap, 1.0, lambda: arm(heap, 0.0, echo, "second"))
    (second,) = fire(heap, 1.0)
    assert isinstance(second, Timer)
    assert second.active
    assert fire(heap, 1.0) == ["second"]


def test_a_timer_cancelled_by_one_that_fires_before_it_does_not_fire(heap: TimerHeap) -> None:
    doomed: list[Timer] = []

    def cancel() -> None:
        doomed[0].cancel()

    arm(heap, 1.0, cancel)
    doomed.append(arm(heap, 1.0, echo, "doomed"))
    assert fire(heap, 1.0) == [None]
    assert (len(heap), heap.refs) == (0, 0)


def test_cancelling_everything_leaves_an_empty_heap(heap: TimerHeap) -> None:
    timers = [arm(heap, float(i % 7)) for i in range(1000)]
    for timer in timers:
        timer.cancel()
    assert (len(heap), heap.refs, heap.next_deadline()) == (0, 0, None)
    assert arm(heap, 1.0).active
    assert heap.next_deadline() == 1.0


def test_timers_armed_and_cancelled_leave_no_garbage_however_many(heap: TimerHeap) -> None:
    kept = arm(heap, 1e9)
    gc.disable()  # what is left must go by itself
    try:
        before = len(gc.get_objects())
        for _ in range(COUNT // BATCH):
            for timer in [heap.arm(float(i), print, ()) for i in range(BATCH)]:
                timer.cancel()
        after = len(gc.get_objects())
    finally:
        gc.enable()
    assert after - before < 10
    assert len(heap) == 1
    assert heap.next_deadline() == kept.when


class Thing:
    """What a timer was given."""


@pytest.mark.parametrize("how", ["cancelled", "fired"])
def test_a_timer_that_is_done_lets_go_of_its_function_and_arguments_at_once(heap: TimerHeap, how: str) -> None:
    arm(heap, 5.0)  # so that the heap is not rebuilt
    arm(heap, 6.0)
    thing = Thing()
    timer, seen = arm(heap, 3.0, lambda _: None, thing), weakref.ref(thing)
    del thing
    if how == "cancelled":
        timer.cancel()
    else:
        assert fire(heap, 3.0) == [None]
    assert seen() is None
    assert not timer.active


def test_a_timer_says_when_it_is_due_and_whether_it_still_waits(heap: TimerHeap) -> None:
    timer = arm(heap, 12.5)
    assert (timer.when, timer.active) == (12.5, True)
    assert repr(timer) == "<Timer when=12.500 active>"
    timer.unref().cancel()
    assert repr(timer) == "<Timer when=12.500 done unref>"


# Arm (a deadline), cancel, unref or ref one of those that were ever armed, or fire everything that is due at a time.
OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("arm"), st.integers(0, 20)),
        st.tuples(st.just("cancel"), st.integers(0, 50)),
        st.tuples(st.just("unref"), st.integers(0, 50)),
        st.tuples(st.just("ref"), st.integers(0, 50)),
        st.tuples(st.just("fire"), st.integers(0, 20)),
    ),
    max_size=60,
)


@given(OPERATIONS)
def test_whatever_is_armed_and_cancelled_what_is_left_fires_in_order(operations: list[tuple[str, int]]) -> None:
    """By deadline, and those of one deadline in the order of arming; not before, and once. What was cancelled never
    fires, and what waits and is ref'd keeps `run()` going. Any call of a timer that is done changes nothing.
    """
    heap = TimerHeap()
    assert (len(heap), heap.refs, heap.next_deadline(), fire(heap, 1e9)) == (0, 0, None, [])
    timers: list[Timer] = []
    waiting: dict[int, float] = {}  # the model: number -> deadline, in the order of arming
    held: set[int] = set()
    for what, value in operations:
        if what == "arm":
            waiting[len(timers)] = value
            held.add(len(timers))
            timers.append(arm(heap, value, echo, len(timers)))
        elif what == "fire":
            due = sorted((number for number in waiting if waiting[number] <= value), key=lambda n: waiting[n])
            assert fire(heap, value) == due
            waiting = {number: when for number, when in waiting.items() if number not in due}
        elif timers:
            number = value % len(timers)
            if what == "cancel":
                timers[number].cancel()
                waiting.pop(number, None)
            elif what == "unref":
                assert timers[number].unref() is timers[number]
                held.discard(number)
            else:
                assert timers[number].ref() is timers[number]
                held.add(number)
            assert timers[number].active == (number in waiting)
        assert len(heap) == len(waiting)
        assert heap.refs == len(held & waiting.keys())
        assert heap.next_deadline() == min(waiting.values(), default=None)
