"""A client that is over is freed at once: nothing of it is left for the garbage collector."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable

import pytest

from reactor import Connection, Reactor, connect
from reactor.testing import ManualClock, pump, settle
from tests.support.far_ends import ACCEPTS, REFUSES, SILENT, FarEnds, attempts_under_way

WAYS: dict[str, Callable[[Reactor, FarEnds], Connection]] = {
    "refused": lambda loop, far: connect(loop, *far.address(REFUSES)),
    "refused at once": lambda loop, far: connect(loop, *far.address(REFUSES), local_address=("192.0.2.1", 0)),
    "no such path": lambda loop, far: connect(loop, path="/no/such/path"),
    "no such scope": lambda loop, far: connect(loop, "fe80::1%nowhere", 9),
    "no such name": lambda loop, far: connect(loop, "no such host.invalid", 9),
    "not a name": lambda loop, far: connect(loop, "a..b", 9),
    "lookup answers nothing": lambda loop, far: connect(loop, "x", 9, lookup=lambda h, f, done: done(None, [])),
    "lookup answers rubbish": lambda loop, far: connect(loop, "x", 9, lookup=lambda h, f, done: done(None, ["y"])),
    "lookup answers no such scope": lambda loop, far: connect(
        loop, "x", 9, lookup=lambda h, f, done: done(None, ["fe80::1%nowhere"])
    ),
    "lookup keeps silent": lambda loop, far: connect(loop, "x", 9, lookup=lambda h, f, done: None),
    "several": lambda loop, far: far.connect(loop, lookup=lambda h, f, done: done(None, ["127.0.0.4", "127.0.0.5"])),
    "no answer": lambda loop, far: connect(loop, *far.address(SILENT)),
    "connected": lambda loop, far: connect(loop, *far.address(ACCEPTS), lambda conn: conn.destroy()),
    "never begun": lambda loop, far: destroyed(connect(loop, "x", 9)),
}


def destroyed(conn: Connection) -> Connection:
    conn.destroy()
    return conn


@pytest.mark.parametrize("way", WAYS)
def test_it_is_freed_without_the_garbage_collector(way: str, far: FarEnds, clock: ManualClock) -> None:
    with Reactor(clock=clock, debug=True) as loop:
        gc.collect()
        gc.disable()
        try:
            conn = WAYS[way](loop, far)
            closed: list[object] = []
            conn.once("close", lambda conn, report: closed.append(report))
            conn.once("error", lambda conn, error: None)
            conn.once("connect", lambda conn: None)
            if conn.state == "connecting":
                conn.write(b"x", lambda conn, error: None)
            left = weakref.ref(conn)
            settle(loop)
            clock.advance(60)
            del conn
            pump(loop, lambda: closed)
            settle(loop)
            assert left() is None
            assert (loop.statistics().held, loop.statistics().timers) == (0, 0)
        finally:
            gc.enable()


def test_a_lookup_that_keeps_its_done_keeps_neither_the_client_nor_a_descriptor(loop: Reactor, far: FarEnds) -> None:
    kept: list[Callable[..., None]] = []
    conn = connect(loop, "x", far.port, lookup=lambda h, f, done: kept.append(done))
    settle(loop)
    kept[0](None, ["127.0.0.3"])
    settle(loop)
    assert attempts_under_way() == 1
    conn.destroy()
    settle(loop)
    assert attempts_under_way() == 0
    left = weakref.ref(conn)
    del conn
    assert left() is None
