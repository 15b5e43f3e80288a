"""A loop in a thread of its own, beside a program that has a main thread already."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from reactor import Reactor, ReactorError, Server, WrongThread
from reactor.testing import Peer
from tests.loop.conftest import SECONDS, in_thread


def _thread_of(loop: Reactor) -> threading.Thread:
    thread: threading.Thread = loop.call_soon_threadsafe(threading.current_thread).result(SECONDS)
    return thread


def test_the_thread_runs_on_while_there_is_nothing_to_do() -> None:
    with Reactor().start_thread() as loop:
        for _ in range(3):
            assert loop.call_soon_threadsafe(lambda: "here").result(SECONDS) == "here"


def test_leaving_the_block_stops_the_thread_and_closes_the_loop() -> None:
    before = threading.active_count()
    with Reactor().start_thread() as loop:
        server = Server(loop)
        address = loop.call_soon_threadsafe(server.listen, "127.0.0.1", 0).result(SECONDS)
        peer = Peer(address)
        assert threading.active_count() == before + 1
    assert loop.closed
    assert threading.active_count() == before
    assert peer.outcome() == "ECONNRESET"
    peer.close()


def test_the_thread_is_a_daemon_so_that_it_never_keeps_a_process_alive() -> None:
    with Reactor().start_thread() as loop:
        thread = _thread_of(loop)
        assert thread.daemon
        assert thread.name == "reactor"


def test_starting_it_twice_is_refused() -> None:
    with Reactor().start_thread() as loop, pytest.raises(ReactorError, match="while the reactor is running"):
        loop.start_thread()


def test_starting_a_closed_one_is_refused(loop: Reactor) -> None:
    loop.close()
    with pytest.raises(ReactorError, match="closed reactor"):
        loop.start_thread()


def test_after_stop_it_may_be_started_again() -> None:
    with Reactor() as loop:
        for _ in range(2):
            loop.start_thread()
            thread = _thread_of(loop)
            loop.stop()
            thread.join(SECONDS)
            assert not thread.is_alive()


def test_after_stop_run_may_be_called_by_another_thread(heard: list[Any]) -> None:
    with Reactor() as loop:
        loop.start_thread()
        thread = _thread_of(loop)
        loop.stop()
        thread.join(SECONDS)
        loop.call_soon(heard.append, "here")
        loop.run()  # and it returns when nothing is left to do
    assert heard == ["here"]


def test_the_loop_may_be_closed_from_its_own_thread() -> None:
    loop = Reactor().start_thread()
    thread = _thread_of(loop)
    loop.call_soon_threadsafe(loop.close).result(SECONDS)
    thread.join(SECONDS)
    assert loop.closed
    assert not thread.is_alive()


def test_closing_from_the_wrong_thread_is_refused_where_run_was_called(loop: Reactor, heard: list[Any]) -> None:
    def close() -> None:
        with pytest.raises(WrongThread):
            in_thread(loop.close)
        heard.append("refused")

    loop.call_soon(close)
    loop.run()
    assert heard == ["refused"]
    assert not loop.closed


@pytest.mark.expects_errors
@pytest.mark.parametrize("leave", [SystemExit("enough"), KeyboardInterrupt()], ids=["sys.exit", "KeyboardInterrupt"])
def test_what_leaves_the_loops_own_thread_is_logged_and_closes_the_loop(
    leave: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    def leave_it() -> None:
        raise leave

    loop = Reactor().start_thread()
    thread = _thread_of(loop)
    late: list[Any] = []
    first = loop.call_soon_threadsafe(lambda: (late.append(loop.call_soon_threadsafe(print)), leave_it()))
    assert first.exception(SECONDS) is leave
    thread.join(SECONDS)
    assert not thread.is_alive()
    assert loop.closed
    assert late[0].done()
    assert loop.call_soon_threadsafe(print).cancelled()
    assert "its thread was left by what a listener raised" in caplog.text
    assert type(leave).__name__ in caplog.text
    loop.close()


@pytest.mark.expects_errors
def test_connections_of_a_thread_that_is_left_are_ended_and_told(heard: list[Any]) -> None:
    loop = Reactor().start_thread()
    server = Server(loop)
    server.on("data", lambda conn, data: (_ for _ in ()).throw(SystemExit(1)))
    server.on("close", lambda conn, report: heard.append(report.reason.name))
    address = loop.call_soon_threadsafe(server.listen, "127.0.0.1", 0).result(SECONDS)
    thread = _thread_of(loop)
    with Peer(address) as peer:
        peer.send(b"leave")
        assert peer.outcome() in ("ECONNRESET", "FIN")
    thread.join(SECONDS)
    assert loop.closed
    assert heard == ["DESTROYED"]
