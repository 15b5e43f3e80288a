"""What goes out, as programs ask for it: `write` and its kin, with callbacks.

With nothing pending, the first write of a turn is sent inside the call, and so is what is large enough to leave alone;
everything else waits for the end of the turn (`Transport._on_flush`), and leaves together.
"""

from __future__ import annotations

from collections.abc import Iterable

from ... import arguments
from ...errors import ConnectionClosed, WriteAfterEnd
from ...hints import Any
from ..sockets import kernel
from .account import Reason
from .files import open_part
from .holding import Callback
from .outbuf import ALONE
from .states import Event, Write
from .timed import Timed


class Cork:
    """A block in which a connection keeps what is written."""

    __slots__ = ("_conn",)

    def __init__(self, conn: Writing) -> None:
        self._conn = conn

    def __enter__(self) -> None:
        self._conn._cork(1)

    def __exit__(self, *_: object) -> None:
        self._conn._cork(-1)


class Writing(Timed):
    """The sixth layer of a connection."""

    __slots__ = ()

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
        # The hot path: the identity of `turn_now` tells whether this turn has sent here already; if so, what is
        # written now leaves together with the rest at the flush, unless it is so much that it would leave alone.
        if self._direct and callback is None and type(data) is bytes:
            loop = self._loop
            now = loop.turn_now
            if self._wrote_at is not now or (len(data) >= ALONE and loop.spend_send()):
                self._wrote_at = now if loop.in_turn else loop.ask_clock()
                try:
                    sent = self._sock.send(data)
                except OSError as error:
                    sent = self._send_failed(error)
                self.bytes_written += sent
                return True if sent == len(data) else self._keep(memoryview(data)[sent:], blocked=True)
        # The same for what is written while more is waiting: it joins the end, if there is room below the mark.
        out = self._out
        if out is not None and callback is None and type(data) is bytes and data and self._called is None:
            held = out.held + len(data)
            if held <= self._settings.room and self._life.write is Write.OPEN:
                out.chunks.append(data)
                out.size += len(data)
                out.held = held
                return True
        return self._write(data, callback)

    def _write_last(self, data: Any) -> None:
        """`write` for what `end()` is given: the kernel keeps it for the FIN that follows at the end of this turn,
        and both leave in one segment (MSG_MORE, send(2)). It saves an eighth of what greeting a client costs.
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
        if self._life.write is not Write.OPEN:
            self._unsent += part.left
            part.close()
            accepted = False
        elif part.left:
            accepted = self._queue(part)
        else:
            part.close()
            accepted = not self._drain_due
        self._answer(callback)
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

    def write_piped(self, data: bytes) -> bool:
        """`write` for a pipe: that this half was ended meanwhile is a race, and no error."""
        return self.write(data) if self._called is None else self._keep(data, blocked=False)

    def _write(self, data: Any, callback: Callback | None) -> bool:
        """`write` off the hot path: the checks, buffers that may change, callbacks, and what follows the
        first write of a turn.
        """
        arguments.maybe_function("callback", callback)
        view = bytes_view(data)
        if self._called is not None:
            raise self._called_error()
        if view and self._held() > self._settings.buffer_limit and self._life.write is Write.OPEN:
            self.cut(Reason.BUFFER_LIMIT)
        first = self._wrote_at is not self._loop.turn_now
        blocked = self._direct and (first or (len(view) >= ALONE and self._loop.spend_send()))
        if blocked:
            view = view[self._send_now(view) :]
        accepted = self._life.write is Write.OPEN and not self._drain_due
        if view:
            accepted = self._keep(view if isinstance(data, bytes) else bytes(view), blocked)
        self._answer(callback)
        return accepted

    def _send_now(self, data: bytes | memoryview, flags: int = 0) -> int:
        """Hand it to the kernel inside the call, the first of this turn; how much it took. `write` has it in place."""
        self._wrote_at = self._loop.turn_now if self._loop.in_turn else self._loop.ask_clock()
        try:
            sent = self._sock.send(data, flags)
        except OSError as error:
            sent = self._send_failed(error)
        self.bytes_written += sent
        return sent

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

    def _called_error(self) -> ConnectionClosed:
        if self._called is Event.DESTROY:
            return ConnectionClosed(f"write() after destroy() or reset() of {self!r}")
        name = "end" if self._called is Event.END else "destroy_soon"
        return WriteAfterEnd(f"write() after {name}() of {self!r}")


def bytes_view(data: Any) -> memoryview:
    """A bytes-like object as a flat view of bytes."""
    try:
        view = memoryview(data)
    except TypeError:
        raise TypeError(f"data must be a bytes-like object, not {arguments.shown(data)}") from None
    return view.cast("B") if view.c_contiguous else memoryview(bytes(view))
