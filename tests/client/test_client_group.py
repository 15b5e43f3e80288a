"""Clients of a group share listeners and settings."""

from __future__ import annotations

from typing import Any

import pytest

from reactor import ClientGroup, Connection, Reactor, Reason
from reactor.testing import pump, settle


@pytest.fixture
def heard() -> list[Any]:
    return []


def test_a_listener_hears_each_client_also_those_from_before(loop: Reactor, harness: Any, heard: list[Any]) -> None:
    wire = harness()
    group = ClientGroup(loop)
    first = group.connect(*wire.address)
    group.on("connect", heard.append)
    second = group.connect(*wire.address)
    pump(loop, lambda: len(heard) == 2)
    assert {*heard} == {first, second} == {*group.connections}


def test_listeners_of_the_group_come_before_those_of_a_client(loop: Reactor, harness: Any, heard: list[Any]) -> None:
    wire = harness()
    group = ClientGroup(loop)
    conn = group.connect(*wire.address)
    conn.on("ready", lambda conn: heard.append("own"))
    conn.on("close", lambda conn, report: heard.append("own close"))
    group.on("ready", lambda conn: heard.append("group"))
    conn.on("ready", Connection.destroy)
    group.on("close", lambda conn, report: heard.append("group close"))
    pump(loop, lambda: conn.report)
    assert heard == ["group", "own", "group close", "own close"]


def test_off_and_once_are_for_the_whole_group(loop: Reactor, harness: Any, heard: list[Any]) -> None:
    wire = harness()
    group = ClientGroup(loop)
    group.on("connect", heard.append)
    group.once("ready", heard.append)
    clients = [group.connect(*wire.address) for _ in range(2)]
    group.off("connect", heard.append)
    pump(loop, lambda: all(conn.state == "open" for conn in clients))
    settle(loop)
    assert len(heard) == 1


def test_a_call_may_give_other_settings_than_the_group(loop: Reactor, harness: Any) -> None:
    wire = harness()
    group = ClientGroup(loop, idle_timeout=5, high_water=7)
    conn = group.connect(*wire.address, idle_timeout=9)
    assert (conn.idle_timeout, conn.high_water) == (9, 7)


def test_a_client_of_a_group_is_like_any_other(loop: Reactor, harness: Any) -> None:
    wire = harness()
    group = ClientGroup(loop)
    conn = group.connect(*wire.address)
    assert (conn.state, conn.server) == ("connecting", None)
    conn.end(b"whole")
    pump(loop, lambda: conn.report)
    assert (conn.report and conn.report.reason, wire.record.connections[0].bytes_read) == (Reason.ENDED, 5)
    assert not group.connections


def test_closing_the_reactor_ends_the_clients_of_groups(loop: Reactor, harness: Any) -> None:
    wire = harness()
    conn = ClientGroup(loop).connect(*wire.address)
    pump(loop, lambda: conn.state == "open")
    loop.close()
    assert conn.report is not None
    assert conn.report.reason is Reason.DESTROYED


@pytest.mark.parametrize(
    ("wrong", "error", "text"),
    [
        (lambda group: group.on("stopped", print), ValueError, "event must be one of .* not 'stopped'"),
        (lambda group: group.on("data", 5), TypeError, "fn must be"),
        (lambda group: group.connect("127.0.0.1", "x"), TypeError, "port must be"),
        (lambda group: group.connect("h", 1, idle_timeut=5), TypeError, "did you mean 'idle_timeout'"),
        (lambda group: ClientGroup(group.loop, idle_timeout=-1), ValueError, "idle_timeout must be"),
    ],
)
def test_a_mistake_is_told_at_the_call(loop: Reactor, wrong: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        wrong(ClientGroup(loop))
