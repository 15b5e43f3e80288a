"""set_encoding: bytes that the encoding does not have, characters that the end cuts off, and what it refuses."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from reactor import Connection, Reactor, Reason, Server, connect
from reactor.testing import Peer, pump, settle

UTF_8_HALF = "é".encode()[:1]


def listening(wire: Any, encoding: str = "utf-8", errors: str = "strict") -> tuple[Peer, Connection, list[Any]]:
    """A peer, its connection with an encoding, and what is heard of it."""
    heard: list[Any] = []
    peer, conn = wire.connect()
    conn.on("data", lambda conn, data: heard.append(data))
    conn.set_encoding(encoding, errors)
    return peer, conn, heard


# Strict.


def test_bad_bytes_reset_the_connection_and_are_told_as_an_error(each_loop: Reactor, harness: Any) -> None:
    wire = harness(loop=each_loop, data=False)
    peer, conn, heard = listening(wire)
    conn.write(b"answer")
    peer.send(b"\xff")
    report = wire.closed(conn)
    assert (report.reason, report.clean, report.bytes_read, heard) == (Reason.DECODE_FAILED, False, 1, [])
    assert type(report.error) is UnicodeDecodeError
    assert wire.record.events[conn] == [("error", report.error), ("close", report)]
    assert peer.outcome() == "ECONNRESET"


def test_the_error_says_what_was_wrong(harness: Any) -> None:
    wire = harness(data=False)
    peer, conn, _ = listening(wire)
    peer.send(b"good \xff bad")
    error = wire.closed(conn).error
    assert (error.encoding, error.object[error.start : error.end]) == ("utf-8", b"\xff")


def test_where_nobody_listens_to_error_it_is_logged_at_info(loop: Reactor, caplog: pytest.LogCaptureFixture) -> None:
    server = Server(loop, lambda conn: conn.set_encoding("utf-8"))
    server.on("data", lambda conn, data: None)
    with Peer(server.listen("127.0.0.1", 0)) as peer:  # type: ignore[arg-type]  # (host, port)
        peer.send(b"\xff")
        pump(loop, lambda: server.statistics().ended)
    assert [record.levelno for record in caplog.records if "decode" in record.getMessage()] == [logging.INFO]


@pytest.mark.parametrize("cuts", [[], [4], [1, 4], [3, 4, 5]])
def test_the_text_before_bad_bytes_is_delivered_however_it_was_cut(harness: Any, cuts: list[int]) -> None:
    wire = harness(data=False)
    peer, conn, heard = listening(wire)
    raw = "aé€".encode() + b"\xff" + b"after"
    for start, end in zip([0, *cuts], [*cuts, len(raw)], strict=True):
        peer.send(raw[start:end])
        pump(wire.loop, lambda: conn.bytes_read == end or conn.report is not None)  # noqa: B023 - called at once
    assert wire.closed(conn).reason is Reason.DECODE_FAILED
    assert "".join(heard) == "aé€"


@pytest.mark.parametrize("encoding", ["gbk", "shift_jis", "big5", "euc_jp"])
@pytest.mark.parametrize("cut", [1, 2, 3])
def test_a_decoder_that_forgets_what_it_held_when_it_fails_delivers_the_same(
    harness: Any, encoding: str, cut: int
) -> None:
    wire = harness(data=False)
    peer, conn, heard = listening(wire, encoding)
    raw = "中ok".encode(encoding) + b"\xff\xff"
    peer.send(raw[:cut])
    pump(wire.loop, lambda: conn.bytes_read == cut)
    peer.send(raw[cut:])
    assert wire.closed(conn).reason is Reason.DECODE_FAILED
    assert "".join(heard) == "中ok"


def test_what_was_to_be_sent_is_dropped_and_counted(harness: Any) -> None:
    wire = harness(data=False)
    peer, conn, _ = listening(wire)
    conn.write(bytes(32 << 20))
    settle(wire.loop)
    peer.send(b"\xff")
    report = wire.closed(conn)
    assert report.bytes_written + report.bytes_unsent == 32 << 20
    assert report.bytes_unsent


def test_an_ending_of_ours_under_way_does_not_hide_it(harness: Any) -> None:
    wire = harness(data=False)
    peer, conn, _ = listening(wire)
    conn.end()
    peer.send(b"\xff")
    assert wire.closed(conn).reason is Reason.DECODE_FAILED


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
@pytest.mark.parametrize("errors", ["strict", "replace"])
def test_a_stream_without_the_byte_order_mark_it_needs_is_the_peers_fault(
    harness: Any, encoding: str, errors: str
) -> None:
    wire = harness(data=False)
    peer, conn, _ = listening(wire, encoding, errors)
    peer.send("no mark".encode(f"{encoding}-le"))
    report = wire.closed(conn)
    assert (report.reason, isinstance(report.error, UnicodeError)) == (Reason.DECODE_FAILED, True)
    assert wire.record.names() == ["error", "close"]


@pytest.mark.parametrize(
    ("encoding", "raw"),
    [
        ("utf-8", b"\xc3("), ("utf-8", b"\xed\xa0\x80"), ("utf-8", b"\xc0\x80"), ("ascii", b"\x80"),
        ("utf-7", b"+\xff"),
        ("shift_jis", b"\x82\xff"), ("iso2022_jp", b"\x1b$B\xff\xff"), ("gb18030", b"\x81\x30\x81\xff"),
        ("utf-16", b"\xff\xfe\x00\xdc"), ("utf-32", b"\xff\xfe\x00\x00\xff\xff\xff\xff"), ("cp1252", b"\x81"),
        ("idna", b"xn--\xff."), ("punycode", b"\xff-\xff"), ("euc_jp", b"\xff"), ("big5", b"\xff\xff"),
    ],
)  # fmt: skip
def test_no_byte_that_a_peer_sends_is_a_failure_of_a_listener(harness: Any, encoding: str, raw: bytes) -> None:
    wire = harness(data=False)
    peer, conn, _ = listening(wire, encoding)
    peer.send(raw)
    peer.end()
    report = wire.closed(conn)
    assert report.reason is Reason.DECODE_FAILED
    assert isinstance(report.error, UnicodeError)


def test_a_client_that_gets_bad_bytes_ends_the_same_way(loop: Reactor, harness: Any) -> None:
    wire = harness()
    wire.server.on("connection", lambda conn: conn.write(b"\xff"))
    conn = connect(loop, *wire.address)
    conn.on("data", lambda conn, data: None)
    conn.set_encoding("utf-8")
    pump(loop, lambda: conn.report is not None)
    assert conn.report is not None
    assert conn.report.reason is Reason.DECODE_FAILED
    assert wire.closed(wire.record.conn).reason is Reason.PEER_RESET


# Not strict.


@pytest.mark.parametrize(
    ("errors", "text"),
    [
        ("replace", "a�b�c"), ("ignore", "abc"), ("backslashreplace", "a\\xffb\\xfec"),
        ("surrogateescape", "a\udcffb\udcfec"),
    ],
)  # fmt: skip
def test_other_handlers_make_text_of_bad_bytes(harness: Any, errors: str, text: str) -> None:
    wire = harness(data=False)
    peer, conn, heard = listening(wire, errors=errors)
    peer.send(b"a\xffb\xfec")
    peer.end()
    assert wire.closed(conn).clean is True
    assert "".join(heard) == text


def test_a_character_cut_by_tcp_alone_is_not_replaced(harness: Any) -> None:
    wire = harness(data=False)
    peer, conn, heard = listening(wire, errors="replace")
    for byte in "€".encode():
        peer.send(bytes([byte]))
        settle(wire.loop)
    peer.end()
    wire.closed(conn)
    assert heard == ["€"]


# The end in the middle of a character.


def test_strict_a_character_cut_off_by_the_peers_fin_is_an_error(each_loop: Reactor, harness: Any) -> None:
    wire = harness(loop=each_loop, data=False)
    peer, conn, heard = listening(wire)
    peer.send(b"x" + UTF_8_HALF)
    peer.end()
    report = wire.closed(conn)
    assert (report.reason, report.clean, heard) == (Reason.DECODE_FAILED, False, ["x"])
    assert type(report.error) is UnicodeDecodeError
    assert wire.record.names() == ["error", "close"]
    assert peer.outcome() == "ECONNRESET"


@pytest.mark.parametrize(("errors", "last"), [("replace", ["�"]), ("ignore", []), ("backslashreplace", ["\\xc3"])])
def test_otherwise_what_the_handler_makes_of_it_comes_before_end(
    each_loop: Reactor, harness: Any, errors: str, last: list[str]
) -> None:
    wire = harness(loop=each_loop, data=False)
    peer, conn, heard = listening(wire, errors=errors)
    conn.on("end", lambda conn: heard.append("end"))
    peer.send(b"x" + UTF_8_HALF)
    peer.end()
    report = wire.closed(conn)
    assert (report.reason, report.clean) == (Reason.PEER_ENDED, True)
    assert heard == ["x", *last, "end"]


def test_the_listener_of_the_last_character_may_pause(each_loop: Reactor, harness: Any) -> None:
    wire = harness(loop=each_loop, data=False)
    peer, conn, heard = listening(wire, errors="replace")
    conn.on("data", lambda conn, data: conn.pause())
    peer.send(UTF_8_HALF)
    pump(each_loop, lambda: conn.bytes_read == 1)
    peer.end()
    pump(each_loop, lambda: heard)
    settle(each_loop)
    assert "end" not in wire.record.names()
    conn.resume()
    report = wire.closed(conn)
    assert (heard, report.clean, wire.record.names()) == (["�"], True, ["hangup", "end", "finish", "close"])


@pytest.mark.parametrize("call", ["end", "destroy_soon", "destroy", "reset"])
def test_the_listener_of_the_last_character_may_end(harness: Any, call: str) -> None:
    wire = harness(data=False)
    peer, conn, heard = listening(wire, errors="replace")
    conn.on("data", lambda conn, data: getattr(conn, call)())
    peer.send(UTF_8_HALF)
    pump(wire.loop, lambda: conn.bytes_read == 1)
    peer.end()
    report = wire.closed(conn)
    assert heard == ["�"]
    assert report.reason in {"destroy": [Reason.DESTROYED], "reset": [Reason.RESET]}.get(
        call, [Reason.ENDED, Reason.PEER_ENDED]
    )


def test_the_listener_of_the_last_character_may_write_to_a_peer_that_has_gone(harness: Any) -> None:
    wire = harness(data=False)
    peer, conn, heard = listening(wire, errors="replace")
    conn.on("data", lambda conn, data: (peer.reset(), conn.write(b"x")))
    peer.send(UTF_8_HALF)
    pump(wire.loop, lambda: conn.bytes_read == 1)
    peer.end()
    report = wire.closed(conn)
    assert (heard, report.reason) == (["�"], Reason.PEER_RESET)
    assert wire.record.names() == ["error", "close"]


@pytest.mark.expects_errors
def test_the_listener_of_the_last_character_may_raise(harness: Any) -> None:
    wire = harness(data=False)
    peer, conn, _ = listening(wire, errors="replace")
    conn.on("data", lambda conn, data: 1 / 0)
    peer.send(UTF_8_HALF)
    pump(wire.loop, lambda: conn.bytes_read == 1)
    peer.end()
    report = wire.closed(conn)
    assert (report.reason, type(report.error)) == (Reason.LISTENER_FAILED, ZeroDivisionError)


@pytest.mark.parametrize("errors", ["strict", "replace"])
@pytest.mark.parametrize("writes", [False, True])
def test_a_character_cut_off_by_a_reset_is_the_networks_error(harness: Any, errors: str, writes: bool) -> None:
    wire = harness(data=False)
    peer, conn, heard = listening(wire, errors=errors)
    peer.send(UTF_8_HALF)
    pump(wire.loop, lambda: conn.bytes_read == 1)
    peer.reset()
    if writes:  # the end of the stream that is read after this is no FIN
        conn.write(b"x")
    assert (wire.closed(conn).reason, heard) == (Reason.PEER_RESET, [])


@pytest.mark.parametrize("errors", ["strict", "replace"])
def test_after_destroy_soon_bytes_are_dropped_and_their_encoding_matters_no_more(harness: Any, errors: str) -> None:
    wire = harness(data=False)
    peer, conn, heard = listening(wire, errors=errors)
    peer.send(UTF_8_HALF)
    pump(wire.loop, lambda: conn.bytes_read == 1)
    conn.destroy_soon()
    peer.send(b"\xff\xff")
    peer.end()
    report = wire.closed(conn)
    assert (report.clean, report.bytes_read, report.bytes_discarded, heard) == (True, 3, 2, [])


# Arguments.


@pytest.mark.parametrize(
    "encoding",
    ["base64", "hex", "rot13", "zlib", "bz2", "uu", "quopri", "undefined", "no such", "", "utf-8\0", "utf-8\ud800"],
)
def test_what_is_no_text_encoding_is_refused(harness: Any, encoding: str) -> None:
    wire = harness(data=False)
    peer, conn, heard = listening(wire)
    with pytest.raises(ValueError, match="encoding must be the name of a text encoding") as raised:
        conn.set_encoding(encoding)
    assert repr(encoding) in str(raised.value)
    peer.send("é".encode())
    pump(wire.loop, lambda: heard)
    assert heard == ["é"], "a refused call has changed something"


@pytest.mark.parametrize("encoding", [b"utf-8", 8, True, "utf-8".encode, ("utf-8",)])
def test_an_encoding_that_is_no_text_is_refused(harness: Any, encoding: Any) -> None:
    _, conn = harness().connect()
    with pytest.raises(TypeError, match=r"encoding must be a name like 'utf-8', or None for bytes, not "):
        conn.set_encoding(encoding)


@pytest.mark.parametrize("errors", ["no such", "", "xmlcharrefreplace", "namereplace", "strict\0"])
def test_a_handler_that_cannot_decode_is_refused(harness: Any, errors: str) -> None:
    _, conn = harness().connect()
    with pytest.raises(ValueError, match="errors must be a name like 'strict' or 'replace', not ") as raised:
        conn.set_encoding("utf-8", errors)
    assert repr(errors) in str(raised.value)


@pytest.mark.parametrize("errors", [None, b"strict", 1])
def test_a_handler_that_is_no_text_is_refused(harness: Any, errors: Any) -> None:
    _, conn = harness().connect()
    with pytest.raises(TypeError, match="errors must be a name like 'strict' or 'replace', not "):
        conn.set_encoding("utf-8", errors)


@pytest.mark.parametrize("errors", ["replace", "ignore", "surrogatepass", "surrogateescape", "backslashreplace"])
def test_every_handler_of_decoding_is_taken(harness: Any, errors: str) -> None:
    wire = harness(data=False)
    peer, _, heard = listening(wire, errors=errors)
    peer.send(b"fine")
    pump(wire.loop, lambda: heard)
    assert heard == ["fine"]
