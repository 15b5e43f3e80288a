"""A connection, as programs see it: what may be called, what may be asked.

The methods here decide, and the layers below (`ending.py`, `answers.py`, `transport.py`, `timed.py`, `writing.py`)
perform, mostly at the end of the turn.
"""

from __future__ import annotations

from collections.abc import Callable

from ... import arguments
from ...hints import TYPE_CHECKING, Any, TypeVar
from ..deadlines.agenda import NEVER
from ..settings import RATES, Deadlined
from ..sockets import addresses, options
from ..sockets.addresses import Address
from .account import Fault, Reason
from .answers import REFUSED
from .holding import Callback
from .listeners import CLIENT_EVENTS, CONNECTION_EVENTS, Emitter, Listener, Listeners
from .states import Event, Read, Write
from .writing import Writing, bytes_view

if TYPE_CHECKING:
    from ..server.server import Server
    from .pipes import Pipe

D = TypeVar("D")

_STRENGTH = {None: 0, Event.END: 1, Event.DESTROY_SOON: 2, Event.DESTROY: 3}


class Connection(Writing, Deadlined, Emitter):
    """One TCP or Unix-socket connection. Made by a server, or by `connect`; never by the program itself.

    Events, each with the connection first: a client's `lookup`, `connection_attempt…`, `connect(conn)` and
    `ready(conn)`, see `connect` · `data(conn, data)` · `drain(conn)` · `timeout(conn, kind)` ·
    `hangup(conn)` · `end(conn)` · `finish(conn)` · at most one `error(conn, error)` · exactly one
    `close(conn, report)`, the last.

    `idle_timeout`, `read_timeout`, `write_timeout`, `linger_timeout`, `half_open_timeout` (seconds or None),
    `on_idle`, `allow_half_open`, `high_water`, `low_water` and `buffer_limit` (bytes) are the server's, or those
    given to `connect`, when the connection opens, and may be set at any time.
    """

    __slots__ = ()

    _EVENTS = CONNECTION_EVENTS + CLIENT_EVENTS

    # The four ways to end, in rising strength. A stronger one overrides a weaker one under way; again is a
    # no-op.

    def end(self, data: Any = b"", callback: Callback | None = None, timeout: float | None = None) -> None:
        """Say the last word: `data`, then FIN once everything pending is sent. What the peer still says is
        delivered.

        The connection closes when the peer's FIN was read too, or by `linger_timeout`; `timeout` seconds (0:
        now) from now, whatever is left is reset. `callback(conn, None)` comes when the FIN was handed to the
        kernel, `callback(conn, error)` if it could not be. Raises as `write` does if there is data.
        """
        seconds = arguments.maybe_seconds("timeout", timeout, zero=True)
        arguments.maybe_function("callback", callback)
        refused = False
        if data if isinstance(data, bytes) else len(bytes_view(data)):
            refused = self._life.write is not Write.OPEN
            self._write_last(data)
        self._call(Event.END, seconds)
        if callback is not None:
            self._answer_at(REFUSED if refused else NEVER, callback)

    def destroy_soon(self, timeout: float | None = None) -> None:
        """Deliver what was written, and listen no more: what comes in is read, counted and dropped (a
        lingering close).

        FIN goes out after the last byte; the socket is closed at the peer's FIN, `linger_timeout` later, or
        `timeout` seconds (0: now) from now. A client that is not connected yet and has nothing to deliver is
        destroyed.
        """
        self._call(Event.DESTROY_SOON, arguments.maybe_seconds("timeout", timeout, zero=True))
        if not self._life.connected and not self.pending_bytes:  # nothing to connect for
            self._reason = self._reason or Reason.DESTROYED
            self._step(Event.DESTROY)

    def destroy(self, error: BaseException | None = None) -> None:
        """Drop everything, now: pending output is discarded and reported; `close` follows in the next turn,
        after `error` if one is given.

        On the wire it is what `close(2)` does: FIN, or RST if the kernel holds bytes that nobody read.
        """
        if error is not None and not isinstance(error, BaseException):
            raise TypeError(f"error must be an exception or None, not {error!r}")
        if not self._life.over:
            self._reason = self._reason or Reason.DESTROYED
            self._blame(Fault.PROGRAM, error)
            self._drop_pending()
        self._call(Event.DESTROY, None)

    def reset(self) -> None:
        """Abort: as `destroy()`, and the peer gets RST. On a Unix socket, which has none, a plain close."""
        self.cut(Reason.RESET)
        self._call(Event.DESTROY, None)

    def _call(self, ending: Event, timeout: float | None) -> None:
        """The program calls one of the four."""
        if _STRENGTH[ending] > _STRENGTH[self._called]:
            self._called = ending
        self._step(ending)
        if not self._life.over:
            if timeout is not None:
                self._end_by = min(self._end_by, self._loop.clock_time() + timeout)
            self._flush_soon()  # also where only the read half changes: it reads again to drop

    # Reading.

    def pause(self) -> None:
        """No more `data` until `resume()`; TCP then throttles the peer. Its leaving is noticed (`hangup`).
        Legal in every state.
        """
        self._held_by_program = True
        self.update_pause()

    def resume(self) -> None:
        """Deliver `data` again, as soon as no pipe has to wait for its destination. Legal in every state."""
        self._held_by_program = False
        self.update_pause()

    def set_encoding(self, encoding: str | None, errors: str = "strict") -> None:
        """Give `data` listeners text, decoded so that no character is split; None: bytes again.

        Bytes that the encoding does not have, or a character that the peer's FIN cuts off, reset the connection,
        reason `DECODE_FAILED`, with a UnicodeDecodeError; with `errors="replace"` and the other handlers of
        `bytes.decode` they do not. Raises ValueError for an unknown name.
        """
        from .text import Decoder, check_encoding

        if encoding is not None:
            check_encoding(encoding, errors)
        left = self._decoder.unfinished() if self._decoder is not None else b""
        if self._finished:
            return
        self._decoder = Decoder(encoding, errors, left) if encoding is not None or left else None
        self._own_listeners().pass_data(None if self._decoder is None else self._decoder.through)

    # Pipes.

    def pipe(self, destination: D, end: bool = True) -> D:
        """Write all that comes in to `destination`, at its pace; returns it.

        `destination` is a connection, or any object with `write` and `end` (with `on` too, if its `drain` is to be
        waited for). Our peer's FIN ends the destination's half, and the FIN of its own peer does not, whatever
        `allow_half_open` says; where a connection is cut off, the other end of the pipe is reset. With `end=False`
        only bytes pass. `a.pipe(b)` and `b.pipe(a)` are a relay; `conn.pipe(conn)` is an echo. Raises TypeError
        for what cannot be written to, ValueError for what is piped to already.
        """
        from .pipes import Pipe, PipeToObject

        arguments.flag("end", end)
        if not all(callable(getattr(destination, name, None)) for name in ("write", "end")):
            raise TypeError(f"destination must be a connection, or have write and end, not {destination!r}")
        if any(pipe.destination is destination for pipe in self._pipes):
            raise ValueError(f"destination must not be piped to already, as {destination!r} is")
        kind = Pipe if isinstance(destination, Connection) else PipeToObject
        if isinstance(destination, Connection) and destination._loop is not self._loop:
            raise ValueError(f"destination must be a connection of the same reactor, not {destination!r}")
        if self._loop.closed:
            return destination
        pipe = kind(self, destination, end)
        pipe.open()
        self._pipes = (*self._pipes, pipe)
        self.resume()
        return destination

    def unpipe(self, destination: Any = None) -> None:
        """Pass nothing on to `destination` any more; None: to nobody. After the last one the connection is paused,
        so that nothing is lost before the program resumes it. Harmless when there is no such pipe.
        """
        wanted = [pipe for pipe in self._pipes if destination is None or pipe.destination is destination]
        if wanted and len(wanted) == len(self._pipes):
            self.pause()
        for pipe in wanted:
            self.forget_pipe(pipe)

    def forget_pipe(self, pipe: Pipe) -> bool:
        """It is over, or not wanted any more. False: somebody was here before, perhaps a listener of the same event."""
        if pipe not in self._pipes:
            return False
        self._pipes = tuple(other for other in self._pipes if other is not pipe)
        pipe.close()
        self.update_pause()
        return True

    def update_pause(self) -> None:
        """Read or do not read, as the program and the pipes want it: any of them can hold it."""
        held = self._held_by_program or any(pipe.waiting for pipe in self._pipes)
        if held is not (self._life.read is Read.PAUSED):
            self._step(Event.PAUSE if held else Event.RESUME)
            if not held and self._frames:
                self.hear_held_soon()
        self._flush_soon()  # also where the program joins a pipe: a deadline runs now that did not

    def _other_end_acts(self) -> bool:
        if self._life.read is not Read.PAUSED:
            # A source whose own half is over has a deadline, and that ends this pipe.
            return any(pipe.ends and pipe.source._life.write is not Write.OPEN for pipe in self._fed)
        return not self._held_by_program and any(pipe.waits_for_connection for pipe in self._pipes)

    def touch(self) -> None:
        """Count as movement now: `idle_timeout` and `read_timeout` start anew."""
        self._kept_at = self._loop.clock_time()

    def set_timeout(self, seconds: float | None, listener: Callable[..., object] | None = None) -> None:
        """Emit `timeout(conn, None)` once per silence of `seconds`, and close nothing: any byte read or
        written starts it anew.

        0 or None disarms. `listener` is added for the next `timeout` only.
        """
        wanted = arguments.maybe_seconds("seconds", seconds, zero=True)
        arguments.maybe_function("listener", listener)
        if self._silence is not None:
            self._silence.cancel()
            self._silence = None
        if wanted and not self._life.over:
            from .silence import Silence

            self._silence = Silence(self, wanted)
            if listener is not None:
                self.once("timeout", listener)

    # Listening.

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

    def refresh_listeners(self) -> None:
        """The server's listeners have changed."""
        if not self._listeners.shared:
            self._listeners.refresh()

    # Options.

    def set_no_delay(self, enable: bool = True) -> None:
        """TCP_NODELAY: send small writes at once (Nagle's algorithm off). Nothing on a Unix socket or after
        the close.
        """
        arguments.flag("enable", enable)
        if not self._life.over:
            options.set_no_delay(self._sock, enable)

    def set_keep_alive(
        self, enable: bool = True, delay: float | None = None, interval: float | None = None, count: int | None = None
    ) -> None:
        """TCP keep-alive: probe a silent peer after `delay` seconds, every `interval` seconds, give up after
        `count` (None: the system's).
        """
        arguments.flag("enable", enable)
        for name, value in (("delay", delay), ("interval", interval)):
            if value is not None:
                arguments.seconds_up_to(name, value, options.LONGEST_KEEP_ALIVE)
        if count is not None:
            arguments.integer("count", count, 1, 127)  # MAX_TCP_KEEPCNT
        if not self._life.over:
            options.set_keep_alive(self._sock, enable, delay, interval, count)

    def set_user_timeout(self, seconds: float) -> None:
        """TCP_USER_TIMEOUT: let the kernel give up when sent data stays unacknowledged for so long; 0: the
        system's default.
        """
        wanted = arguments.seconds_up_to("seconds", seconds, options.LONGEST_USER_TIMEOUT, zero=True)
        if not self._life.over:
            options.set_user_timeout(self._sock, wanted)

    def _get_setting(self, name: str) -> Any:
        return getattr(self._settings, name)

    def _change_setting(self, name: str, value: Any) -> None:
        self._settings = self._settings.replaced(name, value)
        if not self._life.over:
            if name in RATES:
                self.begin_window(name)
            self._flush_soon()  # a deadline may come earlier now

    def ref(self) -> None:
        """Let `run()` wait for this connection, as it does at first."""
        self._set_ref(True)

    def unref(self) -> None:
        """Do not keep `run()` going for this connection alone."""
        self._set_ref(False)

    def _set_ref(self, wanted: bool) -> None:
        """Does this connection keep `run()` going? Means nothing once its `close` was delivered."""
        if wanted != self._ref and not self._finished:
            self._ref = wanted
            (self._loop.hold if wanted else self._loop.release)()

    # What can be asked.

    @property
    def state(self) -> str:
        """ "connecting", "open", "read_only" (we have ended), "write_only" (the peer has ended), "closing" or
        "closed".
        """
        return self._life.name

    @property
    def peer_gone(self) -> bool:
        """Is the peer known to have ended or reset its side?"""
        broken = self._fault is Fault.NETWORK and not self._never_connected
        return self._gone or self._orderly is not None or broken

    @property
    def local_address(self) -> Address:
        """Where this end is: (host, port), or a path. Known after the close too."""
        if self._local is None:
            self._local = addresses.local_address(self._sock)
        return self._local

    @property
    def server(self) -> Server | None:
        """The server that accepted this connection; None for a client's."""
        return self._owner.server

    def fileno(self) -> int:
        """The descriptor; -1 after the close."""
        return self._sock.fileno()

    def __repr__(self) -> str:
        return (
            f"<Connection {self.state} {addresses.show(self.remote_address)} read={self.bytes_read} "
            f"written={self.bytes_written} pending={self.pending_bytes}>"
        )
