"""How a connection ends: its state, the causes, the teardown, and telling the program.

Closing is decided anywhere, by a step of the life cycle (`lifecycle.py`), and performed in one place:
`_on_teardown`, the last thing of the turn, closes the descriptor; `_close`, in the next turn, answers
callbacks, tells `error` and `close`, and lets go of everything.

A connection is never told anything from inside its own call. After each listener nothing that was known
before is believed: the state is looked at again.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator

from ...hints import Any
from ...log import log
from ..deadlines.agenda import NEVER
from ..sockets import addresses, kernel, options
from .account import CloseReport, Fault, Reason
from .holding import Holding
from .listeners import Listener, Listeners, stands_for
from .states import CLOSED, Do, Event, Write

NOBODY = Listeners()
REAPED = (Reason.IDLE, Reason.READ_TIMEOUT)


class Ending(Holding):
    """The second layer of a connection."""

    __slots__ = ()

    # State.

    def _step(self, event: Event) -> None:
        """One event of the life cycle, and what follows from it."""
        before = self._life
        try:
            after, todo = before.on[event]
        except KeyError:
            before.refuse(event)
        if after is not before:
            self._life = after
            if before.write is not Write.BROKEN:  # what it was doing when it broke is what counts
                self._last = before
            loop = self._loop
            self._since = loop.turn_now if loop.in_turn else loop.now
            self._flowing = after.flowing
            self._direct = after.open and self._out is None and not self._corks
        for do in todo:
            if self._life is not after:  # a listener changed it
                break
            if do is Do.FLUSH:
                self._flush_soon()
            elif do is Do.SETTLE:
                self._settle()
                if not self._life.over:
                    self._flush_soon()
            elif do is Do.EMIT_END:
                if self._listeners.end is not None:
                    self._guarded(self._listeners.end, self)
            elif do is Do.EMIT_FINISH:
                self._finish()
            else:
                self._loop.teardown_soon(self)

    def _finish(self) -> None:
        """Our FIN was handed over: answer who waits for it, then tell."""
        try:
            if self._answers:
                self._answer_due()
        except BaseException:  # a callback leaves run(): the rest is told when it goes on
            self._loop.queue(self._finish)
            raise
        if self._listeners.finish is not None and not self._life.over:
            self._guarded(self._listeners.finish, self)

    def _settle(self) -> None:
        """Both halves have ended: close as soon as the peer's kernel has everything."""
        self._unacked = self._in_flight()
        if not self._unacked:
            self._step(Event.ACKED)

    @property
    def _is_tcp(self) -> bool:
        return isinstance(self.remote_address, tuple)

    def _in_flight(self) -> int | None:
        """What the peer's kernel has not acknowledged, our FIN included; None where nobody can tell.

        On a Unix socket SIOCOUTQ counts memory, not bytes; what was written is in the peer's queue (fact 4).
        """
        tells = self._is_tcp or self._sock.fileno() < 0
        return kernel.unacknowledged(self._sock) if tells else None

    def _flush_soon(self) -> None:
        """See `_on_flush` at the end of this turn."""
        if not self._flush_due:
            self._flush_due = True
            self._loop.flush_soon(self)

    def _on_flush(self) -> None:
        """End of a turn in which something changed: bring everything in line with the state."""
        raise NotImplementedError

    def _answer_due(self) -> None:
        """Call back for what the kernel has taken, for our FIN, and for what was refused."""
        raise NotImplementedError

    def _open_answers(self) -> Iterator[tuple[Callable[..., object], BaseException | None]]:
        """Every callback that has not come, with what it is told now that it is over."""
        raise NotImplementedError

    def on_look(self, now: float) -> None:
        """A deadline may have passed."""
        raise NotImplementedError

    @property
    def pending_bytes(self) -> int:
        """Bytes written by the program that the kernel has not taken yet, those of files included."""
        return 0 if self._out is None else self._out.size

    def _held(self) -> int:
        """Of these, the bytes in memory: what the water marks and `buffer_limit` are about."""
        return 0 if self._out is None else self._out.held

    def _drop_pending(self) -> None:
        if self._out is not None:
            self._unsent += self._out.clear()
            self._out = None
        self._blocked = False

    def _drop_read(self, count: int) -> None:
        """So many bytes were received, and are delivered to nobody."""
        self.bytes_read += count
        self._discarded += count

    # Causes that are not the program's call on this connection.

    def _network_error(self, code: int, syscall: str) -> None:
        """The network did something: the first time counts, and what else had been the cause stays the reason."""
        error = kernel.os_error(code or errno.ECONNRESET, syscall)
        self._reason = self._reason or (Reason.PEER_RESET if kernel.is_reset(error) else Reason.NETWORK_ERROR)
        self._blame(Fault.NETWORK, error)

    def _blame(self, fault: Fault, error: BaseException | None) -> None:
        if self._error is None and error is not None:
            self._error, self._fault = error, fault

    def cut(self, reason: Reason) -> None:
        """End both halves now, with RST: a deadline, a limit, a listener that failed."""
        if not self._life.over:
            self._reason = self._reason or reason
            self._abort = True
            self._drop_pending()
            self._step(Event.DESTROY)

    def blame_peer(self, reason: Reason) -> None:
        """The peer has broken a rule, and is about to be ended for it."""
        self._reason = self._reason or reason

    def destroy_soon_by_us(self) -> None:
        """End as `destroy_soon()` does, but not by the program's call: what it writes from now on is refused,
        and no error.
        """
        self._step(Event.DESTROY_SOON)
        if not self._life.over:
            self._flush_soon()  # as `Connection._call` does

    def end_by_us(self) -> None:
        """The same for `end()`."""
        self._step(Event.END)

    def fail(self, reason: Reason, error: BaseException) -> None:
        """Cut, and tell the program the error: what it gave us to send or to decode cannot be used."""
        if not self._life.over:
            self._blame(Fault.PROGRAM, error)
            self.cut(reason)

    # The end.

    def _on_teardown(self) -> None:
        """Give the descriptor back. The one place where that happens."""
        if self._rare is not None:
            self._let_go_of_rare()
        if self._mask is not None:
            self._mask = None
            self._loop.poller.remove(self._sock.fileno())
        if self.look_at != NEVER:
            self._owner._schedule.remove(self)
        if self._out is not None:
            self._drop_pending()
        if self._unacked != 0 or not self._last.both_ended:  # else `_settle` has just asked
            unacked = self._in_flight()
            self._unacked = unacked if unacked is None else max(unacked - self._fin_sent, 0)
        if self._local is None:
            self._local = addresses.local_address(self._sock)
        if self._abort:
            options.reset_on_close(self._sock)
        elif self._reason in REAPED:
            options.say_fin(self._sock)
        self._sock.close()
        self._life = CLOSED
        self._loop.queue(self._close)
        self._owner._connection_torn(self)  # type: ignore[arg-type]  # every Ending is a Connection

    def _let_go_of_rare(self) -> None:
        if self._silence is not None:
            self._silence.cancel()
            self._silence = None
        self._drop_read(len(self._held_back))
        self._discarded += max((held.size() for held in self._frames if not held.heard), default=0)
        self._held_back = b""
        self._frames = ()

    def _close(self) -> None:
        """The turn after: tell the program, and let go of everything."""
        if self._listeners.close is None and self._error is None and not self._answers:  # nobody waits for a word
            self.report = self._make_report()
        else:
            self._speak()
        if self._ref:
            self._ref = False
            self._loop.release()
        # Whatever may hold the connection goes: no cycle is left behind.
        if not self._listeners.shared:
            self._listeners.clear()
        self._listeners = NOBODY
        if self._rare is not None:
            self._decoder = None
        self._owner._connection_closed(self)  # type: ignore[arg-type]  # as above

    def _speak(self) -> None:
        if self._words is None:
            self._words = self._last_words()
        try:
            for listener, what in self._words:
                self._call_guarded(listener, what)
        except BaseException:  # a listener leaves run(): the others hear it when it goes on
            self._loop.queue(self._close)
            raise
        self._words = None

    def _last_words(self) -> Iterator[tuple[Callable[..., object], Any]]:
        """Whom to tell what, in order: answer what is open, then `error`, then `close`."""
        yield from self._open_answers()
        if self._error is not None and self._fault is not Fault.LISTENER:  # a listener's has been logged
            told = self._listeners.each("error")
            for listener in told:
                yield listener, self._error
            if not told:
                log.info("%r: %s", self, self._error)
        self._closing = True  # callbacks given from now on are answered by calls of their own
        yield from self._open_answers()
        self.report = self._make_report()
        for listener in self._listeners.each("close"):
            yield listener, self.report

    def _make_report(self) -> CloseReport:
        both_fins = self._orderly is not None and self._fin_sent
        # Where nobody can tell what has arrived, it is clean unless something has cut it.
        arrived = self._reason is None if self._unacked is None else not self._unacked
        clean = both_fins and arrived and not self._unsent and self._error is None
        return CloseReport(  # by position: by name it takes twice as long, and this is once for each connection
            self._reason or self._orderly or Reason.ENDED, self._last.phase, self._error, clean, self.bytes_read,
            self._discarded, self.bytes_written, self._unsent, self._unacked, self._opened_at,
            self._loop.turn_now - self._opened_at,
        )  # fmt: skip

    # Calling the program.

    def hears(self, framer: Listener) -> bool:
        """Is it among the listeners of `data`, or has it been taken off?"""
        return any(stands_for(one, framer) for one in self._listeners.each("data"))

    def _emit(self, event: str, *args: Any) -> None:
        """Call the listeners of an event that can still end the connection."""
        listener = getattr(self._listeners, event)
        if listener is not None:
            self._guarded(listener, self, *args)

    def _tell(self, event: str, *args: Any) -> None:
        """The same for the events of connecting, which have no slots."""
        for listener in self._listeners.each(event):
            if not self._life.over:
                self._guarded(listener, self, *args)

    def _guarded(self, fn: Callable[..., object], *args: Any) -> None:
        try:
            fn(*args)
        except Exception as error:
            self._listener_failed(error)

    def _listener_failed(self, error: Exception) -> None:
        """A listener raised: that ends this connection and no other."""
        log.error("a listener of %r raised", self, exc_info=error)
        if not self._life.over:
            # The traceback holds frames that hold the connection: it has been logged, and here it would be a
            # cycle.
            self._blame(Fault.LISTENER, error.with_traceback(None))
            self.cut(Reason.LISTENER_FAILED)

    def _call_guarded(self, fn: Callable[..., object], *args: Any) -> None:
        """Call the program when there is nothing left to end."""
        try:
            fn(self, *args)
        except Exception as error:
            log.error("a listener of %r raised", self, exc_info=error)

    @property
    def _finished(self) -> bool:
        """Was `close` delivered?"""
        return self._listeners is NOBODY

    @property
    def _fin_sent(self) -> bool:
        return Write.ENDED in (self._life.write, self._last.write)
