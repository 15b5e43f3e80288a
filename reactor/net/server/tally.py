"""What a server counts, and the two reports made from it. Pure."""

from __future__ import annotations

from collections import Counter

from ...hints import TYPE_CHECKING, NamedTuple
from ..connection.account import Reason

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from typing import Protocol

    from ..connection.account import CloseReport

    class Counted(Protocol):
        """What the tally needs of a connection."""

        bytes_read: int
        bytes_written: int

        @property
        def pending_bytes(self) -> int: ...


class ShutdownReport(NamedTuple):
    """The account of a server's stop, given to its `stopped` listeners. It counts the connections that ended since
    `close()` or `shutdown()` was called. As text it is one line.

    - `connections`: The number of these connections.
    - `clean`: How many of them were clean (`CloseReport.clean`).
    - `by_reason`: The number for each `Reason`.
    - `bytes_unsent`: The bytes that were written and never sent.
    - `seconds`: How long the stop took.
    - `bytes_discarded`: The bytes that these connections received and that nobody heard: most came after our FIN.
    """

    connections: int
    clean: int
    by_reason: Mapping[Reason, int]
    bytes_unsent: int
    seconds: float
    bytes_discarded: int = 0

    @property
    def cut(self) -> int:
        """The number of connections that were reset because the grace was over."""
        return self.by_reason.get(Reason.SHUTDOWN_DEADLINE, 0)

    def __str__(self) -> str:
        reasons = ", ".join(f"{count} {reason.value}" for reason, count in self.by_reason.items()) or "none open"
        return (
            f"stopped in {self.seconds:.3f} s: {self.connections} connection{'s' * (self.connections != 1)} ended, "
            f"{self.clean} of them clean ({reasons}), {self.bytes_unsent} bytes unsent"
            + (f", {self.bytes_discarded} bytes received and discarded" if self.bytes_discarded else "")
        )


class ServerStatistics(NamedTuple):
    """The counts of a server at one moment. Bytes are those of all connections so far, open ones included.

    - `accepted`: The number of connections that were let in.
    - `refused`: The number of clients that were not.
    - `refused_by`: The number for each cause: the name of a setting, or "descriptors".
    - `open`: The number of connections whose descriptor is open.
    - `ended`: The number of ended connections for each `Reason`; `REFUSED` counts those that were not let in.
    - `bytes_read`: The bytes received.
    - `bytes_written`: The bytes that the kernel has taken.
    - `bytes_unsent`: The bytes that were written and never sent, of connections that have ended.
    - `bytes_pending`: The bytes that wait to be sent now, those of files included.
    """

    accepted: int
    refused: int
    refused_by: Mapping[str, int]
    open: int
    ended: Mapping[Reason, int]
    bytes_read: int
    bytes_written: int
    bytes_unsent: int
    bytes_pending: int


class Tally:
    """The counts of one server."""

    __slots__ = ("accepted", "bytes_read", "bytes_unsent", "bytes_written", "clean", "ended", "refused")

    def __init__(self) -> None:
        self.accepted = self.clean = self.bytes_read = self.bytes_written = self.bytes_unsent = 0
        self.refused: Counter[str] = Counter()
        self.ended: Counter[Reason] = Counter()

    def add(self, report: CloseReport) -> None:
        """One more connection has ended."""
        self.ended[report.reason] += 1
        self.clean += report.clean
        self.bytes_read += report.bytes_read
        self.bytes_written += report.bytes_written
        self.bytes_unsent += report.bytes_unsent

    def copy(self) -> Tally:
        """The counts as they are now."""
        twin = Tally()
        for name in self.__slots__:
            setattr(twin, name, getattr(self, name))
        twin.ended, twin.refused = self.ended.copy(), self.refused.copy()
        return twin

    def since(self, before: Tally, seconds: float, discarded: int = 0) -> ShutdownReport:
        """The connections that ended since `before` was copied, `seconds` ago; `discarded` bytes of theirs were heard
        by nobody.
        """
        ended = self.ended - before.ended
        return ShutdownReport(
            connections=ended.total(),
            clean=self.clean - before.clean,
            by_reason=dict(ended),
            bytes_unsent=self.bytes_unsent - before.bytes_unsent,
            seconds=seconds,
            bytes_discarded=discarded,
        )

    def statistics(self, open_now: int, live: Collection[Counted]) -> ServerStatistics:
        """The counts, with the bytes of the connections in `live`; `open_now` descriptors are in use."""
        ended = dict(self.ended)
        if refused := self.refused.total():
            ended[Reason.REFUSED] = refused
        return ServerStatistics(
            accepted=self.accepted,
            refused=refused,
            refused_by=dict(+self.refused),
            open=open_now,
            ended=ended,
            bytes_read=self.bytes_read + sum(conn.bytes_read for conn in live),
            bytes_written=self.bytes_written + sum(conn.bytes_written for conn in live),
            bytes_unsent=self.bytes_unsent,
            bytes_pending=sum(conn.pending_bytes for conn in live),
        )
