"""Writing: everything in order, whatever its form; what `write` answers; `drain`; and the limit behind the advice."""

from __future__ import annotations

import array
import contextlib
import ctypes
import mmap
from typing import Any

import pytest

from reactor import Reason
from reactor.testing import Peer, pump, settle
from tests.support.wire import read_to_the_end

KIB = 1024
MIB = 1024 * 1024


def test_writes_of_every_size_arrive_whole_and_in_order(harness: Any) -> None:
    wire = harness(buffer_limit=128 * MIB)
    peer, conn = wire.connect()
    pieces = [bytes([size % 251]) * size for size in (1, 0, 65_535, 65_536, 65_537, 3, 500_000, *range(1, 2000, 37))]
    for number, piece in enumerate(pieces):
        conn.write(piece)
        if number % 5 == 0:
            settle(wire.loop, 1)
    conn.end()
    assert read_to_the_end(wire.loop, peer) == b"".join(pieces)


@pytest.mark.parametrize(
    "data",
    [
        b"bytes",
        bytearray(b"bytearray"),
        memoryview(b"memoryview"),
        memoryview(b"s-p-a-c-e-d")[::2],
        memoryview(b"backwards")[::-1],
        memoryview(bytes(range(24))).cast("B", (2, 3, 4)),
        array.array("i", [1, -2, 3]),
        array.array("d"),
        (ctypes.c_uint16 * 3)(1, 2, 3),
        type("Bytes", (bytes,), {})(b"of a subclass"),
        b"",
    ],
    ids=lambda data: type(data).__name__,
)
@pytest.mark.parametrize("way", ["write", "second write", "writelines", "end", "callback"])
def test_any_bytes_like_object_may_be_written(way: str, data: Any, harness: Any) -> None:
    wire = harness()
    peer, conn = wire.connect()
    if way == "write":
        conn.write(data)
    elif way == "second write":
        conn.write(b"")
        conn.write(data)
    elif way == "writelines":
        conn.writelines([data])
    elif way == "callback":
        conn.write(data, lambda conn, error: None)
    conn.end(data if way == "end" else b"")
    assert read_to_the_end(wire.loop, peer) == memoryview(data).tobytes()


@pytest.mark.parametrize("size", [10, 4 * MIB], ids=["small", "more than the kernel takes"])
@pytest.mark.parametrize("way", ["write", "second write", "writelines", "corked", "end"])
def test_a_mutable_buffer_may_be_reused_when_the_call_returns(way: str, size: int, harness: Any) -> None:
    wire = harness()
    peer, conn = wire.connect(receive_buffer=64 * KIB)
    buffer = bytearray(b"a" * size)
    if way == "second write":
        conn.write(b"")
    if way == "corked":
        with conn.corked():
            conn.write(buffer)
            buffer[:] = b"b" * size
    elif way == "writelines":
        conn.writelines([buffer, memoryview(buffer)])
    elif way == "end":
        conn.end(buffer)
    else:
        conn.write(memoryview(buffer))
    buffer[:] = b"b" * size
    buffer.extend(b"and it may change its size")
    conn.end()
    assert read_to_the_end(wire.loop, peer) == b"a" * (2 * size if way == "writelines" else size)


def test_a_mapped_file_may_be_closed_when_the_call_returns(harness: Any) -> None:
    wire = harness()
    peer, conn = wire.connect(receive_buffer=64 * KIB)
    with mmap.mmap(-1, 4 * MIB) as mapped:
        mapped[:5] = b"begin"
        conn.end(mapped)
    got = read_to_the_end(wire.loop, peer)
    assert (len(got), got[:5]) == (4 * MIB, b"begin")


def test_writelines_writes_any_iterable_as_one(harness: Any) -> None:
    wire = harness()
    peer, conn = wire.connect()
    assert conn.writelines(piece for piece in (b"a", bytearray(b"b"), memoryview(b"c"))) is True
    assert conn.writelines([]) is True
    conn.end()
    assert read_to_the_end(wire.loop, peer) == b"abc"


# What `write` answers.


def test_write_is_true_below_the_high_water_mark_and_false_above(harness: Any) -> None:
    wire = harness(high_water=1000)
    _, conn = wire.connect()
    assert conn.write(b"sent at once, in the call") is True
    assert conn.write(bytes(1000)) is True
    assert conn.write(b"x") is False
    assert conn.pending_bytes == 1001


