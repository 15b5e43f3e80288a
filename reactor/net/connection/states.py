"""The life of a connection, as a table. No sockets here: (state, event) -> (state, actions).

A connection has two halves, and each ends once and never comes back. A state is a pair of halves; what an
event does to each is said below, once for the read half and once for the write half, and the table of pairs
is made from these at import. A cell that is in neither is impossible: looking it up raises with the state and
the event in its text. So do bugs.

    read half    OPEN        bytes are delivered
                 PAUSED      watched for a hang-up only
                 DISCARDING  bytes are read, counted, dropped
                 ENDED       the peer's FIN was read
    write half   OPEN        `write()` is accepted
                 ENDING      the buffer drains
                 ENDED       drained, FIN handed to the kernel
                 BROKEN      a write failed, or an error was seen: there will be no FIN, and what reads
                             as end of stream is not the peer's FIN either (closing.md, fact 7)

Rejected: one flat list of names (asyncio's transports have four booleans for it, and a bug for each pair that
nobody thought of); and methods on state classes, which hide the one thing a reader wants to see, the table.
"""

from __future__ import annotations

import enum
from itertools import product

from ...engine.poller import EDGE, GONE, READ
from ...hints import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Literal, NoReturn

    StateName = Literal["connecting", "open", "read_only", "write_only", "closing", "closed"]
    Phase = Literal["connecting", "open", "draining", "lingering", "half_open"]


class Read(enum.Enum):
    OPEN = "open"
    PAUSED = "paused"
    DISCARDING = "discarding"
    ENDED = "ended"


class Write(enum.Enum):
    OPEN = "open"
    ENDING = "ending"
    ENDED = "ended"
    BROKEN = "broken"


class Event(enum.Enum):
    """What can happen to a connection."""

    __hash__ = object.__hash__  # by identity, in C: every step looks one up

    CONNECTED = "connected"  # the client's connect completed
    PAUSE = "pause()"
    RESUME = "resume()"
    END = "end()"  # also our automatic one, after the peer's FIN
    DESTROY_SOON = "destroy_soon()"
    DESTROY = "destroy()"  # and reset(), and a deadline that cuts
    FIN = "FIN read"
    DRAINED = "FIN sent"  # the buffer is empty and shutdown(2) succeeded
    BROKE = "write failed"  # EPIPE, ECONNRESET, ENOTCONN, an ERR event
    LOST = "lost"  # reading failed, or reached the end after BROKE
    ACKED = "all acked"  # the peer's kernel has acknowledged everything


class Do(enum.Enum):
    """What the connection does next, in this order; a state that has changed is flushed at the end of the turn."""

    EMIT_END = "emit end"
    EMIT_FINISH = "emit finish"
    SETTLE = "settle"  # both halves have ended: close as soon as everything is acknowledged
    TEAR_DOWN = "tear down"


# The members by plain names: before Python 3.12 `Event.FIN` takes five times as long as `FIN`.
CONNECTED, PAUSE, RESUME, END, DESTROY_SOON, DESTROY, FIN, DRAINED, BROKE, LOST, ACKED = Event
EMIT_END, EMIT_FINISH, SETTLE, TEAR_DOWN = Do


_READ: dict[tuple[Read, Event], Read] = {
    (Read.OPEN, Event.PAUSE): Read.PAUSED,
    (Read.PAUSED, Event.RESUME): Read.OPEN,
    (Read.OPEN, Event.DESTROY_SOON): Read.DISCARDING,
    (Read.PAUSED, Event.DESTROY_SOON): Read.DISCARDING,
    (Read.OPEN, Event.FIN): Read.ENDED,
    (Read.DISCARDING, Event.FIN): Read.ENDED,
}
_WRITE: dict[tuple[Write, Event], Write] = {
    (Write.OPEN, Event.END): Write.ENDING,
    (Write.OPEN, Event.DESTROY_SOON): Write.ENDING,
    (Write.ENDING, Event.DRAINED): Write.ENDED,
    (Write.OPEN, Event.BROKE): Write.BROKEN,
    (Write.ENDING, Event.BROKE): Write.BROKEN,
    (Write.ENDED, Event.BROKE): Write.BROKEN,
}
_CALLS = frozenset({Event.PAUSE, Event.RESUME, Event.END, Event.DESTROY_SOON, Event.DESTROY})  # legal in every state
_HARMLESS = _CALLS - {Event.DESTROY} | {Event.BROKE}  # where the tables are silent, nothing changes
_WHILE_CONNECTING = _CALLS | {Event.CONNECTED, Event.LOST}
_WHEN_OVER = _CALLS | {Event.LOST}
_CHANGING = {event for _, event in (*_READ, *_WRITE)}


