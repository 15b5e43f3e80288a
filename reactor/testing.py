"""For tests of this library, and of what is built on it: a clock set by hand, a scripted poller, and a peer
with bad habits.

`ManualClock` makes deadlines testable without waiting: `Reactor(clock=clock)`, `clock.advance(60)`,
`pump(loop, ...)`.

`Peer` is a blocking client that uses none of this library's code, so that what it sees is what the wire said.
It can do what real clients do: end its half, go away with RST, stop reading, read a little at a time, keep
sending and read late.

`pump` takes turns until a condition holds and fails when it does not come true in time: no test sleeps.
"""

from __future__ import annotations

import contextlib
import errno
import selectors
import socket
import struct
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .engine.loop import Reactor

Outcome = str


class ManualClock:
    """A clock that stands still until told: `Reactor(clock=ManualClock())`."""

    def __init__(self, start: float = 1000.0) -> None:
        self._now = float(start)

    def __call__(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass (0 or more: time does not go back)."""
        if seconds < 0:
            raise ValueError(f"seconds must be 0 or more, not {seconds!r}")
        self._now += seconds


class ScriptedPoller(selectors.BaseSelector):
    """A selector that reports what it was told to, and never sleeps.

    `script` gives one list of `(file object, events)` for each `select()`; after the last one nothing is ever
    ready. Registrations are kept as by any selector, and every call is noted in `calls` by name.
    """

    def __init__(self, script: Iterable[Iterable[tuple[Any, int]]] = ()) -> None:
        self._script = iter(script)
        self._keys: dict[int, selectors.SelectorKey] = {}
        self.calls: list[str] = []

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        self.calls.append("register")
        fd = fileobj if isinstance(fileobj, int) else fileobj.fileno()
        if fd in self._keys:
            raise KeyError(f"{fileobj!r} is registered already")
        self._keys[fd] = selectors.SelectorKey(fileobj, fd, events, data)
        return self._keys[fd]

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        self.calls.append("unregister")
        return self._keys.pop(fileobj if isinstance(fileobj, int) else fileobj.fileno())

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        self.unregister(fileobj)
        return self.register(fileobj, events, data)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.calls.append("select")
        ready = []
        for fileobj, events in next(self._script, ()):
            key = self._keys.get(fileobj if isinstance(fileobj, int) else fileobj.fileno())
            if key is not None and key.events & events:
                ready.append((key, key.events & events))
        return ready

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return {key.fileobj: key for key in self._keys.values()}

    def close(self) -> None:
        self._keys.clear()


def pump(loop: Reactor, until: Callable[[], object], seconds: float = 5.0) -> None:
    """Take turns until `until()` is true; AssertionError when it is not within `seconds` of real time."""
    limit = time.monotonic() + seconds
    while not until():
        if time.monotonic() > limit:
            raise AssertionError(f"not within {seconds} s: {until}")
        loop.run_once(0.005)


def settle(loop: Reactor, turns: int = 10) -> None:
    """Take a few turns without sleeping: what is ready happens, and nothing else."""
    for _ in range(turns):
        loop.run_once(0)


class Peer:
    """A blocking client, for one connection. A context manager that closes its socket."""

    def __init__(
        self,
        address: tuple[str, int] | str,
        *,
        receive_buffer: int | None = None,
        timeout: float = 5.0,
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
