"""send_file: a stretch of a file goes out in order among ordinary writes, whole, and without standing in memory."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import pytest

from reactor import Connection, Reactor, Server, connect
from reactor.testing import Peer, pump, settle
from tests.support.sending import LARGE, MIB, SIZE, SOURCE, Reading, answers, opened, receive, receive_all


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of SOURCE."""
    made = tmp_path / "file"
    made.write_bytes(SOURCE)
    return made


@pytest.fixture
def by_kernel(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """(bytes asked for, bytes taken) of each sendfile(2)."""
    calls: list[tuple[int, int]] = []
    original = os.sendfile

    def sendfile(out: int, source: int, offset: int, count: int) -> int:
        calls.append((count, 0))
        calls[-1] = (count, original(out, source, offset, count))
        return calls[-1][1]

    monkeypatch.setattr(os, "sendfile", sendfile)
    return calls


# In order, and whole.


def test_files_and_writes_arrive_in_the_order_of_the_calls(each_loop: Reactor, harness: Any, path: Path) -> None:
    wire = harness(loop=each_loop)
    peer, conn = wire.connect()
    conn.write(b"head")
    conn.send_file(path)
    conn.write(b"middle")
    conn.send_file(path, 100, 50)
    conn.send_file(path, SIZE - 1)
    conn.writelines([b"ta", b"il"])
    conn.end(b"end")
    wanted = b"head" + SOURCE + b"middle" + SOURCE[100:150] + SOURCE[-1:] + b"tail" + b"end"
    assert receive_all(each_loop, peer) == (wanted, "FIN")
    peer.close()
    report = wire.closed(conn)
    assert (report.clean, report.bytes_written, report.bytes_unsent) == (True, len(wanted), 0)


def test_a_write_larger_than_the_kernel_takes_is_sent_before_the_file(harness: Any, path: Path) -> None:
    wire = harness()
    peer, conn = wire.connect()
    conn.write(bytes(LARGE))
    conn.send_file(path)
    conn.end()
    got, outcome = receive_all(wire.loop, peer)
    assert (len(got), outcome) == (LARGE + SIZE, "FIN")
    assert got[LARGE:] == SOURCE


@pytest.mark.parametrize(
    ("offset", "count"),
    [
        (0, None), (1, None), (SIZE - 1, None), (SIZE, None), (0, 0), (SIZE, 0), (7, 1), (0, SIZE), (3, SIZE - 3),
        (0, 262_143), (0, 262_144), (0, 262_145), (65_535, 65_537),
    ],
)  # fmt: skip
def test_offset_and_count_say_which_stretch_goes_out(harness: Any, path: Path, offset: int, count: int | None) -> None:
    wire = harness()
    peer, conn = wire.connect()
    conn.send_file(path, offset, count)
    conn.end(b"after")
    wanted = SOURCE[offset:] if count is None else SOURCE[offset : offset + count]
    assert receive_all(wire.loop, peer) == (wanted + b"after", "FIN")
    assert opened(path) == 0


def test_64_mib_arrive_whole(harness: Any, tmp_path: Path) -> None:
    block = SOURCE[:MIB]
    path = tmp_path / "64"
    with open(path, "wb") as file:
        for number in range(64):
            file.write(b"%08d" % number + block[8:])
    wire = harness()
    peer, conn = wire.connect()
    conn.send_file(path)
    conn.end()
    got, outcome = receive_all(wire.loop, peer)
    assert (len(got), outcome) == (64 * MIB, "FIN")
    assert all(got[n * MIB : (n + 1) * MIB] == b"%08d" % n + block[8:] for n in range(64))


def test_a_slow_reader_gets_all_of_it_by_partial_sends(
    each_loop: Reactor, harness: Any, path: Path, by_kernel: list[tuple[int, int]]
) -> None:
    wire = harness(loop=each_loop)
    peer, conn = wire.connect(receive_buffer=8192)
    with socket.socket(fileno=os.dup(conn.fileno())) as copy:
        copy.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 100_000)
    conn.write(b"<")
    conn.send_file(path)
    conn.end(b">")
    reading = Reading(peer)
    pump(each_loop, lambda: reading.read(50_000), 20)
    assert reading.got == b"<" + SOURCE + b">"
    assert any(0 < taken < asked for asked, taken in by_kernel), "the kernel took all at once: nothing is shown"


