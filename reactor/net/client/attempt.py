"""One attempt: a socket on its way to one address.

    opened          with the options of its settings
    before_connect  the program's own function may set more: it has the socket before bind(2) and connect(2)
    bound           to the local address, if the program has chosen one
    connecting      until the kernel has decided, which shows as room to write

A Unix socket whose server is slow to accept is refused at once, with EAGAIN, and no event tells when there is room. A
blocking connect(2) waits for it, and so does the attempt: it asks again by a timer, first after 10 ms, then after up to
0.1 s, until `connect_timeout`. So a server that is busy for a moment is no server that is gone. (asyncio takes this
refusal for a connection; libuv reports it.)

A TCP socket can connect to itself: where nobody listens on a port of the ephemeral range, and the kernel gives the
client this same port (RFC 9293, 3.5: simultaneous open). Such a connection echoes whatever is sent, and keeps the
real server from its port. It counts as a port where nobody listens (as in Go's net).
"""

from __future__ import annotations

import errno

from ...engine.poller import WRITE
from ...hints import TYPE_CHECKING
from ..sockets import addresses, kernel, opening, options
from . import names

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from typing import Any, Protocol, TypeVar

    from ...engine.timers import Timer
    from ...engine.turn import Turns
    from ..settings import ClientSettings, Settings
    from ..sockets.addresses import Address
    from .names import Target

    E = TypeVar("E", bound=BaseException)

    class Client(Protocol):
        """What an attempt asks of the client that it is of."""

        @property
        def wanted(self) -> bool: ...  # False: the program has ended it
        def failed(self, target: Target, error: OSError, /) -> None: ...
        def succeeded(self, attempt: Any, sock: socket.socket, local: Address, remote: Address, /) -> None: ...


FIRST_PAUSE = 0.01  # seconds until a full backlog is asked again, twice as many each time,
LONGEST_PAUSE = 0.1  # and up to so many: 10 connect(2) a second cost nothing, and a human notices no delay


class Attempt:
    """One socket on its way to one address."""

    __slots__ = ("_client", "_loop", "_pause", "_retry", "local", "refused", "sock", "target")

    _flowing = False
    _retry: Timer | None
    local: Address | None  #: Where it connects from, if the program has chosen that.
    refused: OSError | None  #: Why it waits to ask again.

    def __init__(self, loop: Turns, client: Client, target: Target) -> None:
        self._loop = loop
        self._client = client
        self.target = target
        self.sock: socket.socket | None = None
        self.local = self.refused = self._retry = None
        self._pause = FIRST_PAUSE

    def begin(self, settings: Settings, client: ClientSettings) -> None:
        """Begin to connect. The outcome is told in a later turn, never inside this call."""
        try:
            self._begin(settings, client)
        except OSError as error:
            self._loop.call_soon(self._client.failed, self.target, bare(error))

    def _begin(self, settings: Settings, client: ClientSettings) -> None:
        target = self.target
        raw = None
        if client.local_address is not None:
            self.local, raw = names.local_end(client.local_address, target)
        sock = self.sock = opening.socket_to_connect(self._loop.poller.system, target.family, target.address)
        options.set_no_delay(sock, settings.no_delay)
        if settings.keep_alive:
            options.set_keep_alive(sock, True, None if settings.keep_alive is True else settings.keep_alive)
        if settings.oob_inline:
            options.set_oob_inline(sock, True)
        if client.before_connect is not None:
            self._prepare(client.before_connect, sock)
            if not self._client.wanted:
                return
        if raw is not None and self.local is not None:
            opening.bind_local(sock, raw, self.local)
        self._connect()

    def _prepare(self, before_connect: Callable[[socket.socket], object], sock: socket.socket) -> None:
        """Call the program. Whatever it raises, this attempt fails, and no other."""
        try:
            before_connect(sock)
            sock.setblocking(False)
        except BaseException as error:
            if isinstance(error, Exception):
                bare(error)
            else:
                self._loop.keep(error)
            code = error.errno if isinstance(error, OSError) else None
            failed = kernel.os_error(code or errno.ECANCELED, "before_connect", self.target.address)
            raise failed from error

    def _connect(self) -> None:
        """Ask the kernel. Raises OSError for what it refuses."""
        sock, target = self.sock, self.target
        assert sock is not None
        if opening.start_connect(sock, target.sockaddr, target.address, self.local):
            self._loop.poller.add(sock.fileno(), WRITE, self)
            if self.local is not None:
                self.local = addresses.local_address(sock) or self.local  # a socket that fails forgets its port
            return
        self.refused = kernel.connect_error(errno.EAGAIN, target.address, self.local)
        self._retry = self._loop.call_later(self._pause, self._connect_again).unref()
        self._pause = min(2 * self._pause, LONGEST_PAUSE)

    def _connect_again(self) -> None:
        try:
            self._connect()
        except OSError as error:
            self._client.failed(self.target, bare(error))

    def _on_ready(self, mask: int) -> None:
        """The kernel has decided: the socket is connected, or has an error."""
        sock, target = self.sock, self.target
        assert sock is not None
        code = kernel.pending_error(sock)
        local = addresses.local_address(sock)
        remote = addresses.remote_address(sock) or target.address
        if not code and local == remote and isinstance(remote, tuple):
            options.reset_on_close(sock)
            code = errno.ECONNREFUSED
        if code:
            self._client.failed(target, kernel.connect_error(code, target.address, self.local))
        else:
            self._client.succeeded(self, sock, local, remote)

    def unwatch(self) -> None:
        """Stop waiting for the kernel; the socket stays open."""
        if self._retry is not None:
            self._retry.cancel()
        poller = self._loop.poller
        if self.sock is not None and poller.handlers.get(self.sock.fileno()) is self:
            poller.remove(self.sock.fileno())

    def close(self, reset: bool) -> None:
        """Close the socket, with RST if `reset`."""
        self.unwatch()
        if self.sock is not None:
            if reset:
                options.reset_on_close(self.sock)
            self.sock.close()


def bare(error: E) -> E:
    """The error without its traceback, whose frames hold the connection. The connection will hold the error, and
    the two would be a reference cycle.
    """
    error.__context__ = None
    return error.with_traceback(None)
