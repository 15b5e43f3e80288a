"""The place of a client: a descriptor that is taken before it is needed.

A relay needs two descriptors for each of its clients. Clients that come at once are accepted at once, and the onward
connections open their sockets in later turns: with 31 descriptors left, 31 clients of 60 would come in, and not one of
their onward connections would find a descriptor. So on a loop with a server, a client of ours takes a descriptor in the
call of `connect`, and gives it back when it opens its first socket. Descriptors then run out between two pairs.

A client that is given by name needs a resolver besides, which opens files and a socket. `Lookups.expected` counts such
clients, and acceptors leave FOR_NAMES descriptors free while there are any (`acceptor.py`).

Where `connect` is called later than in `connection`, a burst may have taken all descriptors before: see `shortage.py`.

Rejected: a setting for how many descriptors to leave free, since the right number is that of the clients under way,
which the loop knows and an operator does not; and a ratio learned from the past, which is wrong in the first burst.
"""

from __future__ import annotations

import socket

from ...engine.lookups import Lookups
from ...hints import TYPE_CHECKING
from ..connection import pipes  # noqa: F401 - a relay needs it, and may have no descriptor left to load it with
from ..sockets import addresses, opening

if TYPE_CHECKING:
    from ...engine.turn import Turns
    from ..sockets.addresses import Address


class Place:
    """What one client keeps from others. On a loop without servers, nothing."""

    __slots__ = ("_lookups", "_spare")

    def __init__(self, loop: Turns, where: Address) -> None:
        self._lookups: Lookups | None = None
        self._spare: socket.socket | None = None
        if not loop.serves:
            return
        literal = socket.AF_UNIX if isinstance(where, str) else addresses.literal_family(where[0])
        if literal is None:
            self._lookups = lookups_of(loop)
            self._lookups.expected += 1
        self._spare = opening.spare_socket(loop.poller.system, literal or socket.AF_INET)

    def resolved(self) -> None:
        """The name is resolved, or given up. Harmless where there was none."""
        if self._lookups is not None:
            self._lookups.expected -= 1
            self._lookups = None

    def leave(self) -> None:
        """Give the descriptor back: it is needed now, or not any more."""
        self.resolved()
        if self._spare is not None:
            self._spare.close()
            self._spare = None


def lookups_of(loop: Turns) -> Lookups:
    """The threads that resolve names for this loop."""
    if loop.lookups is None:
        loop.lookups = Lookups(loop.queue_threadsafe)
    return loop.lookups
