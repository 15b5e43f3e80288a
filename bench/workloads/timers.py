"""Timers, a million of them, without any connection.

Arm and cancel: with 10,000 armed all the time, the oldest is cancelled and a new one armed, 1,000 in each turn of the
loop: what timeouts of requests do. Arm and fire: a million, spread over one second, are armed and fire.
"""

from __future__ import annotations

from bench.peers import Peer
from bench.stage import Stage
from bench.workloads import Workload


def timers(stage: Stage, peer: Peer, workload: Workload) -> dict[str, float]:
    return stage.run_alone(peer, workload.role, workload.value)


WORKLOADS = [
    Workload("timers", "1 M timers", "timers", "1000000", metrics=("cancel", "fire"), unit="timers", measure=timers)
]
