"""A forked child, and its parent, who feels nothing of what the child does to the loop, servers and connections that it
has inherited; and what the child can do with them.
"""

from __future__ import annotations

import contextlib
import gc
import os
import selectors
import signal
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from reactor import Connection, Reactor, ReactorError, Server, connect
from reactor.testing import ManualClock, Peer, pump, settle
from tests.conftest import SELECTORS, open_descriptors
from tests.support.children import SECONDS, Child, fork, in_child


class Echo:
    """A server that echoes, in a process that forks, and one client whose connection is there at the fork."""

    def __init__(self, loop: Reactor, path: Path | None = None, **settings: Any) -> None:
        self.loop = loop
        self.heard: list[Any] = []
        self.server = Server(loop, **settings)
        self.server.on("data", self.answer)
        self.server.on("close", lambda conn, report: self.heard.append(report))
        self.server.on("stopped", lambda server, report: self.heard.append(report))
        self.address: Any = self.server.listen(path=path) if path else self.server.listen("127.0.0.1", 0)
        self.peer, self.conn = self.client()
        self.says(self.peer)

    def answer(self, conn: Connection, data: bytes) -> None:
        conn.write(data)

    def client(self) -> tuple[Peer, Connection]:
        known = set(self.server.connections)
        peer = Peer(self.address)
        pump(self.loop, lambda: set(self.server.connections) - known)
        (conn,) = set(self.server.connections) - known
        return peer, conn

    def says(self, peer: Peer, text: bytes = b"hello") -> None:
        """The peer is echoed."""
        peer.send(text)
        pump(self.loop, lambda: not peer.nothing_comes())
        assert peer.sock.recv(100) == text

    def lives(self) -> None:
        """The parent serves: the client of before, and a new one; it hears both ends, and nothing was told."""
        assert self.heard == []
        self.says(self.peer)
        if isinstance(self.address, tuple):
            sock: Any = self.conn._sock
            linger = sock.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8)
            assert struct.unpack("ii", linger)[0] == 0
        peer, conn = self.client()
        self.says(peer)
        peer.close()
        pump(self.loop, lambda: conn.report is not None)
        self.heard.clear()
        self.peer.end()
        pump(self.loop, lambda: self.conn.report is not None)
        assert self.conn.report is not None
        assert self.conn.report.clean


WORLDS = [("tcp", kind) for kind in SELECTORS] + [("unix", None)]


@pytest.fixture(params=WORLDS, ids=lambda world: f"{world[0]}-{'own' if world[1] is None else world[1].__name__}")
def echo(request: pytest.FixtureRequest, clock: ManualClock, tmp_path: Path) -> Iterator[Echo]:
    kind, selector = request.param
    with Reactor(selector and selector(), clock=clock, debug=True) as loop:
        made = Echo(loop, tmp_path / "socket" if kind == "unix" else None)
        yield made
        made.peer.close()


@pytest.fixture
def plain(loop: Reactor) -> Iterator[Echo]:
    made = Echo(loop)
    yield made
    made.peer.close()


# The parent feels nothing.


def leave_with(echo: Echo) -> None:
    with echo.loop:
        sys.exit(3)


def collect(echo: Echo) -> None:
    echo.loop = echo.server = echo.conn = None  # type: ignore[assignment]  # all is garbage
    gc.collect()


def change_options(echo: Echo) -> None:
    with pytest.raises(ReactorError):
        echo.conn.set_no_delay(False)
    with pytest.raises(ReactorError):
        echo.server.keep_alive = True


ACTS: dict[str, Callable[[Echo], object]] = {
    "leaves by sys.exit": leave_with,
    "closes the server": lambda echo: echo.server.close(),
    "shuts the server down": lambda echo: echo.server.shutdown(0),
    "closes server and loop": lambda echo: (echo.server.close(), echo.loop.close()),
    "closes the loop": lambda echo: echo.loop.close(),
    "closes the loop twice": lambda echo: (echo.loop.close(), echo.loop.close()),
    "resets": lambda echo: echo.conn.reset(),
    "destroys": lambda echo: echo.conn.destroy(),
    "ends": lambda echo: echo.conn.end(),
    "ends soon": lambda echo: echo.conn.destroy_soon(),
    "pauses and resumes": lambda echo: (echo.conn.pause(), echo.conn.resume()),
    "stops": lambda echo: echo.loop.stop(),
    "calls soon": lambda echo: echo.loop.call_soon_threadsafe(print),
    "changes options": change_options,
    "forgets all": collect,
    "does nothing": lambda echo: None,
}


