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


@pytest.fixture
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Where no file is yet; short, since sun_path is."""
    return str(tmp_path_factory.mktemp("u") / "s")


@pytest.fixture
def server(loop: Reactor) -> Server:
    """A server that greets, so that a client can tell that it was let in."""
    return Server(loop, lambda conn: conn.end(b"hi"))


# Where.


def test_it_listens_at_a_path(each_loop: Reactor, path: str) -> None:
    server = Server(each_loop, lambda conn: conn.end(b"hi"))
    assert server.listen(path=path) == path
    assert is_served(each_loop, server, path)


@pytest.mark.parametrize("kind", [str, os.fsencode, Path])
def test_a_path_may_be_text_bytes_or_path_like(loop: Reactor, server: Server, path: str, kind: Any) -> None:
    assert server.listen(path=kind(path)) == path
    assert is_served(loop, server, path)


def test_a_path_that_is_no_utf8_is_served_and_shown(loop: Reactor, server: Server, path: str) -> None:
    address = server.listen(path=os.fsencode(path) + b"\xff")
    assert os.path.exists(os.fsencode(path) + b"\xff")
    assert is_served(loop, server, address)
    assert addresses.show(address) == f"{path}\\udcff"


def test_a_relative_path_is_shown_as_it_was_given(
    loop: Reactor, server: Server, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(os.path.dirname(path))
    assert server.listen(path="s") == "s"
    assert is_served(loop, server, path)


def test_one_server_listens_at_several_paths_and_on_tcp(loop: Reactor, server: Server, path: str) -> None:
    first, second, third = server.listen(path=path), server.listen(path=path + "2"), server.listen("127.0.0.1", 0)
    assert server.addresses == [first, second, third]
    for address in server.addresses:
        assert is_served(loop, server, address)


def test_a_backlog_is_that_of_the_call(loop: Reactor, server: Server, path: str) -> None:
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


@pytest.mark.parametrize("other", [{"host": "127.0.0.1"}, {"port": 8080}])
def test_serve_takes_a_path_or_a_host_and_port(path: str, other: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="one of: host and port, path"):
        serve(lambda conn: None, path=path, **other)


# Abstract names.


@pytest.fixture
def name(path: str) -> str:
    """An abstract name that nobody else has."""
    return f"\0reactor test {path}"


def test_it_listens_on_an_abstract_name_and_there_is_no_file(loop: Reactor, server: Server, name: str) -> None:
    assert server.listen(path=name) == name
    assert is_served(loop, server, name)
    assert not os.path.exists("@" + name[1:])


def test_an_abstract_name_may_be_any_bytes(loop: Reactor, server: Server, name: str) -> None:
    address = server.listen(path=os.fsencode(name) + b"\0\xff")
    assert address == name + "\0\udcff"
    assert is_served(loop, server, address)


def test_an_abstract_name_is_shown_with_an_at_sign(server: Server, name: str) -> None:
    server.listen(path=name)
    assert repr(server) == f"<Server @{name[1:]} connections=0>"


def test_an_abstract_name_in_use_is_an_error_that_shows_it(loop: Reactor, server: Server, name: str) -> None:
    Server(loop).listen(path=name)
    error = refusal(server, name, errno.EADDRINUSE)
    assert error.strerror == f"listen EADDRINUSE @{name[1:]}"
    assert error.address == name


def test_an_abstract_name_is_free_again_after_the_close(loop: Reactor, server: Server, name: str) -> None:
    server.listen(path=name)
    server.close()
    settle(loop)
    server.listen(path=name)
    assert is_served(loop, server, name)


# What is shown.


def test_the_path_is_where_it_listens_in_every_place_that_tells(loop: Reactor, server: Server, path: str) -> None:
    heard: list[Any] = []
    server.on("listening", lambda server, address: heard.append(address))
    server.listen(path=path)
    settle(loop)
    assert heard == server.addresses == [path]
    assert repr(server) == f"<Server {path} connections=0>"


def test_a_connection_knows_the_path_and_an_unnamed_peer_has_an_empty_one(
    loop: Reactor, server: Server, path: str
) -> None:
    seen: list[Connection] = []
    server.on("close", lambda conn, report: seen.append(conn))
    server.listen(path=path)
    assert is_served(loop, server, path)
    pump(loop, lambda: seen)
    assert [(conn.local_address, conn.remote_address) for conn in seen] == [(path, "")]
    assert repr(seen[0]).startswith("<Connection closed unix ")


def test_a_peer_with_a_name_is_known_by_it(loop: Reactor, server: Server, path: str) -> None:
    seen: list[Any] = []
    server.on("connection", lambda conn: seen.append(conn.remote_address))
    server.listen(path=path)
    with bound(path + "c") as client:
        client.connect(path)
        pump(loop, lambda: seen)
    assert seen == [path + "c"]


def test_a_client_that_is_dropped_is_told_with_the_path(loop: Reactor, path: str) -> None:
    dropped: list[Any] = []
    server = Server(loop, max_connections=1, when_full="reset")
    server.on("drop", lambda server, local, remote: dropped.append((local, remote)))
    server.listen(path=path)
    with Peer(path), Peer(path) as second:
        pump(loop, lambda: dropped)
        assert second.outcome() == "FIN"  # a Unix socket has no RST
    assert dropped == [(path, "")]


def test_networks_that_are_blocked_do_not_concern_unix_sockets(loop: Reactor, server: Server, path: str) -> None:
    server.block = ["0.0.0.0/0", "::/0"]
    server.listen(path=path)
    assert is_served(loop, server, path)


# The mode of the file.


def mode_of(path: str) -> int:
    return stat.S_IMODE(os.lstat(path).st_mode)


@pytest.mark.parametrize("mode", [0, 0o600, 0o660, 0o777])
def test_mode_is_that_of_the_file_whatever_the_umask(server: Server, path: str, mode: int) -> None:
    before = os.umask(0o077)
    try:
        server.listen(path=path, mode=mode)
    finally:
        os.umask(before)
    assert mode_of(path) == mode


@pytest.mark.parametrize("umask", [0o077, 0o022])
def test_without_a_mode_the_umask_decides(server: Server, path: str, umask: int) -> None:
    before = os.umask(umask)
    try:
        server.listen(path=path)
    finally:
        os.umask(before)
    assert mode_of(path) == 0o777 & ~umask


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
