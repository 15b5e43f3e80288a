"""A connection, as programs see it: what may be called, what may be asked.

The highest of the three storeys of a connection. The methods here check and decide; `stream.py` and `closing.py`
perform, mostly at the end of the turn.
"""

from __future__ import annotations

from ... import arguments
from ...hints import TYPE_CHECKING
from ..deadlines.gauges import Gauges
from ..settings import Live
from ..sockets import addresses, kernel, options
from .account import Fault, Reason
from .callbacks import Until
from .files import open_part
from .listeners import CLIENT_EVENTS, CONNECTION_EVENTS, Emitter
from .outbuf import bytes_view
from .pause import Pause
from .states import DESTROY, DESTROY_SOON, END
from .stream import Stream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, TypeVar

    from ..server.server import Server
    from ..sockets.addresses import Address
    from .callbacks import Callback
    from .listening import Listening
    from .states import Event

    D = TypeVar("D")
else:
    Listening = Emitter

_STRENGTH = {None: 0, END: 1, DESTROY_SOON: 2, DESTROY: 3}


class Cork:
    """A block in which a connection keeps what is written."""

    __slots__ = ("_conn",)

    def __init__(self, conn: Connection) -> None:
        self._conn = conn

    def __enter__(self) -> None:
        self._conn._cork(1)

    def __exit__(self, *_: object) -> None:
        self._conn._cork(-1)


