"""What the loop waits on. The only module that imports `select` or `selectors`.

The loop and the connections speak of readiness in one set of bits, epoll's own values, so that on Linux
nothing is translated on the way from the kernel to a handler. Two pollers offer the same few functions:

`EpollPoller`, the default on Linux, is a `selectors.BaseSelector` over `select.epoll` whose `poll()` hands
back the handlers themselves. It can watch for a hang-up alone (GONE), which the standard classes refuse as an
empty mask, so that a paused connection hears that its peer has left (closing.md, fact 9).

`SelectorPoller` puts the same face on any other `BaseSelector`. Those cannot watch for a hang-up, so it keeps
such descriptors aside and asks `poll(2)` about them, all in one call, every `HANGUP_PERIOD` while there are
any (so EDGE becomes a look now and then). Where the platform has no POLLRDHUP, a peer that leaves a paused
connection is noticed at `resume()` or by a deadline.

Handlers are objects with `on_ready(mask)`, not functions: a bound method for each connection would cost 64
bytes of memory and an allocation. All handlers of one poll are looked up before the first of them runs: an
event belongs to a registration, not to a descriptor number that a handler may have closed and the kernel
handed out again (fact 11).
"""

from __future__ import annotations

import errno
import select
import selectors
import time
from collections.abc import Iterator, Mapping

from ..hints import Any, Protocol

READ = 0x001  # EPOLLIN: bytes, a FIN, or an error can be read
WRITE = 0x004  # EPOLLOUT: the send buffer has room again
ERROR = 0x008  # EPOLLERR: never asked for, cannot be masked
HANGUP = 0x010  # EPOLLHUP: both directions are down; likewise
GONE = 0x2000  # EPOLLRDHUP: the peer sent FIN or RST
EDGE = 0x8000_0000  # EPOLLET: report ERROR and HANGUP when they change, not while they last

READABLE, WRITABLE = selectors.EVENT_READ, selectors.EVENT_WRITE  # what users of `Reactor.watch` say and hear

Selector = selectors.BaseSelector  # what users may pass in

MAX_EVENTS = 1024  # per poll; what does not fit is reported by the next one (epoll rotates its ready list)
HANGUP_PERIOD = 0.1  # seconds; a paused peer's leaving may be noticed so much later on a foreign selector
SELECT_LIMIT = 1024  # FD_SETSIZE: select(2) cannot watch a higher descriptor (select(2), NOTES)


class Handler(Protocol):
    """Whatever is registered with a poller."""

    def on_ready(self, mask: int) -> None: ...


class Poller(Protocol):
    """What the loop and its users need of a poller."""

    @property
    def patience(self) -> float | None: ...  # seconds until it must poll again though nothing is readable
    def add(self, fd: int, mask: int, handler: Handler) -> None: ...
    def change(self, fd: int, mask: int) -> None: ...
    def remove(self, fd: int) -> None: ...
    def poll(self, timeout: float | None) -> list[tuple[Handler, int]]: ...
    def fileno(self) -> int: ...
    def close(self) -> None: ...


def default_poller() -> Poller:
    """epoll where there is one, else the best that `selectors` knows."""
    return EpollPoller() if hasattr(select, "epoll") else SelectorPoller(selectors.DefaultSelector())


def poller_for(selector: selectors.BaseSelector | None) -> Poller:
    """The poller for what the user passed as `Reactor(selector=...)`."""
    if selector is None:
        return default_poller()
    if isinstance(selector, EpollPoller):
        return selector
    if isinstance(selector, selectors.BaseSelector):
        return SelectorPoller(selector)
    raise TypeError(f"selector must be a selectors.BaseSelector or None, not {selector!r}")


def to_mask(events: int) -> int:
    """The bits of this module for `selectors.EVENT_READ | EVENT_WRITE`."""
    return (READ if events & selectors.EVENT_READ else 0) | (WRITE if events & selectors.EVENT_WRITE else 0)


def to_events(mask: int) -> int:
    """`selectors`' bits for ours: trouble shows as readiness, as the standard selectors report it."""
    return (selectors.EVENT_READ if mask & ~WRITE else 0) | (selectors.EVENT_WRITE if mask & ~READ else 0)