@pytest.mark.parametrize("act", ACTS)
def test_the_parent_feels_nothing_of_a_child_that(act: str, echo: Echo) -> None:
    turns = echo.loop.statistics().turns
    in_child(lambda: ACTS[act](echo) and None)
    echo.loop.run_once(0)
    echo.loop.run_once(0.01)
    assert echo.loop.statistics().turns == turns + 2
    echo.lives()


@pytest.mark.parametrize("act", ACTS)
def test_the_parent_feels_nothing_of_a_child_that_was_forked_in_a_listener_and(act: str, plain: Echo) -> None:
    others = [plain.client() for _ in range(3)]
    told: list[int] = []

    def hear(conn: Connection, data: bytes) -> None:
        if not told:
            child = Child(lambda: ACTS[act](plain) and None)
            told.append(child.pid)
            child.result()
        conn.write(data)

    plain.server.off("data", plain.answer)
    plain.server.on("data", hear)
    for peer, _ in others:
        peer.send(b"all at once")
    for peer, _ in others:
        pump(plain.loop, lambda: not peer.nothing_comes())  # noqa: B023 - called at once
        assert peer.sock.recv(100) == b"all at once"
        peer.close()
    pump(plain.loop, lambda: len(plain.heard) == 3)
    plain.heard.clear()
    plain.lives()


def test_the_parent_feels_nothing_of_a_child_that_goes_on_in_its_listener(echo: Echo) -> None:
    """The child comes back into the parent's turn, with other clients' bytes read and a backlog to accept from."""
    others = [echo.client() for _ in range(3)]
    reader, writer = os.pipe()
    mine = os.getpid()
    forks: list[int] = []

    def hear(conn: Connection, data: bytes) -> None:
        if not forks:
            forks.append(fork())
        os.write(writer, b"%d\n" % os.getpid())
        if os.getpid() == mine:
            conn.write(data)

    echo.server.off("data", echo.answer)
    echo.server.on("data", hear)
    for peer, _ in others:
        peer.send(b"x")
    late = Peer(echo.address)
    echo.loop.call_soon(lambda: os.write(writer, b"ready call of %d\n" % os.getpid()))
    try:
        echo.loop.run_once(SECONDS)
        while os.getpid() == mine and any(peer.nothing_comes() for peer, _ in others):
            echo.loop.run_once(SECONDS)
        raised = ""
        if os.getpid() != mine:
            echo.loop.run_once(0)
    except ReactorError as error:
        raised = str(error)
    finally:
        if os.getpid() != mine:
            os.write(writer, b"the child raised: %s\n" % raised.encode())
            os._exit(0)
    os.waitpid(forks[0], 0)
    os.close(writer)
    with open(reader) as told:
        lines = sorted(told.read().split("\n")[:-1])
    child = [line for line in lines if line == str(forks[0])]
    assert len(child) == 1, "the child has heard one listener, the one that forked"
    assert len([line for line in lines if line == str(mine)]) == 3
    assert (
        "the child raised: run_once() in a forked child: the reactor is its parent's until renew_after_fork()" in lines
    )
    echo.server.off("data", hear)
    echo.server.on("data", echo.answer)
    for peer, _ in others:
        peer.close()
    with late:
        pump(echo.loop, lambda: len(echo.heard) == 3)
        echo.heard.clear()
        echo.lives()


