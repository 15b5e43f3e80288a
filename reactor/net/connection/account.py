"""Why a connection ends: the reasons, what each means for how it ends, and the report. Pure.

Everything that depends on a reason stands in one table, `ROWS`: the code that ends a connection, tells the program,
closes the socket or passes the end on through a pipe looks there, and a new reason is one member and one row.

What is known of an ending so far is a `Cause`, which never changes: each fact makes a new one of it. So the many that
end in order share two, and only a connection that something has cut has one of its own.
"""

from __future__ import annotations

import enum

from ...hints import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .states import Phase


class Reason(enum.Enum):
    """Why a connection ended: the first cause other than an orderly end."""

    __hash__ = object.__hash__  # by identity, in C

    PEER_ENDED = "peer ended"  #: The peer's FIN came first, and we followed.
    ENDED = "ended"  #: We ended first, and the peer followed.
    DESTROYED = "destroyed"  #: The program called `destroy()`, or closed the reactor.
    RESET = "reset"  #: The program called `reset()`.
    DETACHED = "detached"  #: The program called `detach()`: the socket goes on, and has another owner.
    PEER_RESET = "peer reset"  #: The peer sent RST, or a write found that it was gone.
    NETWORK_ERROR = "network error"  #: Any other error of the network: unreachable, timed out, ...
    IDLE = "idle"  #: `idle_timeout`: nothing moved in either direction.
    READ_TIMEOUT = "read timeout"  #: `read_timeout`: nothing was received.
    WRITE_TIMEOUT = "write timeout"  #: `write_timeout`: the peer took none of our output.
    LINGER_TIMEOUT = "linger timeout"  #: `linger_timeout`: all was delivered, and the peer's FIN did not come.
    HALF_OPEN_TIMEOUT = "half-open timeout"  #: `half_open_timeout`: one side had ended and the program did nothing.
    FIRST_BYTE_TIMEOUT = "first byte timeout"  #: `first_byte_timeout`: not one byte was received.
    MAX_LIFETIME = "max lifetime"  #: `max_lifetime`: the connection had been open for this long.
    READ_RATE = "read rate"  #: `min_read_rate`: the peer sent too slowly.
    WRITE_RATE = "write rate"  #: `min_write_rate`: the peer took our output too slowly.
    SLOW_READER = "slow reader"  #: `slow_reader`: too much output was pending for too long.
    END_TIMEOUT = "end timeout"  #: The `timeout` given to `end()` or `destroy_soon()`.
    CONNECT_TIMEOUT = "connect timeout"  #: `connect_timeout`: no address answered in time.
    CONNECT_FAILED = "connect failed"  #: No address answered, or the name is unknown.
    LISTENER_FAILED = "listener failed"  #: A listener or callback of this connection raised `report.error`.
    SHUTDOWN_DEADLINE = "shutdown deadline"  #: Still open when `shutdown()`'s grace was over.
    GIVEN_UP = "given up"  #: Ended when descriptors ran out: it lingered, or had been idle for `give_up_idle`.
    DECODE_FAILED = "decode failed"  #: Bytes came that the encoding given to `set_encoding()` does not have.
    FRAME_TOO_LONG = "frame too long"  #: A message was longer than the `max_length` of its framer.
    FRAME_CUT_OFF = "frame cut off"  #: The peer's FIN came in the middle of a message.
    FILE_FAILED = "file failed"  #: A file given to `send_file()` was shorter than it had been, or could not be read.
    BUFFER_LIMIT = "buffer limit"  #: Over `buffer_limit`, or it held most when `memory_limit` was passed.
    REFUSED = "refused"  #: Never let in. It has no connection and so no report; `Server.statistics()` counts it.

    def __repr__(self) -> str:
        return f"Reason.{self.name}"


class Way(enum.Enum):
    """How a deadline ends a connection."""

    RESET = "reset"  # RST: both halves at once
    IN_ORDER = "in order"  # FIN and close in one turn if nothing can be lost by it, else as `destroy_soon()`
    BY_LINGER = "by linger"  # as `destroy_soon()`, within `linger_timeout` in all


class Row(NamedTuple):
    """What a reason means."""

    way: Way = Way.RESET  #: How the deadline of this name ends a connection.
    announced: bool = False  #: `timeout` is emitted first. `touch()` in its listener restarts IDLE and READ_TIMEOUT.
    input_speaks: bool = False  #: Input that waits to be read shows that the peer was not silent, so it is kept.
    fin_first: bool = False  #: FIN is sent before close(2), which sends none while another process has a copy (fact 3).
    passes_as_end: bool = False  #: A pipe passes it on as an end and not as a cut: nothing was lost by it.


