"""What most tests of servers begin with: `h` is a server with the default settings, a recorder, and peers for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from reactor.testing import Peer


@pytest.fixture
def h(harness: Any) -> Any:
    return harness()


@pytest.fixture
def waiting() -> Iterator[Callable[[Any, int], list[Peer]]]:
    """`waiting(address, count)`: peers in the backlog, closed after the test."""
    made: list[Peer] = []

    def connect(address: Any, count: int) -> list[Peer]:
        peers = [Peer(address) for _ in range(count)]
        made.extend(peers)
        return peers

    yield connect
    for peer in made:
        peer.close()
