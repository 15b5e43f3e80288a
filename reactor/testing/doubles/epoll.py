"""The doubles of what waits: epoll(7), poll(2), and a selector that, like those of `selectors`, is neither.

As in Linux, a descriptor is looked at when something woke it, and stays on the list of candidates while it is ready;
one that is registered with EDGE leaves it when it was told, and comes back with the next change.
"""

from __future__ import annotations

import errno
import functools
import selectors
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...engine.epoll_poller import EpollPoller
from ...engine.poller import EDGE, ERROR, HANGUP

if TYPE_CHECKING:
    from .world import World

_ALWAYS = ERROR | HANGUP  # told whether asked for or not
_FOREIGN = (
    "descriptor {} is not of the simulated kernel: what waits for the system's (files, threads, Unix sockets) has no "
    "place in a simulation"
)


class SimulatedEpoll:
    """The methods of `select.epoll`."""

    def __init__(self, kernel: World) -> None:
        self._kernel = kernel
        self._masks: dict[int, int] = {}
        self._wakers: dict[int, Any] = {}
        self._candidates: dict[int, None] = {}
        self._wakeup: int | None = None  # of the reactor: the one descriptor of the system, which is never ready
        self.closed = False
        #: Descriptors that were closed while they were registered.
        self.forgotten = 0

    def fileno(self) -> int:
        raise OSError(errno.EINVAL, "a simulated kernel has no descriptor to embed by")

    def close(self) -> None:
        for fd in list(self._wakers):
            self._drop(fd)
        self.closed = True

    @property
    def watched(self) -> int:
        """How many sockets are registered."""
        return len(self._wakers)

    def register(self, fd: int, mask: int) -> None:
        sock = self._kernel.sockets.get(fd)
        if sock is None:
            if self._wakeup is not None:
                raise ValueError(_FOREIGN.format(fd))
            self._wakeup = fd
            return
        self._kernel.called("epoll_ctl", sock)
        if fd in self._masks:
            raise FileExistsError(errno.EEXIST, "")
        self._masks[fd] = mask
        wake = self._wakers[fd] = functools.partial(self._candidates.__setitem__, fd, None)
        sock.endpoint.watchers.append(wake)
        wake()

    def modify(self, fd: int, mask: int) -> None:
        if fd not in self._masks:
            raise FileNotFoundError(errno.ENOENT, "")
        self._kernel.called("epoll_ctl", self._kernel.sockets[fd])
        self._masks[fd] = mask
        self._candidates[fd] = None

    def unregister(self, fd: int) -> None:
        if fd == self._wakeup:
            self._wakeup = None
        elif fd in self._masks:
            self._drop(fd)
        else:
            raise FileNotFoundError(errno.ENOENT, "")

    def _drop(self, fd: int) -> None:
        del self._masks[fd]
        self._kernel.sockets[fd].endpoint.watchers.remove(self._wakers.pop(fd))
        self._candidates.pop(fd, None)

    def on_closed(self, fd: int) -> None:
        """close(2) of a descriptor takes it out."""
        if fd in self._masks:
            self.forgotten += 1
            del self._masks[fd], self._wakers[fd]
            self._candidates.pop(fd, None)

    def poll(self, timeout: float | None = None, maxevents: int = -1) -> list[tuple[int, int]]:
        """What is ready; if nothing is, time goes on until something is, or for `timeout` seconds."""
        kernel = self._kernel
        kernel.settle()
        ready = self._ready()
        if not ready and timeout != 0:
            limit = float("inf") if timeout is None or timeout < 0 else kernel.clock() + timeout
            while not ready and kernel.jump(limit):
                ready = self._ready()
        told = kernel.order(ready)[: maxevents if maxevents > 0 else None]
        for fd, _ in told:
            if self._masks[fd] & EDGE:
                del self._candidates[fd]
        return told

    def _ready(self) -> list[tuple[int, int]]:
        found = []
        sockets = self._kernel.sockets
        for fd in list(self._candidates):
            mask = sockets[fd].endpoint.mask() & (self._masks[fd] | _ALWAYS)
            if mask:
                found.append((fd, mask))
            else:
                del self._candidates[fd]
        return found


class SimulatedPoll:
    """The methods of `select.poll` that the library uses; it never waits."""

    def __init__(self, kernel: World) -> None:
        self._kernel = kernel
        self._masks: dict[int, int] = {}

    def register(self, fd: int, mask: int) -> None:
        self._masks[fd] = mask

    def unregister(self, fd: int) -> None:
        del self._masks[fd]

    def poll(self, timeout: float | None = None) -> list[tuple[int, int]]:
        self._kernel.settle()
        sockets = self._kernel.sockets
        found = ((fd, sockets[fd].endpoint.mask() & (mask | _ALWAYS)) for fd, mask in self._masks.items())
        return self._kernel.order([entry for entry in found if entry[1]])


class PlainSelector(selectors.BaseSelector):
    """What any `BaseSelector` is, and no more."""

    def __init__(self, own: EpollPoller) -> None:
        self._own = own
        #: See `engine/poller.py`.
        self.system = own.system

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._own.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._own.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._own.modify(fileobj, events, data)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        return self._own.select(timeout)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._own.get_map()

    def get_key(self, fileobj: Any) -> selectors.SelectorKey:
        return self._own.get_key(fileobj)

    def close(self) -> None:
        self._own.close()
