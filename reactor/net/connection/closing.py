"""How a connection ends: its state, the first cause, the one teardown, and telling the program.

The lowest of the three storeys of a connection. It holds what a connection consists of; `Stream` (what comes in and
goes out) and `Connection` (what programs call) add methods and no state.

Closing is decided anywhere, by a step of the table (`states.py`), and performed in one place: `_on_teardown`, the last
thing of the turn, closes the descriptor; `_close`, in the next turn, answers callbacks, tells `error` and `close`, and
lets go of everything. A state that has changed is flushed at the end of the turn (`Stream._on_flush`).

A connection is told nothing from inside its own call, and after each listener the state is looked at again. What a
listener raises ends its own connection; a `KeyboardInterrupt` is kept by the loop until the end of the turn.
"""

from __future__ import annotations

from ...errors import ConnectionClosed, NeverConnected, WriteAfterEnd
from ...foreign import said
from ...hints import TYPE_CHECKING
from ...log import log
from ..deadlines.agenda import NEVER
from ..deadlines.gauges import Gauges
from ..sockets import addresses, kernel, options
from . import read_size
from .account import ROWS, UNKNOWN, Fault, Reason
from .attributes import ATTRIBUTES
from .callbacks import Callbacks, Until, reached
from .listeners import Listeners, stands_for
from .states import ACKED, CLOSED, DESTROY, DESTROY_SOON, DRAINED, EMIT_END, EMIT_FINISH, END, LOST, OPEN, SETTLE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from ...engine.turn import Turns
    from ..settings import Settings
    from ..sockets.addresses import Address
    from ..sockets.sock import Sock
    from .account import Cause, CloseReport
    from .callbacks import Callback
    from .intake import Intake
    from .listeners import Listener
    from .outbuf import OutBuffer
    from .owner import Owner
    from .pause import Pause
    from .states import Event, State


NOBODY = Listeners()


