"""Bulk: large messages echoed, and one large answer to one reader, from memory and from a file.

On loopback, bulk is copying: the load generator copies as much as the server and compares every byte besides, so it
may be what sets the pace. Then the server's CPU time says more than the rate.
"""

from __future__ import annotations

from bench.peers import FOREMOST, Peer
from bench.stage import Stage, file_of_blocks
from bench.workloads import MIB, Workload

PUSHED = 1024 * MIB
FILE = 256 * MIB


def echoed(name: str, size: int, title: str, quick: tuple[str, ...] = ()) -> Workload:
    load = {"conns": 16, "size": size}
    return Workload(name, title, "echo", load=load, unit="MiB", scale=size / MIB, quick=quick)


def file_sent(stage: Stage, peer: Peer, workload: Workload) -> dict[str, float]:
    with file_of_blocks(FILE) as path, stage.server(peer, workload.role, str(path)) as server:
        return stage.load(server, workload.mode, **workload.load).work(workload.scale)


WORKLOADS = [
    echoed("bulk-16k", 16 * 1024, "echo 16 KiB × 16"),
    echoed("bulk-256k", 256 * 1024, "echo 256 KiB × 16", quick=FOREMOST),
    Workload(
        "push", "1 GiB to a reader", "push", str(PUSHED), mode="pull", load={"bytes": PUSHED}, unit="MiB", scale=1 / MIB
    ),
    Workload(
        "send-file",
        "a file of 256 MiB to a reader",
        "file",
        mode="pull",
        load={"bytes": FILE},
        unit="MiB",
        scale=1 / MIB,
        measure=file_sent,
    ),
]
