"""What comes in and what goes out: the machinery between the kernel and the listeners.

The middle storey of a connection. The way of a message is `_on_data`, the listener, `write`: two frames of ours.

The loop reads for a connection that flows, and calls `_on_data` with what came; it calls `_on_ready` for everything
else that the kernel has to say, and `_on_flush` at the end of a turn in which something changed. `_on_flush` is the one
place where output, FIN, callbacks, the poller's interest and the deadline are brought in line with the state, once a
turn however much was called in it: pausing and resuming in one turn costs no system call.

With nothing pending, the first write of a turn is sent inside the call, and so is what is large enough to leave alone;
everything else waits for the flush, and leaves together.
"""

from __future__ import annotations

import errno
import socket

from ... import arguments
from ...engine.poller import ERROR, GONE, HANGUP, WRITE
from ...hints import TYPE_CHECKING
from ..sockets import kernel
from .account import PEER_FIRST, UNKNOWN, WE_FIRST, Reason
from .closing import Closing
from .files import FileFailed, FilePart
from .intake import Intake
from .outbuf import ALONE, OutBuffer, bytes_view
from .read_size import BULK, LARGE, SMALL, next_size
from .states import BROKE, CONNECTED, DRAINED, END, FIN, LOST, PAUSE, RESUME

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from ..sockets.addresses import Address
    from ..sockets.sock import Sock
    from .callbacks import Callback
    from .outbuf import Part

SMALL_WRITES = 16_384  # bytes; more than these should be sent while they are in the processor's caches
SENDS_PER_FLUSH = 16  # then others have their turn; the rest goes out when the socket is writable again


