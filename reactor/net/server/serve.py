"""`serve`: a server process in one call."""

from __future__ import annotations

from ... import arguments
from ...engine.loop import Reactor
from ...hints import TYPE_CHECKING
from ...log import log
from ..sockets.addresses import show
from .endings import FIN_WAIT
from .server import Server
from .stopping import check_stop

if TYPE_CHECKING:
    import os
    import socket
    from collections.abc import Callable
    from typing import Any, Literal, Unpack

    from ..connection.connection import Connection
    from ..keywords import ServerKeywords
    from ..sockets.addresses import Address
    from .stopping import How
    from .tally import ShutdownReport


def serve(
    on_connection: Callable[[Connection], object] | None = None,
    host: str | None = None,
    port: int = 0,
    *,
    path: str | bytes | os.PathLike[Any] | None = None,
    mode: int | None = None,
    reuse_port: bool = False,
    sock: socket.socket | None = None,
    fd: int | None = None,
    grace: float = 10.0,
    end: How = True,
    spread: float = 0.0,
    fin_wait: float | None = FIN_WAIT,
    backlog: int = 4096,
    debug: bool = False,
    on_server: Callable[[Server], object] | None = None,
    log_closes: Literal["text", "json"] | None = None,
    **settings: Unpack[ServerKeywords],
) -> ShutdownReport:
    """Serve until SIGTERM or SIGINT, stop in order within `grace` seconds, and return the report.

    The first signal calls `Server.shutdown(grace, end, spread, fin_wait)`. When the server has stopped, by a signal or
    by the program, other servers and clients of the reactor are ended too, jobs in threads may end within what is left
    of the grace, and then the reactor is closed, whatever else is alive on it. A second signal resets what is left and
    ends at once; a third ends the process also while a listener blocks.

    `on_connection(conn)` may be left out if `on_server(server)`, which is called before the server listens, adds the
    listeners. `path`, `mode`, `reuse_port`, `sock`, `fd` and `backlog` are `Server.listen`'s, `debug` the `Reactor`'s;
    other keyword arguments are the server's settings. Where it listens is logged at INFO. `log_closes`,
    "text" or "json", logs each connection when it closes (`reactor.log_closes`).

    Raises OSError where it cannot listen, TypeError or ValueError for wrong arguments, and ValueError outside the main
    thread, since it listens to signals.
    """
    import threading

    from .process_stop import ProcessStop

    check_stop(grace, end, spread, fin_wait)
    arguments.maybe_function("on_connection", on_connection)
    arguments.maybe_callback("on_server", on_server, "server")
    if on_connection is None and on_server is None:
        raise TypeError("on_connection must be a function, or on_server one that adds the listeners: both are None")
    if threading.current_thread() is not threading.main_thread():
        raise ValueError("serve() listens to signals and so must be called from the main thread; see start_thread()")
    elsewhere = path is not None or sock is not None or fd is not None
    with Reactor(debug=debug) as loop:
        server = Server(loop, on_connection, **settings)
        stop = ProcessStop(server, grace, end, spread, fin_wait)
        server.on("listening", log_listening)
        if log_closes is not None:
            from ..closes import log_closes as add

            add(server, log_closes)
        if on_server is not None:
            on_server(server)
        try:
            stop.listen()  # before the server: a signal that comes while it opens the port is not lost
            server.listen(
                host, port or None if elsewhere else port, backlog,
                path=path, mode=mode, reuse_port=reuse_port, sock=sock, fd=fd,
            )  # fmt: skip
            loop.run()
        finally:
            loop.close()
            stop.restore()
    return stop.reports[-1]  # also if the program stopped the loop itself: closing the reactor stops its servers


def log_listening(server: Server, address: Address) -> None:
    """Log where a server listens."""
    log.info("listening on %s", show(address))
