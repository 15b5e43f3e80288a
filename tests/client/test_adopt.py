"""`adopt`: a socket that is connected already, from wherever, becomes a connection like any other."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from reactor import Connection, Reactor, ReactorError, Reason, Server, adopt, lines
from reactor.testing import Simulation, pump, settle
from tests.support.recording import Heard

Pair = tuple[socket.socket, socket.socket]  # ours, and the peer's


def over_tcp(host: str) -> Pair:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as listening:
        far = socket.create_connection(listening.getsockname()[:2])
        return listening.accept()[0], far


def sent_by_another_process() -> Pair:
    """A copy of a descriptor, as SCM_RIGHTS brings it."""
    near, far = socket.socketpair()
    with near, ExitStack() as stack:
        way = [stack.enter_context(one) for one in socket.socketpair()]
        socket.send_fds(way[0], [b"x"], [near.fileno()])
        _, (fd,), *_ = socket.recv_fds(way[1], 1, 1)
        return socket.socket(fileno=fd), far


PAIRS: dict[str, Callable[[], Pair]] = {
    "IPv4": lambda: over_tcp("127.0.0.1"),
    "IPv6": lambda: over_tcp("::1"),
    "a socket pair": socket.socketpair,
    "SCM_RIGHTS": sent_by_another_process,
}


@pytest.fixture(params=PAIRS)
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    with ExitStack() as stack:
        ours, far = PAIRS[request.param]()
        far.settimeout(5)
        yield stack.enter_context(ours), stack.enter_context(far)


@pytest.fixture
def tcp() -> Iterator[Pair]:
    ours, far = over_tcp("127.0.0.1")
    with ours, far:
        far.settimeout(5)
        yield ours, far


def test_it_is_open_at_once_and_lives_as_any_connection(pair: Pair, each_loop: Reactor) -> None:
    ours, far = pair
    number, remote = ours.fileno(), ours.getpeername()
    far.sendall(b"early")
    conn = adopt(each_loop, ours)
    heard = Heard(conn)
    assert (conn.state, conn.fileno(), ours.fileno(), conn.server) == ("open", number, -1, None)
    assert conn.loop is each_loop
    assert conn.remote_address == (remote[:2] if isinstance(remote, tuple) else "")
    conn.write(b"hello")
    assert far.recv(100) == b"hello"
    far.sendall(b" and late")
    pump(each_loop, lambda: heard.data() == b"early and late")
    far.shutdown(socket.SHUT_WR)
    report = heard.report(each_loop)
    assert heard.names() == ["data", "end", "finish", "close"]  # no `connect`: it was connected before
    assert (report.reason, report.clean, far.recv(1)) == (Reason.PEER_ENDED, True, b"")


def test_settings_are_those_of_connect(tcp: Pair, loop: Reactor, clock: Any) -> None:
    conn = adopt(loop, tcp[0], idle_timeout=5, pause_on_connect=True, keep_alive=45, no_delay=False, oob_inline=True)
    with socket.socket(fileno=socket.dup(conn.fileno())) as twin:
        options = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE), (socket.SOL_SOCKET, socket.SO_OOBINLINE)]
        assert [bool(twin.getsockopt(*option)) for option in options] == [True, True]
        assert twin.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 45
        assert not twin.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    heard = Heard(conn)
    tcp[1].sendall(b"x")
    settle(loop)
    assert heard.data() == b""
    conn.resume()
    pump(loop, lambda: heard.data() == b"x")
    clock.advance(5)
    assert heard.report(loop).reason is Reason.IDLE


@pytest.mark.parametrize("paused", [False, True])
def test_what_was_read_before_is_delivered_first(paused: bool, pair: Pair, each_loop: Reactor) -> None:
    ours, far = pair
    far.sendall(b" and late")
    far.shutdown(socket.SHUT_WR)
    conn = adopt(each_loop, ours, bytearray(b"early"), pause_on_connect=paused)
    heard = Heard(conn)
    if paused:
        settle(each_loop)
        assert "data" not in heard.names()
        conn.resume()
    report = heard.report(each_loop)
    assert heard.of("data")[0] == (b"early",)
    assert (heard.data(), heard.life()[-3:]) == (b"early and late", ["end", "finish", "close"])
    assert (report.bytes_read, report.bytes_discarded, report.clean) == (14, 0, True)


def test_a_message_may_begin_on_one_reactor_and_end_on_another(loop: Reactor, tcp: Pair) -> None:
    heard: list[bytes] = []
    first = adopt(loop, tcp[0])
    first.on("data", lines(lambda conn, line: heard.append(line)))
    tcp[1].sendall(b"one\ntw")
    pump(loop, lambda: heard)
    with Reactor(debug=True) as other:
        second = adopt(other, *first.detach())
        second.on("data", lines(lambda conn, line: heard.append(line)))
        tcp[1].sendall(b"o\n")
        pump(other, lambda: len(heard) == 2)
    assert heard == [b"one", b"two"]


def test_what_was_read_before_is_bytes(tcp: Pair, loop: Reactor) -> None:
    with pytest.raises(TypeError, match="data must be a bytes-like object, not 'text'"):
        adopt(loop, tcp[0], "text")  # type: ignore[arg-type]  # that is what is tested
    assert tcp[0].fileno() >= 0


def test_it_keeps_run_going_and_ends_with_the_reactor(tcp: Pair) -> None:
    with Reactor() as loop:
        heard = Heard(adopt(loop, tcp[0]))
        assert loop.statistics().held == 1
    assert heard.conn.report is not None
    assert heard.conn.report.reason is Reason.DESTROYED


@pytest.mark.parametrize("last", [b"last words", b""])
@pytest.mark.parametrize("how", ["FIN", "RST"])
def test_a_peer_that_has_gone_already_is_told_as_always(last: bytes, how: str, tcp: Pair, loop: Reactor) -> None:
    ours, far = tcp
    remote = ours.getpeername()
    far.sendall(last)
    if how == "RST":
        far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    far.close()
    heard = Heard(adopt(loop, ours))
    assert heard.conn.remote_address == remote
    report = heard.report(loop)
    assert heard.data() == last
    assert report.reason is (Reason.PEER_ENDED if how == "FIN" else Reason.PEER_RESET)


def test_a_blocking_socket_and_one_with_a_timeout_are_made_non_blocking(tcp: Pair, loop: Reactor) -> None:
    tcp[0].settimeout(3)
    conn = adopt(loop, tcp[0])
    settle(loop)  # a read that blocked would stop here
    with socket.socket(fileno=socket.dup(conn.fileno())) as twin, pytest.raises(BlockingIOError):
        twin.recv(1)


def test_a_class_of_the_programs_own_is_taken_by_its_descriptor(tcp: Pair, loop: Reactor) -> None:
    class Mine(socket.socket):
        def recv(self, *_: Any) -> bytes:
            raise AssertionError("nothing of it is called")

    heard = Heard(adopt(loop, Mine(fileno=tcp[0].detach())))
    tcp[1].sendall(b"hello")
    pump(loop, lambda: heard.data() == b"hello")


# What is refused.


def test_after_the_reactor_was_closed_it_is_refused(tcp: Pair) -> None:
    loop = Reactor()
    loop.close()
    with pytest.raises(ReactorError, match=r"adopt\(\) after the reactor was closed"):
        adopt(loop, tcp[0])
    assert tcp[0].getpeername() == tcp[1].getsockname()


def test_a_setting_of_connect_alone_is_unknown(tcp: Pair, loop: Reactor) -> None:
    for name in ("connect_timeout", "local_address", "max_connections", "idle_timout"):
        with pytest.raises(TypeError, match=f"unknown setting '{name}'"):
            adopt(loop, tcp[0], **{name: None})  # type: ignore[arg-type]  # that is what is tested
    assert tcp[0].fileno() >= 0


def test_a_socket_that_is_watched_is_refused(tcp: Pair, loop: Reactor) -> None:
    loop.watch(tcp[0], 1, print)
    with pytest.raises(ValueError, match=r"sock must not be in use on this reactor, as <.*> is by"):
        adopt(loop, tcp[0])
    loop.unwatch(tcp[0])
    adopt(loop, tcp[0])


def test_a_socket_of_a_connection_is_refused_and_lives_on(tcp: Pair, loop: Reactor) -> None:
    conn = adopt(loop, tcp[0])
    settle(loop)
    again = socket.socket(fileno=conn.fileno())
    with pytest.raises(ValueError, match="in use on this reactor"):
        adopt(loop, again)
    again.detach()
    conn.write(b"hello")
    assert tcp[1].recv(5) == b"hello"


def test_the_loop_must_be_a_reactor(tcp: Pair) -> None:
    with pytest.raises(TypeError, match="loop must be a Reactor, not 'loop'"):
        adopt("loop", tcp[0])  # type: ignore[arg-type]  # that is what is tested


def test_one_of_a_simulated_kernel_is_adopted_and_detached_there() -> None:
    world = Simulation()
    found: list[Any] = []
    server = Server(world.loop, lambda conn: found.append(conn.detach()[0]))
    server.listen("10.0.0.1", 80)
    client = world.client("10.0.0.1", 80)
    world.run(lambda: found)
    conn: Connection = adopt(world.loop, found[0])
    heard = Heard(conn)
    client.send(b"hello")
    client.end()
    world.run(lambda: conn.report is not None)
    assert (heard.data(), conn.report and conn.report.clean) == (b"hello", True)
    server.close()
    world.close()
