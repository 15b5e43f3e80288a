"""What is left of a connection that has closed, where only reference counting frees anything."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

from reactor import Connection, Reactor, Server
from reactor.testing import Peer, pump


def left_behind(
    loop: Reactor, greet: Callable[[Connection], object], act: Callable[[Peer], object]
) -> Connection | None:
    """Greet one client that acts like this, and wait until it is gone: its connection, None if that was freed."""
    server = Server(loop, greet)
    address: Any = server.listen("127.0.0.1", 0)
    gc.collect()
    gc.disable()
    try:
        with Peer(address) as peer:
            pump(loop, lambda: server.connections)
            alive = weakref.ref(next(iter(server.connections)))
            act(peer)
            pump(loop, lambda: not server.connections)
        loop.run_once(0)
        return alive()
    finally:
        gc.enable()
