"""`python -m reactor APP` as a process: what it says, what it logs, how it stops, how it exits."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import stat
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reactor.testing import Peer
from tests.support.forks import start_afresh
from tests.support.process import COMMAND, SECONDS, Process, Program, environment, run

MIB = 1024 * 1024
ACCOUNT = re.compile(
    r"INFO reactor: (?P<peer>\S+) closed: (?P<reason>.+), (?P<read>\d+) bytes in, (?P<written>\d+) out, "
    r"(?P<unsent>\d+) unsent, (?P<seconds>\d+\.\d{3}) s$"
)


Mine = Callable[..., Process]


@pytest.fixture
def mine(tmp_path: Path) -> Mine:
    """`mine(text, *options)` serves `greet` of a module with that text."""

    def serve(text: str, *options: str, app: str = "greet") -> Process:
        (tmp_path / "mine.py").write_text(text)
        return Process(f"mine:{app}", *options, cwd=tmp_path)

    return serve


@contextmanager
def talking(process: Process) -> Iterator[tuple[Process, Peer]]:
    """A server that echoes, and one who has talked to it."""
    with process, process.connect() as peer:
        peer.send(b"in")
        assert peer.receive(2) == b"in"
        yield process, peer


# What it says.


def test_the_first_line_says_where_it_listens_and_what_to_type() -> None:
    with Process("echo", start=start_afresh) as process:
        host, port = process.address
        assert process.greeting.startswith(f"echo listens on {host}:{port} ")
        assert process.greeting.endswith(f": nc {host} {port}")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0", "none", "::1"])
def test_what_it_says_to_type_reaches_it(host: str) -> None:
    with Process("goodbye", "--host", host) as process, process.connect() as peer:
        assert peer.receive_all() == (b"Goodbye\n", "FIN")
        if host == "::1":  # shown in brackets, and typed without
            assert process.greeting.startswith(f"goodbye listens on [::1]:{process.address[1]} ")


def test_a_callable_of_a_module_here_is_given_each_connection(mine: Mine) -> None:
    text = "class Apps:\n    @staticmethod\n    def greet(conn): conn.end(b'%d' % len(conn.server.addresses))\n"
    with mine(text, app="Apps.greet") as process, process.connect() as peer:
        assert process.greeting.startswith("mine:Apps.greet listens on ")
        assert peer.receive_all() == (b"1", "FIN")


def test_settings_given_as_options_are_the_servers(mine: Mine) -> None:
    text = "def greet(conn): conn.end(repr((conn.idle_timeout, conn.allow_half_open, conn.server.block)).encode())"
    options = ("--idle-timeout", "7.5", "--allow-half-open", "--block", "10.0.0.0/8")
    with mine(text, *options) as process, process.connect() as peer:
        assert peer.receive_all()[0] == b"(7.5, True, (IPv4Network('10.0.0.0/8'),))"


@pytest.mark.parametrize("app", [(), ("discard",)], ids=["alone", "beside an app"])
def test_a_callable_that_is_given_the_server_adds_its_listeners(tmp_path: Path, app: tuple[str, ...]) -> None:
    (tmp_path / "mine.py").write_text(
        "def answer(conn, data): conn.end(data.upper())\ndef set_up(server): server.on('data', answer)\n"
    )
    process = Process(*app, "--on-server", "mine:set_up", cwd=tmp_path)
    with process, process.connect() as peer:
        assert process.greeting.startswith(f"{app[0] if app else 'mine:set_up'} listens on ")
        peer.send(b"hello")
        assert peer.receive_all() == (b"HELLO", "FIN")


@pytest.mark.parametrize("transport", ["tcp", "unix"])
def test_a_socket_that_listens_already_is_served(tmp_path: Path, transport: str) -> None:
    with socket.socket(socket.AF_INET if transport == "tcp" else socket.AF_UNIX) as sock:
        sock.bind(("127.0.0.1", 0) if transport == "tcp" else str(tmp_path / "s"))
        sock.listen()
        command = [*COMMAND, "goodbye", "--fd", str(sock.fileno())]
        pipe = subprocess.PIPE
        started = subprocess.Popen(command, env=environment(), stdout=pipe, stderr=pipe, pass_fds=[sock.fileno()])
        with Program(started) as program, Peer(sock.getsockname()) as peer:
            assert program.out.next().startswith("goodbye listens on ")
            assert peer.receive_all() == (b"Goodbye\n", "FIN")
            assert program.stop() == 0


def test_two_processes_share_a_port() -> None:
    with Process("goodbye", "--reuse-port") as first:
        host, port = first.address
        command = ("-m", "reactor", "goodbye", "--reuse-port", "--port", str(port))
        with Program.of(*command) as second:
            assert second.out.next().startswith(f"goodbye listens on {host}:{port} ")
            assert second.stop() == 0


def test_debug_checks_calls_of_the_program(mine: Mine) -> None:
    text = "def greet(conn): conn.end(repr(conn.server.loop.debug).encode())"
    with mine(text, "--debug") as process, process.connect() as peer:
        assert peer.receive_all()[0] == b"True"


def test_a_path_is_served_and_what_it_says_to_type_reaches_it(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with Process("goodbye", "--path", str(path), "--mode", "600") as process:
        assert process.greeting.startswith(f"goodbye listens on {path} (Ctrl-C stops it). ")
        assert process.greeting.endswith(f": nc -U {path}")
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        with Peer(process.path) as peer:
            assert peer.receive_all() == (b"Goodbye\n", "FIN")
        assert process.stop() == 0
    assert not path.exists()


def test_a_relative_path_is_typed_so_that_it_works_in_another_directory(tmp_path: Path) -> None:
    with Process("goodbye", "--path", "./my socket", cwd=tmp_path) as process:
        assert process.greeting.startswith("goodbye listens on ./my socket ")
        with Peer(process.path) as peer:
            assert peer.receive_all() == (b"Goodbye\n", "FIN")


def test_a_path_that_cannot_be_printed_is_served_all_the_same(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path / "s") + b"\xff"
    with Process("goodbye", "--path", os.fsdecode(path)) as process:
        assert process.greeting.startswith(f"goodbye listens on {tmp_path}/s\\udcff ")
        with Peer(os.fsdecode(path)) as peer:
            assert peer.receive_all() == (b"Goodbye\n", "FIN")


# What it logs.


def test_a_peer_without_a_name_is_logged_as_unix(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with Process("echo", "--path", path) as process:
        with Peer(path) as peer:
            peer.send(b"hello")
            assert peer.receive(5) == b"hello"
        account = ACCOUNT.search(process.err.next())
        assert account
        assert (account["peer"], account["reason"], account["read"]) == ("unix", "peer ended", "5")


def test_a_closed_connection_is_one_line_with_its_account() -> None:
    with Process("echo") as process:
        with process.connect() as peer:
            peer.send(b"hello")
            assert peer.receive(5) == b"hello"
            peer.end()
            assert peer.outcome() == "FIN"
            host, port = peer.address
        line = process.err.next()
        account = ACCOUNT.search(line)
        assert account, line
        assert account["peer"] == f"{host}:{port}"
        assert account["reason"] == "peer ended"
        assert (account["read"], account["written"], account["unsent"]) == ("5", "5", "0")
        assert process.stop() == 0
        assert process.err.rest() == []


def test_a_reset_connection_is_one_line_that_names_the_error() -> None:
    with Process("echo") as process:
        peer = process.connect()
        peer.send(b"hello")
        peer.receive(5)
        peer.reset()
        account = ACCOUNT.search(process.err.next())
        assert account
        assert account["reason"] == "peer reset (read ECONNRESET)"
        assert process.stop() == 0
        assert process.err.rest() == []


def test_what_was_not_sent_stands_in_the_line(mine: Mine) -> None:
    text = "def drop(conn, data):\n    conn.write(bytes(32 << 20))\n    conn.reset()\n"
    text += "def greet(conn): conn.on('data', drop)\n"
    with mine(text) as process, process.connect(receive_buffer=4096) as peer:
        peer.send(b"go")
        found = re.search(r"closed: reset, 2 bytes in, (\d+) out, (\d+) unsent, ", process.err.next())
        assert found
        assert int(found[1]) + int(found[2]) == 32 * MIB


def test_a_refused_connection_is_told_with_its_cause() -> None:
    with talking(Process("echo", "--max-connections", "1")) as (process, _):
        with process.connect() as second:
            assert second.outcome() == "FIN"
            host, port = second.address
        assert process.err.next().endswith(
            f"WARNING reactor: clients were refused: 1 by max_connections; the last was {host}:{port}"
        )


def test_the_log_can_be_json_an_object_a_line_with_the_fields_of_each_record(mine: Mine) -> None:
    text = "def greet(conn):\n    conn.on('data', lambda conn, data: conn.end(b'%d' % (6 // int(data))))"
    with mine(text, "--log-format", "json") as process:
        for said in (b"2", b"0"):
            with process.connect() as peer:
                peer.send(said)
                peer.receive_all()
                where = "{}:{}".format(*peer.address)
        assert process.stop() == 0
        good, raised, bad, *_ = map(json.loads, process.err.rest())
    assert (good["level"], good["logger"], good["reason"], good["clean"]) == ("INFO", "reactor", "ended", True)
    assert (good["bytes_read"], good["bytes_written"]) == (1, 1)
    assert good["message"].startswith(f"{good['peer']} closed: ended, 1 bytes in, 1 out, ")
    assert raised["level"] == "ERROR"
    assert "ZeroDivisionError" in raised["traceback"]
    assert raised["peer"] == bad["peer"] == where
    assert bad["error"].startswith("ZeroDivisionError: ")


@pytest.mark.parametrize("option", [("--quiet",), ("--log-level", "warning")])
def test_quiet_logs_no_connections(option: tuple[str, ...]) -> None:
    with Process("goodbye", *option) as process:
        with process.connect() as peer:
            assert peer.receive_all() == (b"Goodbye\n", "FIN")
        assert process.stop() == 0
        assert process.err.rest() == []
        assert process.out.next().startswith("stopped in ")


def test_a_program_that_raises_is_logged_and_harms_no_other_connection(mine: Mine) -> None:
    text = "def greet(conn):\n    conn.on('data', lambda conn, data: conn.end(b'%d' % (6 // int(data))))"
    with mine(text) as process, process.connect() as good:
        with process.connect() as bad:
            bad.send(b"0")
            assert bad.outcome() == "ECONNRESET"
        good.send(b"2")
        assert good.receive_all() == (b"3", "FIN")
        good.close()
        assert process.stop() == 0
        log = process.err.rest()
        assert [line for line in log if "closed: listener failed (ZeroDivisionError: " in line]
        assert "ERROR" in log[0]


# How it stops.


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_with_a_report_and_status_0(signum: int) -> None:
    with talking(Process("echo")) as (process, peer):
        process.signal(signum)
        assert peer.outcome() == "FIN"
        peer.close()
        assert process.status() == 0
        report, *more = process.out.rest()
        assert re.fullmatch(r"stopped in \d\.\d{3} s: 1 \w+ ended, 1 of them clean \(1 ended\), 0 bytes unsent", report)
        assert not more


def test_what_was_written_before_the_signal_is_delivered(mine: Mine) -> None:
    text = "def greet(conn): conn.write(b'x' * (8 << 20))"
    with mine(text) as process, process.connect(receive_buffer=65_536) as peer:
        assert peer.receive(1) == b"x"
        process.signal(signal.SIGTERM)
        assert "stopping within 10 s" in process.err.next()
        data, outcome = peer.receive_all()
        assert (len(data), outcome) == (8 * MIB - 1, "FIN")
        peer.close()
        assert process.status() == 0


def test_who_is_left_when_the_grace_is_over_is_reset_with_status_1() -> None:
    with talking(Process("echo", "--grace", "0.05", "--fin-wait", "none")) as (process, peer):
        assert process.stop() == 1
        with pytest.raises(BrokenPipeError):  # what a peer that has seen our FIN already meets at a reset
            peer.send(b"?")
        assert "(1 shutdown deadline)" in process.out.next()
        assert process.err.rest()[-1] == "reactor: connections reset by a second signal or at the end of the grace: 1"


def test_a_second_signal_resets_who_is_left() -> None:
    with talking(Process("echo", "--grace", "3600", "--fin-wait", "none")) as (process, peer):
        process.signal(signal.SIGINT)
        said = "stopping within 3600 s, connections: 1; a second signal resets those left and ends at once"
        assert process.err.next().endswith(said)
        process.signal(signal.SIGINT)
        assert process.status() == 1
        with pytest.raises(BrokenPipeError):
            peer.send(b"?")
        assert "(1 shutdown deadline)" in process.out.next()


def test_a_grace_of_0_resets_at_once() -> None:
    with talking(Process("echo", "--grace", "0")) as (process, _):
        assert process.stop() == 1


def test_a_program_that_stops_the_loop_itself_ends_with_a_report(mine: Mine) -> None:
    text = "def greet(conn): conn.on('data', lambda conn, data: conn.server.loop.stop())"
    with mine(text) as process, process.connect() as peer:
        peer.send(b"enough")
        assert process.status() == 0
        assert process.out.next().startswith("stopped in ")


# What may be missing.


def test_a_reader_of_stdout_that_goes_away_changes_nothing() -> None:
    with Process("goodbye", "--quiet") as process:
        process.out.pipe.close()
        with process.connect() as peer:
            assert peer.receive_all() == (b"Goodbye\n", "FIN")
        assert process.stop() == 0
        assert process.err.rest() == []


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_into_a_pipe_that_nobody_reads_is_no_error(option: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    ended = subprocess.run(
        [*COMMAND, option], env=environment(), stdout=writing, stderr=subprocess.PIPE, timeout=SECONDS, check=False
    )
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (0, b"")


# How it fails to start.


def test_a_plain_file_at_the_path_is_no_socket_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("text")
    told = failure("--path", str(path))
    assert told == f"listen EADDRINUSE {path}: not a socket (Address already in use)"
    assert path.read_text() == "text"


@pytest.mark.parametrize("option", [("--fd", "0"), ("--fd", "97")], ids=["no socket", "no descriptor"])
def test_a_descriptor_that_does_not_listen_is_one_line_and_status_1(option: tuple[str, ...]) -> None:
    assert failure(*option)


def test_an_address_in_use_is_one_line_and_status_1() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert failure("--port", str(port)) == f"listen EADDRINUSE 127.0.0.1:{port} (Address already in use)"


def test_a_path_in_use_is_one_line_and_status_1(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with Process("echo", "--path", path):
        assert failure("--path", path) == f"listen EADDRINUSE {path} (Address already in use)"
        with Peer(path) as peer:
            peer.send(b"hello")
            assert peer.receive(5) == b"hello"


def test_a_host_that_cannot_be_resolved_is_one_line_and_status_1() -> None:
    assert failure("--host", "a..b") == "getaddrinfo ENOTFOUND a..b"


def failure(*options: str) -> str:
    """Why `echo` could not start: one line, and status 1."""
    ended = run("echo", *options)
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (1, "", 1)
    assert ended.stderr.startswith("reactor: could not start: ")
    return ended.stderr.removeprefix("reactor: could not start: ").rstrip("\n")


def test_unusable_arguments_are_one_line_and_status_2() -> None:
    ended = run("ecko")
    assert (ended.returncode, ended.stdout) == (2, "")
    expected = "expected echo, goodbye, discard, chargen, relay or module:callable"
    assert ended.stderr == f"reactor: unknown app 'ecko' (did you mean 'echo'?): {expected}\n"
