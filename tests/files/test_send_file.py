"""send_file: a stretch of a file goes out in order among ordinary writes, whole, and without standing in memory."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import pytest

from reactor import Connection, Reactor, Server
from reactor.testing import Peer, pump
from tests.support.scene import MIB, Scenes
from tests.support.sending import LARGE, SIZE, SOURCE, Log, fill, opened, receive, receive_all

# In order, and whole.


def test_files_and_writes_arrive_in_the_order_of_the_calls(
    each_scene: Scenes, path: Path, transport: dict[str, Any], by_kernel: list[tuple[int, int]]
) -> None:
    one = each_scene(**transport)
    one.conn.write(b"head")
    one.conn.send_file(path)
    one.conn.write(b"middle")
    one.conn.send_file(path, 100, 50)
    one.conn.send_file(path, SIZE - 1)
    one.conn.writelines([b"ta", b"il"])
    one.conn.end(b"end")
    wanted = b"head" + SOURCE + b"middle" + SOURCE[100:150] + SOURCE[-1:] + b"tail" + b"end"
    assert receive_all(one) == (wanted, "FIN")
    one.peer.close()
    report = one.closed()
    assert (report.clean, report.bytes_written, report.bytes_unsent) == (True, len(wanted), 0)
    assert sum(taken for _, taken in by_kernel) == SIZE + 50 + 1


def test_a_write_larger_than_the_kernel_takes_is_sent_before_the_file(scene: Scenes, path: Path) -> None:
    one = scene()
    one.conn.write(bytes(LARGE))
    one.conn.send_file(path)
    one.conn.end()
    got, outcome = receive_all(one)
    assert (len(got), outcome) == (LARGE + SIZE, "FIN")
    assert got[LARGE:] == SOURCE


@pytest.mark.parametrize(
    ("offset", "count"),
    [
        (0, None), (1, None), (SIZE - 1, None), (SIZE, None), (0, 0), (SIZE, 0), (7, 1), (0, SIZE), (3, SIZE - 3),
        (0, 262_143), (0, 262_144), (0, 262_145), (65_535, 65_537),
    ],
)  # fmt: skip
def test_offset_and_count_say_which_stretch_goes_out(scene: Scenes, path: Path, offset: int, count: int | None) -> None:
    one = scene()
    one.conn.send_file(path, offset, count)
    one.conn.end(b"after")
    wanted = SOURCE[offset:] if count is None else SOURCE[offset : offset + count]
    assert receive_all(one) == (wanted + b"after", "FIN")
    assert opened(path) == 0


def test_64_mib_arrive_whole(scene: Scenes, tmp_path: Path) -> None:
    block = SOURCE[:MIB]
    path = tmp_path / "64"
    with open(path, "wb") as file:
        for number in range(64):
            file.write(b"%08d" % number + block[8:])
    one = scene()
    one.conn.send_file(path)
    one.conn.end()
    got, outcome = receive_all(one)
    assert (len(got), outcome) == (64 * MIB, "FIN")
    assert all(got[n * MIB : (n + 1) * MIB] == b"%08d" % n + block[8:] for n in range(64))


def test_a_slow_reader_gets_it_by_partial_sends(
    each_scene: Scenes, path: Path, by_kernel: list[tuple[int, int]]
) -> None:
    one = each_scene(receive_buffer=8192)
    with socket.socket(fileno=os.dup(one.conn.fileno())) as copy:
        copy.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 100_000)
    one.conn.write(b"<")
    one.conn.send_file(path)
    one.conn.end(b">")
    assert receive_all(one, 50_000) == (b"<" + SOURCE + b">", "FIN")
    assert any(0 < taken < asked for asked, taken in by_kernel), "the kernel took all at once: nothing is shown"
    assert max(asked for asked, _ in by_kernel) <= MIB


def test_many_files_at_once_arrive_in_order(scene: Scenes, tmp_path: Path) -> None:
    one = scene()
    for number in range(200):
        (tmp_path / str(number)).write_bytes(b"%d," % number)
        one.conn.send_file(tmp_path / str(number))
    one.conn.end()
    assert receive_all(one)[0] == b"".join(b"%d," % number for number in range(200))


@pytest.mark.parametrize("change", ["grown", "unlinked", "replaced"])
def test_it_is_the_file_as_it_was_at_the_call_that_is_sent(scene: Scenes, path: Path, change: str) -> None:
    one = scene()
    one.conn.send_file(path)
    if change == "grown":
        with open(path, "ab") as file:
            file.write(b"more")
    else:
        path.unlink()
    if change == "replaced":
        path.write_bytes(b"another")
    one.conn.end(b"|after")
    assert receive_all(one)[0] == SOURCE + b"|after"


def test_what_is_sent_corked_leaves_after_the_block(scene: Scenes, path: Path, by_kernel: list[Any]) -> None:
    one = scene()
    with one.conn.corked():
        one.conn.write(b"head")
        one.conn.send_file(path)
        one.turns()
        assert (one.conn.bytes_written, one.conn.pending_bytes, by_kernel) == (0, 4 + SIZE, [])
        one.conn.end(b"tail")
    assert receive_all(one) == (b"head" + SOURCE + b"tail", "FIN")


# By clients that are not connected yet.


# Callbacks.


def test_callbacks_come_in_order_and_never_from_inside_the_call(scene: Scenes, path: Path) -> None:
    one, log = scene(), Log()
    one.conn.write(b"head", log.of("write"))
    one.conn.send_file(path, callback=log.of("file"))
    one.conn.send_file(path, SIZE, callback=log.of("nothing"))
    one.conn.write(b"tail", log.of("tail"))
    one.conn.end(callback=log.of("end"))
    assert log == []
    receive_all(one)
    assert log == [(name, None) for name in ("write", "file", "nothing", "tail", "end")]


@pytest.mark.parametrize("empty", ["an empty file", "count 0"])
def test_nothing_to_send_is_answered_too(scene: Scenes, path: Path, empty: str) -> None:
    one, log = scene(), Log()
    if empty == "an empty file":
        path.write_bytes(b"")
    assert one.conn.send_file(path, count=0 if empty == "count 0" else None, callback=log.of("file")) is True
    assert (log, one.conn.pending_bytes, opened(path)) == ([], 0, 0)
    one.until(lambda: log)
    assert (log, one.conn.state) == ([("file", None)], "open")


@pytest.mark.parametrize("count", [0, None], ids=["nothing, behind a write", "a file"])
def test_the_callback_waits_for_the_last_byte(scene: Scenes, large: Path, count: int | None) -> None:
    one = scene()
    written: list[int] = []
    if count == 0:
        one.conn.write(bytes(LARGE))
    one.conn.send_file(large, count=count, callback=lambda conn, error: written.append(conn.bytes_written))
    fill(one)
    assert written == []
    receive(one, LARGE)
    one.until(lambda: written)
    assert written == [LARGE]


def test_a_callback_may_send_the_next_file(scene: Scenes, path: Path) -> None:
    one = scene()
    left = [3]

    def again(conn: Connection, error: BaseException | None) -> None:
        left[0] -= 1
        if left[0]:
            conn.send_file(path, callback=again)
        else:
            conn.end()

    one.conn.send_file(path, callback=again)
    assert receive_all(one) == (3 * SOURCE, "FIN")


def test_a_send_between_turns_wakes_the_loop(path: Path) -> None:
    with Reactor() as loop:
        server = Server(loop)
        with Peer(server.listen("127.0.0.1", 0)) as peer:
            pump(loop, lambda: server.connections)
            conn = next(iter(server.connections))
            seen: list[Any] = []
            conn.send_file(path, count=10, callback=lambda conn, error: (seen.append(error), loop.stop()))
            loop.run()
            assert (seen, peer.receive(10)) == ([None], SOURCE[:10])


# What counts.


def test_file_bytes_are_pending_until_the_kernel_has_them_and_then_written(scene: Scenes, large: Path) -> None:
    one = scene()
    assert one.conn.send_file(large) is True
    assert (one.conn.pending_bytes, one.conn.bytes_written) == (LARGE, 0)
    assert f"pending={LARGE}" in repr(one.conn)
    reading = one.peer.nonblocking()
    while len(reading.received) < LARGE:
        one.loop.run_once(0.001)
        reading.read(MIB)
        assert one.conn.bytes_written + one.conn.pending_bytes == LARGE
    assert (one.conn.pending_bytes, one.conn.bytes_written) == (0, LARGE)
    assert one.server.statistics().bytes_written == LARGE


def test_send_file_says_false_while_drain_is_due_for_which_file_bytes_do_not_count(scene: Scenes, large: Path) -> None:
    one = scene(high_water=1000)
    assert one.conn.send_file(large) is True
    fill(one)
    assert one.conn.write(bytes(1000)) is True
    assert one.conn.send_file(large) is True
    assert one.conn.write(b"x") is False
    assert one.conn.send_file(large) is False
    assert one.conn.send_file(large, count=0) is False


def test_drain_comes_when_the_bytes_in_memory_are_sent_though_a_file_still_waits(scene: Scenes, large: Path) -> None:
    one = scene(high_water=1000)
    assert one.conn.write(bytes(LARGE)) is False
    assert one.conn.send_file(large) is False
    reading = one.peer.nonblocking()
    pump(one.loop, lambda: reading.read(MIB) or "drain" in one.names(), 20)
    assert 0 < one.conn.pending_bytes <= LARGE
    pump(one.loop, lambda: reading.read() or not one.conn.pending_bytes, 20)
    assert one.names() == ["drain"]


def test_no_drain_comes_for_file_bytes_alone(scene: Scenes, large: Path) -> None:
    one = scene(high_water=0)
    assert one.conn.send_file(large) is True
    receive(one, LARGE)
    one.turns()
    assert one.names() == []


def test_file_bytes_do_not_count_for_the_buffer_limit(scene: Scenes, large: Path) -> None:
    one = scene(buffer_limit=1000)
    one.conn.send_file(large)
    fill(one)
    one.conn.write(bytes(1000))
    one.conn.write(b"at the limit, exactly")
    one.turns()
    assert one.conn.state == "open"
    one.conn.write(b"above")
    assert one.closed().reason.name == "BUFFER_LIMIT"


def test_others_are_served_while_a_file_goes_out(
    scene: Scenes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    huge = tmp_path / "huge"
    huge.touch()
    os.truncate(huge, 1024 * MIB)
    monkeypatch.setattr(os, "sendfile", lambda out, source, offset, count: count)  # a kernel that takes everything
    one = scene()
    other, its = one.connect()
    one.server.on("data", lambda conn, data: conn.write(data))
    one.conn.send_file(huge)
    other.send(b"ping")
    one.loop.run_once(0)
    one.loop.run_once(0)
    assert its.bytes_written == 4
    assert one.conn.pending_bytes > 512 * MIB
