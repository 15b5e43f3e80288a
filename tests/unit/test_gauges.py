"""Windows in which something must move, without a connection: time and counts are made up."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reactor.net.deadlines.gauges import Gauges, Window
from reactor.net.limits import Excess, Speed

SPEED = Speed(100.0, 5.0)


def test_the_first_window_is_the_grace() -> None:
    window = Window()
    assert window.end(10.0, 0, SPEED) == 15.0
    assert window.end(14.9, 0, SPEED) == 15.0


def test_enough_in_a_window_begins_the_next() -> None:
    window = Window()
    window.end(10.0, 0, SPEED)
    assert window.end(15.0, 500, SPEED) == 20.0
    assert window.end(20.0, 999, SPEED) == 20.0, "one byte too few"


def test_what_came_in_an_earlier_window_does_not_count_in_this_one() -> None:
    window = Window()
    window.end(0.0, 0, SPEED)
    window.end(5.0, 1_000_000, SPEED)
    assert window.end(10.0, 1_000_000, SPEED) == 10.0


def test_a_late_look_asks_for_no_more_than_one_window() -> None:
    window = Window()
    window.end(0.0, 0, SPEED)
    assert window.end(60.0, 500, SPEED) == 65.0


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
