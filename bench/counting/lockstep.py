"""The load: it sends a batch while the server waits at its gate, opens the gate, and reads all of the answers.

So the server finds a whole batch in its next turn: a message on loopback lies in the receiver's socket when send(2)
returns. It comes to the gate again when it has answered everything.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import IO

from bench.servers.common import GREETING, HOST, blocks

PATIENCE = 60.0  # seconds, for a server that valgrind makes 50 times slower


class Gate:
    """The server's gate, from outside: the server says a line when it has come to it, and goes on after a byte."""

    def __init__(self, said: IO[bytes], opening: IO[bytes]) -> None:
        self._said, self._opening = said, opening

    def reached(self) -> bool:
        """Wait until the server is at the gate. False if it has exited."""
        return bool(self._said.readline())

    def open(self) -> None:
        self._opening.write(b"\n")
        self._opening.flush()


Load = Callable[[int, Gate], None]  # of a port


class Wrong(Exception):
    """The server answered something else; the text says what."""


def connect(port: int) -> socket.socket:
    sock = socket.create_connection((HOST, port), PATIENCE)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def expect(sock: socket.socket, wanted: bytes) -> None:
    """Raises Wrong, or OSError where nothing comes."""
    got = bytearray()
    while len(got) < len(wanted):
        if not (data := sock.recv(len(wanted) - len(got))):
            raise Wrong(f"the server ended a connection after {len(got)} of {len(wanted)} bytes")
        got += data
    if got != wanted:
        raise Wrong(f"the server answered {bytes(got[:80])!r}, not {wanted[:80]!r}")


def echoing(count: int, depth: int, size: int) -> Load:
    """`depth` messages at once on each of `count` connections; each ends as a line does."""
    message = blocks(size + size // 64).translate(None, b"\n")[: size - 1] + b"\n"  # one byte in 256 is left out
    batch = message * depth
    assert len(batch) == depth * size

    def load(port: int, gate: Gate) -> None:
        socks: list[socket.socket] = []
        while gate.reached():
            socks = socks or [connect(port) for _ in range(count)]
            for sock in socks:
                sock.sendall(batch)
            gate.open()
            for sock in socks:
                expect(sock, batch)
        for sock in socks:
            sock.close()

    return load


def churning(count: int) -> Load:
    """`count` connections come, each with a request; when all are answered and ended, all close."""

    def load(port: int, gate: Gate) -> None:
        while gate.reached():
            socks = [connect(port) for _ in range(count)]
            for sock in socks:
                sock.sendall(b"hello\n")
            gate.open()
            for sock in socks:
                expect(sock, GREETING)
                if sock.recv(1):
                    raise Wrong("the server said more than its answer")
            gate.reached()
            for sock in socks:
                sock.close()
            gate.open()

    return load
