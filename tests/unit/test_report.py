"""The accounts: what a close report and a shutdown report say, and how a server counts."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from reactor import CloseReport, Reason, ShutdownReport
from reactor.net.server.tally import Tally

# closing.md, "The report"
REASONS = """
    PEER_ENDED, ENDED, DESTROYED, RESET, DETACHED, PEER_RESET, NETWORK_ERROR, IDLE, READ_TIMEOUT, WRITE_TIMEOUT,
    LINGER_TIMEOUT, HALF_OPEN_TIMEOUT, FIRST_BYTE_TIMEOUT, MAX_LIFETIME, READ_RATE, WRITE_RATE, SLOW_READER,
    END_TIMEOUT, CONNECT_TIMEOUT, CONNECT_FAILED, LISTENER_FAILED, SHUTDOWN_DEADLINE, GIVEN_UP,
    DECODE_FAILED, FRAME_TOO_LONG, FRAME_CUT_OFF, FILE_FAILED, BUFFER_LIMIT, REFUSED
"""
FIELDS = [
    "reason", "phase", "error", "clean", "bytes_read", "bytes_discarded", "bytes_written", "bytes_unsent",
    "bytes_unacked", "opened_at", "duration",
]  # fmt: skip


def report(**given: Any) -> CloseReport:
    known: dict[str, Any] = {"reason": Reason.ENDED, "phase": "lingering", "error": None, "clean": True}
    return CloseReport(**(dict.fromkeys(FIELDS, 0) | known | {"opened_at": 1000.0, "duration": 1.0} | given))


def test_there_are_exactly_the_reasons_that_closing_md_names() -> None:
    assert ", ".join(reason.name for reason in Reason) == " ".join(REASONS.split())


def test_a_reason_reads_as_words_and_can_be_counted() -> None:
    assert Reason.WRITE_TIMEOUT.value == "write timeout"
    assert len({reason.value for reason in Reason}) == len(Reason)
    assert repr(Reason.IDLE) == "Reason.IDLE"
    assert dict.fromkeys(Reason, 1)[Reason.IDLE] == 1
    assert len(set(Reason)) == len(Reason)


def test_a_close_report_says_everything_that_closing_md_names() -> None:
    assert list(CloseReport._fields) == FIELDS


@pytest.mark.parametrize(
    "told", [report(), Tally().since(Tally(), 1.0), Tally().statistics(0, [])], ids=lambda told: type(told).__name__
)
def test_a_report_cannot_be_changed(told: Any) -> None:
    for name in told._fields:
        with pytest.raises(AttributeError):
            setattr(told, name, 5)


def test_a_tally_counts_endings_by_reason_and_bytes() -> None:
    tally = Tally()
    tally.add(report(bytes_read=10, bytes_written=20))
    tally.add(report(reason=Reason.RESET, clean=False, bytes_unsent=5, bytes_read=1))
    tally.add(report(reason=Reason.RESET, clean=False, bytes_unsent=7))
    seen = tally.statistics(open_now=0, live=[])
    assert seen.ended == {Reason.ENDED: 1, Reason.RESET: 2}
    assert (seen.bytes_read, seen.bytes_written, seen.bytes_unsent) == (11, 20, 12)


def test_statistics_include_what_open_connections_have_moved() -> None:
    tally = Tally()
    tally.add(report(bytes_read=10, bytes_written=20))
    moved = [{"bytes_read": 100, "bytes_written": 200, "pending_bytes": 7}, {"bytes_read": 1, "bytes_written": 2}]
    live = [SimpleNamespace(**({"pending_bytes": 0} | known)) for known in moved]
    seen = tally.statistics(open_now=2, live=live)
    assert (seen.open, seen.bytes_read, seen.bytes_written, seen.bytes_pending) == (2, 111, 222, 7)


def test_statistics_count_those_never_let_in() -> None:
    tally = Tally()
    tally.refused.update(block=2, max_connections=1)
    seen = tally.statistics(open_now=0, live=[])
    assert (seen.refused, seen.ended) == (3, {Reason.REFUSED: 3})
    assert seen.refused_by == {"block": 2, "max_connections": 1}


def test_statistics_and_a_copy_of_a_tally_are_snapshots() -> None:
    tally = Tally()
    before, twin = tally.statistics(open_now=0, live=[]), tally.copy()
    tally.add(report())
    assert before.ended == twin.statistics(0, []).ended == {}


def test_a_shutdown_report_counts_only_what_ended_since_the_stop_began() -> None:
    tally = Tally()
    tally.add(report(bytes_unsent=100, clean=False))
    before = tally.copy()
    tally.add(report())
    for unsent in (2, 3):
        tally.add(report(reason=Reason.SHUTDOWN_DEADLINE, clean=False, bytes_unsent=unsent))
    stopped = tally.since(before, seconds=2.5)
    assert (stopped.cut, tally.since(tally.copy(), 1.0).cut) == (2, 0)
    by_reason = {Reason.ENDED: 1, Reason.SHUTDOWN_DEADLINE: 2}
    assert stopped == ShutdownReport(connections=3, clean=1, by_reason=by_reason, bytes_unsent=5, seconds=2.5)


def test_a_shutdown_report_reads_as_one_line() -> None:
    tally, before = Tally(), Tally()
    tally.add(report())
    tally.add(report(reason=Reason.SHUTDOWN_DEADLINE, clean=False, bytes_unsent=5))
    text = str(tally.since(before, 2.5))
    assert "\n" not in text
    for told in ("2.500 s", "2 connections", "1 of them clean", "1 ended", "1 shutdown deadline", "5 bytes unsent"):
        assert told in text
    assert "0 connections" in str(Tally().since(Tally(), 0.0))
