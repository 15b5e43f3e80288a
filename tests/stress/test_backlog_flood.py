"""More clients at once than the backlog holds, while the server stands still: each is served in the end.

Who finds it full tries again when its kernel does, after 1 s, 3 s, 7 s and so on, all of them at the same time; and
each time as many get in as the backlog holds.
"""

from __future__ import annotations

import signal

import pytest

from tests.stress.accounts import Account
from tests.stress.crowds import crowd
from tests.stress.server_process import served, until

SIZE = 10_000  # bytes that each must get


@pytest.mark.parametrize(("backlog", "clients"), [(16, 50), pytest.param(128, 600, marks=pytest.mark.slow)])
def test_a_flood_past_the_backlog(backlog: int, clients: int, account: Account) -> None:
    with served(backlog=backlog) as server:
        server.signal(signal.SIGSTOP)
        with crowd(server, {"count": clients, "line": f"give {SIZE} end"}, await_ready=False) as flood:
            until(lambda: flood.connecting(server.address[1]) > backlog)
            server.signal(signal.SIGCONT)
            flood.await_ready()
            until(lambda: len(server.ask("reports")) == clients)
            saw = flood.finish()
        lost = sum(SIZE - told["got"] for told in saw)
        assert {told["outcome"] for told in saw} == {"FIN"}
        leaks = server.leaks()
        assert all(told["clean"] for told in server.ask("reports"))
    account.did("clients at once past the backlog", clients, lost=lost, leaks=leaks)
