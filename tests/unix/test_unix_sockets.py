"""Listening on a Unix socket: where, what is shown of it, and with which mode.

What is refused is in `test_unix_refusals.py`, what becomes of the file in `test_unix_stale_files.py` and
`test_unix_files.py`, what of the connections in `test_unix_endings.py`.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
from pathlib import Path
from typing import Any

import pytest

from reactor import Connection, Reactor, Server, serve
from reactor.net.sockets import addresses
from reactor.testing import Peer, pump, settle
from tests.support.unix import bound, is_served, refusal

# Where.


@pytest.mark.parametrize("kind", [str, os.fsencode, Path])
def test_it_listens_at_a_path_that_is_text_bytes_or_path_like(each_loop: Reactor, path: str, kind: Any) -> None:
    server = Server(each_loop, lambda conn: conn.end(b"hi"))
    assert server.listen(path=kind(path)) == path
    assert is_served(server, path)


def test_a_path_that_is_no_utf8_is_served_and_shown(server: Server, path: str) -> None:
    address = server.listen(path=os.fsencode(path) + b"\xff")
    assert os.path.exists(os.fsencode(path) + b"\xff")
    assert is_served(server, address)
    assert addresses.show(address) == f"{path}\\udcff"


def test_a_relative_path_is_shown_as_it_was_given(server: Server, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(os.path.dirname(path))
    assert server.listen(path="s") == "s"
    assert is_served(server, path)


def test_one_server_listens_at_several_paths_and_on_tcp(server: Server, path: str) -> None:
    first, second, third = server.listen(path=path), server.listen(path=path + "2"), server.listen("127.0.0.1", 0)
    assert server.addresses == [first, second, third]
    for address in server.addresses:
        assert is_served(server, address)


def test_a_backlog_is_that_of_the_call(server: Server, path: str) -> None:
    server.listen(path=path, backlog=1)
    clients = [socket.socket(socket.AF_UNIX) for _ in range(4)]
    for client in clients:
        client.setblocking(False)
    assert [client.connect_ex(path) for client in clients] == [0, 0, errno.EAGAIN, errno.EAGAIN]  # one more: unix(7)
    for client in clients:
        client.close()


def test_serve_takes_a_path_and_a_mode(path: str) -> None:
    seen: list[Any] = []

    def stop(server: Server, address: Any) -> None:
        seen.extend((address, mode_of(path)))
        server.shutdown(0)

    serve(lambda conn: None, path=path, mode=0o600, on_server=lambda server: server.on("listening", stop))
    assert seen == [path, 0o600]
    assert not os.path.exists(path)


# Abstract names.


@pytest.fixture
def name(path: str) -> str:
    """An abstract name that nobody else has."""
    return f"\0reactor test {path}"


@pytest.mark.parametrize("more", [b"", b"\0\xff"], ids=["text", "any bytes"])
def test_it_listens_on_an_abstract_name_and_there_is_no_file(server: Server, name: str, more: bytes) -> None:
    address = server.listen(path=os.fsencode(name) + more)
    assert address == name + os.fsdecode(more)
    assert is_served(server, address)
    assert not os.path.exists("@" + name[1:])


def test_an_abstract_name_in_use_is_an_error_that_shows_it(server: Server, name: str) -> None:
    other = Server(server.loop)
    other.listen(path=name)
    assert repr(other) == f"<Server @{name[1:]} connections=0>"
    error = refusal(server, name, errno.EADDRINUSE)
    assert error.strerror == f"listen EADDRINUSE @{name[1:]}"
    assert error.address == name


def test_an_abstract_name_is_free_again_after_the_close(server: Server, name: str) -> None:
    for _ in range(2):
        server.listen(path=name)
        assert is_served(server, name)
        server.close()
        settle(server.loop)


# What is shown.


def test_the_path_is_where_it_listens_in_every_place_that_tells(server: Server, path: str) -> None:
    heard: list[Any] = []
    server.on("listening", lambda server, address: heard.append(address))
    server.listen(path=path)
    settle(server.loop)
    assert heard == server.addresses == [path]
    assert repr(server) == f"<Server {path} connections=0>"


def test_a_connection_knows_the_path_and_an_unnamed_peer_has_an_empty_one(server: Server, path: str) -> None:
    seen: list[Connection] = []
    server.on("close", lambda conn, report: seen.append(conn))
    server.listen(path=path)
    assert is_served(server, path)
    pump(server.loop, lambda: seen)
    assert [(conn.local_address, conn.remote_address) for conn in seen] == [(path, "")]
    assert repr(seen[0]).startswith("<Connection closed unix ")


def test_a_peer_with_a_name_is_known_by_it(server: Server, path: str) -> None:
    seen: list[Any] = []
    server.on("connection", lambda conn: seen.append(conn.remote_address))
    server.listen(path=path)
    with bound(path + "c") as client:
        client.connect(path)
        pump(server.loop, lambda: seen)
    assert seen == [path + "c"]


def test_a_client_that_is_dropped_is_told_with_the_path(loop: Reactor, unix: Any, path: str) -> None:
    h = unix(max_connections=1, when_full="reset")
    dropped = h.server_told("drop")
    h.connect()
    with Peer(path) as second:
        pump(loop, lambda: dropped)
        assert second.outcome() == "FIN"  # a Unix socket has no RST
    assert dropped == [(path, "")]


# The mode of the file.


def mode_of(path: str) -> int:
    return stat.S_IMODE(os.lstat(path).st_mode)


@pytest.mark.parametrize("umask", [0o077, 0o022])
@pytest.mark.parametrize("mode", [None, 0, 0o600, 0o660, 0o777])
def test_mode_is_that_of_the_file_else_the_umask_decides(
    server: Server, path: str, mode: int | None, umask: int
) -> None:
    before = os.umask(umask)
    try:
        server.listen(path=path, mode=mode)
    finally:
        os.umask(before)
    assert mode_of(path) == (0o777 & ~umask if mode is None else mode)


def test_the_umask_of_the_process_is_never_changed(server: Server, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "umask")
    server.listen(path=path, mode=0o600)


def test_nobody_can_connect_before_the_mode_is_set(server: Server, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int] = []
    chmod = os.chmod

    def try_first(*args: Any, **options: Any) -> None:
        with socket.socket(socket.AF_UNIX) as client:
            tried.append(client.connect_ex(path))
        chmod(*args, **options)

    monkeypatch.setattr(os, "chmod", try_first)
    server.listen(path=path, mode=0o600)
    assert tried == [errno.ECONNREFUSED]


def test_a_mode_is_never_set_through_a_symlink(
    server: Server, path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    victim = tmp_path / "victim"
    victim.touch(0o644)
    chmod = os.chmod

    def put_a_symlink_there_first(*args: Any, **options: Any) -> None:
        if not os.path.islink(path):
            os.unlink(path)
            os.symlink(victim, path)
        chmod(*args, **options)

    monkeypatch.setattr(os, "chmod", put_a_symlink_there_first)
    refusal(server, path, errno.EADDRINUSE, mode=0o666)
    assert mode_of(str(victim)) == 0o644


def test_where_chmod_cannot_refuse_symlinks_the_mode_is_set_all_the_same(
    server: Server, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    chmod = os.chmod

    def old_chmod(path: str, mode: int, *, follow_symlinks: bool = True) -> None:
        if not follow_symlinks:
            raise NotImplementedError
        chmod(path, mode)

    monkeypatch.setattr(os, "chmod", old_chmod)
    server.listen(path=path, mode=0o640)
    assert mode_of(path) == 0o640
