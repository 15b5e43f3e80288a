"""Echo: messages of 64 bytes, one under way on each connection.

The server sends back what comes. With an idle timeout armed, it also ends who is silent for 60 s, which nobody is:
what is measured is what the timeout costs each message. `by hand` is what a program does that knows its loop's
timers to be slow: a stamp for each message, one timer for each connection.

Growth is the same echo at 10 to 10,000 connections; its cost in server CPU should not grow.

Latency is taken in an open loop at a rate that everybody can bear: what is measured is how long messages wait, each
from the moment it was due.
"""

from __future__ import annotations

from bench.peers import EVERYBODY, FOREMOST
from bench.workloads import Workload

CONNECTIONS = (10, 100, 1_000, 10_000)
RATE = 20_000  # messages a second: what Tornado and trio do with half a core
GROWTH_METRICS = ("per_cpu", "rate")
LATENCIES = ("p99", "p50", "p99.9", "worst", "server_busy")

WORKLOADS = [
    Workload("echo", "echo 64 B × 200", "echo", load={"conns": 200}, quick=EVERYBODY),
    Workload("echo-1", "echo 64 B × 1", "echo", load={"conns": 1}),
    Workload("echo-5000", "echo 64 B × 5,000", "echo", load={"conns": 5_000}),
    Workload("armed", "echo, idle timeout armed", "echo_timeout", "60", load={"conns": 200}, quick=FOREMOST),
    Workload("armed-by-hand", "echo, idle timeout by hand", "echo_stamped", "60", load={"conns": 200}),
    *(
        Workload(f"growth-{count}", f"echo 64 B × {count:,}", "echo", load={"conns": count}, metrics=GROWTH_METRICS)
        for count in CONNECTIONS
    ),
    Workload(
        "latency",
        f"echo, {RATE:,} messages a second over 200",
        "echo",
        load={"conns": 200, "rate": RATE},
        metrics=LATENCIES,
    ),
]
