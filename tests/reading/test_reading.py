"""Reading: what listeners get, what nobody listens to, and what a pause holds back."""

from __future__ import annotations

import gc
import itertools
import weakref
from typing import Any

import pytest

from reactor import CloseReport, Connection, Reactor, Reason, Server
from reactor.testing import Peer, pump, settle

MIB = 1024 * 1024


def test_data_is_delivered_as_bytes_whole_and_in_order(each_loop: Reactor, harness: Any) -> None:
    wire = harness(loop=each_loop)
    peer, conn = wire.connect()
    sent = bytearray()
    for size in (1, 65_536, 3, 200_000, 7):
        piece = bytes([size % 251]) * size
        peer.send(piece)
        sent += piece
        total = len(sent)
        pump(each_loop, lambda total=total: conn.bytes_read == total)
    assert wire.record.data() == sent
    assert {type(args[0]) for name, *args in wire.record.events[conn] if name == "data"} == {bytes}


def test_one_connection_gets_at_most_256_kib_a_turn_and_64_at_first(harness: Any) -> None:
    wire = harness()
    peer, conn = wire.connect()
    conn.pause()
    peer.send_some(bytes(MIB))
    settle(wire.loop)
    conn.resume()
    seen = []
    for _ in range(4):
        wire.loop.run_once(0)
        seen.append(conn.bytes_read)
    assert seen[0] <= 65_536
    assert max(after - before for before, after in itertools.pairwise(seen)) <= 262_144


def test_where_nobody_listens_bytes_are_discarded_and_counted_and_the_end_is_seen(
    each_loop: Reactor, harness: Any
) -> None:
    wire = harness(loop=each_loop, data=False)
    peer, conn = wire.connect()
    peer.send(bytes(100_000))
    peer.end()
    report = wire.closed(conn)
    assert (report.bytes_read, report.bytes_discarded) == (100_000, 100_000)
    assert (report.reason, report.clean) == (Reason.PEER_ENDED, True)


def test_a_server_without_any_listener_serves_and_sees_the_end(loop: Reactor) -> None:
    server = Server(loop)
    with Peer(server.listen("127.0.0.1", 0)) as peer:
        pump(loop, lambda: server.connections)
        peer.send(b"into the void")
        peer.end()
        pump(loop, lambda: not server.connections)
        assert peer.receive_all() == (b"", "FIN")
    assert (server.statistics().bytes_read, server.statistics().ended) == (13, {Reason.PEER_ENDED: 1})


def test_bytes_count_as_discarded_from_when_the_last_listener_has_left(harness: Any) -> None:
    wire = harness(data=False)
    got: list[bytes] = []
    peer, conn = wire.connect()
    conn.once("data", lambda conn, data: got.append(data))
    peer.send(b"heard")
    pump(wire.loop, lambda: got)
    peer.send(b"dropped")
    pump(wire.loop, lambda: conn.bytes_read == 12)
    peer.end()
    assert wire.closed(conn).bytes_discarded == 7
    assert got == [b"heard"]


def test_bytes_that_any_listener_got_are_not_discarded(harness: Any) -> None:
    wire = harness(data=False)
    got: list[bytes] = []
    peer, conn = wire.connect()
    wire.server.on("data", lambda conn, data: got.append(data))
    peer.send(b"heard")
    peer.end()
    assert wire.closed(conn).bytes_discarded == 0
    assert got == [b"heard"]


def test_a_pause_in_the_connection_listener_holds_the_first_bytes(each_loop: Reactor, harness: Any) -> None:
    wire = harness(loop=each_loop, data=False)
    wire.server.on("connection", lambda conn: conn.pause())
    peer = Peer(wire.address)
    peer.send(b"first bytes")
    pump(each_loop, lambda: wire.record.connections)
    settle(each_loop, 30)
    conn = wire.record.conn
    assert conn.bytes_read == 0
    got: list[bytes] = []
    conn.on("data", lambda conn, data: got.append(data))
    conn.resume()
    pump(each_loop, lambda: got == [b"first bytes"])
    peer.close()
    assert wire.closed(conn).bytes_discarded == 0


