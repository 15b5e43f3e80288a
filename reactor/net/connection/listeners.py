"""Event name -> what to call, in slots.

A server and all its connections share one table. A connection that adds a listener of its own gets a table
whose parent is the server's: its slots hold the server's listeners first, then its own, in order of adding.
Emitting is an attribute load and a call; with several listeners the slot holds one function that calls them
in turn, made when they change.
"""

from __future__ import annotations

from ... import arguments
from ...foreign import shown
from ...hints import TYPE_CHECKING
from ...signatures import takes

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol

    from ...engine.turn import Turns
    from .listening import ClientEvent, ConnectionEvent, ServerEvent

    Listener = Callable[..., object]

    class Emits(Protocol):
        """What has listeners."""

        _loop: Turns

        @property
        def _CHECKED(self) -> bool: ...
        @property
        def _EVENTS(self) -> tuple[str, ...]: ...
        def _add_listener(self, event: str, fn: Listener, once: bool) -> None: ...
        def _remove_listener(self, event: str, fn: Listener) -> None: ...


#: What happens to every connection; may be listened to on the connection and on its server.
CONNECTION_EVENTS: tuple[ConnectionEvent, ...] = (
    "data",
    "drain",
    "timeout",
    "hangup",
    "end",
    "finish",
    "error",
    "close",
)
#: The last events: each of their listeners is called, also where one before it raises.
FINAL_EVENTS = ("error", "close")
#: What happens to a client besides, a few times in its life: these have no slots.
CLIENT_EVENTS: tuple[ClientEvent, ...] = (
    "lookup", "connection_attempt", "connection_attempt_failed", "connection_attempt_timeout", "connect", "ready",
)  # fmt: skip
#: What the listeners of each event are called with.
ARGUMENTS = {
    "data": "conn, data", "drain": "conn", "timeout": "conn, kind", "hangup": "conn", "end": "conn", "finish": "conn",
    "error": "conn, error", "close": "conn, report", "lookup": "conn, error, address, family, host",
    "connection_attempt": "conn, address, port, family", "connect": "conn", "ready": "conn",
    "connection_attempt_failed": "conn, address, port, family, error",
    "connection_attempt_timeout": "conn, address, port, family", "listening": "server, address",
    "connection": "conn", "drop": "server, local, remote", "accept_error": "server, error",
    "draining": "server, deadline", "stopped": "server, report",
}  # fmt: skip
#: What comes in, for pipes; not for programs to listen to.
PIPED = "piped"
#: What happens to a server.
SERVER_EVENTS: tuple[ServerEvent, ...] = ("listening", "connection", "drop", "accept_error", "draining", "stopped")


class Once:
    """A listener that is called once: it is removed before the call, and deaf in lists that were made before that."""

    __slots__ = ("_called", "fn", "remove")

    def __init__(self, fn: Listener, remove: Callable[[Once], None]) -> None:
        self.fn = fn
        self.remove = remove
        self._called = False

    def __call__(self, *args: Any) -> object:
        if self._called:
            return None
        self._called = True
        self.remove(self)
        return self.fn(*args)

    def __repr__(self) -> str:
        return f"once {self.fn!r}"


class Listeners:
    """One table. An empty slot holds None, or () for the last events; that of `data` counts what it discards."""

    __slots__ = (*CONNECTION_EVENTS, "_own", "_parent", "_through", "framed", "heard_beside")

    data: Listener
    drain: Listener | None
    timeout: Listener | None
    hangup: Listener | None
    end: Listener | None
    finish: Listener | None
    error: tuple[Listener, ...]
    close: tuple[Listener, ...]
    framed: bool  #: True if what comes is cut into messages.
    heard_beside: bool  #: True if a listener hears all that comes, whatever framers hold back.

    def __init__(self, parent: Listeners | None = None) -> None:
        self._own: dict[str, tuple[Listener, ...]] = {}
        self._parent = parent
        self._through: Callable[[Listener | None], Listener] | None = None
        self.refresh()

    @property
    def shared(self) -> bool:
        """True for a server's table."""
        return self._parent is None

    def add(self, event: str, fn: Listener) -> None:
        self._own[event] = (*self._own.get(event, ()), fn)
        self._fill(event)

    def add_once(self, event: str, fn: Listener) -> None:
        self.add(event, Once(fn, lambda once: self.discard(event, once)))

    def discard(self, event: str, fn: Listener) -> None:
        """Remove one registration of `fn`, the latest; harmless when there is none."""
        self._own[event] = without(self._own.get(event, ()), fn)
        self._fill(event)

    def clear(self) -> None:
        """Let go of everything. A listener to be called once holds its table, and so would never be freed."""
        self._own.clear()
        self._through = None
        self.refresh()

    def pass_data(self, through: Callable[[Listener | None], Listener] | None) -> None:
        """`through` makes what is called with bytes out of the program's listener of `data`; None: it is the same."""
        self._through = through
        self._fill("data")

    def each(self, event: str) -> tuple[Listener, ...]:
        """All listeners of an event, the parent's first."""
        return (() if self._parent is None else self._parent.each(event)) + self._own.get(event, ())

    def refresh(self) -> None:
        """Fill all slots again: the parent has changed."""
        for event in CONNECTION_EVENTS:
            self._fill(event)

    def _fill(self, event: str) -> None:
        if event == "data" or event == PIPED:
            self.data = self._of_data()
        elif event in FINAL_EVENTS:
            setattr(self, event, self.each(event))
        elif event in CONNECTION_EVENTS:
            listeners = self.each(event)
            setattr(self, event, _combined(listeners) if listeners else None)

    def _of_data(self) -> Listener:
        """Pipes and framers have the bytes as they came; other listeners what `set_encoding` makes of them."""
        listeners = self.each("data")
        heard = self.each(PIPED)
        framers = tuple(filter(is_framer, listeners))
        self.framed = bool(framers)
        self.heard_beside = bool(heard) or len(framers) < len(listeners)
        if self._through is None:
            return _combined((*heard, *listeners) or (discard,))
        others = tuple(one for one in listeners if not is_framer(one))
        heard = (*heard, *framers) or (() if others else (discard,))
        return _combined((*heard, self._through(_combined(others) if others else None)))


