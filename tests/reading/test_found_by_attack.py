"""What an attack on limits found."""

from __future__ import annotations

from typing import Any

from reactor import Connection, Reactor
from reactor.testing import ManualClock, Peer, pump, settle
from tests.support.scene import Scenes

MIB = 1 << 20


def test_who_empties_what_is_pending_is_no_slow_reader_though_the_program_fills_it_again(scene: Scenes) -> None:
    one = scene(slow_reader=(65_536, 5), receive_buffer=65536)  # so that 8 MiB never fit into both kernels' buffers
    drains: list[float] = []

    def refill(conn: Connection) -> None:
        drains.append(one.loop.now)
        conn.write(bytes(8 * MIB))

    one.conn.on("drain", refill)
    refill(one.conn)
    received = 0
    for second in range(12):
        while len(drains) <= second + 1:
            received += len(one.peer.receive(min(MIB, one.conn.bytes_written - received)))
            one.turns(2)
            assert one.conn.report is None
        one.clock.advance(1)
    assert one.conn.state == "open"


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


def test_who_is_gone_already_holds_nothing_against_the_others(harness: Any, loop: Reactor) -> None:
    h = harness(memory_limit=20 * MIB)
    first, second = (h.connect(receive_buffer=4096)[1] for _ in range(2))
    first.write(bytes(9 * MIB))
    settle(loop)
    loop.call_soon(lambda: (first.destroy(), second.write(bytes(17 * MIB))))
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
