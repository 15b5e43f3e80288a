"""set_encoding: `data` listeners get text, whole characters only, however the network cuts the bytes."""

from __future__ import annotations

from typing import Any

import pytest

from reactor import Reactor, Reason
from reactor.testing import pump
from tests.support.hearing import Heard, feed

TEXT = "aé€𝄞漢字ﾊz\n"
ENCODINGS = [
    "utf-8",
    "utf-8-sig",
    "utf-16",
    "utf-16-le",
    "utf-32",
    "utf-7",
    "shift_jis",
    "iso2022_jp",
    "gb18030",
    "latin-1",
]


def text_for(encoding: str) -> str:
    """TEXT as far as the encoding has it."""
    return TEXT.encode(encoding, "ignore").decode(encoding)


# Characters.


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_no_character_is_split_though_every_byte_comes_alone(harness: Any, encoding: str) -> None:
    wire = harness(data=False)
    peer, conn = wire.connect()
    heard = Heard(conn)
    conn.set_encoding(encoding)
    text = text_for(encoding)
    feed(wire, peer, conn, *(bytes([byte]) for byte in text.encode(encoding)))
    peer.end()
    assert wire.closed(conn).clean is True
    assert heard.whole == text
    assert all(type(piece) is str and piece for piece in heard)
    if encoding not in ("utf-7", "iso2022_jp"):  # those say in advance what follows
        assert list(heard) == list(text)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "shift_jis"])
def test_no_character_is_split_wherever_the_stream_is_cut(each_loop: Reactor, harness: Any, encoding: str) -> None:
    wire = harness(loop=each_loop, data=False)
    text = text_for(encoding)
    raw = text.encode(encoding)
    for cut in range(len(raw) + 1):
        peer, conn = wire.connect()
        heard = Heard(conn)
        conn.set_encoding(encoding)
        feed(wire, peer, conn, raw[:cut], raw[cut:])
        peer.end()
        wire.closed(conn)
        assert (heard.whole, len(heard) <= 2) == (text, True), cut


def test_a_long_text_arrives_whole(harness: Any) -> None:
    wire = harness(data=False)
    peer, conn = wire.connect()
    heard = Heard(conn)
    conn.set_encoding("utf-8")
    text = TEXT * 20_000  # 23 bytes each: reads of 64 KiB end anywhere
    sent, raw = 0, text.encode()
    while sent < len(raw):
        sent += peer.send_some(raw[sent:])
        wire.loop.run_once(0.001)
    peer.end()
    assert wire.closed(conn).bytes_read == len(raw)
    assert heard.whole == text


def test_bytes_are_counted_and_not_characters(harness: Any) -> None:
    wire = harness(data=False)
    peer, conn = wire.connect()
    Heard(conn)
    conn.set_encoding("utf-8")
    feed(wire, peer, conn, "€".encode())
    peer.end()
    report = wire.closed(conn)
    assert (report.bytes_read, report.bytes_discarded) == (3, 0)


def test_a_chunk_that_completes_no_character_is_told_to_nobody(harness: Any) -> None:
    wire = harness(data=False)
    peer, conn = wire.connect()
    heard = Heard(conn)
    conn.set_encoding("utf-8")
    feed(wire, peer, conn, b"\xe2", b"\x82")
    assert heard == []
    feed(wire, peer, conn, b"\xac")
    assert heard == ["€"]


def test_what_is_written_stays_bytes(harness: Any) -> None:
    wire = harness(data=False)
    peer, conn = wire.connect()
    conn.on("data", lambda conn, data: conn.write(data.upper().encode()))
    conn.set_encoding("utf-8")
    peer.send("äöü".encode())
    pump(wire.loop, lambda: conn.bytes_written == 6)
    assert peer.receive(6) == "ÄÖÜ".encode()
    with pytest.raises(TypeError):
        conn.write("text")


# Who listens.