PLAIN = Row()
ROWS: Mapping[Reason, Row] = dict.fromkeys(Reason, PLAIN) | {
    Reason.IDLE: Row(Way.IN_ORDER, announced=True, input_speaks=True, fin_first=True, passes_as_end=True),
    Reason.READ_TIMEOUT: Row(Way.IN_ORDER, announced=True, input_speaks=True, fin_first=True, passes_as_end=True),
    Reason.FIRST_BYTE_TIMEOUT: Row(Way.IN_ORDER, announced=True, input_speaks=True, fin_first=True, passes_as_end=True),
    Reason.READ_RATE: Row(Way.IN_ORDER, announced=True, input_speaks=True, fin_first=True),
    Reason.MAX_LIFETIME: Row(Way.BY_LINGER, announced=True, passes_as_end=True),
    Reason.LINGER_TIMEOUT: Row(input_speaks=True),
    Reason.GIVEN_UP: Row(fin_first=True, passes_as_end=True),
}


class Fault(enum.Enum):
    """Whose error a connection ended with."""

    NETWORK = "network"  # told by `error`, or logged at INFO
    PROGRAM = "program"  # given to `destroy(error)`, or found in what it was given to send or to decode: told too
    LISTENER = "listener"  # raised by a listener: logged at ERROR, and only reported


class CloseReport(NamedTuple):
    """The account of one connection, given to its `close` listeners. "Acknowledged" speaks of the peer's kernel, not of
    its program.

    - `reason`: A `Reason`: the first cause other than an orderly end.
    - `phase`: What the connection was doing then: "connecting", "open", "draining" (our half is ending), "lingering"
      (our FIN is out) or "half_open".
    - `error`: The exception, or None.
    - `clean`: True if both FINs passed, nothing is unsent or unacknowledged, and there is no error.
    - `bytes_read`: All bytes that were received.
    - `bytes_discarded`: Of these, the bytes that were delivered to nobody.
    - `bytes_written`: The bytes that the kernel has taken.
    - `bytes_unsent`: The bytes given to `write` that the kernel has never taken.
    - `bytes_unacked`: The bytes that the kernel has taken and the peer's had not acknowledged at the close; None where
      nobody can tell, as on Unix sockets.
    - `opened_at`: When the connection was opened, in the reactor's time.
    - `duration`: How long it was open, in seconds.
    """

    reason: Reason
    phase: Phase
    error: BaseException | None
    clean: bool
    bytes_read: int
    bytes_discarded: int
    bytes_written: int
    bytes_unsent: int
    bytes_unacked: int | None
    opened_at: float
    duration: float


class Cause(NamedTuple):
    """What is known of an ending so far. The first of each counts."""

    reason: Reason | None = None  #: The first cause that is no orderly end.
    orderly: Reason | None = None  #: PEER_ENDED or ENDED, once the peer's FIN was read: by whose FIN came first.
    error: BaseException | None = None
    fault: Fault | None = None  #: Whose error it is.
    abort: bool = False  #: The socket is closed with RST.

    def because(self, reason: Reason) -> Cause:
        """With this reason, unless there was one before."""
        return self if self.reason is not None else self._replace(reason=reason)

    def cut(self, reason: Reason) -> Cause:
        """With this reason, unless there was one before, and to be closed with RST."""
        return self._replace(reason=self.reason or reason, abort=True)

    def blame(self, fault: Fault, error: BaseException | None) -> Cause:
        """With this error, unless there was one before."""
        return self if self.error is not None or error is None else self._replace(fault=fault, error=error)

    def fin_read(self, ours_first: bool) -> Cause:
        """The peer's FIN was read. Where nothing was known before, that is `WE_FIRST` or `PEER_FIRST`."""
        return self._replace(orderly=Reason.ENDED if ours_first else Reason.PEER_ENDED)

    def report(
        self,
        phase: Phase,
        fin_sent: bool,
        read: int,
        discarded: int,
        written: int,
        unsent: int,
        unacked: int | None,
        opened_at: float,
        now: float,
    ) -> CloseReport:
        """The account, from what was counted. Where nobody can tell what has arrived (`unacked` is None), an ending is
        clean unless something has cut it.
        """
        reason, orderly, error, _, _ = self
        arrived = reason is None if unacked is None else not unacked
        clean = orderly is not None and fin_sent and arrived and not unsent and error is None
        return CloseReport(  # by position: by name it takes twice as long, and every connection makes one
            reason or orderly or Reason.ENDED, phase, error, clean, read, discarded, written, unsent, unacked,
            opened_at, now - opened_at,
        )  # fmt: skip


#: Nothing is known yet; and the two that end most connections.
UNKNOWN = Cause()
PEER_FIRST = Cause(orderly=Reason.PEER_ENDED)
WE_FIRST = Cause(orderly=Reason.ENDED)
