"""Clients on another host, and a bad link between: loss, delay, a narrow line, a peer that vanishes.

The server's loop runs here; its listening socket is of the near host, its peers are of the far one
(`support/far_hosts.py`). How long anything takes is the kernel's affair: TCP sends again after 0.2 s, 0.4 s, and so on.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from reactor import CloseReport, Connection, Reactor, Reason, Server
from reactor.testing import ManualClock, Peer
from reactor.testing.peer import NonblockingPeer
from tests.stress.accounts import Account
from tests.support import far_hosts
from tests.support.far_hosts import TwoHosts

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(far_hosts.missing() is not None, reason=f"{far_hosts.missing()}"),
]

CLIENTS = 20
BAD = 30.0  # seconds that a link loses packets
LONG = 240.0  # seconds until all has arrived


@pytest.fixture
def hosts() -> Iterator[TwoHosts]:
    with TwoHosts() as hosts:
        yield hosts


class Scene:
    """A server on the near host, and clients on the far one."""

    def __init__(self, hosts: TwoHosts, loop: Reactor, **settings: Any) -> None:
        self.hosts = hosts
        self.loop = loop
        self.server = Server(loop, **settings)
        self.reports: dict[Any, CloseReport] = {}
        self.peers: list[NonblockingPeer] = []
        self.server.on("error", lambda conn, error: None)
        self.server.on("close", lambda conn, report: self.reports.update({conn.remote_address: report}))
        self.address: Any = self.server.listen(sock=hosts.near.listening())

    def peer(self, **options: Any) -> NonblockingPeer:
        """A client, once its handshake is done."""
        peer = self.hosts.far.run(lambda: Peer(self.address, timeout=60, **options))
        peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)  # a reset may be lost, and this asks again
        for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL):
            peer.sock.setsockopt(socket.IPPROTO_TCP, option, 1)
        self.peers.append(peer.nonblocking())
        return self.peers[-1]

    def until(self, done: Callable[[], object], seconds: float = LONG) -> None:
        begun = time.monotonic()
        while not done():
            took = time.monotonic() - begun
            assert took < seconds, f"not within {seconds} s"
            if took > BAD:  # TCP doubles its wait with each loss in a row: who is unlucky would wait for minutes
                self.hosts.link.loss = 0.0
            self.loop.run_once(0.01)

    def connected(self, count: int = 1) -> list[Connection]:
        """The server's connections, once there are so many."""
        self.until(lambda: len(self.server.connections) == count)
        return list(self.server.connections)


@pytest.fixture
def scene(hosts: TwoHosts) -> Iterator[Callable[..., Scene]]:
    made: list[Scene] = []

    def make(clock: Callable[[], float] = time.monotonic, **settings: Any) -> Scene:
        made.append(Scene(hosts, Reactor(clock=clock), **settings))
        return made[-1]

    yield make
    for one in made:
        one.loop.close()
        for peer in one.peers:
            peer.close()


def all_over(peers: list[NonblockingPeer]) -> bool:
    """Let each read, and answer FIN with FIN; true once all streams have ended."""
    for peer in peers:
        if peer.outcome is None and peer.read():
            with contextlib.suppress(OSError):  # it was reset
                peer.end()
    return all(peer.outcome for peer in peers)


def lossy(hosts: TwoHosts) -> None:
    hosts.link.delay, hosts.link.jitter, hosts.link.loss = 0.1, 0.02, 0.3


def test_an_echo_is_whole_where_a_third_of_all_packets_is_lost(
    hosts: TwoHosts, scene: Callable[..., Scene], account: Account
) -> None:
    one = scene(write_timeout=None, linger_timeout=LONG)
    one.server.on("data", Connection.write)
    one.server.on("end", lambda conn: conn.end())
    peers = [one.peer() for _ in range(CLIENTS)]
    lossy(hosts)
    sent = {peer: bytes(range(256)) * (10 * number) for number, peer in enumerate(peers)}
    for peer in peers:
        assert peer.send_some(sent[peer]) == len(sent[peer])
        peer.end()
    one.until(lambda: sum(map(NonblockingPeer.read, peers)) == CLIENTS)
    one.until(lambda: len(one.reports) == CLIENTS)
    lost = sum(len(sent[peer]) - len(peer.received) for peer in peers)
    assert all(bytes(peer.received) == sent[peer] for peer in peers)
    assert {(peer.outcome, one.reports[peer.address].clean) for peer in peers} == {("FIN", True)}
    account.did("echoes with 30 % loss and 200 ms", CLIENTS, lost=lost)


ANSWER = bytes(range(256)) * 200


@pytest.mark.parametrize("ending", ["end", "destroy_soon", "destroy", "reset"])
def test_each_ending_counts_to_the_byte_where_a_third_of_all_packets_is_lost(
    ending: str, hosts: TwoHosts, scene: Callable[..., Scene], account: Account
) -> None:
    one = scene(write_timeout=None, linger_timeout=LONG)
    peers = [one.peer() for _ in range(CLIENTS)]
    conns = one.connected(CLIENTS)
    lossy(hosts)
    for conn in conns:
        conn.write(ANSWER)
        getattr(conn, ending)()
    graceful = ending in ("end", "destroy_soon")

    one.until(lambda: all_over(peers))
    one.until(lambda: len(one.reports) == CLIENTS)
    lost = 0
    for peer in peers:
        report = one.reports[peer.address]
        got = len(peer.received)
        assert bytes(peer.received) == ANSWER[:got]
        assert report.bytes_written + report.bytes_unsent == len(ANSWER)
        if graceful:
            assert (peer.outcome, report.reason, report.clean) == ("FIN", Reason.ENDED, True)
            lost += len(ANSWER) - got
        else:  # what the report calls acknowledged has arrived, and no more than was written
            assert report.bytes_written - (report.bytes_unacked or 0) <= got <= report.bytes_written
    account.did(f"{ending}() with 30 % loss and 200 ms", CLIENTS, lost=lost)


