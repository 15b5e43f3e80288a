"""What a message costs: system calls counted at the socket and at the poller, for each turn of the loop.

The listening socket hands out sockets that note every call; the poller notes every change of interest, each of
which is one `epoll_ctl`.
"""

from __future__ import annotations

import fcntl
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from reactor import Connection, Reactor, Server
from reactor.engine.epoll_poller import EpollPoller
from reactor.engine.turn import SENDS_PER_TURN
from reactor.net.connection.outbuf import ALONE
from reactor.net.sockets.sock import StreamSocket
from reactor.testing import ManualClock, Peer, pump, settle

Served = tuple[Peer, Connection]
MIB = 1024 * 1024
calls: Counter[str] = Counter()


def counted(name: str) -> Callable[..., Any]:
    """The method of a socket, counted."""
    original = getattr(socket.socket, name)

    def call(self: socket.socket, *args: Any) -> Any:
        calls[name] += 1
        return original(self, *args)

    return call


class CountedSocket(StreamSocket):
    """A socket that notes what is asked of the kernel."""

    __slots__ = ()

    for _name in ("recv", "recv_into", "send", "sendall", "sendmsg", "shutdown", "getsockopt", "setsockopt"):
        locals()[_name] = counted(_name)


class CountingListener(socket.socket):
    """A listening socket whose accepted sockets are counted ones."""

    def accept(self) -> Any:
        accepted, address = super().accept()
        return CountedSocket(int(accepted.family), int(accepted.type), 0, accepted.detach()), address


class CountingPoller(EpollPoller):
    """The reactor's own poller, noting each `epoll_ctl` and each event it hands out."""

    def add(self, fd: int, mask: int, handler: Any) -> None:
        calls["epoll_ctl"] += 1
        super().add(fd, mask, handler)

    def change(self, fd: int, mask: int) -> None:
        calls["epoll_ctl"] += 1
        super().change(fd, mask)

    def remove(self, fd: int) -> None:
        calls["epoll_ctl"] += 1
        super().remove(fd)

    def poll(self, timeout: float | None) -> list[tuple[Any, int]]:
        found = super().poll(timeout)
        if found:
            calls["events"] += len(found)
        return found


@pytest.fixture(params=[False, True], ids=["", "debug"])
def counting(request: pytest.FixtureRequest, clock: ManualClock) -> Iterator[Reactor]:
    with Reactor(CountingPoller(), clock=clock, debug=request.param) as made:
        yield made


