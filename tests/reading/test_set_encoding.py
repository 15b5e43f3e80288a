"""set_encoding: `data` listeners get text, whole characters only, however the network cuts the bytes, whoever listens
and whatever is set in between.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from reactor import Connection, Reactor, Reason
from reactor.testing import Peer, pump, settle
from tests.support.garbage import left_behind
from tests.support.hearing import Texts, feed, hearing
from tests.support.scene import Scene, Scenes

TEXT = "aé€𝄞漢字ﾊz\n"
ENCODINGS = [
    "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "utf-7", "shift_jis", "iso2022_jp", "gb18030", "latin-1",
]  # fmt: skip


def text_for(encoding: str) -> str:
    """TEXT as far as the encoding has it."""
    return TEXT.encode(encoding, "ignore").decode(encoding)


# Characters.


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_no_character_is_split_though_every_byte_comes_alone(scene: Scenes, encoding: str) -> None:
    one, heard = hearing(scene, encoding)
    text = text_for(encoding)
    feed(one, *(bytes([byte]) for byte in text.encode(encoding)))
    one.peer.end()
    assert one.closed().clean is True
    assert heard.whole == text
    assert all(type(piece) is str and piece for piece in heard)
    if encoding not in ("utf-7", "iso2022_jp"):  # those say in advance what follows
        assert list(heard) == list(text)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "shift_jis"])
def test_no_character_is_split_wherever_the_stream_is_cut(each_scene: Scenes, encoding: str) -> None:
    text = text_for(encoding)
    raw = text.encode(encoding)
    for cut in range(len(raw) + 1):
        one, heard = hearing(each_scene, encoding)
        feed(one, raw[:cut], raw[cut:])
        one.peer.end()
        one.closed()
        assert (heard.whole, len(heard) <= 2) == (text, True), cut


def test_a_long_text_arrives_whole(scene: Scenes) -> None:
    one, heard = hearing(scene)
    text = TEXT * 20_000  # 23 bytes each: reads of 64 KiB end anywhere
    sent, raw = 0, text.encode()
    while sent < len(raw):
        sent += one.peer.send_some(raw[sent:])
        one.loop.run_once(0.001)
    one.peer.end()
    assert one.closed().bytes_read == len(raw)
    assert heard.whole == text


def test_what_is_written_stays_bytes(scene: Scenes) -> None:
    one, _ = hearing(scene)
    one.conn.on("data", lambda conn, data: conn.write(data.upper().encode()))
    one.peer.send("äöü".encode())
    pump(one.loop, lambda: one.conn.bytes_written == 6)
    assert one.peer.receive(6) == "ÄÖÜ".encode()
    with pytest.raises(TypeError):
        one.conn.write("text")


# What comes in pieces, and what happens in between.

DO: dict[str | None, Callable[[Scene, Texts], object]] = {
    "(listen)": lambda one, heard: one.conn.on("data", heard.hear),
    "(listen once)": lambda one, heard: one.conn.once("data", heard.hear),
    "(server listens once)": lambda one, heard: one.server.once("data", heard.hear),
    "(leave)": lambda one, heard: one.conn.off("data", heard.hear),
    "(echo)": lambda one, heard: one.conn.pipe(one.conn),
    "(end)": lambda one, heard: (one.peer.end(), one.closed()),
}
Step = bytes | str | None


def heard_of(one: Scene, *steps: Step) -> Texts:
    """What is heard where bytes are sent, each piece alone, names or None are set, and other things are done."""
    heard = Texts()
    for step in steps:
        if isinstance(step, bytes):
            feed(one, step)
        elif step in DO:
            DO[step](one, heard)
        else:
            one.conn.set_encoding(step)
    return heard


HALF: list[Step] = ["(listen)", "utf-8", b"\xe2\x82"]  # of a €
HEARD: dict[str, tuple[list[Step], list[Any]]] = {
    "a chunk that completes no character is told to nobody": ([*HALF], []),
    "a character is told when it is whole": ([*HALF, b"\xac"], ["€"]),
    "None is bytes again, and loses nothing in the middle of a character": (
        ["(listen)", "utf-8", b"a\xe2", b"\x82", None, b"\xacb", b"c"], ["a", b"\xe2\x82\xacb", b"c"],
    ),
    "nor does None before the end": ([*HALF, None, "(end)"], [b"\xe2\x82"]),
    "None where no encoding was set changes nothing": (["(listen)", None, b"\xff"], [b"\xff"]),
    "setting it again in the middle of a character loses nothing": ([*HALF, "utf-8", b"\xac!"], ["€!"]),
    "nor does setting it twice": ([*HALF, "utf-8", "utf-8", b"\xac!"], ["€!"]),
    "nor after None": ([*HALF, None, "utf-8", b"\xac!"], ["€!"]),
    "nor twice after None": ([*HALF, None, "utf-8", "utf-8", b"\xac!"], ["€!"]),
    "nor after another": ([*HALF, "latin-1", "utf-8", "utf-8", b"\xac!"], ["€!"]),
    "nor after all of that": ([*HALF, "utf-8", None, None, "utf-16", "utf-8", b"\xac!"], ["€!"]),
    "another encoding counts from the next bytes on": (
        ["(listen)", "ascii", b"latin-1\n", "latin-1", b"\xe9", "utf-16-be", b"\x00x"], ["latin-1\n", "é", "x"],
    ),
    "a once listener gets the first text": (["utf-8", "(listen once)", b"\xc3", b"\xa9", b"more"], ["é"]),
    "so does one of the server": (["utf-8", "(server listens once)", b"\xc3", b"\xa9", b"more"], ["é"]),
    "bad bytes that nobody listens to are no error": (["utf-8", b"\xff\xfe\xfd", "(listen)", b"\xc3\xa9"], ["é"]),
    "nor in the middle of a character": (["utf-8", b"\xc3", b"\xff", "(listen)", b"\xc3\xa9"], ["é"]),
    "nor is a character that is cut off": (["utf-8", b"\xe2\x82", b"x", "(listen)", b"\xc3\xa9"], ["é"]),
    "nor is one that the end cuts off": (["utf-8", b"\xc3\xa9", b"x\xc3", "(end)"], []),
    "a listener that left hears nothing of what was held back": ([*HALF, "(leave)", "(end)"], []),
    "nor one that left a pipe alone": ([*HALF, "(echo)", "(leave)", "(end)"], []),
}  # fmt: skip


@pytest.mark.parametrize("row", HEARD)
def test_text_is_whole_whatever_is_set_and_whoever_listens_in_between(scene: Scenes, row: str) -> None:
    one = scene(data=False)
    steps, wanted = HEARD[row]
    assert heard_of(one, *steps) == wanted
    assert one.conn.report is None or one.conn.report.clean


def test_a_listener_may_change_it_for_what_comes_next(scene: Scenes) -> None:
    one = scene(data=False)
    heard = Texts(one.conn)
    one.conn.on("data", lambda conn, data: conn.set_encoding("latin-1"))
    feed(one, b"\xe9", b"\xe9")
    assert heard == [b"\xe9", "é"]


# Who listens.


def test_every_listener_gets_text_whenever_it_was_added(scene: Scenes) -> None:
    early, late, own, later = Texts(), Texts(), Texts(), Texts()
    one = scene(data=False, greet=lambda conn: conn.server and conn.server.on("data", early.hear))
    one.conn.set_encoding("utf-8")
    one.conn.on("data", own.hear)
    one.server.on("data", late.hear)
    feed(one, b"\xc3")
    one.conn.on("data", later.hear)
    feed(one, b"\xa9!")
    assert early == late == own == later == ["é!"]


def test_other_connections_of_the_server_keep_getting_bytes(scene: Scenes) -> None:
    one, heard = scene(data=False), Texts()
    one.server.on("data", heard.hear)
    other, _ = one.connect()
    one.conn.set_encoding("utf-8")
    feed(one, b"text")
    other.send(b"bytes")
    pump(one.loop, lambda: len(heard) == 2)
    assert heard == ["text", b"bytes"]


@pytest.mark.parametrize("listens", [False, True])
def test_bytes_are_counted_and_not_characters_and_discarded_where_nobody_listens(scene: Scenes, listens: bool) -> None:
    one = scene(data=False)
    heard_of(one, "utf-8", *(["(listen)"] if listens else []), "€".encode(), "(end)")
    assert (one.closed().bytes_read, one.closed().bytes_discarded) == (3, 0 if listens else 3)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "shift_jis"])
def test_a_listener_added_in_the_middle_of_a_character_gets_whole_characters(scene: Scenes, encoding: str) -> None:
    text = "字x"
    raw = text.encode(encoding)
    for cut in range(1, len(raw)):
        one = scene(data=False)
        heard = heard_of(one, encoding, raw[:cut], "(listen)", raw[cut:])
        assert one.conn.state == "open", cut
        assert text.endswith(heard.whole), cut
        assert heard.whole.endswith("x"), cut


def test_a_listener_that_raises_a_decode_error_of_its_own_has_failed_like_any_other(
    scene: Scenes, caplog: pytest.LogCaptureFixture
) -> None:
    one, _ = hearing(scene)
    one.conn.on("data", lambda conn, data: b"\xff".decode())
    one.peer.send(b"x")
    assert one.closed().reason is Reason.LISTENER_FAILED
    assert "a listener of" in caplog.text
    caplog.clear()


# Pausing.


def test_a_pause_in_the_middle_of_a_character_loses_nothing(each_scene: Scenes) -> None:
    one, heard = hearing(each_scene)
    feed(one, b"\xe2")
    one.conn.pause()
    one.peer.send(b"\x82")
    one.turns()
    assert (heard, one.conn.bytes_read) == ([], 1)
    one.conn.resume()
    pump(one.loop, lambda: one.conn.bytes_read == 2)
    feed(one, b"\xac")
    assert heard == ["€"]


def test_a_listener_that_pauses_at_every_text_gets_all_of_it(each_scene: Scenes) -> None:
    one, heard = hearing(each_scene, errors="replace")
    one.conn.on("data", lambda conn, data: conn.pause())
    one.peer.send("é".encode() + b"\xe2")
    one.peer.end()
    pump(one.loop, lambda: one.conn.resume() or one.conn.report)
    assert heard == ["é", "�"]
    assert one.conn.report.clean


# Clients, and what is left behind.


def test_after_the_close_it_is_harmless(scene: Scenes) -> None:
    one = scene()
    one.peer.close()
    one.closed()
    heard_of(one, "utf-8", None)
    one.conn.unref()
    one.conn.ref()
    one.server.close()
    settle(one.loop)
    assert one.loop.statistics().held == 0, "it would keep run() going"


@pytest.mark.parametrize(
    ("said", "ending"), [(b"x", Peer.end), (b"x\xff", Peer.end), (b"x", Peer.reset), (b"x\xc3", Peer.end)]
)
def test_a_connection_that_is_closed_is_garbage_without_a_collection(said: bytes, ending: Any, loop: Reactor) -> None:
    def greet(conn: Connection) -> None:
        conn.context = lambda: conn.state  # a cycle of the program's, which it breaks itself
        conn.set_encoding("utf-8")
        conn.on("data", lambda _, text: conn.touch())
        conn.once("data", lambda _, text: conn.touch())
        conn.set_encoding("utf-16-le")
        conn.set_encoding("utf-8")
        conn.on("error", lambda conn, error: None)  # else it is logged, and the log keeps the connection
        conn.on("close", lambda conn, report: setattr(conn, "context", None))

    assert left_behind(loop, greet, lambda peer: (peer.send(said), ending(peer))) is None
