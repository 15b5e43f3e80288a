"""What is alive on a loop beside servers and connections, for the line that says why a stop takes time."""

from __future__ import annotations

from ..hints import TYPE_CHECKING

if TYPE_CHECKING:
    from .turn import Turns


def alive(turns: Turns) -> dict[str, int]:
    """The number of armed timers, jobs and watched descriptors that keep `run()` going, by their names."""
    return {
        "timer": turns._timers.refs,
        "job": turns._jobs.pending,
        "watched descriptor": turns._watched,
    }
