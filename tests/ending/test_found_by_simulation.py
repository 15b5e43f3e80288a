"""What the simulation found: each of these was wrong once."""

from __future__ import annotations

import errno
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from reactor import CloseReport, Connection, Reactor, Reason, Server
from reactor.testing import Kernel, Remote

HOST, PORT = "10.0.0.1", 80


@pytest.fixture(params=[False, True], ids=["own", "plain"])
def kernel(request: pytest.FixtureRequest) -> Kernel:
    made = Kernel()
    made.plain = request.param  # type: ignore[attr-defined]  # for `simulated`
    return made


@pytest.fixture
def simulated(kernel: Any) -> Iterator[Reactor]:
    with Reactor(kernel.selector(kernel.plain), clock=kernel.clock, debug=True) as loop:
        yield loop


def live(loop: Reactor, kernel: Kernel, seconds: float) -> None:
    """Let simulated time pass."""
    until = kernel.clock() + seconds
    while kernel.clock() < until:
        loop.run_once(until - kernel.clock())


def reports_of(server: Server) -> list[CloseReport]:
    reports: list[CloseReport] = []
    server.on("close", lambda conn, report: reports.append(report))
    return reports


def test_a_listening_socket_that_cannot_be_watched_again_is_watched_later(simulated: Reactor, kernel: Kernel) -> None:
    seen: list[Connection] = []
    server = Server(simulated, seen.append)
    server.listen(HOST, PORT)
    kernel.fail("accept", errno.ENOMEM)
    Remote(kernel, HOST, PORT)
    live(simulated, kernel, 0.5)
    assert seen == []
    kernel.fail("epoll_ctl", errno.ENOMEM)  # when the pause after the failed accept is over
    live(simulated, kernel, 3)
    assert len(seen) == 1


def test_a_shutdown_while_accepting_pauses_leaves_no_pause_behind(
    simulated: Reactor, kernel: Kernel, caplog: pytest.LogCaptureFixture
) -> None:
    server = Server(simulated)
    server.listen(HOST, PORT)
    kernel.fail("accept", errno.ENOMEM, times=2)
    Remote(kernel, HOST, PORT)
    live(simulated, kernel, 0.5)
    server.shutdown(0)  # it takes in who waits, and fails once more
    live(simulated, kernel, 3)
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
    assert simulated.statistics().timers == 0


def end_while_nothing_arrives(loop: Reactor, kernel: Kernel, ending: str) -> tuple[Remote, list[CloseReport]]:
    """The connection is ended after 1 s; the network stands still from 0.5 s to 40.5 s, and so our FIN is late."""
    server = Server(loop, lambda conn: loop.call_later(1, getattr(conn, ending)), linger_timeout=30, write_timeout=60)
    reports = reports_of(server)
    server.listen(HOST, PORT)
    client = Remote(kernel, HOST, PORT)
    kernel.later(0.5, client.stall, 40)
    return client, reports


@pytest.mark.parametrize("ending", ["end", "destroy_soon"])
def test_a_client_that_hears_our_fin_late_has_the_whole_linger_timeout_to_answer(
    simulated: Reactor, kernel: Kernel, ending: str
) -> None:
    client, reports = end_while_nothing_arrives(simulated, kernel, ending)
    live(simulated, kernel, 65)
    assert client.outcome == "FIN"
    client.close()
    live(simulated, kernel, 1)
    assert [(report.reason, report.clean) for report in reports] == [(Reason.ENDED, True)]


def test_the_linger_timeout_is_over_in_time_after_our_fin_was_acknowledged_late(
    simulated: Reactor, kernel: Kernel
) -> None:
    _, reports = end_while_nothing_arrives(simulated, kernel, "destroy_soon")
    live(simulated, kernel, 70)
    assert reports == []
    live(simulated, kernel, 2)
    assert [report.reason for report in reports] == [Reason.LINGER_TIMEOUT]


def test_what_is_cut_while_nobody_can_tell_what_has_arrived_is_not_clean(simulated: Reactor, kernel: Kernel) -> None:
    server = Server(simulated)
    reports = reports_of(server)
    server.listen(HOST, PORT)
    client = Remote(kernel, HOST, PORT)
    client.end()

    @server.on("end")
    def answer(conn: Connection) -> None:
        client.stall(40)
        conn.end(b"which does not arrive")

    live(simulated, kernel, 5)
    kernel.fail("ioctl", errno.EINVAL)
    next(iter(server.connections)).reset()
    live(simulated, kernel, 1)
    assert [(report.bytes_unacked, report.clean) for report in reports] == [(None, False)]
