"""What clients connect to: addresses that accept, refuse or never answer, and what the kernel knows of attempts.

Never to answer is had on loopback by a listening socket whose backlog is full: the kernel drops each SYN. And such an
address can answer in the end, at a moment of the test's choice: a second socket on the same port connects to the one
that waits (simultaneous open, RFC 9293, 3.5).
"""

from __future__ import annotations

import errno
import os
import random
import socket
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any, Self

from reactor import Connection, Reactor, connect
from reactor.testing import Peer, pump, settle
from tests.support.recording import Heard

ACCEPTS, REFUSES, SILENT = "accepts", "refuses", "silent"
SYN_SENT = 2  # tcp_states.h of the kernel
SO_PEERNAME = 28  # asm-generic/socket.h; the socket module does not name it
_STATE = socket.IPPROTO_TCP, socket.TCP_INFO  # the first byte of tcp_info


class Answers:
    """Callbacks that note what they are told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, BaseException | None]] = []

    def __call__(self, name: str) -> Callable[[Connection, BaseException | None], None]:
        return lambda conn, error: self.told.append((name, error))


class ClosedAtTheEnd:
    """What is closed at the end of a `with`, accepted sockets too."""

    def __init__(self) -> None:
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()


class FarEnds(ClosedAtTheEnd):
    """One port, and on each of some loopback addresses somebody who accepts, refuses or is silent."""

    def __init__(self, ends: Mapping[str, str]) -> None:
        super().__init__()
        self._kinds = dict(ends)
        self._listening: dict[str, socket.socket] = {}
        self.port = self._open_on_one_port()

    @property
    def hosts(self) -> list[str]:
        return list(self._kinds)

    def address(self, kind: str) -> tuple[str, int]:
        """The first address of a kind."""
        return next(host for host, its in self._kinds.items() if its == kind), self.port

    def connect(self, loop: Reactor, **settings: Any) -> Connection:
        """A client of a name that has all the addresses, in order."""
        settings.setdefault("lookup", lambda host, family, done: done(None, self.hosts))
        return connect(loop, "far.test", self.port, **settings)

    def accept(self, loop: Reactor, host: str | None = None) -> Peer:
        """Take turns until a client came; what it is connected to."""
        sock = _accepted(loop, self._listening[host or self.address(ACCEPTS)[0]])
        return Peer.of(self._stack.enter_context(sock))

    def nobody_came(self, host: str | None = None) -> bool:
        """True if the backlog is empty."""
        try:
            self._stack.enter_context(self._listening[host or self.address(ACCEPTS)[0]].accept()[0])
        except BlockingIOError:
            return True
        return False

    def answer(self, host: str) -> Peer:
        """Let a silent address answer the attempt under way to it."""
        with _attempt(host, self.port) as attempt:
            local = attempt.getsockname()
        sock = self._stack.enter_context(_socket(host))
        sock.bind((host, self.port))
        sock.settimeout(5)
        sock.connect(local)
        return Peer.of(sock)

    def fail(self, host: str) -> None:
        """Let the attempt under way to a silent address fail now (ECONNRESET)."""
        with _attempt(host, self.port) as attempt:
            attempt.shutdown(socket.SHUT_RDWR)  # in SYN_SENT it disconnects

    def _open_on_one_port(self) -> int:
        for _ in range(20):
            port = 0
            try:
                for host in self._kinds:
                    port = self._open(host, port)
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
                self._stack.close()
            else:
                return port
        raise AssertionError("no port is free on all of these addresses")

    def _open(self, host: str, port: int) -> int:
        kind = self._kinds[host]
        sock = self._stack.enter_context(_socket(host))
        sock.bind((host, port))
        sock.setblocking(False)
        port = sock.getsockname()[1]
        if kind == ACCEPTS:
            sock.listen()
        elif kind == SILENT:
            sock.listen(0)  # room for one, and here it is
            filler = self._stack.enter_context(_socket(host))
            filler.connect((host, port))
        self._listening[host] = sock
        return int(port)


class Place(ClosedAtTheEnd):
    """A socket that listens on 127.0.0.1, or at a path."""

    def __init__(self, path: str | None = None) -> None:
        super().__init__()
        self.family = socket.AF_INET if path is None else socket.AF_UNIX
        self._listening = self._stack.enter_context(socket.socket(self.family))
        self._listening.bind(("127.0.0.1", 0) if path is None else path)
        self._listening.listen()
        self._listening.setblocking(False)
        self.address: Any = self._listening.getsockname()

    @property
    def where(self) -> dict[str, Any]:
        """Arguments of `connect`, and of a server's `listen`."""
        return (
            {"path": self.address}
            if isinstance(self.address, str)
            else dict(zip(("host", "port"), self.address, strict=True))
        )

    def connect(self, loop: Reactor, **settings: Any) -> Connection:
        return connect(loop, **self.where, **settings)

    def accept(self, loop: Reactor) -> Peer:
        """Take turns until a client came; what it is connected to."""
        return Peer.of(self._stack.enter_context(_accepted(loop, self._listening)))


