"""A function that does not take the arguments it will get is refused at the call that gives it, and not later in the
log.
"""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable
from typing import Any

import pytest

from reactor import ClientGroup, Connection, Reactor, Server, connect, length_prefixed, lines, serve
from reactor.net.connection.listeners import ARGUMENTS, CLIENT_EVENTS, CONNECTION_EVENTS, SERVER_EVENTS


def seven(a: Any, b: Any, c: Any, d: Any, e: Any, f: Any, g: Any) -> None:
    """Takes more than any event has."""


def test_each_event_has_its_arguments() -> None:
    assert set(ARGUMENTS) == {*CONNECTION_EVENTS, *CLIENT_EVENTS, *SERVER_EVENTS}


@pytest.mark.parametrize("how", ["on", "once"])
@pytest.mark.parametrize("event", ARGUMENTS)
def test_a_listener_of_a_server_or_a_group_is_looked_at(event: str, how: str) -> None:
    with Reactor() as loop:
        emitter: Any = ClientGroup(loop) if event in CLIENT_EVENTS else Server(loop)
        told = ARGUMENTS[event]
        with pytest.raises(TypeError, match=rf"a listener of '{event}' must take \d arguments? \({told}\), which "):
            getattr(emitter, how)(event, seven)
        with pytest.raises(TypeError, match="a listener of"):
            getattr(emitter, how)(event)(seven)
        getattr(emitter, how)(event, lambda *args: None)


@pytest.mark.parametrize("debug", [True, False])
def test_a_listener_of_a_connection_is_looked_at_in_debug_mode(debug: bool) -> None:
    with Reactor(debug=debug) as loop:
        conn = connect(loop, "127.0.0.1", 1)
        if debug:
            with pytest.raises(TypeError, match=r"a listener of 'data' must take 2 arguments \(conn, data\)"):
                conn.on("data", seven)  # type: ignore[call-overload]
        else:
            conn.on("data", seven)  # type: ignore[call-overload]


CALLS: dict[str, Callable[[Reactor], object]] = {
    "call_soon": lambda loop: loop.call_soon(seven, 1),
    "call_later": lambda loop: loop.call_later(0, seven, 1),
    "call_at": lambda loop: loop.call_at(0, seven, 1),
    "call_every": lambda loop: loop.call_every(1, seven, 1),
    "call_soon_threadsafe": lambda loop: loop.call_soon_threadsafe(seven, 1),
    "run_in_thread": lambda loop: loop.run_in_thread(seven, 1),
    "a callback of run_in_thread": lambda loop: loop.run_in_thread(int, callback=lambda: None),  # type: ignore[arg-type, misc]
    "on_signal": lambda loop: loop.on_signal(signal.SIGUSR1, lambda: None),  # type: ignore[arg-type, misc]
    "on_connection": lambda loop: Server(loop, seven),  # type: ignore[arg-type]
    "on_connection of serve": lambda loop: serve(seven),  # type: ignore[arg-type]
    "on_server": lambda loop: serve(print, on_server=lambda: None),  # type: ignore[arg-type, misc]
    "a callback of close": lambda loop: Server(loop).close(seven),  # type: ignore[arg-type]
    "on_connect": lambda loop: connect(loop, "127.0.0.1", 1, seven),  # type: ignore[arg-type]
    "lookup": lambda loop: connect(loop, "name", 1, lookup=lambda host: None),  # type: ignore[arg-type, misc]
    "on_line": lambda loop: lines(seven),  # type: ignore[arg-type]
    "on_frame": lambda loop: length_prefixed(seven),  # type: ignore[arg-type]
    "on_error": lambda loop: lines(lambda conn, line: None, on_error=lambda conn: None),  # type: ignore[arg-type, misc]
}


@pytest.mark.parametrize("call", CALLS)
def test_a_function_given_to_a_call_is_looked_at(loop: Reactor, call: str) -> None:
    with pytest.raises(TypeError, match="must take "):
        CALLS[call](loop)


def test_the_function_of_a_watch_is_looked_at(loop: Reactor) -> None:
    left, right = socket.socketpair()
    with left, right, pytest.raises(TypeError, match=r"fn must take 2 arguments \(fd, events\)"):
        loop.watch(left, 1, lambda fd: None)  # type: ignore[arg-type, misc]


def test_a_listener_in_debug_mode_is_found_again_by_off(harness: Any, loop: Reactor, heard: list[Any]) -> None:
    h = harness()
    _, conn = h.connect()

    def listener(conn: Connection, data: bytes) -> None:
        heard.append(data)

    for emitter in (conn, h.server):
        emitter.on("data", listener)
        emitter.once("data", listener)
        emitter.off("data", listener)
        emitter.off("data", listener)
    conn._on_data(b"x")
    assert heard == []
