"""Other threads: calls into the loop, work out of it, and a loop in a thread of its own."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from reactor import Reactor, ReactorError, Server
from reactor.testing import Peer, pump
from tests.loop.conftest import SECONDS, in_thread

# call_soon_threadsafe


def test_a_call_from_a_thread_is_made_on_the_loops_thread_and_answered() -> None:
    with Reactor().start_thread() as loop:
        where = loop.call_soon_threadsafe(threading.get_ident).result(SECONDS)
        assert where != threading.get_ident()
        assert loop.call_soon_threadsafe(divmod, 7, 2).result(SECONDS) == (3, 1)


def test_what_it_raises_is_in_the_future_and_nowhere_else(caplog: pytest.LogCaptureFixture) -> None:
    with Reactor().start_thread() as loop:
        future = loop.call_soon_threadsafe(divmod, 7, 0)
        assert isinstance(future.exception(SECONDS), ZeroDivisionError)
    assert not caplog.records


def test_another_thread_can_listen_and_see_what_the_kernel_said() -> None:
    with Reactor().start_thread() as loop:
        server = Server(loop, lambda conn: conn.end(b"Goodbye\n"))
        address = loop.call_soon_threadsafe(server.listen, "127.0.0.1", 0).result(SECONDS)
        with Peer(address) as peer:
            assert peer.receive_all() == (b"Goodbye\n", "FIN")
        again = loop.call_soon_threadsafe(server.listen, *address)
        with pytest.raises(OSError, match=f"listen EADDRINUSE 127.0.0.1:{address[1]}"):
            again.result(SECONDS)


def test_calls_of_one_thread_are_made_in_order(real: Reactor, heard: list[Any]) -> None:
    in_thread(lambda: [real.call_soon_threadsafe(heard.append, n) for n in range(1000)])
    real.run()
    assert heard == list(range(1000))


def test_calls_of_many_threads_are_all_made(real: Reactor, heard: list[Any]) -> None:
    threads = [
        threading.Thread(target=lambda: [real.call_soon_threadsafe(heard.append, n) for n in range(500)])
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    pump(real, lambda: len(heard) == 4000)
    for thread in threads:
        thread.join()
    assert sorted(heard) == sorted(list(range(500)) * 8)


def test_it_wakes_a_loop_that_sleeps(each_loop: Reactor) -> None:
    asleep, woken = threading.Event(), threading.Event()
    each_loop.call_soon(asleep.set)
    each_loop.call_later(2 * SECONDS, print)  # it would sleep so long by itself

    def wake() -> None:
        asleep.wait(SECONDS)
        each_loop.call_soon_threadsafe(woken.set)
        answers.append(woken.wait(SECONDS))
        each_loop.stop()

    answers: list[bool] = []
    thread = threading.Thread(target=wake)
    thread.start()
    each_loop.run()
    thread.join()
    assert answers == [True]


def test_a_future_that_was_cancelled_in_time_is_not_called(real: Reactor, heard: list[Any]) -> None:
    future = real.call_soon_threadsafe(heard.append, "called")
    assert future.cancel()
    real.run()
    assert heard == []


def test_what_leaves_run_is_in_the_future_as_well(real: Reactor) -> None:
    def leave() -> None:
        raise KeyboardInterrupt

    future = real.call_soon_threadsafe(leave)
    with pytest.raises(KeyboardInterrupt):
        real.run()
    assert isinstance(future.exception(0), KeyboardInterrupt)


# run_in_thread


def test_work_is_done_off_the_loops_thread_and_answered_on_it(each_loop: Reactor) -> None:
    answers: list[Any] = []

    def answer(result: Any, error: BaseException | None) -> None:
        answers.append((result != threading.get_ident(), error, threading.get_ident()))

    each_loop.run_in_thread(threading.get_ident, callback=answer)
    each_loop.run()  # goes on until the job is answered
    assert answers == [(True, None, threading.get_ident())]


def test_what_work_raises_is_handed_to_the_callback(real: Reactor) -> None:
    answers: list[Any] = []
    real.run_in_thread(divmod, 7, 0, callback=lambda *answer: answers.append(answer))
    real.run()
    ((result, error),) = answers
    assert result is None
    assert isinstance(error, ZeroDivisionError)


@pytest.mark.expects_errors
def test_what_work_raises_is_logged_where_nobody_asks(real: Reactor, caplog: pytest.LogCaptureFixture) -> None:
    real.run_in_thread(divmod, 7, 0)
    real.run()
    assert "ZeroDivisionError" in caplog.text


def test_the_loop_goes_on_while_work_is_done(harness: Any, loop: Reactor) -> None:
    h = harness()
    h.server.on("data", lambda conn, data: conn.write(data))
    done = threading.Event()
    answers: list[Any] = []
    loop.run_in_thread(done.wait, SECONDS, callback=lambda *answer: answers.append(answer))
    assert loop.statistics().jobs == 1
    peer, _ = h.connect()
    peer.send(b"ping")
    pump(loop, lambda: not peer.nothing_comes())
    assert answers == []
    done.set()
    pump(loop, lambda: answers)
    assert answers == [(True, None)]
    assert loop.statistics().jobs == 0


def test_work_that_is_not_done_when_the_loop_closes_is_not_answered(real: Reactor) -> None:
    done = threading.Event()
    answers: list[Any] = []
    real.run_in_thread(done.wait, SECONDS, callback=lambda *answer: answers.append(answer))
    real.close()
    done.set()
    assert answers == []


@pytest.mark.parametrize("ask", ["result", "exception"])
@pytest.mark.parametrize("turn", ["run", "run_once"])
def test_a_loop_does_not_wait_for_a_call_of_its_own(loop: Reactor, ask: str, turn: str) -> None:
    answers: list[Any] = []

    def wait_for_itself() -> None:
        future = loop.call_soon_threadsafe(int)
        with pytest.raises(ReactorError, match=rf"{ask}\(\) was called on the loop's own thread"):
            getattr(future, ask)()
        answers.append(future)

    loop.call_soon(wait_for_itself)
    getattr(loop, turn)()
    loop.run()
    (future,) = answers
    assert future.result() == 0  # it was made meanwhile
