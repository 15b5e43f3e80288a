"""`max_connections`, what happens to those who come when it is full, and `block`."""

from __future__ import annotations

import select
from typing import Any

import pytest

from reactor import Connection, Reactor, Reason
from reactor.testing import Peer, pump, settle


def _drops(h: Any) -> list[tuple[Any, ...]]:
    dropped: list[tuple[Any, ...]] = []
    h.server.on("drop", lambda *args: dropped.append(args))
    return dropped


def _full(harness: Any, when_full: str = "drop", **settings: Any) -> tuple[Any, Peer, Connection]:
    """A server for one connection, and that connection."""
    h = harness(max_connections=1, when_full=when_full, **settings)
    return (h, *h.connect())


def test_drop_accepts_and_closes(harness: Any, loop: Reactor) -> None:
    h, _, _ = _full(harness)
    with Peer(h.address) as extra:
        settle(loop)
        assert extra.outcome() == "FIN"
    assert len(h.record.connections) == 1


def test_drop_is_the_default(harness: Any) -> None:
    h = harness()
    assert (h.server.max_connections, h.server.when_full) == (None, "drop")


def test_reset_accepts_and_resets(harness: Any, loop: Reactor) -> None:
    h, _, _ = _full(harness, "reset")
    with Peer(h.address) as extra:
        settle(loop)
        assert extra.outcome() == "ECONNRESET"
    assert len(h.record.connections) == 1


@pytest.mark.parametrize("when_full", ["drop", "reset"])
def test_the_drop_event_tells_both_addresses(harness: Any, loop: Reactor, when_full: str) -> None:
    h, _, _ = _full(harness, when_full)
    dropped = _drops(h)
    with Peer(h.address) as extra:
        settle(loop)
        assert dropped == [(h.server, h.address, extra.address)]


def test_the_drop_event_names_the_address_the_client_came_to_behind_a_wildcard(harness: Any, loop: Reactor) -> None:
    h, _, _ = _full(harness)
    dropped = _drops(h)
    _, port = h.server.listen("0.0.0.0", 0)
    with Peer(("127.0.0.1", port)) as extra:
        settle(loop)
        assert dropped == [(h.server, ("127.0.0.1", port), extra.address)]


def test_those_inside_are_not_disturbed(harness: Any, loop: Reactor) -> None:
    h, peer, conn = _full(harness)
    with Peer(h.address) as extra:
        settle(loop)
        assert extra.outcome() == "FIN"
    conn.write(b"still here")
    assert peer.receive(10) == b"still here"


def test_wait_leaves_clients_in_the_backlog(each_loop: Reactor, harness: Any) -> None:
    h, _, _ = _full(harness, "wait", loop=each_loop)
    dropped = _drops(h)
    with Peer(h.address) as extra:
        settle(each_loop)
        assert extra.nothing_comes()
        assert len(h.record.connections) == 1
        assert dropped == []


def test_while_clients_wait_the_loop_does_not_spin(harness: Any, loop: Reactor) -> None:
    h, _, _ = _full(harness, "wait")
    with Peer(h.address):
        settle(loop)
        assert not select.select([loop.fileno()], [], [], 0)[0]


def test_a_freed_place_goes_to_a_waiting_client_at_once(each_loop: Reactor, harness: Any) -> None:
    h, _, conn = _full(harness, "wait", loop=each_loop)
    with Peer(h.address) as extra:
        settle(each_loop)
        conn.destroy()
        pump(each_loop, lambda: len(h.record.connections) == 2)
        assert h.record.connections[1].remote_address == extra.address


def test_a_freed_place_is_used_although_its_close_was_not_delivered_yet(harness: Any, loop: Reactor) -> None:
    h, _, conn = _full(harness)
    conn.destroy()
    loop.run_once(0)  # the teardown; `close` comes in the next turn
    assert conn.report is None
    with Peer(h.address) as extra:
        settle(loop)
        assert h.record.connections[1].remote_address == extra.address


@pytest.mark.parametrize("when_full", ["drop", "reset", "wait"])
def test_a_place_is_taken_until_the_descriptor_is_free(harness: Any, loop: Reactor, when_full: str) -> None:
    h, peer, conn = _full(harness, when_full)
    conn.end(b"bye")  # lingering: it still has its descriptor
    settle(loop)
    with Peer(h.address):
        settle(loop)
        assert len(h.record.connections) == 1
    peer.close()
    h.closed(conn)


