"""Client processes: `Crowd` (raw_crowd.py), there to be killed or stopped, and `Honest` (raw_honest.py), who must not
notice.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from reactor import Server
from tests.stress.server_process import Child, Served
from tests.support.process import environment


def raw_program(module: str, *words: object) -> list[str]:
    """How a program of raw clients is started, where the tests are found."""
    return [sys.executable, "-m", f"tests.stress.{module}", *map(str, words)]


def run_beside(server: Server, seconds: float, module: str, *words: object, **options: Any) -> Any:
    """Let the loop of the server run until such a program has ended, within so many seconds: what it printed, which is
    JSON. The loop ends by itself: nothing is left to do.
    """
    ended: list[Any] = []

    def finished(result: Any, error: BaseException | None) -> None:
        server.close()
        ended.append(error or result)
        if error is not None:
            server.loop.stop()

    def run() -> Any:
        command = raw_program(module, *words)
        return subprocess.run(
            command, check=True, timeout=seconds, stdout=subprocess.PIPE, env=environment(), **options
        )

    server.loop.run_in_thread(run, callback=finished)
    server.loop.run()
    assert isinstance(ended[0], subprocess.CompletedProcess), ended
    return json.loads(ended[0].stdout)


class Clients(Child):
    """A process that says `ready`, and at the end of its stdin what it saw."""

    def __init__(self, program: str, served: Served, *words: object) -> None:
        super().__init__("-m", f"tests.stress.{program}", *served.address, *words)

    def await_ready(self) -> None:
        assert self.line() == b"ready"

    def finish(self) -> Any:
        """End of stdin; what they saw."""
        assert self._popen.stdin is not None
        self._popen.stdin.close()
        return json.loads(self.line())

    def connecting(self, port: int) -> int:
        """How many of its sockets are on their way to that port, or there."""
        known = self.seen.net_connections("tcp")
        return sum(len(one.raddr) > 0 and one.raddr.port == port for one in known)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        self.status()


class Honest(Clients):
    """How it is for those who do no harm."""

    def saw(self) -> tuple[float, int]:
        """How many seconds a message took at most, and how many bytes were lost."""
        worst, lost = self.finish()
        return worst, lost


@contextmanager
def crowd(served: Served, *manners: dict[str, Any], await_ready: bool = True) -> Iterator[Clients]:
    """Clients with these manners, gone with the block."""
    clients = Clients("raw_crowd", served, json.dumps(manners))
    try:
        if await_ready:
            clients.await_ready()
        yield clients
    finally:
        clients.close()


@contextmanager
def honest(served: Served, count: int = 10, rate: int = 500) -> Iterator[Honest]:
    """So many honest clients, which say so many messages a second in all."""
    clients = Honest("raw_honest", served, count, rate)
    try:
        clients.await_ready()
        yield clients
    finally:
        clients.close()
