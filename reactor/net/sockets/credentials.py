"""Who is at the other end of a Unix socket: a process, its user and its group, as the kernel knows them."""

from __future__ import annotations

import array
import socket
import sys

from ...hints import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Protocol

    class Asked(Protocol):
        """Anything whose options can be asked for."""

        def getsockopt(self, level: int, option: int, size: int, /) -> bytes: ...


#: Where the option is that Linux has; others have another structure under this name, or another name.
_SO_PEERCRED = getattr(socket, "SO_PEERCRED", None) if sys.platform in ("linux", "android") else None


class PeerCredentials(NamedTuple):
    """Who is at the other end of a Unix socket, as of when it connected; of a server, as of when it began to listen.

    - `pid`: The process; 0 if it is in a pid namespace that cannot be seen from here. It may have ended since, and its
      number may be another's.
    - `uid`: Its effective user.
    - `gid`: Its effective group.
    """

    pid: int
    uid: int
    gid: int


def peer_credentials(sock: Asked) -> PeerCredentials | None:
    """Those of the peer (unix(7), SO_PEERCRED); None where the system does not tell."""
    if _SO_PEERCRED is None:
        return None
    found = array.array("i", [0, 0, 0])  # struct ucred
    try:
        found = array.array("i", sock.getsockopt(socket.SOL_SOCKET, _SO_PEERCRED, found.itemsize * len(found)))
    except OSError:
        return None
    return PeerCredentials(*found)
