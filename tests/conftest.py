"""The floor under every test: nothing leaks, nothing is logged as an error that the test did not ask for.

`loop` is a reactor on a manual clock; `each_loop` is the same on every selector. `harness` makes a server on it, with a
recorder and peers; `scene` one with a connection already, and `each_scene` is the same on every selector.
"""

from __future__ import annotations

import gc
import logging
import os
import selectors
import threading
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest

from reactor import Reactor
from reactor.testing import ManualClock
from tests.support.recording import Harness
from tests.support.scene import Scene, Scenes

# A machine that has other work takes longer for an example, which says nothing about the example.
hypothesis.settings.register_profile("any machine", deadline=None)
hypothesis.settings.load_profile("any machine")

SELECTORS = [None, selectors.EpollSelector, selectors.PollSelector, selectors.SelectSelector]


def open_descriptors() -> set[str]:
    return {f"{fd} {_target(fd)}" for fd in os.listdir("/proc/self/fd")}


def _target(fd: str) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{fd}")
    except OSError:
        return "gone"


def pytest_collection_finish() -> None:
    """The collected tests live until the end: no search for garbage need look at them."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def floor(request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """No descriptor and no thread is left, and no ERROR is logged except where `expects_errors` is marked."""
    caplog.set_level(logging.INFO, logger="reactor")
    before, threads = open_descriptors(), set(threading.enumerate())
    yield
    left = {entry for entry in open_descriptors() - before if "gone" not in entry}
    assert not left, f"descriptors left open: {left}"
    for thread in set(threading.enumerate()) - threads:
        thread.join(5)
        assert not thread.is_alive(), f"thread left running: {thread}"
    if request.node.get_closest_marker("expects_errors") is None:
        errors = [record for record in caplog.get_records("call") if record.levelno >= logging.ERROR]
        assert not errors, f"errors were logged: {[record.getMessage() for record in errors]}"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def loop(clock: ManualClock) -> Iterator[Reactor]:
    with Reactor(clock=clock, debug=True) as made:
        yield made


@pytest.fixture(params=SELECTORS, ids=lambda kind: "own" if kind is None else kind.__name__)
def each_loop(request: pytest.FixtureRequest, clock: ManualClock) -> Iterator[Reactor]:
    with Reactor(request.param and request.param(), clock=clock, debug=True) as made:
        yield made


@pytest.fixture
def harness(loop: Reactor) -> Iterator[Any]:
    """`harness(**settings)` makes a Harness on `loop`; its peers are closed at the end."""
    made: list[Harness] = []

    def make(**settings: Any) -> Harness:
        made.append(Harness(settings.pop("loop", loop), **settings))
        return made[-1]

    yield make
    for one in made:
        one.close_peers()


@pytest.fixture
def scene(loop: Reactor, clock: ManualClock) -> Iterator[Scenes]:
    """`scene(**settings)` makes a Scene on `loop`; its peers are closed at the end."""
    yield from _scenes(loop, clock)


@pytest.fixture
def each_scene(each_loop: Reactor, clock: ManualClock) -> Iterator[Scenes]:
    """As `scene`, on each selector."""
    yield from _scenes(each_loop, clock)


def _scenes(loop: Reactor, clock: ManualClock) -> Iterator[Scenes]:
    made: list[Scene] = []

    def make(**settings: Any) -> Scene:
        made.append(Scene(settings.pop("loop", loop), clock, **settings))
        return made[-1]

    yield make
    for one in made:
        one.close_peers()
