"""Settings of a server: keyword arguments, then attributes; for later connections, limits at once."""

from __future__ import annotations

import os
import socket
from typing import Any

import pytest

from reactor import Connection, Reactor, Server
from reactor.testing import settle

DEFAULTS = {
    "idle_timeout": None,
    "read_timeout": None,
    "write_timeout": 60.0,
    "linger_timeout": 30.0,
    "half_open_timeout": 600.0,
    "on_idle": "close",
    "allow_half_open": False,
    "pause_on_connect": False,
    "no_delay": True,
    "keep_alive": False,
    "high_water": 64 * 1024,
    "low_water": None,
    "buffer_limit": 64 * 1024 * 1024,
    "max_connections": None,
    "when_full": "drop",
    "block": (),
}
OTHER = {
    "idle_timeout": 1.0,
    "read_timeout": 2.0,
    "write_timeout": None,
    "linger_timeout": 4.0,
    "half_open_timeout": 5.0,
    "on_idle": "reset",
    "allow_half_open": True,
    "pause_on_connect": True,
    "no_delay": False,
    "keep_alive": 45.0,
    "high_water": 0,
    "low_water": 0,
    "buffer_limit": 1,
    "max_connections": 7,
    "when_full": "wait",
}
OF_CONNECTIONS = [
    "idle_timeout",
    "read_timeout",
    "write_timeout",
    "linger_timeout",
    "half_open_timeout",
    "on_idle",
    "allow_half_open",
    "high_water",
    "low_water",
    "buffer_limit",
]


def _option(conn: Connection, level: int, option: int) -> int:
    """What the kernel says of a connection's socket."""
    with socket.socket(fileno=os.dup(conn.fileno())) as twin:
        return twin.getsockopt(level, option)


@pytest.mark.parametrize("name", DEFAULTS)
def test_every_setting_is_an_attribute_with_its_default(loop: Reactor, name: str) -> None:
    assert getattr(Server(loop), name) == DEFAULTS[name]


@pytest.mark.parametrize("name", OTHER)
def test_every_setting_is_a_keyword_argument(loop: Reactor, name: str) -> None:
    assert getattr(Server(loop, **{name: OTHER[name]}), name) == OTHER[name]


@pytest.mark.parametrize("name", OTHER)
def test_every_setting_may_be_changed_while_the_server_runs(harness: Any, name: str) -> None:
    h = harness()
    setattr(h.server, name, OTHER[name])
    assert getattr(h.server, name) == OTHER[name]


@pytest.mark.parametrize("name", OF_CONNECTIONS)
def test_a_connection_has_the_settings_that_the_server_had_when_it_opened(harness: Any, name: str) -> None:
    h = harness()
    _, before = h.connect()
    setattr(h.server, name, OTHER[name])
    _, after = h.connect()
    assert getattr(before, name) == DEFAULTS[name]
    assert getattr(after, name) == OTHER[name]


def test_an_unknown_setting_is_refused_by_name(loop: Reactor) -> None:
    with pytest.raises(TypeError, match=r"unknown setting 'idle_time': expected one of .*idle_timeout"):
        Server(loop, idle_time=60)


def test_a_refused_value_leaves_the_old_one(harness: Any) -> None:
    h = harness(high_water=1000)
    with pytest.raises(ValueError, match="low_water must be at most high_water"):
        h.server.low_water = 1001
    assert (h.server.high_water, h.server.low_water) == (1000, None)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("on_idle", "explode", "on_idle must be one of 'close', 'reset', not 'explode'"),
        ("allow_half_open", 1, "allow_half_open must be True or False, not 1"),
        ("pause_on_connect", None, "pause_on_connect must be True or False, not None"),
        ("no_delay", "yes", "no_delay must be True or False, not 'yes'"),
        ("keep_alive", 0, "keep_alive must be more than 0 seconds and finite, not 0"),
        ("keep_alive", "60", "keep_alive must be True, False or a number of seconds, not '60'"),
        ("high_water", -1, "high_water must be 0 or more, not -1"),
        ("high_water", 1.5, "high_water must be a whole number 0 or more, not 1.5"),
        ("buffer_limit", None, "buffer_limit must be a whole number 0 or more, not None"),
        ("max_connections", "7", "max_connections must be a whole number 1 or more, not '7'"),
    ],
)
def test_an_unusable_value_is_refused_at_the_call(loop: Reactor, name: str, value: Any, expected: str) -> None:
    with pytest.raises((TypeError, ValueError), match=expected):
        Server(loop, **{name: value})


