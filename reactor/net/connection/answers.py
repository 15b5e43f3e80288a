"""Callbacks of `write` and `end`: when each comes, and what it is told.

A callback is due at a position in the stream of what was written: when the kernel has taken so many bytes. So they come
in order by themselves, and none has to be found when something is sent, dropped, or cut off.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

from ...errors import ConnectionClosed, NeverConnected
from ..deadlines.agenda import NEVER
from .account import Fault
from .ending import Ending
from .holding import Callback
from .states import Write

REFUSED = -1.0  # the position of bytes that never got one: lost when they were written


class Answering(Ending):
    """The third layer of a connection."""

    __slots__ = ()

    def _answer(self, callback: Callback | None) -> None:
        """Call back when all that was written up to here is with the kernel, or lost."""
        if callback is not None:
            lost = self._life.write is not Write.OPEN
            self._answer_at(REFUSED if lost else self.bytes_written + self.pending_bytes, callback)

    def _answer_at(self, position: float, callback: Callback) -> None:
        """Call back when `bytes_written` reaches `position`: NEVER stands for our FIN, REFUSED for bytes that
        are lost already.
        """
        if self._closing:
            error = self._answer_for(position)
            if isinstance(error, OSError):  # what the network did has been told; this is too late for another reason
                error = self._closed_error()
            self._loop.call_soon(self._call_guarded, callback, error)
            return
        if self._answers is None:
            self._answers = deque()
        self._answers.append((position, callback))
        self._flush_soon()

    def _answer_due(self) -> None:
        """Call back for what the kernel has taken, for our FIN, and for what was refused."""
        answers = self._answers
        for _ in range(len(answers or ())):  # those there are: a callback may write again, with a callback
            if not answers or self._life.over:
                return
            position, callback = answers[0]
            if position > (NEVER if self._life.write is Write.ENDED else self.bytes_written):
                return
            answers.popleft()
            self._guarded(callback, self, self._answer_for(position))
        if answers and answers[0][0] == REFUSED:
            self._flush_soon()

    def _open_answers(self) -> Iterator[tuple[Callable[..., object], BaseException | None]]:
        answers: deque[tuple[float, Callback]] = self._answers or deque()
        for _ in range(len(answers)):  # those there are: a callback may write again, with a callback
            position, callback = answers.popleft()
            yield callback, self._answer_for(position)

    def _answer_for(self, position: float) -> BaseException | None:
        """None if the kernel has what was written up to here (NEVER stands for our FIN), else why it has not."""
        taken = self.bytes_written if position != NEVER else NEVER if self._fin_sent else REFUSED
        given = REFUSED < position <= taken and not self._never_connected
        return None if given else self._unsent_error()

    def _unsent_error(self) -> BaseException:
        """What a callback is told of bytes that the kernel will not take any more: whose doing that is."""
        if self._never_connected:
            never = NeverConnected(f"{self!r} ended before it was connected")
            never.__cause__ = self._error
            return never
        if self._fault is Fault.NETWORK and self._error is not None:
            return self._error
        return self._closed_error()

    def _closed_error(self) -> ConnectionClosed:
        return ConnectionClosed(f"{self!r} ended before the kernel had taken this")

    @property
    def _never_connected(self) -> bool:
        return not self._last.connected and (self._life.over or not self._life.connected)
