"""What raises again and again: the log has one traceback and then a count a second, and no core is kept busy."""

from __future__ import annotations

import functools
import os
import signal
import socket
from collections.abc import Callable, Iterator
from selectors import EVENT_READ, EVENT_WRITE
from typing import Any

import pytest

from reactor import Reactor
from reactor.engine.raised import MOST, NEWS, PAUSE
from reactor.engine.watch import REST
from reactor.testing import ManualClock, pump, settle

pytestmark = pytest.mark.expects_errors


def failing(*_: object) -> None:
    raise ValueError("always")


class Failing:
    def method(self, *_: object) -> None:
        raise ValueError("always")

    __call__ = method


def told(caplog: pytest.LogCaptureFixture) -> list[tuple[bool, str]]:
    """Of each ERROR: whether it has a traceback, and its text."""
    errors = [record for record in caplog.records if record.levelname == "ERROR"]
    return [(bool(record.exc_info), record.getMessage()) for record in errors]


def closure() -> Callable[..., None]:
    def inner(*_: object) -> None:
        raise ValueError("always")

    return inner


def by_call(loop: Reactor, made: Callable[[], Callable[..., None]]) -> None:
    loop.call_soon(made())


def by_timer(loop: Reactor, made: Callable[[], Callable[..., None]]) -> None:
    loop.call_at(0, made())


def by_thread(loop: Reactor, made: Callable[[], Callable[..., None]]) -> None:
    loop.run_in_thread(int, callback=made())
    pump(loop, lambda: not loop.statistics().jobs)


def by_signal(loop: Reactor, made: Callable[[], Callable[..., None]]) -> None:
    loop.on_signal(signal.SIGUSR1, made())
    os.kill(os.getpid(), signal.SIGUSR1)


@pytest.mark.parametrize("way", [by_call, by_timer, by_thread, by_signal])
@pytest.mark.parametrize(
    "made",
    [lambda: failing, closure, lambda: Failing().method, Failing, lambda: functools.partial(failing, 1)],
    ids=["function", "closure", "method", "object", "partial"],
)
def test_the_second_time_is_only_counted(
    loop: Reactor, clock: ManualClock, caplog: pytest.LogCaptureFixture, way: Any, made: Any
) -> None:
    for _ in range(5):
        way(loop, made)
        settle(loop, 3)
    assert [traced for traced, _ in told(caplog)] == [True]
    clock.advance(PAUSE)
    settle(loop, 3)
    assert [traced for traced, _ in told(caplog)] == [True, False]
    assert told(caplog)[1][1].endswith(" raised 4 more times, the last: ValueError: always")


