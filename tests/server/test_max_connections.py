"""`max_connections`, what happens to clients that come when it is full, and `block`."""

from __future__ import annotations

import select
from typing import Any

import pytest

from reactor import Connection, Reactor, Reason
from reactor.testing import Peer, pump, settle


def _full(harness: Any, when_full: str = "drop", **settings: Any) -> tuple[Any, Peer, Connection]:
    """A server for one connection, and that connection."""
    h = harness(max_connections=1, when_full=when_full, **settings)
    return (h, *h.connect())


@pytest.mark.parametrize(("when_full", "outcome"), [("drop", "FIN"), ("reset", "ECONNRESET")])
def test_a_client_too_many_is_turned_away_in_the_way_that_was_chosen(
    harness: Any, loop: Reactor, waiting: Any, when_full: str, outcome: str
) -> None:
    h, _, _ = _full(harness, when_full)
    dropped = h.server_told("drop")
    (extra,) = waiting(h.address, 1)
    settle(loop)
    assert extra.outcome() == outcome
    assert dropped == [(h.address, extra.address)]
    assert len(h.record.connections) == 1


def test_the_drop_event_names_the_address_the_client_came_to_behind_a_wildcard(
    harness: Any, loop: Reactor, waiting: Any
) -> None:
    h, _, _ = _full(harness)
    dropped = h.server_told("drop")
    _, port = h.server.listen("0.0.0.0", 0)
    (extra,) = waiting(("127.0.0.1", port), 1)
    settle(loop)
    assert dropped == [(("127.0.0.1", port), extra.address)]


def test_those_inside_are_not_disturbed(harness: Any, loop: Reactor, waiting: Any) -> None:
    h, peer, conn = _full(harness)
    (extra,) = waiting(h.address, 1)
    settle(loop)
    assert extra.outcome() == "FIN"
    conn.write(b"still here")
    assert peer.receive(10) == b"still here"


def test_wait_leaves_clients_in_the_backlog_until_a_place_is_free(
    each_loop: Reactor, harness: Any, waiting: Any
) -> None:
    h, _, conn = _full(harness, "wait", loop=each_loop)
    dropped = h.server_told("drop")
    (extra,) = waiting(h.address, 1)
    settle(each_loop)
    assert extra.nothing_comes()
    assert (len(h.record.connections), dropped) == (1, [])
    conn.destroy()
    pump(each_loop, lambda: len(h.record.connections) == 2)
    assert h.record.connections[1].remote_address == extra.address


def test_while_clients_wait_the_loop_does_not_spin(harness: Any, loop: Reactor, waiting: Any) -> None:
    h, _, _ = _full(harness, "wait")
    waiting(h.address, 1)
    waiting(h.server.listen("127.0.0.1", 0), 1)  # on a listening socket that was added while it is full, too
    settle(loop)
    assert not select.select([loop.fileno()], [], [], 0)[0]
    assert len(h.record.connections) == 1


def test_a_freed_place_is_used_although_its_close_was_not_delivered_yet(
    harness: Any, loop: Reactor, waiting: Any
) -> None:
    h, _, conn = _full(harness)
    conn.destroy()
    loop.run_once(0)  # the teardown; `close` comes in the next turn
    assert conn.report is None
    (extra,) = waiting(h.address, 1)
    settle(loop)
    assert h.record.connections[1].remote_address == extra.address


@pytest.mark.parametrize("when_full", ["drop", "reset", "wait"])
def test_a_place_is_taken_until_the_descriptor_is_free(
    harness: Any, loop: Reactor, waiting: Any, when_full: str
) -> None:
    h, peer, conn = _full(harness, when_full)
    conn.end(b"bye")  # lingering: it still has its descriptor
    settle(loop)
    waiting(h.address, 1)
    settle(loop)
    assert len(h.record.connections) == 1
    peer.close()
    h.closed(conn)


def test_a_raised_limit_lets_waiting_clients_in(harness: Any, loop: Reactor, waiting: Any) -> None:
    h, _, _ = _full(harness, "wait")
    waiting(h.address, 3)
    settle(loop)
    for limit, inside in ((3, 3), (None, 4)):
        h.server.max_connections = limit
        settle(loop)
        assert len(h.record.connections) == inside


def test_a_lowered_limit_throws_nobody_out_and_lets_nobody_in(harness: Any, loop: Reactor, waiting: Any) -> None:
    h = harness(max_connections=3)
    inside = [h.connect()[1] for _ in range(3)]
    h.server.max_connections = 1
    inside[0].destroy()
    h.closed(inside[0])
    (extra,) = waiting(h.address, 1)
    settle(loop)
    assert extra.outcome() == "FIN"
    assert [conn.state for conn in inside] == ["closed", "open", "open"]


def test_another_policy_counts_at_once_for_those_who_wait(harness: Any, loop: Reactor, waiting: Any) -> None:
    h, _, _ = _full(harness, "wait")
    dropped = h.server_told("drop")
    (extra,) = waiting(h.address, 1)
    settle(loop)
    h.server.when_full = "reset"
    settle(loop)
    assert extra.outcome() == "ECONNRESET"
    assert dropped == [(h.address, extra.address)]


def test_the_limit_is_one_for_all_listening_sockets(harness: Any, loop: Reactor, waiting: Any) -> None:
    h, _, conn = _full(harness, "wait")
    waiting(h.server.listen("127.0.0.1", 0), 1)
    waiting(h.address, 1)
    settle(loop)
    assert len(h.record.connections) == 1
    conn.destroy()
    settle(loop)
    assert len(h.record.connections) == 2


def test_statistics_count_those_who_were_turned_away(harness: Any, loop: Reactor, waiting: Any) -> None:
    h, _, _ = _full(harness)
    waiting(h.address, 3)
    settle(loop)
    statistics = h.server.statistics()
    assert (statistics.accepted, statistics.refused, statistics.open) == (1, 3, 1)
    assert statistics.ended == {Reason.REFUSED: 3}


def test_clients_of_a_blocked_network_are_dropped(harness: Any, loop: Reactor, waiting: Any) -> None:
    h = harness(block=["127.0.0.0/8", "2001:db8::/32"])
    dropped = h.server_told("drop")
    (extra,) = waiting(h.address, 1)
    settle(loop)
    assert extra.outcome() == "FIN"
    assert dropped == [(h.address, extra.address)]
    assert h.record.connections == []


def test_a_blocked_ipv4_network_counts_behind_a_dual_stack_socket(harness: Any, loop: Reactor, waiting: Any) -> None:
    h = harness(block=["127.0.0.0/8"])
    _, port = h.server.listen(None, 0)
    (blocked,), (welcome,) = waiting(("127.0.0.1", port), 1), waiting(("::1", port), 1)
    settle(loop)
    assert blocked.outcome() == "FIN"
    assert welcome.nothing_comes()
    assert len(h.record.connections) == 1


def test_blocking_may_change_while_it_runs(h: Any, loop: Reactor, waiting: Any) -> None:
    _, inside = h.connect()
    h.server.block = ["127.0.0.1"]
    (extra,) = waiting(h.address, 1)
    settle(loop)
    assert extra.outcome() == "FIN"
    h.server.block = ()
    h.connect()
    assert inside.state == "open"
    assert len(h.record.connections) == 2
