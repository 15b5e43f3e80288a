"""Foreign descriptors: what `Reactor.watch` registers for a program that does its own reading and writing."""

from __future__ import annotations

import errno

from .. import arguments
from ..hints import TYPE_CHECKING, Any
from .poller import to_events

if TYPE_CHECKING:
    from collections.abc import Callable


class Watch:
    """A foreign descriptor and the function that is called when it is ready."""

    __slots__ = ("_fd", "events", "fn")

    _flowing = False

    def __init__(self, fd: int, events: int, fn: Callable[[int, int], object]) -> None:
        self._fd = fd
        self.events = events
        self.fn: Callable[[int, int], object] | None = fn

    def _on_ready(self, mask: int) -> None:
        events = to_events(mask) & self.events
        if self.fn is not None and events:
            self.fn(self._fd, events)

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
        raise PermissionError(
            errno.EPERM, f"fd must be a socket, a pipe or the like: to wait for {kind} is not permitted, as for {fd!r}"
        )
