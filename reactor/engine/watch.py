"""Foreign descriptors: what `Reactor.watch` registers for a program that does its own reading and writing.

Readiness is told while it lasts. A function that raises before it has read would be called again in each turn, with a
core of its own: so one that has raised twice in a row rests, and its descriptor is looked at ten times a second until a
call succeeds. asyncio, Tornado and libuv go on at full speed, Node ends the process. Rejected: to give the descriptor
up, since what has failed may work a moment later, and a program that has logged an exception does not expect that
another call never comes.
"""

from __future__ import annotations

import errno

from .. import arguments
from ..foreign import shown
from ..hints import TYPE_CHECKING, Any
from ..log import log
from .poller import to_events, to_mask

if TYPE_CHECKING:
    from collections.abc import Callable

    from .timers import Timer
    from .turn import Turns

REST = 0.1  # seconds


class Watches:
    """The watches of one reactor. Each keeps `run()` going."""

    __slots__ = ("_of", "_turns")

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._of: dict[int, Watch] = {}

    def add(self, fd: int, events: int, fn: Callable[[int, int], object]) -> None:
        """Watch a descriptor, in place of a former watch of it. Raises OSError for what cannot be polled."""
        self.remove(fd)
        watch = Watch(self, self._turns, fd, events, fn)
        watch.begin()
        self._of[fd] = watch
        self._turns._watched = len(self._of)

    def remove(self, fd: int) -> None:
        """End a watch. Harmless when there is none."""
        watch = self._of.pop(fd, None)
        if watch is not None:
            watch.end()
            self._turns._watched = len(self._of)

    def close(self) -> None:
        """End all, after the poller was closed."""
        self._of.clear()
        self._turns._watched = 0

    def renew(self) -> None:
        """The poller is another one: register the descriptors there."""
        for fd, watch in list(self._of.items()):
            try:
                watch.renew()
            except OSError as error:
                log.warning("the %s ends: %s", shown(watch), error)
                self.remove(fd)


class Watch:
    """A foreign descriptor and the function that is called when it is ready."""

    __slots__ = ("_events", "_failing", "_fd", "_registered", "_resting", "_turns", "_watches", "fn")

    _flowing = False

    def __init__(self, watches: Watches, turns: Turns, fd: int, events: int, fn: Callable[[int, int], object]) -> None:
        self._watches = watches
        self._turns = turns
        self._fd = fd
        self._events = events
        self._failing = self._registered = False  # failing: the last call has raised
        self._resting: Timer | None = None
        self.fn: Callable[[int, int], object] | None = fn

    def begin(self) -> None:
        """Register the descriptor."""
        self._turns.poller.add(self._fd, to_mask(self._events), self)
        self._registered = True

    def renew(self) -> None:
        """Register it with another poller, unless it rests."""
        if self._registered:
            self._registered = False
            self.begin()

    def end(self) -> None:
        """Make no more calls, not even for an event that was fetched already."""
        self.fn = None
        self._leave()
        if self._resting is not None:
            self._resting.cancel()

    def _leave(self) -> None:
        if self._registered:
            self._registered = False
            self._turns.poller.remove(self._fd)

    def _on_ready(self, mask: int) -> None:
        events = to_events(mask) & self._events
        fn = self.fn
        if fn is None or not events:
            return
        try:
            fn(self._fd, events)
        except Exception as error:
            self._turns.raised.note(fn, error)
            if self._failing and self.fn is not None:
                self._leave()
                self._resting = self._turns.call_later(REST, self._go_on).unref()
            self._failing = True
        else:
            self._failing = False

    def _go_on(self) -> None:
        try:
            self.begin()
        except (OSError, LookupError, ValueError):  # closed meanwhile; perhaps the number is another file's already
            log.warning("the %s ends: the descriptor was closed", shown(self))
            self._watches.remove(self._fd)

    def __repr__(self) -> str:
        return f"watch of descriptor {self._fd} by {self.fn!r}"


def check_watched(fd: Any, number: int) -> None:
    """Refuse what no poller can wait for, on all pollers alike: epoll says "not permitted" of a plain file, and poll(2)
    says that it is ready, again and again.

    Raises TypeError for an `ssl.SSLSocket`: what TLS has read ahead is not seen at its descriptor. OSError for a plain
    file, a directory and a descriptor that is not open.
    """
    arguments.no_tls("fd", fd, "TLS may have read what its descriptor does not show; watch fileno(), and ask pending()")
    try:
        kind = arguments.kind_of_file(number)
    except OSError:
        raise OSError(errno.EBADF, f"fd must be open, which descriptor {number} is not") from None
    if kind in ("a plain file", "a directory"):
        text = f"fd must be a socket, a pipe or the like: to wait for {kind} is not permitted, as for {shown(fd)}"
        raise PermissionError(errno.EPERM, text)
