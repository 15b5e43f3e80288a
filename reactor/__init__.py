"""reactor: a TCP and Unix-socket server library that ends every connection exactly.

    from reactor import serve
    serve(lambda conn: conn.end(b"Goodbye\\n"), "127.0.0.1", 8080)

A map of the house; imports go downward only:

    __main__     the command line: `python -m reactor`
    cli/         its options, its apps, its process
    testing/     for our tests and for yours: a manual clock, a scripted poller, a peer with bad habits, a simulated
                 kernel
    net/         `server/` and `client/` on `connection/` with its `deadlines/`; `protocols/` say what bytes mean,
                 `sockets/` what the kernel does; `settings` are declared once
    engine/      the event loop: `loop` on `turn`, with pollers, `timers`, `wakeup`, `signals`, `jobs`
    arguments    what callers may pass
    errors       exceptions, by who is at fault
    log          the logger, loaded when it is used
    former       names that are private now
    hints        the names of `typing`, without its cost
"""

from __future__ import annotations

from .engine.loop import Reactor
from .engine.timers import Timer
from .errors import ConnectionClosed, NeverConnected, ReactorError, ServerClosed, WriteAfterEnd, WrongThread
from .hints import TYPE_CHECKING, Any
from .net.connection.account import CloseReport, Reason
from .net.connection.connection import Connection
from .net.server.serve import serve
from .net.server.server import Server
from .net.server.tally import ServerStatistics, ShutdownReport

if TYPE_CHECKING:
    from .engine.statistics import ReactorStatistics
    from .net.client.adopt import adopt
    from .net.client.attempts import AttemptsFailed
    from .net.client.connect import connect
    from .net.client.group import ClientGroup
    from .net.closes import log_closes
    from .net.protocols.framing import length_prefixed, lines
    from .net.sockets.credentials import PeerCredentials

__version__ = "0.1.0"

__all__ = [
    "AttemptsFailed",
    "ClientGroup",
    "CloseReport",
    "Connection",
    "ConnectionClosed",
    "NeverConnected",
    "PeerCredentials",
    "Reactor",
    "ReactorError",
    "ReactorStatistics",
    "Reason",
    "Server",
    "ServerClosed",
    "ServerStatistics",
    "ShutdownReport",
    "Timer",
    "WriteAfterEnd",
    "WrongThread",
    "__version__",
    "adopt",
    "connect",
    "length_prefixed",
    "lines",
    "log_closes",
    "serve",
]


#: What only some programs need, clients and framing, and the modules that are loaded when it is asked for.
_LATER = {
    "AttemptsFailed": ".net.client.attempts",
    "ClientGroup": ".net.client.group",
    "PeerCredentials": ".net.sockets.credentials",
    "ReactorStatistics": ".engine.statistics",
    "adopt": ".net.client.adopt",
    "connect": ".net.client.connect",
    "length_prefixed": ".net.protocols.framing",
    "lines": ".net.protocols.framing",
    "log_closes": ".net.closes",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    found = globals()[name] = getattr(import_module(_LATER[name], __name__), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
