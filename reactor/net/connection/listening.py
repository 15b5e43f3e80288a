"""`on`, `once` and `off` of connections, as type checkers see them: which listener goes with which event.

Nothing loads this module at run time: there, connections inherit `Emitter` of `listeners.py`, which has the names of
the events. The first argument of a listener is the connection, hence `Self`. `data` brings text after `set_encoding`,
so its listener may take either.

A listener that is given is compared as a whole, so that type checkers know the arguments of a lambda. A decorated
function keeps its type; what its first argument is, is not compared.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, Self, TypeVar, overload

from .account import CloseReport, Reason

ConnectionEvent = Literal["data", "drain", "timeout", "hangup", "end", "finish", "error", "close"]
ClientEvent = Literal[
    "lookup", "connection_attempt", "connection_attempt_failed", "connection_attempt_timeout", "connect", "ready"
]
ServerEvent = Literal["listening", "connection", "drop", "accept_error", "draining", "stopped"]
Plain = Literal["drain", "hangup", "end", "finish", "connect", "ready"]
Attempt = Literal["connection_attempt", "connection_attempt_timeout"]

OfBytes = TypeVar("OfBytes", bound=Callable[[Any, bytes], object] | Callable[[Any, str], object])
OfNothing = TypeVar("OfNothing", bound=Callable[[Any], object])
OfTimeout = TypeVar("OfTimeout", bound=Callable[[Any, Reason | None], object])
OfError = TypeVar("OfError", bound=Callable[[Any, BaseException], object])
OfClose = TypeVar("OfClose", bound=Callable[[Any, CloseReport], object])
OfLookup = TypeVar("OfLookup", bound=Callable[[Any, BaseException | None, str | None, int | None, str], object])
OfAttempt = TypeVar("OfAttempt", bound=Callable[[Any, str, int, int], object])
OfFailure = TypeVar("OfFailure", bound=Callable[[Any, str, int, int, OSError], object])


class Listening:
    """The listeners of a connection."""

    __slots__ = ()

    @overload
    def on(self, event: Literal["data"], fn: Callable[[Self, bytes], object]) -> Callable[[Self, bytes], object]: ...
    @overload
    def on(self, event: Literal["data"], fn: Callable[[Self, str], object]) -> Callable[[Self, str], object]: ...
    @overload
    def on(self, event: Plain, fn: Callable[[Self], object]) -> Callable[[Self], object]: ...
    @overload
    def on(
        self, event: Literal["timeout"], fn: Callable[[Self, Reason | None], object]
    ) -> Callable[[Self, Reason | None], object]: ...
    @overload
    def on(
        self, event: Literal["error"], fn: Callable[[Self, BaseException], object]
    ) -> Callable[[Self, BaseException], object]: ...
    @overload
    def on(
        self, event: Literal["close"], fn: Callable[[Self, CloseReport], object]
    ) -> Callable[[Self, CloseReport], object]: ...
    @overload
    def on(
        self, event: Literal["lookup"], fn: Callable[[Self, BaseException | None, str | None, int | None, str], object]
    ) -> Callable[[Self, BaseException | None, str | None, int | None, str], object]: ...
    @overload
    def on(
        self, event: Attempt, fn: Callable[[Self, str, int, int], object]
    ) -> Callable[[Self, str, int, int], object]: ...
    @overload
    def on(
        self, event: Literal["connection_attempt_failed"], fn: Callable[[Self, str, int, int, OSError], object]
    ) -> Callable[[Self, str, int, int, OSError], object]: ...
    @overload
    def on(self, event: Literal["data"]) -> Callable[[OfBytes], OfBytes]: ...
    @overload
    def on(self, event: Plain) -> Callable[[OfNothing], OfNothing]: ...
    @overload
    def on(self, event: Literal["timeout"]) -> Callable[[OfTimeout], OfTimeout]: ...
    @overload
    def on(self, event: Literal["error"]) -> Callable[[OfError], OfError]: ...
    @overload
    def on(self, event: Literal["close"]) -> Callable[[OfClose], OfClose]: ...
    @overload
    def on(self, event: Literal["lookup"]) -> Callable[[OfLookup], OfLookup]: ...
    @overload
    def on(self, event: Attempt) -> Callable[[OfAttempt], OfAttempt]: ...
    @overload
    def on(self, event: Literal["connection_attempt_failed"]) -> Callable[[OfFailure], OfFailure]: ...
    def on(self, event: str, fn: Any = None) -> Any: ...

    once = on

    def off(self, event: ConnectionEvent | ClientEvent, fn: Callable[..., object]) -> None: ...
