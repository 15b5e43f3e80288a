"""A server: its listening sockets, its connections, its limits, and how it stops in order."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, KeysView
from math import inf

from ... import arguments
from ...engine.loop import Reactor, turns_of
from ...engine.timers import Timer
from ...errors import ReactorError, ServerClosed
from ...hints import TYPE_CHECKING, Any
from ...log import log
from ..connection.account import Reason
from ..connection.connection import Connection
from ..connection.listeners import CONNECTION_EVENTS, SERVER_EVENTS, Emitter, Listeners, Once, without
from ..connection.listeners import Listener as Function
from ..deadlines.agenda import Schedule
from ..settings import CONNECTION_SETTINGS, SERVER_SETTINGS, Deadlined, ServerSettings, Setting, split
from ..sockets import addresses, options
from ..sockets.addresses import Address
from .acceptor import Listener, open_listening
from .pressure import give_up
from .stopping import Stop, StopCallback, check_stop
from .tally import ServerStatistics, Tally

if TYPE_CHECKING:
    from .gate import Gate
    from .memory import Ledger


class Server(Deadlined, Emitter):
    """Accepts connections and owns them until their `close` was delivered.

    `on_connection(conn)` is added as a listener of `connection`. Settings are keyword arguments and
    attributes; those of connections count for later ones, limits of the server at once.

    Own events: `listening(server, address)` · `connection(conn)` · `drop(server, local, remote)` ·
    `accept_error(server, error)` · `draining(server, deadline)` · `stopped(server, report)`. Every connection
    event may be listened to here too, for all connections.
    """

    # Also so that a setting misspelt as an attribute is an error.
    __slots__ = (
        "__weakref__", "_connection_type", "_connections", "_gate", "_holding", "_limits", "_listeners", "_loop",
        "_open", "_own", "_ref", "_reopening", "_settings", "_stop", "_table", "_tally", "ledger", "loop",
        "quiet_until", "schedule",
    )  # fmt: skip

    _EVENTS = CONNECTION_EVENTS + SERVER_EVENTS

    max_connections = Setting[int | None]()
    max_per_address = Setting[int | None]()
    accept_rate = Setting[Any]()
    when_full = Setting[str]()
    block = Setting[Any]()
    allow = Setting[Any]()
    memory_limit = Setting[int | None]()
    give_up_idle = Setting[float | None]()
    no_delay = Setting[bool]()
    keep_alive = Setting[bool | float]()
    pause_on_connect = Setting[bool]()

    def __init__(
        self, loop: Reactor, on_connection: Callable[[Connection], object] | None = None, **settings: Any
    ) -> None:
        self._loop = turns_of(loop)
        self.loop = loop
        self._settings, self._limits = split(settings, ServerSettings)
        self._table = Listeners()
        self._own: dict[str, tuple[Function, ...]] = {}
        self._listeners: list[Listener] = []
        self._connections: dict[Connection, None] = {}
        self._open = 0  # descriptors: less than the connections while a `close` waits to be delivered
        self._ref, self._holding = True, False
        self._stop: Stop | None = None
        self._tally = Tally()
        self._gate: Gate | None = None  # where nobody is refused
        self._reopening: Timer | None = None
        #: What all connections hold together, where that is limited.
        self.ledger: Ledger | None = None
        self._apply_limits()
        #: The deadlines of all connections.
        self.schedule = Schedule(self._loop)
        #: No more shedding and logging before this time, see `listener.py`.
        self.quiet_until = 0.0
        self._connection_type = Connection if not loop.debug else _checked()
        if arguments.maybe_function("on_connection", on_connection) is not None:
            self.on("connection", on_connection)  # type: ignore[type-var]  # not None: checked above

    # Listening.

    def listen(
        self,
        host: str | None = None,
        port: int | None = None,
        backlog: int = 4096,
        *,
        path: str | bytes | os.PathLike[Any] | None = None,
        mode: int | None = None,
        reuse_port: bool = False,
        ipv6_only: bool = False,
        sock: socket.socket | None = None,
        fd: int | None = None,
    ) -> Address:
        """Listen on an address, also on several by several calls; where it listens is returned, and told by
        `listening` in the next turn.

        `host` None is both families by one socket; port 0 picks a free one. `path` is that of a Unix socket,
        `mode` the permission bits of its file (None: as the umask says); see `unix_paths.py`. `sock` or `fd` is a
        socket that listens already, owned by the server from now on. Raises OSError for what the kernel refuses,
        and `ServerClosed` while the server is stopping.
        """
        self._check_may_listen()
        system = self._loop.poller.system
        opened = open_listening(system, host, port, backlog, path, mode, reuse_port, ipv6_only, sock, fd)
        try:
            options.inherit_options(opened.sock, self._settings.no_delay, self._settings.keep_alive)
            listener = Listener(self._loop, self, opened)
        except BaseException:
            opened.close()
            raise
        self._listeners.append(listener)
        self._update_hold()
        self._loop.tenants[self] = self
        self._loop.call_soon(self._listening, listener)
        return listener.address

    def _check_may_listen(self) -> None:
        self._check_thread()
        if self._loop.closed:
            raise ReactorError("listen() after the reactor was closed")
        if self._stop is not None:
            raise ServerClosed("listen() while the server is stopping: wait for `stopped`")

    def _check_thread(self) -> None:
        if self._loop.debug:
            self._loop.check_thread()

    def _listening(self, listener: Listener) -> None:
        if listener in self._listeners:
            self._emit("listening", listener.address)

    @property
    def listening(self) -> bool:
        """Does it accept connections?"""
        return bool(self._listeners)

    @property
    def addresses(self) -> list[Address]:
        """Where it listens, one entry per listening socket."""
        return [listener.address for listener in self._listeners]

    @property
    def connections(self) -> KeysView[Connection]:
        """A live view of the connections whose `close` was not delivered yet."""
        return self._connections.keys()

    # Stopping.

    def close(self, callback: StopCallback | None = None) -> None:
        """Stop accepting at once; connections live on. `stopped` comes when the last one is gone, then
        `callback(server, None)`.

        Harmless when it does not listen: the callback then gets `(server, ServerClosed)`, once it has stopped.
        """
        self._check_thread()
        arguments.maybe_function("callback", callback)
        error = None if self._listeners else ServerClosed("close() of a server that does not listen")
        if error is not None and self._stop is None:
            if callback is not None:
                self._loop.call_soon(callback, self, error)
            return
        stop = self._begin_stop()
        if callback is not None:
            stop.answers.append((callback, error))
        if error is not None or stop.deadline is not None:
            return  # a shutdown that was called in this turn takes in who waits before it closes
        self._close_listeners()
        self._loop.call_soon(self._check_stopped)

    def shutdown(self, grace: float = 10.0, end: bool = True, spread: float = 0.0) -> None:
        """Stop in order: take in who waits in the backlog, stop accepting, emit `draining`, `destroy_soon()`
        each connection, and after `grace` seconds (0: now) reset the rest; then `stopped`, with a report.

        With `spread`, they are ended evenly over so many seconds of the grace, and not all at once. With
        `end=False` nobody is ended by the server: the program ends each connection when its work is done, and
        the deadline resets the rest. Calling it again can only shorten these times. Harmless when there is
        nothing to stop.
        """
        self._check_thread()
        check_stop(grace, end, spread)
        if not self._listeners and self._stop is None and not self._connections:
            return
        now = self._loop.clock_time()
        self._begin_stop().shorten(now + grace, end, now + spread)

    def _begin_stop(self) -> Stop:
        if self._stop is None:
            self._stop = Stop(self, self._loop.now, self._tally.copy())
        return self._stop

    def abandon(self) -> None:
        """The reactor closes."""
        self.close()
        for conn in list(self._connections):
            conn.cut(Reason.DESTROYED)

    def _close_listeners(self) -> None:
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()
        self._update_hold()

    def _check_stopped(self) -> None:
        stop = self._stop
        if stop is None or self._listeners or self._connections:
            return
        self._stop = None
        stop.cancel()
        if self._gate is not None:
            self._gate.refusals.close()
        self._loop.tenants.pop(self, None)
        report = self._tally.since(stop.tally_before, self._loop.now - stop.started_at)
        for listener in self._own.get("stopped", ()):  # each by a call of its own, since one may leave run()
            self._loop.call_soon(listener, self, report)
        for callback, error in stop.answers:
            self._loop.call_soon(callback, self, error)

    # What the listening sockets ask and say (listener.Host).

    def has_room(self) -> bool:
        """False: clients wait in the kernel's backlog."""
        gate = self._gate
        wait = 0.0 if gate is None or self._limits.when_full != "wait" else gate.wait(self._open, self._loop.now)
        if not wait:
            return True
        for listener in self._listeners:
            listener.unwatch()
        if self._reopening is not None:
            self._reopening.cancel()
        self._reopening = self._loop.call_later(wait, self._reopen).unref() if wait < inf else None
        return False

    def _reopen(self) -> None:
        """A place, a descriptor or a token has come back."""
        for listener in self._listeners:
            if not listener.watched:
                listener.watch()

    def admit(self, sock: socket.SocketType, remote: Address, listener: Listener) -> None:
        if self._gate is not None and (cause := self._gate.refusal(remote, self._open, self._loop.now)):
            self._gate.refusals.note(cause, remote)
            self._refuse(sock, remote, listener, cause)
            return
        self._tally.accepted += 1
        self._open += 1
        conn = self._connection_type(
            self._loop, self, sock, remote, listener.accepted_address, self._settings, self._table
        )
        self._connections[conn] = None
        if self._settings.pause_on_connect:
            conn.pause()
        conn.begin(self._own.get("connection", ()))

    def _refuse(self, sock: socket.SocketType, remote: Address, listener: Listener, cause: str) -> None:
        self._tally.refused[cause] += 1
        if self._own.get("drop"):
            local = listener.accepted_address or addresses.local_address(sock)
            self._loop.call_soon(self._emit, "drop", local, remote)
        if self._limits.when_full == "reset":
            options.reset_on_close(sock)
        sock.close()

    def make_room(self) -> int:
        """Descriptors have run out: give connections up; how many."""
        return give_up(self._connections, self._limits.give_up_idle, self._loop.now)

    def accept_failed(self, error: OSError, shed: int, broken: Listener | None) -> None:
        self._tally.refused["descriptors"] += shed
        told = f"; {shed} waiting clients were reset" if shed else ""
        log.warning("%s with %d connections open%s", error.strerror, self._open, told)
        if broken is not None and broken in self._listeners:
            self._listeners.remove(broken)
            broken.close()
            self._update_hold()
            if not self._listeners:
                self._begin_stop()
                self._loop.call_soon(self._check_stopped)
        self._emit("accept_error", error)

    # What the connections say (ending.Owner).

    @property
    def server(self) -> Server:
        return self

    def connection_torn(self, conn: Connection) -> None:
        self._open -= 1
        if self._gate is not None:
            self._gate.left(conn.remote_address)
        if self.ledger is not None:
            self.ledger.forget(conn)
        self._reopen()

    def connection_closed(self, conn: Connection) -> None:
        report = conn.report
        assert report is not None
        del self._connections[conn]
        self._tally.add(report)
        if self._stop is not None:
            self._check_stopped()

    # Listeners and settings.

    def _add_listener(self, event: str, fn: Function, once: bool) -> None:
        listener = Once(fn, lambda done: self._remove_listener(event, done)) if once else fn
        if event in CONNECTION_EVENTS:
            self._table.add(event, listener)
            self._refresh_connections()
        else:
            self._own[event] = (*self._own.get(event, ()), listener)

    def _remove_listener(self, event: str, fn: Function) -> None:
        if event in CONNECTION_EVENTS:
            self._table.discard(event, fn)
            self._refresh_connections()
        else:
            self._own[event] = without(self._own.get(event, ()), fn)

    def _refresh_connections(self) -> None:
        for conn in self._connections:
            conn.refresh_listeners()

    def _emit(self, event: str, *args: Any) -> None:
        for listener in self._own.get(event, ()):
            try:
                listener(self, *args)
            except Exception:
                log.exception("a listener of %s raised", self)

    def get_setting(self, name: str) -> Any:
        return getattr(self._settings if name in CONNECTION_SETTINGS else self._limits, name)

    def change_setting(self, name: str, value: Any) -> None:
        if name in CONNECTION_SETTINGS:
            self._settings = self._settings.replaced(name, value)
        else:
            self._limits = self._limits.replaced(name, value)
            self._apply_limits()
        for listener in self._listeners:
            if name in ("no_delay", "keep_alive"):
                options.inherit_options(listener.sock, self._settings.no_delay, self._settings.keep_alive)
            elif name in SERVER_SETTINGS:
                listener.watch()  # a limit may have been raised

    def _apply_limits(self) -> None:
        inside = [conn for conn in self._connections if conn.fileno() >= 0]
        if self._limits.gated or self._gate is not None:
            from .gate import gate_for  # here, so that it is loaded only where there is a limit

            self._gate = gate_for(self._loop, self._limits, (conn.remote_address for conn in inside), self._gate)
        if self._limits.memory_limit is not None or self.ledger is not None:
            from .memory import ledger_for

            self.ledger = ledger_for(self._loop, self._limits.memory_limit, inside, self.ledger)

    def ref(self) -> None:
        """Let `run()` go on while this server listens, as it does at first."""
        self._ref = True
        self._update_hold()

    def unref(self) -> None:
        """Do not keep `run()` going for this server alone."""
        self._ref = False
        self._update_hold()

    def _update_hold(self) -> None:
        wanted = self._ref and bool(self._listeners)
        if wanted != self._holding:
            self._holding = wanted
            (self._loop.hold if wanted else self._loop.release)()

    # Looking in.

    def statistics(self) -> ServerStatistics:
        """Counts as of now."""
        return self._tally.statistics(self._open, self._connections)

    def __repr__(self) -> str:
        where = ", ".join(addresses.show(address) for address in self.addresses) or "not listening"
        return f"<Server {where} connections={len(self._connections)}>"


def _checked() -> type[Connection]:
    from ..debug import CheckedConnection

    return CheckedConnection
