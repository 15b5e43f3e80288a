"""A connection, as programs see it: what may be called, what may be asked.

The highest of the three storeys of a connection. The methods here check and decide; `stream.py` and `closing.py`
perform, mostly at the end of the turn.
"""

from __future__ import annotations

from ... import arguments
from ...foreign import shown
from ...former import Former
from ...hints import TYPE_CHECKING
from ..settings import Live
from ..sockets import addresses, kernel, options
from .account import Fault, Reason
from .callbacks import Until
from .idle import Busy
from .listeners import CLIENT_EVENTS, CONNECTION_EVENTS, Emitter
from .outbuf import bytes_view, joined
from .pause import Pause
from .states import DESTROY, DESTROY_SOON, END
from .stream import Stream

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterable
    from os import PathLike
    from typing import Any, TypeVar

    from typing_extensions import Buffer

    from ...engine.loop import Reactor
    from ..server.server import Server
    from ..sockets.addresses import Address
    from ..sockets.credentials import PeerCredentials
    from .callbacks import Callback
    from .cork import Cork
    from .files import SeekableFile
    from .listening import Listening
    from .states import Event, StateName

    D = TypeVar("D")
    Events = Listening["Connection"]
else:
    Events = Emitter

_STRENGTH = {None: 0, END: 1, DESTROY_SOON: 2, DESTROY: 3}


