"""Callbacks of `write` and `end`: who waits for what, and who is called when. Pure but for telling.

A callback waits for a position in the stream of what was written: it is due when the kernel has taken this many bytes.
So callbacks come in order by themselves, and none has to be found when bytes are sent, dropped or cut off. That of
`end` waits for our FIN. One for bytes that were refused waits for nothing, but keeps its place in the order.
"""

from __future__ import annotations

import enum
from collections import deque

from ...hints import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol

    from .states import State

    class Answering(Protocol):
        """The connection, as far as it calls back."""

        _life: State
        bytes_written: int

        @property
        def _fin_sent(self) -> bool: ...
        def _answer(self, taken: bool) -> BaseException | None: ...
        def _guarded(self, fn: Any, *args: Any) -> None: ...
        def _answer_late(self, callback: Callback, taken: bool) -> None: ...
        def _flush_soon(self) -> None: ...

    Callback = Callable[[Any, BaseException | None], object]  # (connection, None or why not)


class Until(enum.Enum):
    """What a callback waits for, if it is not a position."""

    FIN = "our FIN"
    REFUSED = "nothing"  # its bytes were lost when they were written


class Callbacks:
    """The callbacks of one connection. It exists from the first callback on."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: deque[tuple[int | Until, Callback]] = deque()

    def add(self, until: int | Until, callback: Callback) -> None:
        """Behind those that were added before."""
        self._waiting.append((until, callback))

    def tell_due(self, conn: Answering) -> None:
        """Call those whose time has come: each may end the connection, or write again with a callback."""
        waiting = self._waiting
        for _ in range(len(waiting)):
            if conn._life.over:
                return
            until, callback = waiting[0]
            taken = reached(until, conn.bytes_written, conn._life.fin_sent)
            if not taken and until is not Until.REFUSED:
                return
            waiting.popleft()
            conn._guarded(callback, conn, conn._answer(taken))
        if waiting:
            conn._flush_soon()

    def tell_all(self, conn: Answering) -> None:
        """Call all that are here now: the connection is over."""
        for _ in range(len(self._waiting)):
            until, callback = self._waiting.popleft()
            conn._guarded(callback, conn, conn._answer(reached(until, conn.bytes_written, conn._fin_sent)))

    def tell_late(self, conn: Answering) -> None:
        """Call those that came in while all were called, each in a call of the loop."""
        while self._waiting:
            until, callback = self._waiting.popleft()
            conn._answer_late(callback, reached(until, conn.bytes_written, conn._fin_sent))

    def __len__(self) -> int:
        return len(self._waiting)


def reached(until: int | Until, written: int, fin_sent: bool) -> bool:
    """True if the kernel has what is waited for, when it has taken `written` bytes."""
    if isinstance(until, Until):
        return until is Until.FIN and fin_sent
    return until <= written
