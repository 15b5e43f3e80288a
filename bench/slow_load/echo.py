"""Messages that must come back as they were, in a closed or an open loop: see echo.c."""

from __future__ import annotations

import argparse
import time

from bench.slow_load.base import UNFINISHED, Conn, Failed, Loader

AFTER = 0.5  # seconds of talk when the last idle connection is gone
HELLO = 1  # messages of a connection before those of the open loop


class Echo(Loader):
    def __init__(self, options: argparse.Namespace) -> None:
        super().__init__(options)
        self.lot = options.size * options.depth
        self.unfinished = self.gone_count = self.due = 0
        self.going_on = False
        self.started = self.counted_from = 0.0
        self.first_gone = self.last_gone = 0.0
        self.everybody: list[Conn] = []

    def run(self) -> None:
        self.ready = self.hear
        self.connect_all()
        self.pass_gate()
        for conn in self.everybody[: self.options.idle]:
            if not conn.open:
                raise Failed(f"connection {conn.number}: ended before all were there")
            self.say(conn, self.options.size)
        self.drain()
        if self.options.rate > 0:
            self.open_loop()
            self.drain()
            self.sort_out_latencies()
        elif self.options.seconds > 0:
            self.closed_loop()
        else:
            self.begin_counting()
            self.end_counting()
        self.end_all()
        self.gone = self.last_gone - self.first_gone

    def connect_all(self) -> None:
        for number in range(self.options.idle + self.options.conns):
            conn = self.open(number)
            self.everybody.append(conn)
            self.unfinished += 1
            self.say(conn, self.options.size)
            self.poll_while(lambda: self.unfinished >= UNFINISHED)
        self.poll_while(lambda: self.unfinished)

    def drain(self) -> None:
        self.poll_while(lambda: any(conn.got < conn.may_send for conn in self.conns.values()))

    # One connection.

    def hear(self, conn: Conn) -> None:
        there = self.receive(conn)
        self.check_not_more_than_sent(conn)
        self.count(conn)
        if there:
            self.send_more(conn)
        else:
            self.ended(conn)

    def count(self, conn: Conn) -> None:
        before, conn.done = conn.done, conn.got // self.options.size
        if before == 0 < conn.done:
            self.unfinished -= 1
        if conn.number < self.options.idle:
            return
        self.operations += conn.done - before
        if self.options.rate <= 0:
            if self.going_on and conn.got == conn.may_send:
                conn.may_send += self.lot
            return
        came = time.monotonic()
        for message in range(max(before, HELLO), conn.done):
            meant = self.meant_at(conn, message)
            if meant >= self.counted_from:
                self.latency.all.append((meant, came))

    def ended(self, conn: Conn) -> None:
        if conn.number >= self.options.idle or conn.got < conn.may_send:
            raise Failed(f"connection {conn.number}: the server ended it after {conn.got} of {conn.may_send} bytes")
        self.close(conn)
        self.last_gone = time.monotonic()
        if self.gone_count == 0:
            self.first_gone = self.last_gone
        self.gone_count += 1

    # The loops.

    def closed_loop(self) -> None:
        self.talk(self.options.warmup)
        self.begin_counting()
        self.talk(self.options.seconds)
        self.end_counting()

    def talk(self, seconds: float) -> None:
        self.going_on = True
        for conn in self.everybody[self.options.idle :]:
            self.say(conn, self.lot)
        self.poll_for(seconds)
        self.going_on = False
        self.drain()

    def open_loop(self) -> None:
        self.started = time.monotonic()
        self.counted_from = self.started + self.options.warmup
        counting = False
        while not counting or not self.may_stop():
            self.send_what_is_due()
            self.poll_once(self.started + (self.due + 1) / self.options.rate)
            if not counting and time.monotonic() >= self.counted_from:
                counting = True
                self.begin_counting()
        self.end_counting()

    def meant_at(self, conn: Conn, message: int) -> float:
        talker: int = conn.number - self.options.idle
        return self.started + ((message - HELLO) * self.options.conns + talker) / self.options.rate

    def send_what_is_due(self) -> None:
        until = int((time.monotonic() - self.started) * self.options.rate)
        while self.due < until:
            self.say(self.everybody[self.options.idle + self.due % self.options.conns], self.options.size)
            self.due += 1

    def may_stop(self) -> bool:
        now, end = time.monotonic(), self.counted_from + self.options.seconds
        if self.options.idle == 0:
            return now >= end
        if self.gone_count == self.options.idle:
            return now >= self.last_gone + AFTER
        if now > end:
            left = self.options.idle - self.gone_count
            raise Failed(
                f"{left} of {self.options.idle} idle connections are still there after {self.options.seconds:g} s"
            )
        return False

    def sort_out_latencies(self) -> None:
        """A message counts for the reaping if it was under way while idle connections were ended."""
        if self.gone_count == 0:
            return
        samples = self.latency.all
        self.reaping.all = [one for one in samples if one[1] >= self.first_gone and one[0] <= self.last_gone]
        self.latency.all = [one for one in samples if one[1] < self.first_gone]
