"""Why a connection ended, and the report about it.

Reports are named tuples: immutable, readable, and with the cheapest constructor Python has, since every
connection makes one, also when thousands come and go each second.
"""

from __future__ import annotations

import enum

from ...hints import NamedTuple
from .words import Words


class Reason(enum.Enum):
    """Why a connection ended: the first cause other than an orderly end."""

    __hash__ = object.__hash__  # by identity, in C

    PEER_ENDED = "peer ended"  #: The peer's FIN came first, and we followed.
    ENDED = "ended"  #: We ended first, and the peer followed.
    DESTROYED = "destroyed"  #: The program called `destroy()`, or closed the reactor.
    RESET = "reset"  #: The program called `reset()`.
    PEER_RESET = "peer reset"  #: The peer sent RST, or was found to be gone by a write.
    NETWORK_ERROR = "network error"  #: Anything else the network did: unreachable, timed out, ...
    IDLE = "idle"  #: `idle_timeout`: nothing moved in either direction.
    READ_TIMEOUT = "read timeout"  #: `read_timeout`: nothing was received.
    WRITE_TIMEOUT = "write timeout"  #: `write_timeout`: the peer took none of our output.
    LINGER_TIMEOUT = "linger timeout"  #: `linger_timeout`: all was delivered, the peer's FIN did not come.
    HALF_OPEN_TIMEOUT = "half-open timeout"  #: `half_open_timeout`: one side had ended and the program did nothing.
    FIRST_BYTE_TIMEOUT = "first byte timeout"  #: `first_byte_timeout`: not one byte was received.
    MAX_LIFETIME = "max lifetime"  #: `max_lifetime`: it was old enough.
    READ_RATE = "read rate"  #: `min_read_rate`: the peer sent too slowly.
    WRITE_RATE = "write rate"  #: `min_write_rate`: the peer took our output too slowly.
    SLOW_READER = "slow reader"  #: `slow_reader`: too much output was pending for too long.
    END_TIMEOUT = "end timeout"  #: The `timeout` given to `end()` or `destroy_soon()`.
    CONNECT_TIMEOUT = "connect timeout"  #: `connect_timeout`.
    CONNECT_FAILED = "connect failed"  #: No address answered, or the name is unknown.
    LISTENER_FAILED = "listener failed"  #: A listener or callback of this connection raised.
    SHUTDOWN_DEADLINE = "shutdown deadline"  #: Still open when `shutdown()`'s grace was over.
    GIVEN_UP = "given up"  #: It lingered, or had long been idle, when descriptors ran out.
    DECODE_FAILED = "decode failed"  #: Bytes came that the encoding given to `set_encoding()` does not have.
    FRAME_TOO_LONG = "frame too long"  #: A message above the `max_length` of its framer.
    FRAME_CUT_OFF = "frame cut off"  #: The peer's FIN came in the middle of a message.
    FILE_FAILED = "file failed"  #: A file given to `send_file()` was shorter than it had been, or could not be read.
    BUFFER_LIMIT = "buffer limit"  #: `buffer_limit` when more was written, or it held most at `memory_limit`.
    REFUSED = "refused"  #: Never let in, by a limit of the server, or because no descriptor was left.

    def __repr__(self) -> str:
        return f"Reason.{self.name}"


class Fault(Words):
    """Whose error it is that a connection ended with."""

    NETWORK = "network"  # told by `error`, or logged at INFO
    PROGRAM = "program"  # given to `destroy(error)`, or found in what it was given to send or to decode: told too
    LISTENER = "listener"  # raised by a listener: logged at ERROR, and only reported


class CloseReport(NamedTuple):
    """The account of one connection, given to its `close` listeners. "Acknowledged" speaks of the peer's
    kernel, not its program.
    """

    reason: Reason
    phase: str  #: What it was doing: "connecting", "open", "draining", "lingering" or "half_open".
    error: BaseException | None
    clean: bool  #: Both FINs passed, nothing unsent or unacknowledged, no error.
    bytes_read: int  #: All that was received.
    bytes_discarded: int  #: Of these, dropped without being delivered.
    bytes_written: int  #: Taken by the kernel.
    bytes_unsent: int  #: Accepted by `write` or refused after the end, and never handed to the kernel.
    bytes_unacked: int | None  #: Handed over, not acknowledged at the close; None where nobody can tell.
    opened_at: float  #: In the reactor's time, seconds.
    duration: float  #: Seconds.
