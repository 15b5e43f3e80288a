"""Where a client connects from, in a network of our own: few ports, an address that needs its interface. Root only."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.process import SECONDS, environment

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root, for a network namespace"),
    pytest.mark.skipif(shutil.which("unshare") is None, reason="unshare is not installed (Debian: util-linux)"),
    pytest.mark.skipif(shutil.which("ip") is None, reason="ip is not installed (Debian: iproute2)"),
]


def inside(folder: Path, prepare: str, program: str) -> list[str]:
    """What a program prints, line by line, that runs in a new network namespace."""
    path = folder / "program.py"
    path.write_text(program)
    script = f"ip link set lo up && {prepare} && exec {sys.executable} {path}"
    done = subprocess.run(
        ["unshare", "-n", "sh", "-c", script], env=environment(), capture_output=True, timeout=SECONDS, check=False
    )
    if done.returncode and b"unshare" in done.stderr:
        pytest.skip(f"no network namespace can be made here: {done.stderr.decode().strip()}")
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout.decode().splitlines()


FEW_PORTS = """
import socket
from reactor import Reactor, connect
with Reactor() as loop:
    listening = [socket.create_server(("127.0.0.1", port), backlog=100) for port in (6001, 6002)]
    clients = [connect(loop, "127.0.0.1", 6001 + number % 2, local_address=("127.0.0.1", 0)) for number in range(38)]
    ended = []
    for conn in clients:
        conn.on("connect", lambda conn: ended.append(conn.local_address[1]))
        conn.on("error", lambda conn, error: ended.append(str(error)))
    while len(ended) < len(clients):
        loop.run_once(1)
    print(sum(isinstance(port, int) for port in ended), len(set(ended)) <= 20)
    last = [connect(loop, "127.0.0.1", 6001, local_address=("127.0.0.1", 0)) for _ in range(4)]
    for conn in last:
        conn.on("error", lambda conn, error: print(error.strerror))
    while any(conn.state == "connecting" for conn in last):
        loop.run_once(1)
    loop.run_once(0)
    for sock in listening:
        sock.close()
"""


def test_connections_to_different_servers_share_the_few_ports_of_an_address(tmp_path: Path) -> None:
    """20 ports and 2 servers: 40 connections are possible, of which asking for a port before connecting allows 20."""
    few = "echo 50000 50019 > /proc/sys/net/ipv4/ip_local_port_range"
    connected, *refused = inside(tmp_path, few, FEW_PORTS)
    assert connected == "38 True"
    assert len(refused) >= 2
    assert set(refused) == {"connect EADDRNOTAVAIL 127.0.0.1:6001 - Local (127.0.0.1:0)"}


LINK_LOCAL = """
from reactor import Reactor, Server, connect
with Reactor() as loop:
    server = Server(loop, lambda conn: conn.end(b"ok"))
    host, port = server.listen("fe80::77%lo", 0)
    for local in ("fe80::77%lo", "fe80::77%1", "fe80::77"):
        conn = connect(loop, "fe80::77%lo", port, local_address=(local, 0))
        conn.on("close", lambda conn, report: print(report.error or conn.local_address[0]))
        while conn.report is None:
            loop.run_once(1)
    server.close()
"""


def test_an_address_that_needs_its_interface_may_be_connected_from(tmp_path: Path) -> None:
    told = inside(tmp_path, "ip -6 addr add fe80::77/64 dev lo nodad", LINK_LOCAL)
    assert told == ["fe80::77%1"] * 3
