"""What a connection belongs to, and reports to."""

from __future__ import annotations

from ..hints import TYPE_CHECKING, Protocol
from .idle import Schedule

if TYPE_CHECKING:
    from .connection import Connection
    from .ledger import Ledger
    from .server import Server


class Owner(Protocol):
    """What a connection belongs to: its server, or the clients of its reactor."""

    schedule: Schedule
    ledger: Ledger | None  # where there is a limit on what all hold together

    @property
    def server(self) -> Server | None: ...
    def connection_torn(self, conn: Connection) -> None: ...  # its descriptor is free again
    def connection_closed(self, conn: Connection) -> None: ...  # its `close` was delivered
