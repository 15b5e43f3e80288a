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
    """So much simulated time."""
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
