"""TCP's urgent data: with `oob_inline` it comes in its place, without it its last byte is lost.

FTP's ABOR comes so, and telnet's interrupt; RFC 6093 says how it is to be read: inline.
"""

from __future__ import annotations

import socket
from typing import Any

from reactor import Connection, Reactor, Server, adopt, connect, lines
from reactor.testing import pump
from tests.support.far_ends import Place, connected
from tests.support.recording import Heard
from tests.support.scene import Scenes


def test_a_command_of_ftp_that_comes_urgently_is_heard_whole(each_scene: Scenes) -> None:
    heard: list[bytes] = []
    s = each_scene(data=False, oob_inline=True, greet=lambda c: c.on("data", lines(lambda c, line: heard.append(line))))
    s.peer.send(b"NOOP\r\n")
    s.until(lambda: heard)
    s.peer.sock.sendall(b"ABOR\r\n", socket.MSG_OOB)  # as ftplib does: the last byte is the urgent one
    s.until(lambda: len(heard) == 2)
    assert heard == [b"NOOP", b"ABOR"]


def test_it_comes_in_its_place_also_when_it_was_sent_before_the_accept(loop: Reactor, harness: Any) -> None:
    h = harness(oob_inline=True)
    (peer,) = h.queue(1)
    peer.send(b"one ")
    peer.sock.send(b"!", socket.MSG_OOB)
    peer.send(b" two")
    pump(loop, lambda: h.record.connections and len(h.record.data()) == 9)
    assert h.record.data() == b"one ! two"


def test_without_it_the_urgent_byte_is_lost_and_everything_else_comes(scene: Scenes) -> None:
    s = scene()
    s.peer.sock.send(b"one!", socket.MSG_OOB)
    s.peer.send(b" two")
    s.until(lambda: len(s.data()) == 7)
    assert s.data() == b"one two"


def test_it_may_be_changed_on_a_server_for_later_connections(loop: Reactor, harness: Any) -> None:
    h = harness()
    h.server.oob_inline = True
    peer, conn = h.connect()
    peer.sock.send(b"x", socket.MSG_OOB)
    pump(loop, lambda: h.record.data(conn) == b"x")
    h.server.oob_inline = False
    peer, conn = h.connect()
    assert not inline(conn)


def test_a_client_and_an_adopted_socket_take_it_too(loop: Reactor) -> None:
    with Place() as place:
        conn = connected(loop, place.connect(loop, oob_inline=True))
        heard = Heard(conn)
        peer = place.accept(loop)
        peer.sock.send(b"x", socket.MSG_OOB)
        pump(loop, lambda: heard.data() == b"x")
        again = adopt(loop, conn.detach()[0], oob_inline=True)
        heard = Heard(again)
        peer.sock.send(b"y", socket.MSG_OOB)
        pump(loop, lambda: heard.data() == b"y")


def test_it_is_off_unless_it_is_given(loop: Reactor, harness: Any) -> None:
    h = harness()
    _, conn = h.connect()
    assert Server(loop).oob_inline is False
    assert not inline(conn)
    assert not inline(connected(loop, connect(loop, *h.address)))


def inline(conn: Connection) -> bool:
    with socket.socket(fileno=socket.dup(conn.fileno())) as twin:
        return bool(twin.getsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE))
