"""The two processes that play programs: driver.js on Node's `net`, driver.py on our reactor.

They live as long as the test session and speak lines of JSON. Orders: `names` (the table of node_names.py),
`play` (begin a scenario), `tell` (play a reaction, then settle), `settle` (take a few turns of the loop, so that
what could happen without the outside has happened), `finish`. Answers: what happened, one line each.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tests.node.node_names import TABLE

HERE = Path(__file__).parent
OLDEST = (18, 19)  # of Node: before it some calls and events were missing, which 18 got on its way
START = 20.0  # seconds, for what takes a tenth of one
Message = dict[str, Any]


class Driver:
    """One of them: orders go in, what happened comes out."""

    def __init__(self, *command: str) -> None:
        self._popen = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=HERE, env=_environment()
        )
        assert self._popen.stdin is not None
        assert self._popen.stdout is not None
        self._in, self._out = self._popen.stdin, self._popen.stdout
        self._lines = b""
        self._plays = 0
        self.order(do="names", names=TABLE)
        self.version = tuple(int(part) for part in self.next(time.monotonic() + START)["version"].split("."))

    def order(self, **message: Any) -> None:
        self._in.write(json.dumps(message).encode() + b"\n")
        self._in.flush()

    def next(self, limit: float) -> Message:
        """The next line; AssertionError if none comes until then."""
        while b"\n" not in self._lines:
            ready, _, _ = select.select([self._out], [], [], max(limit - time.monotonic(), 0))
            assert ready, "the driver is silent"
            piece = os.read(self._out.fileno(), 65_536)
            assert piece, f"the driver has died: {self._popen.wait(START)}"
            self._lines += piece
        line, _, self._lines = self._lines.partition(b"\n")
        message: Message = json.loads(line)
        return message

    def number(self) -> int:
        """A number for the next play."""
        self._plays += 1
        return self._plays

    def stop(self) -> None:
        self._in.close()
        try:
            self._popen.wait(START)
        finally:
            self._popen.kill()
            self._out.close()


def _environment() -> dict[str, str]:
    """With the package to be found from this directory."""
    return {**os.environ, "PYTHONPATH": str(HERE.parents[1])}


class Stages(NamedTuple):
    """Where scenarios are played."""

    node: Driver
    ours: Driver


@contextlib.contextmanager
def open_stages() -> Iterator[Stages | str]:
    """Both drivers; or, where there is no Node that will do, the reason."""
    command = shutil.which("node")
    if command is None:
        yield "no `node` in PATH: there is nothing to compare with"
        return
    with contextlib.ExitStack() as stack:
        node = Driver(command, "driver.js")
        stack.callback(node.stop)
        if node.version < OLDEST:
            yield f"Node {'.'.join(map(str, node.version))} is too old: {'.'.join(map(str, OLDEST))} or newer is needed"
            return
        ours = Driver(sys.executable, "driver.py")
        stack.callback(ours.stop)
        yield Stages(node, ours)