def test_an_early_refusal_is_whole_through_a_narrow_line(
    hosts: TwoHosts, scene: Callable[..., Scene], account: Account
) -> None:
    hosts.link.delay, hosts.link.rate = 0.05, 200_000
    upload = bytes(300_000)
    one = scene()
    one.server.on("data", lambda conn, data: conn.state == "open" and conn.write(ANSWER))
    one.server.on("data", lambda conn, data: conn.destroy_soon())
    lost = 0
    for _ in range(5):
        peer = one.peer()
        left = memoryview(upload)
        while left:  # it reads only when it has sent everything
            left = left[peer.send_some(left) :]
            one.loop.run_once(0.01)
        peer.end()
        one.until(peer.read)
        one.until(lambda: len(one.reports) == len(one.peers))
        assert (peer.outcome, one.reports[peer.address].clean) == ("FIN", True)
        lost += len(ANSWER) - len(peer.received)
    account.did("early refusals through a narrow line", 5, lost=lost)


BIG = bytes(8 << 20)


class Wait(NamedTuple):
    """How a connection waits when its peer vanishes, and what ends it."""

    settings: dict[str, Any]
    reason: Reason
    before: Callable[[Connection, NonblockingPeer], object] = lambda conn, peer: None  # the peer hears of it
    after: Callable[[Connection], object] = lambda conn: None  # and of this no more


WAITS = {
    "silent": Wait({"idle_timeout": 10}, Reason.IDLE),
    "mute": Wait({"read_timeout": 10}, Reason.READ_TIMEOUT),
    "never heard": Wait({"first_byte_timeout": 10}, Reason.FIRST_BYTE_TIMEOUT),
    "old": Wait({"max_lifetime": 10}, Reason.MAX_LIFETIME),
    "too slow": Wait({"min_read_rate": (1, 10)}, Reason.READ_RATE),
    "taking nothing": Wait({}, Reason.WRITE_TIMEOUT, after=lambda conn: conn.write(bytes(4 << 20))),
    "taking too little": Wait({"slow_reader": (65_536, 10)}, Reason.SLOW_READER, after=lambda conn: conn.write(BIG)),
    "below the rate": Wait({"min_write_rate": (1, 10)}, Reason.WRITE_RATE, after=lambda conn: conn.write(BIG)),
    "ending": Wait({}, Reason.WRITE_TIMEOUT, after=lambda conn: conn.end(b"bye")),
    "ending soon": Wait({}, Reason.WRITE_TIMEOUT, after=Connection.destroy_soon),
    "ending in time": Wait({}, Reason.END_TIMEOUT, after=lambda conn: conn.end(b"bye", timeout=10)),
    "lingering": Wait({}, Reason.LINGER_TIMEOUT, before=lambda conn, peer: conn.end()),
    "half-open": Wait({"allow_half_open": True}, Reason.HALF_OPEN_TIMEOUT, before=lambda conn, peer: peer.end()),
}


@pytest.mark.parametrize("name", WAITS)
def test_a_connection_whose_peer_has_vanished_ends_by_its_deadline(
    name: str, hosts: TwoHosts, scene: Callable[..., Scene]
) -> None:
    wait = WAITS[name]
    clock = ManualClock()
    one = scene(clock, **wait.settings)
    peer = one.peer()
    (conn,) = one.connected()
    wait.before(conn, peer)
    arrived = time.monotonic() + 0.2  # a hundred times what the link takes
    one.until(lambda: time.monotonic() > arrived)
    hosts.link.cut = True
    wait.after(conn)
    for _ in range(700):  # the longest of them is ten minutes
        clock.advance(1)
        one.loop.run_once(0)
    assert conn.report is not None
    assert conn.report.reason is wait.reason


def test_the_kernel_finds_that_a_peer_has_vanished_where_no_deadline_runs(
    hosts: TwoHosts, scene: Callable[..., Scene]
) -> None:
    one = scene(write_timeout=None)
    one.peer()
    (conn,) = one.connected()
    conn.set_keep_alive(True, delay=1, interval=1, count=2)
    hosts.link.cut = True
    one.until(lambda: conn.report, 30)
    assert conn.report is not None
    assert (conn.report.reason, type(conn.report.error)) == (Reason.NETWORK_ERROR, TimeoutError)


def test_a_stop_across_a_bad_link_loses_nothing_within_its_grace(
    hosts: TwoHosts, scene: Callable[..., Scene], account: Account
) -> None:
    one = scene()
    peers = [one.peer() for _ in range(CLIENTS)]
    conns = one.connected(CLIENTS)
    hosts.link.delay, hosts.link.loss, hosts.link.rate = 0.1, 0.05, 2_000_000
    for conn in conns:
        conn.write(ANSWER)
    stops: list[Any] = []
    one.server.on("stopped", lambda server, report: stops.append(report))
    one.server.shutdown(LONG)

    one.until(lambda: all_over(peers) and stops)
    lost = sum(len(ANSWER) - len(peer.received) for peer in peers)
    assert {(peer.outcome, one.reports[peer.address].clean) for peer in peers} == {("FIN", True)}
    assert stops[0].cut == 0
    account.did("clients at a stop across a bad link", CLIENTS, lost=lost)
