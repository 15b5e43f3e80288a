"""The threads in which names are resolved: they are bounded, one name shares one, and there may be none."""

from __future__ import annotations

import errno
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from reactor import Connection, Reactor, Reason, connect
from reactor.engine import lookups
from reactor.testing import ManualClock, pump, settle
from tests.support.exhausting import descriptors, no_thread, printed
from tests.support.far_ends import FarEnds, connected
from tests.support.recording import Heard

HOST = "127.0.0.1"
SECONDS = 10.0


class Hanging:
    """A getaddrinfo that hangs for each name but "localhost", until the test lets it answer."""

    def __init__(self) -> None:
        self._real = socket.getaddrinfo
        self.begun: Counter[str] = Counter()
        self._answer: dict[str, threading.Event] = {}
        self._lock = threading.Lock()

    def __call__(self, host: Any, *args: Any, **options: Any) -> Any:
        if host == "localhost" or options.get("flags", 0) & socket.AI_NUMERICHOST:
            return self._real(host, *args, **options)
        with self._lock:
            answer = self._answer.setdefault(host, threading.Event())
            self.begun[host] += 1
        assert answer.wait(SECONDS)
        if host.startswith("unknown"):
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return self._real(HOST, *args, **options)

    def answer(self, *hosts: str) -> None:
        with self._lock:
            for host in hosts or [*self._answer]:
                self._answer.setdefault(host, threading.Event()).set()


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hanging]:
    hanging = Hanging()
    monkeypatch.setattr(socket, "getaddrinfo", hanging)
    yield hanging
    hanging.answer()


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two threads for names that are waited for, and three in all."""
    monkeypatch.setattr(lookups, "WANTED", 2)
    monkeypatch.setattr(lookups, "THREADS", 3)


def ask(loop: Reactor, names: Hanging, *hosts: str, **settings: Any) -> list[Connection]:
    """A client of each name, once all of them are being resolved."""
    before = sum(names.begun.values())
    clients = [connect(loop, host, 1, **settings) for host in hosts]
    pump(loop, lambda: sum(names.begun.values()) == before + len(hosts))
    return clients


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (RuntimeError("can't start new thread"), errno.EAGAIN, "EAGAIN far.test: can't start new thread"),
        (RuntimeError("can't create new thread at interpreter shutdown"), errno.EAGAIN, "EAGAIN far.test: .* shutdown"),
        (MemoryError(), errno.ENOMEM, "ENOMEM far.test"),
    ],
    ids=["limit", "shutdown", "memory"],
)
@pytest.mark.parametrize("connect_timeout", [None, 60])
def test_without_a_thread_a_client_by_name_fails_at_once_and_says_why(
    each_loop: Reactor, error: BaseException, code: int, text: str, connect_timeout: float | None
) -> None:
    with no_thread(error):
        heard = Heard(connect(each_loop, "far.test", 80, connect_timeout=connect_timeout))
        settle(each_loop)
        assert heard.names() == ["lookup", "error", "close"]
    failed = heard.error()
    assert (failed.errno, failed.syscall, failed.address) == (code, "getaddrinfo", "far.test")
    assert failed.__cause__ is error
    with pytest.raises(OSError, match=f"getaddrinfo {text}"):
        raise failed
    assert heard.report(each_loop).reason is Reason.CONNECT_FAILED


def test_when_threads_are_there_again_names_are_resolved_again(loop: Reactor, far: FarEnds) -> None:
    with no_thread():
        Heard(connect(loop, "localhost", far.port)).report(loop)
    connected(loop, connect(loop, "localhost", far.port, family=socket.AF_INET))


def test_without_a_descriptor_the_error_is_not_that_of_an_unknown_name(loop: Reactor, far: FarEnds) -> None:
    with descriptors(left=0):
        heard = Heard(connect(loop, "localhost", far.port, connect_timeout=None))
        report = heard.report(loop)
    assert (report.reason, getattr(report.error, "errno", None)) == (Reason.CONNECT_FAILED, errno.EMFILE)
    assert getattr(report.error, "strerror", None) == "getaddrinfo EMFILE localhost"


def test_what_the_resolver_raises_whatever_it_is_fails_the_client(
    loop: Reactor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(socket, "getaddrinfo", fails)
    report = Heard(connect(loop, "far.test", 80, connect_timeout=None)).report(loop)
    assert (report.reason, getattr(report.error, "errno", None)) == (Reason.CONNECT_FAILED, errno.ENOMEM)


PROGRAMS = {
    "no thread": """
