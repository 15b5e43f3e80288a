"""Misuse raises at the call: TypeError for a wrong type, ValueError for a wrong value, naming argument, value and what
was expected. And it changes nothing. Which values each setting takes is in `tests/unit/test_settings.py`.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from typing import Any

import pytest

import reactor
from reactor import Reactor, Server
from reactor.testing import settle

NAN, INFINITY = float("nan"), float("inf")

untyped: Any = reactor  # for what type checkers would refuse

Case = tuple[Callable[[Any], object], type[Exception], str, str]


def named(cases: dict[str, Case]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", cases.values(), ids=cases.keys())


def check(case: Case, thing: Any) -> None:
    """The call raises an error whose text has the argument's name, the value, and what must be instead."""
    call, kind, argument, shown = case
    with pytest.raises(kind) as raised:
        call(thing)
    text = str(raised.value)
    assert raised.type is kind
    assert argument in text, text
    assert shown in text, text
    assert any(word in text for word in ("must", "expected")), text


def _given(call: Callable[[Any, Any], object], value: Any) -> Callable[[Any], object]:
    return lambda thing: call(thing, value)


def seconds(name: str, call: Callable[[Any, Any], object], zero: bool = True) -> dict[str, Case]:
    """What no duration may be; `zero` says whether 0 means something here."""
    values: list[tuple[Any, type[Exception]]] = [
        (-1, ValueError), (-0.001, ValueError), (NAN, ValueError), (INFINITY, ValueError), ("5", TypeError),
        (True, TypeError), ([1], TypeError),
    ]  # fmt: skip
    if not zero:
        values.append((0, ValueError))
    return {f"{name} {value!r}": (_given(call, value), kind, name.split()[-1], repr(value)) for value, kind in values}


def setting(name: str, *values: Any, kind: type[Exception]) -> dict[str, Case]:
    def set_it(thing: Any, value: Any) -> None:
        setattr(thing, name, value)

    return {f"{name} {value!r}": (_given(set_it, value), kind, name, repr(value)) for value in values}


BOTH: dict[str, Case] = {
    **setting("idle_timeout", 0, -1, NAN, INFINITY, kind=ValueError),
    **setting("low_water", -1, 1_000_000, kind=ValueError),
    **setting("low_water", "1", 0.5, kind=TypeError),
    "on event": (lambda thing: thing.on("connected", print), ValueError, "event", "'connected'"),
    "on event, as a decorator": (lambda thing: thing.on("dta"), ValueError, "event", "'dta'"),
    "on no event": (lambda thing: thing.on(None, print), ValueError, "event", "None"),
    "on nothing callable": (lambda thing: thing.on("data", "print"), TypeError, "fn", "'print'"),
    "once event": (lambda thing: thing.once("Data", print), ValueError, "event", "'Data'"),
    "once event, as a decorator": (lambda thing: thing.once("dta"), ValueError, "event", "'dta'"),
    "once nothing callable": (lambda thing: thing.once("data", 5), TypeError, "fn", "5"),
    "off event": (lambda thing: thing.off("dta", print), ValueError, "event", "'dta'"),
    "off nothing callable": (lambda thing: thing.off("data", 5), TypeError, "fn", "5"),
}