def test_a_loop_that_is_none_is_refused() -> None:
    with pytest.raises(TypeError, match="loop must be a Reactor, not 'loop'"):
        Server("loop")  # type: ignore[arg-type]


def test_on_connection_must_be_callable(loop: Reactor) -> None:
    with pytest.raises(TypeError, match="on_connection must be callable, not 7"):
        Server(loop, 7)  # type: ignore[arg-type]


def test_on_connection_is_a_listener_of_connection(harness: Any) -> None:
    met: list[Connection] = []
    h = harness(on_connection=met.append)
    _, first = h.connect()
    h.server.off("connection", met.append)
    h.connect()
    assert met == [first]


def test_pause_on_connect_holds_bytes_until_resume(harness: Any, loop: Reactor) -> None:
    h = harness(pause_on_connect=True)
    peer, conn = h.connect()
    peer.send(b"early")
    settle(loop)
    assert conn.bytes_read == 0
    conn.resume()
    settle(loop)
    assert h.record.data() == b"early"


def test_no_delay_is_on_by_default_and_may_be_turned_off_for_later_connections(harness: Any) -> None:
    h = harness()
    _, before = h.connect()
    h.server.no_delay = False
    _, after = h.connect()
    assert _option(before, socket.IPPROTO_TCP, socket.TCP_NODELAY)
    assert not _option(after, socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_keep_alive_is_off_by_default(harness: Any) -> None:
    _, conn = harness().connect()
    assert not _option(conn, socket.SOL_SOCKET, socket.SO_KEEPALIVE)


def test_keep_alive_may_be_the_seconds_before_the_first_probe(harness: Any) -> None:
    _, conn = harness(keep_alive=45).connect()
    assert _option(conn, socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    assert _option(conn, socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 45


def test_keep_alive_true_leaves_the_time_to_the_system(harness: Any) -> None:
    h = harness()
    _, plain = h.connect()
    h.server.keep_alive = 45
    h.server.keep_alive = True
    _, conn = h.connect()
    assert _option(conn, socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    expected = _option(plain, socket.IPPROTO_TCP, socket.TCP_KEEPIDLE)
    assert _option(conn, socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == expected


def test_options_count_on_sockets_that_are_adopted_too(loop: Reactor) -> None:
    met: list[Connection] = []
    server = Server(loop, met.append, keep_alive=45)
    address = server.listen(sock=socket.create_server(("127.0.0.1", 0)))
    with socket.create_connection(address):
        settle(loop)
        assert _option(met[0], socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert _option(met[0], socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 45


@pytest.mark.parametrize(("name", "meant"), [("idle_timeot", "idle_timeout"), ("max_conections", "max_connections")])
def test_a_misspelt_attribute_is_refused_with_the_one_that_was_meant(loop: Reactor, name: str, meant: str) -> None:
    server = Server(loop)
    with pytest.raises(
        AttributeError, match=rf"^'Server' object has no attribute '{name}' \(did you mean '{meant}'\?\)$"
    ):
        setattr(server, name, 5)


def test_what_can_only_be_asked_of_a_server_cannot_be_set(loop: Reactor) -> None:
    with pytest.raises(AttributeError, match="listening"):
        Server(loop).listening = True  # type: ignore[misc]
