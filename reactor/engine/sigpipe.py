"""SIGPIPE: what the kernel sends to a process that writes to a socket which takes nothing any more.

Python ignores it from its start, and the write fails with EPIPE. It has its default action, which is to kill the
process, in a program that restored it (a command line tool that should end with `| head`) and in an interpreter that is
part of another program. Nothing that a peer does may kill us, so

    the signal is ignored    nothing is done: that is the usual case
    else                     send(2) gets MSG_NOSIGNAL; sendfile(2), which takes no flags, runs with the signal blocked
                             in its thread, and one that it has caused is taken back before that ends

MSG_NOSIGNAL for each send would cost an echo 1.6 % of its instructions, nearly all of it for reading one more argument.
So what a socket does is decided when it is opened, and again when `run()` or `run_once()` begins and when something is
written between turns: a disposition that a callback changes while the loop runs counts for later connections, and for
those that are open from the next `run()`.

Rejected: to ignore the signal for the whole process, as Node does: whether `| head` ends a program is the program's
decision. To block it while the loop runs: the program's own writes would miss it, and its children would inherit that.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # typeshed lists only `signal`, which takes long to load
from functools import partial

from ..hints import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    R = TypeVar("R")

IGNORED: int = _signal.SIG_IGN
_SIGPIPE: int | None = getattr(_signal, "SIGPIPE", None)  # Windows has none
#: What the process does with the signal; without it, with another, and the answer is of no use.
disposition: Callable[[], Any] = partial(_signal.getsignal, _SIGPIPE or _signal.SIGINT)


def kills() -> bool:
    """True if SIGPIPE does anything in this process."""
    return _SIGPIPE is not None and disposition() != IGNORED


def look(turns: Any) -> None:
    """Let the sockets that are open decide again, if the disposition has changed since the last look."""
    seen = disposition()
    if seen is not turns.sigpipe:
        turns.sigpipe = seen
        for tenant in turns.tenants.values():
            tenant._sigpipe_changed()


def between_turns(turns: Any) -> float:
    """The time of a write that no turn has made."""
    look(turns)
    now: float = turns.ask_clock()
    return now


def without(fn: Callable[..., R], *args: Any) -> R:
    """What `fn(*args)` returns or raises, and no SIGPIPE of it is left in this thread."""
    if not kills():
        return fn(*args)
    import signal

    which = {signal.SIGPIPE}
    if signal.SIGPIPE in signal.sigpending():  # of somebody else, who has blocked it
        return fn(*args)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, which)
    try:
        return fn(*args)
    finally:
        if hasattr(signal, "sigtimedwait"):  # macOS has none: there the signal is of the whole process
            signal.sigtimedwait(which, 0)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
