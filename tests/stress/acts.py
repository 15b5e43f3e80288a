"""What the program does to a connection of the crowd: plans, drawn from a seed, the simplest first.

A plan says which calls to make at which event, each once, so that every life comes to rest. A call is what
`promises.Track.call` takes; ("after", seconds, call) makes it later, ("other", number, call) on another connection,
("raise",) raises.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from reactor.testing.choices import Stream

Call = tuple[Any, ...]

SIZES = (10, 1, 3_000, 70_000, 300_000)
TIMES = (0.0, 0.001, 0.3, 5.0)
EVENTS = ("connection", "data", "end", "drain", "hangup", "finish", "timeout", "callback", "error", "close")
HARMLESS: list[Call] = [
    ("touch",), ("pause",), ("resume",), ("set_timeout", 1.0, True), ("set_timeout", 0, True), ("ref", False),
    ("ref", True), ("hear", "off"), ("hear", "on"), ("hear", "once"),
]  # fmt: skip
WRITING: list[Call] = [
    ("write", 1), ("write", 3_000, bytearray, True), ("write", 70_000), ("write", 200_000, memoryview, True),
    ("write", 0, bytes, True), ("writelines", (100, 0, 7)), ("corked", ("pause",)), ("corked", ("write", 70_000)),
]  # fmt: skip
ENDING: list[Call] = [
    ("end",), ("end", 10, True), ("end", 50_000, True, 3.0), ("end", 0, False, 0), ("destroy_soon",),
    ("destroy_soon", 2.0), ("destroy",), ("destroy", True), ("reset",), ("corked", ("end", 10, True)),
]  # fmt: skip


class Plan:
    """Of one connection."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.echoes = False
        self.calls: defaultdict[str, list[Call]] = defaultdict(list)
        #: True if it ends in an orderly way only, and holds up nothing.
        self.graceful = True

    def next_call(self, event: str) -> Call | None:
        calls = self.calls.get(event)
        return calls.pop(0) if calls else None

    def __repr__(self) -> str:
        return f"{self.kind} {dict(self.calls)}"


def draw_plan(draw: Stream) -> Plan:
    kind = draw.pick(tuple(_KINDS))
    plan = Plan(kind)
    _KINDS[kind](plan, draw)
    return plan


def _greets(plan: Plan, draw: Stream) -> None:
    plan.calls["connection"] = [("end", draw.pick(SIZES), True)]


def _delivers(plan: Plan, draw: Stream) -> None:
    """The early refusal, and its like."""
    event = draw.pick(("connection", "data"))
    plan.calls[event] = [("write", draw.pick(SIZES)), ("destroy_soon",)]


def _echoes(plan: Plan, draw: Stream) -> None:
    plan.echoes = True


def _answers(plan: Plan, draw: Stream) -> None:
    """At the end of the request; a little later, where it may."""
    plan.calls["end"] = [("write", draw.pick(SIZES)), ("after", draw.pick(TIMES), ("end", 10, True))]


def _pushes(plan: Plan, draw: Stream) -> None:
    plan.calls["connection"] = [("write", 100_000)]
    plan.calls["drain"] = [("write", 100_000), ("write", 70_000), ("end",)]
    plan.calls["end"] = [("end",)]


def _pauses(plan: Plan, draw: Stream) -> None:
    plan.graceful = False
    plan.calls["connection"] = [("pause",), ("after", draw.pick((0.5, 8.0, 100.0)), ("resume",))]
    plan.echoes = draw.chance(50)


def _times_out(plan: Plan, draw: Stream) -> None:
    """Everything bounded by the call."""
    plan.graceful = False
    seconds = draw.pick((2.0, 0.0, 30.0))
    ending: Call = draw.pick((("end", 0, True, seconds), ("destroy_soon", seconds)))
    plan.calls["connection"] = [("write", draw.pick(SIZES)), ending]


def _cuts(plan: Plan, draw: Stream) -> None:
    plan.graceful = False
    cut: Call = draw.pick((("reset",), ("destroy",), ("destroy", True)))
    plan.calls["connection"] = [("write", draw.pick(SIZES)), ("after", draw.pick(TIMES), cut)]


def _fails(plan: Plan, draw: Stream) -> None:
    plan.graceful = False
    plan.calls[draw.pick(EVENTS)] = [("raise",)]
    plan.calls["connection"].insert(0, ("write", 10, bytes, True))


def _does_anything(plan: Plan, draw: Stream) -> None:
    plan.graceful = False
    plan.echoes = draw.chance(20)
    for _ in range(draw.below(8)):
        call: Call = draw.pick(draw.pick((WRITING, HARMLESS, ENDING)))
        if draw.chance(20):
            call = ("after", draw.pick(TIMES), call)
        if draw.chance(20):
            call = ("other", draw.below(20), call)
        plan.calls[draw.pick(EVENTS)].append(("raise",) if draw.chance(5) else call)


_KINDS: dict[str, Any] = {
    "greets": _greets, "delivers": _delivers, "echoes": _echoes, "answers": _answers, "pushes": _pushes,
    "pauses": _pauses, "times out": _times_out, "cuts": _cuts, "fails": _fails, "does anything": _does_anything,
    "does anything else": _does_anything,
}  # fmt: skip
