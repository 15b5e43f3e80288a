"""`set_encoding`: `data` listeners get text. An incremental decoder never splits a character."""

from __future__ import annotations

import codecs

from ...foreign import shown
from ...hints import TYPE_CHECKING
from .account import Reason
from .intake import Intake

if TYPE_CHECKING:
    from typing import Any

    from .listeners import Listener
    from .stream import Stream


class Decoder:
    """Stands between what a connection reads and its `data` listeners."""

    __slots__ = ("_decoder", "_left", "_listener")

    def __init__(self, encoding: str | None, errors: str, left: bytes) -> None:
        self._left = left  # what an earlier decoder had of an unfinished character
        self._listener: Listener | None = None
        self._decoder: Any = _Plain() if encoding is None else codecs.getincrementaldecoder(encoding)(errors)

    def unfinished(self) -> bytes:
        """What is held back of a character that is not complete."""
        return self._left + bytes(self._decoder.getstate()[0])

    def through(self, listener: Listener | None) -> Listener:
        """What to call with bytes for a listener of text. None: nobody listens; but where characters begin must
        still be known when somebody does.
        """
        self._listener = listener
        return self._skip if listener is None else self._pass_on

    def finish(self, conn: Stream) -> None:
        """The stream has ended: what is held back is all there is of it."""
        if self._listener is not None:
            self._pass_on(conn, b"", final=True)

    def _skip(self, conn: Stream, data: bytes) -> None:
        try:
            self._decoder.decode(self._take(data))
        except UnicodeError:
            self._decoder.reset()

    def _pass_on(self, conn: Stream, data: bytes, final: bool = False) -> None:
        data = self._take(data)
        before = self._decoder.getstate()
        failed = None
        try:
            text = self._decoder.decode(data, final)
        except UnicodeError as error:  # of its subclass for bad bytes; plain where UTF-16 begins without a mark
            failed = error.with_traceback(None)
            text = self._good_part(failed, data, before)
        if text and self._listener is not None:
            self._listener(conn, text)
        if failed is not None:
            conn._fail(Reason.DECODE_FAILED, failed)

    def _take(self, data: bytes) -> bytes:
        data, self._left = self._left + data, b""
        return data

    def _good_part(self, error: UnicodeError, data: bytes, before: Any) -> Any:
        """The text before what cannot be decoded: what is delivered must not depend on how the network has cut it."""
        try:
            self._decoder.setstate(before)  # the decoders of CJK forget what they held back when they fail
            good = error.start - len(before[0]) if isinstance(error, UnicodeDecodeError) else 0
            return self._decoder.decode(data[: max(good, 0)])
        except UnicodeError:
            return ""


def set_encoding(conn: Stream, encoding: str | None, errors: str) -> None:
    """Put a decoder in front of the listeners of `data`, or take it away. Raises what `check_encoding` raises."""
    if encoding is not None:
        check_encoding(encoding, errors)
    if conn._finished:
        return
    conn._intake = conn._intake or Intake()
    before = conn._intake.decoder
    left = b"" if before is None else before.unfinished()
    decoder = conn._intake.decoder = Decoder(encoding, errors, left) if encoding is not None or left else None
    conn._own_listeners().pass_data(None if decoder is None else decoder.through)


def check_encoding(encoding: object, errors: object) -> None:
    """Raises TypeError and ValueError for what `bytes.decode` cannot use."""
    if not isinstance(encoding, str):
        raise TypeError(f"encoding must be a name like 'utf-8', or None for bytes, not {shown(encoding)}")
    if not isinstance(errors, str):
        raise TypeError(f"errors must be a name like 'strict' or 'replace', not {shown(errors)}")
    try:
        text: object = codecs.getincrementaldecoder(encoding)().decode(b"")
    except Exception:  # unknown; "undefined" and "rot13" have decoders that only raise
        text = None
    if not isinstance(text, str):  # base64 and its likes give bytes
        raise ValueError(f"encoding must be the name of a text encoding like 'utf-8', not {shown(encoding)}")
    try:
        codecs.lookup_error(errors)(UnicodeDecodeError("utf-8", b"\xff", 0, 1, "tried"))
    except UnicodeDecodeError:  # as "strict" does
        pass
    except (LookupError, ValueError, TypeError):  # unknown, or for encoding only
        raise ValueError(f"errors must be a name like 'strict' or 'replace', not {shown(errors)}") from None


class _Plain:
    """The decoder of no encoding: bytes are passed on as they come."""

    def decode(self, data: bytes, final: bool = False) -> bytes:
        return data

    def getstate(self) -> tuple[bytes, int]:
        return b"", 0
