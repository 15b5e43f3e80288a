"""A server in the child of a fork: what it puts aside, gives back, and goes on with (`engine/forks.py`)."""

from __future__ import annotations

from ...hints import TYPE_CHECKING
from ..connection import orphan

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, Protocol

    from ...engine.turn import Turns
    from ..connection.connection import Connection
    from .acceptor import Acceptor
    from .admission import Admission
    from .memory import MemoryLimit
    from .stopping import Stop

    class Forked(Protocol):
        """The server, as far as a fork concerns it."""

        _loop: Turns
        _acceptors: list[Acceptor]
        _connections: dict[Connection, None]
        _admission: Admission
        _memory: MemoryLimit | None
        _stop: Stop | None

        def _close_acceptors(self) -> None: ...


def put_aside(server: Forked) -> Iterable[Connection]:
    """The server and its connections are the parent's. Returns the connections."""
    for acceptor in server._acceptors:
        acceptor.on_fork()
    return orphan.put_aside(server._connections)


def give_back(server: Forked) -> None:
    """close(2) all descriptors, and tell nobody."""
    server._stop = None
    server._close_acceptors()
    for conn in server._connections:
        orphan.give_back(conn)
    server._connections.clear()


def renew(server: Forked, kept: list[Any]) -> None:
    """Go on with what listens, and with these connections."""
    if server._stop is not None:  # the parent stops, and this server goes on
        server._stop.give_up()
    for conn in orphan.go_on_with(server._connections, kept, server._admission._connection_type):
        if server._memory is not None:
            server._memory.forget(conn)
    server._admission.renew(kept)
    for acceptor in server._acceptors:
        acceptor.renew()
    if not server._acceptors and not server._connections:
        server._loop.tenants.pop(server, None)
