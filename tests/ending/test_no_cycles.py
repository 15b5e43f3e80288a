"""What has ended is gone by reference counting alone: nothing is left for the collector."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from reactor import Connection, Reactor, connect
from reactor.testing import ManualClock, Peer, pump, settle

BIG = bytes(5_000_000)


@pytest.fixture
def without_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


class Crowd:
    """Connections with listeners of their own that hold them, and how each of them ends."""

    def __init__(self, loop: Reactor, h: Any) -> None:
        self.loop, self.h = loop, h
        self.alive: list[weakref.ref[Connection]] = []
        self.peers: list[Peer] = []

    def come(self, **options: Any) -> Connection:
        conn: Connection
        peer, conn = self.h.connect(**options)
        conn.on("data", lambda _, data: conn.touch())
        conn.on("close", lambda _, report: conn.bytes_read)
        conn.context = conn.remote_address
        self.peers.append(peer)
        self.alive.append(weakref.ref(conn))
        return conn

    def end_each_way(self) -> None:
        for ending in ("end", "destroy_soon", "destroy", "reset"):
            conn = self.come()
            conn.write(b"last words", lambda conn, error: None)
            getattr(conn, ending)()
        self.come().destroy(ValueError("of the program's own"))
        self.come()
        self.peers[-1].end()
        self.come()
        self.peers[-1].reset()

    def be_cut(self) -> None:
        """By the limit, by the deadline of a client that does not read, and by that of a silent one."""
        for _ in range(2):
            conn = self.come(receive_buffer=4096)
            conn.write(BIG, lambda conn, error: None)
        conn.write(b"one more")
        conn = self.come()
        conn.set_timeout(10, lambda conn, kind: None)
        conn.set_encoding("utf-8")

    def relay(self) -> None:
        near = self.come()
        far = connect(self.loop, *self.h.address)
        self.alive.append(weakref.ref(far))
        near.pipe(far)
        far.pipe(near)

    def forget(self) -> None:
        self.h.record.connections.clear()
        self.h.record.events.clear()


def test_a_mixed_set_of_endings_leaves_nothing_for_the_collector(
    loop: Reactor, harness: Any, clock: ManualClock, without_collector: None, caplog: pytest.LogCaptureFixture
) -> None:
    h = harness(idle_timeout=60, write_timeout=30, buffer_limit=1000)
    crowd = Crowd(loop, h)
    crowd.end_each_way()
    crowd.be_cut()
    crowd.relay()
    settle(loop)
    for peer in crowd.peers:
        peer.close()
    settle(loop)
    clock.advance(100)
    pump(loop, lambda: not h.server.connections)
    settle(loop)
    crowd.forget()
    caplog.clear()  # its records hold the connections that they are about
    assert len(crowd.alive) == 12
    assert [conn() for conn in crowd.alive if conn() is not None] == []
    assert gc.collect() == 0
