"""`with conn.corked():` a block in which a connection keeps what is written; loaded where one is used."""

from __future__ import annotations

from ...hints import TYPE_CHECKING

if TYPE_CHECKING:
    from .stream import Stream


class Cork:
    """One such block. Blocks may be nested: what is written leaves after the last one has ended."""

    __slots__ = ("_stream",)

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def __enter__(self) -> None:
        self._change(1)

    def __exit__(self, *_: object) -> None:
        self._change(-1)

    def _change(self, by: int) -> None:
        stream = self._stream
        stream._corks += by
        if stream._corks:
            stream._direct = False
        else:
            stream._direct = stream._life.open and stream._out is None
            stream._flush_soon()
