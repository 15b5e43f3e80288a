"""`detach()`: the socket goes to another owner with every byte, the peer notices nothing, and `close` tells of it."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from typing import Any

import pytest

from reactor import Connection, ConnectionClosed, Reactor, ReactorError, Reason, adopt, connect, length_prefixed, lines
from reactor.testing import Peer, pump, settle
from tests.support.far_ends import Place, connected
from tests.support.garbage import left_behind
from tests.support.recording import Harness, Heard
from tests.support.scene import MUCH, Scene, Scenes


def gone_on(sock: socket.socket, peer: Peer) -> bool:
    """True if the socket still serves in both directions. Both ends are closed then."""
    with sock:
        sock.settimeout(5)
        sock.sendall(b"from the new owner")
        peer.send(b"to the new owner")
        return (peer.receive(18), sock.recv(100)) == (b"from the new owner", b"to the new owner")


def test_the_socket_is_the_callers_at_once_and_the_peer_notices_nothing(each_scene: Scenes) -> None:
    s = each_scene()
    s.peer.send(b"hello")
    s.until(lambda: s.data() == b"hello")
    number = s.conn.fileno()
    sock, rest = s.conn.detach()
    assert (sock.fileno(), sock.getblocking(), rest) == (number, True, b"")
    assert (s.conn.fileno(), s.conn.state, s.conn.writable) == (-1, "closed", False)
    assert s.peer.nothing_comes()
    s.closed()
    assert gone_on(sock, s.peer)


def test_close_comes_in_the_next_turn_with_a_reason_of_its_own(scene: Scenes) -> None:
    s = scene()
    local = s.conn.local_address
    sock, _ = s.conn.detach()
    assert s.names() == []
    report = s.closed()
    assert s.names() == ["close"]
    assert (report.reason, report.phase, report.error, report.clean) == (Reason.DETACHED, "open", None, False)
    assert (report.bytes_unsent, report.bytes_discarded, report.bytes_unacked) == (0, 0, None)
    assert (s.conn.local_address, s.server.statistics().ended) == (local, {Reason.DETACHED: 1})
    assert s.server.statistics().open == 0
    sock.close()


@pytest.mark.parametrize("where", ["connection", "data", "end", "drain", "timer"])
def test_it_may_be_called_wherever_the_program_is_called(where: str, loop: Reactor, harness: Any) -> None:
    found: list[tuple[socket.socket, bytes]] = []
    h = harness(allow_half_open=True, high_water=0)
    detach = lambda conn, *_: found.append(conn.detach())  # noqa: E731
    if where == "timer":
        h.server.on("connection", lambda conn: loop.call_soon(detach, conn))
    elif where == "drain":
        h.server.on("connection", lambda conn: conn.corked().__enter__() or conn.write(b"x"))
        h.server.on("connection", lambda conn: loop.call_soon(conn.corked().__exit__))
        h.server.on("drain", detach)
    else:
        h.server.on(where, detach)
    peer, conn = h.connect()
    peer.send(b"hello")
    if where == "end":
        peer.end()
    report = h.closed(conn)
    assert (report.reason, report.phase) == (Reason.DETACHED, "half_open" if where == "end" else "open")
    assert h.record.names(conn)[-1] == "close"
    ((sock, _),) = found
    sock.close()


# What was read and not delivered.


def cut_in_two(conn: Connection, framer: Callable[[Any], Any], found: list[Any]) -> None:
    """At the first message, detach."""
    conn.on("data", framer(lambda conn, message: found.append((message, *conn.detach()))))


@pytest.mark.parametrize(
    ("framer", "sent", "rest"),
    [
        (lines, b"first\r\nsecond\nthi", b"second\nthi"),
        (lines, b"first\n", b""),
        (lambda hear: length_prefixed(hear, width=1), b"\5first\6second\5th", b"\6second\5th"),
        (lambda hear: lines(hear, max_length=5), b"first\nfar too long", b"far too long"),
    ],
    ids=["lines", "nothing more", "length_prefixed", "a message that is too long"],
)
def test_what_a_framer_keeps_is_returned(framer: Any, sent: bytes, rest: bytes, scene: Scenes) -> None:
    found: list[Any] = []
    s = scene(data=False, greet=lambda conn: cut_in_two(conn, framer, found))
    s.peer.send(sent)
    report = s.closed()
    ((message, sock, kept),) = found
    assert (message, kept) == (b"first", rest)
    assert (report.bytes_read, report.bytes_discarded) == (len(sent), 0)
    assert gone_on(sock, s.peer)


def test_half_a_character_is_returned(scene: Scenes) -> None:
    heard: list[Any] = []
    s = scene(
        data=False, greet=lambda conn: (conn.set_encoding("utf-8"), conn.on("data", lambda c, t: heard.append(t)))
    )
    s.peer.send("aß".encode()[:2])
    s.until(lambda: heard)
    sock, rest = s.conn.detach()
    assert (heard, rest) == (["a"], "ß".encode()[:1])
    s.closed()
    sock.close()


def test_what_a_pause_of_messages_holds_back_is_returned(scene: Scenes) -> None:
    s = scene(data=False, greet=lambda conn: conn.on("data", lines(lambda conn, line: conn.pause())))
    s.peer.send(b"first\nsecond\nthi")
    s.until(lambda: s.conn.bytes_read)
    sock, rest = s.conn.detach()
    assert rest == b"second\nthi"
    assert s.closed().bytes_discarded == 0
    sock.close()


def two_that_speak_in_one_turn(harness: Any, on_data: Callable[[Connection, bytes], object]) -> tuple[Harness, Any]:
    """Two connections with small reads; what both send is read before the first is told."""
    h: Harness = harness()
    pairs = [h.connect() for _ in range(2)]
    for peer, conn in pairs:
        peer.send(b".")
        pump(h.loop, lambda: conn.bytes_read)  # noqa: B023 - called at once
    h.server.on("data", on_data)
    for number, (peer, _) in enumerate(pairs):
        peer.send(b"from %d" % number)
    h.loop.run_once(0)
    return h, pairs


def test_what_was_read_ahead_of_anothers_listener_is_returned(harness: Any) -> None:
    found: dict[Connection, Any] = {}

    def detach_the_other(conn: Connection, data: bytes) -> None:
        assert conn.server is not None
        for other in conn.server.connections:
            if other is not conn:
                found[other] = other.detach()

    h, pairs = two_that_speak_in_one_turn(harness, detach_the_other)
    ((conn, (sock, rest)),) = found.items()
    number = [conn for _, conn in pairs].index(conn)
    assert rest == b"from %d" % number
    report = h.closed(conn)
    assert h.record.data(conn) == b"."
    assert (report.bytes_read, report.bytes_discarded) == (7, 0)
    assert gone_on(sock, pairs[number][0])


def pause_the_other(conn: Connection, data: bytes) -> None:
    assert conn.server is not None
    for other in conn.server.connections:
        if other is not conn:
            other.pause()


def test_what_was_read_ahead_and_held_back_by_a_pause_is_returned_once(harness: Any) -> None:
    h, pairs = two_that_speak_in_one_turn(harness, pause_the_other)
    ((peer, conn),) = [(peer, conn) for peer, conn in pairs if h.record.data(conn) == b"."]
    peer.send(b", unread")
    sock, rest = conn.detach()
    with sock:
        assert rest + sock.recv(100) == b"from %d, unread" % pairs.index((peer, conn))
    assert h.closed(conn).bytes_discarded == 0


def test_what_was_held_back_and_what_came_after_it_are_told_as_one(harness: Any) -> None:
    """A pause has held bytes back; the peer's FIN is seen in the turn in which the program resumes. The listener of the
    first bytes detaches, and must not lose the others.
    """
    found: list[Any] = []

    h, pairs = two_that_speak_in_one_turn(harness, pause_the_other)
    ((peer, conn),) = [(peer, conn) for peer, conn in pairs if h.record.data(conn) == b"."]
    settle(h.loop)
    h.server.off("data", pause_the_other)
    conn.on("data", lambda conn, data: found.append((data, *conn.detach())))
    h.loop.call_soon(conn.resume)
    peer.send(b", and more")
    peer.end()
    report = h.closed(conn)
    ((heard, sock, rest),) = found
    with sock:
        sock.settimeout(5)
        left = sock.recv(100)
    assert heard + rest + left == b"from %d, and more" % pairs.index((peer, conn))
    assert report.bytes_discarded == 0


def test_one_that_has_heard_in_this_turn_gets_nothing_twice(harness: Any) -> None:
    found: list[Any] = []
    h, pairs = two_that_speak_in_one_turn(harness, lambda conn, data: found.append((data, *conn.detach())))
    assert sorted(data for data, *_ in found) == [b"from 0", b"from 1"]
    for _, sock, rest in found:
        assert rest == b""
        sock.close()
    for _, conn in pairs:
        assert h.closed(conn).bytes_read == 7


def test_what_the_kernel_has_is_the_new_owners(scene: Scenes) -> None:
    s = scene()
    s.conn.pause()
    s.turns()
    s.peer.send(b"unread")
    sock, rest = s.conn.detach()
    with sock:
        assert (rest, sock.recv(100)) == (b"", b"unread")
    s.closed()


# What waited for it.


def test_callbacks_are_answered_and_come_before_close(scene: Scenes) -> None:
    told: list[Any] = []
    s = scene()
    s.conn.on("close", lambda conn, report: told.append("close"))
    s.conn.write(b"x", lambda conn, error: told.append(error))
    sock, _ = s.conn.detach()
    assert told == []
    s.closed()
    assert told == [None, "close"]
    sock.close()


@pytest.mark.parametrize("which", ["source", "destination"])
def test_a_pipe_takes_it_for_a_cut(which: str, loop: Reactor, harness: Any) -> None:
    h = harness(data=False)
    (_, source), (_, destination) = h.connect(), h.connect()
    source.pipe(destination)
    settle(loop)
    sock, _ = (source if which == "source" else destination).detach()
    other = destination if which == "source" else source
    assert h.closed(other).reason is Reason.RESET
    sock.close()


def test_the_other_end_of_a_pipe_that_was_left_before_is_left_alone(loop: Reactor, harness: Any) -> None:
    h = harness(data=False)
    (_, source), (_, destination) = h.connect(), h.connect()
    source.pipe(destination)
    settle(loop)
    source.unpipe()
    sock, _ = source.detach()
    h.closed(source)
    settle(loop)
    assert destination.state == "open"
    sock.close()


# When it is refused.


def write_much(s: Scene) -> None:
    s.conn.write(bytes(MUCH))


def send_a_file(s: Scene) -> None:
    s.conn.corked().__enter__()
    s.conn.send_file(__file__)


REFUSED: dict[str, tuple[Callable[[Scene], object], type[Exception], str]] = {
    "pending output": (write_much, ReactorError, "while output is pending: call it in the callback of the last write"),
    "a file": (send_a_file, ReactorError, "while output is pending"),
    "end": (lambda s: s.conn.end(), ConnectionClosed, "our half has ended"),
    "destroy_soon": (lambda s: s.conn.destroy_soon(), ConnectionClosed, "our half has ended"),
    "destroy": (lambda s: s.conn.destroy(), ConnectionClosed, "our half has ended"),
    "the close": (lambda s: (s.conn.reset(), s.closed()), ConnectionClosed, "our half has ended"),
}


@pytest.mark.parametrize("after", REFUSED)
def test_it_is_refused_where_something_of_ours_is_under_way(after: str, scene: Scenes) -> None:
    begin, kind, text = REFUSED[after]
    s = scene()
    begin(s)
    state, number = s.conn.state, s.conn.fileno()
    with pytest.raises(kind, match=rf"^detach\(\) of <Connection .*{text}") as caught:
        s.conn.detach()
    assert type(caught.value) is kind
    assert (s.conn.state, s.conn.fileno()) == (state, number)
    s.conn.reset()
    assert s.closed().reason is not Reason.DETACHED


def test_a_client_that_is_not_connected_has_nothing_to_give(loop: Reactor) -> None:
    with Place() as place:
        conn = place.connect(loop)
        with pytest.raises(ReactorError, match="it is not connected yet"):
            conn.detach()
        sock, _ = connected(loop, conn).detach()
        assert sock.getpeername() == place.address
        sock.close()
        assert Heard(conn).report(loop).reason is Reason.DETACHED


# Where it goes.


def test_the_number_may_be_another_sockets_in_the_same_turn(scene: Scenes) -> None:
    s = scene()
    sock, _ = s.conn.detach()
    number = sock.fileno()
    sock.close()
    left, right = socket.socketpair()
    try:
        assert number in (left.fileno(), right.fileno())
        s.closed()
        os.fstat(left.fileno())
        os.fstat(right.fileno())
    finally:
        left.close()
        right.close()


def test_it_may_go_to_another_reactor_and_come_back(loop: Reactor, scene: Scenes) -> None:
    s = scene()
    with Reactor(debug=True) as other:
        there = adopt(other, s.conn.detach()[0])
        heard = Heard(there)
        there.write(b"from there")
        s.peer.send(b"to there")
        pump(other, lambda: heard.data() == b"to there")
        assert s.peer.receive(10) == b"from there"
        here = adopt(loop, there.detach()[0])
        assert heard.report(other).reason is Reason.DETACHED
    back = Heard(here)
    s.peer.send(b"back")
    pump(loop, lambda: back.data() == b"back")
    here.end()
    s.peer.end()
    assert back.report(loop).clean
    s.closed()


def test_a_connection_that_was_made_by_connect_may_be_detached_in_its_listener(loop: Reactor) -> None:
    found: list[Any] = []
    with Place() as place:
        host, port = place.address
        conn = connect(loop, host, port, lambda conn: found.append(conn.detach()))
        heard = Heard(conn)
        peer = place.accept(loop)
        assert heard.report(loop).reason is Reason.DETACHED
        assert heard.life() == ["close"]  # its listeners of `connect` that were not called yet hear nothing more
        assert gone_on(found[0][0], peer)


def test_it_leaves_nothing_for_the_collector(loop: Reactor) -> None:
    def greet(conn: Connection) -> None:
        conn.on("data", lines(lambda conn, line: conn.detach()[0].close()))
        conn.write(b"x", lambda conn, error: None)

    assert left_behind(loop, greet, lambda peer: peer.send(b"first\nsecond")) is None
