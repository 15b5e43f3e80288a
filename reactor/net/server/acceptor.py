"""An acceptor: one listening socket. It accepts in bounded batches, and knows what to do when accept fails.

What others do, as of autumn 2026: asyncio pauses for 1 s on EMFILE, ENFILE, ENOBUFS and ENOMEM, but until 3.14 went on
with its batch and scheduled as many restarts (cpython#151615); libuv closes a spare descriptor, accepts all waiting
clients and closes them; Go's http server waits 5 ms, doubling to 1 s; trio's server sleeps 100 ms; nginx first gives up
connections that linger or idle. Conclusion, in the order of `_trouble`:

    EAGAIN                   no client waits
    ECONNABORTED and others  a network error of a client that has gone: accept the next (accept(2), "Error handling")
    EMFILE                   give up connections that linger, or have been idle for long (`pressure.py`); if there are
                             none, reset a batch of clients through a spare descriptor: otherwise they would hang
    ENFILE, ENOBUFS, ENOMEM  only time helps
    anything else            the socket is broken: close it

A relay needs descriptors for the onward connections too: see `place.py` of the clients.

After the third (if no connection was given up) and the fourth the socket is not watched for a second, or until a
descriptor is free again: the loop never spins.

Clients accepted in one batch: libuv accepts one for each readiness, since a second accept nearly always finds no client
(libuv#3696); asyncio tries as many times as its backlog is long, until an accept finds none. Here the kernel is asked
how many wait.
"""

from __future__ import annotations

import errno
import socket

from ... import arguments
from ...engine.poller import READ
from ...foreign import shown
from ...hints import TYPE_CHECKING, Any, NamedTuple
from ..sockets import addresses, kernel, opening, options
from ..sockets.sock import kind_of

if TYPE_CHECKING:
    from typing import Protocol

    from ...engine.poller import Poller
    from ...engine.timers import Timer
    from ...engine.turn import Turns
    from ..settings import Settings
    from ..sockets.sock import Sock
    from ..sockets.unix import SocketFile

    class Host(Protocol):
        """Where an acceptor takes its clients."""

        quiet_until: float  # all acceptors of a server together shed and log once in a PAUSE
        queues: bool  # ask has_room() before each accept; False: there is always room
        shut: bool  # the program wants no clients for now

        def has_room(self) -> bool: ...  # False: leave clients in the backlog for now
        def admit(self, sock: Sock, remote: addresses.Address, acceptor: Acceptor) -> None: ...
        def make_room(self) -> int: ...  # the number of descriptors that become free in this turn
        def accept_failed(self, error: OSError, shed: int, broken: Acceptor | None) -> None: ...


_UNIX = getattr(socket, "AF_UNIX", None)  # Python on Windows has none
ACCEPTS_PER_TURN = 64  # a flood of connects leaves time for the connections that are open
SHED_BATCH = 256  # clients that are reset at once when there are no descriptors for them
FOR_NAMES = 4  # descriptors; the resolver has one or two open at a time, and its first call loads libraries
LOOK_AGAIN = 0.05  # seconds until names may have been resolved; a connection that closes makes it sooner
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


class Opened(NamedTuple):
    """A listening socket, and its file if we have made one."""

    sock: socket.socket
    file: SocketFile | None = None

    def close(self) -> None:
        if self.file is not None:
            self.file.remove()  # first: while the socket is open, no other file can have this one's inode
        self.sock.close()
        if self.file is not None:
            self.file.remove_if_last()


