"""`set_encoding`: `data` listeners get text. An incremental decoder never splits a character."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .report import Reason

if TYPE_CHECKING:
    from .connection import Connection
    from .listeners import Listener


class Decoder:
    """Stands between what a connection reads and its `data` listeners."""

    __slots__ = ("_decode", "_left", "_listener", "encoding", "unfinished")

    def __init__(self, encoding: str | None, errors: str, left: bytes) -> None:
        #: None: bytes, which are passed on as they come.
        self.encoding = encoding
        self._left = left  # what an earlier decoder had of an unfinished character
        self._listener: Listener | None = None
        self._decode: Callable[[bytes, bool], Any] = _as_it_is
        #: What is held back of an unfinished character, bytes.
        self.unfinished: Callable[[], bytes] = bytes
        if encoding is not None:
            decoder = codecs.getincrementaldecoder(encoding)(errors)
            self._decode = decoder.decode
            self.unfinished = lambda: decoder.getstate()[0]

    def through(self, listener: Listener) -> Listener:
        """What to call with bytes, for a listener of text."""
        self._listener = listener
        return self._feed

    def _feed(self, conn: Connection, data: bytes) -> None:
        self._pass_on(conn, data, False)

    def finish(self, conn: Connection) -> None:
        """The stream has ended: what is held back is all there is of it."""
        self._pass_on(conn, b"", True)

    def _pass_on(self, conn: Connection, data: bytes, final: bool) -> None:
        data, self._left = self._left + data, b""
        try:
            text = self._decode(data, final)
        except UnicodeDecodeError as error:
            conn.fail(Reason.DECODE_FAILED, error.with_traceback(None))
            return
        if text and self._listener is not None:
            self._listener(conn, text)


def check_encoding(encoding: object, errors: object) -> None:
    """Raises TypeError and ValueError for what `bytes.decode` cannot use."""
    if not isinstance(encoding, str):
        raise TypeError(f"encoding must be a name like 'utf-8', or None for bytes, not {encoding!r}")
    if not isinstance(errors, str):
        raise TypeError(f"errors must be a name like 'strict' or 'replace', not {errors!r}")
    try:
        b"".decode(encoding)
        codecs.getincrementaldecoder(encoding)
    except (LookupError, ValueError):
        raise ValueError(f"encoding must be the name of a text encoding like 'utf-8', not {encoding!r}") from None
    try:
        codecs.lookup_error(errors)
    except (LookupError, ValueError):
        raise ValueError(f"errors must be a name like 'strict' or 'replace', not {errors!r}") from None


def _as_it_is(data: bytes, final: bool) -> bytes:
    return data
