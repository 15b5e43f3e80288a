"""Reading: what listeners get, what nobody listens to, and what a pause holds back."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from reactor import Connection, Reactor, Reason, Server
from reactor.testing import Peer, pump, settle
from tests.support.scene import Scenes

MIB = 1024 * 1024


def test_data_is_delivered_as_bytes_whole_and_in_order(each_scene: Scenes) -> None:
    one = each_scene()
    sent = bytearray()
    for size in (1, 65_536, 3, 200_000, 7):
        piece = bytes([size % 251]) * size
        one.peer_says(piece)
        sent += piece
    assert one.data() == sent
    assert {type(args[0]) for name, *args in one.record.events[one.conn] if name == "data"} == {bytes}


def test_one_connection_gets_at_most_256_kib_a_turn_and_64_at_first(scene: Scenes) -> None:
    one = scene()
    one.conn.pause()
    one.peer.send_some(bytes(MIB))
    one.turns()
    one.conn.resume()
    seen = []
    for _ in range(4):
        one.loop.run_once(0)
        seen.append(one.conn.bytes_read)
    assert seen[0] <= 65_536
    assert max(after - before for before, after in itertools.pairwise(seen)) <= 262_144


@pytest.mark.parametrize(
    ("listens", "heard"),
    [
        (lambda one, hear: None, b""),
        (lambda one, hear: one.conn.once("data", hear), b"first "),
        (lambda one, hear: one.server.on("data", hear), b"first second"),
    ],
    ids=["nobody", "somebody once", "the server"],
)
def test_bytes_that_nobody_listens_to_are_discarded_and_counted_and_the_end_is_seen(
    listens: Any, heard: bytes, each_scene: Scenes
) -> None:
    one = each_scene(data=False)
    got: list[bytes] = []
    listens(one, lambda conn, data: got.append(data))
    one.peer_says(b"first ")
    one.peer_says(b"second")
    one.peer.end()
    report = one.closed()
    assert b"".join(got) == heard
    assert (report.bytes_read, report.bytes_discarded) == (12, 12 - len(heard))
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


# Pauses.


@pytest.mark.parametrize("by_setting", [False, True], ids=["in the connection listener", "by pause_on_connect"])
def test_a_pause_from_the_beginning_holds_the_first_bytes(by_setting: bool, each_loop: Reactor, harness: Any) -> None:
    wire = harness(loop=each_loop, data=False, pause_on_connect=by_setting)
    if not by_setting:
        wire.server.on("connection", Connection.pause)
    peer = Peer(wire.address)
    peer.send(b"first bytes")
    pump(each_loop, lambda: wire.record.connections)
    settle(each_loop, 30)
    conn = wire.record.conn
    assert (conn.bytes_read, conn.state) == (0, "open")
    got: list[bytes] = []
    conn.on("data", lambda conn, data: got.append(data))
    conn.resume()
    pump(each_loop, lambda: got == [b"first bytes"])
    peer.close()
    assert wire.closed(conn).bytes_discarded == 0


def test_resume_in_the_connection_listener_undoes_pause_on_connect(scene: Scenes) -> None:
    one = scene(pause_on_connect=True, greet=Connection.resume)
    one.peer.send(b"not held")
    one.until(lambda: one.data() == b"not held")


def test_a_pause_in_a_data_listener_holds_the_next_bytes(each_scene: Scenes) -> None:
    one = each_scene()
    one.server.on("data", lambda conn, data: conn.pause())
    one.peer_says(b"one")
    one.peer.send(b"two")
    one.turns(30)
    assert one.data() == b"one"
    one.conn.resume()
    one.until(lambda: one.data() == b"onetwo")


def test_pausing_throttles_the_peer_by_the_kernels_window(scene: Scenes) -> None:
    one = scene()
    one.conn.pause()
    one.turns()
    taken = 0
    while (size := one.peer.send_some(bytes(MIB))) and taken < 64 * MIB:
        taken += size
        one.turns(3)
    assert taken < 64 * MIB, "the peer was not throttled"
    assert one.conn.bytes_read == 0
    one.conn.resume()
    one.until(lambda: one.conn.bytes_read == taken)


def test_pause_and_resume_again_and_again_lose_nothing(scene: Scenes) -> None:
    one = scene()
    for number in range(50):
        for call in (one.conn.pause, one.conn.pause, one.conn.resume, one.conn.resume)[number % 4 :]:
            call()
        one.peer.send(b"%3d" % number)
        one.turns(2)
    one.conn.resume()
    one.until(lambda: one.conn.bytes_read == 150)
    assert one.data() == b"".join(b"%3d" % number for number in range(50))


@pytest.mark.parametrize(
    ("prepare", "state"),
    [
        ("open", "open"),
        ("end", "read_only"),
        ("destroy_soon", "closing"),
        ("peer end", "write_only"),
        ("destroy", "closed"),
        ("reset", "closed"),
    ],
)
def test_pause_and_resume_are_legal_in_every_state(prepare: str, state: str, scene: Scenes) -> None:
    one = scene(allow_half_open=True)
    if prepare == "peer end":
        one.peer_ends()
    elif prepare != "open":
        getattr(one.conn, prepare)()
    for call in (one.conn.pause, one.conn.resume):
        call()
        call()
        assert one.conn.state == state
    for call in (one.conn.pause, one.conn.resume):
        one.turns(2)
        call()
    assert one.conn.state == state


def test_what_a_paused_connection_sends_still_goes_out(each_scene: Scenes) -> None:
    one = each_scene()
    one.conn.pause()
    one.turns()
    one.conn.write(bytes(4 * MIB))
    reading = one.peer.nonblocking()
    one.until(lambda: reading.read() or len(reading.received) == 4 * MIB)
    assert one.conn.pending_bytes == 0
