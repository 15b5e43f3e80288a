"""Who holds reading, and what was seen of the peer meanwhile. Pure.

Reading is held by the program (`pause()`) or by a pipe whose destination has enough; it goes on when nobody holds it.
The object exists only for connections that were paused or piped once.
"""

from __future__ import annotations

from ...hints import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Protocol

    class Joined(Protocol):
        """What a connection asks of a pipe."""

        ends: bool  # it passes ends on, and not only bytes
        waiting: bool  # its source is not read, because its destination has enough

        @property
        def destination(self) -> object: ...
        @property
        def waits_for_connection(self) -> bool: ...  # what it waits for has deadlines of its own
        @property
        def source_says_no_more(self) -> bool: ...  # the source's own half is ending or has ended
        def on_drain(self) -> None: ...
        def leave(self) -> bool: ...  # nothing passes any more


class Pause:
    """What holds one connection from being read, and its pipes."""

    __slots__ = ("by_program", "fed", "gone", "hung_up", "pipes")

    by_program: bool
    gone: bool  # the peer is known to have left while paused
    hung_up: bool  # ERR or HUP was seen while not reading: it cannot be masked, so nothing is watched
    pipes: tuple[Joined, ...]  # that begin here
    fed: tuple[Joined, ...]  # that end here

    def __init__(self) -> None:
        self.by_program = self.gone = self.hung_up = False
        self.pipes = self.fed = ()

    @property
    def holds(self) -> bool:
        """True if the connection is not to be read."""
        return self.by_program or any(pipe.waiting for pipe in self.pipes)

    @property
    def end_comes_by_pipe(self) -> bool:
        """True if a pipe ends our half when its source ends, so that the peer's FIN does not."""
        return any(pipe.ends for pipe in self.fed)

    def other_end_acts(self, paused: bool) -> bool:
        """True if it is the turn of another connection, at the other end of a pipe, which has deadlines of its own."""
        if not paused:  # a source whose own half is over has a deadline, and that ends this pipe
            return any(pipe.ends and pipe.source_says_no_more for pipe in self.fed)
        return not self.by_program and any(pipe.waits_for_connection for pipe in self.pipes)

    def forget(self, pipe: Joined) -> bool:
        """True if it began here."""
        known = pipe in self.pipes
        self.pipes = tuple(other for other in self.pipes if other is not pipe)
        return known
