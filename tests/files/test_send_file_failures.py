"""A file that cannot be had as it was measured: an error in the report and RST on the wire, and never a hang."""

from __future__ import annotations

import errno
import io
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reactor import ConnectionClosed, Reactor, Reason, Server, connect
from reactor.testing import Peer, pump
from tests.support.sending import LARGE, MIB, SIZE, SOURCE, Reading, answers, fill, opened, receive_all


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


@pytest.fixture(params=["sendfile", "read"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How files go out: by the kernel, or by reads because it cannot."""

    def cannot(*_: int) -> int:
        raise OSError(errno.EINVAL, "Invalid argument")

    if request.param == "read":
        monkeypatch.setattr(os, "sendfile", cannot)
    return str(request.param)


# A file that shrinks.


def test_a_file_cut_before_its_turn_is_an_error_and_not_an_end(
    each_loop: Reactor, harness: Any, path: Path, way: str
) -> None:
    wire = harness(loop=each_loop)
    peer, conn = wire.connect()
    conn.send_file(path)
    conn.end(b"tail")
    os.truncate(path, SIZE - 1)
    got, outcome = receive_all(each_loop, peer)
    assert outcome == "ECONNRESET"
    assert SOURCE.startswith(got)
    report = wire.closed(conn)
    assert (report.reason, report.clean) == (Reason.FILE_FAILED, False)
    assert (report.bytes_written, report.bytes_unsent) == (SIZE - 1, 1 + 4)
    assert wire.record.names() == ["error", "close"]


def test_a_file_cut_in_the_middle_is_an_error_and_not_an_end(
    each_loop: Reactor, harness: Any, large: Path, way: str
) -> None:
    wire = harness(loop=each_loop)
    peer, conn = wire.connect()
    conn.send_file(large)
    conn.write(b"tail")
    fill(each_loop, conn)
    os.truncate(large, conn.bytes_written)
    assert receive_all(each_loop, peer)[1] == "ECONNRESET"
    report = wire.closed(conn)
    assert (report.reason, report.phase, report.clean) == (Reason.FILE_FAILED, "open", False)
    assert report.bytes_written + report.bytes_unsent == LARGE + 4
    assert report.bytes_unsent > 4
    assert opened(large) == 0


def test_an_emptied_file_sends_nothing_of_itself(harness: Any, path: Path, way: str) -> None:
    wire = harness()
    peer, conn = wire.connect()
    conn.send_file(path)
    path.write_bytes(b"")
    assert receive_all(wire.loop, peer) == (b"", "ECONNRESET")
    report = wire.closed(conn)
    assert (report.bytes_written, report.bytes_unsent) == (0, SIZE)


def test_only_the_stretch_that_was_asked_for_must_be_there(harness: Any, path: Path, way: str) -> None:
    wire = harness()
    peer, conn = wire.connect()
    conn.send_file(path, 10, 20)
    os.truncate(path, 30)
    conn.end()
    assert receive_all(wire.loop, peer) == (SOURCE[10:30], "FIN")


def test_an_object_that_gives_less_than_it_announced_is_an_error(harness: Any) -> None:
    wire = harness()
    peer, conn = wire.connect()
    file = io.BytesIO(SOURCE)
    conn.send_file(file)
    file.truncate(1000)
    receive_all(wire.loop, peer)
    report = wire.closed(conn)
    assert (report.reason, report.bytes_written, report.bytes_unsent) == (Reason.FILE_FAILED, 1000, SIZE - 1000)


def test_the_error_names_the_system_call_and_the_file(harness: Any, path: Path, way: str) -> None:
    wire = harness()
    _, conn = wire.connect()
    conn.send_file(path)
    os.truncate(path, 0)
    error = wire.closed(conn).error
    assert isinstance(error, OSError)
    assert (error.errno, error.syscall, error.address) == (errno.EIO, "sendfile", str(path))  # type: ignore[attr-defined]
    assert str(error.strerror).startswith(f"sendfile EIO {path}")
    assert f"{SIZE} bytes" in str(error)


@pytest.mark.parametrize("opener", ["path", "bytes path", "open file", "file of a bytes path"])
def test_the_error_names_the_file_however_it_was_given(harness: Any, path: Path, opener: str) -> None:
    wire = harness()
    _, conn = wire.connect()
    if opener == "path":
        conn.send_file(path)
    elif opener == "bytes path":
        conn.send_file(os.fsencode(path))
    else:
        with open(path if opener == "open file" else os.fsencode(path), "rb") as file:
            conn.send_file(file)
    os.truncate(path, 0)
    assert wire.closed(conn).error.address == str(path)


def test_callbacks_get_connection_closed_before_error_and_close(harness: Any, path: Path) -> None:
    wire = harness()
    _, conn = wire.connect()
    log: list[Any] = []
    conn.on("error", lambda conn, error: log.append(("error", error)))
    conn.on("close", lambda conn, report: log.append(("close", report)))
    conn.write(b"head", answers(log, "head"))
    conn.send_file(path, callback=answers(log, "file"))
    conn.end(b"tail", answers(log, "end"))
    os.truncate(path, 1000)
    report = wire.closed(conn)
    assert [name for name, _ in log] == ["head", "file", "end", "error", "close"]
    assert log[0] == ("head", None)
    assert type(log[1][1]) is type(log[2][1]) is ConnectionClosed
    assert log[3][1] is report.error


def test_nobody_listens_to_error_and_it_is_logged_at_info(
    harness: Any, path: Path, caplog: pytest.LogCaptureFixture, loop: Reactor
) -> None:
    server = Server(loop)
    with Peer(server.listen("127.0.0.1", 0)):  # type: ignore[arg-type]  # (host, port)
        pump(loop, lambda: server.connections)
        next(iter(server.connections)).send_file(path)
        os.truncate(path, 0)
        pump(loop, lambda: not server.connections)
    assert [record.levelno for record in caplog.records if "sendfile" in record.getMessage()] == [logging.INFO]


@pytest.mark.parametrize("ending", ["end", "destroy_soon"])
def test_an_ending_under_way_does_not_hide_that_the_file_failed(harness: Any, large: Path, ending: str) -> None:
    wire = harness()
    peer, conn = wire.connect()
    conn.send_file(large)
    getattr(conn, ending)()
    fill(wire.loop, conn)
    os.truncate(large, 0)
    assert receive_all(wire.loop, peer)[1] == "ECONNRESET"
    report = wire.closed(conn)
    assert (report.reason, report.phase) == (Reason.FILE_FAILED, "draining")
    assert report.bytes_written + report.bytes_unsent == LARGE


def test_other_connections_go_on(harness: Any, path: Path) -> None:
    wire = harness()
    _, conn = wire.connect()
    other, its = wire.connect()
    its.send_file(path, 0, 1000)
    conn.send_file(path)
    os.truncate(path, 1000)
    its.end()
    assert receive_all(wire.loop, other) == (SOURCE[:1000], "FIN")
    assert wire.closed(conn).reason is Reason.FILE_FAILED


def test_a_client_whose_file_fails_is_told_the_same(loop: Reactor, harness: Any, path: Path) -> None:
    wire = harness()
    conn = connect(loop, *wire.address)
    conn.send_file(path)
    os.truncate(path, 10)
    pump(loop, lambda: conn.report is not None)
    report: Any = conn.report
    assert (report.reason, report.bytes_written, report.bytes_unsent) == (Reason.FILE_FAILED, 10, SIZE - 10)


def test_on_a_unix_socket_it_stands_in_the_report_too(loop: Reactor, path: Path, tmp_path: Path) -> None:
    server, reports = Server(loop), []  # type: ignore[var-annotated]
    server.on("close", lambda conn, report: reports.append(report))
    server.on("connection", lambda conn: (conn.send_file(path), os.truncate(path, 10)))
    server.listen(path=tmp_path / "socket")
    with Peer(str(tmp_path / "socket")) as peer:
        assert receive_all(loop, peer)[0] == SOURCE[:10]
        pump(loop, lambda: reports)
    assert (reports[0].reason, reports[0].bytes_unsent) == (Reason.FILE_FAILED, SIZE - 10)


# A file that cannot be read.


@pytest.mark.parametrize("code", ["EIO", "ESTALE"])
def test_what_sendfile_says_of_the_file_is_no_network_error(
    harness: Any, path: Path, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    def broken(*_: int) -> int:
        raise OSError(getattr(errno, code), "")

    monkeypatch.setattr(os, "sendfile", broken)
    wire = harness()
    peer, conn = wire.connect()
    conn.send_file(path)
    assert receive_all(wire.loop, peer) == (b"", "ECONNRESET")
    report = wire.closed(conn)
    assert (report.reason, report.error.errno) == (Reason.FILE_FAILED, getattr(errno, code))
    assert (report.error.strerror, report.bytes_unsent) == (f"sendfile {code} {path}", SIZE)


class Scripted(io.BytesIO):
    """A file that reads well once, then as it was told."""

    def __init__(self, then: Callable[[], Any]) -> None:
        super().__init__(bytes(LARGE))
        self.reads = 0
        self.then = then

    def read(self, count: int | None = -1) -> Any:
        self.reads += bool(count)
        return super().read(count) if self.reads < 2 else self.then()


def raising(error: BaseException) -> Callable[[], Any]:
    def fn() -> Any:
        raise error

    return fn


@pytest.mark.parametrize(
    "then",
    [
        raising(OSError(errno.EIO, "the disk is gone")),
        raising(BlockingIOError(errno.EAGAIN, "not now")),
        raising(ValueError("I/O operation on closed file.")),
        raising(EOFError("Compressed file ended before the end-of-stream marker was reached")),
        raising(RuntimeError("something else")),
        lambda: None,
        lambda: "text",
        lambda: 5,
    ],
    ids=["OSError", "BlockingIOError", "ValueError", "EOFError", "RuntimeError", "None", "text", "a number"],
)
def test_a_read_that_fails_ends_the_connection_with_an_error(harness: Any, then: Callable[[], Any]) -> None:
    wire = harness()
    peer, conn = wire.connect()
    conn.send_file(Scripted(then))
    reading = Reading(peer)
    pump(wire.loop, lambda: reading.read(MIB))
    assert reading.outcome == "ECONNRESET"
    report = wire.closed(conn)
    assert (report.reason, report.error.syscall) == (Reason.FILE_FAILED, "sendfile")
    assert 0 < report.bytes_written < LARGE
    assert report.bytes_written + report.bytes_unsent == LARGE


def test_an_object_closed_too_early_is_an_error(harness: Any) -> None:
    wire = harness()
    _, conn = wire.connect()
    with io.BytesIO(SOURCE) as file:
        conn.send_file(file)
    report = wire.closed(conn)
    assert (report.reason, report.bytes_unsent) == (Reason.FILE_FAILED, SIZE)


# An object's `read` is the program's code, and may call anything.


@pytest.mark.parametrize("call", ["destroy", "reset"])
def test_a_read_may_drop_the_connection_and_nothing_is_sent_after_that(harness: Any, call: str) -> None:
    wire = harness()
    peer, conn = wire.connect()
    conn.send_file(Scripted(lambda: getattr(conn, call)() or bytes(1000)))
    reading = Reading(peer)
    pump(wire.loop, lambda: reading.read(MIB))
    report = wire.closed(conn)
    assert (report.reason, report.error) == (Reason.DESTROYED if call == "destroy" else Reason.RESET, None)
    assert report.bytes_written + report.bytes_unsent == LARGE
    assert len(reading.got) <= report.bytes_written < LARGE


def test_a_read_may_write_and_that_comes_after_the_file(harness: Any) -> None:
    class Writes(io.BytesIO):
        written = False

        def read(self, count: int | None = -1) -> bytes:
            if count and not self.written:
                self.written = True
                conn.write(b"after")
                conn.end()
            return super().read(count)

    wire = harness()
    peer, conn = wire.connect()
    conn.send_file(Writes(SOURCE))
    assert receive_all(wire.loop, peer) == (SOURCE + b"after", "FIN")


def test_a_read_that_leaves_run_leaves_the_rest_to_be_sent(harness: Any) -> None:
    class Leaves(io.BytesIO):
        left = False

        def read(self, count: int | None = -1) -> bytes:
            if count and not self.left:
                self.left = True
                raise KeyboardInterrupt
            return super().read(count)

    wire = harness()
    peer, conn = wire.connect()
    conn.send_file(Leaves(SOURCE))
    with pytest.raises(KeyboardInterrupt):
        wire.loop.run_once(0)
    conn.end()
    assert receive_all(wire.loop, peer) == (SOURCE, "FIN")
