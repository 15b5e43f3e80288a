"""The program forks, and the child holds copies of every descriptor: what is said to the peers, they hear.

FIN is sent by shutdown(2), which does not ask who else holds the socket. What `destroy()` and `reset()` do is sent by
close(2), and so not before the child has gone (closing.md, fact 3); our side is over at once all the same.
"""

from __future__ import annotations

import select
import socket

import pytest

from tests.stress.accounts import Account
from tests.stress.server_process import outcome, served, until

HEARD = ["give 1000000 end", "give 1000000 destroy_soon", "call end", "call destroy_soon"]
UNHEARD = ["call destroy", "call reset", "give 100 destroy"]
IDLE = 1.0  # seconds


def ready(socks: list[socket.socket], seconds: float) -> int:
    """How many of them have something to tell."""
    return len(select.select(socks, [], [], seconds)[0])


@pytest.mark.parametrize("times", [1, pytest.param(10, marks=pytest.mark.slow)])
def test_endings_reach_their_peers_while_a_child_holds_copies(times: int, account: Account) -> None:
    with served() as server:
        for _ in range(times):
            heard = [(line, server.connect()) for line in HEARD]
            unheard = [server.connect() for _ in UNHEARD]
            until(lambda: server.look()["open"] == len(HEARD) + len(UNHEARD))
            child = server.ask("fork", 60)
            for line, sock in heard:
                sock.sendall(line.encode() + b"\n")
                assert outcome(sock) == (1_000_000 if "give" in line else 0, "FIN")
            for sock, line in zip(unheard, UNHEARD, strict=True):
                sock.sendall(line.encode() + b"\n")
            until(lambda: server.look()["connections"] == 0)
            turns, begun = server.look()["turns"], server.busy()
            assert ready(unheard[:2], 0.2) == 0  # the kernel waits for the child
            assert server.look()["turns"] - turns <= 3, "it spins on what the child holds"
            assert server.busy() - begun < 0.1
            server.ask("reap", child)
            assert [outcome(sock)[1] for sock in unheard[:2]] == ["FIN", "RST"]
            unheard[2].close()
        leaks = server.leaks()
    account.did("endings while a forked child holds copies", times * len(HEARD + UNHEARD), leaks=leaks)


@pytest.mark.parametrize("clients", [1, pytest.param(200, marks=pytest.mark.slow)])
def test_a_reaped_client_hears_of_it_while_a_child_holds_copies(clients: int, account: Account) -> None:
    with served({"idle_timeout": IDLE}) as server:
        socks = [server.connect("echo") for _ in range(clients)]
        until(lambda: server.look()["open"] == clients)
        child = server.ask("fork", 60)
        assert ready(socks[-1:], 20) == 1, "it hears nothing while the child is there"
        assert {outcome(sock) for sock in socks} == {(0, "FIN")}
        server.ask("reap", child)
        leaks = server.leaks()
    account.did("clients reaped while a forked child holds copies", clients, leaks=leaks)
