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
from tests.support.scene import MIB, Scenes
from tests.support.sending import LARGE, SIZE, SOURCE, Log, fill, receive_all

# A file that shrinks.


@pytest.mark.parametrize("left", [0, 10, SIZE - 2])
def test_a_file_cut_before_its_turn_is_an_error_that_names_it_and_not_an_end(
    each_scene: Scenes, path: Path, way: str, transport: dict[str, Any], left: int
) -> None:
    one, log = each_scene(**transport), Log()
    for event in ("error", "close"):
        one.conn.on(event, log.of(event))
    one.conn.write(b"head", log.of("head"))
    one.conn.send_file(path, callback=log.of("file"))
    one.conn.end(b"tail", log.of("end"))
    os.truncate(path, left)
    got, outcome = receive_all(one)
    assert (b"head" + SOURCE).startswith(got)
    report: Any = one.closed()
    assert (report.reason, report.clean) == (Reason.FILE_FAILED, False)
    assert (report.bytes_written, report.bytes_unsent) == (4 + left, SIZE - left + 4)
    if not transport:
        assert outcome == "ECONNRESET"
    error = report.error
    assert (type(error), error.errno, error.syscall, error.address) == (OSError, errno.EIO, "sendfile", str(path))
    assert error.strerror.startswith(f"sendfile EIO {path}")
    assert f"{SIZE - left} bytes" in str(error)
    # Callbacks get ConnectionClosed before `error` and `close`.
    assert log[0] == ("head", None)
    assert log.kinds()[1:3] == [("file", ConnectionClosed), ("end", ConnectionClosed)]
    assert log[3:] == [("error", error), ("close", report)]


@pytest.mark.parametrize(("ending", "phase"), [(None, "open"), ("end", "draining"), ("destroy_soon", "draining")])
def test_a_file_cut_in_the_middle_is_an_error_and_not_an_end_though_an_ending_is_under_way(
    each_scene: Scenes, large: Path, way: str, ending: str | None, phase: str
) -> None:
    one = each_scene()
    one.conn.send_file(large)
    one.conn.write(b"tail")
    if ending:
        getattr(one.conn, ending)()
    fill(one)
    os.truncate(large, one.conn.bytes_written)
    assert receive_all(one)[1] == "ECONNRESET"
    report = one.closed()
    assert (report.reason, report.phase, report.clean) == (Reason.FILE_FAILED, phase, False)
    assert report.bytes_written + report.bytes_unsent == LARGE + 4
    assert report.bytes_unsent > 4


def test_only_the_stretch_that_was_asked_for_must_be_there(scene: Scenes, path: Path, way: str) -> None:
    one = scene()
    one.conn.send_file(path, 10, 20)
    os.truncate(path, 30)
    one.conn.end()
    assert receive_all(one) == (SOURCE[10:30], "FIN")


@pytest.mark.parametrize("named", [Path, os.fsencode], ids=["path", "bytes path"])
@pytest.mark.parametrize("given", ["path", "open file"])
def test_the_error_names_the_file_however_it_was_given(scene: Scenes, path: Path, named: Any, given: str) -> None:
    one = scene()
    if given == "path":
        one.conn.send_file(named(path))
    else:
        with open(named(path), "rb") as file:
            one.conn.send_file(file)
    os.truncate(path, 0)
    assert one.closed().error.address == str(path)


def test_where_nobody_listens_it_is_logged_at_info(path: Path, caplog: pytest.LogCaptureFixture, loop: Reactor) -> None:
    server = Server(loop)
    with Peer(server.listen("127.0.0.1", 0)):
        pump(loop, lambda: server.connections)
        next(iter(server.connections)).send_file(path)
        os.truncate(path, 0)
        pump(loop, lambda: not server.connections)
    assert [record.levelno for record in caplog.records if "sendfile" in record.getMessage()] == [logging.INFO]


def test_other_connections_go_on(scene: Scenes, path: Path) -> None:
    one, other = scene(), scene()
    one.conn.send_file(path, 0, 1000)
    other.conn.send_file(path)
    os.truncate(path, 1000)
    one.conn.end()
    assert receive_all(one) == (SOURCE[:1000], "FIN")
    assert other.closed().reason is Reason.FILE_FAILED


