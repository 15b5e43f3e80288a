"""Windows in which something must move, without a connection: time and counts are made up."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reactor.net.deadlines.gauges import Gauges, Window
from reactor.net.limits import Excess, Speed

SPEED = Speed(100.0, 5.0)


# When it is looked at, with how many bytes moved so far, and when the window ends.
LOOKS: dict[str, list[tuple[float, int, float]]] = {
    "the first window is the grace": [(10.0, 0, 15.0), (14.9, 0, 15.0)],
    "enough begins the next; one byte too few does not": [(10.0, 0, 15.0), (15.0, 500, 20.0), (20.0, 999, 20.0)],
    "an earlier window does not count in this one": [(0.0, 0, 5.0), (5.0, 10**6, 10.0), (10.0, 10**6, 10.0)],
    "a late look asks for no more than one window": [(0.0, 0, 5.0), (60.0, 500, 65.0)],
}


@pytest.mark.parametrize("promise", LOOKS)
def test_a_window(promise: str) -> None:
    window = Window()
    for now, moved, end in LOOKS[promise]:
        assert window.end(now, moved, SPEED) == end


def test_what_is_expected_anew_has_its_own_grace() -> None:
    window = Window()
    window.end(0.0, 0, SPEED)
    assert window.end(30.0, 0, SPEED, began_at=29.0, began_with=0) == 34.0
    window.stop()
    assert window.end(40.0, 7, SPEED) == 45.0


@settings(max_examples=50)
@given(st.lists(st.tuples(st.floats(0.01, 1.0), st.integers(0, 1000)), max_size=100))
def test_who_moves_enough_in_each_second_is_never_too_slow(steps: list[tuple[float, int]]) -> None:
    window, now, count = Window(), 0.0, 0
    window.end(now, count, SPEED)
    for pause, extra in steps:
        now += pause
        count += round(pause * 100) + 1 + extra
        assert window.end(now, count, SPEED) > now


@settings(max_examples=30)
@given(st.lists(st.tuples(st.floats(0.05, 1.0), st.integers(0, 99)), min_size=100, max_size=100))
def test_who_never_moves_enough_is_found_when_the_first_window_ends(steps: list[tuple[float, int]]) -> None:
    window, now, count = Window(), 0.0, 0
    window.end(now, count, SPEED)
    for pause, share in steps:
        now += pause
        count += int(pause * share)
        if now >= 5.0:
            break
    assert (window.end(now, count, SPEED) <= now) is (now >= 5.0)


def test_an_excess_runs_from_when_it_was_seen_until_it_was_seen_to_be_over() -> None:
    gauges, limit = Gauges(), Excess(1000, 30.0)
    assert gauges.excess(0.0, 1000, limit) is None
    assert gauges.excess(1.0, 1001, limit) == 31.0
    assert gauges.excess(20.0, 5000, limit) == 31.0
    assert gauges.excess(25.0, 10, limit) is None
    assert gauges.excess(26.0, 2000, limit) == pytest.approx(56.0)
