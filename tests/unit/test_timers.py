"""The timer heap: order, cancelling, what keeps `run()` going. Time is an argument; there is no clock."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from reactor.engine.timers import Timer, TimerHeap

MILLION = 1_000_000
BATCH = 1_000  # armed at a time before they are cancelled


def arm(heap: TimerHeap, when: float, fn: Callable[..., object] = print, *args: object) -> Timer:
    return heap.arm(when, fn, args)


def fire(heap: TimerHeap, now: float) -> list[object]:
    """Everything due at `now`, called in order; what the calls returned."""
    results = []
    before = heap.order
    while (timer := heap.pop_due(now, before)) is not None:
        call = timer._take()
        if call is not None:
            fn, args = call
            results.append(fn(*args))
    return results


def echo(value: object) -> object:
    return value


def test_timers_fire_in_the_order_of_their_deadlines() -> None:
    heap = TimerHeap()
    for when in (3.0, 1.0, 2.0):
        arm(heap, when, echo, when)
    assert fire(heap, 10.0) == [1.0, 2.0, 3.0]


def test_equal_deadlines_fire_in_the_order_they_were_armed() -> None:
    heap = TimerHeap()
    for i in range(100):
        arm(heap, 5.0, echo, i)
    assert fire(heap, 5.0) == list(range(100))


def test_a_timer_fires_at_its_deadline_and_not_before() -> None:
    heap = TimerHeap()
    arm(heap, 5.0, echo, "now")
    assert fire(heap, 4.999) == []
    assert fire(heap, 5.0) == ["now"]
    assert fire(heap, 6.0) == []


def test_a_timer_armed_while_timers_fire_waits_for_the_next_turn() -> None:
    heap = TimerHeap()
    arm(heap, 1.0, lambda: arm(heap, 0.0, echo, "second"))
    (second,) = fire(heap, 1.0)
    assert isinstance(second, Timer)
    assert second.active
    assert fire(heap, 1.0) == ["second"]


def test_a_cancelled_timer_never_fires() -> None:
    heap = TimerHeap()
    arm(heap, 1.0, echo, "kept")
    arm(heap, 2.0, echo, "cancelled").cancel()
    assert fire(heap, 3.0) == ["kept"]


def test_a_timer_cancelled_by_one_that_fires_before_it_does_not_fire() -> None:
    heap = TimerHeap()
    doomed: list[Timer] = []
    arm(heap, 1.0, lambda: [timer.cancel() for timer in doomed])
    doomed.append(arm(heap, 1.0, echo, "doomed"))
    assert fire(heap, 1.0) == [[None]]
    assert (len(heap), heap.refs) == (0, 0)


def test_cancelling_again_or_after_it_has_fired_is_harmless() -> None:
    heap = TimerHeap()
    fired, cancelled = arm(heap, 1.0), arm(heap, 2.0)
    assert fire(heap, 1.0) == [None]
    for _ in range(3):
        fired.cancel()
        cancelled.cancel()
    assert (len(heap), heap.refs) == (0, 0)
    assert heap.next_deadline() is None


def test_next_deadline_skips_what_was_cancelled() -> None:
    heap = TimerHeap()
    first = arm(heap, 1.0)
    for when in (2.0, 3.0, 4.0):
        arm(heap, when)
    first.cancel()
    assert heap.next_deadline() == 2.0


def test_an_empty_heap_has_no_deadline_and_nothing_due() -> None:
    heap = TimerHeap()
    assert heap.next_deadline() is None
    assert heap.pop_due(1e9, heap.order) is None
    assert len(heap) == 0


def test_cancelling_everything_leaves_an_empty_heap() -> None:
    heap = TimerHeap()
    timers = [arm(heap, float(i % 7)) for i in range(1000)]
    for timer in timers:
        timer.cancel()
    assert (len(heap), heap.refs, heap.next_deadline()) == (0, 0, None)
    assert arm(heap, 1.0).active
    assert heap.next_deadline() == 1.0


def test_a_million_timers_armed_and_cancelled_leave_no_garbage() -> None:
    heap = TimerHeap()
    kept = arm(heap, 1e9)
    gc.disable()  # what is left must go by itself
    try:
        before = len(gc.get_objects())
        for _ in range(MILLION // BATCH):
            for timer in [heap.arm(float(i), print, ()) for i in range(BATCH)]:
                timer.cancel()
        after = len(gc.get_objects())
    finally:
        gc.enable()
    assert after - before < 10
    assert len(heap) == 1
    assert heap.next_deadline() == kept.when


def test_a_cancelled_timer_lets_go_of_its_function_and_arguments_at_once() -> None:
    class Thing:
        pass

    heap = TimerHeap()
    arm(heap, 1.0)  # so that the heap is not rebuilt
    arm(heap, 2.0)
    thing = Thing()
    timer = arm(heap, 3.0, print, thing)
    seen = weakref.ref(thing)
    timer.cancel()
    del thing
    assert seen() is None


def test_a_fired_timer_lets_go_of_its_function_and_arguments() -> None:
    class Thing:
        pass

    heap = TimerHeap()
    thing = Thing()
    timer = arm(heap, 1.0, lambda _: None, thing)
    seen = weakref.ref(thing)
    del thing
    assert fire(heap, 1.0) == [None]
    assert seen() is None
    assert not timer.active


def test_armed_timers_keep_run_going_until_they_fire_or_are_cancelled() -> None:
    heap = TimerHeap()
    arm(heap, 1.0)
    cancelled = arm(heap, 2.0)
    assert heap.refs == 2
    fire(heap, 1.0)
    assert heap.refs == 1
    cancelled.cancel()
    assert heap.refs == 0


def test_an_unrefd_timer_does_not_keep_run_going_and_still_fires() -> None:
    heap = TimerHeap()
    timer = arm(heap, 1.0, echo, "fired")
    assert timer.unref() is timer
    assert timer.unref() is timer  # again: no change
    assert heap.refs == 0
    assert fire(heap, 1.0) == ["fired"]
    assert heap.refs == 0


def test_ref_takes_unref_back() -> None:
    heap = TimerHeap()
    timer = arm(heap, 1.0).unref()
    assert timer.ref() is timer
    assert timer.ref().refs
    assert heap.refs == 1


def test_ref_and_unref_of_a_timer_that_is_done_count_nothing() -> None:
    heap = TimerHeap()
    fired, cancelled = arm(heap, 1.0), arm(heap, 2.0)
    fire(heap, 1.0)
    cancelled.cancel()
    for timer in (fired, cancelled):
        timer.unref()
        timer.ref()
    assert heap.refs == 0


def test_a_timer_says_when_it_is_due_and_whether_it_still_waits() -> None:
    heap = TimerHeap()
    timer = arm(heap, 12.5)
    assert (timer.when, timer.active) == (12.5, True)
    assert repr(timer) == "<Timer when=12.500 active>"
    timer.unref().cancel()
    assert repr(timer) == "<Timer when=12.500 done unref>"


# Arm (a deadline), cancel (one of those armed), or fire everything due at a time.
OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("arm"), st.integers(0, 20)),
        st.tuples(st.just("cancel"), st.integers(0, 50)),
        st.tuples(st.just("unref"), st.integers(0, 50)),
        st.tuples(st.just("fire"), st.integers(0, 20)),
    ),
    max_size=60,
)


@given(OPERATIONS)
def test_whatever_is_armed_and_cancelled_what_is_left_fires_in_order(operations: list[tuple[str, int]]) -> None:
    heap = TimerHeap()
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
            else:
                timers[number].unref()
                held.discard(number)
        assert len(heap) == len(waiting)
        assert heap.refs == len(held & waiting.keys())
        assert heap.next_deadline() == min(waiting.values(), default=None)
