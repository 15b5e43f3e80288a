"""RFC 8305's race without a socket and without a clock: which address is tried next, when, and how it ends."""

from __future__ import annotations

import errno
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reactor import AttemptsFailed
from reactor.net.client.attempts import NOTHING, Decision, Race
from reactor.net.client.names import Target

DELAY = 0.25
ONE, TWO, THREE, FOUR = (Target(socket.AF_INET, (f"10.0.0.{n}", 80), f"10.0.0.{n}", 80) for n in range(1, 5))


def refused(target: Target) -> ConnectionRefusedError:
    error = ConnectionRefusedError(errno.ECONNREFUSED, f"connect ECONNREFUSED {target.host}:{target.port}")
    error.address = target.host  # type: ignore[attr-defined]
    return error


def race_of(*targets: Target) -> Race:
    race = Race(DELAY)
    race.resolved(targets)
    return race


def both_under_way(*targets: Target) -> Race:
    """The first attempt is late, at 0.25 s, and the second was begun then."""
    race = race_of(*targets)
    race.look(0.0)
    race.look(DELAY)
    assert race.look(DELAY).open == targets[1]
    return race


# The order, and when the next address is tried.


def test_the_first_address_is_tried_in_the_turn_after_the_names_are_resolved() -> None:
    race = Race(DELAY)
    assert race.resolved([ONE, TWO]) == Decision(look_next_turn=True)
    assert race.look(7.0).open == ONE


def test_addresses_are_tried_in_the_order_in_which_they_were_found() -> None:
    race = race_of(THREE, ONE, TWO)
    tried = []
    for target in (THREE, ONE, TWO):
        tried.append(race.look(0.0).open)
        race.failed(target, refused(target))
    assert tried == [THREE, ONE, TWO]


def test_before_the_names_are_resolved_nothing_is_tried() -> None:
    assert Race(DELAY).look(1000.0) == NOTHING


def test_one_that_is_begun_has_the_attempt_delay_to_answer() -> None:
    assert race_of(ONE, TWO).look(7.0) == Decision(open=ONE, look_at=7.25)


@pytest.mark.parametrize("now", [0.0, 0.1, 0.2499])
def test_a_look_that_comes_too_early_tries_nothing_and_is_asked_for_again(now: float) -> None:
    race = race_of(ONE, TWO)
    race.look(0.0)
    assert race.look(now) == Decision(look_at=DELAY)
    assert race.look(DELAY).late == ONE


def test_one_that_does_not_answer_is_late_and_the_next_is_tried_in_the_turn_after_that() -> None:
    race = race_of(ONE, TWO)
    race.look(0.0)
    assert race.look(DELAY) == Decision(late=ONE, look_next_turn=True)
    assert race.look(DELAY).open == TWO


def test_each_further_one_waits_for_a_delay_of_its_own() -> None:
    race = race_of(ONE, TWO, THREE)
    race.look(0.0)
    race.look(DELAY)
    assert race.look(0.3) == Decision(open=TWO, look_at=0.55)
    assert race.look(0.5) == Decision(look_at=0.55)
    assert race.look(0.55).late == TWO
    assert race.look(0.55).open == THREE


def test_after_the_last_address_nobody_asks_again_and_it_is_never_late() -> None:
    race = race_of(ONE)
    assert race.look(0.0) == Decision(open=ONE)
    assert race.look(1000.0) == NOTHING


def test_a_time_that_was_slept_through_begins_one_attempt_and_not_all() -> None:
    race = race_of(ONE, TWO, THREE, FOUR)
    race.look(0.0)
    assert race.look(30.0).late == ONE
    assert race.look(30.0) == Decision(open=TWO, look_at=30.25)
    assert race.look(30.0).open is None


def test_after_a_failure_the_next_is_tried_in_the_next_turn_without_a_delay() -> None:
    race = race_of(ONE, TWO)
    race.look(0.0)
    assert race.failed(ONE, refused(ONE)) == Decision(close=(ONE,), look_next_turn=True)
    assert race.look(0.0).open == TWO


def test_an_older_one_that_fails_makes_room_for_the_next_too() -> None:
    race = both_under_way(ONE, TWO, THREE)
    assert race.failed(ONE, refused(ONE)) == Decision(close=(ONE,), look_next_turn=True)
    assert race.look(DELAY).open == THREE


def test_after_two_failures_in_one_turn_one_attempt_is_begun() -> None:
    race = both_under_way(ONE, TWO, THREE, FOUR)
    for target in (ONE, TWO):
        assert race.failed(target, refused(target)).look_next_turn
    assert race.look(DELAY) == Decision(open=THREE, look_at=2 * DELAY)
    assert race.look(DELAY) == Decision(look_at=2 * DELAY)


def test_one_that_has_failed_is_never_late() -> None:
    race = race_of(ONE, TWO)
    race.look(0.0)
    race.failed(ONE, refused(ONE))
    assert race.look(1000.0) == Decision(open=TWO)


