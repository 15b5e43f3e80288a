"""Nothing that a peer, a resolver or a caller supplies reaches a log line, a `repr` or the text of an error with a
control character in it.
"""

from __future__ import annotations

import logging
import os
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import reactor
from reactor import AttemptsFailed, Connection, Reactor, Server, adopt, connect, lines
from reactor.testing import pump, settle

EVIL = "a\nERROR root gone\x1b[2J\x9b\u2028\u202e\udcff"
SCOPED = "fe80::1%a\nERROR"  # a literal address, whose scope is text


class Evil:
    """An object that says of itself what its class likes."""

    name = EVIL

    def __repr__(self) -> str:
        return EVIL

    def __call__(self, *args: Any) -> None:
        raise ValueError(EVIL)

    def seek(self, *args: int) -> int:
        return 3

    def read(self, count: int) -> bytes:
        return b"abc"[:count]


def client(loop: Reactor, *where: Any, own_error: bool = False, **settings: Any) -> list[object]:
    """The texts of a client that fails; its error is the program's own object if `own_error`."""
    conn = connect(loop, *where, **settings)
    texts: list[object] = [repr(conn)]
    pump(loop, lambda: conn.report is not None)
    assert conn.report is not None
    return [*texts, repr(conn), "" if own_error else conn.report.error]


def served(loop: Reactor, listener: Callable[..., object], folder: Path) -> list[object]:
    """A server on a path of that kind, whose client has such a name; the listener meets the client."""
    server = Server(loop, listener)
    texts: list[object] = [server.listen(path=folder / EVIL) and repr(server)]
    server.on("drop", print)
    with socket.socket(socket.AF_UNIX) as peer:
        peer.bind(b"\0" + os.fsencode(f"{EVIL}{folder}"))
        peer.connect(os.fsencode(folder / EVIL))
        peer.send(b"x")
        settle(loop)
        texts += [repr(conn) for conn in server.connections]
    settle(loop)
    server.close()
    settle(loop)
    return texts


def refusing(loop: Reactor, folder: Path) -> list[object]:
    """The same, where nobody is let in."""
    server = Server(loop, max_connections=1)
    server.listen(path=folder / EVIL)
    with socket.socket(socket.AF_UNIX) as first, socket.socket(socket.AF_UNIX) as second:
        for peer in (first, second):
            peer.bind(b"\0" + os.fsencode(f"{EVIL}{peer.fileno()}"))
            peer.connect(os.fsencode(folder / EVIL))
        settle(loop)
    settle(loop)
    server.close()
    settle(loop)
    return []


def raised(call: Callable[[], object]) -> list[object]:
    with pytest.raises((TypeError, ValueError, OSError, AttributeError)) as caught:
        call()
    return [caught.value]


def later(loop: Reactor, call: Callable[..., object]) -> list[object]:
    call()
    for _ in range(3):
        loop.run_once(0)
    return []


def watched(loop: Reactor) -> None:
    left, right = socket.socketpair()
    right.send(b"x")
    loop.watch(left, 1, Evil())
    loop.run_once(0)
    loop.unwatch(left)
    left.close()
    right.close()


def on_connection(loop: Reactor, folder: Path, call: Callable[[Any], object]) -> list[object]:
    found: list[object] = []
    served(loop, lambda conn: found.extend(raised(lambda: call(conn))), folder)
    assert found
    return found


def cut_short(conn: Connection) -> None:
    conn.send_file(Evil(), 0, 3)


def failing(host: str, family: int, done: Any) -> None:
    done(OSError(5, EVIL))


def misled(host: str, family: int, done: Any) -> None:
    done(None, [EVIL])


def scoped(host: str, family: int, done: Any) -> None:
    done(None, [SCOPED, SCOPED + "2"])


