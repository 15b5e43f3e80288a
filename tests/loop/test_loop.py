"""Running the loop: when `run` returns, how it is stopped and goes on, and the order of calls."""

from __future__ import annotations

import socket
from collections.abc import Callable
from selectors import EVENT_READ
from typing import Any

import pytest

from reactor import Reactor, ReactorError, Server
from reactor.engine.loop import turns_of
from reactor.former import Former
from reactor.testing import ManualClock

# What a program sees.

FOR_PROGRAMS = {
    "call_at", "call_every", "call_later", "call_soon", "call_soon_threadsafe", "close", "closed", "debug", "fileno",
    "next_deadline", "now", "on_signal", "run", "run_in_thread", "run_once", "start_thread", "statistics",
    "stop", "unwatch", "watch",
}  # fmt: skip


def test_a_reactor_shows_what_is_for_programs_and_nothing_else(loop: Reactor) -> None:
    former = {name for name, thing in vars(Reactor).items() if isinstance(thing, Former)}
    assert {name for name in dir(loop) if not name.startswith("_")} - former == FOR_PROGRAMS


def test_everything_that_a_reactor_shows_is_described_in_help() -> None:
    assert {name for name in FOR_PROGRAMS if getattr(Reactor, name).__doc__} == FOR_PROGRAMS


@pytest.mark.parametrize("name", ["closed", "debug", "now"])
def test_what_a_reactor_says_of_itself_cannot_be_set(loop: Reactor, name: str) -> None:
    with pytest.raises(AttributeError):
        setattr(loop, name, True)


def test_only_a_reactor_has_turns(loop: Reactor) -> None:
    assert turns_of(loop).reactor is loop
    with pytest.raises(TypeError, match="loop must be a Reactor, not 'loop'"):
        turns_of("loop")


# When run() returns.


def test_run_returns_when_nothing_is_left_to_do(each_loop: Reactor) -> None:
    each_loop.run()
    assert each_loop.statistics().turns == 0


def test_run_makes_the_calls_that_are_ready_and_what_they_queue(each_loop: Reactor, heard: list[Any]) -> None:
    each_loop.call_soon(lambda: each_loop.call_soon(heard.append, "inner"))
    each_loop.run()
    assert heard == ["inner"]


def test_run_waits_for_timers(real: Reactor, heard: list[Any]) -> None:
    real.call_later(0.01, heard.append, "fired")
    real.run()
    assert heard == ["fired"]


def test_run_does_not_wait_for_a_timer_that_is_not_ref_d(loop: Reactor) -> None:
    timer = loop.call_later(3600, print).unref()
    loop.run()
    assert timer.active


def test_a_timer_may_be_ref_d_again(loop: Reactor, clock: ManualClock, heard: list[Any]) -> None:
    timer = loop.call_later(5, heard.append, "fired").unref().unref().ref()
    clock.advance(5)
    loop.run()
    assert heard == ["fired"]
    assert not timer.active


def test_a_cancelled_timer_keeps_nobody_waiting(loop: Reactor) -> None:
    loop.call_later(3600, print).cancel()
    loop.run()
    assert loop.statistics().timers == 0


def test_run_waits_for_a_server_that_listens(each_loop: Reactor) -> None:
    server = Server(each_loop)
    server.listen("127.0.0.1", 0)
    each_loop.call_soon(server.close)
    each_loop.run()
    assert not server.listening


def test_run_does_not_wait_for_a_server_that_is_not_ref_d(loop: Reactor) -> None:
    server = Server(loop)
    server.unref()
    server.listen("127.0.0.1", 0)
    loop.run()
    assert server.listening
    server.ref()
    loop.call_soon(server.unref)
    loop.run()


@pytest.mark.parametrize("paused", [False, True])
def test_run_waits_for_connections_paused_ones_too(harness: Any, loop: Reactor, paused: bool) -> None:
    h = harness()
    _, conn = h.connect()
    h.server.close()
    if paused:
        conn.pause()
    later = loop.call_soon(lambda: loop.call_soon(lambda: loop.call_soon(conn.destroy)))
    loop.run()
    assert later is None
    assert conn.report is not None


def test_run_does_not_wait_for_a_connection_that_is_not_ref_d(harness: Any, loop: Reactor) -> None:
    h = harness(idle_timeout=60)  # its deadlines do not count either
    _, conn = h.connect()
    h.server.close()
    conn.unref()
    loop.run()
    assert conn.state == "open"
    conn.ref()
    loop.call_soon(conn.unref)
    loop.run()


