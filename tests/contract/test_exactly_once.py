"""Whatever a program, its clients, the network and the clock do, in any order: each connection ends exactly
once, on every selector, and its account is right to the byte.

The sequences are random, `promises.py` says what must hold after each step. A failure prints the sequence,
shortened; it can be put into a test of its own as it is printed. REACTOR_EXAMPLES=5000 looks longer.
"""

from __future__ import annotations

import os
import selectors
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from reactor.net.connection.listeners import CONNECTION_EVENTS
from tests.contract.world import World

EXAMPLES = int(os.environ.get("REACTOR_EXAMPLES", "200"))
STEPS = 40
SELECTORS = [None, selectors.EpollSelector, selectors.PollSelector, selectors.SelectSelector]

# What a program may call on a connection, harmless things first: failures are shortened towards these. What
# ends a connection is rare, so that there is something to end.
HARMLESS: list[tuple[Any, ...]] = [
    ("touch",), ("pause",), ("resume",), ("set_timeout", 1.0, True), ("set_timeout", 1.0, False),
    ("set_timeout", 0, True), ("hear", "off"), ("hear", "on"), ("hear", "once"), ("ref", False), ("ref", True),
    ("set", "idle_timeout", 1.0), ("set", "write_timeout", 1.0), ("set", "allow_half_open", True),
    ("set", "high_water", 0), ("set", "buffer_limit", 10_000),
]  # fmt: skip
WRITING: list[tuple[Any, ...]] = [
    ("write", 1), ("write", 100, bytes, True), ("write", 3_000, bytearray, True), ("write", 20_000, memoryview),
    ("write", 20_000, bytes, True), ("write", 200_000), ("write", 200_000, bytearray, True), ("write", 0),
    ("write", 0, bytes, True), ("writelines", ()), ("writelines", (100, 0, 7)), ("writelines", (30_000, 30_000)),
    ("corked", ("pause",)), ("corked", ("write", 200_000, bytes, True)),
]  # fmt: skip
ENDING: list[tuple[Any, ...]] = [
    ("end",), ("end", 10, True), ("end", 50_000, True, 1.5), ("end", 0, False, 0), ("destroy_soon",),
    ("destroy_soon", 1.5), ("destroy_soon", 0), ("destroy",), ("destroy", True), ("reset",),
    ("corked", ("end", 10, True)), ("corked", ("destroy_soon",)), ("corked", ("destroy",)), ("corked", ("reset",)),
]  # fmt: skip
CLIENT = [("read", 100), ("read", 200_000), ("send", 1), ("send", 3_000), ("send", 200_000), ("end", 0), ("end", 0)]
CLIENT += [("close", 0), ("reset", 0)]

SERVER: list[tuple[str, Any]] = [
    *(("once", event) for event in CONNECTION_EVENTS if event != "data"), ("max_connections", 2),
    ("max_connections", None), ("idle_timeout", 2.0), ("high_water", 100), ("shutdown", (3.0, False)),
    ("shutdown", (1.0,)), ("shutdown", (0,)), ("close", None),
]  # fmt: skip

who = st.integers(0, 3)
calls = st.sampled_from(HARMLESS + 2 * WRITING + ENDING)
reactions = st.sampled_from(HARMLESS + 2 * WRITING + ENDING + 6 * [("raise",)] + 2 * [("interrupt",)])
acts = st.sampled_from(2 * CLIENT[:5] + CLIENT[5:])
servers = st.sampled_from(SERVER)
events = st.sampled_from([*CONNECTION_EVENTS, "connection", "callback"])

server_settings = st.fixed_dictionaries(
    {
        "idle_timeout": st.sampled_from([None, 3.0]),
        "read_timeout": st.sampled_from([None, 4.0]),
        "on_idle": st.sampled_from(["close", "reset"]),
        "allow_half_open": st.booleans(),
        "pause_on_connect": st.booleans(),
        "when_full": st.sampled_from(["wait", "drop", "reset"]),
        "high_water": st.sampled_from([65_536, 1_000]),
        "write_timeout": st.just(6.0),
        "linger_timeout": st.just(4.0),
        "half_open_timeout": st.just(8.0),
    }
)


class Sequences(RuleBasedStateMachine):
    """Random steps; the example ends in one of four ways."""

    selector: type[selectors.BaseSelector] | None = None
    world: World

    @initialize(
        small=st.booleans(),
        given=server_settings,
        finale=st.sampled_from(["end_in_silence", "end_well", "end_by_shutdown", "end_by_close"]),
    )
    def begin(self, small: bool, given: dict[str, Any], finale: str) -> None:
        self.finale = finale
        self.world = World(self.selector, small, **given)
        self.world.connect()

    @precondition(lambda self: len(self.world.clients) < 4)
    @rule()
    def connect(self) -> None:
        self.world.connect()

    @rule(who=who, call=calls)
    def program(self, who: int, call: tuple[Any, ...]) -> None:
        self.world.act(who, call)
        self.world.raise_problems()

    @rule(event=events, who=st.one_of(st.none(), who), call=reactions)
    def listener(self, event: str, who: int | None, call: tuple[Any, ...]) -> None:
        self.world.plan(event, who, call)

    @rule(who=who, act=acts)
    def client(self, who: int, act: tuple[str, int]) -> None:
        self.world.client(who, *act)
        self.world.raise_problems()

    @rule(act=servers)
    def server(self, act: tuple[str, Any]) -> None:
        self.world.serve(*act)

    @rule(turns=st.integers(1, 4))
    def turn(self, turns: int) -> None:
        self.world.turn(turns)

    @rule(seconds=st.sampled_from([0.5, 1.0, 3.0, 10.0]))
    def time_passes(self, seconds: float) -> None:
        self.world.tick(seconds)

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        world = self.world
        try:
            if not world.problems:
                getattr(world, self.finale)()
                world.check_over()
                world.check_nothing_left()
        finally:
            world.close()
        world.check_descriptors()


@pytest.mark.parametrize("selector", SELECTORS, ids=lambda kind: "own" if kind is None else kind.__name__)
def test_every_connection_ends_exactly_once_whatever_happens(selector: type[selectors.BaseSelector] | None) -> None:
    machine = type("Sequences", (Sequences,), {"selector": selector})
    examples = EXAMPLES if selector is None else max(EXAMPLES // 4, 1)  # what differs is the poller alone
    checks = list(HealthCheck)
    how = settings(max_examples=examples, stateful_step_count=STEPS, print_blob=True, suppress_health_check=checks)
    run_state_machine_as_test(machine, settings=settings(how, deadline=None))
