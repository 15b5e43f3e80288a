"""What tests of the loop share: a list for what was heard, a reactor on the real clock, a pair of sockets."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from reactor import Reactor

SECONDS = 5.0  # how long a test waits for what must happen


def in_thread(fn: Callable[[], Any]) -> Any:
    """What `fn` returns or raises in another thread."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(fn).result(SECONDS)


@pytest.fixture
def heard() -> list[Any]:
    """What callbacks have noted."""
    return []


@pytest.fixture
def real() -> Iterator[Reactor]:
    """A reactor on the real clock, for tests in which it must sleep for a moment, or is used by threads."""
    with Reactor(debug=True) as made:
        yield made


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    left, right = socket.socketpair()
    with left, right:
        yield left, right
