"""The table of deadlines in closing.md, row by row, and which of several wins. No connection, no clock: a state,
settings, and what a connection knows about its own time.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from reactor.net.connection.account import Reason
from reactor.net.connection.states import OPEN, STATES, Read, State, Write
from reactor.net.deadlines.agenda import NEVER
from reactor.net.deadlines.rules import Moments, soonest
from reactor.net.settings import Settings

OFF: dict[str, Any] = {f"{kind}_timeout": None for kind in ("idle", "read", "write", "linger", "half_open")}
NOW = 1000.0


def only(**settings: Any) -> Settings:
    """Settings with all deadlines off but these."""
    return Settings(**(OFF | settings))


def moments(**known: Any) -> Moments:
    """A connection opened at 100 on which nothing has happened since, looked at at 1000."""
    given = dict.fromkeys(("read_at", "wrote_at", "acked_at", "kept_at", "since"), 100.0)
    flags = dict.fromkeys(("pending", "unacked", "gone", "piped"), False)
    return Moments(**({"now": NOW, "end_by": NEVER} | given | flags | known))


def state(read: Read = Read.OPEN, write: Write = Write.OPEN) -> State:
    return STATES[True, read, write]


def ends(where: State, settings: Settings, **known: Any) -> tuple[float, Reason] | None:
    """When it ends and why; None if no deadline runs."""
    moment, reason = soonest(where, settings, moments(**known))
    return None if reason is None else (moment, reason)


ENDED_HALF = state(write=Write.ENDED)
DROPPED = state(Read.DISCARDING, Write.ENDED)
BOTH_ENDED = state(Read.ENDED, Write.ENDED)
PEER_ENDED = state(read=Read.ENDED)
PAUSED = state(read=Read.PAUSED)
DRAINING = state(write=Write.ENDING)

BY_END = state(Read.DISCARDING, Write.ENDING)
OURS_OVER = [state(write=write) for write in (Write.ENDING, Write.ENDED, Write.BROKEN)]
GONE = [state(Read.PAUSED, write) for write in (Write.OPEN, Write.ENDED, Write.BROKEN)]
IDLE, READ, WRITE = only(idle_timeout=60), only(read_timeout=60), only(write_timeout=60)
LINGER, HALF_OPEN = only(linger_timeout=30), only(half_open_timeout=600)

# A promise: the states in which it holds, the settings, what the connection knows, and when it ends; None: not at all.
Promise = tuple[list[State], Settings, dict[str, Any], float | None]
PROMISES: dict[str, Promise] = {
    "idle counts from the last byte received": ([OPEN], IDLE, {"read_at": 500.0}, 560.0),
    "idle counts from the last byte acknowledged": ([OPEN], IDLE, {"acked_at": 500.0}, 560.0),
    "idle counts from the last touch": ([OPEN], IDLE, {"kept_at": 500.0}, 560.0),
    "idle is not kept by writing what nobody acknowledges": ([OPEN], IDLE, {"wrote_at": 500.0, "unacked": True}, 160.0),
    "idle runs also while paused or after the peer's FIN": ([PAUSED, PEER_ENDED], IDLE, {}, 160.0),
    "idle stops once our half is ending": (OURS_OVER, IDLE, {}, None),
    "read counts from the last byte received": ([OPEN], READ, {"read_at": 500.0}, 560.0),
    "read is kept by a touch": ([OPEN], READ, {"kept_at": 500.0}, 560.0),
    "read is not kept by what we push": ([OPEN], READ, {"wrote_at": 500.0, "acked_at": 500.0}, 160.0),
    "read does not run while the program has paused": ([PAUSED], READ, {}, None),
    "read starts anew with resume": ([OPEN], READ, {"since": 500.0}, 560.0),
    "read ends with the peer's FIN": ([PEER_ENDED], READ, {}, None),
    "read stops once our half is ending": (OURS_OVER, READ, {}, None),
    "write runs while output is pending": ([OPEN], WRITE, {"pending": True}, 160.0),
    "write has a look before that": ([OPEN], WRITE, {"pending": True, "now": 100.0}, None),
    "write does not run with nothing pending": ([OPEN], WRITE, {}, None),
    "write counts from the last byte the kernel took": ([OPEN], WRITE, {"pending": True, "wrote_at": 939.0}, 999.0),
    "write counts from the last byte acknowledged": ([OPEN], WRITE, {"pending": True, "acked_at": 939.0}, 999.0),
    "write is not kept by what the peer sends": (
        [OPEN], WRITE, {"pending": True, "read_at": NOW, "kept_at": NOW}, 160.0,
    ),
    "write runs while something is unacknowledged once we end": (
        [DRAINING, ENDED_HALF, DROPPED, BOTH_ENDED], WRITE, {"unacked": True}, 160.0,
    ),
    "write does not run for what is unacknowledged while we are open": ([OPEN], WRITE, {"unacked": True}, None),
    "linger runs once all is acknowledged and the peer's FIN is awaited": ([ENDED_HALF], LINGER, {}, 130.0),
    "linger counts from the acknowledgement of our FIN": ([ENDED_HALF], LINGER, {"acked_at": 500.0}, 530.0),
    "linger does not run while something is unacknowledged": ([ENDED_HALF, DROPPED], LINGER, {"unacked": True}, None),
    "linger does not run while output is pending": ([DRAINING], LINGER, {"pending": True}, None),
    "linger starts anew after end() with what the peer sends": ([ENDED_HALF], LINGER, {"read_at": 500.0}, 530.0),
    "linger does not after destroy_soon()": ([DROPPED], LINGER, {"read_at": 500.0}, 130.0),
    "linger is stopped by a pause of the program": ([state(Read.PAUSED, Write.ENDED)], LINGER, {}, None),
    "linger does not run before our FIN": ([OPEN, PAUSED, PEER_ENDED, DRAINING], LINGER, {}, None),
    "linger bounds the wait for acknowledgement after both FINs": (
        [BOTH_ENDED], LINGER, {"unacked": True, "acked_at": 500.0}, 530.0,
    ),
    "half-open runs while the peer has ended and we write nothing": ([PEER_ENDED], HALF_OPEN, {"since": 200.0}, 800.0),
    "half-open starts anew with what the kernel takes": ([PEER_ENDED], HALF_OPEN, {"wrote_at": 300.0}, 900.0),
    "half-open does not run while output is pending": ([PEER_ENDED], HALF_OPEN, {"pending": True}, None),
    "half-open runs while paused with our half over": (GONE[1:], HALF_OPEN, {}, 700.0),
    "half-open runs while paused and the peer is gone": (GONE, HALF_OPEN, {"gone": True}, 700.0),
    "half-open does not run while a pipe waits for another connection": (
        GONE[:1], HALF_OPEN, {"gone": True, "piped": True}, None,
    ),
    "half-open does not run on a connection that the program may leave alone": (
        [OPEN, PAUSED, DRAINING, ENDED_HALF], HALF_OPEN, {}, None,
    ),
    "the timeout of the call bounds the whole ending": (
        [DRAINING, ENDED_HALF, DROPPED, BOTH_ENDED, BY_END], only(), {"end_by": 800.0}, 800.0,
    ),
}  # fmt: skip
REASONS = {
    "idle": Reason.IDLE, "read": Reason.READ_TIMEOUT, "write": Reason.WRITE_TIMEOUT, "linger": Reason.LINGER_TIMEOUT,
    "half-open": Reason.HALF_OPEN_TIMEOUT, "the": Reason.END_TIMEOUT,
}  # fmt: skip


@pytest.mark.parametrize("promise", PROMISES)
def test_of_one_deadline(promise: str) -> None:
    states, settings, known, moment = PROMISES[promise]
    expected = None if moment is None else (moment, REASONS[promise.split()[0]])
    for where in states:
        assert ends(where, settings, **known) == expected, where


@pytest.mark.parametrize(
    ("where", "settings", "known", "within"),
    [
        (OPEN, WRITE, {"pending": True, "wrote_at": NOW}, 15),
        (BOTH_ENDED, LINGER, {"unacked": True, "acked_at": NOW, "since": NOW}, 29.9),
    ],
    ids=["while output is stuck", "while they are all that is missing"],
)
def test_acknowledgements_are_asked_for_several_times(
    where: State, settings: Settings, known: dict[str, Any], within: float
) -> None:
    moment, reason = soonest(where, settings, moments(**known))
    assert reason is None
    assert NOW < moment <= NOW + within


# Several at once

EVERY: list[tuple[State, dict[str, Any]]] = [
    (where, dict(zip(("pending", "unacked", "gone"), known, strict=True)))
    for where, known in product(STATES.values(), product((False, True), repeat=3))
]


def test_the_earliest_deadline_wins() -> None:
    settings = only(idle_timeout=60, read_timeout=50, write_timeout=40, half_open_timeout=30)
    assert ends(OPEN, settings, pending=True) == (140.0, Reason.WRITE_TIMEOUT)
    assert ends(OPEN, settings) == (150.0, Reason.READ_TIMEOUT)
    assert ends(PEER_ENDED, settings) == (130.0, Reason.HALF_OPEN_TIMEOUT)
    assert ends(PAUSED, settings) == (160.0, Reason.IDLE)
    assert ends(DRAINING, settings, pending=True, end_by=110.0) == (110.0, Reason.END_TIMEOUT)


def test_nothing_runs_with_everything_off() -> None:
    for where, known in EVERY:
        assert soonest(where, only(), moments(**known)) == (NEVER, None)


def test_nothing_runs_on_an_open_connection_by_default() -> None:
    assert soonest(OPEN, Settings(), moments()) == (NEVER, None)
    assert soonest(PAUSED, Settings(), moments()) == (NEVER, None)


def waits_for_ever(where: State) -> bool:
    """True if this state may last. Open both ways, connecting, or over: all others must end by themselves."""
    return not where.connected or where.over or (where.write is Write.OPEN and where.read is not Read.ENDED)


def test_whoever_is_closing_half_closed_or_gone_has_a_deadline_by_default() -> None:
    for where, known in EVERY:
        drained = where.write is Write.ENDING and not known["pending"]  # FIN follows in the same turn
        absent = known["gone"] and where.read is not Read.PAUSED
        if not (drained or absent or (waits_for_ever(where) and not (known["gone"] and where.connected))):
            assert soonest(where, Settings(), moments(**known))[0] < NEVER, (where, known)


def test_every_wait_of_an_ending_connection_is_over_in_the_end() -> None:
    """Whatever looks are taken in between: when nothing moves any more, a reason comes."""
    for where, known in EVERY:
        moment, reason = soonest(where, Settings(), moments(now=1e6, **known))
        assert moment == NEVER or (moment < 1e6 and reason is not None), (where, known)
