"""Several addresses: one after the other, the next as soon as one has failed or has not answered for a while, and the
first to answer wins (RFC 8305, section 5). Here with sockets; the race by itself is in `tests/unit/test_attempts.py`.
"""

from __future__ import annotations

import errno
import resource
import socket

import pytest

from reactor import AttemptsFailed, Reactor, Reason, connect
from reactor.testing import ManualClock, pump, settle
from tests.support.far_ends import ACCEPTS, REFUSES, SILENT, FarEnds, attempts_under_way, connected
from tests.support.recording import Heard

ONE, TWO, THREE, FOUR, FIVE = (f"127.0.0.{number}" for number in range(2, 7))


def attempts(heard: Heard) -> list[str]:
    """The hosts that were tried, in order."""
    return [host for host, _, _ in heard.of("connection_attempt")]


def wait_a_delay(loop: Reactor, clock: ManualClock) -> None:
    """Until the first address is late and the next is tried."""
    settle(loop)
    clock.advance(0.25)
    settle(loop)


# The order, and when the next one is tried.


def test_the_families_take_turns_and_addresses_are_told_in_the_order_in_which_they_are_tried(loop: Reactor) -> None:
    with FarEnds(dict.fromkeys((ONE, TWO, "::1", THREE), REFUSES)) as ends:
        conn = ends.connect(loop)
        heard = Heard(conn)
        heard.report(loop)
        expected = [ONE, "::1", TWO, THREE]
        assert attempts(heard) == [address for _, address, _, _ in heard.of("lookup")] == expected
        assert heard.names()[:5] == ["lookup"] * 4 + ["connection_attempt"]
        assert list(conn.attempted_addresses) == [(host, ends.port) for host in expected]
        assert [family for _, _, family in heard.of("connection_attempt")][:2] == [socket.AF_INET, socket.AF_INET6]


def test_after_a_failure_the_next_is_tried_at_once(each_loop: Reactor, clock: ManualClock) -> None:
    with FarEnds({ONE: REFUSES, TWO: REFUSES, THREE: ACCEPTS}) as ends:
        conn = ends.connect(each_loop)
        heard = Heard(conn)
        connected(each_loop, conn)
        assert clock() == 1000  # no time went by
        assert [name for name in heard.names() if name != "lookup"] == [
            "connection_attempt", "connection_attempt_failed", "connection_attempt", "connection_attempt_failed",
            "connection_attempt", "connect", "ready",
        ]  # fmt: skip
        (host, port, family, error), _ = heard.of("connection_attempt_failed")
        assert (host, port, family) == (ONE, ends.port, socket.AF_INET)
        assert isinstance(error, ConnectionRefusedError)
        assert error.strerror == f"connect ECONNREFUSED {ONE}:{ends.port}"


@pytest.mark.parametrize("delay", [None, 3.0])
def test_one_that_does_not_answer_is_given_the_attempt_delay_and_then_the_next_is_tried_beside_it(
    delay: float | None, each_loop: Reactor, clock: ManualClock
) -> None:
    with FarEnds({ONE: SILENT, TWO: ACCEPTS}) as ends:
        conn = ends.connect(each_loop, **({} if delay is None else {"attempt_delay": delay}))
        heard = Heard(conn)
        settle(each_loop)
        clock.advance((delay or 0.25) * 0.99)
        settle(each_loop)
        assert attempts(heard) == [ONE]
        assert heard.of("connection_attempt_timeout") == []
        clock.advance((delay or 0.25) * 0.011)
        connected(each_loop, conn)
        assert conn.remote_address == (TWO, ends.port)
        assert heard.of("connection_attempt_timeout") == [(ONE, ends.port, socket.AF_INET)]
        assert heard.names()[2:] == [
            "connection_attempt", "connection_attempt_timeout", "connection_attempt", "connect", "ready",
        ]  # fmt: skip


def test_one_that_fails_beside_another_makes_room_for_the_next_at_once(loop: Reactor, clock: ManualClock) -> None:
    with FarEnds({ONE: SILENT, TWO: REFUSES, THREE: SILENT, FOUR: ACCEPTS}) as ends:
        conn = ends.connect(loop)
        heard = Heard(conn)
        wait_a_delay(loop, clock)
        assert attempts(heard) == [ONE, TWO, THREE]
        ends.fail(ONE)
        connected(loop, conn)
        assert conn.remote_address == (FOUR, ends.port)


def test_two_that_fail_in_one_turn_make_room_for_one(loop: Reactor, clock: ManualClock) -> None:
    with FarEnds(dict.fromkeys((ONE, TWO, THREE, FOUR), SILENT)) as ends:
        heard = Heard(ends.connect(loop))
        wait_a_delay(loop, clock)
        ends.fail(ONE)
        ends.fail(TWO)
        settle(loop)
        assert (len(heard.of("connection_attempt_failed")), attempts(heard)) == (2, [ONE, TWO, THREE])


