"""What the tests of deadlines ask the kernel and do to it, and how they let time pass."""

from __future__ import annotations

import array
import ctypes
import errno
import fcntl
import socket
import struct
import termios
from collections.abc import Callable

from reactor import Connection, Reactor
from reactor.testing import ManualClock, Peer, pump

SO_ATTACH_FILTER = 26  # asm-generic/socket.h; the socket module does not name it
DROP_ALL = struct.pack("HBBI", 0x06, 0, 0, 0)  # struct sock_filter: BPF_RET | BPF_K, 0 bytes


def vanish(peer: Peer) -> None:
    """Cut the cable: from now on the peer's socket receives no segment, so its kernel acknowledges nothing."""
    vanish_socket(peer.sock)


def vanish_socket(sock: socket.socket) -> None:
    """A socket filter that drops everything does it without privileges (socket(7), SO_ATTACH_FILTER)."""
    program = ctypes.create_string_buffer(DROP_ALL)
    option = struct.pack("@HP", 1, ctypes.addressof(program))  # struct sock_fprog
    sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, option)


def kernel_count(fd: int, request: int) -> int:
    """What ioctl(2) answers to FIONREAD, TIOCOUTQ and their like."""
    answer = array.array("i", [0])
    fcntl.ioctl(fd, request, answer, True)
    return answer[0]


def unacked(conn: Connection) -> int:
    """SIOCOUTQ, asked from outside: what the peer's kernel has not acknowledged, an unacknowledged FIN being one."""
    return kernel_count(conn.fileno(), termios.TIOCOUTQ)


def all_acked(conn: Connection) -> Callable[[], bool]:
    """For `pump`: true once the peer's kernel has everything."""
    return lambda: unacked(conn) == 0


def pass_time(loop: Reactor, clock: ManualClock, seconds: float, step: float = 1.0) -> None:
    """Let `seconds` go by in steps, with a few turns after each, as if the loop had run all the time."""
    for _ in range(round(seconds / step)):
        clock.advance(step)
        for _ in range(3):
            loop.run_once(0)


def pass_until(loop: Reactor, clock: ManualClock, until: Callable[[], object], most: float, step: float = 1.0) -> float:
    """Let time go by until a condition holds; how many seconds that took, `most` at most."""
    began = clock()
    while not until():
        assert clock() - began < most, f"not within {most} s of the reactor's time: {until}"
        pass_time(loop, clock, step, step)
    return clock() - began


def receive(loop: Reactor, peer: Peer, count: int) -> bytes:
    """At least `count` bytes; fewer if the stream ends. The server can go on sending meanwhile."""
    reading = peer.nonblocking()
    pump(loop, lambda: reading.read() or len(reading.received) >= count, 20)
    return bytes(reading.received)


def receive_all(loop: Reactor, peer: Peer) -> tuple[bytes, str | None]:
    """Everything until the stream ends, and how it ended."""
    reading = peer.nonblocking()
    pump(loop, reading.read, 20)
    return bytes(reading.received), reading.outcome


def read_to_the_end(loop: Reactor, peer: Peer) -> bytes:
    """What the peer gets until FIN."""
    data, outcome = receive_all(loop, peer)
    assert outcome == "FIN"
    return data


def acks_arrived(conn: Connection, peer: Peer) -> Callable[[], bool]:
    """For `pump`, of a peer that reads nothing: true once the acknowledgement of all that it holds came.

    A kernel may delay it by some 40 ms (tcp(7), TCP_QUICKACK), and the manual clock does not wait for that.
    """

    return lambda: conn.bytes_written - unacked(conn) == kernel_count(peer.sock.fileno(), termios.FIONREAD)


def refused(host: str, port: int) -> bool:
    """True if nobody listens there."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as sock:
        return sock.connect_ex((host, port)) == errno.ECONNREFUSED
