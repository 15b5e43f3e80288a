"""Programs that know nothing of this library, as clients of a server that runs beside them.

Where one is not installed, the tests that need it are skipped, and say which Debian package has it.
"""

from __future__ import annotations

import functools
import queue
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from reactor import CloseReport, Reactor, Server

PACKAGES = {
    "curl": "curl",
    "redis-cli": "redis-tools",
    "redis-benchmark": "redis-tools",
    "socat": "socat",
    "node": "nodejs",
    "systemd-socket-activate": "systemd",
}
SECONDS = 20.0  # for what should take a tenth of a second, on a busy machine


def needs(program: str) -> pytest.MarkDecorator:
    """Skips the test where there is no such program."""
    reason = f"{program} is not installed (Debian: {PACKAGES[program]})"
    return pytest.mark.skipif(shutil.which(program) is None, reason=reason)


@functools.cache
def openbsd_netcat() -> str | None:
    """OpenBSD's netcat: the others cannot end their half, or have another option for it."""
    for name in ("nc.openbsd", "nc"):
        if shutil.which(name) and b"OpenBSD" in subprocess.run([name, "-h"], capture_output=True, check=False).stderr:
            return name
    return None


needs_netcat = pytest.mark.skipif(
    openbsd_netcat() is None, reason="OpenBSD's nc is not installed (Debian: netcat-openbsd)"
)


def run(*command: str, sends: bytes = b"", status: int = 0) -> bytes:
    """What it prints, once it has ended, and with this exit status."""
    done = subprocess.run(command, input=sends, capture_output=True, timeout=SECONDS, check=False)
    assert done.returncode == status, (command, done.returncode, done.stderr)
    return done.stdout


class Hosted:
    """A server in a thread, where it listens, and the reports of its connections."""

    def __init__(self, address: Any, reports: queue.Queue[CloseReport]) -> None:
        self.address = address
        self._reports = reports

    def report(self) -> CloseReport:
        """Of the next connection that ends."""
        return self._reports.get(timeout=SECONDS)


@contextmanager
def hosted(set_up: Callable[[Server], object], path: str | None = None, **settings: Any) -> Iterator[Hosted]:
    """A server on a reactor in a thread, on a free port or at a path."""
    reports: queue.Queue[CloseReport] = queue.Queue()

    def open_server() -> Any:
        server = Server(loop, **settings)
        server.on("close", lambda conn, report: reports.put(report))
        set_up(server)
        return server.listen("127.0.0.1", 0) if path is None else server.listen(path=path)

    with Reactor(debug=True).start_thread() as loop:
        yield Hosted(loop.call_soon_threadsafe(open_server).result(SECONDS), reports)
