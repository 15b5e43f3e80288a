"""Connections that come and go, by the million, leave the process as it was: memory, descriptors, timers,
registrations; and nothing for the collector, which is off.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from bench.machine import compiled
from tests.stress.accounts import Account
from tests.stress.server_process import ROOT, Served, served

MIB = 1 << 20
AT_A_TIME = 100
ROUND = 5.0  # seconds of churn between two looks


def churn(server: Served, seconds: float) -> int:
    """Greet and let go, `AT_A_TIME` at a time; how many there were. The load checks each to its end."""
    program = compiled("load")
    command = [sys.executable, "-m", "bench.slow_load"] if program is None else [str(program)]
    options = [f"--port={server.address[1]}", f"--conns={AT_A_TIME}", f"--seconds={seconds}", "--warmup=0"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command += ["churn", *options]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60 + seconds, check=False)
    assert done.returncode == 0, done.stderr
    return int(server.look()["opened"])


@pytest.mark.parametrize(
    ("warmup", "total", "growth", "seconds"),
    [(3000, 15_000, 4 * MIB, 0.5), pytest.param(100_000, 2_000_000, MIB, ROUND, marks=pytest.mark.slow)],
)
def test_churn_leaves_the_process_as_it_was(
    warmup: int, total: int, growth: int, seconds: float, account: Account
) -> None:
    with served(role="greet") as server:
        come = 0
        while come < warmup:
            come = churn(server, seconds)
        before, resident = server.look(), server.resident()
        while come < warmup + total:
            come = churn(server, seconds)
            account.progress(f"{come:,} of {warmup + total:,}")
        leaks = server.leaks()
        after = server.look()
        assert after["ended"] == {"ENDED": come}
        grown = server.resident() - resident
        assert grown <= growth, f"{grown} bytes more than after the warm-up"
        account.progress(f"{grown:,} bytes more than after the warm-up")
        assert after["objects"] - before["objects"] < 500
    account.did("connections that came and went", come, leaks=leaks)
