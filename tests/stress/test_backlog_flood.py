"""More clients at once than the backlog holds, while the server stands still: each is served in the end."""

from __future__ import annotations

import signal

import pytest
from accounts import Account
from crowds import crowd
from server_process import served, until

BACKLOG = 16
SIZE = 10_000  # bytes that each must get


@pytest.mark.parametrize("clients", [50, pytest.param(2000, marks=pytest.mark.slow)])
def test_a_flood_past_the_backlog(clients: int, account: Account) -> None:
    with served(backlog=BACKLOG) as server:
        server.signal(signal.SIGSTOP)
        with crowd(server, {"count": clients, "line": f"give {SIZE} end"}, await_ready=False) as flood:
            until(lambda: flood.connecting(server.address[1]) > BACKLOG)
            server.signal(signal.SIGCONT)
            flood.await_ready()
            until(lambda: len(server.ask("reports")) == clients)
            saw = flood.finish()
        lost = sum(SIZE - told["got"] for told in saw)
        assert {told["outcome"] for told in saw} == {"FIN"}
        leaks = server.leaks()
        assert all(told["clean"] for told in server.ask("reports"))
    account.did("clients at once past the backlog", clients, lost=lost, leaks=leaks)
