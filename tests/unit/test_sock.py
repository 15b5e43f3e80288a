"""What a connection asks of its socket, asked of real ones: a pair over TCP, and a Unix pair."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from reactor.net.sockets.sock import StreamSocket, UnixStreamSocket
from tests.support.wire import vanish_socket

Pair = tuple[Any, socket.socket]  # ours, and the peer's


@pytest.fixture
def made() -> Iterator[Callable[[str], Pair]]:
    """`made("tcp")`, `made("unix")`: closed at the end."""
    pairs: list[Pair] = []

    def make(kind: str) -> Pair:
        near, far = tcp_pair() if kind == "tcp" else socket.socketpair()
        ours = {"tcp": StreamSocket, "unix": UnixStreamSocket}[kind](fileno=near.detach())
        ours.setblocking(False)
        far.settimeout(5)
        pairs.append((ours, far))
        return pairs[-1]

    yield make
    for pair in pairs:
        for sock in pair:
            sock.close()


def tcp_pair() -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        far = socket.create_connection(listening.getsockname())
        return listening.accept()[0], far


both = pytest.mark.parametrize("kind", ["tcp", "unix"])


@both
def test_unread_counts_what_has_come_and_was_not_read(made: Callable[[str], Pair], kind: str) -> None:
    ours, far = made(kind)
    assert ours.unread() == 0
    far.sendall(b"12345")
    assert ours.unread() == 5
    assert ours.recv(3) == b"123"
    assert ours.unread() == 2


def test_unacknowledged_counts_what_the_peers_kernel_has_not_our_fin_included(made: Callable[[str], Pair]) -> None:
    ours, far = made("tcp")
    vanish_socket(far)
    assert ours.unacknowledged() == 0
    ours.send(b"12345")
    assert ours.unacknowledged() == 5
    ours.shutdown(socket.SHUT_WR)
    assert ours.unacknowledged() == 6
    nameless, _ = made("unix")
    nameless.send(b"12345")
    assert nameless.unacknowledged() is None, "of a Unix socket nobody can tell"


@pytest.mark.parametrize(("kind", "heard"), [("tcp", "RST"), ("unix", "FIN")])
def test_reset_on_close_is_rst_where_there_is_one(made: Callable[[str], Pair], kind: str, heard: str) -> None:
    ours, far = made(kind)
    ours.reset_on_close()
    ours.close()
    try:
        outcome = far.recv(1).decode() or "FIN"
    except ConnectionResetError:
        outcome = "RST"
    assert outcome == heard


@both
def test_send_file_sends_that_part_of_it(made: Callable[[str], Pair], kind: str, tmp_path: Path) -> None:
    ours, far = made(kind)
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    fd = os.open(path, os.O_RDONLY)
    try:
        assert ours.send_file(fd, 2, 5) == 5
        assert ours.send_file(fd, 10, 5) == 0  # at the end of the file
    finally:
        os.close(fd)
    assert far.recv(100) == b"23456"


@both
def test_the_queues_of_a_closed_socket_hold_nothing(made: Callable[[str], Pair], kind: str) -> None:
    ours, _ = made(kind)
    ours.close()
    assert (ours.fileno(), ours.unread(), ours.unacknowledged()) == (-1, 0, None)
