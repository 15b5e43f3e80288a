"""The clients of one reactor: those that `connect` makes, and the sockets that `adopt` takes over.

Those in no group share one `Clients`; a `ClientGroup` is one of its own.

They have no server, so this is their owner: it keeps them until their `close` was delivered, whether the program has a
reference or not, and ends them when the reactor closes.
"""

from __future__ import annotations

from ...hints import TYPE_CHECKING
from ..connection import orphan
from ..connection.account import Reason
from ..connection.connection import Connection
from ..connection.intake import Intake
from ..connection.listeners import Listeners
from ..connection.states import CONNECTING
from ..deadlines.keeper import Keeper
from ..debug import CheckedConnection, CheckedKeeper
from ..sockets.sock import decide_again
from .stand_in import Connecting

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from ...engine.turn import Turns
    from ..settings import ClientSettings, Settings
    from ..sockets.addresses import Address
    from ..sockets.sock import Sock


class Clients:
    """Clients of one reactor. It owns them as a server owns the connections that it has accepted."""

    __slots__ = ("_connections", "_keeper", "_kind", "_listeners", "_loop")

    def __init__(self, loop: Turns) -> None:
        self._loop = loop
        self._connections: dict[Connection, None] = {}
        self._listeners = Listeners()  # those of a group
        self._keeper = CheckedKeeper(loop) if loop.debug else Keeper(loop)
        self._kind = CheckedConnection if loop.debug else Connection

    @property
    def server(self) -> None:
        """None: no server has accepted these connections."""

    def _add(self, where: Address, settings: Settings, client: ClientSettings) -> Connection:
        """Return a new client, which begins to connect in the next turn."""
        connecting = Connecting(self._loop, where, settings, client)  # stands in for a socket until there is one
        conn = self._kind(self._loop, self, connecting, where, None, settings, self._listeners, CONNECTING)
        conn.attempted_addresses = connecting.attempted
        self._enter(conn)
        self._loop.call_soon(connecting.begin, conn)
        return conn

    def _adopt(self, sock: Sock, remote: Address, settings: Settings, early: bytes) -> Connection:
        """Return a connection over a socket that is connected already, and of which `early` was read."""
        conn = self._kind(self._loop, self, sock, remote, None, settings, self._listeners)
        if early:
            conn._intake = Intake()
            conn._intake.held = early
        self._enter(conn)
        conn._flush_soon()
        return conn

    def _enter(self, conn: Connection) -> None:
        self._connections[conn] = None
        if conn._settings.pause_on_connect:
            conn.pause()

    def _abandon(self) -> None:
        """Destroy all clients: the reactor closes."""
        for conn in list(self._connections):
            conn._cut(Reason.DESTROYED)

    # What the reactor tells its tenants (`engine/interfaces.py`).

    def _sigpipe_changed(self) -> None:
        for conn in self._connections:
            decide_again(conn._sock)

    def _on_fork(self) -> Iterable[Connection]:
        for conn in self._connections:
            if isinstance(conn._sock, Connecting):
                conn._sock.on_fork()
        return orphan.put_aside(self._connections)

    def _give_back(self) -> None:
        self._renew([])

    def _wanted(self, wanted: bool | list[Any]) -> list[Any]:
        return orphan.wanted(self._connections, wanted)

    def _renew(self, kept: list[Any]) -> None:
        orphan.go_on_with(self._connections, kept, self._kind)

    # What a connection tells its owner (`connection.owner.Owner`).

    def _connection_at_rest(self, conn: Connection) -> None:
        """A client is not busy any more. Whoever waits for that looks from time to time (`server/endings.py`)."""

    def _connection_torn(self, conn: Connection) -> None:
        """The descriptor of a client was given back. No client waits for one, so there is nothing to do."""

    def _connection_closed(self, conn: Connection) -> None:
        del self._connections[conn]


def clients_of(loop: Turns) -> Clients:
    """The clients of a reactor that are in no group; made when it gets its first."""
    clients = loop.tenants.get(Clients)
    if not isinstance(clients, Clients):
        clients = loop.tenants[Clients] = Clients(loop)
    return clients
