"""Deadlines of one connection: stamps, looks, and what happens when time is up.

Traffic costs one attribute store (`_read_at`, `_wrote_at`) and no timer operation. The connection has one
entry in its owner's schedule (`idle.py`), for the moment when the earliest of its deadlines (`deadlines.py`)
may have passed; `on_look` then asks the kernel what has moved.
"""

from __future__ import annotations

from ...hints import TYPE_CHECKING
from ..deadlines import rules
from ..deadlines.agenda import NEVER
from .account import Reason
from .states import Event, Read, Write
from .transport import Transport

if TYPE_CHECKING:
    from ..deadlines.gauges import Gauges, Speed, Window

# What a peer's kernel acknowledges by itself, whatever its program does: the initial window (RFC 6928: 14,600
# bytes). The acknowledgement of so little that came unnoticed is counted as of the write; of more, as of now.
INITIAL_WINDOW = 14_600
GOLDEN = 0x9E3779B1  # Knuth's multiplicative hashing: what lies side by side is far apart afterwards
INPUT_KEEPS = frozenset(
    {Reason.IDLE, Reason.READ_TIMEOUT, Reason.LINGER_TIMEOUT, Reason.FIRST_BYTE_TIMEOUT, Reason.READ_RATE}
)


class Timed(Transport):
    """The fifth layer of a connection."""

    __slots__ = ()

    def _moments(self, now: float, unacked: bool) -> rules.Moments:
        ended = self._loop.stalls.get  # what was stamped in a turn that stood still counts as of its end
        read_at, wrote_at, acked_at = self._read_at, self._wrote_at, self._acked_at
        return rules.Moments(
            now, ended(read_at, read_at), ended(wrote_at, wrote_at), ended(acked_at, acked_at), self._kept_at,
            ended(self._since, self._since), self._out is not None, unacked, self._gone, self._other_end_acts(),
            self._end_by, self._guards(now, unacked) if self._settings.guarded else None,
        )  # fmt: skip

    def _guards(self, now: float, unacked: bool) -> rules.Guards:
        settings = self._settings
        heard = self.bytes_read > 0 or self._read_at > self._since
        if not settings.paced:
            return rules.Guards(self._opened_at, self._lot, heard)
        gauges = self._gauges or self._made_gauges()
        read_by, reading = self._read_window(now, gauges.read, settings.min_read_rate)
        write_by = held_by = NEVER
        if settings.min_write_rate is not None:
            if self._out is not None or (unacked and self._life.write in (Write.ENDING, Write.ENDED)):
                write_by = gauges.written.end(now, self._acked, settings.min_write_rate)
            else:
                gauges.written.stop()
        if settings.slow_reader is not None:
            held_by = gauges.excess(now, self._held(), settings.slow_reader) or NEVER
        return rules.Guards(self._opened_at, self._lot, heard, read_by, reading, write_by, held_by)

    def _made_gauges(self) -> Gauges:
        from ..deadlines.gauges import Gauges

        self._gauges = gauges = Gauges()
        return gauges

    def begin_window(self, rate: str) -> None:
        """A rate was set: what it asks for is asked from now on, and the others go on."""
        gauges = self._gauges or self._made_gauges()
        if rate == "min_read_rate":
            gauges.read.begin(self._loop.now, self.bytes_read)
        elif rate == "min_write_rate":
            gauges.written.stop()
        else:
            gauges.above_since = None

    def _read_window(self, now: float, window: Window, speed: Speed | None) -> tuple[float, bool]:
        """When input is judged next, and is it? Where it is framed, an unfinished message is what must come, and
        between two messages there is only the next look.
        """
        if speed is None:
            return NEVER, False
        if not self._listeners.framed:
            return window.end(now, self.bytes_read, speed, self._since, self.bytes_read), True
        begun = [held for held in self._frames if held.partial]
        if not begun:
            window.stop()
            return now + speed.seconds, False
        began_at = min(held.began_at for held in begun)
        if began_at < self._since:  # and then the program had paused it
            return window.end(now, self.bytes_read, speed, self._since, self.bytes_read), True
        size = max(len(held.partial) for held in begun)
        return window.end(now, self.bytes_read, speed, began_at, self.bytes_read - size), True

    @property
    def _lot(self) -> float:
        """From 0 to 1, the same at each look: made of where this object lies, so that nothing needs to be kept."""
        return (id(self) >> 4) * GOLDEN % 2**32 / 2**32

    def _schedule(self) -> None:
        """See to it that somebody looks when the next deadline may have passed. An early look is harmless."""
        now = self._loop.turn_now
        if self._life.write is Write.ENDED:  # most are gone before this look: do not work out deadlines for them
            moment = min(now + self._settings.first_look, self._end_by)
        else:
            if self._blocked:
                self._note_acked(now)  # so that the first look finds only what moved after this
            moment = self._soonest(now, unacked=False)[0]
        if moment < self.look_at:
            self._owner._schedule.enter(self, moment)

    def on_look(self, now: float) -> None:
        """A deadline may have passed. Ask the kernel what has moved; then expire, or be entered again."""
        if self._life.over:
            return
        if self._blocked and not self._corks and not self._is_tcp:
            # Nobody tells what the reader of a Unix socket has taken, and it is writable only once three quarters
            # of its buffer are free: what it takes now is the one sign of a slow reader.
            self._blocked = False
            self._send_pending()
            self._note_held()
            self._flush_soon()
        unacked = self._note_acked(now)
        if unacked and self._life.write is Write.ENDED and self._life.read in (Read.OPEN, Read.DISCARDING):
            self._since = now  # the linger begins when all is acknowledged: not before this
        if self._life.both_ended and not unacked:  # where no event told it
            self._flush_soon()
            return
        moment, reason = self._soonest(now, unacked)
        if moment <= now and reason is not None and self._was_not_silent(reason):
            self._read_at = now
            if reason is Reason.READ_RATE and self._gauges is not None:
                self._gauges.read.begin(now, self.bytes_read)
            moment, reason = self._soonest(now, unacked)
        if moment > now:
            self._owner._schedule.enter(self, moment)
        elif reason is not None:
            try:
                self._expire(reason)
            except BaseException:  # a listener leaves run(): look again when it goes on
                self._flush_soon()
                raise

    @property
    def lingers(self) -> bool:
        """Is every byte of ours delivered, and what the peer may still say of no interest?"""
        fin = 1  # it alone may still be unacknowledged
        return (
            self._life.read is Read.DISCARDING and self._life.write is Write.ENDED and (self._in_flight() or 0) <= fin
        )

    @property
    def moved_at(self) -> float:
        """The last movement, as far as it has been noticed."""
        return max(self._read_at, self._wrote_at, self._acked_at, self._kept_at)

    def give_up(self) -> bool:
        """Descriptors have run out: end now, if nothing is lost by that. Did it?"""
        if not (self._flowing and self._life.open and self._out is None):
            return False
        if self._in_flight() or self._input_waits() or any(held.partial for held in self._frames):
            return False
        self._reason = self._reason or Reason.GIVEN_UP
        self._step(Event.DESTROY)
        return True

    def _note_acked(self, now: float) -> bool:
        """Ask what the peer's kernel has acknowledged; is anything of ours, FIN included, still under way?"""
        unacked = self._in_flight() or 0
        acked = self.bytes_written - max(unacked - (self._life.write is Write.ENDED), 0)
        if acked > self._acked:
            at_once = not unacked and acked - self._acked <= INITIAL_WINDOW
            wrote_at = self._loop.stalls.get(self._wrote_at, self._wrote_at)
            self._acked_at = max(self._acked_at, wrote_at) if at_once else now
            self._acked = acked
        return unacked > 0

    def _other_end_acts(self) -> bool:
        """Is it the turn of another connection, at the other end of a pipe, which has deadlines of its own?"""
        raise NotImplementedError

    def _soonest(self, now: float, unacked: bool) -> tuple[float, Reason | None]:
        return rules.soonest(self._life, self._settings, self._moments(now, unacked))

    def _was_not_silent(self, reason: Reason) -> bool:
        """Input that waits to be read was no silence of the peer, but a delay of ours."""
        if reason not in INPUT_KEEPS:
            return False
        return self._life.read in (Read.OPEN, Read.PAUSED) and self._input_waits()

    def _expire(self, reason: Reason) -> None:
        if reason not in rules.REAPED:
            self.cut(reason)
            return
        before = self._life.write
        self._emit("timeout", reason)
        if self._life.write is not before:
            return  # ended by a listener
        moment, other = self._soonest(self._loop.turn_now, unacked=False)
        if moment > self._loop.turn_now:
            self._schedule()  # kept by touch()
        elif other is Reason.MAX_LIFETIME:
            self._retire()
        elif other in rules.REAPED:
            self._reap(other)
        elif other is not None:  # kept from the one, and too late for another
            self.cut(other)

    def _retire(self) -> None:
        """Old enough, and in the middle of things: what was written is delivered, within `linger_timeout` in all."""
        self._reason = self._reason or Reason.MAX_LIFETIME
        if self._settings.linger_timeout is not None:
            self._end_by = min(self._end_by, self._loop.turn_now + self._settings.linger_timeout)
        self.destroy_soon_by_us()

    def _reap(self, reason: Reason) -> None:
        """End a silent connection: at once if nothing of ours can be lost by it, else in an orderly way."""
        if self._settings.on_idle == "reset":
            self.cut(reason)
            return
        self._reason = self._reason or reason
        if self._out is None and not self._in_flight() and not self._input_waits():
            self._step(Event.DESTROY)
        else:
            self.destroy_soon_by_us()
