"""`lines` and `length_prefixed` on real connections: pauses and endings within a chunk, and what breaks off."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from reactor import Connection, Reactor, Reason, Server, connect, length_prefixed, lines
from reactor.engine.loop import turns_of
from reactor.testing import Peer, pump, settle

Heard = list[bytes]


def into(heard: Heard) -> Any:
    return lambda conn, frame: heard.append(frame)


def test_lines_come_without_their_ends(harness: Any, loop: Reactor) -> None:
    h = harness(data=False)
    heard: Heard = []
    h.server.on("data", lines(into(heard)))
    peer, _ = h.connect()
    peer.send(b"one\r\ntwo\n\nthr")
    pump(loop, lambda: len(heard) == 3)
    peer.send(b"ee\n")
    pump(loop, lambda: len(heard) == 4)
    assert heard == [b"one", b"two", b"", b"three"]


def test_frames_come_without_their_lengths(harness: Any, loop: Reactor) -> None:
    h = harness(data=False)
    heard: Heard = []
    h.server.on("data", length_prefixed(into(heard), width=2))
    peer, _ = h.connect()
    peer.send(b"\0\3one\0\0\0\3t")
    peer.send(b"wo")
    pump(loop, lambda: len(heard) == 3)
    assert heard == [b"one", b"", b"two"]


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
    conn = connect(loop, *server.listen("127.0.0.1", 0))
    conn.on("data", lines(into(heard)))
    pump(loop, lambda: conn.report)
    assert (heard, conn.report.reason if conn.report else None) == ([b"one", b"two"], Reason.PEER_ENDED)
    server.close()
    settle(loop)


# The program stops hearing in the middle of a chunk.


class Stopper:
    """Hears lines, and does something to the connection at the second one."""

    def __init__(self, act: Any) -> None:
        self.heard: Heard = []
        self._act = act

    def __call__(self, conn: Connection, line: bytes) -> None:
        self.heard.append(line)
        if len(self.heard) == 2:
            self._act(conn)


def stopped(harness: Any, loop: Reactor, act: Any, sent: bytes = b"1\n2\n3\n4\nfiv") -> tuple[Any, Peer, Any, Stopper]:
    h = harness(data=False)
    stopper = Stopper(act)
    h.server.on("data", lines(stopper))
    peer, conn = h.connect()
    peer.send(sent)
    pump(loop, lambda: len(stopper.heard) >= 2)
    settle(loop)
    return h, peer, conn, stopper


def test_a_pause_holds_the_rest_of_the_chunk_back_and_resume_goes_on(harness: Any, loop: Reactor) -> None:
    _, peer, conn, stopper = stopped(harness, loop, Connection.pause)
    assert stopper.heard == [b"1", b"2"]
    conn.resume()
    assert stopper.heard == [b"1", b"2"], "a message was delivered from inside the call"
    peer.send(b"e\n")
    pump(loop, lambda: len(stopper.heard) == 5)
    assert stopper.heard == [b"1", b"2", b"3", b"4", b"five"]


def test_one_line_at_a_time_by_pausing_at_each(harness: Any, loop: Reactor) -> None:
    h = harness(data=False)
    heard: Heard = []

    def hear(conn: Connection, line: bytes) -> None:
        heard.append(line)
        conn.pause()
        loop.call_later(0.001, conn.resume)

    h.server.on("data", lines(hear))
    peer, conn = h.connect()
    peer.send(b"1\n2\n3\n4\n")
    peer.end()

    def all_heard() -> bool:
        turns_of(loop)._clock.advance(0.01)  # type: ignore[attr-defined]
        return conn.report is not None

    pump(loop, all_heard)
    assert heard == [b"1", b"2", b"3", b"4"]
    assert (conn.report.reason, conn.report.bytes_discarded) == (Reason.PEER_ENDED, 0)


def test_pausing_and_resuming_within_a_message_goes_straight_on(harness: Any, loop: Reactor) -> None:
    _, _, _, stopper = stopped(harness, loop, lambda conn: (conn.pause(), conn.resume()))
    assert stopper.heard == [b"1", b"2", b"3", b"4"]


@pytest.mark.parametrize("name", ["destroy", "reset", "destroy_soon"])
def test_after_an_ending_that_listens_no_more_nothing_of_the_chunk_comes(
    harness: Any, loop: Reactor, name: str
) -> None:
    h, peer, conn, stopper = stopped(harness, loop, lambda conn: getattr(conn, name)())
    peer.close()
    report = h.closed(conn)
    assert stopper.heard == [b"1", b"2"]
    assert report.bytes_discarded == len(b"3\n4\nfiv")


def test_after_end_the_rest_is_heard(harness: Any, loop: Reactor) -> None:
    _, _, _, stopper = stopped(harness, loop, Connection.end)
    assert stopper.heard == [b"1", b"2", b"3", b"4"]


def test_the_peers_fin_waits_for_what_is_held_back(harness: Any, loop: Reactor) -> None:
    h, peer, conn, stopper = stopped(harness, loop, Connection.pause, b"1\n2\n3\n")
    peer.end()
    pump(loop, lambda: conn.peer_gone)
    assert "end" not in h.record.names(conn)
    conn.resume()
    report = h.closed(conn)
    assert stopper.heard == [b"1", b"2", b"3"]
    assert (report.reason, report.clean) == (Reason.PEER_ENDED, True)


def test_a_peer_that_is_reset_is_heard_first(harness: Any, loop: Reactor) -> None:
    h, peer, conn, stopper = stopped(harness, loop, Connection.pause)
    peer.reset()
    pump(loop, lambda: conn.peer_gone)
    settle(loop)
    assert conn.report is None, "it was closed before all was heard"
    conn.resume()
    report = h.closed(conn)
    assert stopper.heard == [b"1", b"2", b"3", b"4"]
    assert (report.reason, report.bytes_discarded) == (Reason.PEER_RESET, len(b"fiv"))


@pytest.mark.expects_errors
def test_a_listener_that_raises_hears_no_more(harness: Any, loop: Reactor) -> None:
    h, _, conn, stopper = stopped(harness, loop, lambda conn: 1 / 0)
    report = h.closed(conn)
    assert stopper.heard == [b"1", b"2"]
    assert (report.reason, report.bytes_discarded) == (Reason.LISTENER_FAILED, len(b"3\n4\nfiv"))


@pytest.mark.expects_errors
def test_a_listener_that_raises_after_a_pause_ends_its_connection_only(
    harness: Any, loop: Reactor, caplog: pytest.LogCaptureFixture
) -> None:
    h = harness(data=False)
    stopper = Stopper(Connection.pause)
    h.server.on("data", lines(lambda conn, line: 1 / 0 if line == b"3" else stopper(conn, line)))
    peer, conn = h.connect()
    peer.send(b"1\n2\n3\n4\n")
    pump(loop, lambda: len(stopper.heard) == 2)
    conn.resume()
    assert h.closed(conn).reason is Reason.LISTENER_FAILED
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


def test_a_listener_that_leaves_run_loses_nothing(harness: Any, loop: Reactor) -> None:
    h = harness(data=False)
    heard: Heard = []

    def hear(conn: Connection, line: bytes) -> None:
        heard.append(line)
        if line == b"2":
            raise KeyboardInterrupt

    h.server.on("data", lines(hear))
    peer, _ = h.connect()
    peer.send(b"1\n2\n3\nfo")
    with pytest.raises(KeyboardInterrupt):
        pump(loop, lambda: len(heard) == 3)
    peer.send(b"ur\n")
    pump(loop, lambda: len(heard) == 4)
    assert heard == [b"1", b"2", b"3", b"four"]


def test_idle_reaping_leaves_what_is_held_back_to_the_program(harness: Any, loop: Reactor, clock: Any) -> None:
    h = harness(data=False, idle_timeout=10)
    stopper = Stopper(Connection.pause)
    h.server.on("data", lines(stopper))
    peer, conn = h.connect()
    peer.send(b"1\n2\n3\n")
    pump(loop, lambda: len(stopper.heard) == 2)
    for _ in range(5):
        clock.advance(6)
        settle(loop)
    assert conn.state == "open"
    conn.resume()
    settle(loop)
    assert stopper.heard == [b"1", b"2", b"3"]


# What breaks off, or is too long.


def refusals(harness: Any, make: Any = lines, **options: Any) -> tuple[Any, Heard, list[Reason]]:
    h = harness(data=False)
    heard: Heard = []
    told: list[Reason] = []

    def refuse(conn: Connection, reason: Reason) -> None:
        told.append(reason)
        conn.write(b"no: " + reason.value.encode())

    def answer(conn: Connection, frame: bytes) -> None:
        heard.append(frame)
        conn.write(b"%d " % len(frame))

    h.server.on("data", make(answer, on_error=refuse, **options))
    return h, heard, told


@pytest.mark.parametrize(("make", "sent"), [(lines, b"one\n" + b"x" * 11), (length_prefixed, b"\0\0\0\3one\0\0\0\x0b")])
def test_one_above_the_limit_gets_the_last_word_whole_while_it_goes_on_sending(
    harness: Any, loop: Reactor, make: Any, sent: bytes
) -> None:
    h, heard, told = refusals(harness, make, max_length=10)
    peer, conn = h.connect()
    peer.send(sent)
    pump(loop, lambda: told)
    for _ in range(50):
        peer.send_some(bytes(100_000))
        settle(loop, 3)
    peer.end()
    assert peer.receive_all() == (b"3 no: frame too long", "FIN")
    report = h.closed(conn)
    assert heard == [b"one"]
    assert told == [Reason.FRAME_TOO_LONG]
    assert (report.reason, report.error, report.bytes_unsent) == (Reason.FRAME_TOO_LONG, None, 0)


@pytest.mark.parametrize(
    ("make", "sent"),
    [
        (lines, b"one\ntw"),
        (lines, b"one\n\r"),
        (length_prefixed, b"\0\0\0\3one\0"),
        (length_prefixed, b"\0\0\0\3one\0\0\0\3t"),
    ],
)
def test_a_fin_in_the_middle_of_a_message_is_told_apart_and_answers_arrive(
    harness: Any, make: Any, sent: bytes
) -> None:
    h, heard, told = refusals(harness, make)
    peer, conn = h.connect()
    peer.send(sent)
    peer.end()
    report = h.closed(conn)
    assert peer.receive_all() == (b"3 no: frame cut off", "FIN")
    assert (heard, told) == ([b"one"], [Reason.FRAME_CUT_OFF])
    assert report.reason is Reason.FRAME_CUT_OFF
    assert report.bytes_discarded == len(sent) - (4 if make is lines else 7)
    assert h.record.names(conn) == ["end", "finish", "close"]


def test_without_on_error_a_message_above_the_limit_ends_the_connection_all_the_same(harness: Any) -> None:
    h = harness(data=False)
    h.server.on("data", lines(into([]), max_length=5))
    peer, conn = h.connect()
    peer.send(b"x" * 6)
    peer.end()
    assert peer.outcome() == "FIN" if h.closed(conn) else False
    assert conn.report.reason is Reason.FRAME_TOO_LONG
    assert h.server.statistics().ended == {Reason.FRAME_TOO_LONG: 1}


def test_half_open_connections_are_ended_too_when_a_message_breaks_off(harness: Any) -> None:
    h = harness(data=False, allow_half_open=True)
    h.server.on("data", lines(into([])))
    peer, conn = h.connect()
    peer.send(b"half a li")
    peer.end()
    assert h.closed(conn).reason is Reason.FRAME_CUT_OFF


def test_a_last_word_may_be_an_ending_of_the_programs_own(harness: Any) -> None:
    h = harness(data=False)
    h.server.on("data", lines(into([]), max_length=5, on_error=lambda conn, reason: conn.reset()))
    peer, conn = h.connect()
    peer.send(b"x" * 6)
    assert h.closed(conn).reason is Reason.FRAME_TOO_LONG
    assert peer.outcome() == "ECONNRESET"


def test_too_long_is_told_only_when_what_came_before_was_heard(harness: Any, loop: Reactor) -> None:
    h = harness(data=False)
    stopper = Stopper(Connection.pause)
    h.server.on("data", lines(stopper, max_length=5))
    peer, conn = h.connect()
    peer.send(b"1\n2\n3\n" + b"x" * 6)
    pump(loop, lambda: len(stopper.heard) == 2)
    assert conn.state == "open"
    conn.resume()
    peer.end()
    assert h.closed(conn).reason is Reason.FRAME_TOO_LONG
    assert stopper.heard == [b"1", b"2", b"3"]


# Beside other things that hear what comes.


def test_messages_are_bytes_whatever_the_encoding(harness: Any, loop: Reactor) -> None:
    h = harness(data=False)
    heard: Heard = []
    text: list[str] = []
    peer, conn = h.connect()
    conn.on("data", lines(into(heard)))
    conn.set_encoding("utf-8")
    conn.on("data", lambda conn, data: text.append(data))
    peer.send("grün\nro".encode())
    pump(loop, lambda: text)
    assert (heard, text) == (["grün".encode()], ["grün\nro"])


def test_a_pipe_beside_a_framer_passes_on_all(harness: Any, loop: Reactor) -> None:
    h = harness(data=False)
    heard: Heard = []
    peer, conn = h.connect()
    other, destination = h.connect()
    conn.on("data", lines(into(heard)))
    conn.pipe(destination)
    peer.send(b"1\n2\n")
    pump(loop, lambda: len(heard) == 2)
    assert other.receive(4) == b"1\n2\n"


def test_what_somebody_heard_beside_a_framer_is_not_discarded(harness: Any, loop: Reactor) -> None:
    h = harness(data=False)
    raw: Heard = []
    peer, conn = h.connect()
    conn.on("data", lines(into([])))
    conn.on("data", lambda conn, data: raw.append(data))
    peer.send(b"whole\nhalf")
    pump(loop, lambda: raw)
    conn.destroy()
    report = h.closed(conn)
    assert (report.bytes_read, report.bytes_discarded) == (10, 0)


def test_what_a_framer_alone_held_back_is_discarded(harness: Any, loop: Reactor) -> None:
    h = harness(data=False)
    heard: Heard = []
    peer, conn = h.connect()
    conn.on("data", lines(into(heard)))
    peer.send(b"whole\nhalf")
    pump(loop, lambda: heard)
    conn.destroy()
    report = h.closed(conn)
    assert (report.bytes_read, report.bytes_discarded) == (10, 4)


def test_a_protocol_can_be_changed_in_the_middle_of_a_chunk(harness: Any, loop: Reactor) -> None:
    h = harness(data=False)
    heard: Heard = []
    raw: Heard = []

    def hear(conn: Connection, line: bytes) -> None:
        heard.append(line)
        if line == b"raw":
            conn.off("data", framer)
            conn.on("data", lambda conn, data: raw.append(data))
            raw.append(framer.take(conn))

    framer = lines(hear)
    peer, conn = h.connect()
    conn.on("data", framer)
    peer.send(b"hello\nraw\na\r\nb")
    pump(loop, lambda: raw)
    peer.send(b"c")
    pump(loop, lambda: len(raw) == 2)
    peer.end()
    assert h.closed(conn).reason is Reason.PEER_ENDED
    assert (heard, raw) == ([b"hello", b"raw"], [b"a\r\nb", b"c"])


def test_connections_without_a_framer_have_nothing_of_it(harness: Any, loop: Reactor) -> None:
    h = harness()
    peer, conn = h.connect()
    peer.send(b"1\n2")
    pump(loop, lambda: conn.bytes_read == 3)
    assert conn._intake is None
