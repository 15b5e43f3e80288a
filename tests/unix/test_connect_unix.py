"""Clients of Unix sockets: `connect(loop, path=...)`."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reactor import Reactor, Reason, Server, connect
from reactor.testing import ManualClock, pump, settle
from tests.support.far_ends import Accepted, Heard


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "socket")


@pytest.fixture
def listening(path: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(path)
        sock.listen()
        sock.settimeout(5)
        yield sock


def failed(loop: Reactor, path: Any) -> OSError:
    """The error of a client that comes to nothing."""
    heard = Heard(connect(loop, path=path))
    report = heard.report(loop)
    error = heard.error()
    assert heard.names() == ["connection_attempt", "connection_attempt_failed", "error", "close"]
    assert (report.reason, report.phase) == (Reason.CONNECT_FAILED, "connecting")
    assert (error.syscall, error.address, error.port) == ("connect", os.fsdecode(path), None)
    assert isinstance(error, OSError)
    return error


def test_its_whole_life_in_order(each_loop: Reactor, path: str, listening: socket.socket) -> None:
    conn = connect(each_loop, path=path)
    heard = Heard(conn)
    assert (conn.state, conn.remote_address) == ("connecting", path)
    conn.write(b"early ")
    pump(each_loop, lambda: conn.state == "open")
    with Accepted(listening.accept()[0]) as peer:
        peer.send(b"hello")
        pump(each_loop, lambda: heard.data() == b"hello")
        conn.end(b"bye")
        settle(each_loop)
        assert peer.receive_all() == (b"early bye", "FIN")
    report = heard.report(each_loop)
    assert heard.names() == ["connection_attempt", "connect", "ready", "data", "finish", "end", "close"]
    assert heard.of("connection_attempt") == [(path, 0, socket.AF_UNIX)]
    assert list(conn.attempted_addresses) == [path]
    assert (conn.remote_address, conn.local_address) == (path, "")
    assert (report.reason, report.clean, report.bytes_written) == (Reason.ENDED, True, 9)


def test_on_connect_and_settings_are_those_of_every_client(
    loop: Reactor, path: str, listening: socket.socket, clock: ManualClock
) -> None:
    heard: list[str] = []
    conn = connect(loop, path=path, on_connect=lambda conn: heard.append(conn.state), idle_timeout=5, keep_alive=True)
    conn.set_no_delay(False)  # means nothing here, and does no harm
    conn.set_user_timeout(5)
    pump(loop, lambda: heard == ["open"])
    conn.set_keep_alive(True, delay=5)
    clock.advance(5)
    assert Heard(conn).report(loop).reason is Reason.IDLE


def test_a_path_may_be_bytes_or_a_path_object(loop: Reactor, path: str, listening: socket.socket) -> None:
    for spelling in (path.encode(), Path(path)):
        conn = connect(loop, path=spelling)
        pump(loop, lambda conn=conn: conn.state == "open")
        assert conn.remote_address == path


def test_an_abstract_name(loop: Reactor) -> None:
    name = f"\0reactor test {os.getpid()}"
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(name)
        sock.listen()
        conn = connect(loop, path=name)
        pump(loop, lambda: conn.state == "open")
        assert conn.remote_address == name
    assert failed(loop, name).strerror == f"connect ECONNREFUSED @{name[1:]}"


def test_a_client_and_a_server_on_one_loop(each_loop: Reactor, path: str) -> None:
    server = Server(each_loop, lambda conn: conn.on("data", lambda conn, data: conn.end(data.upper())))
    server.listen(path=path)
    conn = connect(each_loop, path=path)
    heard = Heard(conn)
    conn.end(b"hello")
    assert heard.report(each_loop).clean
    assert heard.data() == b"HELLO"


def test_a_file_that_is_missing(each_loop: Reactor, path: str) -> None:
    error = failed(each_loop, path)
    assert isinstance(error, FileNotFoundError)
    assert error.strerror == f"connect ENOENT {path}"


def test_a_file_that_nobody_is_bound_to_any_more(loop: Reactor, path: str, listening: socket.socket) -> None:
    listening.close()
    error = failed(loop, path)
    assert isinstance(error, ConnectionRefusedError)
    assert error.strerror == f"connect ECONNREFUSED {path}"
    assert os.path.exists(path)  # it is not a client's to remove


def test_a_file_that_is_no_socket(loop: Reactor, path: str) -> None:
    Path(path).write_text("text")
    assert failed(loop, path).errno == errno.ECONNREFUSED
    assert Path(path).read_text() == "text"


def test_a_socket_of_another_type(loop: Reactor, path: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(path)
        assert failed(loop, path).strerror == f"connect EPROTOTYPE {path}"


def test_a_directory_on_the_way_that_is_a_file(loop: Reactor, path: str) -> None:
    Path(path).write_text("text")
    assert isinstance(failed(loop, f"{path}/socket"), NotADirectoryError)


def test_a_full_backlog_is_refused_at_once(each_loop: Reactor, path: str) -> None:
    with socket.socket(socket.AF_UNIX) as sock, socket.socket(socket.AF_UNIX) as first:
        sock.bind(path)
        sock.listen(0)
        first.connect(path)
        error = failed(each_loop, path)
        assert isinstance(error, BlockingIOError)
        assert (error.errno, error.strerror) == (errno.EAGAIN, f"connect EAGAIN {path}")


def test_destroyed_in_the_turn_in_which_it_connects(each_loop: Reactor, path: str, listening: socket.socket) -> None:
    conn = connect(each_loop, path=path)
    heard = Heard(conn)
    conn.on("connection_attempt", lambda conn, *_: conn.destroy())
    assert heard.report(each_loop).reason is Reason.DESTROYED
    settle(each_loop)
    assert heard.names() == ["connection_attempt", "close"]


def test_a_server_that_stops_before_it_has_accepted_is_an_end_and_no_trouble(loop: Reactor, path: str) -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(path)
        sock.listen()
        conn = connect(loop, path=path)
        heard = Heard(conn)
        pump(loop, lambda: conn.state == "open")
    report = heard.report(loop)
    assert report.reason in (Reason.PEER_ENDED, Reason.PEER_RESET)
    assert heard.names()[-1] == "close"
