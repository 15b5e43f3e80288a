"""Blocking work outside the loop's thread: a pool of threads (`pool.py`), whose results return as calls of the loop."""

from __future__ import annotations

import os

from ..hints import TYPE_CHECKING
from ..log import log

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable
    from concurrent.futures import Future
    from typing import Any

    from .pool import Pool

    Callback = Callable[[Any, BaseException | None], object]

#: Threads of a pool, unless it is given another bound: as many as those of `concurrent.futures`. Jobs mostly wait.
BOUND = min(32, (os.cpu_count() or 1) + 4)


class Jobs:
    """A pool of up to `bound` threads, made with the first job."""

    __slots__ = ("_bound", "_name", "_pool", "_queue", "pending")

    def __init__(self, queue: Callable[..., object], bound: int = BOUND, name: str = "reactor-job") -> None:
        self._queue = queue  # queues a call on the loop from any thread
        self._bound = bound
        self._name = name
        self._pool: Pool | None = None
        #: The number of jobs that `run()` waits for: their callback has not been called yet.
        self.pending = 0

    def submit(self, fn: Callable[..., Any], args: tuple[Any, ...], callback: Callback | None) -> Future[Any]:
        """Start `fn(*args)` in a thread. The future can be cancelled until then: no callback is called. Raises
        RuntimeError or MemoryError if there is no thread, and none can be started.
        """
        if self._pool is None:
            from .pool import Pool

            self._pool = Pool(self._bound, self._name)
        future = self._pool.submit(fn, args)
        self.pending += 1
        future.add_done_callback(lambda done: self._queue(self._finish, done, callback))
        return future

    def _finish(self, done: Future[Any], callback: Callback | None) -> None:
        self.pending -= 1
        if self._pool is not None:
            self._pool.settled()
        if done.cancelled():
            return
        error = done.exception()
        if callback is not None:
            callback(None if error is not None else done.result(), error)
        elif error is not None:
            log.error("a job in a thread raised, and it has no callback", exc_info=error)

    def close(self) -> None:
        """Start no more jobs. Jobs that run finish in their threads, and no callback is called."""
        self.pending = 0
        if self._pool is not None:
            self._pool.close()


def resolve(future: Future[Any], fn: Callable[..., Any], args: tuple[Any, ...]) -> None:
    """Call `fn(*args)` on the loop's thread and put the result into a future that another thread may wait for."""
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(fn(*args))
    except BaseException as error:
        future.set_exception(error)
        if not isinstance(error, Exception):  # leaves run(), as from any other callback
            raise


def drop(calls: deque[tuple[Callable[..., object], tuple[Any, ...]]]) -> None:
    """Empty the queue of a loop that has closed, and cancel the futures in it. From any thread, several at once too."""
    while calls:
        try:
            fn, args = calls.popleft()
        except IndexError:  # another thread was quicker
            return
        if fn is resolve:
            args[0].cancel()
