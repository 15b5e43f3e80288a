"""set_encoding: called again, in the middle of characters, between pauses, by clients, and what it leaves behind."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest

from reactor import Connection, Reactor, Server, connect
from reactor.testing import Peer, pump, settle
from tests.support.hearing import Heard, feed

# Changing it.


def test_none_is_bytes_again_and_nothing_is_lost_in_the_middle_of_a_character(harness: Any) -> None:
    wire = harness(data=False)
    peer, conn = wire.connect()
    heard = Heard(conn)
    conn.set_encoding("utf-8")
    feed(wire, peer, conn, b"a\xe2", b"\x82")
    conn.set_encoding(None)
    feed(wire, peer, conn, b"\xacb", b"c")
    assert heard[0] == "a"
    assert b"".join(heard[1:]) == b"\xe2\x82\xacbc"


def test_none_in_the_middle_of_a_character_and_then_the_end_loses_nothing(harness: Any) -> None:
    wire = harness(data=False)
    peer, conn = wire.connect()
    heard = Heard(conn)
    conn.set_encoding("utf-8")
    feed(wire, peer, conn, b"\xe2\x82")
    conn.set_encoding(None)
    peer.end()
    assert wire.closed(conn).clean is True
    assert heard == [b"\xe2\x82"]


def test_none_where_no_encoding_was_set_changes_nothing(harness: Any) -> None:
    wire = harness(data=False)
    peer, conn = wire.connect()
    heard = Heard(conn)
    conn.set_encoding(None)
    feed(wire, peer, conn, b"\xff")
    assert heard == [b"\xff"]


@pytest.mark.parametrize(
    "between", [[], ["utf-8"], [None], [None, "utf-8"], ["latin-1", "utf-8"], ["utf-8", None, None, "utf-16"]]
)
def test_setting_it_again_in_the_middle_of_a_character_loses_nothing(harness: Any, between: list[str | None]) -> None:
    wire = harness(data=False)
    peer, conn = wire.connect()
    heard = Heard(conn)
    conn.set_encoding("utf-8")
    feed(wire, peer, conn, b"\xe2\x82")
    for encoding in between:
        conn.set_encoding(encoding)
    conn.set_encoding("utf-8")
    feed(wire, peer, conn, b"\xac!")
    assert heard == ["€!"]


def test_another_encoding_counts_from_the_next_bytes_on(harness: Any) -> None:
    wire = harness(data=False)
    peer, conn = wire.connect()
    heard = Heard(conn)
    conn.set_encoding("ascii")
    feed(wire, peer, conn, b"charset=latin-1\n")
    conn.set_encoding("latin-1")
    feed(wire, peer, conn, b"\xe9")
    conn.set_encoding("utf-16-be")
    feed(wire, peer, conn, b"\x00x")
    assert heard == ["charset=latin-1\n", "é", "x"]


def test_a_listener_may_change_it_for_what_comes_next(harness: Any) -> None:
    wire = harness(data=False)
    peer, conn = wire.connect()
    heard = Heard(conn)
    conn.on("data", lambda conn, data: conn.set_encoding("latin-1"))
    feed(wire, peer, conn, b"\xe9", b"\xe9")
    assert heard == [b"\xe9", "é"]


# Pausing.


def test_a_pause_in_the_middle_of_a_character_loses_nothing(each_loop: Reactor, harness: Any) -> None:
    wire = harness(loop=each_loop, data=False)
    peer, conn = wire.connect()
    heard = Heard(conn)
    conn.set_encoding("utf-8")
    feed(wire, peer, conn, b"\xe2")
    conn.pause()
    peer.send(b"\x82")
    settle(each_loop)
    assert (heard, conn.bytes_read) == ([], 1)
    conn.resume()
    feed(wire, peer, conn, b"")
    pump(each_loop, lambda: conn.bytes_read == 2)
    feed(wire, peer, conn, b"\xac")
    assert heard == ["€"]


def test_a_listener_that_pauses_at_every_text_gets_all_of_it(each_loop: Reactor, harness: Any) -> None:
    wire = harness(loop=each_loop, data=False)
    peer, conn = wire.connect()
    heard = Heard(conn)
    conn.on("data", lambda conn, data: conn.pause())
    conn.set_encoding("utf-8", "replace")
    peer.send("é".encode() + b"\xe2")
    peer.end()

    def over() -> bool:
        conn.resume()
        return conn.report is not None

    pump(each_loop, over)
    assert heard == ["é", "�"]
    assert conn.report is not None
    assert conn.report.clean


# Clients, and what is left behind.


def test_a_client_may_set_it_before_it_is_connected(harness: Any, loop: Reactor) -> None:
    wire = harness()
    wire.server.on("connection", lambda conn: conn.end("grüß".encode()))
    conn = connect(loop, *wire.address)
    heard = Heard(conn)
    conn.set_encoding("utf-8")
    pump(loop, lambda: conn.report is not None)
    assert heard.whole == "grüß"


def test_after_the_close_it_is_harmless(harness: Any) -> None:
    wire = harness()
    peer, conn = wire.connect()
    peer.close()
    wire.closed(conn)
    conn.set_encoding("utf-8")
    conn.set_encoding(None)
    conn.unref()
    conn.ref()
    wire.server.close()
    settle(wire.loop)
    assert wire.loop.statistics().held == 0, "it would keep run() going"


@pytest.mark.parametrize("ending", ["FIN", "bad bytes", "reset", "FIN in a character"])
def test_a_connection_that_is_closed_is_garbage_without_a_collection(loop: Reactor, ending: str) -> None:
    server = Server(loop)

    @server.on("connection")
    def greet(conn: Connection) -> None:
        conn.context = lambda: conn.state  # a cycle of the program's, which it breaks itself
        conn.set_encoding("utf-8")
        conn.on("data", lambda _, text: conn.touch())
        conn.once("data", lambda _, text: conn.touch())
        conn.set_encoding("utf-16-le")
        conn.set_encoding("utf-8")
        conn.on("error", lambda conn, error: None)  # else it is logged, and the log keeps the connection
        conn.on("close", lambda conn, report: setattr(conn, "context", None))

    address: Any = server.listen("127.0.0.1", 0)
    gc.collect()
    gc.disable()
    try:
        with Peer(address) as peer:
            pump(loop, lambda: server.connections)
            alive = weakref.ref(next(iter(server.connections)))
            peer.send({"bad bytes": b"x\xff", "FIN in a character": b"x\xc3"}.get(ending, b"x"))
            if ending == "reset":
                peer.reset()
            elif ending != "bad bytes":
                peer.end()
            pump(loop, lambda: not server.connections)
        loop.run_once(0)
        assert alive() is None
    finally:
        gc.enable()
