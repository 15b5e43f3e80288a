"""Writing: everything in order, whatever its form; what `write` answers; `drain`; and the limit behind the advice."""

from __future__ import annotations

import array
import ctypes
import mmap
from typing import Any

import pytest

from reactor import Reactor, Reason
from tests.support.far_ends import Place, connected
from tests.support.scene import MIB, Scene, Scenes

KIB = 1024


def test_writes_of_every_size_arrive_whole_and_in_order(scene: Scenes) -> None:
    one = scene(buffer_limit=128 * MIB)
    pieces = [bytes([size % 251]) * size for size in (1, 0, 65_535, 65_536, 65_537, 3, 500_000, *range(1, 2000, 37))]
    for number, piece in enumerate(pieces):
        one.conn.write(piece)
        if number % 5 == 0:
            one.turns(1)
    one.conn.end()
    assert one.peer_reads() == b"".join(pieces)


# In whatever form, by whatever call.

WAYS = ["write", "second write", "writelines", "corked", "callback", "end"]


def write(conn: Any, way: str, data: Any) -> None:
    """Write it that way."""
    if way == "second write":  # in one turn: it is sent at its end, not in the call
        conn.write(b"")
    if way == "writelines":
        conn.writelines([data])
    elif way == "end":
        conn.end(data)
    else:
        conn.write(data, (lambda conn, error: None) if way == "callback" else None)


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
@pytest.mark.parametrize("way", WAYS)
def test_any_bytes_like_object_may_be_written(way: str, data: Any, scene: Scenes) -> None:
    one = scene()
    write(one.conn, way, data)
    one.conn.end()
    assert one.peer_reads() == memoryview(data).tobytes()


@pytest.mark.parametrize("size", [10, 4 * MIB], ids=["small", "more than the kernel takes"])
@pytest.mark.parametrize("kind", [lambda buffer: buffer, memoryview], ids=["itself", "a view of it"])
@pytest.mark.parametrize("way", WAYS)
def test_a_mutable_buffer_may_be_reused_when_the_call_returns(way: str, kind: Any, size: int, scene: Scenes) -> None:
    one = scene(receive_buffer=64 * KIB)
    buffer = bytearray(b"a" * size)
    if way == "corked":
        with one.conn.corked():
            write(one.conn, way, kind(buffer))
            buffer[:] = b"b" * size
    else:
        write(one.conn, way, kind(buffer))
    buffer[:] = b"b" * size
    buffer.extend(b"and it may change its size")
    one.conn.end()
    assert one.peer_reads() == b"a" * size


def test_a_mapped_file_may_be_closed_when_the_call_returns(scene: Scenes) -> None:
    one = scene(receive_buffer=64 * KIB)
    with mmap.mmap(-1, 4 * MIB) as mapped:
        mapped[:5] = b"begin"
        one.conn.end(mapped)
    got = one.peer_reads()
    assert (len(got), got[:5]) == (4 * MIB, b"begin")


def test_writelines_writes_any_iterable_as_one(scene: Scenes) -> None:
    one = scene()
    assert one.conn.writelines(piece for piece in (b"a", bytearray(b"b"), memoryview(b"c"))) is True
    assert one.conn.writelines([]) is True
    one.conn.end()
    assert one.peer_reads() == b"abc"


# What `write` answers.


def test_write_is_true_below_the_high_water_mark_and_false_above(scene: Scenes) -> None:
    one = scene(high_water=1000)
    assert one.conn.write(b"sent at once, in the call") is True
    assert one.conn.write(bytes(1000)) is True
    assert one.conn.write(b"x") is False
    assert one.conn.pending_bytes == 1001


