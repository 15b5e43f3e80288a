"""What the loop waits on: the bits of readiness, and what a poller offers.

The loop and the connections speak of readiness in one set of bits, epoll's own values, so that on Linux no bit is
translated between the kernel and a handler. Two pollers offer the same few functions, each in a file of its own:
`EpollPoller` over `select.epoll`, and `SelectorPoller` over any other `selectors.BaseSelector`.

Handlers (`interfaces.py`) are objects, not functions: a bound method for each connection would cost 64 bytes of memory
and an allocation. The loop looks them up by descriptor, one by one, since a second list of pairs would cost each
message 40 ns. An event belongs to a registration and not to a number: a handler may close its descriptor, and the
kernel may give the number to the next one (fact 11). So `removed` holds the numbers whose events belong to nobody.
"""

from __future__ import annotations

import selectors

from ..hints import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing import Protocol

    from .interfaces import Handler

READ = 0x001  # EPOLLIN: bytes, a FIN, or an error can be read
WRITE = 0x004  # EPOLLOUT: the send buffer has room again
ERROR = 0x008  # EPOLLERR: never asked for, cannot be masked
HANGUP = 0x010  # EPOLLHUP: both directions are down; never asked for, cannot be masked
GONE = 0x2000  # EPOLLRDHUP: the peer sent FIN or RST
EDGE = 0x8000_0000  # EPOLLET: report ERROR and HANGUP when they change, not while they last

READABLE, WRITABLE = selectors.EVENT_READ, selectors.EVENT_WRITE  # what `Reactor.watch` takes and calls with

if TYPE_CHECKING:

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


def to_mask(events: int) -> int:
    """The bits of this module for `selectors.EVENT_READ | EVENT_WRITE`."""
    return (READ if events & selectors.EVENT_READ else 0) | (WRITE if events & selectors.EVENT_WRITE else 0)


def to_events(mask: int) -> int:
    """`selectors`' bits for ours: trouble shows as readiness, as the standard selectors report it."""
    return (selectors.EVENT_READ if mask & ~WRITE else 0) | (selectors.EVENT_WRITE if mask & ~READ else 0)
