"""What send_file can send: paths, open files, and whatever has seek and read."""

# ruff: noqa: SIM115 - the files that the tests are about are closed by the tests

from __future__ import annotations

import bz2
import errno
import gzip
import io
import lzma
import os
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reactor.testing import pump
from tests.support.scene import Scenes
from tests.support.sending import LARGE, SIZE, SOURCE, opened, receive_all


def sent(scene: Scenes, *args: Any, **options: Any) -> bytes:
    """What a peer gets of `send_file(*args)`."""
    one = scene()
    one.conn.send_file(*args, **options)
    one.conn.end()
    got, outcome = receive_all(one)
    assert outcome == "FIN"
    return got


# Paths.


def own_path(path: Path) -> Any:
    """Neither str nor pathlib: it has only `__fspath__`."""
    return type("OwnPath", (), {"__fspath__": lambda self: os.fsencode(path)})()


@pytest.mark.parametrize("kind", [str, os.fsencode, Path, own_path])
@pytest.mark.parametrize("name", [b"file", b"\xff\n"], ids=["text", "no text"])
def test_a_path_may_be_text_bytes_or_path_like(scene: Scenes, tmp_path: Path, name: bytes, kind: Any) -> None:
    path = tmp_path / os.fsdecode(name)
    path.write_bytes(SOURCE)
    assert sent(scene, kind(path)) == SOURCE


def test_a_path_is_opened_at_the_call_and_closed_when_it_is_sent(scene: Scenes, path: Path) -> None:
    one = scene()
    one.conn.send_file(path)
    assert opened(path) == 1
    reading = one.peer.nonblocking()
    one.until(lambda: reading.read() or not one.conn.pending_bytes)
    assert opened(path) == 0


# Open files.


def with_pending_output(path: Path) -> Any:
    file = open(path, "w+b")
    file.write(SOURCE[:-5])
    file.flush()
    file.write(SOURCE[-5:])
    return file


def temporary(kind: Callable[[], Any]) -> Callable[[Path], Any]:
    def make(path: Path) -> Any:
        file = kind()
        file.write(SOURCE)
        return file

    return make


OPEN_FILES: dict[str, Callable[[Path], Any]] = {
    "buffered": lambda path: open(path, "rb"),
    "raw": lambda path: open(path, "rb", buffering=0),
    "for reading and writing": lambda path: open(path, "r+b"),
    "raw for reading and writing": lambda path: open(path, "r+b", buffering=0),
    "for appending and reading": lambda path: open(path, "a+b"),
    "opened by number": lambda path: open(os.open(path, os.O_RDONLY), "rb"),
    "written to and not flushed": with_pending_output,
    "temporary": temporary(tempfile.TemporaryFile),
}


@pytest.mark.parametrize("kind", OPEN_FILES)
def test_an_open_file_may_be_closed_when_the_call_returns(scene: Scenes, path: Path, kind: str) -> None:
    one = scene()
    with OPEN_FILES[kind](path) as file:
        one.conn.send_file(file, 10)
    with open(os.devnull, "rb"):  # may get the number that has just become free
        one.conn.end()
        assert receive_all(one) == (SOURCE[10:], "FIN")
    assert opened(path) == 0


@pytest.mark.parametrize("kind", OPEN_FILES)
def test_the_position_of_an_open_file_says_nothing_and_is_left_alone(scene: Scenes, path: Path, kind: str) -> None:
    with OPEN_FILES[kind](path) as file:
        file.seek(77)
        file.read(10)
        assert sent(scene, file, 5, SIZE - 6) == SOURCE[5:-1]
        assert file.tell() == 87
        assert file.read(3) == SOURCE[87:90]


# Whatever has seek and read.


class Reluctant:
    """Only `seek` and `read`; and `read` gives less than it is asked for."""

    def __init__(self) -> None:
        self.at = 0

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self.at = {os.SEEK_SET: 0, os.SEEK_END: SIZE}[whence] + offset
        return self.at

    def read(self, count: int) -> bytes:
        at, count = self.at, min(count, 40_000)
        self.at += count
        return SOURCE[at : at + count]


