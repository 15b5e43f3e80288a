"""Clients that trickle, byte by byte and without end, beside honest ones, who must not notice: nothing of theirs is
lost, and the server is busy for less than two thirds of the time. That is its CPU time, which other work on the machine
does not make longer, and which says how long a message waits: in a queue that is as busy as that, three times as long
as in an empty one.
"""

from __future__ import annotations

import pytest

from tests.stress.accounts import Account
from tests.stress.crowds import crowd, honest
from tests.stress.server_process import served, until

HONEST = 100
RATE = 1000  # messages a second, of all honest clients together
ROUNDS = 5
MOST = 2 / 3  # of a core


@pytest.mark.parametrize(("attackers", "seconds"), [(200, 0.2), pytest.param(2000, 4.0, marks=pytest.mark.slow)])
def test_clients_that_trickle(attackers: int, seconds: float, account: Account) -> None:
    slow = {"count": attackers, "trickle": 1.0}  # seconds: each is heard often enough to seem alive
    with served({"read_timeout": 10.0}) as server, honest(server, HONEST, RATE) as good:
        for _ in range(ROUNDS):
            until(lambda: server.look()["open"] == HONEST)
            with crowd(server, slow):
                until(lambda: server.look()["open"] == HONEST + attackers)
                used = server.busy_share(seconds)
                assert used < MOST, f"{used:.1%} of a core"
                until(lambda: server.look()["open"] == HONEST + attackers)
            account.progress(f"{used:.1%} of a core")
        worst, lost = good.saw()
        leaks = server.leaks()
    account.did(
        f"slowloris clients beside {HONEST} honest ones", attackers * ROUNDS, lost=lost, worst=worst, leaks=leaks
    )
