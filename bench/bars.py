"""What this library must show: its bars, as ratios of ours to a peer's in the same run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bench.metrics import FULLY_BUSY
from bench.results import OURS, Results, Spread

#: The rate where both servers were what set the pace; where the load did, operations per second of server CPU.
WORK = "work"


@dataclass(frozen=True, slots=True)
class Bar:
    workload: str
    metric: str
    against: dict[str, float]  # ours / theirs
    at_least: bool = True


BARS = [
    Bar(
        "echo",
        WORK,
        {
            "uvloop-protocol": 1.00,
            "asyncio-protocol": 1.20,
            "node": 1.35,
            "limit": 0.82,
            "uvloop-streams": 1.9,
            "asyncio-streams": 2.1,
            "gevent": 2.2,
            "twisted": 2.8,
            "tornado": 4,
            "trio": 4,
        },
    ),
    Bar("armed", WORK, {"uvloop-protocol": 1.25, "asyncio-protocol": 1.9, "node": 1.4}),
    Bar("lines", WORK, {"uvloop-protocol": 3.0, "asyncio-protocol": 3.0, "node": 2.0}),
    Bar("bulk-256k", WORK, {"uvloop-protocol": 1.15, "asyncio-protocol": 1.15, "node": 1.15, "limit": 1.0}),
    Bar("churn", WORK, {"uvloop-protocol": 1.00, "asyncio-protocol": 2.4, "node": 2.4}),
    Bar(
        "idle-memory",
        "bytes_each",
        {"uvloop-protocol": 0.55, "asyncio-protocol": 0.35, "node": 0.18},
        at_least=False,
    ),
    Bar("import", "import_cpu", {"asyncio-protocol": 1 / 3}, at_least=False),
]

REAPING_BAR = 3.0  # ours alone: 99 % latency while reaping, as a multiple of that at rest


@dataclass(frozen=True, slots=True)
class Verdict:
    workload: str
    peer: str
    metric: str  # never WORK
    limit: float
    at_least: bool
    ratio: Spread

    @property
    def met(self) -> bool:
        return self.ratio.median >= self.limit if self.at_least else self.ratio.median <= self.limit


def telling_metric(results: Results, workload: str, metric: str, peer: str) -> str:
    """By what ours and a peer are compared: for a rate, see WORK."""
    if metric not in (WORK, "rate"):
        return metric
    busy = [results.values(workload, name, "server_busy") for name in (OURS, peer)]
    return "rate" if all(one is not None and one.median >= FULLY_BUSY for one in busy) else "per_cpu"


def verdicts(results: Results) -> Iterator[Verdict]:
    """Of all bars for which there is a result."""
    for bar in BARS:
        for peer, limit in bar.against.items():
            metric = telling_metric(results, bar.workload, bar.metric, peer)
            ratio = results.ratios(bar.workload, peer, metric)
            if ratio is not None:
                yield Verdict(bar.workload, peer, metric, limit, bar.at_least, ratio)
    factor = results.values("reaping", OURS, "reap_factor")
    if factor is not None:
        yield Verdict("reaping", OURS, "reap_factor", REAPING_BAR, False, factor)
