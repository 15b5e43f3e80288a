"""The openings of the tests of pipes, none of whose servers listens to `data` unless asked to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from reactor.engine import selector_poller
from tests.support import piping
from tests.support.piping import End


@pytest.fixture(autouse=True)
def _quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Selectors that cannot watch for a hang-up look for it now and then: here often, to save the wait."""
    monkeypatch.setattr(selector_poller, "HANGUP_PERIOD", 0.002)


@pytest.fixture
def joined(harness: Any) -> Callable[..., tuple[End, End]]:
    """`joined(shape, slow=…, **settings)` makes two connections and the pipes of the shape: see `piping.SHAPES`."""

    def make(shape: str = "pipe", *, slow: bool = False, **settings: Any) -> tuple[End, End]:
        return piping.joined(harness(**{"data": False, **settings}), shape, slow=slow)

    return make


@pytest.fixture
def fan(harness: Any) -> Callable[..., tuple[End, End, End]]:
    """`fan(slow=…, end=…)` makes a connection that is piped to two others, the first with a slow reader or not."""

    def make(*, slow: bool = False, end: bool = True) -> tuple[End, End, End]:
        return piping.fan(harness(data=False), slow=slow, end=end)

    return make


@pytest.fixture
def opened(harness: Any) -> Callable[..., End]:
    """`opened(receive_buffer=…, **settings)` makes one connection."""

    def make(receive_buffer: int | None = None, **settings: Any) -> End:
        return piping.opened(harness(**{"data": False, **settings}), receive_buffer=receive_buffer)

    return make
