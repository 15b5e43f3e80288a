"""A program whose package is removed after its first `listen`: it makes every public call, and prints those that miss a
module. `python upgraded.py DIRECTORY`, which has a copy of the package in it, and nothing else.

A call may fail in any other way: what counts is that nothing is looked for in the file system.
"""

from __future__ import annotations

import logging
import selectors
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Callable
from typing import Any

sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])

import reactor  # noqa: E402
from reactor import ClientGroup, Connection, Reactor, Server, Timer  # noqa: E402


class Missed(logging.Handler):
    """Collects what callbacks could not import."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info and record.exc_info[1]
        if isinstance(error, ImportError):
            missed.append(f"in a callback: {error}")


missed: list[str] = []
logging.getLogger("reactor").addHandler(Missed())
logging.getLogger("reactor").setLevel(logging.DEBUG)
loop = Reactor()
accepted: list[Connection] = []
server = Server(loop, accepted.append, allow_half_open=True)
address: Any = server.listen("127.0.0.1", 0)
shutil.rmtree(sys.argv[1])
left, right = socket.socketpair()


def turns(count: int = 20) -> None:
    for _ in range(count):
        loop.run_once(0.01)


def new() -> Connection:
    """A connection of the server."""
    peer = socket.create_connection(address)
    peers.append(peer)
    count = len(accepted)
    while len(accepted) == count:
        loop.run_once(1)
    return accepted[-1]


peers: list[socket.socket] = []


def ignore(*_: object) -> None:
    """A callback."""


def relay(conn: Connection) -> None:
    conn.pipe(new())
    peers[0].send(b"x")
    turns()
    conn.unpipe()


def in_thread(made: Reactor) -> None:
    made.start_thread().call_soon_threadsafe(int).result(5)
    made.close()


def file(conn: Connection) -> None:
    with tempfile.TemporaryFile() as sent:
        sent.write(b"x")
        conn.send_file(sent, 0, 1)


def serve() -> None:
    """Serves, and stops itself."""

    def stop(made: Server) -> None:
        made.on("listening", lambda made, address: made.shutdown(0))

    reactor.serve(ignore, "127.0.0.1", 0, on_server=stop)


def call(name: str, fn: Callable[[], object]) -> None:
    done.append(name)
    try:
        fn()
        turns(3)
    except ImportError as error:
        missed.append(f"{name}: {error}")
    except (OSError, TypeError, ValueError, AttributeError, RuntimeError, reactor.ReactorError):
        pass


done: list[str] = []
CONNECTION: dict[str, Callable[[Connection], object]] = {
    "corked": lambda conn: conn.corked().__enter__(),
    "destroy": lambda conn: conn.destroy(ValueError("x")),
    "destroy_soon": lambda conn: conn.destroy_soon(5),
    "end": lambda conn: conn.end(b"x", ignore, 5),
    "off": lambda conn: conn.off("data", ignore),
    "on": lambda conn: conn.on("data", reactor.lines(ignore)),
    "once": lambda conn: conn.once("close", ignore),
    "pipe": relay,
    "send_file": file,
    "set_encoding": lambda conn: conn.set_encoding("utf-8"),
    "set_keep_alive": lambda conn: conn.set_keep_alive(True, 5, 5, 5),
    "set_no_delay": lambda conn: conn.set_no_delay(),
    "set_timeout": lambda conn: conn.set_timeout(5, ignore),
    "set_user_timeout": lambda conn: conn.set_user_timeout(5),
    "write": lambda conn: conn.write(b"x", ignore),
    "writelines": lambda conn: conn.writelines([b"x", b"y"], ignore),
}
SERVER: dict[str, Callable[[Server], object]] = {
    "close": lambda made: made.close(ignore),
    "listen": lambda made: (made.listen(path=tempfile.mktemp()), made.listen(fd=listening())),
    "off": lambda made: made.off("data", ignore),
    "on": lambda made: made.on("data", reactor.length_prefixed(ignore)),
    "once": lambda made: made.once("stopped", ignore),
    "shutdown": lambda made: made.shutdown(1),
}
GROUP: dict[str, Callable[[ClientGroup], object]] = {
    "connect": lambda made: (made.connect(*address), made.connect("name.invalid", 1), made.connect(path="/none")),
    "off": lambda made: made.off("data", ignore),
    "on": lambda made: made.on("connect", ignore),
    "once": lambda made: made.once("close", ignore),
}
LOOP: dict[str, Callable[[Reactor], object]] = {
    "call_at": lambda made: made.call_at(0, ignore),
    "call_every": lambda made: made.call_every(1, ignore),
    "call_later": lambda made: made.call_later(0, ignore),
    "call_soon": lambda made: (made.call_soon(failing), made.run_once(0)),
    "call_soon_threadsafe": lambda made: made.call_soon_threadsafe(ignore),
    "on_signal": lambda made: made.on_signal(signal.SIGUSR1, ignore),
    "run_once": lambda made: made.run_once(0),
    "run_in_thread": lambda made: made.run_in_thread(int, callback=ignore),
    "start_thread": in_thread,
    "unwatch": lambda made: made.unwatch(left),
    "watch": lambda made: made.watch(left, 1, ignore),
}
SAMPLES: dict[str, Any] = {
    "allow": ["127.0.0.0/8"], "block": ["10.0.0.0/8"], "accept_rate": (100, 200), "slow_reader": (1000, 5),
    "min_read_rate": 1, "min_write_rate": (1, 5), "memory_limit": 1_000_000, "max_per_address": 1000,
}  # fmt: skip
TIMER: dict[str, Callable[[Timer], object]] = {}
FUNCTIONS: dict[str, Callable[[], object]] = {
    "connect": lambda: (
        reactor.connect(loop, *address),
        reactor.connect(loop, "localhost", address[1], local_address=("127.0.0.1", 0)),
        reactor.connect(loop, "name.invalid", 1, lookup=lambda host, family, done: done(None, ["127.0.0.1"])),
        turns(),
    ),
    "serve": serve,
    "adopt": lambda: reactor.adopt(loop, left.dup()),
    "log_closes": lambda: reactor.log_closes(server, "json"),
    "a reactor in debug mode": lambda: Server(Reactor(debug=True)).listen("127.0.0.1", 0),
    "a reactor on another selector": lambda: Reactor(selectors.PollSelector()).run(),
    "a server with limits": lambda: Server(loop, max_per_address=1, accept_rate=1, memory_limit=1),
    "a misspelt setting": lambda: Server(loop, idle_timeuot=1),  # type: ignore[call-arg]
    "a name that is not there": lambda: reactor.nothing,
}


def failing() -> None:
    raise ValueError("x")


def listening() -> int:
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    sock.listen()
    return sock.detach()


def everything(kind: type, make: Callable[[], Any], calls: dict[str, Callable[[Any], object]]) -> None:
    """Each public name of a class, on an object of its own: a call from the table, or without arguments, or a look."""
    names = [name for name in dir(kind) if not name.startswith("_")]
    assert set(calls) <= set(names), set(calls) - set(names)
    for name in names:
        made, full = make(), f"{kind.__name__}.{name}"
        if name in calls:
            call(full, lambda made=made, name=name: calls[name](made))  # type: ignore[misc]
            continue
        call(full, lambda made=made, name=name: look(made, name))  # type: ignore[misc]


def look(made: Any, name: str) -> None:
    found = getattr(made, name)
    if callable(found):
        found()
    elif name in SAMPLES:
        setattr(made, name, SAMPLES[name])
    else:
        setattr(made, name, found)


try:
    import reactor.testing  # the proof that the files are gone
except ImportError:
    done.append("removed")
call("call_soon", lambda: loop.call_soon(failing))
for public in sorted(set(reactor.__all__)):
    call(public, lambda public=public: getattr(reactor, public))  # type: ignore[misc]
for function, made in FUNCTIONS.items():
    call(function, made)
everything(Connection, new, CONNECTION)
everything(Server, lambda: Server(loop), SERVER)
everything(ClientGroup, lambda: ClientGroup(loop), GROUP)
everything(Timer, lambda: loop.call_later(9, ignore), TIMER)
everything(Reactor, Reactor, LOOP)
turns()
loop.close()
print("\n".join(missed))
print(*done, file=sys.stderr)
