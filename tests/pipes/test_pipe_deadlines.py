"""Deadlines of piped connections, the stop of their server, and the closing of their reactor."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from reactor import Reason
from reactor.testing import ManualClock, settle
from tests.support.piping import BYTES, MIB, accounted, dam_up
from tests.support.wire import all_acked, pass_time, vanish

SO_DETACH_FILTER = 27  # asm-generic/socket.h; the socket module does not name it


@pytest.mark.parametrize("timeout", ["idle_timeout", "read_timeout"])
@pytest.mark.parametrize("on_idle", ["close", "reset"])
@pytest.mark.parametrize("shape", ["pipe", "relay"])
@pytest.mark.parametrize("pending", [False, True], ids=["all delivered", "output pending"])
def test_who_is_reaped_for_silence_ends_the_other_side_in_order(
    pending: bool, shape: str, on_idle: str, timeout: str, clock: ManualClock, joined: Any
) -> None:
    near, far = joined(shape, slow=True)
    far.conn.high_water = 4 * MIB
    near.conn.on_idle = on_idle
    said = BYTES[: MIB if pending else 12]
    near.carry(said)
    near.until(lambda: near.conn.bytes_read == len(said))
    assert (far.conn.pending_bytes > MIB // 2) is pending
    setattr(near.conn, timeout, 5)
    pass_time(near.loop, clock, 6)
    assert near.report().reason is (Reason.IDLE if timeout == "idle_timeout" else Reason.READ_TIMEOUT)
    assert far.receive_all() == (said, "FIN")
    far.end()
    assert (far.report().clean, far.report().error) == (True, None)
    assert near.receive_all() == (b"", "FIN" if on_idle == "close" else "ECONNRESET")


def test_a_source_that_is_reaped_and_then_drops_bytes_resets_its_destination(clock: ManualClock, joined: Any) -> None:
    near, far = joined("relay", linger_timeout=5, write_timeout=None)
    near.conn.idle_timeout = 5
    vanish(near.peer)  # it acknowledges nothing, so that it is not closed at once
    far.send(b"x")
    near.until(lambda: near.conn.bytes_written == 1)
    pass_time(near.loop, clock, 6)
    assert near.conn.state == "closing"
    near.peer.sock.setsockopt(socket.SOL_SOCKET, SO_DETACH_FILTER, 0)  # back again
    near.send(b"too late")
    near.until(lambda: near.conn.bytes_read == 8)
    near.until(all_acked(near.conn))
    pass_time(near.loop, clock, 10)
    assert (near.report().reason, near.report().bytes_discarded) == (Reason.IDLE, 8)
    assert far.receive_all() == (b"", "ECONNRESET")


def test_a_destination_that_is_reaped_and_takes_not_all_resets_its_source(clock: ManualClock, joined: Any) -> None:
    far, near = joined("relay", slow=True, linger_timeout=5, high_water=MIB)
    far.carry(BYTES[:200_000])
    far.until(lambda: far.conn.bytes_read == 200_000)
    near.conn.idle_timeout = 5
    pass_time(near.loop, clock, 6)
    assert (near.conn.state, near.conn.pending_bytes > 0) == ("closing", True)
    far.send(b"too late")
    far.until(lambda: far.conn.bytes_read == 200_008)
    assert near.receive_all() == (BYTES[:200_000], "FIN")
    near.until(all_acked(near.conn))
    pass_time(near.loop, clock, 10)
    assert (near.report().reason, near.report().bytes_unsent) == (Reason.IDLE, 8)
    assert far.receive_all() == (b"", "ECONNRESET")


@pytest.mark.parametrize("gone", ["takes nothing", "has vanished", "does not end", "does not end, and the source may"])
def test_a_destination_that_a_deadline_cuts_off_resets_the_source(gone: str, clock: ManualClock, joined: Any) -> None:
    full = gone in ("takes nothing", "has vanished")
    half_open = 50 if "may" in gone else 600
    near, far = joined("relay", slow=True, write_timeout=10, linger_timeout=10, half_open_timeout=half_open)
    if full:
        dam_up(near, far)
    if gone == "has vanished":
        vanish(far.peer)
    if gone != "takes nothing":
        near.end()
    if not full:
        assert far.receive_all() == (b"", "FIN")
        near.until(all_acked(far.conn))
    pass_time(near.loop, clock, 80 if gone == "has vanished" else 15)
    reason = Reason.WRITE_TIMEOUT if full else Reason.LINGER_TIMEOUT
    assert (far.report().reason, near.report().reason) == (reason, Reason.RESET)
    near.was_reset()
    assert accounted(near, far)


@pytest.mark.parametrize("all_read", [False, True], ids=["with more to be read", "all of whose words are pending"])
@pytest.mark.parametrize("shape", ["pipe", "relay", "relay, the other half ended", "echo"])
def test_a_source_whose_peer_has_left_is_not_cut_while_a_slow_reader_reads(
    shape: str, all_read: bool, clock: ManualClock, joined: Any
) -> None:
    near, far = joined("pair", slow=True, half_open_timeout=5, low_water=0)
    if shape == "echo":
        near = far
    near.conn.pipe(far.conn)
    if shape.startswith("relay"):
        far.conn.pipe(near.conn)
    if shape.endswith("ended"):
        far.end()
        assert near.receive_all() == (b"", "FIN")
    size = far.conn.high_water + 100_000
    if all_read:
        far.conn.high_water = size
    near.pour(BYTES[:size])
    near.end()
    near.until(lambda: near.conn.peer_gone)
    while not far.outcome:
        far.read(2000)
        pass_time(near.loop, clock, 1)
    assert (bytes(far.received), far.outcome) == (BYTES[:size], "FIN")
    if shape == "relay":
        far.send(b"answer")
        far.end()
        assert near.receive_all() == (b"answer", "FIN")
        assert near.report().clean


@pytest.mark.parametrize("way", ["pause", "unpipe"])
def test_a_source_whose_peer_has_left_is_cut_in_time_once_the_program_has_paused_it(
    way: str, clock: ManualClock, joined: Any
) -> None:
    near, far = joined(slow=True, half_open_timeout=5)
    near.pour(BYTES[: far.conn.high_water + 100_000])
    near.end()
    near.until(lambda: near.conn.peer_gone)
    getattr(near.conn, way)()
    for _ in range(6):
        far.read(2000)
        pass_time(near.loop, clock, 1)
    assert near.report().reason is Reason.HALF_OPEN_TIMEOUT


# The server stops.


def test_close_of_the_server_lets_piped_connections_live_until_they_end(joined: Any) -> None:
    near, far = joined("relay")
    stopped: list[object] = []
    near.wire.server.close(lambda server, error: stopped.append(error))
    near.send(b"question")
    near.end()
    assert far.receive_all() == (b"question", "FIN")
    far.send(b"answer")
    far.end()
    assert near.receive_all() == (b"answer", "FIN")
    near.until(lambda: stopped == [None])


@pytest.mark.parametrize("says_more", [False, True], ids=["it is quiet", "what it says is dropped"])
def test_shutdown_delivers_what_is_pending_in_a_relay(says_more: bool, joined: Any) -> None:
    near, far = joined("relay", slow=True)
    near.carry(BYTES[:50_000])
    near.until(lambda: near.conn.bytes_read == 50_000)
    assert far.conn.pending_bytes > 0
    near.wire.server.shutdown(10)
    settle(near.loop)
    if says_more:
        near.send(b"dropped")
    near.end()
    assert near.report().clean
    settle(near.loop)
    assert far.receive_all() == (BYTES[:50_000], "FIN")
    far.end()
    assert far.report().clean


def test_at_the_end_of_the_grace_both_sides_of_a_relay_are_reset(clock: ManualClock, joined: Any) -> None:
    near, far = joined("relay", slow=True)
    dam_up(near, far)
    reports: list[Any] = []
    near.wire.server.on("stopped", lambda server, report: reports.append(report))
    near.wire.server.shutdown(10)
    pass_time(near.loop, clock, 11)
    near.until(lambda: reports)
    assert reports[0].by_reason == {Reason.SHUTDOWN_DEADLINE: 2}
    assert accounted(near, far)
