"""What a connection belongs to, and reports to: its server, or the clients of its reactor."""

from __future__ import annotations

from ...hints import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any, Protocol

    class Plans(Protocol):
        """Who sees to it that somebody looks when a deadline has passed (`deadlines.keeper`)."""

        def plan(self, stream: Any, /) -> None: ...
        def explain(self, stream: Any, now: float, unacked: bool, /) -> tuple[float, Any]: ...
        def setting_changed(self, stream: Any, name: str, /) -> None: ...
        def forget(self, stream: Any, /) -> None: ...

    class Owner(Protocol):
        """What a connection asks of its owner."""

        @property
        def server(self) -> Any: ...  # None: the program's own clients
        @property
        def _keeper(self) -> Plans: ...
        def _connection_at_rest(self, conn: Any, /) -> None: ...  # the program has said that it is not busy any more
        def _connection_torn(self, conn: Any, /) -> None: ...  # its descriptor is free again
        def _connection_closed(self, conn: Any, /) -> None: ...  # its `close` was delivered
