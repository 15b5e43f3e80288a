"""`lines` and `length_prefixed` on real connections: pauses and endings within a chunk, and what breaks off."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from reactor import Connection, Reactor, Reason, Server, connect, length_prefixed, lines
from reactor.testing import pump, settle
from tests.support.scene import Scene, Scenes

Heard = list[bytes]


def into(heard: Heard) -> Any:
    return lambda conn, frame: heard.append(frame)


def framed(scene: Scenes, framer: Any, **settings: Any) -> Scene:
    """A connection whose `data` a framer hears, and nobody else."""
    one = scene(data=False, **settings)
    one.conn.on("data", framer)
    return one


@pytest.mark.parametrize(
    ("make", "options", "pieces", "wanted"),
    [
        (lines, {}, [b"one\r\ntwo\n\nthr", b"ee\n"], [b"one", b"two", b"", b"three"]),
        (length_prefixed, {"width": 2}, [b"\0\3one\0\0\0\3t", b"wo"], [b"one", b"", b"two"]),
    ],
)
def test_messages_come_without_their_ends_or_lengths(
    scene: Scenes, make: Any, options: dict[str, Any], pieces: list[bytes], wanted: Heard
) -> None:
    heard: Heard = []
    one = framed(scene, make(into(heard), **options))
    for piece in pieces:
        one.peer_says(piece)
    assert heard == wanted


def test_connections_that_share_a_framer_do_not_mix(harness: Any, loop: Reactor) -> None:
    h = harness(data=False)
    heard: list[tuple[Connection, bytes]] = []
    h.server.on("data", lines(lambda conn, line: heard.append((conn, line))))
    pairs = [h.connect() for _ in range(3)]
    for number, (peer, _) in enumerate(pairs):
        peer.send(b"a%d" % number)
    settle(loop)
    for peer, _ in pairs:
        peer.send(b"z\n")
    pump(loop, lambda: len(heard) == 3)
    assert sorted(heard, key=lambda entry: entry[1]) == [(conn, b"a%dz" % i) for i, (_, conn) in enumerate(pairs)]


def test_a_client_may_have_a_framer_too(loop: Reactor) -> None:
    server = Server(loop, lambda conn: conn.end(b"one\ntwo\n"))
    heard: Heard = []
    conn: Any = connect(loop, *server.listen("127.0.0.1", 0))
    conn.on("data", lines(into(heard)))
    pump(loop, lambda: conn.report)
    assert (heard, conn.report.reason) == ([b"one", b"two"], Reason.PEER_ENDED)
    server.close()
    settle(loop)


# The program stops hearing in the middle of a chunk.


class Stopper:
    """Hears lines, and does something to the connection at the second one."""

    def __init__(self, act: Callable[[Connection], object]) -> None:
        self.heard: Heard = []
        self._act = act

    def __call__(self, conn: Connection, line: bytes) -> None:
        self.heard.append(line)
        if line == b"raise":
            raise ZeroDivisionError
        if len(self.heard) == 2:
            self._act(conn)


def stopped(scene: Scenes, act: Any, sent: bytes, *, max_length: int = 100, **settings: Any) -> tuple[Scene, Heard]:
    stopper = Stopper(act)
    one = framed(scene, lines(stopper, max_length=max_length), **settings)
    one.peer.send(sent)
    one.until(lambda: len(stopper.heard) >= 2)
    one.turns()
    return one, stopper.heard


@pytest.mark.parametrize(
    ("act", "heard", "reason", "discarded"),
    [
        (Connection.destroy, 2, Reason.DESTROYED, b"3\n4\nfiv"),
        (Connection.reset, 2, Reason.RESET, b"3\n4\nfiv"),
        (Connection.destroy_soon, 2, Reason.ENDED, b"3\n4\nfiv"),
        pytest.param(lambda conn: 1 / 0, 2, Reason.LISTENER_FAILED, b"3\n4\nfiv", marks=pytest.mark.expects_errors),
        (Connection.end, 4, Reason.FRAME_CUT_OFF, b"fiv"),
        (lambda conn: (conn.pause(), conn.resume()), 4, Reason.FRAME_CUT_OFF, b"fiv"),
    ],
    ids=["destroy", "reset", "destroy_soon", "raise", "end", "pause and resume"],
)
def test_the_rest_of_a_chunk_is_heard_unless_the_program_listens_no_more(
    scene: Scenes, act: Any, heard: int, reason: Reason, discarded: bytes
) -> None:
    one, told = stopped(scene, act, b"1\n2\n3\n4\nfiv")
    assert told == [b"1", b"2", b"3", b"4"][:heard]
    one.peer.close()
    report = one.closed()
    assert (report.reason, report.bytes_discarded) == (reason, len(discarded))
    assert len(told) == heard


HELD_BACK: dict[str, Any] = {
    "nothing": (b"1\n2\n3\n4\nfiv", lambda one: None, b"e\n", [b"3", b"4", b"five"], Reason.PEER_ENDED, 0),
    "the peer's FIN": (b"1\n2\n3\n", lambda one: one.peer.end(), b"", [b"3"], Reason.PEER_ENDED, 0),
    "the peer's RST": (b"1\n2\n3\n4\nfiv", lambda one: one.peer.reset(), b"", [b"3", b"4"], Reason.PEER_RESET, 3),
    "silence": (b"1\n2\n3\n", lambda one: one.pass_time(30), b"", [b"3"], Reason.PEER_ENDED, 0),
    "a message too long": (b"1\n2\n3\nlonger", lambda one: None, b"", [b"3"], Reason.FRAME_TOO_LONG, 6),
    "one that fails": (b"1\n2\nraise\n4\n", lambda one: None, b"", [b"raise"], Reason.LISTENER_FAILED, 2),
}


@pytest.mark.expects_errors
@pytest.mark.parametrize("meanwhile", HELD_BACK)
def test_a_pause_holds_the_rest_of_the_chunk_back_and_resume_goes_on_whatever_came_meanwhile(
    scene: Scenes, meanwhile: str, caplog: pytest.LogCaptureFixture
) -> None:
    sent, act, later, wanted, reason, discarded = HELD_BACK[meanwhile]
    one, heard = stopped(scene, Connection.pause, sent, max_length=5, idle_timeout=10)
    act(one)
    if "peer" in meanwhile:
        one.until(lambda: one.conn.peer_gone)
    one.turns()
    assert (one.conn.report, "end" in one.names(), heard) == (None, False, [b"1", b"2"])
    one.conn.resume()
    assert heard == [b"1", b"2"], "a message was delivered from inside the call"
    if later:
        one.peer_says(later)
    if "peer" not in meanwhile:
        one.peer.end()
    report = one.closed()
    assert heard[2:] == wanted
    assert (report.reason, report.bytes_discarded) == (reason, discarded)
    errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(errors) == (reason is Reason.LISTENER_FAILED)


def test_one_line_at_a_time_by_pausing_at_each(scene: Scenes, loop: Reactor) -> None:
    heard: Heard = []

    def hear(conn: Connection, line: bytes) -> None:
        heard.append(line)
        conn.pause()
        loop.call_later(0.001, conn.resume)

    one = framed(scene, lines(hear))
    one.peer.send(b"1\n2\n3\n4\n")
    one.peer.end()
    one.until(lambda: one.clock.advance(0.01) or one.conn.report)
    assert heard == [b"1", b"2", b"3", b"4"]
    assert (one.conn.report.reason, one.conn.report.bytes_discarded) == (Reason.PEER_ENDED, 0)


def test_a_listener_that_leaves_run_loses_nothing(scene: Scenes) -> None:
    heard: Heard = []

    def hear(conn: Connection, line: bytes) -> None:
        heard.append(line)
        if line == b"2":
            raise KeyboardInterrupt

    one = framed(scene, lines(hear))
    one.peer.send(b"1\n2\n3\nfo")
    with pytest.raises(KeyboardInterrupt):
        one.until(lambda: len(heard) == 3)
    one.peer.send(b"ur\n")
    one.until(lambda: len(heard) == 4)
    assert heard == [b"1", b"2", b"3", b"four"]


# What breaks off, or is too long.


def refusing(scene: Scenes, make: Any = lines, **options: Any) -> tuple[Scene, Heard, list[Reason]]:
    """A connection that answers each message with its length, and a last word; what was heard, and why it ends."""
    heard: Heard = []
    told: list[Reason] = []

    def refuse(conn: Connection, reason: Reason) -> None:
        told.append(reason)
        conn.write(b"no: " + reason.value.encode())

    def answer(conn: Connection, frame: bytes) -> None:
        heard.append(frame)
        conn.write(b"%d " % len(frame))

    return framed(scene, make(answer, on_error=refuse, **options)), heard, told


@pytest.mark.parametrize(("make", "sent"), [(lines, b"one\n" + b"x" * 11), (length_prefixed, b"\0\0\0\3one\0\0\0\x0b")])
def test_one_above_the_limit_gets_the_last_word_whole_while_it_sends_on(scene: Scenes, make: Any, sent: bytes) -> None:
    one, heard, told = refusing(scene, make, max_length=10)
    one.peer.send(sent)
    one.until(lambda: told)
    for _ in range(50):
        one.peer.send_some(bytes(100_000))
        one.turns(3)
    one.peer.end()
    assert one.peer.receive_all() == (b"3 no: frame too long", "FIN")
    report = one.closed()
    assert (heard, told) == ([b"one"], [Reason.FRAME_TOO_LONG])
    assert (report.reason, report.error, report.bytes_unsent) == (Reason.FRAME_TOO_LONG, None, 0)


@pytest.mark.parametrize(
    ("make", "sent", "cut_off"),
    [
        (lines, b"one\ntw", 2),
        (lines, b"one\n\r", 1),
        (length_prefixed, b"\0\0\0\3one\0", 1),
        (length_prefixed, b"\0\0\0\3one\0\0\0\3t", 5),
    ],
)
def test_a_fin_in_the_middle_of_a_message_is_told_apart_and_answers_arrive(
    scene: Scenes, make: Any, sent: bytes, cut_off: int
) -> None:
    one, heard, told = refusing(scene, make)
    one.peer.send(sent)
    one.peer.end()
    report = one.closed()
    assert one.peer.receive_all() == (b"3 no: frame cut off", "FIN")
    assert (heard, told) == ([b"one"], [Reason.FRAME_CUT_OFF])
    assert (report.reason, report.bytes_discarded) == (Reason.FRAME_CUT_OFF, cut_off)
    assert one.names() == ["end", "finish", "close"]


@pytest.mark.parametrize("half_open", [False, True])
@pytest.mark.parametrize(
    ("sent", "on_error", "reason", "outcome"),
    [
        (b"x" * 6, None, Reason.FRAME_TOO_LONG, "FIN"),
        (b"half", None, Reason.FRAME_CUT_OFF, "FIN"),
        (b"x" * 6, lambda conn, reason: conn.reset(), Reason.FRAME_TOO_LONG, "ECONNRESET"),
    ],
)
def test_without_a_last_word_it_is_ended_all_the_same_as_it_is_if_that_is_an_ending(
    scene: Scenes, sent: bytes, on_error: Any, reason: Reason, outcome: str, half_open: bool
) -> None:
    one = framed(scene, lines(into([]), max_length=5, on_error=on_error), allow_half_open=half_open)
    one.peer.send(sent)
    one.peer.end()
    assert one.closed().reason is reason
    assert one.peer.outcome() == outcome
    assert one.server.statistics().ended == {reason: 1}


# Beside other things that hear what comes.


@pytest.mark.parametrize("way", ["on", "once"])
def test_messages_are_bytes_whatever_the_encoding(scene: Scenes, way: str) -> None:
    one = scene(data=False)
    heard: Heard = []
    text: list[str] = []
    getattr(one.conn, way)("data", lines(into(heard)))
    one.conn.set_encoding("utf-8")
    one.conn.on("data", lambda conn, data: text.append(data))
    one.peer_says("grün\nro".encode())
    assert (heard, text) == (["grün".encode()], ["grün\nro"])


def test_a_pipe_beside_a_framer_passes_on_all(scene: Scenes) -> None:
    heard: Heard = []
    one = framed(scene, lines(into(heard)))
    other, destination = one.connect()
    one.conn.pipe(destination)
    one.peer_says(b"1\n2\n")
    one.until(lambda: len(heard) == 2)
    assert other.receive(4) == b"1\n2\n"


@pytest.mark.parametrize(
    ("beside", "discarded"),
    [((), 4), ((lines(into([])),), 4), ((into([]),), 0)],
    ids=["alone", "a second framer", "a listener"],
)
def test_what_framers_alone_held_is_discarded_and_counted_once(scene: Scenes, beside: Any, discarded: int) -> None:
    one = framed(scene, lines(into([])))
    for listener in beside:
        one.conn.on("data", listener)
    one.peer_says(b"whole\nhalf")
    one.conn.destroy()
    report = one.closed()
    assert (report.bytes_read, report.bytes_discarded) == (10, discarded)


def test_connections_without_a_framer_have_nothing_of_it(scene: Scenes) -> None:
    one = scene()
    one.peer_says(b"1\n2")
    assert one.conn._intake is None


# A framer that is taken off.


@pytest.mark.parametrize(
    "pieces", [[b"head\n\nbody"], [b"head\n\n", b"body"], [b"head\n\nbo", b"dy"], [b"head\n\na\r\nb", b"c"]]
)
def test_a_protocol_can_change_in_the_middle_of_a_chunk_however_the_bytes_come(
    pieces: list[bytes], scene: Scenes
) -> None:
    heard: Heard = []
    rest: Heard = []

    @lines
    def head(conn: Connection, line: bytes) -> None:
        heard.append(line)
        if not line:
            conn.off("data", head)
            conn.on("data", lambda conn, data: rest.append(data))
            rest.append(head.take(conn))

    one = framed(scene, head)
    one.conn.on("end", lambda conn: conn.write(b"last word"))
    for piece in pieces:
        one.peer_says(piece)
    one.peer.end()
    assert one.closed().reason is Reason.PEER_ENDED
    assert (heard, b"\n\n".join([b"head", b"".join(rest)])) == ([b"head", b""], b"".join(pieces))
    assert one.peer.receive_all() == (b"last word", "FIN")


@pytest.mark.parametrize("heard_later", [False, True], ids=["nobody hears the rest", "another hears what comes later"])
def test_what_a_framer_held_when_it_was_taken_off_without_take_is_discarded_and_no_cut_off_message(
    scene: Scenes, heard_later: bool
) -> None:
    heard: Heard = []
    raw: Heard = []

    @lines
    def first(conn: Connection, line: bytes) -> None:
        heard.append(line)
        conn.off("data", first)
        if heard_later:
            conn.on("data", into(raw))

    one = framed(scene, first)
    one.peer_says(b"one\ntwo\nthr")
    one.peer_says(b"more")
    one.peer.end()
    report = one.closed()
    assert (heard, raw) == ([b"one"], [b"more"] if heard_later else [])
    assert (report.reason, report.bytes_discarded) == (Reason.PEER_ENDED, 7 if heard_later else 11)
