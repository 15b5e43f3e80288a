"""Graceful stop, with much to deliver and with nothing.

`stop`: 5,000 connections have 64 KiB pending each when the server is told to stop, and begin to read then. Each server
has written 128 KiB. The clients have the segments of Ethernet and a small window, so the kernels take half of it (48 to
74 KiB) and the server holds the rest. Every client must get all of it, then FIN; a byte too few anywhere, and the run
has failed. Measured: the seconds until the last one has it all, and until the server has exited.

`stop-idle`: 1,000 clients keep their connections in a pool, as an HTTP client or a database driver does. Each has
asked once; the answer has arrived and is not read yet. None of them notices a FIN before it uses its connection again,
which is after the server has exited: then each must find the whole answer, and FIN behind it. Measured: the seconds
until the server has exited, whose grace is 30 s. Of this library only: the roles of the others wait for each FIN.
"""

from __future__ import annotations

import contextlib
import socket
import time

from bench.peers import Peer
from bench.results import OURS
from bench.stage import PATIENCE, Failed, Stage
from bench.workloads import Workload
from bench.workloads.limits import OfOurs

CONNECTIONS = 5_000
WRITTEN = 128 * 1024
POOLED = 1_000
ASKED = b"x" * 64


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


def stop_idle(stage: Stage, peer: Peer, workload: Workload) -> dict[str, float]:
    with stage.server(peer, workload.role) as server, contextlib.ExitStack() as pool:
        clients = [pool.enter_context(socket.create_connection(("127.0.0.1", server.port))) for _ in range(POOLED)]
        for client in clients:
            client.settimeout(PATIENCE)
            client.sendall(ASKED)
        for client in clients:
            client.recv(len(ASKED), socket.MSG_PEEK | socket.MSG_WAITALL)
        begun = time.monotonic()
        server.ask_to_stop()
        server.await_exit()
        exited = time.monotonic() - begun
        lost = sum(len(ASKED) - len(read_to_fin(client)) for client in clients)
    if lost:
        raise Failed(f"{lost:,} bytes of the answers were lost")
    return {"exited": exited}


def read_to_fin(client: socket.socket) -> bytes:
    """All that came before FIN."""
    got = b""
    while data := client.recv(65_536):
        got += data
    return got


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
    ),
    OfOurs(
        "stop-idle",
        "stop with 1,000 idle clients of a pool",
        "echo",
        metrics=("exited",),
        quick=(OURS,),
        measure=stop_idle,
    ),
]
