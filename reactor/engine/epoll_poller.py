"""The poller of Linux: a `selectors.BaseSelector` over `select.epoll`.

`poll()` returns what the kernel reported, unchanged. It can watch a descriptor for a hang-up alone (GONE), which the
standard classes refuse as an empty mask: so a paused connection is told that its peer has left (closing.md, fact 9).
"""

from __future__ import annotations

import select
import selectors
from collections.abc import Iterator, Mapping

from ..foreign import shown
from ..hints import Any
from .poller import READABLE, WRITABLE, to_events, to_mask

MAX_EVENTS = 1024  # per poll; the next poll reports the rest (epoll rotates its ready list)


class EpollPoller(selectors.BaseSelector):
    """A selector over `select.epoll`. `data` of a registration is its handler.

    As a `BaseSelector` it knows what was registered by `register`, and not what the loop added by `add`: of that only
    the handler is kept.
    """

    patience: float | None = None

    def __init__(self, system: Any = None) -> None:
        self.system = system
        self._epoll: select.epoll = (select if system is None else system).epoll()
        self.handlers: dict[int, Any] = {}
        self.removed: set[int] = set()
        self._keys: dict[int, selectors.SelectorKey] = {}

    # What the loop uses.

    def add(self, fd: int, mask: int, handler: Any) -> None:
        self._epoll.register(fd, mask)
        self.handlers[fd] = handler

    def change(self, fd: int, mask: int) -> None:
        self._epoll.modify(fd, mask)

    def remove(self, fd: int) -> None:
        del self.handlers[fd]
        self.removed.add(fd)
        try:
            self._epoll.unregister(fd)
        except OSError:  # closed under us: the kernel has dropped it by itself
            pass

    def poll(self, timeout: float | None) -> list[tuple[int, int]]:
        if self.removed:
            self.removed.clear()
        return self._epoll.poll(timeout, MAX_EVENTS)

    def fileno(self) -> int:
        return self._epoll.fileno()

    def renewed(self) -> EpollPoller:
        """Another, with nothing registered: in a forked child this one is its parent's."""
        return EpollPoller(self.system)

    def close(self) -> None:
        self._epoll.close()
        self.handlers.clear()
        self._keys.clear()

    # The other methods of a BaseSelector.

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        _check_events(events)
        fd = self._fd(fileobj)
        if fd in self.handlers:
            raise KeyError(f"{shown(fileobj)} (descriptor {fd}) is registered already")
        self.add(fd, to_mask(events), data)
        key = self._keys[fd] = selectors.SelectorKey(fileobj, fd, events, data)
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        key = self._keys.pop(self.get_key(fileobj).fd)
        self.remove(key.fd)
        return key

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        _check_events(events)
        before = self.get_key(fileobj)
        self.change(before.fd, to_mask(events))
        self.handlers[before.fd] = data
        key = self._keys[before.fd] = before._replace(events=events, data=data)
        return key

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        try:
            ready = self.poll(timeout if timeout is None else max(timeout, 0))
        except InterruptedError:
            return []
        return [(key, to_events(mask) & key.events) for fd, mask in ready if (key := self._keys.get(fd))]

    def get_key(self, fileobj: Any) -> selectors.SelectorKey:
        if self._epoll.closed:
            raise RuntimeError("the selector is closed")
        fd = self._fd(fileobj)
        if fd not in self._keys:
            raise KeyError(f"{shown(fileobj)} is not registered")
        return self._keys[fd]

    def _fd(self, fileobj: Any) -> int:
        """The descriptor of a file object, also of one that was closed while registered."""
        try:
            return _fileno(fileobj)
        except ValueError:
            for fd, key in self._keys.items():
                if key.fileobj is fileobj:
                    return fd
            raise

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return _Keys(self)


class _Keys(Mapping[Any, selectors.SelectorKey]):
    """The live view that `get_map()` returns: it iterates over numbers and finds keys by number or file object."""

    def __init__(self, poller: EpollPoller) -> None:
        self._poller = poller

    def __len__(self) -> int:
        return len(self._poller._keys)

    def __iter__(self) -> Iterator[Any]:
        return iter(list(self._poller._keys))

    def __getitem__(self, fileobj: Any) -> selectors.SelectorKey:
        return self._poller.get_key(fileobj)


def _fileno(fileobj: Any) -> int:
    try:
        fd = fileobj if isinstance(fileobj, int) else int(fileobj.fileno())
    except (AttributeError, TypeError):
        raise ValueError(f"{shown(fileobj)} has no descriptor") from None
    if fd < 0:
        raise ValueError(f"{shown(fileobj)} is not an open file")
    return fd


def _check_events(events: int) -> None:
    if events not in (READABLE, WRITABLE, READABLE | WRITABLE):
        raise ValueError(f"events must be EVENT_READ, EVENT_WRITE or both, not {shown(events)}")
