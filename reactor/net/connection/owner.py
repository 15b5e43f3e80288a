"""What a connection needs of its owner: of its server, or of the clients of its reactor."""

from __future__ import annotations

from ...hints import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Protocol

    from ..deadlines.agenda import Schedule
    from ..server.memory import MemoryLimit
    from ..server.server import Server
    from .connection import Connection

    class Owner(Protocol):
        """What a connection belongs to, and reports to."""

        _schedule: Schedule  # the deadlines of all its connections
        _memory: MemoryLimit | None  # the limit on what they hold in memory together, where there is one

        @property
        def server(self) -> Server | None: ...
        def _connection_torn(self, conn: Connection) -> None: ...  # its descriptor is free again
        def _connection_closed(self, conn: Connection) -> None: ...  # its `close` was delivered