def test_drain_comes_once_when_the_buffer_falls_to_the_low_water_mark(scene: Scenes) -> None:
    one = scene(high_water=MIB, low_water=MIB // 2, receive_buffer=64 * KIB)
    seen: list[int] = []
    one.conn.on("drain", lambda conn: seen.append(conn.pending_bytes))
    assert one.conn.write(bytes(12 * MIB)) is False
    assert one.conn.write(bytes(MIB)) is False
    one.turns()
    assert seen == []
    one.conn.on("drain", lambda conn: conn.end())
    assert len(one.peer_reads()) == 13 * MIB
    assert len(seen) == 1
    assert 0 <= seen[0] <= MIB // 2


def test_no_drain_comes_where_every_write_was_true(scene: Scenes) -> None:
    one = scene()
    assert [one.conn.write(b"x") for _ in range(100)] == [True] * 100
    one.turns()
    assert one.names() == []


def test_no_drain_comes_once_our_half_is_ending(scene: Scenes) -> None:
    one = scene()
    assert one.conn.write(bytes(8 * MIB)) is False
    one.conn.end()
    one.peer_reads()
    one.peer.close()
    one.closed()
    assert one.names() == ["finish", "end", "close"]


def test_a_drain_listener_that_writes_more_gets_the_next_drain(scene: Scenes) -> None:
    one = scene(receive_buffer=65536)  # so that 8 MiB never fit into both kernels' buffers
    rounds: list[bool] = []

    def more(conn: Any) -> None:
        if len(rounds) == 5:
            conn.end()
        else:
            rounds.append(conn.write(bytes(8 * MIB)))

    one.conn.on("drain", more)
    one.conn.write(bytes(8 * MIB))
    assert len(one.peer_reads()) == 48 * MIB
    assert rounds == [False] * 5


def test_a_high_water_of_0_means_that_every_pending_byte_is_too_much(scene: Scenes) -> None:
    one = scene(high_water=0)
    assert one.conn.write(b"taken by the kernel in the call") is True
    assert one.conn.write(b"pending") is False
    one.turns()
    assert one.names() == ["drain"]
    assert one.conn.write(b"taken again") is True


def test_the_marks_may_be_changed_on_a_live_connection(scene: Scenes) -> None:
    one = scene()
    one.conn.high_water = 10
    one.conn.write(b"")
    one.conn.write(b"x")
    assert one.conn.write(bytes(11)) is False
    assert one.server.high_water == 64 * KIB


def test_pending_bytes_and_bytes_written_account_for_every_byte_at_every_moment(scene: Scenes) -> None:
    one = scene(receive_buffer=64 * KIB)
    total = 0
    for size in (5, 0, 300_000, 7, 4 * MIB):
        one.conn.write(bytes(size))
        total += size
        assert one.conn.bytes_written + one.conn.pending_bytes == total
    reading = one.peer.nonblocking()

    def drained() -> bool:
        assert one.conn.bytes_written + one.conn.pending_bytes == total
        reading.read(64 * KIB)
        return not one.conn.pending_bytes

    one.until(drained)


# `corked`.


def test_what_is_written_corked_leaves_together_after_the_block(scene: Scenes) -> None:
    one = scene()
    with one.conn.corked():
        one.conn.write(b"head ")
        one.turns()
        with one.conn.corked():
            one.conn.write(b"body ")
        one.turns()
        one.conn.write(b"tail")
        assert (one.conn.pending_bytes, one.peer.nothing_comes()) == (14, True)
    one.turns()
    assert one.peer.sock.recv(100) == b"head body tail"


def test_a_corked_block_that_raises_sends_what_was_written(scene: Scenes) -> None:
    one = scene()

    def half_a_message() -> None:
        with one.conn.corked():
            one.conn.write(b"half a message")
            raise LookupError

    with pytest.raises(LookupError):
        half_a_message()
    one.turns()
    assert one.peer.receive(14) == b"half a message"


@pytest.mark.parametrize("call", ["destroy", "reset"])
def test_a_corked_block_may_drop_the_connection(call: str, scene: Scenes) -> None:
    one = scene()
    with one.conn.corked():
        one.conn.write(b"never sent")
        getattr(one.conn, call)()
    assert one.closed().bytes_unsent == 10


# The limit behind the advice.


def limited(scene: Scenes) -> Scene:
    """A connection that has far more pending than its limit."""
    one = scene(buffer_limit=MIB, receive_buffer=64 * KIB)
    assert one.conn.write(bytes(32 * MIB)) is False  # a single larger write is fine
    assert one.conn.pending_bytes > MIB
    return one


def test_writing_on_above_the_buffer_limit_resets_the_connection(scene: Scenes) -> None:
    one = limited(scene)
    one.turns()
    assert one.conn.state == "open"
    assert one.conn.write(b"one too many") is False
    assert one.conn.state == "closed"
    assert one.conn.write(b"and another") is False
    report = one.closed()
    assert (report.reason, report.clean, report.error) == (Reason.BUFFER_LIMIT, False, None)
    assert report.bytes_written + report.bytes_unsent == 32 * MIB + 12 + 11
    assert one.names() == ["close"]
    assert one.peer.outcome() == "ECONNRESET"


def test_writing_nothing_and_ending_are_fine_above_the_limit(scene: Scenes) -> None:
    one = limited(scene)
    one.conn.write(b"")
    one.conn.writelines([])
    one.conn.end()
    assert len(one.peer_reads()) == 32 * MIB


def test_a_connection_at_its_limit_exactly_may_write(scene: Scenes) -> None:
    one = scene(buffer_limit=1000)
    with one.conn.corked():
        one.conn.write(bytes(1000))
        one.conn.write(b"x")
        assert (one.conn.pending_bytes, one.conn.state) == (1001, "open")
        one.conn.write(b"y")
    assert one.closed().reason is Reason.BUFFER_LIMIT


def test_writable_says_if_write_takes_what_it_is_given(scene: Scenes) -> None:
    seen: list[bool] = []
    s = scene(allow_half_open=True, greet=lambda conn: conn.on("end", lambda conn: seen.append(conn.writable)))
    s.conn.pause()
    assert s.conn.writable
    s.conn.resume()
    s.peer.end()
    s.until(lambda: seen)
    assert seen == [True]  # the peer's half has ended, and ours has not
    s.conn.end()
    assert not s.conn.writable
    s.closed()
    assert not s.conn.writable


@pytest.mark.parametrize("ending", ["end", "destroy_soon", "destroy", "reset"])
def test_no_connection_is_writable_after_its_ending_was_called(ending: str, scene: Scenes) -> None:
    s = scene()
    getattr(s.conn, ending)()
    assert not s.conn.writable


def test_a_client_is_writable_before_it_is_connected(loop: Reactor) -> None:
    with Place() as place:
        conn = place.connect(loop)
        assert conn.writable
        assert connected(loop, conn).writable
        assert conn.loop is loop
