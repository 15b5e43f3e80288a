"""What comes in and what goes out: the machinery between the kernel and the listeners.

The loop reads for a connection that flows, and calls `_on_data` with what came; it calls `_on_ready` for everything
else that the kernel has to say, and `_on_flush` at the end of a turn in which something changed. `_on_flush` is the
one place where output, FIN, answers, the poller's interest and the deadline are brought in line with the state,
once a turn however much was called in it: pausing and resuming in one turn costs no system call.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable

from ...engine.poller import EDGE, ERROR, GONE, HANGUP, READ, WRITE
from ..sockets import kernel
from ..sockets.addresses import Address
from .account import Fault, Reason
from .answers import Answering
from .files import FileFailed, FilePart
from .outbuf import OutBuffer, Part
from .read_size import BULK, LARGE, SMALL, next_size
from .states import Event, Read, Write

SMALL_WRITES = 16_384  # bytes; more than these should be sent while they are in the processor's caches
SENDS_PER_FLUSH = 16  # then others have their turn; the rest goes out when the socket is writable again


class Transport(Answering):
    """The fourth layer of a connection."""

    __slots__ = ()

    def begin(self, greeters: tuple[Callable[..., object], ...]) -> None:
        """The connection is there: tell the program, then watch it in the way the program has left it."""
        self._flush_soon()
        for greet in greeters:
            if not self._life.over:
                try:  # `_guarded` in place: every connection passes here
                    greet(self)
                except Exception as error:
                    self._listener_failed(error)

    def connected(self, sock: socket.socket, remote_address: Address, local_address: Address) -> None:
        """A client has got through: from now on it is like any other connection."""
        self._sock, self.remote_address, self._local = sock, remote_address, local_address
        self._read_at = self._acked_at = self._loop.turn_now
        if self._out is not None:
            self._wrote_at = self._loop.turn_now  # what waits can move only from now on
        self._step(Event.CONNECTED)
        self._flush_soon()
        try:
            self._tell("connect")
        except BaseException:  # a listener leaves run(): the rest is told when it goes on
            self._loop.call_soon(self._tell, "ready")
            raise
        self._tell("ready")

    def never_connected(self, error: BaseException, reason: Reason) -> None:
        """A client has not got through."""
        self._reason = self._reason or reason
        self._blame(Fault.NETWORK, error)
        self._drop_pending()
        self._step(Event.LOST)

    # What comes in.

    def _on_data(self, data: bytes) -> None:
        """The hot path: a message was read and goes to its listener, which may send the answer in place
        (`Connection.write`).
        """
        if self._rare is not None and self._rare.get("_held_back"):
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
            except Exception as error:
                self._listener_failed(error)
        elif self._flowing:
            self._end_of_stream()
        elif data:
            self._came_too_late(data)

    def _came_too_late(self, data: bytes) -> None:
        """Another connection's listener, called since this was read, does not want it delivered: not now, or not at
        all. The end of the stream is not kept: it can be read again.
        """
        if self._life.read is Read.PAUSED:
            self._held_back += data
        else:
            self._drop_read(len(data))

    def _hear_held_back(self) -> None:
        """It came before all that is read from now on."""
        if self._flowing and self._held_back:
            data, self._held_back = self._held_back, b""
            Transport._on_data(self, data)  # in debug mode what calls this checks afterwards

    def _input_waits(self) -> bool:
        """Is there anything that was received and not delivered yet?"""
        if self._rare is not None:
            framed = any(held.ready and self.hears(held.framer) for held in self._frames)
            if framed or self._held_back:
                return True
        return kernel.unread(self._sock) > 0

    def _on_ready(self, mask: int) -> None:
        """Everything else: write readiness, trouble, and readiness while paused, discarding or done with
        reading.
        """
        if self._life.over:
            return
        if mask & ERROR:
            ours = self._life.read is Read.ENDED  # what broke then is our half
            self._break(kernel.pending_error(self._sock), "write" if ours else "read")
        if mask & WRITE and self._blocked:
            self._blocked = False
            self._flush_soon()
        read = self._life.read
        if read is Read.OPEN and self._flowing:
            if mask & ~WRITE:
                self._read()
        elif read is Read.DISCARDING:
            if mask & ~WRITE:
                self._discard()
        elif read is Read.PAUSED:
            if mask & (GONE | HANGUP | ERROR):
                self._hung_up = self._hung_up or bool(mask & (HANGUP | ERROR))
                self._flush_soon()
                self._peer_left()
        elif self._life.write is Write.ENDED:
            self._flush_soon()  # to settle
        elif mask & (HANGUP | ERROR):  # the read half has ended, ours has not, and both directions are down
            self._break(errno.ECONNRESET, "write")

    def _read(self) -> None:
        try:
            data = self._sock.recv(self._read_size)
        except (OSError, MemoryError) as error:
            self._on_read_error(error)
        else:
            self._on_data(data)

    def _discard(self) -> None:
        try:
            data = self._sock.recv(BULK)
        except (OSError, MemoryError) as error:
            self._on_read_error(error)
            return
        if data:
            self._read_at = self._loop.turn_now
            self._drop_read(len(data))
        else:
            self._end_of_stream()

    def count_discarded(self, count: int) -> None:
        """Of the bytes read, so many went nowhere."""
        self._discarded += count

    def _on_read_error(self, error: OSError | MemoryError) -> None:
        if isinstance(error, MemoryError):  # none for what has come: it would be ready again at once, for ever
            self._lose(errno.ENOMEM, "read")
        elif not isinstance(error, (BlockingIOError, InterruptedError)):
            self._lose(error.errno or errno.EIO, "read")

    def _end_of_stream(self) -> None:
        """`recv` gave b"": the peer's FIN, unless the connection broke before (closing.md, fact 7)."""
        if self._rare is not None and self._life.write is not Write.BROKEN and self._last_piece_stops():
            return
        if self._life.write is Write.BROKEN:
            self._lose(errno.ECONNRESET, "read")
            return
        self._orderly = Reason.ENDED if self._life.write is Write.ENDED else Reason.PEER_ENDED
        self._read_at = self._loop.turn_now
        try:
            self._step(Event.FIN)
        finally:  # also if a listener leaves run()
            if not self._life.over:
                self._flush_soon()

    def _last_piece_stops(self) -> bool:
        """Tell what is held back of text and frames. True: it was paused for it, and the end is read again; or cut."""
        if not self._flowing:
            return False
        if self._decoder is not None:
            self._guarded(self._decoder.finish, self)
        for held in self._frames:
            if self.hears(held.framer):
                self._guarded(held.framer.finish, self, held)
        return self._life.read in (Read.PAUSED, Read.ENDED)

    def hear_held_soon(self) -> None:
        """Go on with what framers hold back, before anything else is read."""
        self._loop.call_soon(self._hear_held)

    def _hear_held(self) -> None:
        for held in self._frames:
            if self.hears(held.framer):
                self._guarded(held.framer.deliver, self, held)

    def _peer_left(self) -> None:
        """A paused connection's peer has gone: say so once, and end at once if there is nothing left to hear
        of it.
        """
        if self._life.read is not Read.PAUSED:
            return
        if not self._gone:
            self._gone = True
            self._since = self._loop.turn_now
            self._emit("hangup")
        if self._life.read is Read.PAUSED and self._life.write is Write.BROKEN and not self._input_waits():
            self._lose(errno.ECONNRESET, "read")

    # What goes out.

    def _queue(self, data: bytes | memoryview | Part) -> bool:
        """Append to what is pending; the answer of `write`."""
        out = self._out
        if out is None:
            out = self._out = OutBuffer()
            self._direct = False
            self._wrote_at = self._loop.now  # from now on it has to move
        out.append(data)
        self._flush_soon()
        if out.held > self._settings.high_water:
            self._drain_due = True
            return False
        return True

    def _on_flush(self) -> None:
        """End of a turn in which something changed: send, end, answer, and bring interest and deadline in
        line with the state.
        """
        self._flush_due = False
        if self._life.over:
            return
        try:
            self._bring_in_line()
        except MemoryError:  # not a listener's, whose own end that is
            self._lose(errno.ENOMEM, "write")
        except BaseException:  # a listener leaves run(): the rest is done when it goes on
            self._flush_soon()
            raise

    def _bring_in_line(self) -> None:
        if self._rare is not None:
            self._hear_held_back()
        life = self._life
        if life.over:
            return
        if not life.connected:  # what waits, waits
            self._schedule()
            return
        if life.read is Read.ENDED and life.write is Write.OPEN and self._follows():
            self._step(Event.END)  # by ourselves, after the `end` listeners have returned
        if self._out is not None:
            if not self._blocked and not self._corks:
                self._send_pending()
            self._note_held()
        if self._drain_due and self._held() <= self._settings.drain_at and self._life.write is Write.OPEN:
            self._drain_due = False
            self._emit("drain")
        if self._answers:
            self._answer_due()
        if self._out is None and self._life.write is Write.ENDING and not self._corks:
            self._send_fin()
        if self._life.both_ended:
            self._settle()
        if not self._life.over:
            self._update_interest()
            self._schedule()

    def _follows(self) -> bool:
        """Does the peer's FIN end our half? Not where a pipe will."""
        return not self._settings.allow_half_open and not any(pipe.ends for pipe in self._fed)

    def _send_pending(self) -> None:
        out = self._out
        assert out is not None
        several = len(out.chunks) > 1 and out.size <= SMALL_WRITES
        for _ in range(SENDS_PER_FLUSH):
            head = out.head()
            part = head if isinstance(head, FilePart) else None
            offered = len(head) if part is None else part.offer
            try:
                sent = self._sock.send(head) if part is None else part.send(self._sock)  # type: ignore[arg-type]  # bytes
            except FileFailed as failed:
                self.fail(Reason.FILE_FAILED, failed.error)
                return
            except (BlockingIOError, InterruptedError):
                sent = 0
            except OSError as error:
                self._break(error.errno or errno.EIO, "write")
                return
            if self._out is not out:  # a file of the program's own making has ended the connection
                return
            if sent:
                out.consume(sent)
                self.bytes_written += sent
                self._wrote_at = self._loop.turn_now
            if not out.size:
                self._out = None
                # Who has written several times in this turn will in the next one; then one send is enough.
                self._direct = self._life.open and not self._corks and not several
                return
            if sent < offered:
                break
        self._blocked = True

    def _note_held(self) -> None:
        """For `slow_reader`, which this one may not be any more, and for `memory_limit`: over it, somebody is cut,
        perhaps this one.
        """
        limit = self._settings.slow_reader
        if limit is not None and self._gauges is not None:
            self._gauges.excess(self._loop.turn_now, self._held(), limit)
        if self._owner._memory is not None and not self._life.over:
            self._owner._memory.note(self)

    def _send_fin(self) -> None:
        try:
            self._sock.shutdown(socket.SHUT_WR)
        except OSError as error:
            self._break(error.errno or errno.ENOTCONN, "shutdown")
            return
        self._wrote_at = self._loop.turn_now
        self._step(Event.DRAINED)

    def _break(self, code: int, syscall: str) -> None:
        """Nothing more can be written; what had arrived is still read (closing.md, "When the write side dies
        first").
        """
        if self._life.write is Write.BROKEN:
            return
        self._network_error(code, syscall)
        self._drop_pending()
        self._note_held()
        self._flush_soon()
        self._step(Event.BROKE)
        for pipe in self._fed:
            pipe.on_drain()
        if self._life.read is Read.PAUSED:
            self._loop.call_soon(self._peer_left)

    def _lose(self, code: int, syscall: str) -> None:
        """Nothing more can be read either."""
        if self._rare is not None and self._flowing:
            self._hear_held_back()
            self._hear_held()
        self._network_error(code, syscall)
        self._drop_pending()
        self._step(Event.LOST)

    def _schedule(self) -> None:
        """See to it that somebody looks when the next deadline may have passed."""
        raise NotImplementedError

    def _update_interest(self) -> None:
        """What the poller should watch for in this state (closing.md, fact 9)."""
        life = self._life
        output = WRITE if self._blocked else 0
        mask: int | None = output
        if life.read in (Read.OPEN, Read.DISCARDING):
            mask = output | READ
        elif life.read is Read.ENDED and life.write is Write.ENDED:
            mask = EDGE  # HUP stands from now on: only what changes, the last acknowledgement or an error, is news
        elif self._hung_up:
            mask = None
        elif life.read is Read.PAUSED and not self._gone:
            mask = output | GONE
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
