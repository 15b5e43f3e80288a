"""What is asked of the servers: a file for each kind, and here what they have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.peers import BY_NAME, EVERYBODY, Peer
from bench.stage import Stage

MIB = 1 << 20


def served(stage: Stage, peer: Peer, workload: Workload) -> dict[str, float]:
    """One server, one load, what was done by the clock and by the server's CPU time."""
    with stage.server(peer, workload.role, workload.value) as server:
        outcome = stage.load(server, workload.mode, **workload.load)
    return outcome.work(workload.scale) | outcome.latency


@dataclass(frozen=True, slots=True)
class Workload:
    name: str
    title: str
    role: str  # of the server, see servers/__init__.py
    value: str = ""  # of the role
    mode: str = "echo"  # of the load, see load/
    load: Mapping[str, Any] = field(default_factory=dict)  # its options
    unit: str = "messages"  # what is counted,
    scale: float = 1.0  # so many for each operation of the load
    metrics: tuple[str, ...] = ("rate", "per_cpu")  # shown; the first one stands for the workload
    quick: tuple[str, ...] = ()  # peers in the quick run; nobody: only in the full one
    measure: Callable[[Stage, Peer, Workload], dict[str, float]] = served

    def peers(self, quick: bool) -> list[str]:
        """Who can take part."""
        return [name for name in (self.quick if quick else EVERYBODY) if self.role in BY_NAME[name].roles]


def every_workload() -> dict[str, Workload]:
    from bench.workloads import bulk, churn, echo, fanout, idle, importing, limits, lines, stop, timers

    modules = (echo, limits, lines, bulk, churn, idle, fanout, timers, stop, importing)
    return {workload.name: workload for module in modules for workload in module.WORKLOADS}
