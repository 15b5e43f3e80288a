"""Churn: clients come, are greeted with 8 bytes, and the server ends gracefully: it sends FIN and waits for the
client's, so that nothing is cut. The client reads to the FIN and closes; 64 of them at a time.
"""

from __future__ import annotations

from bench.peers import FOREMOST
from bench.workloads import Workload

WORKLOADS = [
    Workload(
        "churn", "connections: greet, FIN, FIN", "greet", mode="churn", load={"conns": 64}, unit="connections",
        quick=FOREMOST,
    )
]  # fmt: skip
