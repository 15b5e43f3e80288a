"""Daemon threads that do the jobs of one loop.

    submit     the job joins a queue; a thread is started if all are taken and there are fewer than `bound`
    close      what has not begun is cancelled, and each thread ends after its job

The threads are daemons: a job that never ends must not keep a process alive that wants to end. The executors of
`concurrent.futures` cannot do that: their threads are joined when the interpreter exits, whatever their `shutdown` was
told, so asyncio waits for them too (`asyncio.run` for up to 300 s since Python 3.12). trio and anyio use daemons, as
this file does. The price: a job that still runs when the interpreter exits is cut off. `serve` gives jobs the rest of
its grace.

Only the loop's thread calls `submit`, `settled` and `close`, so the counts need no lock.
"""

from __future__ import annotations

from queue import Empty, SimpleQueue
from threading import Thread

from ..hints import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future
    from typing import Any

    Job = tuple["Future[Any]", Callable[..., Any], tuple[Any, ...]]


class Pool:
    """Up to `bound` threads, which are started when they are needed and stay until `close()`."""

    __slots__ = ("_bound", "_name", "_queue", "_threads", "_unsettled")

    def __init__(self, bound: int, name: str) -> None:
        self._bound = bound
        self._name = name
        self._queue: SimpleQueue[Job | None] = SimpleQueue()
        self._threads = 0
        self._unsettled = 0  # jobs that wait, run, or have ended without a call of `settled()`

    def submit(self, fn: Callable[..., Any], args: tuple[Any, ...]) -> Future[Any]:
        """Do `fn(*args)` in a thread. Raises RuntimeError or MemoryError if the system gives no thread, and there is
        none yet; nothing has changed then.
        """
        from concurrent.futures import Future  # here: it loads `logging` and more, and few programs have jobs

        if self._unsettled >= self._threads < self._bound:
            try:
                self._start()
            except (RuntimeError, MemoryError):
                if not self._threads:
                    raise
        self._unsettled += 1
        future: Future[Any] = Future()
        self._queue.put((future, fn, args))
        return future

    def settled(self) -> None:
        """A job has ended or was cancelled: its thread is free."""
        self._unsettled -= 1

    def _start(self) -> None:
        Thread(target=_work, args=(self._queue,), name=f"{self._name}_{self._threads}", daemon=True).start()
        self._threads += 1

    def close(self) -> None:
        """Start no more jobs: cancel those that wait. Those that run finish in their threads."""
        threads, self._threads = self._threads, 0
        if not threads:  # closed before: what is in the queue now is for the threads
            return
        try:
            while (job := self._queue.get_nowait()) is not None:
                job[0].cancel()
        except Empty:
            pass
        for _ in range(threads):
            self._queue.put(None)

    def __del__(self) -> None:
        """A reactor that is dropped without `close()` leaves no threads behind."""
        self.close()


def _work(queue: SimpleQueue[Job | None]) -> None:
    """What a thread does. It holds the queue and not the pool, so that a pool that nobody uses is freed."""
    while (job := queue.get()) is not None:
        future, fn, args = job
        if future.set_running_or_notify_cancel():
            try:
                result = fn(*args)
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(result)
        del job, future, fn, args  # an idle thread keeps nothing alive
