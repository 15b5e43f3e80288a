"""`end()`: "I have said everything; I still listen." Everything pending, then FIN; what the peer says is heard."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from reactor import Reactor, Reason, WriteAfterEnd
from reactor.testing import ManualClock, Peer, pump, settle

MIB = 1024 * 1024


def test_end_sends_all_data_then_fin(harness: Any) -> None:
    wire = harness()
    peer, conn = wire.connect()
    conn.write(b"one ")
    conn.end(b"two")
    pump(wire.loop, lambda: "finish" in wire.record.names())
    assert peer.receive_all() == (b"one two", "FIN")


def test_end_drains_megabytes_before_fin(harness: Any) -> None:
    wire = harness()
    peer, conn = wire.connect()
    data = bytes(range(256)) * (16 * 1024)
    conn.write(data)
    conn.end(b"last")
    with ThreadPoolExecutor(1) as pool:
        received = pool.submit(peer.receive_all)
        pump(wire.loop, received.done)
    assert received.result() == (data + b"last", "FIN")
    assert (conn.bytes_written, conn.pending_bytes) == (4 * MIB + 4, 0)


def test_end_in_the_connection_listener_is_the_smallest_server(harness: Any) -> None:
    wire = harness()
    wire.server.on("connection", lambda conn: conn.end(b"Goodbye\n"))
    peer, conn = wire.connect()
    settle(wire.loop)
    assert peer.receive_all() == (b"Goodbye\n", "FIN")
    peer.close()
    assert wire.closed(conn).clean


def test_end_without_data_sends_fin_and_nothing_else(harness: Any) -> None:
    wire = harness()
    peer, conn = wire.connect()
    conn.end()
    settle(wire.loop)
    assert peer.receive_all() == (b"", "FIN")


def test_what_the_peer_sends_after_our_end_still_arrives(harness: Any) -> None:
    wire = harness()
    peer, conn = wire.connect()
    conn.end(b"over")
    settle(wire.loop)
    assert peer.receive_all() == (b"over", "FIN")
    peer.send(b"and another thing")
    pump(wire.loop, lambda: wire.record.data() == b"and another thing")
    peer.send(b", and one more")
    peer.end()
    assert wire.closed(conn).clean
    assert wire.record.data() == b"and another thing, and one more"
    assert wire.record.names() == ["finish", "data", "end", "close"]


def test_the_connection_stays_until_the_peers_fin_was_read_too(harness: Any) -> None:
    wire = harness()
    peer, conn = wire.connect()
    conn.end(b"over")
    settle(wire.loop, 50)
    assert conn.state == "read_only"
    assert conn.fileno() >= 0
    peer.end()
    report = wire.closed(conn)
    assert (report.reason, report.phase, report.clean) == (Reason.ENDED, "lingering", True)
    assert conn.state == "closed"


def test_end_while_paused_drains_and_sends_fin_and_holds_what_came(harness: Any) -> None:
    wire = harness()
    peer, conn = wire.connect()
    conn.pause()
    peer.send(b"held")
    conn.end(b"over")
    settle(wire.loop)
    assert peer.receive_all() == (b"over", "FIN")
    assert (wire.record.names(), conn.state) == (["finish"], "read_only")
    conn.resume()
    peer.end()
    wire.closed(conn)
    assert wire.record.data() == b"held"


def test_end_inside_a_corked_block_sends_fin_after_the_block(harness: Any) -> None:
    wire = harness()
    peer, conn = wire.connect()
    with conn.corked():
        conn.write(b"one ")
        conn.end(b"two")
        settle(wire.loop)
        assert peer.nothing_comes()
    settle(wire.loop)
    assert peer.receive_all() == (b"one two", "FIN")


def test_end_again_is_a_no_op(harness: Any) -> None:
    wire = harness()
    peer, conn = wire.connect()
    conn.end(b"once")
    conn.end()
    settle(wire.loop)
    conn.end()
    settle(wire.loop)
    assert peer.receive_all() == (b"once", "FIN")
    assert wire.record.names() == ["finish"]
    peer.end()
    wire.closed(conn)
    conn.end()
    settle(wire.loop)
    assert wire.record.names() == ["finish", "end", "close"]


def test_end_with_data_after_end_raises_and_sends_nothing(harness: Any) -> None:
    wire = harness()
    peer, conn = wire.connect()
    conn.end(b"once")
    with pytest.raises(WriteAfterEnd, match=r"end\(\)"):
        conn.end(b"twice")
    settle(wire.loop)
    assert peer.receive_all() == (b"once", "FIN")
    peer.close()
    report = wire.closed(conn)
    assert (report.bytes_written, report.bytes_unsent, report.clean) == (4, 0, True)


def test_write_after_end_raises_also_when_everything_is_closed(harness: Any) -> None:
    wire = harness()
    peer, conn = wire.connect()
    conn.end()
    with pytest.raises(WriteAfterEnd):
        conn.write(b"late")
    peer.end()
    wire.closed(conn)
    with pytest.raises(WriteAfterEnd):
        conn.write(b"later")
    with pytest.raises(WriteAfterEnd):
        conn.writelines([b"latest"])
    assert conn.report.bytes_unsent == 0


def test_the_state_is_read_only_from_the_call_of_end_on(harness: Any) -> None:
    wire = harness()
    peer, conn = wire.connect()
    conn.write(bytes(16 * MIB))
    assert conn.state == "open"
    conn.end()
    assert (conn.state, conn.pending_bytes > 0) == ("read_only", True)
    conn.pause()
    assert conn.state == "read_only"
    conn.resume()
    with ThreadPoolExecutor(1) as pool:
        received = pool.submit(peer.receive_all)
        pump(wire.loop, received.done)
    assert conn.state == "read_only"
    seen = []
    conn.on("end", lambda conn: seen.append(conn.state))
    conn.on("close", lambda conn, report: seen.append(conn.state))
    peer.end()
    wire.closed(conn)
    assert seen == ["closing", "closed"]


def test_end_while_draining_after_the_peers_fin_is_closing(harness: Any) -> None:
    wire = harness(allow_half_open=True)
    peer, conn = wire.connect()
    conn.write(bytes(16 * MIB))
    peer.end()
    pump(wire.loop, lambda: "end" in wire.record.names())
    assert conn.state == "write_only"
    conn.end()
    assert conn.state == "closing"
    with ThreadPoolExecutor(1) as pool:
        received = pool.submit(peer.receive_all)
        pump(wire.loop, lambda: conn.report is not None)
    assert (len(received.result()[0]), received.result()[1]) == (16 * MIB, "FIN")
    assert (conn.report.clean, conn.report.reason) == (True, Reason.PEER_ENDED)


# The deadline that one call brings along.


def stuck(wire: Any) -> tuple[Peer, Any]:
    """A connection with more pending than the kernel takes, and a peer that does not read."""
    peer, conn = wire.connect(receive_buffer=65536)
    conn.write(bytes(16 * MIB))
    settle(wire.loop)
    assert conn.pending_bytes > 0
    return peer, conn


def still_there(loop: Reactor, conn: Any) -> bool:
    settle(loop)
    return conn.report is None


def test_a_timeout_resets_what_is_left_of_the_ending(harness: Any, clock: ManualClock) -> None:
    wire = harness()
    peer, conn = stuck(wire)
    conn.end(timeout=5)
    clock.advance(4.99)
    assert still_there(wire.loop, conn)
    clock.advance(0.01)
    report = wire.closed(conn)
    assert (report.reason, report.phase, report.clean, report.error) == (Reason.END_TIMEOUT, "draining", False, None)
    assert report.bytes_written + report.bytes_unsent == 16 * MIB
    assert peer.outcome() == "ECONNRESET"
    assert wire.record.names() == ["close"]


def test_the_timeout_bounds_the_wait_for_the_peers_fin_too(harness: Any, clock: ManualClock) -> None:
    wire = harness()
    peer, conn = wire.connect()
    conn.end(b"over", timeout=5)
    settle(wire.loop)
    assert peer.receive_all() == (b"over", "FIN")
    peer.send(b"still talking")
    clock.advance(4.99)
    assert still_there(wire.loop, conn)
    peer.send(b"and talking")
    clock.advance(0.01)
    report = wire.closed(conn)
    assert (report.reason, report.phase, report.clean) == (Reason.END_TIMEOUT, "lingering", False)


@pytest.mark.parametrize("ending", ["end", "destroy_soon"])
def test_a_timeout_of_0_is_now(ending: str, harness: Any) -> None:
    wire = harness()
    peer, conn = stuck(wire)
    getattr(conn, ending)(timeout=0)
    assert conn.report is None
    settle(wire.loop, 3)
    assert conn.report.reason is Reason.END_TIMEOUT
    assert peer.outcome() == "ECONNRESET"


@pytest.mark.parametrize("first", ["end", "destroy_soon"])
@pytest.mark.parametrize("second", ["end", "destroy_soon"])
def test_a_later_call_shortens_the_deadline(first: str, second: str, harness: Any, clock: ManualClock) -> None:
    wire = harness()
    _, conn = stuck(wire)
    getattr(conn, first)(timeout=20)
    settle(wire.loop)
    getattr(conn, second)(timeout=3)
    clock.advance(2.9)
    assert still_there(wire.loop, conn)
    clock.advance(0.1)
    assert wire.closed(conn).reason is Reason.END_TIMEOUT


@pytest.mark.parametrize("first", ["end", "destroy_soon"])
@pytest.mark.parametrize("second", ["end", "destroy_soon"])
@pytest.mark.parametrize("longer", [20.0, None])
def test_a_later_call_never_lengthens_the_deadline(
    first: str, second: str, longer: float | None, harness: Any, clock: ManualClock
) -> None:
    wire = harness()
    _, conn = stuck(wire)
    getattr(conn, first)(timeout=3)
    getattr(conn, second)(timeout=longer)
    settle(wire.loop)
    getattr(conn, second)(timeout=longer)
    clock.advance(2.9)
    assert still_there(wire.loop, conn)
    clock.advance(0.1)
    assert wire.closed(conn).reason is Reason.END_TIMEOUT


def test_an_ending_that_is_done_in_time_is_not_cut(harness: Any, clock: ManualClock) -> None:
    wire = harness()
    peer, conn = wire.connect()
    conn.end(b"over", timeout=5)
    settle(wire.loop)
    peer.end()
    report = wire.closed(conn)
    clock.advance(10)
    settle(wire.loop)
    assert (report.reason, report.clean) == (Reason.ENDED, True)
    assert wire.record.names() == ["finish", "end", "close"]
