"""The queue of deadlines: who is looked at, when, in what order, and that nothing stays behind. Time is an
argument.
"""

from __future__ import annotations

import gc
import weakref

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reactor.net.deadlines.agenda import NEVER, Agenda


class Member:
    """What can be looked at."""

    def __init__(self, name: object = "") -> None:
        self.name = name
        self._look_at = NEVER

    def __repr__(self) -> str:
        return f"member {self.name}"


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
