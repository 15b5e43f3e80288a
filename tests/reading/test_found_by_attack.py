"""What an attack on framing and limits found."""

from __future__ import annotations

from typing import Any

import pytest

from reactor import Connection, Reactor, Reason, lines
from reactor.testing import ManualClock, Peer, pump, settle

MIB = 1 << 20


def test_who_empties_what_is_pending_is_no_slow_reader_though_the_program_fills_it_again(
    harness: Any, loop: Reactor, clock: ManualClock
) -> None:
    h = harness(slow_reader=(65_536, 5))
    peer, conn = h.connect(receive_buffer=65536)  # so that 8 MiB never fit into both kernels' buffers
    drains: list[float] = []

    def refill(conn: Connection) -> None:
        drains.append(loop.now)
        conn.write(bytes(8 * MIB))

    conn.on("drain", refill)
    refill(conn)
    received = 0
    for second in range(12):
        while len(drains) <= second + 1:
            received += len(peer.receive(min(MIB, conn.bytes_written - received)))
            settle(loop, 2)
            assert conn.report is None
        clock.advance(1)
    assert conn.state == "open"


def test_a_rate_that_is_raised_counts_at_once_for_those_who_wait(
    harness: Any, loop: Reactor, clock: ManualClock
) -> None:
    h = harness(accept_rate=(0.001, 1), when_full="wait")
    peers = [Peer(h.address) for _ in range(4)]
    pump(loop, lambda: len(h.record.connections) == 1)
    h.server.accept_rate = (10, 1)
    for _ in range(5):
        settle(loop)
        clock.advance(0.11)
    assert len(h.record.connections) == 4
    for peer in peers:
        peer.close()


@pytest.mark.parametrize("pieces", [[b"head\n\nbody"], [b"head\n\n", b"body"], [b"head\n\nbo", b"dy"]])
def test_a_framer_that_was_taken_off_hears_no_more_however_the_bytes_come(
    pieces: list[bytes], harness: Any, loop: Reactor
) -> None:
    h = harness(data=False)
    heard: list[bytes] = []

    @lines
    def head(conn: Connection, line: bytes) -> None:
        heard.append(line)
        if not line:
            conn.off("data", head)
            conn.on("data", lambda conn, data: heard.append(data))
            heard.append(head.take(conn))

    peer, conn = h.connect()
    conn.on("data", head)
    conn.on("end", lambda conn: conn.write(b"last word"))
    for piece in pieces:
        peer.send(piece)
        settle(loop)
    peer.end()
    report = h.closed(conn)
    assert heard[0] == b"head"
    assert b"".join(heard[1:]) == b"body"
    assert report.reason is Reason.PEER_ENDED
    assert peer.receive_all() == (b"last word", "FIN")


def test_a_framer_that_was_taken_off_without_take_says_nothing_of_the_end(harness: Any, loop: Reactor) -> None:
    h = harness(data=False)
    heard: list[bytes] = []

    @lines
    def first(conn: Connection, line: bytes) -> None:
        heard.append(line)
        conn.off("data", first)

    peer, conn = h.connect()
    conn.on("data", first)
    peer.send(b"one\ntwo\nthr")
    settle(loop)
    peer.end()
    assert h.closed(conn).reason is Reason.PEER_ENDED
    assert heard == [b"one"]


def test_what_a_framer_held_when_it_was_taken_off_is_discarded_whoever_hears_what_comes_later(
    harness: Any, loop: Reactor
) -> None:
    h = harness(data=False)
    raw: list[bytes] = []

    @lines
    def first(conn: Connection, line: bytes) -> None:
        conn.off("data", first)
        conn.on("data", lambda conn, data: raw.append(data))

    peer, conn = h.connect()
    conn.on("data", first)
    peer.send(b"one\nrest")
    pump(loop, lambda: conn.bytes_read == 8)
    peer.send(b"more")
    pump(loop, lambda: raw)
    conn.destroy()
    report = h.closed(conn)
    assert (raw, report.bytes_read, report.bytes_discarded) == ([b"more"], 12, 4)


def test_a_framer_that_hears_once_hears_bytes(harness: Any, loop: Reactor) -> None:
    h = harness(data=False)
    heard: list[bytes] = []
    peer, conn = h.connect()
    conn.set_encoding("utf-8")
    conn.once("data", lines(lambda conn, line: heard.append(line)))
    peer.send(b"one\n")
    pump(loop, lambda: heard)
    assert heard == [b"one"]


def test_what_two_framers_hold_back_of_the_same_bytes_is_counted_once(harness: Any, loop: Reactor) -> None:
    h = harness(data=False)
    peer, conn = h.connect()
    for _ in range(2):
        conn.on("data", lines(lambda conn, line: None))
    peer.send(b"partial")
    pump(loop, lambda: conn.bytes_read == 7)
    conn.destroy()
    assert h.closed(conn).bytes_discarded == 7


def test_who_is_gone_already_holds_nothing_against_the_others(harness: Any, loop: Reactor) -> None:
    h = harness(memory_limit=20 * MIB)
    first, second = (h.connect(receive_buffer=4096)[1] for _ in range(2))
    first.write(bytes(9 * MIB))
    settle(loop)

    def both() -> None:
        first.destroy()
        second.write(bytes(17 * MIB))

    loop.call_soon(both)
    settle(loop)
    assert second.state == "open"


def test_a_spread_ends_with_a_grace_that_was_shortened(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness()
    peers = [h.connect()[0] for _ in range(10)]
    h.server.shutdown(10, spread=5)
    settle(loop)
    h.server.shutdown(2, end=False)
    for _ in range(19):
        clock.advance(0.1)
        settle(loop)
    assert [peer.outcome() for peer in peers] == ["FIN"] * 10
