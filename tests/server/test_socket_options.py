"""no_delay and keep_alive as settings, and set_no_delay, set_keep_alive and set_user_timeout on a connection: what the
kernel then says, and does.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reactor import Connection, Reactor, Reason, Server, connect
from reactor.testing import Peer, pump, settle
from tests.support.wire import acks_arrived, vanish

TCP = socket.IPPROTO_TCP
NO_DELAY = (TCP, socket.TCP_NODELAY)
KEEP_ALIVE = (socket.SOL_SOCKET, socket.SO_KEEPALIVE)
DELAY, INTERVAL, COUNT = (TCP, socket.TCP_KEEPIDLE), (TCP, socket.TCP_KEEPINTVL), (TCP, socket.TCP_KEEPCNT)
USER_TIMEOUT = (TCP, socket.TCP_USER_TIMEOUT)

Opened = Callable[..., Connection]


def options(conn: Connection, *which: tuple[int, int]) -> list[int]:
    """What the kernel has of them, asked by a copy of the descriptor."""
    with socket.socket(fileno=socket.dup(conn.fileno())) as copy:
        return [copy.getsockopt(*one) for one in which]


def option(conn: Connection, which: tuple[int, int]) -> int:
    return options(conn, which)[0]


def systems(which: tuple[int, int]) -> int:
    """What the kernel has of an option on a fresh socket."""
    with socket.socket() as fresh:
        return fresh.getsockopt(*which)


@pytest.fixture(params=["accepted", "adopted", "client"])
def opened(request: pytest.FixtureRequest, harness: Any, loop: Reactor) -> Opened:
    """`opened(**settings)`: an open connection with these settings, of a server or a client."""

    def make(**settings: Any) -> Connection:
        if request.param == "client":
            conn = connect(loop, *harness().address, **settings)
            pump(loop, lambda: conn.state == "open")
            return conn
        h = harness(**settings)
        if request.param == "adopted":
            h.address = h.server.listen(sock=socket.create_server(("127.0.0.1", 0)))
        accepted: Connection = h.connect()[1]
        return accepted

    return make


def test_by_default_small_writes_leave_at_once_and_nobody_probes(opened: Opened) -> None:
    assert [bool(value) for value in options(opened(), NO_DELAY, KEEP_ALIVE)] == [True, False]


@pytest.mark.parametrize("wanted", [True, False])
def test_no_delay_as_a_setting(opened: Opened, wanted: bool) -> None:
    assert bool(option(opened(no_delay=wanted), NO_DELAY)) is wanted


@pytest.mark.parametrize(("wanted", "seconds"), [(False, None), (True, None), (45, 45), (0.2, 1)])
def test_keep_alive_as_a_setting_is_off_on_or_the_seconds_before_the_first_probe(
    opened: Opened, wanted: bool | float, seconds: int | None
) -> None:
    found = options(opened(keep_alive=wanted), KEEP_ALIVE, DELAY)
    assert found == [bool(wanted), seconds or systems(DELAY)]


def test_options_of_a_server_count_for_later_connections(h: Any) -> None:
    _, before = h.connect()
    h.server.no_delay, h.server.keep_alive = False, 45
    h.server.keep_alive = True  # forgets the 45 s
    _, after = h.connect()
    assert [bool(value) for value in options(before, NO_DELAY, KEEP_ALIVE)] == [True, False]
    assert [bool(value) for value in options(after, NO_DELAY, KEEP_ALIVE)] == [False, True]
    assert option(after, DELAY) == systems(DELAY)


def test_keep_alive_takes_delay_interval_and_count(h: Any) -> None:
    _, conn = h.connect()
    assert option(conn, KEEP_ALIVE) == 0
    conn.set_keep_alive(True, 77, 7, 3)
    assert options(conn, KEEP_ALIVE, DELAY, INTERVAL, COUNT) == [1, 77, 7, 3]


def test_what_is_not_given_stays_as_it_is(h: Any) -> None:
    _, conn = h.connect()
    before = options(conn, DELAY, INTERVAL, COUNT)
    conn.set_keep_alive(True)
    assert options(conn, KEEP_ALIVE, DELAY, INTERVAL, COUNT) == [1, *before]
    conn.set_keep_alive(True, interval=9)
    conn.set_keep_alive(True, count=4)
    assert options(conn, DELAY, INTERVAL, COUNT) == [before[0], 9, 4]


def test_keep_alive_may_be_turned_off_again(harness: Any) -> None:
    _, conn = harness(keep_alive=50).connect()
    assert options(conn, KEEP_ALIVE, DELAY) == [1, 50]
    conn.set_keep_alive(False)
    assert option(conn, KEEP_ALIVE) == 0


@pytest.mark.parametrize(("seconds", "kept"), [(0.001, 1), (1.4, 1), (2.6, 3), (32_767, 32_767)])
def test_its_times_are_whole_seconds_of_at_least_one(h: Any, seconds: float, kept: int) -> None:
    _, conn = h.connect()
    conn.set_keep_alive(True, seconds, seconds)
    assert options(conn, DELAY, INTERVAL) == [kept, kept]


def test_refused_arguments_of_keep_alive_change_nothing(h: Any) -> None:
    _, conn = h.connect()
    before = options(conn, KEEP_ALIVE, DELAY, INTERVAL, COUNT)
    for refused in ({"delay": 32_768}, {"interval": -1}, {"count": 128}):
        with pytest.raises(ValueError, match="must be"):
            conn.set_keep_alive(True, **({"delay": 5, "interval": 5, "count": 5} | refused))
    assert options(conn, KEEP_ALIVE, DELAY, INTERVAL, COUNT) == before


@pytest.mark.parametrize(
    ("seconds", "milliseconds"), [(30, 30_000), (1.5, 1500), (0.0101, 10), (0.0001, 1), (2_147_483, 2_147_483_000)]
)
def test_user_timeout_is_in_milliseconds_and_never_rounded_to_off(h: Any, seconds: float, milliseconds: int) -> None:
    _, conn = h.connect()
    assert option(conn, USER_TIMEOUT) == 0
    conn.set_user_timeout(seconds)
    assert option(conn, USER_TIMEOUT) == milliseconds
    conn.set_user_timeout(0)
    assert option(conn, USER_TIMEOUT) == 0


def test_no_delay_may_be_changed_at_any_time(h: Any) -> None:
    _, conn = h.connect()
    seen = [option(conn, (TCP, socket.TCP_NODELAY))]
    for wanted in (False, True):
        conn.set_no_delay(wanted)
        seen.append(option(conn, (TCP, socket.TCP_NODELAY)))
    assert [bool(value) for value in seen] == [True, False, True]


@pytest.mark.parametrize("where", ["after the close", "on a Unix socket"])
def test_options_are_harmless_where_they_mean_nothing(loop: Reactor, tmp_path: Path, where: str) -> None:
    server = Server(loop)
    address: Any = (
        server.listen(path=tmp_path / "socket") if where == "on a Unix socket" else server.listen("127.0.0.1", 0)
    )
    with Peer(address):
        pump(loop, lambda: server.connections)
        conn = next(iter(server.connections))
        if where == "after the close":
            conn.destroy()
            pump(loop, lambda: conn.report is not None)
        conn.set_no_delay(True)
        conn.set_keep_alive(True, 5, 5, 5)
        conn.set_user_timeout(5)


def test_keep_alive_finds_a_peer_that_has_vanished(h: Any) -> None:
    peer, conn = h.connect()
    conn.set_keep_alive(True, 1, 1, 1)
    vanish(peer)
    pump(h.loop, lambda: conn.report is not None, 10)  # 1 s until the probe, 1 s for its answer
    assert (conn.report.reason, conn.report.error.errno) == (Reason.NETWORK_ERROR, errno.ETIMEDOUT)
    assert h.record.names() == ["error", "close"]


def test_user_timeout_finds_a_peer_that_acknowledges_nothing(h: Any) -> None:
    peer, conn = h.connect()
    conn.set_user_timeout(0.1)
    vanish(peer)
    conn.write(b"into the void")
    pump(h.loop, lambda: conn.report is not None, 10)
    report = conn.report
    assert (report.reason, report.error.errno, report.clean) == (Reason.NETWORK_ERROR, errno.ETIMEDOUT, False)
    assert report.bytes_written == 13


def test_user_timeout_leaves_a_peer_alone_that_acknowledges(h: Any) -> None:
    peer, conn = h.connect()
    conn.set_user_timeout(0.05)
    for word in (b"heard", b"heard again"):
        conn.write(word)
        settle(h.loop)
        pump(h.loop, acks_arrived(conn, peer))
    assert (conn.state, peer.receive(16)) == ("open", b"heardheard again")
