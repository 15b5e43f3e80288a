"""Graceful stop: 5,000 connections have 64 KiB pending each when the server is told to stop, and begin to read then.

Each server has written 128 KiB. The clients have the segments of Ethernet and a small window, so the kernels take
half of it (48 to 74 KiB) and the server holds the rest. Every client must get all of it, then FIN; a byte too few
anywhere, and the run has failed. Measured: the seconds until the last one has it all, and until the server has exited.
"""

from __future__ import annotations

import time

from bench.peers import Peer
from bench.stage import Stage
from bench.workloads import Workload

CONNECTIONS = 5_000
WRITTEN = 128 * 1024


def stop(stage: Stage, peer: Peer, workload: Workload) -> dict[str, float]:
    with (
        stage.server(peer, workload.role, workload.value) as server,
        stage.loading(server, workload.mode, gate=True, **workload.load) as load,
    ):
        load.await_ready()
        begun = time.monotonic()
        server.ask_to_stop()
        load.open_gate()
        outcome = load.finish()
        drained = time.monotonic() - begun
        server.await_exit()
        exited = time.monotonic() - begun
    return {"drained": drained, "exited": exited, "stop_cpu": outcome.said["server_cpu"]}


WORKLOADS = [
    Workload(
        "stop",
        "stop with 64 KiB pending × 5,000",
        "stop",
        str(WRITTEN),
        mode="pull",
        load={"conns": CONNECTIONS, "bytes": WRITTEN, "receive_buffer": 4096, "segment": 1460},
        metrics=("exited", "drained", "stop_cpu"),
        measure=stop,
    )
]
