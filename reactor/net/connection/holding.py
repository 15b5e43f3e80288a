"""Everything a connection holds.

The first of seven layers, each a class on the one before: `Holding`, `Ending` (how it ends), `Answering`
(callbacks), `Transport` (what comes in and goes out), `Timed` (deadlines), `Writing` (`write` and its kin),
`Connection` (what programs call). They are layers and not parts because a message must not cross objects on its
way (design.md, the hot path).

What is set here is set for each connection, and most of them live for a few messages: an attribute that few ever have
is a `Rare` one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence

from ...engine.turn import Turns
from ...hints import TYPE_CHECKING, Any
from ..deadlines.agenda import NEVER
from ..settings import Settings
from ..sockets.addresses import Address
from . import read_size
from .account import CloseReport, Fault, Reason
from .listeners import Listeners
from .outbuf import OutBuffer
from .rare import Rare
from .states import OPEN, Event, State

if TYPE_CHECKING:
    import socket

    from ..deadlines.gauges import Gauges
    from ..protocols.framing import Held
    from .connection import Connection
    from .owner import Owner
    from .pipes import Pipe
    from .silence import Silence
    from .text import Decoder

Callback = Callable[["Connection", "BaseException | None"], object]


class Holding:
    """The first layer of a connection. Made by its owner, with a socket that is connected, or with what stands in the
    place of one until then (`connecting.py`).
    """

    __slots__ = (
        "__weakref__", "_abort", "_acked", "_acked_at", "_answers", "_blocked", "_called", "_corks", "_direct",
        "_discarded", "_drain_due", "_end_by", "_error", "_flowing", "_flush_due", "_last", "_life",
        "_listeners", "_local", "_loop", "_mask", "_opened_at", "_orderly", "_out", "_owner", "_rare",
        "_read_at", "_read_size", "_reason", "_ref", "_settings", "_since", "_sock", "_unacked", "_unsent",
        "_wrote_at", "bytes_read", "bytes_written", "context", "look_at", "remote_address", "report",
    )  # fmt: skip

    _decoder: Rare[Decoder | None] = Rare(None)
    _frames: Rare[tuple[Held, ...]] = Rare(())  # what framers hold back
    _gauges: Rare[Gauges | None] = Rare(None)  # of its speed
    _pipes: Rare[tuple[Pipe, ...]] = Rare(())  # from here
    _fed: Rare[tuple[Pipe, ...]] = Rare(())  # to here
    _held_by_program = Rare(False)  # not read, whatever the pipes want
    _silence: Rare[Silence | None] = Rare(None)  # see `set_timeout`
    _kept_at = Rare(-NEVER)  # the last touch()
    _held_back = Rare(b"")  # read, and not wanted any more when it was about to be delivered: for `resume()`
    _gone = Rare(False)  # paused, and the peer is known to have left
    _hung_up = Rare(False)  # ERR or HUP was seen while not reading: it cannot be masked, so it is not watched
    _closing = Rare(False)  # `_close` has begun to speak
    _words = Rare[Iterator[tuple[Callable[..., object], Any]] | None](None)  # what it still has to tell
    _fault: Rare[Fault | None] = Rare(None)  # whose error it is
    #: Where a client has tried to connect to, in order.
    attempted_addresses = Rare[Sequence[Address]](())

    def __init__(
        self,
        loop: Turns,
        owner: Owner,
        sock: socket.SocketType,
        remote_address: Address,
        local_address: Address | None,
        settings: Settings,
        listeners: Listeners,
        life: State = OPEN,
    ) -> None:
        now = loop.now
        self._loop = loop
        self._owner = owner
        self._sock = sock
        self._settings = settings
        self._listeners = listeners
        #: Where the peer is: (host, port), or a path; before a client's `connect` what was asked for. Known after
        #: the close too.
        self.remote_address = remote_address
        self._local = local_address  # None: not asked yet
        self._life: State = life
        self._last: State = life  # the state before the last one: what it was doing when it ended
        self._called: Event | None = None  # the strongest of the four endings that the program itself has called
        self._flowing = self._direct = life.connected  # what the hot path asks: deliver what comes? send at once?
        self._mask: int | None = None  # what the poller watches for; None: not registered
        self._out: OutBuffer | None = None
        self._corks = 0
        self._blocked = False  # the kernel's buffer is full: wait for WRITE
        self._drain_due = False  # write() has answered False
        self._flush_due = False
        self._answers: deque[tuple[float, Callback]] | None = None  # (bytes_written at which it is due, callback)
        self._read_size = read_size.FIRST
        #: Bytes received so far.
        self.bytes_read = 0
        #: Bytes taken by the kernel so far.
        self.bytes_written = 0
        self._discarded = 0
        self._unsent = 0  # beside what is pending: dropped, or refused after the end
        self._opened_at = self._read_at = self._acked_at = self._since = now
        self._wrote_at = 0.0
        self._acked = 0  # of bytes_written, as of the last look
        self._unacked: int | None = None  # as of the teardown
        self._end_by = NEVER
        #: For the schedule: when it is to be looked at.
        self.look_at = NEVER
        self._orderly: Reason | None = None  # once the peer's FIN was read: whose came first
        self._abort = False  # close with RST
        self._reason: Reason | None = None  # the first cause that is no orderly end
        self._error: BaseException | None = None  # the first there was
        #: The account of this connection: None until its `close` is delivered.
        self.report: CloseReport | None = None
        #: The program's own; the library never looks at it.
        self.context: Any = None
        self._rare: dict[str, Any] | None = None  # see `rare.py`
        self._ref = True
        loop.hold()
