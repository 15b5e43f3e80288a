"""What send_file counts as pending and what not, and when its callback comes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from reactor import Connection, Reactor, Server
from reactor.testing import Peer, pump, settle
from tests.support.sending import LARGE, MIB, SIZE, SOURCE, Reading, answers, fill, opened, receive, receive_all


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of SOURCE."""
    made = tmp_path / "file"
    made.write_bytes(SOURCE)
    return made


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A file of LARGE zeros, which takes no room on the disk."""
    made = tmp_path / "large"
    made.touch()
    os.truncate(made, LARGE)
    return made


# Callbacks.


def test_callbacks_come_in_order_and_never_from_inside_the_call(harness: Any, path: Path) -> None:
    wire = harness()
    peer, conn = wire.connect()
    log: list[Any] = []
    conn.write(b"head", answers(log, "write"))
    conn.send_file(path, callback=answers(log, "file"))
    conn.send_file(path, SIZE, callback=answers(log, "nothing"))
    conn.write(b"tail", answers(log, "tail"))
    conn.end(callback=answers(log, "end"))
    assert log == []
    receive_all(wire.loop, peer)
    assert log == [(name, None) for name in ("write", "file", "nothing", "tail", "end")]


@pytest.mark.parametrize("empty", ["an empty file", "count 0"])
def test_nothing_to_send_is_answered_too(harness: Any, path: Path, empty: str) -> None:
    wire = harness()
    _, conn = wire.connect()
    log: list[Any] = []
    if empty == "an empty file":
        path.write_bytes(b"")
    assert conn.send_file(path, count=0 if empty == "count 0" else None, callback=answers(log, "file")) is True
    assert (log, conn.pending_bytes, opened(path)) == ([], 0, 0)
    pump(wire.loop, lambda: log)
    assert (log, conn.state) == ([("file", None)], "open")


def test_nothing_to_send_is_answered_after_what_was_written_before(harness: Any, path: Path) -> None:
    wire = harness()
    peer, conn = wire.connect()
    log: list[Any] = []
    conn.write(bytes(LARGE))
    conn.send_file(path, count=0, callback=answers(log, "file"))
    fill(wire.loop, conn)
    assert log == []
    receive(wire.loop, peer, LARGE)
    pump(wire.loop, lambda: log)
    assert (log, conn.bytes_written) == ([("file", None)], LARGE)


def test_the_callback_waits_for_the_last_byte(harness: Any, large: Path) -> None:
    wire = harness()
    peer, conn = wire.connect()
    written: list[int] = []
    conn.send_file(large, callback=lambda conn, error: written.append(conn.bytes_written))
    fill(wire.loop, conn)
    assert written == []
    receive(wire.loop, peer, LARGE)
    pump(wire.loop, lambda: written)
    assert written == [LARGE]


def test_a_callback_may_send_the_next_file(harness: Any, path: Path) -> None:
    wire = harness()
    peer, conn = wire.connect()
    left = [3]

    def again(conn: Connection, error: BaseException | None) -> None:
        left[0] -= 1
        if left[0]:
            conn.send_file(path, callback=again)
        else:
            conn.end()

    conn.send_file(path, callback=again)
    assert receive_all(wire.loop, peer) == (3 * SOURCE, "FIN")


# What counts.


def test_file_bytes_are_pending_until_the_kernel_has_them(harness: Any, large: Path) -> None:
    wire = harness()
    peer, conn = wire.connect()
    assert conn.send_file(large) is True
    assert (conn.pending_bytes, conn.bytes_written) == (LARGE, 0)
    reading = Reading(peer)
    while len(reading.got) < LARGE:
        wire.loop.run_once(0.001)
        reading.read(MIB)
        assert conn.bytes_written + conn.pending_bytes == LARGE
    assert (conn.pending_bytes, conn.bytes_written) == (0, LARGE)


def test_file_bytes_do_not_count_for_the_high_water_mark(harness: Any, large: Path) -> None:
    wire = harness(high_water=1000)
    _, conn = wire.connect()
    assert conn.send_file(large) is True
    fill(wire.loop, conn)
    assert conn.write(bytes(1000)) is True
    assert conn.send_file(large) is True
    assert conn.write(b"x") is False


def test_while_drain_is_due_send_file_answers_false(harness: Any, large: Path) -> None:
    wire = harness(high_water=1000)
    _, conn = wire.connect()
    conn.send_file(large)
    conn.write(bytes(1001))
    assert conn.send_file(large) is False
    assert conn.send_file(large, count=0) is False


def test_drain_comes_when_the_bytes_in_memory_are_sent_though_a_file_still_waits(harness: Any, large: Path) -> None:
    wire = harness(high_water=1000)
    peer, conn = wire.connect()
    assert conn.write(bytes(LARGE)) is False
    assert conn.send_file(large) is False
    reading = Reading(peer)
    pump(wire.loop, lambda: reading.read(MIB) or "drain" in wire.record.names(), 20)
    assert 0 < conn.pending_bytes <= LARGE
    pump(wire.loop, lambda: reading.read() or not conn.pending_bytes, 20)
    assert wire.record.names() == ["drain"]


def test_no_drain_comes_for_file_bytes_alone(harness: Any, large: Path) -> None:
    wire = harness(high_water=0)
    peer, conn = wire.connect()
    assert conn.send_file(large) is True
    receive(wire.loop, peer, LARGE)
    settle(wire.loop)
    assert wire.record.names() == []


def test_file_bytes_do_not_count_for_the_buffer_limit(harness: Any, large: Path) -> None:
    wire = harness(buffer_limit=1000)
    _, conn = wire.connect()
    conn.send_file(large)
    fill(wire.loop, conn)
    conn.write(bytes(1000))
    conn.write(b"at the limit, exactly")
    settle(wire.loop)
    assert conn.state == "open"
    conn.write(b"above")
    assert wire.closed(conn).reason.name == "BUFFER_LIMIT"


def test_a_connection_that_sends_a_file_says_how_much_is_pending(harness: Any, path: Path) -> None:
    wire = harness()
    _, conn = wire.connect()
    conn.send_file(path)
    assert f"pending={SIZE}" in repr(conn)


def test_statistics_count_file_bytes_as_written(harness: Any, path: Path) -> None:
    wire = harness()
    peer, conn = wire.connect()
    conn.send_file(path)
    receive(wire.loop, peer, SIZE)
    assert wire.server.statistics().bytes_written == SIZE


def test_a_send_between_turns_wakes_the_loop(path: Path) -> None:
    with Reactor() as loop:
        server = Server(loop)
        with Peer(server.listen("127.0.0.1", 0)) as peer:  # type: ignore[arg-type]  # (host, port)
            pump(loop, lambda: server.connections)
            conn = next(iter(server.connections))
            seen: list[Any] = []
            conn.send_file(path, count=10, callback=lambda conn, error: (seen.append(error), loop.stop()))
            loop.run()
            assert (seen, peer.receive(10)) == ([None], SOURCE[:10])


def test_other_connections_are_served_while_a_file_goes_out(
    harness: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    huge = tmp_path / "huge"
    huge.touch()
    os.truncate(huge, 1024 * MIB)
    monkeypatch.setattr(os, "sendfile", lambda out, source, offset, count: count)  # a kernel that takes everything
    wire = harness()
    other, its = wire.connect()
    _, conn = wire.connect()
    wire.server.on("data", lambda conn, data: conn.write(data))
    conn.send_file(huge)
    other.send(b"ping")
    wire.loop.run_once(0)
    wire.loop.run_once(0)
    assert its.bytes_written == 4
    assert conn.pending_bytes > 512 * MIB