CONNECTION: dict[str, Case] = {
    "write text": (lambda conn: conn.write("text"), TypeError, "data", "'text'"),
    "write nothing": (lambda conn: conn.write(None), TypeError, "data", "None"),
    "write callback": (lambda conn: conn.write(b"x", 5), TypeError, "callback", "5"),
    "writelines text": (lambda conn: conn.writelines("text"), TypeError, "chunks", "'t"),
    "writelines texts": (lambda conn: conn.writelines([b"x", "text"]), TypeError, "chunks", "'text'"),
    "writelines bytes": (lambda conn: conn.writelines(b"xy"), TypeError, "chunks", ""),
    "writelines a number": (lambda conn: conn.writelines(5), TypeError, "chunks", "5"),
    "writelines callback": (lambda conn: conn.writelines([b"x"], "no"), TypeError, "callback", "'no'"),
    "end text": (lambda conn: conn.end("text"), TypeError, "data", "'text'"),
    "end nothing": (lambda conn: conn.end(None), TypeError, "data", "None"),
    "end callback": (lambda conn: conn.end(b"x", 5), TypeError, "callback", "5"),
    **seconds("end timeout", lambda conn, value: conn.end(b"x", timeout=value)),
    **seconds("destroy_soon timeout", lambda conn, value: conn.destroy_soon(timeout=value)),
    "destroy with a text": (lambda conn: conn.destroy("gone"), TypeError, "error", "'gone'"),
    "destroy with a class": (lambda conn: conn.destroy(ValueError), TypeError, "error", "ValueError"),
    **seconds("set_timeout seconds", lambda conn, value: conn.set_timeout(value)),
    "set_timeout listener": (lambda conn: conn.set_timeout(5, 5), TypeError, "listener", "5"),
    "set_no_delay": (lambda conn: conn.set_no_delay(1), TypeError, "enable", "1"),
    "set_keep_alive": (lambda conn: conn.set_keep_alive("on"), TypeError, "enable", "'on'"),
    **seconds("set_keep_alive delay", lambda conn, value: conn.set_keep_alive(True, delay=value), zero=False),
    **seconds("set_keep_alive interval", lambda conn, value: conn.set_keep_alive(True, interval=value), zero=False),
    "keep-alive delay too long": (lambda conn: conn.set_keep_alive(True, 32_768), ValueError, "delay", "32767 seconds"),
    "keep-alive delay far too long": (lambda conn: conn.set_keep_alive(True, 1e10), ValueError, "delay", "10000000000"),
    "keep-alive count 128": (lambda conn: conn.set_keep_alive(True, count=128), ValueError, "count", "128"),
    **seconds("set_user_timeout seconds", lambda conn, value: conn.set_user_timeout(value)),
    "user timeout too long": (lambda conn: conn.set_user_timeout(2_147_484), ValueError, "seconds", "2147484"),
    "server events": (lambda conn: conn.on("connection", print), ValueError, "event", "'connection'"),
}

SERVER: dict[str, Case] = {
    "port 70000": (lambda server: server.listen("127.0.0.1", 70000), ValueError, "port", "70000"),
    "no port": (lambda server: server.listen("127.0.0.1"), TypeError, "port", "None"),
    "host": (lambda server: server.listen(b"127.0.0.1", 0), TypeError, "host", "b'127.0.0.1'"),
    "host and port swapped": (lambda server: server.listen(80, "127.0.0.1"), TypeError, "host", "80"),
    "backlog huge": (lambda server: server.listen("127.0.0.1", 0, 2**40), ValueError, "backlog", str(2**40)),
    "reuse_port": (lambda server: server.listen("127.0.0.1", 0, reuse_port=1), TypeError, "reuse_port", "1"),
    "ipv6_only": (lambda server: server.listen("::1", 0, ipv6_only=None), TypeError, "ipv6_only", "None"),
    "no socket": (lambda server: server.listen(sock="socket"), TypeError, "sock", "'socket'"),
    "fd -1": (lambda server: server.listen(fd=-1), ValueError, "fd", "-1"),
    "close callback": (lambda server: server.close(5), TypeError, "callback", "5"),
    **seconds("shutdown grace", lambda server, value: server.shutdown(value)),
    "shutdown end": (lambda server: server.shutdown(1, end="no"), TypeError, "end", "'no'"),
    **setting("max_connections", 0, -5, kind=ValueError),
    **setting("max_connections", "10", 1.5, True, kind=TypeError),
    **seconds("shutdown spread", lambda server, value: server.shutdown(10, spread=value)),
    "spread beyond the grace": (lambda server: server.shutdown(1, spread=2), ValueError, "spread", "2"),
    "spread with nobody ended": (lambda s: s.shutdown(9, end=False, spread=2), ValueError, "spread", "2"),
    **setting("when_full", "refuse", None, 1, kind=ValueError),
    **setting("block", "10.0.0.0/8", 5, kind=TypeError),
    **setting("accept_rate", 0, (5, 0), kind=ValueError),
    **setting("accept_rate", (5, 1.5), "10", kind=TypeError),
    **setting("min_read_rate", 0, kind=ValueError),
    **setting("slow_reader", (-1, 5), (5, 0), kind=ValueError),
    **setting("keep_alive", "on", kind=TypeError),
    **setting("slow_reader", 5, kind=TypeError),
    "block a name": (lambda server: setattr(server, "block", ["example"]), ValueError, "block", "'example'"),
}

