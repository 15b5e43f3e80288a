"""set_no_delay, set_keep_alive and set_user_timeout on accepted connections: what the kernel then says, and does."""

from __future__ import annotations

import errno
import math
import socket
from pathlib import Path
from typing import Any

import pytest

from reactor import Connection, Reactor, Reason, Server
from reactor.testing import Peer, pump, settle
from tests.support.wire import acks_arrived, vanish

TCP = socket.IPPROTO_TCP
KEEP_ALIVE = (socket.SOL_SOCKET, socket.SO_KEEPALIVE)
DELAY, INTERVAL, COUNT = (TCP, socket.TCP_KEEPIDLE), (TCP, socket.TCP_KEEPINTVL), (TCP, socket.TCP_KEEPCNT)
USER_TIMEOUT = (TCP, socket.TCP_USER_TIMEOUT)


def option(conn: Connection, which: tuple[int, int]) -> int:
    """What the kernel has of it, asked by a copy of the descriptor."""
    with socket.socket(fileno=socket.dup(conn.fileno())) as copy:
        return copy.getsockopt(*which)


def options(conn: Connection, *which: tuple[int, int]) -> list[int]:
    return [option(conn, one) for one in which]


def test_keep_alive_takes_delay_interval_and_count(harness: Any) -> None:
    _, conn = harness().connect()
    assert option(conn, KEEP_ALIVE) == 0
    conn.set_keep_alive(True, 77, 7, 3)
    assert options(conn, KEEP_ALIVE, DELAY, INTERVAL, COUNT) == [1, 77, 7, 3]


def test_what_is_not_given_stays_as_it_is(harness: Any) -> None:
    _, conn = harness().connect()
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
def test_its_times_are_whole_seconds_of_at_least_one(harness: Any, seconds: float, kept: int) -> None:
    _, conn = harness().connect()
    conn.set_keep_alive(True, seconds, seconds)
    assert options(conn, DELAY, INTERVAL) == [kept, kept]


@pytest.mark.parametrize(
    ("arguments", "kind", "text"),
    [
        ({"enable": 1}, TypeError, "enable must be True or False, not 1"),
        ({"enable": True, "delay": 0}, ValueError, "delay must be more than 0 seconds"),
        ({"enable": True, "delay": 32_768}, ValueError, "delay must be at most 32767 seconds"),
        ({"enable": True, "delay": True}, TypeError, "delay must be a number of seconds"),
        ({"enable": True, "interval": -1}, ValueError, "interval must be more than 0 seconds"),
        ({"enable": True, "interval": math.inf}, ValueError, "interval must be more than 0 seconds and finite"),
        ({"enable": True, "count": 0}, ValueError, "count must be from 1 to 127, not 0"),
        ({"enable": True, "count": 128}, ValueError, "count must be from 1 to 127, not 128"),
        ({"enable": True, "count": 1.5}, TypeError, "count must be a whole number"),
    ],
)
def test_a_refused_argument_changes_nothing(
    harness: Any, arguments: dict[str, Any], kind: type[Exception], text: str
) -> None:
    _, conn = harness().connect()
    before = options(conn, KEEP_ALIVE, DELAY, INTERVAL, COUNT)
    with pytest.raises(kind, match=text):
        conn.set_keep_alive(**arguments)
    assert options(conn, KEEP_ALIVE, DELAY, INTERVAL, COUNT) == before


@pytest.mark.parametrize(
    ("seconds", "milliseconds"), [(30, 30_000), (1.5, 1500), (0.0101, 10), (0.0001, 1), (2_147_483, 2_147_483_000)]
)
def test_user_timeout_is_kept_in_milliseconds_and_never_rounded_to_off(
    harness: Any, seconds: float, milliseconds: int
) -> None:
    _, conn = harness().connect()
    assert option(conn, USER_TIMEOUT) == 0
    conn.set_user_timeout(seconds)
    assert option(conn, USER_TIMEOUT) == milliseconds
    conn.set_user_timeout(0)
    assert option(conn, USER_TIMEOUT) == 0


@pytest.mark.parametrize("seconds", [-1, math.nan, 2_147_484])
def test_an_unusable_user_timeout_is_refused(harness: Any, seconds: float) -> None:
    _, conn = harness().connect()
    with pytest.raises(ValueError, match="seconds must be "):
        conn.set_user_timeout(seconds)


def test_no_delay_may_be_changed_at_any_time(harness: Any) -> None:
    _, conn = harness().connect()
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


def test_keep_alive_finds_a_peer_that_has_vanished(harness: Any) -> None:
    wire = harness()
    peer, conn = wire.connect()
    conn.set_keep_alive(True, 1, 1, 1)
    vanish(peer)
    pump(wire.loop, lambda: conn.report is not None, 10)  # 1 s until the probe, 1 s for its answer
    assert (conn.report.reason, conn.report.error.errno) == (Reason.NETWORK_ERROR, errno.ETIMEDOUT)
    assert wire.record.names() == ["error", "close"]


def test_user_timeout_finds_a_peer_that_acknowledges_nothing(harness: Any) -> None:
    wire = harness()
    peer, conn = wire.connect()
    conn.set_user_timeout(0.1)
    vanish(peer)
    conn.write(b"into the void")
    pump(wire.loop, lambda: conn.report is not None, 10)
    report = conn.report
    assert (report.reason, report.error.errno, report.clean) == (Reason.NETWORK_ERROR, errno.ETIMEDOUT, False)
    assert report.bytes_written == 13


def test_user_timeout_leaves_a_peer_alone_that_acknowledges(harness: Any) -> None:
    wire = harness()
    peer, conn = wire.connect()
    conn.set_user_timeout(0.05)
    for word in (b"heard", b"heard again"):
        conn.write(word)
        settle(wire.loop)
        pump(wire.loop, acks_arrived(conn, peer))
    assert (conn.state, peer.receive(16)) == ("open", b"heardheard again")