def connected(loop: Reactor, conn: Connection) -> Connection:
    """Take turns until it is connected."""
    pump(loop, lambda: conn.state == "open")
    return conn


def _accepted(loop: Reactor, listening: socket.socket) -> socket.socket:
    found: list[socket.socket] = []

    def came() -> bool:
        try:
            found.append(listening.accept()[0])
        except BlockingIOError:
            return False
        return True

    pump(loop, came)
    return found[0]


def family(host: str) -> int:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def free_port(host: str) -> int:
    """A port of the ephemeral range that nobody is bound to."""
    with socket.socket(family(host)) as sock:
        sock.bind((host, 0))
        port: int = sock.getsockname()[1]
        return port


def quiet_port() -> int:
    """A port that is free at every address of both families, below the ephemeral range: no client gets it by chance."""
    for port in random.sample(range(10_000, 32_000), 100):
        with socket.socket(socket.AF_INET6) as sock:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            try:
                sock.bind(("::", port))
            except OSError:
                continue
            return port
    raise AssertionError("no port is free at all addresses")


def _socket(host: str) -> socket.socket:
    sock = socket.socket(family(host), socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)  # for `answer`, beside the one that listens
    return sock


def _tcp_sockets() -> list[socket.socket]:
    """A copy of each TCP socket of this process."""
    found = []
    for fd in os.listdir("/proc/self/fd"):
        try:
            if not os.readlink(f"/proc/self/fd/{fd}").startswith("socket:"):
                continue
        except FileNotFoundError:  # that of listdir itself
            continue
        sock = socket.socket(fileno=os.dup(int(fd)))
        if sock.family in (socket.AF_INET, socket.AF_INET6) and sock.type == socket.SOCK_STREAM:
            found.append(sock)
        else:
            sock.close()
    return found


def attempts_under_way() -> int:
    """How many sockets of this process wait for the answer to their SYN."""
    count = 0
    for sock in _tcp_sockets():
        with sock:
            count += sock.getsockopt(*_STATE, 1)[0] == SYN_SENT
    return count


def _attempt(host: str, port: int) -> socket.socket:
    """A copy of the socket that is on its way to an address."""
    found = None
    for sock in _tcp_sockets():
        if found is None and sock.getsockopt(*_STATE, 1)[0] == SYN_SENT and _on_its_way_to(sock) == (host, port):
            found = sock
        else:
            sock.close()
    assert found is not None, f"no attempt to {host} is under way"
    return found


def _on_its_way_to(sock: socket.socket) -> tuple[str, int]:
    """Where a socket in SYN_SENT goes, which getpeername(2) does not tell: it does so as an option."""
    six = sock.family == socket.AF_INET6
    raw = sock.getsockopt(socket.SOL_SOCKET, SO_PEERNAME, 28 if six else 16)  # struct sockaddr_in6 or sockaddr_in
    port = int.from_bytes(raw[2:4], "big")
    packed = raw[8:24] if six else raw[4:8]
    return socket.inet_ntop(sock.family, packed), port


class Held:
    """A client that is kept on its way at one of three stages until `proceed()`.

    "made": no turn was taken · "lookup": the name is being resolved · "attempt": the SYN was not answered.
    """

    STAGES = ("made", "lookup", "attempt")

    def __init__(self, loop: Reactor, ends: FarEnds, stage: str, **settings: Any) -> None:
        self.loop = loop
        self._ends = ends
        self._stage = stage
        self._answers: list[Callable[..., object]] = []
        if stage == "lookup":
            settings["lookup"] = lambda host, family, done: self._answers.append(done)
        self.host, port = ends.address(SILENT if stage == "attempt" else ACCEPTS)
        self.conn = connect(loop, "far.test" if stage == "lookup" else self.host, port, **settings)
        self.heard = Heard(self.conn)

    def reach(self) -> None:
        """Go to the stage."""
        if self._stage != "made":
            settle(self.loop)
        assert self.conn.state == "connecting"
        assert attempts_under_way() == (self._stage == "attempt")

    def proceed(self) -> Peer:
        """Let it through: the peer it is connected to, in the next turns."""
        if self._stage == "attempt":
            return self._ends.answer(self.host)
        for answer in self._answers:
            answer(None, [self.host])
        return self._ends.accept(self.loop, self.host)

    def fail(self) -> None:
        """Let it come to nothing."""
        if self._stage == "attempt":
            self._ends.fail(self.host)
        for answer in self._answers:
            answer(OSError(errno.ENETDOWN, "no name server"))
        pump(self.loop, lambda: self.conn.report is not None)
