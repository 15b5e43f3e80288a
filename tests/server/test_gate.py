"""Who may come, met from raw clients: `max_per_address`, `accept_rate`, `allow`; how refusals are counted and told."""

from __future__ import annotations

import logging
import select
from collections.abc import Iterator
from typing import Any

import pytest

from reactor import Connection, Reactor, Reason
from reactor.testing import ManualClock, Peer, pump, settle


@pytest.fixture
def knock() -> Iterator[Any]:
    """`knock(h, "127.0.0.2")`: a client from there; what it sees is "in", "FIN" or "ECONNRESET"."""
    peers: list[Peer] = []

    def come(h: Any, source: str = "127.0.0.1") -> str:
        peers.append(Peer(h.address, source=source))
        before = len(h.record.connections)
        settle(h.loop)
        return "in" if len(h.record.connections) > before else peers[-1].outcome()

    yield come
    for peer in peers:
        peer.close()


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


# max_per_address


def test_one_more_from_an_address_is_refused_and_another_address_is_not(harness: Any, knock: Any) -> None:
    h = harness(max_per_address=2)
    assert [knock(h) for _ in range(4)] == ["in", "in", "FIN", "FIN"]
    assert [knock(h, "127.0.0.2") for _ in range(3)] == ["in", "in", "FIN"]
    seen = h.server.statistics()
    assert (seen.accepted, seen.refused, seen.refused_by) == (4, 3, {"max_per_address": 3})
    assert seen.ended == {Reason.REFUSED: 3}


def test_an_address_gets_its_place_back_when_a_connection_ends(harness: Any, loop: Reactor, knock: Any) -> None:
    h = harness(max_per_address=1)
    _, conn = h.connect()
    assert knock(h) == "FIN"
    conn.destroy()
    settle(loop)
    assert [knock(h), knock(h)] == ["in", "FIN"]


def test_a_limit_by_address_set_later_counts_those_inside(harness: Any, knock: Any) -> None:
    h = harness()
    h.connect()
    h.server.max_per_address = 2
    assert [knock(h), knock(h)] == ["in", "FIN"]
    h.server.max_per_address = None
    assert knock(h) == "in"


def test_the_addresses_of_one_ipv6_subscriber_count_as_one(harness: Any, loop: Reactor) -> None:
    h = harness(max_per_address=1)
    address = h.server.listen("::1", 0)
    with Peer(address) as first, Peer(address) as second:
        settle(loop)
        assert first.nothing_comes()
        assert second.outcome() == "FIN"


# accept_rate


def test_a_burst_comes_in_at_once_and_then_the_rate_holds(harness: Any, clock: ManualClock, knock: Any) -> None:
    h = harness(accept_rate=(2, 3))
    assert [knock(h) for _ in range(5)] == ["in", "in", "in", "FIN", "FIN"]
    clock.advance(1)
    assert [knock(h) for _ in range(3)] == ["in", "in", "FIN"]
    assert h.server.statistics().refused_by == {"accept_rate": 3}


def test_a_rate_by_itself_has_a_burst_of_one_second(harness: Any, knock: Any) -> None:
    h = harness(accept_rate=1.5)
    assert h.server.accept_rate == (1.5, 2)
    assert [knock(h) for _ in range(3)] == ["in", "in", "FIN"]


def test_above_the_rate_clients_may_be_reset(harness: Any, knock: Any) -> None:
    h = harness(accept_rate=1, when_full="reset")
    assert [knock(h), knock(h)] == ["in", "ECONNRESET"]


def test_above_the_rate_clients_may_wait_in_the_backlog_for_their_turn(
    each_loop: Reactor, harness: Any, clock: ManualClock
) -> None:
    h = harness(loop=each_loop, accept_rate=(10, 1), when_full="wait")
    peers = [Peer(h.address) for _ in range(3)]
    counts = []
    for _ in range(4):
        settle(each_loop)
        counts.append(len(h.record.connections))
        clock.advance(0.11)
    assert counts == [1, 2, 3, 3]
    assert h.server.statistics().refused == 0
    for peer in peers:
        peer.close()


def test_while_clients_wait_for_the_rate_the_loop_does_not_spin(harness: Any, loop: Reactor) -> None:
    h = harness(accept_rate=(10, 1), when_full="wait")
    h.connect()
    with Peer(h.address):
        settle(loop)
        assert not select.select([loop.fileno()], [], [], 0)[0]


