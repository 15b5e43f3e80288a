"""Admission: the way of a new client from accept to the server's `connection` event.

    accept        `acceptor.py`; where clients wait for room, none is accepted before there is some (`has_room`)
    gate          the server's limits, by the client's address (`gate.py`); a server without limits has no gate
    connection    the server has one more connection, and its listeners hear of it

A client that the gate refuses is counted by cause, told as `drop`, and closed or reset, as `when_full` says. Admission
alone counts the clients inside: they are the ones that the limits count, from the gate until their descriptor is free
again. So a step that takes time belongs between the two halves of `admit`: its clients count as inside, and the server
hears of none before the step is done.
"""

from __future__ import annotations

from math import inf

from ...hints import TYPE_CHECKING
from ...log import log
from ..connection.connection import Connection
from ..sockets import addresses, options
from .pressure import give_up

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, Protocol

    from ...engine.timers import Timer
    from ...engine.turn import Turns
    from ..connection.listeners import Listener, Listeners
    from ..connection.owner import Owner
    from ..settings import ServerSettings, Settings
    from ..sockets.addresses import Address
    from ..sockets.sock import Sock
    from .acceptor import Acceptor
    from .gate import Gate
    from .tally import Tally

    class Admitting(Owner, Protocol):
        """What admission needs of its server."""

        _loop: Turns
        _settings: Settings
        _limits: ServerSettings
        _tally: Tally
        _acceptors: list[Acceptor]
        _connections: dict[Connection, None]
        _listeners: Listeners
        _own_listeners: dict[str, tuple[Listener, ...]]
        _ref: bool

        def _emit(self, event: str, *args: Any) -> None: ...
        def _acceptor_broken(self, acceptor: Acceptor) -> None: ...


class Admission:
    """Of one server. The acceptors call it."""

    __slots__ = ("_connection_type", "_gate", "_reopening", "_server", "inside", "queues", "quiet_until", "shut")

    _gate: Gate | None
    _reopening: Timer | None

    def __init__(self, server: Admitting) -> None:
        self._server = server
        self._connection_type = _checked() if server._loop.debug else Connection
        #: The number of clients inside. A connection has left when its descriptor is free, before its `close` is told.
        self.inside = 0
        #: True if clients for which there is no room wait in the backlog, and are not refused.
        self.queues = False
        #: True while the program has paused accepting: there is room for nobody, and all wait in the backlog.
        self.shut = False
        #: The acceptors shed and log nothing before this time.
        self.quiet_until = 0.0
        self._gate = self._reopening = None

    def apply_limits(self, inside: Iterable[Connection]) -> None:
        """A limit of the server has changed; `inside` are the connections that count."""
        limits = self._server._limits
        if limits.gated or self._gate is not None:
            from .gate import gate_for  # here: it is loaded only where there is a limit

            self._gate = gate_for(self._server._loop, limits, (conn.remote_address for conn in inside), self._gate)
        self._decide_queues()

    def _decide_queues(self) -> None:
        self.queues = self.shut or (self._gate is not None and self._server._limits.when_full == "wait")

    def renew(self, inside: list[Connection]) -> None:
        """In a forked child: these clients are inside, and no others."""
        self.inside = len(inside)
        self.quiet_until = 0.0
        self._gate = self._reopening = None
        self.apply_limits(inside)

    # A client comes.

    def admit(self, sock: Sock, remote: Address, acceptor: Acceptor) -> None:
        """Let in a client that was accepted, or refuse it."""
        if self._gate is not None and (cause := self._gate.refusal(remote, self.inside, self._server._loop.now)):
            self._gate.refusals.note(cause, remote)
            self._refuse(sock, remote, acceptor, cause)
            return
        self.inside += 1
        # Past the gate. A step that takes time divides this method here.
        server = self._server
        server._tally.accepted += 1
        conn = self._connection_type(
            server._loop, server, sock, remote, acceptor.accepted_address, server._settings, server._listeners
        )
        server._connections[conn] = None
        if server._settings.pause_on_connect:
            conn.pause()
        if not server._ref:
            conn._set_ref(False)
        conn._flush_soon()
        for listener in server._own_listeners.get("connection", ()):
            if not conn._life.over:
                try:  # `_guarded` in place: every connection passes here
                    listener(conn)
                except BaseException as error:
                    conn._raised(error)

    def _refuse(self, sock: Sock, remote: Address, acceptor: Acceptor, cause: str) -> None:
        server = self._server
        server._tally.refused[cause] += 1
        if server._own_listeners.get("drop"):
            server._loop.call_soon(
                server._emit, "drop", acceptor.accepted_address or addresses.local_address(sock), remote
            )
        if server._limits.when_full == "reset":
            options.reset_on_close(sock)
        sock.close()

    # A client goes.

    def left(self, remote: Address) -> None:
        """The descriptor of a client inside is free again."""
        self.inside -= 1
        if self._gate is not None:
            self._gate.left(remote)
        self._reopen()

    # Room.

    def has_room(self) -> bool:
        """False: no client may come in now. The acceptors leave them in the backlog until there is room."""
        server = self._server
        if self.shut:
            self._leave_all()
            return False
        wait = 0.0 if self._gate is None else self._gate.wait(self.inside, server._loop.now)
        if not wait:
            return True
        self._leave_all()
        if self._reopening is not None:
            self._reopening.cancel()
        self._reopening = server._loop.call_later(wait, self._reopen).unref() if wait < inf else None
        return False

    def _leave_all(self) -> None:
        for acceptor in self._server._acceptors:
            acceptor.unwatch()

    def pause(self) -> None:
        """Leave clients in the backlog until `resume`."""
        self.shut = True
        self._decide_queues()
        self._leave_all()

    def resume(self) -> None:
        """Accept again."""
        self.shut = False
        self._decide_queues()
        self._reopen()

    def _reopen(self) -> None:
        """A place, a descriptor or a token has come back, or the program accepts again."""
        for acceptor in self._server._acceptors:
            if not acceptor.watched:
                acceptor.watch()

    # Trouble.

    def make_room(self) -> int:
        """Descriptors have run out: give connections up. Returns the number of descriptors that become free."""
        server = self._server
        return give_up(server._connections, server._limits.give_up_idle, server._loop.now)

    def accept_failed(self, error: OSError, shed: int, broken: Acceptor | None) -> None:
        """accept(2) has failed: `shed` clients were reset for it, and the socket of `broken` is of no more use."""
        server = self._server
        server._tally.refused["descriptors"] += shed
        log.warning(
            "%s with %d connections open%s",
            error.strerror,
            self.inside,
            f"; {shed} waiting clients were reset" if shed else "",
            extra={"open_connections": self.inside, "shed": shed, "error_number": error.errno},
        )
        if broken is not None:
            server._acceptor_broken(broken)
        server._emit("accept_error", error)

    def stopped(self) -> None:
        """The server has stopped: log the refusals that were not logged yet."""
        if self._gate is not None:
            self._gate.refusals.close()


def _checked() -> type[Connection]:
    from ..debug import CheckedConnection

    return CheckedConnection
