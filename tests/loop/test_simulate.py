"""A program's own server is tested in simulated worlds: what is wrong with it at any seed is found, simplified, and
lived again.
"""

from __future__ import annotations

import errno
import os
from selectors import EVENT_READ

import pytest

from reactor import Connection, Reactor, Reason, Server, connect
from reactor.testing import FAIR, ROUGH, Choices, Kernel, SeedFailed, Simulation, simulate

HOST, PORT = "10.0.0.1", 7
each_face = pytest.mark.parametrize("plain", [False, True], ids=["own", "plain"])


def echo(loop: Reactor) -> Server:
    server = Server(loop)
    server.on("data", lambda conn, data: conn.write(data))
    server.listen(HOST, PORT)
    return server


def forgetful(loop: Reactor) -> Server:
    """Takes it that a request comes in one piece."""
    server = Server(loop)
    server.on("data", lambda conn, data: conn.end(b"hello " + data))
    server.listen(HOST, PORT)
    return server


def asks_its_name(choices: Choices) -> None:
    with Simulation(choices, ROUGH) as world:
        forgetful(world.loop)
        client = world.client(HOST, PORT)
        client.send(b"a name that may come in pieces")
        client.end()
        world.run(until=lambda: client.outcome)
        assert client.received == b"hello a name that may come in pieces"


@each_face
def test_a_client_is_answered_in_a_simulated_network(plain: bool) -> None:
    with Simulation(plain=plain) as world:
        echo(world.loop)
        client = world.client(HOST, PORT)
        client.send(bytes(300_000))
        client.end()
        world.run(until=lambda: client.outcome)
        assert (client.outcome, len(client.received)) == ("FIN", 300_000)


@each_face
def test_hours_pass_at_once_and_deadlines_are_kept(plain: bool) -> None:
    with Simulation(plain=plain) as world:
        server = echo(world.loop)
        server.idle_timeout = 3600
        client = world.client(HOST, PORT)
        begun = world.clock()
        world.run(until=lambda: client.outcome, seconds=4000)
        assert world.clock() - begun == pytest.approx(3600, abs=1)


def test_a_client_of_the_library_connects_in_the_simulated_network() -> None:
    with Simulation() as world:
        echo(world.loop)
        conn = connect(world.loop, HOST, PORT)
        conn.end(b"hello")
        world.run(until=lambda: conn.report)
        assert conn.report is not None
        assert (conn.report.reason, conn.report.bytes_read) == (Reason.ENDED, 5)


def test_a_port_where_nobody_listens_refuses() -> None:
    with Simulation() as world:
        conn = connect(world.loop, HOST, PORT)
        world.run(until=lambda: conn.report)
        assert conn.report is not None
        assert isinstance(conn.report.error, ConnectionRefusedError)


def test_a_peer_that_vanishes_is_found_by_a_deadline() -> None:
    with Simulation() as world:
        ended: list[Reason] = []
        server = Server(world.loop, lambda conn: world.loop.call_later(1, conn.end, b"hello?"), write_timeout=20)
        server.on("close", lambda conn, report: ended.append(report.reason))
        server.listen(HOST, PORT)
        client = world.client(HOST, PORT)
        world.run(seconds=0.5)
        client.vanish()
        world.run(until=lambda: ended, seconds=120)
        assert ended == [Reason.WRITE_TIMEOUT]


@pytest.mark.expects_errors
def test_a_seed_that_fails_is_named_and_its_record_fails_in_the_same_way() -> None:
    with pytest.raises(SeedFailed) as caught:
        simulate(asks_its_name, range(1000))
    failed = caught.value
    assert f"seed {failed.seed} fails" in str(failed)
    with pytest.raises(AssertionError):
        asks_its_name(Choices(failed.seed))
    with pytest.raises(AssertionError):
        asks_its_name(Choices(failed.seed, failed.record))


@pytest.mark.expects_errors
def test_the_record_of_a_failure_is_simple() -> None:
    with pytest.raises(SeedFailed) as caught:
        simulate(asks_its_name, range(1000))
    assert sum(map(bool, caught.value.record["kernel"])) <= 3  # that a call does a part, and how much


@pytest.mark.expects_errors
def test_a_listener_that_raises_fails_the_simulation() -> None:
    def stumbles(conn: Connection) -> None:
        raise KeyError("a bug")

    world = Simulation()
    Server(world.loop, stumbles).listen(HOST, PORT)
    client = world.client(HOST, PORT)
    world.run(until=lambda: client.outcome)
    with pytest.raises(AssertionError, match="a bug"):
        world.close()


def test_what_does_not_come_true_fails_after_its_simulated_time() -> None:
    with Simulation() as world:
        echo(world.loop)
        with pytest.raises(AssertionError, match="not within 50 simulated seconds"):
            world.run(until=lambda: False, seconds=50)


def test_a_descriptor_of_the_system_has_no_place_in_a_simulation() -> None:
    reader, writer = os.pipe()
    try:
        with Simulation() as world, pytest.raises(ValueError, match="not of the simulated kernel"):
            world.loop.watch(reader, EVENT_READ, lambda fd, events: None)
    finally:
        os.close(reader)
        os.close(writer)


def test_a_call_can_be_made_to_fail() -> None:
    with Simulation() as world:
        server = echo(world.loop)
        ended: list[BaseException | None] = []
        server.on("close", lambda conn, report: ended.append(report.error))
        world.client(HOST, PORT).send(b"hello")
        world.kernel.fail("recv", errno.EHOSTUNREACH)
        world.run(until=lambda: ended)
        assert isinstance(ended[0], OSError)
        assert ended[0].errno == errno.EHOSTUNREACH


def test_descriptors_can_run_out_and_are_shared_with_nobody_else() -> None:
    kernel = Kernel(weather=FAIR)
    kernel.most_descriptors = 2
    held = [kernel.socket(), kernel.socket()]
    with pytest.raises(OSError, match=str(errno.EMFILE)):
        kernel.socket()
    held.pop().close()
    assert kernel.socket().fileno() == held[0].fileno() + 1  # the lowest that is free
