"""Blocking work, off the loop's thread: a `concurrent.futures` pool whose answers come back as calls of the
loop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ..hints import TYPE_CHECKING, Any
from ..log import log

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

Callback = Callable[[Any, BaseException | None], object]


class Jobs:
    """The pool of one reactor, made when the first job comes."""

    __slots__ = ("_answer", "_pool", "pending")

    def __init__(self, answer: Callable[..., object]) -> None:
        self._answer = answer  # queues a call on the loop from any thread
        self._pool: ThreadPoolExecutor | None = None
        #: Jobs that `run()` waits for: their callback has not been called yet.
        self.pending = 0

    def submit(
        self, fn: Callable[..., Any], args: tuple[Any, ...], callback: Callback | None, waited_for: bool = True
    ) -> Future[Any]:
        """The future may be cancelled while it has not begun: then nobody is called back."""
        if self._pool is None:
            from concurrent.futures import ThreadPoolExecutor

            self._pool = ThreadPoolExecutor(thread_name_prefix="reactor-job")
        future = self._pool.submit(fn, *args)
        self.pending += waited_for
        future.add_done_callback(lambda done: self._answer(self._finish, done, callback, waited_for))
        return future

    def _finish(self, done: Future[Any], callback: Callback | None, waited_for: bool) -> None:
        self.pending -= waited_for
        if done.cancelled():
            return
        error = done.exception()
        if callback is not None:
            callback(None if error is not None else done.result(), error)
        elif error is not None:
            log.error("a job in a thread raised, and nobody asked for its answer", exc_info=error)

    def close(self) -> None:
        """Start no more jobs; those that run finish in their threads, and nobody hears of them."""
        self.pending = 0
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)


def cancel_calls(queue: Iterable[tuple[Callable[..., object], tuple[Any, ...]]]) -> None:
    """Cancel the futures of calls that will not be made."""
    for fn, args in queue:
        if fn is resolve:
            args[0].cancel()


def resolve(future: Future[Any], fn: Callable[..., Any], args: tuple[Any, ...]) -> None:
    """A call on the loop's own thread, whose answer another one waits for."""
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(fn(*args))
    except BaseException as error:
        future.set_exception(error)
        if not isinstance(error, Exception):  # leaves run() as from any other callback
            raise