def test_a_repeating_timer_gets_a_line_a_second(
    loop: Reactor, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    timer = loop.call_every(0.125, failing)
    for _ in range(8 * 10):
        clock.advance(0.125)
        loop.run_once(0)
    timer.cancel()
    lines = told(caplog)
    assert lines[0][0]
    assert [traced for traced, _ in lines[1:]] == [False] * (len(lines) - 1)
    assert 8 <= len(lines) - 1 <= 10


def test_what_is_left_to_count_is_told_when_the_reactor_closes(caplog: pytest.LogCaptureFixture) -> None:
    with Reactor() as loop:
        for _ in range(3):
            loop.call_soon(failing)
        loop.run_once(0)
    assert [text.rpartition(" raised ")[2] for _, text in told(caplog)] == [
        told(caplog)[0][1].rpartition(" raised ")[2],
        "2 more times, the last: ValueError: always",
    ]


def test_after_a_minute_of_quiet_it_is_news_again(
    loop: Reactor, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    for quiet in (NEWS, NEWS + 1, 1):
        loop.call_soon(failing)
        loop.run_once(0)
        clock.advance(quiet)
        loop.run_once(0)
    assert [traced for traced, _ in told(caplog)] == [True, False, True]


def test_another_exception_or_another_function_has_a_traceback_of_its_own(
    loop: Reactor, caplog: pytest.LogCaptureFixture
) -> None:
    def other(*_: object) -> None:
        raise KeyError("other")

    def both(error: Exception) -> None:
        raise error

    for fn, args in ((failing, ()), (other, ()), (both, (ValueError(),)), (both, (KeyError(),)), (failing, ())):
        loop.call_soon(fn, *args)
    loop.run_once(0)
    assert [traced for traced, _ in told(caplog)] == [True] * 4


def test_the_number_of_kinds_that_are_remembered_is_bounded_and_none_is_lost(
    loop: Reactor, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    def raises(kind: type[Exception]) -> None:
        raise kind

    for number in range(3 * MOST):
        kind = type(f"Error{number}", (Exception,), {})
        for _ in range(2):
            loop.call_soon(raises, kind)
    loop.run_once(0)
    clock.advance(PAUSE)
    settle(loop)
    assert len(loop._turns.raised._kinds) == MOST
    assert [traced for traced, _ in told(caplog)].count(True) == 3 * MOST
    assert [traced for traced, _ in told(caplog)].count(False) == 3 * MOST


def test_a_record_says_which_callback_and_how_many_times(
    loop: Reactor, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        loop.call_soon(failing)
    loop.run_once(0)
    clock.advance(PAUSE)
    loop.run_once(0)
    first, second = (vars(record) for record in caplog.records)
    assert first["callback"] == second["callback"] == repr(failing)
    assert second["times"] == 2


# A watch that raises.


@pytest.fixture
def readable() -> Iterator[socket.socket]:
    left, right = socket.socketpair()
    right.send(b"x")
    with left, right:
        yield left


@pytest.mark.parametrize("events", [EVENT_READ, EVENT_WRITE, EVENT_READ | EVENT_WRITE])
def test_a_watch_that_raises_each_time_is_looked_at_ten_times_a_second(
    each_loop: Reactor, clock: ManualClock, readable: socket.socket, heard: list[Any], events: int
) -> None:
    def watching(fd: int, events: int) -> None:
        heard.append(clock())
        raise ValueError("before it has read")

    each_loop.watch(readable, events, watching)
    settle(each_loop, 20)
    assert len(heard) == 2
    for _ in range(10):
        clock.advance(REST)
        settle(each_loop, 20)
    assert len(heard) == 12
    each_loop.unwatch(readable)


def test_a_watch_that_raises_once_is_called_in_the_next_turn(
    each_loop: Reactor, readable: socket.socket, heard: list[Any]
) -> None:
    def watching(fd: int, events: int) -> None:
        heard.append(fd)
        if len(heard) % 2:
            raise ValueError("each second time")

    each_loop.watch(readable, EVENT_READ, watching)
    settle(each_loop, 20)
    each_loop.unwatch(readable)
    assert len(heard) == 20


def test_a_watch_that_works_again_has_no_rest(
    each_loop: Reactor, clock: ManualClock, readable: socket.socket, heard: list[Any]
) -> None:
    def watching(fd: int, events: int) -> None:
        heard.append(fd)
        if len(heard) < 5:
            raise ValueError("not yet")

    each_loop.watch(readable, EVENT_READ, watching)
    for _ in range(4):
        settle(each_loop, 2)
        clock.advance(REST)
    before = len(heard)
    assert before >= 5
    settle(each_loop, 20)
    each_loop.unwatch(readable)
    assert len(heard) == before + 20


def test_a_watch_that_rests_can_be_ended_or_replaced_and_keeps_the_loop_running_until_then(
    each_loop: Reactor, clock: ManualClock, readable: socket.socket, heard: list[Any]
) -> None:
    each_loop.watch(readable, EVENT_READ, failing)
    settle(each_loop)
    assert each_loop.statistics().held == 1
    each_loop.watch(readable, EVENT_READ, lambda *_: heard.append("new"))
    settle(each_loop, 3)
    assert heard == ["new"] * 3
    each_loop.watch(readable, EVENT_READ, failing)
    settle(each_loop)
    each_loop.unwatch(readable)
    assert each_loop.statistics().held == 0
    clock.advance(1)
    settle(each_loop)
    assert heard == ["new"] * 3


def test_a_watch_that_ends_itself_and_raises_is_over(
    each_loop: Reactor, clock: ManualClock, readable: socket.socket, heard: list[Any]
) -> None:
    def watching(fd: int, events: int) -> None:
        heard.append(fd)
        if len(heard) == 2:
            each_loop.unwatch(fd)
        raise ValueError("the last")

    each_loop.watch(readable, EVENT_READ, watching)
    settle(each_loop)
    clock.advance(1)
    settle(each_loop)
    assert len(heard) == 2
    assert each_loop.statistics().held == 0


def test_a_watch_whose_descriptor_is_closed_while_it_rests_is_over(
    loop: Reactor, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    reader, writer = os.pipe()
    os.write(writer, b"x")
    loop.watch(reader, EVENT_READ, failing)
    settle(loop)
    os.close(reader)
    clock.advance(1)
    settle(loop)
    os.close(writer)
    assert loop.statistics().held == 0
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [
        f"the watch of descriptor {reader} by {failing!r} ends: the descriptor was closed"
    ]
    loop.unwatch(reader)


def test_a_reactor_closes_while_a_watch_rests(readable: socket.socket) -> None:
    with Reactor() as loop:
        loop.watch(readable, EVENT_READ, failing)
        settle(loop)
    assert loop.statistics().held == 0
