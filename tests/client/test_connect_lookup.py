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
from tests.support.far_ends import ACCEPTS, FarEnds, connected
from tests.support.recording import Heard

HOST = "127.0.0.1"
UNSPEC = socket.AF_UNSPEC


class Asked:
    """A client whose lookup keeps the question; `done` is for the test to call."""

    def __init__(self, loop: Reactor, host: str, port: int, **settings: Any) -> None:
        self.asked: list[tuple[str, int]] = []
        self.conn = connect(loop, host, port, lookup=self._ask, **settings)
        self.heard = Heard(self.conn)

    def _ask(self, host: str, family: int, done: Callable[..., None]) -> None:
        self.asked.append((host, family))
        self.done = done


def answering(*answer: Any) -> Callable[..., None]:
    """A lookup that answers at once."""
    return lambda host, family, done: done(*answer)


@pytest.fixture
def asked(loop: Reactor, far: FarEnds) -> Asked:
    found = Asked(loop, "x", far.port)
    settle(loop)
    return found


# getaddrinfo.


def test_a_name_is_resolved_told_and_connected_to(each_loop: Reactor, far: FarEnds) -> None:
    conn = connect(each_loop, "localhost", far.port, family=socket.AF_INET)
    heard = Heard(conn)
    connected(each_loop, conn)
    assert heard.names() == ["lookup", "connection_attempt", "connect", "ready"]
    assert heard.of("lookup") == [(None, HOST, socket.AF_INET, "localhost")]


@pytest.mark.parametrize("name", ["no such host.invalid", "a..b"])  # neither is asked for: no host name is like that
def test_an_unknown_name_is_a_lookup_with_an_error_and_a_failed_connect(name: str, each_loop: Reactor) -> None:
    heard = Heard(connect(each_loop, name, 80))
    report = heard.report(each_loop)
    error = heard.error()
    assert heard.names() == ["lookup", "error", "close"]
    assert heard.of("lookup") == [(error, None, None, name)]
    assert (error.errno, error.strerror) == (socket.EAI_NONAME, f"getaddrinfo ENOTFOUND {name}")
    assert (error.syscall, error.address) == ("getaddrinfo", name)
    assert isinstance(error, socket.gaierror)
    assert (report.reason, report.phase, report.error) == (Reason.CONNECT_FAILED, "connecting", error)


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
    connected(loop, other)
    pump(loop, slow_names.asked.is_set)
    settle(loop)
    assert waiting.state == "connecting"
    slow_names.answer.set()
    connected(loop, waiting)


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


def test_the_answer_for_a_client_that_is_gone_is_dropped_and_run_does_not_wait_for_it(
    loop: Reactor, far: FarEnds, slow_names: SlowNames
) -> None:
    conn = connect(loop, "slow.test", far.port)
    heard = Heard(conn)
    pump(loop, slow_names.asked.is_set)
    conn.destroy()
    loop.run()
    assert not slow_names.answer.is_set()
    slow_names.answer.set()
    pump(loop, slow_names.answered.is_set)
    answered: list[object] = []
    loop.run_in_thread(lambda: None, callback=lambda *_: answered.append(1))
    pump(loop, lambda: answered)
    settle(loop)
    assert heard.names() == ["close"]
    assert far.nobody_came()


def test_the_reactor_closes_while_a_name_is_resolved(far: FarEnds, slow_names: SlowNames, clock: ManualClock) -> None:
    with Reactor(clock=clock, debug=True) as loop:
        conn = connect(loop, "slow.test", far.port)
        heard = Heard(conn)
        pump(loop, slow_names.asked.is_set)
    assert conn.report is not None
    assert (conn.report.reason, heard.names()) == (Reason.DESTROYED, ["close"])


# The program's own.


@pytest.mark.parametrize("seconds", [None, 0, 5])
def test_it_may_answer_at_once_or_later(
    seconds: float | None, each_loop: Reactor, far: FarEnds, clock: ManualClock
) -> None:
    asked: list[tuple[str, int]] = []

    def lookup(host: str, family: int, done: Callable[..., None]) -> None:
        asked.append((host, family))
        if seconds is None:
            done(None, [HOST])
        else:
            each_loop.call_later(seconds, done, None, [HOST])

    conn = connect(each_loop, "far.test", far.port, lookup=lookup)
    heard = Heard(conn)
    assert asked == []  # not from inside the call of connect
    settle(each_loop)
    clock.advance(5)
    connected(each_loop, conn)
    assert asked == [("far.test", UNSPEC)]
    assert heard.names() == ["lookup", "connection_attempt", "connect", "ready"]
    assert heard.of("lookup") == [(None, HOST, socket.AF_INET, "far.test")]


def test_it_is_told_the_family_that_is_wanted_and_what_does_not_fit_is_left_out(loop: Reactor) -> None:
    with FarEnds({HOST: ACCEPTS, "::1": ACCEPTS}) as ends:
        asked = Asked(loop, "far.test", ends.port, family=socket.AF_INET6)
        settle(loop)
        assert asked.asked == [("far.test", socket.AF_INET6)]
        asked.done(None, [HOST, "::1"])
        connected(loop, asked.conn)
        assert asked.heard.of("lookup") == [(None, "::1", socket.AF_INET6, "far.test")]
        assert asked.conn.remote_address == ("::1", ends.port)


