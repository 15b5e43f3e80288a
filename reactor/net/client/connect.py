"""`connect`: the way to a connection from our side.

It returns the connection at once, in state "connecting". What is written waits; what is called counts: `end()`,
and `destroy_soon()` with something written, wait for the connection and deliver; every other ending cancels it. The
work of getting there is in `connecting.py`.
"""

from __future__ import annotations

from collections.abc import Callable

from ... import arguments
from ...engine.loop import Reactor, turns_of
from ...engine.turn import Turns
from ...errors import ReactorError
from ...hints import TYPE_CHECKING, Any
from ..connection.account import Reason
from ..connection.connection import Connection
from ..connection.listeners import Listeners
from ..connection.states import CONNECTING
from ..deadlines.agenda import Schedule
from ..debug import CheckedConnection
from ..settings import ClientSettings, Settings, split
from ..sockets.addresses import Address
from ..sockets.unix import check_path
from . import names
from .stand_in import Connecting

if TYPE_CHECKING:
    from ..server.memory import Ledger


def connect(
    loop: Reactor,
    host: str | None = None,
    port: int | None = None,
    on_connect: Callable[[Connection], object] | None = None,
    *,
    path: Any = None,
    **settings: Any,
) -> Connection:
    """A connection to (host, port), or to the Unix socket at `path`; returned at once, in state "connecting".

    Nothing is emitted before it returns. Then: `lookup(conn, error, address, family, host)` for each address of
    a name · `connection_attempt(conn, address, port, family)`, `connection_attempt_failed(…, error)`,
    `connection_attempt_timeout(…)` · `connect(conn)`, which `on_connect` is added to · `ready(conn)`. What is
    written before that is sent then. If no address answers: `error`, then `close` with reason `CONNECT_FAILED`
    or `CONNECT_TIMEOUT`.

    Settings are those of connections, and `local_address` ((host, port) to connect from), `family`
    (`socket.AF_INET` or `AF_INET6`, for names), `lookup`, `attempt_delay` (0.25 s, RFC 8305) and
    `connect_timeout` (60 s from the next turn on, all addresses together; None: as long as the kernel tries).
    `lookup(host, family, done)` answers, now or later, by `done(error, addresses)`: IP addresses as text, in
    order; only the first answer counts, and one that raises ends the connection (`LISTENER_FAILED`). Without it,
    getaddrinfo(3) is asked in a thread: it cannot be stopped, and the interpreter waits for it at exit. Raises
    TypeError and ValueError for arguments that mean nothing, `ReactorError` after the reactor was closed.
    """
    turns = turns_of(loop)
    if turns.debug:
        turns.check_thread()
    where = _where(host, port, path, settings)
    if on_connect is not None:
        arguments.listener("on_connect", on_connect)
    of_connection, of_client = split(settings, ClientSettings)
    if turns.closed:
        raise ReactorError("connect() after the reactor was closed")
    if not isinstance(where, str):
        _check_families(where[0], of_client)
    conn = Clients.of(turns).add(where, of_connection, of_client)
    if on_connect is not None:
        conn.on("connect", on_connect)
    return conn


def _where(host: Any, port: Any, path: Any, settings: dict[str, Any]) -> Address:
    if path is not None:
        if host is not None or port is not None:
            raise TypeError("connect() takes one of: host and port, or path")
        for name in ("local_address", "family", "lookup"):
            if name in settings:
                raise TypeError(f"{name} goes with host and port, not with path")
        return check_path(path)
    if not isinstance(host, str):
        raise TypeError(f"host must be a name or an address, not {host!r}")
    if not host or "\0" in host:
        raise ValueError(f"host must be a name or an address, not {host!r}")
    return host, arguments.integer("port", port, 0, 65535)


def _check_families(host: str, settings: ClientSettings) -> None:
    """What cannot fit together is a mistake of the call."""
    literal = names.literal_family(host)
    local = settings.local_address and names.literal_family(settings.local_address[0])
    wanted = settings.family or None
    if literal and wanted and literal != wanted:
        raise ValueError(f"family must fit the address {host!r}, not be {wanted!r}")
    for family in (literal, wanted):
        if local and family and local != family:
            raise ValueError(f"local_address must be of the peer's family, not {settings.local_address!r}")


class Clients:
    """All clients of one reactor: what a server is to those it accepted."""

    __slots__ = ("_connections", "_listeners", "_loop", "schedule")

    ledger: Ledger | None = None  # each is the program's own

    def __init__(self, loop: Turns) -> None:
        self._loop = loop
        self._connections: dict[Connection, None] = {}
        self._listeners = Listeners()  # none: there is no server to add any
        #: The deadlines of all of them.
        self.schedule = Schedule(loop)

    @classmethod
    def of(cls, loop: Turns) -> Clients:
        clients = loop.tenants.get(cls)
        if not isinstance(clients, Clients):
            clients = loop.tenants[cls] = cls(loop)
        return clients

    def add(self, where: Address, settings: Settings, client: ClientSettings) -> Connection:
        connecting: Any = Connecting(self._loop, where, client)  # stands in for a socket until there is one
        kind = CheckedConnection if self._loop.debug else Connection
        conn = kind(self._loop, self, connecting, where, None, settings, self._listeners, CONNECTING)
        conn.attempted_addresses = connecting.attempted
        self._connections[conn] = None
        if settings.pause_on_connect:
            conn.pause()
        self._loop.call_soon(connecting.begin, conn)
        return conn

    def abandon(self) -> None:
        """The reactor closes."""
        for conn in list(self._connections):
            conn.cut(Reason.DESTROYED)

    # What the connections say (ending.Owner).

    @property
    def server(self) -> None:
        return None

    def connection_torn(self, conn: Connection) -> None:
        """Nobody waits for its descriptor."""

    def connection_closed(self, conn: Connection) -> None:
        del self._connections[conn]
