"""Event name -> what to call, in slots.

A server and all its connections share one table. A connection that adds a listener of its own gets a table
whose parent is the server's: its slots hold the server's listeners first, then its own, in order of adding.
Emitting is an attribute load and a call; with several listeners the slot holds one function that calls them
in turn, made when they change.
"""

from __future__ import annotations

from collections.abc import Callable

from ... import arguments
from ...hints import Any, ClassVar, TypeVar, overload

Listener = Callable[..., object]
F = TypeVar("F", bound=Callable[..., object])

#: What happens to every connection; may be listened to on the connection and on its server.
CONNECTION_EVENTS = ("data", "drain", "timeout", "hangup", "end", "finish", "error", "close")
#: The last events: each of their listeners is called, also where one before it raises.
FINAL_EVENTS = ("error", "close")
#: What happens to a client besides, a few times in its life: these have no slots.
CLIENT_EVENTS = (
    "lookup", "connection_attempt", "connection_attempt_failed", "connection_attempt_timeout", "connect", "ready",
)  # fmt: skip
#: What comes in, for pipes; not for programs to listen to.
PIPED = "piped"
#: What happens to a server.
SERVER_EVENTS = ("listening", "connection", "drop", "accept_error", "draining", "stopped")


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
    framed: bool  #: Is what comes cut into messages?
    heard_beside: bool  #: Does somebody hear all that comes, whatever framers hold back of it?

    def __init__(self, parent: Listeners | None = None) -> None:
        self._own: dict[str, tuple[Listener, ...]] = {}
        self._parent = parent
        self._through: Callable[[Listener | None], Listener] | None = None
        self.refresh()

    @property
    def shared(self) -> bool:
        """Is this a server's table?"""
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
        inherited = self._parent.each(event) if self._parent is not None else ()
        return inherited + self._own.get(event, ())

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
            setattr(self, event, _combined(self.each(event)))

    def _of_data(self) -> Listener:
        """Pipes and framers have the bytes as they came; other listeners what `set_encoding` makes of them."""
        listeners = self.each("data")
        heard = self.each(PIPED)
        self.framed = any(map(is_framer, listeners))
        self.heard_beside = bool(heard) or not all(map(is_framer, listeners))
        if self._through is not None:
            heard = (*heard, *(one for one in listeners if is_framer(one)))
            listeners = tuple(one for one in listeners if not is_framer(one))
        listener = _combined(listeners)
        if not heard and listener is None:
            heard = (discard,)
        if self._through is not None:
            listener = self._through(listener)
        combined = _combined(heard if listener is None else (*heard, listener))
        assert combined is not None
        return combined


def is_framer(fn: Listener) -> bool:
    """Made by `lines` or `length_prefixed`, whose module is loaded only where one is used."""
    return getattr(type(fn.fn if isinstance(fn, Once) else fn), "cuts", False) is True


def discard(conn: Any, data: bytes) -> None:
    """Stands in where nobody listens to `data`: bytes are read so that the end of the connection is seen
    (closing.md, Events).
    """
    conn._discarded += len(data)


def _combined(listeners: tuple[Listener, ...]) -> Listener | None:
    if len(listeners) < 2:
        return listeners[0] if listeners else None

    def call_each(*args: Any) -> None:
        for listener in listeners:
            listener(*args)

    return call_each


def stands_for(listener: Listener, fn: Listener) -> bool:
    """Is it a registration of `fn`, be it by `on` or by `once`?"""
    # == and not `is`: every access to a bound method makes a new object
    return listener == fn or (isinstance(listener, Once) and listener.fn == fn)


def without(listeners: tuple[Listener, ...], fn: Listener) -> tuple[Listener, ...]:
    """`listeners` less the latest registration of `fn`."""
    for i in reversed(range(len(listeners))):
        if stands_for(listeners[i], fn):
            return listeners[:i] + listeners[i + 1 :]
    return listeners


def check_event(event: Any, allowed: tuple[str, ...]) -> str:
    """Raises ValueError for a name nobody emits."""
    return arguments.choice("event", event, allowed)


class Emitter:
    """`on`, `once` and `off` for servers and connections, as each of them keeps listeners."""

    __slots__ = ()

    _EVENTS: ClassVar[tuple[str, ...]]

    def _add_listener(self, event: str, fn: Listener, once: bool) -> None:
        raise NotImplementedError

    def _remove_listener(self, event: str, fn: Listener) -> None:
        raise NotImplementedError

    @overload
    def on(self, event: str, fn: F) -> F: ...
    @overload
    def on(self, event: str) -> Callable[[F], F]: ...
    def on(self, event: str, fn: Listener | None = None) -> Any:
        """Call `fn` at every `event`. Returns `fn`; without `fn`, a decorator. Raises ValueError for an
        unknown event.
        """
        return self._listen(event, fn, once=False)

    @overload
    def once(self, event: str, fn: F) -> F: ...
    @overload
    def once(self, event: str) -> Callable[[F], F]: ...
    def once(self, event: str, fn: Listener | None = None) -> Any:
        """As `on`, for the next `event` only."""
        return self._listen(event, fn, once=True)

    def off(self, event: str, fn: Listener) -> None:
        """Remove one registration of `fn`, the latest. Harmless when there is none."""
        check_event(event, self._EVENTS)
        self._remove_listener(event, arguments.function("fn", fn))

    def _listen(self, event: str, fn: Listener | None, once: bool) -> Any:
        check_event(event, self._EVENTS)
        if fn is None:

            def decorate(fn: F) -> F:
                self._add_listener(event, arguments.listener("fn", fn), once)
                return fn

            return decorate
        self._add_listener(event, arguments.listener("fn", fn), once)
        return fn
