"""Callbacks of `write` and `end`: once each, in order, never from inside the call, before `error` and `close`."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Any

import pytest

from reactor import Connection, ConnectionClosed, Reactor, Reason
from reactor.testing import ManualClock, pump, settle
from tests.support.wire import read_to_the_end

MIB = 1024 * 1024


class Answers:
    """Notes what callbacks were told, among the events of their connection."""

    def __init__(self, wire: Any) -> None:
        self._events = wire.record.events
        self.told: list[tuple[str, BaseException | None]] = []

    def __call__(self, name: str) -> Callable[[Connection, BaseException | None], None]:
        def callback(conn: Connection, error: BaseException | None) -> None:
            self.told.append((name, error))
            self._events[conn].append((f"answer {name}", error))

        return callback

    def names(self) -> list[str]:
        return [name for name, _ in self.told]


def test_a_callback_comes_once_with_none_when_the_kernel_has_the_bytes(harness: Any) -> None:
    wire = harness()
    answer = Answers(wire)
    _, conn = wire.connect()
    conn.write(b"x", answer("x"))
    assert answer.told == []
    settle(wire.loop)
    assert answer.told == [("x", None)]
    conn.end()
    wire.server.shutdown(0)
    wire.closed(conn)
    assert answer.told == [("x", None)]


def test_callbacks_come_in_order_of_writing_however_they_were_written(harness: Any) -> None:
    wire = harness()
    answer = Answers(wire)
    peer, conn = wire.connect()
    conn.write(b"1", answer("write"))
    conn.write(b"", answer("empty"))
    conn.writelines([b"2", b"3"], answer("writelines"))
    with conn.corked():
        conn.write(bytearray(b"4"), answer("corked"))
    conn.end(b"5", answer("end"))
    assert answer.told == []
    settle(wire.loop)
    assert answer.told == [(name, None) for name in ("write", "empty", "writelines", "corked", "end")]
    assert peer.receive_all() == (b"12345", "FIN")


def test_a_callback_waits_for_the_last_of_its_bytes(harness: Any) -> None:
    wire = harness()
    answer = Answers(wire)
    peer, conn = wire.connect(receive_buffer=65536)
    conn.write(b"first", answer("first"))
    conn.write(bytes(16 * MIB), answer("large"))
    conn.write(b"last", answer("last"))
    conn.end(callback=answer("end"))
    settle(wire.loop)
    assert answer.told == [("first", None)]
    assert conn.bytes_written > 5
    read_to_the_end(wire.loop, peer)
    assert answer.told == [("first", None), ("large", None), ("last", None), ("end", None)]


def test_the_callback_of_end_comes_when_fin_was_handed_over_and_not_only_at_the_close(harness: Any) -> None:
    wire = harness()
    answer = Answers(wire)
    _, conn = wire.connect()
    conn.end(callback=answer("end"))
    settle(wire.loop)
    assert wire.record.names() == ["answer end", "finish"]
    assert conn.report is None


def test_callbacks_come_before_error_and_close(harness: Any) -> None:
    wire = harness()
    answer = Answers(wire)
    peer, conn = wire.connect(receive_buffer=65536)
    conn.write(bytes(16 * MIB), answer("write"))
    conn.end(callback=answer("end"))
    settle(wire.loop)
    peer.reset()
    wire.closed(conn)
    assert wire.record.names() == ["answer write", "answer end", "error", "close"]


@pytest.mark.parametrize("kind", ["ECONNRESET", "EPIPE"])
def test_what_the_network_prevents_is_answered_with_its_error(kind: str, each_loop: Reactor, harness: Any) -> None:
    wire = harness(loop=each_loop)
    answer = Answers(wire)
    peer, conn = wire.connect()
    peer.send(b"unread")
    if kind == "EPIPE":
        peer.end()
    peer.reset()
    conn.write(b"x", answer("failed"))
    conn.write(b"y", answer("refused"))
    conn.end(callback=answer("end"))
    assert answer.told == []
    report = wire.closed(conn)
    assert answer.told == [("failed", report.error), ("refused", report.error), ("end", report.error)]
    assert report.error.errno == getattr(errno, kind)


@pytest.mark.parametrize("way", ["destroy", "reset", "destroy with an error", "end timeout", "shutdown", "loop"])
def test_what_we_prevent_is_answered_with_connection_closed(way: str, harness: Any) -> None:
    wire = harness()
    answer = Answers(wire)
    _, conn = wire.connect(receive_buffer=65536)
    conn.write(bytes(16 * MIB), answer("write"))
    if way in ("end timeout", "shutdown"):
        conn.end(callback=answer("end"), timeout=0 if way == "end timeout" else None)
    {
        "destroy": conn.destroy,
        "reset": conn.reset,
        "destroy with an error": lambda: conn.destroy(OSError(errno.EIO, "of the program's own")),
        "end timeout": lambda: None,
        "shutdown": lambda: wire.server.shutdown(0),
        "loop": wire.loop.close,
    }[way]()
    wire.closed(conn)
    assert answer.names() == (["write", "end"] if way in ("end timeout", "shutdown") else ["write"])
    assert [type(error) for _, error in answer.told] == [ConnectionClosed] * len(answer.told)


def test_a_deadline_of_ours_is_answered_with_connection_closed(harness: Any, clock: ManualClock) -> None:
    wire = harness(write_timeout=10)
    answer = Answers(wire)
    _, conn = wire.connect(receive_buffer=65536)
    conn.write(bytes(16 * MIB), answer("write"))
    pump(wire.loop, lambda: conn.pending_bytes)
    for _ in range(30):
        clock.advance(1)
        settle(wire.loop, 3)
    assert wire.closed(conn).reason is Reason.WRITE_TIMEOUT
    assert [type(error) for _, error in answer.told] == [ConnectionClosed]


@pytest.mark.parametrize("call", ["destroy", "reset"])
def test_what_the_kernel_had_taken_before_the_end_is_answered_with_none(call: str, harness: Any) -> None:
    wire = harness()
    answer = Answers(wire)
    _, conn = wire.connect(receive_buffer=65536)
    conn.write(b"taken", answer("taken"))
    conn.write(bytes(16 * MIB), answer("not"))
    taken = conn.bytes_written
    assert 5 < taken < 16 * MIB
    getattr(conn, call)()
    report = wire.closed(conn)
    assert (report.bytes_written, report.bytes_unsent) == (taken, 16 * MIB + 5 - taken)
    assert [(name, type(error)) for name, error in answer.told] == [("taken", type(None)), ("not", ConnectionClosed)]


def test_a_write_refused_by_the_buffer_limit_is_answered_with_connection_closed(harness: Any) -> None:
    wire = harness(buffer_limit=MIB)
    answer = Answers(wire)
    _, conn = wire.connect(receive_buffer=65536)
    conn.write(bytes(16 * MIB), answer("pending"))
    assert conn.write(b"x", answer("one too many")) is False
    wire.closed(conn)
    assert [(name, type(error)) for name, error in answer.told] == [
        ("pending", ConnectionClosed),
        ("one too many", ConnectionClosed),
    ]


def test_a_write_refused_after_the_automatic_end_is_answered_too(harness: Any) -> None:
    wire = harness()
    answer = Answers(wire)
    wire.server.on("finish", lambda conn: conn.write(b"late", answer("late")))
    peer, conn = wire.connect()
    peer.end()
    wire.closed(conn)
    assert [(name, type(error)) for name, error in answer.told] == [("late", ConnectionClosed)]
    assert wire.record.names() == ["end", "finish", "answer late", "close"]


def test_a_callback_given_to_a_write_refused_after_close_still_comes(harness: Any) -> None:
    wire = harness()
    answer = Answers(wire)
    peer, conn = wire.connect()
    peer.end()
    wire.closed(conn)
    assert conn.write(b"late", answer("late")) is False
    assert answer.told == []
    settle(wire.loop)
    assert [(name, type(error)) for name, error in answer.told] == [("late", ConnectionClosed)]


def test_a_second_end_is_answered_when_the_first_ending_is(harness: Any) -> None:
    wire = harness()
    answer = Answers(wire)
    peer, conn = wire.connect(receive_buffer=65536)
    conn.write(bytes(16 * MIB))
    conn.end(callback=answer("first"))
    settle(wire.loop)
    conn.end(callback=answer("second"))
    settle(wire.loop)
    assert answer.told == []
    read_to_the_end(wire.loop, peer)
    assert answer.told == [("first", None), ("second", None)]
    conn.end(callback=answer("after finish"))
    settle(wire.loop)
    peer.end()
    wire.closed(conn)
    conn.end(callback=answer("after close"))
    settle(wire.loop)
    assert answer.told[2:] == [("after finish", None), ("after close", None)]


def test_an_end_called_when_both_have_ended_and_close_is_due_is_answered_with_none(harness: Any) -> None:
    wire = harness()
    answer = Answers(wire)
    wire.server.on("end", lambda conn: conn.end(callback=answer("second")))
    peer, conn = wire.connect()
    conn.end(callback=answer("first"))
    settle(wire.loop)
    peer.end()
    assert wire.closed(conn).clean
    assert answer.told == [("first", None), ("second", None)]


@pytest.mark.parametrize("call", ["destroy", "reset", "destroy_soon"])
def test_end_after_a_stronger_call_is_answered_by_what_became_of_the_fin(call: str, harness: Any) -> None:
    wire = harness()
    answer = Answers(wire)
    _, conn = wire.connect()
    getattr(conn, call)()
    conn.end(callback=answer("end"))
    settle(wire.loop)
    assert [type(error) for _, error in answer.told] == [type(None) if call == "destroy_soon" else ConnectionClosed]


def test_a_callback_may_write_again_and_is_answered_in_its_turn(harness: Any) -> None:
    wire = harness()
    peer, conn = wire.connect()
    sent: list[int] = []

    def again(conn: Connection, error: BaseException | None) -> None:
        assert error is None
        sent.append(len(sent))
        if len(sent) < 3000:  # more than the stack has room for
            conn.write(b"x", again)
        else:
            conn.end()

    conn.write(b"x", again)
    got = read_to_the_end(wire.loop, peer)
    assert (len(got), len(sent)) == (3000, 3000)


def test_a_callback_may_end_the_connection_and_the_rest_is_still_answered(harness: Any) -> None:
    wire = harness()
    answer = Answers(wire)
    _, conn = wire.connect(receive_buffer=65536)
    conn.write(b"x", lambda conn, error: conn.destroy())
    conn.write(bytes(16 * MIB), answer("rest"))
    wire.closed(conn)
    assert [(name, type(error)) for name, error in answer.told] == [("rest", ConnectionClosed)]


@pytest.mark.parametrize("ending", ["the peer's FIN", "the peer's RST"])
def test_a_callback_that_always_writes_again_does_not_hold_the_loop(ending: str, harness: Any) -> None:
    wire = harness()
    peer, conn = wire.connect()
    answered: list[int] = []

    def again(conn: Connection, error: BaseException | None) -> None:
        answered.append(wire.loop.statistics().turns)
        if len(answered) < 1000:
            conn.write(b"x", again)

    peer.end() if ending == "the peer's FIN" else peer.reset()
    conn.write(b"x", again)
    settle(wire.loop, 20)
    assert max(answered.count(turn) for turn in set(answered)) <= 2
