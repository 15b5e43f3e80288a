"""Churn, pull and fan-out: see the C files of these names."""

from __future__ import annotations

import select
import socket
import time

from bench.servers.common import BLOCK, GREETING, WELCOME
from bench.slow_load.base import PERIOD, READ_SIZE, UNFINISHED, Conn, Failed, Loader


class Churn(Loader):
    """Connections that come, read the greeting to the server's FIN, and go."""

    events = select.EPOLLIN

    def run(self) -> None:
        self.ready = self.hear
        self.go_on(self.options.warmup)
        self.begin_counting()
        self.go_on(self.options.seconds)
        self.end_counting()

    def go_on(self, seconds: float) -> None:
        self.coming = True
        for number in range(self.options.conns):
            self.open(number)
        self.poll_for(seconds)
        self.coming = False
        self.poll_while(lambda: self.conns)

    def hear(self, conn: Conn) -> None:
        if self.receive(conn, lambda conn, size: GREETING[conn.got : conn.got + size]):
            return
        if conn.got != len(GREETING):
            raise Failed(f"connection {conn.number}: the server ended it after {conn.got} bytes")
        self.close(conn)
        self.operations += 1
        if self.coming:
            self.open(conn.number)


class Pull(Loader):
    """Read what the server sends of its own accord; with a gate, nothing before it has opened."""

    events = select.EPOLLIN  # the first one is the server's first word

    def run(self) -> None:
        self.said = BLOCK * (READ_SIZE // len(BLOCK) + 1)
        self.heard: set[int] = set()
        if self.options.gate:
            self.ready = lambda conn: self.heard.add(conn.number)
        else:
            self.ready = self.hear
            self.begin_counting()
        for number in range(self.options.conns):
            self.open(number)
            if self.options.gate:
                self.poll_while(lambda: len(self.conns) - len(self.heard) >= UNFINISHED)
        if self.options.gate:
            self.poll_while(lambda: len(self.heard) < len(self.conns))
            self.pass_gate()
            self.begin_counting()
            self.ready = self.hear
            for conn in list(self.conns.values()):
                self.open_up(conn)
        self.poll_while(lambda: self.conns)
        self.end_counting()

    def open_up(self, conn: Conn) -> None:
        if self.options.receive_buffer:
            conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 128 * 1024)
        self.hear(conn)

    def hear(self, conn: Conn) -> None:
        before = conn.got
        there = self.receive(conn, self.block_at)
        self.operations += conn.got - before
        if conn.got > self.options.bytes or (not there and conn.got < self.options.bytes):
            raise Failed(f"connection {conn.number}: {conn.got} bytes came of {self.options.bytes}")
        if not there:
            self.close(conn)

    def block_at(self, conn: Conn, size: int) -> bytes:
        at = conn.got % len(BLOCK)
        return self.said[at : at + size]


class FanOut(Loader):
    """What one says, all must get."""

    def run(self) -> None:
        self.ready, self.said, self.have_it, self.counting = self.hear, 0, 0, False
        self.everybody = []
        for number in range(self.options.conns):
            conn = self.open(number)
            conn.start = 0
            self.everybody.append(conn)
            self.poll_while(lambda: sum(conn.done == 0 for conn in self.everybody) >= UNFINISHED)
        self.poll_while(lambda: any(conn.done == 0 for conn in self.everybody))
        self.go_on(self.options.warmup)
        self.begin_counting()
        self.counting = True
        self.go_on(self.options.seconds)
        self.end_counting()
        for conn in self.everybody:
            conn.sent = conn.got
        self.end_all()

    def due(self) -> int:
        return len(WELCOME) + self.said * self.options.size

    def hear(self, conn: Conn) -> None:
        if not self.receive(conn, self.told):
            raise Failed(f"connection {conn.number}: the server ended it")
        if conn.got > self.due():
            raise Failed(f"connection {conn.number}: more came than was said")
        if conn.done == 0 and conn.got >= len(WELCOME):
            conn.done = 1
        if 0 < self.said == conn.done and conn.got == self.due():
            conn.done += 1
            self.have_it += 1

    def told(self, conn: Conn, size: int) -> bytes:
        if conn.got >= len(WELCOME):
            at = (conn.got - len(WELCOME)) % PERIOD
            return self.pattern[at : at + size]
        return (WELCOME + self.pattern[:size])[conn.got : conn.got + size]

    def go_on(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while True:
            self.have_it, self.said, meant = 0, self.said + 1, time.monotonic()
            self.say(self.everybody[0], self.options.size)
            self.poll_while(lambda: self.have_it < self.options.conns)
            self.operations += self.options.conns
            if self.counting:
                self.latency.all.append((meant, time.monotonic()))
            if time.monotonic() >= end:
                return
