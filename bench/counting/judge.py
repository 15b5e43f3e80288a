"""From counts to a verdict: a change that is not larger than the spread says nothing.

The spread of a workload is how far the counts of one library lie apart: the largest minus the smallest, as a share of
the smallest; of the two libraries, the larger. The change is that of the medians.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from bench.results import BASE, OURS, Results

METRIC = "instructions"
NOTHING = 0.00005  # a change that the table shows as 0.00 %


@dataclass(frozen=True, slots=True)
class Judged:
    """A workload's counts with the library of BASE, and with the library as it stands."""

    workload: str
    base: Sequence[float]
    ours: Sequence[float]

    @property
    def before(self) -> float:
        return statistics.median(self.base)

    @property
    def after(self) -> float:
        return statistics.median(self.ours)

    @property
    def change(self) -> float:
        """0.01 is 1 % more instructions."""
        return self.after / self.before - 1

    @property
    def spread(self) -> float:
        return max(width(self.base), width(self.ours))

    @property
    def verdict(self) -> str:
        if abs(self.change) < NOTHING:
            return "the same"
        if abs(self.change) <= self.spread:
            return "within the spread"
        return "more" if self.change > 0 else "fewer"


def width(counts: Sequence[float]) -> float:
    """How far they lie apart, as a share of the smallest."""
    return max(counts) / min(counts) - 1


def judged(results: Results) -> list[Judged]:
    """Each workload that was counted with both libraries."""
    found = []
    for name in results.workloads():
        base, ours = ([run.metrics[METRIC] for run in results.of(name, library)] for library in (BASE, OURS))
        if base and ours:
            found.append(Judged(name, base, ours))
    return found


def percent(share: float, sign: str = "+") -> str:
    return f"{round(100 * share, 2) + 0:{sign}.2f} %"  # + 0: no "-0.00"
