"""Messages out of a stream: lines, and frames that begin with their length. Pure: no socket, no clock.

TCP has no messages. What a listener of `data` gets may be half a line, or three; where it is cut says nothing. A
framer is a listener of `data` that joins and cuts, and calls the program once for each message. It may serve one
connection, or all of a server.

What a framer remembers of a connection, `Held`, lies with the connection (`connection/intake.py`), and goes with it.
Messages that are complete wait there too: the program may pause or end a connection in the middle of a chunk,
and then hears no more of it until it resumes, or never. What was never heard counts as discarded.

Time is linear in the bytes: what came of an unfinished message is appended to, never searched or copied again until it
is complete. Memory is `max_length`, and what one read brings, at most.

Rejected: a framer in the place of `data` (an option of the connection): programs change protocols on a live connection,
and a listener can be exchanged. Text: the bytes of a message are its own business, and a limit on characters limits
nothing; `set_encoding` changes nothing here.
"""

from __future__ import annotations

from ... import arguments
from ...hints import TYPE_CHECKING
from ..connection.account import Reason
from ..connection.intake import Intake

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Literal

    from ..connection.stream import Stream

    OnFrame = Callable[[Any, bytes], object]
    OnError = Callable[[Any, Reason], object]

LONGEST_LINE = 65_536  # bytes, as asyncio's StreamReader
LARGEST_FRAME = 1_048_576  # bytes, as the websockets library's max_size
WIDEST = 8  # bytes of a length; nobody sends more


class Held:
    """What a framer holds back of one connection."""

    __slots__ = ("began_at", "fault", "framer", "heard", "need", "partial", "ready", "trim")

    trim: bool  # a line among those that are ready ends with \r
    heard: bool  # by somebody beside the framer, when it came

    def __init__(self, framer: Framer) -> None:
        self.framer = framer
        self.ready: list[bytes] = []  # complete, the oldest last
        self.partial: bytearray | bytes = b""  # of an unfinished message; a new object for each
        self.began_at = 0.0  # when its first byte came
        self.need = 0  # so much of it must be there before it is looked at again
        self.trim = self.heard = False
        self.fault: Reason | None = None  # what comes after those that are ready cannot be cut

    def size(self) -> int:
        """Bytes as they came."""
        return len(self.framer.rest_of(self))


class Framer:
    """A listener of `data` that cuts it into messages. Made by `lines` and `length_prefixed`."""

    __slots__ = ("_on_error", "_on_frame", "max_length")

    cuts = True  # how `listeners.py` knows one without loading this module

    def __repr__(self) -> str:
        return f"<{type(self).__name__} for {self._on_frame!r}>"

    def __init__(self, on_frame: OnFrame, on_error: OnError | None, max_length: int) -> None:
        self._on_frame = on_frame
        self._on_error = on_error
        #: Bytes of the longest message that is let through.
        self.max_length = max_length

    def __call__(self, conn: Stream, data: bytes) -> None:
        held = self._held(conn) or self._hold(conn)
        held.heard = conn._listeners.heard_beside
        if held.fault is None:
            before = held.partial
            self.cut(held, data)
            if held.partial is not before:
                held.began_at = conn._read_at
        else:
            held.partial = held.partial + data
        self.deliver(conn, held)

    def take(self, conn: Stream) -> bytes:
        """What came and was not delivered, as it came: the program has it from now on, and the framer nothing."""
        held = self._held(conn)
        if held is None:
            return b""
        rest = self.rest_of(held)
        held.ready.clear()
        held.partial, held.fault = b"", None
        return rest

    def deliver(self, conn: Stream, held: Held) -> None:
        """Call the program with what is ready, as long as it wants to hear."""
        ready, on_frame, listener = held.ready, self._on_frame, conn._listeners.data
        while ready and conn._flowing:
            if conn._listeners.data is not listener and not conn._hears(self):
                return  # taken off meanwhile; `take` has the rest
            frame = ready.pop()
            try:
                on_frame(conn, frame[:-1] if held.trim and frame.endswith(b"\r") else frame)
            except BaseException as error:
                conn._raised(error)
        if held.fault is not None and conn._flowing and conn._hears(self):
            self._give_up(conn, held.fault)

    def finish(self, conn: Stream, held: Held) -> None:
        """The stream has ended: what is held back is all there is."""
        self.deliver(conn, held)
        if held.partial and conn._flowing:
            self._give_up(conn, Reason.FRAME_CUT_OFF)

    def _give_up(self, conn: Stream, reason: Reason) -> None:
        conn._because(reason)
        if self._on_error is not None:
            conn._guarded(self._on_error, conn, reason)
        conn._destroy_soon_by_us()

    def _held(self, conn: Stream) -> Held | None:
        held = None if conn._intake is None else conn._intake.frames_of(self)
        return held if isinstance(held, Held) else None

    def _hold(self, conn: Stream) -> Held:
        held = Held(self)
        conn._intake = conn._intake or Intake()
        conn._intake.frames = (*conn._intake.frames, held)
        return held

    def cut(self, held: Held, data: bytes) -> None:
        """Move what is complete with `data` to `ready`, and keep the rest."""
        raise NotImplementedError

    def rest_of(self, held: Held) -> bytes:
        """All that is held, as it came."""
        raise NotImplementedError


