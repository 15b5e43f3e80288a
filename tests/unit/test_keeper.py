"""The keeper of deadlines, on a stand-in for a connection: which deadline is next and why, when it looks, and what it
does then. Time is an argument.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from reactor import Reason
from reactor.engine.timers import TimerHeap
from reactor.net.connection.states import DESTROY, OPEN, STATES, Event, Read, State, Write
from reactor.net.deadlines.agenda import NEVER
from reactor.net.deadlines.gauges import Gauges
from reactor.net.deadlines.keeper import INITIAL_WINDOW, Keeper, loses_nothing, note_acked
from reactor.net.settings import Settings

BEGUN = 100.0


class Loop:
    """The time, a heap of timers, and the turns that stood still."""

    def __init__(self) -> None:
        self.now = self.turn_now = BEGUN
        self.timers = TimerHeap()
        self.stalls: dict[float, float] = {}

    def call_at(self, when: float, fn: Any, *args: Any) -> Any:
        return self.timers.arm(when, fn, args)


class Sock:
    """Two queues of the kernel."""

    def __init__(self) -> None:
        self.unread_bytes, self.unacked_bytes = 0, 0

    def unread(self) -> int:
        return self.unread_bytes

    def unacknowledged(self) -> int:
        return self.unacked_bytes


class Conn:
    """A connection, as far as its keeper looks at it; notes what was done to it."""

    def __init__(self, loop: Loop, life: State = OPEN, **settings: Any) -> None:
        self._loop, self._life, self._settings = loop, life, Settings(**settings)
        self._sock = Sock()
        self._read_at = self._wrote_at = self._acked_at = self._since = self._opened_at = loop.now
        self._out: Any = None
        self._pause = self._intake = None
        self._gauges: Any = None
        self._look_at = NEVER
        self._blocked = False
        self._corks = self._acked = self.bytes_read = self.bytes_written = 0
        self._listeners = SimpleNamespace(framed=False)
        self.remote_address = ("127.0.0.1", 1)
        self.done: list[Any] = []
        self.on_timeout: Any = lambda: None

    def _made_gauges(self) -> Gauges:
        self._gauges = self._gauges or Gauges()
        made: Gauges = self._gauges
        return made

    def _input_waits(self) -> bool:
        return self._sock.unread() > 0

    def _emit(self, event: str, kind: Reason) -> None:
        self.done.append((event, kind))
        self.on_timeout()

    def _cut(self, reason: Reason) -> None:
        self.done.append(("cut", reason))

    def _because(self, reason: Reason) -> None:
        self.done.append(("because", reason))

    def _step(self, event: Event) -> None:
        self.done.append(event)

    def _destroy_soon_by_us(self) -> None:
        self.done.append("destroy_soon")

    def _flush_soon(self) -> None:
        self.done.append("flush")


@pytest.fixture
def loop() -> Loop:
    return Loop()


@pytest.fixture
def keeper(loop: Loop) -> Any:
    return Keeper(loop)  # type: ignore[arg-type]  # it has what a keeper asks of a loop


def state(read: Read = Read.OPEN, write: Write = Write.OPEN) -> State:
    return STATES[True, read, write]


def look(keeper: Any, conn: Conn, at: float) -> list[Any]:
    """What a look at that time does."""
    conn._loop.now = conn._loop.turn_now = at
    keeper.look(conn, at)
    return conn.done


# explain: which is next, and why.


@pytest.mark.parametrize(
    ("settings", "stalls", "expected"),
    [
        ({"idle_timeout": 60, "read_timeout": 50}, {}, (150.0, Reason.READ_TIMEOUT)),
        ({}, {}, (NEVER, None)),
        ({"read_timeout": 50}, {BEGUN: 130.0}, (180.0, Reason.READ_TIMEOUT)),
    ],
    ids=["its moment and its reason", "no reason where none runs", "a turn that stood still counts as of its end"],
)
def test_the_next_deadline_is_explained(
    keeper: Any, loop: Loop, settings: dict[str, Any], stalls: dict[float, float], expected: object
) -> None:
    loop.stalls |= stalls
    assert keeper.explain(Conn(loop, **settings), BEGUN) == expected


def test_what_is_under_way_is_a_reason_to_ask_the_kernel_again(keeper: Any, loop: Loop) -> None:
    moment, reason = keeper.explain(Conn(loop, state(write=Write.ENDED)), BEGUN, True)
    assert reason is None
    assert BEGUN < moment < 160.0


# plan: when somebody looks.


def test_a_look_is_planned_for_the_next_deadline_and_an_earlier_one_stays(keeper: Any, loop: Loop) -> None:
    conn = Conn(loop, idle_timeout=60)
    keeper.plan(conn)
    assert (conn._look_at, len(keeper), len(loop.timers)) == (160.0, 1, 1)
    conn._read_at = 120.0  # the look will find that out
    keeper.plan(conn)
    assert conn._look_at == 160.0


def test_after_our_fin_a_first_look_comes_or_a_shorter_timeout_of_the_ending(keeper: Any, loop: Loop) -> None:
    conn, hasty = (Conn(loop, state(write=Write.ENDED), linger_timeout=30) for _ in range(2))
    hasty._made_gauges().end_by = BEGUN + 0.01
    keeper.plan(conn)
    keeper.plan(hasty)
    assert hasty._look_at == BEGUN + 0.01 < conn._look_at == BEGUN + conn._settings.first_look < 130.0


def test_a_connection_that_is_forgotten_is_not_looked_at(keeper: Any, loop: Loop) -> None:
    conn = Conn(loop, idle_timeout=60)
    keeper.plan(conn)
    keeper.forget(conn)
    assert (conn._look_at, len(keeper)) == (NEVER, 0)


# look: what is done then.


def test_an_early_look_does_nothing_but_plan_the_next(keeper: Any, loop: Loop) -> None:
    conn = Conn(loop, idle_timeout=60)
    assert look(keeper, conn, 159.0) == []
    assert conn._look_at == 160.0


PENDING = True
IDLE: dict[str, Any] = {"idle_timeout": 60}
TOLD = [("timeout", Reason.IDLE), ("because", Reason.IDLE)]
# A promise: the state, the settings, if output is pending, and what a look at 160 does.
LOOKS: dict[str, tuple[State, dict[str, Any], bool, list[Any]]] = {
    "a connection that is over is not judged": (state(Read.ENDED, Write.BROKEN), IDLE, False, []),
    "who loses nothing is closed at once": (OPEN, IDLE, False, [*TOLD, DESTROY]),
    "who does is drained": (OPEN, IDLE | {"write_timeout": None}, PENDING, [*TOLD, "destroy_soon"]),
    "on_idle reset cuts": (OPEN, IDLE | {"on_idle": "reset"}, False, [TOLD[0], ("cut", Reason.IDLE)]),
    "a deadline that nobody is told of cuts": (
        OPEN, {"write_timeout": 60}, PENDING, [("cut", Reason.WRITE_TIMEOUT)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("promise", LOOKS)
def test_what_a_look_does(keeper: Any, loop: Loop, promise: str) -> None:
    life, settings, pending, done = LOOKS[promise]
    conn = Conn(loop, life, **settings)
    conn._out = object() if pending else None
    assert look(keeper, conn, 160.0) == done
    assert conn._look_at == NEVER or not life.over


def test_an_old_connection_has_its_linger_timeout_in_all(keeper: Any, loop: Loop) -> None:
    conn = Conn(loop, max_lifetime=60, linger_timeout=30)
    assert look(keeper, conn, 160.0)[1:] == [("because", Reason.MAX_LIFETIME), "destroy_soon"]
    assert conn._gauges.end_by == 190.0


def test_input_that_waits_begins_the_silence_anew(keeper: Any, loop: Loop) -> None:
    conn = Conn(loop, idle_timeout=60)
    conn._sock.unread_bytes = 1
    assert look(keeper, conn, 160.0) == []
    assert (conn._read_at, conn._look_at) == (160.0, 220.0)


def test_a_connection_that_its_listener_has_ended_is_left_to_that(keeper: Any, loop: Loop) -> None:
    conn = Conn(loop, idle_timeout=60)
    conn.on_timeout = lambda: setattr(conn, "_life", state(write=Write.ENDING))
    assert look(keeper, conn, 160.0) == [("timeout", Reason.IDLE)]


def test_kept_from_the_one_deadline_it_may_be_too_late_for_another(keeper: Any, loop: Loop) -> None:
    conn = Conn(loop, idle_timeout=60, max_lifetime=60, linger_timeout=None)
    conn.on_timeout = lambda: setattr(conn, "_read_at", 160.0)
    assert look(keeper, conn, 160.0)[-2:] == [("because", Reason.MAX_LIFETIME), "destroy_soon"]


def test_when_all_is_acknowledged_after_both_fins_the_connection_settles(keeper: Any, loop: Loop) -> None:
    assert look(keeper, Conn(loop, state(Read.ENDED, Write.ENDED)), 101.0) == ["flush"]


# What the kernel says.


@pytest.mark.parametrize(
    ("acked", "left", "acked_at"),
    [
        (INITIAL_WINDOW, 0, 110.0),  # so little is acknowledged whatever the peer does: as of the write
        (INITIAL_WINDOW + 1, 0, 150.0),  # so much only by one that reads: as of now
        (5, 1, 150.0), (0, 5, BEGUN),
    ],
)  # fmt: skip
def test_an_unseen_acknowledgement_counts_as_of_the_write_or_now(
    loop: Loop, acked: int, left: int, acked_at: float
) -> None:
    conn: Any = Conn(loop)
    conn.bytes_written, conn._sock.unacked_bytes, conn._wrote_at = acked + left, left, 110.0
    assert note_acked(conn, 150.0) == (left > 0)
    assert (conn._acked_at, conn._acked) == (acked_at, acked)


def test_our_fin_is_no_byte(loop: Loop) -> None:
    conn: Any = Conn(loop, state(write=Write.ENDED))
    conn.bytes_written, conn._sock.unacked_bytes = 10, 1
    assert note_acked(conn, 150.0)
    assert conn._acked == 10


@pytest.mark.parametrize(("pending", "unacked", "unread"), [(True, 0, 0), (False, 1, 0), (False, 0, 1)])
def test_closing_loses_what_is_pending_unacked_or_unread(loop: Loop, pending: bool, unacked: int, unread: int) -> None:
    conn: Any = Conn(loop)
    assert loses_nothing(conn)
    conn._out = object() if pending else None
    conn._sock.unacked_bytes, conn._sock.unread_bytes = unacked, unread
    assert not loses_nothing(conn)
