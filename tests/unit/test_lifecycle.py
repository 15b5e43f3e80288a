"""The table of `states.py`, walked through exhaustively: every sequence of eight events that can happen, from
a connection just accepted and from a client just made.

Sequences that lead to the same state with the same things said are walked on together, so 12^8 of them take no
time at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from enum import Enum
from typing import NamedTuple

import pytest

from reactor.engine.poller import EDGE, GONE, READ
from reactor.net.connection.states import CLOSED, CONNECTING, OPEN, STATES, Do, Event, Read, State, Write, reachable

DEPTH = 8
STARTS = pytest.mark.parametrize("start", [OPEN, CONNECTING], ids=["open", "connecting"])
READ_ORDER = [Read.OPEN, Read.PAUSED, Read.DISCARDING, Read.ENDED]
NO_MORE = (Read.DISCARDING, Read.ENDED)
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


def never_before(order: Sequence[Enum], old: Enum, new: Enum) -> bool:
    return order.index(new) >= order.index(old)


# What holds for every step of every sequence.
OF_STEPS: dict[str, Callable[[Step], bool]] = {
    "the read half ends once and never comes back": lambda step: step.before.state.read not in NO_MORE
    or never_before(READ_ORDER, step.before.state.read, step.after.state.read),
    "the write half ends once and never comes back": lambda step: never_before(
        WRITE_ORDER, step.before.state.write, step.after.state.write
    ),
    "it is torn down at most once": lambda step: step.after.torn <= 1,
    "it is over when and only when the teardown was ordered": lambda step: step.after.state.over
    == (step.after.torn == 1),
    "when it is over it does nothing any more": lambda step: not step.before.state.over
    or (step.todo == () and step.after.state.over),
    "when it is closed it stays closed": lambda step: step.before.state is not CLOSED or step.after.state is CLOSED,
    "end is emitted at most once": lambda step: step.after.ends <= 1,
    "end is emitted when and only when the FIN was read": lambda step: (Do.EMIT_END in step.todo)
    == (step.event is Event.FIN),
    "finish is emitted at most once": lambda step: step.after.finishes <= 1,
    "finish is emitted when and only when our FIN was sent": lambda step: (Do.EMIT_FINISH in step.todo)
    == (step.event is Event.DRAINED),
    "after both FINs it settles exactly once, and only then": lambda step: step.after.settled
    == (step.after.ends == 1 and step.after.finishes == 1),
    "only an end makes the buffer drain towards a FIN": lambda step: step.event in (Event.END, Event.DESTROY_SOON)
    or not (step.after.state.write is Write.ENDING is not step.before.state.write),
}  # fmt: skip


@STARTS
@pytest.mark.parametrize("promise", OF_STEPS)
def test_of_every_step(start: State, promise: str) -> None:
    assert [step for step in steps(start) if not OF_STEPS[promise](step)] == []


def after(state: State, *events: Event) -> State:
    for event in events:
        state, _ = state.step(event)
    return state


def a_broken_half_is_read_or_torn_down(state: State) -> bool:
    found, todo = state.step(Event.BROKE)
    if state.read is Read.ENDED:
        return found.over and todo == (Do.TEAR_DOWN,)
    return (found.read, found.write, todo) == (state.read, Write.BROKEN, ())


def pauses_and_resumes(state: State) -> bool:
    paused, todo = state.step(Event.PAUSE)
    return (paused.read, paused.write, todo) == (Read.PAUSED, state.write, ()) and paused.step(Event.RESUME) == (
        state,
        (),
    )


ANY: Callable[[State], bool] = lambda state: True  # noqa: E731
ENDINGS, SOON = (Event.END, Event.DESTROY_SOON, Event.DESTROY), Event.DESTROY_SOON
# What holds for which of the states that can be reached.
OF_STATES: dict[str, tuple[Callable[[State], bool], Callable[[State], bool]]] = {
    "what the program calls is legal": (ANY, lambda state: state.on.keys() >= CALLS),
    "calling the same ending again changes nothing": (
        ANY, lambda state: all(after(state, ending).step(ending) == (after(state, ending), ()) for ending in ENDINGS),
    ),
    "destroy_soon overrides end": (
        ANY, lambda state: after(state, Event.END, SOON).over or after(state, Event.END, SOON).read in NO_MORE,
    ),
    "destroy overrides both": (ANY, lambda state: after(state, Event.END, SOON, Event.DESTROY) is CLOSED),
    "end never overrides destroy_soon": (
        ANY, lambda state: after(state, SOON).step(Event.END) == (after(state, SOON), ()),
    ),
    "nothing overrides destroy": (
        ANY, lambda state: all(after(state, Event.DESTROY).step(call) == (CLOSED, ()) for call in CALLS),
    ),
    "destroy ends both halves at once": (
        ANY, lambda state: state.step(Event.DESTROY) == (CLOSED, () if state.over else (Do.TEAR_DOWN,)),
    ),
    "pausing has no effect while it discards": (
        lambda state: state.read is Read.DISCARDING,
        lambda state: state.step(Event.PAUSE) == state.step(Event.RESUME) == (state, ()),
    ),
    "pause and resume do nothing but stop and start the delivery": (
        lambda state: state.read is Read.OPEN, pauses_and_resumes,
    ),
    "what reads as end after a failed write is no FIN": (
        lambda state: state.write is Write.BROKEN, lambda state: not state.on.keys() & {Event.FIN, Event.DRAINED},
    ),
    "a broken write half still reads what had arrived; one that cannot be read any more is torn down": (
        lambda state: state.connected and not state.over, a_broken_half_is_read_or_torn_down,
    ),
    "a client that is not connected sends and hears nothing": (
        lambda state: not state.connected,
        lambda state: not (state.on.keys() & {Event.FIN, Event.DRAINED, Event.ACKED, Event.BROKE})
        and not state.open and not state.flowing,
    ),
    "a client is connecting whatever is called short of destroying it": (
        lambda state: not state.connected and not state.over, lambda state: state.name == "connecting",
    ),
}  # fmt: skip


@pytest.mark.parametrize("promise", OF_STATES)
def test_of_every_state(promise: str) -> None:
    concerned, holds = OF_STATES[promise]
    states = [state for start in (OPEN, CONNECTING) for state in reachable(start) if concerned(state)]
    assert states, "it is a promise about none"
    assert [state for state in states if not holds(state)] == []


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
    **{(read, Write.OPEN): "open" for read in READ_ORDER[:2]},
    **{(read, write): "read_only" for read in READ_ORDER[:2] for write in (Write.ENDING, Write.ENDED)},
    (Read.ENDED, Write.OPEN): "write_only",
    **{(read, write): "closing" for read in NO_MORE for write in (Write.ENDING, Write.ENDED)},
}


@pytest.mark.parametrize(("halves", "name"), NAMES.items())
def test_the_state_has_the_name_that_closing_md_gives_it(halves: tuple[Read, Write], name: str) -> None:
    assert STATES[True, *halves].name == name


def test_destroyed_and_torn_down_connections_are_closed() -> None:
    assert CLOSED.name == OPEN.step(Event.DESTROY)[0].name == "closed"


PHASES = {Write.OPEN: "open", Write.ENDING: "draining", Write.ENDED: "lingering"}


def test_the_phase_says_how_far_our_half_had_come() -> None:
    found = {(read, write): STATES[True, read, write].phase for read in (Read.OPEN, Read.PAUSED) for write in PHASES}
    assert found == {(read, write): PHASES[write] for read, write in found}
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
    *((OPEN, event) for event in (Event.CONNECTED, Event.DRAINED, Event.ACKED)),
    *((CONNECTING, event) for event in (Event.FIN, Event.DRAINED)),
    (STATES[True, Read.ENDED, Write.OPEN], Event.FIN),
    (STATES[True, Read.PAUSED, Write.OPEN], Event.FIN),
    (STATES[True, Read.OPEN, Write.ENDED], Event.DRAINED),
    (STATES[True, Read.OPEN, Write.BROKEN], Event.FIN),
    *((CLOSED, event) for event in (Event.FIN, Event.LOST, Event.CONNECTED)),
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
