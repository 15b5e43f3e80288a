"""The built-in apps of the command line: the small services of RFC 862 to 864, `goodbye`, and a relay.

An app is a function that is called with each new connection. `relay` makes an app for one target, so it is not in the
table `BUILT_IN`.
"""

from __future__ import annotations

from collections.abc import Callable

from ..hints import TYPE_CHECKING
from ..log import log
from ..net.client.connect import connect
from ..net.closes import described
from ..net.connection.connection import Connection
from ..net.settings import CONNECTION_SETTINGS
from ..net.sockets.addresses import show

if TYPE_CHECKING:
    from typing import Any

    from ..net.sockets.addresses import Address

App = Callable[[Connection], object]


def echo(conn: Connection) -> None:
    """Send back all input (RFC 862). Reading stops while the client does not read."""

    @conn.on("data")
    def send_back(conn: Connection, data: bytes) -> None:
        if not conn.write(data):
            conn.pause()

    conn.on("drain", Connection.resume)


def goodbye(conn: Connection) -> None:
    """Send the line `Goodbye`, then end."""
    conn.end(b"Goodbye\n")


def discard(conn: Connection) -> None:
    """Read, count and drop all input (RFC 863). A connection without a `data` listener does that by itself."""


PRINTABLE = bytes(range(0x20, 0x7F))  # of ASCII
LINE = 72  # characters, as in RFC 864's example
#: The 95 lines of RFC 864, each beginning one character later.
PATTERN = b"".join((PRINTABLE * 2)[start : start + LINE] + b"\r\n" for start in range(len(PRINTABLE)))


def chargen(conn: Connection) -> None:
    """Send the pattern of RFC 864 as fast as the client reads; drop all input."""

    @conn.on("drain")
    def send_on(conn: Connection) -> None:
        while conn.write(PATTERN):
            pass

    send_on(conn)


def relay(to: Address, **of_clients: Any) -> App:
    """An app that connects each client to `to` and passes on all bytes and the end, in both directions."""

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
        """The pipe resets the client; only this line tells why."""
        log.warning("%s could not be reached: %s", show(to), described(error), extra={"peer": show(to)})

    return pass_on


#: The apps that `python -m reactor` knows by name; the text is for `--help`.
BUILT_IN: dict[str, tuple[App, str]] = {
    "echo": (echo, "sends back all input (RFC 862)"),
    "goodbye": (goodbye, "sends the line Goodbye and ends the connection"),
    "discard": (discard, "reads and drops all input (RFC 863)"),
    "chargen": (chargen, "sends a pattern of characters without end (RFC 864)"),
}
