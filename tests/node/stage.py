"""One scenario, played on Node's `net` and on ours, with the same raw peer.

A scenario is a *program* and a *script*. The program says what a connection does when something happens:
`connection: write hello -> w, write 8 MiB · end: end bye` is {"connection": [["write", "hello", "w"], ["write",
{"pattern": 8388608}]], "end": [["end", "bye"]]}, `w` being the name of a callback; what the text cannot say is written
as such a dict. Each reaction is played once, by its own connection; a client's first is "start", in the turn of
connect(). The script is the other side, step by step:
`connect, send x, until data, tell go, read to end` holds raw sockets, waits for what the program saw, and tells it to
go on (`"told go"`). A number before a step says which connection it is about, the first if there is none; 0 is the
server. What the program saw, and what the script saw on the wire, is the outcome.

Nothing sleeps. Where the order of two events would depend on timing, the script waits for the first.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import select
import socket
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tests.node.drivers import OLDEST, Driver, Message
from tests.node.node_names import ATTEMPT_EVENTS, CLIENT_EVENTS, EVENTS
from tests.node.raw import BUFFERS, SECONDS, Raw, describe, pattern

Program = dict[str, list[list[Any]]]
MIB = 1 << 20
MANY = 8 * MIB  # bytes; more than the kernel holds for a peer that does not read (tcp_wmem: 4 MiB)
MUCH = {"pattern": MANY}  # as what a program writes
HALF_OPEN = {"allow_half_open": True}
NEVER = (1 << 20,)  # a Node that has not come yet


class Outcome(NamedTuple):
    """What happened in one scenario: events in order, with runs of `data` as one, and what the wire showed."""

    program: str
    wire: str

    @classmethod
    def of(cls, text: str) -> Outcome:
        """What stands in the table of differences: both, with " | " between them if the wire showed something."""
        program, _, wire = text.partition(" | ")
        return cls(program, wire)


def _action(text: str) -> list[Any]:
    """A call and its arguments: `write 8 MiB -> w`."""
    call, _, callback = text.partition(" -> ")
    verb, _, argument = call.partition(" ")
    value: Any = argument
    if argument.endswith(" MiB"):
        value = {"pattern": int(argument.removesuffix(" MiB")) * MIB}
    elif re.fullmatch(r"[0-9.]+|true|false", argument):
        value = json.loads(argument)
    return [verb, *([value] if argument else []), *([callback] if callback else [])]


@dataclass(frozen=True)
class Scenario:
    """What is played. `target` is where: "tcp", "unix", or for clients "nobody" (a port) and "no path"."""

    program: str | Program
    script: str
    role: str = "server"
    target: str = "tcp"
    options: dict[str, Any] = field(default_factory=dict)
    deaf: tuple[str, ...] = ()  # events that the program does not listen to
    attempts: bool = False  # listens to connection_attempt and its kin
    host: str = "127.0.0.1"  # what a client is told; a name is for the `lookup` of `options`
    since: tuple[int, ...] = OLDEST  # the Node that has what it needs
    ipv6: bool = False  # needs ::1

    @property
    def reactions(self) -> Program:
        if not isinstance(self.program, str):
            return self.program
        parts = (part.partition(": ") for part in self.program.split(" · ") if part)
        return {event: [_action(text) for text in actions.split(", ")] for event, _, actions in parts}

    @property
    def events(self) -> list[str]:
        wanted = [
            *EVENTS,
            *(CLIENT_EVENTS if self.role == "client" else ()),
            *(ATTEMPT_EVENTS if self.attempts else ()),
        ]
        return [event for event in wanted if event not in self.deaf]


@dataclass(frozen=True)
class Difference(Scenario):
    """A scenario with two outcomes, and what is better in ours. Some releases of Node from `until` on do as we do."""

    node: str = field(kw_only=True)
    ours: str = field(kw_only=True)
    better: str = field(kw_only=True)
    until: tuple[int, ...] = NEVER


class Play:
    """One scenario on one driver. Each method that begins with `step_` is a step of scripts."""

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
            program=scenario.reactions, events=scenario.events,
        )  # fmt: skip
        if scenario.role == "server":
            self.step_until(0, "serving")
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
        self._listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFERS["roomy"])  # whom it accepts inherits it
        self._listening.bind(("127.0.0.1", 0))
        if kind == "tcp":
            self._listening.listen()
        return self._listening.getsockname()

    def _target(self) -> Any:
        return self.address if isinstance(self.address, str) else (self._scenario.host, self.address[1])

    # What a script does.

    def perform(self) -> None:
        """The script. What is no step here is one of the raw peer."""
        for step in self._scenario.script.split(", "):
            found = re.fullmatch(r"(?:(\d) )?(\w+)(?: (.*))?", step)
            assert found, step
            who, verb, rest = int(found[1] or 1), found[2], found[3]
            act = getattr(self, f"step_{verb}", None)
            if act is not None:
                act(who, rest)
            else:
                getattr(self._raws[who - 1], verb)(*([] if rest is None else [rest]))

    def step_connect(self, who: int, how: str | None) -> None:
        """A raw client of the server, with a `narrow` or a `roomy` buffer. It waits until the program has seen it, if
        not `unseen`.
        """
        self._keep(Raw.connect(self.address, self._name(), self._seen, BUFFERS.get(how or "")))
        if how != "unseen":
            self.step_until(len(self._raws), "connection")

    def step_accept(self, who: int, how: str | None) -> None:
        """The raw side of the client's connection; `noting` whence it came."""
        assert self._listening is not None
        self._listening.settimeout(SECONDS)
        sock, remote = self._listening.accept()
        self._keep(Raw(sock, self._name(), self._seen))
        if how == "noting whence":
            self._seen.append(f"from {remote[0]}")

    def step_anybody(self, who: int, what: None) -> None:
        """Note whether there is somebody to accept right now."""
        assert self._listening is not None
        came = select.select([self._listening], [], [], 0)[0]
        self._seen.append("somebody came" if came else "nobody came")

    def step_knock(self, who: int, what: None) -> None:
        """Note whether one more client is let in."""
        with socket.socket() as late:
            self._seen.append("refused" if late.connect_ex(self.address) else "let in")

    def step_until(self, who: int, what: str) -> None:
        """Wait until the program has seen an event: its name alone, or with its detail; several times: `timeout ×2`. Or
        until it was given that many bytes: `5 bytes`.
        """
        event, _, times = what.partition(" ×")
        bytes_given = re.fullmatch(r"(\d+) bytes?", what)

        def reached() -> bool:
            if bytes_given:
                return self._received.get(who, 0) >= int(bytes_given[1])
            return sum(by == who and event in what for by, *what in self._happened) >= int(times or 1)

        self._wait(reached, what)

    def step_settle(self, who: int, what: None) -> None:
        """Let happen what can happen by itself."""
        self._driver.order(do="settle", id=self._id)
        self._wait_settled()

    def step_tell(self, who: int, word: str) -> None:
        """Let the program react to "told `word`", and settle."""
        self._driver.order(do="tell", id=self._id, word=word, who=who)
        self._wait_settled()

    def step_note(self, who: int, what: str) -> None:
        """Into the account of the wire."""
        self._seen.append(what)

    def _name(self) -> str:
        return f"#{len(self._raws) + 1} " if self._raws else ""

    def _keep(self, raw: Raw) -> None:
        self._raws.append(raw)
        self._stack.callback(raw.sock.close)

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
        self.step_settle(0, None)
        for raw in self._raws:
            raw.flush()
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


def check(one: str, outcome: Outcome, other: str, wanted: Outcome) -> None:
    """AssertionError, with both outcomes in full, unless they are the same."""
    for part, got, expected in zip(("program", "wire"), outcome, wanted, strict=True):
        if got != expected:
            raise AssertionError(f"the {part} differs\n{one}: {got}\n{other}: {expected}")


def has_ipv6() -> bool:
    """True if a socket can be bound to ::1."""
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
            made.perform()
        except BaseException:
            driver.order(do="finish", id=made._id)
            raise
        made.finish()
        return made.outcome()