REACTOR: dict[str, Case] = {
    **seconds("run_once timeout", lambda loop, value: loop.run_once(value)),
    **seconds("call_later seconds", lambda loop, value: loop.call_later(value, print)),
    "call_at text": (lambda loop: loop.call_at("noon", print), TypeError, "when", "'noon'"),
    "call_at nan": (lambda loop: loop.call_at(NAN, print), ValueError, "when", "nan"),
    "call_at for ever": (lambda loop: loop.call_at(INFINITY, print), ValueError, "when", "inf"),
    "call_at fn": (lambda loop: loop.call_at(5, "print"), TypeError, "fn", "'print'"),
    "call_later fn": (lambda loop: loop.call_later(5, None), TypeError, "fn", "None"),
    "call_soon": (lambda loop: loop.call_soon(5), TypeError, "fn", "5"),
    "call_soon_threadsafe": (lambda loop: loop.call_soon_threadsafe(5), TypeError, "fn", "5"),
    "run_in_thread fn": (lambda loop: loop.run_in_thread(5), TypeError, "fn", "5"),
    "run_in_thread callback": (lambda loop: loop.run_in_thread(print, callback=5), TypeError, "callback", "5"),
    "watch -1": (lambda loop: loop.watch(-1, 1, print), ValueError, "fd", "-1"),
    "watch nothing": (lambda loop: loop.watch(0, 0, print), ValueError, "events", "0"),
    "watch too much": (lambda loop: loop.watch(0, 4, print), ValueError, "events", "4"),
    "watch for True": (lambda loop: loop.watch(0, True, print), ValueError, "events", "True"),
    "watch a name": (lambda loop: loop.watch("0", 1, print), TypeError, "fd", "'0'"),
    "watch for text": (lambda loop: loop.watch(0, "r", print), ValueError, "events", "'r'"),
    "watch fn": (lambda loop: loop.watch(0, 1, 5), TypeError, "fn", "5"),
    "unwatch text": (lambda loop: loop.unwatch("file"), TypeError, "fd", "'file'"),
    "on_signal text": (lambda loop: loop.on_signal("TERM", print), TypeError, "signum", "'TERM'"),
    "on_signal True": (lambda loop: loop.on_signal(True, print), TypeError, "signum", "True"),
    "on_signal 0": (lambda loop: loop.on_signal(0, print), ValueError, "signum", "0"),
    "on_signal 9999": (lambda loop: loop.on_signal(9999, print), ValueError, "signum", "9999"),
    "on_signal fn": (lambda loop: loop.on_signal(10, 5), TypeError, "fn", "5"),
    "server of no loop": (lambda loop: untyped.Server("loop"), TypeError, "loop", "'loop'"),
    "on_connection": (lambda loop: untyped.Server(loop, "greet"), TypeError, "on_connection", "'greet'"),
    "unknown setting": (lambda loop: untyped.Server(loop, idle_timeuot=5), TypeError, "idle_timeuot", "idle_timeout"),
    "marks": (lambda loop: untyped.Server(loop, high_water=10, low_water=11), ValueError, "low_water", "11"),
    "selector": (lambda loop: untyped.Reactor("epoll"), TypeError, "selector", "'epoll'"),
    "selector class": (lambda loop: untyped.Reactor(Reactor), TypeError, "selector", "Reactor"),
    "clock": (lambda loop: untyped.Reactor(clock=5), TypeError, "clock", "5"),
    "debug": (lambda loop: untyped.Reactor(debug="yes"), TypeError, "debug", "'yes'"),
}

