"""Who there is, what each can be asked for, and who is missing here."""

from __future__ import annotations

import importlib.metadata
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import reactor
from bench.machine import ROOT, compiled
from bench.results import OURS

ALL = frozenset(
    {"echo", "echo_timeout", "lines", "greet", "push", "file", "fanout", "stop", "timers", "import"},
)


@dataclass(frozen=True, slots=True)
class Peer:
    name: str
    title: str
    server: str  # a module of bench.servers, "node" or "limit"
    package: str = ""  # on PyPI
    imports: str = ""  # the statement whose cost is the workload `import`
    roles: frozenset[str] = field(default=ALL)
    library: Path = ROOT  # where the package `reactor` is; another place for another version of it

    def command(self, role: str, value: str = "") -> list[str]:
        if self.server == "limit":
            return [str(compiled("limit")), role, value]
        if self.server == "node":
            return ["node", str(ROOT / "bench" / "servers" / "node_server.js"), role, value]
        return [sys.executable, "-P", "-m", f"bench.servers.{self.server}", role, value]

    def missing(self) -> str:
        """Why it cannot run here; "" when it can."""
        if self.server == "limit":
            return "" if compiled("limit") else "no C compiler (cc)"
        if self.server == "node":
            return "" if shutil.which("node") else "no node"
        try:
            importlib.metadata.version(self.package or "pip")
        except importlib.metadata.PackageNotFoundError:
            return f"{self.package} is not installed" if self.package else ""
        return ""

    def version(self) -> str:
        if self.server == "limit":
            return _first_line("cc", "--version")
        if self.server == "node":
            return _first_line("node", "--version")
        if self.name == OURS:
            return reactor.__version__
        return importlib.metadata.version(self.package) if self.package else platform.python_version()


def _first_line(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.partition("\n")[0]


STAMPED = ALL | {"echo_stamped"}

PEERS = [
    Peer(OURS, "reactor", "ours", imports="import reactor", roles=STAMPED),
    Peer("uvloop-protocol", "uvloop Protocol", "uvloop_protocol", "uvloop", "import uvloop", STAMPED),
    Peer("asyncio-protocol", "asyncio Protocol", "asyncio_protocol", "", "import asyncio", STAMPED),
    Peer("node", "Node", "node", roles=ALL - {"import"}),
    Peer("limit", "C limit", "limit", roles=frozenset({"echo", "lines", "greet", "push", "file", "fanout"})),
    Peer("uvloop-streams", "uvloop streams", "uvloop_streams", "uvloop", roles=ALL - {"import"}),
    Peer("asyncio-streams", "asyncio streams", "asyncio_streams", roles=ALL - {"import"}),
    Peer("gevent", "gevent", "gevent_server", "gevent", "import gevent.server"),
    Peer("twisted", "Twisted", "twisted_server", "Twisted", "from twisted.internet import protocol, reactor"),
    Peer("tornado", "Tornado", "tornado_server", "tornado", "import tornado.ioloop, tornado.tcpserver"),
    Peer("trio", "trio", "trio_server", "trio", "import trio"),
]

BY_NAME = {peer.name: peer for peer in PEERS}
EVERYBODY = tuple(BY_NAME)
FOREMOST = EVERYBODY[:5]  # whom the bars name: see bars.py
