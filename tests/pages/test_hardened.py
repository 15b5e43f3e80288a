"""`examples/hardened.py`, attacked: each attack meets its limit, and an honest client is served all the time."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

from reactor import CloseReport, Reactor, Reason, Server
from reactor.testing import ManualClock, Peer, pump, settle
from tests.support.programs import ROOT, example, running
from tests.support.wire import pass_time, pass_until


class Siege:
    """The example's server on a manual clock, an honest client in it, and attackers."""

    def __init__(self, loop: Reactor, clock: ManualClock, hardened: ModuleType, **changed: Any) -> None:
        self.loop, self.clock = loop, clock
        self.reports: list[CloseReport] = []
        self.server = Server(loop, **(hardened.LIMITS | changed))
        hardened.set_up(self.server)
        self.server.on("close", lambda conn, report: self.reports.append(report))
        self.address = self.server.listen("127.0.0.1", 0)
        self.honest = Peer(self.address, source="127.0.0.9")
        self.attackers: list[Peer] = []
        self.ask()

    def ask(self) -> None:
        """The honest client says a line, and gets its answer."""
        self.honest.send(b"hello\n")
        pump(self.loop, lambda: not self.honest.nothing_comes())
        assert self.honest.receive(6) == b"HELLO\n"

    def attacker(self, **options: Any) -> Peer:
        self.attackers.append(Peer(self.address, **options))
        settle(self.loop)
        return self.attackers[-1]

    def pass_time(self, seconds: int, each_second: Callable[[], object] = lambda: None) -> None:
        """With the honest client at work."""
        for _ in range(seconds):
            each_second()
            pass_time(self.loop, self.clock, 1)
            self.ask()

    def reasons(self) -> dict[Reason, int]:
        return dict(self.server.statistics().ended)

    def close(self) -> None:
        for peer in (self.honest, *self.attackers):
            peer.close()


@pytest.fixture
def siege(loop: Reactor, clock: ManualClock) -> Iterator[Any]:
    made: list[Siege] = []

    def begin(**changed: Any) -> Siege:
        made.append(Siege(loop, clock, example("hardened"), **changed))
        return made[-1]

    yield begin
    for one in made:
        one.close()


def send_if_open(peer: Peer, data: bytes) -> None:
    with contextlib.suppress(OSError):
        peer.send_some(data)


def test_a_line_fed_byte_by_byte_does_not_hold_a_connection(siege: Any) -> None:
    under = siege()
    slow = [under.attacker() for _ in range(20)]

    def trickle() -> None:
        for peer in slow:
            send_if_open(peer, b"x")

    under.pass_time(12, trickle)
    assert under.reasons() == {Reason.READ_RATE: 20}


def test_who_connects_and_says_nothing_is_gone_after_ten_seconds(siege: Any) -> None:
    under = siege()
    for _ in range(20):
        under.attacker()
    under.pass_time(12)
    assert under.reasons() == {Reason.FIRST_BYTE_TIMEOUT: 20}


def test_who_says_a_word_and_then_nothing_goes_a_little_later_than_the_idle_timeout(siege: Any) -> None:
    under = siege()
    for _ in range(20):
        under.attacker().send(b"hi\n")
    under.pass_time(119)
    assert under.reasons() == {}
    under.pass_time(34)
    assert under.reasons() == {Reason.IDLE: 20}


def test_a_line_without_an_end_is_refused_and_told_so(siege: Any) -> None:
    under = siege()
    endless = under.attacker()
    endless.send(b"x" * 1001)
    settle(under.loop)
    for _ in range(20):
        send_if_open(endless, bytes(100_000))
        settle(under.loop)
    endless.end()
    settle(under.loop)
    assert endless.receive_all() == (b"FRAME TOO LONG\n", "FIN")
    assert under.reasons() == {Reason.FRAME_TOO_LONG: 1}


def test_who_asks_and_asks_and_never_reads_is_cut_and_never_holds_much(siege: Any) -> None:
    under = siege()
    greedy = [under.attacker(receive_buffer=4096) for _ in range(5)]
    most = 0

    def ask() -> None:
        nonlocal most
        for peer in greedy:
            send_if_open(peer, (b"y" * 999 + b"\n") * 1000)
        most = max(most, under.server.statistics().bytes_pending)

    under.pass_time(45, ask)
    assert set(under.reasons()) <= {Reason.WRITE_RATE, Reason.WRITE_TIMEOUT, Reason.SLOW_READER}
    assert sum(under.reasons().values()) == 5
    assert most < 5 * 256 * 1024, "pausing did not bound what is held"


def test_a_flood_from_one_address_takes_a_hundred_places_and_no_more(
    siege: Any, caplog: pytest.LogCaptureFixture
) -> None:
    under = siege()
    crowd = [Peer(under.address) for _ in range(400)]
    under.attackers += crowd
    pump(under.loop, lambda: under.server.statistics().refused == 300)
    assert under.server.statistics().refused_by == {"max_per_address": 300}
    assert len([record for record in caplog.records if "refused" in record.getMessage()]) == 1
    under.ask()
    Peer(under.address, source="127.0.0.7").close()


def test_a_flood_from_many_addresses_comes_in_at_the_rate(siege: Any) -> None:
    under = siege(accept_rate=(10, 20))
    for host in range(10, 60):
        under.attacker(source=f"127.0.1.{host}")
    assert under.server.statistics().refused_by == {"accept_rate": 31}
    under.ask()


def test_a_message_that_breaks_off_is_told_apart(siege: Any) -> None:
    under = siege()
    broken = under.attacker()
    broken.send(b"one\ntw")
    broken.end()
    settle(under.loop)
    assert broken.receive_all() == (b"ONE\nFRAME CUT OFF\n", "FIN")
    assert under.reasons() == {Reason.FRAME_CUT_OFF: 1}


def test_the_honest_client_outlives_all_of_it_and_goes_in_order_at_last(siege: Any) -> None:
    under, told = siege(max_lifetime=170), []
    under.server.on("timeout", lambda conn, kind: told.append(kind))
    for _ in range(10):
        under.attacker()
        under.attacker(receive_buffer=4096).send(b"y" * 999 + b"\n")
        under.attacker().send(b"unfinish")
    under.pass_time(169)
    assert Reason.MAX_LIFETIME not in under.reasons()
    pass_until(under.loop, under.clock, lambda: Reason.MAX_LIFETIME in told, 34)
    assert under.honest.receive_all() == (b"", "FIN")
    under.honest.end()
    pump(under.loop, lambda: not under.server.connections)
    assert under.reasons()[Reason.MAX_LIFETIME] == 1


def test_at_its_end_it_tells_who_broke_which_limit() -> None:
    with running(str(ROOT / "examples" / "hardened.py"), "0") as program:
        with Peer(program.address()) as one, Peer(program.address()) as other:
            one.send(b"bye\n")
            one.end()
            assert one.receive_all() == (b"BYE\n", "FIN")
            other.send(b"x" * 1001)
            other.end()
            assert other.receive_all() == (b"FRAME TOO LONG\n", "FIN")
        program.ask_to_stop()
        status, printed = program.finish()
    assert status == 0
    assert "ended: {'peer ended': 1, 'frame too long': 1} refused: {}" in printed
