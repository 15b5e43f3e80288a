"""Who may come, met from raw clients: `max_per_address`, `accept_rate`, `allow`; how refusals are counted and told."""

from __future__ import annotations

import logging
import select
from typing import Any

import pytest

from reactor import Connection, Reactor, Reason
from reactor.testing import ManualClock, Peer, pump, settle

ONE, TWO, THREE = "127.0.0.1", "127.0.0.2", "127.0.0.3"


@pytest.fixture
def knock(request: pytest.FixtureRequest) -> Any:
    """`knock(h, "127.0.0.2", ...)`: clients from there, one by one; each sees "in", "FIN" or "ECONNRESET"."""

    def come(h: Any, *sources: str) -> list[str]:
        seen = []
        for source in sources:
            peer, before = Peer(h.address, source=source), len(h.record.connections)
            request.addfinalizer(peer.close)
            settle(h.loop)
            seen.append("in" if len(h.record.connections) > before else peer.outcome())
        return seen

    return come


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


# max_per_address


def test_one_more_from_an_address_is_refused_and_another_address_is_not(harness: Any, knock: Any) -> None:
    h = harness(max_per_address=2)
    assert knock(h, ONE, ONE, ONE, ONE) == ["in", "in", "FIN", "FIN"]
    assert knock(h, TWO, TWO, TWO) == ["in", "in", "FIN"]
    seen = h.server.statistics()
    assert (seen.accepted, seen.open, seen.refused, seen.refused_by) == (4, 4, 3, {"max_per_address": 3})
    assert seen.ended == {Reason.REFUSED: 3}


def test_an_address_gets_its_place_back_when_a_connection_ends(harness: Any, knock: Any) -> None:
    h = harness(max_per_address=1)
    _, conn = h.connect()
    assert knock(h, ONE) == ["FIN"]
    conn.destroy()
    settle(h.loop)
    assert knock(h, ONE, ONE) == ["in", "FIN"]


def test_a_limit_by_address_set_later_counts_those_inside(h: Any, knock: Any) -> None:
    h.connect()
    h.server.max_per_address = 2
    assert knock(h, ONE, ONE) == ["in", "FIN"]
    h.server.max_per_address = None
    assert knock(h, ONE) == ["in"]


def test_the_addresses_of_one_ipv6_subscriber_count_as_one(harness: Any) -> None:
    h = harness(max_per_address=1)
    first, second = h.queue(2, h.server.listen("::1", 0))
    settle(h.loop)
    assert first.nothing_comes()
    assert second.outcome() == "FIN"


# accept_rate


def test_a_burst_comes_in_at_once_and_then_the_rate_holds(harness: Any, clock: ManualClock, knock: Any) -> None:
    h = harness(accept_rate=(2, 3))
    assert knock(h, *[ONE] * 5) == ["in", "in", "in", "FIN", "FIN"]
    clock.advance(1)
    assert knock(h, ONE, ONE, ONE) == ["in", "in", "FIN"]
    assert h.server.statistics().refused_by == {"accept_rate": 3}


def test_above_a_rate_without_a_burst_clients_may_be_reset(harness: Any, knock: Any) -> None:
    assert knock(harness(accept_rate=1.5, when_full="reset"), ONE, ONE, ONE) == ["in", "in", "ECONNRESET"]


def test_above_the_rate_clients_may_wait_for_their_turn(each_loop: Reactor, harness: Any, clock: ManualClock) -> None:
    h = harness(loop=each_loop, accept_rate=(10, 1), when_full="wait")
    h.queue(3)
    counts = []
    for _ in range(4):
        settle(each_loop)
        counts.append(len(h.record.connections))
        clock.advance(0.11)
    assert counts == [1, 2, 3, 3]
    assert h.server.statistics().refused == 0


def test_while_clients_wait_for_the_rate_the_loop_does_not_spin(harness: Any) -> None:
    h = harness(accept_rate=(10, 1), when_full="wait")
    h.connect()
    h.queue(1)
    settle(h.loop)
    assert not select.select([h.loop.fileno()], [], [], 0)[0]


def test_a_connection_that_ends_lets_nobody_in_above_the_rate(harness: Any, clock: ManualClock) -> None:
    h = harness(accept_rate=(1, 1), when_full="wait")
    _, conn = h.connect()
    h.queue(1)
    conn.destroy()
    settle(h.loop)
    assert len(h.record.connections) == 1
    clock.advance(1)
    pump(h.loop, lambda: len(h.record.connections) == 2)


def test_a_rate_that_is_lifted_lets_waiting_clients_in(harness: Any) -> None:
    h = harness(accept_rate=(0.001, 1), when_full="wait")
    h.connect()
    h.queue(1)
    settle(h.loop)
    assert len(h.record.connections) == 1
    h.server.accept_rate = None
    pump(h.loop, lambda: len(h.record.connections) == 2)


# allow


def test_allow_lets_in_its_networks_alone_and_block_is_stronger(harness: Any, knock: Any) -> None:
    h = harness(allow=["127.0.0.2", "2001:db8::/32", "127.0.0.4"], block=["127.0.0.4"])
    assert knock(h, ONE, TWO, THREE, "127.0.0.4") == ["FIN", "in", "FIN", "FIN"]
    assert h.server.statistics().refused_by == {"allow": 2, "block": 1}


def test_limits_by_address_are_nothing_to_a_unix_socket(harness: Any, tmp_path: Any) -> None:
    h = harness(allow=["10.0.0.0/8"], block=["0.0.0.0/0", "::/0"], max_per_address=1)
    h.queue(2, h.server.listen(path=tmp_path / "s"))
    pump(h.loop, lambda: len(h.record.connections) == 2)


# What is told.


def test_refusals_are_told_at_once_and_then_in_sums(
    harness: Any, clock: ManualClock, knock: Any, caplog: pytest.LogCaptureFixture
) -> None:
    h = harness(max_connections=2, max_per_address=1)
    dropped = h.server_told("drop")
    knock(h, *[ONE] * 21)
    assert len(warnings(caplog)) == 1
    assert "clients were refused: 1 by max_per_address; the last was 127.0.0.1:" in warnings(caplog)[0]
    knock(h, TWO, THREE)
    clock.advance(5)
    settle(h.loop)
    assert len(warnings(caplog)) == 2
    assert "19 by max_per_address, 1 by max_connections; the last was 127.0.0.3:" in warnings(caplog)[1]
    clock.advance(5)
    settle(h.loop)
    assert len(warnings(caplog)) == 2, "nobody was refused since"
    knock(h, ONE)
    assert len(warnings(caplog)) == 3
    assert len(dropped) == 22, "each refusal still emits `drop`"


def test_what_was_not_told_yet_is_told_at_the_stop(harness: Any, knock: Any, caplog: pytest.LogCaptureFixture) -> None:
    h = harness(max_per_address=1)
    knock(h, *[ONE] * 4)
    h.server.shutdown(0)
    settle(h.loop)
    assert "2 by max_per_address" in warnings(caplog)[1]
    assert h.loop.next_deadline() is None, "a timer is left"


def test_a_listener_of_connection_that_ends_it_at_once_gives_its_place_back(harness: Any, knock: Any) -> None:
    h = harness(max_per_address=1)
    h.server.on("connection", Connection.reset)
    assert knock(h, ONE, ONE, ONE) == ["in"] * 3