def test_many_files_at_once_arrive_in_order(harness: Any, tmp_path: Path) -> None:
    wire = harness()
    peer, conn = wire.connect()
    for number in range(200):
        (tmp_path / str(number)).write_bytes(b"%d," % number)
        conn.send_file(tmp_path / str(number))
    conn.end()
    assert receive_all(wire.loop, peer)[0] == b"".join(b"%d," % number for number in range(200))


def test_one_open_file_may_go_to_several_connections_at_once(harness: Any, path: Path) -> None:
    wire = harness()
    (one, first), (two, second) = wire.connect(receive_buffer=8192), wire.connect()
    with open(path, "rb") as file:
        first.send_file(file)
        second.send_file(file, 1000)
        first.send_file(file, 5, 5)
    first.end()
    second.end()
    assert receive_all(wire.loop, two)[0] == SOURCE[1000:]
    assert receive_all(wire.loop, one)[0] == SOURCE + SOURCE[5:10]


def test_the_bytes_go_by_sendfile_a_little_at_a_time(
    harness: Any, path: Path, by_kernel: list[tuple[int, int]]
) -> None:
    wire = harness()
    peer, conn = wire.connect()
    conn.write(b"head")
    conn.send_file(path)
    receive(wire.loop, peer, 4 + SIZE)
    assert sum(taken for _, taken in by_kernel) == SIZE
    assert max(asked for asked, _ in by_kernel) <= MIB


def test_a_file_that_grows_is_sent_as_long_as_it_was_at_the_call(harness: Any, path: Path) -> None:
    wire = harness()
    peer, conn = wire.connect()
    conn.send_file(path)
    with open(path, "ab") as file:
        file.write(b"more")
    conn.end(b"|after")
    assert receive_all(wire.loop, peer)[0] == SOURCE + b"|after"


@pytest.mark.parametrize("change", ["unlinked", "replaced"])
def test_it_is_the_file_of_the_call_that_is_sent(harness: Any, path: Path, change: str) -> None:
    wire = harness()
    peer, conn = wire.connect()
    conn.send_file(path)
    path.unlink()
    if change == "replaced":
        path.write_bytes(b"another")
    conn.end()
    assert receive_all(wire.loop, peer)[0] == SOURCE


def test_what_is_sent_corked_leaves_after_the_block(harness: Any, path: Path, by_kernel: list[Any]) -> None:
    wire = harness()
    peer, conn = wire.connect()
    with conn.corked():
        conn.write(b"head")
        conn.send_file(path)
        settle(wire.loop)
        assert (conn.bytes_written, conn.pending_bytes, by_kernel) == (0, 4 + SIZE, [])
        conn.end(b"tail")
    assert receive_all(wire.loop, peer) == (b"head" + SOURCE + b"tail", "FIN")


def test_over_a_unix_socket_it_is_the_same(
    each_loop: Reactor, path: Path, tmp_path: Path, by_kernel: list[Any]
) -> None:
    server = Server(each_loop, lambda conn: conn.write(b"head"))

    @server.on("connection")
    def send(conn: Connection) -> None:
        conn.send_file(path)
        conn.end(b"tail")

    server.listen(path=tmp_path / "socket")
    with Peer(str(tmp_path / "socket")) as peer:
        assert receive_all(each_loop, peer) == (b"head" + SOURCE + b"tail", "FIN")
    pump(each_loop, lambda: not server.connections)
    assert sum(taken for _, taken in by_kernel) == SIZE


# Before a client is connected.


def test_a_client_may_send_a_file_before_it_is_connected(each_loop: Reactor, harness: Any, path: Path) -> None:
    wire = harness(loop=each_loop)
    conn = connect(each_loop, *wire.address)
    answered: list[Any] = []
    conn.write(b"head")
    assert conn.send_file(path, callback=answers(answered, "file")) is True
    assert (conn.state, conn.pending_bytes, conn.bytes_written) == ("connecting", 4 + SIZE, 0)
    conn.end(b"tail")
    pump(each_loop, lambda: conn.report is not None)
    assert wire.record.data() == b"head" + SOURCE + b"tail"
    assert (conn.report is not None and conn.report.clean, answered) == (True, [("file", None)])


def test_destroy_soon_waits_for_the_connection_when_only_a_file_is_to_be_delivered(
    loop: Reactor, harness: Any, path: Path
) -> None:
    wire = harness()
    conn = connect(loop, *wire.address)
    conn.send_file(path)
    conn.destroy_soon()
    pump(loop, lambda: conn.report is not None)
    assert wire.record.data() == SOURCE
