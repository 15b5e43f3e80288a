"""Names: resolved off the loop's thread, or by the program's own `lookup`; not at all for a literal address."""

from __future__ import annotations

import errno
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from reactor import Connection, Reactor, Reason, WrongThread, connect
from reactor.testing import ManualClock, pump, settle
from tests.support.far_ends import ACCEPTS, REFUSES, FarEnds, Heard

HOST = "127.0.0.1"
UNSPEC = socket.AF_UNSPEC
NO_HOST = "no such host.invalid"  # not even asked for: a host name has no spaces


@pytest.fixture
def far() -> Iterator[FarEnds]:
    with FarEnds({HOST: ACCEPTS}) as ends:
        yield ends


class Lookup:
    """A lookup that keeps the question; `done` is for the test to call."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []
        self.answers: list[Callable[..., None]] = []

    def __call__(self, host: str, family: int, done: Callable[..., None]) -> None:
        self.asked.append((host, family))
        self.answers.append(done)

    @property
    def done(self) -> Callable[..., None]:
        (answer,) = self.answers
        return answer


def is_open(conn: Connection) -> Any:
    return lambda: conn.state == "open"


# getaddrinfo.


def test_a_name_is_resolved_told_and_connected_to(each_loop: Reactor, far: FarEnds) -> None:
    conn = connect(each_loop, "localhost", far.port, family=socket.AF_INET)
    heard = Heard(conn)
    pump(each_loop, is_open(conn))
    assert heard.names() == ["lookup", "connection_attempt", "connect", "ready"]
    assert heard.of("lookup") == [(None, HOST, socket.AF_INET, "localhost")]


def test_a_name_that_does_not_exist_is_a_lookup_with_an_error_and_a_failed_connect(each_loop: Reactor) -> None:
    heard = Heard(connect(each_loop, NO_HOST, 80))
    report = heard.report(each_loop)
    error = heard.error()
    assert heard.names() == ["lookup", "error", "close"]
    assert heard.of("lookup") == [(error, None, None, NO_HOST)]
    assert isinstance(error, socket.gaierror)
    assert (error.errno, error.strerror) == (socket.EAI_NONAME, f"getaddrinfo ENOTFOUND {NO_HOST}")
    assert (error.syscall, error.address) == ("getaddrinfo", NO_HOST)
    assert (report.reason, report.phase, report.error) == (Reason.CONNECT_FAILED, "connecting", error)


@pytest.mark.parametrize("name", ["a..b", "x" * 64, "\udcff", ".x"])
def test_a_name_that_idna_refuses_is_a_lookup_with_an_error_too(name: str, loop: Reactor) -> None:
    heard = Heard(connect(loop, name, 80))
    assert heard.report(loop).reason is Reason.CONNECT_FAILED
    assert heard.names() == ["lookup", "error", "close"]
    assert heard.error().errno == socket.EAI_NONAME
    assert heard.error().strerror == f"getaddrinfo ENOTFOUND {name}"


class SlowNames:
    """A getaddrinfo that answers for slow.test only when it is told to."""

    def __init__(self) -> None:
        self._real = socket.getaddrinfo
        self.asked, self.answer, self.answered = threading.Event(), threading.Event(), threading.Event()

    def __call__(self, host: Any, *args: Any, **options: Any) -> Any:
        if host != "slow.test":
            return self._real(host, *args, **options)
        self.asked.set()
        assert self.answer.wait(10)
        self.answered.set()
        return self._real(HOST, *args, **options)


@pytest.fixture
def slow_names(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlowNames]:
    names = SlowNames()
    monkeypatch.setattr(socket, "getaddrinfo", names)
    yield names
    names.answer.set()


def test_the_loop_goes_on_while_a_name_is_resolved(loop: Reactor, far: FarEnds, slow_names: SlowNames) -> None:
    waiting = connect(loop, "slow.test", far.port)
    other = connect(loop, HOST, far.port)
    pump(loop, is_open(other))
    pump(loop, slow_names.asked.is_set)
    settle(loop)
    assert waiting.state == "connecting"
    slow_names.answer.set()
    pump(loop, is_open(waiting))


def test_names_that_are_not_answered_do_not_hold_up_the_jobs_of_the_program(
    loop: Reactor, far: FarEnds, slow_names: SlowNames
) -> None:
    for _ in range(64):  # more than a pool has threads
        connect(loop, "slow.test", far.port)
    pump(loop, slow_names.asked.is_set)
    answers: list[Any] = []
    loop.run_in_thread(str, 5, callback=lambda *answer: answers.append(answer))
    pump(loop, lambda: answers)
    assert answers == [("5", None)]
    loop.close()


def test_run_does_not_wait_for_a_lookup_whose_client_is_gone(
    loop: Reactor, far: FarEnds, slow_names: SlowNames
) -> None:
    conn = connect(loop, "slow.test", far.port)
    heard = Heard(conn)
    pump(loop, slow_names.asked.is_set)
    conn.destroy()
    loop.run()
    assert not slow_names.answer.is_set()
    assert heard.names() == ["close"]


def test_the_answer_for_a_client_that_is_gone_is_dropped(loop: Reactor, far: FarEnds, slow_names: SlowNames) -> None:
    conn = connect(loop, "slow.test", far.port)
    heard = Heard(conn)
    pump(loop, slow_names.asked.is_set)
    conn.destroy()
    settle(loop)
    slow_names.answer.set()
    pump(loop, slow_names.answered.is_set)
    answered: list[object] = []
    loop.run_in_thread(lambda: None, callback=lambda *_: answered.append(1))
    pump(loop, lambda: answered)
    settle(loop)
    assert heard.names() == ["close"]
    assert far.nobody_came()


def test_a_lookup_that_takes_longer_than_the_connect_timeout_fails_the_client(
    loop: Reactor, far: FarEnds, slow_names: SlowNames, clock: ManualClock
) -> None:
    heard = Heard(connect(loop, "slow.test", far.port, connect_timeout=5))
    pump(loop, slow_names.asked.is_set)
    clock.advance(5)
    report = heard.report(loop)
    assert (report.reason, heard.error().errno) == (Reason.CONNECT_TIMEOUT, errno.ETIMEDOUT)


def test_the_reactor_closes_while_a_name_is_resolved(far: FarEnds, slow_names: SlowNames, clock: ManualClock) -> None:
    with Reactor(clock=clock, debug=True) as loop:
        conn = connect(loop, "slow.test", far.port)
        heard = Heard(conn)
        pump(loop, slow_names.asked.is_set)
    assert conn.report is not None
    assert (conn.report.reason, heard.names()) == (Reason.DESTROYED, ["close"])


# The program's own.


@pytest.mark.parametrize("how", ["now", "later", "in the next turn"])
def test_it_may_answer_now_or_later(how: str, each_loop: Reactor, far: FarEnds, clock: ManualClock) -> None:
    asked: list[tuple[str, int]] = []

    def lookup(host: str, family: int, done: Callable[..., None]) -> None:
        asked.append((host, family))
        if how == "now":
            done(None, [HOST])
        elif how == "later":
            each_loop.call_later(5, done, None, [HOST])
        else:
            each_loop.call_soon(done, None, [HOST])

    conn = connect(each_loop, "far.test", far.port, lookup=lookup)
    heard = Heard(conn)
    assert asked == []  # not from inside the call of connect
    settle(each_loop)
    clock.advance(5)
    pump(each_loop, is_open(conn))
    assert asked == [("far.test", UNSPEC)]
    assert heard.names() == ["lookup", "connection_attempt", "connect", "ready"]
    assert heard.of("lookup") == [(None, HOST, socket.AF_INET, "far.test")]


def test_it_is_told_the_family_that_is_wanted_and_what_does_not_fit_is_left_out(loop: Reactor) -> None:
    with FarEnds({HOST: ACCEPTS, "::1": ACCEPTS}) as ends:
        lookup = Lookup()
        conn = connect(loop, "far.test", ends.port, lookup=lookup, family=socket.AF_INET6)
        heard = Heard(conn)
        settle(loop)
        assert lookup.asked == [("far.test", socket.AF_INET6)]
        lookup.done(None, [HOST, "::1"])
        pump(loop, is_open(conn))
        assert heard.of("lookup") == [(None, "::1", socket.AF_INET6, "far.test")]
        assert conn.remote_address == ("::1", ends.port)


def test_several_addresses_are_told_one_by_one_in_the_order_in_which_they_are_tried(loop: Reactor) -> None:
    hosts = ["127.0.0.2", "127.0.0.3", "::1"]
    with FarEnds(dict.fromkeys(hosts, REFUSES)) as ends:
        heard = Heard(ends.connect(loop))
        heard.report(loop)
        told = [address for _, address, _, _ in heard.of("lookup")]
        assert told == [host for host, _, _ in heard.of("connection_attempt")] == ["127.0.0.2", "::1", "127.0.0.3"]
        assert heard.names()[:4] == ["lookup"] * 3 + ["connection_attempt"]


@pytest.mark.parametrize("answer", [HOST, [HOST], (HOST,), {HOST: 1}, [HOST, HOST]])
def test_one_address_may_come_as_text_and_several_in_anything_iterable(
    answer: Any, loop: Reactor, far: FarEnds
) -> None:
    conn = connect(loop, "far.test", far.port, lookup=lambda host, family, done: done(None, answer))
    heard = Heard(conn)
    pump(loop, is_open(conn))
    assert len(heard.of("lookup")) == 1


def test_only_the_first_answer_counts(loop: Reactor, far: FarEnds) -> None:
    lookup = Lookup()
    conn = connect(loop, "far.test", far.port, lookup=lookup)
    heard = Heard(conn)
    settle(loop)
    lookup.done(None, [HOST])
    lookup.done(OSError("too late"))
    lookup.done(None, ["127.0.0.2"])
    pump(loop, is_open(conn))
    lookup.done(OSError("much too late"))
    settle(loop)
    assert (len(heard.of("lookup")), conn.state, heard.of("error")) == (1, "open", [])


def test_the_error_it_answers_with_is_told_as_it_is(loop: Reactor) -> None:
    error = OSError(errno.ENETDOWN, "no name server")
    heard = Heard(connect(loop, "far.test", 80, lookup=lambda host, family, done: done(error)))
    report = heard.report(loop)
    assert heard.events[:-1] == [("lookup", error, None, None, "far.test"), ("error", error)]
    assert (report.reason, report.error, report.phase) == (Reason.CONNECT_FAILED, error, "connecting")


def test_an_error_counts_and_not_what_comes_beside_it(loop: Reactor, far: FarEnds) -> None:
    error = OSError("no")
    heard = Heard(connect(loop, "x", far.port, lookup=lambda host, family, done: done(error, [HOST])))
    heard.report(loop)
    assert heard.error() is error
    assert far.nobody_came()


@pytest.mark.parametrize("answer", [["far.test"], [HOST, "rubbish"], [b"127.0.0.1"], b"127.0.0.1", "rubbish", [None]])
def test_an_answer_that_is_no_address_is_a_lookup_with_an_error(answer: Any, loop: Reactor, far: FarEnds) -> None:
    heard = Heard(connect(loop, "x", far.port, lookup=lambda host, family, done: done(None, answer)))
    report = heard.report(loop)
    assert heard.names() == ["lookup", "error", "close"]
    assert heard.of("lookup") == [(heard.error(), None, None, "x")]
    assert "the lookup of 'x' must answer with IP addresses" in str(heard.error())
    assert report.reason is Reason.CONNECT_FAILED
    assert far.nobody_came()


@pytest.mark.parametrize(("answer", "family"), [([], UNSPEC), ((), UNSPEC), ([HOST], socket.AF_INET6)])
def test_an_answer_in_which_nothing_fits_is_a_name_not_found(answer: Any, family: int, loop: Reactor) -> None:
    heard = Heard(connect(loop, "x", 80, family=family, lookup=lambda host, family, done: done(None, answer)))
    heard.report(loop)
    assert heard.names() == ["lookup", "error", "close"]
    assert heard.error().strerror == "getaddrinfo ENOTFOUND x"


@pytest.mark.expects_errors
def test_a_lookup_that_raises_ends_its_client_like_any_listener(
    loop: Reactor, caplog: pytest.LogCaptureFixture
) -> None:
    def lookup(host: str, family: int, done: Callable[..., None]) -> None:
        done(None, [HOST])
        raise LookupError("mine")

    conn = connect(loop, "x", 80, lookup=lookup)
    heard = Heard(conn)
    report = heard.report(loop)
    assert (report.reason, report.phase) == (Reason.LISTENER_FAILED, "connecting")
    assert isinstance(report.error, LookupError)
    assert heard.names() == ["close"]
    assert [record.levelname for record in caplog.records] == ["ERROR"]


@pytest.mark.parametrize("ending", ["destroy", "reset", "destroy_soon"])
def test_a_lookup_may_end_its_client_and_answer_all_the_same(ending: str, loop: Reactor, far: FarEnds) -> None:
    made: list[Connection] = []

    def lookup(host: str, family: int, done: Callable[..., None]) -> None:
        getattr(made[0], ending)()
        done(None, [HOST])

    made.append(connect(loop, "x", far.port, lookup=lookup))
    heard = Heard(made[0])
    heard.report(loop)
    settle(loop)
    assert heard.names() == ["close"]
    assert far.nobody_came()


def test_an_answer_after_the_end_is_harmless(loop: Reactor, far: FarEnds) -> None:
    lookup = Lookup()
    conn = connect(loop, "x", far.port, lookup=lookup)
    heard = Heard(conn)
    settle(loop)
    conn.destroy()
    lookup.done(None, [HOST])
    heard.report(loop)
    lookup.done(None, [HOST])
    settle(loop)
    assert heard.names() == ["close"]
    assert far.nobody_came()


def test_it_is_not_asked_when_the_client_is_gone_before_the_first_turn(loop: Reactor) -> None:
    lookup = Lookup()
    conn = connect(loop, "x", 80, lookup=lookup)
    conn.destroy()
    settle(loop)
    assert lookup.asked == []


@pytest.mark.parametrize("host", [HOST, "::1", "::ffff:127.0.0.1"])
def test_nobody_is_asked_for_a_literal_address(host: str, loop: Reactor) -> None:
    lookup = Lookup()
    with FarEnds({"::1" if host == "::1" else HOST: ACCEPTS}) as ends:
        conn = connect(loop, host, ends.port, lookup=lookup)
        heard = Heard(conn)
        pump(loop, is_open(conn))
    assert (lookup.asked, heard.of("lookup")) == ([], [])


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("no such name",), "error must be an exception or None, not 'no such name'"),
        ((None,), "addresses must be a list of IP addresses, not None"),
        ((None, 7), "addresses must be a list of IP addresses, not 7"),
    ],
)
def test_done_refuses_what_is_no_answer_at_its_call_and_may_be_called_again(
    arguments: tuple[Any, ...], named: str, loop: Reactor, far: FarEnds
) -> None:
    lookup = Lookup()
    conn = connect(loop, "x", far.port, lookup=lookup)
    settle(loop)
    with pytest.raises(TypeError, match=named):
        lookup.done(*arguments)
    lookup.done(None, [HOST])
    pump(loop, is_open(conn))


def test_done_that_raised_what_its_addresses_raised_may_be_called_again(loop: Reactor, far: FarEnds) -> None:
    def addresses() -> Iterator[str]:
        yield HOST
        raise RuntimeError("half an answer")

    lookup = Lookup()
    conn = connect(loop, "x", far.port, lookup=lookup)
    settle(loop)
    with pytest.raises(RuntimeError):
        lookup.done(None, addresses())
    lookup.done(None, [HOST])
    pump(loop, is_open(conn))


def test_with_an_error_nobody_looks_at_the_addresses(loop: Reactor) -> None:
    lookup = Lookup()
    heard = Heard(connect(loop, "x", 80, lookup=lookup))
    settle(loop)
    lookup.done(OSError("no"), 7)
    assert heard.report(loop).reason is Reason.CONNECT_FAILED


def test_in_debug_mode_an_answer_from_another_thread_raises_there(loop: Reactor, far: FarEnds) -> None:
    raised: list[BaseException] = []
    done: list[Callable[..., None]] = []

    def from_a_thread() -> None:
        try:
            done[0](None, [HOST])
        except WrongThread as error:
            raised.append(error)

    def lookup(host: str, family: int, answer: Callable[..., None]) -> None:
        done.append(answer)
        loop.run_in_thread(from_a_thread, callback=lambda *_: conn.destroy())

    conn = connect(loop, "x", far.port, lookup=lookup)
    loop.run()
    assert len(raised) == 1
