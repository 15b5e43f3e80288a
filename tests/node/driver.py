"""Plays programs on our reactor, as driver.js does on Node's `net`; drivers.py says what lines both speak.

Run as a process of its own, so that the two are played alike: the real clock, the real loop, orders on stdin.
"""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import os
import selectors
import socket
import sys
from collections.abc import Callable
from typing import Any

import reactor
from reactor import AttemptsFailed, Connection, Reactor, ReactorError, Server
from tests.node.raw import pattern

SETTLED = 6  # turns of the loop after which what could happen without the outside has happened
SHORT = 64  # bytes of data that are told as they are
FAMILIES = {socket.AF_INET: "IPv4", socket.AF_INET6: "IPv6", socket.AF_UNIX: "IPvundefined"}

Message = dict[str, Any]


def tell(**message: Any) -> None:
    os.write(1, json.dumps(message).encode() + b"\n")


def content(data: Any) -> bytes:
    return pattern(data["pattern"]) if isinstance(data, dict) else data.encode()


def error_name(error: BaseException | None) -> str | None:
    if error is None:
        return None
    if isinstance(error, AttemptsFailed):
        inner = ", ".join(str(error_name(one)) for one in error.errors)
        return f"{type(error).__name__}({inner})"
    if isinstance(error, ReactorError):
        return type(error).__name__
    return str(error.strerror) if isinstance(error, OSError) else str(error)


def _looked_up(error: BaseException | None, address: str, family: int, host: str) -> str | None:
    return error_name(error) or f"{host} is {address} ({FAMILIES[socket.AddressFamily(family)]})"


def _attempted(address: str, port: int, family: int) -> str:
    return f"{address} ({FAMILIES[socket.AddressFamily(family)]})"


#: How each event's arguments are told.
ARGUMENTS: dict[str, Callable[..., str | None]] = {
    "close": lambda report: None if report.error is None else "with an error",
    "error": error_name,
    "lookup": _looked_up,
    "connection_attempt": _attempted,
    "connection_attempt_failed": lambda address, port, family, error: error_name(error),
    "connection_attempt_timeout": _attempted,
}


class Boom(Exception):
    """What a program's listener raises."""


class Conn:
    """One connection, and what the program does with it."""

    def __init__(self, play: Play, who: int, conn: Connection) -> None:
        self.play = play
        self.who = who
        self.conn = conn
        self.reactions = dict(play.program)  # each is played once
        self._run: Any = None  # the digest of consecutive data
        listen: Any = conn.on  # the names come from the program
        for event in play.events:
            listen(event, self._heard if event == "data" else self._hears(event))

    def _hears(self, event: str) -> Callable[..., None]:
        show: Callable[..., str | None] = ARGUMENTS.get(event, lambda *args: None)
        return lambda conn, *args: self.happened(event, show(*args))

    def _heard(self, conn: Connection, data: bytes | str) -> None:
        raw = data.encode() if isinstance(data, str) else data
        if self._run is None or isinstance(data, str) != isinstance(self._run[2], str):
            self._run = [hashlib.sha1(), 0, "" if isinstance(data, str) else None, ""]
        run = self._run
        run[0].update(raw)
        run[1] += len(raw)
        if isinstance(data, str):
            run[2] += data
        elif len(run[3]) <= SHORT:
            run[3] += raw[:SHORT].decode("latin-1")
        tell(
            id=self.play.id, who=self.who, event="data", size=run[1], got=len(raw), text=run[2], head=run[3][:SHORT],
            sha1=run[0].hexdigest(),
        )  # fmt: skip
        self.react("data")

    def happened(self, event: str, detail: str | None = None) -> None:
        self._run = None
        tell(id=self.play.id, who=self.who, event=event, detail=detail)
        self.react(event if detail is None else f"{event} {detail}")
        if detail is not None:
            self.react(event)

    def react(self, event: str) -> None:
        for name, *args in self.reactions.pop(event, ()):
            try:
                self.act(name, *args)
            except (ReactorError, OSError, TypeError, ValueError) as error:
                self.happened("raised", error_name(error))

    def _callback(self, name: str | None) -> Any:
        return None if name is None else lambda conn, error: self.happened(f"callback {name}", error_name(error))

    def act(self, name: str, *args: Any) -> None:
        act = getattr(self, f"_{name.replace('.', '_').replace(' ', '_')}", None)
        if act is not None:
            act(*args)
        else:
            getattr(self.conn, name)(*args)

    def _write(self, data: Any, name: str | None = None) -> None:
        if not self.conn.write(content(data), self._callback(name)):
            self.happened("write returned false")

    def _end(self, data: Any = None, name: str | None = None, timeout: float | None = None) -> None:
        self.conn.end(b"" if data is None else content(data), self._callback(name), timeout)

    def _destroy(self, *texts: str) -> None:
        self.conn.destroy(*(RuntimeError(text) for text in texts))

    def _set_timeout(self, seconds: float, name: str | None = None) -> None:
        listener = None if name is None else lambda conn, kind: self.happened(f"listener {name}")
        self.conn.set_timeout(seconds, listener)

    def _pipe(self, who: int, options: dict[str, Any] | None = None) -> None:
        self.conn.pipe(self.play.conn(who), **(options or {}))

    def _unpipe(self, who: int) -> None:
        self.conn.unpipe(self.play.conn(who))

    def _writelines(self, texts: list[str]) -> None:
        self.conn.writelines(content(text) for text in texts)

    def _corked(self, actions: list[list[Any]]) -> None:
        with self.conn.corked():
            for name, *args in actions:
                self.act(name, *args)

    def _ask(self, what: str) -> None:
        value: Any = getattr(self.conn, what.replace("_host", "_address"))
        self.happened(f"{what} is", str(value[0] if what.endswith("_host") else value))

    def _is(self, what: str, wanted: int) -> None:
        self.happened(f"{what} is {'' if getattr(self.conn, what) == wanted else 'not '}{wanted}")

    def _listen_again(self) -> None:
        assert self.play.server is not None
        Server(self.play.loop).listen(*self.play.server.addresses[0])

    def _raise(self, text: str) -> None:
        raise Boom(text)

    def _later(self, seconds: float) -> None:
        self.play.loop.call_later(seconds, self.happened, "later")

    def _server_close(self, name: str) -> None:
        self.play.close_server(name)


