"""Whatever ends a relay: both sides end, every byte is accounted for, and nothing holds the connections any more."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from reactor import Connection
from reactor.testing import settle
from tests.support.piping import BYTES, End, accounted, dam_up, hang_up, pair

ENDINGS: dict[str, Callable[[End, End], object]] = {
    "the source's peer ends": lambda near, far: near.end(),
    "the source's peer resets": lambda near, far: near.reset(),
    "the destination's peer ends": lambda near, far: far.end(),
    "the destination's peer resets": lambda near, far: far.reset(),
    "end() of the source": lambda near, far: near.conn.end(),
    "end() of the destination": lambda near, far: far.conn.end(),
    "destroy_soon() of the source": lambda near, far: near.conn.destroy_soon(),
    "destroy_soon() of the destination": lambda near, far: far.conn.destroy_soon(),
    "destroy() of the source": lambda near, far: near.conn.destroy(),
    "destroy() of the destination": lambda near, far: far.conn.destroy(),
    "reset() of the source": lambda near, far: near.conn.reset(),
    "reset() of the destination": lambda near, far: far.conn.reset(),
    "end() of both": lambda near, far: (near.conn.end(), far.conn.end()),
    "shutdown()": lambda near, far: near.conn.server.shutdown(10),  # type: ignore[union-attr]  # it has one
    "unpipe() and end() of both": lambda near, far: (
        near.conn.unpipe(), far.conn.unpipe(), near.conn.resume(), far.conn.resume(), near.conn.end(), far.conn.end(),
    ),
}  # fmt: skip


@pytest.mark.parametrize("full", [False, True], ids=["idle", "full"])
@pytest.mark.parametrize("ending", ENDINGS)
def test_both_sides_always_end_and_every_byte_is_accounted_for(ending: str, full: bool, joined: Any) -> None:
    near, far = joined("relay", slow=True)
    far.send(b"hello")
    near.receive(5)
    if full:
        dam_up(near, far)
    else:
        near.send(b"hello")
        far.receive(5)
    ENDINGS[ending](near, far)
    hang_up(near, far)
    for source, destination in ((near, far), (far, near)):
        assert accounted(source, destination)
        assert len(destination.received) <= destination.report().bytes_written
        if destination.report().clean:
            assert len(destination.received) == destination.report().bytes_written
    assert bytes(far.received) == (BYTES[: len(far.received)] if full else b"hello")


@pytest.fixture
def _no_collector() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("_no_collector")
@pytest.mark.parametrize("end", [True, False], ids=["end", "bytes only"])
@pytest.mark.parametrize("ending", [*ENDINGS, "close of the reactor"])
def test_piped_connections_that_have_closed_are_freed_without_the_collector(
    ending: str, end: bool, harness: Any
) -> None:
    wire = harness(data=False)
    near, far = pair(wire, slow=True)
    near.conn.pipe(far.conn, end=end).pipe(near.conn, end=end)
    dam_up(near, far)
    if ending == "close of the reactor":
        wire.loop.close()
    else:
        ENDINGS[ending](near, far)
        if not end:
            for one in (near, far):
                one.conn.destroy()
        hang_up(near, far)
        settle(wire.loop)
    _forget(wire, near, far)


@pytest.mark.usefixtures("_no_collector")
@pytest.mark.parametrize(
    "piping",
    [
        lambda near, far: near.conn.pipe(near.conn),
        lambda near, far: near.conn.on("close", lambda conn, report: conn.pipe(far.conn) and None),
        lambda near, far: far.conn.on("close", lambda conn, report: near.conn.pipe(conn) and None),
        lambda near, far: near.conn.on("end", lambda conn: conn.pipe(far.conn).pipe(conn) and None),
        lambda near, far: (near.conn.set_encoding("utf-8"), near.conn.pipe(far.conn)),
        lambda near, far: near.loop.close() or near.conn.pipe(far.conn),
    ],
    ids=["echo", "from a closed one", "to a closed one", "in an end listener", "encoded", "after the reactor"],
)
def test_no_way_to_pipe_keeps_a_closed_connection(piping: Callable[[End, End], object], harness: Any) -> None:
    wire = harness(data=False)
    near, far = pair(wire)
    piping(near, far)
    if not wire.loop.closed:
        near.end()
        far.end()
        hang_up(near, far)
        settle(wire.loop)
    _forget(wire, near, far)


def _forget(wire: Any, *ends: End) -> None:
    """Nothing holds their connections any more."""
    seen = [weakref.ref(end.conn) for end in ends]
    for end in ends:
        del end.conn
    wire.record.connections.clear()
    wire.record.events.clear()
    for ref in seen:
        conn: Connection | None = ref()
        assert conn is None, gc.get_referrers(conn)
