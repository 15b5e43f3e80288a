"""What a connection needs of a socket: the Protocol `Sock`, and the sockets of the system.

Three things are one: a socket of the system (`StreamSocket`, `UnixStreamSocket`), what stands in for one while a client
connects (`client/stand_in.py`), and the double of a simulated kernel (`testing/doubles/socket.py`).
"""

from __future__ import annotations

import array
import os
import socket

from ...hints import TYPE_CHECKING
from . import options

_OUTQ: int | None  # the number of SIOCOUTQ (tcp(7))
_INQ: int | None
try:
    import fcntl
    import termios
except ImportError:  # Windows has neither; nothing is known of its queues
    _OUTQ = _INQ = None
else:
    _OUTQ, _INQ = getattr(termios, "TIOCOUTQ", None), getattr(termios, "FIONREAD", None)

if TYPE_CHECKING:
    from typing import Any, Protocol

    from .credentials import PeerCredentials

    class Sock(Protocol):
        """A non-blocking stream socket. What fails raises OSError."""

        @property
        def family(self) -> int: ...
        def fileno(self) -> int: ...  # -1: there is none, or none any more
        def recv(self, count: int, /) -> bytes: ...  # b"" at the end of the stream
        def send(self, data: Any, flags: int = 0, /) -> int: ...  # how many bytes the kernel took
        def send_file(self, fd: int, offset: int, count: int, /) -> int: ...  # likewise; EINVAL: read it and send
        def shutdown(self, how: int, /) -> None: ...
        def reset_on_close(self) -> None: ...  # let close() send RST; nothing where there is none
        def close(self) -> None: ...
        def unread(self) -> int: ...  # received bytes that wait to be read; 0 also where nobody can tell
        def unacknowledged(self) -> int | None: ...  # by the peer's kernel; None: nobody can tell
        def peer_credentials(self) -> PeerCredentials | None: ...  # None: there are none, or nobody can tell
        def hand_over(self) -> socket.socket: ...  # for another owner; this one has no descriptor afterwards
        def getsockname(self) -> Any: ...
        def setsockopt(self, level: int, option: int, value: int | bytes, /) -> None: ...
        def getsockopt(self, level: int, option: int, /) -> int: ...


_answer = array.array("i", [0])  # where ioctl(2) writes; one is enough for one thread at a time


class StreamSocket(socket.SocketType):
    """A TCP socket of the system: a `Sock`. What it is made of, without the layers of `socket.socket` in Python."""

    __slots__ = ()

    def unacknowledged(self) -> int | None:
        """Bytes handed to the kernel that the peer's kernel has not acknowledged (SIOCOUTQ, tcp(7)).

        An unacknowledged FIN counts one. None where nobody can tell.
        """
        return None if _OUTQ is None else _ask(self, _OUTQ)

    def unread(self) -> int:
        """Received bytes that wait to be read; 0 also where nobody can tell."""
        return 0 if _INQ is None else _ask(self, _INQ) or 0

    def reset_on_close(self) -> None:
        """Let `close(2)` discard both queues and send RST (socket(7), SO_LINGER)."""
        options.reset_on_close(self)

    def send_file(self, fd: int, offset: int, count: int) -> int:
        """sendfile(2)."""
        return os.sendfile(self.fileno(), fd, offset, count)

    def peer_credentials(self) -> PeerCredentials | None:
        """None: who is at the other end of a TCP connection, no kernel can tell."""
        return None

    def hand_over(self) -> socket.socket:
        """The same socket for another owner, blocking as a new one is. This one has no descriptor any more."""
        sock = socket.socket(self.family, self.type, self.proto, fileno=self.detach())
        sock.setblocking(True)
        return sock


class UnixStreamSocket(StreamSocket):
    """A Unix socket of the system. There SIOCOUTQ counts memory and not bytes, and what was written is in the peer's
    queue already (fact 4); and there is no RST.
    """

    __slots__ = ()

    def unacknowledged(self) -> int | None:
        return None

    def reset_on_close(self) -> None:
        """A plain close is all there is."""

    def peer_credentials(self) -> PeerCredentials | None:
        """The process, user and group of the peer; None where the system does not tell."""
        from .credentials import peer_credentials  # here: few programs ask

        return peer_credentials(self)


def _ask(sock: socket.SocketType, request: int) -> int | None:
    try:
        fcntl.ioctl(sock.fileno(), request, _answer, True)
    except (OSError, ValueError):  # ValueError: closed already
        return None
    return _answer[0]
