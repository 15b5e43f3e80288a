"""What connections were told, in order: `Heard` notes the events of one connection, `Recorder` those of each connection
of a server. A `Harness` is a server with a recorder, and peers for it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from reactor import CloseReport, Connection, Reactor, Server, ShutdownReport
from reactor.net.connection.listeners import CLIENT_EVENTS, CONNECTION_EVENTS
from reactor.testing import Peer, pump

Events = list[tuple[Any, ...]]


def names(events: Events) -> list[str]:
    """The names of what happened, in order; runs of `data` are one."""
    found: list[str] = []
    for name, *_ in events:
        if name != "data" or not found or found[-1] != "data":
            found.append(name)
    return found


def arguments(events: Events, event: str) -> Events:
    """The arguments of each time that an event came."""
    return [tuple(args) for name, *args in events if name == event]


class Heard:
    """Listens to everything on a connection, and notes (event, *arguments) in order."""

    def __init__(self, conn: Connection, data: bool = True) -> None:
        self.conn = conn
        self.events: Events = []
        for event in CONNECTION_EVENTS + CLIENT_EVENTS:
            if data or event != "data":
                conn.on(event, self._noter(event))

    def _noter(self, event: str) -> Any:
        return lambda conn, *args: self.events.append((event, *args))

    def names(self) -> list[str]:
        return names(self.events)

    def life(self) -> list[str]:
        """The names, but for how it got there."""
        return [name for name in self.names() if name not in ("lookup", "connection_attempt")]

    def of(self, event: str) -> Events:
        return arguments(self.events, event)

    def data(self) -> bytes:
        return b"".join(data for (data,) in self.of("data"))

    def error(self) -> Any:
        """The one error there was."""
        ((error,),) = self.of("error")
        return error

    def report(self, loop: Reactor) -> CloseReport:
        """Take turns until `close` came; its report."""
        pump(loop, lambda: self.conn.report is not None)
        assert self.conn.report is not None
        return self.conn.report


class Recorder:
    """Listens to everything on a server, and notes (event, *arguments) for each of its connections in order.

    `data` is not listened to unless asked for: the library discards what nobody listens to, which some tests are about.
    """

    def __init__(self, server: Server, data: bool = True) -> None:
        self.server = server
        self.connections: list[Connection] = []
        self.events: dict[Connection, Events] = {}
        server.on("connection", self._opened)
        for event in CONNECTION_EVENTS:
            if data or event != "data":
                server.on(event, self._noter(event))

    def _opened(self, conn: Connection) -> None:
        self.connections.append(conn)
        self.events[conn] = []

    def _noter(self, event: str) -> Any:
        return lambda conn, *args: self.events[conn].append((event, *args))

    @property
    def conn(self) -> Connection:
        """The one connection there has been."""
        assert len(self.connections) == 1, self.connections
        return self.connections[0]

    def names(self, conn: Connection | None = None) -> list[str]:
        return names(self.events[conn or self.conn])

    def data(self, conn: Connection | None = None) -> bytes:
        return b"".join(data for (data,) in arguments(self.events[conn or self.conn], "data"))


class Harness:
    """A server on a loop, a recorder on the server, and peers for it: on TCP, or on a Unix socket at `path`."""

    def __init__(self, loop: Reactor, *, data: bool = True, path: Path | None = None, **settings: Any) -> None:
        self.loop = loop
        self.server = Server(loop, **settings)
        self.record = Recorder(self.server, data)
        self.address: Any = self.server.listen("127.0.0.1", 0) if path is None else self.server.listen(path=path)
        self.stops = self.server_told("stopped")
        self._peers: list[Peer] = []

    def connect(self, **options: Any) -> tuple[Peer, Connection]:
        """A peer, and the connection that the server has for it."""
        known = len(self.record.connections)
        peer = Peer(self.address, **options)
        self._peers.append(peer)
        pump(self.loop, lambda: len(self.record.connections) > known)
        return peer, self.record.connections[-1]

    def queue(self, count: int, address: Any = None) -> list[Peer]:
        """Peers that come to a listening socket, the first one or that of an address; no turn is taken."""
        peers = [Peer(address or self.address) for _ in range(count)]
        self._peers += peers
        return peers

    def closed(self, conn: Connection) -> Any:
        """Take turns until the connection's `close` came; its report."""
        pump(self.loop, lambda: conn.report is not None)
        return conn.report

    def server_told(self, event: str) -> Events:
        """The arguments of each time that the server emits this event, from now on; without the server itself."""
        found: Events = []
        on: Any = self.server.on  # the events are not spelt out here
        on(event, lambda server, *args: found.append(args))
        return found

    def stopped(self) -> ShutdownReport:
        """Take turns until the server has stopped; the report of its one stop."""
        pump(self.loop, lambda: self.stops)
        ((report,),) = self.stops
        assert isinstance(report, ShutdownReport)
        return report

    def close_peers(self) -> None:
        for peer in self._peers:
            peer.close()
