"""The queue of deadlines: who is looked at, when, in what order, and that nothing stays behind. Time is an
argument.
"""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reactor.engine.timers import Timer, TimerHeap
from reactor.net.deadlines.agenda import NEVER, Agenda
from reactor.net.deadlines.keeper import LOOKS_PER_TURN, Keeper


class Member:
    """What can be looked at; notes when."""

    def __init__(self, name: object = "") -> None:
        self.name = name
        self._look_at = NEVER
        self.looks: list[float] = []

    def on_look(self, now: float) -> None:
        self.looks.append(now)

    def __repr__(self) -> str:
        return f"member {self.name}"


class Looks(Keeper):
    """A keeper whose looks are noted by what is looked at."""

    def look(self, stream: Any, now: float) -> None:
        stream.on_look(now)


def entered(*moments: float) -> tuple[Agenda, list[Member]]:
    agenda = Agenda()
    members = [Member(moment) for moment in moments]
    for member, moment in zip(members, moments, strict=True):
        agenda.enter(member, moment)
    return agenda, members


def test_an_entry_can_be_moved_within_the_second_that_is_under_way() -> None:
    agenda, (member,) = entered(5.5)
    agenda.due(5.0, 10)
    agenda.enter(member, 5.9)
    assert agenda.due(5.8, 10) == []
    agenda.enter(member, 5.85)
    assert agenda.due(5.9, 10) == [member]
    assert agenda.due(6.0, 10) == []


def test_a_moment_that_is_past_is_due_at_once() -> None:
    agenda, _ = entered(5.5)
    agenda.due(10.0, 10)
    late = Member()
    agenda.enter(late, 3.0)
    assert agenda.next_moment() <= 10.0
    assert agenda.due(10.0, 10) == [late]


def test_a_mass_expiry_is_handed_out_in_exact_order_over_many_batches() -> None:
    moments = [1 + (i * 7919 % 1000) / 1000 for i in range(1000)]
    agenda, _ = entered(*moments)
    found: list[object] = []
    while agenda.next_moment() <= 2.0:
        found += [member.name for member in agenda.due(2.0, 10)]
    assert found == sorted(moments)


def test_the_next_moment_is_never_late_and_less_than_a_second_early() -> None:
    agenda, _ = entered(7.75, 9.5)
    assert 6.75 < agenda.next_moment() <= 7.75
    agenda.due(7.0, 10)
    assert agenda.next_moment() == 7.75


@pytest.mark.parametrize("shortly", [False, True])
def test_a_member_removed_is_not_kept_alive_or_no_longer_than_the_second_under_way(shortly: bool) -> None:
    agenda, members = entered(1000.5)
    if shortly:
        agenda.due(1000.0, 10)
    seen = weakref.ref(members[0])
    agenda.remove(members.pop())
    if shortly:
        agenda.due(1001.0, 10)
    assert seen() is None


def test_nothing_is_left_of_a_hundred_thousand_that_came_and_went() -> None:
    agenda = Agenda()
    gc.disable()  # what is left must go by itself
    try:
        before = len(gc.get_objects())
        for i in range(100_000):
            member = Member()
            agenda.enter(member, 1000 + i % 600 + 0.5)
            agenda.remove(member)
        del member
        after = len(gc.get_objects())
    finally:
        gc.enable()
    assert after - before < 700  # one set for each second in use


# Enter one of a few members, remove one, or let time pass and take a batch.
moments = st.one_of(st.integers(0, 40).map(lambda i: i / 4), st.floats(0, 10))
OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("enter"), st.integers(0, 30), moments),
        st.tuples(st.just("remove"), st.integers(0, 30), st.just(0)),
        st.tuples(st.just("due"), st.integers(1, 5), st.sampled_from([0, 0.25, 1, 3])),
    ),
    max_size=80,
)


@given(OPERATIONS)
def test_it_behaves_as_a_plain_list_of_moments_would(operations: list[tuple[str, int, float]]) -> None:
    """A batch comes in the order of the moments and is no larger than asked for. Nobody comes before the moment, twice,
    or after being removed; entering again replaces the entry.
    """
    agenda, now = Agenda(), 0.0
    assert (agenda.next_moment(), agenda.due(now, 10)) == (NEVER, [])
    members = [Member(i) for i in range(31)]
    model: dict[Member, float] = {}
    for what, number, value in operations:
        member = members[number]
        if what == "enter":
            agenda.enter(member, now + value)
            model[member] = now + value
        elif what == "remove":
            agenda.remove(member)
            model.pop(member, None)
        else:
            now += value
            check_batch(agenda, model, now, limit=number)
        assert len(agenda) == len(model)
        assert agenda.next_moment() <= min(model.values(), default=NEVER)
    while model:
        now = max(now, min(model.values()))
        check_batch(agenda, model, now, limit=3)


