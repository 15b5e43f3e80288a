"""A scene: a server on a manual clock, one peer and the connection that the server has for it, and the few things that
tests of endings and deadlines do with them again and again.

Time passes in two ways: `jump` sets the clock forward at once, as if the loop had slept; `pass_time` goes in steps with
turns in between, as if it had been busy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reactor import Connection, Reactor
from reactor.testing import ManualClock, Peer, pump, settle
from tests.support import wire
from tests.support.recording import Harness, arguments

MIB = 1024 * 1024
MUCH = 16 * MIB  # bytes; more than the kernel takes for a peer that reads nothing


class Scene(Harness):
    """A harness with one connection. `greet` listens to `connection` before it comes."""

    def __init__(
        self,
        loop: Reactor,
        clock: ManualClock,
        *,
        greet: Callable[[Connection], object] | None = None,
        receive_buffer: int | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(loop, **settings)
        self.clock = clock
        if greet is not None:
            self.server.on("connection", greet)
        self.peer: Peer
        self.conn: Any
        self.peer, self.conn = self.connect(receive_buffer=receive_buffer)

    # What has happened.

    def names(self) -> list[str]:
        """The events of the connection, in order."""
        return self.record.names(self.conn)

    def data(self) -> bytes:
        """The bytes that its `data` listeners were given."""
        return self.record.data(self.conn)

    def count(self, event: str) -> int:
        """The number of times that an event came."""
        return self.names().count(event)

    def kinds(self) -> list[Any]:
        """The kind that each `timeout` was told with."""
        return [kind for (kind,) in arguments(self.record.events[self.conn], "timeout")]

    def closed(self, conn: Connection | None = None) -> Any:
        """Take turns until `close` came; the report."""
        return super().closed(conn or self.conn)

    # Turns.

    def turns(self, count: int = 10) -> None:
        """Take a few turns without sleeping."""
        settle(self.loop, count)

    def until(self, condition: Callable[[], object]) -> None:
        """Take turns until a condition holds."""
        pump(self.loop, condition)

    def told(self, event: str) -> None:
        """Take turns until an event came."""
        self.until(lambda: event in self.names())

    def arrived(self) -> None:
        """Take turns until the peer's kernel has acknowledged everything."""
        self.until(wire.all_acked(self.conn))

    # What both sides do.

    def peer_says(self, data: bytes = b"x") -> None:
        """The peer sends, and all of it is read."""
        wanted = self.conn.bytes_read + len(data)
        self.peer.send(data)
        self.until(lambda: self.conn.bytes_read == wanted)

    def peer_ends(self) -> None:
        """The peer sends FIN, and it is noticed."""
        self.peer.end()
        self.until(lambda: "end" in self.names() or "hangup" in self.names())
        self.turns()

    def peer_reads(self) -> bytes:
        """Everything that the peer gets until FIN, while the loop takes its turns."""
        return wire.read_to_the_end(self.loop, self.peer)

    def peer_reads_a_little(self, count: int = 1024) -> None:
        """The peer reads so little that our socket does not become writable, and its kernel acknowledges more."""
        before = wire.unacked(self.conn)
        self.until(lambda: self.peer.receive(count) and wire.unacked(self.conn) != before)

    def end(self, way: str = "end", data: bytes = b"", **options: Any) -> None:
        """Write `data`, end that way, and take turns until the peer's kernel has everything, FIN included."""
        if data:
            self.conn.write(data)
        getattr(self.conn, way)(**options)
        self.told("finish")
        self.arrived()
        self.turns()

    def bring_to(self, stage: str) -> None:
        """Bring a connection that may stay half-open to a phase, or to "pending" or "unread": open, with more to send
        than the kernel takes, or with input that waits.
        """
        if stage in ("pending", "draining"):
            self.conn.write(bytes(MUCH))
        if stage in ("draining", "lingering"):
            self.conn.end()
        if stage == "half_open":
            self.peer_ends()
        if stage == "unread":
            self.conn.pause()
            self.peer.send(b"unread")
        self.turns()

    # Time.

    def jump(self, seconds: float) -> None:
        """Set the clock forward, then take a few turns."""
        self.clock.advance(seconds)
        self.turns()

    def pass_time(self, seconds: float, step: float = 1.0) -> None:
        """Let time go by in steps, with turns in between."""
        wire.pass_time(self.loop, self.clock, seconds, step)

    def pass_until(self, condition: Callable[[], object], most: float) -> float:
        """Let time go by until a condition holds, for `most` seconds at most; the seconds that it took."""
        return wire.pass_until(self.loop, self.clock, condition, most)

    def lives_for(self, seconds: float) -> float:
        """Let time go by until the connection is closed; the seconds that it took, or `seconds` if it is not."""
        began = self.clock()
        while self.conn.state != "closed" and self.clock() - began < seconds:
            self.pass_time(1)
        return self.clock() - began

    def cut_after(self, seconds: float, late: float = 0.0) -> Any:
        """Its deadline cuts it after `seconds`, at most `late` later, not a quarter of a second before; the report."""
        self.turns()
        self.jump(seconds - 0.25)
        assert self.conn.state != "closed", f"closed in less than {seconds} s"
        self.clock.advance(0.25 + late)
        self.turns(2)
        assert self.conn.state == "closed", f"not closed after {seconds} s"
        return self.closed()


Scenes = Callable[..., Scene]
