"""Limits: echo with all of them on against all of them off, only of this library.

Both servers run at the same time, and are loaded in turn, so that what else the machine does meets both. What counts is
the median over pairs of how much server CPU a message takes with and without; new processes in each round have luck of
their own with memory.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import median

from bench.peers import Peer
from bench.results import OURS
from bench.stage import Stage
from bench.workloads import Workload

PAIRS = 6


@dataclass(frozen=True, slots=True)
class OfOurs(Workload):
    def peers(self, quick: bool) -> list[str]:
        return [OURS]


def on_and_off(stage: Stage, peer: Peer, workload: Workload) -> dict[str, float]:
    found: dict[str, list[float]] = {"on": [], "off": []}
    limited = replace(peer, server="ours_limited")
    with stage.server(limited, workload.role, "on") as on, stage.server(limited, workload.role, "off") as off:
        for number in range(PAIRS):
            for which, server in sorted({"on": on, "off": off}.items(), reverse=number % 2 == 0):
                outcome = stage.load(server, workload.mode, warmup=0.1, **workload.load)
                found[which].append(1 / outcome.work()["per_cpu"])
    factors = [with_limits / without for with_limits, without in zip(found["on"], found["off"], strict=True)]
    return {"limits_factor": median(factors), "per_cpu": 1 / median(found["on"])}


WORKLOADS = [
    OfOurs(
        "limits",
        "echo 64 B × 200, every limit on / off",
        "echo",
        load={"conns": 200},
        metrics=("limits_factor", "per_cpu"),
        quick=(OURS,),
        measure=on_and_off,
    )
]
