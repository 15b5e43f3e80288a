"""RST at each stage of each ending: the connection ends once, at once, for that reason, and its books are right."""

from __future__ import annotations

import signal
import socket
import time
from typing import Any, NamedTuple

import pytest

from tests.stress.accounts import Account
from tests.stress.raw_sockets import reset_on_close
from tests.stress.server_process import Served, served, until

MUCH = 3_000_000  # bytes; more than the kernel takes for a reader that does not read
SETTINGS = {"allow_half_open": True}


class Stage(NamedTuple):
    """Where a client brings its connection before it resets it."""

    line: str
    state: str
    pending: bool = False  # output waits
    reads: int = 0  # bytes that it reads first
    fin: bool = False  # it has sent FIN


STAGES = {
    "open": Stage("echo", "open"),
    "open, output pending": Stage(f"give {MUCH} stay", "open", pending=True),
    "paused": Stage("hold", "open"),
    "half-open": Stage("give 10 stay", "write_only", fin=True),
    "half-open, output pending": Stage(f"give {MUCH} stay", "write_only", pending=True, fin=True),
    "end(), draining": Stage(f"give {MUCH} end", "read_only", pending=True),
    "end(), draining, both": Stage(f"give {MUCH} end", "closing", pending=True, fin=True),
    "end(), lingering": Stage("give 10 end", "read_only", reads=10),
    "destroy_soon(), draining": Stage(f"give {MUCH} destroy_soon", "closing", pending=True),
    "destroy_soon(), draining, both": Stage(f"give {MUCH} destroy_soon", "closing", pending=True, fin=True),
    "destroy_soon(), lingering": Stage("give 10 destroy_soon", "closing", reads=10),
}
AT_ONCE = ["", "echo", "call end", "call destroy_soon", "call destroy", "call reset", f"give {MUCH} end"]
LAST = {name: stage for name, stage in STAGES.items() if name != "half-open"}  # that one is over as soon as we end it
BY_US = {"call destroy": "DESTROYED", "call reset": "RESET"}


def bring_to(server: Served, stage: Stage) -> socket.socket:
    sock = server.connect(stage.line, receive_buffer=4096)
    for _ in range(stage.reads):
        sock.recv(1)
    if stage.fin:
        sock.shutdown(socket.SHUT_WR)
    return sock


def reset(sock: socket.socket) -> None:
    reset_on_close(sock)
    sock.close()


def await_stage(server: Served, crowd: dict[int, Stage]) -> None:
    """All of them, by their ports."""

    def there() -> bool:
        states = server.ask("states")
        return all(
            states.get(str(port), ["", 0])[0] == stage.state and bool(states[str(port)][1]) == stage.pending
            for port, stage in crowd.items()
        )

    until(there)


def wrong(reports: list[dict[str, Any]], reasons: set[str]) -> list[dict[str, Any]]:
    """Those that do not add up, or ended for another reason."""
    return [
        told
        for told in reports
        if told["bytes_written"] + told["bytes_unsent"] != told["handed"]
        or told["reason"] not in reasons
        or told["clean"]
    ]


@pytest.mark.parametrize("times", [2, pytest.param(60, marks=pytest.mark.slow)])
def test_a_reset_at_each_stage_of_each_ending(times: int, account: Account) -> None:
    with served(SETTINGS) as server:
        for _ in range(times):
            crowd = {
                sock.getsockname()[1]: (sock, stage) for stage in STAGES.values() if (sock := bring_to(server, stage))
            }
            await_stage(server, {port: stage for port, (_, stage) in crowd.items()})
            for sock, _ in crowd.values():
                reset(sock)
            until(lambda: not server.look()["connections"], 10)  # no deadline is needed for it: the shortest is 30 s
            reports = server.ask("reports")[-len(STAGES) :]
            assert wrong(reports, {"PEER_RESET"}) == []
        leaks = server.leaks()

    account.did("resets at a stage of an ending", times * len(STAGES), leaks=leaks)


@pytest.mark.parametrize("times", [10, pytest.param(300, marks=pytest.mark.slow)])
def test_a_reset_that_races_the_ending(times: int, account: Account) -> None:
    with served(SETTINGS) as server:
        for _ in range(times):
            for line in AT_ONCE:
                reset(server.connect(line))
        until(lambda: server.look()["opened"] == times * len(AT_ONCE))
        leaks = server.leaks()
        reports = server.ask("reports")
        by_us = sum(told["reason"] in BY_US.values() for told in reports)
        assert [told for told in reports if told["bytes_written"] + told["bytes_unsent"] != told["handed"]] == []
        assert {told["reason"] for told in reports} - set(BY_US.values()) == {"PEER_RESET"}
        assert by_us <= 2 * times
    account.did("resets that race the ending", times * len(AT_ONCE), leaks=leaks)


@pytest.mark.parametrize("times", [1, pytest.param(20, marks=pytest.mark.slow)])
def test_a_reset_during_a_shutdown(times: int, account: Account) -> None:
    """Clients at all stages, SIGTERM, and their resets: the server stops long before its grace is over."""
    for _ in range(times):
        with served(SETTINGS, grace=600) as server:
            crowd = [(bring_to(server, stage), stage) for stage in LAST.values()]
            await_stage(server, {sock.getsockname()[1]: stage for sock, stage in crowd})
            server.signal(signal.SIGTERM)
            until(lambda: {state for state, _, _ in server.ask("states").values()} == {"closing"})
            for sock, _ in crowd:
                reset(sock)
            told = server.answer()
            assert server.status() == 0
            (report,) = told["shutdowns"]
            assert (report["connections"], report["clean"]) == (len(LAST), 0)
            assert report["bytes_unsent"] == sum(one["bytes_unsent"] for one in told["reports"])
            assert wrong(told["reports"], {"PEER_RESET"}) == []
    account.did("resets during a shutdown", times * len(LAST))


@pytest.mark.parametrize("times", [20, pytest.param(400, marks=pytest.mark.slow)])
def test_a_reset_that_races_the_reaping(times: int, account: Account) -> None:
    """Each client is reset about when its time is up, with and without output that is pending."""
    idle = 0.3
    with served({"idle_timeout": idle}) as server:
        due = []
        for number in range(times):
            line = f"give {MUCH} stay" if number % 2 else "echo"
            sock = server.connect(line, receive_buffer=4096)
            due.append((time.monotonic() + idle * (0.9 + 0.2 * number / times), sock))
            while due[0][0] <= time.monotonic():
                reset(due.pop(0)[1])
        for moment, sock in due:
            time.sleep(max(moment - time.monotonic(), 0))  # the moment is what is tried here
            reset(sock)
        leaks = server.leaks()
        reports = server.ask("reports")
        assert len(reports) == times
        assert {told["reason"] for told in reports} <= {"IDLE", "PEER_RESET"}
        assert [told for told in reports if told["bytes_written"] + told["bytes_unsent"] != told["handed"]] == []
    account.did("resets that race the reaping", times, leaks=leaks)