SERVE: dict[str, Case] = {
    "on_connection": (lambda _: untyped.serve("greet"), TypeError, "on_connection", "'greet'"),
    "port": (lambda _: untyped.serve(print, "127.0.0.1", 70000), ValueError, "port", "70000"),
    "host": (lambda _: untyped.serve(print, 80), TypeError, "host", "80"),
    **seconds("serve grace", lambda _, value: untyped.serve(print, "127.0.0.1", 0, grace=value)),
    "on_server": (lambda _: untyped.serve(print, "127.0.0.1", 0, on_server=5), TypeError, "on_server", "5"),
    "setting": (lambda _: untyped.serve(print, "127.0.0.1", 0, max_connections=0), ValueError, "max_connections", "0"),
    "unknown": (lambda _: untyped.serve(print, "127.0.0.1", 0, colour=1), TypeError, "colour", "max_connections"),
}


@named(BOTH | CONNECTION)
def test_a_connection(case: Case, h: Any) -> None:
    peer, conn = h.connect()
    check(case, conn)
    settle(h.loop)
    assert (conn.state, conn.bytes_written, conn.pending_bytes) == ("open", 0, 0)
    conn.end(b"unharmed")
    settle(h.loop)
    assert peer.receive_all() == (b"unharmed", "FIN")


@named(BOTH | SERVER)
def test_a_server(case: Case, h: Any) -> None:
    check(case, h.server)
    assert (len(h.server.addresses), h.server.listening) == (1, True)
    h.connect()


@named(REACTOR)
def test_a_reactor(case: Case, loop: Reactor) -> None:
    before = loop.statistics()
    check(case, loop)
    assert loop.statistics() == before


@named(SERVE)
def test_serve(case: Case) -> None:
    check(case, None)


@pytest.mark.parametrize("way", ["setting", "keyword"])
def test_low_water_above_high_water_is_refused_however_it_comes_about(way: str, loop: Reactor) -> None:
    if way == "keyword":
        with pytest.raises(ValueError, match="low_water must be at most high_water"):
            Server(loop, high_water=1, low_water=2)
        return
    server = Server(loop, low_water=100)
    with pytest.raises(ValueError, match=r"low_water .*high_water \(99\).* 100"):
        server.high_water = 99
    assert server.high_water == 65536


def test_listen_takes_one_kind_of_address(loop: Reactor) -> None:
    server: Any = Server(loop)
    with socket.create_server(("127.0.0.1", 0)) as sock:
        for options in ({"sock": sock, "port": 1}, {"sock": sock, "fd": 3}, {"fd": 3, "host": "127.0.0.1"}):
            with pytest.raises(TypeError, match="one of"):
                server.listen(**options)
        assert not server.listening


@pytest.mark.parametrize("as_number", [False, True])
@pytest.mark.parametrize(
    ("kind", "text"),
    [(socket.SOCK_STREAM, "listening already"), (socket.SOCK_DGRAM, "a stream socket")],
)
def test_a_socket_that_listen_cannot_accept_from_is_refused_and_stays_the_callers(
    kind: socket.SocketKind, text: str, as_number: bool, loop: Reactor
) -> None:
    server = Server(loop)
    with socket.socket(type=kind) as sock:
        with pytest.raises(ValueError, match=f"^{'fd' if as_number else 'sock'} must be .*{text}"):
            server.listen(**({"fd": sock.fileno()} if as_number else {"sock": sock}))
        os.fstat(sock.fileno())
    assert not server.listening


def test_a_descriptor_that_is_no_socket_is_an_os_error(loop: Reactor) -> None:
    reader, writer = os.pipe()
    with pytest.raises(OSError, match="ocket"):
        Server(loop).listen(fd=reader)
    os.close(reader)
    os.close(writer)