class State:
    """One row of the table. There is one object for each state; compare with `is`."""

    __slots__ = (
        "both_ended", "broken", "closing", "connected", "discarding", "draining", "fin_sent", "flowing", "name", "on",
        "open", "over", "paused", "phase", "read", "read_ended", "reading", "watch", "writable", "write",
    )  # fmt: skip

    def __init__(self, connected: bool, read: Read, write: Write) -> None:
        self.connected = connected
        self.read = read
        self.write = write
        #: Event -> (next state, what to do).
        self.on: dict[Event, tuple[State, tuple[Do, ...]]] = {}
        #: What programs see as `conn.state` and as `report.phase`.
        self.name = _name(connected, read, write)
        self.phase = _phase(connected, read, write)
        #: The same as words for questions, asked as often as once a message.
        self.flowing = connected and read is Read.OPEN  # bytes are delivered
        self.paused = read is Read.PAUSED
        self.discarding = read is Read.DISCARDING
        self.reading = read in (Read.OPEN, Read.DISCARDING)  # watched for bytes
        self.read_ended = read is Read.ENDED
        self.open = connected and write is Write.OPEN  # `write()` may send at once
        self.writable = write is Write.OPEN  # `write()` is accepted
        self.draining = write is Write.ENDING
        self.fin_sent = write is Write.ENDED
        self.broken = write is Write.BROKEN
        self.both_ended = read is Read.ENDED and write is Write.ENDED
        #: True if it is on its way out, whatever the peer does.
        self.closing = self.discarding or (self.read_ended and not self.writable)
        #: What the poller watches for, beside room to write. After both FINs HUP stands: only what changes is news.
        self.watch = READ if self.reading else GONE if self.paused else EDGE if self.both_ended else 0
        #: True if everything has been decided: the teardown has happened, or waits for the end of the turn.
        self.over = read is Read.ENDED and write is Write.BROKEN

    def step(self, event: Event) -> tuple[State, tuple[Do, ...]]:
        """The next state and what to do; LookupError for a cell that cannot be."""
        return self.on.get(event) or self.refuse(event)

    def refuse(self, event: Event) -> NoReturn:
        raise LookupError(f"{event.name} cannot happen in {self!r}")

    def __repr__(self) -> str:
        if self is CLOSED:
            return "closed"
        return f"{'' if self.connected else 'connecting, '}read half {self.read.value}, write half {self.write.value}"


def _name(connected: bool, read: Read, write: Write) -> StateName:
    if not connected:
        return "connecting"
    if read is Read.DISCARDING or (read is Read.ENDED and write is not Write.OPEN):
        return "closing"
    if write is not Write.OPEN:
        return "read_only"
    return "write_only" if read is Read.ENDED else "open"


def _phase(connected: bool, read: Read, write: Write) -> Phase:
    if not connected:
        return "connecting"
    if write in (Write.ENDING, Write.ENDED):
        return "draining" if write is Write.ENDING else "lingering"
    return "half_open" if write is Write.BROKEN or read is Read.ENDED else "open"


def _row(state: State) -> dict[Event, tuple[State, tuple[Do, ...]]]:
    """All that can happen in a state."""
    unchanged: tuple[State, tuple[Do, ...]] = (state, ())
    if state.over:  # the teardown waits for the end of the turn
        row = dict.fromkeys(_WHEN_OVER | {Event.BROKE} if state.connected else _WHEN_OVER, unchanged)
        return row | {Event.DESTROY: (CLOSED, ())}
    row = dict.fromkeys(_HARMLESS, unchanged)
    for event in _CHANGING:
        read = _READ.get((state.read, event))
        write = _WRITE.get((state.write, event))
        if read is not None or write is not None:
            after = STATES[state.connected, read or state.read, write or state.write]
            row[event] = after, _actions(state, after, event)
    row[Event.DESTROY] = CLOSED, (Do.TEAR_DOWN,)
    row[Event.LOST] = STATES[state.connected, Read.ENDED, Write.BROKEN], (Do.TEAR_DOWN,)
    if state.both_ended:
        row[Event.ACKED] = CLOSED, (Do.TEAR_DOWN,)
    if state.write is Write.BROKEN:
        row.pop(Event.FIN, None)  # not a FIN: fact 7
    if not state.connected:
        row = {event: cell for event, cell in row.items() if event in _WHILE_CONNECTING}
        row[Event.CONNECTED] = STATES[True, state.read, state.write], ()
    return row


def _actions(before: State, after: State, event: Event) -> tuple[Do, ...]:
    wanted = {
        Do.EMIT_END: event is Event.FIN,
        Do.EMIT_FINISH: event is Event.DRAINED,
        Do.SETTLE: before is not after and after.both_ended,
        Do.TEAR_DOWN: after.over,
    }
    return tuple(do for do in Do if wanted[do])


STATES: dict[tuple[bool, Read, Write], State] = {parts: State(*parts) for parts in product((True, False), Read, Write)}
#: A connection just accepted; a client just made; and one that is destroyed, reset or torn down.
OPEN = STATES[True, Read.OPEN, Write.OPEN]
CONNECTING = STATES[False, Read.OPEN, Write.OPEN]
CLOSED = State(True, Read.ENDED, Write.BROKEN)
CLOSED.name = "closed"

for _state in STATES.values():
    _cells = _row(_state)
    _state.on.update((_event, _cells[_event]) for _event in Event if _event in _cells)
CLOSED.on.update(dict.fromkeys((*_HARMLESS, Event.DESTROY), (CLOSED, ())))


def reachable(start: State) -> list[State]:
    """All states that can come after `start`, itself first: what the diagram draws and the tests walk
    through.
    """
    found = [start]
    for state in found:
        found += [after for after, _ in dict.fromkeys(state.on.values()) if after not in found]
    return found
