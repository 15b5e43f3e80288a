"""The benchmark's load generators, in C and in Python, against servers that are wrong: each wrong is noticed.

A number means nothing if the server that it was measured on lost a byte on the way.
"""

from __future__ import annotations

import json
import re
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from bench.machine import compiled
from bench.servers.common import BLOCK
from tests.support.process import CHECKOUT, Program

Handler = Callable[[socket.socket], None]
QUICK = ["--seconds=0.05", "--warmup=0.02", "--patience=0.5"]


@pytest.fixture(params=["C", "Python"])
def load(request: pytest.FixtureRequest) -> list[str]:
    """The command of a load generator."""
    if request.param == "Python":
        return ["-m", "bench.slow_load"]
    program = compiled("load")
    if program is None:
        pytest.skip("there is no C compiler")
    return [str(program)]


@contextmanager
def serving(handler: Handler, connections: int = 1) -> Iterator[int]:
    """A port where the handler is given each of so many connections, in a thread of its own, and closes it."""
    listening = socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []

    def serve(sock: socket.socket) -> None:
        with sock:
            try:
                handler(sock)
            except OSError:  # the load has given up
                pass

    def accept() -> None:
        for _ in range(connections):
            sock, _ = listening.accept()
            threads.append(threading.Thread(target=serve, args=(sock,)))
            threads[-1].start()

    accepting = threading.Thread(target=accept)
    accepting.start()
    try:
        yield listening.getsockname()[1]
    finally:
        accepting.join(10)
        for thread in threads:
            thread.join(10)
        listening.close()


def run(load: list[str], mode: str, port: int, *options: str) -> subprocess.CompletedProcess[str]:
    command = [*load, mode, f"--port={port}", *QUICK, *options]
    if command[0] == "-m":
        with Program.of(*command, cwd=CHECKOUT) as program:
            return program.ended()
    return subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)


def result(load: list[str], mode: str, handler: Handler, *options: str, connections: int = 1) -> dict[str, Any]:
    """What it tells of a server that does what it should."""
    with serving(handler, connections) as port:
        done = run(load, mode, port, *options)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def complaint(load: list[str], mode: str, handler: Handler, *options: str, connections: int = 1) -> str:
    """Its last word about a server that does not."""
    with serving(handler, connections) as port:
        done = run(load, mode, port, *options)
    assert done.returncode == 1, done.stdout
    assert done.stdout == ""
    return done.stderr


def echo(change: Callable[[bytes, int], bytes] = lambda data, at: data) -> Handler:
    """A server that sends back what comes, changed; `at` is where in the stream the data stands."""

    def handle(sock: socket.socket) -> None:
        at = 0
        while data := sock.recv(65_536):
            sock.sendall(change(data, at))
            at += len(data)

    return handle


def covers(data: bytes, at: int, place: int = 1000) -> bool:
    return at <= place < at + len(data)


# Echo


def test_messages_that_come_back_as_they_were_are_counted(load: list[str]) -> None:
    told = result(load, "echo", echo(), "--conns=3", connections=3)
    assert told["operations"] > 0
    assert told["seconds"] >= 0.05


def test_a_message_longer_than_any_buffer_comes_back(load: list[str]) -> None:
    assert result(load, "echo", echo(), "--size=1000000", "--depth=3")["operations"] >= 0


def changed(data: bytes, at: int) -> bytes:
    return data[: 1000 - at] + b"\0" + data[1001 - at :] if covers(data, at) else data


def lost(data: bytes, at: int) -> bytes:
    return data[:-1] if covers(data, at) else data


def doubled(data: bytes, at: int) -> bytes:
    return data + data[-1:] if covers(data, at) else data


def left_too_early(sock: socket.socket) -> None:
    sock.sendall(sock.recv(64))


def reset(sock: socket.socket) -> None:
    sock.recv(64)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def word_after_the_end(sock: socket.socket) -> None:
    echo()(sock)
    sock.sendall(b"P.S.")


