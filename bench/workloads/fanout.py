"""Fan-out: what one of 10,000 connections says, all get. The next message is said when everybody has the last one;
the latency is how long that took.
"""

from __future__ import annotations

from bench.workloads import Workload

WORKLOADS = [
    Workload(
        "fan-out",
        "one message to 10,000",
        "fanout",
        mode="fanout",
        load={"conns": 10_000},
        unit="deliveries",
        metrics=("rate", "per_cpu", "p50", "worst"),
    )
]
