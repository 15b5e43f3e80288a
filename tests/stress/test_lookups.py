"""Many names are asked for while descriptors and threads run out and come back: each client is told what became of it,
once and at once, though no deadline would end it; and then all is as before.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.stress.accounts import Account
from tests.support.process import environment

PROGRAM = Path(__file__).with_name("lookup_program.py")
AT_ONCE = (
    30.0  # seconds in which a batch is told, on the busiest machine; a client that nobody tells would take for ever
)


@pytest.mark.parametrize(("count", "seeds"), [(100, 2), pytest.param(1000, 10, marks=pytest.mark.slow)])
def test_names_while_descriptors_and_threads_run_out(count: int, seeds: int, account: Account) -> None:
    leaks = 0
    for seed in range(seeds):
        account.progress(f"seed {seed} of {seeds}")
        command = [sys.executable, str(PROGRAM), str(count), str(seed)]
        done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=300, check=False)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        saw = json.loads(done.stdout)
        assert (saw["told once"], saw["told more often"], saw["afterwards"]) == (count, 0, "open"), saw
        assert saw["reasons"].keys() <= {"CONNECT_FAILED", "DESTROYED", "RESET"}, saw
        assert saw["slowest"] < AT_ONCE, saw
        leaks += saw["descriptors left"]
    account.did("names asked for without descriptors or threads", count * seeds, leaks=leaks)
