"""A reset that the network loses (closing.md, fact 13): whoever has ended a half waits no longer than its deadlines.

RST is one segment, and is not sent again. A connection that is open both ways and says nothing may wait for ever, as
in every library: `idle_timeout` and keep-alive are for that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from reactor import Connection, Reactor, Reason, Server, connect
from reactor.testing import Kernel, Remote, Weather

HOST, PORT = "10.0.0.1", 80
LONGEST = 700.0  # seconds: `half_open_timeout` is the longest default


class Peers(NamedTuple):
    """A peer as the tests below drive it: one on another machine, or the other end in the same program."""

    end: Callable[[], object]
    reset: Callable[[], object]


Act = Callable[[Connection, Peers], object]

#: What both sides do before the peer's reset is lost, and how our connection ends then.
STATES: dict[str, tuple[list[Act], Reason]] = {
    "ended": ([lambda conn, peer: conn.end()], Reason.LINGER_TIMEOUT),
    "ended, and paused": ([lambda conn, peer: conn.pause(), lambda conn, peer: conn.end()], Reason.HALF_OPEN_TIMEOUT),
    "ended by destroy_soon": ([lambda conn, peer: conn.destroy_soon()], Reason.LINGER_TIMEOUT),
    "left half-open": (
        [lambda conn, peer: setattr(conn, "allow_half_open", True), lambda conn, peer: peer.end()],
        Reason.HALF_OPEN_TIMEOUT,
    ),
    "paused while the peer ended": (
        [lambda conn, peer: conn.pause(), lambda conn, peer: peer.end()],
        Reason.HALF_OPEN_TIMEOUT,
    ),
    "in a pipe, and ended": (
        [lambda conn, peer: conn.pipe(conn, end=False), lambda conn, peer: conn.end()],
        Reason.LINGER_TIMEOUT,
    ),
    "ended by us both": ([lambda conn, peer: peer.end()], Reason.PEER_ENDED),
}


@pytest.fixture
def kernel() -> Kernel:
    return Kernel(weather=Weather(lost_resets=100))


@pytest.fixture
def simulated(kernel: Kernel) -> Iterator[Reactor]:
    with Reactor(kernel.selector(), clock=kernel.clock) as loop:
        yield loop


def live(loop: Reactor, kernel: Kernel, seconds: float) -> None:
    until = kernel.clock() + seconds
    while kernel.clock() < until:
        loop.run_once(until - kernel.clock())


def on_the_server(loop: Reactor, kernel: Kernel) -> tuple[Connection, Peers]:
    server = Server(loop)
    server.listen(HOST, PORT)
    remote = Remote(kernel, HOST, PORT)
    live(loop, kernel, 1)
    (conn,) = server.connections
    return conn, Peers(remote.end, remote.reset)


def on_the_client(loop: Reactor, kernel: Kernel) -> tuple[Connection, Peers]:
    server = Server(loop, allow_half_open=True)
    server.listen(HOST, PORT)
    conn = connect(loop, HOST, PORT)
    live(loop, kernel, 1)
    (far,) = server.connections
    return conn, Peers(far.end, far.reset)


@pytest.mark.parametrize("side", [on_the_server, on_the_client], ids=["server", "client"])
@pytest.mark.parametrize("state", STATES)
def test_a_connection_that_has_ended_a_half_never_waits_for_ever(
    simulated: Reactor, kernel: Kernel, side: Any, state: str
) -> None:
    acts, reason = STATES[state]
    conn, peer = side(simulated, kernel)
    for act in acts:
        act(conn, peer)
        live(simulated, kernel, 1)
    peer.reset()
    live(simulated, kernel, LONGEST)
    assert conn.report is not None
    assert conn.report.reason is reason


@pytest.mark.parametrize("side", [on_the_server, on_the_client], ids=["server", "client"])
def test_what_is_sent_again_brings_the_reset_again(simulated: Reactor, kernel: Kernel, side: Any) -> None:
    conn, peer = side(simulated, kernel)
    peer.reset()
    live(simulated, kernel, 5)
    assert conn.state == "open"
    kernel.weather = Weather()
    conn.write(b"are you there")
    live(simulated, kernel, 1)
    assert conn.report is not None
    assert conn.report.reason is Reason.PEER_RESET