@pytest.mark.parametrize("answer", [HOST, [HOST], (HOST,), {HOST: 1}, [HOST, HOST]])
def test_one_address_may_come_as_text_and_several_in_any_iterable(answer: Any, loop: Reactor, far: FarEnds) -> None:
    conn = connect(loop, "far.test", far.port, lookup=answering(None, answer))
    heard = Heard(conn)
    connected(loop, conn)
    assert len(heard.of("lookup")) == 1


def test_only_the_first_answer_counts(loop: Reactor, asked: Asked) -> None:
    asked.done(None, [HOST])
    asked.done(OSError("too late"))
    asked.done(None, ["127.0.0.2"])
    connected(loop, asked.conn)
    asked.done(OSError("much too late"))
    settle(loop)
    assert (len(asked.heard.of("lookup")), asked.conn.state, asked.heard.of("error")) == (1, "open", [])


@pytest.mark.parametrize("beside", [(), ([HOST],), (7,)])
def test_the_error_it_answers_with_is_told_as_it_is_whatever_comes_beside_it(
    beside: tuple[Any, ...], loop: Reactor, far: FarEnds
) -> None:
    error = OSError(errno.ENETDOWN, "no name server")
    heard = Heard(connect(loop, "x", far.port, lookup=answering(error, *beside)))
    report = heard.report(loop)
    assert heard.events[:-1] == [("lookup", error, None, None, "x"), ("error", error)]
    assert (report.reason, report.error, report.phase) == (Reason.CONNECT_FAILED, error, "connecting")
    assert far.nobody_came()


NO_ADDRESSES = "the lookup of 'x' must answer with IP addresses"


@pytest.mark.parametrize(
    ("answer", "family", "text"),
    [
        ([HOST, "rubbish"], UNSPEC, NO_ADDRESSES),
        (b"127.0.0.1", UNSPEC, NO_ADDRESSES),
        ("rubbish", UNSPEC, NO_ADDRESSES),
        ([None], UNSPEC, NO_ADDRESSES),
        ([], UNSPEC, "getaddrinfo ENOTFOUND x"),
        ([HOST], socket.AF_INET6, "getaddrinfo ENOTFOUND x"),
    ],
)
def test_an_answer_in_which_nothing_fits_is_a_lookup_with_an_error(
    answer: Any, family: int, text: str, loop: Reactor, far: FarEnds
) -> None:
    heard = Heard(connect(loop, "x", far.port, family=family, lookup=answering(None, answer)))
    report = heard.report(loop)
    assert heard.names() == ["lookup", "error", "close"]
    assert heard.of("lookup") == [(heard.error(), None, None, "x")]
    assert text in str(heard.error())
    assert report.reason is Reason.CONNECT_FAILED
    assert far.nobody_came()


@pytest.mark.expects_errors
def test_a_lookup_that_raises_ends_its_client_like_a_listener(loop: Reactor, caplog: pytest.LogCaptureFixture) -> None:
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


def test_an_answer_after_the_end_is_harmless(loop: Reactor, far: FarEnds, asked: Asked) -> None:
    asked.conn.destroy()
    asked.done(None, [HOST])
    asked.heard.report(loop)
    asked.done(None, [HOST])
    settle(loop)
    assert asked.heard.names() == ["close"]
    assert far.nobody_came()


def test_it_is_not_asked_when_the_client_is_gone_before_the_first_turn(loop: Reactor) -> None:
    asked = Asked(loop, "x", 80)
    asked.conn.destroy()
    settle(loop)
    assert asked.asked == []


@pytest.mark.parametrize("host", [HOST, "::1", "::ffff:127.0.0.1"])
def test_nobody_is_asked_for_a_literal_address(host: str, loop: Reactor) -> None:
    with FarEnds({"::1" if host == "::1" else HOST: ACCEPTS}) as ends:
        asked = Asked(loop, host, ends.port)
        connected(loop, asked.conn)
    assert (asked.asked, asked.heard.of("lookup")) == ([], [])


def half_an_answer() -> Iterator[str]:
    yield HOST
    raise TypeError("half an answer")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("no such name",), "error must be an exception or None, not 'no such name'"),
        ((None,), "addresses must be a list of IP addresses, not None"),
        ((None, 7), "addresses must be a list of IP addresses, not 7"),
        ((None, half_an_answer()), "half an answer"),
    ],
)
def test_done_refuses_what_is_no_answer_at_its_call_and_may_be_called_again(
    arguments: tuple[Any, ...], named: str, loop: Reactor, asked: Asked
) -> None:
    with pytest.raises(TypeError, match=named):
        asked.done(*arguments)
    asked.done(None, [HOST])
    connected(loop, asked.conn)


def test_in_debug_mode_an_answer_from_another_thread_raises_there(loop: Reactor, asked: Asked) -> None:
    raised: list[BaseException] = []

    def from_a_thread() -> None:
        try:
            asked.done(None, [HOST])
        except WrongThread as error:
            raised.append(error)

    loop.call_soon(lambda: loop.run_in_thread(from_a_thread, callback=lambda *_: asked.conn.destroy()))
    loop.run()
    assert len(raised) == 1
