"""The double of a socket: the methods that a program calls, in front of an `Endpoint`.

It is a `socket.socket` that was never given a descriptor of the system, so it passes wherever one is asked for, and
whatever it does not answer itself fails with EBADF. Its number is far above any of the system's, so that a call
past it fails too, and never meets a stranger's file. It is always non-blocking.
"""

from __future__ import annotations

import errno
import socket
import struct
from typing import TYPE_CHECKING, Any

from ...net.sockets import options
from .tcp import Endpoint
from .tcp_states import State

if TYPE_CHECKING:
    from .world import World

LINGER = struct.Struct("ii")


class SimulatedSocket(socket.socket):
    """A TCP socket of a simulated kernel. Made by `Kernel.socket`."""

    __slots__ = ("_abort", "_fd", "_kernel", "_options", "endpoint")

    def __init__(self, kernel: World, fd: int, endpoint: Endpoint) -> None:
        # Not of the base: it would open one of the system.
        self._kernel = kernel
        self._fd = fd
        self._abort = False
        self._options: dict[tuple[int, int], Any] = {}
        #: What the kernel keeps of it.
        self.endpoint = endpoint

    family = property(lambda self: socket.AF_INET)
    type = property(lambda self: socket.SOCK_STREAM)
    proto = property(lambda self: 0)

    def fileno(self) -> int:
        return self._fd

    def setblocking(self, flag: bool) -> None:
        """It never blocks."""

    def _called(self, name: str) -> None:
        """A system call begins."""
        if self._fd < 0:
            raise OSError(errno.EBADF, "Bad file descriptor")
        self._kernel.called(name, self)

    # Ways in and out.

    def recv(self, bufsize: int, flags: int = 0) -> bytes:
        self._called("recv")
        return self.endpoint.receive(self._kernel.part(min(bufsize, len(self.endpoint.rx)) or bufsize))

    def send(self, data: Any, flags: int = 0) -> int:
        self._called("send")
        part = self._kernel.part(len(data))
        return self.endpoint.send(data if part == len(data) else memoryview(data)[:part])

    def shutdown(self, how: int) -> None:
        if how != socket.SHUT_WR:
            raise NotImplementedError("a simulated socket knows shutdown(SHUT_WR) only")
        self._called("shutdown")
        self.endpoint.shutdown()

    def close(self) -> None:
        if self._fd >= 0:
            self._kernel.settle()
            self._kernel.release(self._fd)
            self._fd = -1
            self.endpoint.close(self._abort)

    def __enter__(self) -> SimulatedSocket:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # Addresses.

    def bind(self, address: Any) -> None:
        self._called("bind")
        self._kernel.bind(self.endpoint, address)

    def listen(self, backlog: int = 128) -> None:
        self._called("listen")
        self._kernel.listen(self.endpoint, backlog)

    def connect_ex(self, address: Any) -> int:
        try:
            self._called("connect")
            self._kernel.connect(self.endpoint, address)
        except OSError as error:
            return error.errno or errno.EIO
        return errno.EINPROGRESS

    def connect(self, address: Any) -> None:
        raise OSError(self.connect_ex(address), "")

    def accept(self) -> tuple[SimulatedSocket, Any]:
        self._called("accept")
        return self._kernel.accept(self.endpoint)

    def getsockname(self) -> Any:
        self._called("getsockname")
        return self.endpoint.address or ("0.0.0.0", 0)

    def getpeername(self) -> Any:
        self._called("getpeername")
        if self.endpoint.state in (State.CLOSE, State.LISTEN, State.SYN_SENT):
            raise OSError(errno.ENOTCONN, "")
        return self.endpoint.peer_address

    # Options and questions.

    def setsockopt(self, level: int, option: int, value: Any, length: int | None = None) -> None:
        self._called("setsockopt")
        self._options[level, option] = value
        if (level, option) == (socket.SOL_SOCKET, socket.SO_LINGER):
            on, seconds = LINGER.unpack(value)
            self._abort = bool(on) and not seconds
        elif (level, option) == (socket.SOL_SOCKET, socket.SO_RCVBUF):
            self.endpoint.receive_buffer = 2 * value  # as socket(7) says
        elif (level, option) == (socket.SOL_SOCKET, socket.SO_SNDBUF):
            self.endpoint.send_buffer = 2 * value

    def getsockopt(self, level: int, option: int, length: int = 0) -> Any:
        if length:  # a structure, like TCP_INFO
            raise OSError(errno.ENOPROTOOPT, "")
        self._called("getsockopt")
        if (level, option) == (socket.SOL_SOCKET, socket.SO_ERROR):
            return self.endpoint.take_error()
        if (level, option) == (socket.SOL_SOCKET, getattr(socket, "SO_ACCEPTCONN", None)):
            return int(self.endpoint.state is State.LISTEN)
        return self._options.get((level, option), 0)

    def unread(self) -> int:
        """FIONREAD; 0 where the call fails."""
        try:
            self._called("ioctl")
        except OSError:
            return 0
        return len(self.endpoint.rx)

    def unacknowledged(self) -> int | None:
        """SIOCOUTQ; None where the call fails."""
        try:
            self._called("ioctl")
        except OSError:
            return None
        self.endpoint.told_unacked = self.endpoint.unacknowledged_bytes
        return self.endpoint.outq

    def reset_on_close(self) -> None:
        options.reset_on_close(self)

    def peer_credentials(self) -> None:
        """There are none of TCP."""

    def hand_over(self) -> SimulatedSocket:
        """The same socket as another object; this one has no descriptor any more."""
        twin = SimulatedSocket(self._kernel, self._fd, self.endpoint)
        twin._abort, twin._options = self._abort, self._options
        self._kernel.sockets[self._fd] = twin
        self._fd = -1
        return twin

    def send_file(self, fd: int, offset: int, count: int) -> int:
        """There is no sendfile(2) here: it is to be read and sent."""
        raise OSError(errno.EINVAL, "not a socket of the system")

    def __repr__(self) -> str:
        return f"<SimulatedSocket {self._fd} {self.endpoint.state.value}>"
