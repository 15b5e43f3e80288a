"""The raw peer: a plain blocking socket that uses none of our code, and notes what it saw on the wire.

Each public method is a step of a script. Sizes are written "5" or "8 MiB".
"""

from __future__ import annotations

import contextlib
import errno
import select
import socket
import struct
from typing import Any

SECONDS = 5.0  # for what takes a millisecond
SOON = 0.1  # for what would have happened already, but for a busy kernel
SHORT = 64  # bytes that are noted as they are
PIECE = 65_536
MIB = 1 << 20
BUFFERS = {
    "narrow": 4096,  # bytes; a receive buffer that fills at once
    "roomy": 1 << 18,  # bytes; one that is read in reasonable time, and does not grow
}


def pattern(size: int) -> bytes:
    """`size` bytes in which no two neighbourhoods are alike; also what a program writes as {"pattern": size}."""
    return (bytes(range(251)) * (size // 251 + 1))[:size]


def describe(data: bytes) -> str:
    """Short data as they are, long ones by what they are."""
    if len(data) <= SHORT:
        return repr(data)
    return f"{len(data)} bytes of the pattern" if data == pattern(len(data)) else f"{len(data)} other bytes"


class Raw:
    """One raw connection. What it notes is in `seen`: "got b'…'", "FIN", "RST", "nothing"."""

    def __init__(self, sock: socket.socket, name: str, seen: list[str]) -> None:
        self.sock = sock
        self._name = name
        self._seen = seen
        self._sent = 0
        self._got = bytearray()
        self._reset = False  # by the peer, and told already
        sock.settimeout(SECONDS)

    @classmethod
    def connect(cls, address: Any, name: str, seen: list[str], receive_buffer: int | None = None) -> Raw:
        sock = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET)
        if receive_buffer is not None:  # before connect: the window is agreed on there (tcp(7))
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        raw = cls(sock, name, seen)
        try:
            sock.connect(address)
        except ConnectionResetError:  # accepted and reset, before connect(2) has returned
            raw._reset = True
        return raw

    def note(self, what: str) -> None:
        self.flush()
        self._seen.append(f"{self._name}{what}")

    def flush(self) -> None:
        """Note what was read and is not noted yet."""
        if self._got:
            got, self._got = bytes(self._got), bytearray()
            self._seen.append(f"{self._name}got {describe(got)}")

    # What it does.

    def send(self, text: str) -> None:
        """The text, a byte a character."""
        self._send(text.encode("latin-1"))

    def pour(self, size: str) -> None:
        """Send the rest of that many bytes of the pattern."""
        self._send(pattern(_bytes_of(size))[self._sent :])

    def _send(self, data: bytes) -> None:
        """All of it, or as much as the peer takes before it has gone."""
        self._sent += len(data)
        with contextlib.suppress(ConnectionError):
            self.sock.sendall(data)

    def end(self) -> None:
        """FIN; it still reads. Nothing if the peer has gone already."""
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Go away with RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self) -> None:
        """Go away as close(2) does: FIN, or RST if there are bytes it did not read."""
        self.flush()
        self.sock.close()

    # What it sees.

    def read(self, what: str) -> None:
        """`read 5`: that many bytes more, or until the end. `read once`: what one recv gives; with nothing else under
        way that is what one send gave. `read to end`: everything, and how it ended. `read all of 8 MiB`: the same,
        noting only whether all came; `… however it ends`: and not how it ended, which may depend on timing.
        """
        if what == "once":
            self._take(PIECE)
            self.flush()
        elif what == "to end":
            ended = self._read_to_end()
            self.note(ended)
        elif what.startswith("all of "):
            size, _, freely = what.removeprefix("all of ").partition(" however ")
            ended = self._read_to_end()
            data, self._got = self._got, bytearray()
            right = data == pattern(len(data))
            self.note(("all of it" if len(data) == _bytes_of(size) else "not all of it") if right else "other bytes")
            if not freely:
                self.note(ended)
        else:
            self._read(_bytes_of(what))

    def _read(self, count: int) -> None:
        while count > 0:
            taken = self._take(min(count, PIECE))
            if not taken:
                return
            count -= taken

    def _read_to_end(self) -> str:
        while True:
            try:
                piece = self._recv(PIECE)
            except OSError as error:
                return _name(error)
            if not piece:
                return "FIN"
            self._got += piece

    def _recv(self, size: int) -> bytes:
        if self._reset:
            raise ConnectionResetError(errno.ECONNRESET, "told by connect(2)")
        return self.sock.recv(size)

    def _take(self, size: int) -> int:
        """Take some bytes; how many. None at the end, which is noted."""
        try:
            piece = self._recv(size)
        except OSError as error:
            self.note(_name(error))
            return 0
        if not piece:
            self.note("FIN")
        self._got += piece
        return len(piece)

    def look(self, what: str = "") -> None:
        """Without waiting: the bytes that are there, the end, or nothing. `look for a reset`: whether an RST came
        behind the FIN; recv cannot tell, it would give b"" again.
        """
        if what:
            poll = select.poll()
            poll.register(self.sock, 0)
            trouble = poll.poll(SOON * 1000)
            self.note("then RST" if trouble and trouble[0][1] & select.POLLERR else "no RST")
            return
        self.sock.setblocking(False)
        try:
            self._take(PIECE)
        finally:
            self.sock.settimeout(SECONDS)


def _bytes_of(size: str) -> int:
    number, _, unit = size.partition(" ")
    return int(number) * {"": 1, "MiB": MIB}[unit]


def _name(error: OSError) -> str:
    if isinstance(error, BlockingIOError):
        return "nothing"
    if isinstance(error, TimeoutError) and error.errno is None:
        return "timeout"
    return {errno.ECONNRESET: "RST"}.get(error.errno or 0, errno.errorcode.get(error.errno or 0, str(error)))
