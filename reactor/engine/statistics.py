"""What a reactor counts: the report of `Reactor.statistics`."""

from __future__ import annotations

from ..hints import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from .turn import Turns


class ReactorStatistics(NamedTuple):
    """The state of a reactor at one moment.

    - `turns`: The number of turns taken.
    - `ready_calls`: The number of calls that are ready.
    - `timers`: The number of armed timers.
    - `held`: The number of ref'd servers that listen, ref'd connections and watched descriptors, for which `run()` goes
      on.
    - `jobs`: The number of jobs in threads whose callback was not called yet.
    - `uptime`: Seconds since the reactor was made.
    """

    turns: int
    ready_calls: int
    timers: int
    held: int
    jobs: int
    uptime: float


def statistics(turns: Turns, born: float) -> ReactorStatistics:
    """The counts of this moment, of a reactor that was made at `born`."""
    return ReactorStatistics(
        turns=turns._turns,
        ready_calls=len(turns._ready),
        timers=len(turns._timers),
        held=turns._held + turns._watched,
        jobs=turns._jobs.pending,
        uptime=turns.clock_time() - born,
    )
