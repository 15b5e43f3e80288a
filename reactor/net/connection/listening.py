"""`on`, `once` and `off` of connections, as type checkers see them: which listener goes with which event.

Nothing loads this module at run time: there, connections inherit `Emitter` of `listeners.py`, which has the names of
the events. The first argument of a listener is a connection, also where a whole group of clients is listened to.
`data` brings text after `set_encoding`, so its listener may take either.

A listener that is given is compared as a whole, so that type checkers know the arguments of a lambda. A decorated
function keeps its type; what its first argument is, is not compared.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Literal, TypeVar, overload

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


Who = TypeVar("Who", contravariant=True)


class Listening(Generic[Who]):
    """The listeners of connections."""

    __slots__ = ()

    @overload
    def on(self, event: Literal["data"], fn: Callable[[Who, bytes], object]) -> Callable[[Who, bytes], object]: ...
    @overload
    def on(self, event: Literal["data"], fn: Callable[[Who, str], object]) -> Callable[[Who, str], object]: ...
    @overload
    def on(self, event: Plain, fn: Callable[[Who], object]) -> Callable[[Who], object]: ...
    @overload
    def on(
        self, event: Literal["timeout"], fn: Callable[[Who, Reason | None], object]
    ) -> Callable[[Who, Reason | None], object]: ...
    @overload
    def on(
        self, event: Literal["error"], fn: Callable[[Who, BaseException], object]
    ) -> Callable[[Who, BaseException], object]: ...
    @overload
    def on(
        self, event: Literal["close"], fn: Callable[[Who, CloseReport], object]
    ) -> Callable[[Who, CloseReport], object]: ...
    @overload
    def on(
        self, event: Literal["lookup"], fn: Callable[[Who, BaseException | None, str | None, int | None, str], object]
    ) -> Callable[[Who, BaseException | None, str | None, int | None, str], object]: ...
    @overload
    def on(
        self, event: Attempt, fn: Callable[[Who, str, int, int], object]
    ) -> Callable[[Who, str, int, int], object]: ...
    @overload
    def on(
        self, event: Literal["connection_attempt_failed"], fn: Callable[[Who, str, int, int, OSError], object]
    ) -> Callable[[Who, str, int, int, OSError], object]: ...
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
