"""Signals as calls of the loop.

The interpreter runs Python-level signal handlers in its main thread, between two bytecodes, where hardly
anything is safe. So the handler only queues the program's function, and the loop calls it in its next turn.
`signal.set_wakeup_fd` makes the C-level handler write to the wake-up pair: so a signal also ends a sleep that begins
just after it arrived. A host program that has set its own wake-up descriptor keeps it, because then the host's loop
sleeps and not this one.

Handlers and the wake-up descriptor belong to the process. Each is put back only where it is still ours: what the
program, a host loop or another reactor has set since then stays. If several reactors listen to one signal, the last one
hears it, and each that closes takes itself out of the row, in whatever order they close.

Only the main thread may set a handler, and a reactor may be closed by any other. Such a handler is put back by the main
thread as soon as that runs Python code again (Py_AddPendingCall); a signal that comes before finds that its reactor is
gone, puts back what was there before, and is raised again. Rejected: to send the signal to the main thread as a message
to its handler. A real signal at the same moment would be one with it, and be lost.

A child of fork has none of these handlers: SIGTERM does there what it did before the reactor listened. The signals are
blocked from before the fork until they are put back (`forks.py`), since a parent may send SIGTERM at once.
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

    from .wakeup import Wakeup


def check_call(signum: Any, fn: Any) -> None:
    """Raise TypeError or ValueError for arguments that `Reactor.on_signal` does not take, and in another thread."""
    arguments.integer("signum", signum, 1)
    if signum not in signal.valid_signals():
        raise ValueError(f"signum must be a signal of this system, like signal.SIGTERM, not {shown(signum)}")
    arguments.maybe_callback("fn", fn, "signum")
    if not in_main_thread():
        raise ValueError("on_signal must be called from the main thread (signal.signal demands it)")


class Handler:
    """What `signal.signal` is given for one signal of one reactor."""

    __slots__ = ("_before", "_queue", "fn", "signum")

    fn: Callable[[int], object] | None  #: The program's function; None: the reactor does not listen any more.

    def __init__(self, signum: int, fn: Callable[[int], object], queue: Callable[..., object]) -> None:
        self.signum = signum
        self.fn = fn
        self._queue = queue
        self._before: Any = signal.getsignal(signum)

    def __call__(self, signum: int, frame: Any) -> None:
        if self.fn is not None:
            self._queue(self.fn, signum)
        elif _handler_of(signum) is self:  # closed by another thread just now
            _call_due(None)
            self.put_back()
            signal.raise_signal(signum)  # it was for what was there before
        elif callable(self._before):  # somebody has wrapped this handler
            self._before(signum, frame)

    def put_back(self) -> None:
        """Restore what was there before, if this handler is still the signal's."""
        if _handler_of(self.signum) is not self:
            return
        before = self._before
        while isinstance(before, Handler) and before.fn is None:  # of a reactor that was closed meanwhile
            before = before._before
        # None: the handler before was not set from Python and cannot be put back.
        signal.signal(self.signum, signal.SIG_DFL if before is None else before)


class Signals:
    """The signals that one reactor listens to."""

    __slots__ = ("_handlers", "_queue", "_wakes", "_wakeup")

    def __init__(self, queue: Callable[..., object], wakeup: Wakeup) -> None:
        self._queue = queue  # queues a call on the loop from any thread
        self._wakeup = wakeup
        self._wakes = False  # the process writes to our pair when a signal arrives
        self._handlers: dict[int, Handler] = {}

    @property
    def numbers(self) -> set[int]:
        """The signals that are listened to."""
        return set(self._handlers)

    def listen(self, signum: int, fn: Callable[[int], object]) -> None:
        """Queue `fn(signum)` when the signal arrives. Raises ValueError outside the main thread, OSError for a
        signal that cannot be caught.
        """
        known = self._handlers.get(signum)
        if known is not None and _handler_of(signum) is known:
            known.fn = fn
        else:  # the first time, or somebody else has set a handler since then
            handler = Handler(signum, fn, self._queue)
            signal.signal(signum, handler)
            if known is not None:
                known.fn = None
            self._handlers[signum] = handler
        self._claim_wakeup()

    def forget(self, signum: int) -> None:
        """Restore the handler from before; harmless for a signal that is not listened to."""
        handler = self._handlers.pop(signum, None)
        if handler is not None:
            handler.fn = None
            handler.put_back()
        if not self._handlers:
            self._release_wakeup()

    def close(self) -> None:
        """Listen to none any more, and close the wake-up pair, to which the process may write until then. From any
        thread.
        """
        handlers = list(self._handlers.values())
        self._handlers.clear()
        for handler in handlers:
            handler.fn = None

        def put_back() -> None:
            for handler in handlers:
                handler.put_back()
            self._release_wakeup()
            self._wakeup.close()

        if in_main_thread() or not (handlers or self._wakes):
            put_back()
        else:
            _call_in_main_thread(put_back)

    def forked(self) -> dict[int, Callable[[int], object]]:
        """In a child of fork: listen to none any more. Returns what was listened to, for `listen`."""
        listened = {signum: handler.fn for signum, handler in self._handlers.items() if handler.fn is not None}
        for signum in listened:
            self.forget(signum)
        return listened

    # The wake-up descriptor of the process.

    def _claim_wakeup(self) -> None:
        if self not in _listening:
            _listening.append(self)
        found = signal.set_wakeup_fd(self._wakeup.write_fileno(), warn_on_full_buffer=False)
        self._wakes = found in (-1, self._wakeup.write_fileno())
        if not self._wakes:
            signal.set_wakeup_fd(found)

    def _release_wakeup(self) -> None:
        if self in _listening:
            _listening.remove(self)
        if not self._wakes:
            return
        self._wakes = False
        found = signal.set_wakeup_fd(-1)
        if found != self._wakeup.write_fileno():
            signal.set_wakeup_fd(found)
        elif _listening:  # another reactor, which had left it to us
            _listening[-1]._claim_wakeup()


_listening: list[Signals] = []  # of all reactors
_due: list[Callable[[], object]] = []  # for the main thread
_c_functions: list[Any] = []  # `_call_due` for C, made once and never freed: the interpreter may hold it


def _handler_of(signum: int) -> object:
    return signal.getsignal(signum)


def in_main_thread() -> bool:
    """True in the thread that may set handlers."""
    return threading.current_thread() is threading.main_thread()


def _call_in_main_thread(fn: Callable[[], object]) -> None:
    """Call `fn` in the main thread, when that runs Python code again. Without ctypes nothing is called."""
    _due.append(fn)
    try:
        import ctypes
    except ImportError:
        return
    if not _c_functions:
        _c_functions.append(ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)(_call_due))
    ctypes.pythonapi.Py_AddPendingCall(_c_functions[0], None)


def _call_due(argument: object) -> int:
    while _due:
        _due.pop(0)()
    return 0
