"""A server, as programs see it: what they call, what they ask, its settings.

It owns its acceptors, its connections and their listeners. What happens to a client before `connection` is in
`admission.py`, what a stop does in `stopping.py`, what is counted in `tally.py`.
"""

from __future__ import annotations

from ... import arguments
from ...engine.loop import Reactor, turns_of
from ...errors import ReactorError, ServerClosed
from ...former import Former
from ...hints import TYPE_CHECKING
from ...log import log
from ..connection.account import Reason
from ..connection.listeners import CONNECTION_EVENTS, SERVER_EVENTS, Emitter, Listeners, Once, without
from ..deadlines.keeper import Keeper
from ..settings import CONNECTION_SETTINGS, AtOpening, Live, OfServer, ServerSettings, split
from ..sockets import addresses, options
from .acceptor import Acceptor, acceptors_for, open_listening
from .admission import Admission
from .stopping import Stop, check_stop
from .tally import ServerStatistics, Tally

if TYPE_CHECKING:
    import os
    import socket
    from collections.abc import Callable, KeysView
    from typing import Any, Unpack

    from ..connection.connection import Connection
    from ..connection.listeners import Listener
    from ..keywords import ServerKeywords
    from ..sockets.addresses import Address
    from .listening import Listening
    from .memory import MemoryLimit

    StopCallback = Callable[["Server", Exception | None], object]
else:
    Listening = Emitter


