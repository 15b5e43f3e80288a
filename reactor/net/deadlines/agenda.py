"""Who must be looked at when: the connections in order of their next deadline. Pure: time comes as an
argument.

Every connection has at most one entry: the earliest moment at which one of its deadlines may have passed.
Traffic never touches the entry; it stamps the connection. When the moment comes the connection is handed out,
finds by its stamps whether it is really over, and is entered again if not. So a busy connection costs one
look a period and nothing a message.

An entry far off lies in the table of its whole second: entering and removing are one operation each,
whatever number of durations is in use, and nothing of a removed connection stays behind. When a second
begins, its table is moved to a heap, and handed out in exact order, in portions. Removing from the heap is
lazy, but no entry is in it for longer than a second.

Rejected: a plain FIFO for each duration, which cannot take back in order a connection whose stamp lies
between two others (it would be ended up to a whole period late), and grows a queue for each odd timeout that
a program gives to a single `end()`; a heap alone, which keeps every connection that came and went until its
timeout is over; moving an entry at each message.
"""

from __future__ import annotations

import heapq
from itertools import count

from ...hints import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol, Self

    class Looked(Protocol):
        """What can be entered: it keeps the moment itself."""

        _look_at: float

    class Cancellable(Protocol):
        """A timer."""

        def cancel(self) -> None: ...
        def unref(self) -> Self: ...

    class Clockwork(Protocol):
        """What is needed of a reactor's turns."""

        @property
        def now(self) -> float: ...
        @property
        def turn_now(self) -> float: ...
        def call_at(self, when: float, fn: Callable[..., object], /) -> Cancellable: ...
        def call_later(self, seconds: float, fn: Callable[..., object], /) -> Cancellable: ...


NEVER = float("inf")


class Agenda:
    """The deadlines of many connections. `_look_at` of a member is NEVER while it has no entry."""

    __slots__ = ("_far", "_near", "_order", "_reached", "_seconds")

    def __init__(self) -> None:
        self._far: dict[int, dict[Looked, None]] = {}  # in order of entering, so that runs can be repeated
        self._seconds: list[int] = []  # heap of the keys of _far
        self._near: list[tuple[float, int, Looked]] = []  # heap; stale where the moment is not the member's any more
        self._order = count()
        self._reached = -1

    def enter(self, member: Looked, moment: float) -> None:
        """Look at `member` at `moment`, and not at the time it was entered for before."""
        if member._look_at == moment:
            return
        if member._look_at != NEVER:
            self.remove(member)
        member._look_at = moment
        second = int(moment)
        members = self._far.get(second)
        if members is not None:
            members[member] = None
        elif second > self._reached:
            self._far[second] = {member: None}
            heapq.heappush(self._seconds, second)
        else:
            heapq.heappush(self._near, (moment, next(self._order), member))

    def remove(self, member: Looked) -> None:
        """No look at it any more. Harmless when it has no entry."""
        if member._look_at != NEVER:
            members = self._far.get(int(member._look_at))
            if members is not None:
                members.pop(member, None)
            member._look_at = NEVER

    def next_moment(self) -> float:
        """When `due` should be called next; NEVER when there is no entry. May be early, by less than a
        second.
        """
        near = self._near
        while near and near[0][2]._look_at != near[0][0]:
            heapq.heappop(near)
        moment = near[0][0] if near else NEVER
        return min(moment, self._seconds[0]) if self._seconds else moment

    def due(self, now: float, limit: int) -> list[Any]:
        """Up to `limit` members whose moment has come, in order, their entries removed. There may be more:
        see `next_moment`.
        """
        near = self._near
        while self._seconds and self._seconds[0] <= now:  # this second has begun: its members go to the heap
            members = self._far.pop(heapq.heappop(self._seconds))
            near.extend((member._look_at, next(self._order), member) for member in members)
            heapq.heapify(near)
        self._reached = max(self._reached, int(now))
        found: list[Any] = []
        while near and near[0][0] <= now and len(found) < limit:
            moment, _, member = heapq.heappop(near)
            if member._look_at == moment:
                member._look_at = NEVER
                found.append(member)
        return found

    def __len__(self) -> int:
        # Distinct: one that was taken back and entered for the same moment again is in the heap twice.
        valid = {id(member) for moment, _, member in self._near if member._look_at == moment}
        return len(valid) + sum(map(len, self._far.values()))
