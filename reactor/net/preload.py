"""What the library loads late, loaded at once: a program that serves may outlive the files it was started from.

`import reactor` loads what every server needs, and the rest is loaded where it is used first. A package manager that
replaces the package under a running server, or a cleaner that removes its directory, would make that a
`ModuleNotFoundError` in the middle of a listener, or mix two versions in one process. So the first `listen` or
`connect` of a program loads all modules that a public call may need, but for the command line and `reactor.testing`,
which are programs of their own.

Modules of the standard library are loaded late as before (`logging`, `concurrent.futures`, ...): what replaces these
replaces the interpreter. gunicorn and nginx have everything in memory when they begin to serve; Node and asyncio load
late, and their users meet the error.
"""

from __future__ import annotations

import sys
from importlib import import_module

_OF_THE_PLATFORM = ("engine.epoll_poller",) if sys.platform == "linux" else ()
#: In the order in which they are loaded. A test compares it with the files.
LATE = (
    "engine.ahead", "engine.alive", "engine.answer", "engine.own_thread", "engine.pool", "engine.selector_poller",
    *_OF_THE_PLATFORM, "engine.signals", "engine.slow", "engine.statistics", "engine.urgent", "engine.watch",
    "net.client.adopt", "net.client.attempt", "net.client.attempts", "net.client.clients", "net.client.connect",
    "net.client.group", "net.client.names", "net.client.stand_in", "net.closes", "net.connection.cork",
    "net.connection.handover", "net.connection.owner", "net.connection.pipes", "net.connection.sending",
    "net.connection.silence", "net.connection.text", "net.debug", "net.limits", "net.protocols.framing",
    "net.server.gate", "net.server.memory", "net.server.process_stop", "net.sockets.credentials", "net.sockets.given",
    "net.sockets.networks", "net.sockets.unix",
)  # fmt: skip


def preload() -> bool:
    """Load what is not loaded yet. True: there were no descriptors or no memory for it, and the next call may try
    again.
    """
    package = __name__.removesuffix(".net.preload")
    try:
        for name in LATE:
            import_module(f"{package}.{name}")
    except (OSError, MemoryError):
        return True
    return False
