"""RFC 8305's race without a socket and without a clock: which address is tried next, when, and how it ends."""

from __future__ import annotations

import errno
import socket
from typing import Any

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


def begun(target: Target, look_at: float | None = None) -> Decision:
    return Decision(open=target, look_at=look_at)


def late(target: Target) -> Decision:
    return Decision(late=target, look_next_turn=True)


def wait(look_at: float) -> Decision:
    return Decision(look_at=look_at)


def closed(target: Target) -> Decision:
    return Decision(close=(target,), look_next_turn=True)


def won(target: Target, *others: Target) -> Decision:
    return Decision(winner=target, close=others)


# What was found; what happens then: a look at this time, the failure of an attempt, or its success; what is decided.
Happens = tuple[str, Any, Decision]
FIRST: Happens = ("look", 0.0, begun(ONE, 0.25))
BOTH: list[Happens] = [FIRST, ("look", 0.25, late(ONE)), ("look", 0.25, begun(TWO, 0.5))]
SCENES: dict[str, tuple[list[Target], list[Happens]]] = {
    "addresses are tried in the order in which they were found": (
        [THREE, ONE, TWO],
        [
            ("look", 0.0, begun(THREE, 0.25)), ("failed", THREE, closed(THREE)), ("look", 0.0, begun(ONE, 0.25)),
            ("failed", ONE, closed(ONE)), ("look", 0.0, begun(TWO)),
        ],
    ),
    "one that is begun has the attempt delay to answer": ([ONE, TWO], [("look", 7.0, begun(ONE, 7.25))]),
    "a look that comes too early tries nothing and is asked for again": (
        [ONE, TWO], [FIRST, *(("look", now, wait(0.25)) for now in (0.0, 0.1, 0.2499)), ("look", 0.25, late(ONE))],
    ),
    "one that does not answer is late and the next is tried in the turn after that; the last is never late": (
        [ONE, TWO], [FIRST, ("look", 0.25, late(ONE)), ("look", 0.25, begun(TWO)), ("look", 1000.0, NOTHING)],
    ),
    "each further one waits for a delay of its own": (
        [ONE, TWO, THREE],
        [
            FIRST, ("look", 0.25, late(ONE)), ("look", 0.3, begun(TWO, 0.55)), ("look", 0.5, wait(0.55)),
            ("look", 0.55, late(TWO)), ("look", 0.55, begun(THREE)),
        ],
    ),
    "after the last address nobody asks again and it is never late": (
        [ONE], [("look", 0.0, begun(ONE)), ("look", 1000.0, NOTHING)],
    ),
    "a time that was slept through begins one attempt and not all": (
        [ONE, TWO, THREE, FOUR],
        [FIRST, ("look", 30.0, late(ONE)), ("look", 30.0, begun(TWO, 30.25)), ("look", 30.0, wait(30.25))],
    ),
    "after a failure the next is tried in the next turn without a delay, and failures are no error of the winner": (
        [ONE, TWO],
        [FIRST, ("failed", ONE, closed(ONE)), ("look", 0.0, begun(TWO)), ("succeeded", TWO, won(TWO))],
    ),
    "an older one that fails makes room for the next too": (
        [ONE, TWO, THREE], [*BOTH, ("failed", ONE, closed(ONE)), ("look", 0.25, begun(THREE))],
    ),
    "after two failures in one turn one attempt is begun": (
        [ONE, TWO, THREE, FOUR],
        [
            *BOTH, ("failed", ONE, closed(ONE)), ("failed", TWO, closed(TWO)), ("look", 0.25, begun(THREE, 0.5)),
            ("look", 0.25, wait(0.5)),
        ],
    ),
    "one that has failed is never late": (
        [ONE, TWO], [FIRST, ("failed", ONE, closed(ONE)), ("look", 1000.0, begun(TWO))],
    ),
    "one that was overtaken after a failure is never late": (
        [ONE, TWO, THREE, FOUR],
        [*BOTH, ("failed", ONE, closed(ONE)), ("look", 0.25, begun(THREE, 0.5)), ("look", 1000.0, late(THREE))],
    ),
    "the first to succeed wins though it is late, and the other is closed": (
        [ONE, TWO, THREE], [*BOTH, ("succeeded", ONE, won(ONE, TWO))],
    ),
    "or though it was begun later": ([ONE, TWO, THREE], [*BOTH, ("succeeded", TWO, won(TWO, ONE))]),
    "one that is late stays in the race": (
        [ONE, TWO], [FIRST, ("look", 0.25, late(ONE)), ("look", 0.25, begun(TWO)), ("succeeded", ONE, won(ONE, TWO))],
    ),
    "when one has won nothing that comes later counts": (
        [ONE, TWO, THREE],
        [
            *BOTH, ("succeeded", ONE, won(ONE, TWO)), ("succeeded", TWO, NOTHING), ("failed", TWO, NOTHING),
            ("look", 1000.0, NOTHING), ("resolved", [FOUR], NOTHING), ("look", 1000.0, NOTHING),
        ],
    ),
    "one that was never begun neither wins nor fails": (
        [ONE, TWO], [FIRST, ("succeeded", TWO, NOTHING), ("failed", TWO, NOTHING), ("succeeded", ONE, won(ONE))],
    ),
    "one that has failed cannot win and cannot fail again": (
        [ONE, TWO], [FIRST, ("failed", ONE, closed(ONE)), ("succeeded", ONE, NOTHING), ("failed", ONE, NOTHING)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("promise", SCENES)
def test_which_address_is_tried_next_and_which_attempt_wins(promise: str) -> None:
    targets, happens = SCENES[promise]
    race = race_of(*targets)
    for what, about, decided in happens:
        arguments = (about, refused(about)) if what == "failed" else (about,)
        assert getattr(race, what)(*arguments) == decided, (what, about)


def test_the_first_address_is_tried_in_the_turn_after_the_names_are_resolved() -> None:
    race = Race(DELAY)
    assert race.look(1000.0) == NOTHING
    assert race.resolved([ONE, TWO]) == Decision(look_next_turn=True)
    assert race.look(1007.0).open == ONE


def test_who_has_won_has_nothing_to_give_up() -> None:
    race = both_under_way(ONE, TWO, THREE)
    race.succeeded(ONE)
    assert race.give_up() == ()


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
    early = Race(DELAY)
    assert early.give_up() == ()
    assert early.resolved([ONE]) == early.look(0.0) == NOTHING, "it never begins"


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
    tried: list[Target] = []
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
            tried.append(decision.open)
        ended += decision.close
        if decision.winner is not None:
            ended.append(decision.winner)
        outcomes += [each for each in (decision.winner, decision.error) if each is not None]
        assert decision.look_at is None or decision.look_at > now
    ended += race.give_up()
    assert tried == targets[: len(tried)]
    assert sorted(ended) == sorted(tried)
    assert len(outcomes) <= 1
