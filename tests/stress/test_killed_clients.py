"""Clients that are killed in the middle of everything: the server loses them, and nothing else."""

from __future__ import annotations

import random
import time
from typing import Any

import pytest

from tests.stress.accounts import Account
from tests.stress.crowds import crowd, honest
from tests.stress.server_process import served

EVERYTHING: list[dict[str, Any]] = [
    {"count": 4, "line": "take", "uploads": True},
    {"count": 4, "line": "push 200000000 end"},
    {"count": 4, "line": "push 200000000 destroy_soon", "pace": 0.02, "piece": 4096, "buffer": 8192},
    {"count": 4, "line": "push 200000000 end", "ends": True, "pace": 0.02, "piece": 4096, "buffer": 8192},
    {"count": 4, "line": "hold", "trickle": 0.01},  # not more than the window takes: a FIN behind it would not arrive
    {"count": 4, "line": "call end"},  # it lingers
    {"count": 4},  # says nothing
    {"count": 2, "trickle": 0.01},
    {"storms": True},
]
IN_ALL = sum(manner.get("count", 0) for manner in EVERYTHING)


@pytest.mark.parametrize("times", [3, pytest.param(100, marks=pytest.mark.slow)])
def test_clients_that_are_killed_in_the_middle_of_everything(times: int, account: Account) -> None:
    dice = random.Random(times)
    with served({"half_open_timeout": 1.0, "write_timeout": 5.0}) as server, honest(server) as good:
        for number in range(times):
            with crowd(server, *EVERYTHING) as victims:
                time.sleep(dice.random() / 5)  # the moment of its death is what is tried here
                victims.kill()
            account.progress(f"{(number + 1) * IN_ALL} killed")
        worst, lost = good.saw()
        leaks = server.leaks()
        seen, books = server.look(), server.ask("books")
        assert seen["opened"] == seen["accepted"] == books["reports"] >= times * IN_ALL + 10
        assert books["wrong"] == 0
        assert seen["logged"].get("ERROR", 0) == 0, seen["lines"]
    account.did("clients killed in the middle of everything", times * IN_ALL, lost=lost, worst=worst, leaks=leaks)
