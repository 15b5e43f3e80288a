"""What the loop waits on. The only module that imports `select` or `selectors`.

The loop and the connections speak of readiness in one set of bits, epoll's own values, so that on Linux
nothing is translated on the way from the kernel to a handler. Two pollers offer the same few functions:

`EpollPoller`, the default on Linux, is a `selectors.BaseSelector` over `select.epoll` whose `poll()` hands back
what the kernel said, as it came. It can watch for a hang-up alone (GONE), which the standard classes refuse as an
empty mask, so that a paused connection hears that its peer has left (closing.md, fact 9).

`SelectorPoller` puts the same face on any other `BaseSelector`. Those cannot watch for a hang-up, so it keeps
such descriptors aside and asks `poll(2)` about them, all in one call, every `HANGUP_PERIOD` while there are
any (so EDGE becomes a look now and then). Where the platform has no POLLRDHUP, a peer that leaves a paused
connection is noticed at `resume()` or by a deadline.

Handlers are objects, not functions: a bound method for each connection would cost 64 bytes of memory and an
allocation. The loop looks them up by descriptor, one by one, since a second list of pairs would cost each message
40 ns; but an event belongs to a registration, not to a number that a handler may have closed and the kernel handed
out again (fact 11), so `removed` says which numbers not to believe any more.
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
    """What is registered with a poller. The names have an underscore because programs see some handlers, their
    connections, and must not take these methods for hooks.
    """

    _flowing: bool  # True if the loop reads for it: then it is a Readable

    def _on_ready(self, mask: int) -> None: ...


class Readable(Handler, Protocol):
    """A handler that the loop reads for while `_flowing` is True: a connection."""

    _sock: Any  # has recv(size)
    _read_size: int  # bytes

    def _on_data(self, data: bytes) -> None: ...  # b"" at the end of the stream
    def _on_read_error(self, error: OSError | MemoryError) -> None: ...


class Poller(Protocol):
    """What the loop and its users need of a poller."""

    handlers: dict[int, Any]  # whose each descriptor is: a Handler, of which some are Readables
    removed: set[int]  # descriptors removed since the last poll: its events for them belong to nobody
    system: Any  # None: the operating system; else the one that is simulated, and makes the sockets too

    @property
    def patience(self) -> float | None: ...  # seconds until it must poll again though nothing is readable
    def add(self, fd: int, mask: int, handler: Handler) -> None: ...
    def change(self, fd: int, mask: int) -> None: ...
    def remove(self, fd: int) -> None: ...
    def poll(self, timeout: float | None) -> list[tuple[int, int]]: ...
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
    """A selector over `select.epoll`. `data` of a registration is its handler.

    As a `BaseSelector` it knows what was registered by the methods of one, and not what the loop has added, of
    which nothing but the handler is kept.
    """

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

    @property
    def patience(self) -> float | None:
        return None

    def fileno(self) -> int:
        return self._epoll.fileno()

    def close(self) -> None:
        self._epoll.close()
        self.handlers.clear()
        self._keys.clear()

    # The rest of what a BaseSelector is.

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        _check_events(events)
        fd = self._fd(fileobj)
        if fd in self.handlers:
            raise KeyError(f"{fileobj!r} (descriptor {fd}) is registered already")
        self.add(fd, to_mask(events), data)
        key = self._keys[fd] = selectors.SelectorKey(fileobj, fd, events, data)
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        key = self.get_key(fileobj)
        del self._keys[key.fd]
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
        keys = ((self._keys[fd], mask) for fd, mask in ready if fd in self._keys)
        return [(key, to_events(mask) & key.events) for key, mask in keys]

    def get_key(self, fileobj: Any) -> selectors.SelectorKey:
        if self._epoll.closed:
            raise RuntimeError("the selector is closed")
        fd = self._fd(fileobj)
        if fd not in self._keys:
            raise KeyError(f"{fileobj!r} is not registered")
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
    """The live view that `get_map()` gives: it iterates over numbers, and finds keys by number or file object."""

    def __init__(self, poller: EpollPoller) -> None:
        self._poller = poller

    def __len__(self) -> int:
        return len(self._poller._keys)

    def __iter__(self) -> Iterator[Any]:
        return iter(list(self._poller._keys))

    def __getitem__(self, fileobj: Any) -> selectors.SelectorKey:
        return self._poller.get_key(fileobj)


class SelectorPoller:
    """The same few functions over any `selectors.BaseSelector`."""

    def __init__(self, selector: selectors.BaseSelector) -> None:
        self._selector = selector
        self.handlers: dict[int, Any] = {}
        self.removed: set[int] = set()
        self._masks: dict[int, int] = {}
        self._hangups: set[int] = set()  # watched for a hang-up only, by poll(2)
        #: A selector that waits on a simulated system says which: its time and its poll(2) are meant too.
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
            self._set(fd, mask)
        except (OSError, KeyError, ValueError):
            del self._masks[fd]
            raise
        self.handlers[fd] = handler

    def change(self, fd: int, mask: int) -> None:
        self._set(fd, mask)

    def remove(self, fd: int) -> None:
        del self.handlers[fd]
        self.removed.add(fd)
        if _pollable(self._masks[fd]):
            self._forget(fd)
        if fd in self._hangups:
            self._unwatch_hangup(fd)
        del self._masks[fd]

    def poll(self, timeout: float | None) -> list[tuple[int, int]]:
        self.removed.clear()
        if not self._hangups or self._hangup_poll is None:
            return [(key.fd, to_mask(events)) for key, events in self._select(timeout)]
        wait = max(self._next_look - self._monotonic(), 0)
        found = self._select(wait if timeout is None else min(wait, timeout))
        ready = [(key.fd, to_mask(events)) for key, events in found]
        if self._monotonic() >= self._next_look:
            # POLLIN..POLLRDHUP have epoll's values on Linux, the one platform that has POLLRDHUP (poll(2),
            # epoll_ctl(2)).
            ready += [(fd, mask) for fd, mask in self._hangup_poll.poll(0) if fd in self._hangups]
            self._next_look = self._monotonic() + HANGUP_PERIOD
        return ready

    def _select(self, timeout: float | None) -> list[tuple[selectors.SelectorKey, int]]:
        try:
            return self._selector.select(timeout)
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
        number: int = fileno()
        return number

    def close(self) -> None:
        self._selector.close()
        self.handlers.clear()
        self._masks.clear()
        self._hangups.clear()

    def _set(self, fd: int, mask: int) -> None:
        before, self._masks[fd] = self._masks[fd], mask
        if _pollable(mask):
            events = to_events(mask & (READ | WRITE))
            if _pollable(before):
                self._selector.modify(fd, events)
            else:
                self._selector.register(fd, events)
        elif _pollable(before):
            self._forget(fd)
        watch = mask & GONE or not _pollable(mask)
        if watch:
            self._hangups.add(fd)
            if self._hangup_poll is not None:
                self._hangup_poll.register(fd, mask & GONE)
        elif fd in self._hangups:
            self._unwatch_hangup(fd)

    def _forget(self, fd: int) -> None:
        try:
            self._selector.unregister(fd)
        except (KeyError, OSError):  # closed under us; the selector forgets by number either way
            pass

    def _unwatch_hangup(self, fd: int) -> None:
        self._hangups.discard(fd)
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
