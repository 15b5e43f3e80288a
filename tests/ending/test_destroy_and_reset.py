"""`destroy()`: "Drop everything, now." `reset()`: "Abort, and let the peer know." And which of the four ways wins."""

from __future__ import annotations

import errno
import socket
from itertools import permutations, product
from pathlib import Path
from typing import Any

import pytest

from reactor import ConnectionClosed, Reactor, Reason
from reactor.testing import Peer, pump, settle

MIB = 1024 * 1024
TIME_WAIT = "06"  # include/net/tcp_states.h


def states_between(port: int, peer_port: int) -> list[str]:
    """The states of the kernel's TCP sockets from `port` to `peer_port`, as the kernel lists them."""
    wanted = (f"{port:04X}", f"{peer_port:04X}")
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return [row[3] for row in rows if (row[1].rpartition(":")[2], row[2].rpartition(":")[2]) == wanted]


def kernel_states(wire: Any, peer: Peer) -> list[str]:
    return states_between(wire.address[1], peer.address[1])


@pytest.mark.parametrize("call", ["destroy", "reset"])
def test_the_report_counts_what_was_not_sent(call: str, harness: Any) -> None:
    wire = harness()
    _, conn = wire.connect(receive_buffer=65536)
    conn.write(bytes(16 * MIB))
    pending = conn.pending_bytes
    getattr(conn, call)()
    report = wire.closed(conn)
    assert 0 < report.bytes_unsent == pending < 16 * MIB
    assert report.bytes_written == 16 * MIB - pending
    assert report.bytes_unacked > 0
    assert (report.clean, report.error, report.phase) == (False, None, "open")
    assert wire.record.names() == ["close"]


@pytest.mark.parametrize("call", ["destroy", "reset"])
def test_the_connection_is_closed_from_the_return_of_the_call_on(call: str, harness: Any) -> None:
    wire = harness()
    _, conn = wire.connect()
    getattr(conn, call)()
    assert (conn.state, conn.pending_bytes) == ("closed", 0)


@pytest.mark.parametrize("call", ["destroy", "reset"])
def test_the_descriptor_is_given_back_in_the_same_turn_and_close_comes_in_the_next(call: str, harness: Any) -> None:
    wire = harness()
    peer, conn = wire.connect()
    conn.on("data", lambda conn, data: getattr(conn, call)())
    peer.send(b"now")
    pump(wire.loop, lambda: conn.state == "closed")
    assert (conn.fileno(), conn.report) == (-1, None)
    wire.loop.run_once(0)
    assert wire.record.names() == ["data", "close"]


def test_destroy_is_fin_where_the_peer_had_been_heard_out(harness: Any) -> None:
    wire = harness()
    peer, conn = wire.connect()
    conn.write(b"taken")
    conn.destroy()
    wire.closed(conn)
    assert peer.receive_all() == (b"taken", "FIN")


def test_destroy_is_rst_where_bytes_of_the_peer_were_not_read(harness: Any) -> None:
    wire = harness()
    peer, conn = wire.connect()
    conn.pause()
    settle(wire.loop)
    peer.send(b"unread")
    conn.destroy()
    wire.closed(conn)
    assert peer.outcome() == "ECONNRESET"


def test_destroy_with_an_error_emits_it_right_before_close(harness: Any) -> None:
    wire = harness()
    _, conn = wire.connect()
    error = RuntimeError("bad frame")
    conn.destroy(error)
    report = wire.closed(conn)
    assert (report.reason, report.error, report.clean) == (Reason.DESTROYED, error, False)
    assert wire.record.events[conn] == [("error", error), ("close", report)]


def test_reset_is_econnreset_for_the_peer_and_leaves_no_time_wait(each_loop: Reactor, harness: Any) -> None:
    wire = harness(loop=each_loop)
    peer, conn = wire.connect()
    conn.write(b"taken")
    assert kernel_states(wire, peer) == ["01"]
    conn.reset()
    assert wire.closed(conn).reason is Reason.RESET
    assert peer.outcome() == "ECONNRESET"
    assert kernel_states(wire, peer) == []


def test_an_orderly_end_of_ours_leaves_the_time_wait_that_reset_avoids(harness: Any) -> None:
    wire = harness()
    peer, conn = wire.connect()
    conn.end()
    settle(wire.loop)
    peer.end()
    wire.closed(conn)
    assert kernel_states(wire, peer) == [TIME_WAIT]


