"""Callbacks of `write` and `end`: each comes once, in order, when the kernel has what it waits for, or never will.
No connection: a stand-in with the few things that are asked of one.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from reactor.net.connection.callbacks import Callbacks, Until, reached

LOST = ConnectionError("lost")


class Conn:
    """What callbacks ask of a connection; notes who was told what."""

    def __init__(self) -> None:
        self.bytes_written = 0
        self._life: Any = SimpleNamespace(over=False, fin_sent=False)
        self.flushes = 0
        self.told: list[tuple[str, BaseException | None]] = []
        self.late: list[tuple[Any, bool]] = []

    @property
    def _fin_sent(self) -> bool:
        return bool(self._life.fin_sent)

    def _answer(self, taken: bool) -> BaseException | None:
        return None if taken else LOST

    def _guarded(self, fn: Any, *args: Any) -> None:
        fn(*args)

    def _answer_late(self, callback: Any, taken: bool) -> None:
        self.late.append((callback, taken))

    def _flush_soon(self) -> None:
        self.flushes += 1


@pytest.fixture
def conn() -> Conn:
    return Conn()


def waiting(conn: Conn, **until: int | Until) -> Callbacks:
    """Callbacks by name, in this order."""
    made = Callbacks()
    for name, what in until.items():
        made.add(what, noter(conn, name))
    return made


def noter(conn: Conn, name: str) -> Any:
    return lambda _, error: conn.told.append((name, error))


@pytest.mark.parametrize(
    ("until", "written", "fin_sent", "expected"),
    [
        (10, 9, True, False), (10, 10, False, True), (10, 11, False, True), (0, 0, False, True),
        (Until.FIN, 10**9, False, False), (Until.FIN, 0, True, True),
        (Until.REFUSED, 10**9, True, False),
    ],
)  # fmt: skip
def test_what_a_callback_waits_for(until: int | Until, written: int, fin_sent: bool, expected: bool) -> None:
    assert reached(until, written, fin_sent) is expected


def test_those_whose_bytes_were_taken_are_told_in_order_and_the_others_wait(conn: Conn) -> None:
    callbacks = waiting(conn, first=5, second=10, third=15)
    conn.bytes_written = 12
    callbacks.tell_due(conn)
    assert conn.told == [("first", None), ("second", None)]
    assert len(callbacks) == 1
    assert conn.flushes == 0  # they wait for the kernel, and not for a flush


# What they wait for; bytes written and our FIN sent; and who has been told by then.
Told = list[tuple[str, BaseException | None]]
WAITS: dict[str, tuple[dict[str, int | Until], list[tuple[int, bool, Told]]]] = {
    "none is told twice": ({"one": 0}, [(0, False, [("one", None)]), (0, False, [("one", None)])]),
    "that of end waits for our FIN though all bytes are taken": (
        {"end": Until.FIN}, [(10**9, False, []), (10**9, True, [("end", None)])],
    ),
    "one for refused bytes waits for nothing but its place": (
        {"written": 5, "refused": Until.REFUSED}, [(0, False, []), (5, False, [("written", None), ("refused", LOST)])],
    ),
}  # fmt: skip


@pytest.mark.parametrize("promise", WAITS)
def test_who_is_told_when(conn: Conn, promise: str) -> None:
    until, steps = WAITS[promise]
    callbacks = waiting(conn, **until)
    for conn.bytes_written, conn._life.fin_sent, told in steps:
        callbacks.tell_due(conn)
        assert conn.told == told
    callbacks.tell_all(conn)
    assert conn.told == told, "none is told twice"


def test_one_given_inside_a_callback_is_told_by_a_later_flush(conn: Conn) -> None:
    callbacks = Callbacks()
    callbacks.add(0, lambda _, error: callbacks.add(0, noter(conn, "inner")))
    callbacks.tell_due(conn)
    assert (conn.told, conn.flushes) == ([], 1)
    callbacks.tell_due(conn)
    assert conn.told == [("inner", None)]


def test_a_callback_that_ends_the_connection_leaves_the_others_for_the_end(conn: Conn) -> None:
    callbacks = Callbacks()
    callbacks.add(0, lambda _, error: setattr(conn._life, "over", True))
    callbacks.add(0, noter(conn, "taken"))
    callbacks.add(10, noter(conn, "lost"))
    callbacks.tell_due(conn)
    assert conn.told == []
    callbacks.tell_all(conn)
    assert conn.told == [("taken", None), ("lost", LOST)]


def test_at_the_end_all_are_told_what_became_of_their_bytes(conn: Conn) -> None:
    callbacks = waiting(conn, taken=5, lost=10, end=Until.FIN, refused=Until.REFUSED)
    conn.bytes_written = 7
    callbacks.tell_all(conn)
    assert conn.told == [("taken", None), ("lost", LOST), ("end", LOST), ("refused", LOST)]
    assert not callbacks


def test_one_given_while_all_are_told_is_answered_in_a_call_of_the_loop(conn: Conn) -> None:
    callbacks, late = Callbacks(), noter(conn, "late")
    callbacks.add(Until.REFUSED, lambda _, error: callbacks.add(0, late))
    callbacks.tell_all(conn)
    assert len(callbacks) == 1
    callbacks.tell_late(conn)
    assert (conn.late, len(callbacks)) == ([(late, True)], 0)