class Play:
    """One scenario."""

    def __init__(self, loop: Reactor, message: Message) -> None:
        self.loop = loop
        self.id = message["id"]
        self.program: dict[str, list[list[Any]]] = message["program"]
        self.events: list[str] = message["events"]
        self.options: Message = message["options"]
        self._conns: list[Conn] = []
        self.server: Server | None = None
        if message["role"] == "server":
            self._serve(message["target"])
        else:
            self._connect(message["target"])

    def say(self, event: str, detail: str | None = None) -> None:
        tell(id=self.id, who=0, event=event, detail=detail)

    def _add(self, conn: Connection) -> Conn:
        self._conns.append(Conn(self, len(self._conns) + 1, conn))
        return self._conns[-1]

    def _serve(self, target: str | list[Any]) -> None:
        server = self.server = Server(self.loop, **self.options)
        server.on("connection", lambda conn: self._add(conn).happened("connection"))
        server.on("drop", lambda server, local, remote: self.say("drop", f"from {remote[0]}"))
        server.on("stopped", lambda server, report: self.say("stopped"))
        try:
            if isinstance(target, str):
                server.listen(path=target)
            else:
                server.listen(*target)
        except OSError as error:
            self.say("raised", error_name(error))
        else:
            where = server.addresses[0]
            self.say("serving", None if isinstance(where, str) else str(where[1]))

    def _connect(self, target: str | list[Any]) -> None:
        options = dict(self.options)
        if "lookup" in options:
            options["lookup"] = self._lookup_by(options["lookup"])
        if "local_host" in options:
            options["local_address"] = (options.pop("local_host"), 0)
        where = {"path": target} if isinstance(target, str) else {"host": target[0], "port": target[1]}
        self._add(reactor.connect(self.loop, **where, **options)).happened("start")

    def _lookup_by(self, answer: str | list[str]) -> Callable[..., None]:
        """A lookup that answers with addresses, with an error, or never."""

        def lookup(host: str, family: int, done: Callable[..., object]) -> None:
            if isinstance(answer, list):
                self.loop.call_soon(done, None, answer)
            elif answer != "never":
                self.loop.call_soon(done, OSError(errno.ENOENT, f"getaddrinfo {answer} {host}"))

        return lookup

    def close_server(self, name: str) -> None:
        assert self.server is not None
        self.server.close(lambda server, error: self.say(f"callback {name}", error_name(error)))

    def conn(self, who: int) -> Connection:
        return self._conns[who - 1].conn

    def react(self, who: int, event: str) -> None:
        self._conns[who - 1].react(event)

    def finish(self) -> None:
        if self.server is not None and self.server.listening:
            self.server.close()
        for conn in self._conns:
            conn.conn.destroy()
        tell(id=self.id, finished=True)


class Driver:
    """Takes orders, one JSON object a line."""

    def __init__(self) -> None:
        self._loop = Reactor(debug=True)
        self._plays: dict[int, Play] = {}
        self._lines = b""
        self._loop.watch(0, selectors.EVENT_READ, self._readable)
        logging.getLogger("reactor").addHandler(Complaint(self._plays))
        self._loop.run()

    def _readable(self, fd: int, events: int) -> None:
        piece = os.read(0, 65536)
        if not piece:
            self._loop.stop()
        self._lines += piece
        while b"\n" in self._lines:
            line, _, self._lines = self._lines.partition(b"\n")
            message = json.loads(line)
            getattr(self, f"_{message['do']}")(message)

    def _names(self, message: Message) -> None:
        tell(version=reactor.__version__)

    def _play(self, message: Message) -> None:
        self._plays[message["id"]] = Play(self._loop, message)

    def _tell(self, message: Message) -> None:
        self._plays[message["id"]].react(message["who"], f"told {message['word']}")
        self._settle(message)

    def _settle(self, message: Message, turns: int = SETTLED) -> None:
        if turns:
            self._loop.call_soon(self._settle, message, turns - 1)
        else:
            tell(id=message["id"], settled=True)

    def _finish(self, message: Message) -> None:
        self._plays.pop(message["id"]).finish()


class Complaint(logging.Handler):
    """What the library logs as an error is part of the outcome: it must not happen."""

    def __init__(self, plays: dict[int, Play]) -> None:
        super().__init__(logging.ERROR)
        self._plays = plays

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if not isinstance(error, Boom):
            print(self.format(record), file=sys.stderr)
        for play in self._plays.values():
            play.say("logged the error", str(error or record.getMessage()))


if __name__ == "__main__":
    Driver()
