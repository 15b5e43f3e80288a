"""A host loop embeds this one: by `fileno()`, `run_once(0)` and `next_deadline()`."""

from __future__ import annotations

import asyncio
import select
import selectors
from collections.abc import Callable
from typing import Any

import pytest

from reactor import Connection, Reactor, Server
from reactor.testing import ManualClock, pump, settle


class Hosted:
    """A reactor inside an asyncio loop, as a program would do it."""

    def __init__(self, loop: Reactor) -> None:
        self._loop = loop
        self._host = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._host.add_reader(loop.fileno(), self._turn)
        self._turn()

    def _turn(self) -> None:
        self._loop.run_once(0)
        if self._timer is not None:
            self._timer.cancel()
        deadline = self._loop.next_deadline()
        if deadline is not None:
            self._timer = self._host.call_later(max(deadline - self._loop.now, 0), self._turn)

    def close(self) -> None:
        self._host.remove_reader(self._loop.fileno())
        if self._timer is not None:
            self._timer.cancel()


def _serve_within_asyncio(client: Callable[..., Any], **settings: Any) -> Any:
    """What the coroutine `client(conn, reader, writer)` returns, asyncio being the host."""

    async def host() -> Any:
        with Reactor() as loop:
            server = Server(loop, **settings)
            address: Any = server.listen("127.0.0.1", 0)
            met: asyncio.Future[Connection] = asyncio.get_running_loop().create_future()
            server.on("connection", met.set_result)
            hosted = Hosted(loop)
            reader, writer = await asyncio.open_connection(*address)
            try:
                return await asyncio.wait_for(client(await met, reader, writer), 20)
            finally:
                writer.close()
                await writer.wait_closed()
                hosted.close()

    return asyncio.run(host())