def test_a_connection_that_ends_lets_nobody_in_above_the_rate(harness: Any, loop: Reactor, clock: ManualClock) -> None:
    h = harness(accept_rate=(1, 1), when_full="wait")
    _, conn = h.connect()
    with Peer(h.address):
        conn.destroy()
        settle(loop)
        assert len(h.record.connections) == 1
        clock.advance(1)
        pump(loop, lambda: len(h.record.connections) == 2)


def test_a_rate_that_is_lifted_lets_waiting_clients_in(harness: Any, loop: Reactor) -> None:
    h = harness(accept_rate=(0.001, 1), when_full="wait")
    h.connect()
    with Peer(h.address):
        settle(loop)
        assert len(h.record.connections) == 1
        h.server.accept_rate = None
        pump(loop, lambda: len(h.record.connections) == 2)


# allow


def test_allow_lets_in_its_networks_alone(harness: Any, knock: Any) -> None:
    h = harness(allow=["127.0.0.2", "2001:db8::/32"])
    assert [knock(h), knock(h, "127.0.0.2"), knock(h, "127.0.0.3")] == ["FIN", "in", "FIN"]
    assert h.server.statistics().refused_by == {"allow": 2}


def test_block_is_stronger_than_allow(harness: Any, knock: Any) -> None:
    h = harness(allow=["127.0.0.0/8"], block=["127.0.0.2"])
    assert [knock(h), knock(h, "127.0.0.2")] == ["in", "FIN"]


def test_lists_of_networks_are_nothing_to_a_unix_socket(loop: Reactor, harness: Any, tmp_path: Any) -> None:
    h = harness(allow=["10.0.0.0/8"], block=["0.0.0.0/0"], max_per_address=1)
    path = h.server.listen(path=tmp_path / "s")
    with Peer(path), Peer(path):
        pump(loop, lambda: len(h.record.connections) == 2)


# What is told.


def test_each_refusal_still_emits_drop(harness: Any, loop: Reactor, knock: Any) -> None:
    h = harness(max_per_address=1)
    dropped: list[Any] = []
    h.server.on("drop", lambda *args: dropped.append(args))
    for _ in range(3):
        knock(h)
    settle(loop)
    assert len(dropped) == 2


def test_refusals_are_told_at_once_and_then_in_sums(
    harness: Any, loop: Reactor, clock: ManualClock, knock: Any, caplog: pytest.LogCaptureFixture
) -> None:
    h = harness(max_connections=2, max_per_address=1)
    knock(h)
    for _ in range(20):
        knock(h)
    assert len(warnings(caplog)) == 1
    assert "clients were refused: 1 by max_per_address; the last was 127.0.0.1:" in warnings(caplog)[0]
    knock(h, "127.0.0.2")
    knock(h, "127.0.0.3")
    clock.advance(5)
    settle(loop)
    assert len(warnings(caplog)) == 2
    assert "19 by max_per_address, 1 by max_connections; the last was 127.0.0.3:" in warnings(caplog)[1]
    clock.advance(5)
    settle(loop)
    assert len(warnings(caplog)) == 2, "nobody was refused since"
    knock(h)
    assert len(warnings(caplog)) == 3


def test_what_was_not_told_yet_is_told_when_the_server_stops(
    harness: Any, loop: Reactor, knock: Any, caplog: pytest.LogCaptureFixture
) -> None:
    h = harness(max_per_address=1)
    for _ in range(4):
        knock(h)
    h.server.shutdown(0)
    settle(loop)
    assert "2 by max_per_address" in warnings(caplog)[1]
    assert loop.next_deadline() is None, "a timer is left"


def test_the_limits_hold_for_those_in_the_backlog_of_a_shutdown(harness: Any, loop: Reactor) -> None:
    h = harness(max_per_address=2)
    peers = [Peer(h.address) for _ in range(5)]
    h.server.shutdown(5)
    settle(loop)
    assert len(h.record.connections) == 2
    for peer in peers:
        peer.close()


def test_a_listener_of_connection_that_ends_it_at_once_gives_its_place_back(
    harness: Any, loop: Reactor, knock: Any
) -> None:
    h = harness(max_per_address=1)
    h.server.on("connection", Connection.reset)
    assert [knock(h) for _ in range(3)] == ["in"] * 3
