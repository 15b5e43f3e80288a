"""What the tests of set_encoding hear, and how they see to it that bytes come in pieces."""

from __future__ import annotations

from typing import Any

from reactor import Connection
from reactor.testing import Peer, pump


class Heard(list[Any]):
    """What a connection's `data` listener was given."""

    def __init__(self, conn: Connection | None = None) -> None:
        super().__init__()
        if conn is not None:
            conn.on("data", self.hear)

    def hear(self, conn: Connection, data: Any) -> None:
        self.append(data)

    @property
    def whole(self) -> Any:
        return type(self[0])().join(self) if self else ""


def feed(wire: Any, peer: Peer, conn: Connection, *pieces: bytes) -> None:
    """Send pieces so that each is read by itself."""
    for piece in pieces:
        wanted = conn.bytes_read + len(piece)
        peer.send(piece)
        pump(wire.loop, lambda: conn.bytes_read == wanted or conn.report is not None)  # noqa: B023 - called at once
