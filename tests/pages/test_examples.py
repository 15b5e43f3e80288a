"""Every example is a whole program: short, importable, and it does what its first lines say."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from reactor import Reactor, Server
from reactor.testing import ManualClock, Peer, pump, settle
from tests.support.forks import start_afresh
from tests.support.programs import ROOT, Example, example, load, read_until, running

EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
MOST_LINES = 60
each_example = pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)


@pytest.fixture
def program(request: pytest.FixtureRequest) -> Iterator[Example]:
    """The example named by the parameter, on a port of the kernel's choice."""
    with running(str(ROOT / "examples" / f"{request.param}.py"), "0") as started:
        yield started


@pytest.fixture
def peer(program: Example) -> Iterator[Peer]:
    with Peer(program.address()) as made:
        yield made


def run_example(name: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("program", [name], indirect=True, ids=[name])


# What is true of all of them.


@each_example
def test_an_example_has_at_most_60_lines(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MOST_LINES


@each_example
def test_an_example_can_be_imported_without_side_effects(path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    threads = threading.active_count()
    module = load(path)
    assert callable(module.main)
    assert threading.active_count() == threads
    assert capfd.readouterr() == ("", "")


@each_example
def test_an_example_says_how_to_run_it(path: Path) -> None:
    assert f"python examples/{path.name}" in (load(path).__doc__ or "")


@pytest.mark.parametrize("name", ["asyncio_host", "chat", "device_gateway", "echo", "goodbye", "http10", "resp"])
def test_an_example_in_an_interpreter_of_its_own_stops_in_order_at_sigterm(name: str) -> None:
    with running(str(ROOT / "examples" / f"{name}.py"), "0", start=start_afresh) as program:
        with Peer(program.address()) as peer:
            program.ask_to_stop()
            assert peer.outcome() == "FIN"
        assert program.finish()[0] == 0


# goodbye and echo


@run_example("goodbye")
def test_goodbye_says_it_and_ends(peer: Peer) -> None:
    assert peer.receive_all() == (b"Goodbye\n", "FIN")


@run_example("echo")
def test_echo_gives_back_everything_to_one_that_uploads_first_and_reads_late(peer: Peer) -> None:
    sent = bytes(range(256)) * 8192  # 2 MiB: more than the marks and less than the kernels' buffers
    with ThreadPoolExecutor(1) as pool:
        pool.submit(peer.send, sent).add_done_callback(lambda _: peer.end())
        assert peer.receive_all() == (sent, "FIN")


@run_example("echo")
def test_echo_prints_the_account_of_each_connection(program: Example, peer: Peer) -> None:
    peer.send(b"hello")
    peer.end()
    assert peer.receive_all() == (b"hello", "FIN")
    program.ask_to_stop()
    status, printed = program.finish()
    assert status == 0
    account = "<Connection closed {}:{} read=5 written=5 pending=0> peer ended, clean".format(*peer.address)
    assert account in printed


# early_refusal


def test_the_early_refusal_arrives_whole_from_the_reactor() -> None:
    with running(str(ROOT / "examples" / "early_refusal.py"), "5") as program:
        status, printed = program.finish()
    assert status == 0
    assert "reactor, write and destroy_soon: 5 of 5 answers arrived whole" in printed


# chat


@run_example("chat")
def test_in_the_chat_everybody_hears_what_anybody_says(program: Example) -> None:
    address = program.address()
    with Peer(address) as anna, Peer(address) as ben:
        read_until(anna.sock, b"* %d has come\n" % ben.address[1])
        ben.send(b"hel")
        ben.send(b"lo\n")
        said = b"%d: hello\n" % ben.address[1]
        assert said in read_until(anna.sock, b"hello\n")
        assert said in read_until(ben.sock, b"hello\n")
        ben.end()
        read_until(anna.sock, b"* %d has gone: peer ended\n" % ben.address[1])


@run_example("chat")
def test_the_chat_tells_one_whose_line_is_too_long_though_it_is_still_sending(peer: Peer) -> None:
    peer.send(b"x" * 1_000_000)
    peer.end()
    got, outcome = peer.receive_all()
    assert (got[-16:], outcome) == (b"* line too long\n", "FIN")


def test_in_the_chat_a_slow_reader_is_told_how_much_it_missed_and_holds_up_nobody(loop: Reactor) -> None:
    chat, total = example("chat").Chat(), 100
    server = Server(loop, chat.join, high_water=16_384)
    chat.set_up(server)
    with Peer(server.listen("127.0.0.1", 0), receive_buffer=4096) as slow:
        pump(loop, lambda: chat.members)
        for number in range(total):
            chat.say(f"{number} " + "x" * 65_536)
            loop.run_once(0)
        assert chat.missed
        with Peer(server.addresses[0]) as quick:
            pump(loop, lambda: len(chat.members) == 2)
            quick.send(b"am I held up?\n")
            read_while_pumping(loop, quick, b"am I held up?\n")
        heard = read_while_pumping(loop, slow, b" messages\n")
    missed = int(heard.split(b"you missed ")[1].split()[0])
    words = heard.count(b"x" * 65_536) + heard.count(b"has come") + heard.count(b"has gone") + heard.count(b"held up")
    assert missed > 0
    assert words + missed == total + 4, "with itself coming, the quick one coming and going, and what it said"


def read_while_pumping(loop: Reactor, peer: Peer, wanted: bytes) -> bytes:
    """`read_until` in a thread, while the loop takes turns."""
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(read_until, peer.sock, wanted)
        pump(loop, reading.done)
    return reading.result()


# embedded


@run_example("embedded")
def test_the_admin_port_answers_while_the_main_thread_works_and_can_stop_it(program: Example, peer: Peer) -> None:
    peer.send(b"status\nslower\nfas")
    assert b"a number in 0.01 s\n" in read_until(peer.sock, b"0.02 s\n")
    peer.send(b"ter\n")
    assert b"a number in 0.01 s\n" in read_until(peer.sock, b"\n")
    peer.send(b"stop\n")
    assert peer.outcome() == "FIN"
    assert program.finish()[0] == 0


@run_example("embedded")
def test_the_admin_port_resets_one_that_sends_a_line_without_end(peer: Peer) -> None:
    peer.send(b"x" * 2000)
    assert peer.outcome() == "ECONNRESET"


# asyncio_host


@run_example("asyncio_host")
def test_a_coroutine_of_the_host_answers_a_client_of_the_reactor(peer: Peer) -> None:
    peer.send(b"hello\n")
    assert peer.receive(len(b"a coroutine says: hello\n")) == b"a coroutine says: hello\n"


@run_example("asyncio_host")
def test_under_asyncio_a_client_that_went_away_disturbs_nobody(program: Example, peer: Peer) -> None:
    with Peer(program.address()) as other:
        other.send(b"nobody will read the answer\n")
        other.reset()
    peer.send(b"hello\n")
    assert peer.receive(17) == b"a coroutine says:"
    program.ask_to_stop()
    assert program.finish()[0] == 0


# device_gateway


class Field:
    """A gateway on a loop with a manual clock, and devices in the field."""

    def __init__(self, loop: Reactor, clock: ManualClock) -> None:
        self.loop, self.clock = loop, clock
        self.gateway = example("device_gateway").Gateway()
        self.server = Server(loop, idle_timeout=60)
        self.gateway.set_up(self.server)
        self.address = self.server.listen("127.0.0.1", 0)

    def device(self, name: str) -> Peer:
        before = self.gateway.devices.get(name)
        peer = Peer(self.address)
        peer.send(f"id {name}\n".encode())
        pump(self.loop, lambda: self.gateway.devices.get(name) is not before)
        return peer


@pytest.fixture
def field(loop: Reactor, clock: ManualClock) -> Field:
    return Field(loop, clock)


def test_the_gateway_reaps_a_silent_device_and_leaves_a_talking_one_alone(field: Field) -> None:
    with field.device("silent") as silent, field.device("talking") as talking:
        talking_now = field.gateway.devices["talking"]
        for _ in range(3):
            field.clock.advance(25)
            before = talking_now.bytes_read
            talking.send(b"reading 17\n")
            pump(field.loop, lambda: talking_now.bytes_read > before)  # noqa: B023 - called at once
        pump(field.loop, lambda: "silent" not in field.gateway.devices)
        assert silent.outcome() == "FIN"
        assert list(field.gateway.devices) == ["talking"]


def test_the_gateway_pushes_a_command_that_an_operator_gives(field: Field) -> None:
    with field.device("pump7") as pump7, Peer(field.address) as operator:
        operator.send(b"tell pump7 open valve 2\ntell pump8 open\n")
        pump(field.loop, lambda: not operator.nothing_comes())
        assert operator.receive(13) == b"sent\nnot now\n"
        assert pump7.receive(13) == b"open valve 2\n"


def test_the_gateway_survives_a_reset_and_knows_that_the_device_is_gone(field: Field) -> None:
    device = field.device("pump7")
    device.reset()
    pump(field.loop, lambda: not field.gateway.devices)
    assert not field.gateway.push("pump7", "open")
    assert field.server.listening


def test_at_the_gateway_a_device_that_comes_back_takes_the_place_of_its_old_connection(field: Field) -> None:
    with field.device("pump7") as old, field.device("pump7") as new:
        pump(field.loop, lambda: len(field.server.connections) == 1)
        assert old.outcome() == "ECONNRESET"
        assert field.gateway.push("pump7", "open")
        settle(field.loop)
        assert new.receive(5) == b"open\n"


@run_example("device_gateway")
def test_the_gateway_sends_its_devices_to_sleep_when_it_stops(program: Example, peer: Peer) -> None:
    peer.send(b"id pump7\ntell pump7 hello\n")
    assert read_until(peer.sock, b"sent\n") == b"hello\nsent\n"
    program.ask_to_stop()
    assert peer.receive_all() == (b"sleep\n", "FIN")
    peer.close()
    status, printed = program.finish()
    assert (status, "pump7 has gone: ended" in printed) == (0, True)


# The simulated server.


def test_the_example_of_a_simulation_is_true_in_all_its_worlds(capsys: pytest.CaptureFixture[str]) -> None:
    example("simulated").main()
    assert capsys.readouterr().out.count(": 500 worlds") == 2


@pytest.mark.expects_errors  # the listener that stumbles is logged
def test_the_example_of_a_simulation_finds_a_server_that_takes_pieces_for_lines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module = example("simulated")

    def careless(loop: Reactor) -> Server:
        server = Server(loop)
        server.on("data", lambda conn, data: conn.write(data.split(b"\n")[0].upper() + b"\n"))
        return server

    monkeypatch.setattr(module, "serve_lines", careless)
    with pytest.raises(AssertionError, match="seed"):
        module.simulate(module.every_line_is_answered, range(500))