class Lines(Framer):
    """See `lines`."""

    __slots__ = ()

    def cut(self, held: Held, data: bytes) -> None:
        if held.partial:
            if b"\n" not in data:
                held.partial += data
                held.fault = Reason.FRAME_TOO_LONG if self._too_long(held.partial) else None
                return
            data = bytes(held.partial) + data
        found = data.split(b"\n")
        tail = found.pop()
        if len(data) > self.max_length:
            for number, line in enumerate((*found, tail)):
                if self._too_long(line):
                    held.fault = Reason.FRAME_TOO_LONG
                    tail = b"\n".join((*found[number:], tail))
                    del found[number:]
                    break
        held.trim = b"\r" in data or (held.trim and bool(held.ready))
        held.ready[:0] = reversed(found)
        held.partial = bytearray(tail) if tail else b""

    def _too_long(self, line: bytes | bytearray) -> bool:
        """Also of a line that is not complete: an \\r at its end may turn out to belong to the line end."""
        return len(line) - line.endswith(b"\r") > self.max_length

    def rest_of(self, held: Held) -> bytes:
        return b"\n".join((*reversed(held.ready), held.partial))


class LengthPrefixed(Framer):
    """See `length_prefixed`."""

    __slots__ = ("byteorder", "width")

    def __init__(
        self,
        on_frame: OnFrame,
        on_error: OnError | None,
        max_length: int,
        width: int,
        byteorder: Literal["big", "little"],
    ) -> None:
        super().__init__(on_frame, on_error, max_length)
        self.width = width
        self.byteorder = byteorder

    def cut(self, held: Held, data: bytes) -> None:
        if held.partial:
            held.partial += data
            if len(held.partial) < held.need:
                return
            data = bytes(held.partial)
        width, byteorder, size = self.width, self.byteorder, len(data)
        found: list[bytes] = []
        at, need = 0, width
        while size - at >= width:
            length = int.from_bytes(data[at : at + width], byteorder)
            if length > self.max_length:
                held.fault = Reason.FRAME_TOO_LONG
                break
            need = width + length
            if size - at < need:
                break
            found.append(data[at + width : at + need])
            at, need = at + need, width
        held.need = need
        held.ready[:0] = reversed(found)
        if at or not held.partial:  # else it is the same message, of which the length is known now
            held.partial = bytearray(data[at:]) if at < size else b""

    def rest_of(self, held: Held) -> bytes:
        pieces = [len(frame).to_bytes(self.width, self.byteorder) + frame for frame in reversed(held.ready)]
        return b"".join((*pieces, held.partial))


def lines(on_line: OnFrame, *, max_length: int = LONGEST_LINE, on_error: OnError | None = None) -> Framer:
    """A listener of `data`, for a connection or for a server, that calls `on_line(conn, line)` for each line.

    A line ends with LF or CR LF, which are not part of what is delivered (bytes), nor of its length. One of more than
    `max_length` bytes, or one that the peer's FIN cuts off, ends the connection as `destroy_soon()` does: what was
    written is delivered, what comes is dropped. The reason is `FRAME_TOO_LONG` or `FRAME_CUT_OFF`. Before that,
    `on_error(conn, reason)` is called, for a last word. Raises TypeError and ValueError for what cannot be meant.
    """
    _check(on_error, on_line=on_line)
    return Lines(on_line, on_error, arguments.integer("max_length", max_length, 1))


def length_prefixed(
    on_frame: OnFrame,
    *,
    width: int = 4,
    max_length: int = LARGEST_FRAME,
    byteorder: Literal["big", "little"] = "big",
    on_error: OnError | None = None,
) -> Framer:
    """A listener of `data` that calls `on_frame(conn, frame)` for each message, which comes after its own length.

    The length is a number of `width` bytes (1 to 8), not counted in itself. One above `max_length` bytes is refused
    before the message comes. Endings, `on_error` and errors are those of `lines`.
    """
    _check(on_error, on_frame=on_frame)
    arguments.choice("byteorder", byteorder, ("big", "little"))
    arguments.integer("width", width, 1, WIDEST)
    return LengthPrefixed(on_frame, on_error, arguments.integer("max_length", max_length, 1), width, byteorder)


def _check(on_error: Any, **functions: Any) -> None:
    """Raise TypeError for functions that cannot be called as they will be."""
    for name, fn in functions.items():
        arguments.callback(name, arguments.listener(name, fn), f"conn, {name.removeprefix('on_')}")
    arguments.maybe_callback("on_error", arguments.maybe_listener("on_error", on_error), "conn, reason")
