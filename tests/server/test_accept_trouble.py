"""When accept fails because descriptors have run out.

The limit on descriptors is lowered for this process, to what it has open. Peers are made before, and wait in
the backlog.
"""

from __future__ import annotations

import errno
import select
import socket
from typing import Any

import pytest

from reactor import Reactor, Reason, lines
from reactor.testing import ManualClock, Peer, pump, settle
from tests.support.exhausting import descriptors
from tests.support.wire import all_acked, vanish

BATCH = 256  # acceptor.SHED_BATCH


def run_out(loop: Reactor, left: int = 0) -> None:
    """A few turns with this many descriptors left; then there are enough again."""
    with descriptors(left):
        settle(loop)


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
    """All but those of callbacks that took long, which a busy machine brings about."""
    found = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    return [text for text in found if " took " not in text]


def test_waiting_clients_are_told_by_a_reset(each_loop: Reactor, harness: Any) -> None:
    h = harness(loop=each_loop)
    errors = h.server_told("accept_error")
    peers = h.queue(5)
    run_out(each_loop, left=2)
    assert len(h.record.connections) == 2
    assert _outcomes(peers) == ["waits"] * 2 + ["reset"] * 3
    ((error,),) = errors
    assert (error.errno, error.strerror) == (errno.EMFILE, f"accept EMFILE 127.0.0.1:{h.address[1]}")


def test_one_batch_a_second_is_told_and_the_loop_does_not_spin_in_between(h: Any, clock: ManualClock) -> None:
    peers = h.queue(2 * BATCH + 100)
    with descriptors(left=0):
        for told in (BATCH, 2 * BATCH, 2 * BATCH + 100):
            settle(h.loop)
            assert not _spins(h.loop)
            clock.advance(0.75)
            settle(h.loop)
            assert h.server.statistics().refused == told
            clock.advance(0.25)
    assert _outcomes(peers) == ["reset"] * len(peers)


@pytest.mark.parametrize("listening", [1, 3])
def test_a_server_logs_one_line_a_second_at_most(
    h: Any, clock: ManualClock, caplog: pytest.LogCaptureFixture, listening: int
) -> None:
    for address in [h.address, *(h.server.listen("127.0.0.1", 0) for _ in range(listening - 1))]:
        h.queue(3 * BATCH, address)
    with descriptors(left=0):
        for second in range(1, 4):
            for _ in range(4):
                settle(h.loop)
                clock.advance(0.25)
            assert len(_warnings(caplog)) <= second
    assert f"accept EMFILE 127.0.0.1:{h.address[1]}" in _warnings(caplog)[0]
    assert "256 waiting clients were reset" in _warnings(caplog)[0]


def test_accepting_goes_on_a_second_later_when_descriptors_are_there_again(
    each_loop: Reactor, harness: Any, clock: ManualClock
) -> None:
    h = harness(loop=each_loop)
    h.queue(1)
    run_out(each_loop)
    assert h.server.listening
    _, late = h.queue(2)
    clock.advance(1)
    pump(each_loop, lambda: len(h.record.connections) == 2)
    assert h.record.connections[1].remote_address == late.address


def test_accepting_goes_on_at_once_when_a_connection_gives_its_descriptor_back(h: Any) -> None:
    _, conn = h.connect()
    h.queue(1 + BATCH)
    with descriptors(left=0):
        settle(h.loop)
        assert len(h.record.connections) == 1
        conn.destroy()
        settle(h.loop)
    assert len(h.record.connections) == 2


def _lingering(h: Any, count: int = 1) -> list[Any]:
    """Connections that have said everything and wait for the end of their peers."""
    found = [h.connect()[1] for _ in range(count)]
    for conn in found:
        conn.destroy_soon()
    pump(h.loop, lambda: all(h.record.names(conn) == ["finish"] for conn in found))
    return found


def test_lingering_connections_are_given_up_first(h: Any, caplog: pytest.LogCaptureFixture) -> None:
    errors = h.server_told("accept_error")
    _, busy = h.connect()
    lingering = _lingering(h, 3)
    peers = h.queue(2)
    run_out(h.loop)
    assert [conn.remote_address for conn in h.record.connections[4:]] == [peer.address for peer in peers]
    assert [conn.state for conn in lingering] == ["closed"] * 3
    assert busy.state == "open"
    assert (errors, _warnings(caplog)) == ([], [])


def test_a_lingering_connection_that_was_given_up_has_lost_nothing(h: Any) -> None:
    peer, conn = h.connect()
    conn.write(b"bye")
    conn.destroy_soon()
    pump(h.loop, lambda: h.record.names() == ["finish"])
    assert peer.receive(3) == b"bye"
    pump(h.loop, all_acked(conn))
    h.queue(1)
    run_out(h.loop)
    report = conn.report
    assert (report.reason, report.phase, report.bytes_unsent) == (Reason.GIVEN_UP, "lingering", 0)
    assert conn.fileno() == -1


@pytest.mark.parametrize("ending", ["destroy_soon with bytes under way", "end"])
def test_what_may_still_be_delivered_or_heard_is_not_given_up(ending: str, h: Any) -> None:
    peer, conn = h.connect()
    if ending == "end":
        conn.end()
    else:
        vanish(peer)
        conn.write(b"bye")
        conn.destroy_soon()
    pump(h.loop, lambda: h.record.names() == ["finish"])
    h.queue(1)
    run_out(h.loop)
    assert conn.state != "closed"


