"""The poller over any `selectors.BaseSelector`.

The standard selectors cannot watch for a hang-up alone. So this poller keeps such descriptors aside and asks `poll(2)`
about all of them in one call, every `HANGUP_PERIOD` while there are any; EDGE becomes such a look too. Where the
platform has no POLLRDHUP, the leaving of a paused connection's peer is noticed at `resume()` or by a deadline.
"""

from __future__ import annotations

import errno
import select
import selectors
import time

from ..hints import TYPE_CHECKING, Any
from .poller import GONE, READ, WRITE, to_events, to_mask

if TYPE_CHECKING:
    from .interfaces import Handler

HANGUP_PERIOD = 0.1  # seconds between two looks: the leaving of a paused peer is noticed up to this much later
SELECT_LIMIT = 1024  # FD_SETSIZE: select(2) cannot watch a higher descriptor (select(2), NOTES)


class SelectorPoller:
    """A poller over any `selectors.BaseSelector`."""

    def __init__(self, selector: selectors.BaseSelector) -> None:
        self._selector = selector
        self.handlers: dict[int, Any] = {}
        self.removed: set[int] = set()
        self._masks: dict[int, int] = {}
        self._hangups: set[int] = set()  # watched for a hang-up only, by poll(2)
        #: The simulated system that the selector waits on, with a clock and a poll(2) of its own; None: the real one.
        self.system = getattr(selector, "system", None)
        self._hangup_poll = (self.system or select).poll() if hasattr(select, "POLLRDHUP") else None
        self._monotonic = (self.system or time).monotonic
        self._next_look = 0.0

    def add(self, fd: int, mask: int, handler: Handler) -> None:
        if isinstance(self._selector, selectors.SelectSelector) and fd >= SELECT_LIMIT:
            raise OSError(errno.EMFILE, f"select(2) cannot watch descriptor {fd}: its limit is {SELECT_LIMIT - 1}")
        if fd in self._masks:
            raise FileExistsError(errno.EEXIST, f"descriptor {fd} is watched already")
        self._masks[fd] = 0
        try:
            self.change(fd, mask)
        except BaseException:  # of the system, of the selector, or of memory
            del self._masks[fd]
            raise
        self.handlers[fd] = handler

    def change(self, fd: int, mask: int) -> None:
        before, self._masks[fd] = self._masks[fd], mask
        if _pollable(mask):
            events = to_events(mask & (READ | WRITE))
            if _pollable(before):
                self._selector.modify(fd, events)
            else:
                self._selector.register(fd, events)
        elif _pollable(before):
            self._forget(fd)
        if mask & GONE or not _pollable(mask):
            self._hangups.add(fd)
            if self._hangup_poll is not None:
                self._hangup_poll.register(fd, mask & GONE)
        else:
            self._unwatch_hangup(fd)

    def remove(self, fd: int) -> None:
        del self.handlers[fd]
        self.removed.add(fd)
        if _pollable(self._masks.pop(fd)):
            self._forget(fd)
        self._unwatch_hangup(fd)

    def poll(self, timeout: float | None) -> list[tuple[int, int]]:
        self.removed.clear()
        if not self._hangups or self._hangup_poll is None:
            return self._select(timeout)
        wait = max(self._next_look - self._monotonic(), 0)
        ready = self._select(wait if timeout is None else min(wait, timeout))
        if self._monotonic() >= self._next_look:
            # POLLIN..POLLRDHUP have epoll's values on Linux, the one platform that has POLLRDHUP (poll(2),
            # epoll_ctl(2)).
            ready += [(fd, mask) for fd, mask in self._hangup_poll.poll(0) if fd in self._hangups]
            self._next_look = self._monotonic() + HANGUP_PERIOD
        return ready

    def _select(self, timeout: float | None) -> list[tuple[int, int]]:
        try:
            return [(key.fd, to_mask(events)) for key, events in self._selector.select(timeout)]
        except OSError as error:  # select(2) is called again after a signal, whose handler may have closed a descriptor
            if error.errno != errno.EBADF or not self.removed:
                raise
            return []

    @property
    def patience(self) -> float | None:
        return max(self._next_look - self._monotonic(), 0) if self._hangups else None

    def fileno(self) -> int:
        fileno = getattr(self._selector, "fileno", None)
        if fileno is None:
            raise OSError(errno.EINVAL, f"{type(self._selector).__name__} has no descriptor to embed by")
        return int(fileno())

    def renewed(self) -> SelectorPoller:
        """Another on a new selector of the same class, with nothing registered. Raises TypeError where that class wants
        arguments.
        """
        return SelectorPoller(type(self._selector)())

    def close(self) -> None:
        self._selector.close()
        self.handlers.clear()
        self._masks.clear()
        self._hangups.clear()

    def _forget(self, fd: int) -> None:
        try:
            self._selector.unregister(fd)
        except (KeyError, OSError):  # closed under us; the selector forgets by number either way
            pass

    def _unwatch_hangup(self, fd: int) -> None:
        if fd in self._hangups:
            self._hangups.remove(fd)
            if self._hangup_poll is not None:
                self._hangup_poll.unregister(fd)


def _pollable(mask: int) -> bool:
    return bool(mask & (READ | WRITE))