class EpollPoller(selectors.BaseSelector):
    """A selector over `select.epoll` that yields handlers directly. `data` of a registration is its handler."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._handlers: dict[int, Any] = {}
        self._masks: dict[int, int] = {}
        self._objects: dict[int, Any] = {}  # only where the file object is not the number itself

    # What the loop uses.

    def add(self, fd: int, mask: int, handler: Any) -> None:
        self._epoll.register(fd, mask)
        self._handlers[fd] = handler
        self._masks[fd] = mask

    def change(self, fd: int, mask: int) -> None:
        self._epoll.modify(fd, mask)
        self._masks[fd] = mask

    def remove(self, fd: int) -> None:
        del self._handlers[fd], self._masks[fd]
        self._objects.pop(fd, None)
        try:
            self._epoll.unregister(fd)
        except OSError:  # closed under us: the kernel has dropped it by itself
            pass

    def poll(self, timeout: float | None) -> list[tuple[Any, int]]:
        handlers = self._handlers
        events = self._epoll.poll(timeout, MAX_EVENTS)
        try:
            return [(handlers[fd], mask) for fd, mask in events]
        except KeyError:  # closed under us while another process holds a copy: it still reports (fact 3)
            return [(handlers[fd], mask) for fd, mask in events if fd in handlers]

    @property
    def patience(self) -> float | None:
        return None

    def fileno(self) -> int:
        return self._epoll.fileno()

    def close(self) -> None:
        self._epoll.close()
        self._handlers.clear()
        self._masks.clear()
        self._objects.clear()

    # The rest of what a BaseSelector is.

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        _check_events(events)
        fd = self._fd(fileobj)
        if fd in self._handlers:
            raise KeyError(f"{fileobj!r} (descriptor {fd}) is registered already")
        self.add(fd, to_mask(events), data)
        if fileobj is not fd:
            self._objects[fd] = fileobj
        return self._key(fd)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        key = self.get_key(fileobj)
        self.remove(key.fd)
        return key

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        _check_events(events)
        fd = self.get_key(fileobj).fd
        self.change(fd, to_mask(events))
        self._handlers[fd] = data
        return self._key(fd)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is not None:
            timeout = max(timeout, 0)
        try:
            ready = self._epoll.poll(timeout, MAX_EVENTS)
        except InterruptedError:
            return []
        keys = ((self._key(fd), mask) for fd, mask in ready if fd in self._handlers)
        return [(key, to_events(mask) & key.events) for key, mask in keys]

    def get_key(self, fileobj: Any) -> selectors.SelectorKey:
        if self._epoll.closed:
            raise RuntimeError("the selector is closed")
        fd = self._fd(fileobj)
        if fd not in self._handlers:
            raise KeyError(f"{fileobj!r} is not registered")
        return self._key(fd)

    def _fd(self, fileobj: Any) -> int:
        """The descriptor of a file object, also of one that was closed while registered."""
        try:
            return _fileno(fileobj)
        except ValueError:
            for fd, known in self._objects.items():
                if known is fileobj:
                    return fd
            raise

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return _Keys(self)

    def _key(self, fd: int) -> selectors.SelectorKey:
        mask = self._masks[fd]
        events = (selectors.EVENT_READ if mask & READ else 0) | (selectors.EVENT_WRITE if mask & WRITE else 0)
        return selectors.SelectorKey(self._objects.get(fd, fd), fd, events, self._handlers[fd])


class _Keys(Mapping[Any, selectors.SelectorKey]):
    """The live view that `get_map()` gives: it iterates over numbers, and finds keys by number or file object."""

    def __init__(self, poller: EpollPoller) -> None:
        self._poller = poller

    def __len__(self) -> int:
        return len(self._poller._handlers)

    def __iter__(self) -> Iterator[Any]:
        return iter(list(self._poller._handlers))

    def __getitem__(self, fileobj: Any) -> selectors.SelectorKey:
        return self._poller.get_key(fileobj)


class SelectorPoller:
    """The same few functions over any `selectors.BaseSelector`."""

    def __init__(self, selector: selectors.BaseSelector) -> None:
        self._selector = selector
        self._masks: dict[int, int] = {}
        self._hangups: dict[int, Handler] = {}  # watched for a hang-up only, by poll(2)
        self._hangup_poll = select.poll() if hasattr(select, "POLLRDHUP") else None
        self._next_look = 0.0

    def add(self, fd: int, mask: int, handler: Handler) -> None:
        if isinstance(self._selector, selectors.SelectSelector) and fd >= SELECT_LIMIT:
            raise OSError(errno.EMFILE, f"select(2) cannot watch descriptor {fd}: its limit is {SELECT_LIMIT - 1}")
        if fd in self._masks:
            raise FileExistsError(errno.EEXIST, f"descriptor {fd} is watched already")
        self._masks[fd] = 0
        try:
            self._set(fd, mask, handler)
        except (OSError, KeyError, ValueError):
            del self._masks[fd]
            raise

    def change(self, fd: int, mask: int) -> None:
        self._set(fd, mask, self._handler(fd))

    def remove(self, fd: int) -> None:
        if _pollable(self._masks[fd]):
            self._forget(fd)
        if fd in self._hangups:
            self._unwatch_hangup(fd)
        del self._masks[fd]

    def poll(self, timeout: float | None) -> list[tuple[Handler, int]]:
        if not self._hangups or self._hangup_poll is None:
            return [(key.data, to_mask(events)) for key, events in self._selector.select(timeout)]
        wait = max(self._next_look - time.monotonic(), 0)
        found = self._selector.select(wait if timeout is None else min(wait, timeout))
        ready = [(key.data, to_mask(events)) for key, events in found]
        if time.monotonic() >= self._next_look:
            # POLLIN..POLLRDHUP have epoll's values on Linux, the one platform that has POLLRDHUP (poll(2),
            # epoll_ctl(2)).
            ready += [(self._hangups[fd], mask) for fd, mask in self._hangup_poll.poll(0) if fd in self._hangups]
            self._next_look = time.monotonic() + HANGUP_PERIOD
        return ready

    @property
    def patience(self) -> float | None:
        return max(self._next_look - time.monotonic(), 0) if self._hangups else None

    def fileno(self) -> int:
        fileno = getattr(self._selector, "fileno", None)
        if fileno is None:
            raise OSError(errno.EINVAL, f"{type(self._selector).__name__} has no descriptor to embed by")
        number: int = fileno()
        return number

    def close(self) -> None:
        self._selector.close()
        self._masks.clear()
        self._hangups.clear()

    def _set(self, fd: int, mask: int, handler: Handler) -> None:
        before, self._masks[fd] = self._masks[fd], mask
        if _pollable(mask):
            events = to_events(mask & (READ | WRITE))
            if _pollable(before):
                self._selector.modify(fd, events, handler)
            else:
                self._selector.register(fd, events, handler)
        elif _pollable(before):
            self._forget(fd)
        watch = mask & GONE or not _pollable(mask)
        if watch:
            self._hangups[fd] = handler
            if self._hangup_poll is not None:
                self._hangup_poll.register(fd, mask & GONE)
        elif fd in self._hangups:
            self._unwatch_hangup(fd)

    def _handler(self, fd: int) -> Handler:
        handler: Handler = self._hangups[fd] if fd in self._hangups else self._selector.get_key(fd).data
        return handler

    def _forget(self, fd: int) -> None:
        try:
            self._selector.unregister(fd)
        except (KeyError, OSError):  # closed under us; the selector forgets by number either way
            pass

    def _unwatch_hangup(self, fd: int) -> None:
        del self._hangups[fd]
        if self._hangup_poll is not None:
            self._hangup_poll.unregister(fd)


def _pollable(mask: int) -> bool:
    return bool(mask & (READ | WRITE))


def _fileno(fileobj: Any) -> int:
    try:
        fd = fileobj if isinstance(fileobj, int) else int(fileobj.fileno())
    except (AttributeError, TypeError):
        raise ValueError(f"{fileobj!r} has no descriptor") from None
    if fd < 0:
        raise ValueError(f"{fileobj!r} is not an open file")
    return fd


def _check_events(events: int) -> None:
    if events not in (READABLE, WRITABLE, READABLE | WRITABLE):
        raise ValueError(f"events must be EVENT_READ, EVENT_WRITE or both, not {events!r}")