def is_framer(fn: Listener) -> bool:
    """Made by `lines` or `length_prefixed`, whose module is loaded only where one is used."""
    return getattr(type(fn.fn if isinstance(fn, Once) else fn), "cuts", False) is True


def discard(conn: Any, data: bytes) -> None:
    """Stands in where nobody listens to `data`: bytes are read so that the end of the connection is seen
    (closing.md, Events).
    """
    conn._discarded += len(data)


def _combined(listeners: tuple[Listener, ...]) -> Listener:
    """One function that calls all, of which there is at least one."""
    if len(listeners) == 1:
        return listeners[0]

    def call_each(*args: Any) -> None:
        for listener in listeners:
            listener(*args)

    return call_each


def stands_for(listener: Listener, fn: Listener) -> bool:
    """True if it is a registration of `fn`, be it by `on` or by `once`."""
    # == and not `is`: every access to a bound method makes a new object
    return listener == fn or (isinstance(listener, Once) and listener.fn == fn)


def without(listeners: tuple[Listener, ...], fn: Listener) -> tuple[Listener, ...]:
    """`listeners` less the latest registration of `fn`."""
    for i in reversed(range(len(listeners))):
        if stands_for(listeners[i], fn):
            return listeners[:i] + listeners[i + 1 :]
    return listeners


def check_event(event: Any, allowed: tuple[str, ...]) -> str:
    """An event that is emitted. Raises ValueError for any other name, with the one that was meant."""
    if event in allowed:
        return str(event)
    meant = arguments.did_you_mean(event, allowed) if isinstance(event, str) else ""
    raise ValueError(f"event must be one of {', '.join(map(repr, allowed))}, not {shown(event)}{meant}")


class Emitter:
    """`on`, `once` and `off` of servers and connections, each of which says which events it has and keeps its own
    listeners (`Emits`). What type checkers know of them, event by event, is in the two modules `listening.py`.
    """

    __slots__ = ()

    _CHECKED = True  #: A listener that does not take the arguments of its event is refused.

    def on(self: Emits, event: str, fn: Listener | None = None) -> Any:
        """Call `fn` at every `event`, after the listeners that were added before. Returns `fn`; without `fn`, a
        decorator. Raises ValueError for an unknown event, TypeError for what cannot be called, for a coroutine
        function, and for a function that does not take the arguments of the event: on a server or a group always, on a
        connection in debug mode.
        """
        return listen(self, event, fn, once=False)

    def once(self: Emits, event: str, fn: Listener | None = None) -> Any:
        """Call `fn` at the next `event` only. Returns and raises as `on`."""
        return listen(self, event, fn, once=True)

    def off(self: Emits, event: str, fn: Listener) -> None:
        """Remove one registration of `fn`, the latest, be it by `on` or by `once`. Harmless when there is none. Raises
        as `on`.
        """
        check_event(event, self._EVENTS)
        self._remove_listener(event, arguments.function("fn", fn))


def listen(emitter: Emits, event: str, fn: Listener | None, once: bool) -> Any:
    """Add a listener and return it; None: return a decorator that does."""
    check_event(event, emitter._EVENTS)

    def add(fn: Listener) -> Listener:
        arguments.listener("fn", fn)
        if emitter._CHECKED:
            takes(f"a listener of {event!r}", fn, ARGUMENTS[event])
        emitter._add_listener(event, fn if is_framer(fn) else emitter._loop.timed(fn), once)
        return fn

    return add if fn is None else add(fn)
