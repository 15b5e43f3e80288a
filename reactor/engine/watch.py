"""Foreign descriptors: what `Reactor.watch` registers for a program that does its own reading and writing."""

from __future__ import annotations

from ..hints import TYPE_CHECKING
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
