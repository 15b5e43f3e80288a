"""A blocking client with the habits of real ones."""

from __future__ import annotations

import contextlib
import errno
import socket
import struct

Outcome = str


class Peer:
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
        self.sock = socket.socket(family, socket.SOCK_STREAM)
        if receive_buffer is not None:  # before connect: the window is agreed on there (tcp(7))
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._timeout = timeout
        self.sock.settimeout(timeout)
        try:
            if source is not None:
                self.sock.bind((source, 0))
            self.sock.connect(address)
        except OSError:
            self.sock.close()
            raise

    @property
    def address(self) -> tuple[str, int]:
        """Where it is, as the server sees it."""
        host, port = self.sock.getsockname()[:2]
        return host, port

    def send(self, data: bytes) -> None:
        """Send everything, blocking."""
        self.sock.sendall(data)

    def send_some(self, data: bytes) -> int:
        """Send what the kernel takes at once; how much that was."""
        self.sock.setblocking(False)
        try:
            return self.sock.send(data)
        except BlockingIOError:
            return 0
        finally:
            self.sock.settimeout(self._timeout)

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

    def nothing_comes(self) -> bool:
        """Is there neither a byte nor an end to be read right now?"""
        self.sock.setblocking(False)
        try:
            self.sock.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        finally:
            self.sock.settimeout(self._timeout)
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

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *exc: object) -> None:
        with contextlib.suppress(OSError):
            self.close()


def _name(error: OSError) -> str:
    if isinstance(error, TimeoutError) and error.errno is None:
        return "timeout"
    return errno.errorcode.get(error.errno or 0, str(error))
