"""Clients that trickle, byte by byte and without end, beside honest ones, who must not notice."""

from __future__ import annotations

import statistics
import time

import pytest

from tests.stress.accounts import Account
from tests.stress.crowds import Honest, crowd, honest
from tests.stress.server_process import Served, served, until

HONEST = 100
RATE = 1000  # messages a second, of all honest clients together
ROUNDS = 5  # at rest and under attack in turns, and the medians count: other programs run here too
MOST = 3  # times the p99 at rest


def p99(late: dict[str, dict[str, float]], name: str) -> float:
    return statistics.median(told["p99"] for key, told in late.items() if key.startswith(name))


def take_turns(server: Served, good: Honest, attackers: int, seconds: float) -> None:
    """Honest clients talk alone, and then beside those that trickle."""
    slow = {"count": attackers, "trickle": 1.0}  # seconds: each is heard often enough to seem alive
    for number in range(ROUNDS):
        until(lambda: server.look()["open"] == HONEST)
        good.say(f"rest {number}")
        time.sleep(seconds)
        good.say("in between")
        with crowd(server, slow):
            until(lambda: server.look()["open"] == HONEST + attackers)
            good.say(f"attack {number}")
            time.sleep(seconds)
            good.say("in between")
            assert server.look()["open"] == HONEST + attackers


@pytest.mark.parametrize(("attackers", "seconds"), [(200, 0.1), pytest.param(2000, 2.0, marks=pytest.mark.slow)])
def test_clients_that_trickle(attackers: int, seconds: float, account: Account) -> None:
    with served({"read_timeout": 10.0}) as server, honest(server, HONEST, RATE) as good:
        take_turns(server, good, attackers, seconds)
        late, lost = good.saw()
        leaks = server.leaks()
    at_rest, under_attack = p99(late, "rest"), p99(late, "attack")
    worst = max(told["worst"] for name, told in late.items() if name.startswith("attack"))
    account.did(
        f"slowloris clients beside {HONEST} honest ones", attackers * ROUNDS, lost=lost, worst=worst, leaks=leaks
    )
    found = f"{under_attack * 1e3:.2f} ms, and {at_rest * 1e3:.2f} ms at rest"
    account.progress(f"p99 of the honest: {found}")
    if seconds > 1:  # less says more about the machine
        assert under_attack < MOST * at_rest, found