CASES: dict[str, Callable[[Reactor, Path], list[object]]] = {
    "a host": lambda loop, folder: client(loop, EVIL, 80),
    "a literal host": lambda loop, folder: client(loop, SCOPED, 80),
    "a path to connect to": lambda loop, folder: client(loop, path=folder / EVIL),
    "an error of the lookup": lambda loop, folder: client(loop, "name", 80, lookup=failing, own_error=True),
    "an answer of the lookup": lambda loop, folder: client(loop, "name", 80, lookup=misled),
    "addresses of the lookup": lambda loop, folder: client(loop, "name", 80, lookup=scoped),
    "a lookup that raises": lambda loop, folder: client(loop, "name", 80, lookup=Evil(), own_error=True),
    "all attempts": lambda loop, folder: [AttemptsFailed.of([OSError(1, EVIL), OSError(1, EVIL)])],
    "a host to listen on": lambda loop, folder: raised(lambda: Server(loop).listen(EVIL.replace("\udcff", ""), 0)),
    "a path to listen on": lambda loop, folder: raised(lambda: Server(loop).listen(path=folder / "none" / EVIL)),
    "a path and a peer": lambda loop, folder: served(loop, lambda conn: conn.on("data", print), folder),
    "a peer whose listener raises": lambda loop, folder: served(loop, Evil(), folder),
    "a peer that is refused": refusing,
    "a function that raises": lambda loop, folder: later(loop, lambda: loop.call_soon(Evil())),
    "a timer that raises": lambda loop, folder: later(loop, lambda: loop.call_at(0, Evil())),
    "a watch that raises": lambda loop, folder: later(loop, lambda: watched(loop)),
    "an argument": lambda loop, folder: raised(lambda: connect(loop, Evil(), 80)),  # type: ignore[arg-type]
    "seconds": lambda loop, folder: raised(lambda: loop.call_later(Evil(), print)),  # type: ignore[arg-type]
    "a descriptor": lambda loop, folder: raised(lambda: loop.watch(Evil(), 1, print)),
    "a socket to adopt": lambda loop, folder: raised(lambda: adopt(loop, Evil())),  # type: ignore[arg-type]
    "a socket to listen": lambda loop, folder: raised(lambda: Server(loop).listen(sock=Evil())),  # type: ignore[arg-type]
    "a loop": lambda loop, folder: raised(lambda: Server(Evil())),  # type: ignore[arg-type]
    "a setting": lambda loop, folder: raised(lambda: Server(loop, block=[Evil()])),  # type: ignore[list-item]
    "a setting's name": lambda loop, folder: raised(lambda: Server(loop, **{EVIL: 1})),  # type: ignore[arg-type]
    "an event": lambda loop, folder: raised(lambda: Server(loop).on(EVIL, print)),  # type: ignore[call-overload]
    "an attribute": lambda loop, folder: raised(lambda: setattr(Server(loop), EVIL, 1)),
    "a framer": lambda loop, folder: raised(lambda: lines(Evil(), max_length=Evil())),  # type: ignore[arg-type]
    "a public name": lambda loop, folder: raised(lambda: getattr(reactor, EVIL)),
    "an encoding": lambda loop, folder: on_connection(loop, folder, lambda conn: conn.set_encoding(EVIL)),
    "an error handler": lambda loop, folder: on_connection(loop, folder, lambda conn: conn.set_encoding("utf-8", EVIL)),
    "a file's offset": lambda loop, folder: on_connection(loop, folder, lambda conn: conn.send_file(Evil(), 9)),
    "a file's count": lambda loop, folder: on_connection(loop, folder, lambda conn: conn.send_file(Evil(), 0, 9)),
    "a file": lambda loop, folder: on_connection(loop, folder, lambda conn: conn.send_file(folder)),
    "data": lambda loop, folder: on_connection(loop, folder, lambda conn: conn.write(Evil())),
    "a destination": lambda loop, folder: on_connection(loop, folder, lambda conn: conn.pipe(Evil())),
    "an error given": lambda loop, folder: on_connection(loop, folder, lambda conn: conn.destroy(Evil())),
}


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as made:  # short: a path of a socket has 107 bytes
        yield Path(made)


@pytest.mark.expects_errors
@pytest.mark.parametrize("case", CASES)
def test_it_stays_on_its_line(case: str, loop: Reactor, folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    texts = CASES[case](loop, folder)
    assert texts or caplog.records
    told = [text if isinstance(text, str) else str(text) for text in texts]
    assert [text for text in told if not text.isprintable()] == []
    form = logging.Formatter()
    for record in caplog.records:
        assert record.getMessage().isprintable()
        written = form.format(record).split("\n")
        assert [line for line in written if not line.isprintable() or line.startswith("ERROR")] == []
