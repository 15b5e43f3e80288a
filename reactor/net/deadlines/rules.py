"""Which deadlines run, and which is the next: the table of closing.md as one pure function.

Nothing here is kept up to date by traffic. A connection that has an appointment (`agenda.Agenda`) describes
itself in `Moments`, and `soonest` says when its earliest deadline expires, which may be past, present or
future.

Movement by acknowledgement has no time of its own: the kernel tells how many bytes are acknowledged, not
since when. `acked_at` is the best that is known, see `Keeper.look`.
"""

from __future__ import annotations

from ...hints import TYPE_CHECKING, NamedTuple
from ..connection.account import Reason
from ..settings import LOOKS_PER_STALL
from .agenda import NEVER

if TYPE_CHECKING:
    from ..connection.states import State
    from ..settings import Settings

ACK_LOOK = 1.0  # seconds between looks at a FIN that is not acknowledged: the linger begins with that


class Guards(NamedTuple):
    """What the limits that are off by default need besides (`Settings.guarded`)."""

    opened_at: float
    lot: float  # of this connection, from 0 to 1: its share of the jitter
    heard: bool  # True if it has received a byte
    read_by: float = NEVER  # when the window of `min_read_rate` ends,
    reading: bool = False  # True if it is judged then, else it is looked at again
    write_by: float = NEVER  # likewise of `min_write_rate`
    held_by: float = NEVER  # when the patience of `slow_reader` ends


class Moments(NamedTuple):
    """What a connection knows about its own time, in seconds of the reactor's clock."""

    now: float
    read_at: float  # the last received byte, or the opening
    wrote_at: float  # the last time the kernel took something, our FIN included
    acked_at: float  # the last acknowledged byte, as far as known
    kept_at: float  # the last touch()
    since: float  # when this state began
    pending: bool  # output waits in our buffer
    unacked: bool  # the kernel holds bytes, or the FIN, that the peer's kernel has not acknowledged
    gone: bool  # paused, and the peer is known to have left
    piped: bool  # it is the turn of another connection, at the other end of a pipe, which has deadlines of its own
    end_by: float  # from end(timeout=) or destroy_soon(timeout=); NEVER
    guards: Guards | None = None


def soonest(state: State, settings: Settings, at: Moments) -> tuple[float, Reason | None]:
    """The earliest deadline and its reason; (NEVER, None) when none runs.

    A moment with None as its reason is no deadline, but the time to ask the kernel for acknowledgements again.
    """
    found: list[tuple[float, Reason | None]] = [(at.end_by, Reason.END_TIMEOUT)]
    if not state.connected:  # the stand-in has a timer of its own
        return found[0] if at.end_by != NEVER else (NEVER, None)
    more = 0.0
    if at.guards is not None:
        more = at.guards.lot * (settings.jitter or 0.0)
        found += _guarded(state, settings, at, at.guards, more)
    if state.writable:
        if settings.idle_timeout is not None:
            found.append((max(at.read_at, at.acked_at, at.kept_at) + settings.idle_timeout + more, Reason.IDLE))
        if settings.read_timeout is not None and state.flowing:
            found.append((max(at.read_at, at.since, at.kept_at) + settings.read_timeout + more, Reason.READ_TIMEOUT))
    ending = state.draining or state.fin_sent  # a broken connection has nothing that could still move
    if (at.pending or (at.unacked and ending)) and settings.write_timeout is not None:
        found.append((max(at.wrote_at, at.acked_at) + settings.write_timeout, Reason.WRITE_TIMEOUT))
        found.append((at.now + settings.write_timeout / LOOKS_PER_STALL, None))
    if state.fin_sent and not state.paused and settings.linger_timeout is not None:
        linger_by = _linger_since(state, at) + settings.linger_timeout
        if not at.unacked:
            found.append((linger_by, Reason.LINGER_TIMEOUT))
        elif state.read_ended:
            found.append((linger_by, Reason.LINGER_TIMEOUT))
            found.append((at.now + settings.linger_timeout / LOOKS_PER_STALL, None))
        else:  # it does not run yet; when it begins must not go unnoticed for long
            found.append((at.now + min(ACK_LOOK, settings.linger_timeout / LOOKS_PER_STALL), None))
    if _program_must_act(state, at) and settings.half_open_timeout is not None:
        found.append((max(at.since, at.wrote_at) + settings.half_open_timeout, Reason.HALF_OPEN_TIMEOUT))
    moment, reason = min(found, key=lambda entry: entry[0])
    return (moment, reason) if moment != NEVER else (NEVER, None)


def _guarded(
    state: State, settings: Settings, at: Moments, guards: Guards, more: float
) -> list[tuple[float, Reason | None]]:
    """The limits that are off by default."""
    found: list[tuple[float, Reason | None]] = [(guards.write_by, Reason.WRITE_RATE)]
    if settings.max_lifetime is not None and not state.closing:
        found.append((guards.opened_at + settings.max_lifetime + more, Reason.MAX_LIFETIME))
    if state.writable and state.flowing:
        if settings.first_byte_timeout is not None and not guards.heard:
            found.append((at.since + settings.first_byte_timeout, Reason.FIRST_BYTE_TIMEOUT))
        found.append((guards.read_by, Reason.READ_RATE if guards.reading else None))
    if settings.slow_reader is not None and at.pending:
        found.append((guards.held_by, Reason.SLOW_READER))
        found.append((at.now + settings.slow_reader.seconds / LOOKS_PER_STALL, None))  # it may pass the mark unnoticed
    return found


def _linger_since(state: State, at: Moments) -> float:
    """Silence after `end()`; total time after `destroy_soon()`, where what comes in does not count."""
    begun = max(at.since, at.acked_at)
    return max(begun, at.read_at) if state.flowing else begun


def _program_must_act(state: State, at: Moments) -> bool:
    """Half-closed or gone, and nothing happens unless the program does something."""
    if state.broken and not state.paused:
        return True
    if at.piped:
        return False
    if state.paused:
        return at.gone or state.fin_sent or state.broken
    return state.read_ended and state.writable and not at.pending