class Closing:
    """Made by its owner, with a socket that is connected, or with what stands in the place of one until then
    (`client/stand_in.py`).
    """

    __slots__ = dict.fromkeys((
        "__weakref__", "_acked", "_acked_at", "_blocked", "_callbacks", "_called", "_cause", "_corks", "_direct",
        "_discarded", "_drain_due", "_flowing", "_flush_due", "_gauges", "_intake", "_last", "_life",
        "_listeners", "_local", "_look_at", "_loop", "_mask", "_opened_at", "_out", "_owner", "_pause", "_read_at",
        "_read_size", "_ref", "_settings", "_since", "_sock", "_unsent", "_wrote_at",
    )) | ATTRIBUTES  # fmt: skip

    _life: State
    _last: State  # the state before the last one: what it was doing when it ended
    _called: Event | None  # the strongest of the four endings that the program itself has called
    _mask: int | None  # what the poller watches for; None: not registered
    _blocked: bool  # the kernel's buffer is full: wait for WRITE
    _drain_due: bool  # write() has answered False
    _acked: int | None  # of bytes_written, as of the last look; after the teardown None: nobody can tell
    _unsent: int  # beside what is pending: dropped, or refused after the end
    report: CloseReport | None
    # Parts that exist only while they are needed.
    _out: OutBuffer | None
    _callbacks: Callbacks | None
    _intake: Intake | None
    _pause: Pause | None
    _gauges: Gauges | None

    def __init__(
        self,
        loop: Turns,
        owner: Owner,
        sock: Sock,
        remote_address: Address,
        local_address: Address | None,
        settings: Settings,
        listeners: Listeners,
        life: State = OPEN,
    ) -> None:
        self._loop = loop
        self._owner = owner
        self._sock = sock
        self._settings = settings
        self._listeners = listeners
        self.remote_address = remote_address
        self._local = local_address  # None: not asked yet
        self._life = self._last = life
        self._cause: Cause = UNKNOWN
        self._flowing = self._direct = life.connected  # for the hot path: deliver what comes; send at once
        self._blocked = self._drain_due = self._flush_due = False
        self._called = self._mask = self.report = None
        self._out = self._callbacks = self._intake = self._pause = self._gauges = None
        # Stamps of the reactor's time, in seconds, for the deadlines.
        self._opened_at = self._read_at = self._acked_at = self._since = loop.now
        self._wrote_at = 0.0
        self._look_at = NEVER
        self._read_size = read_size.FIRST
        self.bytes_read = self._discarded = self.bytes_written = self._acked = self._unsent = self._corks = 0
        self.context: Any = None
        self.attempted_addresses: Sequence[Address] = ()
        self._ref = True
        loop.hold()

    # State.

    def _step(self, event: Event) -> None:
        """One event of the table, and what follows from it."""
        before = self._life
        try:
            after, todo = before.on[event]
        except KeyError:
            before.refuse(event)
        if after is not before:
            self._life = after
            if not before.broken:  # what it was doing when it broke is what counts
                self._last = before
            loop = self._loop
            self._since = loop.turn_now if loop.in_turn else loop.now
            self._flowing = after.flowing
            self._direct = after.open and self._out is None and not self._corks
        for do in todo:
            if self._life is not after:  # a listener changed it
                return
            if do is SETTLE:
                self._settle()
            elif do is EMIT_END:
                if self._listeners.end is not None:
                    self._guarded(self._listeners.end, self)
            elif do is EMIT_FINISH:  # answer who waits for our FIN, then tell
                if self._callbacks:
                    self._callbacks.tell_due(self)
                if self._listeners.finish is not None and not self._life.over:
                    self._guarded(self._listeners.finish, self)
            else:
                if self._out is not None:
                    self._drop_pending()
                self._loop.teardown_soon(self)
        # DRAINED is a step of the flush itself, which goes on with the new state.
        if after is not before and self._life is after and not after.over and event is not DRAINED:
            self._flush_soon()

    def _settle(self) -> None:
        """Both halves have ended: close as soon as the peer's kernel has everything."""
        unacked = self._sock.unacknowledged()
        if not unacked:
            self._acked = None if unacked is None else self.bytes_written
            self._step(ACKED)

    def _flush_soon(self) -> None:
        """Bring everything in line with the state at the end of this turn."""
        if not self._flush_due:
            self._flush_due = True
            self._loop.flush_soon(self)

    def _on_flush(self) -> None:
        """The end of a turn in which the state has changed. `Stream` sends, watches and plans here."""

    # Output that waits, and who waits for it.

    @property
    def pending_bytes(self) -> int:
        """The number of bytes that were written and that the kernel has not taken yet, those of files included."""
        return 0 if self._out is None else self._out.size

    def _held(self) -> int:
        """Pending bytes that are in memory: what the water marks and `buffer_limit` are about."""
        return 0 if self._out is None else self._out.held

    def _made_gauges(self) -> Gauges:
        """The gauges of this connection, made at the first call."""
        gauges = self._gauges = self._gauges or Gauges()
        return gauges

    def _drop_pending(self) -> None:
        if self._out is not None:
            self._unsent += self._out.clear()
            self._out = None
        self._blocked = False

    def _drop_read(self, count: int) -> None:
        """These bytes were received, and are delivered to nobody."""
        self.bytes_read += count
        self._discarded += count

    def _answer(self, taken: bool) -> BaseException | None:
        """What a callback is told: None if the kernel has its bytes, else whose doing it is that it will not."""
        if self._never_connected:
            never = NeverConnected(f"{self!r} ended before it was connected")
            never.__cause__ = self._cause.error
            return never
        if taken:
            return None
        if self._cause.fault is Fault.NETWORK and self.report is None:
            return self._cause.error
        return ConnectionClosed(f"{self!r} ended before the kernel had taken this")

    @property
    def _position(self) -> int | Until:
        """What a callback of `write` waits for: all that was written up to here."""
        return self.bytes_written + self.pending_bytes if self._life.writable else Until.REFUSED

    def _wait(self, until: int | Until, callback: Callback) -> None:
        """Call back when the kernel has taken all bytes up to there, or our FIN."""
        if self.report is not None:
            self._answer_late(callback, reached(until, self.bytes_written, self._fin_sent))
            return
        if self._callbacks is None:
            self._callbacks = Callbacks()
        self._callbacks.add(until, callback)
        self._flush_soon()

    @property
    def _never_connected(self) -> bool:
        return not self._last.connected and (self._life.over or not self._life.connected)

    def _called_error(self) -> ConnectionClosed:
        if self._called is DESTROY:
            return ConnectionClosed(f"write() after destroy() or reset() of {self!r}")
        return WriteAfterEnd(f"write() after {'end' if self._called is END else 'destroy_soon'}() of {self!r}")

    # Causes that are not the program's call on this connection.

    def _network_error(self, code: int, syscall: str) -> None:
        """The network did something. The first error counts, and a reason that was known before stays."""
        error = kernel.network_error(code, syscall)
        reason = Reason.PEER_RESET if kernel.is_reset(error) else Reason.NETWORK_ERROR
        self._cause = self._cause.because(reason).blame(Fault.NETWORK, error)

    def _cut(self, reason: Reason) -> None:
        """End both halves now, with RST: a deadline, a limit, a listener that failed."""
        if not self._life.over:
            self._cause = self._cause.cut(reason)
            self._step(DESTROY)

    def _fail(self, reason: Reason, error: BaseException) -> None:
        """Cut, and tell the program the error: what it gave us to send or to decode cannot be used."""
        if not self._life.over:
            self._cause = self._cause.blame(Fault.PROGRAM, error)
            self._cut(reason)

    def _never_got_through(self, error: BaseException, reason: Reason) -> None:
        """A client has not got through."""
        self._cause = self._cause.because(reason).blame(Fault.NETWORK, error)
        self._step(LOST)

    def _because(self, reason: Reason) -> None:
        """The connection is about to be ended in order, for this reason."""
        self._cause = self._cause.because(reason)

    def _destroy_soon_by_us(self) -> None:
        """End as `destroy_soon()` does, but not by the program's call: later writes are refused, and no error."""
        self._step(DESTROY_SOON)

    # The end.

    def _on_teardown(self) -> None:
        """Give the descriptor back. The one place where that happens."""
        if self._gauges is not None:
            self._gauges.end_silence()
        if self._intake is not None:
            held, framed = self._intake.forget()
            self._drop_read(held)
            self._discarded += framed
        if self._mask is not None:
            self._mask = None
            self._loop.poller.remove(self._sock.fileno())
        if self._look_at != NEVER:
            self._owner._keeper.forget(self)
        if self._acked != self.bytes_written or not self._last.both_ended:  # else `_settle` has just asked
            unacked = self._sock.unacknowledged()
            self._acked = None if unacked is None else self.bytes_written - max(unacked - self._fin_sent, 0)
        if self._local is None:
            self._local = addresses.local_address(self._sock)
        cause = self._cause
        if cause.abort:
            self._sock.reset_on_close()
        elif cause.reason is not None and ROWS[cause.reason].fin_first:
            options.say_fin(self._sock)
        self._sock.close()
        self._life = CLOSED
        self._loop.queue(self._close)
        self._owner._connection_torn(self)

    def _close(self) -> None:
        """The turn after: tell the program, and break reference cycles so that the connection is freed at once."""
        if not self._listeners.close and self._cause.error is None and not self._callbacks:
            self.report = self._account()
        else:
            self._tell_close()
        if self._ref:
            self._ref = False
            self._loop.release()
        if not self._listeners.shared:
            self._listeners.clear()
        self._listeners = NOBODY
        self._intake = None
        self._owner._connection_closed(self)

    def _tell_close(self) -> None:
        """Answer the callbacks that still wait, then tell `error`, then `close`."""
        if self._callbacks is not None:
            self._callbacks.tell_all(self)
        error = self._cause.error
        if error is not None and self._cause.fault is not Fault.LISTENER:  # a listener's has been logged
            told = self._listeners.error
            for listener in told:
                self._guarded(listener, self, error)
            if not told:
                log.info("%r: %s", self, said(error), extra={"peer": addresses.show(self.remote_address)})
        if self._callbacks is not None:
            self._callbacks.tell_all(self)
        self.report = self._account()
        if self._callbacks is not None:
            self._callbacks.tell_late(self)
        for listener in self._listeners.close:
            self._guarded(listener, self, self.report)

    def _answer_late(self, callback: Callback, taken: bool) -> None:
        """Answer a callback that was given when `close` was being told, or after it."""
        self._loop.call_soon(self._guarded, callback, self, self._answer(taken))

    def _account(self) -> CloseReport:
        return self._cause.report(
            self._last.phase, self._fin_sent, self.bytes_read, self._discarded, self.bytes_written, self._unsent,
            None if self._acked is None else self.bytes_written - self._acked, self._opened_at, self._loop.turn_now,
        )  # fmt: skip

    @property
    def _finished(self) -> bool:
        """True once `close` was delivered."""
        return self._listeners is NOBODY

    @property
    def _fin_sent(self) -> bool:
        return self._life.fin_sent or self._last.fin_sent

    # Listeners.

    def _add_listener(self, event: str, fn: Listener, once: bool) -> None:
        if not self._finished:
            listeners = self._own_listeners()
            (listeners.add_once if once else listeners.add)(event, fn)

    def _own_listeners(self) -> Listeners:
        """The table of this connection alone, made when the first one is needed."""
        if self._listeners.shared:
            self._listeners = Listeners(self._listeners)
        return self._listeners

    def _remove_listener(self, event: str, fn: Listener) -> None:
        if not self._listeners.shared:
            self._listeners.discard(event, fn)

    # Calling the program.

    def _hears(self, framer: Listener) -> bool:
        """True if it is among the listeners of `data`, False if it has been taken off."""
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
        """Call the program."""
        try:
            fn(*args)
        except BaseException as error:
            self._raised(error)

    def _raised(self, error: BaseException) -> None:
        """A listener raised: that ends this connection and no other. What wants to leave `run()` leaves it later."""
        if not isinstance(error, Exception):
            self._loop.keep(error)
            return
        log.error("a listener of %r raised", self, exc_info=error, extra={"peer": addresses.show(self.remote_address)})
        if not self._life.over:
            # The traceback holds frames that hold the connection: it has been logged, and here it would be a cycle.
            self._cause = self._cause.blame(Fault.LISTENER, error.with_traceback(None))
            self._cut(Reason.LISTENER_FAILED)
