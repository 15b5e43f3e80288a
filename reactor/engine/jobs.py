"""Blocking work outside the loop's thread: a `concurrent.futures` pool whose results return as calls of the loop."""

from __future__ import annotations

from ..hints import TYPE_CHECKING
from ..log import log

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable
    from concurrent.futures import Future, ThreadPoolExecutor
    from typing import Any

    Callback = Callable[[Any, BaseException | None], object]


class Jobs:
    """A pool of threads, made with the first job."""

    __slots__ = ("_pool", "_queue", "pending")

    def __init__(self, queue: Callable[..., object]) -> None:
        self._queue = queue  # queues a call on the loop from any thread
        self._pool: ThreadPoolExecutor | None = None
        #: The number of jobs that `run()` waits for: their callback has not been called yet.
        self.pending = 0

    def submit(
        self, fn: Callable[..., Any], args: tuple[Any, ...], callback: Callback | None
    ) -> Future[Any]:
        """Start `fn(*args)` in a thread. The future can be cancelled until then: no callback is called."""
        if self._pool is None:
            from concurrent.futures import ThreadPoolExecutor

            self._pool = ThreadPoolExecutor(thread_name_prefix="reactor-job")
        future = self._pool.submit(fn, *args)
        self.pending += 1
        future.add_done_callback(lambda done: self._queue(self._finish, done, callback))
        return future

    def _finish(self, done: Future[Any], callback: Callback | None) -> None:
        self.pending -= 1
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
            self._pool.shutdown(wait=False, cancel_futures=True)


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
