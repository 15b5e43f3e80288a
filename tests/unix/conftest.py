"""What the tests of Unix sockets begin with."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest

from reactor import Reactor, Server
from tests.support.unix import before_call


@pytest.fixture
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Where no file is yet; short, since sun_path is."""
    return str(tmp_path_factory.mktemp("u") / "s")


@pytest.fixture
def server(loop: Reactor) -> Server:
    """A server that greets, so that a client can tell that it was let in."""
    return Server(loop, lambda conn: conn.end(b"hi"))


@pytest.fixture
def unix(harness: Any, path: str) -> Callable[..., Any]:
    """`unix(**settings)` is a harness whose peers come by path."""
    return functools.partial(harness, path=path)


@pytest.fixture
def before(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """`before("unlink", act)`: let somebody act in the moment before the library calls `os.unlink`."""
    return functools.partial(before_call, monkeypatch)
