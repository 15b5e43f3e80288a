"""The table of deadlines in closing.md, row by row, and which of several wins. No connection, no clock: a state,
settings, and what a connection knows about its own time.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from reactor.net.connection.account import Reason
from reactor.net.connection.states import OPEN, STATES, Read, State, Write
from reactor.net.deadlines.agenda import NEVER
from reactor.net.deadlines.rules import Moments, soonest
from reactor.net.settings import Settings

OFF: dict[str, Any] = {
    "idle_timeout": None,
    "read_timeout": None,
    "write_timeout": None,
    "linger_timeout": None,
    "half_open_timeout": None,
}
NOW = 1000.0


def only(**settings: Any) -> Settings:
    """Settings with all deadlines off but these."""
    return Settings(**(OFF | settings))


def moments(**known: Any) -> Moments:
    """A connection opened at 100 on which nothing has happened since, looked at at 1000."""
    given = dict.fromkeys(("read_at", "wrote_at", "acked_at", "kept_at", "since"), 100.0)
    flags = dict.fromkeys(("pending", "unacked", "gone", "piped"), False)
    return Moments(**({"now": NOW, "end_by": NEVER} | given | flags | known))


def state(read: Read = Read.OPEN, write: Write = Write.OPEN) -> State:
    return STATES[True, read, write]


def ends(where: State, settings: Settings, **known: Any) -> tuple[float, Reason] | None:
    """When it ends and why; None if no deadline runs."""
    moment, reason = soonest(where, settings, moments(**known))
    return None if reason is None else (moment, reason)


ENDED_HALF = state(write=Write.ENDED)
DROPPED = state(Read.DISCARDING, Write.ENDED)
BOTH_ENDED = state(Read.ENDED, Write.ENDED)
PEER_ENDED = state(read=Read.ENDED)
PAUSED = state(read=Read.PAUSED)
DRAINING = state(write=Write.ENDING)

# idle_timeout


def test_idle_counts_from_the_last_byte_received() -> None:
    assert ends(OPEN, only(idle_timeout=60), read_at=500.0) == (560.0, Reason.IDLE)


def test_idle_counts_from_the_last_byte_acknowledged() -> None:
    assert ends(OPEN, only(idle_timeout=60), acked_at=500.0) == (560.0, Reason.IDLE)


def test_idle_counts_from_the_last_touch() -> None:
    assert ends(OPEN, only(idle_timeout=60), kept_at=500.0) == (560.0, Reason.IDLE)


def test_idle_is_not_kept_by_writing_what_nobody_acknowledges() -> None:
    assert ends(OPEN, only(idle_timeout=60), wrote_at=500.0, unacked=True) == (160.0, Reason.IDLE)


@pytest.mark.parametrize("where", [PAUSED, PEER_ENDED])
def test_idle_runs_also_while_paused_or_after_the_peers_fin(where: State) -> None:
    assert ends(where, only(idle_timeout=60)) == (160.0, Reason.IDLE)


@pytest.mark.parametrize("write", [Write.ENDING, Write.ENDED, Write.BROKEN])
def test_idle_stops_once_our_half_is_ending(write: Write) -> None:
    assert ends(state(write=write), only(idle_timeout=60)) is None


# read_timeout


def test_read_timeout_counts_from_the_last_byte_received() -> None:
    assert ends(OPEN, only(read_timeout=60), read_at=500.0) == (560.0, Reason.READ_TIMEOUT)


def test_read_timeout_is_kept_by_a_touch() -> None:
    assert ends(OPEN, only(read_timeout=60), kept_at=500.0) == (560.0, Reason.READ_TIMEOUT)


def test_read_timeout_is_not_kept_by_what_we_push() -> None:
    known = {"wrote_at": 500.0, "acked_at": 500.0}
    assert ends(OPEN, only(read_timeout=60), **known) == (160.0, Reason.READ_TIMEOUT)


def test_read_timeout_does_not_run_while_the_program_has_paused() -> None:
    assert ends(PAUSED, only(read_timeout=60)) is None


def test_read_timeout_starts_anew_with_resume() -> None:
    assert ends(OPEN, only(read_timeout=60), since=500.0) == (560.0, Reason.READ_TIMEOUT)


def test_read_timeout_ends_with_the_peers_fin() -> None:
    assert ends(PEER_ENDED, only(read_timeout=60)) is None


@pytest.mark.parametrize("write", [Write.ENDING, Write.ENDED, Write.BROKEN])
def test_read_timeout_stops_once_our_half_is_ending(write: Write) -> None:
    assert ends(state(write=write), only(read_timeout=60)) is None


# write_timeout


def test_write_timeout_runs_while_output_is_pending() -> None:
    assert ends(OPEN, only(write_timeout=60), pending=True, now=100.0) is None  # a look comes before
    assert ends(OPEN, only(write_timeout=60), pending=True) == (160.0, Reason.WRITE_TIMEOUT)


def test_write_timeout_does_not_run_with_nothing_pending() -> None:
    assert soonest(OPEN, only(write_timeout=60), moments()) == (NEVER, None)


def test_write_timeout_counts_from_the_last_byte_the_kernel_took() -> None:
    known = {"pending": True, "wrote_at": 939.0}
    assert ends(OPEN, only(write_timeout=60), **known) == (999.0, Reason.WRITE_TIMEOUT)


def test_write_timeout_counts_from_the_last_byte_acknowledged() -> None:
    known = {"pending": True, "acked_at": 939.0}
    assert ends(OPEN, only(write_timeout=60), **known) == (999.0, Reason.WRITE_TIMEOUT)


def test_write_timeout_is_not_kept_by_what_the_peer_sends() -> None:
    known = {"pending": True, "read_at": NOW, "kept_at": NOW}
    assert ends(OPEN, only(write_timeout=60), **known) == (160.0, Reason.WRITE_TIMEOUT)


@pytest.mark.parametrize("where", [DRAINING, ENDED_HALF, DROPPED, BOTH_ENDED])
def test_write_timeout_runs_while_something_is_unacknowledged_once_we_end(where: State) -> None:
    assert ends(where, only(write_timeout=60), unacked=True) == (160.0, Reason.WRITE_TIMEOUT)


def test_write_timeout_does_not_run_for_what_is_unacknowledged_while_we_are_open() -> None:
    assert ends(OPEN, only(write_timeout=60), unacked=True) is None


def test_acknowledgements_are_asked_for_several_times_while_output_is_stuck() -> None:
    moment, reason = soonest(OPEN, only(write_timeout=60), moments(pending=True, wrote_at=NOW))
    assert reason is None
    assert NOW < moment <= NOW + 15


# linger_timeout


def test_linger_runs_once_everything_is_acknowledged_and_the_peers_fin_is_awaited() -> None:
    assert ends(ENDED_HALF, only(linger_timeout=30)) == (130.0, Reason.LINGER_TIMEOUT)


def test_linger_counts_from_the_acknowledgement_of_our_fin() -> None:
    assert ends(ENDED_HALF, only(linger_timeout=30), acked_at=500.0) == (530.0, Reason.LINGER_TIMEOUT)


def test_linger_does_not_run_while_something_is_unacknowledged() -> None:
    for where in (ENDED_HALF, DROPPED):
        assert ends(where, only(linger_timeout=30), unacked=True) is None


def test_linger_does_not_run_while_output_is_pending() -> None:
    assert ends(DRAINING, only(linger_timeout=30), pending=True) is None


def test_what_the_peer_sends_starts_the_linger_anew_after_end() -> None:
    assert ends(ENDED_HALF, only(linger_timeout=30), read_at=500.0) == (530.0, Reason.LINGER_TIMEOUT)


def test_what_the_peer_sends_does_not_prolong_the_linger_after_destroy_soon() -> None:
    assert ends(DROPPED, only(linger_timeout=30), read_at=500.0) == (130.0, Reason.LINGER_TIMEOUT)


def test_a_pause_by_the_program_stops_the_linger() -> None:
    assert ends(state(Read.PAUSED, Write.ENDED), only(linger_timeout=30)) is None


def test_linger_does_not_run_before_our_fin() -> None:
    for where in (OPEN, PAUSED, PEER_ENDED, DRAINING):
        assert ends(where, only(linger_timeout=30)) is None


def test_unacknowledged_bytes_after_both_fins_are_waited_for_no_longer_than_a_linger_without_progress() -> None:
    known = {"unacked": True, "acked_at": 500.0}
    assert ends(BOTH_ENDED, only(linger_timeout=30), **known) == (530.0, Reason.LINGER_TIMEOUT)


def test_acknowledgements_are_asked_for_while_they_are_all_that_is_missing() -> None:
    moment, reason = soonest(BOTH_ENDED, only(linger_timeout=30), moments(unacked=True, acked_at=NOW, since=NOW))
    assert reason is None
    assert NOW < moment < NOW + 30


# half_open_timeout


def test_half_open_runs_while_the_peer_has_ended_and_we_write_nothing() -> None:
    assert ends(PEER_ENDED, only(half_open_timeout=600), since=200.0) == (800.0, Reason.HALF_OPEN_TIMEOUT)


def test_half_open_starts_anew_with_what_the_kernel_takes() -> None:
    assert ends(PEER_ENDED, only(half_open_timeout=600), wrote_at=300.0) == (900.0, Reason.HALF_OPEN_TIMEOUT)


def test_half_open_does_not_run_while_output_is_pending() -> None:
    assert ends(PEER_ENDED, only(half_open_timeout=600), pending=True) is None


@pytest.mark.parametrize("write", [Write.ENDED, Write.BROKEN])
def test_half_open_runs_while_paused_with_our_half_over(write: Write) -> None:
    expected = (700.0, Reason.HALF_OPEN_TIMEOUT)
    assert ends(state(Read.PAUSED, write), only(half_open_timeout=600)) == expected


@pytest.mark.parametrize("write", [Write.OPEN, Write.ENDED, Write.BROKEN])
def test_half_open_runs_while_paused_and_the_peer_is_gone(write: Write) -> None:
    expected = (700.0, Reason.HALF_OPEN_TIMEOUT)
    assert ends(state(Read.PAUSED, write), only(half_open_timeout=600), gone=True) == expected


def test_half_open_does_not_run_while_a_pipe_waits_for_another_connection() -> None:
    paused = moments(gone=True, piped=True)
    assert soonest(state(Read.PAUSED), only(half_open_timeout=5), paused) == (NEVER, None)


def test_half_open_does_not_run_on_an_open_connection_paused_or_not() -> None:
    for where in (OPEN, PAUSED, DRAINING, ENDED_HALF):
        assert ends(where, only(half_open_timeout=600)) is None


# The timeout given to end() and destroy_soon()


@pytest.mark.parametrize("where", [DRAINING, ENDED_HALF, DROPPED, BOTH_ENDED, state(Read.DISCARDING, Write.ENDING)])
def test_the_timeout_of_the_call_bounds_the_whole_ending(where: State) -> None:
    assert ends(where, only(), end_by=800.0) == (800.0, Reason.END_TIMEOUT)


# Several at once


def test_the_earliest_deadline_wins() -> None:
    settings = only(idle_timeout=60, read_timeout=50, write_timeout=40, half_open_timeout=30)
    assert ends(OPEN, settings, pending=True) == (140.0, Reason.WRITE_TIMEOUT)
    assert ends(OPEN, settings) == (150.0, Reason.READ_TIMEOUT)
    assert ends(PEER_ENDED, settings) == (130.0, Reason.HALF_OPEN_TIMEOUT)
    assert ends(PAUSED, settings) == (160.0, Reason.IDLE)
    assert ends(DRAINING, settings, pending=True, end_by=110.0) == (110.0, Reason.END_TIMEOUT)


def test_nothing_runs_with_everything_off() -> None:
    for where in STATES.values():
        for pending, unacked, gone in product((False, True), repeat=3):
            known = moments(pending=pending, unacked=unacked, gone=gone)
            assert soonest(where, only(), known) == (NEVER, None)


def test_nothing_runs_on_an_open_connection_by_default() -> None:
    assert soonest(OPEN, Settings(), moments()) == (NEVER, None)
    assert soonest(PAUSED, Settings(), moments()) == (NEVER, None)


def waits_for_ever(where: State) -> bool:
    """May this state last? Open both ways, connecting, or over: all others must end by themselves."""
    return not where.connected or where.over or (where.write is Write.OPEN and where.read is not Read.ENDED)


def test_whoever_is_closing_half_closed_or_gone_has_a_deadline_by_default() -> None:
    for where in STATES.values():
        for pending, unacked, gone in product((False, True), repeat=3):
            drained = where.write is Write.ENDING and not pending  # FIN follows in the same turn
            absent = gone and where.read is not Read.PAUSED
            if drained or absent or (waits_for_ever(where) and not (gone and where.connected)):
                continue
            moment, _ = soonest(where, Settings(), moments(pending=pending, unacked=unacked, gone=gone))
            assert moment < NEVER, (where, pending, unacked, gone)


def test_every_wait_of_an_ending_connection_is_over_in_the_end() -> None:
    """Whatever looks are taken in between: when nothing moves any more, a reason comes."""
    for where in STATES.values():
        for pending, unacked, gone in product((False, True), repeat=3):
            later = moments(now=1e6, pending=pending, unacked=unacked, gone=gone)
            moment, reason = soonest(where, Settings(), later)
            assert moment == NEVER or (moment < 1e6 and reason is not None), (where, later)
