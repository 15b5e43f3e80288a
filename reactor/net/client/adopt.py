"""`adopt`: a socket that is connected already becomes a connection.

Such a socket comes from elsewhere: descriptor 0 of a program that inetd or systemd (`Accept=yes`) has started for one
client, a socket pair, SCM_RIGHTS of another process, `detach()` of another reactor, or a library that has made the
first steps by itself. It is a client of the program, as those of `connect` are: no server counts it or ends it.
"""

from __future__ import annotations

from ...engine.loop import Reactor, turns_of
from ...errors import ReactorError
from ...hints import TYPE_CHECKING
from ..connection.outbuf import bytes_view
from ..settings import NoMoreSettings, split
from ..sockets import options
from ..sockets.given import check_connected, taken_over
from .clients import clients_of

if TYPE_CHECKING:
    import socket
    from typing import Unpack

    from typing_extensions import Buffer

    from ..connection.connection import Connection
    from ..keywords import ConnectionKeywords


def adopt(loop: Reactor, sock: socket.socket, data: Buffer = b"", **settings: Unpack[ConnectionKeywords]) -> Connection:
    """Return a connection over a TCP or Unix socket that is connected already, in state "open".

    The connection owns the descriptor from now on, and `sock` has none any more (`fileno()` is -1). The socket may be
    blocking: it is made non-blocking. `data` is what was read of it before: it is delivered first, and counts as
    received, so `adopt(loop, *conn.detach())` loses nothing. Settings are those of connections, as `connect` takes
    them.

    Nothing is emitted before this returns, and `connect` and `ready` never. If the peer has gone already, that is told
    as of any connection. The connection has no server, and keeps `run()` going unless `unref()` is called.

    Raises TypeError for what is no `socket.socket`, and for an `ssl.SSLSocket`; ValueError for a socket that is not
    connected, that listens, that is no stream socket, or that this reactor has in use; ReactorError after the reactor
    was closed. What is refused stays the caller's, unchanged.
    """
    turns = turns_of(loop)
    turns.check_thread()
    remote = check_connected(sock, turns.poller.handlers)
    early = bytes(bytes_view(data))
    held, _ = split(settings, NoMoreSettings)
    if turns.closed:
        raise ReactorError("adopt() after the reactor was closed")
    if turns.preload:
        from ..preload import preload

        preload()
    ours = taken_over(turns.poller.system, sock)
    options.set_no_delay(ours, held.no_delay)
    if held.keep_alive:
        options.set_keep_alive(ours, True, None if held.keep_alive is True else held.keep_alive)
    if held.oob_inline:
        options.set_oob_inline(ours, True)
    return clients_of(turns)._adopt(ours, remote, held, early)
