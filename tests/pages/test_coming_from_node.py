"""The page for those who know Node: its programs do the same in both languages, and what it names is there.

Each program stands on the page twice, as a `js` block and then as a `python` block, below a heading of its own. Both
are run here as they stand, but for ports and times, and must behave alike towards the same raw sockets.
"""

from __future__ import annotations

import ast
import builtins
import functools
import re
import shutil
import socket
import struct
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

import reactor
from reactor import Connection, Reactor, Server
from reactor.net.connection.listeners import CLIENT_EVENTS, CONNECTION_EVENTS, SERVER_EVENTS
from reactor.net.settings import CONNECTION_SETTINGS, SERVER_SETTINGS
from tests.support.programs import ROOT, Example, read_until, running

PAGE = (ROOT / "docs" / "coming-from-node.md").read_text()
SECTIONS = re.compile(r"^### (.*?)\n(.*?)(?=^#{2,3} |\Z)", re.MULTILINE | re.DOTALL)
OLDEST_NODE = 18
SECONDS = 10
SIGTERM = -15  # as an exit status
LANGUAGES = {"js": "Node's", "python": "ours"}


def code_of(heading: str, language: str) -> str:
    text = dict(SECTIONS.findall(PAGE))[heading]
    (code,) = re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return str(code)


@functools.cache
def node() -> str | None:
    """The command, if it is there and new enough."""
    command = shutil.which("node")
    if command is None:
        return None
    version = subprocess.run([command, "--version"], capture_output=True, text=True, check=True).stdout
    return command if int(version.strip("v\n").partition(".")[0]) >= OLDEST_NODE else None


def run_node(path: str) -> Example:
    command = node()
    if command is None:
        pytest.skip(f"no `node` {OLDEST_NODE} or newer in PATH: half of the page cannot be run")
    return Example(subprocess.Popen([command, path], stdout=subprocess.PIPE, stderr=subprocess.PIPE))


class Stage:
    """A language's programs of the page, and raw sockets for them."""

    def __init__(self, language: str, folder: Path, stack: ExitStack) -> None:
        self._language, self._folder, self._stack = language, folder, stack
        self._sock = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        self._sock.settimeout(SECONDS)
        self.port = str(self._sock.getsockname()[1])  # what a program connects to

    def start(self, heading: str, others: dict[str, str]) -> None:
        """Run the program below a heading, with other words in it: `{"9000": "40000"}`."""
        code = code_of(heading, self._language)
        for word, other in others.items():
            code = code.replace(word, other)
        path = self._folder / f"program.{'js' if self._language == 'js' else 'py'}"
        path.write_text(code)
        run = run_node if self._language == "js" else running
        self.program = self._stack.enter_context(run(str(path)))

    def accept(self) -> socket.socket:
        peer, _ = self._sock.accept()
        peer.settimeout(SECONDS)
        return self._stack.enter_context(peer)

    def listen_no_more(self) -> None:
        self._sock.close()

    def connect(self) -> socket.socket:
        return self._stack.enter_context(socket.create_connection(self.program.address(), timeout=SECONDS))

    def stop(self) -> tuple[int, str]:
        """SIGTERM; exit status, and what it printed."""
        self.program.ask_to_stop()
        return self.program.finish()


@pytest.fixture(params=list(LANGUAGES), ids=list(LANGUAGES.values()))
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stage]:
    with ExitStack() as stack:
        yield Stage(request.param, tmp_path, stack)


def read_to_end(peer: socket.socket) -> bytes:
    return b"".join(iter(lambda: peer.recv(65_536), b""))


def reset(peer: socket.socket) -> None:
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


# The programs.

ECHO, CLIENT, STOP = "An echo server", "A client with a timeout", "A graceful stop"
PROXY, LINES = "A proxy", "A line protocol"
ANY_PORT = {"8080": "0"}


def test_the_echo_servers_echo_until_the_peer_ends(stage: Stage) -> None:
    stage.start(ECHO, ANY_PORT)
    rude, peer = stage.connect(), stage.connect()
    reset(rude)
    peer.sendall(b"x" * 1_000_000)
    peer.shutdown(socket.SHUT_WR)
    assert read_to_end(peer) == b"x" * 1_000_000
    assert stage.stop() == (SIGTERM, "")


