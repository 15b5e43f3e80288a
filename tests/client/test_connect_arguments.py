"""Arguments of `connect` that mean nothing: each refusal names the argument, its value and what was expected."""

from __future__ import annotations

import re
import socket
import threading
from typing import Any

import pytest

from reactor import Connection, Reactor, ReactorError, WrongThread, connect
from reactor.testing import settle

HOST = "127.0.0.1"


async def coroutine(conn: Connection) -> None: ...


# positional arguments · settings · the error · what its text must say
REFUSED: list[tuple[tuple[Any, ...], dict[str, Any], type[Exception], str]] = [
    ((), {}, TypeError, "host must be a name or an address, not None"),
    ((None, 80), {}, TypeError, "host must be a name or an address, not None"),
    ((b"localhost", 80), {}, TypeError, "host must be a name or an address, not b'localhost'"),
    (((HOST, 80),), {}, TypeError, "host must be a name or an address, not ('127.0.0.1', 80)"),
    (("", 80), {}, ValueError, "host must be a name or an address, not ''"),
    (("a\0b", 80), {}, ValueError, "host must be a name or an address, not 'a\\x00b'"),
    ((HOST,), {}, TypeError, "port must be a whole number from 0 to 65535, not None"),
    ((HOST, 65536), {}, ValueError, "port must be from 0 to 65535, not 65536"),
    ((HOST, 80, 7), {}, TypeError, "on_connect must be callable, not 7"),
    ((HOST, 80, coroutine), {}, TypeError, "on_connect must be a plain function, not the coroutine function"),
    ((HOST, 80), {"path": "/x"}, TypeError, "takes one of: host and port, or path"),
    ((None, 80), {"path": "/x"}, TypeError, "takes one of: host and port, or path"),
    ((), {"path": ""}, ValueError, "path must not be empty"),
    ((), {"path": 7}, TypeError, "path must be a str, bytes or os.PathLike, not 7"),
    ((HOST, 80), {"timeout": 5}, TypeError, "unknown setting 'timeout': expected one of allow_half_open, "),
    ((HOST, 80), {"max_connections": 5}, TypeError, "unknown setting 'max_connections'"),
    ((HOST, 80), {"attempt_delay": 0}, ValueError, "attempt_delay must be more than 0 seconds and finite, not 0"),
    ((HOST, 80), {"attempt_delay": None}, TypeError, "attempt_delay must be a number of seconds, not None"),
    ((HOST, 80), {"connect_timeout": 0}, ValueError, "connect_timeout must be more than 0 seconds and finite, not 0"),
    ((HOST, 80), {"connect_timeout": "5"}, TypeError, "connect_timeout must be a number of seconds, not '5'"),
    ((HOST, 80), {"lookup": "dns"}, TypeError, "lookup must be callable, not 'dns'"),
    ((HOST, 80), {"family": 99}, ValueError, "family must be socket.AF_INET, AF_INET6 or AF_UNSPEC, not 99"),
    ((HOST, 80), {"family": socket.AF_INET6}, ValueError, f"family must fit the address {HOST!r}"),
    (("::1", 80), {"family": socket.AF_INET}, ValueError, "family must fit the address '::1'"),
    ((HOST, 80), {"local_address": HOST}, TypeError, "local_address must be a tuple (address, port)"),
    ((HOST, 80), {"local_address": (HOST,)}, TypeError, "local_address must be a tuple (address, port)"),
    ((HOST, 80), {"local_address": ("localhost", 0)}, ValueError, "must begin with an IP address, not 'localhost'"),
    (("::1", 80), {"local_address": ("fe80::1%a\0b", 0)}, ValueError, "must begin with an IP address, not 'fe80::1%a"),
    ((HOST, 80), {"local_address": (5, 0)}, TypeError, "with None for any address and port 0 for any port, not (5, 0)"),
    ((HOST, 80), {"before_connect": 7}, TypeError, "before_connect must be callable, not 7"),
    ((HOST, 80), {"before_connect": coroutine}, TypeError, "before_connect must be a plain function"),
    ((HOST, 80), {"oob_inline": 1}, TypeError, "oob_inline must be True or False, not 1"),
    ((HOST, 80), {"local_address": (HOST, None)}, TypeError, "the port of local_address must be a whole number"),
    ((HOST, 80), {"local_address": (HOST, 65536)}, ValueError, "the port of local_address must be from 0 to 65535"),
    ((HOST, 80), {"local_address": ("::1", 0)}, ValueError, "local_address must be of the peer's family"),
    (("::1", 80), {"local_address": (HOST, 0)}, ValueError, "local_address must be of the peer's family"),
    (("name", 80), {"local_address": (HOST, 0), "family": socket.AF_INET6}, ValueError, "be of the peer's family"),
    ((HOST, 80), {"idle_timeout": 0}, ValueError, "idle_timeout must be more than 0 seconds and finite, not 0"),
    ((HOST, 80), {"low_water": 2, "high_water": 1}, ValueError, "low_water must be at most high_water (1), not 2"),
    ((), {"path": "/x", "family": socket.AF_INET}, TypeError, "family"),
    ((), {"path": "/x", "local_address": (HOST, 0)}, TypeError, "local_address"),
    ((), {"path": "/x", "lookup": print}, TypeError, "lookup"),
]


@pytest.mark.parametrize(("where", "settings", "kind", "text"), REFUSED)
def test_what_means_nothing_is_refused_at_the_call(
    where: tuple[Any, ...], settings: dict[str, Any], kind: type[Exception], text: str, loop: Reactor
) -> None:
    with pytest.raises(kind, match=re.escape(text)):
        connect(loop, *where, **settings)
    assert loop.statistics().held == 0
    settle(loop)
    assert loop.statistics().timers == 0


def test_the_loop_must_be_a_reactor() -> None:
    with pytest.raises(TypeError, match="loop must be a Reactor, not 'loop'"):
        connect("loop", HOST, 80)  # type: ignore[arg-type]  # that is what is tested


@pytest.mark.parametrize(
    ("host", "family"), [(HOST, socket.AF_INET), ("::1", socket.AF_INET6), (HOST, socket.AF_UNSPEC), ("::1", 0)]
)
def test_the_family_that_an_address_has_may_be_said(host: str, family: int, loop: Reactor) -> None:
    assert connect(loop, host, 9, family=family).state == "connecting"


def test_after_the_reactor_was_closed_it_is_refused() -> None:
    loop = Reactor()
    loop.close()
    for where in ({"host": HOST, "port": 80}, {"path": "/x"}, {"host": "name", "port": 80}):
        with pytest.raises(ReactorError, match=r"connect\(\) after the reactor was closed"):
            connect(loop, **where)


def test_what_is_called_on_a_client_after_the_reactor_was_closed_is_harmless() -> None:
    with Reactor(debug=True) as loop:
        conn = connect(loop, HOST, 9)
    for call in (conn.end, conn.destroy_soon, conn.destroy, conn.reset, conn.pause, conn.resume, conn.touch):
        call()
    conn.set_timeout(5)
    conn.set_no_delay(True)
    assert conn.state == "closed"


def test_in_debug_mode_a_connect_from_another_thread_raises_there() -> None:
    raised: list[BaseException] = []

    def elsewhere() -> None:
        try:
            connect(loop, HOST, 9)
        except WrongThread as error:
            raised.append(error)

    with Reactor(debug=True).start_thread() as loop:
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
        assert loop.call_soon_threadsafe(loop.statistics).result(5).held == 0
        future = loop.call_soon_threadsafe(connect, loop, HOST, 9)
        assert isinstance(future.result(5), Connection)  # as the error's text says
    assert len(raised) == 1
