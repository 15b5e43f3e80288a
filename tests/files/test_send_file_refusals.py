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
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.scene import Scenes
from tests.support.sending import SIZE, SOURCE, opened, receive_all
from tests.support.unix import without_privileges


@contextmanager
def refused(scene: Scenes, kind: Any, text: str = "path_or_file must be .* not ") -> Iterator[Any]:
    """A connection whose `send_file` raises, and goes on as if it had not been called."""
    one = scene()
    one.turns()
    with pytest.raises(kind, match=text):
        yield one.conn
    assert (one.conn.pending_bytes, one.conn.state) == (0, "open")
    one.conn.end(b"fine")
    assert receive_all(one) == (b"fine", "FIN")


def file_of_socket(mode: Any) -> Callable[[Path, ExitStack], Any]:
    def make(path: Path, stack: ExitStack) -> Any:
        one, _ = (stack.enter_context(sock) for sock in socket.socketpair())
        return one.makefile(mode)

    return make


def file_of_pipe(path: Path, stack: ExitStack) -> Any:
    reading, writing = os.pipe()
    stack.enter_context(open(writing, "wb"))
    return open(reading, "rb")


def closed_file(path: Path, stack: ExitStack) -> Any:
    with open(path, "rb") as file:
        return file


UNUSABLE: dict[str, Callable[[Path, ExitStack], Any]] = {
    "None": lambda path, stack: None,
    "a number": lambda path, stack: 0,
    "an object": lambda path, stack: object(),
    "a text file": lambda path, stack: open(path, encoding="latin-1"),
    "StringIO": lambda path, stack: io.StringIO("text"),
    "a text file of codecs": lambda path, stack: codecs.open(str(path), "r", "latin-1"),
    "a temporary text file": lambda path, stack: tempfile.NamedTemporaryFile("w+"),
    "a socket": lambda path, stack: socket.socket(),
    "the file of a socket": file_of_socket("rb"),
    "the file of a socket for both": file_of_socket("rwb"),
    "a pipe": file_of_pipe,
    "a file for writing": lambda path, stack: open(path, "ab"),
    "a raw file for writing": lambda path, stack: open(path, "ab", buffering=0),
    "a compressed file for writing": lambda path, stack: gzip.open(path, "wb"),
    "a device": lambda path, stack: open("/dev/zero", "rb"),
    "a closed file": closed_file,
    "the path of a directory": lambda path, stack: path.parent,
    "the path of a device": lambda path, stack: "/dev/zero",
}


# What codecs.open gives is no TextIOBase; that the function itself is deprecated by now is no matter here.
@pytest.mark.filterwarnings("ignore:codecs.open:DeprecationWarning")
@pytest.mark.parametrize("kind", UNUSABLE)
def test_what_cannot_be_sent_is_refused_at_the_call(scene: Scenes, path: Path, kind: str) -> None:
    with ExitStack() as stack:
        thing = UNUSABLE[kind](path, stack)
        if hasattr(thing, "close"):
            stack.callback(thing.close)
        text = "closed file" if kind == "a closed file" else "path_or_file must be .* not "
        with refused(scene, (TypeError, ValueError), text) as conn:
            conn.send_file(thing)


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


def test_the_path_of_a_named_pipe_is_refused_and_does_not_block(scene: Scenes, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with refused(scene, ValueError, "path_or_file must be a regular file, not .*fifo") as conn, alarm(2):
        conn.send_file(tmp_path / "fifo")


def test_a_path_that_is_missing_is_the_systems_error_at_the_call(scene: Scenes, tmp_path: Path) -> None:
    with refused(scene, FileNotFoundError, "missing") as conn:
        conn.send_file(tmp_path / "missing")


def test_a_file_that_may_not_be_read_is_the_systems_error_at_the_call(scene: Scenes) -> None:
    with tempfile.NamedTemporaryFile() as file, refused(scene, PermissionError, file.name) as conn:
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
    scene: Scenes, path: Path, by: str, arguments: dict[str, Any], kind: type[Exception], text: str
) -> None:
    with refused(scene, kind, text) as conn:
        conn.send_file(path if by == "path" else io.BytesIO(SOURCE), **arguments)
    assert opened(path) == 0


def test_no_descriptor_left_is_the_systems_error_at_the_call(scene: Scenes, path: Path) -> None:
    with refused(scene, OSError, "Too many open files") as conn:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
        try:
            conn.send_file(path)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("damage", ["cut off", "garbled"])
def test_a_compressed_file_that_cannot_be_measured_is_refused(scene: Scenes, tmp_path: Path, damage: str) -> None:
    packed = bytearray(gzip.compress(SOURCE[:100_000].hex().encode()))
    if damage == "cut off":
        del packed[-1000:]
    else:
        packed[10:20] = b"\xff" * 10  # behind the header
    (tmp_path / "packed").write_bytes(packed)
    with (
        gzip.open(tmp_path / "packed") as file,
        refused(scene, ValueError) as conn,
    ):
        conn.send_file(file)