def test_one_that_was_overtaken_after_a_failure_is_never_late() -> None:
    race = both_under_way(ONE, TWO, THREE, FOUR)
    race.failed(ONE, refused(ONE))
    race.look(DELAY)  # THREE
    assert race.look(1000.0).late == THREE


# Which attempt wins.


@pytest.mark.parametrize(("winner", "other"), [(ONE, TWO), (TWO, ONE)])
def test_the_first_to_succeed_wins_late_or_not_and_the_other_is_closed(winner: Target, other: Target) -> None:
    race = both_under_way(ONE, TWO, THREE)
    assert race.succeeded(winner) == Decision(winner=winner, close=(other,))


def test_one_that_is_late_stays_in_the_race() -> None:
    race = race_of(ONE, TWO)
    race.look(0.0)
    assert race.look(DELAY).close == ()
    assert race.look(DELAY).close == ()
    assert race.succeeded(ONE).winner == ONE


def test_failures_before_a_success_are_no_error() -> None:
    race = race_of(ONE, TWO)
    race.look(0.0)
    race.failed(ONE, refused(ONE))
    race.look(0.0)
    assert race.succeeded(TWO) == Decision(winner=TWO)


def test_when_one_has_won_nothing_that_comes_later_counts() -> None:
    race = both_under_way(ONE, TWO, THREE)
    race.succeeded(ONE)
    assert race.succeeded(TWO) == race.failed(TWO, refused(TWO)) == race.look(1000.0) == NOTHING
    assert race.resolved([FOUR]) == race.look(1000.0) == NOTHING
    assert race.give_up() == ()


def test_one_that_was_never_begun_neither_wins_nor_fails() -> None:
    race = race_of(ONE, TWO)
    race.look(0.0)
    assert race.succeeded(TWO) == race.failed(TWO, refused(TWO)) == NOTHING
    assert race.succeeded(ONE).winner == ONE


def test_one_that_has_failed_cannot_win_and_cannot_fail_again() -> None:
    race = race_of(ONE, TWO)
    race.look(0.0)
    race.failed(ONE, refused(ONE))
    assert race.succeeded(ONE) == race.failed(ONE, refused(ONE)) == NOTHING


# When all fail, and when time is up.


def test_the_failure_of_the_only_address_is_the_error_as_it_is() -> None:
    race = race_of(ONE)
    race.look(0.0)
    error = refused(ONE)
    decision = race.failed(ONE, error)
    assert decision == Decision(close=(ONE,), error=error)
    assert decision.error is error


def test_the_error_of_several_names_every_attempt_in_the_order_of_their_failures() -> None:
    race = both_under_way(ONE, TWO)
    first, second = refused(TWO), refused(ONE)
    assert race.failed(TWO, first) == Decision(close=(TWO,))  # ONE may still succeed
    error = race.failed(ONE, second).error
    assert isinstance(error, AttemptsFailed)
    assert error.errors == [first, second]
    assert error.strerror == "connect ECONNREFUSED 10.0.0.2:80; connect ECONNREFUSED 10.0.0.1:80"
    assert (error.errno, vars(error)["address"]) == (errno.ECONNREFUSED, "10.0.0.2")


def test_a_race_that_is_given_up_closes_what_is_under_way_and_begins_nothing() -> None:
    race = both_under_way(ONE, TWO, THREE)
    assert race.give_up() == (ONE, TWO)
    assert race.give_up() == ()
    assert race.look(1000.0) == race.failed(ONE, refused(ONE)) == race.succeeded(TWO) == NOTHING


def test_a_race_that_is_given_up_before_the_names_are_resolved_never_begins() -> None:
    race = Race(DELAY)
    assert race.give_up() == ()
    assert race.resolved([ONE]) == race.look(0.0) == NOTHING


# Whatever happens, in whatever order.

steps = st.lists(
    st.tuples(st.sampled_from(["look", "fail", "succeed"]), st.sampled_from([ONE, TWO, THREE, FOUR]), st.floats(0, 1)),
    max_size=40,
)


@given(st.lists(st.sampled_from([ONE, TWO, THREE, FOUR]), unique=True), steps)
def test_every_attempt_that_is_begun_is_closed_once_or_wins(
    targets: list[Target], happened: list[tuple[str, Target, float]]
) -> None:
    race = race_of(*targets)
    now = 0.0
    begun: list[Target] = []
    ended: list[Target] = []
    outcomes: list[object] = []
    for name, target, elapsed in happened:
        now += elapsed
        if name == "look":
            decision = race.look(now)
        elif name == "fail":
            decision = race.failed(target, refused(target))
        else:
            decision = race.succeeded(target)
        if decision.open is not None:
            assert outcomes == []
            begun.append(decision.open)
        ended += decision.close
        if decision.winner is not None:
            ended.append(decision.winner)
        outcomes += [each for each in (decision.winner, decision.error) if each is not None]
        assert decision.look_at is None or decision.look_at > now
    ended += race.give_up()
    assert begun == targets[: len(begun)]
    assert sorted(ended) == sorted(begun)
    assert len(outcomes) <= 1
