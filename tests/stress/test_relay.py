"""A relay loses nothing, and claims nothing that is not so.

A crowd of clients and their targets in a process of their own (`raw_ends.py`): both sides send and read with random
pauses, end their halves at random moments, and some of them reset. In between is a relay, two pipes a connection. Then
all four ends compare their books.
"""

from __future__ import annotations

import resource
import socket
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import astuple, dataclass

import pytest

from reactor import CloseReport, Connection, Reactor, Reason, Server, connect
from tests.stress import raw_ends
from tests.stress.accounts import Account
from tests.stress.crowds import run_beside
from tests.stress.raw_ends import CLIENT, TARGET, Part, Seen

READ = 262_144  # bytes a turn and connection, at most
OTHERS = 256  # descriptors that are no relayed connection
HIGH_WATER = [0, 1000, 65_536]
ORDERLY = (Reason.PEER_ENDED, Reason.ENDED)
CUT = (Reason.PEER_RESET, Reason.RESET)


class Relay:
    """The program: each client is piped to a connection to the target, and back."""

    def __init__(self, loop: Reactor, target: tuple[str, int]) -> None:
        self.reports: dict[int, dict[str, list[CloseReport]]] = defaultdict(lambda: {CLIENT: [], TARGET: []})
        self.most_at_once = 0
        self.overfull: list[int] = []
        self.server = Server(loop, self._relay)
        self._loop = loop
        self._target = target

    def _relay(self, near: Connection) -> None:
        host = near.remote_address[0]
        number = raw_ends.number_of(host)
        near.high_water = HIGH_WATER[number % 3]
        far = connect(
            self._loop, *self._target, local_address=(host, 0), high_water=HIGH_WATER[number // 3 % 3], no_delay=False
        )
        near.pipe(far)
        far.pipe(near)
        self._keep_books(number, CLIENT, near, far)
        self._keep_books(number, TARGET, far, near)
        self.most_at_once = max(self.most_at_once, len(self.server.connections))

    def _keep_books(self, number: int, role: str, conn: Connection, other: Connection) -> None:
        reports = self.reports[number][role]
        conn.on("close", lambda conn, report: reports.append(report))
        limit = other.high_water + READ

        def look(conn: Connection, data: bytes) -> None:
            if other.pending_bytes > limit:
                self.overfull.append(number)

        conn.on("data", look)


@dataclass(frozen=True)
class Crowd:
    """Who comes."""

    seed: int
    total: int
    largest: int  # bytes that one end sends, at most
    spread: float  # seconds within which they begin to speak

    def plan(self, number: int) -> dict[str, Part]:
        return raw_ends.plan(self.seed, number, self.largest, self.spread)


def _run(crowd: Crowd, at_once: int, seconds: float) -> tuple[Relay, dict[str, dict[int, Seen]]]:
    """All sides, until all is over."""
    with Reactor() as loop, socket.create_server(("127.0.0.1", 0), backlog=4096) as listening:
        relay = Relay(loop, listening.getsockname())
        fd, where = listening.fileno(), relay.server.listen("127.0.0.1", 0)
        told = run_beside(relay.server, seconds, "raw_ends", *astuple(crowd), at_once, fd, *where, pass_fds=[fd])
    return relay, {role: {int(n): Seen(**seen) for n, seen in told[role].items()} for role in (CLIENT, TARGET)}


def _check(relay: Relay, seen: dict[str, dict[int, Seen]], crowd: Crowd) -> None:
    assert set(seen[CLIENT]) == set(range(crowd.total))
    assert relay.overfull == [], "more was pending than the high-water mark and one read"
    wrong = []
    for number in range(crowd.total):
        parts = crowd.plan(number)
        ends = {role: seen[role].get(number, Seen()) for role in (CLIENT, TARGET)}  # none: it never saw the target
        problems = _problems(parts, ends, relay.reports.get(number))
        if problems:
            wrong.append((number, problems, ends, relay.reports.get(number)))
    assert not wrong, f"{len(wrong)} of {crowd.total} do not add up, for example {wrong[:3]}"


def _problems(parts: dict[str, Part], ends: dict[str, Seen], reports: dict[str, list[CloseReport]] | None) -> list[str]:
    """What the four ends of one relayed connection do not agree on."""
    reset = any(end.reset for end in ends.values())
    if reports is None:  # it had gone before it was accepted
        return [] if reset else ["never relayed"]
    if [len(of) for of in reports.values()] != [1, 1]:
        return ["not exactly one close of each"]
    found = []
    for sender, receiver in ((CLIENT, TARGET), (TARGET, CLIENT)):
        found += _of_direction(ends[sender], ends[receiver], reports[sender][0], reports[receiver][0])
    if not reset:
        found += [f"{role} was not orderly" for role in ends if not _orderly(parts, ends, reports[role][0], role)]
    elif not all(_for_a_reason(reports[role][0], ends[role]) for role in ends):
        found.append("ended for no reason")
    return found


def _for_a_reason(report: CloseReport, end: Seen) -> bool:
    """Somebody has reset. A relay may not notice that a target was there if the target resets at once.

    The kernel then reports ECONNRESET, or EPIPE if the target's FIN came before its RST.
    """
    cut = isinstance(report.error, ConnectionResetError | BrokenPipeError)
    unnoticed = report.reason is Reason.CONNECT_FAILED and cut and end.reset
    return report.reason in ORDERLY + CUT or unnoticed


def _orderly(parts: dict[str, Part], ends: dict[str, Seen], report: CloseReport, role: str) -> bool:
    """Nobody has reset: so all was sent, all arrived, and nothing was noticed but the ends."""
    end = ends[role]
    whole = end.sent == sum(parts[role].pieces)
    return whole and end.ended and end.outcome == "FIN" and report.clean and report.reason in ORDERLY


def _of_direction(sender: Seen, receiver: Seen, source: CloseReport, destination: CloseReport) -> list[str]:
    """Bytes from one raw end to the other: every one delivered, or accounted for."""
    unacked = destination.bytes_unacked or 0
    books = {
        "more was read than sent": source.bytes_read <= sender.sent,
        "the relay has lost some": source.bytes_read
        == source.bytes_discarded + destination.bytes_written + destination.bytes_unsent,
        "more arrived than was written": receiver.got <= destination.bytes_written,
        "other bytes arrived": receiver.right,
    }
    if not receiver.reset and receiver.outcome:  # it has read to the end
        books["less arrived than was acknowledged"] = receiver.got >= destination.bytes_written - unacked
    if receiver.outcome == "FIN":
        books["FIN after a part of it"] = sender.ended and receiver.got == sender.sent and not source.bytes_discarded
    elif not receiver.reset and sender.ended and not sender.reset:
        books["reset by nobody"] = False
    return [problem for problem, holds in books.items() if not holds]


@pytest.fixture
def at_once() -> Iterator[int]:
    """As many relayed connections at a time as there are descriptors for, two each on either side."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield min((hard - OTHERS) // 2, 5000)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_relay_accounts_for_every_byte(at_once: int) -> None:
    crowd = Crowd(seed=1, total=400, largest=80_000, spread=0.5)
    relay, seen = _run(crowd, at_once, 60)
    _check(relay, seen, crowd)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2, 3])
def test_a_relay_accounts_for_every_byte_of_five_thousand_connections(
    at_once: int, seed: int, account: Account
) -> None:
    crowd = Crowd(seed=seed, total=5000, largest=500_000, spread=15)
    relay, seen = _run(crowd, at_once, 600)
    assert relay.most_at_once > at_once // 2, "they came one after the other"
    _check(relay, seen, crowd)
    account.did("relayed connections, books of four ends compared", crowd.total)
