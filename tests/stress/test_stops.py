"""Stops of processes with everything alive: random things on the loop and in its threads, and clients at random stages.
Each process ends when its grace is over, also in the middle of a flood of messages.
"""

from __future__ import annotations

import random
import signal
import time
from pathlib import Path

import pytest

from reactor.testing import Peer
from tests.cli.test_process_stop import COSTLY, FREE, GRACE, address, serving
from tests.stress.accounts import Account

CLIENTS = 5
STATUS = {0, 1}  # 1: connections were reset when the grace was over
LATE = 10.0  # seconds over the grace that a busy machine may take


@pytest.mark.parametrize("times", [3, pytest.param(200, marks=pytest.mark.slow)])
def test_a_process_stops_with_everything_alive(times: int, account: Account, tmp_path: Path) -> None:
    kinds = list({**FREE, **COSTLY}.values())
    worst = 0.0
    for number in range(times):
        chance = random.Random(number)
        alive = "\n".join(chance.sample(kinds, chance.randint(1, 5)))
        with serving(tmp_path, alive, GRACE) as process:
            peers = [Peer(address(process)) for _ in range(chance.randint(0, CLIENTS))]
            for peer in peers:
                peer.send(bytes(chance.choice((0, 1, 100_000))))
                if chance.random() < 0.3:
                    peer.end()
            begun = time.monotonic()
            process.signal(chance.choice((signal.SIGTERM, signal.SIGINT)))
            status, out = process.finish()
            took = time.monotonic() - begun
            for peer in peers:
                peer.close()
        assert status in STATUS, out
        assert out.endswith("the end\n"), out
        assert took < GRACE + LATE, f"seed {number}: {took} s"
        worst = max(worst, took)
        account.progress(f"{number + 1} of {times}, the longest {worst:.1f} s")
    account.did("stops with everything alive", times)
