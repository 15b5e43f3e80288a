"""What stands in the place of a socket until a client is connected answers as a socket that has nothing to tell."""

from __future__ import annotations

import errno
from collections.abc import Iterator

import pytest

from reactor import Reactor
from reactor.engine.loop import turns_of
from reactor.net.client.stand_in import Connecting
from reactor.net.settings import ClientSettings, Settings


@pytest.fixture
def stand_in() -> Iterator[Connecting]:
    loop = Reactor()
    yield Connecting(turns_of(loop), ("127.0.0.1", 9), Settings(), ClientSettings())
    loop.close()


def test_it_has_nothing_in_its_queues_no_descriptor_and_no_address(stand_in: Connecting) -> None:
    assert (stand_in.unread(), stand_in.unacknowledged(), stand_in.fileno()) == (0, 0, -1)
    with pytest.raises(OSError, match="not connected") as raised:
        stand_in.getsockname()
    assert raised.value.errno == errno.ENOTCONN


def test_it_can_be_closed_before_it_has_begun_and_twice(stand_in: Connecting) -> None:
    stand_in.reset_on_close()
    stand_in.close()
    stand_in.close()
    assert stand_in.attempted == []
