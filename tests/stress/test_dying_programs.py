"""The program dies inside `run()`, or leaves it and comes back."""

from __future__ import annotations

import signal
import time

import pytest

from tests.stress.accounts import Account
from tests.stress.crowds import honest
from tests.stress.server_process import outcome, served, until

DEATHS = {
    "SystemExit": ("exit", 3),
    "KeyboardInterrupt": ("interrupt", -signal.SIGINT),
    "SIGKILL": ("", -signal.SIGKILL),
}
LINES = ["echo", "hold", "push 1000000000 end", "give 3000000 end", "give 3000000 destroy_soon", "call end"]


@pytest.mark.parametrize("death", DEATHS)
@pytest.mark.parametrize("times", [1, pytest.param(10, marks=pytest.mark.slow)])
def test_peers_see_an_end_when_the_program_dies_inside_run(death: str, times: int, account: Account) -> None:
    line, status = DEATHS[death]
    for _ in range(times):
        with served() as server:
            peers = [server.connect(line, receive_buffer=8192) for line in LINES]
            until(lambda: server.look()["open"] == len(LINES))  # of this turn
            if line:
                peers.append(server.connect(line))
            else:
                server.signal(signal.SIGKILL)
            assert server.status() == status
            begun = time.monotonic()
            assert {outcome(peer)[1] for peer in peers} <= {"FIN", "RST"}
            assert time.monotonic() - begun < 30
    account.did(f"deaths inside run(), by {death}", times)


@pytest.mark.parametrize("times", [5, pytest.param(200, marks=pytest.mark.slow)])
def test_run_may_be_left_and_called_again_without_loss(times: int, account: Account) -> None:
    with served(again=times) as server, honest(server) as good:
        for _ in range(times):
            with server.connect("interrupt"):
                pass
        worst, lost = good.saw()
        leaks = server.leaks()
        assert server.look()["opened"] == times + 10
    account.did("run() left by an exception and called again", times, lost=lost, worst=worst, leaks=leaks)
