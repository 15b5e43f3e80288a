"""Clients for whose sockets there was no descriptor, on a loop that has servers.

Where onward connections are opened later than in `connection` (a proxy that reads a request first), a burst of clients
may have taken all descriptors before, and then each of their onward connections finds none. If all of them failed, all
of the clients would be reset, and nobody would be served. So half of them fail, the newest; what they were for ends
within a few turns, and the others try again with the descriptors that come free: at the beginning of each turn, before
accept could take these. If none comes free in TURNS turns, the next half fails. One alone fails at once.

It lasts some tens of turns at most, without any sleep: nobody waits for a descriptor that others may free one day.
"""

from __future__ import annotations

import errno
import socket

from ...hints import TYPE_CHECKING
from ..sockets import opening

if TYPE_CHECKING:
    from typing import Protocol

    from ...engine.turn import Turns
    from .names import Target

    class Refused(Protocol):
        """A client that needs a descriptor."""

        def begin_again(self, target: Target, /) -> None: ...
        def give_up(self, target: Target, error: OSError, /) -> None: ...


TURNS = 5  # from the failure of a client to the end of what it was for: told, passed on by a pipe, torn down


class Shortage:
    """Of one loop."""

    __slots__ = ("_loop", "_turns", "_waiting")

    def __init__(self, loop: Turns) -> None:
        self._loop = loop
        self._turns = 0  # until the next half fails
        self._waiting: list[tuple[Refused, Target, OSError]] = []

    def add(self, client: Refused, target: Target, error: OSError) -> None:
        """This client has found no descriptor."""
        if not self._waiting:
            self._turns = 0
            self._loop.call_soon(self._look)
        self._waiting.append((client, target, error))

    def _look(self) -> None:
        while self._waiting and (spare := opening.spare_socket(self._loop.poller.system, socket.AF_INET)):
            spare.close()
            client, target, _ = self._waiting.pop(0)
            client.begin_again(target)
        if self._turns == 0:
            self._turns = TURNS
            stay = len(self._waiting) // 2
            for client, target, error in self._waiting[stay:]:
                client.give_up(target, error)
            del self._waiting[stay:]
        self._turns -= 1
        if self._waiting:
            self._loop.call_soon(self._look)


def short_of_descriptors(loop: Turns, error: OSError) -> bool:
    """True if a client of this loop may find a descriptor in one of the next turns."""
    return loop.serves and error.errno == errno.EMFILE and vars(error).get("syscall") == "socket"