class Server(Live, AtOpening, OfServer, Listening):
    """Accepts connections, and owns them until their `close` was delivered.

    `on_connection(conn)` is added as a listener of `connection`. Settings are keyword arguments and attributes. A
    change of a connection's setting counts for later connections, a change of a limit at once. Raises TypeError or
    ValueError for wrong arguments.

    Events of the server. The events of connections may be listened to here too, for all connections, later ones
    included.

    - `listening(server, address)`: in the turn after `listen`, once for each address, unless it was closed before.
    - `connection(conn)`: a connection was let in.
    - `drop(server, local, remote)`: a client was not let in, by whatever limit. The log has a line in 5 s at most, with
      a count for each cause.
    - `accept_error(server, error)`: accepting failed, by lack of descriptors or memory, at most once a second; or the
      listening socket broke and was closed.
    - `draining(server, deadline)`: a `shutdown` begins; `deadline` is in the reactor's time. The moment for a last
      word.
    - `stopped(server, report)`: the last connection is gone after `close()` or `shutdown()`, or after the only
      listening socket broke; `report` is a `ShutdownReport`.
    """

    # Slots also make an error of a misspelt setting; `help()` has what stands beside one of them.
    __slots__ = {
        **dict.fromkeys((
            "__weakref__", "_acceptors", "_admission", "_connections", "_holding", "_keeper", "_limits", "_listeners",
            "_loop", "_memory", "_own_listeners", "_ref", "_settings", "_stop", "_tally",
        )),
        "loop": "The reactor on which this server runs.",
    }  # fmt: skip

    _stop: Stop | None
    _memory: MemoryLimit | None

    _EVENTS = CONNECTION_EVENTS + SERVER_EVENTS

    get_setting = Former("_get_setting", "settings are attributes; use getattr")
    change_setting = Former("_change_setting", "settings are attributes; use setattr")

    def __init__(
        self,
        loop: Reactor,
        on_connection: Callable[[Connection], object] | None = None,
        **settings: Unpack[ServerKeywords],
    ) -> None:
        self._loop = turns_of(loop)
        self.loop = loop
        self._settings, self._limits = split(settings, ServerSettings)
        self._listeners = Listeners()  # of connection events; all connections share them
        self._own_listeners: dict[str, tuple[Listener, ...]] = {}  # of the server's own events
        self._acceptors: list[Acceptor] = []
        self._connections: dict[Connection, None] = {}
        self._ref, self._holding = True, False
        self._tally = Tally()
        self._stop = self._memory = None
        self._keeper = Keeper(self._loop)
        if self._loop.debug:
            from ..debug import CheckedKeeper

            self._keeper = CheckedKeeper(self._loop)
        self._admission = Admission(self)
        self._apply_limits()
        arguments.maybe_function("on_connection", on_connection)
        if on_connection is not None:
            self.on("connection", on_connection)

    def __setattr__(self, name: str, value: Any) -> None:
        if not hasattr(type(self), name):
            raise arguments.no_attribute(self, name)
        super().__setattr__(name, value)

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
        """Listen on an address, and on one more with each call. Returns the address, which `listening` tells in the
        next turn.

        `host` None is both IP families by one socket, or IPv4 where there is no IPv6; port 0 picks a free one. A name
        is listened on at each of its addresses, on one port for all; the first address is returned, `addresses` has
        all, and `listening` tells each. `path` is that of a Unix socket, `mode` the permission bits of its file (None:
        as the umask says). `sock` or `fd` is a socket that listens already; the server owns it from now on. `backlog`
        is the number of clients that may wait to be accepted. `reuse_port` sets SO_REUSEPORT, `ipv6_only` IPV6_V6ONLY.

        Raises OSError for what the kernel refuses, `ServerClosed` while the server is stopping, `ReactorError` after
        the reactor was closed, TypeError or ValueError for wrong arguments.
        """
        self._loop.check_thread()
        if self._loop.closed:
            raise ReactorError("listen() after the reactor was closed")
        if self._stop is not None:
            raise ServerClosed("listen() while the server is stopping: wait for `stopped`")
        if self._loop.preload:
            from ..preload import preload

            preload()
        opened = open_listening(self._loop.poller, host, port, backlog, path, mode, reuse_port, ipv6_only, sock, fd)
        acceptors = acceptors_for(self._loop, self._admission, opened, self._settings)
        self._acceptors += acceptors
        self._update_hold()
        self._loop.tenants[self] = self
        for acceptor in acceptors:
            self._loop.call_soon(self._tell_listening, acceptor)
        return acceptors[0].address

    def pause_accepting(self) -> None:
        """Leave new clients in the backlog of the kernel until `resume_accepting()`. The connections go on, the server
        listens, and `run()` goes on. It may be called before `listen`. A `shutdown` takes in those who wait.
        """
        self._loop.check_thread()
        self._admission.pause()

    def resume_accepting(self) -> None:
        """Accept again. Harmless when accepting is not paused."""
        self._loop.check_thread()
        self._admission.resume()

    def _tell_listening(self, acceptor: Acceptor) -> None:
        if acceptor in self._acceptors:
            self._emit("listening", acceptor.address)

    @property
    def listening(self) -> bool:
        """True while it accepts connections."""
        return bool(self._acceptors)

    @property
    def addresses(self) -> list[Address]:
        """The addresses on which it listens, one for each listening socket."""
        return [acceptor.address for acceptor in self._acceptors]

    @property
    def connections(self) -> KeysView[Connection]:
        """A live view of the connections whose `close` was not delivered yet."""
        return self._connections.keys()

    # Stopping.

    def close(self, callback: StopCallback | None = None) -> None:
        """Stop accepting at once. The connections survive. `stopped` comes when the last one is gone, then
        `callback(server, None)`; afterwards `listen` may be called again.

        Harmless when it does not listen: then the callback gets `(server, ServerClosed)`, once it has stopped.
        """
        self._loop.check_thread()
        arguments.maybe_callback("callback", callback, "server, error")
        error = None if self._acceptors else ServerClosed("close() of a server that does not listen")
        if error is not None and self._stop is None:
            if callback is not None:
                self._loop.call_soon(callback, self, error)
            return
        stop = self._begin_stop()
        if callback is not None:
            stop.callbacks.append((callback, error))
        if error is not None or stop.deadline is not None:
            return  # a shutdown() of this turn takes in the clients that wait, and then closes
        self._close_acceptors()
        self._loop.call_soon(stop.check)

    def shutdown(self, grace: float = 10.0, end: bool = True, spread: float = 0.0) -> None:
        """Stop in order: take in the clients that wait in the backlog, stop accepting, emit `draining`,
        `destroy_soon()` each connection, and after `grace` seconds (0: now) reset the rest; then `stopped`, with a
        report.

        With `spread`, connections are ended evenly over this many seconds of the grace, and not all at once. With
        `end=False` the server ends none: the program ends each connection when its work is done, and the deadline
        resets the rest. Calling it again can only shorten these times. Harmless when there is nothing to stop.
        """
        self._loop.check_thread()
        check_stop(grace, end, spread)
        if not self._acceptors and self._stop is None and not self._connections:
            return
        now = self._loop.clock_time()
        self._begin_stop().shorten(now + grace, end, now + spread)

    def _begin_stop(self) -> Stop:
        self._stop = self._stop or Stop(self)
        return self._stop

    def _close_acceptors(self) -> None:
        for acceptor in self._acceptors:
            acceptor.close()
        self._acceptors.clear()
        self._update_hold()

    def _acceptor_broken(self, acceptor: Acceptor) -> None:
        """Close a socket that cannot accept any more; the server stops with its last one."""
        if acceptor in self._acceptors:
            self._acceptors.remove(acceptor)
            acceptor.close()
            self._update_hold()
            if not self._acceptors:
                self._loop.call_soon(self._begin_stop().check)

    def _abandon(self) -> None:
        """The reactor closes: stop at once, and end every connection."""
        self.close()
        for conn in list(self._connections):
            conn._cut(Reason.DESTROYED)

    # What the connections report (owner.Owner).

    @property
    def server(self) -> Server:
        """This server itself."""
        return self

    def _connection_torn(self, conn: Connection) -> None:
        if self._memory is not None:
            self._memory.forget(conn)
        self._admission.left(conn.remote_address)

    def _connection_closed(self, conn: Connection) -> None:
        del self._connections[conn]
        assert conn.report is not None
        self._tally.add(conn.report)
        if self._stop is not None:
            self._stop.check()

    # Listeners.

    def _add_listener(self, event: str, fn: Listener, once: bool) -> None:
        listener = Once(fn, lambda done: self._remove_listener(event, done)) if once else fn
        if event in CONNECTION_EVENTS:
            self._listeners.add(event, listener)
            self._refresh_connections()
        else:
            self._own_listeners[event] = (*self._own_listeners.get(event, ()), listener)

    def _remove_listener(self, event: str, fn: Listener) -> None:
        if event in CONNECTION_EVENTS:
            self._listeners.discard(event, fn)
            self._refresh_connections()
        else:
            self._own_listeners[event] = without(self._own_listeners.get(event, ()), fn)

    def _refresh_connections(self) -> None:
        for conn in self._connections:
            conn._refresh_listeners()

    def _emit(self, event: str, *args: Any) -> None:
        for listener in self._own_listeners.get(event, ()):
            try:
                listener(self, *args)
            except Exception:
                log.exception("a listener of %s raised", self)
            except BaseException as error:
                self._loop.keep(error)

    # Settings.

    def _get_setting(self, name: str) -> Any:
        return getattr(self._settings if name in CONNECTION_SETTINGS else self._limits, name)

    def _change_setting(self, name: str, value: Any) -> None:
        if name in CONNECTION_SETTINGS:
            self._settings = self._settings.replaced(name, value)
            if name in ("no_delay", "keep_alive", "oob_inline"):
                held = self._settings
                for acceptor in self._acceptors:
                    options.inherit_options(acceptor.sock, held.no_delay, held.keep_alive, held.oob_inline)
        else:
            self._limits = self._limits.replaced(name, value)
            self._apply_limits()
            for acceptor in self._acceptors:
                acceptor.watch()  # there may be room now

    def _apply_limits(self) -> None:
        inside = [conn for conn in self._connections if conn.fileno() >= 0]
        self._admission.apply_limits(inside)
        if self._limits.memory_limit is not None or self._memory is not None:
            from .memory import memory_limit_for  # here: it is loaded only where there is a limit

            self._memory = memory_limit_for(self.loop, self._limits.memory_limit, inside, self._memory)
            self._keeper.memory = self._memory

    # Holding the reactor.

    def ref(self) -> None:
        """Make `run()` wait for this server while it listens, as it does at first."""
        self._ref = True
        self._update_hold()

    def unref(self) -> None:
        """Do not make `run()` wait for this server."""
        self._ref = False
        self._update_hold()

    def _update_hold(self) -> None:
        wanted = self._ref and bool(self._acceptors)
        if wanted != self._holding:
            self._holding = wanted
            (self._loop.hold if wanted else self._loop.release)()

    # Looking in.

    def statistics(self) -> ServerStatistics:
        """The counts of this moment, as a `ServerStatistics`."""
        return self._tally.statistics(self._admission.inside, self._connections)

    def __repr__(self) -> str:
        where = ", ".join(addresses.show(address) for address in self.addresses) or "not listening"
        return f"<Server {where} connections={len(self._connections)}>"
