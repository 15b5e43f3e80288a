"""When threads, descriptors or memory have run out: what is called raises or reports, and everything goes on."""

from __future__ import annotations

import errno
import os
import selectors
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import reactor
from reactor import Connection, Reactor, Reason, Server, connect
from reactor.net.sockets import opening
from reactor.testing import ManualClock, Peer, pump, settle
from tests.conftest import open_descriptors
from tests.support.exhausting import descriptors, no_thread
from tests.support.far_ends import ACCEPTS, FarEnds, connected
from tests.support.recording import Heard

SECONDS = 10.0
HOME = os.path.dirname(reactor.__file__) + os.sep


# Threads.


@pytest.mark.parametrize("error", [RuntimeError("can't start new thread"), MemoryError()], ids=["limit", "memory"])
def test_a_reactor_whose_thread_cannot_be_started_can_be_started_later_run_and_closed(error: BaseException) -> None:
    with Reactor() as loop:
        for _ in range(2):
            with no_thread(error), pytest.raises(type(error)):
                loop.start_thread()
        loop.run()  # and returns: nothing is left to do
        loop.start_thread()
        assert loop.call_soon_threadsafe(lambda: "runs").result(SECONDS) == "runs"
    assert loop.closed


def test_a_job_that_can_have_no_thread_raises_at_the_call_and_leaves_nothing_to_wait_for(loop: Reactor) -> None:
    with no_thread(), pytest.raises(RuntimeError, match="can't start new thread"):
        loop.run_in_thread(int)
    loop.run()
    assert loop.statistics().jobs == 0


class StoppedAt:
    """A thread that posts a call, and stops at one line of the library's code until the loop has closed."""

    def __init__(self, loop: Reactor, line: int) -> None:
        self.future: Any = None
        self.lines = 0
        self._loop, self._line = loop, line
        self._there, self._closed = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._post)

    def _trace(self, frame: FrameType, event: str, arg: Any) -> Any:
        if not frame.f_code.co_filename.startswith(HOME):
            return None
        if event == "line":
            self.lines += 1
            if self.lines == self._line:
                self._there.set()
                assert self._closed.wait(SECONDS)
        return self._trace

    def _post(self) -> None:
        sys.settrace(self._trace)
        try:
            self.future = self._loop.call_soon_threadsafe(int)
        finally:
            sys.settrace(None)
            self._there.set()

    def close_meanwhile(self) -> None:
        self._thread.start()
        assert self._there.wait(SECONDS)
        self._loop.close()
        self._closed.set()
        self._thread.join(SECONDS)


def test_a_call_that_is_posted_while_the_reactor_closes_is_answered_or_cancelled() -> None:
    """Wherever the system takes the processor from the thread that posts it."""
    line, left = 1, 1
    while left >= 0:
        loop = Reactor()
        stopped = StoppedAt(loop, line)
        stopped.close_meanwhile()
        assert stopped.future.done(), f"it waits for ever after a stop at line {line} of {stopped.lines}"
        left = stopped.lines - line
        line += 1
    assert line > 5


def test_many_threads_that_post_while_the_reactor_closes_are_all_answered() -> None:
    for _ in range(20):
        loop = Reactor().start_thread()
        futures: list[Any] = []
        begun = threading.Barrier(4)

        def post(loop: Reactor = loop, futures: list[Any] = futures, begun: threading.Barrier = begun) -> None:
            begun.wait(SECONDS)
            for _ in range(200):
                futures.append(loop.call_soon_threadsafe(int))

        threads = [threading.Thread(target=post) for _ in range(3)]
        for thread in threads:
            thread.start()
        begun.wait(SECONDS)
        loop.close()
        for thread in threads:
            thread.join(SECONDS)
        assert len(futures) == 600
        assert all(future.done() for future in futures)


# Descriptors.


@pytest.mark.parametrize("left", range(3))
def test_a_reactor_that_cannot_be_made_leaves_nothing_open(left: int) -> None:
    before = open_descriptors()
    with descriptors(left), pytest.raises(OSError, match="Too many open files"):
        Reactor()
    assert {entry for entry in open_descriptors() - before if "gone" not in entry} == set()


@pytest.mark.parametrize("by", ["port", "path"])
def test_listen_raises_and_the_server_may_listen_later(loop: Reactor, tmp_path: Path, by: str) -> None:
    server = Server(loop)
    arguments: dict[str, Any] = {"path": str(tmp_path / "s")} if by == "path" else {"host": "127.0.0.1", "port": 0}
    with descriptors(left=0), pytest.raises(OSError, match=r"EMFILE|Too many open files"):
        server.listen(**arguments)
    assert not server.listening
    server.listen(**arguments)
    assert server.listening


def test_a_server_that_found_no_spare_descriptor_takes_its_clients_in_when_there_are_some(
    loop: Reactor, clock: ManualClock
) -> None:
    came: list[Connection] = []
    server = Server(loop, came.append)
    with descriptors(left=1):
        address = server.listen("127.0.0.1", 0)
    peers = [Peer(address) for _ in range(2)]
    with descriptors(left=0):
        settle(loop)
    assert came == []
    clock.advance(1)
    pump(loop, lambda: len(came) == 2)
    for peer in peers:
        peer.close()