def check_batch(agenda: Agenda, model: dict[Member, float], now: float, limit: int) -> None:
    found = agenda.due(now, limit)
    assert len(found) <= limit
    handed_out = [model.pop(member) for member in found]
    assert handed_out == sorted(handed_out)
    assert all(moment <= now for moment in handed_out)
    assert all(member._look_at == NEVER for member in found)
    waiting = [moment for moment in model.values() if moment <= now]
    if handed_out and waiting:
        assert handed_out[-1] <= min(waiting), "somebody who is due earlier still waits"


class Clockwork:
    """What a schedule needs of a reactor: the time, and a real heap of timers."""

    def __init__(self) -> None:
        self.turn_now = 100.0
        self.timers = TimerHeap()

    def call_at(self, when: float, fn: Callable[..., object], /) -> Timer:
        return self.timers.arm(when, fn, ())

    def turn(self, seconds: float = 0.0) -> None:
        """One turn: what is due now is called, what it arms is not."""
        self.turn_now += seconds
        before = self.timers.order
        while (timer := self.timers.pop_due(self.turn_now, before)) is not None:
            call = timer._take(self.turn_now)
            if call is not None:
                call[0](*call[1])


@pytest.fixture
def clockwork() -> Clockwork:
    return Clockwork()


@pytest.fixture
def schedule(clockwork: Clockwork) -> Any:
    return Looks(clockwork)  # type: ignore[arg-type]  # it has what a keeper asks of a loop


def test_a_schedule_looks_when_the_moment_has_come(clockwork: Clockwork, schedule: Any) -> None:
    member = Member()
    schedule.enter(member, 105.5)
    clockwork.turn(5.25)
    assert member.looks == []
    clockwork.turn(0.25)
    clockwork.turn()
    assert member.looks == [105.5]


def test_a_schedule_needs_one_timer_however_many_it_looks_after(clockwork: Clockwork, schedule: Any) -> None:
    for i in range(1000):
        schedule.enter(Member(), 200 - i / 10)
    assert len(schedule) == 1000
    assert len(clockwork.timers) == 1
    assert clockwork.timers.refs == 0  # it does not keep run() going


def test_a_schedule_spreads_a_mass_expiry_over_turns(clockwork: Clockwork, schedule: Any) -> None:
    members = [Member() for _ in range(1000)]
    for member in members:
        schedule.enter(member, 101.0)
    clockwork.turn(1.0)
    turns, looked = 0, 0
    while looked < 1000:
        clockwork.turn()
        turns += 1
        before, looked = looked, sum(len(member.looks) for member in members)
        assert looked - before <= 2 * LOOKS_PER_TURN
    assert turns >= 1000 // LOOKS_PER_TURN - 2
    assert {len(member.looks) for member in members} == {1}


def test_a_member_may_enter_itself_again_when_it_is_looked_at(clockwork: Clockwork, schedule: Any) -> None:
    class Busy(Member):
        def on_look(self, now: float) -> None:
            super().on_look(now)
            if len(self.looks) < 3:
                schedule.enter(self, now + 2)

    busy = Busy()
    schedule.enter(busy, 102.0)
    for _ in range(10):
        clockwork.turn(1.0)
    assert busy.looks == [102.0, 104.0, 106.0]


@pytest.mark.parametrize("off", ["enter", "forget"])
def test_never_means_no_look_and_no_timer_any_more(clockwork: Clockwork, schedule: Any, off: str) -> None:
    member = Member()
    schedule.enter(member, 101.0)
    getattr(schedule, off)(member, *[NEVER] * (off == "enter"))
    assert len(schedule) == 0
    clockwork.turn(2.0)
    assert len(clockwork.timers) == 0
    clockwork.turn(48.0)
    assert member.looks == []


def test_an_earlier_moment_moves_the_timer_forward(clockwork: Clockwork, schedule: Any) -> None:
    early, late = Member(), Member()
    schedule.enter(late, 500.0)
    schedule.enter(early, 101.0)
    clockwork.turn(1.0)
    clockwork.turn()
    assert (early.looks, late.looks) == ([101.0], [])
