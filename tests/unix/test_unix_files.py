"""The file of a Unix socket when its server stops: it is removed if it is ours, and left alone if it is not."""

from __future__ import annotations

import logging
import os
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from reactor import Reactor, Server
from reactor.testing import Peer, pump, settle
from tests.support.unix import NOBODY, is_served, make_stale, without_privileges

# What is removed.


@pytest.mark.parametrize("stop", [Server.close, lambda server: server.shutdown(1), lambda server: server.shutdown(0)])
def test_the_file_is_gone_when_it_has_stopped(each_loop: Reactor, path: str, stop: Callable[[Server], None]) -> None:
    server = Server(each_loop)
    there: list[bool] = []
    server.on("stopped", lambda server, report: there.append(os.path.lexists(path)))
    server.listen(path=path)
    assert os.path.lexists(path)
    stop(server)
    settle(each_loop)
    assert there == [False]


def test_close_removes_the_file_at_once(server: Server, path: str) -> None:
    server.listen(path=path)
    server.close()
    assert not os.path.lexists(path)


def test_closing_the_reactor_removes_the_file(path: str) -> None:
    with Reactor() as loop:
        Server(loop).listen(path=path)
    assert not os.path.lexists(path)


def test_shutdown_serves_all_who_wait_and_nobody_can_join_them(server: Server, path: str) -> None:
    """The file goes first: unlike with a port, nobody can get into the backlog when it has been emptied."""
    there: list[bool] = []
    server.on("connection", lambda conn: there.append(os.path.lexists(path)))
    server.listen(path=path)
    peers = [Peer(path) for _ in range(20)]
    server.shutdown(1)
    settle(server.loop)
    assert there == [False] * 20
    for peer in peers:
        assert peer.receive_all() == (b"hi", "FIN")
        peer.close()
    pump(server.loop, lambda: not server.connections)


def test_the_file_is_removed_while_the_socket_still_listens(server: Server, path: str, before: Any) -> None:
    """Once the socket is closed, another file can have the inode number of ours."""
    server.listen(path=path)
    tried: list[int] = []

    def connect() -> None:
        with socket.socket(socket.AF_UNIX) as client:
            tried.append(client.connect_ex(path))

    before("unlink", connect)
    server.close()
    assert tried == [0]
    assert not os.path.lexists(path)


def test_the_file_of_a_relative_path_is_removed_after_the_process_has_moved(
    server: Server, path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(os.path.dirname(path))
    server.listen(path="s")
    monkeypatch.chdir(tmp_path)
    make_stale("s")
    server.close()
    assert not os.path.lexists(path)
    assert os.path.lexists(tmp_path / "s")


def test_the_path_is_free_again_after_the_close(server: Server, path: str) -> None:
    for _ in range(3):
        server.listen(path=path)
        assert is_served(server, path)
        server.close()
        pump(server.loop, lambda: not server.connections)
        settle(server.loop)
    assert not os.path.lexists(path)


def test_the_file_is_still_ours_after_the_program_has_changed_its_mode(server: Server, path: str) -> None:
    server.listen(path=path)
    os.chmod(path, 0o600)
    server.close()
    assert not os.path.lexists(path)


# What is not removed.


@pytest.mark.parametrize(
    "make",
    [make_stale, lambda path: Path(path).touch(), os.mkdir, lambda path: os.symlink("s2", path)],
    ids=["socket", "file", "directory", "symlink to our file"],
)
def test_what_somebody_else_has_put_in_its_place_stays(
    server: Server, path: str, make: Callable[[str], object], caplog: pytest.LogCaptureFixture
) -> None:
    server.listen(path=path)
    os.rename(path, path + "2")
    make(path)
    before = os.lstat(path)
    server.close()
    assert os.lstat(path) == before
    assert os.path.lexists(path + "2")
    assert caplog.records == []


def test_a_new_server_may_listen_at_the_path_while_the_old_one_stops(server: Server, path: str) -> None:
    old = Server(server.loop)
    old.listen(path=path)
    with Peer(path):
        pump(server.loop, lambda: old.connections)
        old.shutdown(60, end=False)
        settle(server.loop)
        server.listen(path=path)
        old.shutdown(0)
        pump(server.loop, lambda: not old.connections)
        settle(server.loop)
    assert is_served(server, path)


@pytest.mark.parametrize("gone", ["file", "directory", "directory replaced by a file"])
def test_a_file_that_is_gone_already_is_no_trouble(
    server: Server, path: str, gone: str, caplog: pytest.LogCaptureFixture
) -> None:
    server.listen(path=path)
    os.unlink(path)
    if gone != "file":
        os.rmdir(os.path.dirname(path))
    if gone == "directory replaced by a file":
        Path(path).parent.touch()
    server.close()
    assert caplog.records == []


@pytest.mark.parametrize("way", ["sock", "fd"])
def test_the_file_of_a_socket_that_was_passed_in_stays(server: Server, path: str, way: str) -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(path)
        sock.listen()
        given = {"sock": sock} if way == "sock" else {"fd": sock.detach()}
        assert server.listen(**given) == path
        assert is_served(server, path)
        server.close()
    assert os.path.lexists(path)


@pytest.fixture
def owned() -> Iterator[str]:
    """A directory that belongs to whoever `without_privileges` makes us."""
    with tempfile.TemporaryDirectory() as folder:
        if os.geteuid() == 0:
            os.chown(folder, NOBODY, NOBODY)
        yield folder
        os.chmod(folder, 0o755)


@pytest.mark.parametrize("stop", [Server.close, Server.shutdown])
def test_a_file_that_cannot_be_removed_is_one_warning_and_the_server_stops(
    server: Server, owned: str, stop: Callable[[Server], None], caplog: pytest.LogCaptureFixture
) -> None:
    path, stopped = f"{owned}/s", []
    server.on("stopped", lambda *args: stopped.append(args))
    with without_privileges():
        server.listen(path=path)
        os.chmod(owned, 0o555)
        stop(server)
        pump(server.loop, lambda: stopped)
    assert os.path.lexists(path)
    assert [(record.levelno, record.getMessage(), record.exc_info) for record in caplog.records] == [
        (logging.WARNING, f"the file of a socket stays behind: unlink EACCES {path}", None)
    ]
