"""The peers of a test: sockets that use none of the library's code, with the habits of real clients.

A peer has one of three faces. `Peer` blocks: it is for what the kernel has already, and for threads of its own.
`NonblockingPeer` never waits, so one thread plays every peer and the loop takes its turns in between;
`Peer.nonblocking()` makes one of the same socket. `Remote` is the peer in a simulated kernel. The last two look alike:
`received` and `outcome` say what came and how it ended; `read`, `end`, `reset`, `close` and `address` mean the same.
"""

from __future__ import annotations

import contextlib
import errno
import socket
import struct
from collections.abc import Iterator
from typing import Self

Outcome = str


class _Peer:
    """What both faces of a real socket do alike. A context manager that closes its socket."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock

    @property
    def address(self) -> tuple[str, int]:
        """Where it is, as the server sees it."""
        host, port = self.sock.getsockname()[:2]
        return host, port

    def send_some(self, data: bytes | memoryview) -> int:
        """Send what the kernel takes at once; how much that was."""
        with self._without_waiting():
            try:
                return self.sock.send(data)
            except BlockingIOError:
                return 0

    def nothing_comes(self) -> bool:
        """True if there is neither a byte nor an end to be read right now."""
        with self._without_waiting():
            try:
                self.sock.recv(1, socket.MSG_PEEK)
            except BlockingIOError:
                return True
            except OSError:
                return False
            return False

    def end(self) -> None:
        """FIN; it still reads."""
        self.sock.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Go away with RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self) -> None:
        """Go away as `close(2)` does: FIN, or RST if there are bytes it did not read."""
        self.sock.close()

    @contextlib.contextmanager
    def _without_waiting(self) -> Iterator[None]:
        before = self.sock.gettimeout()
        self.sock.setblocking(False)
        try:
            yield
        finally:
            self.sock.settimeout(before)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        with contextlib.suppress(OSError):
            self.close()


class NonblockingPeer(_Peer):
    """A peer that never waits, of a connected socket."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        sock.setblocking(False)
        #: What has come so far.
        self.received = bytearray()
        #: How the stream ended: None, "FIN", or the name of an errno.
        self.outcome: Outcome | None = None

    def read(self, most: int = 1 << 62) -> bool:
        """Read up to `most` bytes of what is there; True if the stream has ended."""
        while most > 0 and self.outcome is None:
            try:
                piece = self.sock.recv(min(most, 1 << 20))
            except BlockingIOError:
                break
            except OSError as error:
                self.outcome = _name(error)
            else:
                self.received += piece
                most -= len(piece)
                self.outcome = None if piece else "FIN"
        return self.outcome is not None


class Peer(_Peer):
    """A blocking client, for one connection, from the address `source`. A context manager that closes its socket."""

    def __init__(
        self,
        address: tuple[str, int] | str,
        *,
        receive_buffer: int | None = None,
        timeout: float = 5.0,
        source: str | None = None,
    ) -> None:
        family = (
            socket.AF_UNIX if isinstance(address, str) else socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        )
        super().__init__(socket.socket(family, socket.SOCK_STREAM))
        if receive_buffer is not None:  # before connect: the window is agreed on there (tcp(7))
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.settimeout(timeout)
        try:
            if source is not None:
                self.sock.bind((source, 0))
            self.sock.connect(address)
        except OSError:
            self.sock.close()
            raise

    @classmethod
    def of(cls, sock: socket.socket, timeout: float = 5.0) -> Peer:
        """A peer of a socket that is connected already: one that was accepted, for example."""
        peer = cls.__new__(cls)
        _Peer.__init__(peer, sock)
        sock.settimeout(timeout)
        return peer

    def nonblocking(self) -> NonblockingPeer:
        """The same socket, which waits for nothing from now on."""
        return NonblockingPeer(self.sock)

    def send(self, data: bytes) -> None:
        """Send everything, blocking."""
        self.sock.sendall(data)

    def receive(self, count: int) -> bytes:
        """Exactly `count` bytes, or fewer if the stream ends before."""
        pieces: list[bytes] = []
        size = 0
        while size < count:
            piece = self.sock.recv(min(count - size, 65536))
            if not piece:
                break
            pieces.append(piece)
            size += len(piece)
        return b"".join(pieces)

    def receive_all(self) -> tuple[bytes, Outcome]:
        """Everything until the stream ends, and how it ended: "FIN", or the errno's name ("ECONNRESET")."""
        pieces: list[bytes] = []
        while True:
            try:
                piece = self.sock.recv(65536)
            except OSError as error:
                return b"".join(pieces), _name(error)
            if not piece:
                return b"".join(pieces), "FIN"
            pieces.append(piece)

    def outcome(self) -> Outcome:
        """How the stream ends, whatever comes before."""
        return self.receive_all()[1]


def _name(error: OSError) -> str:
    if isinstance(error, TimeoutError) and error.errno is None:
        return "timeout"
    return errno.errorcode.get(error.errno or 0, str(error))
