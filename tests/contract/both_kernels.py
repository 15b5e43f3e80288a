"""Two sockets, a listening one and a script, in the real kernel and in the simulated one: what the contract of the
doubles is held on.

A script is a list of (side, call, argument). `Pair` plays one step and tells its outcome: a value, or the name of an
errno. `Pair.seen` is everything that can be seen of both sides without changing it.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import select
import socket
import struct
import termios
import time
from collections.abc import Callable
from typing import Any

from reactor.testing import Kernel

ABORT = struct.pack("ii", 1, 0)
INTEREST = select.POLLIN | select.POLLOUT | select.POLLRDHUP
SIDES = ("client", "server")
DELAYED_ACK = 60  # milliseconds; it comes within 40
PATIENCE = 1.0  # seconds that loopback may take; delayed acknowledgements take 0.04


class Pair:
    """A client that has connected, and a server that may accept it. `kernel` None is the real one."""

    def __init__(self, kernel: Kernel | None = None, buffer: int | None = None) -> None:
        self.kernel = kernel
        self.buffer = buffer
        self.listening = self.fresh()
        self.listening.bind(("127.0.0.1", 0))
        self.listening.listen(8)
        client = self.fresh()
        client.connect_ex(self.listening.getsockname())
        self.socks: dict[str, Any] = {"client": client}
        self.sent = {"client": 0, "server": 0}
        self.got = {"client": 0, "server": 0}

    def fresh(self) -> Any:
        sock = self.kernel.socket() if self.kernel is not None else socket.socket()
        sock.setblocking(False)
        if self.buffer is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.buffer)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self.buffer)
        return sock

    # What is seen.

    def ask(self, sock: Any, request: int) -> int:
        if self.kernel is not None:
            return int(sock.unread() if request == termios.FIONREAD else sock.unacknowledged())
        return int(struct.unpack("i", fcntl.ioctl(sock.fileno(), request, bytes(4)))[0])

    def mask(self, sock: Any) -> int:
        poll = self.kernel.poll() if self.kernel is not None else select.poll()
        poll.register(sock.fileno(), INTEREST)
        return dict(poll.poll(0)).get(sock.fileno(), 0)

    def seen_of(self, side: str, exact: bool = True) -> Any:
        sock = self.socks.get(side)
        if sock is None:
            return None
        waits, under_way = self.ask(sock, termios.FIONREAD), self.ask(sock, termios.TIOCOUTQ)
        return (self.mask(sock), waits, under_way) if exact else (self.mask(sock), waits > 0, under_way > 0)

    def seen(self, exact: bool = True) -> Any:
        """Poll mask, unread and unacknowledged bytes of both sides; True if somebody waits to be accepted."""
        waiting = self.mask(self.listening) if self.listening is not None else None
        return [self.seen_of(side, exact) for side in SIDES], waiting

    def settle(self, wanted: Any, exact: bool = True) -> Any:
        """Loopback is given time until it is seen as `wanted`."""
        limit = time.monotonic() + PATIENCE
        while (seen := self.seen(exact)) != wanted and time.monotonic() < limit:
            time.sleep(0.0005)
        return seen

    # What is done.

    def play(self, side: str, call: str, argument: int = 0) -> Any:
        """One step; what came of it."""
        if call in ("accept", "stop"):
            return outcome(getattr(self, f"do_{call}"))
        sock = self.socks.get(side)
        if sock is None:
            return "nobody"
        return outcome(lambda: getattr(self, f"do_{call}")(side, sock, argument))

    def do_accept(self) -> Any:
        if self.listening is None or "server" in self.socks:
            return "nobody"
        self.socks["server"], where = self.listening.accept()
        self.socks["server"].setblocking(False)
        return where[0]

    def do_stop(self) -> None:
        if self.listening is not None:
            self.listening.close()
            self.listening = None

    def do_send(self, side: str, sock: Any, size: int) -> int:
        count = sock.send(bytes(size))
        self.sent[side] += count
        return int(count)

    def do_recv(self, side: str, sock: Any, size: int) -> int:
        data = sock.recv(size)
        self.got[side] += len(data)
        return len(data)

    def do_fill(self, side: str, sock: Any, size: int) -> None:
        """Send until there is no room, also after what was sent has been acknowledged."""
        while True:
            try:
                self.do_send(side, sock, 4000)
            except BlockingIOError:
                if not self.writable(sock):
                    raise

    def writable(self, sock: Any) -> bool:
        """Also soon: after a delayed acknowledgement."""
        if self.kernel is not None:
            return bool(self.mask(sock) & select.POLLOUT)
        poll = select.poll()
        poll.register(sock, select.POLLOUT)
        return bool(poll.poll(DELAYED_ACK))

    def do_drain(self, side: str, sock: Any, size: int) -> None:
        """Receive until there is nothing."""
        while self.do_recv(side, sock, 65_536):
            pass

    def do_shutdown(self, side: str, sock: Any, size: int) -> None:
        sock.shutdown(socket.SHUT_WR)

    def do_error(self, side: str, sock: Any, size: int) -> str:
        return errno.errorcode.get(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), "none")

    def do_peer(self, side: str, sock: Any, size: int) -> str:
        return str(sock.getpeername()[0])

    def do_name(self, side: str, sock: Any, size: int) -> str:
        return str(sock.getsockname()[0])

    def do_close(self, side: str, sock: Any, size: int) -> None:
        sock.close()
        self.socks[side] = None

    def do_abort(self, side: str, sock: Any, size: int) -> None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
        self.do_close(side, sock, size)

    def close(self) -> None:
        for sock in (*self.socks.values(), self.listening):
            if sock is not None:
                sock.close()


def outcome(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except OSError as error:
        return errno.errorcode[error.errno or 0]


def acknowledge_at_once(pair: Pair) -> None:
    """No delayed acknowledgements in the real kernel: it saves time, and they are tested on their own."""
    for sock in pair.socks.values():
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
