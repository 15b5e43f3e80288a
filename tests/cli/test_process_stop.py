"""How a process that `serve` runs comes to its end, whatever else is alive: one signal, two, three."""

from __future__ import annotations

import re
import signal
import time
from pathlib import Path

import pytest

from reactor.testing import Peer
from tests.support.programs import Example, running

SERVE = """
import functools, logging, os, selectors, signal, socket, sys, time
from reactor import Server, connect, serve
logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
kept = []


def prepare(server):
    loop = server.loop
    logging.getLogger("reactor").setLevel(logging.INFO)
    far = socket.create_server(("127.0.0.1", 0))  # accepts nobody, and reads nothing
    kept.append(far)
{alive}


try:
    report = serve(lambda conn: None, "127.0.0.1", 0, grace={grace}, on_server=prepare)
finally:
    for one in kept:
        one.close()
print(report)
print("the end")
"""
NO_GRACE, GRACE = 3600.0, 0.5  # seconds: what must not cost any of it, and what may cost all of it

TICKING = "def tick(): loop.call_later(0.01, tick)\ntick()"
ONE_TIMER = "loop.call_later(3600, print)"
CALLING = "def again(): loop.call_soon(again)\nagain()"
CLIENT = "client = connect(loop, *far.getsockname())"
CONNECTING = 'client = connect(loop, "127.0.0.1", 1, lookup=lambda *_: None, connect_timeout=None)'
NO_ANSWER = (
    'client = connect(loop, "name.invalid", 1, lookup=lambda *_: None, connect_timeout=None)\nclient.write(b"x")'
)
SECOND_SERVER = """
second = Server(loop)
kept.append(socket.create_connection(second.listen("127.0.0.1", 0)))
"""
WATCHED = "loop.watch(os.pipe()[0], selectors.EVENT_READ, print)"  # no socket: nobody warns that it is not closed
JOB = "loop.run_in_thread(time.sleep, 3600)"
SLOW_CLIENT = CLIENT + "\nclient.write(bytes(64 << 20))"
BUSY_CLIENT = CLIENT + "\nclient.busy = True"
BUSY = 'server.on("connection", lambda conn: setattr(conn, "busy", True))\n'
STOPPED_BUSY = SECOND_SERVER + 'second.on("connection", lambda conn: setattr(conn, "busy", True))'
FREE = {
    "nothing": "", "a timer": ONE_TIMER, "a timer that arms itself again": TICKING,
    "a client of ours": CLIENT, "a client that is connecting": CONNECTING,
    "a second server with an idle client": SECOND_SERVER, "a watched descriptor": WATCHED,
    "all of these": "\n".join([ONE_TIMER, TICKING, CLIENT, SECOND_SERVER, WATCHED]),
}  # fmt: skip
COSTLY = {
    "a job": JOB, "a client that waits for a name": NO_ANSWER, "a client whose peer does not read": SLOW_CLIENT,
    "a busy client": BUSY_CLIENT, "a second server with a busy client": STOPPED_BUSY, "a call that repeats": CALLING,
    "all of these": "\n".join([ONE_TIMER, TICKING, CALLING, WATCHED, JOB, SLOW_CLIENT, STOPPED_BUSY]),
}  # fmt: skip


def serving(folder: Path, alive: str, grace: float) -> Example:
    """A process that serves, with something alive on its loop, and listens already."""
    path = folder / "program.py"
    indented = "\n".join("    " + line for line in alive.splitlines())
    path.write_text(SERVE.format(alive=indented, grace=grace))
    process = running(str(path))
    address(process)
    return process


def address(process: Example) -> tuple[str, int]:
    """Where it says that it listens; on a busy machine debug mode may have said before it what was slow."""
    while not (found := re.search(r"^listening on (\S+):(\d+)$", process.out.text(), re.MULTILINE)):
        assert process.out.next(), "it has ended, and did not listen"
    return found[1], int(found[2])


def caught(process: Example, signum: int) -> bool:
    """True while the process has a handler for the signal (proc(5), SigCgt)."""
    status = Path(f"/proc/{process._child.pid}/status").read_text()
    (mask,) = [int(line.split()[1], 16) for line in status.splitlines() if line.startswith("SigCgt:")]
    return bool(mask >> (signum - 1) & 1)


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("alive", FREE.values(), ids=FREE)
def test_a_signal_ends_it_at_once_if_nothing_is_left_to_do(tmp_path: Path, alive: str, signum: int) -> None:
    with serving(tmp_path, alive, NO_GRACE) as process:
        process.signal(signum)
        status, out = process.finish()
    assert status == 0
    assert out.endswith("the end\n")


@pytest.mark.parametrize("alive", COSTLY.values(), ids=COSTLY)
def test_a_signal_ends_it_when_the_grace_is_over_whatever_is_alive(tmp_path: Path, alive: str) -> None:
    with serving(tmp_path, alive, GRACE) as process:
        process.ask_to_stop()
        status, out = process.finish()
    assert status == 0
    assert out.endswith("the end\n")


def test_a_job_may_end_within_the_grace_and_is_answered(tmp_path: Path) -> None:
    job = 'server.on("draining", lambda *_: loop.run_in_thread(time.sleep, 0.2, callback=lambda *_: print("answered")))'
    with serving(tmp_path, job, NO_GRACE) as process:
        process.ask_to_stop()
        _, out = process.finish()
    assert "answered\n" in out


