"""A listening socket: accept in bounded batches, and what to do when accept fails.

What others do, as of autumn 2026: asyncio pauses for 1 s on EMFILE, ENFILE, ENOBUFS and ENOMEM, but until 3.14 went on
with its batch and scheduled as many restarts (cpython#151615); libuv closes a spare descriptor, accepts and closes
everybody who waits; Go's http server waits 5 ms, doubling to 1 s; trio's server sleeps 100 ms; nginx first gives up
connections that linger or idle. Conclusion, in the order of `_trouble`:

    EAGAIN                   nobody waits
    ECONNABORTED and others  a network error of a client that has gone: the next one (accept(2), "Error handling")
    EMFILE                   give up connections that linger, or have long been idle (`pressure.py`); if there are none,
                             tell a batch of clients now, through a spare descriptor, instead of letting them hang
    ENFILE, ENOBUFS, ENOMEM  only time helps
    anything else            the socket is broken: stop watching it

After the third and fourth the socket is not watched for a second, or until a descriptor comes back: the loop
never spins.

How many it accepts: libuv one for each readiness, since a second accept nearly always finds nobody (libuv#3696), and
asyncio as many as its backlog, until nobody is there. Here the kernel is asked how many wait.
"""

from __future__ import annotations

import errno
import socket

from ... import arguments
from ...engine.poller import READ
from ...engine.turn import Turns
from ...hints import TYPE_CHECKING, Any, NamedTuple, Protocol
from ..sockets import addresses, kernel, opening, options
from ..sockets.addresses import Address

if TYPE_CHECKING:
    from ...engine.timers import Timer
    from ..sockets.unix import SocketFile

ACCEPTS_PER_TURN = 64  # so that a flood of connects leaves room for those who are in
SHED_BATCH = 256  # clients told at once, when there are no descriptors for them
PAUSE = 1.0  # seconds without accepting after trouble, as asyncio's ACCEPT_RETRY_DELAY

_NEXT_CLIENT = frozenset(
    getattr(errno, name)
    for name in (
        "EINTR", "ECONNABORTED", "EPROTO", "ENETDOWN", "ENOPROTOOPT", "EHOSTDOWN", "ENONET", "EHOSTUNREACH",
        "EOPNOTSUPP", "ENETUNREACH", "EPERM", "ETIMEDOUT",
    )
    if hasattr(errno, name)
)  # fmt: skip
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class Host(Protocol):
    """The server behind a listening socket."""

    quiet_until: float  # all its listening sockets together shed and log once in a PAUSE

    def has_room(self) -> bool: ...  # False: leave clients in the backlog for now
    def admit(self, sock: socket.SocketType, remote: Address, listener: Listener) -> None: ...
    def make_room(self) -> int: ...  # how many descriptors come back this turn
    def accept_failed(self, error: OSError, shed: int, broken: Listener | None) -> None: ...


class Opened(NamedTuple):
    """A socket that listens, and the file that goes with it, if we have made one."""

    sock: socket.socket
    file: SocketFile | None = None

    def close(self) -> None:
        if self.file is not None:
            self.file.remove()  # first: while the socket lives, no other file can be taken for this one
        self.sock.close()


