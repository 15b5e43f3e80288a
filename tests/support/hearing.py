"""What the tests of set_encoding hear, and how they see to it that bytes come in pieces."""

from __future__ import annotations

from typing import Any

from reactor import Connection
from reactor.testing import pump
from tests.support.scene import Scene, Scenes


class Texts(list[Any]):
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


def hearing(scene: Scenes, encoding: str = "utf-8", errors: str = "strict") -> tuple[Scene, Texts]:
    """A connection with an encoding, and what its `data` listener is given."""
    one = scene(data=False)
    one.conn.set_encoding(encoding, errors)
    return one, Texts(one.conn)


def feed(one: Scene, *pieces: bytes) -> None:
    """Send pieces so that each is read by itself."""
    for piece in pieces:
        wanted = one.conn.bytes_read + len(piece)
        one.peer.send(piece)
        pump(one.loop, lambda: one.conn.bytes_read == wanted or one.conn.report is not None)  # noqa: B023 - called at once
