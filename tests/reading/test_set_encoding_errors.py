"""set_encoding: bytes that the encoding does not have, characters that the end cuts off, and what it refuses."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from reactor import Reactor, Reason, Server
from reactor.testing import Peer, pump
from tests.support.hearing import feed, hearing
from tests.support.scene import Scene, Scenes

UTF_8_HALF = "é".encode()[:1]


# Strict.


def test_bad_bytes_reset_the_connection_and_are_told_as_an_error_that_says_what_was_wrong(each_scene: Scenes) -> None:
    one, heard = hearing(each_scene)
    one.conn.write(b"answer")
    one.peer.send(b"good \xff bad")
    report = one.closed()
    assert (report.reason, report.clean, report.bytes_read, heard) == (Reason.DECODE_FAILED, False, 10, ["good "])
    error = report.error
    assert type(error) is UnicodeDecodeError
    assert (error.encoding, error.object[error.start : error.end]) == ("utf-8", b"\xff")
    assert one.record.events[one.conn] == [("error", error), ("close", report)]
    assert one.peer.outcome() == "ECONNRESET"


def test_where_nobody_listens_to_error_it_is_logged_at_info(loop: Reactor, caplog: pytest.LogCaptureFixture) -> None:
    server = Server(loop, lambda conn: conn.set_encoding("utf-8"))
    server.on("data", lambda conn, data: None)
    with Peer(server.listen("127.0.0.1", 0)) as peer:
        peer.send(b"\xff")
        pump(loop, lambda: server.statistics().ended)
    assert [record.levelno for record in caplog.records if "decode" in record.getMessage()] == [logging.INFO]


@pytest.mark.parametrize(
    ("encoding", "text", "cuts"),
    [
        *(("utf-8", "aé€", cuts) for cuts in ([], [4], [1, 4], [3, 4, 5])),
        # These decoders forget what they held when they fail.
        *((encoding, "中ok", [cut]) for encoding in ("gbk", "shift_jis", "big5", "euc_jp") for cut in (1, 2, 3)),
    ],
)
def test_the_text_before_bad_bytes_is_delivered_however_it_was_cut(
    scene: Scenes, encoding: str, text: str, cuts: list[int]
) -> None:
    one, heard = hearing(scene, encoding)
    raw = text.encode(encoding) + b"\xff\xffafter"
    feed(one, *(raw[start:end] for start, end in zip([0, *cuts], [*cuts, len(raw)], strict=True)))
    assert one.closed().reason is Reason.DECODE_FAILED
    assert "".join(heard) == text


def test_what_was_to_be_sent_is_dropped_and_counted(scene: Scenes) -> None:
    one, _ = hearing(scene)
    one.conn.write(bytes(32 << 20))
    one.turns()
    one.peer.send(b"\xff")
    report = one.closed()
    assert report.bytes_written + report.bytes_unsent == 32 << 20
    assert report.bytes_unsent


def test_an_ending_of_ours_under_way_does_not_hide_it(scene: Scenes) -> None:
    one, _ = hearing(scene)
    one.conn.end()
    one.peer.send(b"\xff")
    assert one.closed().reason is Reason.DECODE_FAILED


@pytest.mark.parametrize("errors", ["strict", "replace"])
@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_a_byte_order_mark_that_is_missing_is_the_peers_fault(scene: Scenes, encoding: str, errors: str) -> None:
    one, _ = hearing(scene, encoding, errors)
    one.peer.send("no mark".encode(f"{encoding}-le"))
    report = one.closed()
    assert (report.reason, isinstance(report.error, UnicodeError)) == (Reason.DECODE_FAILED, True)
    assert one.names() == ["error", "close"]


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
def test_no_byte_that_a_peer_sends_is_a_failure_of_a_listener(scene: Scenes, encoding: str, raw: bytes) -> None:
    one, _ = hearing(scene, encoding)
    one.peer.send(raw)
    one.peer.end()
    report = one.closed()
    assert report.reason is Reason.DECODE_FAILED
    assert isinstance(report.error, UnicodeError)


# The end in the middle of a character, and handlers that are not strict.


def test_strict_a_character_cut_off_by_the_peers_fin_is_an_error(each_scene: Scenes) -> None:
    one, heard = hearing(each_scene)
    one.peer.send(b"x" + UTF_8_HALF)
    one.peer.end()
    report = one.closed()
    assert (report.reason, report.clean, heard) == (Reason.DECODE_FAILED, False, ["x"])
    assert type(report.error) is UnicodeDecodeError
    assert one.names() == ["error", "close"]
    assert one.peer.outcome() == "ECONNRESET"


@pytest.mark.parametrize(
    ("errors", "pieces", "wanted"),
    [
        ("replace", [b"a\xffb\xfec"], ["a�b�c"]),
        ("ignore", [b"a\xffb\xfec"], ["abc"]),
        ("backslashreplace", [b"a\xffb\xfec"], ["a\\xffb\\xfec"]),
        ("surrogateescape", [b"a\xffb\xfec"], ["a\udcffb\udcfec"]),
        ("surrogatepass", [b"a\xed\xa0\x80b"], ["a\ud800b"]),
        ("replace", [b"x\xc3"], ["x", "�"]),
        ("ignore", [b"x\xc3"], ["x"]),
        ("backslashreplace", [b"x\xc3"], ["x", "\\xc3"]),
        ("replace", [b"\xe2", b"\x82", b"\xac"], ["€"]),  # cut by TCP alone: nothing is to be replaced
    ],
)
def test_otherwise_what_the_handler_makes_of_bad_bytes_comes_before_end(
    each_scene: Scenes, errors: str, pieces: list[bytes], wanted: list[str]
) -> None:
    one, heard = hearing(each_scene, errors=errors)
    one.conn.on("end", lambda conn: heard.append("end"))
    feed(one, *pieces)
    one.peer.end()
    report = one.closed()
    assert (report.reason, report.clean) == (Reason.PEER_ENDED, True)
    assert heard == [*wanted, "end"]


def half_a_character(scenes: Scenes, act: Callable[[Scene], object]) -> Scene:
    """A peer that has ended in the middle of a character; the listener of what was made of it has called `act`."""
    one, heard = hearing(scenes, errors="replace")
    one.conn.on("data", lambda conn, data: act(one))
    feed(one, UTF_8_HALF)
    one.peer.end()
    pump(one.loop, lambda: heard == ["�"])
    return one


def test_the_listener_of_the_last_character_may_pause(each_scene: Scenes) -> None:
    one = half_a_character(each_scene, lambda one: one.conn.pause())
    one.turns()
    assert "end" not in one.names()
    one.conn.resume()
    assert one.closed().clean
    assert one.names() == ["hangup", "end", "finish", "close"]


IN_ORDER = {Reason.ENDED, Reason.PEER_ENDED}
ACTS: dict[str, tuple[Callable[[Scene], object], set[Reason]]] = {
    "end": (lambda one: one.conn.end(), IN_ORDER),
    "destroy_soon": (lambda one: one.conn.destroy_soon(), IN_ORDER),
    "destroy": (lambda one: one.conn.destroy(), {Reason.DESTROYED}),
    "reset": (lambda one: one.conn.reset(), {Reason.RESET}),
    "write to a peer that has gone": (lambda one: (one.peer.reset(), one.conn.write(b"x")), {Reason.PEER_RESET}),
    "raise": (lambda one: 1 / 0, {Reason.LISTENER_FAILED}),
}


@pytest.mark.expects_errors  # of the one that raises
@pytest.mark.parametrize("act", ACTS)
def test_the_listener_of_the_last_character_may_do_anything(scene: Scenes, act: str) -> None:
    call, reasons = ACTS[act]
    assert half_a_character(scene, call).closed().reason in reasons


@pytest.mark.parametrize("errors", ["strict", "replace"])
@pytest.mark.parametrize("writes", [False, True])
def test_a_character_cut_off_by_a_reset_is_the_networks_error(scene: Scenes, errors: str, writes: bool) -> None:
    one, heard = hearing(scene, errors=errors)
    feed(one, UTF_8_HALF)
    one.peer.reset()
    if writes:  # the end of the stream that is read after this is no FIN
        one.conn.write(b"x")
    assert (one.closed().reason, heard) == (Reason.PEER_RESET, [])


@pytest.mark.parametrize("errors", ["strict", "replace"])
def test_after_destroy_soon_bytes_are_dropped_and_their_encoding_matters_no_more(scene: Scenes, errors: str) -> None:
    one, heard = hearing(scene, errors=errors)
    feed(one, UTF_8_HALF)
    one.conn.destroy_soon()
    one.peer.send(b"\xff\xff")
    one.peer.end()
    report = one.closed()
    assert (report.clean, report.bytes_read, report.bytes_discarded, heard) == (True, 3, 2, [])


# Arguments.

NO_ENCODING = "encoding must be the name of a text encoding"
NO_NAME = "encoding must be a name like 'utf-8', or None for bytes, not "
NO_HANDLER = "errors must be a name like 'strict' or 'replace', not "
NAMES = ["base64", "hex", "rot13", "zlib", "bz2", "uu", "quopri", "undefined", "no such", "", "utf-8\0", "utf-8\ud800"]


@pytest.mark.parametrize(
    ("arguments", "kind", "text"),
    [
        *(((name,), ValueError, NO_ENCODING) for name in NAMES),
        *(((it,), TypeError, NO_NAME) for it in (b"utf-8", 8, True, "utf-8".encode, ("utf-8",))),
        *(
            (("utf-8", errors), ValueError, NO_HANDLER)
            for errors in ("no such", "", "xmlcharrefreplace", "namereplace", "strict\0")
        ),
        *((("utf-8", errors), TypeError, NO_HANDLER) for errors in (None, b"strict", 1)),
    ],
)
def test_what_is_no_text_encoding_or_no_handler_of_it_is_refused_by_name_and_changes_nothing(
    scene: Scenes, arguments: tuple[Any, ...], kind: type[Exception], text: str
) -> None:
    one, heard = hearing(scene)
    with pytest.raises(kind, match=text) as raised:
        one.conn.set_encoding(*arguments)
    assert repr(arguments[-1]) in str(raised.value)
    feed(one, "é".encode())
    assert heard == ["é"]