def test_an_asyncio_program_serves_with_it() -> None:
    async def client(conn: Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        conn.on("data", lambda conn, data: conn.end(data.upper()))
        writer.write(b"hello")
        return await reader.read()

    assert _serve_within_asyncio(client) == b"HELLO"


def test_deadlines_and_timers_expire_in_it() -> None:
    async def client(conn: Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
        fired: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        assert conn.server is not None
        conn.server.loop.call_later(0.01, fired.set_result, "timer")
        assert await reader.read() == b""  # reaped
        return await fired  # on a busy machine both are late

    assert _serve_within_asyncio(client, idle_timeout=0.05) == "timer"


def test_calls_of_the_host_take_effect_without_traffic() -> None:
    async def client(conn: Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        await asyncio.sleep(0)  # outside a turn of the reactor
        with conn.corked():
            conn.write(b"from the ")
            conn.end(b"host")
        return await reader.read()

    assert _serve_within_asyncio(client) == b"from the host"


# What is queued outside a turn makes the descriptor readable.


def _readable(loop: Reactor) -> bool:
    return bool(select.select([loop.fileno()], [], [], 0)[0])


OUTSIDE: dict[str, Callable[[Reactor, Any], object]] = {
    "call_soon": lambda loop, conn: loop.call_soon(id, 0),
    "call_soon_threadsafe": lambda loop, conn: loop.call_soon_threadsafe(id, 0),
    "call_later": lambda loop, conn: loop.call_later(5, print), "set_timeout": lambda loop, conn: conn.set_timeout(5),
    "a changed deadline": lambda loop, conn: setattr(conn, "idle_timeout", 5),
    "a second write": lambda loop, conn: (conn.write(b"x"), conn.write(b"y")),
    "a write with a callback": lambda loop, conn: conn.write(b"x", lambda *_: None),
    "end": lambda loop, conn: conn.end(), "destroy_soon": lambda loop, conn: conn.destroy_soon(),
    "destroy": lambda loop, conn: conn.destroy(), "reset": lambda loop, conn: conn.reset(),
    "pause": lambda loop, conn: conn.pause(), "listen": lambda loop, conn: conn.server.listen("127.0.0.1", 0),
    "close": lambda loop, conn: conn.server.close(), "shutdown": lambda loop, conn: conn.server.shutdown(),
}  # fmt: skip


@pytest.mark.parametrize("name", OUTSIDE)
def test_what_is_queued_outside_a_turn_makes_it_readable(harness: Any, loop: Reactor, name: str) -> None:
    h = harness()
    _, conn = h.connect()
    settle(loop)
    assert not _readable(loop)
    OUTSIDE[name](loop, conn)
    assert _readable(loop)


def test_resume_makes_it_readable(harness: Any, loop: Reactor) -> None:
    h = harness()
    peer, conn = h.connect()
    conn.pause()
    settle(loop)
    peer.send(b"x")
    assert not _readable(loop)
    conn.resume()
    assert _readable(loop)
    pump(loop, lambda: h.record.data() == b"x")


def test_input_makes_it_readable(harness: Any, loop: Reactor) -> None:
    h = harness()
    peer, _ = h.connect()
    settle(loop)
    peer.send(b"x")
    assert _readable(loop)


def test_what_is_queued_inside_a_turn_shows_in_the_next_deadline(loop: Reactor, clock: ManualClock) -> None:
    loop.call_soon(lambda: loop.call_soon(lambda: None))
    loop.run_once(0)
    assert loop.next_deadline() == clock()
    loop.run_once(0)
    assert loop.next_deadline() is None


def test_the_next_deadline_is_that_of_the_soonest_timer(loop: Reactor, clock: ManualClock) -> None:
    assert loop.next_deadline() is None
    loop.call_later(60, print)
    sooner = loop.call_later(30, print)
    settle(loop)
    assert loop.next_deadline() == 1030.0
    sooner.cancel()
    assert loop.next_deadline() == 1060.0


@pytest.mark.parametrize("name", ["idle_timeout", "read_timeout"])
def test_the_next_deadline_includes_those_of_connections(
    harness: Any, loop: Reactor, clock: ManualClock, name: str
) -> None:
    h = harness(**{name: 60})
    _, conn = h.connect()
    settle(loop)
    while conn.state == "open":
        deadline = loop.next_deadline()
        assert deadline is not None
        assert clock() <= deadline <= 1060.0
        clock.advance(deadline - clock())
        loop.run_once(0)
    assert clock() == 1060.0


@pytest.mark.parametrize("selector", [None, selectors.EpollSelector])
def test_a_host_hears_of_a_paused_peers_leaving(harness: Any, selector: type[selectors.EpollSelector] | None) -> None:
    with Reactor(selector() if selector else None) as loop:
        h = harness(loop=loop, pause_on_connect=True)
        peer, _ = h.connect()
        settle(loop)
        peer.end()
        assert _hosted_until(loop, lambda: h.record.names() == ["hangup"])


def _hosted_until(loop: Reactor, until: Callable[[], bool], seconds: float = 20.0) -> bool:
    """True if a host that turns the loop when asked to, and no more often, brings it about."""
    limit = loop.now + seconds
    while not until() and loop.now < limit:
        deadline = min(loop.next_deadline() or limit, limit)
        if select.select([loop.fileno()], [], [], max(deadline - loop.now, 0))[0] or deadline < limit:
            loop.run_once(0)
    return until()


def test_timers_that_are_not_ref_d_count_for_a_host_too(loop: Reactor) -> None:
    loop.call_later(60, print).unref()
    assert loop.next_deadline() == 1060.0


def test_a_selector_without_a_descriptor_says_so(clock: ManualClock) -> None:
    with Reactor(selectors.PollSelector(), clock) as loop, pytest.raises(OSError, match="PollSelector has no descr"):
        loop.fileno()


def test_an_epoll_selector_of_the_standard_library_has_one(clock: ManualClock) -> None:
    with Reactor(selectors.EpollSelector(), clock) as loop:
        loop.call_soon(id, 0)
        assert _readable(loop)
        settle(loop)
