"""Clients of a loop that has servers keep a descriptor each, and accept leaves some for names: a relay that runs out of
descriptors serves those that it has let in.
"""

from __future__ import annotations

import errno
import gc
import select
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reactor import Connection, Reactor, Reason, connect
from reactor.testing import ManualClock, pump, settle
from tests.conftest import open_descriptors
from tests.support.exhausting import descriptors
from tests.support.recording import Heard

HOST = "127.0.0.1"


@pytest.fixture(params=["address", "name", "path"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, Any]]:
    """Where a relay connects to: a backlog with room for all, that nobody accepts from. As arguments of `connect`."""
    with socket.socket(socket.AF_UNIX if request.param == "path" else socket.AF_INET) as sock:
        sock.bind(str(tmp_path / "t") if request.param == "path" else (HOST, 0))
        sock.listen(128)
        if request.param == "path":
            yield {"path": sock.getsockname()}
        else:
            yield {"host": HOST if request.param == "address" else "localhost", "port": sock.getsockname()[1]}


def relaying(h: Any, event: str = "connection", **where: Any) -> list[Connection]:
    """Make the server of a harness a relay; its onward connections, each opened at that event of a connection."""
    onward: list[Connection] = []

    def relay(conn: Connection, *_: object) -> None:
        onward.append(connect(h.loop, **where))
        onward[-1].on("error", lambda conn, error: None)
        conn.pipe(onward[-1])
        onward[-1].pipe(conn)

    h.server.on(event, relay)
    return onward


@pytest.mark.parametrize("left", [12, 21])
def test_a_relay_that_runs_out_of_descriptors_in_a_burst_serves_as_many_as_it_has_pairs(
    each_loop: Reactor, harness: Any, target: dict[str, Any], left: int
) -> None:
    h = harness(loop=each_loop)
    onward = relaying(h, **target)
    h.queue(40)
    with descriptors(left):
        pump(each_loop, lambda: onward and all(conn.state in ("open", "closed") for conn in onward))
        served = sum(conn.state == "open" for conn in onward)
    for_the_resolver = 4 if target.get("host") == "localhost" else 0
    assert (left - for_the_resolver) // 2 <= served <= left // 2


@pytest.mark.parametrize("left", [12, 21])
def test_a_proxy_that_connects_after_a_first_message_serves_half_of_those_that_it_has_let_in(
    each_loop: Reactor, harness: Any, left: int
) -> None:
    h = harness(loop=each_loop)
    with socket.create_server((HOST, 0), backlog=128) as target:
        onward = relaying(h, "data", host=HOST, port=target.getsockname()[1])
        peers = h.queue(left)
        settle(each_loop)
        with descriptors(left=0):
            for peer in peers:
                peer.send(b"where to")
            pump(each_loop, lambda: len(onward) == left and all(conn.state in ("open", "closed") for conn in onward))
            served = sum(conn.state == "open" for conn in onward)
    assert left // 2 - 1 <= served <= left // 2


def test_clients_for_which_no_descriptor_comes_free_fail_within_some_turns(harness: Any) -> None:
    h = harness()
    with descriptors(left=0):
        heard = [Heard(connect(h.loop, HOST, 1, connect_timeout=None)) for _ in range(8)]
        before = h.loop.statistics().turns
        for each in heard:
            assert each.report(h.loop).reason is Reason.CONNECT_FAILED
            assert each.error().errno == errno.EMFILE
        assert h.loop.statistics().turns - before < 50


def test_the_descriptor_of_a_client_is_free_again_whatever_becomes_of_it(harness: Any, target: dict[str, Any]) -> None:
    h = harness()
    before = open_descriptors()
    for ending in ("destroy", "reset", "destroy_soon"):
        conn = connect(h.loop, **target)
        assert len(open_descriptors()) == len(before) + 1
        getattr(conn, ending)()
        settle(h.loop)
        assert open_descriptors() == before
    conn = connect(h.loop, **target)
    pump(h.loop, lambda: conn.state == "open")
    assert len(open_descriptors()) == len(before) + 1
    conn.reset()
    settle(h.loop)


def test_on_a_loop_without_servers_a_client_takes_no_descriptor_before_its_turn(loop: Reactor) -> None:
    before = open_descriptors()
    conn = connect(loop, HOST, 1)
    assert open_descriptors() == before
    conn.destroy()


class Hangs:
    """A getaddrinfo that hangs until `answer` is set."""

    def __init__(self) -> None:
        self._real = socket.getaddrinfo
        self.asked, self.answer = threading.Event(), threading.Event()

    def __call__(self, host: Any, *args: Any, **options: Any) -> Any:
        if host != "slow.test":
            return self._real(host, *args, **options)
        self.asked.set()
        assert self.answer.wait(10)
        raise socket.gaierror(socket.EAI_NONAME, "no such name")


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hangs]:
    hangs = Hangs()
    monkeypatch.setattr(socket, "getaddrinfo", hangs)
    yield hangs
    hangs.answer.set()


@pytest.mark.parametrize("until", ["answered", "given up"])
def test_while_a_name_is_resolved_accept_leaves_descriptors_for_it_and_clients_wait(
    loop: Reactor, harness: Any, resolver: Hangs, clock: ManualClock, until: str
) -> None:
    h = harness()
    conn = connect(loop, "slow.test", 1)
    pump(loop, resolver.asked.is_set)
    peers = h.queue(4)
    gc.collect()
    with descriptors(left=5):
        settle(loop)
        assert len(h.record.connections) == 2  # 3 are left: another one would have been too many
        assert not select.select([loop.fileno()], [], [], 0)[0]  # and the loop sleeps
        if until == "answered":
            resolver.answer.set()
            pump(loop, lambda: conn.state == "closed")
        else:
            conn.destroy()
            settle(loop)
        clock.advance(0.05)
        pump(loop, lambda: len(h.record.connections) == 4)
    assert [peer.sock.fileno() >= 0 for peer in peers] == [True] * 4
    assert h.server.statistics().refused == 0
