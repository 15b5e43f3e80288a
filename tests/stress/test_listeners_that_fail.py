"""Listeners that raise, stand still, or run out of memory: it is the end of their own connection, or of none."""

from __future__ import annotations

import pytest

from tests.stress.accounts import Account
from tests.stress.crowds import crowd, honest
from tests.stress.server_process import Served, served, until

MIB = 1 << 20
STALL = 2.0  # seconds


def outcome(server: Served, line: str) -> str:
    """What a client sees that says this."""
    with server.connect(line) as sock:
        try:
            return "FIN" if not sock.recv(100) else "data"
        except ConnectionResetError:
            return "RST"


@pytest.mark.parametrize("times", [20, pytest.param(1000, marks=pytest.mark.slow)])
def test_listeners_that_raise(times: int, account: Account) -> None:
    with served() as server, honest(server) as good:
        assert {outcome(server, "raise") for _ in range(times)} == {"RST"}
        worst, lost = good.saw()
        leaks = server.leaks()
        reports = server.ask("reports")
        assert sum(told["reason"] == "LISTENER_FAILED" for told in reports) == times
        assert server.look()["logged"]["ERROR"] == times
    account.did("listeners that raise", times, lost=lost, worst=worst, leaks=leaks)


@pytest.mark.parametrize("times", [1, pytest.param(5, marks=pytest.mark.slow)])
def test_listeners_that_stand_still(times: int, account: Account) -> None:
    """Everybody has spoken meanwhile: nobody is reaped for our own stall."""
    with served({"idle_timeout": STALL / 2, "read_timeout": STALL / 2}) as server, honest(server, 20, 200) as good:
        for _ in range(times):
            assert outcome(server, f"block {STALL}") == "data"
        worst, lost = good.saw()
        leaks = server.leaks()
        assert [told["reason"] for told in server.ask("reports") if not told["clean"]] == []
        assert worst >= STALL / 2, "it did not stand still"
    account.did(f"listeners that stand still for {STALL:g} s", times, lost=lost, leaks=leaks)


@pytest.mark.parametrize("times", [10, pytest.param(300, marks=pytest.mark.slow)])
def test_listeners_that_run_out_of_memory(times: int, account: Account) -> None:
    """By RLIMIT_AS: what is asked for is more than there is, and the server lives on with what it has."""
    with served(memory=64 * MIB) as server, honest(server) as good:
        assert {outcome(server, f"allocate {256 * MIB}") for _ in range(times)} == {"RST"}
        assert outcome(server, f"allocate {MIB}") == "data"
        worst, lost = good.saw()
        leaks = server.leaks()
        failed = [told for told in server.ask("reports") if told["reason"] == "LISTENER_FAILED"]
        assert [told["error"] for told in failed] == ["MemoryError"] * times
    account.did("listeners that run out of memory", times, lost=lost, worst=worst, leaks=leaks)


@pytest.mark.parametrize("clients", [8, pytest.param(40, marks=pytest.mark.slow)])
def test_input_that_there_is_no_memory_for_ends_its_connection(clients: int, account: Account) -> None:
    """The program keeps all that comes, until there is no room for more: the server neither spins nor fills its log.

    It may be anybody's input that finds no room, so nobody is honest here.
    """
    with served(memory=64 * MIB) as server:
        with crowd(server, {"count": clients, "line": "keep", "uploads": True}):
            until(lambda: any(told["error"] for told in server.ask("reports")))
        leaks = server.leaks()
        failed = [told for told in server.ask("reports") if told["error"]]
        assert {told["reason"] for told in failed} <= {"NETWORK_ERROR", "LISTENER_FAILED", "PEER_RESET"}
        assert server.look()["logged"].get("ERROR", 0) <= len(failed)
        assert outcome(server, f"allocate {MIB}") == "data"
    account.did("inputs that there was no memory for", len(failed), leaks=leaks)