import resource, threading
threading.stack_size(1 << 30)
resource.setrlimit(resource.RLIMIT_AS, (900 << 20, 900 << 20))
ask()
""",
    "no descriptor, and it is the first name": """
import os, resource
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
try:
    while True:
        os.dup(0)
except OSError:
    pass
ask()
""",
    "at exit": """
import atexit, threading
from concurrent.futures import ThreadPoolExecutor
ThreadPoolExecutor(1).submit(int).result()
atexit.register(ask)
""",
}


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_a_program_that_has_run_out_hears_of_its_client(program: str) -> None:
    """Without a deadline: a client that is not told would wait for ever."""
    begin = """
from reactor import Reactor, connect
loop = Reactor()
def ask():
    conn = connect(loop, "localhost", 1, connect_timeout=None)
    conn.on("close", lambda conn, report: print(report.reason.name, flush=True))
    loop.run()
"""
    assert printed(begin + program) == "CONNECT_FAILED\n"


def test_the_interpreter_does_not_wait_at_exit_for_a_name_that_hangs() -> None:
    """That of `concurrent.futures` would: this program would not end."""
    assert (
        printed("""
import socket, threading
begun = threading.Event()
socket.getaddrinfo = lambda *_, **__: begun.set() or threading.Event().wait()
from reactor import Reactor, connect
loop = Reactor()
conn = connect(loop, "slow.test", 1)
while not begun.is_set():
    loop.run_once(0.01)
