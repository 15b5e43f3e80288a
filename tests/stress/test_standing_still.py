"""The server is stopped for a while (SIGSTOP) and goes on (SIGCONT), or its clients are: nobody is cut for it whose
bytes waited, and nothing is lost.
"""

from __future__ import annotations

import signal
import time

import pytest

from tests.stress.accounts import Account
from tests.stress.crowds import crowd, honest
from tests.stress.server_process import served, until

SIZE = 5_000_000  # bytes


@pytest.mark.parametrize("seconds", [2.0, pytest.param(5.0, marks=pytest.mark.slow)])
def test_a_server_that_is_stopped_reaps_nobody_who_has_spoken_meanwhile(seconds: float, account: Account) -> None:
    limit = seconds / 2
    with served({"idle_timeout": limit, "read_timeout": limit}) as server, honest(server, 50) as good:
        for _ in range(2):
            server.signal(signal.SIGSTOP)
            time.sleep(seconds)
            server.signal(signal.SIGCONT)
            server.look()
        worst, lost = good.saw()
        leaks = server.leaks()
        assert [told["reason"] for told in server.ask("reports") if not told["clean"]] == []
        assert worst > limit, "it did not stand still"
    account.did(f"server stopped for {seconds:g} s and continued", 2, lost=lost, leaks=leaks)


@pytest.mark.parametrize("seconds", [1.0, pytest.param(5.0, marks=pytest.mark.slow)])
def test_clients_that_are_stopped_get_everything_when_they_go_on(seconds: float, account: Account) -> None:
    reading = [
        {"count": 20, "line": f"push {SIZE} {ending}", "pace": 0.001, "buffer": 32_768}
        for ending in ("end", "destroy_soon")
    ]
    with served({"write_timeout": seconds * 4}) as server, crowd(server, *reading) as clients:
        until(lambda: any(pending for _, pending, _ in server.ask("states").values()))
        clients.signal(signal.SIGSTOP)
        time.sleep(seconds)
        clients.signal(signal.SIGCONT)
        until(lambda: len(server.ask("reports")) == 40)
        saw = clients.finish()
        leaks = server.leaks()
        assert {told["outcome"] for told in saw} == {"FIN"}
        assert all(told["clean"] for told in server.ask("reports"))
    lost = sum(SIZE - told["got"] for told in saw)
    account.did(f"clients stopped for {seconds:g} s and continued", 40, lost=lost, leaks=leaks)


@pytest.mark.parametrize("clients", [20, pytest.param(200, marks=pytest.mark.slow)])
def test_clients_that_stay_stopped_are_cut_and_counted_exactly(clients: int, account: Account) -> None:
    """The kernel of a stopped client takes what its buffer holds: so much has arrived, and it is read in the end."""
    stopped = {"count": clients, "line": f"give {SIZE} end", "stops_at": 10_000, "buffer": 32_768}
    with served({"write_timeout": 1.0}) as server, crowd(server, stopped) as crowded:
        until(lambda: any(pending for _, pending, _ in server.ask("states").values()))
        crowded.signal(signal.SIGSTOP)
        until(lambda: len(server.ask("reports")) == clients)
        crowded.signal(signal.SIGCONT)
        saw = crowded.finish()
        leaks = server.leaks()
        reports = {told["port"]: told for told in server.ask("reports")}
        assert {told["reason"] for told in reports.values()} == {"WRITE_TIMEOUT"}
    lost = sum(
        abs(reports[told["port"]]["bytes_written"] - reports[told["port"]]["bytes_unacked"] - told["got"])
        for told in saw
    )
    account.did("clients stopped for longer than write_timeout", clients, lost=lost, leaks=leaks)
