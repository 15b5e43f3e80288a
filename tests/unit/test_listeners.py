"""Who is called for an event, in what order: tables of listeners, shared by a server and its connections."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, get_args, get_overloads

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reactor.net.connection.listeners import (
    CLIENT_EVENTS,
    CONNECTION_EVENTS,
    FINAL_EVENTS,
    SERVER_EVENTS,
    Emitter,
    Listeners,
    Once,
    check_event,
    discard,
)


class Calls(list[Any]):
    """What was called, in order."""

    def noter(self, name: str) -> Callable[..., None]:
        return lambda *args: self.append((name, *args))


@pytest.fixture
def calls() -> Calls:
    return Calls()


def emit(table: Listeners, event: str, *args: object) -> None:
    listener = getattr(table, event)
    if listener is not None:
        listener(*args)


def test_a_listener_added_to_the_server_later_counts_for_a_connection_with_its_own(calls: Calls) -> None:
    server = Listeners()
    conn = Listeners(server)
    conn.add("data", calls.noter("own"))
    server.add("drain", calls.noter("later"))
    conn.refresh()
    emit(conn, "drain")
    assert calls == [("later",)]


def test_nobody_listening_costs_nothing() -> None:
    table = Listeners()
    for event in CONNECTION_EVENTS:
        assert getattr(table, event) == (discard if event == "data" else () if event in FINAL_EVENTS else None)


def test_one_listener_is_called_directly_and_data_that_nobody_listens_to_is_counted(calls: Calls) -> None:
    table, fn, conn = Listeners(), calls.noter("only"), SimpleNamespace(_discarded=0)
    table.data(conn, b"12345")
    assert conn._discarded == 5
    table.add("data", fn)
    assert table.data is fn
    table.discard("data", fn)
    assert table.data is discard


def test_once_is_removed_before_its_call_and_may_be_added_again_in_it(calls: Calls) -> None:
    table = Listeners()

    def again(value: int) -> None:
        calls.append(value)
        table.add_once("end", calls.noter("next"))

    table.add_once("end", again)
    emit(table, "end", 1)
    assert calls == [1]
    emit(table, "end", 2)
    assert calls == [1, ("next", 2)]


def test_once_that_raises_is_gone_all_the_same() -> None:
    table = Listeners()
    table.add_once("end", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        emit(table, "end")
    assert table.end is None


class Program:
    def __init__(self) -> None:
        self.heard = 0

    def on_end(self) -> None:
        self.heard += 1


@pytest.mark.parametrize("add", [Listeners.add, Listeners.add_once])
def test_a_bound_method_can_be_removed(add: Callable[..., None]) -> None:
    program, other, table = Program(), Program(), Listeners()
    add(table, "end", program.on_end)  # each access makes a new object: equal, not identical
    add(table, "end", other.on_end)
    table.discard("end", program.on_end)
    emit(table, "end")
    assert (program.heard, other.heard) == (0, 1)


def test_listeners_changed_during_an_event_count_from_the_next_one_on(calls: Calls) -> None:
    table = Listeners()
    late = calls.noter("late")

    def change() -> None:
        calls.append("change")
        table.discard("end", leaving)
        table.add("end", late)

    leaving = calls.noter("leaving")
    table.add("end", change)
    table.add("end", leaving)
    emit(table, "end")
    assert calls == ["change", ("leaving",)]
    table.discard("end", change)
    emit(table, "end")
    assert calls[2:] == [("late",)]


def test_each_lists_the_servers_first(calls: Calls) -> None:
    server = Listeners()
    conn = Listeners(server)
    a, b = calls.noter("a"), calls.noter("b")
    conn.add("close", a)
    server.add("close", b)
    assert conn.each("close") == (b, a)


@pytest.mark.parametrize("event", [*CONNECTION_EVENTS, *SERVER_EVENTS])
def test_every_event_that_is_emitted_may_be_listened_to(event: str) -> None:
    assert check_event(event, CONNECTION_EVENTS + SERVER_EVENTS) == event


@pytest.mark.parametrize(
    ("place", "events"),
    [("connection", CONNECTION_EVENTS + CLIENT_EVENTS), ("server", CONNECTION_EVENTS + SERVER_EVENTS)],
)
@pytest.mark.parametrize("decorated", [False, True])
def test_type_checkers_know_a_listener_for_every_event(place: str, events: tuple[str, ...], decorated: bool) -> None:
    module = importlib.import_module(f"reactor.net.{place}.listening")
    known: set[str] = set()
    for on in get_overloads(module.Listening.on):
        if ("fn" in on.__annotations__) is not decorated:
            known |= set(get_args(eval(on.__annotations__["event"], vars(module))))
    assert known == set(events)


@pytest.mark.parametrize(
    ("event", "meant"), [("Data", "data"), ("closed", "close"), ("finnish", "finish"), ("hang_up", "hangup")]
)
def test_a_misspelt_event_is_refused_with_the_one_that_was_meant(event: str, meant: str) -> None:
    with pytest.raises(ValueError, match=rf"not '{event}' \(did you mean '{meant}'\?\)$"):
        check_event(event, CONNECTION_EVENTS)


@pytest.mark.parametrize("event", ["Data", "datas", "", "connect", "listening", 5, None, b"data"])
def test_an_event_that_nobody_emits_is_refused_with_those_that_are(event: Any) -> None:
    with pytest.raises((TypeError, ValueError)) as caught:
        check_event(event, CONNECTION_EVENTS)
    text = str(caught.value)
    assert "event" in text
    assert repr(event) in text
    assert all(repr(name) in text for name in CONNECTION_EVENTS)


class Noisy(Emitter):
    """The smallest thing with `on`, `once` and `off`."""

    _EVENTS = CONNECTION_EVENTS
    _CHECKED = False

    def __init__(self) -> None:
        self.table = Listeners()
        self._loop = self

    def timed(self, fn: Callable[..., object]) -> Callable[..., object]:
        """As that of a loop that is not in debug mode."""
        return fn

    def _add_listener(self, event: str, fn: Callable[..., object], once: bool) -> None:
        (self.table.add_once if once else self.table.add)(check_event(event, CONNECTION_EVENTS), fn)

    def _remove_listener(self, event: str, fn: Callable[..., object]) -> None:
        self.table.discard(check_event(event, CONNECTION_EVENTS), fn)


@pytest.mark.parametrize("how", ["on", "once"])
def test_on_and_once_return_their_function_and_serve_as_decorators(how: str, calls: Calls) -> None:
    thing = Noisy()

    @getattr(thing, how)("end")  # type: ignore[untyped-decorator]
    def listener() -> None:
        calls.append("heard")

    assert callable(listener)
    assert getattr(thing, how)("finish", print) is print, "they return their function"
    emit(thing.table, "end")
    assert calls == ["heard"]


@pytest.mark.parametrize("how", ["on", "once", "off"])
@pytest.mark.parametrize("fn", [5, "listener", [], b""])
def test_what_cannot_be_called_is_no_listener(how: str, fn: Any) -> None:
    with pytest.raises(TypeError, match="fn must be callable"):
        getattr(Noisy(), how)("end", fn)


@pytest.mark.parametrize(
    ("how", "fn"), [("on", [print]), ("once", [print]), ("off", [print]), ("on", []), ("once", [])]
)
def test_an_unknown_event_is_refused_at_the_call_and_where_the_decorator_is_made(how: str, fn: list[Any]) -> None:
    with pytest.raises(ValueError, match="event must be one of"):
        getattr(Noisy(), how)("nonsense", *fn)


# Add to the server or to one of two connections, by on or once; remove; or emit.
OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(["add", "once", "off", "emit"]), st.sampled_from(["server", "one", "other"]), st.integers(0, 1)
    ),
    min_size=10, max_size=60,
)  # fmt: skip


@given(OPERATIONS)
def test_whatever_is_added_and_removed_the_order_is_servers_then_own(operations: list[tuple[str, str, int]]) -> None:
    """In the order of adding, as often as added; the server's also if they were added later, and for its connections
    until they are removed; a connection's own for nobody else. What is added by once is called once, at its place. off
    removes the latest of equal ones, a once too, of its own table alone, and nothing if nobody listens.
    """
    server = Listeners()
    tables = {"server": server, "one": Listeners(server), "other": Listeners(server)}
    heard: list[tuple[int, int]] = []
    functions = [lambda value, i=i: heard.append((i, value)) for i in range(2)]
    model: dict[str, list[tuple[int, bool]]] = {side: [] for side in tables}
    for turn, (what, side, number) in enumerate(operations):
        table = tables[side]
        sides = dict.fromkeys(("server", side))
        if what == "emit":
            heard.clear()
            emit(table, "end", turn)
            assert heard == [(i, turn) for each in sides for i, _ in model[each]]
            model |= {each: [(i, once) for i, once in model[each] if not once] for each in sides}
        elif what == "off":
            table.discard("end", functions[number])
            places = [place for place, (i, _) in enumerate(model[side]) if i == number]
            if places:
                del model[side][places[-1]]
        else:
            (table.add_once if what == "once" else table.add)("end", functions[number])
            model[side].append((number, what == "once"))
        for name in ("one", "other"):
            tables[name].refresh()
            of_both = model["server"] + model[name]
            listening = [(getattr(fn, "fn", fn), isinstance(fn, Once)) for fn in tables[name].each("end")]
            assert listening == [(functions[i], once) for i, once in of_both]
            assert (tables[name].end is None) is (not of_both), "who has no listener costs nothing"
        assert (server.end is None) is (not model["server"])
