"""A storm of connects when descriptors have run out: those who are in are served, the others are told, the server
neither spins nor fills its log, and when there are descriptors again it takes people in.
"""

from __future__ import annotations

import time

import pytest

from tests.stress.accounts import Account
from tests.stress.crowds import crowd, honest
from tests.stress.server_process import served, until

LIMIT = 64  # descriptors of the server
NOTHING_ELSE = 20  # what it needs besides its clients, at most


@pytest.mark.parametrize(
    ("storm", "seconds", "busy"), [(600, 1.0, 0.5), pytest.param(3000, 5.0, 0.05, marks=pytest.mark.slow)]
)
def test_running_out_of_descriptors(storm: int, seconds: float, busy: float, account: Account) -> None:
    with served() as server, honest(server, 10, 20) as good:
        server.ask("descriptors", LIMIT)
        with crowd(server, {"count": storm, "line": "echo"}):
            until(lambda: server.look()["refused"])
            begun = time.monotonic()
            used = server.busy_share(seconds)
            now = server.look()
            assert used < busy, f"{used:.1%} of a core while there is nothing that it could do"
            assert 0 < now["logged"]["WARNING"] <= time.monotonic() - begun + 2, now["lines"]
            assert now["logged"].get("ERROR", 0) == 0, now["lines"]
            assert LIMIT - NOTHING_ELSE <= now["open"] < LIMIT
        server.ask("descriptors", 4096)
        with crowd(server, {"count": 200, "line": "echo"}):
            until(lambda: server.look()["open"] == 210)
        worst, lost = good.saw()
        leaks = server.leaks()
        seen = server.look()
        assert seen["opened"] == seen["accepted"] == len(server.ask("reports"))
    account.did("connects while descriptors had run out", storm, lost=lost, worst=worst, leaks=leaks)
