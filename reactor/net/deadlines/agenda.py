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
between two others (it would be reaped up to a whole period late), and grows a queue for each odd timeout that
a program gives to a single `end()`; a heap alone, which keeps every connection that came and went until its
timeout is over; moving an entry at each message.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from itertools import count

from ...hints import Protocol

NEVER = float("inf")


class Looked(Protocol):
    """What can be entered: it keeps the moment itself."""

    look_at: float

    def on_look(self, now: float) -> None: ...


class Agenda:
    """The deadlines of many connections. `look_at` of a member is NEVER while it has no entry."""

    __slots__ = ("_far", "_near", "_order", "_reached", "_seconds")

    def __init__(self) -> None:
        self._far: dict[int, dict[Looked, None]] = {}  # in order of entering, so that runs can be repeated
        self._seconds: list[int] = []  # heap of the keys of _far
        self._near: list[tuple[float, int, Looked]] = []  # heap; stale where the moment is not the member's any more
        self._order = count()
        self._reached = -1

    def enter(self, member: Looked, moment: float) -> None:
        """Look at `member` at `moment`, and not at the time it was entered for before."""
        if member.look_at == moment:
            return
        if member.look_at != NEVER:
            self.remove(member)
        member.look_at = moment
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
        if member.look_at != NEVER:
            members = self._far.get(int(member.look_at))
            if members is not None:
                members.pop(member, None)
            member.look_at = NEVER

    def next_moment(self) -> float:
        """When `due` should be called next; NEVER when there is no entry. May be early, by less than a
        second.
        """
        near = self._near
        while near and near[0][2].look_at != near[0][0]:
            heapq.heappop(near)
        moment = near[0][0] if near else NEVER
        return min(moment, self._seconds[0]) if self._seconds else moment

    def due(self, now: float, limit: int) -> list[Looked]:
        """Up to `limit` members whose moment has come, in order, their entries removed. There may be more:
        see `next_moment`.
        """
        self._open_seconds(int(now))
        found: list[Looked] = []
        near = self._near
        while near and near[0][0] <= now and len(found) < limit:
            moment, _, member = heapq.heappop(near)
            if member.look_at == moment:
                member.look_at = NEVER
                found.append(member)
        return found

    def _open_seconds(self, reached: int) -> None:
        """Move the members of the seconds that have begun to the heap."""
        near = self._near
        while self._seconds and self._seconds[0] <= reached:
            members = self._far.pop(heapq.heappop(self._seconds))
            near.extend((member.look_at, next(self._order), member) for member in members)
            heapq.heapify(near)
        self._reached = max(self._reached, reached)

    def __len__(self) -> int:
        # Distinct: one that was taken back and entered for the same moment again is in the heap twice.
        valid = {id(member) for moment, _, member in self._near if member.look_at == moment}
        return len(valid) + sum(map(len, self._far.values()))


class Schedule:
    """An agenda kept by a reactor: one timer, set for the next moment, and a bounded number of looks each
    turn.

    A mass expiry is so spread over many turns, and live clients are served in between.
    """

    __slots__ = ("_agenda", "_loop", "_timer", "_wake_at")

    LOOKS_PER_TURN = 16  # half a millisecond of endings, so that who talks meanwhile hardly notices

    def __init__(self, loop: Clockwork) -> None:
        self._loop = loop
        self._agenda = Agenda()
        self._timer: Cancellable | None = None
        self._wake_at = NEVER

    def enter(self, member: Looked, moment: float) -> None:
        """Look at `member` at `moment`; NEVER means not at all."""
        if moment == NEVER:
            self._agenda.remove(member)
            return
        self._agenda.enter(member, moment)
        if moment < self._wake_at:
            self._set_timer()

    def remove(self, member: Looked) -> None:
        self._agenda.remove(member)

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._wake_at = self._agenda.next_moment()
        self._timer = None
        if self._wake_at != NEVER:
            self._timer = self._loop.call_at(self._wake_at, self._look)
            self._timer.unref()

    def _look(self) -> None:
        now = self._loop.turn_now
        members = deque(self._agenda.due(now, self.LOOKS_PER_TURN))
        try:
            while members:
                members.popleft().on_look(now)
        finally:  # a listener may leave run(), and the others must be looked at in the next one
            for member in members:
                self._agenda.enter(member, now)
            self._set_timer()

    def __len__(self) -> int:
        return len(self._agenda)


class Cancellable(Protocol):
    def cancel(self) -> None: ...
    def unref(self) -> object: ...


class Clockwork(Protocol):
    """What a schedule needs of a reactor."""

    @property
    def turn_now(self) -> float: ...
    def call_at(self, when: float, fn: Callable[..., object], /) -> Cancellable: ...
