"""Signals as calls of the loop."""

from __future__ import annotations

import os
import selectors
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from reactor import Reactor, Server
from reactor.engine.turn import Turns
from reactor.testing import Peer, pump, settle


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """Every reactor puts back what it found."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGINT)}
    wakeup = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(wakeup)
    yield
    assert {number: signal.getsignal(number) for number in handlers} == handlers
    assert signal.set_wakeup_fd(-1) == wakeup


@pytest.fixture(autouse=True)
def closed(as_before: None, loop: Reactor) -> Iterator[None]:
    """The reactor is closed before that is looked at."""
    yield
    loop.close()


def _send(signum: int) -> None:
    os.kill(os.getpid(), signum)


def test_a_signal_is_a_call_of_the_loop_with_its_number(loop: Reactor, heard: list[Any]) -> None:
    loop.on_signal(signal.SIGUSR1, heard.append)
    _send(signal.SIGUSR1)
    assert heard == []  # not from inside the handler
    pump(loop, lambda: heard)
    assert heard == [signal.SIGUSR1]


def test_each_signal_has_its_own_function(loop: Reactor, heard: list[Any]) -> None:
    loop.on_signal(signal.SIGUSR1, lambda number: heard.append(("one", number)))
    loop.on_signal(signal.SIGUSR2, lambda number: heard.append(("two", number)))
    _send(signal.SIGUSR2)
    pump(loop, lambda: heard)
    _send(signal.SIGUSR1)
    pump(loop, lambda: len(heard) == 2)
    assert heard == [("two", signal.SIGUSR2), ("one", signal.SIGUSR1)]


def test_a_signal_wakes_a_loop_that_sleeps(heard: list[Any]) -> None:
    with Reactor() as real:
        timer = real.call_later(10, print)  # it would sleep so long by itself

        def stop(signum: int) -> None:
            heard.append(signum)
            timer.cancel()

        real.on_signal(signal.SIGUSR1, stop)
        sender = threading.Timer(0.05, _send, [signal.SIGUSR1])
        sender.start()
        real.run()
        sender.join()
    assert heard == [signal.SIGUSR1]


def test_a_later_function_replaces_the_earlier(loop: Reactor, heard: list[Any]) -> None:
    loop.on_signal(signal.SIGUSR1, lambda number: heard.append("first"))
    loop.on_signal(signal.SIGUSR1, lambda number: heard.append("second"))
    _send(signal.SIGUSR1)
    pump(loop, lambda: heard)
    settle(loop)
    assert heard == ["second"]


def test_none_puts_back_what_was_there_before(loop: Reactor) -> None:
    mine: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda number, frame: mine.append(number))
    loop.on_signal(signal.SIGUSR1, print)
    loop.on_signal(signal.SIGUSR1, print)
    loop.on_signal(signal.SIGUSR1, None)
    _send(signal.SIGUSR1)
    settle(loop)
    assert mine == [signal.SIGUSR1]
    signal.signal(signal.SIGUSR1, before)


def test_none_for_a_signal_nobody_listens_to_is_harmless(loop: Reactor) -> None:
    before = signal.getsignal(signal.SIGUSR1)
    loop.on_signal(signal.SIGUSR1, None)
    assert signal.getsignal(signal.SIGUSR1) == before


def test_sigint_listened_to_is_no_keyboard_interrupt(loop: Reactor, heard: list[Any]) -> None:
    loop.on_signal(signal.SIGINT, heard.append)
    _send(signal.SIGINT)
    pump(loop, lambda: heard)
    assert heard == [signal.SIGINT]


def test_listening_does_not_keep_run_going(loop: Reactor) -> None:
    loop.on_signal(signal.SIGUSR1, print)
    loop.run()
    assert loop.statistics().held == 0


def test_closing_the_reactor_puts_everything_back(loop: Reactor) -> None:
    before = signal.getsignal(signal.SIGUSR1)
    loop.on_signal(signal.SIGUSR1, print)
    loop.on_signal(signal.SIGUSR2, print)
    loop.close()
    assert signal.getsignal(signal.SIGUSR1) == before
    loop.on_signal(signal.SIGUSR1, print)  # harmless
    assert signal.getsignal(signal.SIGUSR1) == before


def test_the_wake_up_descriptor_of_a_host_is_left_alone(loop: Reactor) -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    before = signal.set_wakeup_fd(writer)
    try:
        loop.on_signal(signal.SIGUSR1, print)
        assert signal.set_wakeup_fd(writer) == writer
        loop.on_signal(signal.SIGUSR1, None)
        assert signal.set_wakeup_fd(writer) == writer
    finally:
        signal.set_wakeup_fd(before)
        os.close(reader)
        os.close(writer)


@pytest.mark.expects_errors
def test_what_its_function_raises_is_logged_and_the_loop_goes_on(loop: Reactor, heard: list[Any]) -> None:
    def fail(signum: int) -> None:
        heard.append(signum)
        raise RuntimeError("mine")

    loop.on_signal(signal.SIGUSR1, fail)
    for count in (1, 2):
        _send(signal.SIGUSR1)
        pump(loop, lambda: len(heard) == count)  # noqa: B023 - called at once


def test_only_the_main_thread_may_listen(loop: Reactor) -> None:
    caught: list[str] = []

    def listen() -> None:
        try:
            loop.on_signal(signal.SIGUSR1, print)
        except ValueError as error:
            caught.append(str(error))

    thread = threading.Thread(target=listen)
    thread.start()
    thread.join()
    assert caught == ["on_signal must be called from the main thread (signal.signal demands it)"]


def test_a_signal_that_cannot_be_caught_is_refused_and_leaves_nothing_behind(loop: Reactor) -> None:
    with pytest.raises(OSError, match="Invalid argument"):
        loop.on_signal(signal.SIGKILL, print)
    assert signal.getsignal(signal.SIGKILL) == signal.SIG_DFL


@contextmanager
def handled_by(handler: Callable[..., object]) -> Iterator[None]:
    """A signal comes soon, and meets a handler that the reactor knows nothing of."""
    before = signal.signal(signal.SIGUSR1, handler)
    sender = threading.Timer(0.05, _send, [signal.SIGUSR1])
    sender.start()
    try:
        yield
    finally:
        sender.join()
        signal.signal(signal.SIGUSR1, before)


@pytest.mark.parametrize("call", ["shutdown", "close", "close the reactor", "call_soon", "write"])
def test_a_plain_signal_handler_may_call_anything_while_the_loop_sleeps(call: str) -> None:
    with Reactor() as real:
        server = Server(real)
        peer = Peer(server.listen("127.0.0.1", 0))
        pump(real, lambda: server.connections)
        settle(real)
        conn = next(iter(server.connections))
        late = real.call_later(10, real.stop)  # it would sleep so long by itself

        def handle(number: int, frame: object) -> None:
            match call:
                case "shutdown":
                    server.shutdown(0)
                case "close":
                    server.close()
                    conn.destroy()
                case "close the reactor":
                    real.close()
                case "call_soon":
                    real.call_soon(real.stop)
                case "write":
                    conn.write(b"first")
                    conn.write(b"second", lambda conn, error: real.stop())
            late.unref()

        with peer, handled_by(handle):
            real.run()
            assert late.active


@pytest.mark.parametrize("step", range(5))
def test_a_reactor_that_a_plain_signal_handler_closes_does_not_sleep_before_that(step: int) -> None:
    with Reactor() as real:
        real.call_later(10, print)  # it would sleep so long by itself
        real.run_once(0)  # no byte of that call is left to wake it
        late = threading.Timer(20, real.call_soon_threadsafe, [print])
        late.start()
        steps = iter(range(step + 1))

        def close_at_step(frame: Any, event: str, arg: Any) -> Any:
            if frame.f_code is not Turns.take_turn.__code__:
                return None
            if event == "line" and next(steps) == step:
                sys.settrace(None)
                frame.f_trace = None
                real.close()
            return close_at_step

        before = sys.gettrace()
        sys.settrace(close_at_step)
        try:
            real.run()
        finally:
            sys.settrace(before)
        assert late.is_alive()
        late.cancel()
        late.join()


@pytest.mark.parametrize("selector", [selectors.SelectSelector, selectors.PollSelector])
def test_a_plain_signal_handler_may_close_a_socket_that_is_waited_for(
    selector: type[selectors.BaseSelector],
) -> None:
    with Reactor(selector()) as real:
        server = Server(real)
        server.listen("127.0.0.1", 0)
        settle(real)
        with handled_by(lambda *_: server.close()):
            real.run()
    assert not server.listening