class Connection(Stream, Live, Listening):
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
        seconds = None if timeout is None else arguments.seconds("timeout", timeout, zero=True)
        if callback is not None:
            arguments.function("callback", callback)
        refused = False
        if data if isinstance(data, bytes) else len(bytes_view(data)):
            refused = not self._life.writable
            self._write_last(data)
        self._call(END, seconds)
        if callback is not None:
            self._wait(Until.REFUSED if refused else Until.FIN, callback)

    def destroy_soon(self, timeout: float | None = None) -> None:
        """Deliver what was written, and listen no more: what comes in is read, counted and dropped (a
        lingering close).

        FIN goes out after the last byte; the socket is closed at the peer's FIN, `linger_timeout` later, or
        `timeout` seconds (0: now) from now. A client that is not connected yet and has nothing to deliver is
        destroyed.
        """
        self._call(DESTROY_SOON, arguments.maybe_seconds("timeout", timeout, zero=True))
        if not self._life.connected and not self.pending_bytes:  # nothing to connect for
            self._because(Reason.DESTROYED)
            self._step(DESTROY)

    def destroy(self, error: BaseException | None = None) -> None:
        """Drop everything, now: pending output is discarded and reported; `close` follows in the next turn,
        after `error` if one is given.

        On the wire it is what `close(2)` does: FIN, or RST if the kernel holds bytes that nobody read.
        """
        if error is not None and not isinstance(error, BaseException):
            raise TypeError(f"error must be an exception or None, not {error!r}")
        if not self._life.over:
            self._cause = self._cause.because(Reason.DESTROYED).blame(Fault.PROGRAM, error)
            self._drop_pending()
        self._call(DESTROY, None)

    def reset(self) -> None:
        """Abort: as `destroy()`, and the peer gets RST. On a Unix socket, which has none, a plain close."""
        self._cut(Reason.RESET)
        self._call(DESTROY, None)

    def _call(self, ending: Event, timeout: float | None) -> None:
        """The program calls one of the four."""
        if _STRENGTH[ending] > _STRENGTH[self._called]:
            self._called = ending
        self._step(ending)
        if timeout is not None and not self._life.over:
            gauges = self._made_gauges()
            gauges.end_by = min(gauges.end_by, self._loop.clock_time() + timeout)
            self._flush_soon()

    # Writing.

    def _write_last(self, data: Any) -> None:
        """`write` for what `end()` is given: the kernel keeps it for the FIN that follows at the end of this turn, and
        both leave in one segment (MSG_MORE, send(2)). It saves an eighth of what greeting a client costs.
        """
        if self._direct and type(data) is bytes and self._loop.in_turn and self._wrote_at is not self._loop.turn_now:
            sent = self._send_now(data, kernel.MORE)
            if sent < len(data):
                self._keep(memoryview(data)[sent:], blocked=True)
        else:
            self.write(data)

    def writelines(self, chunks: Iterable[Any], callback: Callback | None = None) -> bool:
        """`write` several bytes-like objects as one. Answers, calls back and raises as `write` does."""
        try:
            joined = b"".join([bytes_view(chunk) for chunk in chunks])
        except TypeError as error:
            raise TypeError(
                f"chunks must be an iterable of bytes-like objects, not {arguments.shown(chunks)}: {error}"
            ) from None
        return self._write(joined, callback)

    def send_file(
        self, path_or_file: Any, offset: int = 0, count: int | None = None, callback: Callback | None = None
    ) -> bool:
        """Send `count` bytes of a file from its byte `offset` (None: to its end as of now), in order among what is
        written; the connection survives.

        The kernel reads and sends them (sendfile(2)). `path_or_file` is a path, or a file opened in binary mode,
        which may be closed at once. An object that has only `seek` and `read` must stay open until the callback: it
        is read by the loop, a little at a time, and left at another position. The bytes count as pending, and not
        for the water marks and `buffer_limit`, since they are not in memory; but each file that waits holds a
        descriptor, so send the next from the callback. Answers, calls back and raises as `write` does, OSError for
        a path that cannot be opened, ValueError for an offset or a count beyond the file and for what is no regular
        file, TypeError for a text file. A file that turns out shorter resets the connection, reason `FILE_FAILED`,
        with an OSError: what was announced cannot be kept.
        """
        arguments.maybe_function("callback", callback)
        if self._called is not None:
            raise self._called_error()
        part = open_part(path_or_file, offset, count)
        if part.left and self._life.writable:
            accepted = self._keep(part, blocked=False)
        else:
            accepted = self._life.writable and not self._drain_due
            self._unsent += part.left
            part.close()
        if callback is not None:
            self._wait(self._position, callback)
        return accepted

    def corked(self) -> Cork:
        """`with conn.corked():` what is written inside leaves together, at the end of the turn in which the
        block ends.
        """
        return Cork(self)

    def _cork(self, change: int) -> None:
        """One block of `corked()` more, or one less: 1 or -1."""
        self._corks += change
        if self._corks:
            self._direct = False
        else:
            self._direct = self._life.open and self._out is None
            self._flush_soon()

    # Reading.

    def pause(self) -> None:
        """No more `data` until `resume()`; TCP then throttles the peer. Its leaving is noticed (`hangup`).
        Legal in every state.
        """
        if self._pause is None:
            self._pause = Pause()
        self._pause.by_program = True
        self._update_pause()

    def resume(self) -> None:
        """Deliver `data` again, as soon as no pipe has to wait for its destination. Legal in every state."""
        if self._pause is not None:
            self._pause.by_program = False
        self._update_pause()

    def set_encoding(self, encoding: str | None, errors: str = "strict") -> None:
        """Give `data` listeners text, decoded so that no character is split; None: bytes again.

        Bytes that the encoding does not have, or a character that the peer's FIN cuts off, reset the connection,
        reason `DECODE_FAILED`, with a UnicodeDecodeError; with `errors="replace"` and the other handlers of
        `bytes.decode` they do not. Raises ValueError for an unknown name.
        """
        from .text import set_encoding

        set_encoding(self, encoding, errors)

    # Pipes.

    def pipe(self, destination: D, end: bool = True) -> D:
        """Write all that comes in to `destination`, at its pace; returns it.

        `destination` is a connection, or any object with `write` and `end` (with `on` too, if its `drain` is to be
        waited for). Our peer's FIN ends the destination's half, and the FIN of its own peer does not, whatever
        `allow_half_open` says; where a connection is cut off, the other end of the pipe is reset. With `end=False`
        only bytes pass. `a.pipe(b)` and `b.pipe(a)` are a relay; `conn.pipe(conn)` is an echo. Raises TypeError
        for what cannot be written to, ValueError for what is piped to already.
        """
        from .pipes import join

        join(self, destination, arguments.flag("end", end))
        return destination

    def unpipe(self, destination: Any = None) -> None:
        """Pass nothing on to `destination` any more; None: to nobody. After the last one the connection is paused,
        so that nothing is lost before the program resumes it. Harmless when there is no such pipe.
        """
        piped = () if self._pause is None else self._pause.pipes
        wanted = [pipe for pipe in piped if destination is None or pipe.destination is destination]
        if wanted and len(wanted) == len(piped):
            self.pause()
        for pipe in wanted:
            pipe.leave()

    def touch(self) -> None:
        """Count as movement now: `idle_timeout` and `read_timeout` start anew."""
        self._made_gauges().kept_at = self._loop.clock_time()

    def set_timeout(self, seconds: float | None, listener: Callable[..., object] | None = None) -> None:
        """Emit `timeout(conn, None)` once per silence of `seconds`, and close nothing: any byte read or
        written starts it anew.

        0 or None disarms. `listener` is added for the next `timeout` only.
        """
        wanted = arguments.maybe_seconds("seconds", seconds, zero=True)
        arguments.maybe_function("listener", listener)
        if self._gauges is not None:
            self._gauges.end_silence()
        if wanted and not self._life.over:
            from .silence import Silence

            self._made_gauges().silence = Silence(self, wanted)
            if listener is not None:
                self.once("timeout", listener)

    def _made_gauges(self) -> Gauges:
        if self._gauges is None:
            self._gauges = Gauges()
        return self._gauges

    # Listening.

    def _refresh_listeners(self) -> None:
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
            self._owner._keeper.setting_changed(self, name)
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
        cause = self._cause
        broken = cause.fault is Fault.NETWORK and not self._never_connected
        return (self._pause is not None and self._pause.gone) or cause.orderly is not None or broken

    @property
    def local_address(self) -> Address:
        """Where this end is: (host, port), or a path. Known after the close too."""
        if self._local is None:
            self._local = addresses.local_address(self._sock)
        return self._local

    @property
    def server(self) -> Server | None:
        """The server that accepted this connection; None for a client's."""
        server: Server | None = self._owner.server
        return server

    def fileno(self) -> int:
        """The descriptor; -1 after the close."""
        return self._sock.fileno()

    def __repr__(self) -> str:
        return (
            f"<Connection {self.state} {addresses.show(self.remote_address)} read={self.bytes_read} "
            f"written={self.bytes_written} pending={self.pending_bytes}>"
        )