class Acceptor:
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

    watched: bool  #: True if the loop calls it when a client waits.

    def __init__(self, loop: Turns, host: Host, opened: Opened) -> None:
        self._loop = loop
        loop.serves = True
        self._host = host
        self._opened = opened
        self.sock = sock = opened.sock
        self._family, self._kind, self._fd = int(sock.family), int(sock.type), sock.fileno()
        #: The address on which it listens.
        self.address = addresses.local_address(sock)
        #: The local address of all connections accepted here; None where they differ: behind a wildcard.
        wildcard = isinstance(self.address, tuple) and self.address[0] in ("0.0.0.0", "::")
        self.accepted_address = None if wildcard else self.address
        self._paused: Timer | None = None
        self.watched = False
        if not host.shut:
            self._register()
        self._spare = self._spare_socket()

    # Watching.

    def watch(self) -> None:
        """Accept when a client comes; this ends a pause. Harmless when it is watched already, and while the program
        wants no clients. Where the system has no memory for the registration, it tries again after a pause.
        """
        self._end_pause()
        if not self.watched and not self._host.shut:
            try:
                self._register()
            except OSError:
                self._pause_until(self._loop.now + PAUSE)

    def _register(self) -> None:
        self._loop.poller.add(self._fd, READ, self)
        self.watched = True

    def _pause_until(self, moment: float) -> None:
        self._end_pause()
        self._paused = self._loop.call_at(moment, self.watch).unref()

    def _end_pause(self) -> None:
        if self._paused is not None:
            self._paused.cancel()
            self._paused = None

    # In the child of a fork.

    def on_fork(self) -> None:
        """The listening socket and its file are the parent's: nothing but close(2) is done to them."""
        if self._opened.file is not None:
            self._opened.file.disown()

    def renew(self) -> None:
        """Accept here too. The file goes with the last process that accepts."""
        if self._opened.file is not None:
            self._opened.file.claim()
        self.watched = False
        self.watch()

    def unwatch(self) -> None:
        """Leave clients in the backlog."""
        if self.watched:
            self.watched = False
            poller = self._loop.poller
            if poller.handlers.get(self._fd) is self:  # else it is closed, and the number is another socket's
                poller.remove(self._fd)

    def hide(self) -> None:
        """Let no more clients connect, where the system offers that: where there is a file. Clients that have connected
        can still be accepted.
        """
        if self._opened.file is not None:
            self._opened.file.remove()

    def close(self) -> None:
        self.unwatch()
        self._end_pause()
        if self._spare is not None:
            self._spare.close()
        self._opened.close()

    # Accepting.

    def _on_ready(self, mask: int) -> None:
        """A client waits. To ask how many wait costs an eighth of an accept that finds none."""
        # 0: a client has gone again, or the socket is broken.
        self.accept(min(kernel.waiting(self.sock) or ACCEPTS_PER_TURN, ACCEPTS_PER_TURN))

    def accept(self, most: int) -> None:
        """Take in up to `most` of the clients that wait."""
        host = self._host
        ipv4 = self._family == socket.AF_INET  # accept returns (host, port) as we want it
        made, loop = kind_of(not ipv4 and self._family == _UNIX), self._loop
        for accepted in range(most):
            if host.queues and not host.has_room():
                return
            if (lookups := self._loop.lookups) is not None and lookups.expected and self._leave_some():
                return
            try:
                sock, raw = opening.accept(self.sock, self._family, self._kind, made)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in _NEXT_CLIENT:
                    continue
                # accept(2) looks for a free descriptor before it looks for a client: when this batch has used the last
                # descriptor, only the next readiness tells whether another client waits.
                if not (accepted and error.errno == errno.EMFILE):
                    self._trouble(error)
                return
            except MemoryError:  # of this process: time may help, as with ENOMEM
                self._trouble(OSError(errno.ENOMEM, ""))
                return
            else:
                host.admit(sock, raw if ipv4 else addresses.address_of(raw), self)
            if self.sock.fileno() < 0 or loop.inheritance is not None:  # a listener has closed it, or has forked
                return

    def _trouble(self, error: OSError) -> None:
        named = kernel.os_error(error.errno or errno.EIO, "accept", self.address)
        if error.errno not in _EXHAUSTED:
            self.unwatch()
            self._host.accept_failed(named, 0, self)
            return
        if error.errno == errno.EMFILE and self._host.make_room():
            return
        now = self._loop.now
        if now >= self._host.quiet_until:
            self._host.quiet_until = now + PAUSE
            shed = self._shed() if error.errno == errno.EMFILE else 0
            self._host.accept_failed(named, shed, None)
        self.unwatch()
        if self.sock.fileno() >= 0:
            self._pause_until(self._host.quiet_until)

    def _shed(self) -> int:
        """Accept a batch of clients with the spare descriptor and reset them; returns their number."""
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
        """A socket, opened where the listening one was opened, and kept for `_shed`."""
        return opening.spare_socket(self._loop.poller.system, self._family)

    def _leave_some(self) -> bool:
        """True if so few descriptors are free that the names which are being resolved need them. Accept later then."""
        spares = [self._spare_socket() for _ in range(FOR_NAMES)]
        for spare in spares:
            if spare is not None:
                spare.close()
        if None not in spares:
            return False
        self.unwatch()
        self._pause_until(self._loop.now + LOOK_AGAIN)
        return True

    def __repr__(self) -> str:
        return f"<Acceptor {addresses.show(self.address)}{' paused' if self._paused else ''}>"


def open_listening(
    poller: Poller,
    host: Any,
    port: Any,
    backlog: Any,
    path: Any,
    mode: Any,
    reuse_port: Any,
    ipv6_only: Any,
    sock: Any,
    fd: Any,
) -> list[Opened]:
    """The listening sockets that the arguments of `Server.listen` ask for: one, or one for each address of a name.
    Raises TypeError and ValueError for arguments that mean nothing, OSError for what the kernel refuses.
    """
    arguments.integer("backlog", backlog, 1, 2**31 - 1)
    arguments.flag("reuse_port", reuse_port)
    arguments.flag("ipv6_only", ipv6_only)
    tcp = host is not None or port is not None
    if tcp + sum(way is not None for way in (path, sock, fd)) > 1:
        raise TypeError("listen() takes one of: host and port, path, sock, or fd")
    if mode is not None and path is None:
        raise TypeError(f"mode is that of the file at path, and there is no path: mode must be None, not {shown(mode)}")
    if path is not None:
        if reuse_port or ipv6_only:
            raise TypeError("reuse_port and ipv6_only go with host and port, not with path")
        from ..sockets.unix import check_mode, check_path, listen_unix

        path = check_path(path)
        return [Opened(*listen_unix(path, backlog, check_mode(mode, path)))]
    if sock is not None or fd is not None:
        from ..sockets.given import listening_descriptor, listening_socket

        if sock is not None:
            return [Opened(listening_socket(sock, poller.handlers))]
        return [Opened(listening_descriptor(arguments.descriptor("fd", fd), poller.handlers))]
    if host is not None and not isinstance(host, str):
        raise TypeError(f"host must be a string or None, not {shown(host)}")
    arguments.integer("port", port, 0, 65535)
    made = opening.listen_tcp(poller.system, host or None, port, backlog, reuse_port=reuse_port, ipv6_only=ipv6_only)
    return [Opened(one) for one in made]


def acceptors_for(loop: Turns, host: Host, opened: list[Opened], settings: Settings) -> list[Acceptor]:
    """An acceptor for each of these sockets, or for none: what fails closes all of them."""
    made: list[Acceptor] = []
    try:
        for one in opened:
            options.inherit_options(one.sock, settings.no_delay, settings.keep_alive, settings.oob_inline)
            made.append(Acceptor(loop, host, one))
    except BaseException:
        for acceptor in made:
            acceptor.close()
        for one in opened[len(made) :]:
            one.close()
        raise
    return made
