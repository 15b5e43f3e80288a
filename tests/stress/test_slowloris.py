"""Clients that trickle, byte by byte and without end, beside honest ones, who must not notice."""

from __future__ import annotations

import statistics
import time

import pytest
from accounts import Account
from crowds import Honest, crowd, honest
from server_process import served

HONEST = 100
RATE = 1000  # messages a second, of all honest clients together
ROUNDS = 5  # at rest, and as many under attack; the median of each counts, since other programs run here too
MOST = 3  # times the p99 at rest


def talk(good: Honest, name: str, seconds: float) -> None:
    for number in range(ROUNDS):
        good.say(f"{name} {number}")
        time.sleep(seconds)  # they talk meanwhile
    good.say("in between")


def p99(late: dict[str, dict[str, float]], name: str) -> float:
    return statistics.median(told["p99"] for key, told in late.items() if key.startswith(name))


@pytest.mark.parametrize(("attackers", "seconds"), [(200, 0.1), pytest.param(2000, 2.0, marks=pytest.mark.slow)])
def test_clients_that_trickle(attackers: int, seconds: float, request: pytest.FixtureRequest, account: Account) -> None:
    slow = {"count": attackers, "trickle": 1.0}  # seconds: each is heard often enough to seem alive
    with served({"read_timeout": 10.0}) as server, honest(server, HONEST, RATE) as good:
        talk(good, "rest", seconds)
        with crowd(server, slow):
            assert server.look()["open"] == HONEST + attackers
            account.progress(f"{attackers} trickle")
            talk(good, "attack", seconds)
            assert server.look()["open"] == HONEST + attackers
        late, lost = good.saw()
        leaks = server.leaks()
    at_rest, under_attack = p99(late, "rest"), p99(late, "attack")
    worst = max(told["worst"] for name, told in late.items() if name.startswith("attack"))
    account.did(f"slowloris clients beside {HONEST} honest ones", attackers, lost=lost, worst=worst, leaks=leaks)
    account.progress(f"p99 of the honest: {at_rest * 1e3:.2f} ms at rest, {under_attack * 1e3:.2f} ms under attack")
    if seconds > 1:  # less says more about the machine
        assert under_attack < MOST * at_rest, f"{under_attack * 1e3:.2f} ms, and {at_rest * 1e3:.2f} ms at rest"
