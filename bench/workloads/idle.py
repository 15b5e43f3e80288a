"""Idle connections: what they cost in memory, and what it costs the others when they all expire at once.

Memory: 15,000 connections have each said something and fallen silent, with idle timeouts armed. What is counted is
how much the server's resident memory has grown, for each; what the kernel holds for a socket is the same for all.

Mass reaping: 15,000 connections say something at the same time and fall silent, while 100 others go on talking in an
open loop. What is counted is the latency of these others at rest, and of their messages that were under way between
the first and the last of the idle connections being ended.
"""

from __future__ import annotations

from bench.peers import FOREMOST, Peer
from bench.stage import Failed, Stage, settle
from bench.workloads import Workload

IDLE = 15_000
TALKERS = 100
RATE = 5_000  # messages a second of all talkers
SILENCE = 8.0  # seconds until they expire: longer than the slowest peer takes to accept them all
LIMIT = 60.0  # seconds for all of them to be gone


def memory(stage: Stage, peer: Peer, workload: Workload) -> dict[str, float]:
    with stage.server(peer, workload.role, workload.value) as server:
        stage.load(server, "echo", conns=1, seconds=0)  # what is loaded and allocated once, for the first one
        settle()
        before = server.resident()
        with stage.loading(server, "echo", seconds=0, gate=True, **workload.load) as load:
            load.await_ready()
            settle()
            after = server.resident()  # all has been said and heard; both are killed, which is faster than to end
    return {"bytes_each": (after - before) / IDLE}


def reaping(stage: Stage, peer: Peer, workload: Workload) -> dict[str, float]:
    with stage.server(peer, workload.role, workload.value) as server:
        outcome = stage.load(server, workload.mode, warmup=0.5, seconds=LIMIT, **workload.load)
    rest, during = outcome.latency, outcome.said.get("reaping")
    if during is None:
        raise Failed("no message was under way while connections were reaped")
    return {
        "rest_p99": rest["p99"],
        "reap_p99": during["p99"],
        "reap_worst": during["worst"],
        "reap_factor": during["p99"] / rest["p99"],
        "gone": outcome.said["gone"],
    }


WORKLOADS = [
    Workload(
        "idle-memory",
        "memory of 15,000 idle connections",
        "echo_timeout",
        "600",
        load={"conns": IDLE},
        metrics=("bytes_each",),
        quick=tuple(name for name in FOREMOST if name != "limit"),
        measure=memory,
    ),
    Workload(
        "reaping",
        "15,000 expire at once, 100 talk",
        "echo_timeout",
        str(SILENCE),
        load={"conns": TALKERS, "idle": IDLE, "rate": RATE},
        metrics=("reap_p99", "reap_factor", "reap_worst", "rest_p99", "gone"),
        measure=reaping,
    ),
]
