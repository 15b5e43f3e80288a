"""Whatever ends a relay: both sides end, every byte is accounted for, and nothing holds the connections any more."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from reactor import Connection
from reactor.testing import settle
from tests.support.piping import BYTES, MIB, End, accounted, dam_up, hang_up, happens

ENDINGS = [f"{which}{way}" for way in ("end", "reset") for which in ("near.", "far.")]
ENDINGS += [f"{which}conn.{way}" for way in ("end", "destroy_soon", "destroy", "reset") for which in ("near.", "far.")]
ENDINGS += [
    "near.conn.end, far.conn.end",
    "near.wire.server.shutdown",
    "near.conn.unpipe, far.conn.unpipe, near.conn.resume, far.conn.resume, near.conn.end, far.conn.end",
]


@pytest.mark.parametrize("when", ["idle", "full", "in a data listener", "in a drain listener"])
@pytest.mark.parametrize("ending", ENDINGS)
def test_both_sides_always_end_and_every_byte_is_accounted_for(ending: str, when: str, joined: Any) -> None:
    near, far = joined("relay", slow=True)
    far.send(b"hello")
    near.receive(5)
    if when == "idle":
        near.send(b"hello")
        far.receive(5)
        happens(near, far, ending)
    elif when == "full":
        dam_up(near, far)
        happens(near, far, ending)
    elif when == "in a drain listener":
        far.conn.once("drain", lambda conn: happens(near, far, ending))
        dam_up(near, far)
    else:

        def strike(conn: Connection, data: bytes) -> None:
            if conn.bytes_read > 100_000:
                conn.off("data", strike)  # what nobody hears is discarded, and counted as such
                happens(near, far, ending)

        near.conn.on("data", strike)
        near.pour(BYTES[:MIB])
    hang_up(near, far)
    for source, destination in ((near, far), (far, near)):
        assert accounted(source, destination)
        assert len(destination.received) <= destination.report().bytes_written
        if destination.report().clean:
            assert len(destination.received) == destination.report().bytes_written
    assert bytes(far.received) == (b"hello" if when == "idle" else BYTES[: len(far.received)])


@pytest.fixture
def _no_collector() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("_no_collector")
@pytest.mark.parametrize("shape", ["relay", "relay of bytes only"])
@pytest.mark.parametrize("ending", [*ENDINGS, "near.loop.close"])
def test_piped_connections_that_closed_are_freed_without_the_collector(ending: str, shape: str, joined: Any) -> None:
    near, far = joined(shape, slow=True)
    dam_up(near, far)
    happens(near, far, ending)
    if not near.loop.closed:
        if shape == "relay of bytes only":
            happens(near, far, "near.conn.destroy, far.conn.destroy")
        hang_up(near, far)
        settle(near.loop)
    _forget(near, far)


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
def test_no_way_to_pipe_keeps_a_closed_connection(piping: Callable[[End, End], object], joined: Any) -> None:
    near, far = joined("pair")
    piping(near, far)
    if not near.loop.closed:
        happens(near, far, "near.end, far.end")
        hang_up(near, far)
        settle(near.loop)
    _forget(near, far)


def _forget(near: End, far: End) -> None:
    """Nothing holds their connections any more."""
    near.wire.record.connections.clear()
    near.wire.record.events.clear()
    for end in (near, far):
        seen = weakref.ref(end.conn)
        del end.conn
        conn: Connection | None = seen()
        assert conn is None, gc.get_referrers(conn)
