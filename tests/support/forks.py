"""One interpreter that has imported the library, and a fork of it for each program that the tests run.

To start Python and import the library takes 100 ms of CPU, a fork 5 ms. A fork has arguments, environment, directory,
descriptors and a `__main__` of its own, and ends as an interpreter ends. It differs from a process that was started
afresh in one thing: the modules of the library, and those that it imports, are there already. So a few tests start
theirs afresh.

Run as a program, this file is that interpreter: it takes orders from a socket, one JSON object a message.
"""

from __future__ import annotations

import gc
import io
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

SECONDS = 20.0  # for what should take a tenth of a second, on a busy machine
MOST = 1 << 17  # bytes of an order

_mother: Mother | None = None


class Fork:
    """A program that runs, with the methods of `subprocess.Popen` that the tests use."""

    def __init__(self, mother: Mother, pid: int, stdout: int, stderr: int) -> None:
        self._mother = mother
        self.pid = pid
        self._watch = os.pidfd_open(pid)  # nobody has waited for it yet: the number is its own
        self._status: int | None = None
        self.stdout: IO[bytes] = os.fdopen(stdout, "rb", 0)
        self.stderr: IO[bytes] = os.fdopen(stderr, "rb", 0)

    def send_signal(self, signum: int) -> None:
        if self.poll() is None:
            signal.pidfd_send_signal(self._watch, signum)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def poll(self) -> int | None:
        return self._look(0)

    def wait(self, timeout: float = SECONDS) -> int:
        status = self._look(timeout)
        if status is None:
            raise subprocess.TimeoutExpired(f"fork {self.pid}", timeout)
        return status

    def _look(self, timeout: float) -> int | None:
        if self._status is None and select.select([self._watch], [], [], timeout)[0]:
            self._status = self._mother.ask({"wait": self.pid})
            os.close(self._watch)
        return self._status


class Mother:
    """The interpreter that forks, seen from the tests."""

    def __init__(self) -> None:
        self._sock, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            here = str(Path(__file__).parents[2])
            command = [sys.executable, __file__, str(theirs.fileno())]
            self._popen = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()], env={**os.environ, "PYTHONPATH": here}
            )
        self._sock.settimeout(SECONDS)

    def start(self, arguments: tuple[str, ...], cwd: str, environment: Mapping[str, str]) -> Fork:
        """`python ARGUMENTS...`"""
        out, err = os.pipe(), os.pipe()
        try:
            pid = self.ask({"run": arguments, "cwd": cwd, "environment": dict(environment)}, out[1], err[1])
        finally:
            os.close(out[1])
            os.close(err[1])
        return Fork(self, pid, out[0], err[0])

    def ask(self, order: dict[str, Any], *fds: int) -> int:
        socket.send_fds(self._sock, [json.dumps(order).encode()], fds)
        return int(self._sock.recv(MOST))

    def close(self) -> None:
        self._sock.close()
        self._popen.wait(SECONDS)


@contextmanager
def open_mother() -> Iterator[None]:
    """While this is open, programs of Python are forks."""
    global _mother
    if _mother is not None:
        yield
        return
    _mother = Mother()
    try:
        yield
    finally:
        _mother.close()
        _mother = None


def start_afresh(arguments: tuple[str, ...], cwd: Path | None, environment: Mapping[str, str]) -> Any:
    """`python ARGUMENTS...`, an interpreter of its own."""
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, *arguments], cwd=cwd, env=environment, stdout=pipe, stderr=pipe)


def start(arguments: tuple[str, ...], cwd: Path | None, environment: Mapping[str, str]) -> Any:
    """`python ARGUMENTS...`, a fork if there is an interpreter to fork."""
    if _mother is None:
        return start_afresh(arguments, cwd, environment)
    return _mother.start(arguments, str(cwd or Path.cwd()), environment)


# The other side.


def take_orders(sock: socket.socket) -> dict[str, Any] | None:
    """What a fork is to run; None in the interpreter that forks, at the end of the session."""
    gc.freeze()  # what is here now is copied into no fork by a search for garbage
    while True:
        data, fds, _, _ = socket.recv_fds(sock, MOST, 2)
        if not data:
            return None
        order: dict[str, Any] = json.loads(data)
        if "wait" in order:
            answer = os.waitstatus_to_exitcode(os.waitpid(order["wait"], 0)[1])
        else:
            answer = os.fork()
            if answer == 0:
                sock.close()
                os.dup2(fds[0], 1)
                os.dup2(fds[1], 2)
            for fd in fds:
                os.close(fd)
            if answer == 0:
                return order
        sock.send(str(answer).encode())


def run(order: dict[str, Any]) -> None:
    """The program, as `python ARGUMENTS...` would run it."""
    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["environment"])
    if os.environ.get("PYTHONWARNINGS") == "error":
        warnings.simplefilter("error")
    if os.environ.get("PYTHONUNBUFFERED"):
        assert isinstance(sys.stdout, io.TextIOWrapper)
        sys.stdout.reconfigure(line_buffering=True)
    option, *arguments = order["run"]
    if option == "-m":
        sys.argv = arguments
        sys.path[0] = order["cwd"]
        runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)
    else:
        sys.argv = order["run"]
        sys.path[0] = str(Path(option).parent)
        runpy.run_path(option, run_name="__main__")


if __name__ == "__main__":
    import asyncio  # noqa: F401 - for forks that need it

    import reactor.cli.process  # noqa: F401

    with socket.socket(fileno=int(sys.argv[1])) as orders:
        found = take_orders(orders)
    if found is not None:
        run(found)