def test_pause_on_connect_begins_paused_and_resume_in_the_connection_listener_undoes_it(harness: Any) -> None:
    wire = harness(pause_on_connect=True)
    peer, conn = wire.connect()
    peer.send(b"held")
    settle(wire.loop, 30)
    assert (conn.bytes_read, conn.state) == (0, "open")
    conn.resume()
    pump(wire.loop, lambda: wire.record.data() == b"held")

    wire.server.on("connection", lambda conn: conn.resume())
    peer, conn = wire.connect()
    peer.send(b"not held")
    pump(wire.loop, lambda: wire.record.data(conn) == b"not held")


def test_a_pause_in_a_data_listener_holds_the_next_bytes(each_loop: Reactor, harness: Any) -> None:
    wire = harness(loop=each_loop)
    wire.server.on("data", lambda conn, data: conn.pause())
    peer, conn = wire.connect()
    peer.send(b"one")
    pump(each_loop, lambda: wire.record.data() == b"one")
    peer.send(b"two")
    settle(each_loop, 30)
    assert wire.record.data() == b"one"
    conn.resume()
    pump(each_loop, lambda: wire.record.data() == b"onetwo")


def test_pausing_throttles_the_peer_by_the_kernels_window(harness: Any) -> None:
    wire = harness()
    peer, conn = wire.connect()
    conn.pause()
    settle(wire.loop)
    taken = 0
    while (size := peer.send_some(bytes(MIB))) and taken < 64 * MIB:
        taken += size
        settle(wire.loop, 3)
    assert taken < 64 * MIB, "the peer was not throttled"
    assert conn.bytes_read == 0
    conn.resume()
    pump(wire.loop, lambda: conn.bytes_read == taken)


def test_pause_and_resume_again_and_again_lose_nothing(harness: Any) -> None:
    wire = harness()
    peer, conn = wire.connect()
    for number in range(50):
        for call in (conn.pause, conn.pause, conn.resume, conn.resume)[number % 4 :]:
            call()
        peer.send(b"%3d" % number)
        settle(wire.loop, 2)
    conn.resume()
    pump(wire.loop, lambda: conn.bytes_read == 150)
    assert wire.record.data() == b"".join(b"%3d" % number for number in range(50))


def test_pause_and_resume_are_legal_in_every_state(harness: Any) -> None:
    wire = harness(allow_half_open=True)

    def both(conn: Connection) -> None:
        conn.pause()
        conn.resume()
        settle(wire.loop, 2)
        conn.pause()
        settle(wire.loop, 2)
        conn.resume()

    states = []
    for prepare in ("open", "end", "destroy_soon", "peer end", "destroy", "reset"):
        peer, conn = wire.connect()
        if prepare == "peer end":
            peer.end()
            pump(wire.loop, lambda conn=conn: conn.state == "write_only")
        elif prepare != "open":
            getattr(conn, prepare)()
        both(conn)
        states.append(conn.state)
    assert states == ["open", "read_only", "closing", "write_only", "closed", "closed"]


def test_what_a_paused_connection_sends_still_goes_out(each_loop: Reactor, harness: Any) -> None:
    wire = harness(loop=each_loop)
    peer, conn = wire.connect()
    conn.pause()
    settle(each_loop)
    conn.write(bytes(4 * MIB))
    peer.sock.setblocking(False)
    got = 0

    def everything() -> bool:
        nonlocal got
        try:
            got += len(peer.sock.recv(MIB))
        except BlockingIOError:
            pass
        return got == 4 * MIB

    pump(each_loop, everything)
    assert conn.pending_bytes == 0


@pytest.mark.parametrize("ending", ["end", "destroy", "reset", "peer"])
def test_a_connection_that_is_closed_is_garbage_without_a_collection(ending: str, loop: Reactor) -> None:
    reports: list[CloseReport] = []
    server = Server(loop, lambda conn: conn.on("data", lambda conn, data: conn.write(data)))
    server.on("close", lambda conn, report: reports.append(report))
    gc.collect()
    gc.disable()
    try:
        with Peer(server.listen("127.0.0.1", 0)) as peer:
            pump(loop, lambda: server.connections)
            alive = weakref.ref(next(iter(server.connections)))
            if ending != "peer":
                getattr(alive(), ending)()
                settle(loop)
            peer.close()
            pump(loop, lambda: reports)
            settle(loop)
        assert alive() is None
    finally:
        gc.enable()
