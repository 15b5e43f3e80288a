"""What tests of the loop share: a list for what was heard, a reactor on the real clock, a pair of sockets."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from reactor import Reactor


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