def test_a_child_that_exits_in_a_listener_leaves_run_by_it(plain: Echo) -> None:
    plain.server.off("data", plain.answer)

    def hear(conn: Connection, data: bytes) -> None:
        if (pid := fork()) == 0:
            sys.exit(7)
        status = os.waitpid(pid, 0)[1]
        plain.heard.append(os.waitstatus_to_exitcode(status))

    plain.server.on("data", hear)
    plain.peer.send(b"x")
    try:
        pump(plain.loop, lambda: plain.heard)
    except SystemExit as error:
        os._exit(int(str(error.code)))
    assert plain.heard == [7]
    plain.heard.clear()
    plain.server.off("data", hear)
    plain.server.on("data", plain.answer)
    plain.lives()


def test_the_parent_sleeps_while_a_child_wakes_its_own_loop(plain: Echo) -> None:

    def child() -> None:
        plain.loop.call_soon_threadsafe(print)
        plain.loop.call_soon(print)
        plain.loop.stop()

    in_child(child)
    settle(plain.loop, 2)
    began = time.monotonic()
    plain.loop.run_once(0.05)
    assert time.monotonic() - began > 0.04


@pytest.mark.parametrize("started", [True, False], ids=["the loop runs in a thread", "the loop has run"])
def test_a_fork_beside_the_thread_of_a_loop(started: bool) -> None:
    with Reactor() as loop:
        loop.start_thread()
        server = Server(loop)
        server.on("data", lambda conn, data: conn.write(data))
        address: Any = loop.call_soon_threadsafe(server.listen, "127.0.0.1", 0).result()
        if not started:
            loop.stop()
        with Peer(address) as peer:
            if started:
                peer.send(b"x")
                assert peer.sock.recv(1) == b"x"
            assert in_child(lambda: (loop.close(), loop.closed)[1])
            if started:
                peer.send(b"y")
                assert peer.sock.recv(1) == b"y"


def test_a_fork_in_a_thread(plain: Echo) -> None:
    told: list[Any] = []
    thread = threading.Thread(target=lambda: told.append(in_child(plain.loop.close)))
    thread.start()
    thread.join()
    assert told == [None]
    plain.lives()


def test_a_client_of_the_parent_survives_its_child(plain: Echo) -> None:
    heard: list[bytes] = []
    conn = connect(plain.loop, *plain.address)
    conn.on("data", lambda conn, data: heard.append(data))
    pump(plain.loop, lambda: conn.state == "open")

    def child() -> None:
        conn.reset()
        plain.loop.close()

    in_child(child)
    conn.write(b"x")
    pump(plain.loop, lambda: heard)
    conn.destroy()
    pump(plain.loop, lambda: conn.report is not None and len(plain.heard) == 1)
    plain.heard.clear()
    plain.lives()


def test_a_client_that_is_on_its_way_is_the_parents(plain: Echo) -> None:
    conn = connect(plain.loop, "localhost", plain.address[1], family=socket.AF_INET)
    plain.loop.run_once(0)  # the look-up is under way

    def child() -> str:
        plain.loop.renew_after_fork(connections=True)
        return conn.state

    assert in_child(child) == "closed"
    pump(plain.loop, lambda: conn.state == "open")
    conn.destroy()
    pump(plain.loop, lambda: conn.report is not None and len(plain.heard) == 1)
    plain.heard.clear()
    plain.lives()


# The child's reactor is its parent's.


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("run()", lambda echo: echo.loop.run()),
        ("run_once()", lambda echo: echo.loop.run_once(0)),
        ("listen()", lambda echo: echo.server.listen("127.0.0.1", 0)),
        ("connect()", lambda echo: connect(echo.loop, "127.0.0.1", 1)),
        ("start_thread()", lambda echo: echo.loop.start_thread()),
        ("on_signal()", lambda echo: echo.loop.on_signal(signal.SIGUSR1, print)),
        ("fileno()", lambda echo: echo.loop.fileno()),
        ("write() on a connection of the parent", lambda echo: echo.conn.write(b"x")),
        ("writelines() on a connection of the parent", lambda echo: echo.conn.writelines([b"x"])),
        ("end(data) on a connection of the parent", lambda echo: echo.conn.end(b"x")),
        ("send_file() on a connection of the parent", lambda echo: echo.conn.send_file(__file__)),
        ("set_keep_alive() on a connection of the parent", lambda echo: echo.conn.set_keep_alive()),
        ("set_user_timeout() on a connection of the parent", lambda echo: echo.conn.set_user_timeout(1)),
        ("to change max_connections", lambda echo: setattr(echo.server, "max_connections", 3)),
    ],
)
def test_in_the_child_it_is_refused(name: str, call: Callable[[Echo], object], plain: Echo) -> None:
    def child() -> str:
        try:
            call(plain)
        except ReactorError as error:
            return str(error)
        return "nothing was raised"

    assert in_child(child) == f"{name} in a forked child: the reactor is its parent's until renew_after_fork()"
    plain.lives()


