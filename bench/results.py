"""What was measured: runs, their medians and ratios, and two files of them compared.

A run is one server process under one load. Ours runs between its peers, some of them to a group; a ratio divides
our run of a group by a peer's run of the same group, so both saw the machine in the same state. What is told is the
median of the ratios, and never the ratio of medians.
"""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

OURS = "reactor"
BASE = "base"  # this library as a commit has it
SURE = 0.05  # a difference that chance makes less often than this is one
NOTHING = 0.02  # a change smaller than this is none, however narrow the spreads


@dataclass(frozen=True, slots=True)
class Run:
    workload: str
    peer: str
    round: int
    group: int
    metrics: dict[str, float] = field(default_factory=dict)
    failed: str = ""  # why, when it did


@dataclass(frozen=True, slots=True)
class Spread:
    """A median, and between what the middle half of the values lies."""

    median: float
    low: float
    high: float
    count: int

    def overlaps(self, other: Spread) -> bool:
        return self.low <= other.high and other.low <= self.high


def spread(values: Iterable[float]) -> Spread | None:
    """None when there is no value."""
    found = sorted(values)
    if not found:
        return None
    if len(found) == 1:
        return Spread(found[0], found[0], found[0], 1)
    low, median, high = statistics.quantiles(found, n=4, method="inclusive")
    return Spread(median, low, high, len(found))


def chance(ratios: Iterable[float]) -> float:
    """The sign test: how probable it is that equal versions give ratios as one-sided as these, 1 at most."""
    signs = [ratio > 1 for ratio in ratios if ratio != 1]
    fewer, all_of_them = min(signs.count(True), signs.count(False)), len(signs)
    return min(1.0, 2 * sum(math.comb(all_of_them, number) for number in range(fewer + 1)) / (1 << all_of_them))


@dataclass(slots=True)
class Results:
    machine: dict[str, Any] = field(default_factory=dict)
    runs: list[Run] = field(default_factory=list)

    def workloads(self) -> list[str]:
        """In the order of their first run."""
        return list(dict.fromkeys(run.workload for run in self.runs))

    def compared(self) -> list[str]:
        """Those in which somebody else took part too."""
        return [name for name in self.workloads() if self.peers(name) not in ([], [OURS])]

    def peers(self, workload: str | None = None) -> list[str]:
        """Ours first, then in the order of their first run."""
        names = dict.fromkeys(run.peer for run in self.runs if workload in (None, run.workload))
        return sorted(names, key=lambda name: name != OURS)

    def of(self, workload: str, peer: str) -> Iterator[Run]:
        return (run for run in self.runs if (run.workload, run.peer) == (workload, peer) and not run.failed)

    def failures(self) -> list[Run]:
        return [run for run in self.runs if run.failed]

    def values(self, workload: str, peer: str, metric: str) -> Spread | None:
        return spread(run.metrics[metric] for run in self.of(workload, peer) if metric in run.metrics)

    def ratios(self, workload: str, peer: str, metric: str) -> Spread | None:
        """Ours divided by the peer's, each within its group."""
        return spread(self.each_ratio(workload, peer, metric))

    def each_ratio(self, workload: str, peer: str, metric: str) -> list[float]:
        ours = {(run.round, run.group): run.metrics for run in self.of(workload, OURS)}
        pairs = [(ours.get((run.round, run.group), {}), run.metrics) for run in self.of(workload, peer)]
        return [our[metric] / their[metric] for our, their in pairs if metric in our and their.get(metric, 0) > 0]


def save(results: Results, path: Path) -> None:
    path.write_text(json.dumps({"machine": results.machine, "runs": [asdict(run) for run in results.runs]}, indent=1))


def load(path: Path) -> Results:
    """Raises ValueError for what is not a file of results."""
    try:
        read = json.loads(path.read_text())
        return Results(read["machine"], [Run(**run) for run in read["runs"]])
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} is not a file of results: {error}") from error


@dataclass(frozen=True, slots=True)
class Change:
    """What became of one number from one file to another."""

    workload: str
    peer: str
    metric: str
    before: Spread
    after: Spread

    @property
    def factor(self) -> float:
        return self.after.median / self.before.median if self.before.median else float("nan")

    @property
    def certain(self) -> bool:
        """True if the middle halves of the rounds lie apart, and the medians by more than nothing."""
        return not self.before.overlaps(self.after) and abs(self.factor - 1) > NOTHING


def compare(before: Results, after: Results, metrics: Iterable[str]) -> list[Change]:
    """Of ours, what was measured; of peers, our ratio to them, which outlasts a change of machine better. What only
    one of the files has is left out.
    """
    wanted = list(metrics)
    changes = []
    for workload in (name for name in before.workloads() if name in after.workloads()):
        for peer in (name for name in before.peers(workload) if name in after.peers(workload)):
            for metric in wanted:
                pick = Results.values if peer == OURS else Results.ratios
                old, new = pick(before, workload, peer, metric), pick(after, workload, peer, metric)
                if old is not None and new is not None:
                    changes.append(Change(workload, peer, metric, old, new))
    return changes
