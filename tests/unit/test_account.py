"""Why a connection ends: the first cause counts, and each reason has its row. No connection, no clock."""

from __future__ import annotations

from typing import Any

import pytest

from reactor import CloseReport, Reason
from reactor.net.connection.account import PEER_FIRST, ROWS, UNKNOWN, WE_FIRST, Cause, Fault, Row, Way

GONE, LATER = OSError("gone"), OSError("later")


def report(cause: Cause, **known: Any) -> CloseReport:
    """Of a connection of which both FINs have passed and everything has arrived, but for what is `known`."""
    ended: dict[str, Any] = {"phase": "lingering", "fin_sent": True, "read": 10, "discarded": 2, "written": 20}
    counted: dict[str, Any] = {"unsent": 0, "unacked": 0, "opened_at": 100.0, "now": 103.5}
    return cause.report(**(ended | counted | known))


# The table.


def test_each_reason_has_one_row() -> None:
    assert list(ROWS) == list(Reason)


def test_a_reason_that_says_nothing_else_is_a_reset_that_nobody_is_told_of_before() -> None:
    assert Row() == (Way.RESET, False, False, False, False)


@pytest.mark.parametrize("reason", Reason, ids=[reason.name for reason in Reason])
def test_what_ends_in_order_at_once_sends_its_fin_by_itself(reason: Reason) -> None:
    row = ROWS[reason]
    assert row.fin_first or row.way is not Way.IN_ORDER


# The first cause counts.

FIRST = {
    "because": UNKNOWN.because(Reason.IDLE).because(Reason.RESET),
    "cut": UNKNOWN.cut(Reason.IDLE).cut(Reason.RESET),
    "because, then cut": UNKNOWN.because(Reason.IDLE).cut(Reason.RESET),
    "cut, then because": UNKNOWN.cut(Reason.IDLE).because(Reason.RESET),
}


@pytest.mark.parametrize("cause", FIRST.values(), ids=FIRST)
def test_the_first_reason_counts_and_what_was_cut_once_is_closed_with_rst(cause: Cause) -> None:
    assert (cause.reason, cause.abort) == (Reason.IDLE, cause != FIRST["because"])


def test_the_first_error_counts_with_whose_fault_it_was() -> None:
    cause = UNKNOWN.blame(Fault.NETWORK, GONE).blame(Fault.LISTENER, LATER)
    assert (cause.error, cause.fault) == (GONE, Fault.NETWORK)


def test_nobody_is_blamed_for_no_error() -> None:
    assert UNKNOWN.blame(Fault.PROGRAM, None) is UNKNOWN


@pytest.mark.parametrize(
    ("ours_first", "shared", "orderly"), [(True, WE_FIRST, Reason.ENDED), (False, PEER_FIRST, Reason.PEER_ENDED)]
)
def test_a_fin_adds_how_the_end_was_and_takes_nothing_away(ours_first: bool, shared: Cause, orderly: Reason) -> None:
    assert UNKNOWN.fin_read(ours_first) == shared
    cause = UNKNOWN.because(Reason.IDLE).blame(Fault.NETWORK, GONE)
    assert cause.fin_read(ours_first) == cause._replace(orderly=orderly)


def test_a_cause_never_changes() -> None:
    before = UNKNOWN.because(Reason.IDLE)
    before.cut(Reason.RESET).blame(Fault.NETWORK, GONE).fin_read(True)
    assert (UNKNOWN, before) == (Cause(), Cause(Reason.IDLE))


# The report.


@pytest.mark.parametrize(
    ("cause", "reason"),
    [
        (PEER_FIRST, Reason.PEER_ENDED), (WE_FIRST, Reason.ENDED), (WE_FIRST.because(Reason.IDLE), Reason.IDLE),
        (UNKNOWN, Reason.ENDED),
    ],
)  # fmt: skip
def test_the_reason_is_the_first_cause_other_than_an_orderly_end(cause: Cause, reason: Reason) -> None:
    assert report(cause).reason is reason


def test_a_report_carries_what_was_counted() -> None:
    cause = UNKNOWN.cut(Reason.IDLE).blame(Fault.NETWORK, GONE)
    assert report(cause, phase="draining", unsent=3, unacked=4) == CloseReport(
        Reason.IDLE, "draining", GONE, False, 10, 2, 20, 3, 4, 100.0, 3.5
    )


CLEAN: list[tuple[Cause, dict[str, Any], bool]] = [
    (PEER_FIRST, {}, True),
    (WE_FIRST, {}, True),
    (WE_FIRST.because(Reason.MAX_LIFETIME), {}, True),  # the reason alone loses nothing
    (UNKNOWN, {}, False),  # the peer's FIN was not read
    (WE_FIRST, {"fin_sent": False}, False),
    (WE_FIRST, {"unsent": 1}, False),
    (WE_FIRST, {"unacked": 1}, False),
    (WE_FIRST.blame(Fault.PROGRAM, GONE), {}, False),
    (WE_FIRST, {"unacked": None}, True),
    (WE_FIRST.because(Reason.MAX_LIFETIME), {"unacked": None}, False),  # nobody can tell what has arrived
]


@pytest.mark.parametrize(("cause", "known", "clean"), CLEAN)
def test_clean_means_both_fins_nothing_lost_and_no_error(cause: Cause, known: dict[str, Any], clean: bool) -> None:
    assert report(cause, **known).clean == clean
