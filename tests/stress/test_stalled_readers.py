"""A peer that stops reading while 64 MiB are pending is cut, with an exact account; one that is only slow never is."""

from __future__ import annotations

import time

import pytest

from tests.stress.accounts import Account
from tests.stress.server_process import outcome, served, until

PENDING = 64 << 20
STALL = 1.0  # seconds; the server's write_timeout
MIB = 1 << 20


@pytest.mark.parametrize("times", [1, pytest.param(4, marks=pytest.mark.slow)])
def test_a_peer_that_stops_reading_with_64_mib_pending(times: int, account: Account) -> None:
    lost = 0
    with served({"write_timeout": STALL}) as server:
        before = server.resident()
        for _ in range(times):
            with server.connect(f"give {PENDING} end") as sock:
                got = len(sock.recv(MIB))
                until(lambda: server.look()["connections"] == 0, 30)
                (report,) = server.ask("reports")[-1:]
                assert (report["reason"], report["clean"]) == ("WRITE_TIMEOUT", False)
                assert report["bytes_written"] + report["bytes_unsent"] == PENDING
                assert report["duration"] >= STALL
                got += outcome(sock)[0]
                lost += report["bytes_written"] - report["bytes_unacked"] - got
        leaks = server.leaks()
        assert server.resident() - before < 4 * MIB, "what was pending is still in memory"
    account.did("readers that stop with 64 MiB pending", times, lost=lost, leaks=leaks)


@pytest.mark.parametrize("stalls", [2, pytest.param(5, marks=pytest.mark.slow)])
def test_a_slow_reader_of_64_mib_is_not_taken_for_one_that_has_stopped(stalls: int, account: Account) -> None:
    """It reads a little at a time for several times what a stalled one would have."""
    with (
        served({"write_timeout": STALL}) as server,
        server.connect(f"give {PENDING} end", receive_buffer=65_536) as sock,
    ):
        got, until_then = 0, time.monotonic() + stalls * STALL
        while time.monotonic() < until_then:
            got += len(sock.recv(16_384))
            time.sleep(0.05)  # it is slow
        got += outcome(sock)[0]
        leaks = server.leaks()
        assert server.ask("reports")[-1]["clean"]
    account.did("slow readers of 64 MiB", 1, lost=PENDING - got, leaks=leaks)