# Who wins, and what becomes of the others.


def test_a_late_first_one_still_wins(each_loop: Reactor, clock: ManualClock) -> None:
    with FarEnds({ONE: SILENT, TWO: SILENT, THREE: SILENT}) as ends:
        conn = ends.connect(each_loop)
        heard = Heard(conn)
        under_way: list[int] = []
        conn.on("connect", lambda conn: under_way.append(attempts_under_way()))
        wait_a_delay(each_loop, clock)
        assert attempts_under_way() == 2
        peer = ends.answer(ONE)
        connected(each_loop, conn)
        assert conn.remote_address == (ONE, ends.port)
        assert under_way == [0]  # the descriptor of the other one is back already
        conn.write(b"hello")
        assert peer.receive(5) == b"hello"
        assert list(conn.attempted_addresses) == [(ONE, ends.port), (TWO, ends.port)]
        assert len(heard.of("connect")) == 1


def test_when_one_has_won_nothing_more_is_tried_or_told_and_no_timer_is_left(loop: Reactor, clock: ManualClock) -> None:
    with FarEnds({ONE: ACCEPTS, TWO: ACCEPTS, THREE: SILENT}) as ends:
        conn = ends.connect(loop)
        heard = Heard(conn)
        connected(loop, conn)
        told = list(heard.events)
        assert loop.statistics().timers == 0
        clock.advance(1000)
        settle(loop)
        assert (heard.events, conn.state) == (told, "open")
        assert ends.nobody_came(TWO)


@pytest.mark.parametrize("first_to_answer", [ONE, TWO])
def test_of_two_that_answer_in_one_turn_one_is_the_connection_and_the_other_is_closed(
    first_to_answer: str, each_loop: Reactor, clock: ManualClock
) -> None:
    with FarEnds({ONE: SILENT, TWO: SILENT}) as ends:
        conn = ends.connect(each_loop)
        heard = Heard(conn)
        wait_a_delay(each_loop, clock)
        order = [first_to_answer, ONE if first_to_answer == TWO else TWO]
        peers = {host: ends.answer(host) for host in order}
        connected(each_loop, conn)
        settle(each_loop)
        winner = peers.pop(conn.remote_address[0])
        (loser,) = peers.values()
        assert loser.outcome() in ("FIN", "ECONNRESET")
        winner.send(b"x")
        pump(each_loop, lambda: heard.data() == b"x")
        assert (len(heard.of("connect")), heard.of("connection_attempt_failed")) == (1, [])


def test_the_descriptor_of_one_that_fails_is_given_back_before_that_is_told(loop: Reactor) -> None:
    with FarEnds({ONE: SILENT, TWO: ACCEPTS}) as ends:
        conn = ends.connect(loop)
        under_way: list[int] = []
        conn.on("connection_attempt_failed", lambda *_: under_way.append(attempts_under_way()))
        settle(loop)
        ends.fail(ONE)
        connected(loop, conn)
        assert under_way == [0]


@pytest.mark.parametrize("ending", ["destroy", "reset", "destroy_soon"])
def test_the_descriptors_of_all_attempts_are_given_back_in_the_turn_of_a_hard_end(
    ending: str, each_loop: Reactor, clock: ManualClock
) -> None:
    with FarEnds({ONE: SILENT, TWO: SILENT, THREE: SILENT}) as ends:
        conn = ends.connect(each_loop)
        wait_a_delay(each_loop, clock)
        assert attempts_under_way() == 2
        getattr(conn, ending)()
        each_loop.run_once(0)
        assert (attempts_under_way(), each_loop.statistics().timers) == (0, 0)


# When none answers.


def test_the_error_of_one_address_is_told_as_it_is(each_loop: Reactor) -> None:
    with FarEnds({ONE: REFUSES}) as ends:
        heard = Heard(connect(each_loop, ONE, ends.port))
        report = heard.report(each_loop)
        error = heard.error()
        assert (error.errno, error.strerror) == (errno.ECONNREFUSED, f"connect ECONNREFUSED {ONE}:{ends.port}")
        assert (error.syscall, error.address, error.port) == ("connect", ONE, ends.port)
        assert type(error) is ConnectionRefusedError
        assert heard.of("connection_attempt_failed") == [(ONE, ends.port, socket.AF_INET, error)]
        assert heard.names() == ["connection_attempt", "connection_attempt_failed", "error", "close"]
        assert (report.reason, report.phase, report.error) == (Reason.CONNECT_FAILED, "connecting", error)
        assert not report.clean


