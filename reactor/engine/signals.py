"""Signals as calls of the loop.

The interpreter runs Python-level signal handlers in its main thread, between two bytecodes, where hardly
anything is safe. So the handler only queues the program's function, and the loop calls it in its next turn.
`signal.set_wakeup_fd` makes the C-level handler write to the wake-up pair: so a signal also ends a sleep that begins
just after it arrived. A host program that has set its own wake-up descriptor keeps it, because then the host's loop
sleeps and not this one.
"""

from __future__ import annotations

import signal
import threading

from .. import arguments
from ..foreign import shown
from ..hints import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def check_call(signum: Any, fn: Any) -> None:
    """Raise TypeError or ValueError for arguments that `Reactor.on_signal` does not take, and in another thread."""
    arguments.integer("signum", signum, 1)
    if signum not in signal.valid_signals():
        raise ValueError(f"signum must be a signal of this system, like signal.SIGTERM, not {shown(signum)}")
    arguments.maybe_callback("fn", fn, "signum")
    if threading.current_thread() is not threading.main_thread():
        raise ValueError("on_signal must be called from the main thread (signal.signal demands it)")


class Signals:
    """The signals that one reactor listens to, and the handlers from before."""

    __slots__ = ("_before", "_queue", "_wakeup_before", "_wakeup_fd")

    def __init__(self, queue: Callable[..., object], wakeup_fd: int) -> None:
        self._queue = queue  # queues a call on the loop from any thread
        self._wakeup_fd = wakeup_fd
        self._wakeup_before: int | None = None
        self._before: dict[int, Any] = {}

    def listen(self, signum: int, fn: Callable[[int], object]) -> None:
        """Queue `fn(signum)` when the signal arrives. Raises ValueError outside the main thread, OSError for a
        signal that cannot be caught.
        """
        self._before.setdefault(signum, signal.signal(signum, lambda number, frame: self._queue(fn, number)))
        if self._wakeup_before is None:
            found = signal.set_wakeup_fd(self._wakeup_fd, warn_on_full_buffer=False)
            if found != -1:
                signal.set_wakeup_fd(found)
            else:
                self._wakeup_before = found

    def forget(self, signum: int) -> None:
        """Restore the handler from before; harmless for a signal that is not listened to."""
        if signum in self._before:
            # None: the handler before was not set from Python and cannot be put back.
            signal.signal(signum, self._before.pop(signum) or signal.SIG_DFL)
        if not self._before and self._wakeup_before is not None:
            signal.set_wakeup_fd(self._wakeup_before)
            self._wakeup_before = None

    def close(self) -> None:
        for signum in list(self._before):
            self.forget(signum)
