"""Admission without a kernel: who counts as inside, what a refusal does, and how long clients wait for room."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from reactor.net.server.admission import Admission
from reactor.net.server.tally import Tally
from reactor.net.settings import ServerSettings


class Loop:
    """Stands for a reactor: keeps the calls and timers until a test makes them."""

    debug = False

    def __init__(self) -> None:
        self.now = 1000.0
        self.calls: list[tuple[Any, ...]] = []
        self.timers: list[tuple[float, Callable[[], object]]] = []

    def call_soon(self, *call: Any) -> None:
        self.calls.append(call)

    def call_later(self, seconds: float, fn: Callable[[], object]) -> Any:
        entry = (seconds, fn)
        self.timers.append(entry)
        timer = SimpleNamespace(cancel=lambda: self.timers.remove(entry))
        timer.unref = lambda: timer
        return timer


class Acceptor:
    accepted_address = ("127.0.0.1", 80)
    watched = True

    def unwatch(self) -> None:
        self.watched = False

    def watch(self) -> None:
        self.watched = True


class World:
    """A server that has nothing but what admission needs, and sockets that only note that they are closed."""

    def __init__(self, **limits: Any) -> None:
        self.loop = Loop()
        self.acceptor = Acceptor()
        self.server: Any = SimpleNamespace(
            _loop=self.loop, _settings=SimpleNamespace(pause_on_connect=False), _limits=ServerSettings(**limits),
            _tally=Tally(), _acceptors=[self.acceptor], _connections={}, _listeners=None, _own_listeners={},
            _ref=True, _emit=lambda *_: None,
        )  # fmt: skip
        self.admission = Admission(self.server)
        self.admission._connection_type = self.connection  # type: ignore[assignment]  # no descriptor is needed here
        self.admission.apply_limits(())

    def connection(self, *given: Any) -> Any:
        return Conn()

    def admit(self, host: str = "192.0.2.1") -> Any:
        sock = Sock()
        self.admission.admit(sock, (host, 5), self.acceptor)  # type: ignore[arg-type]  # stand-ins
        return sock

    @property
    def open(self) -> int:
        return len(self.server._connections)


class Conn:
    """Stands for a connection."""

    _life: Any = SimpleNamespace(over=False)

    def _flush_soon(self) -> None:
        """Nothing: there is nothing to send."""


class Sock:
    closed = False

    def close(self) -> None:
        self.closed = True


def test_a_client_counts_as_inside_and_as_a_connection_before_the_server_hears_of_it() -> None:
    world, told = World(), []
    world.server._own_listeners["connection"] = (lambda conn: told.append((world.admission.inside, world.open)),)
    world.admit()
    assert told == [(1, 1)]


def test_a_client_that_has_left_counts_no_more_though_its_close_is_not_told_yet() -> None:
    world = World(max_connections=1)
    world.admit()
    assert world.admit().closed
    world.admission.left(("192.0.2.1", 5))
    assert not world.admit().closed
    assert (world.admission.inside, world.open) == (1, 2)


def test_a_refused_client_is_counted_closed_and_never_inside() -> None:
    world = World(block=["192.0.2.0/24"])
    assert world.admit().closed
    assert (world.admission.inside, world.open) == (0, 0)
    assert (world.server._tally.accepted, world.server._tally.refused) == (0, {"block": 1})


def test_drop_is_told_in_the_next_turn_and_only_where_somebody_listens() -> None:
    world = World(block=["192.0.2.0/24"])
    world.admit()
    assert world.loop.calls == []
    world.server._own_listeners["drop"] = (print,)
    world.admit()
    assert world.loop.calls == [(world.server._emit, "drop", ("127.0.0.1", 80), ("192.0.2.1", 5))]


@pytest.mark.parametrize("limits", [{}, {"when_full": "wait"}, {"max_connections": 1}])
def test_without_a_limit_and_without_wait_nobody_queues(limits: dict[str, Any]) -> None:
    assert not World(**limits).admission.queues


def test_a_full_server_leaves_clients_in_the_backlog_until_one_leaves() -> None:
    world = World(max_connections=1, when_full="wait")
    assert world.admission.queues
    assert world.admission.has_room()
    world.admit()
    assert not world.admission.has_room()
    assert (world.acceptor.watched, world.loop.timers) == (False, [])
    world.admission.left(("192.0.2.1", 5))
    assert world.acceptor.watched


def test_a_rate_leaves_clients_in_the_backlog_until_there_is_a_token() -> None:
    world = World(accept_rate=(10.0, 1), when_full="wait")
    world.admit()
    assert not world.admission.has_room()
    assert not world.admission.has_room()  # asked again, it does not set a second timer
    ((seconds, reopen),) = world.loop.timers
    assert seconds == pytest.approx(0.1)
    reopen()
    assert world.acceptor.watched


def test_a_limit_taken_away_lets_everybody_in() -> None:
    world = World(max_connections=1)
    world.admit()
    world.server._limits = ServerSettings()
    world.admission.apply_limits(())
    assert not world.admit().closed