@pytest.mark.parametrize("where", [("127.0.0.1", 1), ("localhost", 1), "path"], ids=["address", "name", "path"])
def test_a_client_fails_at_once_and_says_why(loop: Reactor, tmp_path: Path, where: Any) -> None:
    with descriptors(left=0):
        if where == "path":
            conn = connect(loop, path=str(tmp_path / "s"), connect_timeout=None)
        else:
            conn = connect(loop, *where, connect_timeout=None)
        heard = Heard(conn)
        report = heard.report(loop)
    assert (report.reason, heard.error().errno) == (Reason.CONNECT_FAILED, errno.EMFILE)


def test_a_file_that_no_descriptor_can_be_had_for_raises_at_the_call_and_the_connection_goes_on(
    harness: Any, tmp_path: Path
) -> None:
    (tmp_path / "f").write_bytes(b"contents")
    h = harness()
    peer, conn = h.connect()
    with open(tmp_path / "f", "rb") as file:
        for one in (tmp_path / "f", file):  # opened at the call; its descriptor is duplicated at the call
            with descriptors(left=0), pytest.raises(OSError, match="Too many open files"):
                conn.send_file(one)
    conn.end(b"fine")
    pump(h.loop, lambda: conn.state != "open" and not conn.pending_bytes)
    settle(h.loop)
    assert peer.receive_all() == (b"fine", "FIN")


# What is waited on, and memory.


class Full(selectors.PollSelector):
    """A selector that takes no more: epoll_ctl(2) is like that at /proc/sys/fs/epoll/max_user_watches."""

    error: BaseException | None = None

    def register(self, *args: Any, **options: Any) -> Any:
        if self.error is not None:
            raise self.error
        return super().register(*args, **options)


FULL = [OSError(errno.ENOSPC, "No space left on device"), OSError(errno.ENOMEM, "Cannot allocate memory")]


@pytest.mark.parametrize("error", [*FULL, MemoryError()], ids=["ENOSPC", "ENOMEM", "memory"])
def test_a_client_that_cannot_be_waited_for_fails_at_once(clock: ManualClock, error: BaseException) -> None:
    selector = Full()
    with FarEnds({"127.0.0.1": ACCEPTS}) as far, Reactor(selector, clock, debug=True) as loop:
        selector.error = error
        heard = Heard(connect(loop, "127.0.0.1", far.port, connect_timeout=None))
        report = heard.report(loop)
        assert report.reason is Reason.CONNECT_FAILED
        assert heard.error().errno == getattr(error, "errno", errno.ENOMEM)
        selector.error = None
        connected(loop, connect(loop, "127.0.0.1", far.port))


@pytest.mark.parametrize("error", FULL, ids=["ENOSPC", "ENOMEM"])
@pytest.mark.parametrize("call", ["watch", "listen"])
def test_what_cannot_be_waited_for_raises_at_the_call(clock: ManualClock, call: str, error: BaseException) -> None:
    selector = Full()
    with Reactor(selector, clock, debug=True) as loop, socket.socket() as sock:
        selector.error = error
        calls: dict[str, Callable[[], object]] = {
            "watch": lambda: loop.watch(sock, selectors.EVENT_READ, print),
            "listen": lambda: Server(loop).listen("127.0.0.1", 0),
        }
        with pytest.raises(OSError, match=str(error.args[1])):
            calls[call]()
        loop.run()  # and returns: nothing of it is left
    assert loop.statistics().held == 0


def test_a_server_without_memory_for_a_client_takes_it_in_later(
    harness: Any, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def accept(*_: object) -> None:
        raise MemoryError

    h = harness()
    errors = h.server_told("accept_error")
    h.queue(1)
    with monkeypatch.context() as exhausted:
        exhausted.setattr(opening, "accept", accept)
        settle(h.loop)
    assert [error.errno for (error,) in errors] == [errno.ENOMEM]
    clock.advance(1)
    pump(h.loop, lambda: len(h.record.connections) == 1)


def test_a_connection_for_whose_bytes_there_is_no_memory_ends_and_the_others_go_on(
    harness: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    h = harness()
    peer, conn = h.connect()
    other_peer, other = h.connect()
    heard: list[bytes] = []
    other.on("data", lambda conn, data: heard.append(data))
    real = type(conn._sock).recv

    def recv(self: Any, size: int) -> bytes:
        if self is conn._sock:
            raise MemoryError
        return bytes(real(self, size))

    monkeypatch.setattr(type(conn._sock), "recv", recv)
    peer.send(b"x")
    other_peer.send(b"y")
    report = h.closed(conn)
    assert (report.reason, report.error.errno) == (Reason.NETWORK_ERROR, errno.ENOMEM)
    pump(h.loop, lambda: heard == [b"y"])