def test_several_failures_are_one_error_that_names_every_attempt(loop: Reactor, clock: ManualClock) -> None:
    with FarEnds({ONE: SILENT, "::1": REFUSES, TWO: REFUSES}) as ends:
        heard = Heard(ends.connect(loop))
        wait_a_delay(loop, clock)
        assert heard.of("error") == []  # the first one may still answer
        ends.fail(ONE)
        report = heard.report(loop)
        error = heard.error()
        refused = [f"connect ECONNREFUSED [::1]:{ends.port}", f"connect ECONNREFUSED {TWO}:{ends.port}"]
        reset = f"connect ECONNRESET {ONE}:{ends.port}"
        assert [each.strerror for each in error.errors] == [*refused, reset]  # in the order in which they failed
        assert error.strerror == "; ".join([*refused, reset])
        assert (error.errno, error.syscall, error.address) == (errno.ECONNREFUSED, "connect", "::1")
        assert type(error) is AttemptsFailed
        assert [args[-1] for args in heard.of("connection_attempt_failed")] == error.errors
        assert (report.reason, report.phase, report.error) == (Reason.CONNECT_FAILED, "connecting", error)


def test_attempts_failed_is_an_os_error_in_every_message(loop: Reactor, caplog: pytest.LogCaptureFixture) -> None:
    with FarEnds({ONE: REFUSES, TWO: REFUSES}) as ends:
        conn = ends.connect(loop)  # nobody listens to `error`: it is logged at INFO
        pump(loop, lambda: conn.report)
        assert f"connect ECONNREFUSED {ONE}:{ends.port}; connect ECONNREFUSED {TWO}:{ends.port}" in caplog.text
        assert {record.levelname for record in caplog.records} == {"INFO"}


def test_when_descriptors_have_run_out_it_fails_and_says_so(loop: Reactor) -> None:
    with FarEnds({ONE: ACCEPTS, TWO: ACCEPTS}) as ends:
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        conn = ends.connect(loop)
        heard = Heard(conn)
        settle(loop, 2)
        with socket.socket() as lowest:  # the kernel gives out the lowest free number
            resource.setrlimit(resource.RLIMIT_NOFILE, (lowest.fileno(), limits[1]))
        try:
            heard.report(loop)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        assert [error.errno for error in heard.error().errors] == [errno.EMFILE] * 2
        assert heard.error().errors[0].strerror == f"socket EMFILE {ONE}:{ends.port}"
        assert ends.nobody_came(ONE)


# The bound over all of it.


@pytest.mark.parametrize("limit", [None, 5.0])
def test_connect_timeout_bounds_all_addresses(limit: float | None, each_loop: Reactor, clock: ManualClock) -> None:
    with FarEnds({ONE: SILENT, TWO: REFUSES, THREE: SILENT}) as ends:
        conn = ends.connect(each_loop, **({} if limit is None else {"connect_timeout": limit}))
        heard = Heard(conn)
        settle(each_loop)
        for share in (0.5, 0.49):
            clock.advance((limit or 60) * share)
            settle(each_loop)
        assert (conn.state, attempts_under_way()) == ("connecting", 2)
        clock.advance((limit or 60) * 0.011)
        each_loop.run_once(0)
        assert attempts_under_way() == 0
        report = heard.report(each_loop)
        error = heard.error()
        assert (error.errno, error.strerror) == (errno.ETIMEDOUT, f"connect ETIMEDOUT far.test:{ends.port}")
        assert (error.syscall, error.address, error.port) == ("connect", "far.test", ends.port)
        assert isinstance(error, TimeoutError)
        assert (report.reason, report.phase, report.error) == (Reason.CONNECT_TIMEOUT, "connecting", error)
        assert heard.names()[-2:] == ["error", "close"]


def test_connect_timeout_bounds_the_lookup_too(loop: Reactor, clock: ManualClock) -> None:
    conn = connect(loop, "far.test", 80, lookup=lambda host, family, done: None)
    heard = Heard(conn)
    settle(loop)
    clock.advance(60)
    assert heard.report(loop).reason is Reason.CONNECT_TIMEOUT
    assert heard.names() == ["error", "close"]


def test_without_a_connect_timeout_it_waits_as_long_as_the_kernel_tries(loop: Reactor, clock: ManualClock) -> None:
    with FarEnds({ONE: SILENT}) as ends:
        conn = ends.connect(loop, connect_timeout=None)
        settle(loop)
        clock.advance(100_000)
        settle(loop)
        assert (conn.state, loop.statistics().timers) == ("connecting", 0)
        ends.answer(ONE)
        connected(loop, conn)


def test_the_turn_that_connects_wins_over_a_connect_timeout_due_in_it(loop: Reactor, clock: ManualClock) -> None:
    with FarEnds({ONE: SILENT}) as ends:
        conn = ends.connect(loop)
        heard = Heard(conn)
        settle(loop)
        ends.answer(ONE)
        clock.advance(60)
        settle(loop)
        assert (conn.state, heard.of("error")) == ("open", [])
