"""What a connection belongs to, and reports to."""

from __future__ import annotations

from ...hints import TYPE_CHECKING, Protocol
from ..deadlines.agenda import Schedule

if TYPE_CHECKING:
    from ..server.memory import Ledger
    from ..server.server import Server
    from .connection import Connection


class Owner(Protocol):
    """What a connection belongs to: its server, or the clients of its reactor."""

    schedule: Schedule
    ledger: Ledger | None  # where there is a limit on what all hold together

    @property
    def server(self) -> Server | None: ...
    def connection_torn(self, conn: Connection) -> None: ...  # its descriptor is free again
    def connection_closed(self, conn: Connection) -> None: ...  # its `close` was delivered
