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


def everything(loop: Reactor, harness: Any, clock: ManualClock) -> list[weakref.ref[Connection]]:
    """One connection for each way to end, each with listeners of its own that hold it; all of them are over."""
    h = harness(idle_timeout=60, write_timeout=30, buffer_limit=1000)
    alive: list[weakref.ref[Connection]] = []

    def come(**options: Any) -> tuple[Peer, Connection]:
        peer = Peer(h.address, **options)
        known = set(h.server.connections)
        pump(loop, lambda: set(h.server.connections) - known)
        (conn,) = set(h.server.connections) - known
        conn.on("data", lambda _, data: conn.touch())
        conn.on("close", lambda _, report: conn.bytes_read)
        conn.context = conn.remote_address
        alive.append(weakref.ref(conn))
        return peer, conn

    peers = []
    for ending in ("end", "destroy_soon", "destroy", "reset"):
        peer, conn = come()
        conn.write(b"last words", lambda conn, error: None)
        getattr(conn, ending)()
        peers.append(peer)
    peer, conn = come()
    peer.end()
    peers.append(peer)
    peer, conn = come()
    peer.reset()
    peer, conn = come()
    conn.destroy(ValueError("of the program's own"))
    peers.append(peer)
    for _ in range(2):  # one is cut by the limit, one by the deadline
        peer, conn = come(receive_buffer=4096)
        conn.write(BIG, lambda conn, error: None)
        peers.append(peer)
    conn.write(b"one more")
    peer, conn = come()
    conn.set_timeout(10, lambda conn, kind: None)
    conn.set_encoding("utf-8")
    peers.append(peer)  # it is reaped
    peer, conn = come()
    client = connect(loop, *h.address)
    alive.append(weakref.ref(client))
    client.pipe(conn)
    conn.pipe(client)
    peers.append(peer)
    settle(loop)
    for peer in peers:
        peer.close()
    settle(loop)
    clock.advance(100)
    pump(loop, lambda: not h.server.connections or clock.advance(1))
    settle(loop)
    h.record.connections.clear()
    h.record.events.clear()
    return alive


def test_a_mixed_set_of_endings_leaves_nothing_for_the_collector(
    loop: Reactor, harness: Any, clock: ManualClock, without_collector: None, caplog: pytest.LogCaptureFixture
) -> None:
    alive = everything(loop, harness, clock)
    caplog.clear()  # its records hold the connections that they are about
    assert len(alive) == 12
    assert [conn() for conn in alive if conn() is not None] == []
    assert gc.collect() == 0
