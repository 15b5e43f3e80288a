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
def test_a_client_too_many_is_turned_away_in_the_way_chosen(harness: Any, when_full: str, outcome: str) -> None:
    h, peer, conn = _full(harness, when_full)
    dropped = h.server_told("drop")
    (extra,) = h.queue(1)
    settle(h.loop)
    assert extra.outcome() == outcome
    conn.write(b"still here")
    assert peer.receive(10) == b"still here"
    assert dropped == [(h.address, extra.address)]
    assert len(h.record.connections) == 1
    assert (h.server.statistics().refused, h.server.statistics().ended) == (1, {Reason.REFUSED: 1})


def test_the_drop_event_names_the_address_the_client_came_to_behind_a_wildcard(harness: Any) -> None:
    h, _, _ = _full(harness)
    dropped = h.server_told("drop")
    _, port = h.server.listen("0.0.0.0", 0)
    (extra,) = h.queue(1, ("127.0.0.1", port))
    settle(h.loop)
    assert dropped == [(("127.0.0.1", port), extra.address)]


def test_wait_leaves_clients_in_the_backlog_until_a_place_is_free(each_loop: Reactor, harness: Any) -> None:
    h, _, conn = _full(harness, "wait", loop=each_loop)
    dropped = h.server_told("drop")
    (extra,) = h.queue(1)
    settle(each_loop)
    assert extra.nothing_comes()
    assert (len(h.record.connections), dropped) == (1, [])
    conn.destroy()
    pump(each_loop, lambda: len(h.record.connections) == 2)
    assert h.record.connections[1].remote_address == extra.address


def test_while_clients_wait_the_loop_does_not_spin(harness: Any) -> None:
    h, _, _ = _full(harness, "wait")
    h.queue(1)
    h.queue(1, h.server.listen("127.0.0.1", 0))  # on a listening socket that was added while it is full, too
    settle(h.loop)
    assert not select.select([h.loop.fileno()], [], [], 0)[0]
    assert len(h.record.connections) == 1


def test_a_freed_place_is_used_although_its_close_was_not_delivered_yet(harness: Any) -> None:
    h, _, conn = _full(harness)
    conn.destroy()
    h.loop.run_once(0)  # the teardown; `close` comes in the next turn
    assert conn.report is None
    (extra,) = h.queue(1)
    settle(h.loop)
    assert h.record.connections[1].remote_address == extra.address


@pytest.mark.parametrize("when_full", ["drop", "reset", "wait"])
def test_a_place_is_taken_until_the_descriptor_is_free(harness: Any, when_full: str) -> None:
    h, peer, conn = _full(harness, when_full)
    conn.end(b"bye")  # lingering: it still has its descriptor
    settle(h.loop)
    h.queue(1)
    settle(h.loop)
    assert len(h.record.connections) == 1
    peer.close()
    h.closed(conn)


def test_a_raised_limit_lets_waiting_clients_in(harness: Any) -> None:
    h, _, _ = _full(harness, "wait")
    h.queue(3)
    settle(h.loop)
    for limit, inside in ((3, 3), (None, 4)):
        h.server.max_connections = limit
        settle(h.loop)
        assert len(h.record.connections) == inside


def test_a_lowered_limit_throws_nobody_out_and_lets_nobody_in(harness: Any) -> None:
    h = harness(max_connections=3)
    inside = [h.connect()[1] for _ in range(3)]
    h.server.max_connections = 1
    inside[0].destroy()
    h.closed(inside[0])
    (extra,) = h.queue(1)
    settle(h.loop)
    assert extra.outcome() == "FIN"
    assert [conn.state for conn in inside] == ["closed", "open", "open"]


def test_another_policy_counts_at_once_for_those_who_wait(harness: Any) -> None:
    h, _, _ = _full(harness, "wait")
    dropped = h.server_told("drop")
    (extra,) = h.queue(1)
    settle(h.loop)
    h.server.when_full = "reset"
    settle(h.loop)
    assert extra.outcome() == "ECONNRESET"
    assert dropped == [(h.address, extra.address)]


def test_the_limit_is_one_for_all_listening_sockets(harness: Any) -> None:
    h, _, conn = _full(harness, "wait")
    h.queue(1, h.server.listen("127.0.0.1", 0))
    h.queue(1)
    settle(h.loop)
    assert len(h.record.connections) == 1
    conn.destroy()
    settle(h.loop)
    assert len(h.record.connections) == 2


def test_a_blocked_ipv4_network_counts_behind_a_dual_stack_socket(harness: Any) -> None:
    h = harness(block=["127.0.0.0/8"])
    _, port = h.server.listen(None, 0)
    (blocked,), (welcome,) = h.queue(1, ("127.0.0.1", port)), h.queue(1, ("::1", port))
    settle(h.loop)
    assert blocked.outcome() == "FIN"
    assert welcome.nothing_comes()
    assert len(h.record.connections) == 1


def test_blocking_may_change_while_it_runs(h: Any) -> None:
    _, inside = h.connect()
    h.server.block = ["127.0.0.1"]
    dropped = h.server_told("drop")
    (extra,) = h.queue(1)
    settle(h.loop)
    assert extra.outcome() == "FIN"
    assert dropped == [(h.address, extra.address)]
    h.server.block = ()
    h.connect()
    assert inside.state == "open"
    assert len(h.record.connections) == 2