WRONG: dict[str, tuple[Handler, str]] = {  # what the server did, and what must be said
    "changed a byte": (echo(changed), "connection 0: byte 1000 is 0 and should be"),
    "lost a byte": (echo(lost), "connection 0.*(and then nothing|should be)"),
    "doubled a byte": (echo(doubled), "more came back than went out|should be"),
    "left too early": (left_too_early, "the server ended it|reset by peer"),  # what came next met a closed socket
    "reset": (reset, "reset by peer"),
    "said a word after the end": (word_after_the_end, "more came back than went out|should be"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_a_wrong_server_did_is_noticed(load: list[str], what: str) -> None:
    handler, words = WRONG[what]
    said = complaint(load, "echo", handler)
    assert re.search(words, said), said


def test_messages_of_two_connections_exchanged_are_noticed(load: list[str]) -> None:
    both: list[socket.socket] = []
    there = threading.Barrier(2)

    def exchange(sock: socket.socket) -> None:
        both.append(sock)
        there.wait(5)
        other = both[both[0] is sock]
        while data := sock.recv(65_536):
            other.sendall(data)

    assert "should be" in complaint(load, "echo", exchange, "--conns=2", connections=2)


def test_a_server_that_does_not_answer_fin_by_fin_is_noticed(load: list[str]) -> None:
    released = threading.Event()

    def stay(sock: socket.socket) -> None:
        echo()(sock)
        released.wait(10)

    with serving(stay) as port:
        done = run(load, "echo", port)
        released.set()
    assert done.returncode == 1
    assert "nothing came for 0.5 s" in done.stderr


def test_in_an_open_loop_every_message_that_was_due_while_the_server_stood_still_has_waited(load: list[str]) -> None:
    """The server stands still once, for 0.3 s of 0.4. A closed loop would have seen one slow message."""
    stood = threading.Event()

    def stand_still(data: bytes, at: int) -> bytes:
        if at >= 64 and not stood.is_set():
            stood.set()
            time.sleep(0.3)  # this is what is measured; nobody waits for anything here
        return data

    told = result(load, "echo", echo(stand_still), "--rate=500", "--seconds=0.4", "--warmup=0")
    assert told["latency"]["worst"] >= 0.28
    assert told["latency"]["p50"] >= 0.05
    assert told["latency"]["count"] >= 150


def test_idle_connections_are_awaited_while_others_talk(load: list[str]) -> None:
    """Each idle one says two messages, and is ended by the server: connections 0 to 4."""
    accepted: list[socket.socket] = []
    lock = threading.Lock()

    def reap(sock: socket.socket) -> None:
        with lock:
            accepted.append(sock)
            idle = len(accepted) <= 5
        if not idle:
            return echo()(sock)
        got = b""
        while len(got) < 128:
            data = sock.recv(64)
            sock.sendall(data)
            got += data
        time.sleep(0.1)  # its idle timeout
        return None

    told = result(load, "echo", reap, "--conns=2", "--idle=5", "--rate=1000", "--seconds=5", connections=7)
    assert told["reaping"]["count"] > 0
    assert told["latency"]["count"] > 0


# Churn, pull, fan-out


def saying(words: bytes) -> Handler:
    """A server that says that, ends, and waits for the end."""

    def handle(sock: socket.socket) -> None:
        sock.sendall(words)
        sock.shutdown(socket.SHUT_WR)
        sock.recv(1)

    return handle


@pytest.mark.parametrize(
    ("words", "complaint_of"),
    [(b"goodbye", "ended it after 7 bytes"), (b"goodbyE\n", "should be"), (b"goodbye\n!", "more")],
)
def test_a_greeting_that_is_not_whole_is_noticed(load: list[str], words: bytes, complaint_of: str) -> None:
    assert complaint_of in complaint(load, "churn", saying(words))


DATA = BLOCK * 3


def test_what_the_server_sends_of_its_own_accord_is_counted_in_bytes(load: list[str]) -> None:
    assert result(load, "pull", saying(DATA), f"--bytes={len(DATA)}")["operations"] == len(DATA)


@pytest.mark.parametrize("data", [DATA[:-1], DATA + b"\0", DATA[:70_000] + b"?" + DATA[70_001:]])
def test_an_answer_with_a_byte_too_few_too_many_or_changed_is_noticed(load: list[str], data: bytes) -> None:
    words = complaint(load, "pull", saying(data), f"--bytes={len(DATA)}")
    assert "bytes came of" in words or "should be" in words


def test_a_message_that_one_of_many_did_not_get_is_noticed(load: list[str]) -> None:
    members: list[socket.socket] = []

    def tell_all_but_one(sock: socket.socket) -> None:
        members.append(sock)
        sock.sendall(b"welcome\n")
        while data := sock.recv(65_536):
            for member in members[:-1]:
                member.sendall(data)

    assert "nothing came" in complaint(load, "fanout", tell_all_but_one, "--conns=3", connections=3)
