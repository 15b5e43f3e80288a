"""What simulated clients do: scripts, drawn from a seed, the simplest first.

An honest client reads all there is, and goes when it has seen the end; whatever it does besides, nothing that was
written to it may be lost. The others do what clients do to servers.
"""

from __future__ import annotations

from typing import Any

from reactor.testing import Kernel, Remote
from reactor.testing.choices import Stream
from tests.contract.promises import LIMIT, PATTERN

Step = tuple[float, str, Any]  # seconds after the one before, what, how much

SIZES = (10, 1, 1_000, 30_000, 150_000)
DELAYS = (0.0, 0.001, 0.05, 0.5, 2.0)
WAITS = (1.0, 4.0, 9.0)
HONEST = ("talks", "asks", "reads late", "trickles", "reads slowly")
RUDE = (
    "resets", "closes unread", "vanishes", "stops reading", "stays", "comes and goes", "resets at once", "stalls",
    "does anything",
)  # fmt: skip
LEAVING = {"end": {"peer ended"}, "close": {"peer ended", "peer left"}, "reset": {"peer left"}, "vanish": {"peer left"}}


class Script:
    """Of one client."""

    def __init__(self, comes_at: float, kind: str, steps: list[Step]) -> None:
        self.comes_at = comes_at
        self.kind = kind
        self.steps = steps
        self.honest = kind in HONEST
        self.over_by = comes_at + sum(delay for delay, _, _ in steps)

    def begin(self, kernel: Kernel, remote: Remote, ledger: Any) -> None:
        self._kernel, self._remote, self._ledger = kernel, remote, ledger
        self._said = 0
        if self.honest:
            remote.on_news = self._leave_when_over
        self._next(0)

    def _next(self, number: int) -> None:
        if number < len(self.steps):
            delay, what, argument = self.steps[number]
            self._kernel.later(delay, self._play, number, what, argument)

    def _play(self, number: int, what: str, argument: Any) -> None:
        remote = self._remote
        if not remote.closed:
            self._ledger.happened |= LEAVING.get(what, set())
            if what == "send" and "peer ended" not in self._ledger.happened:
                data = PATTERN[self._said : min(self._said + argument, LIMIT)]
                self._said += len(data)
                remote.send(data)
            elif what == "hold":
                remote.reading = False
            elif what == "go on":
                remote.reading = True
                remote.read(65_536)
                remote._look_soon()
            elif what in ("read", "stall"):
                getattr(remote, what)(argument)
            elif what != "send":
                getattr(remote, what)()
        self._next(number + 1)

    def _leave_when_over(self) -> None:
        if self._remote.outcome is not None and not self._remote.closed:
            self._ledger.happened |= LEAVING["close"]
            self._remote.close()

    def __repr__(self) -> str:
        return f"{self.kind} at {self.comes_at}: {self.steps}"


def draw_script(draw: Stream) -> Script:
    comes_at = draw.pick((0.0, 0.0, 0.01, 1.0, 15.0)) + draw.below(100) / 1000
    kind = draw.pick(HONEST) if not draw.chance(60) else draw.pick(RUDE)
    return Script(comes_at, kind, _STEPS[kind](draw))


def _sends(draw: Stream, most: int = 3) -> list[Step]:
    return [(draw.pick(DELAYS), "send", draw.pick(SIZES)) for _ in range(draw.below(most + 1))]


def _reads_slowly(draw: Stream) -> list[Step]:
    reads: list[Step] = [(draw.pick((0.5, 3.0)), "read", draw.pick((3_000, 1, 20_000))) for _ in range(draw.below(10))]
    return [(0.0, "hold", None), *_sends(draw), *reads, (1.0, "go on", None), (2.0, "end", None)]


def _stops_reading(draw: Stream) -> list[Step]:
    end: list[Step] = [(1.0, "end", None)] if draw.chance(50) else []
    return [(draw.pick(DELAYS), "hold", None), *_sends(draw), *end]


_ACTS = ("send", "send", "read", "hold", "go on", "end", "stall", "close", "reset", "vanish")


def _anything(draw: Stream, most: int = 8) -> list[Step]:
    steps: list[Step] = []
    for _ in range(draw.below(most + 1)):
        what = draw.pick(_ACTS[:6] if most < 8 else _ACTS)
        size = draw.pick(SIZES) if what in ("send", "read") else draw.pick((1.0, 10.0)) if what == "stall" else None
        steps.append((draw.pick(DELAYS), what, size))
    return steps


_STEPS: dict[str, Any] = {
    "talks": lambda draw: [*_sends(draw), (draw.pick(WAITS), "end", None)],
    "asks": lambda draw: [(0.0, "send", draw.pick(SIZES)), (0.0, "end", None)],
    "reads late": lambda draw: [
        (0.0, "hold", None),
        *_sends(draw),
        (draw.pick(WAITS), "go on", None),
        (draw.pick(WAITS), "end", None),
    ],
    "trickles": lambda draw: [*[(draw.pick(DELAYS), "send", 1) for _ in range(draw.below(12))], (1.0, "end", None)],
    "reads slowly": _reads_slowly,
    "resets": lambda draw: [*_anything(draw, 3), (draw.pick(DELAYS), "reset", None)],
    "closes unread": lambda draw: [(0.0, "hold", None), *_anything(draw, 3), (draw.pick(DELAYS), "close", None)],
    "vanishes": lambda draw: [*_anything(draw, 3), (draw.pick(DELAYS), "vanish", None)],
    "stops reading": _stops_reading,
    "stays": _sends,
    "comes and goes": lambda draw: [(0.0, "close", None)],
    "resets at once": lambda draw: [(draw.pick(DELAYS[:3]), "reset", None)],
    "stalls": lambda draw: [
        *_sends(draw),
        (0.0, "stall", draw.pick((3.0, 25.0, 200.0))),
        *_anything(draw, 3),
        (0.0, "close", None),
    ],
    "does anything": _anything,
}