class Generous(io.BytesIO):
    """Gives more than it is asked for."""

    def read(self, count: int | None = -1) -> bytes:
        return super().read(-1)


def packed(path: Path, pack: Callable[..., Any]) -> Any:
    """SOURCE in a compressed file, opened for reading."""
    with pack(path, "wb") as file:
        file.write(SOURCE)
    return pack(path, "rb")


def zip_member(path: Path) -> Any:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("member", SOURCE)
    return zipfile.ZipFile(path).open("member")


OBJECTS: dict[str, Callable[[Path], Any]] = {
    "BytesIO": lambda path: io.BytesIO(SOURCE),
    "BufferedReader of BytesIO": lambda path: io.BufferedReader(io.BytesIO(SOURCE)),
    "only seek and read": lambda path: Reluctant(),
    "reads too much": lambda path: Generous(SOURCE),
    "gzip": lambda path: packed(path, gzip.open),
    "BufferedReader of gzip": lambda path: io.BufferedReader(packed(path, gzip.open)),
    "bz2": lambda path: packed(path, bz2.open),
    "lzma": lambda path: packed(path, lambda path, mode: lzma.open(path, mode, preset=0 if mode == "wb" else None)),
    "zip member": zip_member,
    "named temporary": temporary(tempfile.NamedTemporaryFile),
    "spooled": temporary(lambda: tempfile.SpooledTemporaryFile(max_size=10 * SIZE)),
}


@pytest.mark.parametrize("kind", OBJECTS)
def test_whatever_has_seek_and_read_is_sent_as_it_reads(scene: Scenes, tmp_path: Path, kind: str) -> None:
    file = OBJECTS[kind](tmp_path / "packed")
    try:
        assert sent(scene, file, 10, SIZE - 20) == SOURCE[10:-10]
    finally:
        getattr(file, "close", lambda: None)()


def test_an_object_is_read_a_little_at_a_time(scene: Scenes) -> None:
    asked: list[int] = []

    class Noting(io.BytesIO):
        def read(self, count: int | None = -1) -> bytes:
            asked.append(count or 0)
            return super().read(count)

    assert len(sent(scene, Noting(bytes(LARGE)))) == LARGE
    assert max(asked) <= 1 << 20


@pytest.mark.parametrize("make", [lambda path: io.BytesIO(SOURCE), lambda path: open(path, "rb")])
def test_one_file_may_go_to_several_connections_at_once(scene: Scenes, path: Path, make: Callable[[Path], Any]) -> None:
    one, two = scene(receive_buffer=8192), scene(receive_buffer=8192)
    with make(path) as file:
        one.conn.send_file(file)
        two.conn.send_file(file, 1000)
        one.conn.send_file(file, 5, 5)
        readings = one.peer.nonblocking(), two.peer.nonblocking()
        for each in (one, two):
            each.conn.end()
        pump(one.loop, lambda: min(reading.read(30_000) for reading in readings), 20)
    assert [bytes(reading.received) for reading in readings] == [SOURCE + SOURCE[5:10], SOURCE[1000:]]


# Where the kernel cannot.


@pytest.mark.parametrize("code", ["EINVAL", "ENOSYS", "EOPNOTSUPP", "EOVERFLOW"])
def test_if_sendfile_cannot_it_is_read(scene: Scenes, path: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    asked: list[int] = []

    def cannot(out: int, source: int, offset: int, count: int) -> int:
        asked.append(count)
        raise OSError(getattr(errno, code), os.strerror(getattr(errno, code)))

    monkeypatch.setattr(os, "sendfile", cannot)
    one = scene(receive_buffer=8192)
    one.conn.write(b"<")
    one.conn.send_file(path, 3)
    one.conn.end(b">")
    assert receive_all(one, 100_000) == (b"<" + SOURCE[3:] + b">", "FIN")
    assert len(asked) == 1, "tried once, and for this file never again"
    assert opened(path) == 0


def test_where_there_is_no_sendfile_it_is_read(scene: Scenes, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sendfile")
    assert sent(scene, path) == SOURCE
