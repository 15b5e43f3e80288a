"""Who looks at a connection when one of its deadlines may have passed, and what is done then.

Traffic costs one attribute store (`_read_at`, `_wrote_at`) and no timer operation. A connection has one entry in the
agenda, for the moment when the earliest of its deadlines (`rules.py`) may have passed; `look` then asks the kernel what
has moved. An early look is harmless. There is one keeper for each server, and one for all clients of a reactor.

A bounded number of looks is made each turn: a mass expiry is spread over many turns, and live clients are served in
between.
"""

from __future__ import annotations

from ...hints import TYPE_CHECKING
from ..connection.account import ROWS, Reason, Way
from ..connection.states import DESTROY
from ..settings import RATES
from . import rules
from .agenda import NEVER, Agenda

if TYPE_CHECKING:
    from typing import Any, Protocol

    from ...engine.timers import Timer
    from ...engine.turn import Turns
    from ..connection.stream import Stream
    from ..limits import Speed
    from .gauges import Window

    class Memory(Protocol):
        """Who adds up what all connections of a server hold in memory (`server/memory.py`)."""

        def note(self, stream: Any, /) -> None: ...


# What a peer's kernel acknowledges by itself, whatever its program does: the initial window (RFC 6928: 14,600
# bytes). The acknowledgement of so little that came unnoticed is counted as of the write; of more, as of now.
INITIAL_WINDOW = 14_600
GOLDEN = 0x9E3779B1  # Knuth's multiplicative hashing: numbers that follow each other are far apart afterwards
LOOKS_PER_TURN = 16  # half a millisecond of endings, so that clients that talk meanwhile hardly notice


