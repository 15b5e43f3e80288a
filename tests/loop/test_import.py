"""What `import reactor` and a server that listens load. No clock is asked: what is not loaded costs nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import reactor

ROOT = Path(__file__).parents[2]

LISTENING = "from reactor import Reactor, Server; Server(Reactor(preload=False)).listen('127.0.0.1', 0)"
PRELOADED = LISTENING.replace("preload=False", "")
CONNECTING = "from reactor import Reactor, connect; connect(Reactor(), '127.0.0.1', 9)"
SERVING = """
import socket
from reactor import Reactor, Server
loop = Reactor(preload=False)
server = Server(loop, lambda conn: conn.on("data", lambda conn, data: conn.end(data)))
peer = socket.socket()
peer.connect(server.listen("127.0.0.1", 0))
peer.sendall(b"hello")
while not any(conn.bytes_read for conn in server.connections):
    loop.run_once(1)
peer.close()
while server.connections:
    loop.run_once(1)
"""
PACKAGE = Path(reactor.__file__).parent
FOR_TYPE_CHECKERS = {"interfaces", "keywords", "listening"}
PROGRAMS = ("reactor.cli", "reactor.testing", "reactor.__main__")
HEAVY = [
    "argparse", "ast", "asyncio", "concurrent.futures", "contextlib", "dataclasses", "inspect", "ipaddress", "logging",
    "re", "signal", "struct", "threading", "traceback", "typing", "unicodedata",
]  # fmt: skip


def run(program: str) -> subprocess.CompletedProcess[str]:
    """In a fresh interpreter, without what an environment adds to it."""
    command = [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{program}"]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)


def loaded(program: str) -> set[str]:
    """The modules of an interpreter that has run the program."""
    found = run(f"{program}\nprint(*sys.modules)")
    assert not found.stderr
    return set(found.stdout.split())


@pytest.mark.parametrize("program", ["import reactor", LISTENING, SERVING], ids=["import", "listening", "serving"])
def test_nothing_heavy_is_loaded(program: str) -> None:
    bare = loaded("pass")
    assert "reactor" in loaded(program)
    assert sorted((loaded(program) - bare).intersection(HEAVY)) == []


@pytest.mark.parametrize("program", [PRELOADED, CONNECTING], ids=["listening", "connecting"])
def test_the_first_listen_or_connect_loads_all_of_the_library_and_little_else(program: str) -> None:
    found, bare = loaded(program), loaded("pass")
    files = {
        ".".join(("reactor", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")
        for path in PACKAGE.rglob("*.py")
    }
    late = {name for name in files - found if not name.startswith(PROGRAMS)}
    assert {name.rpartition(".")[2] for name in late} == FOR_TYPE_CHECKERS
    assert (found - bare).intersection(HEAVY) <= {"ipaddress", "re", "signal", "threading", "unicodedata"}


def test_what_only_clients_need_is_loaded_with_the_name_of_a_client() -> None:
    assert "reactor.net.client.connect" not in loaded("import reactor")
    assert "reactor.net.client.connect" in loaded("from reactor import connect")


CLIENTS = """
import socket, sys
from reactor import Reactor, connect
loop, far = Reactor(preload=False), socket.create_server(("127.0.0.1", 0))
before = set(sys.modules)
for host in ("127.0.0.1", "localhost", "no such host"):
    conn = connect(loop, host, far.getsockname()[1], family=socket.AF_INET, on_connect=lambda conn: conn.reset())
    conn.on("error", lambda conn, error: None)
    loop.run()
print(conn.report.reason.name, *set(sys.modules) - before)
"""


def test_a_client_loads_nothing_more_than_its_name_has_loaded() -> None:
    """There may be no descriptor left to load it with."""
    found = run(CLIENTS)
    assert (found.stdout, found.stderr) == ("CONNECT_FAILED\n", "")


def test_a_poller_is_loaded_where_it_is_used() -> None:
    other = "import selectors\nfrom reactor import Reactor\nReactor(selectors.PollSelector())"
    assert "reactor.engine.selector_poller" not in loaded(LISTENING)
    assert "reactor.engine.selector_poller" in loaded(other)


def test_a_star_import_has_every_public_name() -> None:
    assert loaded("from reactor import *\nimport reactor\nassert set(reactor.__all__) <= set(globals())")


def test_dir_has_every_public_name_before_any_was_asked_for() -> None:
    assert loaded("import reactor\nassert set(reactor.__all__) <= set(dir(reactor))")


def test_a_name_that_the_library_does_not_have_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nothing"):
        reactor.nothing  # noqa: B018


@pytest.mark.parametrize(
    "made", ["serve", "functools.partial(serve)", "Thing().serve", "functools.partial(Thing().serve)"]
)
def test_a_coroutine_function_is_refused_as_listener_without_inspect(made: str) -> None:
    program = f"""
import functools, sys
from reactor import Reactor, Server
async def serve(conn): ...
class Thing:
    async def serve(self, conn): ...
try: Server(Reactor()).on("connection", {made})
except TypeError as error: assert "must be a plain function" in str(error)
else: sys.exit("taken")
assert "inspect" not in sys.modules
"""
    assert loaded(program)


RAISES = "from reactor import Reactor\nloop = Reactor()\nloop.call_soon(int, 'x')\n"
NO_DESCRIPTORS = """
import os
try:
    while True:
        os.dup(0)
except OSError:
    pass
"""


def test_what_raises_is_logged_though_nobody_has_loaded_logging() -> None:
    assert run(f"{RAISES}loop.run_once(0)").stderr.startswith("<class 'int'> raised\nTraceback")


def test_what_raises_is_told_though_no_descriptor_is_left_to_load_logging_with() -> None:
    limit = "import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))\n"
    found = run(f"{limit}{RAISES}{NO_DESCRIPTORS}loop.run_once(0)\nprint('goes on')")
    assert (found.stderr, found.stdout) == ("<class 'int'> raised\n", "goes on\n")