def test_drain_comes_once_when_the_buffer_falls_to_the_low_water_mark(harness: Any) -> None:
    wire = harness(high_water=MIB, low_water=MIB // 2)
    peer, conn = wire.connect(receive_buffer=64 * KIB)
    seen: list[int] = []
    conn.on("drain", lambda conn: seen.append(conn.pending_bytes))
    assert conn.write(bytes(12 * MIB)) is False
    assert conn.write(bytes(MIB)) is False
    settle(wire.loop)
    assert seen == []
    conn.on("drain", lambda conn: conn.end())
    assert len(read_to_the_end(wire.loop, peer)) == 13 * MIB
    assert len(seen) == 1
    assert 0 <= seen[0] <= MIB // 2


def test_no_drain_comes_where_every_write_was_true(harness: Any) -> None:
    wire = harness()
    _, conn = wire.connect()
    assert [conn.write(b"x") for _ in range(100)] == [True] * 100
    settle(wire.loop)
    assert wire.record.names() == []


def test_no_drain_comes_once_our_half_is_ending(harness: Any) -> None:
    wire = harness()
    peer, conn = wire.connect()
    assert conn.write(bytes(8 * MIB)) is False
    conn.end()
    read_to_the_end(wire.loop, peer)
    peer.close()
    wire.closed(conn)
    assert wire.record.names() == ["finish", "end", "close"]


def test_a_drain_listener_that_writes_more_gets_the_next_drain(harness: Any) -> None:
    wire = harness()
    peer, conn = wire.connect(receive_buffer=65536)  # so that 8 MiB never fit into both kernels' buffers
    rounds: list[bool] = []

    def more(conn: Any) -> None:
        if len(rounds) == 5:
            conn.end()
            return
        rounds.append(conn.write(bytes(8 * MIB)))

    conn.on("drain", more)
    conn.write(bytes(8 * MIB))
    assert len(read_to_the_end(wire.loop, peer)) == 48 * MIB
    assert rounds == [False] * 5


def test_a_high_water_of_0_means_that_every_pending_byte_is_too_much(harness: Any) -> None:
    wire = harness(high_water=0)
    _, conn = wire.connect()
    assert conn.write(b"taken by the kernel in the call") is True
    assert conn.write(b"pending") is False
    settle(wire.loop)
    assert wire.record.names() == ["drain"]
    assert conn.write(b"taken again") is True


def test_the_marks_may_be_changed_on_a_live_connection(harness: Any) -> None:
    wire = harness()
    _, conn = wire.connect()
    conn.high_water = 10
    conn.write(b"")
    conn.write(b"x")
    assert conn.write(bytes(11)) is False
    assert wire.server.high_water == 64 * KIB


def test_pending_bytes_and_bytes_written_account_for_every_byte_at_every_moment(harness: Any) -> None:
    wire = harness()
    peer, conn = wire.connect(receive_buffer=64 * KIB)
    for size in (5, 0, 300_000, 7, 4 * MIB):
        before = conn.bytes_written + conn.pending_bytes
        conn.write(bytes(size))
        assert conn.bytes_written + conn.pending_bytes == before + size
    total = conn.bytes_written + conn.pending_bytes
    peer.sock.setblocking(False)

    def drained() -> bool:
        assert conn.bytes_written + conn.pending_bytes == total
        with contextlib.suppress(BlockingIOError):
            peer.sock.recv(64 * KIB)
        return conn.pending_bytes == 0

    pump(wire.loop, drained)


# `corked`.


def test_what_is_written_corked_leaves_together_after_the_block(harness: Any) -> None:
    wire = harness()
    peer, conn = wire.connect()
    with conn.corked():
        conn.write(b"head ")
        settle(wire.loop)
        with conn.corked():
            conn.write(b"body ")
        settle(wire.loop)
        conn.write(b"tail")
        assert (conn.pending_bytes, peer.nothing_comes()) == (14, True)
    settle(wire.loop)
    assert peer.sock.recv(100) == b"head body tail"


def test_a_corked_block_that_raises_sends_what_was_written(harness: Any) -> None:
    wire = harness()
    peer, conn = wire.connect()

    def half_a_message() -> None:
        with conn.corked():
            conn.write(b"half a message")
            raise LookupError

    with pytest.raises(LookupError):
        half_a_message()
    settle(wire.loop)
    assert peer.receive(14) == b"half a message"


@pytest.mark.parametrize("call", ["destroy", "reset"])
def test_a_corked_block_may_drop_the_connection(call: str, harness: Any) -> None:
    wire = harness()
    _, conn = wire.connect()
    with conn.corked():
        conn.write(b"never sent")
        getattr(conn, call)()
    assert wire.closed(conn).bytes_unsent == 10


# The limit behind the advice.


def limited(wire: Any) -> tuple[Peer, Any]:
    peer, conn = wire.connect(receive_buffer=64 * KIB)
    assert conn.write(bytes(32 * MIB)) is False  # a single larger write is fine
    assert conn.pending_bytes > MIB
    return peer, conn


def test_writing_on_above_the_buffer_limit_resets_the_connection(harness: Any) -> None:
    wire = harness(buffer_limit=MIB)
    peer, conn = limited(wire)
    settle(wire.loop)
    assert conn.state == "open"
    assert conn.write(b"one too many") is False
    assert conn.state == "closed"
    assert conn.write(b"and another") is False
    report = wire.closed(conn)
    assert (report.reason, report.clean, report.error) == (Reason.BUFFER_LIMIT, False, None)
    assert report.bytes_written + report.bytes_unsent == 32 * MIB + 12 + 11
    assert wire.record.names() == ["close"]
    assert peer.outcome() == "ECONNRESET"


def test_writing_nothing_and_ending_are_fine_above_the_limit(harness: Any) -> None:
    wire = harness(buffer_limit=MIB)
    peer, conn = limited(wire)
    conn.write(b"")
    conn.writelines([])
    conn.end()
    assert len(read_to_the_end(wire.loop, peer)) == 32 * MIB


def test_a_connection_at_its_limit_exactly_may_write(harness: Any) -> None:
    wire = harness(buffer_limit=1000)
    _, conn = wire.connect()
    with conn.corked():
        conn.write(bytes(1000))
        conn.write(b"x")
        assert (conn.pending_bytes, conn.state) == (1001, "open")
        conn.write(b"y")
    assert wire.closed(conn).reason is Reason.BUFFER_LIMIT
