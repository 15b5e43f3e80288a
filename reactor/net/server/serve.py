"""`serve`: a server process in one call."""

from __future__ import annotations

from ... import arguments
from ...engine.loop import Reactor
from ...hints import TYPE_CHECKING
from .server import Server
from .stopping import check_stop

if TYPE_CHECKING:
    import os
    from collections.abc import Callable
    from typing import Any, Literal, Unpack

    from ..connection.connection import Connection
    from ..keywords import ServerKeywords
    from .tally import ShutdownReport


def serve(
    on_connection: Callable[[Connection], object],
    host: str | None = None,
    port: int = 0,
    *,
    path: str | bytes | os.PathLike[Any] | None = None,
    mode: int | None = None,
    grace: float = 10.0,
    end: bool = True,
    spread: float = 0.0,
    backlog: int = 4096,
    debug: bool = False,
    on_server: Callable[[Server], object] | None = None,
    log_closes: Literal["text", "json"] | None = None,
    **settings: Unpack[ServerKeywords],
) -> ShutdownReport:
    """Serve until SIGTERM or SIGINT, stop in order within `grace` seconds, and return the report.

    The first signal calls `Server.shutdown(grace, end, spread)`, the second resets what is left. `on_server(server)`
    is called before the server listens, to add listeners. `path`, `mode` and `backlog` are `Server.listen`'s, `debug`
    the `Reactor`'s; other keyword arguments are the server's settings. `log_closes`, "text" or "json", logs each
    connection when it closes (`reactor.log_closes`). Raises OSError where it cannot listen, and ValueError outside the
    main thread, since it listens to signals.
    """
    import threading

    check_stop(grace, end, spread)
    arguments.function("on_connection", on_connection)
    arguments.maybe_callback("on_server", on_server, "server")
    if threading.current_thread() is not threading.main_thread():
        raise ValueError("serve() listens to signals and so must be called from the main thread; see start_thread()")
    reports: list[ShutdownReport] = []
    with Reactor(debug=debug) as loop:
        server = Server(loop, on_connection, **settings)
        server.on("stopped", lambda _, report: reports.append(report))
        if log_closes is not None:
            from ..closes import log_closes as add

            add(server, log_closes)
        if on_server is not None:
            on_server(server)
        # Before listen(): a signal that comes while it opens the port is not lost.
        stop_on_signals(loop, server, grace, end, spread)
        server.listen(host, port if path is None else port or None, backlog, path=path, mode=mode)
        loop.run()
    return reports[-1]  # also if the program stopped the loop itself: closing the reactor stops its servers


def stop_on_signals(loop: Reactor, server: Server, grace: float, end: bool = True, spread: float = 0.0) -> None:
    """Stop the server within `grace` seconds after a SIGTERM or SIGINT; a second signal resets what is left."""
    import signal

    def stop(signum: int) -> None:
        nonlocal grace, spread
        server.shutdown(grace, end, spread)
        grace = spread = 0.0  # for a second signal

    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.on_signal(signum, stop)
