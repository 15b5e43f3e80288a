"""What was read of a connection and not yet heard by its listeners.

Three things hold bytes back: a pause by another connection's listener, which came after the loop had read them; a text
decoder, which keeps half a character; and framers, which keep half a message, and whole ones while the connection is
paused. The object exists only for connections of which something was held back once. It is pure but for telling.
"""

from __future__ import annotations

from ...hints import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any, Protocol

    class Frames(Protocol):
        """What a framer holds back."""

        framer: Any
        ready: list[bytes]  # complete messages
        partial: bytearray | bytes  # of an unfinished one
        began_at: float  # when its first byte came
        heard: bool  # by somebody beside the framer, when it came

        def size(self) -> int: ...  # bytes

    class Decodes(Protocol):
        """What `set_encoding` puts in front of the listeners."""

        def unfinished(self) -> bytes: ...
        def finish(self, conn: Any) -> None: ...

    class Hearer(Protocol):
        """The connection, as far as it tells the program."""

        def _hears(self, framer: Any) -> bool: ...
        def _guarded(self, fn: Any, *args: Any) -> None: ...


class Intake:
    """What one connection holds back of its input."""

    __slots__ = ("decoder", "frames", "held")

    def __init__(self) -> None:
        self.held = b""  # read, and not wanted any more when it was about to be delivered
        self.decoder: Decodes | None = None
        self.frames: tuple[Frames, ...] = ()

    def take(self) -> bytes:
        """What is held back for `resume()`, which is the caller's from now on."""
        held, self.held = self.held, b""
        return held

    def waits(self, conn: Hearer) -> bool:
        """True if something is here that a listener would hear if it came now."""
        return bool(self.held) or any(held.ready and conn._hears(held.framer) for held in self.frames)

    @property
    def unfinished(self) -> list[Frames]:
        """Where a message has begun and not ended."""
        return [held for held in self.frames if held.partial]

    def frames_of(self, framer: object) -> Frames | None:
        """What this framer holds back; None if it never did."""
        return next((held for held in self.frames if held.framer is framer), None)

    def tell(self, conn: Hearer) -> None:
        """Deliver the messages that framers hold back, as far as the program wants to hear them."""
        for held in self.frames:
            if conn._hears(held.framer):
                conn._guarded(held.framer.deliver, conn, held)

    def finish(self, conn: Hearer) -> None:
        """The stream has ended: what is held back of text and messages is all there is of it."""
        if self.decoder is not None:
            conn._guarded(self.decoder.finish, conn)
        for held in self.frames:
            if conn._hears(held.framer):
                conn._guarded(held.framer.finish, conn, held)

    def take_kept(self, conn: Hearer) -> bytes:
        """What framers that listen keep of messages, as it came, or a decoder of a character: the longest of these,
        which has the others at its end. It was counted as read, and is the caller's from now on.
        """
        kept = b"" if self.decoder is None else self.decoder.unfinished()
        for held in self.frames:
            if conn._hears(held.framer):
                kept = max(held.framer.take(conn), kept, key=len)
        self.decoder = None
        return kept

    def forget(self) -> tuple[int, int]:
        """Drop everything: the bytes held back before they were counted as read, and those that framers held back and
        nobody else heard.
        """
        framed = max((held.size() for held in self.frames if not held.heard), default=0)
        self.frames = ()
        self.decoder = None
        return len(self.take()), framed