@pytest.mark.parametrize("before", ["pending", "unread", "ended", "half-closed"])
def test_reset_sends_rst_in_every_state(before: str, harness: Any) -> None:
    wire = harness(allow_half_open=True)
    peer, conn = wire.connect(receive_buffer=65536)
    if before == "pending":
        conn.write(bytes(16 * MIB))
    elif before == "unread":
        conn.pause()
        peer.send(b"unread")
    elif before == "ended":
        conn.end()
    else:
        peer.end()
        pump(wire.loop, lambda: conn.state == "write_only")
    settle(wire.loop)
    conn.reset()
    assert wire.closed(conn).reason is Reason.RESET
    if before == "ended":  # it had our FIN before, and the kernel reports an RST after a FIN as EPIPE (tcp_reset)
        assert peer.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.EPIPE
    else:
        assert peer.outcome() == "ECONNRESET"
    assert kernel_states(wire, peer) == []


@pytest.mark.parametrize("call", ["destroy", "reset"])
def test_writing_after_it_raises_connection_closed(call: str, harness: Any) -> None:
    wire = harness()
    _, conn = wire.connect()
    getattr(conn, call)()
    writes = (lambda: conn.write(b"x"), lambda: conn.writelines([b"x"]), lambda: conn.end(b"x"))
    for write in writes:
        with pytest.raises(ConnectionClosed, match=r"destroy\(\) or reset\(\)") as raised:
            write()
        assert raised.type is ConnectionClosed
    wire.closed(conn)
    for write in writes:
        with pytest.raises(ConnectionClosed):
            write()
    assert conn.report.bytes_unsent == 0


@pytest.mark.parametrize("call", ["destroy", "reset"])
def test_nothing_that_was_on_its_way_is_delivered_after_it(call: str, harness: Any) -> None:
    wire = harness()
    peer, conn = wire.connect()
    peer.send(b"arrived")
    peer.end()
    getattr(conn, call)()
    report = wire.closed(conn)
    settle(wire.loop)
    assert (report.bytes_read, wire.record.names()) == (0, ["close"])


@pytest.mark.parametrize(
    ("first", "second", "reason", "outcome"),
    [
        ("destroy", "reset", Reason.DESTROYED, "FIN"),
        ("reset", "destroy", Reason.RESET, "ECONNRESET"),
        ("destroy", "destroy", Reason.DESTROYED, "FIN"),
        ("reset", "reset", Reason.RESET, "ECONNRESET"),
    ],
)
def test_of_destroy_and_reset_the_first_wins(
    first: str, second: str, reason: Reason, outcome: str, harness: Any
) -> None:
    wire = harness()
    peer, conn = wire.connect()
    getattr(conn, first)()
    getattr(conn, second)()
    report = wire.closed(conn)
    getattr(conn, second)()
    assert report.reason is reason
    assert peer.outcome() == outcome
    assert wire.record.names() == ["close"]


def test_an_error_given_to_a_second_destroy_comes_too_late(harness: Any) -> None:
    wire = harness()
    _, conn = wire.connect()
    conn.destroy()
    conn.destroy(RuntimeError("late"))
    assert wire.closed(conn).error is None
    assert wire.record.names() == ["close"]


FOUR = ("end", "destroy_soon", "destroy", "reset")


@pytest.mark.parametrize("calls", list(permutations(FOUR)), ids=" ".join)
@pytest.mark.parametrize("apart", [False, True], ids=["in one turn", "turns apart"])
def test_in_every_order_of_all_four_the_first_of_the_two_strongest_wins(
    calls: tuple[str, ...], apart: bool, harness: Any
) -> None:
    wire = harness()
    _, conn = wire.connect(receive_buffer=65536)
    conn.write(bytes(16 * MIB))
    state = {"end": "read_only", "destroy_soon": "closing", "destroy": "closed", "reset": "closed"}
    strongest = 0
    for call in calls:
        getattr(conn, call)()
        strongest = max(strongest, FOUR.index(call))
        assert conn.state == state[FOUR[strongest]]
        if apart:
            settle(wire.loop, 3)
    report = wire.closed(conn)
    winner = next(call for call in calls if call in ("destroy", "reset"))
    assert report.reason is {"destroy": Reason.DESTROYED, "reset": Reason.RESET}[winner]
    assert report.bytes_unsent > 0
    assert wire.record.names() == ["close"]


@pytest.mark.parametrize("calls", list(product(("end", "destroy_soon"), repeat=2)), ids=" ".join)
def test_of_end_and_destroy_soon_the_stronger_wins_in_every_order(calls: tuple[str, str], harness: Any) -> None:
    wire = harness()
    peer, conn = wire.connect()
    for call in calls:
        getattr(conn, call)()
    peer.send(b"afterwards")
    peer.end()
    report = wire.closed(conn)
    heard = "destroy_soon" not in calls
    assert wire.record.data() == (b"afterwards" if heard else b"")
    assert report.bytes_discarded == (0 if heard else 10)
    assert report.clean
    assert peer.receive_all() == (b"", "FIN")