@pytest.mark.parametrize("selector", SELECTORS)
def test_closing_in_the_child_gives_back_the_descriptors_and_tells_nobody(selector: Any, tmp_path: Path) -> None:
    before = open_descriptors()
    with Reactor(selector and selector()) as loop:
        made = Echo(loop, tmp_path / "socket")
        made.conn.send_file(__file__, callback=lambda conn, error: made.heard.append(error))
        client = connect(loop, path=tmp_path / "socket")
        client.on("close", lambda conn, report: made.heard.append(report))

        def child() -> Any:
            made.peer.close()
            loop.close()
            left = {entry for entry in open_descriptors() - before if "gone" not in entry}
            return len(left), made.heard, (tmp_path / "socket").exists(), made.conn.report

        assert in_child(child) == (1, [], True, None)  # the one is the pipe of the test
        made.peer.close()


def test_a_job_of_the_parent_is_no_job_of_the_child(plain: Echo) -> None:
    wait = threading.Event()
    plain.loop.run_in_thread(wait.wait, SECONDS, callback=lambda result, error: plain.heard.append(result))
    future: list[Any] = []

    def child() -> Any:
        refused = plain.loop.call_soon_threadsafe(print).cancelled()
        plain.loop.renew_after_fork()
        told: list[Any] = []
        plain.loop.run_in_thread(os.getpid, callback=lambda result, error: told.append(result))
        thread = threading.Thread(target=lambda: future.append(plain.loop.call_soon_threadsafe(os.getpid)))
        thread.start()
        pump(plain.loop, lambda: told and future and future[0].done())
        return refused, told == [os.getpid()], future[0].result() == os.getpid(), plain.heard

    assert in_child(child) == (True, True, True, [])
    wait.set()
    pump(plain.loop, lambda: plain.heard)
    assert plain.heard == [True]
    plain.heard.clear()


def test_what_a_thread_had_asked_of_the_parents_loop_is_not_done_by_the_child(plain: Echo) -> None:
    asked = threading.Thread(target=lambda: plain.loop.call_soon_threadsafe(plain.heard.append, "asked"))
    asked.start()
    asked.join()

    def child() -> list[Any]:
        plain.loop.renew_after_fork()
        settle(plain.loop)
        return plain.heard

    assert in_child(child) == []
    pump(plain.loop, lambda: plain.heard)
    plain.heard.clear()


# A loop of its own.


def pid_of_the_server(address: Any) -> int:
    with Peer(address, timeout=SECONDS) as peer:
        peer.send(b"who")
        return int(peer.sock.recv(100))


def serving(loop: Reactor, path: Path | None) -> tuple[Server, Any]:
    """A server that tells the number of its process, and ends with its first client."""
    server = Server(loop)
    server.on("data", lambda conn, data: conn.end(b"%d" % os.getpid()))
    server.on("close", lambda conn, report: server.close())
    return server, server.listen(path=path) if path else server.listen("127.0.0.1", 0)


