"""SIGPIPE has its default action, which kills: a peer that leaves does not make it come, in whatever way we write."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from reactor import Connection, Reactor, connect
from reactor.engine import sigpipe
from reactor.testing import Peer, pump, settle
from tests.support.children import in_child
from tests.support.recording import Harness


@pytest.fixture(autouse=True)
def by_default() -> Iterator[None]:
    """As in a program that has restored it; if it came, it would end the tests."""
    before = signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGPIPE, before)


def cork(conn: Connection) -> None:
    with conn.corked():
        conn.write(b"a")
        conn.write(b"b")


WAYS: dict[str, Callable[[Connection], object]] = {
    "write": lambda conn: conn.write(b"x"),
    "write twice": lambda conn: (conn.write(b"x"), conn.write(b"y")),
    "write much": lambda conn: conn.write(bytes(1 << 20)),
    "writelines": lambda conn: conn.writelines([b"x", b"y"]),
    "write with a callback": lambda conn: conn.write(bytearray(b"x"), lambda conn, error: None),
    "end with data": lambda conn: conn.end(b"x"),
    "destroy_soon": lambda conn: (conn.write(b"x"), conn.destroy_soon()),
    "corked": cork,
    "send_file": lambda conn: conn.send_file(__file__),
    "an object with read": lambda conn: conn.send_file(Bytes()),
}


class Bytes:
    """A file that sendfile(2) cannot read."""

    def seek(self, offset: int, whence: int = 0) -> int:
        return 100

    def read(self, count: int) -> bytes:
        return bytes(min(count, 100))


@pytest.mark.parametrize("where", ["in a listener", "between turns"])
@pytest.mark.parametrize("way", WAYS)
def test_a_peer_that_has_gone_is_an_error_and_no_signal(way: str, where: str, harness: Any, tmp_path: Path) -> None:
    made: Harness = harness(path=tmp_path / "socket")
    peer, conn = made.connect()
    conn.pause()
    settle(made.loop)
    peer.close()
    if where == "in a listener":
        made.loop.call_soon(WAYS[way], conn)
    else:
        WAYS[way](conn)
    report = made.closed(conn)
    assert isinstance(report.error, ConnectionError)


def test_a_tcp_peer_that_ended_and_then_reset_is_an_error_and_no_signal(harness: Any) -> None:
    """After FIN and RST a write fails with EPIPE at once."""
    made: Harness = harness(allow_half_open=True)
    peer, conn = made.connect()
    peer.end()
    pump(made.loop, lambda: conn.peer_gone)
    conn.write(b"x")
    peer.reset()
    for _ in range(3):
        conn.write(b"y")
        settle(made.loop, 2)
    made.closed(conn)


@pytest.mark.parametrize("change", ["before the connection", "before run_once()", "before a write"])
def test_it_does_not_matter_when_the_program_restores_the_default(change: str, loop: Reactor, tmp_path: Path) -> None:
    signal.signal(signal.SIGPIPE, signal.SIG_DFL if change == "before the connection" else signal.SIG_IGN)
    made = Harness(loop, path=tmp_path / "socket")
    peer, conn = made.connect()
    client = connect(loop, path=tmp_path / "socket")
    pump(loop, lambda: client.state == "open" and len(made.record.connections) == 2)
    other = made.record.connections[1]
    conn.pause()
    other.pause()
    settle(loop)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    if change == "before run_once()":
        loop.call_soon(conn.write, b"x")
        peer.close()
        loop.run_once(0)
    else:
        peer.close()
        conn.write(b"x")
    made.closed(conn)
    other.destroy()
    pump(loop, lambda: other.report is not None)
    client.write(b"x")
    pump(loop, lambda: client.report is not None)


def test_an_ignored_signal_costs_a_connection_nothing(scene: Any) -> None:
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    plain = scene()
    assert type(plain.conn._sock).send is socket.SocketType.send


def test_sendfile_leaves_the_mask_and_a_signal_that_was_pending_as_they_were() -> None:
    left, right = socket.socketpair()
    right.close()
    with left, open(__file__, "rb") as file:
        with pytest.raises(BrokenPipeError):
            sigpipe.without(os.sendfile, left.fileno(), file.fileno(), 0, 10)
        assert signal.sigpending() == set()
        assert signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGPIPE]) == set()
        signal.pthread_kill(threading.get_ident(), signal.SIGPIPE)
        with pytest.raises(BrokenPipeError):
            sigpipe.without(os.sendfile, left.fileno(), file.fileno(), 0, 10)
        assert signal.sigpending() == {signal.SIGPIPE}
        assert signal.sigtimedwait([signal.SIGPIPE], 0) is not None
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGPIPE])


def test_a_wake_up_by_another_thread_while_the_loop_closes_is_no_signal() -> None:
    def child() -> bool:
        with Reactor() as loop:
            loop._turns._wakeup._reader.close()
            loop.call_soon_threadsafe(print)
            return True

    assert in_child(child)


def test_the_default_stays_the_programs(loop: Reactor) -> None:
    settle(loop)
    assert signal.getsignal(signal.SIGPIPE) == signal.SIG_DFL
    with Peer(Harness(loop).address):
        settle(loop)
    assert signal.getsignal(signal.SIGPIPE) == signal.SIG_DFL
