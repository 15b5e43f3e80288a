"""SIGTERM under full load: within the grace nobody loses a byte, those in the backlog included; past it, the reports
say exactly what was lost.
"""

from __future__ import annotations

import signal
from typing import Any

import pytest

from tests.stress.accounts import Account
from tests.stress.crowds import crowd
from tests.stress.server_process import Served, served, until

FAST, SLOW, STALLED, WAITING = 60, 30, 20, 40  # clients of each kind
SIZE = 3_000_000  # bytes for each, more than the kernel takes for a slow reader
SMALL = 100_000
LOAD: list[dict[str, Any]] = [
    {"count": FAST, "line": f"push {SIZE} end"},
    {"count": SLOW, "line": f"push {SIZE} stay", "pace": 0.01, "piece": 40_000, "buffer": 32_768},
    {"count": SLOW, "line": f"give {SIZE} stay", "pace": 0.01, "piece": 40_000, "buffer": 32_768, "ends": True},
]
STALLING = {"count": STALLED, "line": f"give {SIZE} destroy_soon", "stops_at": 10_000, "buffer": 8192}
IN_BACKLOG = {"count": WAITING, "line": f"give {SMALL} stay"}


def missing(saw: list[dict[str, Any]], reports: list[dict[str, Any]]) -> int:
    """Bytes that a report has for acknowledged, and that the client did not get. One that reads until it is reset may
    have got some whose acknowledgement was still under way; one that had stopped has got exactly those acknowledged.
    """
    told = {report["port"]: report for report in reports}
    assert len(told) == len(reports) == len(saw)
    lost = 0
    for client in saw:
        report = told[client["port"]]
        acked = report["bytes_written"] - (report["bytes_unacked"] or 0)
        assert client["got"] <= report["bytes_written"]
        lost += abs(acked - client["got"]) if client["line"] == STALLING["line"] else max(acked - client["got"], 0)
    return lost


def stop_under_load(server: Served, load: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """What the clients saw, and the account of the stop. The server stands still while the last of them connect, so
    that they wait in the backlog when it reads SIGTERM.
    """
    with crowd(server, *load) as clients:
        until(lambda: server.look()["opened"] == sum(manner["count"] for manner in load))
        until(lambda: all(read for _, _, read in server.ask("states").values()))  # each has said what it wants
        server.signal(signal.SIGSTOP)
        with crowd(server, IN_BACKLOG) as late:
            server.signal(signal.SIGTERM)
            server.signal(signal.SIGCONT)
            account = server.answer()
            assert server.status() == 0, server.complaint()
            return clients.finish() + late.finish(), account


@pytest.mark.parametrize("times", [1, pytest.param(10, marks=pytest.mark.slow)])
def test_a_stop_within_its_grace_loses_nothing(times: int, account: Account) -> None:
    clients = lost = 0
    for number in range(times):
        with served(grace=60) as server:
            saw, told = stop_under_load(server, LOAD)
            (report,) = told["shutdowns"]
            lost += missing(saw, told["reports"]) + report["bytes_unsent"]
            assert {client["outcome"] for client in saw} == {"FIN"}
            assert {one["clean"] for one in told["reports"]} == {True}
            waited = [client["got"] for client in saw if client["line"] == IN_BACKLOG["line"]]
            assert len(waited) == WAITING
            clients += len(saw)
        account.progress(f"{number + 1} of {times}")
    account.did("clients at a stop within its grace", clients, lost=lost)


@pytest.mark.parametrize("times", [1, pytest.param(10, marks=pytest.mark.slow)])
def test_a_stop_past_its_grace_counts_exactly_what_was_lost(times: int, account: Account) -> None:
    clients = lost = 0
    for _ in range(times):
        with served(grace=0.5) as server:
            saw, told = stop_under_load(server, [*LOAD, STALLING])
            (report,) = told["shutdowns"]
            reports = told["reports"]
            cut = [one for one in reports if one["reason"] == "SHUTDOWN_DEADLINE" or one["error"]]
            assert len(cut) >= STALLED
            assert report["by_reason"]["SHUTDOWN_DEADLINE"] >= STALLED
            assert [one for one in reports if one["bytes_written"] + one["bytes_unsent"] != one["handed"]] == []
            assert report["bytes_unsent"] == sum(one["bytes_unsent"] for one in reports[-report["connections"] :])
            lost += missing(saw, reports)
            clients += len(saw)
    account.did("clients at a stop past its grace", clients, lost=lost)
