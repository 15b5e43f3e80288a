"""What a server counts, and the two reports made of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping

from ...hints import NamedTuple, Protocol
from ..connection.account import CloseReport, Reason


class ShutdownReport(NamedTuple):
    """The account of a server's stop, given to its `stopped` listeners: of the connections that ended since
    it was asked to.
    """

    connections: int
    clean: int
    by_reason: Mapping[Reason, int]
    bytes_unsent: int
    seconds: float

    @property
    def cut(self) -> int:
        """How many were reset because the grace was over."""
        return self.by_reason.get(Reason.SHUTDOWN_DEADLINE, 0)

    def __str__(self) -> str:
        reasons = ", ".join(f"{count} {reason.value}" for reason, count in self.by_reason.items()) or "none open"
        return (
            f"stopped in {self.seconds:.3f} s: {self.connections} connection{'s' * (self.connections != 1)} ended, "
            f"{self.clean} of them clean ({reasons}), {self.bytes_unsent} bytes unsent"
        )


class ServerStatistics(NamedTuple):
    """A look at a server. Bytes are those of all connections so far, open ones included."""

    accepted: int
    refused: int
    refused_by: Mapping[str, int]  # cause: the name of a setting, or "descriptors"
    open: int
    ended: Mapping[Reason, int]
    bytes_read: int
    bytes_written: int
    bytes_unsent: int
    bytes_pending: int  # as of now, those of files included


class _Counted(Protocol):
    bytes_read: int
    bytes_written: int

    @property
    def pending_bytes(self) -> int: ...


class Tally:
    """What a server counts."""

    __slots__ = ("accepted", "bytes_read", "bytes_unsent", "bytes_written", "clean", "ended", "refused")

    def __init__(self) -> None:
        self.accepted = self.clean = 0
        self.refused: Counter[str] = Counter()
        self.bytes_read = self.bytes_written = self.bytes_unsent = 0
        self.ended: Counter[Reason] = Counter()

    def add(self, report: CloseReport) -> None:
        """One more connection has ended."""
        self.ended[report.reason] += 1
        self.clean += report.clean
        self.bytes_read += report.bytes_read
        self.bytes_written += report.bytes_written
        self.bytes_unsent += report.bytes_unsent

    def copy(self) -> Tally:
        twin = Tally()
        for name in self.__slots__:
            setattr(twin, name, getattr(self, name))
        twin.ended, twin.refused = self.ended.copy(), self.refused.copy()
        return twin

    def since(self, before: Tally, seconds: float) -> ShutdownReport:
        """What ended since an earlier copy was taken."""
        ended = self.ended - before.ended
        return ShutdownReport(
            connections=ended.total(),
            clean=self.clean - before.clean,
            by_reason=dict(ended),
            bytes_unsent=self.bytes_unsent - before.bytes_unsent,
            seconds=seconds,
        )

    def statistics(self, open_now: int, live: Collection[_Counted]) -> ServerStatistics:
        """With what the connections that still live have moved."""
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