@pytest.fixture
def served(counting: Reactor, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """A peer and its connection, settled; everything that is done from now on is counted."""
    ioctl = fcntl.ioctl
    monkeypatch.setattr(fcntl, "ioctl", lambda *args: (calls.update(["ioctl"]), ioctl(*args))[1])
    listening = CountingListener()
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    server = Server(counting)
    server.on("data", lambda conn, data: None)
    server.listen(sock=listening)
    with Peer(listening.getsockname()) as peer:
        pump(counting, lambda: server.connections)
        settle(counting)
        calls.clear()
        yield peer, next(iter(server.connections))


def spent(besides: str = "ioctl") -> dict[str, int]:
    """The calls since the last time it was asked here; without `ioctl`, the questions at the turning points of life."""
    found = {name: count for name, count in calls.items() if name not in ("events", besides)}
    calls.clear()
    return found


@pytest.mark.parametrize("armed", [False, True], ids=["no deadline", "deadlines armed"])
def test_a_message_in_and_its_answer_out_cost_one_recv_and_one_send(
    counting: Reactor, served: Served, clock: ManualClock, armed: bool
) -> None:
    peer, conn = served
    if armed:
        conn.idle_timeout = conn.read_timeout = 60
        conn.set_timeout(60)
    settle(counting)
    conn.on("data", lambda conn, data: conn.write(data))
    timers = counting.statistics().timers
    calls.clear()
    for _ in range(10):
        clock.advance(1)
        peer.send(b"message")
        pump(counting, lambda: not peer.nothing_comes())
        settle(counting)
        assert peer.receive(7) == b"message"
        assert spent(besides="") == {"recv": 1, "send": 1}
    assert counting.statistics().timers == timers


def test_100_writes_in_one_turn_cost_at_most_two_sends(counting: Reactor, served: Served) -> None:
    peer, conn = served

    def answer(conn: Connection, data: bytes) -> None:
        for number in range(100):
            conn.write(b"%3d" % number)

    conn.on("data", answer)
    peer.send(b"go")
    pump(counting, lambda: not peer.nothing_comes())
    settle(counting)
    assert peer.receive(300) == b"".join(b"%3d" % number for number in range(100))
    assert spent(besides="") == {"recv": 1, "send": 2}


def test_who_writes_100_times_in_each_turn_costs_one_send_from_the_second_on(counting: Reactor, served: Served) -> None:
    peer, conn = served

    def answer(conn: Connection, data: bytes) -> None:
        for _ in range(100):
            conn.write(data)

    conn.on("data", answer)
    for sends in (2, 1, 1, 1):
        peer.send(b"x")
        pump(counting, lambda: not peer.nothing_comes())
        settle(counting)
        assert peer.receive(100) == b"x" * 100
        assert spent(besides="") == {"recv": 1, "send": sends}


def test_who_wrote_once_in_the_last_turn_is_sent_inside_the_call_again(counting: Reactor, served: Served) -> None:
    _, conn = served
    written = []

    def write(times: int) -> None:
        for _ in range(times):
            conn.write(b"x")
        written.append(conn.bytes_written)

    for times in (3, 1, 1):
        counting.call_soon(write, times)
        settle(counting, 1)
    assert written == [1, 3, 5]


def test_what_is_large_is_sent_inside_the_call_but_not_without_end(counting: Reactor, served: Served) -> None:
    peer, conn = served
    block = bytes(ALONE)
    inside = 1 + SENDS_PER_TURN  # the first of a turn goes anyway
    written = []

    def write() -> None:
        for _ in range(inside + 2):
            conn.write(block)
        written.append(conn.bytes_written)

    counting.call_soon(write)
    settle(counting)
    assert written == [inside * ALONE]
    assert len(peer.receive((inside + 2) * ALONE)) == (inside + 2) * ALONE
    assert spent() == {"send": inside + 2}


@pytest.mark.parametrize("way", ["corked", "writelines"])
def test_100_writes_that_belong_together_cost_one_send(way: str, counting: Reactor, served: Served) -> None:
    peer, conn = served
    if way == "writelines":
        conn.writelines([b"x"] * 100)
    with conn.corked():
        for _ in range(100 if way == "corked" else 0):
            conn.write(b"x")
    settle(counting)
    assert peer.receive(100) == b"x" * 100
    assert spent() == {"send": 1}


@pytest.mark.parametrize("times", [1, 100])
def test_pausing_and_resuming_in_one_turn_costs_nothing(times: int, counting: Reactor, served: Served) -> None:
    _, conn = served

    def back_and_forth() -> None:
        for _ in range(times):
            conn.pause()
            conn.resume()

    counting.call_soon(back_and_forth)
    settle(counting)
    assert spent() == {}


def test_a_pause_that_lasts_costs_one_change_of_interest(counting: Reactor, served: Served) -> None:
    _, conn = served
    conn.pause()
    settle(counting)
    assert spent() == {"epoll_ctl": 1}
    conn.resume()
    settle(counting)
    assert spent() == {"epoll_ctl": 1}


def test_write_interest_is_registered_after_a_short_write_once_and_nothing_is_sent_meanwhile(
    counting: Reactor, served: Served
) -> None:
    _, conn = served
    conn.write(b"fits")
    settle(counting)
    assert "epoll_ctl" not in spent()
    conn.write(bytes(16 * MIB))
    settle(counting)
    assert spent()["epoll_ctl"] == 1
    for _ in range(10):
        conn.write(b"more")
        settle(counting, 3)
    assert spent() == {}
    assert conn.pending_bytes > 0


def test_an_orderly_end_costs_one_shutdown_and_one_removal(counting: Reactor, served: Served) -> None:
    peer, conn = served
    conn.end(b"over")
    settle(counting)
    assert spent() == {"send": 1, "shutdown": 1}
    assert peer.receive_all() == (b"over", "FIN")
    peer.end()
    pump(counting, lambda: conn.report)
    assert spent() == {"recv": 1, "epoll_ctl": 1}


@pytest.mark.parametrize(
    "situation", ["idle", "paused", "paused and half-closed", "half-closed by the peer", "ended by us"]
)
def test_a_connection_that_waits_costs_no_event_and_no_call(situation: str, counting: Reactor, served: Served) -> None:
    peer, conn = served
    conn.allow_half_open = True
    if "paused" in situation:
        conn.pause()
    if situation == "ended by us":
        conn.end()
    elif "half-closed" in situation:
        peer.end()
    settle(counting)
    calls.clear()
    settle(counting, 100)
    assert calls == {}


def test_a_paused_connection_whose_peer_reset_costs_nothing_once_it_is_known(counting: Reactor, served: Served) -> None:
    peer, conn = served
    conn.pause()
    peer.send(b"held")
    peer.reset()
    settle(counting)
    calls.clear()
    settle(counting, 100)
    assert (calls, conn.peer_gone, conn.report) == ({}, True, None)
