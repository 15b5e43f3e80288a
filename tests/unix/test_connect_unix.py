"""Clients of Unix sockets: `connect(loop, path=...)`. What they have in common with those of TCP is in
`tests/client/test_connect.py`.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from reactor import Reactor, Reason, connect
from reactor.testing import ManualClock, pump
from tests.support.far_ends import Place, connected
from tests.support.recording import Heard
from tests.support.unix import bound, make_stale


@pytest.fixture
def listening(path: str) -> Iterator[Place]:
    with Place(path) as place:
        yield place


def failed(loop: Reactor, path: str) -> OSError:
    """The error of a client that comes to nothing."""
    heard = Heard(connect(loop, path=path))
    report = heard.report(loop)
    error = heard.error()
    assert heard.names() == ["connection_attempt", "connection_attempt_failed", "error", "close"]
    assert (report.reason, report.phase) == (Reason.CONNECT_FAILED, "connecting")
    assert (error.syscall, error.address, error.port) == ("connect", path, None)
    assert isinstance(error, OSError)
    return error


def test_settings_hold_and_options_of_tcp_do_no_harm(loop: Reactor, listening: Place, clock: ManualClock) -> None:
    conn = listening.connect(loop, idle_timeout=5, keep_alive=True)
    conn.set_no_delay(False)
    conn.set_user_timeout(5)
    connected(loop, conn).set_keep_alive(True, delay=5)
    clock.advance(5)
    assert Heard(conn).report(loop).reason is Reason.IDLE


@pytest.mark.parametrize("spelling", [os.fsencode, Path])
def test_a_path_may_be_bytes_or_a_path_object(loop: Reactor, listening: Place, spelling: Callable[[str], Any]) -> None:
    conn = connected(loop, connect(loop, path=spelling(listening.address)))
    assert conn.remote_address == listening.address


def test_an_abstract_name(loop: Reactor) -> None:
    name = f"\0reactor test {os.getpid()}"
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(name)
        sock.listen()
        assert connected(loop, connect(loop, path=name)).remote_address == name
    assert failed(loop, name).strerror == f"connect ECONNREFUSED @{name[1:]}"


@pytest.mark.parametrize(
    ("stands_there", "code"),
    [
        (lambda path: None, errno.ENOENT),
        (make_stale, errno.ECONNREFUSED),
        (lambda path: Path(path).write_text("text"), errno.ECONNREFUSED),
    ],
    ids=["nothing", "a file that nobody is bound to any more", "a file that is no socket"],
)
def test_where_nobody_listens_the_error_says_so_and_the_file_is_not_touched(
    each_loop: Reactor, path: str, stands_there: Callable[[str], object], code: int
) -> None:
    stands_there(path)
    before = os.lstat(path) if os.path.lexists(path) else None
    error = failed(each_loop, path)
    assert (error.errno, error.strerror) == (code, f"connect {errno.errorcode[code]} {path}")
    assert before == (os.lstat(path) if os.path.lexists(path) else None)


def test_a_socket_of_another_type(loop: Reactor, path: str) -> None:
    with bound(path, socket.SOCK_DGRAM):
        assert failed(loop, path).strerror == f"connect EPROTOTYPE {path}"


def test_a_directory_on_the_way_that_is_a_file(loop: Reactor, path: str) -> None:
    Path(path).write_text("text")
    assert isinstance(failed(loop, f"{path}/socket"), NotADirectoryError)


def test_a_server_that_stops_before_it_has_accepted_is_an_end_and_no_trouble(loop: Reactor, path: str) -> None:
    with bound(path, backlog=1):
        heard = Heard(connect(loop, path=path))
        pump(loop, lambda: heard.conn.state == "open")
    report = heard.report(loop)
    assert report.reason in (Reason.PEER_ENDED, Reason.PEER_RESET)
    assert heard.names()[-1] == "close"