def test_the_last_descriptor_is_no_trouble_while_nobody_else_waits(
    each_loop: Reactor, harness: Any, caplog: pytest.LogCaptureFixture
) -> None:
    h = harness(loop=each_loop)
    errors = h.server_told("accept_error")
    (lingering,) = _lingering(h)
    h.queue(1)
    run_out(each_loop, left=1)  # accept(2) says EMFILE before it looks whether there is anybody
    assert len(h.record.connections) == 2
    assert lingering.state == "closing"
    assert (errors, _warnings(caplog)) == ([], [])


def test_without_a_spare_descriptor_clients_wait_until_there_are_some(h: Any, clock: ManualClock) -> None:
    errors = h.server_told("accept_error")
    sock = socket.create_server(("127.0.0.1", 0))
    (peer,) = h.queue(1, sock.getsockname())
    with descriptors(left=0):
        h.server.listen(sock=sock)  # too late to put a descriptor aside
        settle(h.loop)
        assert not _spins(h.loop)
        assert peer.nothing_comes()
        assert len(errors) == 1
    clock.advance(1)
    pump(h.loop, lambda: h.record.connections)
    assert h.record.conn.remote_address == peer.address


def test_connections_are_served_while_there_are_no_descriptors(h: Any) -> None:
    h.server.on("data", lambda conn, data: conn.write(data))
    peer, _ = h.connect()
    h.queue(2 * BATCH)
    with descriptors(left=0):
        settle(h.loop)
        peer.send(b"ping")
        settle(h.loop)
    assert peer.receive(4) == b"ping"


def test_a_server_in_trouble_can_be_closed(h: Any, clock: ManualClock) -> None:
    h.queue(1)
    run_out(h.loop)
    h.server.close()
    clock.advance(5)
    settle(h.loop)
    assert len(h.stops) == 1


def test_an_accept_error_listener_may_close_the_server(h: Any) -> None:
    h.server.on("accept_error", lambda server, error: server.close())
    h.queue(3)
    run_out(h.loop)
    assert not h.server.listening
    assert not _spins(h.loop)


# give_up_idle: the longest idle are given up.


def _idle_ones(h: Any, clock: ManualClock, count: int) -> list[Any]:
    """Connections, each idle for 10 s longer than the next."""
    found = []
    for number in range(count):
        peer, conn = h.connect()
        peer.send(b"hello %d" % number)
        pump(h.loop, lambda: conn.bytes_read)  # noqa: B023 - called at once
        found.append(conn)
        clock.advance(10)
    return found


def test_no_client_is_given_up_for_being_idle_unless_the_program_says_so(h: Any, clock: ManualClock) -> None:
    idle = _idle_ones(h, clock, 3)
    h.queue(1)
    run_out(h.loop)
    assert [conn.state for conn in idle] == ["open"] * 3


def test_the_longest_idle_go_when_descriptors_run_out(each_loop: Reactor, harness: Any, clock: ManualClock) -> None:
    h = harness(loop=each_loop, give_up_idle=25)
    errors = h.server_told("accept_error")
    idle = _idle_ones(h, clock, 5)  # for 50, 40, 30, 20 and 10 s
    h.queue(2)
    run_out(each_loop)
    assert len(h.record.connections) == 7
    assert [conn.state for conn in idle] == ["closed"] * 3 + ["open"] * 2
    reports = [conn.report for conn in idle[:3]]
    assert {(report.reason, report.phase, report.bytes_unsent, report.bytes_unacked) for report in reports} == {
        (Reason.GIVEN_UP, "open", 0, 0)
    }
    assert h.server.statistics().ended == {Reason.GIVEN_UP: 3}
    assert errors == []


def test_a_lingering_connection_is_given_up_before_an_idle_one(harness: Any, clock: ManualClock) -> None:
    h = harness(give_up_idle=5)
    (idle,) = _idle_ones(h, clock, 1)
    (lingering,) = _lingering(h)
    h.queue(1)
    run_out(h.loop)
    assert (lingering.state, idle.state) == ("closed", "open")


@pytest.mark.parametrize("busy", ["unread input", "output under way", "paused", "touched", "half a line", "half-open"])
def test_a_connection_that_would_lose_something_is_not_given_up(harness: Any, clock: ManualClock, busy: str) -> None:
    h = harness(give_up_idle=5, allow_half_open=True, write_timeout=None)
    peer, conn = h.connect()
    if busy == "unread input":
        conn.pause()
        settle(h.loop)
        peer.send(b"request")
    elif busy == "output under way":
        vanish(peer)
        conn.write(b"answer")
    elif busy == "paused":
        conn.pause()
    elif busy == "half a line":
        conn.on("data", lines(lambda conn, line: None))
        peer.send(b"hel")
        pump(h.loop, lambda: conn.bytes_read)
    elif busy == "half-open":
        peer.end()
        pump(h.loop, lambda: conn.peer_gone)
    clock.advance(10)
    if busy == "touched":
        conn.touch()
    h.queue(1)
    run_out(h.loop)
    assert conn.state != "closed"
