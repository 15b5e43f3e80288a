"""What the limits on speed remember of a connection, from look to look. Pure: time and counts come as arguments.

Nothing here is kept up to date by traffic. When somebody looks (`Keeper.look`, or the flush at the end of a turn),
the counters are compared with what they were when the window began; a window in which enough has moved is followed by
the next. So a connection costs one look a window.

Rejected: an average since the connection began, which lets whoever has once been quick be slow for ever after; and a
measurement for each message.
"""

from __future__ import annotations

from ...hints import TYPE_CHECKING
from .agenda import NEVER

if TYPE_CHECKING:
    from typing import Protocol

    from ..limits import Excess, Speed

    class Silent(Protocol):
        """What `set_timeout` has made."""

        def cancel(self) -> None: ...


NOT_YET = -float("inf")


class Window:
    """Time in which something is expected to move."""

    __slots__ = ("_began_at", "_count")

    def __init__(self) -> None:
        self.stop()

    def stop(self) -> None:
        """Nothing is expected. What comes next has its own grace."""
        self.begin(NOT_YET, 0)

    def begin(self, at: float, count: int) -> None:
        """A new window, whatever has moved in this one."""
        self._began_at, self._count = at, count

    def end(self, now: float, count: int, speed: Speed, began_at: float = NOT_YET, began_with: int = 0) -> float:
        """When the window ends that runs now: in the past only if too little has moved in it.

        `count` is all that has moved so far. Given `began_at`, what is expected began then, with that count, if no
        window has begun since; else it begins with the first call after `stop`.
        """
        if self._began_at < began_at:
            self.begin(began_at, began_with)
        elif self._began_at == NOT_YET:
            self.begin(now, count)
        if now >= self._began_at + speed.seconds and count - self._count >= speed.bytes_per_second * speed.seconds:
            self.begin(now, count)
        return self._began_at + speed.seconds


class Gauges:
    """Of one connection: what its deadlines know beside its stamps. It exists from the first need on."""

    __slots__ = ("above_since", "busy", "end_by", "kept_at", "lot", "read", "silence", "written")

    above_since: float | None  # since when more has been pending than `slow_reader` allows
    lot: float | None  # from 0 to 1, fixed for each connection: its share of `jitter`
    silence: Silent | None  # the timer of `set_timeout`

    def __init__(self) -> None:
        self.read = Window()
        self.written = Window()
        self.above_since = self.lot = self.silence = None
        self.busy = False  # the program says so
        self.kept_at = NOT_YET  # the last touch()
        self.end_by = NEVER  # from end(timeout=) or destroy_soon(timeout=)

    def excess(self, now: float, held: int, limit: Excess) -> float | None:
        """When the patience with this reader ends; None: it holds no more than it may."""
        if held <= limit.bytes:
            self.above_since = None
            return None
        if self.above_since is None:
            self.above_since = now
        return self.above_since + limit.seconds

    def begin(self, rate: str, now: float, read: int) -> None:
        """A rate was set: what it asks for is asked from now on, and the others go on."""
        if rate == "min_read_rate":
            self.read.begin(now, read)
        elif rate == "min_write_rate":
            self.written.stop()
        elif rate == "slow_reader":
            self.above_since = None

    def end_silence(self) -> None:
        """No `timeout` for `set_timeout` any more."""
        if self.silence is not None:
            self.silence.cancel()
            self.silence = None