def test_a_client_whose_file_fails_is_told_the_same(loop: Reactor, harness: Any, path: Path) -> None:
    wire = harness()
    conn = connect(loop, *wire.address)
    conn.send_file(path)
    os.truncate(path, 10)
    pump(loop, lambda: conn.report is not None)
    report: Any = conn.report
    assert (report.reason, report.bytes_written, report.bytes_unsent) == (Reason.FILE_FAILED, 10, SIZE - 10)


# A file that cannot be read.


@pytest.mark.parametrize("code", ["EIO", "ESTALE"])
def test_what_sendfile_says_of_the_file_is_no_network_error(
    scene: Scenes, path: Path, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    def broken(*_: int) -> int:
        raise OSError(getattr(errno, code), "")

    monkeypatch.setattr(os, "sendfile", broken)
    one = scene()
    one.conn.send_file(path)
    assert receive_all(one) == (b"", "ECONNRESET")
    report = one.closed()
    assert (report.reason, report.error.errno) == (Reason.FILE_FAILED, getattr(errno, code))
    assert (report.error.strerror, report.bytes_unsent) == (f"sendfile {code} {path}", SIZE)


class Scripted(io.BytesIO):
    """A file of `content`; what `then` returns, unless it is `super`, is the read of this number."""

    def __init__(self, then: Callable[[], Any], number: int, content: bytes = SOURCE) -> None:
        super().__init__(content)
        self.left = number
        self.then = then

    def read(self, count: int | None = -1) -> Any:
        self.left -= bool(count)
        if count and self.left == 0 and (got := self.then()) is not super:
            return got
        return super().read(count)


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
        lambda: b"",
    ],
    ids=["OSError", "BlockingIOError", "ValueError", "EOFError", "RuntimeError", "None", "text", "a number", "nothing"],
)
def test_a_read_that_fails_ends_the_connection_with_an_error(scene: Scenes, then: Callable[[], Any]) -> None:
    one = scene()
    one.conn.send_file(Scripted(then, 2, bytes(LARGE)))
    assert receive_all(one, MIB)[1] == "ECONNRESET"
    report = one.closed()
    assert (report.reason, report.error.syscall) == (Reason.FILE_FAILED, "sendfile")
    assert 0 < report.bytes_written < LARGE
    assert report.bytes_written + report.bytes_unsent == LARGE


@pytest.mark.parametrize(("change", "left"), [(lambda file: file.truncate(1000), 1000), (io.BytesIO.close, 0)])
def test_an_object_that_is_cut_or_closed_too_early_is_an_error(
    scene: Scenes, change: Callable[[io.BytesIO], object], left: int
) -> None:
    one = scene()
    file = io.BytesIO(SOURCE)
    one.conn.send_file(file)
    change(file)
    report = one.closed()
    assert (report.reason, report.bytes_written, report.bytes_unsent) == (Reason.FILE_FAILED, left, SIZE - left)


# An object's `read` is the program's code, and may call anything.


@pytest.mark.parametrize(("call", "reason"), [("destroy", Reason.DESTROYED), ("reset", Reason.RESET)])
def test_a_read_may_drop_the_connection_and_nothing_is_sent_then(scene: Scenes, call: str, reason: Reason) -> None:
    one = scene()
    one.conn.send_file(Scripted(lambda: getattr(one.conn, call)() or bytes(1000), 2, bytes(LARGE)))
    got, _ = receive_all(one, MIB)
    report = one.closed()
    assert (report.reason, report.error) == (reason, None)
    assert report.bytes_written + report.bytes_unsent == LARGE
    assert len(got) <= report.bytes_written < LARGE


def test_a_read_may_write_and_that_comes_after_the_file(scene: Scenes) -> None:
    one = scene()
    one.conn.send_file(Scripted(lambda: one.conn.end(b"after") or super, 1))
    assert receive_all(one) == (SOURCE + b"after", "FIN")


def test_a_read_that_leaves_run_leaves_the_rest_to_be_sent(scene: Scenes) -> None:
    one = scene()
    one.conn.send_file(Scripted(raising(KeyboardInterrupt()), 1))
    with pytest.raises(KeyboardInterrupt):
        one.loop.run_once(0)
    one.conn.end()
    assert receive_all(one) == (SOURCE, "FIN")
