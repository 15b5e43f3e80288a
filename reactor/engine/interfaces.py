"""What the engine calls on the rest of the library, as Protocols for type checkers.

Programs see connections. So the methods that only the loop calls begin with an underscore, and a program does not take
them for hooks; the engine may call them because it declares them here.
"""

from __future__ import annotations

from ..hints import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Protocol

    class Handler(Protocol):
        """What is registered with a poller."""

        _flowing: bool  # True if the loop reads for it: then it is a Readable

        def _on_ready(self, mask: int) -> None: ...

    class Readable(Handler, Protocol):
        """A handler that the loop reads for while `_flowing` is True: a connection."""

        _sock: Any  # has recv(size)
        _read_size: int  # bytes

        def _on_data(self, data: bytes) -> None: ...  # b"" at the end of the stream
        def _on_read_error(self, error: OSError | MemoryError) -> None: ...

    class Staged(Protocol):
        """What waits for a stage at the end of the turn: a connection."""

        def _on_flush(self) -> None: ...
        def _on_teardown(self) -> None: ...

    class Tenant(Protocol):
        """What owns connections on a reactor: a server, or all clients together."""

        _connections: dict[Any, None]  # those whose `close` was not told yet

        def _abandon(self) -> None: ...  # the reactor closes: end them all

        def _sigpipe_changed(self) -> None: ...  # see `sigpipe.py`

        # In the child of a fork (`forks.py`).
        def _on_fork(self) -> Iterable[object]: ...  # its connections, put aside: they are the parent's
        def _give_back(self) -> None: ...  # close(2) all descriptors, and tell nobody
        def _wanted(self, wanted: bool | list[Any], /) -> list[Any]: ...  # those that can be taken over
        def _renew(self, kept: list[Any], /) -> None: ...  # go on with what listens, and with these connections
