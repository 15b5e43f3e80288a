"""When accept fails: descriptors that have run out, clients that are gone already, a broken socket.

The limit on descriptors is lowered for this process, to what it has open. Peers are made before, and wait in
the backlog.
"""

from __future__ import annotations

import errno
import os
import resource
import select
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from reactor import Reactor, Reason, Server, lines
from reactor.testing import ManualClock, Peer, pump, settle
from tests.support.wire import all_acked, vanish

BATCH = 256  # acceptor.SHED_BATCH

Lower = Callable[..., None]


@pytest.fixture
def descriptors() -> Iterator[Lower]:
    """`descriptors(left=2)`: from now on this process can open so many more; `descriptors(left=None)`: enough again."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)

    def lower(left: int | None) -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
        if left is not None:
            numbers = _free_numbers(left + 1)
            resource.setrlimit(resource.RLIMIT_NOFILE, (numbers[-1], before[1]))

    yield lower
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def _free_numbers(count: int) -> list[int]:
    """The lowest numbers that are not in use: those that the kernel gives out next."""
    taken = [os.open(os.devnull, os.O_RDONLY) for _ in range(count)]
    for fd in taken:
        os.close(fd)
    return taken


@pytest.fixture
def waiting() -> Iterator[Callable[[Any, int], list[Peer]]]:
    """`waiting(address, count)`: peers in the backlog, closed after the test."""
    made: list[Peer] = []

    def connect(address: Any, count: int) -> list[Peer]:
        peers = [Peer(address) for _ in range(count)]
        made.extend(peers)
        return peers

    yield connect
    for peer in made:
        peer.close()


def _errors(server: Server) -> list[Any]:
    found: list[Any] = []
    server.on("accept_error", lambda who, error: found.append(error))
    return found


def _spins(loop: Reactor) -> bool:
    return bool(select.select([loop.fileno()], [], [], 0)[0])


def _outcomes(peers: list[Peer]) -> list[str]:
    """What each of them sees right now: "waits", "FIN" or "reset". Asking for a reset consumes it."""
    return [_outcome(peer.sock) for peer in peers]


def _outcome(sock: socket.socket) -> str:
    sock.setblocking(False)
    try:
        return "data" if sock.recv(1) else "FIN"
    except BlockingIOError:
        return "waits"
    except ConnectionResetError:
        return "reset"


def _warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]


def test_waiting_clients_are_told_by_a_reset(
    each_loop: Reactor, harness: Any, descriptors: Lower, waiting: Any
) -> None:
    h = harness(loop=each_loop)
    errors = _errors(h.server)
    peers = waiting(h.address, 5)
    descriptors(left=2)
    settle(each_loop)
    descriptors(left=None)
    assert len(h.record.connections) == 2
    assert _outcomes(peers) == ["waits"] * 2 + ["reset"] * 3
    assert [error.strerror for error in errors] == [f"accept EMFILE 127.0.0.1:{h.address[1]}"]
    assert errors[0].errno == errno.EMFILE


def test_one_batch_a_second_is_told_and_the_loop_does_not_spin_in_between(
    harness: Any, loop: Reactor, clock: ManualClock, descriptors: Lower, waiting: Any
) -> None:
    h = harness()
    peers = waiting(h.address, 2 * BATCH + 100)
    descriptors(left=0)
    for told in (BATCH, 2 * BATCH, 2 * BATCH + 100):
        settle(loop)
        assert not _spins(loop)
        clock.advance(0.75)
        settle(loop)
        assert h.server.statistics().refused == told
        clock.advance(0.25)
    descriptors(left=None)
    assert _outcomes(peers) == ["reset"] * len(peers)


@pytest.mark.parametrize("listening", [1, 3])
def test_a_server_logs_one_line_a_second_at_most(
    harness: Any,
    loop: Reactor,
    clock: ManualClock,
    descriptors: Lower,
    waiting: Any,
    caplog: pytest.LogCaptureFixture,
    listening: int,
) -> None:
    h = harness()
    addresses = [h.address, *(h.server.listen("127.0.0.1", 0) for _ in range(listening - 1))]
    for address in addresses:
        waiting(address, 3 * BATCH)
    descriptors(left=0)
    for second in range(1, 4):
        for _ in range(4):
            settle(loop)
            clock.advance(0.25)
        assert len(_warnings(caplog)) <= second
    descriptors(left=None)
    assert f"accept EMFILE 127.0.0.1:{h.address[1]}" in _warnings(caplog)[0]
    assert "256 waiting clients were reset" in _warnings(caplog)[0]


def test_accepting_goes_on_a_second_later_when_descriptors_are_there_again(
    each_loop: Reactor, harness: Any, clock: ManualClock, descriptors: Lower, waiting: Any
) -> None:
    h = harness(loop=each_loop)
    waiting(h.address, 1)
    descriptors(left=0)
    settle(each_loop)
    descriptors(left=None)
    assert h.server.listening
    _, late = waiting(h.address, 2)
    clock.advance(1)
    pump(each_loop, lambda: len(h.record.connections) == 2)
    assert h.record.connections[1].remote_address == late.address


def test_accepting_goes_on_at_once_when_a_connection_gives_its_descriptor_back(
    harness: Any, loop: Reactor, descriptors: Lower, waiting: Any
) -> None:
    h = harness()
    _, conn = h.connect()
    waiting(h.address, 1 + BATCH)
    descriptors(left=0)
    settle(loop)
    assert len(h.record.connections) == 1
    conn.destroy()
    settle(loop)
    descriptors(left=None)
    assert len(h.record.connections) == 2


def test_lingering_connections_are_given_up_first(
    harness: Any, loop: Reactor, descriptors: Lower, waiting: Any, caplog: pytest.LogCaptureFixture
) -> None:
    h = harness()
    errors = _errors(h.server)
    _, busy = h.connect()
    lingering = [h.connect()[1] for _ in range(3)]
    for conn in lingering:
        conn.destroy_soon()
    pump(loop, lambda: h.record.names(lingering[2]) == ["finish"])
    peers = waiting(h.address, 2)
    descriptors(left=0)
    settle(loop)
    descriptors(left=None)
    assert [conn.remote_address for conn in h.record.connections[4:]] == [peer.address for peer in peers]
    assert [conn.state for conn in lingering] == ["closed"] * 3
    assert busy.state == "open"
    assert errors == []
    assert _warnings(caplog) == []


def test_a_lingering_connection_that_was_given_up_has_lost_nothing(
    harness: Any, loop: Reactor, descriptors: Lower, waiting: Any
) -> None:
    h = harness()
    peer, conn = h.connect()
    conn.write(b"bye")
    conn.destroy_soon()
    pump(loop, lambda: h.record.names() == ["finish"])
    assert peer.receive(3) == b"bye"
    pump(loop, all_acked(conn))
    waiting(h.address, 1)
    descriptors(left=0)
    settle(loop)
    descriptors(left=None)
    report = h.record.connections[0].report
    assert (report.reason, report.phase, report.bytes_unsent) == (Reason.GIVEN_UP, "lingering", 0)
    assert conn.fileno() == -1


@pytest.mark.parametrize("ending", ["destroy_soon with bytes under way", "end"])
def test_what_may_still_be_delivered_or_heard_is_not_given_up(
    ending: str, harness: Any, loop: Reactor, descriptors: Lower, waiting: Any
) -> None:
    h = harness()
    peer, conn = h.connect()
    if ending == "end":
        conn.end()
    else:
        vanish(peer)
        conn.write(b"bye")
        conn.destroy_soon()
    pump(loop, lambda: h.record.names() == ["finish"])
    waiting(h.address, 1)
    descriptors(left=0)
    settle(loop)
    descriptors(left=None)
    assert conn.state != "closed"


def test_the_last_descriptor_is_no_trouble_while_nobody_else_waits(
    each_loop: Reactor, harness: Any, descriptors: Lower, waiting: Any, caplog: pytest.LogCaptureFixture
) -> None:
    h = harness(loop=each_loop)
    errors = _errors(h.server)
    _, lingering = h.connect()
    lingering.destroy_soon()
    pump(each_loop, lambda: h.record.names(lingering) == ["finish"])
    waiting(h.address, 1)
    descriptors(left=1)
    settle(each_loop)  # accept(2) says EMFILE before it looks whether there is anybody
    descriptors(left=None)
    assert len(h.record.connections) == 2
    assert lingering.state == "closing"
    assert (errors, _warnings(caplog)) == ([], [])


def test_without_a_spare_descriptor_clients_wait_until_there_are_some(
    harness: Any, loop: Reactor, clock: ManualClock, descriptors: Lower, waiting: Any
) -> None:
    h = harness()
    errors = _errors(h.server)
    sock = socket.create_server(("127.0.0.1", 0))
    (peer,) = waiting(sock.getsockname(), 1)
    descriptors(left=0)
    h.server.listen(sock=sock)  # too late to put a descriptor aside
    settle(loop)
    assert not _spins(loop)
    assert peer.nothing_comes()
    assert len(errors) == 1
    descriptors(left=None)
    clock.advance(1)
    pump(loop, lambda: h.record.connections)
    assert h.record.conn.remote_address == peer.address


def test_connections_are_served_while_there_are_no_descriptors(
    harness: Any, loop: Reactor, descriptors: Lower, waiting: Any
) -> None:
    h = harness()
    h.server.on("data", lambda conn, data: conn.write(data))
    peer, _ = h.connect()
    waiting(h.address, 2 * BATCH)
    descriptors(left=0)
    settle(loop)
    peer.send(b"ping")
    settle(loop)
    descriptors(left=None)
    assert peer.receive(4) == b"ping"


def test_a_server_in_trouble_can_be_closed(
    harness: Any, loop: Reactor, clock: ManualClock, descriptors: Lower, waiting: Any
) -> None:
    h = harness()
    waiting(h.address, 1)
    descriptors(left=0)
    settle(loop)
    descriptors(left=None)
    stopped: list[object] = []
    h.server.on("stopped", lambda server, report: stopped.append(report))
    h.server.close()
    clock.advance(5)
    settle(loop)
    assert len(stopped) == 1


def test_an_accept_error_listener_may_close_the_server(
    harness: Any, loop: Reactor, descriptors: Lower, waiting: Any
) -> None:
    h = harness()
    h.server.on("accept_error", lambda server, error: server.close())
    waiting(h.address, 3)
    descriptors(left=0)
    settle(loop)
    descriptors(left=None)
    assert not h.server.listening
    assert not _spins(loop)


# give_up_idle: the longest idle are given up.


def _idle_ones(h: Any, loop: Reactor, clock: ManualClock, count: int) -> list[Any]:
    """Connections, each idle for 10 s longer than the next."""
    found = []
    for number in range(count):
        peer, conn = h.connect()
        peer.send(b"hello %d" % number)
        pump(loop, lambda conn=conn: conn.bytes_read)  # type: ignore[misc]
        found.append(conn)
        clock.advance(10)
    return found


def test_nobody_is_given_up_for_being_idle_unless_the_program_says_so(
    harness: Any, loop: Reactor, clock: ManualClock, descriptors: Lower, waiting: Any
) -> None:
    h = harness()
    idle = _idle_ones(h, loop, clock, 3)
    waiting(h.address, 1)
    descriptors(left=0)
    settle(loop)
    descriptors(left=None)
    assert [conn.state for conn in idle] == ["open"] * 3


def test_the_longest_idle_are_given_up_when_descriptors_run_out(
    each_loop: Reactor, harness: Any, clock: ManualClock, descriptors: Lower, waiting: Any
) -> None:
    h = harness(loop=each_loop, give_up_idle=25)
    errors = _errors(h.server)
    idle = _idle_ones(h, each_loop, clock, 5)  # for 50, 40, 30, 20 and 10 s
    waiting(h.address, 2)
    descriptors(left=0)
    settle(each_loop)
    descriptors(left=None)
    assert len(h.record.connections) == 7
    assert [conn.state for conn in idle] == ["closed"] * 3 + ["open"] * 2
    assert {conn.report.reason for conn in idle[:3]} == {Reason.GIVEN_UP}
    assert {(conn.report.phase, conn.report.bytes_unsent, conn.report.bytes_unacked) for conn in idle[:3]} == {
        ("open", 0, 0)
    }
    assert h.server.statistics().ended == {Reason.GIVEN_UP: 3}
    assert errors == []


def test_who_lingers_is_given_up_before_who_is_idle(
    harness: Any, loop: Reactor, clock: ManualClock, descriptors: Lower, waiting: Any
) -> None:
    h = harness(give_up_idle=5)
    (idle,) = _idle_ones(h, loop, clock, 1)
    _, lingering = h.connect()
    lingering.destroy_soon()
    pump(loop, lambda: h.record.names(lingering) == ["finish"])
    waiting(h.address, 1)
    descriptors(left=0)
    settle(loop)
    descriptors(left=None)
    assert (lingering.state, idle.state) == ("closed", "open")


@pytest.mark.parametrize("busy", ["unread input", "output under way", "paused", "touched", "half a line", "half-open"])
def test_who_would_lose_something_by_it_is_not_given_up(
    harness: Any, loop: Reactor, clock: ManualClock, descriptors: Lower, waiting: Any, busy: str
) -> None:
    h = harness(give_up_idle=5, allow_half_open=True, write_timeout=None)
    peer, conn = h.connect()
    if busy == "unread input":
        conn.pause()
        settle(loop)
        peer.send(b"request")
    elif busy == "output under way":
        vanish(peer)
        conn.write(b"answer")
    elif busy == "paused":
        conn.pause()
    elif busy == "half a line":
        conn.on("data", lines(lambda conn, line: None))
        peer.send(b"hel")
        pump(loop, lambda: conn.bytes_read)
    elif busy == "half-open":
        peer.end()
        pump(loop, lambda: conn.peer_gone)
    clock.advance(10)
    if busy == "touched":
        conn.touch()
    waiting(h.address, 1)
    descriptors(left=0)
    settle(loop)
    descriptors(left=None)
    assert conn.state != "closed"