@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_a_renewed_child_accepts_at_the_sockets_of_its_parent(kind: str, each_loop: Reactor, tmp_path: Path) -> None:
    server, address = serving(each_loop, tmp_path / "socket" if kind == "unix" else None)

    def child() -> bool:
        each_loop.renew_after_fork()
        each_loop.run()
        return server.listening

    one = Child(child)
    assert pid_of_the_server(address) == one.pid
    assert one.result() is False
    peer = Peer(address)  # the parent goes on
    pump(each_loop, lambda: server.connections)
    peer.send(b"who")
    pump(each_loop, lambda: not peer.nothing_comes())
    assert peer.sock.recv(100) == b"%d" % os.getpid()
    peer.close()
    each_loop.run()
    assert not (tmp_path / "socket").exists()


@pytest.mark.parametrize("way", [os._exit, sys.exit])
@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_a_daemon_goes_on_when_its_parent_leaves(way: Callable[[int], Any], kind: str, tmp_path: Path) -> None:
    """The test's child listens, forks the daemon, and leaves before that is asked."""
    path = tmp_path / "socket"
    reader, writer = os.pipe()

    def parent() -> Any:
        loop, left = Reactor(), os.getpid()
        _, address = serving(loop, path if kind == "unix" else None)
        if (daemon := fork()) == 0:
            signal.alarm(int(SECONDS))
            os.setsid()
            loop.renew_after_fork()
            while os.getppid() == left:
                time.sleep(0.001)
            os.write(writer, b"ready")
            loop.run()
            loop.close()
            os.write(writer, b"!" if path.exists() else b".")
            os._exit(0)
        if way is sys.exit:
            while kind == "unix" and path.stat().st_mtime < time.time() + 1:  # until the daemon has claimed it
                time.sleep(0.001)
            with contextlib.suppress(SystemExit), loop:
                sys.exit(0)
        return address, daemon

    address, daemon = in_child(parent)
    assert os.read(reader, 5) == b"ready"
    assert pid_of_the_server(address) == daemon
    assert os.read(reader, 1) == b"."  # the last one takes the file with it
    os.close(reader)
    os.close(writer)


def test_the_file_of_a_socket_goes_with_the_last_process_that_accepts(loop: Reactor, tmp_path: Path) -> None:
    path = tmp_path / "socket"
    server = Server(loop)
    server.listen(path=path)

    def child() -> bool:
        loop.renew_after_fork()
        loop.close()
        return path.exists()

    assert in_child(child)  # the parent still accepts
    with Peer(str(path)):
        pump(loop, lambda: server.connections)
    server.close()
    assert not path.exists()


def test_a_child_that_only_holds_a_copy_does_not_keep_the_file(loop: Reactor, tmp_path: Path) -> None:
    server = Server(loop)
    server.listen(path=tmp_path / "socket")
    child = Child(lambda: time.sleep(SECONDS))
    server.close()
    assert not (tmp_path / "socket").exists()
    child.wait(kill=True)
    os.close(child._told)


def test_timers_calls_and_watched_descriptors_go_on_in_a_renewed_child(
    each_loop: Reactor, pair: tuple[socket.socket, socket.socket]
) -> None:
    told: list[str] = []
    each_loop.call_later(0, told.append, "timer")
    each_loop.call_later(0, told.append, "cancelled").cancel()
    each_loop.call_soon(told.append, "call")
    each_loop.watch(pair[0], selectors.EVENT_READ, lambda fd, events: told.append(pair[0].recv(10).decode()))

    def child() -> list[str]:
        timer = each_loop.call_later(0, told.append, "armed since, and cancelled")
        each_loop.call_later(0, told.append, "armed since")
        each_loop.call_soon(told.append, "called since")
        each_loop.renew_after_fork()
        timer.cancel()
        pair[1].send(b"watched")
        pump(each_loop, lambda: len(told) == 5)
        settle(each_loop)
        return told

    assert in_child(child) == ["call", "called since", "watched", "timer", "armed since"]
    settle(each_loop)
    assert told == ["call", "timer"]
    each_loop.unwatch(pair[0])


def test_a_close_that_was_about_to_be_told_is_told_in_the_parent_only(plain: Echo) -> None:
    plain.conn.destroy()
    plain.loop.run_once(0)  # torn down; `close` comes in the next turn

    def child() -> Any:
        plain.loop.renew_after_fork()
        settle(plain.loop)
        return plain.heard, len(plain.server.connections)

    assert in_child(child) == ([], 0)
    pump(plain.loop, lambda: plain.heard)


