"""`connect`: what programs call to become a client.

It checks the arguments and returns the connection at once, in state "connecting". What is written waits. `end()`, and
`destroy_soon()` after something was written, wait for the connection and deliver; every other ending cancels it.
`stand_in.py` does the work of connecting.
"""

from __future__ import annotations

from ... import arguments
from ...engine.loop import Reactor, turns_of
from ...errors import ReactorError
from ...foreign import shown
from ...hints import TYPE_CHECKING
from ..settings import ClientSettings, split
from ..sockets.addresses import Address, literal_family
from ..sockets.unix import check_path
from .clients import clients_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, Unpack

    from ..connection.connection import Connection
    from ..keywords import ConnectKeywords
    from .clients import Clients


def connect(
    loop: Reactor,
    host: str | None = None,
    port: int | None = None,
    on_connect: Callable[[Connection], object] | None = None,
    *,
    path: Any = None,
    **settings: Unpack[ConnectKeywords],
) -> Connection:
    """Return a new connection to (host, port), or to the Unix socket at `path`, in state "connecting".

    Nothing is emitted before this returns. What is written before the connection is open waits, and is sent then.

    Arguments:

    - `loop`: the reactor that runs the connection.
    - `host`: a name, or an IPv4 or IPv6 address as text. A name is resolved, an address is used as it is.
    - `port`: 0 to 65535.
    - `on_connect(conn)`: added as a listener of `connect`.
    - `path`: a Unix socket, in place of host and port.

    Settings of clients alone. The first three go with host and port only:

    - `local_address`: connect from this (address, port). None in place of the address is any, port 0 is any: then
      connections to different peers may have the same local port. Default None: the kernel chooses both.
    - `family`: `socket.AF_INET` or `socket.AF_INET6`: resolve names to this family only. Default
      `socket.AF_UNSPEC`: both.
    - `lookup(host, family, done)`: resolve names with this function, called on the loop's thread. It calls
      `done(None, addresses)`, with IP addresses as text in the order in which to try them, or `done(error)`, at once
      or later. Only the first call counts. If `lookup` raises, the connection ends with `LISTENER_FAILED`. Default
      None: getaddrinfo(3) in a thread. That cannot be stopped, and the interpreter waits for it at exit.
    - `attempt_delay`: try the next address too when the newest attempt has not answered for this many seconds.
      Default 0.25 (RFC 8305).
    - `connect_timeout`: give up after this many seconds, names and all addresses together, counted from the next turn.
      Default 60. None: give up when the kernel does. A Unix socket whose backlog is full is waited for until then.
    - `before_connect(sock)`: called with the socket of each attempt before bind(2) and connect(2), to set options. If
      it raises, that attempt fails, and the error has what was raised as its `__cause__`. Default None.

    All settings of connections are taken too: `pause_on_connect`, `no_delay`, `keep_alive` and `oob_inline` as
    arguments only, the others (`idle_timeout`, `high_water`, ...) also as attributes of the connection.

    Events:

    - `lookup(conn, error, address, family, host)`: for each address of a name, or once with the error.
    - `connection_attempt(conn, address, port, family)`: an address is tried.
    - `connection_attempt_failed(conn, address, port, family, error)`: that attempt has failed.
    - `connection_attempt_timeout(conn, address, port, family)`: that attempt has not answered for `attempt_delay`. It
      goes on, and the next address is tried beside it.
    - `connect(conn)`: the connection is open.
    - `ready(conn)`: right after `connect`.

    If no attempt succeeds: `error`, then `close`, with reason `CONNECT_FAILED` or `CONNECT_TIMEOUT`.

    Raises TypeError and ValueError for wrong arguments, and ReactorError after the reactor was closed.
    """
    return open_client(clients_of(turns_of(loop)), host, port, on_connect, path, settings)


def open_client(
    clients: Clients, host: Any, port: Any, on_connect: Any, path: Any, settings: Mapping[str, Any]
) -> Connection:
    """A new client of these clients, with checked arguments."""
    turns = clients._loop
    turns.check_thread()
    where = _where(host, port, path, settings)
    arguments.maybe_listener("on_connect", on_connect)
    of_connection, of_client = split(settings, ClientSettings)
    if turns.closed:
        raise ReactorError("connect() after the reactor was closed")
    if not isinstance(where, str):
        _check_families(where[0], of_client)
    if turns.preload:
        from ..preload import preload

        preload()
    conn = clients._add(where, of_connection, of_client)
    if on_connect is not None:
        conn.on("connect", on_connect)
    return conn


def _where(host: Any, port: Any, path: Any, settings: Mapping[str, Any]) -> Address:
    """The checked (host, port) or path. Raises TypeError and ValueError."""
    if path is not None:
        if host is not None or port is not None:
            raise TypeError("connect() takes one of: host and port, or path")
        for name in ("local_address", "family", "lookup"):
            if name in settings:
                raise TypeError(f"{name} goes with host and port, not with path")
        return check_path(path)
    if not isinstance(host, str):
        raise TypeError(f"host must be a name or an address, not {shown(host)}")
    if not host or "\0" in host:
        raise ValueError(f"host must be a name or an address, not {shown(host)}")
    return host, arguments.integer("port", port, 0, 65535)


def _check_families(host: str, settings: ClientSettings) -> None:
    """Raise ValueError if `host`, `family` and `local_address` are not all of one family."""
    literal = literal_family(host)
    local = (
        None
        if settings.local_address is None
        else settings.local_address[0] and literal_family(settings.local_address[0])
    )
    wanted = settings.family or None
    if literal and wanted and literal != wanted:
        raise ValueError(f"family must fit the address {shown(host)}, not be {shown(wanted)}")
    for family in (literal, wanted):
        if local and family and local != family:
            raise ValueError(f"local_address must be of the peer's family, not {shown(settings.local_address)}")
