"""Built-in apps of the command line: the small services of RFC 862 to 864, the smallest honest server, and a relay,
which is made for a target and so is no entry of `BUILT_IN`.

An app is a function that is called with each new connection.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from ..net.client.connect import connect
from ..net.connection.connection import Connection
from ..net.settings import CONNECTION_SETTINGS
from ..net.sockets.addresses import Address, show

log = logging.getLogger("reactor")

App = Callable[[Connection], object]


def echo(conn: Connection) -> None:
    """Send back what comes in (RFC 862). Who does not read is not read from."""

    @conn.on("data")
    def send_back(conn: Connection, data: bytes) -> None:
        if not conn.write(data):
            conn.pause()

    conn.on("drain", Connection.resume)


def goodbye(conn: Connection) -> None:
    """Send `Goodbye` and end."""
    conn.end(b"Goodbye\n")


def discard(conn: Connection) -> None:
    """Read, count and drop what comes in (RFC 863): what a connection does when nobody listens to `data`."""


LINE = 72  # characters, as in RFC 864's example


def _pattern() -> bytes:
    """RFC 864: lines of printable ASCII, each beginning one character later; the 95th brings it round."""
    ring = bytes(range(0x20, 0x7F))
    return b"".join((ring * 2)[start : start + LINE] + b"\r\n" for start in range(len(ring)))


PATTERN = _pattern()


def chargen(conn: Connection) -> None:
    """Send the pattern of RFC 864 as fast as it is read, and drop what comes in."""

    @conn.on("drain")
    def send_on(conn: Connection) -> None:
        while conn.write(PATTERN):
            pass

    send_on(conn)


def relay(to: Address, **of_clients: Any) -> App:
    """An app that connects each client to `to`, and passes on what either side says, and how it ends."""

    def pass_on(conn: Connection) -> None:
        assert conn.server is not None
        settings = {name: getattr(conn.server, name) for name in CONNECTION_SETTINGS} | of_clients
        loop = conn.server.loop
        target = connect(loop, path=to, **settings) if isinstance(to, str) else connect(loop, *to, **settings)
        target.on("error", unreachable)
        target.on("connect", lambda target: target.off("error", unreachable))
        conn.pipe(target)
        target.pipe(conn)

    def unreachable(target: Connection, error: BaseException) -> None:
        """Its client is reset for it: somebody should know why."""
        log.warning("%s could not be reached: %s", show(to), getattr(error, "strerror", None) or error)

    return pass_on


#: What `python -m reactor` knows by name, and what each does.
BUILT_IN: dict[str, tuple[App, str]] = {
    "echo": (echo, "sends back what comes in (RFC 862)"),
    "goodbye": (goodbye, "sends the line Goodbye and ends: the smallest honest server"),
    "discard": (discard, "reads and drops what comes in (RFC 863)"),
    "chargen": (chargen, "sends a pattern of characters as fast as it is read (RFC 864)"),
}
