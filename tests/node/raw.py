"""The raw peer: a plain blocking socket that uses none of our code, and notes what it saw on the wire."""

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
MANY = 8 * MIB  # bytes; more than the kernel holds for a peer that does not read (tcp_wmem: 4 MiB)
NARROW = 4096  # bytes; a receive buffer that fills at once
ROOMY = 1 << 18  # bytes; one that is read in reasonable time, and does not grow


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
        self._flush()
        self._seen.append(f"{self._name}{what}")

    def _flush(self) -> None:
        if self._got:
            got, self._got = bytes(self._got), bytearray()
            self._seen.append(f"{self._name}got {describe(got)}")

    # What it does.

    def send(self, data: bytes) -> None:
        """Send everything, or as much as the peer takes before it has gone."""
        with contextlib.suppress(ConnectionError):
            self.sock.sendall(data)

    def end(self) -> None:
        """FIN; it still reads. Nothing if the peer has gone already."""
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Go away with RST."""
        self._flush()
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self) -> None:
        """Go away as close(2) does: FIN, or RST if there are bytes it did not read."""
        self._flush()
        self.sock.close()

    # What it sees.

    def read(self, count: int) -> None:
        """Read until `count` bytes more have come, or the end."""
        while count > 0:
            piece = self._receive(min(count, PIECE))
            if not piece:
                return
            self._got += piece
            count -= len(piece)

    def read_once(self) -> None:
        """What one recv gives: with nothing else under way, what one send gave."""
        piece = self._receive(PIECE)
        if piece:
            self._got += piece
            self._flush()

    def read_whole(self, size: int) -> None:
        """Read to the end, and note only whether `size` bytes of the pattern came: how it ends may depend on timing."""
        seen, self._seen = self._seen, []
        self.read_to_end(whole=size)
        self._seen, noted = seen, self._seen
        self.note(noted[0])

    def read_to_end(self, whole: int | None = None) -> None:
        """Read everything, and note how it ended. With `whole`, how much came is noted as "all" or "not all"."""
        data, self._got = self._got, bytearray()
        ended = "timeout"
        while True:
            try:
                piece = self._recv(PIECE)
            except OSError as error:
                ended = _name(error)
                break
            if not piece:
                ended = "FIN"
                break
            data += piece
        if whole is None:
            self._got = data
        else:
            right = data == pattern(len(data))
            self.note(("all of it" if len(data) == whole else "not all of it") if right else "other bytes")
        self.note(ended)

    def _recv(self, size: int) -> bytes:
        if self._reset:
            raise ConnectionResetError(errno.ECONNRESET, "told by connect(2)")
        return self.sock.recv(size)

    def _receive(self, size: int) -> bytes:
        """Some bytes; none at the end, which is noted."""
        try:
            piece = self._recv(size)
        except OSError as error:
            self.note(_name(error))
            return b""
        if not piece:
            self.note("FIN")
        return piece

    def look(self) -> None:
        """Without waiting: the bytes that are there, the end, or nothing."""
        self.sock.setblocking(False)
        try:
            piece = self._recv(PIECE)
        except BlockingIOError:
            self.note("nothing")
        except OSError as error:
            self.note(_name(error))
        else:
            self._got += piece
            if not piece:
                self.note("FIN")
        finally:
            self.sock.settimeout(SECONDS)

    def look_for_reset(self) -> None:
        """After a FIN, was there an RST too? (recv cannot tell: it would give b"" again.)"""
        poll = select.poll()
        poll.register(self.sock, 0)
        trouble = poll.poll(SOON * 1000)
        self.note("then RST" if trouble and trouble[0][1] & select.POLLERR else "no RST")


def _name(error: OSError) -> str:
    if isinstance(error, TimeoutError) and error.errno is None:
        return "timeout"
    return {errno.ECONNRESET: "RST"}.get(error.errno or 0, errno.errorcode.get(error.errno or 0, str(error)))
