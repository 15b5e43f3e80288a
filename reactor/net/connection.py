"""A connection, as programs see it: what may be called, what may be asked.

The methods here decide, and the layers below (`ending.py`, `transport.py`, `timed.py`) perform, mostly at the
end of the turn. `write` is the exception: with nothing pending, the first write of a turn is sent inside the
call.
"""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from .. import arguments
from ..errors import ConnectionClosed, WriteAfterEnd
from . import sockets
from .ending import REFUSED, Callback, Fault
from .idle import NEVER
from .lifecycle import Event, Write
from .listeners import CONNECTION_EVENTS, Emitter, Listener, Listeners
from .report import Reason
from .settings import Deadlined
from .silence import Silence
from .sockets import Address
from .timed import Timed

if TYPE_CHECKING:
    from .server import Server

_STRENGTH = {None: 0, Event.END: 1, Event.DESTROY_SOON: 2, Event.DESTROY: 3}


class Connection(Timed, Deadlined, Emitter):
    """One TCP or Unix-socket connection. Made by a server; never by the program.

    Events, each with the connection first: `data(conn, data)` · `drain(conn)` · `timeout(conn, kind)` ·
    `hangup(conn)` · `end(conn)` · `finish(conn)` · at most one `error(conn, error)` · exactly one
    `close(conn, report)`, the last.

    `idle_timeout`, `read_timeout`, `write_timeout`, `linger_timeout`, `half_open_timeout` (seconds or None),
    `on_idle`, `allow_half_open`, `high_water`, `low_water` and `buffer_limit` (bytes) are the server's when
    the connection opens, and may be set at any time.
    """

    __slots__ = ("_silence", "context")

    _EVENTS = CONNECTION_EVENTS

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        #: The program's own; the library never looks at it.
        self.context: Any = None
        self._silence: Silence | None = None

    # Writing.

    def write(self, data: Any, callback: Callback | None = None) -> bool:
        """Send `data`, any bytes-like object; the connection survives. False means "not now": wait for
        `drain` or `close`.

        What the kernel does not take is kept and sent in order. A mutable buffer may be reused when `write`
        returns. `callback(conn, None)` comes once the kernel has the bytes, `callback(conn, error)` once it
        cannot any more. Raises `WriteAfterEnd` or `ConnectionClosed` after the program itself ended this
        connection, TypeError for what is not bytes-like. A connection that ended in any other way answers
        False, and counts the bytes as unsent. Above `buffer_limit` pending bytes the connection is reset
        instead.
        """
        # The hot path: the identity of `turn_now` tells whether this turn has sent here already; if so, what
        # is written now leaves together with the rest at the flush.
        if self._direct and callback is None and type(data) is bytes:
            now = self._loop.turn_now
            if self._wrote_at is not now:
                self._wrote_at = now if self._loop.in_turn else self._loop.ask_clock()
                try:
                    sent = self._sock.send(data)
                except OSError as error:
                    sent = self._send_failed(error)
                self.bytes_written += sent
                return True if sent == len(data) else self._keep(memoryview(data)[sent:], blocked=True)
        return self._write(data, callback)

    def writelines(self, chunks: Iterable[Any], callback: Callback | None = None) -> bool:
        """`write` several bytes-like objects as one. Answers, calls back and raises as `write` does."""
        try:
            joined = b"".join([_bytes_view(chunk) for chunk in chunks])
        except TypeError as error:
            raise TypeError(
                f"chunks must be an iterable of bytes-like objects, not {_shown(chunks)}: {error}"
            ) from None
        return self._write(joined, callback)

    @contextmanager
    def corked(self) -> Iterator[None]:
        """`with conn.corked():` what is written inside leaves together, at the end of the turn in which the
        block ends.
        """
        self._corks += 1
        self._direct = False
        try:
            yield
        finally:
            self._corks -= 1
            if not self._corks:
                self._direct = self._life.open and self._out is None
                self._flush_soon()

    def _write(self, data: Any, callback: Callback | None) -> bool:
        """`write` off the hot path: the checks, buffers that may change, callbacks, and what follows the
        first write of a turn.
        """
        arguments.maybe_function("callback", callback)
        view = _bytes_view(data)
        if self._called is not None:
            raise self._called_error()
        if view and self.pending_bytes > self._settings.buffer_limit and self._life.write is Write.OPEN:
            self.cut(Reason.BUFFER_LIMIT)
        blocked = self._direct and self._wrote_at is not self._loop.turn_now
        if blocked:
            self._wrote_at = self._loop.turn_now if self._loop.in_turn else self._loop.ask_clock()
            try:
                sent = self._sock.send(view)
            except OSError as error:
                sent = self._send_failed(error)
            self.bytes_written += sent
            view = view[sent:]
        accepted = self._life.write is Write.OPEN and not self._drain_due
        if view:
            accepted = self._keep(view if isinstance(data, bytes) else bytes(view), blocked)
        if callback is not None:
            lost = self._life.write is not Write.OPEN
            self._answer_at(REFUSED if lost else self.bytes_written + self.pending_bytes, callback)
        return accepted

    def _send_failed(self, error: OSError) -> int:
        """The kernel took nothing: not now, or never again. The report comes later, not from inside the call."""
        if not isinstance(error, (BlockingIOError, InterruptedError)):
            self._break(error.errno or 0, "write")
        return 0

    def _keep(self, rest: bytes | memoryview, blocked: bool) -> bool:
        """What was not sent waits in the buffer; or it is lost, because our half is over."""
        if self._life.write is not Write.OPEN:
            self._unsent += len(rest)
            return False
        self._blocked = self._blocked or blocked
        return self._queue(rest)

    def _answer_at(self, position: float, callback: Callback) -> None:
        """Call back when `bytes_written` reaches `position`: NEVER stands for our FIN, REFUSED for bytes that
        are lost already.
        """
        if self._closing:
            self._loop.call_soon(self._call_guarded, callback, self._answer_for(position))
            return
        if self._answers is None:
            self._answers = deque()
        self._answers.append((position, callback))
        self._flush_soon()

    # The four ways to end, in rising strength. A stronger one overrides a weaker one under way; again is a
    # no-op.

    def end(self, data: Any = b"", callback: Callback | None = None, timeout: float | None = None) -> None:
        """Say the last word: `data`, then FIN once everything pending is sent. What the peer still says is
        delivered.

        The connection closes when the peer's FIN was read too, or by `linger_timeout`; `timeout` seconds (0:
        now) from now, whatever is left is reset. `callback(conn, None)` comes when the FIN was handed to the
        kernel. Raises as `write` does if there is data.
        """
        seconds = arguments.maybe_seconds("timeout", timeout, zero=True)
        arguments.maybe_function("callback", callback)
        if data if isinstance(data, bytes) else len(_bytes_view(data)):
            self.write(data)
        self._call(Event.END, seconds)
        if callback is not None:
            self._answer_at(NEVER, callback)

    def destroy_soon(self, timeout: float | None = None) -> None:
        """Deliver what was written, and listen no more: what comes in is read, counted and dropped (a
        lingering close).

        FIN goes out after the last byte; the socket is closed at the peer's FIN, `linger_timeout` later, or
        `timeout` seconds (0: now) from now.
        """
        self._call(Event.DESTROY_SOON, arguments.maybe_seconds("timeout", timeout, zero=True))

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
        if timeout is not None and not self._life.over:
            self._end_by = min(self._end_by, self._loop.now + timeout)
            self._flush_soon()

    def _called_error(self) -> ConnectionClosed:
        if self._called is Event.DESTROY:
            return ConnectionClosed(f"write() after destroy() or reset() of {self!r}")
        name = "end" if self._called is Event.END else "destroy_soon"
        return WriteAfterEnd(f"write() after {name}() of {self!r}")

    # Reading.

    def pause(self) -> None:
        """No more `data` until `resume()`; TCP then throttles the peer. Its leaving is noticed (`hangup`).
        Legal in every state.
        """
        self._step(Event.PAUSE)
        self._flush_soon()

    def resume(self) -> None:
        """Deliver `data` again. Legal in every state."""
        self._step(Event.RESUME)
        self._flush_soon()

    def touch(self) -> None:
        """Count as movement now: `idle_timeout` and `read_timeout` start anew."""
        self._kept_at = self._loop.now

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
            self._silence = Silence(self, wanted)
            if listener is not None:
                self.once("timeout", listener)

    def on_teardown(self) -> None:
        if self._silence is not None:
            self._silence.cancel()
            self._silence = None
        super().on_teardown()

    # Listening.

    def _add_listener(self, event: str, fn: Listener, once: bool) -> None:
        if self._finished:
            return
        if self._listeners.shared:
            self._listeners = Listeners(self._listeners)
        (self._listeners.add_once if once else self._listeners.add)(event, fn)

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
            sockets.set_no_delay(self._sock, enable)

    def set_keep_alive(
        self, enable: bool = True, delay: float | None = None, interval: float | None = None, count: int | None = None
    ) -> None:
        """TCP keep-alive: probe a silent peer after `delay` seconds, every `interval` seconds, give up after
        `count` (None: the system's).
        """
        arguments.flag("enable", enable)
        for name, value in (("delay", delay), ("interval", interval)):
            if value is not None:
                arguments.seconds_up_to(name, value, sockets.LONGEST_KEEP_ALIVE)
        if count is not None:
            arguments.integer("count", count, 1, 127)  # MAX_TCP_KEEPCNT
        if not self._life.over:
            sockets.set_keep_alive(self._sock, enable, delay, interval, count)

    def set_user_timeout(self, seconds: float) -> None:
        """TCP_USER_TIMEOUT: let the kernel give up when sent data stays unacknowledged for so long; 0: the
        system's default.
        """
        wanted = arguments.seconds_up_to("seconds", seconds, sockets.LONGEST_USER_TIMEOUT, zero=True)
        if not self._life.over:
            sockets.set_user_timeout(self._sock, wanted)

    def get_setting(self, name: str) -> Any:
        return getattr(self._settings, name)

    def change_setting(self, name: str, value: Any) -> None:
        self._settings = dataclasses.replace(self._settings, **{name: value})
        if not self._life.over:
            self._flush_soon()  # a deadline may come earlier now

    def ref(self) -> None:
        """Let `run()` wait for this connection, as it does at first."""
        self._set_ref(True)

    def unref(self) -> None:
        """Do not keep `run()` going for this connection alone."""
        self._set_ref(False)

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
        return self._gone or self._orderly is not None or self._fault is Fault.NETWORK

    @property
    def local_address(self) -> Address:
        """Where this end is: (host, port), or a path. Known after the close too."""
        if self._local is None:
            self._local = sockets.local_address(self._sock)
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
            f"<Connection {self.state} {sockets.show(self.remote_address)} read={self.bytes_read} "
            f"written={self.bytes_written} pending={self.pending_bytes}>"
        )


def _bytes_view(data: Any) -> memoryview:
    """A bytes-like object as a flat view of bytes."""
    try:
        view = memoryview(data)
    except TypeError:
        raise TypeError(f"data must be a bytes-like object, not {_shown(data)}") from None
    return view.cast("B") if view.c_contiguous else memoryview(bytes(view))


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