def test_a_child_of_a_child_can_be_the_one_that_renews(plain: Echo) -> None:
    def grandchild() -> bool:
        plain.loop.renew_after_fork()
        peer, conn = plain.client()
        plain.says(peer)
        return plain.conn.state == "closed" and conn in plain.server.connections

    assert in_child(lambda: in_child(grandchild))
    plain.lives()


def test_a_renewed_child_that_forks_is_a_parent_like_any_other(plain: Echo) -> None:
    def child() -> bool:
        plain.loop.renew_after_fork()
        plain.peer, plain.conn = plain.client()
        in_child(plain.loop.close)
        plain.lives()
        return True

    assert in_child(child)
    plain.lives()


def test_there_is_nothing_to_renew_without_a_fork_or_after_close(plain: Echo) -> None:
    with pytest.raises(ReactorError, match="nothing to renew"):
        plain.loop.renew_after_fork()

    def child() -> str:
        plain.loop.close()
        with pytest.raises(ReactorError, match="nothing to renew"):
            plain.loop.renew_after_fork()
        return "raised"

    assert in_child(child) == "raised"


def test_a_renewed_child_may_wait_on_another_selector(plain: Echo) -> None:
    def child() -> bool:
        plain.loop.renew_after_fork(selector=selectors.PollSelector())
        peer, _ = plain.client()
        plain.says(peer)
        return True

    assert in_child(child)
    plain.lives()


def test_renewing_fails_as_a_whole_and_can_be_tried_again(plain: Echo) -> None:
    class Full(selectors.PollSelector):
        def register(self, *args: Any, **options: Any) -> Any:
            raise OSError(12, "no memory")

    def child() -> bool:
        with pytest.raises(OSError, match="no memory"):
            plain.loop.renew_after_fork(selector=Full())
        with pytest.raises(ReactorError):
            plain.loop.run_once(0)
        plain.loop.renew_after_fork()
        peer, _ = plain.client()
        plain.says(peer)
        return True

    assert in_child(child)


# Connections that the child takes over.


def test_a_connection_that_was_asked_for_is_the_childs(echo: Echo) -> None:
    """The parent drops its copy, and the peer notices nothing; the end that the child says is the end."""
    other, _ = echo.client()
    go, gone = os.pipe()

    def child() -> Any:
        echo.loop.renew_after_fork(connections=[echo.conn])
        os.read(go, 1)
        pump(echo.loop, lambda: echo.conn.report is not None)
        return len(echo.heard), echo.conn.report is not None and echo.conn.report.clean

    one = Child(child)
    echo.conn.destroy()
    pump(echo.loop, lambda: len(echo.heard) == 1)
    assert echo.peer.nothing_comes()
    os.write(gone, b".")
    echo.peer.send(b"to the child")
    assert echo.peer.sock.recv(100) == b"to the child"
    echo.peer.end()
    assert echo.peer.sock.recv(100) == b""
    assert one.result() == (1, True)
    os.close(go)
    os.close(gone)
    echo.says(other)
    other.close()
    pump(echo.loop, lambda: len(echo.heard) == 2)


def test_a_child_takes_what_waits_to_be_sent_and_to_be_heard_with_a_connection(plain: Echo) -> None:
    plain.server.off("data", plain.answer)
    plain.conn.on("data", lambda conn, data: plain.heard.append(data))
    plain.conn.write(bytes(16_000_000))
    plain.conn.pause()
    plain.peer.send(b"unread")
    settle(plain.loop)
    pending = plain.conn.pending_bytes
    assert pending

    def child() -> Any:
        plain.loop.renew_after_fork(connections=True)
        plain.conn.resume()
        plain.conn.end()
        pump(plain.loop, lambda: plain.heard and not plain.conn.pending_bytes, seconds=SECONDS)
        return plain.heard

    one = Child(child)
    plain.conn.destroy()
    settle(plain.loop)
    got = 0
    while piece := plain.peer.sock.recv(1 << 20):
        got += len(piece)
    assert got == 16_000_000
    assert one.result() == [b"unread"]