class Listener:
    """One listening socket. The server owns it, and closes it."""

    __slots__ = (
        "_family",
        "_fd",
        "_host",
        "_kind",
        "_loop",
        "_opened",
        "_paused",
        "_spare",
        "accepted_address",
        "address",
        "sock",
        "watched",
    )

    _flowing = False

    def __init__(self, loop: Turns, host: Host, opened: Opened) -> None:
        self._loop = loop
        self._host = host
        self._opened = opened
        self.sock = sock = opened.sock
        self._family, self._kind, self._fd = int(sock.family), int(sock.type), sock.fileno()
        #: Where it listens.
        self.address = addresses.local_address(sock)
        #: The local address of those accepted here, if it is the same for all; None behind a wildcard.
        wildcard = isinstance(self.address, tuple) and self.address[0] in ("0.0.0.0", "::")
        self.accepted_address = None if wildcard else self.address
        #: Does it accept when somebody comes?
        self.watched = False
        self._paused: Timer | None = None
        self._register()
        self._spare = self._spare_socket()

    # Watching.

    def watch(self) -> None:
        """Accept when somebody comes; also before the end of a pause. Harmless when it does already. Where there is no
        memory for the registration, it is tried again after a pause.
        """
        self._pause_over()
        if not self.watched:
            try:
                self._register()
            except OSError:
                self._pause_until(self._loop.now + PAUSE)

    def _register(self) -> None:
        self._loop.poller.add(self._fd, READ, self)
        self.watched = True

    def _pause_until(self, moment: float) -> None:
        self._pause_over()
        self._paused = self._loop.call_at(moment, self.watch).unref()

    def _pause_over(self) -> None:
        if self._paused is not None:
            self._paused.cancel()
            self._paused = None

    def unwatch(self) -> None:
        """Leave clients in the backlog."""
        if self.watched:
            self.watched = False
            if self._loop.poller.handlers.get(self._fd) is self:  # else it is closed, and the number somebody else's
                self._loop.poller.remove(self._fd)

    def hide(self) -> None:
        """Nobody can connect from now on, as far as the system offers that: it does where there is a file. Those who
        have connected can still be accepted.
        """
        if self._opened.file is not None:
            self._opened.file.remove()

    def close(self) -> None:
        self.unwatch()
        self._pause_over()
        if self._spare is not None:
            self._spare.close()
            self._spare = None
        self._opened.close()

    # Accepting.

    def _on_ready(self, mask: int) -> None:
        """Somebody waits. To ask how many costs an eighth of an accept that finds nobody."""
        most = kernel.waiting(self.sock) or ACCEPTS_PER_TURN  # 0: somebody waited, or the socket is broken
        self.accept(min(most, ACCEPTS_PER_TURN))

    def accept(self, most: int) -> None:
        """Let in those who wait, `most` of them at most."""
        ipv4 = self._family == socket.AF_INET  # (host, port) as it comes
        for accepted in range(most):
            if not self._host.has_room():
                return
            try:
                sock, raw = opening.accept(self.sock, self._family, self._kind)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in _NEXT_CLIENT:
                    continue
                # accept(2) looks for a free descriptor before it looks whether anybody waits: after the last one was
                # used, only readiness tells.
                if not (accepted and error.errno == errno.EMFILE):
                    self._trouble(error)
                return
            else:
                sock.setblocking(False)
                self._host.admit(sock, raw if ipv4 else addresses.address_of(raw), self)
            if self.sock.fileno() < 0:  # closed by a listener
                return

    def _trouble(self, error: OSError) -> None:
        if error.errno not in _EXHAUSTED:
            self.unwatch()
            self._host.accept_failed(_named(error, self.address), 0, self)
            return
        if error.errno == errno.EMFILE and self._host.make_room():
            return
        now = self._loop.now
        shed = 0
        if now >= self._host.quiet_until:
            self._host.quiet_until = now + PAUSE
            if error.errno == errno.EMFILE:
                shed = self._shed()
            self._host.accept_failed(_named(error, self.address), shed, None)
        self.unwatch()
        if self.sock.fileno() >= 0:
            self._pause_until(self._host.quiet_until)

    def _shed(self) -> int:
        """Accept and reset a batch of clients with the spare descriptor; how many."""
        spare = self._spare or self._spare_socket()
        if spare is None:
            return 0
        spare.close()
        shed = 0
        while shed < SHED_BATCH:
            try:
                sock, _ = self.sock.accept()
            except OSError:
                break
            options.reset_on_close(sock)
            sock.close()
            shed += 1
        self._spare = self._spare_socket()
        return shed

    def _spare_socket(self) -> socket.socket | None:
        """A descriptor to be had back at once: a socket, because those come from where this one does."""
        try:
            return opening.stream_socket(self._loop.poller.system, self._family)
        except OSError:
            return None

    def __repr__(self) -> str:
        return f"<Listener {addresses.show(self.address)}{' paused' if self._paused else ''}>"


def open_listening(
    system: Any,
    host: Any,
    port: Any,
    backlog: Any,
    path: Any,
    mode: Any,
    reuse_port: Any,
    ipv6_only: Any,
    sock: Any,
    fd: Any,
) -> Opened:
    """What the arguments of `Server.listen` ask for. Raises TypeError and ValueError for what they cannot mean."""
    arguments.integer("backlog", backlog, 1, 2**31 - 1)
    arguments.flag("reuse_port", reuse_port)
    arguments.flag("ipv6_only", ipv6_only)
    tcp = host is not None or port is not None
    if tcp + sum(way is not None for way in (path, sock, fd)) > 1:
        raise TypeError("listen() takes one of: host and port, path, sock, or fd")
    if mode is not None and path is None:
        raise TypeError(f"mode is that of the file at path, and there is no path: mode must be None, not {mode!r}")
    if path is not None:
        if reuse_port or ipv6_only:
            raise TypeError("reuse_port and ipv6_only go with host and port, not with path")
        from ..sockets.unix import check_mode, check_path, listen_unix

        path = check_path(path)
        return Opened(*listen_unix(path, backlog, check_mode(mode, path)))
    if sock is not None:
        return Opened(opening.adopt(sock))
    if fd is not None:
        return Opened(opening.adopt_descriptor(arguments.descriptor("fd", fd)))
    if host is not None and not isinstance(host, str):
        raise TypeError(f"host must be a string or None, not {host!r}")
    arguments.integer("port", port, 0, 65535)
    options = {"reuse_port": reuse_port, "ipv6_only": ipv6_only}
    return Opened(opening.listen_tcp(system, host or None, port, backlog, **options))


def _named(error: OSError, address: Any) -> OSError:
    return kernel.os_error(error.errno or errno.EIO, "accept", address)
