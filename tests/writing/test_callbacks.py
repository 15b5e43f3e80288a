"""Callbacks of `write` and `end`: once each, in order, never from inside the call, before `error` and `close`."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Any

import pytest

from reactor import Connection, ConnectionClosed
from tests.support.scene import MIB, MUCH, Scene, Scenes


class Answers:
    """Notes what callbacks were told, among the events of their connection."""

    def __init__(self, one: Scene) -> None:
        self._events = one.record.events
        self.told: list[tuple[str, BaseException | None]] = []

    def __call__(self, name: str) -> Callable[[Connection, BaseException | None], None]:
        def callback(conn: Connection, error: BaseException | None) -> None:
            self.told.append((name, error))
            self._events[conn].append((f"answer {name}", error))

        return callback

    def kinds(self) -> list[tuple[str, type]]:
        return [(name, type(error)) for name, error in self.told]


def answering(scene: Scenes, **settings: Any) -> tuple[Scene, Answers]:
    one = scene(**{"receive_buffer": 65536, **settings})
    return one, Answers(one)


def test_a_callback_comes_once_with_none_when_the_kernel_has_the_bytes(scene: Scenes) -> None:
    one, answer = answering(scene)
    one.conn.write(b"x", answer("x"))
    assert answer.told == []
    one.turns()
    assert answer.told == [("x", None)]
    one.conn.end()
    one.server.shutdown(0)
    one.closed()
    assert answer.told == [("x", None)]


def test_callbacks_come_in_order_of_writing_however_they_were_written(scene: Scenes) -> None:
    one, answer = answering(scene)
    one.conn.write(b"1", answer("write"))
    one.conn.write(b"", answer("empty"))
    one.conn.writelines([b"2", b"3"], answer("writelines"))
    with one.conn.corked():
        one.conn.write(bytearray(b"4"), answer("corked"))
    one.conn.end(b"5", answer("end"))
    assert answer.told == []
    one.turns()
    assert answer.told == [(name, None) for name in ("write", "empty", "writelines", "corked", "end")]
    assert one.peer.receive_all() == (b"12345", "FIN")


def test_a_callback_waits_for_the_last_of_its_bytes(scene: Scenes) -> None:
    one, answer = answering(scene)
    one.conn.write(b"first", answer("first"))
    one.conn.write(bytes(MUCH), answer("large"))
    one.conn.write(b"last", answer("last"))
    one.conn.end(callback=answer("end"))
    one.turns()
    assert answer.told == [("first", None)]
    assert one.conn.bytes_written > 5
    one.peer_reads()
    assert answer.told == [("first", None), ("large", None), ("last", None), ("end", None)]


def test_the_callback_of_end_comes_when_fin_was_handed_over_and_not_only_at_the_close(scene: Scenes) -> None:
    one, answer = answering(scene)
    one.conn.end(callback=answer("end"))
    one.turns()
    assert one.names() == ["answer end", "finish"]
    assert one.conn.report is None


def test_callbacks_come_before_error_and_close(scene: Scenes) -> None:
    one, answer = answering(scene)
    one.conn.write(bytes(MUCH), answer("write"))
    one.conn.end(callback=answer("end"))
    one.turns()
    one.peer.reset()
    one.closed()
    assert one.names() == ["answer write", "answer end", "error", "close"]


# What it is told.


@pytest.mark.parametrize("kind", ["ECONNRESET", "EPIPE"])
def test_what_the_network_prevents_is_answered_with_its_error(kind: str, each_scene: Scenes) -> None:
    one, answer = answering(each_scene)
    one.peer.send(b"unread")
    if kind == "EPIPE":
        one.peer.end()
    one.peer.reset()
    one.conn.write(b"x", answer("failed"))
    one.conn.write(b"y", answer("refused"))
    one.conn.end(callback=answer("end"))
    assert answer.told == []
    report = one.closed()
    assert answer.told == [("failed", report.error), ("refused", report.error), ("end", report.error)]
    assert report.error.errno == getattr(errno, kind)


@pytest.mark.parametrize("ended", [False, True], ids=["written", "ending"])
@pytest.mark.parametrize(
    "prevent",
    [
        lambda one: one.conn.destroy(),
        lambda one: one.conn.reset(),
        lambda one: one.conn.destroy(OSError(errno.EIO, "of the program's own")),
        lambda one: one.conn.destroy_soon(timeout=0),
        lambda one: one.server.shutdown(0),
        lambda one: one.loop.close(),
        lambda one: one.lives_for(30),
    ],
    ids=["destroy", "reset", "destroy with an error", "timeout", "shutdown", "loop", "write_timeout"],
)
def test_what_we_prevent_is_answered_with_connection_closed(
    prevent: Callable[[Scene], object], ended: bool, scene: Scenes
) -> None:
    one, answer = answering(scene, write_timeout=10)
    one.conn.write(bytes(MUCH), answer("write"))
    if ended:
        one.conn.end(callback=answer("end"))
    prevent(one)
    one.closed()
    assert answer.kinds() == [("write", ConnectionClosed), ("end", ConnectionClosed)][: 1 + ended]


@pytest.mark.parametrize("call", ["destroy", "reset"])
def test_what_the_kernel_had_taken_before_the_end_is_answered_with_none(call: str, scene: Scenes) -> None:
    one, answer = answering(scene)
    one.conn.write(b"taken", answer("taken"))
    one.conn.write(bytes(MUCH), answer("not"))
    taken = one.conn.bytes_written
    assert 5 < taken < MUCH
    getattr(one.conn, call)()
    report = one.closed()
    assert (report.bytes_written, report.bytes_unsent) == (taken, MUCH + 5 - taken)
    assert answer.kinds() == [("taken", type(None)), ("not", ConnectionClosed)]


def test_a_write_refused_by_the_buffer_limit_is_answered_with_connection_closed(scene: Scenes) -> None:
    one, answer = answering(scene, buffer_limit=MIB)
    one.conn.write(bytes(MUCH), answer("pending"))
    assert one.conn.write(b"x", answer("one too many")) is False
    one.closed()
    assert answer.kinds() == [("pending", ConnectionClosed), ("one too many", ConnectionClosed)]


def test_a_write_refused_after_the_automatic_end_is_answered_too(scene: Scenes) -> None:
    one, answer = answering(scene)
    one.conn.on("finish", lambda conn: conn.write(b"late", answer("late")))
    one.peer.end()
    one.closed()
    assert answer.kinds() == [("late", ConnectionClosed)]
    assert one.names() == ["end", "finish", "answer late", "close"]


def test_a_callback_given_to_a_write_refused_after_close_still_comes(scene: Scenes) -> None:
    one, answer = answering(scene)
    one.peer.end()
    one.closed()
    assert one.conn.write(b"late", answer("late")) is False
    assert answer.told == []
    one.turns()
    assert answer.kinds() == [("late", ConnectionClosed)]


def test_a_second_end_is_answered_when_the_first_ending_is(scene: Scenes) -> None:
    one, answer = answering(scene)
    one.conn.write(bytes(MUCH))
    for name in ("first", "second"):
        one.conn.end(callback=answer(name))
        one.turns()
    assert answer.told == []
    one.peer_reads()
    assert answer.told == [("first", None), ("second", None)]
    one.conn.end(callback=answer("after finish"))
    one.turns()
    one.peer.end()
    one.closed()
    one.conn.end(callback=answer("after close"))
    one.turns()
    assert answer.told[2:] == [("after finish", None), ("after close", None)]


def test_an_end_called_when_both_have_ended_and_close_is_due_is_answered_with_none(scene: Scenes) -> None:
    one, answer = answering(scene)
    one.conn.on("end", lambda conn: conn.end(callback=answer("second")))
    one.conn.end(callback=answer("first"))
    one.turns()
    one.peer.end()
    assert one.closed().clean
    assert answer.told == [("first", None), ("second", None)]


@pytest.mark.parametrize("call", ["destroy", "reset", "destroy_soon"])
def test_end_after_a_stronger_call_is_answered_by_what_became_of_the_fin(call: str, scene: Scenes) -> None:
    one, answer = answering(scene)
    getattr(one.conn, call)()
    one.conn.end(callback=answer("end"))
    one.turns()
    assert answer.kinds() == [("end", type(None) if call == "destroy_soon" else ConnectionClosed)]


# What it may do.


def test_a_callback_may_write_again_and_is_answered_in_its_turn(scene: Scenes) -> None:
    one = scene()
    sent: list[int] = []

    def again(conn: Connection, error: BaseException | None) -> None:
        assert error is None
        sent.append(len(sent))
        if len(sent) < 3000:  # more than the stack has room for
            conn.write(b"x", again)
        else:
            conn.end()

    one.conn.write(b"x", again)
    assert (len(one.peer_reads()), len(sent)) == (3000, 3000)


def test_a_callback_may_end_the_connection_and_the_rest_is_still_answered(scene: Scenes) -> None:
    one, answer = answering(scene)
    one.conn.write(b"x", lambda conn, error: conn.destroy())
    one.conn.write(bytes(MUCH), answer("rest"))
    one.closed()
    assert answer.kinds() == [("rest", ConnectionClosed)]


@pytest.mark.parametrize("ending", ["end", "reset"])
def test_a_callback_that_always_writes_again_does_not_hold_the_loop(ending: str, scene: Scenes) -> None:
    one = scene()
    answered: list[int] = []

    def again(conn: Connection, error: BaseException | None) -> None:
        answered.append(one.loop.statistics().turns)
        if len(answered) < 1000:
            conn.write(b"x", again)

    getattr(one.peer, ending)()
    one.conn.write(b"x", again)
    one.turns(20)
    assert max(answered.count(turn) for turn in set(answered)) <= 2
