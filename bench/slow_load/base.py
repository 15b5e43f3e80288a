"""What the modes have in common: connections, all watched edge-triggered, the check of every byte, what is counted."""

from __future__ import annotations

import argparse
import errno
import json
import math
import random
import select
import socket
import sys
import time
from collections.abc import Callable
from typing import Any

from bench.servers.common import HOST

PERIOD = 1 << 20
READ_SIZE = 256 * 1024
UNFINISHED = 500  # connections at a time that the server has not answered yet: under any backlog


class Failed(Exception):
    """The server did not do what it should; the text says what."""


def lines_of_text() -> bytes:
    """A period of text, each 64th byte a newline. Of the C program's kind, and not its very bytes: servers of echo
    need not know.
    """
    letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    text = bytearray(random.Random(64).randbytes(PERIOD).translate(letters * 4))
    text[63::64] = b"\n" * (PERIOD // 64)
    return bytes(text)


class Conn:
    """A connection, what it may say, and how much of it is back."""

    def __init__(self, number: int, options: argparse.Namespace) -> None:
        self.number = number
        self.start = number * 37 * 64
        self.may_send = self.sent = self.got = self.done = 0
        self.sock = socket.socket()
        self.sock.setblocking(False)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if options.receive_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, options.receive_buffer)
        if options.segment:
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, options.segment)
        status = self.sock.connect_ex((HOST, options.port))
        if status not in (0, errno.EINPROGRESS):
            raise Failed(f"connect: {errno.errorcode[status]}")
        self.fd = self.sock.fileno()
        self.open = True

    def close(self) -> None:
        self.open = False
        self.sock.close()


class Samples:
    """Latencies: when something was due, and when it was back."""

    def __init__(self) -> None:
        self.all: list[tuple[float, float]] = []

    def percentiles(self) -> dict[str, float]:
        """Nearest rank: latencies that were really seen."""
        found = sorted(came - meant for meant, came in self.all)

        def share(part: float) -> float:
            return found[max(math.ceil(part * len(found)) - 1, 0)]

        shares = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999, "worst": 1.0}
        return {"count": len(found)} | {name: share(part) for name, part in shares.items()}


class Loader:
    """A mode has `run`, and sets `ready`, which is called with each connection that something happened to."""

    events = select.EPOLLIN | select.EPOLLOUT

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.poller = select.epoll()
        self.conns: dict[int, Conn] = {}
        self.pattern = lines_of_text() * 2
        self.ready: Callable[[Conn], None] = self.await_end
        self.operations = 0
        self.gone = 0.0
        self.latency, self.reaping = Samples(), Samples()
        self._progress = time.monotonic()
        self._begun = (0, 0.0, 0.0, 0.0)
        self.result: dict[str, Any] = {}

    def open(self, number: int) -> Conn:
        conn = Conn(number, self.options)
        self.conns[conn.fd] = conn
        self.poller.register(conn.fd, self.events | select.EPOLLRDHUP | select.EPOLLET)
        return conn

    def close(self, conn: Conn) -> None:
        del self.conns[conn.fd]
        conn.close()

    def poll_once(self, until: float) -> None:
        left = until - time.monotonic()
        events = self.poller.poll(min(max(left, 0), 0.5), 256)
        for fd, _ in events:
            if fd in self.conns:
                self.ready(self.conns[fd])
        if not events and time.monotonic() - self._progress > self.options.patience:
            self.give_up()

    def give_up(self) -> None:
        for conn in self.conns.values():
            if conn.got < conn.may_send:
                raise Failed(
                    f"connection {conn.number}: {conn.sent} bytes went out, {conn.got} came back, and then nothing "
                    f"for {self.options.patience:g} s"
                )
        raise Failed(f"nothing came for {self.options.patience:g} s")

    def poll_while(self, condition: Callable[[], object]) -> None:
        while condition():
            self.poll_once(time.monotonic() + 0.1)

    def poll_for(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.poll_once(end)

    # One connection.

    def say(self, conn: Conn, size: int) -> None:
        conn.may_send += size
        self.send_more(conn)

    def send_more(self, conn: Conn) -> None:
        while conn.sent < conn.may_send:
            at = (conn.start + conn.sent) % PERIOD
            size = min(conn.may_send - conn.sent, PERIOD)
            try:
                conn.sent += conn.sock.send(memoryview(self.pattern)[at : at + size])
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno == errno.ENOTCONN:
                    return
                raise Failed(f"connection {conn.number}: send: {error.strerror} after {conn.sent} bytes") from error

    def receive(self, conn: Conn, expected: Callable[[Conn, int], bytes] | None = None) -> bool:
        """Read and compare all there is. False: the server's FIN was read."""
        while True:
            try:
                data = conn.sock.recv(READ_SIZE)
            except BlockingIOError:
                return True
            except OSError as error:
                raise Failed(f"connection {conn.number}: {error.strerror} after {conn.got} bytes") from error
            self._progress = time.monotonic()
            if not data:
                return False
            self.compare(conn, data, (expected or self.echoed)(conn, len(data)))
            conn.got += len(data)

    def echoed(self, conn: Conn, size: int) -> bytes:
        at = (conn.start + conn.got) % PERIOD
        return self.pattern[at : at + size]

    def compare(self, conn: Conn, data: bytes, wanted: bytes) -> None:
        if data == wanted:
            return
        for at, (byte, right) in enumerate(zip(data, wanted, strict=False)):
            if byte != right:
                raise Failed(f"connection {conn.number}: byte {conn.got + at} is {byte} and should be {right}")
        raise Failed(f"connection {conn.number}: more came than was due")

    def check_not_more_than_sent(self, conn: Conn) -> None:
        if conn.got > conn.sent:
            raise Failed(f"connection {conn.number}: more came back than went out")

    # The whole.

    def pass_gate(self) -> None:
        if self.options.gate:
            print("ready", flush=True)
            sys.stdin.readline()
            self._progress = time.monotonic()

    def _clocks(self) -> tuple[int, float, float, float]:
        server = self.options.server
        # The clock of another process, as clock_getcpuclockid(3) makes it.
        cpu = time.clock_gettime((~server << 3) | 2) if server else 0.0
        return self.operations, time.monotonic(), cpu, time.process_time()

    def begin_counting(self) -> None:
        self._begun = self._clocks()

    def end_counting(self) -> None:
        names = ("operations", "seconds", "server_cpu", "load_cpu")
        self.result = {name: end - begin for name, begin, end in zip(names, self._begun, self._clocks(), strict=True)}

    def end_all(self) -> None:
        """Our FIN on each; the server must answer with its own, and nothing else."""
        self._progress = time.monotonic()
        self.ready = self.await_end
        for conn in self.conns.values():
            conn.sock.shutdown(socket.SHUT_WR)
        self.poll_while(lambda: self.conns)

    def await_end(self, conn: Conn) -> None:
        there = self.receive(conn)
        self.check_not_more_than_sent(conn)
        if not there:
            self.close(conn)

    def run(self) -> None:
        raise NotImplementedError

    def tell(self) -> None:
        told = self.result | {"gone": self.gone}
        for name, samples in (("latency", self.latency), ("reaping", self.reaping)):
            if samples.all:
                told[name] = samples.percentiles()
        print(json.dumps(told))