def test_a_raised_limit_lets_waiting_clients_in(harness: Any, loop: Reactor) -> None:
    h, _, _ = _full(harness, "wait")
    waiting = [Peer(h.address) for _ in range(3)]
    settle(loop)
    h.server.max_connections = 3
    settle(loop)
    assert len(h.record.connections) == 3
    h.server.max_connections = None
    settle(loop)
    assert len(h.record.connections) == 4
    for peer in waiting:
        peer.close()


def test_a_lowered_limit_throws_nobody_out_and_lets_nobody_in(harness: Any, loop: Reactor) -> None:
    h = harness(max_connections=3)
    inside = [h.connect()[1] for _ in range(3)]
    h.server.max_connections = 1
    inside[0].destroy()
    h.closed(inside[0])
    with Peer(h.address) as extra:
        settle(loop)
        assert extra.outcome() == "FIN"
    assert [conn.state for conn in inside] == ["closed", "open", "open"]


def test_another_policy_counts_at_once_for_those_who_wait(harness: Any, loop: Reactor) -> None:
    h, _, _ = _full(harness, "wait")
    dropped = _drops(h)
    with Peer(h.address) as extra:
        settle(loop)
        h.server.when_full = "reset"
        settle(loop)
        assert extra.outcome() == "ECONNRESET"
        assert dropped == [(h.server, h.address, extra.address)]


def test_the_limit_is_one_for_all_listening_sockets(harness: Any, loop: Reactor) -> None:
    h, _, conn = _full(harness, "wait")
    other = h.server.listen("127.0.0.1", 0)
    with Peer(other), Peer(h.address):
        settle(loop)
        assert len(h.record.connections) == 1
        conn.destroy()
        settle(loop)
        assert len(h.record.connections) == 2


def test_a_listener_added_while_full_waits_too(harness: Any, loop: Reactor) -> None:
    h, _, _ = _full(harness, "wait")
    with Peer(h.server.listen("127.0.0.1", 0)) as extra:
        settle(loop)
        assert extra.nothing_comes()
        assert not select.select([loop.fileno()], [], [], 0)[0]


def test_statistics_count_those_who_were_turned_away(harness: Any, loop: Reactor) -> None:
    h, _, _ = _full(harness)
    for _ in range(3):
        with Peer(h.address) as extra:
            settle(loop)
            extra.outcome()
    statistics = h.server.statistics()
    assert (statistics.accepted, statistics.refused, statistics.open) == (1, 3, 1)
    assert statistics.ended == {Reason.REFUSED: 3}


def test_clients_of_a_blocked_network_are_dropped(harness: Any, loop: Reactor) -> None:
    h = harness(block=["127.0.0.0/8", "2001:db8::/32"])
    dropped = _drops(h)
    with Peer(h.address) as extra:
        settle(loop)
        assert extra.outcome() == "FIN"
        assert dropped == [(h.server, h.address, extra.address)]
    assert h.record.connections == []


def test_a_blocked_ipv4_network_counts_behind_a_dual_stack_socket(harness: Any, loop: Reactor) -> None:
    h = harness(block=["127.0.0.0/8"])
    _, port = h.server.listen(None, 0)
    with Peer(("127.0.0.1", port)) as blocked, Peer(("::1", port)) as welcome:
        settle(loop)
        assert blocked.outcome() == "FIN"
        assert welcome.nothing_comes()
    assert len(h.record.connections) == 1


def test_blocking_may_change_while_it_runs(harness: Any, loop: Reactor) -> None:
    h = harness()
    _, inside = h.connect()
    h.server.block = ["127.0.0.1"]
    with Peer(h.address) as extra:
        settle(loop)
        assert extra.outcome() == "FIN"
    h.server.block = ()
    h.connect()
    assert inside.state == "open"
    assert len(h.record.connections) == 2


@pytest.mark.parametrize("value", [0, -1])
def test_no_place_at_all_is_refused(harness: Any, value: int) -> None:
    with pytest.raises(ValueError, match=f"max_connections must be 1 or more, not {value}"):
        harness(max_connections=value)


def test_an_unknown_policy_is_refused(harness: Any) -> None:
    with pytest.raises(ValueError, match="when_full must be one of 'drop', 'reset', 'wait', not 'queue'"):
        harness(when_full="queue")


@pytest.mark.parametrize("value", ["10.0.0.0/8", 7])
def test_block_wants_a_list(harness: Any, value: Any) -> None:
    with pytest.raises(TypeError, match="block must be a list of networks"):
        harness(block=value)


def test_block_names_what_is_no_network(harness: Any) -> None:
    with pytest.raises(ValueError, match=r"block must be a list of networks like '10\.0\.0\.0/8': .*10\.0\.0\.0/40"):
        harness(block=["10.0.0.0/40"])