def test_a_connection_that_closes_unref_d_or_ref_d_late_is_counted_once(harness: Any, loop: Reactor) -> None:
    h = harness()
    _, conn = h.connect()
    conn.unref()
    conn.destroy()
    h.closed(conn)
    conn.ref()
    h.server.close()
    loop.run()
    assert loop.statistics().held == 0


def test_run_waits_for_watched_descriptors(loop: Reactor) -> None:
    left, right = socket.socketpair()
    with left, right:
        loop.watch(left, EVENT_READ, lambda fd, events: loop.unwatch(left))
        right.send(b"x")
        loop.run()
        assert loop.statistics().held == 0


# Stopping, and running again.


def test_stop_leaves_everything_as_it_is_and_run_goes_on(harness: Any, loop: Reactor, heard: list[Any]) -> None:
    h = harness()
    peer, conn = h.connect()
    loop.call_soon(loop.stop)
    loop.call_soon(heard.append, "same turn")
    loop.call_soon(lambda: loop.call_soon(heard.append, "next turn"))
    loop.run()
    assert heard == ["same turn"]
    assert (conn.state, h.server.listening) == ("open", True)
    peer.send(b"x")
    conn.on("data", lambda conn, data: loop.stop())
    loop.run()
    assert heard == ["same turn", "next turn"]
    assert conn.bytes_read == 1


def test_stop_of_a_loop_that_does_not_run_is_harmless(loop: Reactor, heard: list[Any]) -> None:
    loop.stop()
    loop.call_soon(heard.append, "called")
    loop.run()
    assert heard == ["called"]


TURNS: dict[str, Callable[[Reactor], None]] = {"run": Reactor.run, "run_once": lambda loop: loop.run_once(0)}


@pytest.mark.parametrize("outer", TURNS)
@pytest.mark.parametrize(
    ("inner", "refused"),
    [
        ("run", "run() was called while the reactor is running"),
        ("run_once", "run_once() was called from inside a turn of this reactor"),
    ],
)
def test_a_turn_inside_a_turn_is_refused(loop: Reactor, heard: list[Any], outer: str, inner: str, refused: str) -> None:
    def again() -> None:
        with pytest.raises(ReactorError) as caught:
            TURNS[inner](loop)
        heard.append(str(caught.value))

    loop.call_soon(again)
    TURNS[outer](loop)
    assert heard == [refused]


def test_run_once_takes_one_turn(loop: Reactor, heard: list[Any]) -> None:
    loop.call_soon(lambda: loop.call_soon(heard.append, "second turn"))
    loop.run_once(0)
    assert heard == []
    assert loop.statistics().turns == 1
    loop.run_once(0)
    assert heard == ["second turn"]


# The order of calls.


def test_calls_are_made_in_order_and_those_they_queue_in_the_next_turn(loop: Reactor, heard: list[Any]) -> None:
    def first() -> None:
        heard.append("first")
        loop.call_soon(heard.append, "third")

    loop.call_soon(first)
    loop.call_soon(heard.append, "second")
    loop.run_once(0)
    assert heard == ["first", "second"]
    loop.run_once(0)
    assert heard == ["first", "second", "third"]


def test_nothing_is_called_from_inside_call_soon_and_call_later(loop: Reactor, heard: list[Any]) -> None:
    loop.call_soon(heard.append, "soon")
    loop.call_later(0, heard.append, "later")
    loop.call_at(0, heard.append, "past")
    assert heard == []
    loop.run_once(0)
    assert heard == ["soon", "later", "past"]


def test_arguments_are_handed_over(loop: Reactor, heard: list[Any]) -> None:
    loop.call_soon(lambda *args: heard.append(args), 1, "two")
    loop.call_later(0, lambda *args: heard.append(args), 3)
    loop.run()
    assert heard == [(1, "two"), (3,)]


def test_now_stands_still_within_a_turn_and_moves_outside(loop: Reactor, clock: ManualClock) -> None:
    seen: list[float] = []

    def look() -> None:
        clock.advance(5)
        seen.append(loop.now)

    loop.call_soon(look)
    loop.run_once(0)
    assert seen == [1000.0]
    assert loop.now == 1005.0


def test_a_reactor_shows_what_it_is_doing(loop: Reactor) -> None:
    loop.call_later(5, print)
    assert repr(loop) == "<Reactor idle turns=0 timers=1 held=0>"
    statistics = loop.statistics()
    assert (statistics.turns, statistics.timers, statistics.held, statistics.jobs) == (0, 1, 0, 0)
