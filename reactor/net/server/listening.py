"""`on`, `once` and `off` of servers, as type checkers see them: which listener goes with which event.

Nothing loads this module at run time: there, servers inherit `Emitter` of `connection/listeners.py`. The events of
connections have the connection as first argument, those of the server itself the server.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, Self, TypeVar, overload

from ..connection.account import CloseReport, Reason
from ..connection.connection import Connection
from ..connection.listening import ConnectionEvent, OfBytes, OfClose, OfError, OfNothing, OfTimeout, ServerEvent
from ..sockets.addresses import Address
from .tally import ShutdownReport

PlainEvent = Literal["drain", "hangup", "end", "finish"]

OfConnection = TypeVar("OfConnection", bound=Callable[[Connection], object])
OfAddress = TypeVar("OfAddress", bound=Callable[[Any, Address], object])
OfDrop = TypeVar("OfDrop", bound=Callable[[Any, Address, Address], object])
OfAcceptError = TypeVar("OfAcceptError", bound=Callable[[Any, OSError], object])
OfDraining = TypeVar("OfDraining", bound=Callable[[Any, float], object])
OfStopped = TypeVar("OfStopped", bound=Callable[[Any, ShutdownReport], object])


class Listening:
    """The listeners of a server and of all its connections."""

    __slots__ = ()

    @overload
    def on(
        self, event: Literal["data"], fn: Callable[[Connection, bytes], object]
    ) -> Callable[[Connection, bytes], object]: ...
    @overload
    def on(
        self, event: Literal["data"], fn: Callable[[Connection, str], object]
    ) -> Callable[[Connection, str], object]: ...
    @overload
    def on(self, event: PlainEvent, fn: Callable[[Connection], object]) -> Callable[[Connection], object]: ...
    @overload
    def on(
        self, event: Literal["timeout"], fn: Callable[[Connection, Reason | None], object]
    ) -> Callable[[Connection, Reason | None], object]: ...
    @overload
    def on(
        self, event: Literal["error"], fn: Callable[[Connection, BaseException], object]
    ) -> Callable[[Connection, BaseException], object]: ...
    @overload
    def on(
        self, event: Literal["close"], fn: Callable[[Connection, CloseReport], object]
    ) -> Callable[[Connection, CloseReport], object]: ...
    @overload
    def on(
        self, event: Literal["connection"], fn: Callable[[Connection], object]
    ) -> Callable[[Connection], object]: ...
    @overload
    def on(
        self, event: Literal["listening"], fn: Callable[[Self, Address], object]
    ) -> Callable[[Self, Address], object]: ...
    @overload
    def on(
        self, event: Literal["drop"], fn: Callable[[Self, Address, Address], object]
    ) -> Callable[[Self, Address, Address], object]: ...
    @overload
    def on(
        self, event: Literal["accept_error"], fn: Callable[[Self, OSError], object]
    ) -> Callable[[Self, OSError], object]: ...
    @overload
    def on(
        self, event: Literal["draining"], fn: Callable[[Self, float], object]
    ) -> Callable[[Self, float], object]: ...
    @overload
    def on(
        self, event: Literal["stopped"], fn: Callable[[Self, ShutdownReport], object]
    ) -> Callable[[Self, ShutdownReport], object]: ...
    @overload
    def on(self, event: Literal["data"]) -> Callable[[OfBytes], OfBytes]: ...
    @overload
    def on(self, event: PlainEvent) -> Callable[[OfNothing], OfNothing]: ...
    @overload
    def on(self, event: Literal["timeout"]) -> Callable[[OfTimeout], OfTimeout]: ...
    @overload
    def on(self, event: Literal["error"]) -> Callable[[OfError], OfError]: ...
    @overload
    def on(self, event: Literal["close"]) -> Callable[[OfClose], OfClose]: ...
    @overload
    def on(self, event: Literal["connection"]) -> Callable[[OfConnection], OfConnection]: ...
    @overload
    def on(self, event: Literal["listening"]) -> Callable[[OfAddress], OfAddress]: ...
    @overload
    def on(self, event: Literal["drop"]) -> Callable[[OfDrop], OfDrop]: ...
    @overload
    def on(self, event: Literal["accept_error"]) -> Callable[[OfAcceptError], OfAcceptError]: ...
    @overload
    def on(self, event: Literal["draining"]) -> Callable[[OfDraining], OfDraining]: ...
    @overload
    def on(self, event: Literal["stopped"]) -> Callable[[OfStopped], OfStopped]: ...
    def on(self, event: str, fn: Any = None) -> Any: ...

    once = on

    def off(self, event: ConnectionEvent | ServerEvent, fn: Callable[..., object]) -> None: ...