class Keeper:
    """The deadlines of many connections, kept by one timer of the reactor."""

    __slots__ = ("_agenda", "_loop", "_lots", "_timer", "_wake_at", "memory")

    _timer: Timer | None
    memory: Memory | None  #: Where there is a limit on what all connections hold together.

    def __init__(self, loop: Turns) -> None:
        self._loop = loop
        self._agenda = Agenda()
        self._timer = self.memory = None
        self._wake_at = NEVER
        self._lots = 0  # drawn so far

    def plan(self, stream: Stream) -> None:
        """See to it that somebody looks when the next deadline may have passed: at the end of each flush."""
        now, life, settings = self._loop.turn_now, stream._life, stream._settings
        if self.memory is not None:
            self.memory.note(stream)
            if life is not stream._life:  # over the limit, and this one was cut
                return
        if life.fin_sent:  # most are gone before this look: do not work out deadlines for them
            moment = now + settings.first_look
            if stream._gauges is not None:
                moment = min(moment, stream._gauges.end_by)
        else:
            if stream._blocked:
                note_acked(stream, now)  # so that the first look finds only what moved after this
            moment = self.explain(stream, now)[0]
        if moment < stream._look_at:
            self.enter(stream, moment)

    def forget(self, stream: Stream) -> None:
        """No look at it any more."""
        self._agenda.remove(stream)

    def explain(self, stream: Stream, now: float, unacked: bool = False) -> tuple[float, Reason | None]:
        """Which deadline is next, and when, in the reactor's time; (NEVER, None) if none runs.

        With None as the reason it is no deadline, but the time to ask the kernel again. `unacked`: bytes of ours, or
        our FIN, are under way.
        """
        ended = self._loop.stalls.get  # what was stamped in a turn that stood still counts as of its end
        read_at, wrote_at, acked_at, since = stream._read_at, stream._wrote_at, stream._acked_at, stream._since
        pause, gauges, life = stream._pause, stream._gauges, stream._life
        return rules.soonest(life, stream._settings, rules.Moments(
            now, ended(read_at, read_at), ended(wrote_at, wrote_at), ended(acked_at, acked_at),
            -NEVER if gauges is None else gauges.kept_at, ended(since, since), stream._out is not None, unacked,
            pause is not None and pause.gone, pause is not None and pause.other_end_acts(life.paused),
            NEVER if gauges is None else gauges.end_by,
            self._guards(stream, now, unacked) if stream._settings.guarded else None,
        ))  # fmt: skip

    def setting_changed(self, stream: Stream, name: str) -> None:
        """A limit on speed judges from the moment when it is set."""
        if name in RATES:
            stream._made_gauges().begin(name, self._loop.now, stream.bytes_read)

    # Looking.

    def enter(self, stream: Stream, moment: float) -> None:
        """Look at it at this moment, and not at the one it was entered for before; NEVER means not at all."""
        if moment == NEVER:
            self._agenda.remove(stream)
            return
        self._agenda.enter(stream, moment)
        if moment < self._wake_at:
            self._wake(moment)

    def _wake(self, moment: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._wake_at = moment
        self._timer = None if moment == NEVER else self._loop.call_at(moment, self._look_at_due).unref()

    def _look_at_due(self) -> None:
        now = self._loop.turn_now
        for stream in self._agenda.due(now, LOOKS_PER_TURN):
            self.look(stream, now)
        self._wake(self._agenda.next_moment())

    def look(self, stream: Stream, now: float) -> None:
        """A deadline may have passed. Ask the kernel what has moved; then end the connection, or look again later."""
        if stream._life.over:
            return
        if stream._blocked and not stream._corks and not isinstance(stream.remote_address, tuple):
            # Nobody tells what the reader of a Unix socket has taken, and it is writable only once three quarters
            # of its buffer are free: what it takes now is the one sign of a slow reader.
            stream._blocked = False
            stream._send_pending()
            stream._flush_soon()
        unacked = note_acked(stream, now)
        life = stream._life
        if unacked and life.fin_sent and life.reading:
            stream._since = now  # the linger begins when all is acknowledged: not before this
        if life.both_ended and not unacked:  # where no event told it
            stream._flush_soon()
            return
        moment, reason = self.explain(stream, now, unacked)
        if moment <= now and reason is not None and _input_speaks(stream, reason):
            stream._read_at = now
            if reason is Reason.READ_RATE and stream._gauges is not None:
                stream._gauges.read.begin(now, stream.bytes_read)
            moment, reason = self.explain(stream, now, unacked)
        if moment > now:
            self.enter(stream, moment)
        elif reason is not None:
            self._expire(stream, reason)

    # Ending.

    def _expire(self, stream: Stream, reason: Reason) -> None:
        row = ROWS[reason]
        if row.announced:
            before = stream._life.write
            stream._emit("timeout", reason)
            if stream._life.write is not before:
                return  # ended by a listener
            now = self._loop.turn_now
            moment, other = self.explain(stream, now)
            if moment > now or other is None:
                self.plan(stream)  # kept by touch()
                return
            row, reason = ROWS[other], other  # kept from the one, and too late for another
        if row.way is Way.RESET or (row.way is Way.IN_ORDER and stream._settings.on_idle == "reset"):
            stream._cut(reason)
            return
        stream._because(reason)
        if row.way is Way.BY_LINGER and stream._settings.linger_timeout is not None:
            gauges = stream._made_gauges()
            gauges.end_by = min(gauges.end_by, self._loop.turn_now + stream._settings.linger_timeout)
        if row.way is Way.IN_ORDER and loses_nothing(stream):
            stream._step(DESTROY)
        else:
            stream._destroy_soon_by_us()

    # Limits that are off by default.

    def _guards(self, stream: Stream, now: float, unacked: bool) -> rules.Guards:
        settings = stream._settings
        heard = stream.bytes_read > 0 or stream._read_at > stream._since
        if stream._gauges is None and settings.jitter is None and not settings.paced:
            return rules.Guards(stream._opened_at, 0.0, heard)
        gauges = stream._made_gauges()
        if gauges.lot is None:
            self._lots += 1
            gauges.lot = self._lots * GOLDEN % 2**32 / 2**32
        if not settings.paced:
            return rules.Guards(stream._opened_at, gauges.lot, heard)
        read_by, reading = _read_window(stream, now, gauges.read, settings.min_read_rate)
        write_by = held_by = NEVER
        if settings.min_write_rate is not None:
            if stream._out is not None or (unacked and (stream._life.draining or stream._life.fin_sent)):
                write_by = gauges.written.end(now, stream._acked or 0, settings.min_write_rate)
            else:
                gauges.written.stop()
        if settings.slow_reader is not None:
            held_by = gauges.excess(now, stream._held(), settings.slow_reader) or NEVER
        return rules.Guards(stream._opened_at, gauges.lot, heard, read_by, reading, write_by, held_by)

    def __len__(self) -> int:
        return len(self._agenda)


def note_acked(stream: Stream, now: float) -> bool:
    """Ask what the peer's kernel has acknowledged; True if anything of ours, FIN included, is still under way."""
    unacked = stream._sock.unacknowledged() or 0
    acked = stream.bytes_written - max(unacked - stream._life.fin_sent, 0)
    known = stream._acked or 0
    if acked > known:
        at_once = not unacked and acked - known <= INITIAL_WINDOW
        wrote_at = stream._loop.stalls.get(stream._wrote_at, stream._wrote_at)
        stream._acked_at = max(stream._acked_at, wrote_at) if at_once else now
        stream._acked = acked
    return unacked > 0


def loses_nothing(stream: Stream) -> bool:
    """True if closing the socket now loses no byte, ours or theirs."""
    return stream._out is None and not stream._sock.unacknowledged() and not stream._input_waits()


def _input_speaks(stream: Stream, reason: Reason) -> bool:
    """True if input waits to be read: that was no silence of the peer, but a delay of ours."""
    life = stream._life
    return ROWS[reason].input_speaks and (life.flowing or life.paused) and stream._input_waits()


def _read_window(stream: Stream, now: float, window: Window, speed: Speed | None) -> tuple[float, bool]:
    """When input is judged next, and True if it is judged then. Where it is framed, an unfinished message is what must
    come, and between two messages there is only the next look.
    """
    if speed is None:
        return NEVER, False
    read, since = stream.bytes_read, stream._since
    if not stream._listeners.framed:
        return window.end(now, read, speed, since, read), True
    begun = [] if stream._intake is None else stream._intake.unfinished
    if not begun:
        window.stop()
        return now + speed.seconds, False
    began_at = min(held.began_at for held in begun)
    if began_at < since:  # and then the program had paused it
        return window.end(now, read, speed, since, read), True
    return window.end(now, read, speed, began_at, read - max(len(held.partial) for held in begun)), True
