"""Endings that a shutdown spreads over a time, without a socket: how many are due, and when the next are."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from reactor.net.server.stopping import TICK, Spread

TOTALS = st.integers(1, 20_000)
SPANS = st.floats(0.001, 3600.0)


def endings(total: int, span: float, lateness: float = 0.0) -> list[tuple[float, int]]:
    """When how many are ended, by a loop that is always this late."""
    spread, left, now, ended = Spread(total, 100.0, 100.0 + span), total, 100.0, []
    while left:
        due = spread.due(left, now)
        ended.append((now, due))
        left -= due
        now += spread.pause + lateness
        assert len(ended) <= total
    return ended


@settings(max_examples=50)
@given(TOTALS, SPANS, st.just(0.0) | st.floats(0.0, 10.0))
def test_as_large_a_part_has_ended_as_of_the_time_is_over(total: int, span: float, lateness: float) -> None:
    """At no time a larger one in a loop that is never late, and after each call at least that. Each call ends one at
    least, and the last comes when the time is over.
    """
    done, ended = 0, endings(total, span, lateness)
    for calls, (now, due) in enumerate(ended, 1):
        done += due
        part = (now - 100.0) / span
        assert due > 0
        assert done <= max(part * total + 1, calls) or lateness
        assert done >= min(part, 1.0) * total - 0.001
    assert ended[-1][0] <= 100.0 + span + max(span / total, TICK) + lateness


@given(st.integers(0, 100), TOTALS)
def test_without_a_time_all_are_due_at_once(left: int, total: int) -> None:
    assert Spread(total, 100.0, 100.0).due(left, 100.0) == left


def test_ten_connections_over_ten_seconds_end_one_a_second() -> None:
    assert endings(10, 10.0) == [(100.0 + second, 1) for second in range(10)]


def test_thousands_end_in_ticks_and_not_each_by_a_timer_of_its_own() -> None:
    assert Spread(10_000, 100.0, 101.0).pause == TICK
    assert len(endings(10_000, 1.0)) <= 1.0 / TICK + 2


def test_nobody_left_means_nothing_due() -> None:
    assert Spread(5, 100.0, 110.0).due(0, 101.0) == 0
