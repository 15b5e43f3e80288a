"""A reactor in a thread of its own: `Reactor.start_thread`.

Nobody waits for what leaves `run()` there, like the SystemExit of `sys.exit()` in a listener. The thread would end
without a word, and leave a loop that nobody runs. So it is logged, and the reactor closes: its connections end, and
futures that wait are cancelled.
"""

from __future__ import annotations

import threading

from ..errors import ReactorError
from ..hints import TYPE_CHECKING
from ..log import log
from . import forks

if TYPE_CHECKING:
    from typing import Any, Protocol

    from .turn import Turns

    class Startable(Protocol):
        """The reactor."""

        _thread: threading.Thread | None
        _turns: Turns
        _running: bool

        def call_soon(self, fn: Any, *args: Any) -> None: ...
        def run(self) -> None: ...
        def close(self) -> None: ...


def start(reactor: Startable) -> None:
    """Start the thread, and return when it runs the reactor. Raises ReactorError, and what the system raises if it
    gives no thread: the reactor can then be started later.
    """
    thread, turns = reactor._thread, reactor._turns
    if reactor._running and (thread is None or not turns._stopping):
        raise ReactorError("start_thread() was called while the reactor is running")
    if thread is not None:
        thread.join()  # stopped, and about to end
    if turns.closed:
        raise ReactorError("start_thread() was called on a closed reactor")
    forks.check(turns, "start_thread()")
    turns._stopping = False  # a stop() from before was for the thread from before
    started = threading.Event()
    reactor._thread = threading.Thread(target=_run, args=(reactor, started), name="reactor", daemon=True)
    try:
        reactor._thread.start()
    except BaseException:
        reactor._thread = None
        raise
    started.wait()


def _run(reactor: Startable, started: threading.Event) -> None:
    """What the thread does."""
    try:
        reactor.call_soon(started.set)
        reactor.run()
    except BaseException as error:
        log.error("%r closes: its thread was left by what a listener raised", reactor, exc_info=error)
        _close_for_good(reactor)
    finally:
        reactor._thread = None
        started.set()  # whatever happened: start() does not wait for ever


def _close_for_good(reactor: Startable) -> None:
    """Close, and log what the last listeners raise."""
    try:
        reactor.close()
    except BaseException as error:
        log.error("%r was closed; a listener raised meanwhile", reactor, exc_info=error)
