"""`ClientGroup`: clients that share one set of listeners and one set of settings, as the connections of a server do."""

from __future__ import annotations

from ...engine.loop import Reactor, turns_of
from ...hints import TYPE_CHECKING
from ..connection.listeners import CLIENT_EVENTS, CONNECTION_EVENTS, Emitter
from ..settings import ClientSettings, split
from .clients import Clients
from .connect import open_client

if TYPE_CHECKING:
    from collections.abc import Callable, KeysView
    from typing import Any, Unpack

    from ..connection.connection import Connection
    from ..connection.listeners import Listener
    from ..connection.listening import Listening
    from ..keywords import ConnectKeywords

    Events = Listening[Connection]
else:
    Events = Emitter


class ClientGroup(Clients, Events):
    """Clients that share listeners and settings.

    `on`, `once` and `off` take the events of `connect` and of connections; a listener hears each client of the group,
    those too that connect later or were connected before it was added. Listeners of one client come after them. The
    settings are those of `connect`; a call of `connect` may give others for its client. A group is never closed: it
    goes when the program lets go of it and its last client has closed. Raises TypeError or ValueError for wrong
    arguments.
    """

    # `help()` has what stands beside one of them.
    __slots__ = {
        **dict.fromkeys(("__weakref__", "_given")),
        "loop": "The reactor on which these clients run.",
    }

    _EVENTS = CONNECTION_EVENTS + CLIENT_EVENTS

    def __init__(self, loop: Reactor, **settings: Unpack[ConnectKeywords]) -> None:
        super().__init__(turns_of(loop))
        split(settings, ClientSettings)
        self._given = settings
        self.loop = loop

    def connect(
        self,
        host: str | None = None,
        port: int | None = None,
        on_connect: Callable[[Connection], object] | None = None,
        *,
        path: Any = None,
        **settings: Unpack[ConnectKeywords],
    ) -> Connection:
        """Return a new connection of the group, in state "connecting". As the function `connect` in all else."""
        conn = open_client(self, host, port, on_connect, path, {**self._given, **settings})
        self._loop.tenants[self] = self
        return conn

    @property
    def connections(self) -> KeysView[Connection]:
        """A live view of the clients whose `close` was not delivered yet."""
        return self._connections.keys()

    def _connection_closed(self, conn: Connection) -> None:
        super()._connection_closed(conn)
        if not self._connections:
            self._loop.tenants.pop(self, None)

    def _add_listener(self, event: str, fn: Listener, once: bool) -> None:
        (self._listeners.add_once if once else self._listeners.add)(event, fn)
        self._refresh_connections()

    def _remove_listener(self, event: str, fn: Listener) -> None:
        self._listeners.discard(event, fn)
        self._refresh_connections()

    def _refresh_connections(self) -> None:
        for conn in self._connections:
            conn._refresh_listeners()

    def __repr__(self) -> str:
        return f"<ClientGroup connections={len(self._connections)}>"