def test_a_client_of_ours_delivers_what_it_has_within_the_grace(tmp_path: Path) -> None:
    """A relay whose server has stopped has not passed on everything yet."""
    read = "def read_on(*_):\n    sock, _ = far.accept()\n    while data := sock.recv(65536): got.append(len(data))\n"
    read += "    sock.close()\n    print('got', sum(got))\ngot = []\n"
    late = read + SLOW_CLIENT + "\nserver.on('stopped', lambda *_: loop.run_in_thread(read_on))"
    with serving(tmp_path, late, NO_GRACE) as process:
        process.ask_to_stop()
        _, out = process.finish()
    assert f"got {64 << 20}\n" in out


def test_one_line_says_what_is_waited_for(tmp_path: Path) -> None:
    with serving(tmp_path, "\n".join([ONE_TIMER, BUSY_CLIENT, JOB]), GRACE) as process:
        process.ask_to_stop()
        _, out = process.finish()
    (line,) = [line for line in out.splitlines() if "still alive" in line]
    assert line.startswith(
        "the server has stopped, and still alive are: 1 timer, 1 client of ours, 1 job; what is left"
    )


def test_no_line_says_what_is_alive_where_nothing_is_waited_for(tmp_path: Path) -> None:
    with serving(tmp_path, ONE_TIMER, NO_GRACE) as process:
        process.ask_to_stop()
        _, out = process.finish()
    assert "still alive" not in out


def test_it_logs_where_it_listens(tmp_path: Path) -> None:
    """`address` reads it there."""
    with serving(tmp_path, "", NO_GRACE) as process:
        with Peer(address(process)):
            pass
        process.ask_to_stop()
        process.finish()


@pytest.mark.parametrize("alive", [BUSY, JOB, BUSY_CLIENT, BUSY + CALLING], ids=["busy", "job", "client", "repeating"])
def test_a_second_signal_resets_what_is_left_and_ends_at_once(tmp_path: Path, alive: str) -> None:
    alive += '\nserver.on("draining", lambda *_: print("draining"))'
    with serving(tmp_path, alive, NO_GRACE) as process, Peer(address(process)) as peer:
        peer.send(b"x")
        process.ask_to_stop()
        while process.out.next() != "draining":
            pass
        process.signal(signal.SIGINT)
        status, out = process.finish()
        if alive.startswith(BUSY):
            assert peer.outcome() == "ECONNRESET"
            assert "(1 shutdown deadline)" in out
    assert status == 0
    assert out.endswith("the end\n")


@pytest.mark.parametrize("block", ["time.sleep(3600)", "[None for _ in iter(int, 1)]"], ids=["sleeping", "computing"])
def test_a_third_signal_ends_it_inside_a_listener_that_blocks(tmp_path: Path, block: str) -> None:
    alive = f'server.on("data", lambda conn, data: (print("blocked", flush=True), {block}))'
    with serving(tmp_path, alive, NO_GRACE) as process, Peer(address(process)) as peer:
        peer.send(b"x")
        while process.out.next() != "blocked":
            pass
        process.signal(signal.SIGTERM)
        process.signal(signal.SIGINT)  # another one: two of a kind may be one before the interpreter looks
        limit = time.monotonic() + 20
        while caught(process, signal.SIGTERM):
            assert time.monotonic() < limit
            time.sleep(0.01)
        assert process._child.poll() is None
        process.signal(signal.SIGTERM)
        assert process.status() == -signal.SIGTERM


def test_after_a_second_signal_the_handlers_from_before_are_back(tmp_path: Path) -> None:
    before = "signal.signal(signal.SIGTERM, kept.append)\n"
    with serving(tmp_path, before + JOB, NO_GRACE) as process:
        path = tmp_path / "program.py"
        text = path.read_text()
    text += "print(signal.getsignal(signal.SIGTERM) == kept.append, signal.getsignal(signal.SIGINT).__name__)\n"
    path.write_text(text)
    with running(str(path)) as process:
        address(process)
        process.ask_to_stop()
        while "still alive" not in process.out.next():
            pass
        process.signal(signal.SIGINT)
        _, out = process.finish()
    assert out.endswith("True default_int_handler\n")


def test_a_program_that_stops_its_server_itself_ends_the_process_too(tmp_path: Path) -> None:
    with serving(tmp_path, TICKING + "\nloop.call_later(0.05, server.shutdown, 5)", NO_GRACE) as process:
        status, out = process.finish()
    assert (status, out.endswith("the end\n")) == (0, True)


def test_a_server_that_listens_again_when_it_has_stopped_goes_on(tmp_path: Path) -> None:
    again = 'server.once("stopped", lambda server, report: server.listen("127.0.0.1", 0))\n'
    with serving(tmp_path, again + "loop.call_later(0.05, server.close)", NO_GRACE) as process:
        process.out.next()
        process.ask_to_stop()
        status, _ = process.finish()
    assert status == 0


def test_a_timer_that_leaves_the_loop_leaves_serve(tmp_path: Path) -> None:
    with serving(tmp_path, JOB + "\nloop.call_later(0.05, sys.exit, 3)", NO_GRACE) as process:
        assert process.status() == 3
