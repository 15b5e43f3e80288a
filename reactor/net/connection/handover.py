"""`detach`: the socket of a connection goes to another owner, with what was read of it and not delivered.

The connection ends and the socket does not: nothing is sent, no FIN and no RST, and the peer notices nothing. So it is
possible only while nothing of ours is under way in this process: the connection is open for writing and no output is
pending. What the kernel has taken goes on by itself.

Read and not yet delivered may be, in the order in which it came:

    what a framer keeps       messages that wait, because one is being told or the connection is paused, and the
                              beginning of the next one; or what a decoder keeps of a character
    what a pause held back    it was read before another connection's listener called `pause()`
    what was read ahead       the loop has read it in this turn, and another connection's listener calls (turn.py)

The descriptor is the caller's when the call returns, and may be closed, or given to another reactor, at once. The rest
is the ordinary end: the teardown at the end of the turn finds a socket without a descriptor, and `close` comes in the
next turn, with reason `DETACHED`. Callbacks are called before it. A pipe passes it on as a cut: the rest of the stream
goes elsewhere, and a FIN would say that it was complete.

Rejected: to wait until pending output is sent and detach then. The program would get its socket at a moment that it
does not know; the callback of its last write is that moment.
"""

from __future__ import annotations

from ...engine.ahead import take_back
from ...errors import ConnectionClosed, ReactorError
from ...hints import TYPE_CHECKING
from ..sockets import addresses
from .account import Reason
from .states import DESTROY

if TYPE_CHECKING:
    import socket

    from .stream import Stream


def detach(conn: Stream) -> tuple[socket.socket, bytes]:
    """Give the socket and what was not delivered to the caller. Raises ReactorError and ConnectionClosed."""
    life = conn._life
    if not life.connected and not life.over:
        raise ReactorError(f"detach() of {conn!r}: it is not connected yet")
    if not life.writable:
        raise ConnectionClosed(f"detach() of {conn!r}: our half has ended")
    if conn.pending_bytes:
        raise ReactorError(f"detach() of {conn!r} while output is pending: call it in the callback of the last write")
    rest = _undelivered(conn)
    if conn._mask is not None:
        conn._mask = None
        conn._loop.poller.remove(conn._sock.fileno())
    conn._local = conn._local or addresses.local_address(conn._sock)
    sock = conn._sock.hand_over()
    conn._called = DESTROY
    conn._because(Reason.DETACHED)
    conn._step(DESTROY)
    return sock, rest


def _undelivered(conn: Stream) -> bytes:
    """Take all that was read and not delivered; from now on it counts as received."""
    kept, fresh = b"", b""
    intake = conn._intake
    if intake is not None:
        kept = intake.take_kept(conn)
        fresh = intake.take()
    # `_read_at` is this very turn's if it has delivered to this connection already.
    if conn._read_at is not conn._loop.turn_now:
        fresh += take_back(conn._loop, conn)
    conn.bytes_read += len(fresh)
    return kept + fresh
