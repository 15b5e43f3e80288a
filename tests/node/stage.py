"""One scenario, played on Node's `net` and on ours, with the same raw peer.

A scenario is a *program* and a *script*. The program is data, what a connection does when something happens:
`{"connection": [["write", "hello"]], "end": [["end", "bye"]]}`. Each reaction is played once, by its own
connection; a client's first is "start", in the turn of connect(). The script is a test function that is the other
side: it holds raw sockets, waits for what the program saw, and tells it to go on (`"told go"`). What the program
saw, and what the script saw on the wire, is the outcome.

Nothing sleeps. Where the order of two events would depend on timing, the script waits for the first.
"""

from __future__ import annotations

import contextlib
import hashlib
import select
import socket
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pytest

from tests.node.differences import DIFFERENCES
from tests.node.drivers import OLDEST, Driver, Message, Stages
from tests.node.node_names import ATTEMPT_EVENTS, CLIENT_EVENTS, EVENTS
from tests.node.raw import ROOMY, SECONDS, Raw, describe, pattern

Program = dict[str, list[list[Any]]]


class Outcome(NamedTuple):
    """What happened in one scenario: events in order, with runs of `data` as one, and what the wire showed."""

    program: str
    wire: str


@dataclass(frozen=True)
class Scenario:
    """What is played. `target` is where: "tcp", "unix", or for clients "nobody" (a port) and "no path"."""

    script: Callable[[Play], None]
    program: Program
    role: str = "server"
    target: str = "tcp"
    options: dict[str, Any] = field(default_factory=dict)
    deaf: tuple[str, ...] = ()  # events that the program does not listen to
    attempts: bool = False  # does it listen to connection_attempt and its kin?
    host: str = "127.0.0.1"  # what a client is told; a name is for the `lookup` of `options`

    @property
    def events(self) -> list[str]:
        wanted = [
            *EVENTS,
            *(CLIENT_EVENTS if self.role == "client" else ()),
            *(ATTEMPT_EVENTS if self.attempts else ()),
        ]
        return [event for event in wanted if event not in self.deaf]


class Play:
    """One scenario on one driver: what the script holds in its hands."""

    def __init__(self, driver: Driver, scenario: Scenario, stack: contextlib.ExitStack) -> None:
        self._driver = driver
        self._scenario = scenario
        self._stack = stack
        self._id = driver.number()
        self._happened: list[tuple[int, str, str]] = []  # who (0: the server), event, with its detail
        self._received: dict[int, int] = {}
        self._settled = self._finished = False
        self._seen: list[str] = []
        self._raws: list[Raw] = []
        self._listening: socket.socket | None = None
        self.address: Any = self._place()
        driver.order(
            do="play", id=self._id, role=scenario.role, target=self._target(), options=scenario.options,
            program=scenario.program, events=scenario.events,
        )  # fmt: skip
        if scenario.role == "server":
            self.until("serving", who=0)
            _, _, told = self._happened.pop()
            if not isinstance(self.address, str):
                self.address = ("127.0.0.1", int(told.removeprefix("serving ")))

    def _place(self) -> Any:
        """Where the server is to listen, or the client to connect to."""
        kind, is_client = self._scenario.target, self._scenario.role == "client"
        if kind == "unix" or kind == "no path":
            path = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="oracle-")) + "/sock"
            if is_client and kind == "unix":
                self._listening = self._stack.enter_context(socket.socket(socket.AF_UNIX))
                self._listening.bind(path)
                self._listening.listen()
            return path
        if not is_client:
            return ("127.0.0.1", 0)
        self._listening = self._stack.enter_context(socket.socket())
        self._listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, ROOMY)  # whom it accepts inherits it
        self._listening.bind(("127.0.0.1", 0))
        if kind == "tcp":
            self._listening.listen()
        return self._listening.getsockname()

    def _target(self) -> Any:
        return self.address if isinstance(self.address, str) else (self._scenario.host, self.address[1])

    # What a script does.

    def connect(self, receive_buffer: int | None = None, wait: bool = True) -> Raw:
        """A raw client of the server. With `wait`, one that the program has seen."""
        raw = Raw.connect(self.address, self._name(), self._seen, receive_buffer)
        self._keep(raw)
        if wait:
            self.until("connection", who=len(self._raws))
        return raw

    def accept(self) -> Raw:
        """The raw side of the client's connection."""
        assert self._listening is not None
        self._listening.settimeout(SECONDS)
        sock, self.remote = self._listening.accept()
        return self._keep(Raw(sock, self._name(), self._seen))

    def nobody_comes(self) -> bool:
        """Is there nobody to accept right now?"""
        assert self._listening is not None
        return not select.select([self._listening], [], [], 0)[0]

    def _name(self) -> str:
        return f"#{len(self._raws) + 1} " if self._raws else ""

    def _keep(self, raw: Raw) -> Raw:
        self._raws.append(raw)
        self._stack.callback(raw.sock.close)
        return raw

    def until(self, event: str, times: int = 1, who: int = 1) -> None:
        """Wait until the program has seen `event` so many times: its name alone, or with its detail."""
        self._wait(lambda: sum(by == who and event in what for by, *what in self._happened) >= times, event)

    def until_received(self, count: int, who: int = 1) -> None:
        """Wait until the program has been given `count` bytes."""
        self._wait(lambda: self._received.get(who, 0) >= count, f"{count} bytes")

    def settle(self) -> None:
        """Let happen what can happen by itself."""
        self._driver.order(do="settle", id=self._id)
        self._wait_settled()

    def tell(self, word: str, who: int = 1) -> None:
        """Let the program react to "told `word`", and settle."""
        self._driver.order(do="tell", id=self._id, word=word, who=who)
        self._wait_settled()

    def note(self, what: str) -> None:
        """Into the account of the wire."""
        self._seen.append(what)

    def _wait_settled(self) -> None:
        self._settled = False
        self._wait(lambda: self._settled, "a settled loop")

    def _wait(self, until: Callable[[], bool], what: str) -> None:
        limit = time.monotonic() + SECONDS
        while not until():
            try:
                self._take(self._driver.next(limit))
            except AssertionError as error:
                raise AssertionError(f"waiting for {what}: {error}\n{self.outcome()}") from None

    # What is told.

    def _take(self, message: Message) -> None:
        if message["id"] != self._id:
            return  # of a play that failed
        if "settled" in message or "finished" in message:
            self._settled = "settled" in message
            self._finished = "finished" in message
            return
        who, event = message["who"], message["event"]
        if event == "data":
            self._received[who] = self._received.get(who, 0) + message["got"]
            last = next((i for i in reversed(range(len(self._happened))) if self._happened[i][0] == who), None)
            if last is not None and self._happened[last][1] == "data":
                self._happened[last] = (who, event, self._show(message))
                return
        self._happened.append((who, event, self._show(message)))

    def _show(self, message: Message) -> str:
        if message["event"] == "data":
            return f"data {_data(message)}"
        detail = message["detail"]
        if detail is None:
            return str(message["event"])
        detail = str(detail)
        if isinstance(self.address, str):
            detail = detail.replace(self.address, "PATH")
        elif self.address[1]:
            detail = detail.replace(f":{self.address[1]}", ":PORT")
        return f"{message['event']} {detail}"

    def finish(self) -> None:
        """End what is left, and take note of what came until then."""
        self._driver.order(do="settle", id=self._id)
        self._wait_settled()
        for raw in self._raws:
            raw._flush()
        self._driver.order(do="finish", id=self._id)
        count = len(self._happened)
        self._wait(lambda: self._finished, "the end")
        del self._happened[count:]

    def outcome(self) -> Outcome:
        skip = ("connection", "start", *self._scenario.deaf)
        told = [f"{_whose(who)}{what}" for who, event, what in self._happened if event not in skip]
        return Outcome(" · ".join(told), " · ".join(self._seen))


