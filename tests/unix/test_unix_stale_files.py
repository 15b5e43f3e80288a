"""What stands at the path when a server starts: a stale socket is replaced, and nothing else is touched."""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reactor import Reactor, Server
from reactor.engine.loop import turns_of
from reactor.testing import settle
from tests.support.process import environment
from tests.support.unix import bound, is_served, make_stale


def refused(server: Server, path: str, why: str = "") -> bool:
    """True if `listen` says that the path is in use."""
    with pytest.raises(OSError, match=f"listen EADDRINUSE {path}{why}$") as caught:
        server.listen(path=path)
    return caught.value.errno == errno.EADDRINUSE and not server.listening


# What is replaced.


@pytest.mark.parametrize("relative", [False, True])
def test_a_stale_file_is_replaced(
    each_loop: Reactor, path: str, relative: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_stale(path)
    monkeypatch.chdir(os.path.dirname(path))
    server = Server(each_loop, lambda conn: conn.end(b"hi"))
    server.listen(path="s" if relative else path)
    assert is_served(server, path)


def test_the_file_of_a_process_that_was_killed_is_replaced(server: Server, path: str) -> None:
    listens = f"from reactor import *; loop = Reactor(); Server(loop).listen(path={path!r})"
    program = f"{listens}; print(flush=True); loop.run()"
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, env=environment()) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert refused(server, path)
        process.send_signal(signal.SIGKILL)
        process.wait()
    server.listen(path=path)
    assert is_served(server, path)


@pytest.mark.parametrize(
    ("kind", "backlog"),
    [
        (socket.SOCK_STREAM, 5),
        (socket.SOCK_STREAM, None),  # bound, and about to listen
        (socket.SOCK_SEQPACKET, 5),
        (socket.SOCK_DGRAM, None),
    ],
)
def test_a_socket_that_lives_is_in_use(server: Server, path: str, kind: socket.SocketKind, backlog: int | None) -> None:
    with bound(path, kind, backlog):
        before = os.lstat(path)
        assert refused(server, path)
        assert os.lstat(path) == before


def test_a_server_that_lives_notices_nothing_of_the_question(server: Server, path: str) -> None:
    server.listen(path=path)
    assert refused(Server(server.loop), path)
    settle(server.loop)
    assert server.statistics().accepted == 0
    assert is_served(server, path)


def test_a_server_with_a_full_backlog_is_in_use_and_the_question_does_not_wait(server: Server, path: str) -> None:
    with bound(path, backlog=1):
        clients = [socket.socket(socket.AF_UNIX) for _ in range(3)]
        for client in clients:
            client.setblocking(False)
        assert [client.connect_ex(path) for client in clients] == [0, 0, errno.EAGAIN]
        assert refused(server, path)
        for client in clients:
            client.close()


@pytest.mark.parametrize(
    "make",
    [
        Path.touch,
        Path.mkdir,
        os.mkfifo,
        lambda path: path.symlink_to("nowhere"),
        lambda path: path.symlink_to(make_stale(f"{path}2") and "s2"),
    ],
    ids=["file", "directory", "fifo", "dangling symlink", "symlink to a stale socket"],
)
def test_what_is_no_socket_is_in_use_and_not_touched(server: Server, path: str, make: Callable[[Path], object]) -> None:
    make(Path(path))
    before = os.lstat(path), sorted(os.listdir(os.path.dirname(path)))
    assert refused(server, path, ": not a socket")
    assert (os.lstat(path), sorted(os.listdir(os.path.dirname(path)))) == before


def test_a_file_that_was_replaced_by_a_socket_that_lives_is_not_touched(server: Server, path: str, before: Any) -> None:
    make_stale(path)
    others = socket.socket(socket.AF_UNIX)

    def replace() -> None:
        os.remove(path)
        others.bind(path)

    before("lstat", replace, number=2)  # after the question, before the last look
    assert refused(server, path)
    with others, socket.socket(socket.AF_UNIX) as client:
        others.listen()
        assert client.connect_ex(path) == 0


def test_a_stale_file_that_somebody_else_removes_is_no_trouble(server: Server, path: str, before: Any) -> None:
    make_stale(path)
    before("unlink", lambda: os.remove(path))
    server.listen(path=path)
    assert is_served(server, path)


def test_of_two_that_start_at_once_one_gets_the_path_and_one_is_refused(server: Server, path: str, before: Any) -> None:
    make_stale(path)
    second = Server(server.loop)
    before("unlink", lambda: refused(second, path))
    server.listen(path=path)
    assert not second.listening
    assert is_served(server, path)


# What a listen that fails leaves behind.


def test_a_mode_that_cannot_be_set_leaves_no_file(server: Server, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **options: Any) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "chmod", refuse)
    with pytest.raises(PermissionError, match=f"listen EPERM {path}"):
        server.listen(path=path, mode=0o600)
    assert not os.path.lexists(path)


def test_a_socket_that_is_unwatchable_leaves_no_file(
    server: Server, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: Any) -> None:
        raise OSError(errno.ENOSPC, "no watches left")  # epoll_ctl(2), /proc/sys/fs/epoll/max_user_watches

    monkeypatch.setattr(turns_of(server.loop).poller, "add", refuse)
    with pytest.raises(OSError, match="no watches left"):
        server.listen(path=path)
    assert not os.path.lexists(path)