def test_what_was_read_before_the_fork_goes_with_the_connection(plain: Echo) -> None:
    """Two clients speak in one turn, and the listener of the first forks: the second's bytes are in both processes."""
    peers = [plain.client()[0] for _ in range(2)]
    for peer in peers * 3:
        plain.says(peer)  # from now on small messages are expected, and read ahead
    plain.server.off("data", plain.answer)
    children: list[int] = []
    mine = os.getpid()

    def hear(conn: Connection, data: bytes) -> None:
        if not children:
            children.append(fork())
        elif os.getpid() != mine:
            conn.end(b"child: " + data)

    plain.server.on("data", hear)
    for peer in peers:
        peer.send(b"x")
    pump(plain.loop, lambda: children)
    if os.getpid() != mine:
        try:
            plain.loop.renew_after_fork(connections=True)
            pump(plain.loop, lambda: any(conn.state == "read_only" for conn in plain.server.connections))
        finally:
            os._exit(0)
    for conn in plain.server.connections:
        conn.destroy()
    settle(plain.loop)
    plain.heard.clear()
    got = [peer.sock.recv(100) for peer in peers]
    os.waitpid(children[0], 0)
    assert sorted(got)[-1] == b"child: x"
    for peer in peers:
        peer.close()


def test_a_server_may_fork_for_each_client(each_loop: Reactor) -> None:
    """As inetd does: the child takes its client, inside the listener, and the parent drops its copy."""
    server = Server(each_loop)
    mine = os.getpid()
    children: list[int] = []

    def greet(conn: Connection) -> None:
        pid = fork()
        if pid:
            children.append(pid)
            conn.destroy()
            return
        each_loop.renew_after_fork(connections=[conn])
        server.close()
        conn.on("data", lambda conn, data: conn.end(b"%d" % os.getpid()))
        conn.on("finish", lambda conn: os._exit(0))

    server.on("connection", greet)
    address: Any = server.listen("127.0.0.1", 0)
    peers = [Peer(address, timeout=SECONDS) for _ in range(3)]
    try:
        pump(each_loop, lambda: len(children) == 3 or os.getpid() != mine)
        if os.getpid() != mine:
            each_loop.run()
    finally:
        if os.getpid() != mine:
            os._exit(1)
    for peer in peers:
        peer.send(b"who")
    assert sorted(int(peer.sock.recv(100)) for peer in peers) == sorted(children)
    for peer in peers:
        peer.close()
    assert [os.waitpid(pid, 0)[1] for pid in children] == [0, 0, 0]
    server.close()
    each_loop.run()


@pytest.mark.parametrize("strange", ["another", "closed"])
def test_a_child_can_take_over_open_connections_of_the_reactor_only(strange: str, plain: Echo) -> None:
    with Reactor() as other:
        made = Echo(other)
        wanted = made.conn
        if strange == "closed":
            peer, wanted = plain.client()
            wanted.destroy()
            pump(plain.loop, lambda: wanted.report is not None)
            peer.close()
            plain.heard.clear()

        def child() -> str:
            with pytest.raises(ValueError, match="must be open connections of this reactor") as caught:
                plain.loop.renew_after_fork(connections=[plain.conn, wanted])
            return str(caught.value)

        assert in_child(child).endswith(f"not {wanted!r}")
        made.peer.close()
    plain.lives()


def test_a_limit_counts_the_clients_that_a_child_has(loop: Reactor) -> None:
    made = Echo(loop, max_connections=2)

    def child() -> Any:
        loop.renew_after_fork()
        peers = [made.client()[0] for _ in range(2)]
        refused = Peer(made.address)
        pump(loop, lambda: made.server.statistics().refused)
        return made.server.statistics().open, len(made.server.connections), len(peers), refused.sock.recv(1)

    assert in_child(child)[:3] == (2, 2, 2)
    made.lives()
    made.peer.close()