def _whose(who: int) -> str:
    return {0: "server ", 1: ""}.get(who, f"#{who} ")


def _data(message: Message) -> str:
    if message["text"] is not None:
        return f"as text {message['text']!r}"
    head, size = message["head"].encode("latin-1"), message["size"]
    if size <= len(head):
        return describe(head)
    right = hashlib.sha1(pattern(size)).hexdigest() == message["sha1"]
    return f"{size} bytes of the pattern" if right else f"{size} other bytes {message['sha1']}"


def check(one: str, outcome: tuple[str, str], other: str, wanted: tuple[str, str]) -> None:
    """AssertionError, with both outcomes in full, unless they are the same."""
    for part, got, expected in zip(("program", "wire"), outcome, wanted, strict=True):
        if got != expected:
            raise AssertionError(f"the {part} differs\n{one}: {got}\n{other}: {expected}")


def has_ipv6() -> bool:
    """Can a socket be bound to ::1?"""
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True


def play(driver: Driver, scenario: Scenario) -> Outcome:
    """The scenario on one driver."""
    with contextlib.ExitStack() as stack:
        made = Play(driver, scenario, stack)
        try:
            scenario.script(made)
        except BaseException:
            driver.order(do="finish", id=made._id)
            raise
        made.finish()
        return made.outcome()


def plays(
    program: Program, *, since: tuple[int, ...] = OLDEST, ipv6: bool = False, **how: Any
) -> Callable[[Callable[[Play], None]], Callable[[Stages], None]]:
    """Make a script into a test: it is played on both, and the outcomes are the same, or those of differences.py.

    `since` is the Node that has what the scenario needs, `ipv6` whether it needs ::1.
    """

    def decorate(script: Callable[[Play], None]) -> Callable[[Stages], None]:
        scenario = Scenario(script, program, **how)
        name = script.__name__

        def test(stages: Stages) -> None:
            if stages.node.version < since:
                pytest.skip(f"Node {'.'.join(map(str, since))} or newer is needed")
            if ipv6 and not has_ipv6():
                pytest.skip("there is no ::1 on this machine")
            node, ours = play(stages.node, scenario), play(stages.ours, scenario)
            difference = DIFFERENCES.get(name)
            if difference is None:
                check("ours", ours, "Node", node)
                return
            check("ours", ours, "the table", difference.ours)
            if node != difference.ours or stages.node.version < difference.until:
                check("Node", node, "the table", difference.node)

        test.__name__ = test.__qualname__ = name
        test.__module__ = script.__module__
        test.__doc__ = script.__doc__
        return test

    return decorate
