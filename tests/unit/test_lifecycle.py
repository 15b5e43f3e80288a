"""The table of `states.py`, walked through exhaustively: every sequence of eight events that can happen, from
a connection just accepted and from a client just made.

Sequences that lead to the same state with the same things said are walked on together, so 12^8 of them take no
time at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest

from reactor.engine.poller import EDGE, GONE, READ
from reactor.net.connection.states import CLOSED, CONNECTING, OPEN, STATES, Do, Event, Read, State, Write, reachable

DEPTH = 8
STARTS = pytest.mark.parametrize("start", [OPEN, CONNECTING], ids=["open", "connecting"])
READ_ORDER = [Read.OPEN, Read.PAUSED, Read.DISCARDING, Read.ENDED]
WRITE_ORDER = [Write.OPEN, Write.ENDING, Write.ENDED, Write.BROKEN]
CALLS = {Event.PAUSE, Event.RESUME, Event.END, Event.DESTROY_SOON, Event.DESTROY}


class Path(NamedTuple):
    """Where a sequence of events has led, and what it made the connection do on the way."""

    state: State
    torn: int = 0  # TEAR_DOWN, so many times
    ends: int = 0
    finishes: int = 0
    settled: int = 0


class Step(NamedTuple):
    before: Path
    event: Event
    todo: tuple[Do, ...]
    after: Path


def follow(path: Path, event: Event) -> Step:
    state, todo = path.state.step(event)
    counts = (todo.count(do) for do in (Do.TEAR_DOWN, Do.EMIT_END, Do.EMIT_FINISH, Do.SETTLE))
    after = Path(state, *(min(a + b, 2) for a, b in zip(path[1:], counts, strict=True)))
    return Step(path, event, todo, after)


def steps(start: State) -> Iterator[Step]:
    """Every step of every sequence of DEPTH events."""
    paths = {Path(start)}
    seen: set[Path] = set()
    for _ in range(DEPTH):
        seen |= paths
        found = [follow(path, event) for path in paths for event in path.state.on]
        yield from found
        paths = {step.after for step in found} - seen


@STARTS
def test_each_half_ends_once_and_never_comes_back(start: State) -> None:
    for before, event, _, after in steps(start):
        old, new = before.state, after.state
        if old.read in (Read.DISCARDING, Read.ENDED):
            assert READ_ORDER.index(new.read) >= READ_ORDER.index(old.read), (old, event, new)
        assert WRITE_ORDER.index(new.write) >= WRITE_ORDER.index(old.write), (old, event, new)


@STARTS
def test_every_sequence_tears_down_at_most_once(start: State) -> None:
    for step in steps(start):
        assert step.after.torn <= 1, step


@STARTS
def test_a_state_is_over_when_and_only_when_the_teardown_was_ordered(start: State) -> None:
    for step in steps(start):
        assert step.after.state.over == (step.after.torn == 1), step


@STARTS
def test_a_connection_that_is_over_does_nothing_any_more(start: State) -> None:
    for step in steps(start):
        if step.before.state.over:
            assert step.todo == (), step
            assert step.after.state.over, step


@STARTS
def test_a_closed_connection_stays_closed(start: State) -> None:
    for step in steps(start):
        if step.before.state is CLOSED:
            assert step.after.state is CLOSED, step


@STARTS
def test_end_is_emitted_at_most_once_and_only_when_the_fin_was_read(start: State) -> None:
    for step in steps(start):
        assert step.after.ends <= 1, step
        assert (Do.EMIT_END in step.todo) == (step.event is Event.FIN), step


@STARTS
def test_finish_is_emitted_at_most_once_and_only_when_our_fin_was_sent(start: State) -> None:
    for step in steps(start):
        assert step.after.finishes <= 1, step
        assert (Do.EMIT_FINISH in step.todo) == (step.event is Event.DRAINED), step


@STARTS
def test_after_both_fins_the_connection_settles_exactly_once_and_only_then(start: State) -> None:
    for step in steps(start):
        fins_passed = step.after.ends == 1 and step.after.finishes == 1
        assert step.after.settled == fins_passed, step


@STARTS
def test_only_an_end_makes_the_buffer_drain_towards_a_fin(start: State) -> None:
    for step in steps(start):
        if step.after.state.write is Write.ENDING is not step.before.state.write:
            assert step.event in (Event.END, Event.DESTROY_SOON), step


@STARTS
def test_what_the_program_calls_is_legal_in_every_state(start: State) -> None:
    for state in reachable(start):
        assert state.on.keys() >= CALLS, state


@STARTS
def test_calling_the_same_ending_again_changes_nothing(start: State) -> None:
    for state in reachable(start):
        for ending in (Event.END, Event.DESTROY_SOON, Event.DESTROY):
            once, _ = state.step(ending)
            assert once.step(ending) == (once, ()), (state, ending)


@STARTS
def test_a_stronger_ending_overrides_a_weaker_one(start: State) -> None:
    for state in reachable(start):
        ended, _ = state.step(Event.END)
        dropped, _ = ended.step(Event.DESTROY_SOON)
        assert dropped.over or dropped.read in (Read.DISCARDING, Read.ENDED), state
        assert dropped.step(Event.DESTROY)[0] is CLOSED, state


@STARTS
def test_a_weaker_ending_never_overrides_a_stronger_one(start: State) -> None:
    for state in reachable(start):
        dropped, _ = state.step(Event.DESTROY_SOON)
        assert dropped.step(Event.END) == (dropped, ()), state
        destroyed, _ = state.step(Event.DESTROY)
        for weaker in (Event.END, Event.DESTROY_SOON, Event.PAUSE, Event.RESUME):
            assert destroyed.step(weaker) == (CLOSED, ()), (state, weaker)


@STARTS
def test_destroy_ends_both_halves_at_once_in_every_state(start: State) -> None:
    for state in reachable(start):
        after, todo = state.step(Event.DESTROY)
        assert after is CLOSED
        assert todo == (() if state.over else (Do.TEAR_DOWN,)), state


@STARTS
def test_pausing_has_no_effect_on_a_connection_that_discards(start: State) -> None:
    for state in reachable(start):
        if state.read is Read.DISCARDING:
            assert state.step(Event.PAUSE) == (state, ())
            assert state.step(Event.RESUME) == (state, ())


@STARTS
def test_pause_and_resume_do_nothing_but_stop_and_start_the_delivery(start: State) -> None:
    for state in reachable(start):
        if state.read is Read.OPEN:
            paused, todo = state.step(Event.PAUSE)
            assert (paused.read, paused.write, todo) == (Read.PAUSED, state.write, ())
            assert paused.step(Event.RESUME) == (state, ())


@STARTS
def test_what_reads_as_end_after_a_failed_write_is_no_fin(start: State) -> None:
    for state in reachable(start):
        if state.write is Write.BROKEN:
            assert Event.FIN not in state.on, state
            assert Event.DRAINED not in state.on, state


@STARTS
def test_a_broken_write_half_still_reads_what_had_arrived(start: State) -> None:
    for state in reachable(start):
        if state.connected and not state.over and state.read is not Read.ENDED:
            after, todo = state.step(Event.BROKE)
            assert (after.read, after.write, todo) == (state.read, Write.BROKEN, ()), state


@STARTS
def test_a_connection_that_cannot_be_read_any_more_and_is_broken_is_torn_down(start: State) -> None:
    for state in reachable(start):
        if state.connected and not state.over and state.read is Read.ENDED:
            after, todo = state.step(Event.BROKE)
            assert after.over, state
            assert todo == (Do.TEAR_DOWN,), state


def test_a_client_that_is_not_connected_sends_and_hears_nothing() -> None:
    for state in reachable(CONNECTING):
        if not state.connected:
            assert not state.on.keys() & {Event.FIN, Event.DRAINED, Event.ACKED, Event.BROKE}, state
            assert not state.open, state
            assert not state.flowing, state


def test_what_was_called_while_connecting_counts_once_it_is_connected() -> None:
    assert CONNECTING.step(Event.CONNECTED) == (OPEN, ())
    ended, todo = CONNECTING.step(Event.END)
    assert todo == ()
    assert ended.step(Event.CONNECTED) == (STATES[True, Read.OPEN, Write.ENDING], ())


def test_a_connection_cannot_be_connected_after_its_attempt_was_lost() -> None:
    lost, todo = CONNECTING.step(Event.LOST)
    assert todo == (Do.TEAR_DOWN,)
    with pytest.raises(LookupError):
        lost.step(Event.CONNECTED)


NAMES = {
    # the table of closing.md: what users see as `conn.state`
    (Read.OPEN, Write.OPEN): "open",
    (Read.PAUSED, Write.OPEN): "open",
    (Read.OPEN, Write.ENDING): "read_only",
    (Read.OPEN, Write.ENDED): "read_only",
    (Read.PAUSED, Write.ENDING): "read_only",
    (Read.PAUSED, Write.ENDED): "read_only",
    (Read.ENDED, Write.OPEN): "write_only",
    (Read.ENDED, Write.ENDING): "closing",
    (Read.ENDED, Write.ENDED): "closing",
    (Read.DISCARDING, Write.ENDING): "closing",
    (Read.DISCARDING, Write.ENDED): "closing",
}


@pytest.mark.parametrize(("halves", "name"), NAMES.items())
def test_the_state_has_the_name_that_closing_md_gives_it(halves: tuple[Read, Write], name: str) -> None:
    assert STATES[True, *halves].name == name


def test_destroyed_and_torn_down_connections_are_closed() -> None:
    assert CLOSED.name == "closed"
    assert OPEN.step(Event.DESTROY)[0].name == "closed"


def test_a_client_is_connecting_whatever_is_called_short_of_destroying_it() -> None:
    for state in reachable(CONNECTING):
        if not state.connected and not state.over:
            assert state.name == "connecting", state


PHASES = {
    Write.OPEN: "open",
    Write.ENDING: "draining",
    Write.ENDED: "lingering",
}


@pytest.mark.parametrize(("write", "phase"), PHASES.items())
def test_the_phase_says_how_far_our_half_had_come(write: Write, phase: str) -> None:
    for read in (Read.OPEN, Read.PAUSED):
        assert STATES[True, read, write].phase == phase


def test_a_connection_whose_peer_has_ended_is_half_open() -> None:
    assert STATES[True, Read.ENDED, Write.OPEN].phase == "half_open"


# The halves by name, for connections and for clients on their way. A name that is not here is not known.
NAMED: dict[str, Callable[[bool, Read, Write], bool]] = {
    "flowing": lambda connected, read, write: connected and read is Read.OPEN,
    "paused": lambda connected, read, write: read is Read.PAUSED,
    "discarding": lambda connected, read, write: read is Read.DISCARDING,
    "reading": lambda connected, read, write: read in {Read.OPEN, Read.DISCARDING},
    "read_ended": lambda connected, read, write: read is Read.ENDED,
    "open": lambda connected, read, write: connected and write is Write.OPEN,
    "writable": lambda connected, read, write: write is Write.OPEN,
    "draining": lambda connected, read, write: write is Write.ENDING,
    "fin_sent": lambda connected, read, write: write is Write.ENDED,
    "broken": lambda connected, read, write: write is Write.BROKEN,
    "both_ended": lambda connected, read, write: (read, write) == (Read.ENDED, Write.ENDED),
    "over": lambda connected, read, write: (read, write) == (Read.ENDED, Write.BROKEN),
    "closing": lambda connected, read, write: read is Read.DISCARDING
    or (read is Read.ENDED and write is not Write.OPEN),
}  # fmt: skip


@pytest.mark.parametrize("name", NAMED)
def test_a_named_question_agrees_with_the_two_halves(name: str) -> None:
    for halves, state in STATES.items():
        assert getattr(state, name) is NAMED[name](*halves), state


WATCHED = {
    Read.OPEN: dict.fromkeys(Write, READ),
    Read.PAUSED: dict.fromkeys(Write, GONE),
    Read.DISCARDING: dict.fromkeys(Write, READ),
    Read.ENDED: dict.fromkeys(Write, 0) | {Write.ENDED: EDGE},
}


def test_the_poller_watches_for_what_the_read_half_can_still_hear() -> None:
    for (_, read, write), state in STATES.items():
        assert state.watch == WATCHED[read][write], state


ILLEGAL = [
    (OPEN, Event.CONNECTED),
    (OPEN, Event.DRAINED),
    (OPEN, Event.ACKED),
    (CONNECTING, Event.FIN),
    (CONNECTING, Event.DRAINED),
    (STATES[True, Read.ENDED, Write.OPEN], Event.FIN),
    (STATES[True, Read.PAUSED, Write.OPEN], Event.FIN),
    (STATES[True, Read.OPEN, Write.ENDED], Event.DRAINED),
    (STATES[True, Read.OPEN, Write.BROKEN], Event.FIN),
    (CLOSED, Event.FIN),
    (CLOSED, Event.LOST),
    (CLOSED, Event.CONNECTED),
]


@pytest.mark.parametrize(("state", "event"), ILLEGAL, ids=[f"{event.name} in {state!r}" for state, event in ILLEGAL])
def test_an_event_that_cannot_happen_raises_naming_state_and_event(state: State, event: Event) -> None:
    with pytest.raises(LookupError) as caught:
        state.step(event)
    assert event.name in str(caught.value)
    assert repr(state) in str(caught.value)


def test_every_state_of_the_table_can_be_reached_or_is_the_broken_twin_of_one() -> None:
    found = {id(state) for start in (OPEN, CONNECTING) for state in reachable(start)}
    dead = [state for state in STATES.values() if state.connected and id(state) not in found]
    assert [(state.read, state.write) for state in dead] == [(Read.DISCARDING, Write.OPEN)]
