"""Pipelined lines: 16 lines of 64 bytes are sent at once, as `redis-benchmark -P 16` does, and the next 16 when all
are answered. The server splits what comes into lines, and answers each with a write of its own; who joins these
writes into one send wins. The C limit answers each read with one send.
"""

from __future__ import annotations

from bench.peers import FOREMOST
from bench.workloads import Workload

WORKLOADS = [
    Workload(
        "lines",
        "lines, 16 × 64 B in flight × 50",
        "lines",
        load={"conns": 50, "depth": 16},
        unit="lines",
        quick=FOREMOST,
    )
]