class Stream(Closing):
    """The middle storey of a connection."""

    __slots__ = ()

    # The way of a message.

    def _on_data(self, data: bytes) -> None:
        """A message was read, and goes to its listener, which may send the answer in place (`write`)."""
        if self._intake is not None and self._intake.held:
            if data and self._flowing:  # in one piece, so that a listener that detaches has been given all of it
                data = self._intake.take() + data
            self._hear_held_back()
        if data and self._flowing:
            count = len(data)
            self.bytes_read += count
            self._read_at = self._loop.turn_now
            size = self._read_size
            if count == size or (size != SMALL and size != LARGE):
                self._read_size = next_size(size, count)
            deliver = self._listeners.data  # called as a method, a slot would be looked up anew each time
            try:
                deliver(self, data)
            except BaseException as error:
                self._raised(error)
        elif self._flowing:
            self._end_of_stream()
        elif data:
            self._came_too_late(data)

    def write(self, data: Buffer, callback: Callback | None = None) -> bool:
        """Send `data`, any bytes-like object. The connection survives. Returns True, or False for "not now": `drain` or
        `close` follows. What the kernel does not take at once is kept and sent in order. `data` may be changed after
        the call. `callback(conn, None)` comes once the kernel has the bytes, `callback(conn, error)` once it cannot get
        them any more.

        After the program's own `end`, `destroy_soon`, `destroy` or `reset`, it raises `WriteAfterEnd` or
        `ConnectionClosed`; after any other end it returns False and counts the bytes as unsent. Raises TypeError for
        `str` and all else that is not bytes-like. With more than `buffer_limit` bytes pending it resets all.
        """
        # The identity of `turn_now` tells whether this turn has sent here already; if so, what is written now leaves
        # together with the rest at the flush, unless it is so much that it would leave alone.
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
            if held <= self._settings.room and self._life.writable:
                out.chunks.append(data)
                out.size += len(data)
                out.held = held
                return True
        return self._write(data, callback)

    def _connected(self, sock: Sock, remote_address: Address, local_address: Address) -> None:
        """A client has got through: from now on it is like any other connection."""
        self._sock, self.remote_address, self._local = sock, remote_address, local_address
        self._read_at = self._acked_at = self._loop.turn_now
        if self._out is not None:
            self._wrote_at = self._loop.turn_now  # what waits can move only from now on
        self._step(CONNECTED)
        self._tell("connect")
        self._tell("ready")

    # What comes in besides.

    def _on_ready(self, mask: int) -> None:
        """Write readiness, trouble, and readiness while paused, discarding or done with reading."""
        life = self._life
        if life.over:
            return
        if mask & ERROR:
            self._break(kernel.pending_error(self._sock), "write" if life.read_ended else "read")
        if mask & WRITE and self._blocked:
            self._blocked = False
            self._flush_soon()
        life = self._life
        if life.reading and (self._flowing or life.discarding):
            if mask & ~WRITE:
                self._read()
        elif life.paused:
            if mask & (GONE | HANGUP | ERROR):
                if self._pause is not None:
                    self._pause.hung_up = self._pause.hung_up or bool(mask & (HANGUP | ERROR))
                self._flush_soon()
                self._peer_left()
        elif life.fin_sent:
            self._flush_soon()  # to settle
        elif mask & (HANGUP | ERROR):  # the read half has ended, ours has not, and both directions are down
            self._break(errno.ECONNRESET, "write")

    def _read(self) -> None:
        discarding = self._life.discarding
        try:
            data = self._sock.recv(BULK if discarding else self._read_size)
        except (OSError, MemoryError) as error:
            self._on_read_error(error)
            return
        if not discarding:
            self._on_data(data)
        elif data:
            self._read_at = self._loop.turn_now
            self._drop_read(len(data))
        else:
            self._end_of_stream()

    def _on_read_error(self, error: OSError | MemoryError) -> None:
        if isinstance(error, MemoryError):  # none for what has come: it would be ready again at once, for ever
            self._lose(errno.ENOMEM, "read")
        elif not isinstance(error, (BlockingIOError, InterruptedError)):
            self._lose(error.errno or errno.EIO, "read")

    def _came_too_late(self, data: bytes) -> None:
        """Another connection's listener, called since this was read, does not want it delivered: not now, or not at
        all. The end of the stream is not kept: it can be read again.
        """
        if self._life.paused:
            self._intake = self._intake or Intake()
            self._intake.held += data
        else:
            self._drop_read(len(data))

    def _hear_held_back(self) -> None:
        """Deliver what was held back by a pause, before anything that is read from now on."""
        if self._intake is not None and self._intake.held and self._flowing:
            Stream._on_data(self, self._intake.take())  # in debug mode what calls this checks afterwards

    def _input_waits(self) -> bool:
        """True if something was received and not delivered yet."""
        return (self._intake is not None and self._intake.waits(self)) or self._sock.unread() > 0

    def _end_of_stream(self) -> None:
        """`recv` gave b"": the peer's FIN, unless the connection broke before (closing.md, fact 7)."""
        if self._intake is not None and self._flowing and not self._life.broken:
            self._intake.finish(self)
            if not self._life.reading:  # paused by a listener, and the end is read again; or cut
                return
        if self._life.broken:
            self._lose(errno.ECONNRESET, "read")
            return
        known, ours_first = self._cause, self._life.fin_sent
        self._cause = (WE_FIRST if ours_first else PEER_FIRST) if known is UNKNOWN else known.fin_read(ours_first)
        self._read_at = self._loop.turn_now
        self._step(FIN)

    def _peer_left(self) -> None:
        """A paused connection's peer has gone: say so once, and end at once if there is nothing left to hear of it."""
        if not self._life.paused:
            return
        if self._pause is not None and not self._pause.gone:
            self._pause.gone = True
            self._since = self._loop.turn_now
            self._emit("hangup")
        if self._life.paused and self._life.broken and not self._input_waits():
            self._lose(errno.ECONNRESET, "read")

    # What holds reading.

    def _update_pause(self) -> None:
        """Read or do not read, as the program and the pipes want it: any of them can hold it."""
        held = self._pause is not None and self._pause.holds
        if held is not self._life.paused:
            self._step(PAUSE if held else RESUME)
            if not held and self._intake is not None and self._intake.frames:
                self._loop.call_soon(self._intake.tell, self)  # before anything else is read
        self._flush_soon()  # also where the program joins a pipe: a deadline runs now that did not

    # What goes out besides.

    def _write(self, data: Buffer, callback: Callback | None) -> bool:
        """`write` off the hot path: the checks, buffers that may change, callbacks, and what follows the first write of
        a turn.
        """
        arguments.maybe_function("callback", callback)
        view = bytes_view(data)
        if self._called is not None:
            raise self._called_error()
        if view and self._held() > self._settings.buffer_limit and self._life.writable:
            self._cut(Reason.BUFFER_LIMIT)
        first = self._wrote_at is not self._loop.turn_now
        blocked = self._direct and (first or (len(view) >= ALONE and self._loop.spend_send()))
        if blocked:
            view = view[self._send_now(view) :]
        accepted = self._life.writable and not self._drain_due
        if view:
            accepted = self._keep(view if isinstance(data, bytes) else bytes(view), blocked)
        if callback is not None:
            self._wait(self._position, callback)
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

    def _keep(self, rest: bytes | memoryview | Part, blocked: bool) -> bool:
        """What was not sent waits in the buffer, or is lost because our half is over. Returns what `write` answers."""
        if not self._life.writable:
            self._unsent += len(rest)
            return False
        self._blocked = self._blocked or blocked
        out = self._out
        if out is None:
            out = self._out = OutBuffer()
            self._direct = False
            self._wrote_at = self._loop.now  # from now on it has to move
        out.append(rest)
        self._flush_soon()
        if out.held > self._settings.high_water:
            self._drain_due = True
            return False
        return True

    # The end of a turn in which something changed.

    def _on_flush(self) -> None:
        if self._intake is not None:
            self._hear_held_back()
        life = self._life
        if life.read_ended and life.open and self._follows():
            self._step(END)  # by ourselves, after the `end` listeners have returned; no second flush for it
        self._flush_due = False
        if self._life.connected and not self._life.over:
            if self._out is not None and not self._blocked and not self._corks:
                self._send_pending()
            if self._gauges is not None and self._settings.slow_reader is not None:  # before the program writes more
                self._gauges.excess(self._loop.turn_now, self._held(), self._settings.slow_reader)
            if self._drain_due and self._held() <= self._settings.drain_at and self._life.writable:
                self._drain_due = False
                self._emit("drain")
            if self._callbacks:
                self._callbacks.tell_due(self)
            if self._out is None and self._life.draining and not self._corks:
                self._send_fin()
            if self._life.both_ended:
                self._settle()
            if not self._life.over:
                self._update_interest()
        if not self._life.over:
            self._owner._keeper.plan(self)

    def _follows(self) -> bool:
        """True if the peer's FIN ends our half: neither the program does that nor a pipe."""
        return not (self._settings.allow_half_open or (self._pause is not None and self._pause.end_comes_by_pipe))

    def _send_pending(self) -> None:
        out = self._out
        assert out is not None
        several = len(out.chunks) > 1 and out.size <= SMALL_WRITES
        for _ in range(SENDS_PER_FLUSH):
            try:
                head = out.head()
                if isinstance(head, FilePart):
                    offered = head.offer
                    sent = head.send(self._sock)
                else:
                    offered = len(head)
                    sent = self._sock.send(head)
            except FileFailed as failed:
                self._fail(Reason.FILE_FAILED, failed.error)
                return
            except OSError as error:
                sent = self._send_failed(error)
            except MemoryError:  # to join what is pending
                self._lose(errno.ENOMEM, "write")
                return
            if self._out is not out:  # the connection is broken, or a file of the program's own making has ended it
                return
            if sent:
                out.consume(sent)
                self.bytes_written += sent
                self._wrote_at = self._loop.turn_now
            if not out.size:
                self._out = None
                # A connection that wrote several times this turn will probably do so again: batch its first write too.
                self._direct = self._life.open and not self._corks and not several
                return
            if sent < offered:
                break
        self._blocked = True

    def _send_fin(self) -> None:
        try:
            self._sock.shutdown(socket.SHUT_WR)
        except OSError as error:
            self._break(error.errno or errno.ENOTCONN, "shutdown")
            return
        self._wrote_at = self._loop.turn_now
        self._step(DRAINED)

    def _break(self, code: int, syscall: str) -> None:
        """Nothing more can be written; what had arrived is still read ("When the write side dies first")."""
        if self._life.broken:
            return
        self._network_error(code, syscall)
        self._drop_pending()
        self._step(BROKE)
        if self._pause is not None:
            for pipe in self._pause.fed:
                pipe.on_drain()
        if self._life.paused:
            self._loop.call_soon(self._peer_left)

    def _lose(self, code: int, syscall: str) -> None:
        """Nothing more can be read either."""
        if self._intake is not None and self._flowing:
            self._hear_held_back()
            self._intake.tell(self)
            if self._life.over:
                return
        self._network_error(code, syscall)
        self._step(LOST)

    def _update_interest(self) -> None:
        """What the poller should watch for in this state (closing.md, fact 9)."""
        mask: int | None = self._life.watch | WRITE if self._blocked else self._life.watch
        pause = self._pause
        if pause is not None and not self._life.reading and not self._life.both_ended:
            mask = None if pause.hung_up else (mask or 0) & ~GONE if pause.gone else mask
        if mask == self._mask:
            return
        before, self._mask = self._mask, mask
        poller, fd = self._loop.poller, self._sock.fileno()
        try:
            if before is None:
                poller.add(fd, mask or 0, self)
            elif mask is None:
                poller.remove(fd)
            else:
                poller.change(fd, mask)
        except OSError as error:  # no memory for a registration, or a selector that is full
            self._mask = before
            self._lose(error.errno or errno.EIO, "watch")