def test_the_clients_say_their_word_and_read_to_the_end(stage: Stage) -> None:
    stage.start(CLIENT, {"8080": stage.port})
    peer = stage.accept()
    assert read_to_end(peer) == b"hello\n"
    peer.sendall("GRÜSSE\n".encode())
    peer.close()
    assert stage.program.finish() == (0, "GRÜSSE\nread 8\n")


def test_the_clients_say_why_they_could_not_connect(stage: Stage) -> None:
    stage.listen_no_more()
    stage.start(CLIENT, {"8080": stage.port})
    assert stage.program.finish() == (0, f"failed: connect ECONNREFUSED 127.0.0.1:{stage.port}\nread 0\n")


def test_the_clients_give_up_a_silent_server(stage: Stage) -> None:
    stage.start(CLIENT, {"8080": stage.port, "5000": "200", "set_timeout(5,": "set_timeout(0.2,"})
    assert read_to_end(stage.accept()) == b"hello\n"
    assert stage.program.finish() == (0, "failed: silent for 5 s\nread 0\n")


@pytest.mark.parametrize("stays", [False, True], ids=["the peer ends", "the peer stays"])
def test_the_servers_stop_in_order(stage: Stage, stays: bool) -> None:
    stage.start(STOP, {**ANY_PORT, "10_000": "200", "shutdown(10)": "shutdown(0.2)"} if stays else ANY_PORT)
    peer = stage.connect()
    peer.sendall(b"hello")
    assert read_until(peer, b"hello") == b"hello"
    stage.program.ask_to_stop()
    assert read_to_end(peer) == b""
    if not stays:
        peer.close()
    status, printed = stage.program.finish()
    assert (status, printed.startswith("stopped")) == (0, True)
    if stays:
        with pytest.raises(BrokenPipeError):  # an RST behind the FIN
            peer.sendall(b"too late")


def test_the_proxies_pass_on_both_ways_and_each_end(stage: Stage) -> None:
    stage.start(PROXY, {**ANY_PORT, "9000": stage.port})
    client, target = stage.connect(), stage.accept()
    client.sendall(b"question")
    client.shutdown(socket.SHUT_WR)
    assert read_to_end(target) == b"question"
    target.sendall(b"answer")
    target.shutdown(socket.SHUT_WR)
    assert read_to_end(client) == b"answer"
    assert stage.stop() == (SIGTERM, "")


@pytest.mark.parametrize("by_client", [True, False], ids=["by the client", "by the target"])
def test_the_proxies_pass_on_a_reset(stage: Stage, by_client: bool) -> None:
    stage.start(PROXY, {**ANY_PORT, "9000": stage.port})
    client, target = stage.connect(), stage.accept()
    client.sendall(b"question")
    assert read_until(target, b"question") == b"question"
    reset(client if by_client else target)
    with pytest.raises(ConnectionResetError):
        (target if by_client else client).recv(1)


def test_the_line_servers_shout_back(stage: Stage) -> None:
    stage.start(LINES, ANY_PORT)
    polite, endless = stage.connect(), stage.connect()
    polite.sendall(b"hello\nwor")
    assert read_until(polite, b"\n") == b"HELLO\n"
    polite.sendall(b"ld\nquit\nmore\n")
    assert read_to_end(polite) == b"WORLD\nBYE\n"
    endless.sendall(b"x" * 1_000_000)
    endless.shutdown(socket.SHUT_WR)
    assert read_to_end(endless) == b"LINE TOO LONG\n"


def test_each_program_of_the_page_is_run_here() -> None:
    programs = [heading for heading, text in SECTIONS.findall(PAGE) if "```" in text]
    assert programs == [ECHO, CLIENT, STOP, PROXY, LINES]
    assert PAGE.count("```js\n") == PAGE.count("```python\n") == len(programs)


# The tables.

