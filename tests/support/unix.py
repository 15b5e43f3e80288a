"""What the tests of Unix sockets make, ask and hold."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from reactor import Server
from reactor.testing import Peer, pump, settle

NOBODY = 65534


def is_served(server: Server, address: tuple[str, int] | str) -> bool:
    """True if a client at `address` is let in, and greeted with `hi`."""
    with Peer(address) as peer:
        before = server.statistics().accepted
        pump(server.loop, lambda: server.statistics().accepted > before)
        settle(server.loop)
        return peer.receive(2) == b"hi"


def refusal(server: Server, path: str, code: int, **options: Any) -> Any:
    """What `listen` raises, which must have that errno."""
    with pytest.raises(OSError, match=f"^\\[Errno {code}\\] listen {errno.errorcode[code]} ") as caught:
        server.listen(path=path, **options)
    assert not server.listening
    return caught.value


def make_stale(path: str) -> int:
    """A socket file that nobody is bound to any more, as after a crash; its inode number."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(path)
    return os.lstat(path).st_ino


@contextmanager
def bound(
    path: str, kind: socket.SocketKind = socket.SOCK_STREAM, backlog: int | None = None
) -> Iterator[socket.socket]:
    """Somebody else's socket at `path`, listening if a backlog is given. Its file is gone afterwards."""
    with socket.socket(socket.AF_UNIX, kind) as sock:
        sock.bind(path)
        if backlog is not None:
            sock.listen(backlog)
        yield sock
        os.unlink(path)


@contextmanager
def without_privileges() -> Iterator[None]:
    """Permissions mean nothing to root: if that is who we are, be nobody for a while."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def before_call(monkeypatch: pytest.MonkeyPatch, name: str, act: Callable[[], object], number: int = 1) -> None:
    """Let somebody act in the moment before the library's so many-th call of `os.<name>`."""
    real, calls = getattr(os, name), [0]

    def call(*args: Any, **options: Any) -> Any:
        calls[0] += 1
        if calls[0] == number:
            act()
        return real(*args, **options)

    monkeypatch.setattr(os, name, call)