print("ends")
""")
        == "ends\n"
    )


# Bounds.


def test_one_call_answers_all_that_ask_for_the_same_name(loop: Reactor, far: FarEnds, names: Hanging) -> None:
    clients = [connect(loop, "slow.test", far.port) for _ in range(20)]
    pump(loop, lambda: names.begun)
    settle(loop)
    names.answer("slow.test")
    for conn in clients:
        connected(loop, conn)
    assert names.begun == {"slow.test": 1}


def test_each_client_of_a_name_that_fails_has_an_error_of_its_own(loop: Reactor, names: Hanging) -> None:
    clients = [Heard(connect(loop, "unknown.test", 1)) for _ in range(2)]
    pump(loop, lambda: names.begun)
    names.answer("unknown.test")
    one, other = (heard.report(loop).error for heard in clients)
    assert one is not other
    assert (str(one), vars(one)) == (str(other), vars(other))
    assert isinstance(one, socket.gaierror)


@pytest.mark.parametrize(("port", "family"), [(2, socket.AF_UNSPEC), (1, socket.AF_INET)])
def test_another_port_or_family_is_another_question(loop: Reactor, names: Hanging, port: int, family: int) -> None:
    clients = [connect(loop, "slow.test", 1), connect(loop, "slow.test", port, family=family)]
    pump(loop, lambda: names.begun["slow.test"] == 2)
    for conn in clients:
        conn.destroy()
    settle(loop)


def test_names_that_hang_do_not_hold_up_another_once_their_clients_have_timed_out(
    loop: Reactor, far: FarEnds, names: Hanging, clock: ManualClock
) -> None:
    slow = ask(loop, names, *(f"slow{number}.test" for number in range(lookups.WANTED)), connect_timeout=1)
    waiting = connect(loop, "localhost", far.port, family=socket.AF_INET)
    settle(loop)
    assert waiting.state == "connecting"
    clock.advance(1)
    connected(loop, waiting)
    assert {conn.report.reason for conn in slow if conn.report} == {Reason.CONNECT_TIMEOUT}


def test_fewer_names_that_hang_hold_up_nobody(loop: Reactor, far: FarEnds, names: Hanging) -> None:
    slow = ask(loop, names, *(f"slow{number}.test" for number in range(lookups.WANTED - 1)))
    connected(loop, connect(loop, "localhost", far.port, family=socket.AF_INET))
    assert {conn.state for conn in slow} == {"connecting"}


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("ending", ["destroy", "reset", "destroy_soon"])
def test_a_client_that_ends_gives_its_place_back(loop: Reactor, far: FarEnds, names: Hanging, ending: str) -> None:
    one, _ = ask(loop, names, "slow1.test", "slow2.test")
    waiting = connect(loop, "localhost", far.port, family=socket.AF_INET)
    settle(loop)
    assert waiting.state == "connecting"
    getattr(one, ending)()
    connected(loop, waiting)


@pytest.mark.usefixtures("few")
def test_a_name_that_waits_is_never_asked_for_when_its_client_has_gone(loop: Reactor, names: Hanging) -> None:
    ask(loop, names, "slow1.test", "slow2.test")
    waiting = connect(loop, "slow3.test", 1)
    settle(loop)
    waiting.destroy()
    settle(loop)
    names.answer("slow1.test", "slow2.test")
    pump(loop, lambda: len(lookups_threads()) == 0)
    assert set(names.begun) == {"slow1.test", "slow2.test"}


@pytest.mark.usefixtures("few")
def test_abandoned_names_hold_no_more_than_the_bound_of_threads(
    loop: Reactor, far: FarEnds, names: Hanging, clock: ManualClock
) -> None:
    for number in range(3):
        ask(loop, names, f"slow{number}.test", connect_timeout=1)
        clock.advance(1)
        settle(loop)
    waiting = connect(loop, "localhost", far.port, family=socket.AF_INET, connect_timeout=None)
    settle(loop)
    assert (waiting.state, len(lookups_threads())) == ("connecting", 3)
    names.answer("slow1.test")
    connected(loop, waiting)


def test_a_name_that_hangs_is_asked_for_twice_at_a_time_however_often_it_is_tried(
    loop: Reactor, names: Hanging, clock: ManualClock
) -> None:
    for _ in range(5):
        heard = Heard(connect(loop, "slow.test", 1, connect_timeout=1))
        settle(loop)
        clock.advance(1)
        assert heard.report(loop).reason is Reason.CONNECT_TIMEOUT
    pump(loop, lambda: names.begun["slow.test"] == 2)
    assert len(lookups_threads()) == 2


def test_a_client_of_a_name_that_others_have_abandoned_hears_the_answer(
    loop: Reactor, far: FarEnds, names: Hanging, clock: ManualClock
) -> None:
    for _ in range(2):
        ask(loop, names, "slow.test", connect_timeout=1)
        clock.advance(1)
        settle(loop)
    waiting = connect(loop, "slow.test", far.port)  # another port: a question of its own
    heard = Heard(connect(loop, "slow.test", 1))
    settle(loop)
    names.answer("slow.test")
    connected(loop, waiting)
    heard.report(loop)
    assert heard.of("lookup") == [(None, HOST, socket.AF_INET, "slow.test")]


@pytest.mark.usefixtures("few")
def test_where_no_thread_can_be_started_for_a_name_that_waited_its_clients_fail(loop: Reactor, names: Hanging) -> None:
    one, _ = ask(loop, names, "slow1.test", "slow2.test")
    waiting = [Heard(connect(loop, "slow3.test", 1, connect_timeout=None)) for _ in range(2)]
    settle(loop)
    with no_thread():
        one.destroy()
        reports = [heard.report(loop) for heard in waiting]
    assert [(report.reason, getattr(report.error, "errno", None)) for report in reports] == [
        (Reason.CONNECT_FAILED, errno.EAGAIN)
    ] * 2


def lookups_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "reactor-lookup"]
