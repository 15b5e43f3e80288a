"""Listeners of signals that must do something also while the loop is stuck.

The loop calls a listener of a signal in its next turn, which never comes while a listener blocks. An `Urgent` one is
told in the handler of the signal too. The interpreter runs handlers in its main thread between two bytecodes, and in
the middle of system calls that sleep; so `at_once` may do next to nothing: count, and change how signals are handled.
"""

from __future__ import annotations

from ..hints import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Urgent:
    """What `Reactor.on_signal` may be given: it is told at once, and then called by the loop."""

    __slots__ = ()

    def at_once(self, signum: int) -> None:
        """The signal has arrived: called in its handler, whatever the loop does."""
        raise NotImplementedError

    def __call__(self, signum: int) -> None:
        """The same as a call of the loop."""
        raise NotImplementedError


def told_at_once(queue: Callable[..., object]) -> Callable[..., object]:
    """`queue`, with which a handler queues `fn(signum)`, for listeners of which some are urgent."""

    def arrived(fn: Callable[[int], object], signum: int) -> None:
        if isinstance(fn, Urgent):
            fn.at_once(signum)
        queue(fn, signum)

    return arrived