def test_every_listener_gets_text_whenever_it_was_added(harness: Any) -> None:
    wire = harness(data=False)
    early, late, own, later = Heard(), Heard(), Heard(), Heard()
    wire.server.on("data", early.hear)
    peer, conn = wire.connect()
    conn.set_encoding("utf-8")
    conn.on("data", own.hear)
    wire.server.on("data", late.hear)
    feed(wire, peer, conn, b"\xc3")
    conn.on("data", later.hear)
    feed(wire, peer, conn, b"\xa9!")
    assert early == late == own == later == ["é!"]


def test_other_connections_of_the_server_keep_getting_bytes(harness: Any) -> None:
    wire = harness(data=False)
    heard = Heard()
    wire.server.on("data", heard.hear)
    (peer, conn), (other, its) = wire.connect(), wire.connect()
    conn.set_encoding("utf-8")
    feed(wire, peer, conn, b"text")
    feed(wire, other, its, b"bytes")
    assert heard == ["text", b"bytes"]


@pytest.mark.parametrize("where", ["server", "connection"])
def test_a_once_listener_gets_the_first_text(harness: Any, where: str) -> None:
    wire = harness(data=False)
    heard = Heard()
    peer, conn = wire.connect()
    conn.set_encoding("utf-8")
    (wire.server if where == "server" else conn).once("data", heard.hear)
    feed(wire, peer, conn, b"\xc3", b"\xa9", b"more")
    assert heard == ["é"]


def test_where_nobody_listens_bytes_are_discarded_and_the_end_is_seen(harness: Any) -> None:
    wire = harness(data=False)
    peer, conn = wire.connect()
    conn.set_encoding("utf-8")
    feed(wire, peer, conn, "é".encode(), b"x\xc3")
    peer.end()
    report = wire.closed(conn)
    assert (report.clean, report.bytes_read, report.bytes_discarded) == (True, 4, 4)


@pytest.mark.parametrize("bad", [[b"\xff\xfe\xfd"], [b"\xc3", b"\xff"], [b"\xe2\x82", b"x"]])
def test_bad_bytes_that_nobody_listens_to_are_no_error(harness: Any, bad: list[bytes]) -> None:
    wire = harness(data=False)
    peer, conn = wire.connect()
    conn.set_encoding("utf-8")
    feed(wire, peer, conn, *bad)
    heard = Heard(conn)
    feed(wire, peer, conn, "é".encode())
    assert heard == ["é"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "shift_jis"])
def test_a_listener_added_in_the_middle_of_a_character_gets_whole_characters(harness: Any, encoding: str) -> None:
    text = "字x"
    raw = text.encode(encoding)
    for cut in range(1, len(raw)):
        wire = harness(data=False)
        peer, conn = wire.connect()
        conn.set_encoding(encoding)
        feed(wire, peer, conn, raw[:cut])
        heard = Heard(conn)
        feed(wire, peer, conn, raw[cut:])
        assert conn.state == "open", cut
        assert text.endswith(heard.whole), cut
        assert heard.whole.endswith("x"), cut


def test_a_listener_that_left_hears_nothing_of_what_was_held_back(harness: Any) -> None:
    wire = harness(data=False)
    peer, conn = wire.connect()
    heard = Heard(conn)
    conn.set_encoding("utf-8", "replace")
    feed(wire, peer, conn, b"\xc3")
    conn.off("data", heard.hear)
    peer.end()
    assert wire.closed(conn).clean is True
    assert heard == []


def test_a_listener_that_left_a_connection_with_a_pipe_hears_nothing_either(harness: Any) -> None:
    wire = harness(data=False)
    peer, conn = wire.connect()
    heard = Heard(conn)
    conn.set_encoding("utf-8", "replace")
    conn.pipe(conn)
    feed(wire, peer, conn, b"\xc3")
    conn.off("data", heard.hear)
    peer.end()
    wire.closed(conn)
    assert heard == []


def test_a_listener_that_raises_a_decode_error_of_its_own_has_failed_like_any_other(
    harness: Any, caplog: pytest.LogCaptureFixture
) -> None:
    wire = harness(data=False)
    peer, conn = wire.connect()
    conn.on("data", lambda conn, data: b"\xff".decode())
    conn.set_encoding("utf-8")
    peer.send(b"x")
    assert wire.closed(conn).reason is Reason.LISTENER_FAILED
    assert "a listener of" in caplog.text
    caplog.clear()
