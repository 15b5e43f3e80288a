"""The floor under every test: nothing leaks, nothing is logged as an error that the test did not ask for.

`loop` is a reactor on a manual clock; `each_loop` is the same on every selector. `record` notes the events of
connections in order.
"""

from __future__ import annotations

import gc
import logging
import os
import selectors
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from reactor import Connection, Reactor, Server
from reactor.net.connection.listeners import CONNECTION_EVENTS
from reactor.testing import ManualClock, Peer, pump

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


class Recorder:
    """Listens to everything on a server, and notes (event, *arguments) for each of its connections in order.

    `data` is not listened to unless asked for: what nobody listens to is discarded, which some tests are
    about.
    """

    def __init__(self, server: Server, data: bool = True) -> None:
        self.server = server
        self.connections: list[Connection] = []
        self.events: dict[Connection, list[tuple[Any, ...]]] = {}
        server.on("connection", self._opened)
        for event in CONNECTION_EVENTS:
            if data or event != "data":
                server.on(event, self._noter(event))

    def _opened(self, conn: Connection) -> None:
        self.connections.append(conn)
        self.events[conn] = []

    def _noter(self, event: str) -> Any:
        return lambda conn, *args: self.events[conn].append((event, *args))

    @property
    def conn(self) -> Connection:
        """The one connection there has been."""
        assert len(self.connections) == 1, self.connections
        return self.connections[0]

    def names(self, conn: Connection | None = None) -> list[str]:
        """The names of what happened, in order; runs of `data` are one."""
        found: list[str] = []
        for name, *_ in self.events[conn or self.conn]:
            if name != "data" or not found or found[-1] != "data":
                found.append(name)
        return found

    def data(self, conn: Connection | None = None) -> bytes:
        return b"".join(args[0] for name, *args in self.events[conn or self.conn] if name == "data")


class Harness:
    """A server on a loop, a recorder on the server, and peers for it."""

    def __init__(self, loop: Reactor, *, data: bool = True, **settings: Any) -> None:
        self.loop = loop
        self.server = Server(loop, **settings)
        self.record = Recorder(self.server, data)
        self.address: Any = self.server.listen("127.0.0.1", 0)
        self._peers: list[Peer] = []

    def connect(self, **options: Any) -> tuple[Peer, Connection]:
        """A peer, and the connection that the server has for it."""
        known = len(self.record.connections)
        peer = Peer(self.address, **options)
        self._peers.append(peer)
        pump(self.loop, lambda: len(self.record.connections) > known)
        return peer, self.record.connections[-1]

    def closed(self, conn: Connection) -> Any:
        """Take turns until the connection's `close` came; its report."""
        pump(self.loop, lambda: conn.report is not None)
        return conn.report

    def close_peers(self) -> None:
        for peer in self._peers:
            peer.close()


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
