"""What send_file refuses, and that it says so at the call: nothing is queued, no descriptor is kept, nothing blocks."""

# ruff: noqa: SIM115 - the files that the tests are about are closed by the tests

from __future__ import annotations

import codecs
import gzip
import io
import os
import resource
import signal
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from reactor.testing import settle
from tests.support.sending import SIZE, SOURCE, opened, receive_all
from tests.support.unix import without_privileges


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of SOURCE."""
    made = tmp_path / "file"
    made.write_bytes(SOURCE)
    return made


@contextmanager
def refused(wire: Any, kind: type[Exception], text: str) -> Iterator[Any]:
    """A connection whose `send_file` raises, and goes on as if it had not been called."""
    peer, conn = wire.connect()
    with pytest.raises(kind, match=text):
        yield conn
    assert (conn.pending_bytes, conn.state) == (0, "open")
    conn.end(b"fine")
    assert receive_all(wire.loop, peer) == (b"fine", "FIN")


def write_only(path: Path, **options: Any) -> Any:
    return open(path, "ab", **options)


def closed_file(path: Path) -> Any:
    file = open(path, "rb")
    file.close()
    return file


UNUSABLE: dict[str, Callable[[Path], Any]] = {
    "None": lambda path: None,
    "a number": lambda path: 0,
    "an object": lambda path: object(),
    "a text file": lambda path: open(path, encoding="latin-1"),
    "StringIO": lambda path: io.StringIO("text"),
    "a text file of codecs": lambda path: codecs.open(str(path), "r", "latin-1"),
    "a temporary text file": lambda path: tempfile.NamedTemporaryFile("w+"),
    "a socket": lambda path: socket.socket(),
    "a file for writing": write_only,
    "a raw file for writing": lambda path: write_only(path, buffering=0),
    "a compressed file for writing": lambda path: gzip.open(path, "wb"),
    "a device": lambda path: open("/dev/zero", "rb"),
    "a closed file": closed_file,
    "the path of a directory": lambda path: path.parent,
    "the path of a device": lambda path: "/dev/zero",
}


# What codecs.open gives is no TextIOBase; that the function itself is deprecated by now is no matter here.
@pytest.mark.filterwarnings("ignore:codecs.open:DeprecationWarning")
@pytest.mark.parametrize("kind", UNUSABLE)
def test_what_cannot_be_sent_is_refused_at_the_call(harness: Any, path: Path, kind: str) -> None:
    thing = UNUSABLE[kind](path)
    try:
        text = "closed file" if kind == "a closed file" else "path_or_file must be .* not "
        with refused(harness(), (TypeError, ValueError), text) as conn:  # type: ignore[arg-type]
            conn.send_file(thing)
    finally:
        getattr(thing, "close", lambda: None)()


@pytest.mark.parametrize("mode", ["rb", "rwb"])
def test_the_file_of_a_socket_is_refused(harness: Any, mode: Any) -> None:
    one, other = socket.socketpair()
    with (
        one,
        other,
        one.makefile(mode) as file,
        refused(harness(), (TypeError, ValueError), "path_or_file must be .* not ") as conn,  # type: ignore[arg-type]
    ):
        conn.send_file(file)


def test_a_pipe_is_refused(harness: Any) -> None:
    reading, writing = os.pipe()
    with (
        open(reading, "rb") as file,
        open(writing, "wb"),
        refused(harness(), ValueError, "path_or_file must be a regular file, not ") as conn,
    ):
        conn.send_file(file)


@contextmanager
def alarm(seconds: int) -> Iterator[None]:
    """A call that blocks for longer raises."""

    def blocked(*_: object) -> None:
        raise AssertionError(f"blocked for {seconds} s")

    before = signal.signal(signal.SIGALRM, blocked)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def test_the_path_of_a_named_pipe_is_refused_and_does_not_block(harness: Any, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with refused(harness(), ValueError, "path_or_file must be a regular file, not .*fifo") as conn, alarm(2):
        conn.send_file(tmp_path / "fifo")


def test_a_path_that_is_missing_is_the_systems_error_at_the_call(harness: Any, tmp_path: Path) -> None:
    with refused(harness(), FileNotFoundError, "missing") as conn:
        conn.send_file(tmp_path / "missing")


def test_a_file_that_may_not_be_read_is_the_systems_error_at_the_call(harness: Any) -> None:
    with tempfile.NamedTemporaryFile() as file, refused(harness(), PermissionError, file.name) as conn:
        os.fchmod(file.fileno(), 0)
        with without_privileges():
            conn.send_file(file.name)


@pytest.mark.parametrize("by", ["path", "object"])
@pytest.mark.parametrize(
    ("arguments", "kind", "text"),
    [
        ({"offset": -1}, ValueError, "offset must be 0 or more, not -1"),
        ({"offset": 1.0}, TypeError, "offset must be a whole number 0 or more, not 1.0"),
        ({"offset": True}, TypeError, "offset must be a whole number 0 or more, not True"),
        ({"offset": None}, TypeError, "offset must be a whole number 0 or more, not None"),
        ({"offset": SIZE + 1}, ValueError, f"offset must be at most {SIZE}, .* not {SIZE + 1}"),
        ({"count": -1}, ValueError, "count must be 0 or more, not -1"),
        ({"count": "1"}, TypeError, "count must be a whole number 0 or more, not '1'"),
        ({"count": False}, TypeError, "count must be a whole number 0 or more, not False"),
        ({"count": SIZE + 1}, ValueError, f"count must be at most {SIZE}, .* not {SIZE + 1}"),
        ({"offset": 10, "count": SIZE - 9}, ValueError, f"count must be at most {SIZE - 10}, .* not {SIZE - 9}"),
        ({"offset": SIZE, "count": 1}, ValueError, "count must be at most 0, .* not 1"),
        ({"callback": 1}, TypeError, "callback must be callable, not 1"),
    ],
)
def test_a_stretch_that_cannot_be_is_refused_by_name(
    harness: Any, path: Path, by: str, arguments: dict[str, Any], kind: type[Exception], text: str
) -> None:
    with refused(harness(), kind, text) as conn:
        conn.send_file(path if by == "path" else io.BytesIO(SOURCE), **arguments)
    assert opened(path) == 0


def test_no_descriptor_left_is_the_systems_error_at_the_call(harness: Any, path: Path) -> None:
    wire = harness()
    with refused(wire, OSError, "Too many open files") as conn:
        settle(wire.loop)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
        try:
            conn.send_file(path)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("damage", ["cut off", "garbled"])
def test_a_compressed_file_that_cannot_be_measured_is_refused(harness: Any, tmp_path: Path, damage: str) -> None:
    packed = bytearray(gzip.compress(SOURCE[:100_000].hex().encode()))
    if damage == "cut off":
        del packed[-1000:]
    else:
        packed[10:20] = b"\xff" * 10  # behind the header
    (tmp_path / "packed").write_bytes(packed)
    with (
        gzip.open(tmp_path / "packed") as file,
        refused(harness(), ValueError, "path_or_file must be .* not ") as conn,
    ):
        conn.send_file(file)
