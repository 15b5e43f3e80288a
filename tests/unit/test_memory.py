"""The limit on what all connections of a server hold, without a connection: who ends, and when it asks again."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from reactor import Reason
from reactor.net.server.memory import RECOUNT, MemoryLimit, memory_limit_for

ROOM = 100  # bytes that each may hold before a write() returns False


class Clockwork:
    """Stands for a reactor: keeps the one timer until a test lets it ring."""

    def __init__(self) -> None:
        self.timers: list[tuple[float, Callable[[], object]]] = []

    def call_later(self, seconds: float, fn: Callable[[], object]) -> Any:
        timer = (seconds, fn)
        self.timers.append(timer)
        handle: Any = SimpleNamespace(cancel=lambda: self.timers.remove(timer), unref=lambda: handle)
        return handle

    def ring(self) -> None:
        self.timers[0][1]()


class Holder:
    """Stands for a connection that holds this many bytes."""

    def __init__(self, held: int) -> None:
        self.held = held
        self.cut_for: Reason | None = None
        self._life: Any = SimpleNamespace(over=False)
        self._settings: Any = SimpleNamespace(room=ROOM)

    def _held(self) -> int:
        return self.held

    def _cut(self, reason: Reason) -> None:
        self.cut_for = reason


def limit_of(limit: int, *holders: Holder) -> tuple[MemoryLimit, Clockwork]:
    clockwork = Clockwork()
    memory = memory_limit_for(clockwork, limit, holders, None)
    assert memory is not None
    return memory, clockwork


def ended(*holders: Holder) -> list[int]:
    return [holder.held for holder in holders if holder.cut_for is Reason.BUFFER_LIMIT]


@pytest.mark.parametrize(
    ("limit", "held", "gone", "total"), [(400, (50, 300, 200), [300], 250), (150, (150, 300, 200), [300, 200], 150)]
)
def test_as_few_as_it_takes_end_the_largest_first(
    limit: int, held: tuple[int, ...], gone: list[int], total: int
) -> None:
    holders = list(map(Holder, held))
    memory, _ = limit_of(limit, *holders)
    assert (ended(*holders), memory.total) == (gone, total)


def test_one_that_is_closed_already_frees_its_share_and_nobody_ends_for_it() -> None:
    alive, closed = Holder(100), Holder(200)
    memory, _ = limit_of(250, alive)
    closed._life.over = True
    memory.note(closed)
    assert (ended(alive, closed), memory.total) == ([], 100)


def test_a_connection_that_has_flushed_everything_is_not_counted_any_more() -> None:
    holder = Holder(100)
    memory, _ = limit_of(1000, holder)
    holder.held = 0
    memory.note(holder)
    assert memory.total == 0


def test_nobody_is_asked_again_while_all_could_fill_their_room_within_the_limit() -> None:
    _, clockwork = limit_of(2 * ROOM, Holder(1), Holder(1))
    assert clockwork.timers == []


def test_what_grew_between_two_flushes_is_found_when_they_are_asked() -> None:
    small, growing = Holder(1), Holder(1)
    _, clockwork = limit_of(ROOM, small, growing)
    assert [seconds for seconds, _ in clockwork.timers] == [RECOUNT]
    growing.held = ROOM
    clockwork.ring()
    assert growing.cut_for is Reason.BUFFER_LIMIT
    assert (ended(small), clockwork.timers) == ([], [])


def test_the_same_limit_goes_on_and_another_counts_anew() -> None:
    holder = Holder(50)
    memory, clockwork = limit_of(1000, holder)
    assert memory_limit_for(clockwork, 1000, (), memory) is memory
    other = memory_limit_for(clockwork, 40, (holder,), memory)
    assert other is not memory
    assert ended(holder) == [50]


def test_a_limit_taken_away_asks_nobody_any_more() -> None:
    memory, clockwork = limit_of(10, Holder(5))
    assert len(clockwork.timers) == 1
    assert memory_limit_for(clockwork, None, (), memory) is None
    assert clockwork.timers == []