# What `net` of Node 18, 20, 22 and 24 has: the own properties of the module and of the prototypes of its classes, what
# instances get besides, what of `stream` is used with sockets, the events, and the options.
NAMES = """
    net: BlockList BoundSocket Server Socket SocketAddress Stream connect createConnection createServer
    getDefaultAutoSelectFamily getDefaultAutoSelectFamilyAttemptTimeout isIP isIPv4 isIPv6 setDefaultAutoSelectFamily
    setDefaultAutoSelectFamilyAttemptTimeout
    server: address close getConnections listen listening maxConnections dropMaxConnection ref unref
    socket: address autoSelectFamilyAttemptedAddresses bufferSize bytesRead bytesWritten connect connecting destroy
    destroyed destroySoon end getTypeOfService localAddress localFamily localPort pause pending read readyState ref
    remoteAddress remoteFamily remotePort resetAndDestroy resume setEncoding setKeepAlive setNoDelay setTimeout
    setTypeOfService timeout unref write
    stream: closed cork errored isPaused pipe setDefaultEncoding uncork unpipe unshift writable writableEnded
    writableFinished writableHighWaterMark writableLength writableNeedDrain
    events: close connect connection connectionAttempt connectionAttemptFailed connectionAttemptTimeout data drain drop
    end error finish listening lookup ready readable timeout
    options: allowHalfOpen autoSelectFamily autoSelectFamilyAttemptTimeout blockList exclusive family fd highWaterMark
    hints ipv6Only keepAlive keepAliveInitialDelay localAddress localPort lookup noDelay onread path pauseOnConnect
    readableAll reusePort signal timeout writableAll
"""

ROWS = [line.strip("| ").split(" | ") for line in PAGE.splitlines() if line.startswith("| ")]
OURS = [span for row in ROWS for span in re.findall(r"`([^`]+)`", row[1])]
OWNERS = {"conn": Connection, "server": Server, "loop": Reactor}


def test_everything_of_nodes_net_is_on_the_page() -> None:
    theirs = {word for row in ROWS for span in re.findall(r"`([^`]+)`", row[0]) for word in re.findall(r"\w+", span)}
    also = set(re.findall(r"`net\.(\w+)`", PAGE))
    assert set(re.findall(r"\w+\b(?!:)", NAMES)) - theirs - also == set()


def test_every_attribute_of_ours_in_the_tables_is_there() -> None:
    found = [(owner, name) for span in OURS for owner, name in re.findall(r"\b(conn|server|loop)\.(\w+)", span)]
    assert len(found) > 50
    assert [f"{owner}.{name}" for owner, name in found if not hasattr(OWNERS[owner], name)] == []


def test_every_event_of_ours_in_the_tables_is_emitted() -> None:
    found = {(owner, event) for span in OURS for owner, event in re.findall(r'\b(conn|server)\.on\("(\w+)"', span)}
    assert {event for owner, event in found if owner == "conn"} == {*CONNECTION_EVENTS, *CLIENT_EVENTS}
    assert {event for owner, event in found if owner == "server"} == {*SERVER_EVENTS, "data"}  # for all


def test_every_setting_of_ours_in_the_tables_is_one() -> None:
    clients = {"attempt_delay", "connect_timeout", "family", "local_address", "lookup"}
    arguments = {"backlog", "mode", "path", "port", "reuse_port", "ipv6_only", "sock", "fd"}  # of listen
    calls = {"timeout", "end", "errors", "interval", "count", "callback", "fileno"}
    found = {name for span in OURS for name in re.findall(r"(?<![\w.])([a-z_0-9]+)=(?!=)", span)}
    assert found - CONNECTION_SETTINGS - SERVER_SETTINGS - clients - arguments - calls == set()


def test_every_span_of_ours_in_the_tables_is_python() -> None:
    for span in OURS:
        if not span.startswith("getaddrinfo "):  # a text
            ast.parse(f"{span} ..." if span.startswith("with ") else span)


def test_every_class_of_ours_in_the_tables_is_one() -> None:
    names = {word for span in OURS for word in re.findall(r"\b[A-Z]\w+[a-z]\b", span)}
    assert {name for name in names if name not in reactor.__all__ and not hasattr(builtins, name)} == set()