class Connection(Stream, Live, Events):
    """One TCP or Unix-socket connection, made by a server, by `connect` or by `adopt`, never by the program itself.

    It exists until its `close` was delivered. After that every call is harmless, and every attribute can be read.

    Events. They may be listened to here, or on the server for all its connections. A client has six more, see
    `connect`.

    - `data(conn, data)`: bytes were received, up to 262,144 at a time, or text after `set_encoding`. If nobody listens,
      they are read, counted and dropped, so that the end is noticed.
    - `drain(conn)`: pending output has fallen to `low_water` after `write` returned False.
    - `timeout(conn, kind)`: `idle_timeout`, `read_timeout`, `first_byte_timeout`, `min_read_rate` or `max_lifetime` is
      about to end the connection; `kind` is the `Reason`. A listener may write a last word. `touch()` keeps the
      connection in the first two cases. `kind` is None for `set_timeout`, which ends nothing.
    - `hangup(conn)`: the peer of a paused connection has gone; once. What it sent can be read after `resume()`. If it
      was no FIN and nothing waits to be read, the connection ends at once.
    - `end(conn)`: the peer's FIN was read, after the last `data`. Unless `allow_half_open`, our half ends too when the
      listeners have returned.
    - `finish(conn)`: our FIN was handed to the kernel.
    - `error(conn, error)`: what the network did, what was given to `destroy`, or what was wrong with bytes to decode or
      a file to send. At most once, just before `close`. If nobody listens, it is logged at INFO.
    - `close(conn, report)`: the descriptor was closed; `report` is a `CloseReport`. Exactly once, the last event.
    """

    __slots__ = ()

    _EVENTS = CONNECTION_EVENTS + CLIENT_EVENTS
    _CHECKED = False  # but in debug mode

    get_setting = Former("_get_setting", "settings are attributes; use getattr")
    change_setting = Former("_change_setting", "settings are attributes; use setattr")

    # The four ways to end, in rising strength. A stronger one overrides a weaker one under way. Calling one again does
    # nothing.

    def end(self, data: Buffer = b"", callback: Callback | None = None, timeout: float | None = None) -> None:
        """Send `data`, then FIN once everything pending is sent. The connection survives: what the peer still sends is
        delivered.

        It closes when the peer's FIN was read too, or after `linger_timeout` seconds of silence. `timeout` seconds from
        now (0: at once) what is left is reset, reason `END_TIMEOUT`. `callback(conn, None)` comes when the kernel has
        the FIN, `callback(conn, error)` if it cannot get it. Raises as `write` does if there is data.
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
        """Deliver what was written, and stop listening: what comes in is read, counted and dropped. FIN follows the
        last byte.

        The connection closes at the peer's FIN, or `linger_timeout` seconds after everything, FIN included, was
        acknowledged. `timeout` seconds from now (0: at once) what is left is reset, reason `END_TIMEOUT`. A client that
        is not connected yet and has nothing to deliver is destroyed.
        """
        self._call(DESTROY_SOON, arguments.maybe_seconds("timeout", timeout, zero=True))
        if not self._life.connected and not self.pending_bytes:  # nothing to connect for
            self._because(Reason.DESTROYED)
            self._step(DESTROY)

    def destroy(self, error: BaseException | None = None) -> None:
        """Drop everything, now. The connection is over: pending output is discarded and reported, and `close` follows
        in the next turn, after `error` if one is given.

        The peer gets FIN, or RST if the kernel holds bytes that nobody has read. Raises TypeError for an `error` that
        is no exception.
        """
        if error is not None and not isinstance(error, BaseException):
            raise TypeError(f"error must be an exception or None, not {shown(error)}")
        if not self._life.over:
            self._cause = self._cause.because(Reason.DESTROYED).blame(Fault.PROGRAM, error)
        self._call(DESTROY, None)

    def reset(self) -> None:
        """Drop everything, now, as `destroy()` does, and send RST. That tells the peer if the network lets it: RST is
        not sent again (closing.md, fact 13). A Unix socket has no RST: it is closed plainly.
        """
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

    def _write_last(self, data: Buffer) -> None:
        """`write` for what `end()` is given: the kernel keeps it for the FIN that follows at the end of this turn, and
        both leave in one segment (MSG_MORE, send(2)). It saves an eighth of what greeting a client costs.
        """
        if self._direct and type(data) is bytes and self._loop.in_turn and self._wrote_at is not self._loop.turn_now:
            sent = self._send_now(data, kernel.MORE)
            if sent < len(data):
                self._keep(memoryview(data)[sent:], blocked=True)
        else:
            self.write(data)

    def writelines(self, chunks: Iterable[Buffer], callback: Callback | None = None) -> bool:
        """Send several bytes-like objects as one `write`. Returns, calls back and raises as `write` does."""
        return self._write(joined(chunks), callback)

    def send_file(
        self,
        path_or_file: str | bytes | PathLike[Any] | SeekableFile,
        offset: int = 0,
        count: int | None = None,
        callback: Callback | None = None,
    ) -> bool:
        """Send `count` bytes of a file from its byte `offset`, in order among what is written; `count` None: up to its
        end as of now. The connection survives. Returns and calls back as `write` does.

        `path_or_file` is a path, or a file opened in binary mode, which may be closed at once; the kernel reads and
        sends it (sendfile(2)). Any other object with `seek` and `read` must stay open until the callback: the loop
        reads it, a little at a time. The bytes count as pending, and not for the water marks and `buffer_limit`, since
        they are not in memory. Each file that waits holds a descriptor, so send the next from the callback.

        Raises as `write` does, OSError for a path that cannot be opened, ValueError for an offset or a count beyond the
        file and for what is no regular file, TypeError for a text file. A file that turns out shorter resets the
        connection, reason `FILE_FAILED`, with an OSError.
        """
        from .sending import send_file

        return send_file(self, path_or_file, offset, count, callback)

    def corked(self) -> Cork:
        """`with conn.corked():` what is written inside leaves together, in the turn in which the block ends."""
        from .cork import Cork

        return Cork(self)

    # Handing over.

    def detach(self) -> tuple[socket.socket, bytes]:
        """Give the socket away. Returns it, and the bytes that were read and not delivered. Nothing is sent, no FIN and
        no RST: the peer notices nothing, and who gets the socket goes on with it.

        The socket is blocking. It is the caller's at once; the connection is over, and `close` follows in the next
        turn, with reason `DETACHED`. A pipe takes that for a cut: `unpipe()` first. Raises ReactorError before a client
        is connected and while output is pending, ConnectionClosed when our half has ended.
        """
        from .handover import detach

        return detach(self)

    # Reading.

    def pause(self) -> None:
        """Deliver no `data` until `resume()`; TCP then slows the peer down. If the peer goes, `hangup` is emitted.
        Allowed in every state.
        """
        self._pause = self._pause or Pause()
        self._pause.by_program = True
        self._update_pause()

    def resume(self) -> None:
        """Deliver `data` again, as soon as no pipe has to wait for its destination. Allowed in every state."""
        if self._pause is not None:
            self._pause.by_program = False
        self._update_pause()

    def set_encoding(self, encoding: str | None, errors: str = "strict") -> None:
        """Give `data` listeners text from now on; no character is split. None: bytes again.

        Bytes that the encoding does not have, or a character that the peer's FIN cuts off, reset the connection, reason
        `DECODE_FAILED`, with a UnicodeDecodeError; with `errors="replace"` and the other handlers of `bytes.decode`
        they do not. Raises ValueError for an unknown name of an encoding or a handler.
        """
        from .text import set_encoding

        set_encoding(self, encoding, errors)

    # Pipes.

    def pipe(self, destination: D, end: bool = True) -> D:
        """Write all that comes in to `destination`, no faster than it takes it. Returns `destination`.

        `destination` is a connection of the same reactor, or any object with `write` and `end`, and with `on` if its
        `drain` is to be waited for. The peer's FIN ends our half of the destination; the FIN of the destination's own
        peer does not, whatever `allow_half_open` says. If one end of the pipe is cut off, the other is reset. With
        `end=False` only bytes pass, and no ending. `a.pipe(b)` and `b.pipe(a)` are a relay, `conn.pipe(conn)` is an
        echo. Raises TypeError for an object that cannot be written to, ValueError for one that is piped to already.
        """
        from .pipes import join

        join(self, destination, arguments.flag("end", end))
        return destination

    def unpipe(self, destination: Any = None) -> None:
        """Pass nothing on to `destination` any more; None: to no destination. After the last one the connection is
        paused, so that nothing is lost before the program resumes it. Harmless when there is no such pipe.
        """
        from .pipes import part

        part(self, destination)

    def touch(self) -> None:
        """Count this moment as movement: `idle_timeout` and `read_timeout` start again. In a `timeout` listener it
        keeps the connection.
        """
        self._made_gauges().kept_at = self._loop.clock_time()

    def set_timeout(self, seconds: float | None, listener: Callable[..., object] | None = None) -> None:
        """Emit `timeout(conn, None)` after `seconds` of silence, and close nothing. Any byte read or written starts the
        time again; until then it is emitted once.

        0 or None switches it off. `listener` is added for the next `timeout` only. Raises TypeError or ValueError for
        other `seconds`.
        """
        wanted = arguments.maybe_seconds("seconds", seconds, zero=True)
        arguments.maybe_function("listener", listener)
        from .silence import set_silence

        set_silence(self, wanted, listener)

    # Listening.

    def _refresh_listeners(self) -> None:
        """The server's listeners have changed."""
        if not self._listeners.shared:
            self._listeners.refresh()

    # Options.

    def set_no_delay(self, enable: bool = True) -> None:
        """TCP_NODELAY: True sends small writes at once, False lets the kernel join them (Nagle's algorithm). Does
        nothing on a Unix socket and after the close.
        """
        arguments.flag("enable", enable)
        if not self._life.over:
            options.set_no_delay(self._sock, enable)

    def set_keep_alive(
        self, enable: bool = True, delay: float | None = None, interval: float | None = None, count: int | None = None
    ) -> None:
        """TCP keep-alive: probe a silent peer after `delay` seconds and then every `interval` seconds, and give up
        after `count` probes (1 to 127); None leaves the system's value. Does nothing on a Unix socket and after the
        close.
        """
        arguments.flag("enable", enable)
        options.check_keep_alive(delay, interval, count)
        if not self._life.over:
            options.set_keep_alive(self._sock, enable, delay, interval, count)

    def set_user_timeout(self, seconds: float) -> None:
        """TCP_USER_TIMEOUT: the kernel gives up when sent data has been unacknowledged for this long; 0: the system's
        default. Does nothing on a Unix socket and after the close.
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
        """Make `run()` wait for this connection, as it does at first."""
        self._set_ref(True)

    def unref(self) -> None:
        """Do not make `run()` wait for this connection."""
        self._set_ref(False)

    def _set_ref(self, wanted: bool) -> None:
        """Changes nothing once `close` was delivered."""
        if wanted != self._ref and not self._finished:
            self._ref = wanted
            (self._loop.hold if wanted else self._loop.release)()

    busy = Busy()

    # What can be asked.

    @property
    def state(self) -> StateName:
        """What can be said and heard, as one of six words.

        "connecting": a client that is not connected yet · "open": both halves are open, also while paused ·
        "read_only": our half has ended, or a write has failed · "write_only": the peer's FIN was read · "closing":
        neither half is open, or `destroy_soon()` was called; the descriptor is still open · "closed".
        """
        return self._life.name

    @property
    def writable(self) -> bool:
        """True if `write` takes what it is given: our half is neither ending nor over."""
        return self._life.writable

    @property
    def peer_gone(self) -> bool:
        """True if the peer is known to have ended or reset its side."""
        return (
            (self._pause is not None and self._pause.gone)
            or self._cause.orderly is not None
            or (self._cause.fault is Fault.NETWORK and not self._never_connected)
        )

    @property
    def local_address(self) -> Address:
        """Where this end is: (host, port), or the path of a Unix socket. Known after the close too."""
        if self._local is None:
            self._local = addresses.local_address(self._sock)
        return self._local

    @property
    def peer_credentials(self) -> PeerCredentials | None:
        """The process, user and group of the peer of a Unix socket, a `PeerCredentials`. None on TCP, before a client
        is connected, after the close, and where the system does not tell.
        """
        return self._sock.peer_credentials()

    @property
    def loop(self) -> Reactor:
        """The reactor on which this connection runs."""
        loop: Reactor = self._loop.reactor
        return loop

    @property
    def server(self) -> Server | None:
        """The server that accepted this connection; None for a client."""
        server: Server | None = self._owner.server
        return server

    def fileno(self) -> int:
        """The number of the descriptor; -1 after the close."""
        return self._sock.fileno()

    def __repr__(self) -> str:
        return (
            f"<Connection {self.state} {addresses.show(self.remote_address)} read={self.bytes_read} "
            f"written={self.bytes_written} pending={self.pending_bytes}>"
        )
